"""Pretrained word vectors: find the file, read it, and fit the vectors to a vocabulary.

Formats: GloVe text (`word v1 ... vD`), word2vec text (the same after a line `V D`), both also as `.gz`,
and safetensors with one two-dimensional tensor. The words of a safetensors file are a JSON list under
`vocabulary` in its metadata, or a file of the same name: `.json` (a list, or word = row) or `.txt` (one
word on each line).
"""

import gzip
import json
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nlpseq.errors import UserError

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Coverage:
    """Share of a vocabulary that has a pretrained vector.

    Attributes:
        file: file of the vectors.
        exact: number of words with a vector for their exact spelling.
        lowered: number of words with a vector for their lower-case form only.
        missing: number of words with a random vector.
        tokens: share of the training tokens that is covered; share of the words if there are no counts.
    """

    file: Path
    exact: int
    lowered: int
    missing: int
    tokens: float

    def __str__(self) -> str:
        types = self.exact + self.lowered + self.missing
        return (
            f"{self.file.name}: {self.exact + self.lowered:,} of {types:,} words covered "
            f"({self.lowered:,} by lower-casing), {self.tokens:.1%} of the tokens"
        )


class Vectors(NamedTuple):
    """Vectors for the words of a vocabulary, and for further words of the file.

    Attributes:
        weight: (V, D) vectors of the vocabulary.
        covered: (V,) True at vectors from the file.
        coverage: statistics of `covered`.
        extra_words: E words of the file that the vocabulary lacks, in the file's order.
        extra: (E, D) vectors of the extra words.
    """

    weight: Tensor
    covered: Tensor
    coverage: Coverage
    extra_words: list[str]
    extra: Tensor

    @property
    def table(self) -> Tensor:
        """(V + E, D) all vectors, for `TokenEmbedding.load`."""
        return torch.cat([self.weight, self.extra])


def no_word(word: str) -> bool:
    """Return False: the default `extend` of `load_vectors` takes no extra word."""
    return False


def load_vectors(
    name: str,
    vocabulary: Sequence[str],
    dim: int,
    folders: Sequence[str | Path] = (),
    *,
    counts: Sequence[int] = (),
    seed: int = 0,
    extend: Callable[[str], bool] = no_word,
) -> Vectors:
    """Read the vectors of a vocabulary.

    A word is looked up as it is spelt, then in lower case. Missing vectors are drawn from a normal
    distribution with the standard deviation of the vectors in the file.

    Args:
        name: the file, see `search_paths`; `.gz` may be left out.
        vocabulary: V words, by id.
        dim: components D of the embedding.
        folders: further folders to search (the recipe's data folder).
        counts: occurrences of each word in train, for the coverage; empty: each word counts once.
        seed: of the random vectors.
        extend: chooses words of the file that are read although the vocabulary lacks them, for
            `Tokenizer.with_words`; usually `Tokenizer.produces`.

    Raises:
        UserError: the file is missing, damaged or of another dimension, a line has another width, or
            no word of the vocabulary is in the file.
    """
    file = find_vectors(name, folders)
    own = set(vocabulary)
    wanted = own | {word.lower() for word in vocabulary}
    read = _read_vectors(file, lambda word: word in wanted or extend(word), dim)
    rows = [read.get(word, read.get(word.lower())) for word in vocabulary]
    covered = torch.tensor([row is not None for row in rows])
    if not covered.any():
        raise UserError(
            f"vectors {file}: it has none of the {len(vocabulary)} words of the vocabulary"
        )
    known = _stack([row for row in rows if row is not None], dim)
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(len(vocabulary), dim, generator=random) * known.std()  # (V, D)
    weight[covered] = known
    exact = sum(word in read for word in vocabulary)
    coverage = _measure_coverage(file, covered, exact, counts)
    extra_words = [word for word in read if word not in own and extend(word)]
    extra = _stack([read[word] for word in extra_words], dim)
    return Vectors(weight, covered, coverage, extra_words, extra)


def _measure_coverage(file: Path, covered: Tensor, exact: int, counts: Sequence[int]) -> Coverage:
    """Count the covered words (V,), `exact` of which are covered as they are spelt."""
    frequency = torch.tensor(counts or [1] * len(covered), dtype=torch.float64)
    total = int(covered.sum())
    tokens = float(frequency[covered].sum() / frequency.sum())
    return Coverage(file, exact, total - exact, len(covered) - total, tokens)


def _stack(vectors: Sequence[Vector], dim: int) -> Tensor:
    """Return vectors as one tensor (N, D); N may be 0."""
    return torch.from_numpy(np.array(vectors, dtype=np.float32).reshape(-1, dim))


