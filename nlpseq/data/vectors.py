"""Pretrained word vectors: found, read, and fitted to a vocabulary.

Read are GloVe text (`word v1 ... vD`), word2vec text (the same under a line `V D`), both also as
`.gz`, and safetensors: one two-dimensional tensor, its words a JSON list under `vocabulary` in the
file's metadata or in a file of the same name ending in `.json` (a list, or word = row), or `.txt`
(one a line).
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
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
    """How much of a vocabulary has a pretrained vector.

    Attributes:
        file: where the vectors came from.
        exact: word types found as they are spelt.
        lowered: word types found only in lower case.
        missing: word types that were drawn at random.
        tokens: share of the running tokens that is covered; of the types, where no counts were
            given.
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
    """`weight` (V, D), which rows of it are `covered` (V,), and the `coverage` in numbers."""

    weight: Tensor
    covered: Tensor
    coverage: Coverage


def load_vectors(
    name: str,
    vocabulary: Sequence[str],
    dim: int,
    folders: Sequence[str | Path] = (),
    *,
    counts: Sequence[int] = (),
    seed: int = 0,
) -> Vectors:
    """Read the vectors of a vocabulary.

    A word is looked up as it is spelt, then in lower case. What is missing is drawn from a normal
    distribution of the standard deviation of what was found.

    Args:
        name: the file; `.gz` is found unasked. Looked up as it stands, then in each folder, see
            `places`.
        vocabulary: V words, by id.
        dim: components D that the embedding wants.
        folders: where else to look (the recipe's data folder).
        counts: occurrences of each word in train, for the coverage; none given: each word counts
            one.
        seed: of what is drawn.

    Raises:
        UserError: the file is missing (it says where it was looked for), of another dimension,
            damaged, or has a line of another width (named), or none of the words.
    """
    file = find(name, folders)
    wanted = {form for word in vocabulary for form in (word, word.lower())}
    found = _read(file, wanted, dim)
    rows = [found.get(word, found.get(word.lower())) for word in vocabulary]
    covered = torch.tensor([row is not None for row in rows])
    if not covered.any():
        raise UserError(
            f"vectors {file}: it has none of the {len(vocabulary)} words of the vocabulary"
        )
    known = torch.tensor(np.array([row for row in rows if row is not None], dtype=np.float32))
    if not known.isfinite().all():
        row = int((~known.isfinite().all(dim=1)).nonzero()[0])
        word = [word for word, there in zip(vocabulary, covered.tolist(), strict=True) if there][
            row
        ]
        raise UserError(
            f"vectors {file}: the vector of {word!r} has a component that is not finite"
        )
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(len(vocabulary), dim, generator=random) * known.std()  # (V, D)
    weight[covered] = known
    frequency = torch.tensor(counts or [1] * len(vocabulary), dtype=torch.float64)
    exact = sum(word in found for word in vocabulary)
    total = int(covered.sum())
    tokens = float(frequency[covered].sum() / frequency.sum())
    return Vectors(
        weight, covered, Coverage(file, exact, total - exact, len(vocabulary) - total, tokens)
    )


def find(name: str, folders: Sequence[str | Path]) -> Path:
    """The file called `name`, or `name.gz`.

    Raises:
        UserError: it is in none of the places; they are listed, with what lies there that looks
            like it.
    """
    tried = places(name, folders)
    for place in tried:
        for file in (place, place.with_name(f"{place.name}.gz")):
            if file.is_file():
                return file
    where = ", ".join(str(folder) for folder in dict.fromkeys(place.parent for place in tried))
    stem = Path(name).name.split(".txt")[0]
    near = sorted(
        {str(file) for place in tried for file in place.parent.glob("*") if stem in file.name}
    )
    hint = f"; there is {near[0]}" if near else ""
    raise UserError(f"vectors {name} not found, nor with .gz, in {where}{hint}")


