"""Only `layers/cpu/__init__.py` looks at the type of a device."""

import re
from pathlib import Path

import nlpseq

LAYERS = Path(nlpseq.__file__).parent / "layers"


def test_no_other_module_of_layers_reads_the_type_of_a_device() -> None:
    pattern = re.compile(
        r"""device\.type|is_cuda|(?<!device=)["']cpu["']|["']cuda["']"""
    )  # to build on a CPU reads nothing
    files = [path for path in LAYERS.rglob("*.py") if pattern.search(path.read_text("utf-8"))]
    assert files == [LAYERS / "cpu" / "__init__.py"]
