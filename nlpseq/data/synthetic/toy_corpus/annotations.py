"""A rating and the topics of a sentence of the toy corpus, which follow from its derivation.

The rating is 3 for indifference, and lies between 1 and 5. A clause counts 1.2 up or down; `very` makes it 1.5 times as
strong, `quite` 0.75 times, `not` 0.5 and `never` 0.75 times, after turning the word round. A concession, which is
opposed to the main clause, counts 0.3 times; what a person says counts 0.8 times, and what one denies 0.5 times.
"""

from collections.abc import Iterator

from nlpseq.data.synthetic.toy_corpus.grammar import Derivation

_NEUTRAL, _STEP = 3.0, 1.2
_CONCESSION, _SAID, _DENIED = 0.3, 0.8, -0.5
_STRENGTHS = {"very": 1.5, "quite": 0.75, "not": 0.5, "never": 0.75}
_TOPICS = {
    "Named[per]": "person",
    "Named[loc]": "place",
    "Named[org]": "firm",
    "ThingNoun": "thing",
    "PersonNoun": "occupation",
    "Role": "occupation",
    "Season": "time",
    "Weather": "weather",
}
"""Topics by symbols, with or without their features."""
TOPICS = tuple(sorted({*_TOPICS.values()}))
"""All topics."""


def rating(derivation: Derivation) -> float:
    """Return the rating of a sentence, with two decimals."""
    sentence = derivation.children[0]
    polarity = 1.0 if sentence.symbol == "Sentence[+]" else -1.0
    value = 0.0
    factor = 1.0
    for child in sentence.children:
        name, _, features = child.symbol.rstrip("]").partition("[")
        if name in ("Say", "Deny"):
            factor = _SAID if name == "Say" else _DENIED
        elif name == "Clause":
            sign = 1.0 if features == "+" else -1.0
            concession = factor == 1.0 and sign != polarity
            value += factor * sign * _strength(child) * (_CONCESSION if concession else 1.0)
    return round(_NEUTRAL + _STEP * value, 2)


def topics(derivation: Derivation) -> tuple[str, ...]:
    """Return the topics of a sentence, sorted; there may be none."""
    symbols = {node.symbol for node in _nodes(derivation)}
    symbols |= {symbol.partition("[")[0] for symbol in symbols}
    return tuple(sorted({_TOPICS[symbol] for symbol in symbols if symbol in _TOPICS}))


def _strength(clause: Derivation) -> float:
    """Return the product over the words of a clause that strengthen or weaken it."""
    strength = 1.0
    for node in _nodes(clause):
        for word in node.rule.text:
            if isinstance(word, str):
                strength *= _STRENGTHS.get(word, 1.0)
    return strength


def _nodes(node: Derivation) -> Iterator[Derivation]:
    yield node
    for child in node.children:
        yield from _nodes(child)
