"""Mistakes of taggers of spans: missed, spurious, of a wrong type, with a wrong boundary."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nlpseq.data.tag_schemes import tags_to_spans

from .classes import CASES
from .examples import Example
from .results import Case, Confusion, SpanError, Text, TypeErrors

Triple = tuple[int, int, str]
"""Start, end and type of a span."""
MISSED, SPURIOUS, TYPE, BOUNDARY = "missed", "spurious", "wrong type", "wrong boundary"
BOTH = "wrong type and boundary"


def spans_of(value: Sequence[Any]) -> list[Triple]:
    """Return the spans of a reference or prediction: tags of tokens, or [start, end, type] of characters."""
    if value and isinstance(value[0], str):
        return [(span.begin, span.end, span.type) for span in tags_to_spans(value)]
    return [(int(start), int(end), str(kind)) for start, end, kind in value]


def span_errors(gold: Iterable[Triple], predicted: Iterable[Triple], text: Text) -> list[SpanError]:
    """Pair the wrong spans of a text, each at most once, in the order of the text.

    A gold span is paired with a predicted one of the same boundaries, else with one of the same type that overlaps it,
    else with one that overlaps it; what is left is missed or spurious.
    """
    open_gold = sorted({*gold} - {*predicted})
    open_predicted = sorted({*predicted} - {*gold})
    rules: list[tuple[str, Callable[[Triple, Triple], bool]]] = [
        (TYPE, lambda one, other: one[:2] == other[:2]),
        (BOUNDARY, lambda one, other: one[2] == other[2] and _overlap(one, other)),
        (BOTH, _overlap),
    ]
    errors = []
    for kind, fits in rules:
        for span in [*open_gold]:
            partner = next((other for other in open_predicted if fits(span, other)), None)
            if partner is not None:
                open_gold.remove(span)
                open_predicted.remove(partner)
                errors.append(_error(kind, span, partner, text))
    errors += [_error(MISSED, span, None, text) for span in open_gold]
    errors += [_error(SPURIOUS, None, span, text) for span in open_predicted]
    return sorted(errors, key=lambda error: (error.gold or error.predicted or (0, 0, ""))[:2])


def _overlap(one: Triple, other: Triple) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _error(kind: str, gold: Triple | None, predicted: Triple | None, text: Text) -> SpanError:
    return SpanError(kind, gold, predicted, _spelled(gold, text), _spelled(predicted, text))


def _spelled(span: Triple | None, text: Text) -> str:
    if span is None:
        return ""
    part = text[span[0] : span[1]]
    return part if isinstance(part, str) else " ".join(part)


def span_cases(examples: Sequence[Example]) -> list[tuple[Example, list[SpanError]]]:
    """Return the errors of each example."""
    return [
        (
            example,
            span_errors(
                spans_of(example.target),
                spans_of(example.prediction),
                example.texts[0] if example.texts else "",
            ),
        )
        for example in examples
    ]


def worst_spans(cases: Sequence[tuple[Example, list[SpanError]]], limit: int) -> tuple[Case, ...]:
    """Return the examples with the most errors, the shortest first among equals."""
    wrong = [(example, errors) for example, errors in cases if errors]
    wrong.sort(key=lambda pair: (-len(pair[1]), len(pair[0].texts[0]) if pair[0].texts else 0))
    return tuple(example.case(len(errors), tuple(errors)) for example, errors in wrong[:limit])


def errors_by_type(cases: Sequence[tuple[Example, list[SpanError]]]) -> tuple[TypeErrors, ...]:
    """Count errors by type: of the gold span, or of the predicted one if it is spurious."""
    gold, predicted, correct = Counter[str](), Counter[str](), Counter[str]()
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for example, errors in cases:
        targets, outputs = {*spans_of(example.target)}, {*spans_of(example.prediction)}
        gold.update(kind for *_, kind in targets)
        predicted.update(kind for *_, kind in outputs)
        correct.update(kind for *_, kind in targets & outputs)
        for error in errors:
            span = error.gold or error.predicted
            assert span is not None
            kinds[span[2]][error.kind] += 1
    rows = [
        TypeErrors(
            name,
            gold[name],
            predicted[name],
            correct[name],
            *(kinds[name][kind] for kind in (MISSED, SPURIOUS, TYPE, BOUNDARY, BOTH)),
        )
        for name in gold | predicted
    ]
    return tuple(sorted(rows, key=lambda row: (-sum(kinds[row.type].values()), row.type)))


def span_confusions(
    cases: Sequence[tuple[Example, list[SpanError]]], limit: int
) -> tuple[Confusion, ...]:
    """Return the confused pairs of types, `none` for missed and spurious ones, with examples."""
    sizes = Counter(kind for example, _ in cases for *_, kind in spans_of(example.target))
    pairs: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for example, errors in cases:
        for error in errors:
            gold, predicted = (
                span[2] if span else "none" for span in (error.gold, error.predicted)
            )
            pairs[gold, predicted].append(example.case(None, (error,)))
    ordered = sorted(pairs.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        Confusion(
            gold, predicted, len(found), len(found) / max(sizes[gold], 1), tuple(found[:CASES])
        )
        for (gold, predicted), found in ordered[:limit]
    )
