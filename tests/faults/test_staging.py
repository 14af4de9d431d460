"""Files that are replaced together: after an error the old ones are whole, and no temporary file stays."""

import os
import threading
import time
from pathlib import Path

import pytest
from faults.holders import Holder
from faults.injection import FullDisk, disk_operations
from faults.kills import content

from nlpseq.files import NotWrittenError, write_text
from nlpseq.owner import BusyError, owned
from nlpseq.staging import staged

NAMES = ("plots/a.txt", "b.txt", "report.json")


def write(folder: Path, text: str) -> None:
    with staged(folder, "report.json") as place:
        for name in NAMES:
            write_text(place / name, text)


def write_over_a_folder(folder: Path) -> None:
    with staged(folder, "report.json") as place:
        write_text(place / "b.txt", "new")
        place.write_text("new")


def test_files_are_replaced_together(tmp_path: Path) -> None:
    folder = tmp_path / "compared"
    write(folder, "old")
    (folder / "mine.txt").write_text("kept")
    (folder / ".report.json.tmp-1").mkdir()  # of a killed process
    write(folder, "new")
    assert [(folder / name).read_text() for name in NAMES] == ["new"] * 3
    assert sorted(os.listdir(folder)) == ["b.txt", "mine.txt", "plots", "report.json"]


def test_an_error_leaves_the_old_files(tmp_path: Path) -> None:
    write(tmp_path, "old")
    before = content(tmp_path)
    with pytest.raises(IsADirectoryError):
        write_over_a_folder(tmp_path)
    assert content(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == ["b.txt", "plots", "report.json"]


def test_on_a_full_disk_the_old_files_are_whole_or_said_to_be_gone(tmp_path: Path) -> None:
    before, whole = {}, 0
    counting = FullDisk()
    with disk_operations(tmp_path, counting):
        write(tmp_path, "old")
    for first in range(1, counting.operations):
        write(tmp_path, "old")
        before = content(tmp_path)
        with disk_operations(tmp_path, FullDisk(first)), pytest.raises(NotWrittenError) as raised:
            write(tmp_path, "new")
        assert ".tmp-" not in str(raised.value)
        if "existing files are unchanged" in str(raised.value):
            assert content(tmp_path) == before, first
            whole += 1
        else:
            assert "the earlier one was removed" in str(raised.value)
            assert not (tmp_path / "report.json").exists()
        assert not list(tmp_path.glob(".*"))
    assert whole > counting.operations - 8


def test_an_owner_is_waited_for(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    with pytest.raises(BusyError, match=f"process {holder.process.pid} "), owned(tmp_path):
        pass
    thread = threading.Timer(0.5, holder.kill)
    thread.start()
    started = time.monotonic()
    with owned(tmp_path, wait=30):
        assert 0.2 < time.monotonic() - started < 25
    thread.join()


def test_another_thread_is_not_the_owner(tmp_path: Path) -> None:
    said = []

    def other() -> None:
        try:
            with owned(tmp_path):
                pass
        except BusyError as error:
            said.append(str(error))

    with owned(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(said) == 1
    assert f"process {os.getpid()} " in said[0]
