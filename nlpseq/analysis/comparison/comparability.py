"""Whether runs can be compared, and by which scores: the same task, the same test, the same count."""

from collections.abc import Sequence

from nlpseq.errors import UserError, suggest

from .runs import Candidate, TrainedRun
from .score_units import PER_TEXT, PER_TOKEN


def check_comparable(contenders: Sequence[Candidate], split: str) -> None:
    """See that all runs were scored on the same examples.

    Raises:
        UserError: they were not; it says what differs.
    """
    runs = [run for contender in contenders for run in contender.runs]
    first = runs[0]
    for run in runs[1:]:
        pair = f"{first.folder} and {run.folder}"
        if run.fingerprint != first.fingerprint:
            raise UserError(
                f"{pair}: scored on different data, split {split!r} has fingerprint "
                f"{first.fingerprint[:12]} and {run.fingerprint[:12]}{_sizes(first, run)}; score both on "
                "the same by nlpseq evaluate"
            )
        if run.index != first.index:
            raise UserError(
                f"{pair}: scored on different examples of split {split!r}{_sizes(first, run)}; score "
                "both anew by nlpseq evaluate"
            )


def _sizes(first: TrainedRun, second: TrainedRun) -> str:
    sizes = len(first.index), len(second.index)
    return f" ({sizes[0]:,} and {sizes[1]:,} examples)" if len(set(sizes)) > 1 else ""


def same_vocabulary(contenders: Sequence[Candidate]) -> bool:
    """Whether all predict the same tokens: then scores per token can be compared."""
    runs = [run for contender in contenders for run in contender.runs]
    first = _tokenizer(runs[0])
    return all(_tokenizer(run) == first for run in runs[1:])


def _tokenizer(run: TrainedRun) -> str:
    """What is predicted: tokens of the target's side, where the sides differ."""
    return (run.task.target_tokenizer or run.task.tokenizer).backend.to_str()


def comparable_scores(contenders: Sequence[Candidate]) -> list[str]:
    """The scores that every run makes of the statistics of examples, so that they can be tested.

    Perplexity is among them only where all predict tokens of one vocabulary.
    """
    runs = [run for contender in contenders for run in contender.runs]
    same = same_vocabulary(contenders)
    found = [run.task.metric.score(run.statistics.sum(axis=0).tolist()) for run in runs]
    return [
        name
        for name in found[0]
        if all(name in one for one in found)
        and name != "tokens"
        and (same or name not in PER_TOKEN)
    ]


def choose_score(contenders: Sequence[Candidate], wanted: str | None) -> str:
    """The score that decides: the one asked for, else the task's main one.

    Raises:
        UserError: there is no such score, it has no statistics of examples, or it is per token and the
            vocabularies differ.
    """
    name = wanted or contenders[0].runs[0].task.main_metric
    usable = comparable_scores(contenders)
    if name in usable:
        return name
    names = " and ".join(contender.name for contender in contenders)
    if name in PER_TOKEN and not same_vocabulary(contenders):
        others = [other for other in PER_TEXT if other in usable]
        instead = f"compare them by --score {others[0]}" if others else "another --score would do"
        raise UserError(
            f"{names}: {name.replace('_', ' ')} is per token and their vocabularies differ "
            f"({_vocabularies(contenders)}); {instead}"
        )
    if all(name in run.scores for contender in contenders for run in contender.runs):
        raise UserError(
            f"--score {name}: no sum over examples gives it, so it cannot be tested; there are "
            f"{', '.join(usable)}"
        )
    near = suggest(name, usable).removesuffix(".") or f"; there are {', '.join(usable)}"
    raise UserError(f"--score {name}: these runs have no such score{near}")


def _vocabularies(contenders: Sequence[Candidate]) -> str:
    found = []
    for contender in contenders:
        task = contender.runs[0].task
        tokenizer = task.target_tokenizer or task.tokenizer
        kind = task.recipe.tokenization.kind.replace("_", " ")
        found.append(f"{contender.name}: {len(tokenizer):,} tokens of kind {kind}")
    return ", ".join(found)
