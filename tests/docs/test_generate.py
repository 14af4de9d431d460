"""The pages that are generated with the site: docstrings as reStructuredText, and the keys of recipes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

GENERATE = Path(__file__).parents[2] / "docs" / "generate.py"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", GENERATE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_code_and_markup_of_docstrings(generate: ModuleType) -> None:
    lines = ["Return `a_b` for *args, |x| and weight_ of `one", "span`."]
    expected = ["Return ``a_b`` for \\*args, \\|x\\| and weight\\_ of ``one", "span``."]
    assert generate.as_rst(lines) == expected
    assert generate.as_rst(["All `Batch`es."]) == ["All ``Batch``\\ es."]


def test_diagrams_become_literal_blocks(generate: ModuleType) -> None:
    lines = ["Layout:", "", "    B  batch   T  time", "", "Text."]
    assert generate.as_rst(lines) == ["Layout:", "", "::", "", *lines[2:]]


def test_sections_of_google_style_stay(generate: ModuleType) -> None:
    lines = ["Do it.", "", "Args:", "    inputs: (B, D) vectors.", "", "Returns:", "    states."]
    assert generate.as_rst(lines) == lines


def test_every_module_has_a_page(generate: ModuleType, tmp_path: Path) -> None:
    generate.pages(tmp_path)
    text = "\n".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.rst"))
    for module in ("nlpseq", "nlpseq.types", "nlpseq.layers.crf", "nlpseq.tasks.tagging.task"):
        assert f".. automodule:: {module}\n" in text, module
    keys = (tmp_path / "keys.md").read_text(encoding="utf-8")
    assert "| `learning_rate` | number | `0.001` |" in keys
    assert "## tagging" in keys
