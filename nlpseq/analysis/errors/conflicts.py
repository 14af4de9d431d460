"""Equal texts with different references: at least one of them is wrong, or the text does not decide."""

import json
from collections import defaultdict
from collections.abc import Sequence

from .examples import Example
from .results import Conflict


def find_conflicts(examples: Sequence[Example], limit: int) -> tuple[Conflict, ...]:
    """Return texts that occur with different references, the most frequent first.

    White space does not count in a comparison of texts.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.texts:
            words = [text.split() if isinstance(text, str) else text for text in example.texts]
            groups[json.dumps(words)].append(example)
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
