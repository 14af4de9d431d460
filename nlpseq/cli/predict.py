"""`nlpseq predict`: check everything, load the model, predict, write."""

import itertools
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from nlpseq.cli import decoding_options
from nlpseq.cli.common_options import add_code, add_device, add_model
from nlpseq.cli.pair_input import pairs_of_lines, pairs_of_words
from nlpseq.cli.prediction_writer import (
    PredictionWriter,
    check_output,
    check_output_folder,
    is_complete,
)
from nlpseq.cli.text_input import CountingIterator, TextOrPair, read_texts
from nlpseq.errors import UserError
from nlpseq.predictor import FORMATS, ColumnReader, Generator, Predictor, TextGenerator
from nlpseq.reporting.predictions import check_format

MAX_FIGURES = 50
EXPLANATIONS = ("gradients", "leave-one-out", "attention")
"""Values of --explain; the first one is the default."""
READ_AHEAD = 100
"""Texts that are read before a model is loaded, so that an error in them is reported at once."""

SUMMARY = "run a trained model on texts"
DESCRIPTION = """\
Run a trained model on texts: classify, tag, translate, summarize, score."""
EXAMPLES = """\
examples:
  nlpseq predict runs/sentiment "a warm and funny film" "dull"
  nlpseq predict runs/sentiment --explain "a warm and funny film"
  nlpseq predict runs/sentiment --explain leave-one-out "a warm film"
  nlpseq predict runs/ner --file texts.txt --output entities.jsonl
  nlpseq predict runs/ner --file texts.txt.gz --format html --output ner.html
  nlpseq predict runs/ner --pretokenized "Ann lives in U.S. cities ."
  cat texts.txt | nlpseq predict runs/ner --format conll
  nlpseq predict runs/translation --file in.txt --output out.txt --beam-size 5
  nlpseq predict runs/translation --file in.txt --output out.txt --resume

Each line of a file or of standard input is one text. For a model of pairs it is
two texts with a tab between them, or a JSON object with "text" and "text2"; on
the command line texts then come in twos: TEXT TEXT2 TEXT TEXT2. With --output,
predictions are collected in FILE.partial until all are there. If interrupted,
run the command again with --resume, with the same texts and options.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq predict`."""
    add_model(parser)
    parser.add_argument("texts", metavar="TEXT", nargs="*", default=[], help="text to predict")
    parser.set_defaults(words="texts", check=check)
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="file with one text on each line; may end in .gz"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="file to write (default: standard output)"
    )
    parser.add_argument(
        "--pretokenized",
        action="store_true",
        help="the texts are cut into tokens already, as the training data are: split at white space",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        action="store_true",
        help="continue after the predictions in FILE.partial; nothing to do if FILE is complete",
    )
    existing.add_argument(
        "--overwrite", action="store_true", help="discard FILE.partial and start over"
    )
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        help="format of predictions (default: json; for models that generate text, one output on "
        "each line; on a terminal, entities in color)",
    )
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
        "--attention",
        type=Path,
        metavar="DIR",
        help="draw the attention of each output token for the first 50 texts",
    )
    add_device(parser)
    decoding_options.add_to_predict(parser)
    add_code(parser)


def complete_options(words: Sequence[str]) -> list[str]:
    """Write `--explain TEXT` as `--explain=gradients TEXT`, as its method may be left out before a text."""
    end = words.index("--") if "--" in words else len(words)
    completed = list(words)
    for index, word in enumerate(completed[:end]):
        if word == "--explain" and not {*completed[index + 1 : index + 2]} & {*EXPLANATIONS}:
            completed[index] = f"--explain={EXPLANATIONS[0]}"
    return completed


def check(arguments: Namespace) -> None:
    """Collect the decoding options."""
    arguments.decoding = decoding_options.for_predict(arguments)
    arguments.decoding_options = decoding_options.given_names(arguments)


def execute(arguments: Namespace) -> int:
    """Predict texts with a trained model."""
    _check_before_loading(arguments)
    output: Path | None = arguments.output
    complete = is_complete(output, resume=arguments.resume)
    if complete:
        print(f"{output} is complete")
        if arguments.attention is None:
            return 0
    unread = read_texts(arguments.texts, arguments.file, sys.stdin)
    first_lines = list(itertools.islice(unread, READ_AHEAD))
    predictor = load_predictor(arguments)
    examples = _texts_or_pairs(itertools.chain(first_lines, unread), arguments, predictor)
    first_texts = list(itertools.islice(examples, READ_AHEAD))
    texts = CountingIterator(itertools.chain(first_texts, examples))
    writer = _writer(arguments, predictor)
    if output is None:
        for content in writer.render(texts, terminal=sys.stdout.isatty()):
            print(content, end="", flush=True)
    elif not complete:
        writer.write(output, texts, resume=arguments.resume)
        print(f"Written to {output}")
    if arguments.attention is not None:
        _draw_attention(writer, first_texts[:MAX_FIGURES], texts, arguments.attention)
    if texts.blank:
        print(
            f"empty or blank texts: {texts.blank:,} of {texts.count:,}; what is predicted for them means nothing",
            file=sys.stderr,
        )
    return 0


