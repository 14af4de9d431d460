"""Trees with a label at each node, as in the Stanford Sentiment Treebank: `(3 (2 It) (4 works))`."""

import re
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.reader import Columns, FileContent, Reader, ReadOptions

_DEFAULTS = ReadOptions()
TREE_TOKEN = re.compile(r"[()]|[^\s()]+")


def read_trees(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read the root of each tree as the example, and all its nodes (the root first) as `phrases`."""
    columns: Columns = {"label": [], "text": [], "phrase_labels": [], "phrases": []}
    text = TextFile(file, options.encoding)
    for number, line in enumerate(text.lines(), start=1):
        if not line.strip():
            continue
        nodes = _parse_nodes(line)
        if not nodes:
            raise UserError(f"{file}, line {number}: not a labelled tree like (3 (2 It) (4 works))")
        columns["phrase_labels"].append([label for label, _ in nodes])
        columns["phrases"].append([text for _, text in nodes])
        columns["label"].append(nodes[0][0])
        columns["text"].append(nodes[0][1])
    return FileContent(columns, text.note)


def _parse_nodes(line: str) -> list[tuple[str, str]]:
    """Return label and text of each node, outer ones first; empty if brackets or labels are wrong."""
    labels: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    words: list[str] = []
    path: list[int] = []  # nodes that are open
    tokens = iter(TREE_TOKEN.findall(line))
    for token in tokens:
        if token == "(":
            label = next(tokens, "(")
            if label in "()" or (labels and not path):
                return []
            path.append(len(labels))
            labels.append(label)
            begins.append(len(words))
            ends.append(0)
        elif not path:
            return []
        elif token == ")":
            ends[path.pop()] = len(words)
        else:
            words.append(token)
    if path or any(begin == end for begin, end in zip(begins, ends, strict=True)):
        return []
    return [(labels[n], " ".join(words[begins[n] : ends[n]])) for n in range(len(labels))]


READERS = (
    Reader(
        "trees",
        read_trees,
        "a line is a labelled tree `(3 (2 It) (4 works))`",
        "label, text, phrase_labels, phrases",
        options=("encoding",),
    ),
)
