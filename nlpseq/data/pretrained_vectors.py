"""Pretrained word vectors: found, read, and fitted to a vocabulary.

Read are GloVe text (`word v1 ... vD`), word2vec text (the same under a line `V D`), both also as
`.gz`, and safetensors: one two-dimensional tensor, its words a JSON list under `vocabulary` in the
file's metadata or in a file of the same name ending in `.json` (a list, or word = row), or `.txt`
(one a line).
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
    """The vectors of a vocabulary, and of words that are not in it.

    Attributes:
        weight: (V, D) vectors of the vocabulary.
        covered: (V,) which of them are the file's.
        coverage: that in numbers.
        extra_words: E words of the file that the vocabulary lacks, in the file's order.
        extra: (E, D) their vectors.
    """

    weight: Tensor
    covered: Tensor
    coverage: Coverage
    extra_words: list[str]
    extra: Tensor

    @property
    def table(self) -> Tensor:
        """(V + E, D) what `TokenEmbedding.load` takes."""
        return torch.cat([self.weight, self.extra])


def no_word(word: str) -> bool:
    """Choose no word."""
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
        extend: which words of the file to read though the vocabulary lacks them, for
            `Tokenizer.extended`; usually `Tokenizer.produces`.

    Raises:
        UserError: the file is missing (it says where it was looked for), of another dimension,
            damaged, or has a line of another width (named), or none of the words.
    """
    file = find(name, folders)
    own = set(vocabulary)
    wanted = own | {word.lower() for word in vocabulary}
    found = _read(file, lambda word: word in wanted or extend(word), dim)
    rows = [found.get(word, found.get(word.lower())) for word in vocabulary]
    covered = torch.tensor([row is not None for row in rows])
    if not covered.any():
        raise UserError(
            f"vectors {file}: it has none of the {len(vocabulary)} words of the vocabulary"
        )
    known = _stack([row for row in rows if row is not None], dim)
    extra_words = [word for word in found if word not in own and extend(word)]
    extra = _stack([found[word] for word in extra_words], dim)
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(len(vocabulary), dim, generator=random) * known.std()  # (V, D)
    weight[covered] = known
    frequency = torch.tensor(counts or [1] * len(vocabulary), dtype=torch.float64)
    exact = sum(word in found for word in vocabulary)
    total = int(covered.sum())
    tokens = float(frequency[covered].sum() / frequency.sum())
    coverage = Coverage(file, exact, total - exact, len(vocabulary) - total, tokens)
    return Vectors(weight, covered, coverage, extra_words, extra)


def _stack(vectors: Sequence[Vector], dim: int) -> Tensor:
    """(N, D), where N may be 0."""
    return torch.from_numpy(np.array(vectors, dtype=np.float32).reshape(-1, dim))


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


def _read(file: Path, wanted: Callable[[str], bool], dim: int) -> dict[str, Vector]:
    """The vectors of the wanted words, in the file's order; of two of a word the first."""
    found: dict[str, Vector] = {}
    try:
        with warnings.catch_warnings(action="error", category=DeprecationWarning):
            for word, vector in _entries(file, wanted, dim):
                found.setdefault(word, vector)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"vectors {file}: damaged or cut short: {error}") from error
    for word, vector in found.items():
        if not np.isfinite(vector.sum()):
            raise UserError(
                f"vectors {file}: the vector of {word!r} has a component that is not finite"
            )
    return found


def _entries(file: Path, wanted: Callable[[str], bool], dim: int) -> Iterator[tuple[str, Vector]]:
    if file.suffix == ".safetensors":
        yield from _read_safetensors(file, wanted, dim)
    else:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            yield from _read_text(file, stream, wanted, dim)


def _read_text(
    file: Path, stream: BinaryIO | gzip.GzipFile, wanted: Callable[[str], bool], dim: int
) -> Iterator[tuple[str, Vector]]:
    """The wanted lines of a text file; of the others only the width is looked at."""
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
        begin = line.rstrip().rsplit(None, dim)[0] if len(fields) > dim + 1 else fields[0]
        word = begin.decode(errors="replace")
        if wanted(word) and "\N{REPLACEMENT CHARACTER}" not in word:
            yield word, _parse(file, number, fields[-dim:])


def _parse(file: Path, number: int, fields: list[bytes]) -> Vector:
    """The numbers of a line; numpy only warns of what is none, and that is made an error here."""
    try:
        return np.fromstring(b" ".join(fields), dtype=np.float32, sep=" ")
    except (ValueError, DeprecationWarning) as error:
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


def _read_safetensors(
    file: Path, wanted: Callable[[str], bool], dim: int
) -> Iterator[tuple[str, Vector]]:
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
    return ((word, values[row]) for row, word in enumerate(words) if wanted(word))


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
