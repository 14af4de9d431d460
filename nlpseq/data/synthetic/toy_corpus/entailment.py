"""Pairs of sentences of the toy corpus: the first entails the second, contradicts it, or leaves it open (neutral).

A sentence asserts its main clause and its concession ("although ...", "..., but"). A clause that somebody says or
denies is not asserted. The second sentence is one clause, about the same words in most pairs of any label:

entailment     an asserted clause, with or without its modifiers: "the red soup is very good" -> "the soup is good"
contradiction  an asserted clause with the opposite negation: "the soup is not good"
neutral        a clause that is only reported, or one with a changed subject, verb, adjective or colour

Subjects are names and definite phrases ("the", "this", "these"), so that both sentences are about the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from nlpseq.data.synthetic.toy_corpus.grammar import Derivation, Grammar
from nlpseq.data.synthetic.toy_corpus.source import capitalise

LABELS = ("entailment", "contradiction", "neutral")
REPORTED = 0.3
"""Share of the neutral pairs whose clause is only reported."""
DEFINITE = ("the", "this", "these")
BASES = {"Verb": "Base", "Fare": "FareBase", "Play": "PlayBase"}
"""Symbols of inflected verbs, and of their base forms."""
CHANGES = ("crossed", "crossed", "subject", "head", "colour")
"""Changes that make an asserted clause open: subject of the other clause, another one, verb or adjective, colour."""
INFLECTED = {base: verb for verb, base in BASES.items()}


@dataclass(frozen=True)
class Statement:
    """A clause in parts.

    Attributes:
        subject: its derivation.
        head: the derivation of the verb or adjective.
        number: `sg` or `pl`.
        before: `is` and its like; empty before a verb.
        degree: `very` and its like, if any.
        after: words after the verb.
        negated: whether it is negated.
    """

    subject: Derivation
    head: Derivation
    number: str
    before: tuple[str, ...]
    degree: tuple[str, ...]
    after: tuple[str, ...]
    negated: bool


def draw_pair(grammar: Grammar, random: Random) -> tuple[list[str], list[str], str]:
    """Draw the words of two sentences, and the label of the pair."""
    label = random.choice(LABELS)
    reported = label == "neutral" and random.random() < REPORTED
    kind = random.choice(CHANGES)
    while True:
        text = grammar.derive(random)
        sentence = text.children[0]
        if ("that" in sentence.rule.text) != reported:
            continue
        clauses = [node for node in sentence.children if node.symbol.startswith("Clause")]
        random.shuffle(clauses)
        statement, *other = map(read_statement, clauses)
        if not _is_definite(statement.subject):
            continue
        if reported:
            negated = random.random() < 0.5
            second = _realise(statement, grammar, random, negated=negated)
        elif label == "neutral":
            changed = _change(kind, statement, other, grammar, random)
            if changed is None:
                continue
            second = changed
        else:
            negated = statement.negated != (label == "contradiction")
            second = _realise(statement, grammar, random, negated=negated)
        return _sentence(text.text({})[0]), _sentence([*second, "."]), label


def read_statement(clause: Derivation) -> Statement:
    """Take a clause apart."""
    subject, predicate = clause.children
    if predicate.symbol.startswith("Is"):
        be, *between, adjective = predicate.children
        negated = any(node.symbol == "Not" for node in between)
        degree = _words(between[0]) if between and not negated else ()
        number = _features(be)[0]
        return Statement(subject, adjective, number, _words(be), degree, (), negated)
    negated = "not" in predicate.rule.text
    head = predicate.children[1 if negated else 0]
    after = _words(predicate)[3 if negated else 1 :]
    features = _features(head)
    number = features[1] if len(features) == 4 else "sg"
    return Statement(subject, head, number, (), (), after, negated)


def _realise(
    statement: Statement,
    grammar: Grammar,
    random: Random,
    *,
    negated: bool,
    subject: Sequence[str] = (),
) -> list[str]:
    """Return the words of a clause; its own modifiers are left out at random."""
    if not subject:
        short = random.random() < 0.5
        subject = _shorten(statement.subject) if short else _words(statement.subject)
    head, before = statement.head, statement.before
    if before:
        degree = statement.degree if random.random() < 0.5 else ()
        middle = ("not",) if negated else degree
        return [*subject, *before, *middle, *_words(head)]
    kind = head.symbol.partition("[")[0]
    if not negated:
        verb = _counterpart(grammar, head, INFLECTED[kind]) if kind in INFLECTED else _words(head)
        return [*subject, *verb, *statement.after]
    base = _counterpart(grammar, head, BASES[kind]) if kind in BASES else _words(head)
    tense = _features(head)[-2 if len(_features(head)) == 4 else -1]
    (auxiliary,) = grammar.rules[f"Do[{statement.number},{tense}]"][0].text
    return [*subject, str(auxiliary), "not", *base, *statement.after]


def _change(
    kind: str,
    statement: Statement,
    others: Sequence[Statement],
    grammar: Grammar,
    random: Random,
) -> list[str] | None:
    """Return the words of a clause that the first sentence leaves open; None if it has none of this kind.

    Args:
        kind: one of `CHANGES`.
        statement: an asserted clause.
        others: the other clause of the sentence, if there is one.
        grammar: gives other words.
        random: chooses.
    """
    negated = random.random() < 0.5
    if kind == "crossed":
        if not others or _kind(others[0].subject) != _kind(statement.subject):
            return None
        subject = _shorten(statement.subject)
        if subject == _shorten(others[0].subject):
            return None
        return _realise(others[0], grammar, random, negated=negated, subject=subject)
    if kind == "subject":
        other = grammar.derive(random, statement.subject.symbol)
        if not _is_definite(other) or _shorten(other) == _shorten(statement.subject):
            return None
        subject = _shorten(other)
        return _realise(statement, grammar, random, negated=negated, subject=subject)
    if kind == "head":
        other = grammar.derive(random, statement.head.symbol)
        if other.rule == statement.head.rule:
            return None
        changed = replace(statement, head=other)
        return _realise(changed, grammar, random, negated=negated)
    if not statement.subject.symbol.startswith("Thing") or len(statement.subject.children) != 2:
        return None
    features = ",".join(_features(statement.subject))
    determiner, noun = map(_words, statement.subject.children)
    colour = _words(grammar.derive(random, f"Colour[{features}]"))
    subject = (*determiner, *colour, *noun)
    # a change of the negation as well would be open in any case
    return _realise(statement, grammar, random, negated=statement.negated, subject=subject)


def _is_definite(subject: Derivation) -> bool:
    """Return whether a phrase is a name, `the owner of` a name, or has a definite determiner."""
    first = subject.children[0]
    return not first.symbol.startswith("Determiner") or _words(first)[0] in DEFINITE


def _shorten(subject: Derivation) -> tuple[str, ...]:
    """Return the words of a phrase without colour, place, relative clause and interlude."""
    first = subject.children[0]
    if first.symbol.startswith("Determiner"):
        noun = next(node for node in subject.children if "Noun[" in node.symbol)
        return _words(first) + _words(noun)
    if subject.symbol.startswith("Subject"):
        return _words(first)
    return _shorten(first) if first.symbol.startswith("Subject") else _words(subject)


def _kind(subject: Derivation) -> tuple[str, str]:
    """Return the kind of a phrase, and its number or what it names; gender is of the other language only."""
    return subject.symbol.partition("[")[0], _features(subject)[0]


def _counterpart(grammar: Grammar, head: Derivation, symbol: str) -> tuple[str, ...]:
    """Return the base form of an inflected verb, or the other way; both lists are in the same order."""
    _, bracket, features = head.symbol.partition("[")
    texts = [rule.text for rule in grammar.rules[head.symbol]]
    rule = grammar.rules[symbol + bracket + features][texts.index(head.rule.text)]
    return tuple(map(str, rule.text))


def _words(node: Derivation) -> tuple[str, ...]:
    return tuple(node.text({})[0])


def _features(node: Derivation) -> list[str]:
    return node.symbol.partition("[")[2].rstrip("]").split(",")


def _sentence(words: Sequence[str]) -> list[str]:
    return list(capitalise(words))
