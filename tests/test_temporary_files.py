"""Temporary files of processes that were killed are removed by later ones, and nothing else is."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nlpseq.files import replacing, write_text
from nlpseq.temporary_files import SCRATCH, folder_until_exit, scratch_folder

HOLDER = """
import sys
from pathlib import Path
from nlpseq.temporary_files import scratch_folder, temporary_beside
with temporary_beside(Path(sys.argv[1])) as file, scratch_folder() as folder:
    (folder / "part").write_text("x")
    file.write_text("half")
    print(file, folder, sep="\\n", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for temporary files of this process and its children."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def holder(target: Path) -> tuple["subprocess.Popen[str]", Path, Path]:
    """Start a process that writes a temporary file and a scratch folder, and waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, *(Path(process.stdout.readline().rstrip("\n")) for _ in range(2))  # type: ignore[return-value]


def test_what_a_killed_process_leaves_is_removed_and_not_before(
    tmp_path: Path, scratch: Path
) -> None:
    target = tmp_path / "scores.json"
    process, file, folder = holder(target)
    write_text(target, "first")
    with scratch_folder():
        assert file.exists()
        assert (folder / "part").exists()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert file.exists()
    write_text(target, "second")
    with scratch_folder() as own:
        assert list(scratch.iterdir()) == [own]
    assert target.read_text() == "second"
    assert sorted(os.listdir(tmp_path)) == ["scores.json", "scratch"]
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [".b.json.tmp-12", ".a.json.tmp-x", "a.json.tmp-12", ".a.jsonx.tmp-1", ".a.json.tmp-1.b"],
)
def test_files_of_other_names_stay(tmp_path: Path, scratch: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    (scratch / f"{SCRATCH}mine").mkdir()
    (scratch / "nlpseq-abcdefgh").mkdir()
    write_text(tmp_path / "a.json", "x")
    with scratch_folder():
        pass
    assert (tmp_path / name).read_text() == "mine"
    assert len(list(scratch.iterdir())) == 2


def test_links_are_not_followed(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("mine")
    (scratch / f"{SCRATCH}abcdefgh").symlink_to(tmp_path / "kept")
    (tmp_path / ".a.json.tmp-7").symlink_to(tmp_path / "kept" / "file")
    write_text(tmp_path / "a.json", "x")
    with scratch_folder():
        pass
    assert (tmp_path / "kept" / "file").read_text() == "mine"


def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_text(target, "old")
    with pytest.raises(UnicodeEncodeError), replacing(target) as temporary:
        temporary.write_text("new\ud800", encoding="utf-8")
    assert target.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["a.json", "scratch"]


def test_a_folder_until_exit_stays_beside_others(scratch: Path) -> None:
    first, second = folder_until_exit(scratch), folder_until_exit(scratch)
    assert first.is_dir()
    assert second.is_dir()


def test_new_files_have_the_permissions_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("x")
    write_text(tmp_path / "a.json", "x")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "usual").stat().st_mode
