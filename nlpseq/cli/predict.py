"""`nlpseq predict`: check everything, load the model, predict, write."""

import itertools
import sys
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Iterator
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Any

from nlpseq.cli import decoding_options, predict_input
from nlpseq.cli.common_options import add_code, add_device, add_model
from nlpseq.cli.explain_options import (
    EXPLANATIONS,
    add_explanations,
    check_explained_label,
)
from nlpseq.cli.model_digests import model_digests
from nlpseq.cli.option_types import boolean
from nlpseq.cli.output_checks import (
    check_output,
    check_output_folder,
    format_of_output,
    is_complete,
)
from nlpseq.cli.predict_input import PredictInput, open_input, source_name
from nlpseq.cli.prediction_writer import PredictionWriter
from nlpseq.cli.standard_streams import as_json
from nlpseq.cli.table_input import LINES
from nlpseq.cli.text_input import CountingIterator, Item
from nlpseq.errors import UserError
from nlpseq.predictor import FORMATS, Generator, Predictor, TextGenerator
from nlpseq.readers import READERS
from nlpseq.reporting.prediction_records import PARQUET, TABLES
from nlpseq.reporting.predictions import check_format, default_format
from nlpseq.safe_text import show

MAX_FIGURES = 50
_OF_OTHER_FILES = {"text", "label_text", "parallel", "seq_in_out"}
"""Readers of several files, or of files in which texts have no column."""

SUMMARY = "run a trained model on texts"
DESCRIPTION = """\
Run a trained model on texts: classify, tag, translate, summarize, score."""
EXAMPLES = """\
examples:
  nlpseq predict runs/sentiment "a warm and funny film" "dull"
  nlpseq predict runs/sentiment --explain "a warm and funny film"
  nlpseq predict runs/sentiment --explain leave-one-out "a warm film"
  nlpseq predict runs/comments --explain-label insult "you fool"
  nlpseq predict runs/sentiment --file in.csv --column body --output out.csv
  nlpseq predict runs/ner --file texts.txt --output entities.jsonl
  nlpseq predict runs/ner --file texts.txt.gz --format html --output ner.html
  nlpseq predict runs/ner --pretokenized "Ann lives in U.S. cities ."
  cat texts.txt | nlpseq predict runs/ner --format conll
  cat rows.jsonl | nlpseq predict runs/sentiment --column body
  nlpseq predict runs/translation --file in.txt --output out.txt --beam-size 5
  nlpseq predict runs/translation --file in.txt --output out.txt --resume

Each line of a file or of standard input is one text, also an empty line. A
file with columns (.csv .tsv .jsonl .parquet and others, or with --column) is
read row by row. With --output out.csv, out.jsonl or out.parquet its columns are
kept, and what is predicted is added, such as label and confidence
(predicted_label beside a column label). A column may hold lists of tokens.

For a model of pairs a line is two texts with a tab between them, or a JSON
object with "text" and "text2"; columns are --column a --column b; on the
command line texts come in twos: TEXT TEXT2 TEXT TEXT2. With --output,
predictions are collected in FILE.partial until all are there. If interrupted,
run the command again with --resume, with the same texts and options.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `nlpseq predict`."""
    add_model(parser)
    parser.add_argument("texts", metavar="TEXT", nargs="*", default=[], help="text to predict")
    parser.set_defaults(words="texts", check=check)
    parser.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help="file with one text on each line, or with columns; may be compressed",
    )
    _add_columns(parser)
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
    _add_formats(parser)
    add_device(parser)
    decoding_options.add_to_predict(parser)
    add_code(parser)


def _add_formats(parser: ArgumentParser) -> None:
    """Add options for what is written or drawn of a prediction."""
    parser.add_argument(
        "--format",
        choices=(*FORMATS, *TABLES),
        help="format of predictions (default: by the ending of --output, else json; for models that "
        "generate text, one output on each line; text on a terminal, in color)",
    )
    parser.add_argument(
        "--tokens",
        action="store_true",
        help="add to JSON and columns what is predicted for each token: tokens, tags, attention",
    )
    parser.add_argument(
        "--probabilities",
        action=BooleanOptionalAction,
        help="the probabilities of all classes (default: in JSON of texts, not beside columns)",
    )
    add_explanations(parser)
    parser.add_argument(
        "--attention",
        type=Path,
        metavar="DIR",
        help="draw the attention of each output token for the first 50 texts",
    )


def _add_columns(parser: ArgumentParser) -> None:
    """Add options for files with columns."""
    parser.add_argument(
        "--column",
        metavar="NAME",
        action="append",
        default=[],
        help="column of the texts in --file or standard input, by name or number; twice for pairs; "
        "title,body joins two",
    )
    parser.add_argument(
        "--file-format",
        choices=[LINES, *(name for name in READERS if name not in _OF_OTHER_FILES)],
        metavar="FORMAT",
        help="format of --file (default: by its ending; with --column by its content): lines, csv, tsv, "
        "jsonl, json, parquet, arrow, xlsx, conll, ...",
    )
    parser.add_argument("--delimiter", metavar="CHAR", help="between the columns of --file")
    parser.add_argument(
        "--header", type=boolean, metavar="BOOL", help="the first line names the columns"
    )
    parser.add_argument("--encoding", metavar="NAME", help="of --file, if it has columns")


