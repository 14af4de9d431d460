import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nlpseq.errors import UserError
from nlpseq.training.checkpoint import Checkpoint, CheckpointStore, DamagedError

FILES = {
    "model": {
        "half": torch.randn(3, 2).bfloat16(),
        "count": torch.tensor(7),
        "strided": torch.arange(6.0, dtype=torch.float64).view(2, 3).t(),
    },
    "empty": {},
    "other": {"bytes": torch.arange(10, dtype=torch.uint8)},
}
STATE = {"third": 1 / 3, "list": [1, 2], "none": None}


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


def latest(store: CheckpointStore) -> tuple[str | None, list[str]]:
    notes: list[str] = []
    checkpoint = store.latest(notes.append)
    return checkpoint.name if checkpoint else None, notes


def test_saved_tensors_are_restored_bit_for_bit(store: CheckpointStore) -> None:
    store.save(12, FILES, STATE)
    checkpoint = store.open("step-00000012")
    assert checkpoint.document == STATE
    for file, tensors in FILES.items():
        loaded = checkpoint.tensors(file)
        assert loaded.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert loaded[name].dtype == tensor.dtype
            assert loaded[name].equal(tensor)
    assert not any(path.suffix in {".pt", ".pkl", ".bin"} for path in checkpoint.path.iterdir())


def test_no_checkpoint_is_no_error(store: CheckpointStore) -> None:
    assert latest(store) == (None, [])
    store.clean()
    assert store.names() == []


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def remove(path: Path) -> None:
    path.unlink()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def add(path: Path) -> None:
    path.with_name("more.safetensors").write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, remove, flip, add])
@pytest.mark.parametrize(
    "file", ["model.safetensors", "other.safetensors", "state.json", "manifest.json"]
)
def test_damage_is_named_and_the_one_before_is_used(
    store: CheckpointStore, file: str, damage: Callable[[Path], None]
) -> None:
    store.save(1, FILES, STATE)
    newest = store.save(2, FILES, STATE)
    damage(newest.path / file)
    name, notes = latest(store)
    assert name == "step-00000001"
    assert len(notes) == 1
    assert "step-00000002 is damaged" in notes[0]
    with pytest.raises(DamagedError):
        store.open(newest.name)


def test_no_flipped_byte_of_the_manifest_goes_unseen(store: CheckpointStore) -> None:
    saved = store.save(1, FILES, STATE)
    manifest = saved.path / "manifest.json"
    whole = manifest.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 32):
            data = bytearray(whole)
            data[place] ^= bit
            manifest.write_bytes(data)
            with pytest.raises(DamagedError):
                store.open(saved.name)
    manifest.write_bytes(whole)
    store.open(saved.name)


def test_when_all_are_damaged_it_says_so(store: CheckpointStore) -> None:
    for step in (1, 2):
        truncate(store.save(step, FILES, STATE).path / "model.safetensors")
    with pytest.raises(UserError, match="every checkpoint in .* is damaged"):
        latest(store)


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_a_full_disk_loses_nothing(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    store.save(1, FILES, STATE)
    real, done = os.write, []

    def full(descriptor: int, data: bytes) -> int:
        if len(done) == calls:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(real(descriptor, data))
        return done[-1]

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UserError, match="no space left .*step-00000002"):
        store.save(2, FILES, STATE)
    monkeypatch.undo()
    assert [path.name for path in store.folder.iterdir()] == ["step-00000001"]
    assert latest(store) == ("step-00000001", [])


def test_another_error_of_the_disk_is_not_called_a_full_one(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int, data: bytes) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(UserError, match="step-00000001 cannot be written: Input/output error"):
        store.save(1, FILES, STATE)
    assert list(store.folder.iterdir()) == []


def test_short_writes_are_continued(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:17]))
    store.save(1, FILES, STATE)
    monkeypatch.undo()
    assert store.open("step-00000001").tensors("other")["bytes"].equal(FILES["other"]["bytes"])


def test_leftovers_of_a_kill_are_cleaned_and_never_read(store: CheckpointStore) -> None:
    saved: Checkpoint = store.save(1, FILES, STATE)
    shutil.copytree(saved.path, store.folder / "step-00000002.tmp-123")
    assert latest(store) == ("step-00000001", [])
    store.clean()
    assert [path.name for path in store.folder.iterdir()] == ["step-00000001"]


def test_a_step_can_be_saved_again(store: CheckpointStore) -> None:
    truncate(store.save(1, FILES, STATE).path / "model.safetensors")
    store.save(1, FILES, STATE | {"list": []})
    assert store.open("step-00000001").document["list"] == []
    assert [path.name for path in store.folder.iterdir()] == ["step-00000001"]


def test_prune_keeps_the_newest_and_what_is_needed(store: CheckpointStore) -> None:
    for step in (5, 10, 15, 20, 25):
        store.save(step, FILES, STATE)
    store.prune({"step-00000010"})
    assert store.names() == ["step-00000010", "step-00000020", "step-00000025"]
    assert len(list(store.folder.iterdir())) == 3


def test_checkpoints_set_aside_are_not_counted(store: CheckpointStore) -> None:
    for step in (5, 10, 15):
        store.save(step, FILES, STATE)
    store.set_aside(after="step-00000005")
    assert store.names() == ["step-00000005"]
    assert (store.folder / "step-00000015.damaged").is_dir()
