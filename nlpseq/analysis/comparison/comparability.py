"""Checks that runs can be compared, and by which scores: same task, same test data, same vocabulary."""

from collections.abc import Sequence

from nlpseq.errors import UserError, suggest

from .runs import Candidate, TrainedRun
from .score_units import PER_TEXT, PER_TOKEN


def check_comparable(candidates: Sequence[Candidate], split: str) -> None:
    """Check that all runs were scored on the same examples.

    Raises:
        UserError: they were not; the message says what differs.
    """
    runs = [run for candidate in candidates for run in candidate.runs]
    first = runs[0]
    for run in runs[1:]:
        pair = f"{first.folder} and {run.folder}"
        if run.fingerprint != first.fingerprint:
            raise UserError(
                f"{pair}: scored on different data, split {split!r} has fingerprint "
                f"{first.fingerprint[:12]} and {run.fingerprint[:12]}{_sizes(first, run)}; score both "
                "on the same data with nlpseq evaluate"
            )
        if run.index != first.index:
            raise UserError(
                f"{pair}: scored on different examples of split {split!r}{_sizes(first, run)}; score "
                "both again with nlpseq evaluate"
            )


def _sizes(first: TrainedRun, second: TrainedRun) -> str:
    sizes = len(first.index), len(second.index)
    return f" ({sizes[0]:,} and {sizes[1]:,} examples)" if len(set(sizes)) > 1 else ""


def same_vocabulary(candidates: Sequence[Candidate]) -> bool:
    """Return whether all predict tokens of one vocabulary, so that scores per token can be compared."""
    runs = [run for candidate in candidates for run in candidate.runs]
    first = _tokenizer(runs[0])
    return all(_tokenizer(run) == first for run in runs[1:])


def _tokenizer(run: TrainedRun) -> str:
    """Return the tokenizer of what is predicted, that of the target for seq2seq."""
    return (run.task.target_tokenizer or run.task.tokenizer).backend.to_str()


def comparable_scores(candidates: Sequence[Candidate]) -> list[str]:
    """Return the scores that every run computes from statistics of examples, so that they can be tested.

    Perplexity is among them only if all predict tokens of one vocabulary, and a score whose signature says how
    texts are cut only if all cut them alike.
    """
    runs = [run for candidate in candidates for run in candidate.runs]
    same = same_vocabulary(candidates)
    # A baseline without probabilities lacks scores that its statistics have a place for.
    scores = [run.task.metric.score(run.statistics.sum(axis=0).tolist()) for run in runs]
    return [
        name
        for name in scores[0]
        if all(name in others for others in scores)
        and all(name in run.scores for run in runs)
        and name != "tokens"
        and (same or name not in PER_TOKEN)
        and len({_method(run, name) for run in runs}) == 1
    ]


def _method(run: TrainedRun, score: str) -> str:
    """Return the settings of a score from its signature, without versions; '' if it has none."""
    family = "rouge" if score.startswith("rouge") else score
    parts = run.signatures.get(family, "").split("|")
    return "|".join(part for part in parts if not part.startswith(("version:", "rouge-score:")))


def choose_score(candidates: Sequence[Candidate], wanted: str | None) -> str:
    """Return the score that decides: `wanted`, or the main score of the task.

    Raises:
        UserError: there is no such score, it is not computed from statistics of examples, or it is per token and
            the vocabularies differ.
    """
    name = wanted or candidates[0].runs[0].task.main_metric
    usable = comparable_scores(candidates)
    if name in usable:
        return name
    names = " and ".join(candidate.name for candidate in candidates)
    if name in PER_TOKEN and not same_vocabulary(candidates):
        others = [other for other in PER_TEXT if other in usable]
        instead = f"compare with --score {others[0]}" if others else "choose another --score"
        raise UserError(
            f"{names}: {name.replace('_', ' ')} is per token and their vocabularies differ "
            f"({_vocabularies(candidates)}); {instead}"
        )
    runs = [run for candidate in candidates for run in candidate.runs]
    methods = list(dict.fromkeys(_method(run, name) for run in runs))
    if len(methods) > 1:
        raise UserError(
            f"{names}: {name} was computed in two ways ({methods[0]} and {methods[1]}); score all runs "
            "again with nlpseq evaluate and one setting, or choose another --score"
        )
    if all(name in run.scores for run in runs):
        raise UserError(
            f"--score {name}: it is not computed from sums over examples, so it cannot be tested; "
            f"available: {', '.join(usable)}"
        )
    near = suggest(name, usable).removesuffix(".") or f"; available: {', '.join(usable)}"
    raise UserError(f"--score {name}: these runs have no such score{near}")


def _vocabularies(candidates: Sequence[Candidate]) -> str:
    sizes = []
    for candidate in candidates:
        task = candidate.runs[0].task
        tokenizer = task.target_tokenizer or task.tokenizer
        kind = task.recipe.tokenization.kind.replace("_", " ")
        sizes.append(f"{candidate.name}: {len(tokenizer):,} tokens of kind {kind}")
    return ", ".join(sizes)
