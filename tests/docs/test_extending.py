"""The code that docs/extending.md shows works unchanged."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nlpseq import custom_code
from nlpseq.errors import UserError
from nlpseq.layers.cells import build_cell
from nlpseq.readers import READERS, read_files

from .pages import ROOT, blocks

FILES = {
    block.splitlines()[0].removeprefix("# "): block
    for block in blocks(ROOT / "docs" / "extending.md", "python")
}


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder with the files, registered as by `--code`."""
    monkeypatch.setattr(custom_code, "_modules", {})
    before = dict(READERS)
    for name, code in FILES.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    custom_code.register([tmp_path / name for name in FILES])
    yield tmp_path
    for name in set(READERS) - set(before):
        del READERS[name]


def test_the_page_shows_a_cell_and_a_reader() -> None:
    assert set(FILES) == {"my_cells.py", "my_readers.py"}


def test_the_cell_sweeps_as_its_equations_step(registered: Path) -> None:
    torch.manual_seed(0)
    cell = build_cell("my_cells.py:Peephole", 4, 6)
    inputs, state = torch.randn(2, 3, 4), (torch.zeros(2, 6), torch.zeros(2, 6))
    outputs, last = cell.sweep(inputs, state)
    for index in range(3):
        state = cell.equations(inputs[:, index], state)
        assert torch.allclose(outputs[:, index], state[0])
    assert torch.allclose(last[1], state[1])
    outputs.sum().backward()
    assert all(parameter.grad is not None for parameter in cell.parameters())


def test_the_reader_reads_lines_and_names_a_bad_one(registered: Path) -> None:
    file = registered / "train.txt"
    file.write_text("a warm film #good\ndull #bad\n", encoding="utf-8")
    columns = read_files(registered, "train.txt", "hashtags").table.to_pydict()
    assert columns == {"label": ["good", "bad"], "text": ["a warm film", "dull"]}
    file.write_text("yes #good\nno label\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2: no label"):
        read_files(registered, "train.txt", "hashtags")