def find_vectors(name: str, folders: Sequence[str | Path]) -> Path:
    """Return the first existing file of `search_paths`, or the same with `.gz`.

    Raises:
        UserError: there is none; the message lists the folders, and a file with a similar name.
    """
    tried = search_paths(name, folders)
    for path in tried:
        for file in (path, path.with_name(f"{path.name}.gz")):
            if file.is_file():
                return file
    searched = dict.fromkeys(path.parent for path in tried)
    where = ", ".join(map(str, searched))
    stem = Path(name).name.split(".txt")[0]
    near = sorted(
        {str(file) for folder in searched for file in folder.glob("*") if stem in file.name}
    )
    hint = f"; there is {near[0]}" if near else ""
    raise UserError(f"vectors {name} not found, nor with .gz, in {where}{hint}")


def search_paths(name: str, folders: Sequence[str | Path]) -> list[Path]:
    """Return the paths at which a file of vectors is searched, in order.

    The path itself (relative to the working directory), then each folder, its subfolder `embeddings`,
    and the folders `embeddings` next to it and next to its parent (data/lm/ptb finds data/embeddings).
    """
    if Path(name).is_absolute():
        return [Path(name)]
    paths = [Path.cwd() / name]
    for folder in folders:
        path = Path(folder).resolve()
        near = [path, *[parent / "embeddings" for parent in (path, *list(path.parents)[:2])]]
        paths += [directory / name for directory in near]
    return list(dict.fromkeys(paths))


def _read_vectors(file: Path, wanted: Callable[[str], bool], dim: int) -> dict[str, Vector]:
    """Read the vectors of the wanted words, in the file's order; a word's first vector counts."""
    vectors: dict[str, Vector] = {}
    try:
        with warnings.catch_warnings(action="error", category=DeprecationWarning):
            for word, vector in _iter_vectors(file, wanted, dim):
                vectors.setdefault(word, vector)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"vectors {file}: damaged or cut short: {error}") from error
    for word, vector in vectors.items():
        if not np.isfinite(vector.sum()):
            raise UserError(
                f"vectors {file}: the vector of {word!r} has a component that is not finite"
            )
    return vectors


def _iter_vectors(
    file: Path, wanted: Callable[[str], bool], dim: int
) -> Iterator[tuple[str, Vector]]:
    if file.suffix == ".safetensors":
        yield from _read_safetensors(file, wanted, dim)
    else:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            yield from _read_text(file, stream, wanted, dim)


def _read_text(
    file: Path, stream: BinaryIO | gzip.GzipFile, wanted: Callable[[str], bool], dim: int
) -> Iterator[tuple[str, Vector]]:
    """Yield the wanted words of a text file; of all other lines only the width is checked."""
    first = True
    for number, line in enumerate(stream, start=1):
        fields = line.split()
        if not fields or (number == 1 and len(fields) == 2 and all(f.isdigit() for f in fields)):
            continue  # an empty line, or the header of word2vec's format
        if len(fields) != dim + 1 and not _is_phrase(fields, dim):
            raise _wrong_width(file, number, len(fields) - 1, dim, first)
        first = False
        begin = line.rstrip().rsplit(None, dim)[0] if len(fields) > dim + 1 else fields[0]
        word = begin.decode(errors="replace")
        if wanted(word) and "\N{REPLACEMENT CHARACTER}" not in word:
            yield word, _parse(file, number, fields[-dim:])


def _parse(file: Path, number: int, fields: list[bytes]) -> Vector:
    """Parse the numbers of a line; numpy's warning about other text is an error here."""
    try:
        return np.fromstring(b" ".join(fields), dtype=np.float32, sep=" ")
    except (ValueError, DeprecationWarning) as error:
        raise UserError(f"vectors {file}, line {number}: not a number: {error}") from error


def _is_phrase(fields: list[bytes], dim: int) -> bool:
    """Return whether a wide line is a word with spaces (glove.840B has `. . .`), not extra numbers."""
    return len(fields) > dim + 1 and not any(_is_number(field) for field in fields[1:-dim])


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _wrong_dim(file: Path, width: int, dim: int) -> UserError:
    return UserError(
        f"vectors {file} have {width} components, embedding.dim is {dim}: set embedding.dim={width}"
    )


def _wrong_width(file: Path, number: int, width: int, dim: int, first: bool) -> UserError:
    if first:
        return _wrong_dim(file, width, dim)
    return UserError(
        f"vectors {file}, line {number}: {width} numbers where the lines before have {dim}"
    )


def _read_safetensors(
    file: Path, wanted: Callable[[str], bool], dim: int
) -> Iterator[tuple[str, Vector]]:
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
        raise _wrong_dim(file, table.size(1), dim)
    values = table.float().numpy()
    return ((word, values[row]) for row, word in enumerate(words) if wanted(word))


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
