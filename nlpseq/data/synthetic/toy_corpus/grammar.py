"""A synchronous probabilistic grammar: each derivation has a text, a translation and a headline.

A rule rewrites a symbol as text, as translation and as headline at once; the three sides share their children,
each in its own order (Aho and Ullman 1969, syntax-directed translation; Chiang 2007, synchronous context-free
grammars). The probability of a derivation is the product over its rules. The grammar must not be recursive, so
that its language is finite and every expectation is a short sum, and no symbol may have an empty text. This
code does not ensure that a grammar is unambiguous; the tests show it for the rules of world.py.
"""

import math
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from operator import attrgetter
from random import Random
from typing import NamedTuple

Side = tuple[str | int, ...]  # words, and indices of children


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to rewrite a symbol.

    Attributes:
        probability: probability among the rules of the symbol.
        children: symbols to rewrite, in the order of the text.
        text: words and indices of children; each child exactly once, in order.
        translation: the same for the other language, in its own order; a child may be left out.
        headline: the same for the headline.
    """

    probability: float
    children: tuple[str, ...]
    text: Side
    translation: Side
    headline: Side


class Derivation(NamedTuple):
    """A tree of rules: `rule` rewrites `symbol`, and `children` rewrite the symbols of the rule.

    `log_probability` (nats) is the sum over its rules.
    """

    symbol: str
    rule: Rule
    children: tuple["Derivation", ...]
    log_probability: float

    def translation(self) -> list[str]:
        """Return the words of the translation."""
        return _collect_words(self, attrgetter("translation"), [])

    def headline(self) -> list[str]:
        """Return the words of the headline."""
        return _collect_words(self, attrgetter("headline"), [])

    def text(self, entities: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Return the words of the text and their BIO tags.

        Args:
            entities: symbols whose words are one entity, with the type of the entity.

        Returns:
            Words and tags, equally many.
        """
        words: list[str] = []
        tags: list[str] = []
        _collect_tagged(self, entities, words, tags)
        tags.extend("O" * (len(words) - len(tags)))
        return words, tags


def _collect_words(node: Derivation, side: Callable[[Rule], Side], words: list[str]) -> list[str]:
    """Append the words of one side to `words`, and return it."""
    for item in side(node.rule):
        if isinstance(item, str):
            words.append(item)
        else:
            _collect_words(node.children[item], side, words)
    return words


def _collect_tagged(
    node: Derivation, entities: Mapping[str, str], words: list[str], tags: list[str]
) -> None:
    """Append to `words`, and to `tags` up to the end of the last entity."""
    begin = len(words)
    for item in node.rule.text:
        if isinstance(item, str):
            words.append(item)
        else:
            _collect_tagged(node.children[item], entities, words, tags)
    if node.symbol in entities:
        kind = entities[node.symbol]
        tags.extend("O" * (begin - len(tags)))
        tags.append(f"B-{kind}")
        tags.extend([f"I-{kind}"] * (len(words) - begin - 1))