def _texts_or_pairs(
    lines: Iterator[str], arguments: Namespace, predictor: Predictor[Any]
) -> Iterator[TextOrPair]:
    """Return the texts, or pairs of texts if the model reads two."""
    if not isinstance(predictor, ColumnReader) or len(predictor.text_columns) < 2:
        return lines
    if arguments.texts:
        return pairs_of_words(list(lines))
    return pairs_of_lines(lines, _source_of(arguments), predictor.text_columns)


def _source_of(arguments: Namespace) -> str:
    return str(arguments.file or "standard input")


def _check_before_loading(arguments: Namespace) -> None:
    """Check all that can be checked without the model."""
    check_output(
        arguments.output,
        source=arguments.file,
        format=arguments.format,
        explain=bool(arguments.explain),
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        settings=_settings(arguments),
    )
    folder: Path | None = arguments.attention
    if folder is not None:
        if folder.exists() and not folder.is_dir():
            raise UserError(f"--attention {folder}: is a file; name a folder")
        check_output_folder(folder, f"--attention {folder}")


def load_predictor(arguments: Namespace) -> Predictor[Any]:
    """Load the trained model that a command names; the device and the code are checked first."""
    from nlpseq import custom_code, model_directory

    custom_code.register(arguments.code)
    predictor = model_directory.load(arguments.run, arguments.device)
    if not isinstance(predictor, Predictor):
        raise UserError(
            f"{arguments.run}: the predictor of its task, {type(predictor).__name__}, lacks `predict`, "
            "`name` or `prediction_type`"
        )
    return predictor


def _writer(arguments: Namespace, predictor: Predictor[Any]) -> PredictionWriter:
    """Return a writer after checking what depends on the model: its options and formats."""
    if arguments.pretokenized and "pretokenized" not in signature(predictor.predict).parameters:
        raise UserError(
            f"--pretokenized: the `predict` of {with_article(predictor.name)} takes raw text only"
        )
    check_format(predictor.prediction_type, arguments.format, explain=bool(arguments.explain))
    _check_decoding(arguments, predictor)
    shown = arguments.output is None and sys.stdout.isatty()
    return PredictionWriter(
        predictor,
        arguments.format,
        explain=arguments.explain,
        options=arguments.decoding,
        seed=arguments.seed,
        pretokenized=arguments.pretokenized,
        progress=sys.stderr.isatty() and not shown,
        settings=_settings(arguments),
        text_name="text" if arguments.texts else f"{_source_of(arguments)}, line",
    )


def _check_decoding(arguments: Namespace, predictor: Predictor[Any]) -> None:
    """Check the options for decoding and --attention, which only a model that generates text has."""
    if isinstance(predictor, TextGenerator):
        options = {key: value for key, value in arguments.decoding.items() if key != "prefix"}
        predictor.decoding_config(options, attention=arguments.attention is not None)
        return
    given = [*arguments.decoding_options, *(["--attention"] if arguments.attention else [])]
    if not given:
        return
    kind = f"{with_article(predictor.name)}, which does not generate text"
    if isinstance(predictor, Generator):
        kind = f"{with_article(predictor.name)}, which only scores texts here"
        kind += f"; use `nlpseq generate {arguments.run}`"
    elif arguments.attention and predictor.prediction_type.explainable:
        kind += "; --explain attention shows what it attends to"
    raise UserError(f"{', '.join(given)}: not for {arguments.run}, {kind}")


def _draw_attention(
    writer: PredictionWriter, drawn: list[TextOrPair], texts: CountingIterator, folder: Path
) -> None:
    writer.draw_attention(drawn, folder)
    _exhaust(texts)
    rest = texts.count - len(drawn)
    note = f"; {rest:,} further texts are not drawn" if rest else ""
    print(f"Attention drawn in {folder}{note}", file=sys.stderr)


def _exhaust(texts: Iterator[TextOrPair]) -> None:
    """Read the texts that a complete file has predictions for, to count them."""
    for _ in texts:
        pass


def _settings(arguments: Namespace) -> dict[str, Any]:
    """Return what predictions depend on besides the texts and the format: the run and the options."""
    run = Path(arguments.run)
    name = str(run.resolve()) if run.exists() else arguments.run  # a model on the Hub
    explained = {"explain": arguments.explain} if arguments.explain else {}
    cut = {"pretokenized": True} if arguments.pretokenized else {}
    return {"run": name, "seed": arguments.seed, **cut, **explained, **arguments.decoding}


def with_article(name: str) -> str:
    """Return `a translator` for `translator`, `an ...` before a vowel."""
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"
