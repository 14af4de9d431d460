"""Import rules: which package may import which, no circles, and what a cheap command must not import."""

import ast
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "nlpseq").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")])
# Everybody may import these; `data.batch` holds Tokens and Batch, and imports nothing of ours.
LEAVES = {"errors", "types", "files", "versions", "custom_code", "readers"}
EVERYBODY_MAY = LEAVES | {"data.batch"}
TOP = {"cli", "__main__", "experiment", "inspection", "tasks"}


def module_of(path: Path) -> str:
    """The full name of a file's module: `nlpseq.tasks.tagging.task`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = ("nlpseq", *parts) if parts[0] == "tasks" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    """The first part of a module below `nlpseq`: `data`, `cli`, `tasks`."""
    return module.split(".")[1] if "." in module else "__init__"


MODULES = {module_of(path): path for path in SOURCES}
ALL = {package_of(module) for module in MODULES}
MAY: dict[str, set[str]] = {
    "recipe": set(),
    "layers": set(),
    "decoding": set(),
    "metrics": set(),
    "devices": set(),
    "run_directory": set(),
    "reporting": {"predictor"},
    "predictor": {"reporting.highlight"},
    "data": {"recipe"},
    "models": {"layers", "recipe"},
    "task": {"recipe", "data", "metrics", "predictor"},
    "model_directory": {"recipe", "task", "data", "devices", "models.weights", "predictor"},
    "training": {"recipe", "task", "data.split", "models.weights"},
    "analysis": ALL - TOP,
    "experiment": ALL - (TOP - {"experiment"}),
    "inspection": ALL - (TOP - {"experiment"}),
    "tasks": ALL - TOP - {"training", "analysis", "run_directory", "reporting"},
    "cli": ALL - {"tasks", "__main__"},
    "__main__": {"cli"},
    "__init__": ALL - {"cli", "__main__", "tasks"},
}


def modules_imported(path: Path) -> Iterator[str]:
    """Modules of nlpseq that a file imports anywhere: in functions and under TYPE_CHECKING too."""
    module = module_of(path)
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                if full in MODULES or origin in MODULES:
                    yield full if full in MODULES else origin


def imported_packages(path: Path) -> set[str]:
    """`package` or `package.module` of what a file imports of nlpseq."""
    return {".".join(name.split(".")[1:3]) for name in modules_imported(path) if name != "nlpseq"}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_every_package_has_its_rule() -> None:
    assert ALL - LEAVES == set(MAY)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_what_its_package_may(path: Path) -> None:
    package = package_of(module_of(path))
    allowed = MAY.get(package, set()) | EVERYBODY_MAY | {package}
    found = imported_packages(path)
    assert {name for name in found if not {name, name.partition(".")[0]} & allowed} == set()


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module: set(modules_imported(path)) - {module} for module, path in MODULES.items()}
    del graph["nlpseq"]  # its functions import lazily what it offers
    assert circles(graph) == []


def test_no_package_imports_itself_by_a_detour() -> None:
    graph: dict[str, set[str]] = {package: set() for package in ALL - {"__init__"}}
    for module, path in MODULES.items():
        if (package := package_of(module)) in graph:
            others = {package_of(name) for name in modules_imported(path)}
            graph[package] |= others - {package, "__init__"}
    # predictor renders itself by reporting.highlight, and reporting.predictions writes predictions
    graph["predictor"] -= {"reporting"}
    assert circles(graph) == []


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_the_check_sees_relative_and_late_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "nlpseq" / "layers").mkdir(parents=True)
    path = tmp_path / "nlpseq" / "layers" / "bad.py"
    path.write_text(
        "from ..data import batch\ndef f():\n    from nlpseq import recipe\n    import nlpseq.task\n"
    )
    assert imported_packages(path) == {"data.batch", "recipe", "task"}


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
        "import nlpseq.predictor",
        "from nlpseq.cli.main import main; main([])",
        "from nlpseq.cli.main import main; main(['--help'])",
        "from nlpseq.cli.main import main; main(['run', '--help'])",
        "from nlpseq.cli.main import main; main(['compare', '--help'])",
        "from nlpseq.cli.main import main; main(['generate', 'run', '--no-such-option'])",
        "from nlpseq.cli.main import main; assert main(['inspect', '--gate']) == 2",
        "from nlpseq.cli.main import main; assert main(['recipes']) == 0",
        "from nlpseq.cli.main import main; "
        "assert main(['recipes', 'show', 'language_modeling/quickstart']) == 0",
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
