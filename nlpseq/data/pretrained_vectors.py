"""Pretrained word vectors: find the file, read it, and fit the vectors to a vocabulary.

Formats: GloVe text (`word v1 ... vD`), word2vec and fastText text (the same after a line `V D`), word2vec binary,
all of them compressed or not, and safetensors with one two-dimensional tensor. The words of a safetensors file are
a JSON list under `vocabulary` in its metadata, or a file of the same name: `.json` (a list, or word = row) or
`.txt` (one word on each line).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nlpseq.data.vector_files import Vector, VectorReader
from nlpseq.errors import UserError
from nlpseq.readers.compression import SUFFIXES, split_member
from nlpseq.wording import format_count


@dataclass(frozen=True)
class Coverage:
    """Share of a vocabulary that has a pretrained vector.

    Attributes:
        file: file of the vectors.
        exact: number of words with a vector for their exact spelling.
        lowered: number of words with a vector for their lower-case form only.
        missing: number of words with a random vector.
        tokens: share of the training tokens that is covered; share of the words if there are no counts.
        odd_lines: lines of the file that are no vector and were skipped.
    """

    file: Path
    exact: int
    lowered: int
    missing: int
    tokens: float
    odd_lines: int = 0

    def __str__(self) -> str:
        types = self.exact + self.lowered + self.missing
        odd = format_count(self.odd_lines, "odd line")
        skipped = f"; {odd} of the file skipped" if self.odd_lines else ""
        return (
            f"{self.file.name}: {self.exact + self.lowered:,} of {types:,} words covered "
            f"({self.lowered:,} by lower-casing), {self.tokens:.1%} of the tokens{skipped}"
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
        name: the file, see `search_paths`; `.gz` may be left out; `a.zip/b.txt` is a file in a zip.
        vocabulary: V words, by id.
        dim: components D of the embedding.
        folders: further folders to search (the recipe's data folder).
        counts: occurrences of each word in train, for the coverage; empty: each word counts once.
        seed: of the random vectors.
        extend: chooses words of the file that are read although the vocabulary lacks them, for
            `Tokenizer.with_words`; usually `Tokenizer.produces`.

    Raises:
        UserError: the file is missing, damaged or of another dimension, has more odd lines than others, or
            has no word of the vocabulary.
    """
    file = find_vectors(name, folders)
    own = set(vocabulary)
    wanted = own | {word.lower() for word in vocabulary}
    reader = VectorReader(file, dim)
    read = reader.read(lambda word: word in wanted or extend(word))
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
    coverage = replace(_measure_coverage(file, covered, exact, counts), odd_lines=reader.odd)
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
        for file in (path, *(path.with_name(f"{path.name}{suffix}") for suffix in SUFFIXES)):
            if file.is_file():
                return file
        if split_member(path)[1]:
            return path
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
