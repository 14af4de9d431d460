"""Options of `nlpseq predict` that show what tokens contribute to a prediction."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from inspect import signature
from typing import Any

from nlpseq.cli.prediction_writer import ATTENTION
from nlpseq.errors import UserError, suggest
from nlpseq.predictor import Predictor

EXPLANATIONS = ("gradients", "leave-one-out", ATTENTION)
"""Values of --explain; the first one is the default."""


def add_explanations(parser: ArgumentParser) -> None:
    """Add `--explain` and `--explain-label`."""
    parser.add_argument(
        "--explain",
        nargs="?",
        const=EXPLANATIONS[0],
        default="",
        choices=EXPLANATIONS,
        metavar="METHOD",
        help="show how much each token contributes to a class: gradients (integrated; default), "
        "leave-one-out, or attention (of a model that attends)",
    )
    parser.add_argument(
        "--explain-label",
        metavar="LABEL",
        help="of a model of several labels: the label that is explained, predicted or not (default: those predicted)",
    )


def complete_options(words: Sequence[str]) -> list[str]:
    """Write `--explain TEXT` as `--explain=gradients TEXT`, as its method may be left out before a text."""
    end = words.index("--") if "--" in words else len(words)
    completed = list(words)
    for index, word in enumerate(completed[:end]):
        if word == "--explain" and not {*completed[index + 1 : index + 2]} & {*EXPLANATIONS}:
            completed[index] = f"--explain={EXPLANATIONS[0]}"
    return completed


def check_explained_label(arguments: Namespace, predictor: Predictor[Any]) -> None:
    """Check that the model has the label that is to be explained.

    Raises:
        UserError: it has not, or attention weights, which are of no label, are asked for.
    """
    label = arguments.explain_label
    if label is None:
        return
    if arguments.explain == ATTENTION:
        raise UserError(
            "--explain-label: attention weights are of no label; use --explain gradients or leave-one-out"
        )
    explain = getattr(predictor, "explain", None)
    if explain is None or "label" not in signature(explain).parameters:
        raise UserError(
            f"--explain-label {label}: a {predictor.name} explains what it predicts; only a model of "
            "several labels explains another one"
        )
    labels = getattr(predictor, "labels", [label])
    if label not in labels:
        near = suggest(label, labels).removesuffix(".")
        raise UserError(f"--explain-label {label}: the model has {', '.join(labels)}{near}")
