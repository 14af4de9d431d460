import errno
import os
from pathlib import Path

import pytest

from nlpseq.errors import UserError
from nlpseq.training.history import History


def test_lines_come_back_in_order_and_floats_exactly(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    assert history.read() == []
    lines = [{"step": step, "loss": 1 / (step + 3)} for step in range(4)]
    for line in lines:
        history.append(line)
    assert history.read() == lines
    assert (tmp_path / "history.jsonl").read_text().count("\n") == 4


def test_cut_drops_what_came_after_and_a_half_line(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.cut(5)
    for step in (1, 2, 2, 3):
        history.append({"step": step})
    with history.path.open("a") as file:
        file.write('{"step": 4, "lo')
    assert [line["step"] for line in history.read()] == [1, 2, 2, 3]
    history.cut(2)
    history.append({"step": 9})
    assert history.path.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 2}\n{"step": 9}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["history.jsonl"]


def test_a_full_disk_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    history = History(tmp_path / "history.jsonl")
    history.append({"step": 1})
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UserError, match="no space left"):
        history.append({"step": 2})
    monkeypatch.undo()
    assert history.read() == [{"step": 1}]
