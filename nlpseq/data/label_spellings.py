"""Spellings of labels that people mean differently: `N/A`, booleans, white space, upper and lower case.

Nothing is changed silently: what was assumed about a split becomes a part of its note.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from nlpseq.data.labels import LIKE_MISSING
from nlpseq.wording import format_count

_TRUTH = {"false": False, "0": False, "true": True, "1": True}
_WORDS = {"false", "true"}
_SHOWN = 3
_SEPARATORS = ("|", ";", ",")


def is_like_missing(label: str, learnt: Collection[str]) -> bool:
    """Return whether a label such as `N/A` stands for no label: it does where no class has that spelling."""
    return label.casefold() in LIKE_MISSING and label.casefold() not in {
        name.casefold() for name in learnt
    }


def joined_label(labels: Collection[str]) -> tuple[str, str] | None:
    """Return a label that joins others, `a|b`, and its separator, if classes are labels joined in this way.

    They are if most parts of joined labels occur in another label too.
    """
    for separator in _SEPARATORS:
        parts = {
            name: {part.strip() for part in name.split(separator) if part.strip()}
            for name in set(labels)
        }
        joined = [name for name in sorted(parts) if len(parts[name]) > 1]
        counts = Counter(part for cut in parts.values() for part in cut)
        of_joined = {part for name in joined for part in parts[name]}
        if 2 * sum(counts[part] > 1 for part in of_joined) > len(of_joined):
            return joined[0], separator
    return None


def boolean_spellings(labels: Iterable[str], learnt: Collection[str]) -> dict[str, str]:
    """Return the spelling in train of each label of a split, where both are booleans; {} without a difference.

    Args:
        labels: of a split: `True`, `true`, `1`.
        learnt: classes of train.
    """
    used = set(labels)
    if not used or used <= set(learnt) or len(learnt) != 2:
        return {}
    if not all(label.casefold() in _TRUTH for label in (*used, *learnt)):
        return {}
    by_truth = {_TRUTH[name.casefold()]: name for name in learnt}
    if len(by_truth) != 2:
        return {}
    return {label: by_truth[_TRUTH[label.casefold()]] for label in sorted(used)}


def spelling_notes(
    values: Sequence[Any], labels: Sequence[str | None], learnt: Collection[str] = ()
) -> list[str]:
    """Return what was assumed about the spellings of a split's labels.

    Classes of train are told of with train only.

    Args:
        values: as the data have them.
        labels: as they are read, None where one is missing.
        learnt: classes of train; () for train itself.
    """
    counts = Counter(label for label in labels if label is not None)
    notes = []
    spaced = sum(isinstance(value, str) and value.strip() not in ("", value) for value in values)
    if spaced:
        notes.append(f"{format_count(spaced, 'label')} without the white space around them")
    for name, number in counts.items():
        if name in learnt or name.casefold() not in LIKE_MISSING:
            continue
        notes.append(
            f"{name!r} is a class of {format_count(number, 'row')}; if it stands for no label, leave these cells "
            "empty"
        )
    return [*notes, *_case_notes(counts, learnt), *_boolean_notes(counts)]


def _case_notes(counts: Mapping[str, int], learnt: Collection[str]) -> list[str]:
    """Name the classes that differ only in case, within the split or from train."""
    by_fold: dict[str, list[str]] = {}
    for name in dict.fromkeys([*sorted(learnt), *sorted(counts)]):
        by_fold.setdefault(name.casefold(), []).append(name)
    groups = [
        names for names in by_fold.values() if len(names) > 1 and not set(names) <= set(learnt)
    ]
    if not groups:
        return []
    listed = "; ".join(", ".join(map(repr, names)) for names in groups[:_SHOWN])
    more = f" and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else ""
    return [
        f"classes that differ only in upper and lower case ({listed}{more}) stay different; data.labels can "
        "give them one name"
    ]


def _boolean_notes(counts: Mapping[str, int]) -> list[str]:
    """Say that a split spells booleans in two ways."""
    folded = {name.casefold() for name in counts}
    if folded <= set(_TRUTH) and folded & _WORDS and folded - _WORDS:
        listed = ", ".join(sorted(counts))
        return [f"the labels {listed} stay different classes; data.labels can give them one name"]
    return []
