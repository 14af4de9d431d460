"""The notation of the toy corpus's rules, and its expansion.

    Clause[p]   6 = Thing[n,g] IsThing[p,n,g] | 1 2 | 1 2

means: symbol, weight, text, translation, headline. Symbols start with a capital and have features in brackets;
digits refer to the symbols of the text, from 1; everything else is a word (`_Port` is the word Port). Small
letters are variables: a line is expanded to one rule for each of their values. The values of a variable that
occurs on the right-hand side only share the weight of the line.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from nlpseq.data.synthetic.toy_corpus.grammar import Rule, Side

VALUES = {
    "p": ("+", "-"),  # polarity; q is the opposite of p
    "n": ("sg", "pl"),  # number
    "m": ("sg", "pl"),  # number of another noun
    "t": ("now", "past"),  # tense
    "g": ("a", "o"),  # gender of nouns in the invented language
    "k": ("per", "loc", "org"),  # kind of name
}
OPPOSITE = {"+": "-", "-": "+"}
LINE = re.compile(r"(?P<symbol>\S+) +(?P<weight>[\d.]+) = (?P<sides>.*)")
FEATURES = re.compile(r"\[([^]]*)\]")

WeightedRules = Mapping[str, Sequence[Rule]]


def read_rules(lines: str) -> dict[str, list[Rule]]:
    """Expand lines in the notation to rules, whose `probability` is still a weight.

    Args:
        lines: one rule on each line; empty lines are skipped.

    Returns:
        The rules of each symbol, in the order of the lines.

    Raises:
        ValueError: a line is not in the notation.
    """
    rules: dict[str, list[Rule]] = defaultdict(list)
    for line in filter(None, map(str.strip, lines.splitlines())):
        match = LINE.fullmatch(line)
        if match is None or match["sides"].count("|") != 2:
            raise ValueError(f"not a rule: {line!r}")
        bound = _variables(match["symbol"])
        free = [name for name in _variables(line) if name not in bound]
        choices = 1
        for name in free:
            choices *= len(VALUES[name])
        weight = float(match["weight"]) / choices
        for values in _assignments([*bound, *free]):
            symbol = _substitute(match["symbol"], values)
            rules[symbol].append(_rule(weight, _substitute(match["sides"], values)))
    return dict(rules)


def normalise(*parts: WeightedRules) -> dict[str, list[Rule]]:
    """Join rules of several sources and turn weights into probabilities."""
    joined: dict[str, list[Rule]] = defaultdict(list)
    for part in parts:
        for symbol, rules in part.items():
            joined[symbol].extend(rules)
    return {
        symbol: [replace(rule, probability=rule.probability / total) for rule in rules]
        for symbol, rules in joined.items()
        for total in [sum(rule.probability for rule in rules)]
    }


def _variables(text: str) -> list[str]:
    names = {name for group in FEATURES.findall(text) for name in group.split(",")}
    if "q" in names:
        names.add("p")
    return sorted(names & VALUES.keys())


def _assignments(names: Sequence[str]) -> Iterator[dict[str, str]]:
    for values in product(*(VALUES[name] for name in names)):
        assignment = dict(zip(names, values, strict=True))
        if "p" in assignment:
            assignment["q"] = OPPOSITE[assignment["p"]]
        yield assignment


def _substitute(text: str, values: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        return f"[{','.join(values.get(name, name) for name in match[1].split(','))}]"

    return FEATURES.sub(fill, text)


def _rule(weight: float, sides: str) -> Rule:
    text, translation, headline = (side.split() for side in sides.split("|"))
    children = [item for item in text if item[0].isupper()]
    index = iter(range(len(children)))
    return Rule(
        probability=weight,
        children=tuple(children),
        text=tuple(next(index) if item[0].isupper() else item.lstrip("_") for item in text),
        translation=_side(translation),
        headline=_side(headline),
    )


def _side(items: Sequence[str]) -> Side:
    return tuple(int(item) - 1 if item.isdigit() else item.lstrip("_") for item in items)
