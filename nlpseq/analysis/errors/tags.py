"""Mistakes of taggers of plain tags, such as parts of speech."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from .classes import CASES
from .examples import Example
from .results import Case, Confusion, SpanError, Text, TypeErrors


def _wrong(example: Example) -> tuple[SpanError, ...]:
    """Return the wrongly tagged tokens as spans of one token."""
    words: Text = example.texts[0] if example.texts else ()
    if isinstance(words, str) or len(words) != len(example.target):
        words = ("",) * len(example.target)
    pairs = zip(example.target, example.prediction, words, strict=True)
    return tuple(
        SpanError("wrong tag", (place, place + 1, gold), (place, place + 1, tag), word, word)
        for place, (gold, tag, word) in enumerate(pairs)
        if gold != tag
    )


def worst_tags(examples: Sequence[Example], limit: int) -> tuple[Case, ...]:
    """Return the examples with the most wrong tags."""
    cases = [(example, wrong) for example in examples if (wrong := _wrong(example))]
    cases.sort(key=lambda pair: (-len(pair[1]), len(pair[0].target)))
    return tuple(example.case(len(wrong), wrong) for example, wrong in cases[:limit])


def errors_by_tag(examples: Sequence[Example]) -> tuple[TypeErrors, ...]:
    """Count tokens by tag: gold, predicted, correct."""
    gold, predicted, correct = Counter[str](), Counter[str](), Counter[str]()
    for example in examples:
        gold.update(example.target)
        predicted.update(example.prediction)
        pairs = zip(example.target, example.prediction, strict=True)
        correct.update(tag for tag, other in pairs if tag == other)
    rows = [
        TypeErrors(
            tag, gold[tag], predicted[tag], correct[tag], wrong_type=gold[tag] - correct[tag]
        )
        for tag in gold | predicted
    ]
    return tuple(sorted(rows, key=lambda row: (-row.wrong_type, row.type)))


def tag_confusions(examples: Sequence[Example], limit: int) -> tuple[Confusion, ...]:
    """Return the confused pairs of tags, the most frequent first, with examples."""
    sizes = Counter(tag for example in examples for tag in example.target)
    counts: Counter[tuple[str, str]] = Counter()
    shown: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for example in examples:
        for error in _wrong(example):
            assert error.gold is not None
            assert error.predicted is not None
            pair = (error.gold[2], error.predicted[2])
            counts[pair] += 1
            if len(shown[pair]) < CASES:
                shown[pair].append(example.case(None, (error,)))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Confusion(*pair, count, count / sizes[pair[0]], tuple(shown[pair]))
        for pair, count in ordered[:limit]
    )
