"""Writing of predictions, chunk by chunk, to standard output or to a file that grows.

A file is FILE.partial until its last prediction is written; each chunk is on the disk before the next is begun.
After any interruption `--resume` continues after the last complete chunk, and splits the remaining texts as they
would have been split: the file ends with the same bytes as one that was never interrupted.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlpseq.cli import text_input
from nlpseq.cli.prediction_resume import RemainingTexts, check_same_settings, skip_predicted
from nlpseq.cli.text_input import TextOrPair
from nlpseq.errors import TextError, UserError
from nlpseq.files import GrowingFile, discard_partial, is_partial, names_of, partial_of, write_lines
from nlpseq.predictor import FORMATS, Explainer, Prediction, Predictor, TextGenerator
from nlpseq.reporting import predictions

_MIN_FREE_BYTES = 2**20
ATTENTION = "attention"
"""The value of `--explain` that shows attention weights."""


def check_output(
    output: Path | None,
    *,
    source: Path | None = None,
    format: str | None = None,
    explain: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Check that predictions can be written to a file as the options say; nothing is written.

    Args:
        output: the file; None for standard output.
        source: the file of the texts.
        format: a key of `FORMATS`, or None for the default.
        explain: show what a classifier attended to.
        resume: continue after the predictions in a partial file.
        overwrite: discard a partial file.
        settings: what a partial file must have been written with, to be resumed.

    Raises:
        UserError: the file cannot be written, or is the file of the texts; a partial file is there without
            `resume` or `overwrite`, or does not fit; the options contradict each other.
    """
    if output is None:
        if resume or overwrite:
            option = "--resume" if resume else "--overwrite"
            raise UserError(f"{option} is for predictions in a file; name it with --output")
        return
    _check_file(output, source, format)
    if resume and format == "html":
        raise UserError("--resume cannot be used with --format html: a page is written as a whole")
    if resume and format == "text" and explain:
        raise UserError(
            "--resume cannot be used with --explain: its predictions have several lines"
        )
    if is_partial(output):
        _check_partial(output, resume=resume, overwrite=overwrite, settings=settings or {})
    if not is_complete(output, resume=resume):
        check_output_folder(output.parent, f"--output {output}")


def _check_file(output: Path, source: Path | None, format: str | None) -> None:
    """Check that the output is, or can become, a regular file other than that of the texts."""
    if source is not None and any(_is_same_file(source, name) for name in names_of(output)):
        raise UserError(
            f"--output {output}: would overwrite the --file of the texts; name another file"
        )
    if output.is_dir():
        example = output / f"predictions{FORMATS[format or 'json'].suffix}"
        raise UserError(f"--output {output}: is a folder; name a file, such as {example}")
    if output.exists() and not output.is_file():
        raise UserError(
            f"--output {output}: not a regular file; without --output, predictions are printed"
        )


def is_complete(output: Path | None, *, resume: bool) -> bool:
    """Return whether a file that is to be resumed is complete, so that nothing is left to predict."""
    return output is not None and resume and output.exists() and not is_partial(output)


def check_output_folder(folder: Path, name: str) -> None:
    """Check that files can be written in a folder, or the folder be created.

    Raises:
        UserError: it cannot be, or the disk is full; the message begins with `name`.
    """
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise UserError(f"{name}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{name}: cannot be written, no permission to write in {existing}")
    with suppress(OSError):  # a file system that does not tell
        usage = shutil.disk_usage(existing)
        if usage.free < _MIN_FREE_BYTES < usage.total:
            raise UserError(f"{name}: no space left on the disk; free some")


def _check_partial(
    output: Path, *, resume: bool, overwrite: bool, settings: Mapping[str, Any]
) -> None:
    if resume:
        check_same_settings(output, settings)
    elif not overwrite:
        raise UserError(
            f"{partial_of(output)} holds an interrupted prediction; continue it with --resume, "
            "or start over with --overwrite"
        )


def _is_same_file(path: Path, other: Path) -> bool:
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()


