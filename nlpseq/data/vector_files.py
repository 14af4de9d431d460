"""Files of word vectors: GloVe and word2vec text, fastText's .vec, word2vec binary, and safetensors.

Text and binary files may be compressed. A zip with several files, as GloVe's, is read where the name says the
dimension: `glove.6B.100d.txt`.
"""

import json
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nlpseq.errors import UserError
from nlpseq.readers.compression import compression_of, members, open_bytes, split_member

Vector = npt.NDArray[np.float32]
Wanted = Callable[[str], bool]

HEADER = re.compile(rb"\s*([0-9]+)\s+([0-9]+)\s*")
"""Words and components, the first line of word2vec's and fastText's formats."""
BOM = b"\xef\xbb\xbf"
FASTTEXT_MODEL = b"\xba\x16\x4f\x2f"
NUMBERS = frozenset(b"0123456789+-.eEnaifNAIF \t\r\n")
START = 1 << 16
JUDGED = 100
"""Lines after which a file with more odd lines than others is refused."""


class VectorReader:
    """Reads the vectors of wanted words; odd lines are skipped and counted.

    Attributes:
        file: of the vectors.
        odd: number of lines that are no vector of `dim` components.
        first_odd: the error that the first of them is, without other lines.
    """

    def __init__(self, file: Path, dim: int) -> None:
        self.file, self.dim = file, dim
        self.odd = 0
        self.first_odd = ""
        self._good = 0

    def read(self, wanted: Wanted) -> dict[str, Vector]:
        """Read the vectors of the wanted words, in the file's order; a word's first vector counts.

        Raises:
            UserError: the file is damaged, of another dimension, or has more odd lines than others.
        """
        vectors: dict[str, Vector] = {}
        with warnings.catch_warnings(action="error", category=DeprecationWarning):
            for word, vector in self._iterate(wanted):
                vectors.setdefault(word, vector)
        return vectors

    def _iterate(self, wanted: Wanted) -> Iterator[tuple[str, Vector]]:
        if self.file.suffix == ".safetensors":
            yield from read_safetensors(self.file, wanted, self.dim)
            return
        file = choose_member(self.file, self.dim)
        if file.suffix == ".gz" and not compression_of(file):
            raise UserError(f"vectors {file}: damaged: not a gzip file")
        try:
            with open_bytes(file) as stream:
                start = stream.read(START)
            with open_bytes(file) as stream:
                if is_binary(self.file, start):
                    yield from self._read_binary(stream, wanted)
                else:
                    yield from self._read_text(stream, wanted)
        except UserError as error:
            message = str(error)
            raise UserError(
                message if message.startswith("vectors ") else f"vectors {message}"
            ) from error

    def _read_text(self, stream: BinaryIO, wanted: Wanted) -> Iterator[tuple[str, Vector]]:
        """Yield the wanted words of a text file; of all other lines only the width is checked."""
        for number, line in enumerate(stream, start=1):
            line = line.removeprefix(BOM) if number == 1 else line
            fields = line.split()
            if number == 1 and (header := HEADER.fullmatch(line)):
                self._check_dim(int(header[2]))
                continue
            if not fields:
                continue
            if len(fields) != self.dim + 1 and not _is_phrase(fields, self.dim):
                if _is_vector(fields):
                    reason = f"{len(fields) - 1} numbers where {self.dim} are expected"
                else:
                    reason = f"no word vector, which is a word and {self.dim} numbers"
                self._skip(number, reason)
                if self._good == 0 and self.odd == 1 and _is_vector(fields):
                    self.first_odd = _wrong_dim(self.file, len(fields) - 1, self.dim)
                continue
            begin = (
                line.rstrip().rsplit(None, self.dim)[0] if len(fields) > self.dim + 1 else fields[0]
            )
            try:
                word = begin.decode()
            except UnicodeDecodeError:
                self._skip(number, "not UTF-8")
                continue
            if not wanted(word):
                self._good += 1
                continue
            try:
                vector = np.fromstring(b" ".join(fields[-self.dim :]), dtype=np.float32, sep=" ")
            except (ValueError, DeprecationWarning) as error:
                self._skip(number, f"not a number: {error}")
                continue
            yield from self._if_finite(word, vector, number)
        if self.odd > self._good:
            raise UserError(self.first_odd)

    def _read_binary(self, stream: BinaryIO, wanted: Wanted) -> Iterator[tuple[str, Vector]]:
        """Yield the wanted words of word2vec's binary format: a word, a space, little-endian numbers."""
        header = HEADER.fullmatch(stream.readline())
        assert header is not None  # as `is_binary` found it
        total = int(header[1])
        self._check_dim(int(header[2]))
        width = 4 * self.dim
        buffer, position = b"", 0
        for number in range(1, total + 1):
            while (end := buffer.find(b" ", position)) < 0 or len(buffer) < end + 1 + width:
                more = stream.read(1 << 20)
                if not more:
                    raise UserError(
                        f"vectors {self.file}: cut short: {number - 1:,} of {total:,} words are in it"
                    )
                buffer, position = buffer[position:] + more, 0
            raw = buffer[position:end].lstrip(b"\n")
            position = end + 1 + width
            try:
                word = raw.decode()
            except UnicodeDecodeError:
                self._skip(number, "not UTF-8")
                continue
            if wanted(word):
                vector = np.frombuffer(buffer, dtype="<f4", count=self.dim, offset=end + 1)
                yield from self._if_finite(word, vector.astype(np.float32), number)

    def _if_finite(self, word: str, vector: Vector, number: int) -> Iterator[tuple[str, Vector]]:
        if np.isfinite(vector.sum()):
            self._good += 1
            yield word, vector
        else:
            self._skip(number, f"the vector of {word!r} has a component that is not finite")

    def _skip(self, number: int, reason: str) -> None:
        self.odd += 1
        self.first_odd = self.first_odd or f"vectors {self.file}, line {number}: {reason}"
        if self.odd + self._good >= JUDGED and self.odd > self._good:
            raise UserError(self.first_odd)

    def _check_dim(self, width: int) -> None:
        if width != self.dim:
            raise UserError(_wrong_dim(self.file, width, self.dim))


