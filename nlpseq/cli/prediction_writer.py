"""What `nlpseq predict` does with a predictor: answers chunk by chunk, printed or kept in a file that grows.

A file is FILE.partial until its last answer is written, each chunk safe on the disk before the next is
begun. Whatever stops the work leaves it, and `--resume` goes on behind its last whole chunk: chunks are
then made up as they would have been, and the file ends with the same bytes as one never interrupted.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from nlpseq.cli import text_input
from nlpseq.cli.prediction_resume import check_same_maker, read_past
from nlpseq.errors import TextError, UserError
from nlpseq.files import GrowingFile, discard_partial, is_partial, names_of, partial_of, write_lines
from nlpseq.reporting import predictions

MOST_PICTURES = 50
AHEAD = 100
"""How many texts are read before a model is loaded, so that what is wrong with them is said at once."""


class Start(NamedTuple):
    """Where the work begins: the texts not yet answered, the chunks that are, and how many bytes they are."""

    texts: Iterator[str]
    chunks: int = 0
    kept: int = 0


class Tally:
    """Texts, counted as they are asked for."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = next(self._texts)
        self.count += 1
        return text


def begins(
    output: Path | None,
    *,
    source: Path | None = None,
    form: str | None,
    explain: bool,
    resume: bool,
    overwrite: bool,
) -> bool:
    """Whether there is something to do; False if `output` is complete and was to be resumed.

    Raises:
        UserError: `output` cannot be written, or is the file of the texts (`source`); or a part of it is there
            and nobody said what to do with it; what is in this form cannot go on.
    """
    if output is None:
        if resume or overwrite:
            option = "--resume" if resume else "--overwrite"
            raise UserError(f"{option} is for answers in a file: name it with --output")
        return True
    if source is not None and any(_same(source, written) for written in names_of(output)):
        raise UserError(
            f"--output {output}: would be written over the --file of the texts; name another"
        )
    if output.is_dir():
        raise UserError(f"--output {output}: is a folder; name a file")
    if output.exists() and not output.is_file():
        raise UserError(
            f"--output {output}: not a regular file; without --output, answers go to standard output"
        )
    if resume and form == "html":
        raise UserError("--resume does not go with --format html: a page is written whole")
    if resume and form == "text" and explain:
        raise UserError("--resume does not go with --explain: its answers are of several lines")
    partial = is_partial(output)
    if partial and not resume and not overwrite:
        raise UserError(
            f"{partial_of(output)} holds answers of an interrupted prediction: --resume goes on, "
            "--overwrite starts again"
        )
    return partial or not resume or not output.exists()


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


@dataclass(frozen=True)
class Prediction:
    """A predictor, and what is asked of it.

    Attributes:
        predictor: of any task.
        form: text, json, conll or html; None: what fits the answers.
        explain: show what a classifier attends to.
        options: keys of [decoding] that were given, for a predictor that writes.
        seed: of the first chunk; each further one takes the next number, or their draws would be the same.
        progress: count on standard error.
        run: by which the predictor was found; answers in a file are gone on with by no other.
        place: how the number of a text is introduced, such as `input.txt, line`.
    """

    predictor: Any
    form: str | None = None
    explain: bool = False
    options: dict[str, Any] | None = None
    seed: int | None = None
    progress: bool = False
    run: str = ""
    place: str = "text"

    @property
    def writes(self) -> bool:
        """Whether answers are texts that the model writes, token by token."""
        return getattr(self.predictor, "decoding", False)

    @property
    def chunk_size(self) -> int:
        """How many texts are answered at a time."""
        return text_input.WRITING_CHUNK if self.writes else text_input.CHUNK

    def pieces(
        self, texts: Iterator[str], *, terminal: bool = False, first_chunk: int = 0
    ) -> Iterator[str]:
        """The answers as they are printed, one piece a chunk (and the end of a page)."""
        found = self._answers(texts, first_chunk)
        if self.progress:
            found = counted(found, first_chunk * self.chunk_size, self.chunk_size)
        return predictions.render(found, self.form, explain=self.explain, terminal=terminal)

    def write(self, output: Path, texts: Iterator[str], *, resume: bool = False) -> None:
        """Write the answers into a file.

        Raises:
            UserError: the file cannot be written, what is to be resumed does not fit these texts, or a text
                is none; what is answered by then stays in the partial file.
        """
        if self.form == "html":
            write_lines(output, self.pieces(texts))
            discard_partial(output)
            return
        start = self._resumed(output, texts) if resume and is_partial(output) else Start(texts)
        with GrowingFile(output, start.kept, self._made_by()) as file:
            try:
                for piece in self.pieces(start.texts, first_chunk=start.chunks):
                    file.append(piece)
            except UserError as error:
                if not is_partial(output):
                    raise
                raise UserError(
                    f"{error}; the answers so far are in {partial_of(output)}, --resume goes on"
                ) from error
            file.finish()

    def draw_attention(self, texts: Sequence[str], folder: Path) -> None:
        """Draw what each token of an output attended to: a figure a text, and one page of all.

        Raises:
            UserError: the files cannot be written.
        """
        from nlpseq.analysis.attention_plots import draw

        options = {name: value for name, value in self._given(0).items() if name != "num_return"}
        draw(self.predictor.attention(texts, **options), folder)

    def _answers(
        self, texts: Iterator[str], first_chunk: int
    ) -> Iterator[list[predictions.Answer]]:
        for number, chunk in enumerate(text_input.chunks(texts, self.chunk_size), first_chunk):
            try:
                yield self.predictor.predict(chunk, **self._given(number))
            except TextError as error:
                first = number * self.chunk_size
                raise UserError(
                    f"{self.place} {first + error.index + 1}: {error.reason}"
                ) from error

    def _given(self, chunk: int) -> dict[str, Any]:
        seed = {} if self.seed is None else {"seed": self.seed + chunk}
        return {**(self.options or {}), **seed}

    def _made_by(self) -> dict[str, Any]:
        """What the answers hang on, beside the texts; of the form they tell themselves."""
        return {"run": self.run, "seed": self.seed, **(self.options or {})}

    def _resumed(self, output: Path, texts: Iterator[str]) -> Start:
        form = self.form or ("text" if self.writes else "json")
        partial, size = partial_of(output), self.chunk_size
        check_same_maker(output, self._made_by())
        ahead, chunks, kept = read_past(partial, form, texts, size, one_line=self.writes)
        print(f"Going on behind {chunks * size:,} answers in {partial}", file=sys.stderr)
        return Start(chain(ahead, texts), chunks, kept)


def counted(
    chunks: Iterator[list[predictions.Answer]], done: int, size: int
) -> Iterator[list[predictions.Answer]]:
    """Say on standard error, in one line, how many texts are answered and how many were a second.

    Args:
        chunks: of answers.
        done: answers from before.
        size: of a chunk; of fewer texts nothing is said.
    """
    begin, number = time.monotonic(), 0
    try:
        for chunk in chunks:
            yield chunk
            number += len(chunk)
            if number >= size:
                rate = number / max(time.monotonic() - begin, 1e-9)
                line = f"{done + number:,} texts answered, {rate:,.1f} a second"
                print(f"\r{line:<50}", end="", file=sys.stderr, flush=True)
    finally:
        if number >= size:
            print(file=sys.stderr)
