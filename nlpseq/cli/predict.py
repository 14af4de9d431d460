"""What the commands `nlpseq predict` and `nlpseq generate` do: a run, what is asked of it, and where answers go."""

import itertools
import re
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from nlpseq import model_directory
from nlpseq.cli import prediction_writer, text_input
from nlpseq.errors import UserError
from nlpseq.files import disk


def predict(arguments: Namespace) -> int:
    """Answer texts; the status of the command."""
    output: Path | None = arguments.output
    complete = not prediction_writer.begins(
        output,
        source=arguments.file,
        form=arguments.format,
        explain=arguments.explain,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
    )
    if complete:
        print(f"{output} is complete")
        if arguments.attention is None:
            return 0
    read = text_input.read_texts(arguments.texts, arguments.file, sys.stdin)
    # What is wrong with the texts is said before a model is loaded.
    ahead = list(itertools.islice(read, prediction_writer.AHEAD))
    texts = prediction_writer.Tally(itertools.chain(ahead, read))
    predictor = _predictor(arguments, "predict", "generate")
    _check_options(arguments, predictor)
    shown = output is None and sys.stdout.isatty()
    asked = prediction_writer.Prediction(
        predictor,
        arguments.format,
        explain=arguments.explain,
        options=arguments.decoding,
        seed=arguments.seed,
        progress=sys.stderr.isatty() and not shown,
        run=_absolute(arguments.run),
        place=_place(arguments),
    )
    if output is not None and not complete:
        asked.write(output, texts, resume=arguments.resume)
        print(f"Written to {output}")
    elif output is None:
        for piece in asked.pieces(texts, terminal=shown):
            print(piece, end="", flush=True)
    if arguments.attention is not None:
        drawn = ahead[: prediction_writer.MOST_PICTURES]
        asked.draw_attention(drawn, arguments.attention)
        for _ in texts:  # those that a complete file has answered
            pass
        left = texts.count - len(drawn)
        note = f"; {left:,} further texts are not drawn" if left else ""
        print(f"Attention drawn in {arguments.attention}{note}", file=sys.stderr)
    return 0


def generate(arguments: Namespace) -> int:
    """Continue a prompt; the status of the command."""
    predictor = _predictor(arguments, "generate", "predict")
    options = arguments.decoding
    predictor.decoding_config(options)
    if arguments.num_samples == 1:
        for piece in predictor.stream(arguments.prompt, seed=arguments.seed, **options):
            print(piece, end="", flush=True)
        print()
        return 0
    samples = predictor.generate(
        arguments.prompt, num_samples=arguments.num_samples, seed=arguments.seed, **options
    )
    several_lines = any("\n" in sample for sample in samples)
    print(("\n---\n" if several_lines else "\n").join(samples))
    return 0


def _check_options(arguments: Namespace, predictor: Any) -> None:
    """Refuse options of which this kind of model makes nothing, and values that cannot be."""
    given, folder = arguments.decoding_options, arguments.attention
    writes = getattr(predictor, "decoding", False)
    if given and not writes:
        raise UserError(
            f"{', '.join(given)}: not for {arguments.run}, a {_kind(predictor)}: it writes no texts "
            "as its answers"
        )
    if writes:
        keys = {key: value for key, value in arguments.decoding.items() if key != "prefix"}
        predictor.decoding_config(keys, attention=folder is not None)
    if folder is None:
        return
    if not hasattr(predictor, "attention"):
        raise UserError(
            f"--attention: not for {arguments.run}, a {_kind(predictor)}: only models that write "
            "their answers have it; for what a classifier attends to, use --explain"
        )
    if folder.is_file():
        raise UserError(f"--attention {folder}: is a file; name a folder")
    with disk(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _absolute(run: str) -> str:
    """A run as it is found from any folder; one of the Hub by its name."""
    return str(Path(run).resolve()) if Path(run).exists() else run


def _place(arguments: Namespace) -> str:
    """How the number of a text is introduced."""
    if arguments.texts:
        return "text"
    return f"{arguments.file or 'standard input'}, line"


def _predictor(arguments: Namespace, ability: str, other: str) -> Any:
    """The predictor of a run, if it can do what it is wanted for; else the other command is named."""
    predictor = model_directory.load(arguments.run, arguments.device)
    if not hasattr(predictor, ability):
        raise UserError(
            f"{arguments.run} is a {_kind(predictor)}, it cannot {ability}: "
            f"use `nlpseq {other} {arguments.run}`"
        )
    return predictor


def _kind(predictor: Any) -> str:
    """What a predictor is, by its class: `sequence tagger`."""
    words = re.findall("[A-Z]+[a-z]*", type(predictor).__name__.removesuffix("Predictor"))
    return str(getattr(predictor, "kind", " ".join(words).lower()))