def is_binary(file: Path, start: bytes) -> bool:
    """Return whether a file begins as word2vec's binary format.

    Args:
        file: for messages.
        start: the first bytes.

    Raises:
        UserError: it is a model of fastText.
    """
    if start.startswith(FASTTEXT_MODEL):
        raise UserError(f"vectors {file}: a model of fastText; give its vectors, the .vec file")
    first, _, rest = start.partition(b"\n")
    header = HEADER.fullmatch(first)
    if header is None:
        return False
    numbers = rest.partition(b" ")[2][: 4 * int(header[2])]
    return not NUMBERS.issuperset(numbers.partition(b"\n")[0])


def choose_member(file: Path, dim: int) -> Path:
    """Return the path of the file of `dim` components in a zip; other files are returned as they are.

    Raises:
        UserError: the zip has several files, and not exactly one has the dimension in its name.
    """
    archive, member = split_member(file)
    if member or not archive.is_file() or compression_of(archive) != "zip":
        return file
    with zipfile.ZipFile(archive) as content:
        names = members(content)
    fitting = [name for name in names if re.search(rf"(?<![0-9]){dim}d?(?![0-9a-z])", name)]
    if len(names) == 1 or len(fitting) == 1:
        return file / (fitting or names)[0]
    raise UserError(
        f"vectors {file}: {len(fitting)} of its files have embedding.dim={dim} in their names; name one: "
        f"{file.name}/{(fitting or names or ['FILE'])[0]}; it has {', '.join(names[:8])}"
    )


def _is_phrase(fields: list[bytes], dim: int) -> bool:
    """Return whether a wide line is a word with spaces (glove.840B has `. . .`), not extra numbers."""
    return len(fields) > dim + 1 and not any(_is_number(field) for field in fields[1:-dim])


def _is_vector(fields: list[bytes]) -> bool:
    """Return whether the fields of a line are a word and several numbers."""
    return len(fields) > 2 and all(map(_is_number, fields[1:]))


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _wrong_dim(file: Path, width: int, dim: int) -> str:
    return (
        f"vectors {file} have {width} components, embedding.dim is {dim}: set embedding.dim={width}"
    )


def read_safetensors(file: Path, wanted: Wanted, dim: int) -> Iterator[tuple[str, Vector]]:
    """Yield the wanted words of a safetensors file.

    Raises:
        UserError: the file is damaged, of another dimension, or has no list of words.
    """
    try:
        with safe_open(file, framework="pt") as content:
            names = list(content.keys())
            if len(names) != 1:
                raise UserError(f"vectors {file}: {len(names)} tensors, but the file must hold one")
            table: Tensor = content.get_tensor(names[0])
            words = _read_vocabulary(file, content.metadata() or {})
    except SafetensorError as error:
        raise UserError(f"vectors {file}: damaged, or not a safetensors file: {error}") from error
    if table.dim() != 2 or len(table) != len(words):
        raise UserError(
            f"vectors {file}: {len(words)} words for a tensor of shape {tuple(table.shape)}"
        )
    if table.size(1) != dim:
        raise UserError(_wrong_dim(file, table.size(1), dim))
    values = table.float().numpy()
    for row, word in enumerate(words):
        if wanted(word):
            if not np.isfinite(values[row].sum()):
                raise UserError(
                    f"vectors {file}: the vector of {word!r} has a component that is not finite"
                )
            yield word, values[row]


def _read_vocabulary(file: Path, metadata: Mapping[str, str]) -> list[str]:
    as_json, as_text = file.with_suffix(".json"), file.with_suffix(".txt")
    if "vocabulary" not in metadata and not as_json.is_file():
        if not as_text.is_file():
            raise UserError(
                f"vectors {file}: the file has no words; put them under `vocabulary` in its "
                f"metadata, or into {as_json.name} or {as_text.name} in the same folder"
            )
        return as_text.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    try:
        text = metadata.get("vocabulary") or as_json.read_text(encoding="utf-8")
        words = json.loads(text)
    except ValueError as error:
        raise UserError(f"vectors {file}: its list of words is not JSON: {error}") from error
    return sorted(words, key=words.__getitem__) if isinstance(words, dict) else list(words)