def check(arguments: Namespace) -> None:
    """Collect the decoding options; a label to explain asks for an explanation."""
    if arguments.explain_label is not None and not arguments.explain:
        arguments.explain = EXPLANATIONS[0]
    arguments.decoding = decoding_options.for_predict(arguments)
    arguments.decoding_options = decoding_options.given_names(arguments)


def execute(arguments: Namespace) -> int:
    """Predict texts with a trained model."""
    _check_before_loading(arguments)
    output: Path | None = arguments.output
    complete = is_complete(output, resume=arguments.resume)
    if complete:
        show(f"{output} is complete")
        if arguments.attention is None:
            return 0
    opened = open_input(arguments)
    predictor = load_predictor(arguments)
    given = opened.read(arguments, predictor)
    ahead = MAX_FIGURES if arguments.attention is not None else predict_input.READ_AHEAD
    first_texts = list(itertools.islice(given.items, ahead))
    texts = CountingIterator(itertools.chain(first_texts, given.items))
    writer = _writer(arguments, predictor, given)
    if output is None:
        if (writer.format or default_format(predictor.prediction_type)) in ("json", "spans"):
            as_json()
        for content in writer.render(texts, terminal=sys.stdout.isatty()):
            print(content, end="", flush=True)
    elif not complete:
        writer.write(output, texts, resume=arguments.resume)
        show(f"Written to {output}")
    if arguments.attention is not None:
        _draw_attention(writer, first_texts, texts, arguments.attention)
    if texts.blank:
        print(
            f"empty or blank texts: {texts.blank:,} of {texts.count:,}; what is predicted for them means nothing",
            file=sys.stderr,
        )
    return 0


def _check_before_loading(arguments: Namespace) -> None:
    """Check all that can be checked without the model."""
    check_output(
        arguments.output,
        source=arguments.file,
        format=arguments.format or format_of_output(arguments.output),
        explain=bool(arguments.explain),
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        settings=_settings(arguments, Path(arguments.run)),
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


def _writer(
    arguments: Namespace, predictor: Predictor[Any], given: PredictInput
) -> PredictionWriter:
    """Return a writer after checking what depends on the model: its options and formats."""
    pretokenized = arguments.pretokenized or given.as_tokens
    if pretokenized and "pretokenized" not in signature(predictor.predict).parameters:
        option = "--pretokenized" if arguments.pretokenized else "lists of tokens"
        raise UserError(
            f"{option}: the `predict` of {with_article(predictor.name)} takes raw text only"
        )
    kind = predictor.prediction_type
    check_format(kind, arguments.format, explain=bool(arguments.explain))
    format = arguments.format or format_of_output(arguments.output)
    check_format(kind, format, explain=bool(arguments.explain))
    _check_decoding(arguments, predictor)
    check_explained_label(arguments, predictor)
    shown = arguments.output is None and sys.stdout.isatty()
    if format is None and given.table is not None and not shown:
        format = "json"
    return PredictionWriter(
        predictor,
        format,
        explain=arguments.explain,
        explain_label=arguments.explain_label,
        options=arguments.decoding,
        seed=arguments.seed,
        pretokenized=pretokenized,
        progress=sys.stderr.isatty() and not shown,
        settings=_settings(arguments, _model_folder(arguments)),
        text_name="text" if arguments.texts else f"{source_name(arguments)}, line",
        layout=given.layout(arguments, format),
        as_table=given.table is not None,
        schema=given.table.schema() if given.table is not None and format == PARQUET else None,
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
    writer: PredictionWriter, drawn: list[Item], texts: CountingIterator, folder: Path
) -> None:
    writer.draw_attention(drawn, folder)
    _exhaust(texts)
    rest = texts.count - len(drawn)
    note = f"; {rest:,} further texts are not drawn" if rest else ""
    show(f"Attention drawn in {folder}{note}", file=sys.stderr)


def _exhaust(texts: Iterator[Item]) -> None:
    """Read the texts that a complete file has predictions for, to count them."""
    for _ in texts:
        pass


def _model_folder(arguments: Namespace) -> Path:
    """Return the folder of the model that was loaded."""
    from nlpseq.model_directory import locate

    folder = Path(arguments.run)
    if arguments.output is not None and not folder.is_dir():
        with suppress(UserError):  # a predictor that is no folder
            folder = locate(arguments.run)
    return folder


def _settings(arguments: Namespace, folder: Path) -> dict[str, Any]:
    """Return what predictions depend on besides the texts and the format: the model and the options.

    Args:
        arguments: of the command.
        folder: of the model; a model of the Hub has one once it was loaded.
    """
    run = Path(arguments.run)
    name = str(run.resolve()) if run.exists() else arguments.run  # a model on the Hub
    model = {} if arguments.output is None else model_digests(folder)
    explained = {"explain": arguments.explain} if arguments.explain else {}
    others = ("pretokenized", "column", "tokens", "probabilities", "explain_label")
    given = {
        key: value for key in others if (value := getattr(arguments, key)) not in (None, False, [])
    }
    if arguments.probabilities is False:
        given["probabilities"] = False
    return {
        "run": name,
        **model,
        "seed": arguments.seed,
        **given,
        **explained,
        **arguments.decoding,
    }


def with_article(name: str) -> str:
    """Return `a translator` for `translator`, `an ...` before a vowel."""
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"
