"""Import rules: packages that a package may import, no circles, and cheap commands without torch."""

import ast
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "nlpseq").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")])
# Every module may import these. `data.batch` holds Tokens and Batch, and imports nothing of nlpseq.
LEAVES = {
    "errors",
    "types",
    "files",
    "versions",
    "custom_code",
    "readers",
    "wording",
    "safe_text",
    "stored_files",
    "stored_values",
    "stored_metrics",
    "locks",
    "owner",
    "staging",
    "temporary_files",
    "threads",
}
EVERYBODY_MAY = LEAVES | {"data.batch"}
TOP = {"api", "cli", "__main__", "experiment", "inspection", "tasks"}


def module_of(path: Path) -> str:
    """Return the full name of a file's module: `nlpseq.tasks.tagging.task`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = ("nlpseq", *parts) if parts[0] == "tasks" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    """Return the first part of a module below `nlpseq`: `data`, `cli`, `tasks`."""
    return module.split(".")[1] if "." in module else "__init__"


MODULES = {module_of(path): path for path in SOURCES}
ALL = {package_of(module) for module in MODULES}
MAY: dict[str, set[str]] = {
    "argument_checks": set(),
    "baselines": set(),
    "recipe": set(),
    "layers": set(),
    "decoding": set(),
    "metrics": {"data.word_rules"},  # the scripts without spaces
    "devices": set(),
    "run_directory": set(),
    "run_data": {
        "task",
        "data",
        "run_directory",
    },  # the files that a run recorded, for later commands
    "given_data": {
        "task_lookup",
        "data",
        "recipe",
    },  # the argument `data=` becomes data and overrides
    "reporting": {"predictor"},
    "predictor": {"reporting.highlight"},
    "data": {"recipe"},
    "models": {"layers", "recipe"},
    "task_parts": {"data"},
    "task": {"task_parts", "recipe", "data", "metrics", "predictor"},
    "task_lookup": {"task", "recipe"},
    "weights_file": {"task", "models.weights"},  # shapes are those of the task's model
    "model_directory": {
        "weights_file",
        "recipe",
        "task",
        "task_lookup",
        "data",
        "devices",
        "models.weights",
        "predictor",
    },
    "training": {
        "recipe",
        "task",
        "data.split",
        "metrics.base",
        "models.weights",
        "reporting.formats",
        "layers.normalization",  # batch statistics over processes leave out rows that do not count
    },
    "analysis": ALL - TOP,
    "experiment": ALL - (TOP - {"experiment"}),
    "inspection": ALL - (TOP - {"experiment"}),
    # analysis.attribution is maths on tensors, which a classifier's `explain` needs.
    "tasks": ALL - TOP - {"training", "analysis", "run_directory", "reporting", "task_lookup"}
    | {"analysis.attribution"},
    "cli": ALL - {"tasks", "__main__"},
    "__main__": {"cli"},
    "api": ALL - {"cli", "__main__", "tasks"},
    "__init__": {"api"},
}


def modules_imported(path: Path) -> Iterator[str]:
    """Yield modules of nlpseq that a file imports, also in functions and under TYPE_CHECKING."""
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
    """Return the imports of a file from nlpseq as `package` or `package.module`."""
    return {".".join(name.split(".")[1:3]) for name in modules_imported(path) if name != "nlpseq"}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return groups of nodes that reach each other (Tarjan's strongly connected components)."""
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


def test_every_package_has_a_rule() -> None:
    assert ALL - LEAVES == set(MAY)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_what_its_package_may(path: Path) -> None:
    package = package_of(module_of(path))
    allowed = MAY.get(package, set()) | EVERYBODY_MAY | {package}
    found = imported_packages(path)
    assert {name for name in found if not {name, name.partition(".")[0]} & allowed} == set()


def test_modules_have_no_import_circle() -> None:
    graph = {module: set(modules_imported(path)) - {module} for module, path in MODULES.items()}
    del graph["nlpseq"]  # its functions import lazily
    assert circles(graph) == []


def test_packages_have_no_import_circle() -> None:
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


def test_no_file_imports_tasks_or_recipes_without_nlpseq() -> None:
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
    # Not in the parent of the project, where the folder of the checkout may be called nlpseq too.
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # CPU time, which does not depend on the load of the machine.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


def test_the_text_pipeline_imports_no_torch(tmp_path: Path) -> None:
    """A runtime without torch reads texts as training does."""
    script = (
        "import sys\nimport nlpseq.data.text_pipeline\n"
        "assert not {'torch', 'datasets', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)


def test_running_a_recipe_imports_neither_quickstart_nor_comparison(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from nlpseq.experiment.run import run\n"
        "from nlpseq.recipe import to_assignments\n"
        "loaded = {name for name in sys.modules if name.startswith('nlpseq.')}\n"
        "unwanted = ('nlpseq.experiment.quickstart', 'nlpseq.experiment.comp', 'nlpseq.inspection', "
        "'nlpseq.analysis.comparison', 'nlpseq.data.synthetic')\n"
        "found = sorted(name for name in loaded if name.startswith(unwanted))\n"
        "assert not found, found\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
