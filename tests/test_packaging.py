"""Declarations in setup.cfg and constraints.txt agree with the files."""

import configparser
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from nlpseq.tasks import TASKS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nlpseq
from nlpseq import recipe

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").rglob("*.toml"))
PIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==[0-9]+(\.[0-9]+)*((a|b|rc|\.post)[0-9]+)?$")


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines(text: str) -> list[str]:
    return [
        line.strip()
        for line in text.splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]


def pins() -> dict[str, str]:
    found = [
        line.split("==") for line in lines((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    ]
    return {canonicalize_name(name): version for name, version in found}


def test_packages_are_the_folders(setup: configparser.ConfigParser) -> None:
    folders = {
        path.parent for top in ("nlpseq", "tasks", "recipes") for path in (ROOT / top).rglob("*.py")
    }
    for folder in folders:
        assert (folder / "__init__.py").is_file(), folder
    names = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    expected = {name if name.startswith("nlpseq") else f"nlpseq.{name}" for name in names}
    assert set(lines(setup["options"]["packages"])) == expected


def test_typed_marker_and_recipes_are_package_data(setup: configparser.ConfigParser) -> None:
    data = setup["options.package_data"]
    assert "py.typed" in data["nlpseq"]
    assert (ROOT / "nlpseq" / "py.typed").is_file()
    matched = {
        path
        for pattern in lines(data["nlpseq.recipes"])
        for path in (ROOT / "recipes").glob(pattern)
    }
    others = {
        path
        for path in (ROOT / "recipes").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert others == matched


def test_the_installed_package_finds_every_recipe() -> None:
    on_disk = [str(path.relative_to(ROOT / "recipes").with_suffix("")) for path in RECIPES]
    assert recipe.names() == sorted(on_disk)
    assert "language_modeling/quickstart" in on_disk


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_says_what_it_is_and_is_valid(path: Path) -> None:
    from nlpseq.task_lookup import read_recipe

    name = str(path.relative_to(ROOT / "recipes").with_suffix(""))
    text = path.read_text(encoding="utf-8")
    first = re.match(r"# (?P<what>\S.*\S)\.   (?P<command>nlpseq run (?P<name>\S+).*)\n", text)
    assert first is not None, "line 1: `# What it is.   nlpseq run task/name`"
    assert first["name"] == name
    assert ("--data-dir" in first["command"]) or recipe.read_document(name)["data"][
        "source"
    ] == "builtin"
    assert read_recipe(name).task in TASKS


def test_versions_agree(setup: configparser.ConfigParser) -> None:
    assert nlpseq.__version__ == setup["metadata"]["version"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {nlpseq.__version__}\n" in citation
    assert metadata.version("nlpseq") == nlpseq.__version__
    assert f"## [{nlpseq.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_command_is_installed() -> None:
    from nlpseq.cli.main import main

    (command,) = metadata.entry_points(group="console_scripts", name="nlpseq")
    assert command.load() is main


def test_constraints_are_exact_pins_without_places() -> None:
    for line in lines((ROOT / "constraints.txt").read_text(encoding="utf-8")):
        assert PIN.match(line), line


def test_constraints_pin_every_requirement(setup: configparser.ConfigParser) -> None:
    requirements = [
        *lines(setup["options"]["install_requires"]),
        *lines(setup["options.extras_require"]["dev"]),
        *lines(setup["options.extras_require"]["docs"]),
    ]
    assert len(requirements) > 10
    for line in requirements:
        requirement = Requirement(line)
        version = pins()[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), line


def test_constraints_pin_what_the_requirements_bring(setup: configparser.ConfigParser) -> None:
    missing, todo, seen = set(), ["nlpseq"], set()
    while todo:
        name = todo.pop()
        for line in metadata.requires(name) or []:
            requirement = Requirement(line)
            extras = ("dev", "docs") if name == "nlpseq" else ("",)
            needed = canonicalize_name(requirement.name)
            applies = requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in extras
            )
            if needed in seen or not applies:
                continue
            seen.add(needed)
            try:
                metadata.version(needed)
            except metadata.PackageNotFoundError:
                continue  # a build for another accelerator: torch pins it itself
            todo.append(needed)
            if needed not in pins() and not needed.startswith(("nvidia-", "triton", "setuptools")):
                missing.add(needed)
    assert missing == set()


def test_the_check_script_runs_from_anywhere() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)
    text = script.read_text(encoding="utf-8")
    stages = ("ruff", "mypy", "pytest", "--cov", 'sphinx-build" -W', "actionlint", "readme.py")
    for part in (*stages, " quickstart", " compare", " inspect", " keys", "wheel"):
        assert part in text, part


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda p: p.name)
def test_hosted_files_are_yaml_without_unknown_actions(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    for job in document.get("jobs", {}).values():
        assert {"runs-on", "steps", "timeout-minutes"} <= set(job)
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in used), used


def test_workflows_cover_the_supported_versions(setup: configparser.ConfigParser) -> None:
    path = ROOT / ".github" / "workflows" / "tests.yml"
    matrix = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["tests"]["strategy"]["matrix"]
    classifiers = lines(setup["metadata"]["classifiers"])
    versions = [line.rpartition(" ")[2] for line in classifiers if " :: Python :: 3." in line]
    assert matrix == {"system": ["ubuntu-latest", "macos-latest"], "python": versions}


def test_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "The nlpseq authors" in text
    assert len(text) > 11_000
