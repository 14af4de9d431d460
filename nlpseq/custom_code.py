"""Classes from a user's own file: `encoder.kind = "my_cells.py:Peephole"`, `task = "my_task.py:MyTask"`.

Such a file is code, so nlpseq imports it only where the user gives it: `--code my_cells.py` on the command line,
`code="my_cells.py"` in Python. A recipe or a model directory can name a class in it, but never loads the file.
"""

import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from nlpseq.errors import UserError, suggest

_NAME = re.compile(r"(?P<file>[^:]+\.py):(?P<class>[A-Za-z_]\w*)")
_modules: dict[str, ModuleType] = {}  # file name -> its module


def register(paths: str | Path | Iterable[str | Path]) -> None:
    """Import files, so that recipes may name the classes in them.

    A file that was imported before is imported again only if it has changed.

    Args:
        paths: one Python file or several; () for none.

    Raises:
        UserError: a file does not exist, fails when it is imported, or shares its name with another one.
    """
    given: Any = [paths] if isinstance(paths, str | Path) else paths
    given = list(given) if isinstance(given, Iterable) else [None]
    if not all(isinstance(path, str | Path) for path in given):
        raise UserError(f"code={paths!r:.60}: give the path of a .py file, or a list of paths")
    files = [Path(path) for path in given]
    names = [file.name for file in files]
    for index, file in enumerate(files):
        if file.suffix != ".py" or not file.is_file():
            raise UserError(f"--code {file}: no such Python file; give the path of a .py file")
        if file.name in names[:index]:
            raise UserError(f"--code {file}: two files are called {file.name}; rename one of them")
    for file in files:
        _modules[file.name] = _import(file.resolve())


def registered_files() -> list[str]:
    """Return the paths of the registered files, for a process that loads the same models."""
    return [str(module.__file__) for module in _modules.values()]


def is_custom(name: str) -> bool:
    """Return whether a name has the form `<file name>.py:<Class>`."""
    return _NAME.fullmatch(name) is not None


def files_named_in(recipe: object) -> list[str]:
    """Return the names of the Python files with classes that a recipe names, each once: `["my_cells.py"]`.

    Args:
        recipe: its document, or a part of it.
    """
    if isinstance(recipe, Mapping):
        files = [file for value in recipe.values() for file in files_named_in(value)]
        return list(dict.fromkeys(files))
    match = _NAME.fullmatch(recipe) if isinstance(recipe, str) else None
    return [Path(match["file"]).name] if match else []


def code_options(recipe: object) -> list[str]:
    """Return the words `--code FILE` that a command needs for a recipe."""
    return [word for file in files_named_in(recipe) for word in ("--code", file)]


def is_registered(name: str) -> bool:
    """Return whether `name` is a class in a file that was registered."""
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    module = _modules.get(Path(match["file"]).name)
    return isinstance(getattr(module, match["class"], None), type)


def lookup(name: str, key: str = "name") -> type:
    """Return the class called `<file name>.py:<Class>`.

    Args:
        name: such as `my_cells.py:Peephole`.
        key: the recipe's key that names it, for the message: `encoder.kind`.

    Raises:
        UserError: the file was not given, or has no such class.
    """
    match = _NAME.fullmatch(name)
    if not match:
        raise UserError(f"{key} = {name!r}: write a class in a file as my_file.py:MyClass")
    file, class_name = Path(match["file"]).name, match["class"]
    module = _modules.get(file)
    if module is None:
        raise UserError(
            f"{key} = {name!r}: a class in a Python file, which is loaded only on request; "
            f"give --code {file} (code={file!r} in Python)"
        )
    custom = getattr(module, class_name, None)
    if not isinstance(custom, type):
        own = sorted(value.__name__ for value in _classes(module))
        raise UserError(f"{key} = {name!r}: {file} has no such class{suggest(class_name, own)}")
    return custom


def suggest_full_name(name: object) -> str:
    """Return the end of an error line if `name` looks like a file or a class of a user; else ''.

    >>> suggest_full_name("Peephole")
    '; write a class in a file of your own as FILE.py:CLASS, with --code FILE.py'
    """
    if not isinstance(name, str) or not (name[:1].isupper() or ":" in name or ".py" in name):
        return ""
    given = {part.removesuffix(".py") for part in Path(name).name.split(":")}
    known = [
        f"{file}:{value.__name__}"
        for file, module in _modules.items()
        for value in _classes(module)
        if given & {value.__name__, Path(file).stem}
    ]
    if known:
        return f"; did you mean {known[0]!r}?"
    return "; write a class in a file of your own as FILE.py:CLASS, with --code FILE.py"


def describe(error: Exception) -> str:
    """Return an exception in one line, with the line of the user's file that raised it."""
    files = set(registered_files())
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in files:
            return f"{Path(frame.filename).name}, line {frame.lineno}: {_reason(error)}"
    return _reason(error)


def _classes(module: ModuleType) -> list[type]:
    """Return the classes that a module defines."""
    values = vars(module).values()
    return [
        value for value in values if isinstance(value, type) and value.__module__ == module.__name__
    ]


def _import(file: Path) -> ModuleType:
    """Import a file under a private name, which depends on its path and content."""
    try:
        digest = hashlib.sha256(str(file).encode() + file.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise UserError(f"--code {file}: {error.strerror or error}") from error
    name = f"_nlpseq_code_{file.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # it is a .py file
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]  # a half-imported module must not be taken for a complete one
        if not isinstance(error, Exception):
            raise
        raise UserError(
            f"--code {file.name}, line {_line(error, file)}: {_reason(error)}"
        ) from error
    return module


def _line(error: Exception, file: Path) -> int | str:
    """Return the line of a file at which an import failed."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno or "?"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(file)
    ]
    return lines[-1] if lines and lines[-1] is not None else "?"


def _reason(error: Exception) -> str:
    """Return an exception in one line."""
    message = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