@dataclass(frozen=True)
class PredictionWriter:
    """Predicts texts chunk by chunk, and renders or writes the predictions.

    Attributes:
        predictor: for any task.
        format: a key of `FORMATS`; None for the default of its predictions.
        explain: `gradients` or `leave-one-out`: compute contributions of tokens; `attention`: show the weights of
            the prediction; empty: neither.
        options: keys of [decoding] that were given, for a `TextGenerator`.
        seed: for the first chunk; each further chunk adds 1, so that it draws other samples.
        pretokenized: the texts are cut into tokens already.
        progress: show the number of predictions on standard error.
        settings: kept beside a partial file, which can be resumed only with the same ones.
        text_name: the words before the number of a text in messages, such as `input.txt, line`.
    """

    predictor: Predictor[Any]
    format: str | None = None
    explain: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    pretokenized: bool = False
    progress: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    text_name: str = "text"

    @property
    def chunk_size(self) -> int:
        """The number of texts that are predicted at a time."""
        generates = isinstance(self.predictor, TextGenerator)
        return text_input.GENERATION_CHUNK_SIZE if generates else text_input.CHUNK_SIZE

    def render(
        self, texts: Iterator[TextOrPair], *, terminal: bool = False, first_chunk: int = 0
    ) -> Iterator[str]:
        """Yield the predictions as text, one string for each chunk (and one for the end of a page)."""
        chunks = self._predict(texts, first_chunk)
        if self.progress:
            chunks = show_progress(chunks, first_chunk * self.chunk_size, self.chunk_size)
        return predictions.render(
            chunks, self.format, explain=bool(self.explain), terminal=terminal
        )

    def write(self, output: Path, texts: Iterator[TextOrPair], *, resume: bool = False) -> None:
        """Write the predictions to a file.

        Raises:
            UserError: the file cannot be written, a partial file does not fit these texts, or a text cannot be
                read or predicted; predictions so far stay in the partial file.
        """
        if self.format == "html":
            write_lines(output, self.render(texts))
            discard_partial(output)
            return
        rest = RemainingTexts(texts)
        if resume and is_partial(output):
            rest = self._skip_predicted(partial_of(output), texts)
        with GrowingFile(output, rest.num_bytes, self.settings) as file:
            try:
                for content in self.render(rest.texts, first_chunk=rest.num_chunks):
                    file.append(content)
            except UserError as error:
                if not is_partial(output):
                    raise
                raise UserError(
                    f"{error}; the predictions so far are in {partial_of(output)}, continue with --resume"
                ) from error
            file.finish()

    def draw_attention(self, texts: Sequence[TextOrPair], folder: Path) -> None:
        """Draw what each token of an output attended to: one figure for each text, and a page of all.

        Raises:
            UserError: the files cannot be written, or the model does not generate text.
        """
        from nlpseq.analysis.attention_plots import draw

        if not isinstance(self.predictor, TextGenerator):
            raise UserError(f"a {self.predictor.name} has no attention of outputs to draw")
        options = {name: value for name, value in self._options(0).items() if name != "num_return"}
        draw(self.predictor.attention([str(text) for text in texts], **options), folder)

    def _predict(self, texts: Iterator[TextOrPair], first_chunk: int) -> Iterator[list[Prediction]]:
        for number, chunk in enumerate(text_input.chunks(texts, self.chunk_size), first_chunk):
            try:
                if isinstance(self.predictor, TextGenerator):
                    yield [*self.predictor.predict(chunk, **self._options(number))]
                elif self.explain in ("", ATTENTION):
                    yield self.predictor.predict(chunk, **self._cutting)
                else:
                    yield self._explain(chunk)
            except TextError as error:
                text = number * self.chunk_size + error.index + 1
                raise UserError(f"{self.text_name} {text}: {error.reason}") from error

    def _explain(self, chunk: Sequence[TextOrPair]) -> list[Prediction]:
        if not isinstance(self.predictor, Explainer):
            raise UserError(
                f"--explain {self.explain}: a {self.predictor.name} has no `explain`; use --explain attention"
            )
        return [*self.predictor.explain(chunk, method=self.explain, **self._cutting)]

    def _options(self, chunk: int) -> dict[str, Any]:
        seed = {} if self.seed is None else {"seed": self.seed + chunk}
        return {**self.options, **seed, **self._cutting}

    @property
    def _cutting(self) -> dict[str, Any]:
        return {"pretokenized": True} if self.pretokenized else {}

    def _skip_predicted(self, partial: Path, texts: Iterator[TextOrPair]) -> RemainingTexts:
        kind = self.predictor.prediction_type
        format = self.format or predictions.default_format(kind)
        rest = skip_predicted(partial, format, texts, self.chunk_size, one_line=kind.one_line)
        count = rest.num_chunks * self.chunk_size
        print(f"Continuing after {count:,} predictions in {partial}", file=sys.stderr)
        return rest


def show_progress(
    chunks: Iterator[list[Prediction]], done: int, chunk_size: int
) -> Iterator[list[Prediction]]:
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
            count += len(chunk)
            if count >= chunk_size:
                rate = count / max(time.monotonic() - start, 1e-9)
                line = f"{done + count:,} predictions, {rate:,.1f} per second"
                print(f"\r{line:<50}", end="", file=sys.stderr, flush=True)
    finally:
        if count >= chunk_size:
            print(file=sys.stderr)
