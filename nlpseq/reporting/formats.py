"""Scores, numbers and durations as people read them; files keep names and fractions."""

import math
from collections.abc import Mapping
from typing import Any

PERCENT = frozenset(
    {
        "accuracy",
        "macro_f1",
        "weighted_f1",
        "precision",
        "recall",
        "f1",
        "conlleval_precision",
        "conlleval_recall",
        "conlleval_f1",
        "token_accuracy",
        "unknown_word_accuracy",
        "micro_f1",
        "micro_precision",
        "micro_recall",
        "subset_accuracy",
        "label_ranking_average_precision",
        "auroc",
        "average_precision",
    }
)
"""Scores that files hold as fractions and people read in percent."""

LABELS = {
    "f1": "F1",
    "unknown_word_accuracy": "unknown-word accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "pearson": "Pearson's r",
    "spearman": "Spearman's rho",
    "weighted_f1": "weighted F1",
    "auroc": "AUROC",
    "conlleval_f1": "conlleval F1",
    "bleu": "BLEU",
    "bleu_lowercased_tokenized": "lower-cased tokenized BLEU",
    "chrf": "chrF",
    "ter": "TER",
    "rouge": "ROUGE",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
}
"""Labels of scores where blanks for underscores are not enough."""


def readable_name(name: str) -> str:
    """Return the label of a score, or any name with blanks for its underscores.

    >>> readable_name("lead_3_rougeL")
    'lead 3 ROUGE-L'
    """
    if name in LABELS:
        return LABELS[name]
    baseline, _, score = name.rpartition("_")
    return f"{baseline} {LABELS.get(score, score)}".strip().replace("_", " ")


def is_percent(name: str) -> bool:
    """Return whether people read a score in percent; baselines have names like `majority_accuracy`."""
    return any(name == score or name.endswith(f"_{score}") for score in PERCENT)


def score_label(name: str) -> str:
    """Return the label of a score with its unit: `accuracy (%)`."""
    return f"{readable_name(name)} (%)" if is_percent(name) else readable_name(name)


def format_score(name: str, value: Any) -> str:
    """Return a score in the unit of `score_label`, with two decimals if that is percent."""
    if value is None or not is_percent(name):
        return format_number(value)
    if isinstance(value, Mapping):
        scaled = {key: _times_100(part) for key, part in value.items()}
        if scaled.get("standard_deviation") is not None:
            return format_number(scaled)
        value = value["mean"]
    return f"{100 * value:.2f}"


def _times_100(part: Any) -> Any:
    if isinstance(part, list | tuple):
        return [100 * bound for bound in part]
    return None if part is None else 100 * part


def format_number(value: Any) -> str:
    """Return a number with sensible digits, several as `mean ± standard deviation`, None as ''."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        mean, deviation = value["mean"], value.get("standard_deviation")
        if deviation is None:
            return format_number(mean)
        decimals = decimals_for(deviation)
        text = f"{mean:,.{decimals}f} ± {deviation:,.{decimals}f}"
        if interval := value.get("interval"):
            text += f" [{', '.join(f'{bound:,.{decimals}f}' for bound in interval)}]"
        return text
    if isinstance(value, int) or (abs(value) >= 10 and float(value).is_integer()):
        return f"{int(value):,}"
    if abs(value) >= 10:
        return f"{value:,.2f}"
    return f"{value:.4g}" if abs(value) < 0.01 else f"{value:.3f}"


def decimals_for(deviation: float) -> int:
    """Return the decimals that show a standard deviation with two digits; at most 4, 2 for none."""
    if not deviation > 0 or not math.isfinite(deviation):
        return 2
    return min(max(1 - math.floor(math.log10(deviation)), 0), 4)


def format_duration(seconds: float) -> str:
    """Return `42.0 s`, `3 min 5 s` or `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_parameters(parameters: Mapping[str, int]) -> str:
    """Return the total and its parts: `1,234 (embedding 1,000, encoder 234)`."""
    total = format_number(parameters["total"])
    parts = ", ".join(
        f"{readable_name(name)} {format_number(count)}"
        for name, count in parameters.items()
        if name != "total" and count
    )
    return f"{total} ({parts})" if parts else total
