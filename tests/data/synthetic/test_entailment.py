"""Pairs of sentences: labels follow from the strings alone, and overlap of words does not give them."""

import re
from collections import Counter
from statistics import mean

import pytest

from nlpseq.data.synthetic import toy_corpus
from nlpseq.data.synthetic.toy_corpus.world import GRAMMAR

SIZES = {"train": 1500, "test": 600}
INTERLUDE = re.compile(r" , (as usual|after a long \w+|during the \w+|despite the \w+) ,")
VERBS = {
    str(rule.text[0]): str(GRAMMAR.rules[symbol.replace(kind, base, 1)][index].text[0])
    for kind, base in (("Verb[", "Base["), ("Fare[", "FareBase["), ("Play[", "PlayBase["))
    for symbol, rules in GRAMMAR.rules.items()
    if symbol.startswith(kind)
    for index, rule in enumerate(rules)
}
"""The base form of each inflected verb."""
BE = {"is", "was", "are", "were"}
COLOURS = {
    str(rule.text[0])
    for symbol, rules in GRAMMAR.rules.items()
    if symbol.startswith("Colour[")
    for rule in rules
}


@pytest.fixture(scope="module")
def splits() -> toy_corpus.Splits:
    return toy_corpus.draw_splits("entailment", SIZES, seed=3)


def clauses(sentence: str) -> tuple[list[str], bool]:
    """Return the clauses of a first sentence, and whether they are asserted."""
    text = INTERLUDE.sub("", sentence.removesuffix(" ."))
    if " that " in text:
        return [text.partition(" that ")[2]], False
    text = text[0].lower() + text[1:] if text.startswith("Although ") else text
    text = text.removeprefix("although ")
    parts = re.split(r" , (?:but |although )?", text)
    return parts, True


def reading(clause: str) -> tuple[frozenset[str], list[str], bool]:
    """Return the words of the subject, the words of the predicate without its negation, and that negation."""
    words = INTERLUDE.sub("", clause).split()
    words[0] = words[0][0].lower() + words[0][1:]
    starts = [
        index
        for index, word in enumerate(words)
        if word in BE | {"do", "does", "did"} or word in VERBS
    ]
    begin = starts[0]
    subject, predicate = words[:begin], words[begin:]
    negated = any(word in ("not", "never") for word in predicate)
    if predicate[0] in ("do", "does", "did"):
        head = ["did"] if predicate[0] == "did" else ["now"]
        rest = [*head, *predicate[2:]]
    elif predicate[0] in VERBS:
        past = predicate[0].endswith("ed") and VERBS[predicate[0]] != predicate[0]
        rest = ["did" if past else "now", VERBS[predicate[0]], *predicate[1:]]
    else:
        rest = [word for word in predicate if word not in ("not", "never", "very", "quite")]
    return frozenset(subject), rest, negated


def gold(first: str, second: str) -> str:
    """Decide on the label of a pair by its words."""
    parts, asserted = clauses(first)
    if not asserted:
        return "neutral"
    subject, predicate, negated = reading(second.removesuffix(" ."))
    for part in parts:
        other_subject, other_predicate, other_negated = reading(part)
        added = (subject - other_subject) & COLOURS
        same = {*predicate[1:]} == {*other_predicate[1:]} and subject <= other_subject
        if same and not added:
            return "entailment" if negated == other_negated else "contradiction"
    return "neutral"


def test_labels_follow_from_the_words(splits: toy_corpus.Splits) -> None:
    rows = [row for row in splits["train"] if "who" not in row["text"].split()]
    wrong = [row for row in rows if gold(row["text"], row["text2"]) != row["label"]]
    assert len(rows) > 1000
    # a subject that both clauses share in part, such as "the" alone, can mislead this simple reading
    assert len(wrong) <= 0.01 * len(rows), wrong[:5]


def test_labels_are_balanced_and_splits_have_no_sentence_in_common(
    splits: toy_corpus.Splits,
) -> None:
    for name, size in SIZES.items():
        counts = Counter(row["label"] for row in splits[name])
        assert {*counts} == {"entailment", "contradiction", "neutral"}
        assert min(counts.values()) > 0.28 * size
    firsts = [{row["text"] for row in splits[name]} for name in SIZES]
    assert not firsts[0] & firsts[1]
    assert splits == toy_corpus.draw_splits("entailment", SIZES, seed=3)


def test_the_overlap_of_words_does_not_give_the_label(splits: toy_corpus.Splits) -> None:
    overlap: dict[str, list[float]] = {}
    for row in splits["train"]:
        first, second = ({*row[field].lower().split()} for field in ("text", "text2"))
        overlap.setdefault(row["label"], []).append(len(first & second) / len(second))
    means = {label: mean(values) for label, values in overlap.items()}
    assert max(means.values()) - min(means.values()) < 0.25
    # a pair with every word in common has each label often
    full = Counter(label for label, values in overlap.items() for value in values if value == 1)
    assert min(full.values()) > 0.05 * sum(full.values())


def test_second_sentences_are_of_the_corpus_or_leave_a_modifier_out(
    splits: toy_corpus.Splits,
) -> None:
    for row in splits["test"]:
        assert toy_corpus.log_probability(row["text"].split()) > float("-inf")
        assert toy_corpus.log_probability(row["text2"].split()) > float("-inf")