def places(name: str, folders: Sequence[str | Path]) -> list[Path]:
    """Where vectors are looked for, in order.

    The path itself (in the working folder, if it is relative), then each folder, its `embeddings`,
    and the `embeddings` beside it and beside its parent (data/lm/ptb finds data/embeddings).
    """
    if Path(name).is_absolute():
        return [Path(name)]
    found = [Path.cwd() / name]
    for folder in folders:
        path = Path(folder).resolve()
        near = [path, *[parent / "embeddings" for parent in (path, *list(path.parents)[:2])]]
        found += [place / name for place in near]
    return list(dict.fromkeys(found))


def _read(file: Path, wanted: set[str], dim: int) -> Mapping[str, Vector]:
    if file.suffix == ".safetensors":
        return _read_safetensors(file, wanted, dim)
    found: dict[str, Vector] = {}
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            for word, vector in _read_text(file, stream, wanted, dim):
                found.setdefault(word, vector)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"vectors {file}: damaged or cut short: {error}") from error
    return found


def _read_text(
    file: Path, stream: BinaryIO | gzip.GzipFile, wanted: set[str], dim: int
) -> Iterator[tuple[str, Vector]]:
    """The wanted lines of a text file; words are compared as bytes, few lines are parsed."""
    keys = {word.encode(): word for word in wanted}
    first = True
    for number, line in enumerate(stream, start=1):
        fields = line.split()
        if not fields or (number == 1 and len(fields) == 2 and all(f.isdigit() for f in fields)):
            continue  # nothing, or the head of word2vec's format
        if len(fields) != dim + 1 and not _is_phrase(fields, dim):
            raise (
                _other_dim(file, len(fields) - 1, dim)
                if first
                else _ragged(file, number, len(fields), dim)
            )
        first = False
        word = line.rstrip().rsplit(None, dim)[0] if len(fields) > dim + 1 else fields[0]
        if word not in keys:
            continue
        try:
            yield keys[word], np.array(fields[-dim:], dtype=np.float32)
        except ValueError as error:
            raise UserError(f"vectors {file}, line {number}: not a number: {error}") from error


def _is_phrase(fields: list[bytes], dim: int) -> bool:
    """Whether a wide line is a word with spaces (glove.840B has `. . .`), not too many numbers."""
    return len(fields) > dim + 1 and not any(_is_number(field) for field in fields[1:-dim])


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _other_dim(file: Path, width: int, dim: int) -> UserError:
    return UserError(
        f"vectors {file} have {width} components, embedding.dim is {dim}: set embedding.dim={width}"
    )


def _ragged(file: Path, number: int, fields: int, dim: int) -> UserError:
    return UserError(
        f"vectors {file}, line {number}: {fields - 1} numbers where the lines before have {dim}"
    )


def _read_safetensors(file: Path, wanted: set[str], dim: int) -> Mapping[str, Vector]:
    try:
        with safe_open(file, framework="pt") as content:
            names = list(content.keys())
            if len(names) != 1:
                raise UserError(f"vectors {file}: one tensor is wanted, there are {len(names)}")
            table: Tensor = content.get_tensor(names[0])
            words = _words(file, content.metadata() or {})
    except SafetensorError as error:
        raise UserError(f"vectors {file}: damaged or no safetensors file: {error}") from error
    if table.dim() != 2 or len(table) != len(words):
        raise UserError(
            f"vectors {file}: {len(words)} words for a tensor of shape {tuple(table.shape)}"
        )
    if table.size(1) != dim:
        raise _other_dim(file, table.size(1), dim)
    values = table.float().numpy()
    return {word: values[row] for row, word in enumerate(words) if word in wanted}


def _words(file: Path, metadata: Mapping[str, str]) -> list[str]:
    as_json, as_text = file.with_suffix(".json"), file.with_suffix(".txt")
    if "vocabulary" not in metadata and not as_json.is_file():
        if not as_text.is_file():
            raise UserError(
                f"vectors {file}: no words; put them under `vocabulary` in its metadata, "
                f"or into {as_json.name} or {as_text.name} beside it"
            )
        return as_text.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    try:
        text = metadata.get("vocabulary") or as_json.read_text(encoding="utf-8")
        words = json.loads(text)
    except ValueError as error:
        raise UserError(f"vectors {file}: its list of words is not JSON: {error}") from error
    return sorted(words, key=words.__getitem__) if isinstance(words, dict) else list(words)