class Grammar:
    """The rules of all symbols; gives samples, probabilities and the entropy."""

    def __init__(self, start: str, rules: Mapping[str, Sequence[Rule]]) -> None:
        """Store rules, whose probabilities must sum to 1 for every symbol, and prepare lookup tables."""
        self.start = start
        self.rules = rules
        self._first = _first_words(rules)
        self._tables = {symbol: _table(symbol, rules[symbol]) for symbol in rules}

    @property
    def words(self) -> frozenset[str]:
        """All words of the text side."""
        sides = (rule.text for rules in self.rules.values() for rule in rules)
        return frozenset(item for side in sides for item in side if isinstance(item, str))

    @property
    def first_words(self) -> frozenset[str]:
        """Words that a text can begin with."""
        return frozenset(self._first[self.start])

    def restrict(self, allowed: Mapping[str, Iterable[str]]) -> "Grammar":
        """Condition the grammar on some symbols having allowed words only.

        Args:
            allowed: the words to keep for each symbol, whose rules must be single words.

        Returns:
            A grammar without the other rules of these symbols, with probabilities rescaled.
        """
        rules = dict(self.rules)
        for symbol, words in allowed.items():
            kept = [rule for rule in rules[symbol] if rule.text[0] in set(words)]
            total = sum(rule.probability for rule in kept)
            rules[symbol] = [replace(rule, probability=rule.probability / total) for rule in kept]
        return Grammar(self.start, rules)

    def derive(self, random: Random, symbol: str = "") -> Derivation:
        """Draw a derivation of a symbol, by default of the start symbol."""
        return self._derive(symbol or self.start, random.random)

    def _derive(self, symbol: str, uniform: Callable[[], float]) -> Derivation:
        cumulative, nodes = self._tables[symbol]
        node = nodes[bisect(cumulative, uniform())]
        rule = node.rule
        if not rule.children:
            return node
        children = tuple([self._derive(child, uniform) for child in rule.children])
        log_probability = node.log_probability
        for child in children:
            log_probability += child.log_probability
        return Derivation(symbol, rule, children, log_probability)

    def probability(self, words: Sequence[str]) -> float:
        """Return the probability of a text, summed over its derivations (inside algorithm, top down).

        Args:
            words: words of the text.

        Returns:
            The probability; 0 if the grammar does not generate the text.
        """

        @cache
        def ends(symbol: str, begin: int) -> dict[int, float]:
            """Return the probability that `symbol` yields `words[begin:end]`, for every `end`."""
            total: dict[int, float] = defaultdict(float)
            if begin == len(words):
                return total
            for rule in self._first[symbol].get(words[begin], ()):
                for end, probability in sweep(rule, begin).items():
                    total[end] += probability
            return total

        def sweep(rule: Rule, begin: int) -> dict[int, float]:
            reached = {begin: rule.probability}
            for item in rule.text:
                following: dict[int, float] = defaultdict(float)
                for index, probability in reached.items():
                    if not isinstance(item, str):
                        for end, inner in ends(rule.children[item], index).items():
                            following[end] += probability * inner
                    elif index < len(words) and words[index] == item:
                        following[index + 1] += probability
                reached = following
            return reached

        return ends(self.start, 0).get(len(words), 0.0)

    def entropy(self) -> float:
        """Return the entropy of a derivation in nats, and of a text if each text has one derivation."""
        return self._expect(lambda rule: -math.log(rule.probability))

    def expected_length(self) -> float:
        """Return the mean number of words in a text."""
        return self._expect(lambda rule: len(rule.text) - len(rule.children))

    def _expect(self, value: Callable[[Rule], float]) -> float:
        """Return the expected sum of `value` over the rules of a derivation."""

        @cache
        def expected(symbol: str) -> float:
            return sum(
                rule.probability * (value(rule) + sum(map(expected, rule.children)))
                for rule in self.rules[symbol]
            )

        return expected(self.start)


def _table(symbol: str, rules: Sequence[Rule]) -> tuple[list[float], list[Derivation]]:
    """Return the inner bounds between the rules of a symbol on [0, 1), and their nodes without children."""
    bounds = list(accumulate(rule.probability for rule in rules))[:-1]
    nodes = [Derivation(symbol, rule, (), math.log(rule.probability)) for rule in rules]
    return bounds, nodes


def _first_words(rules: Mapping[str, Sequence[Rule]]) -> dict[str, dict[str, list[Rule]]]:
    """Return, for each symbol, the words that can begin its text, each with the rules that begin so."""
    table: dict[str, dict[str, list[Rule]]] = {}

    def fill(symbol: str) -> dict[str, list[Rule]]:
        if symbol not in table:
            begins: dict[str, list[Rule]] = defaultdict(list)
            for rule in rules[symbol]:
                head = rule.text[0]
                words = [head] if isinstance(head, str) else fill(rule.children[head])
                for word in words:
                    begins[word].append(rule)
            table[symbol] = dict(begins)
        return table[symbol]

    for symbol in rules:
        fill(symbol)
    return table
