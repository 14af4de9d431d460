"""Writing of predictions, chunk by chunk, to standard output or to a file that grows.

A file is FILE.partial until its last prediction is written; each chunk is on the disk before the next is begun.
After any interruption `--resume` continues after the last complete chunk, and splits the remaining texts as they
would have been split: the file ends with the same bytes as one that was never interrupted.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nlpseq.cli import text_input
from nlpseq.cli.prediction_resume import (
    RemainingTexts,
    check_same_settings,
    skip_predicted,
    skip_records,
)
from nlpseq.cli.text_input import Item, TableRow, strings_of, text_of
from nlpseq.errors import TextError, UserError
from nlpseq.files import GrowingFile, discard_partial, is_partial, partial_of, write_lines
from nlpseq.predictor import Explainer, Prediction, Predictor, TextGenerator
from nlpseq.reporting import predictions
from nlpseq.reporting.prediction_records import (
    CSV,
    PARQUET,
    SPANS,
    TSV,
    RecordLayout,
    RecordRenderer,
)
from nlpseq.safe_text import for_json, for_terminal, show

if TYPE_CHECKING:
    import pyarrow as pa


ATTENTION = "attention"
"""The value of `--explain` that shows attention weights."""


class PredictedChunk(NamedTuple):
    """Items and a prediction for each."""

    items: list[Item]
    predictions: list[Prediction]

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The columns of the items; none where they are texts."""
        return [item.columns if isinstance(item, TableRow) else {} for item in self.items]


