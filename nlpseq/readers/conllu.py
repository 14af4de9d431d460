"""CoNLL-U, the format of Universal Dependencies: ten columns with names, comments, and words of several kinds."""

import re
from pathlib import Path

from nlpseq.errors import UserError
from nlpseq.readers.conll import COMMENT, GLOBAL_COLUMNS, LINE
from nlpseq.readers.conll_columns import TAGS, TOKENS
from nlpseq.readers.local_files import TextFile
from nlpseq.readers.reader import Columns, FileContent, Reader, ReadOptions
from nlpseq.wording import format_count

FIELDS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
"""The columns of a line."""
DEFAULTS = {TOKENS: "form", TAGS: "upos"}
"""Column of each field of a tagger, unless `data.columns` says another one."""
SENTENCE, TEXT = "sent_id", "text"
WORD = re.compile(r"[0-9]+")
MULTIWORD = re.compile(r"[0-9]+-[0-9]+")
EMPTY = re.compile(r"[0-9]+\.[0-9]+")
MULTIWORD_TOKEN, EMPTY_NODE = "multiword token", "empty node"
_DEFAULTS = ReadOptions()


class _Sentence:
    """Lines of one sentence: words as fields, comments by key, and the text as it is written."""

    def __init__(self) -> None:
        self.line = 0
        self.words: list[list[str]] = []
        self.comments: dict[str, str] = {}
        self._pieces: list[str] = []
        self._covered = 0  # words up to here are part of a multiword token

    def add_written(self, form: str, misc: str, last_word: int) -> None:
        """Add a token of the text; `last_word` is the number of the last word in it."""
        if last_word > self._covered:
            space = "" if "SpaceAfter=No" in misc.split("|") else " "
            self._pieces += [form, space]
            self._covered = last_word

    @property
    def text(self) -> str:
        """The comment `text`, or else the tokens with a space after each, except where SpaceAfter=No."""
        return self.comments.get(TEXT, "".join(self._pieces).rstrip(" "))


def read_conllu(file: Path, options: ReadOptions = _DEFAULTS) -> FileContent:
    """Read sentences of words; multiword tokens and empty nodes are skipped and counted."""
    text = TextFile(file, options.encoding)
    names, sentences, skipped = _parse(file, text)
    if not sentences:
        raise UserError(f"{file}: the file holds no example")
    wanted = options.columns or (TOKENS, TAGS, *names[1:])
    columns: Columns = {}
    for name in wanted:
        column = DEFAULTS.get(name, name).lower()
        index = int(column) - 1 if WORD.fullmatch(column) else -1
        index = names.index(column) if column in names else index
        if 0 <= index < len(names):
            columns[name] = [[word[index] for word in s.words] for s in sentences]
    columns[TEXT] = [s.text for s in sentences]
    columns[SENTENCE] = [s.comments.get(SENTENCE, "") for s in sentences]
    columns[LINE] = [s.line for s in sentences]
    assumed = "tags are the column upos (data.columns.tags changes this)" if TAGS in wanted else ""
    counted = [f"{format_count(n, kind)} skipped" for kind, n in skipped.items() if n]
    return FileContent(columns, "; ".join(filter(None, [text.note, assumed, *counted])))


def _parse(file: Path, text: TextFile) -> tuple[tuple[str, ...], list[_Sentence], dict[str, int]]:
    """Return the names of the columns, the sentences, and how many lines of each kind were skipped."""
    names: tuple[str, ...] = FIELDS
    sentences: list[_Sentence] = []
    skipped = {MULTIWORD_TOKEN: 0, EMPTY_NODE: 0}
    sentence = _Sentence()
    for number, line in enumerate([*text.lines(), ""], start=1):
        if not line.strip():
            if sentence.words:
                sentences.append(sentence)
            sentence = _Sentence()
        elif line.startswith(GLOBAL_COLUMNS):
            names = tuple(name.lower() for name in line.removeprefix(GLOBAL_COLUMNS).split())
        elif line.startswith(COMMENT) and not sentence.words:
            key, _, value = line[1:].partition("=")
            sentence.comments[key.strip()] = value.strip()
        else:
            sentence.line = sentence.line or number
            _add_line(file, number, line, names, sentence, skipped)
    return names, sentences, skipped


def _add_line(
    file: Path,
    number: int,
    line: str,
    names: tuple[str, ...],
    sentence: _Sentence,
    skipped: dict[str, int],
) -> None:
    fields = line.split("\t")
    if len(fields) != len(names):
        raise UserError(
            f"{file}, line {number}: {len(fields)} columns separated by tabs, CoNLL-U has {len(names)}"
        )
    row = dict(zip(names, fields, strict=True))
    identity, form, misc = row.get("id", fields[0]), row.get("form", fields[1]), row.get("misc", "")
    if WORD.fullmatch(identity):
        sentence.add_written(form, misc, int(identity))
        sentence.words.append(fields)
    elif MULTIWORD.fullmatch(identity):
        sentence.add_written(form, misc, int(identity.partition("-")[2]))
        skipped[MULTIWORD_TOKEN] += 1
    elif EMPTY.fullmatch(identity):
        skipped[EMPTY_NODE] += 1
    else:
        raise UserError(
            f"{file}, line {number}: {identity[:20]!r} is no number of a word (1), of several words (1-2) "
            "or of an empty node (1.1)"
        )


READERS = (
    Reader(
        "conllu",
        read_conllu,
        "a sentence in CoNLL-U; columns by name (form, lemma, upos, xpos, feats, head, deprel, deps, misc)",
        "tokens (form), tags (upos), text, sent_id, line; others by name",
        (".conllu", ".conllup"),
        options=("encoding", "columns"),
    ),
)
