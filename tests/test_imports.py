"""Who may import whom, and what a cheap command must not import."""

import ast
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "nlpseq").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")])
# `data.batch` holds the nouns of the contracts, Tokens and Batch, and imports nothing of ours.
LEAVES = {"errors", "contracts", "files", "weights"}
EVERYBODY_MAY = LEAVES | {"data.batch"}


def room_of(path: Path) -> str:
    """The first part of a file's place in the package: `data`, `cli`, `tasks`."""
    parts = path.relative_to(ROOT).parts
    return "tasks" if parts[0] == "tasks" else parts[1].removesuffix(".py")


ALL = {room_of(path) for path in SOURCES}
MAY: dict[str, set[str]] = {
    "recipe": set(),
    "layers": set(),
    "decoding": set(),
    "metrics": set(),
    "overrides": set(),
    "arguments": {"recipe.reading"},  # how assignments are written
    "allocation": set(),
    "console": set(),
    "answers": {"data", "analysis"},
    "resumption": set(),
    "prediction": {"answers", "analysis", "resumption"},
    "answering": {"answers", "hub", "prediction"},
    "data": {"recipe"},
    "models": {"layers", "recipe"},
    "task": {"recipe", "data", "metrics"},
    "hub": {"recipe", "task", "data"},
    "training": {"recipe", "task", "hub", "data.sources"},  # the Split that a task is handed
    "analysis": ALL - {"cli", "__main__", "tasks", "experiment", "inspection"},
    "experiment": ALL - {"cli", "__main__", "tasks", "inspection"},
    "inspection": ALL - {"cli", "__main__", "tasks"},
    "cli": ALL - {"tasks"},
    "__main__": {"cli"},
    "__init__": {"analysis", "experiment", "hub", "inspection", "overrides", "task"},
    "tasks": ALL - {"cli", "__main__", "training", "analysis", "experiment", "inspection"},
}


def modules_imported(path: Path) -> Iterator[str]:
    """Full names of what a file imports anywhere, relative names resolved."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    package = [*(("nlpseq", "tasks", *parts[1:]) if parts[0] == "tasks" else parts)][:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imported_of_ours(path: Path) -> set[str]:
    """`room` or `room.module` of what a file imports of nlpseq."""
    names = (name.split(".") for name in modules_imported(path))
    return {".".join(parts[1:3]) for parts in names if parts[0] == "nlpseq" and {*parts[1:2]} & ALL}


def test_every_room_has_its_rule() -> None:
    assert ALL - LEAVES == set(MAY)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_what_its_room_may(path: Path) -> None:
    room = room_of(path)
    allowed = MAY.get(room, set()) | EVERYBODY_MAY | {room}
    found = imported_of_ours(path)
    assert {name for name in found if not {name, name.partition(".")[0]} & allowed} == set()


def test_the_check_sees_relative_and_late_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "nlpseq" / "layers").mkdir(parents=True)
    path = tmp_path / "nlpseq" / "layers" / "bad.py"
    path.write_text(
        "from ..data import batch\ndef f():\n    from nlpseq import recipe\n    import nlpseq.model_directory.x\n"
    )
    assert imported_of_ours(path) == {"data.batch", "recipe", "hub.x"}


def test_nobody_imports_a_bare_tasks_or_recipes() -> None:
    files = [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    for path in files:
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.add(node.module.partition(".")[0])
        assert not names & {"tasks", "recipes"}, path


@pytest.mark.parametrize(
    "code",
    [
        "import nlpseq; nlpseq.__version__",
        "from nlpseq.cli.main import main; main([])",
        "from nlpseq.cli.main import main; main(['--help'])",
        "from nlpseq.cli.main import main; main(['run', '--help'])",
        "from nlpseq.cli.main import main; main(['compare', '--help'])",
        "from nlpseq.cli.main import main; main(['generate', 'run', '--no-such-option'])",
        "from nlpseq.cli.main import main; assert main(['inspect', '--gate']) == 2",
        "from nlpseq.cli.main import main; assert main(['recipes']) == 0",
        "from nlpseq.cli.main import main; assert main(['recipes', 'show', 'language_modeling/quickstart']) == 0",
    ],
)
def test_cheap_commands_import_nothing_heavy_and_take_less_than_a_second(
    code: str, tmp_path: Path
) -> None:
    heavy = (
        "torch",
        "numpy",
        "datasets",
        "tokenizers",
        "accelerate",
        "evaluate",
        "matplotlib",
        "nlpseq.tasks",
    )
    script = (
        "import sys\n"
        f"try:\n    {code}\nexcept SystemExit as end:\n    assert not end.code\n"
        f"loaded = sorted(set({heavy!r}) & set(sys.modules))\n"
        "assert not loaded, loaded\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Not above the project: a checkout's own folder may be called nlpseq, and would be taken for it.
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Time on the processor, so that a busy machine does not matter.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