@dataclass(frozen=True)
class PredictionWriter:
    """Predicts texts chunk by chunk, and renders or writes the predictions.

    Attributes:
        predictor: for any task.
        format: a key of `FORMATS`, one of `TABLES`, or None for the default of its predictions.
        explain: `gradients` or `leave-one-out`: compute contributions of tokens; `attention`: show the weights of
            the prediction; empty: neither.
        explain_label: the label to which contributions are computed, of a model of several labels; None: what is
            predicted.
        options: keys of [decoding] that were given, for a `TextGenerator`.
        seed: for the first chunk; each further chunk adds 1, so that it draws other samples.
        pretokenized: the texts are cut into tokens already.
        progress: show the number of predictions on standard error.
        settings: kept beside a partial file, which can be resumed only with the same ones.
        text_name: the words before the number of a text in messages, such as `input.txt, line`.
        layout: columns of records; rows of a table are written as such, and texts where the format has columns.
        as_table: the items are rows of a table.
        schema: types of its columns, if they are not text.
    """

    predictor: Predictor[Any]
    format: str | None = None
    explain: str = ""
    explain_label: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    pretokenized: bool = False
    progress: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    text_name: str = "text"
    layout: RecordLayout = RecordLayout(probabilities=True)
    as_table: bool = False
    schema: "pa.Schema | None" = None

    @property
    def chunk_size(self) -> int:
        """The number of texts that are predicted at a time."""
        generates = isinstance(self.predictor, TextGenerator)
        return text_input.GENERATION_CHUNK_SIZE if generates else text_input.CHUNK_SIZE

    @property
    def has_records(self) -> bool:
        """Return whether predictions are written with columns beside them."""
        return self.format in (CSV, TSV) or (self.as_table and self.format in ("json", SPANS))

    def render(
        self,
        texts: Iterator[Item],
        *,
        terminal: bool = False,
        first_chunk: int = 0,
        names: Sequence[str] = (),
    ) -> Iterator[str]:
        """Yield the predictions as text, one string for each chunk (and one for the end of a page)."""
        chunks = self._chunks(texts, first_chunk)
        if self.has_records:
            renderer = RecordRenderer(self.layout, self.format or "json", names)
            contents = (renderer.render(chunk.rows, chunk.predictions) for chunk in chunks)
            if not terminal:
                return contents
            return map(for_json if self.format == "json" else for_terminal, contents)
        return predictions.render(
            (chunk.predictions for chunk in chunks),
            self.format,
            explain=bool(self.explain),
            terminal=terminal,
            tokens=self.layout.tokens,
            probabilities=self.layout.probabilities,
        )

    def write(self, output: Path, texts: Iterator[Item], *, resume: bool = False) -> None:
        """Write the predictions to a file.

        Raises:
            UserError: the file cannot be written, a partial file does not fit these texts, or a text cannot be
                read or predicted; predictions so far stay in the partial file.
        """
        if self.format in ("html", PARQUET):
            self._write_at_once(output, texts)
            return
        rest = RemainingTexts(texts)
        if resume and is_partial(output):
            check_same_settings(output, self.settings)  # the model is known now
            rest = self._skip_predicted(partial_of(output), texts)
        with GrowingFile(output, rest.num_bytes, self.settings) as file:
            contents = self.render(rest.texts, first_chunk=rest.num_chunks, names=rest.names)
            try:
                for content in contents:
                    file.append(content)
            except UserError as error:
                if not is_partial(output):
                    raise
                raise UserError(
                    f"{error}; the predictions so far are in {partial_of(output)}, continue with --resume"
                ) from error
            file.finish()

    def _write_at_once(self, output: Path, texts: Iterator[Item]) -> None:
        """Write a file that cannot be continued."""
        if self.format == PARQUET:
            from nlpseq.reporting.prediction_parquet import write_parquet

            chunks = ((chunk.rows, chunk.predictions) for chunk in self._chunks(texts, 0))
            write_parquet(output, chunks, self.layout, self.schema)
        else:
            write_lines(output, self.render(texts))
        discard_partial(output)

    def draw_attention(self, texts: Sequence[Item], folder: Path) -> None:
        """Draw what each token of an output attended to: one figure for each text, and a page of all.

        Raises:
            UserError: the files cannot be written, or the model does not generate text.
        """
        from nlpseq.analysis.attention_plots import draw

        if not isinstance(self.predictor, TextGenerator):
            raise UserError(f"a {self.predictor.name} has no attention of outputs to draw")
        options = {name: value for name, value in self._options(0).items() if name != "num_return"}
        draw(self.predictor.attention([strings_of(text)[0] for text in texts], **options), folder)

    def _chunks(self, texts: Iterator[Item], first_chunk: int) -> Iterator[PredictedChunk]:
        chunks = self._predict(texts, first_chunk)
        if self.progress:
            chunks = show_progress(chunks, first_chunk * self.chunk_size, self.chunk_size)
        if not self.explain:
            return chunks
        return map(_check_explained, chunks)

    def _predict(self, items: Iterator[Item], first_chunk: int) -> Iterator[PredictedChunk]:
        for number, chunk in enumerate(text_input.chunks(items, self.chunk_size), first_chunk):
            texts: list[Any] = [text_of(item) for item in chunk]
            try:
                yield PredictedChunk(chunk, self._predict_chunk(texts, number))
            except TextError as error:
                item = chunk[error.index]
                where = f"{self.text_name} {number * self.chunk_size + error.index + 1}"
                where = item.where if isinstance(item, TableRow) else where
                raise UserError(f"{where}: {error.reason}") from error

    def _predict_chunk(self, texts: list[Any], number: int) -> list[Prediction]:
        if isinstance(self.predictor, TextGenerator):
            return [*self.predictor.predict(texts, **self._options(number))]
        if self.explain in ("", ATTENTION):
            return self.predictor.predict(texts, **self._cutting)
        return self._explain(texts)

    def _explain(self, chunk: list[Any]) -> list[Prediction]:
        if not isinstance(self.predictor, Explainer):
            raise UserError(
                f"--explain {self.explain}: a {self.predictor.name} has no `explain`; use --explain attention"
            )
        options = self._cutting | ({"label": self.explain_label} if self.explain_label else {})
        return [*self.predictor.explain(chunk, method=self.explain, **options)]

    def _options(self, chunk: int) -> dict[str, Any]:
        seed = {} if self.seed is None else {"seed": self.seed + chunk}
        return {**self.options, **seed, **self._cutting}

    @property
    def _cutting(self) -> dict[str, Any]:
        return {"pretokenized": True} if self.pretokenized else {}

    def _skip_predicted(self, partial: Path, texts: Iterator[Item]) -> RemainingTexts:
        kind = self.predictor.prediction_type
        format = self.format or predictions.default_format(kind)
        if format in (CSV, TSV):
            rest = skip_records(partial, self.layout, texts, self.chunk_size)
        else:
            rest = skip_predicted(partial, format, texts, self.chunk_size, one_line=kind.one_line)
        count = rest.num_chunks * self.chunk_size
        show(f"Continuing after {count:,} predictions in {partial}", file=sys.stderr)
        return rest


def _check_explained(chunk: PredictedChunk) -> PredictedChunk:
    predictions.check_explanations(chunk.predictions)
    return chunk


def show_progress(
    chunks: Iterator[PredictedChunk], done: int, chunk_size: int
) -> Iterator[PredictedChunk]:
    """Pass chunks on, and show on one line of standard error how many texts are done, and how fast.

    Args:
        chunks: of predictions.
        done: predictions from an earlier, interrupted command.
        chunk_size: nothing is shown for fewer texts.
    """
    start, count = time.monotonic(), 0
    try:
        for chunk in chunks:
            yield chunk
            count += len(chunk.items)
            if count >= chunk_size:
                rate = count / max(time.monotonic() - start, 1e-9)
                line = f"{done + count:,} predictions, {rate:,.1f} per second"
                print(f"\r{line:<50}", end="", file=sys.stderr, flush=True)
    finally:
        if count >= chunk_size:
            print(file=sys.stderr)
