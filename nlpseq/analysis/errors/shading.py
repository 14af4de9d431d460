"""Texts of a report shaded by what the model decided by: integrated gradients, of the shown texts only."""

from collections.abc import Iterator, Sequence
from typing import Any

from nlpseq import model_directory
from nlpseq.errors import UserError
from nlpseq.predictor import ExplainablePrediction, Explainer
from nlpseq.reporting.highlight import Palette, ShadedToken, ShadedTokens, shade_signed
from nlpseq.safe_text import for_html

from .examples import ScoredRun
from .results import Case, ErrorReport, Text

LONGEST = 20_000
"""Characters of a text that is shaded; gradients of a longer one take too long."""

Shading = dict[tuple[int, int], list[str]]
"""HTML of the texts of each case, by its fold and index."""


def shade_cases(
    report: ErrorReport, runs: Sequence[ScoredRun], device: str | None = None
) -> tuple[Shading, str]:
    """Ask the models of a report which tokens they decided by.

    Args:
        report: whose cases are explained.
        runs: that it is about: one, or every fold.
        device: name of the device.

    Returns:
        HTML by case, and why there is none; '' if there is.
    """
    cases = [case for case in report.cases() if case.texts and _length(case) <= LONGEST]
    shaded: Shading = {}
    for run in runs:
        chosen = [case for case in cases if case.fold == run.fold]
        if not chosen:
            continue
        try:
            predictor = model_directory.load(run.folder, device)
        except (UserError, OSError, ValueError) as error:
            return {}, f"the texts are not shaded, since the model cannot be loaded: {error}"
        if not isinstance(predictor, Explainer):
            return {}, ""
        pretokenized = bool(run.task.recipe.data.pretokenized)
        shaded |= _shade(predictor, chosen, pretokenized=pretokenized)
    return shaded, ""


def _length(case: Case) -> int:
    return sum(len(text if isinstance(text, str) else " ".join(text)) for text in case.texts)


def _shade(
    predictor: Explainer[Any], cases: Sequence[Case], *, pretokenized: bool
) -> Iterator[tuple[tuple[int, int], list[str]]]:
    cut = pretokenized or any(not isinstance(case.texts[0], str) for case in cases)
    texts = [_given(case) for case in cases]
    predictions = predictor.explain(texts, pretokenized=cut)
    for case, prediction in zip(cases, predictions, strict=True):
        assert isinstance(prediction, ExplainablePrediction)
        if prediction.attributions:
            yield (case.fold, case.index), _html(prediction, case.texts)


def _given(case: Case) -> Any:
    """Return the texts of a case as predictors take them."""
    texts = [text if isinstance(text, str) else [*text] for text in case.texts]
    return texts[0] if len(texts) == 1 else tuple(texts)


def _html(prediction: ExplainablePrediction, texts: Sequence[Text]) -> list[str]:
    """Return each text with its tokens shaded on one scale."""
    tokens = prediction.tokens + prediction.tokens2
    shaded = shade_signed(tokens, prediction.attributions + prediction.attributions2).tokens
    first = len(prediction.tokens)
    parts = [shaded[:first], shaded[first:]]
    return [_shaded_text(text, part) for text, part in zip(texts, parts, strict=False)]


def _shaded_text(text: Text, tokens: Sequence[ShadedToken]) -> str:
    """Return a text as the user wrote it with its tokens shaded; or the tokens, if they are not parts of it."""
    palette, parts, end = Palette(), [], 0
    whole = ShadedTokens(None, 1.0, tuple(tokens)).to_html(palette)
    if not isinstance(text, str):
        return whole
    lowered = text.lower() if len(text.lower()) == len(text) else text
    for token in tokens:
        bare = token.text.strip("▁Ġ ").removeprefix("##")
        start = lowered.find(bare.lower(), end)
        if not bare or start < 0:
            return whole
        spelled = token._replace(text=text[start : start + len(bare)])
        parts += [for_html(text[end:start]), ShadedTokens(None, 1.0, (spelled,)).to_html(palette)]
        end = start + len(bare)
    return "".join([*parts, for_html(text[end:])])
