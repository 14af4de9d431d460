"""Messages that name options of the command line, as arguments in Python: `--text body` becomes `text="body"`."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nlpseq.errors import UserError
from nlpseq.safe_text import show

_NAMES = "text2|text|labels|label|number|tags|spans|source|target|validation|test|minutes|task"
_COMMAND = re.compile(r"`nlpseq [^`]*`")
_VALUE = r"(?!(?:and|or)\b)(?:[^`:;,]+(?=[`:])|(?:[^\s`:;,)]|,(?=\S))+)"
_OPTION = re.compile(rf"(?<![\w-])--({_NAMES})(?![\w-])(?: (?!--)({_VALUE}))?")


def as_keywords(message: str) -> str:
    """Return a message with options of `nlpseq train` as arguments; whole commands stay as they are.

    >>> as_keywords("say which column, for instance `--text body --label stars`")
    'say which column, for instance `text="body", label="stars"`'
    """
    parts, end = [], 0
    for command in _COMMAND.finditer(message):
        parts += [_respell(message[end : command.start()]), command[0]]
        end = command.end()
    return "".join([*parts, _respell(message[end:])])


def _respell(text: str) -> str:
    separated = re.sub(
        rf"(--(?:{_NAMES})(?![\w-]) (?!(?:and|or)\b)[^\s`]+) (?=--(?:{_NAMES})\b)", r"\1, ", text
    )
    return _OPTION.sub(_argument, separated)


def _argument(option: re.Match[str]) -> str:
    name, value = option[1], option[2]
    if value is None:
        return f"{name}="
    return f"{name}={value}" if re.fullmatch(r"[\d.]+", value) else f'{name}="{value}"'


@contextmanager
def in_python() -> Iterator[Callable[[str], None]]:
    """Respell the message of an error; yield a function that prints a line respelled."""

    def say(line: str) -> None:
        show(as_keywords(line))

    try:
        yield say
    except UserError as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (as_keywords(error.args[0]), *error.args[1:])
        raise
