"""Equal texts with different references: at least one of them is wrong, or the text does not decide."""

import json
from collections import defaultdict
from collections.abc import Sequence

from nlpseq.data.split import Split

from .examples import Example
from .results import Conflict, Text


def find_conflicts(examples: Sequence[Example], limit: int) -> tuple[Conflict, ...]:
    """Return texts that occur with different references, the most frequent first.

    White space does not count in a comparison of texts.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.texts:
            groups[_key(example.texts)].append(example)
    found = [
        group
        for group in groups.values()
        if len({json.dumps(example.target, sort_keys=True) for example in group}) > 1
    ]
    found.sort(key=len, reverse=True)
    return tuple(
        Conflict(group[0].texts, tuple(example.case() for example in group[:limit]))
        for group in found[:limit]
    )


def conflicts_with_train(
    examples: Sequence[Example], train: Split, fields: Sequence[str], label: str, limit: int
) -> tuple[Conflict, ...]:
    """Return texts that train has too, with other classes; a case from train says so in its columns.

    Args:
        examples: of another split, with texts and a class each.
        train: its rows are numbered from 0, as examples are.
        fields: columns of the texts.
        label: column of the classes.
        limit: number of conflicts, and of cases from each side.
    """
    own: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.texts:
            own[_key(example.texts)].append(example)
    learnt: dict[str, list[Example]] = defaultdict(list)
    labels = train.optional_labels(label)
    for row, texts in enumerate(zip(*(train.column(name) for name in fields), strict=True)):
        if (key := _key(texts)) in own and labels[row] is not None:
            columns = {"split": train.name}
            learnt[key].append(Example(row, (), labels[row], None, texts, columns))
    pairs = [
        (before, own[key])
        for key, before in learnt.items()
        if len({str(example.target) for example in [*before, *own[key]]}) > 1
    ]
    return tuple(
        Conflict(here[0].texts, tuple(part.case() for part in [*before[:limit], *here[:limit]]))
        for before, here in pairs[:limit]
    )


def _key(texts: Sequence[Text]) -> str:
    """Return texts without regard to white space."""
    return json.dumps([text.split() if isinstance(text, str) else text for text in texts])
