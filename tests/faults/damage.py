"""Random damage to the files of models and runs."""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faults.damaged_weights import ODD, WEIGHTS

DEEP = "[" * 5000 + "]" * 5000


def damage(folder: Path, others: list[Path], chance: random.Random) -> str:
    """Damage one file of a copy of a model, and return what was done.

    Args:
        folder: the copy.
        others: folders of other models, whose files may be taken.
        chance: decides on what is done.
    """
    names = [name for name in FILES if (folder / name).is_file()]
    name = chance.choice([*names, "config.json", "config.json", "model.safetensors"])
    kinds: list[Callable[[Path, random.Random], str]] = [*ANY_FILE]
    kinds += [*WEIGHTS] * 3 if name.endswith(".safetensors") else [*JSON_FILE] * 5
    kind = chance.choice([*kinds, swap])
    done = swap(folder / name, chance, others) if kind is swap else kind(folder / name, chance)
    if chance.random() < 0.1:
        done += ", " + toggle_target(folder, others, chance)
    if chance.random() < 0.7:
        record_digests(folder)
        done += ", with its digest"
    return f"{name}: {done}"


def damage_run(folder: Path, chance: random.Random) -> str:
    """Damage a file of a run beside its model, and return what was done."""
    name = chance.choice(["metrics.json", "data.json", "history.jsonl", "predictions/test.jsonl"])
    path = folder / name
    if chance.random() < 0.2:
        return f"{name}: {chance.choice(ANY_FILE)(path, chance)}"
    if not name.endswith(".jsonl"):
        return f"{name}: {chance.choice(JSON_FILE)(path, chance)}"
    lines = path.read_text("utf-8").split("\n")
    number = chance.randrange(len(lines) - 1)
    single = folder / "line.json"
    single.write_text(lines[number], "utf-8")
    done = chance.choice(JSON_FILE)(single, chance)
    lines[number] = single.read_text("utf-8", "replace")
    single.unlink()
    path.write_text("\n".join(lines), "utf-8", "replace")
    return f"{name}, line {number + 1}: {done}"


FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "target/tokenizer.json",
    "tokenizer_config.json",
)


def record_digests(folder: Path) -> None:
    """Write the digests of a stranger, which are those of the damaged files."""
    if not (folder / "config.json").is_file():
        return
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        for name in config["sha256"]:
            content = (folder / name).read_bytes() if (folder / name).is_file() else b""
            config["sha256"][name] = hashlib.sha256(content).hexdigest()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    (folder / "config.json").write_text(json.dumps(config), "utf-8", "surrogatepass")


def toggle_target(folder: Path, others: list[Path], chance: random.Random) -> str:
    """Remove `target/`, or add that of another model."""
    target = folder / "target"
    if target.is_dir():
        shutil.rmtree(target)
        return "without target/"
    givers = [other for other in others if (other / "target").is_dir()]
    if givers:
        shutil.copytree(chance.choice(givers) / "target", target)
    return "with target/"


def swap(path: Path, chance: random.Random, others: list[Path] | None = None) -> str:
    """Take the file of another model."""
    other = chance.choice(others or [path.parent])
    source = other / path.name
    if source.is_file() and source != path:
        shutil.copyfile(source, path)
    return f"that of {other.name}"


# Damage of any file


def truncate(path: Path, chance: random.Random) -> str:
    """Keep the beginning of a file."""
    size = chance.randrange(path.stat().st_size + 1)
    os.truncate(path, size)
    return f"cut to {size}"


def zero(path: Path, chance: random.Random) -> str:
    """Set some bytes to zero."""
    content = bytearray(path.read_bytes())
    begin = chance.randrange(len(content) + 1)
    end = min(len(content), begin + chance.choice([1, 8, 1000, 10**9]))
    content[begin:end] = bytes(end - begin)
    path.write_bytes(content)
    return f"zeros from {begin} to {end}"


def flip(path: Path, chance: random.Random) -> str:
    """Change a few bytes."""
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 3, 20])):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(content)
    return "other bytes"


def grow(path: Path, chance: random.Random) -> str:
    """Append bytes."""
    with path.open("ab") as file:
        file.write(chance.randbytes(chance.choice([1, 100])))
    return "longer"


def remove(path: Path, chance: random.Random) -> str:
    """Remove a file, or put something else in its place."""
    path.unlink()
    kind = chance.choice(["missing", "pipe", "folder", "link", "broken link", "device"])
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "broken link":
        path.symlink_to(path.name)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    return kind


ANY_FILE = (truncate, zero, flip, grow, remove)


# Damage of JSON


def change_value(path: Path, chance: random.Random) -> str:
    """Give a key another value."""
    content = _read(path)
    spot = _spot(content, chance)
    if spot is None:
        return "unchanged"
    holder, key = spot
    value = chance.choice(ODD)
    if chance.random() < 0.3:
        value = [holder[key]] * chance.choice([0, 1, 2])
    holder[key] = value
    _write(path, content)
    return f"{key} = {value!r:.40}"


def scale(path: Path, chance: random.Random) -> str:
    """Make a number much larger."""
    content = _read(path)
    spots = [(holder, key) for holder, key in _spots(content) if type(holder[key]) in (int, float)]
    if not spots:
        return "unchanged"
    holder, key = chance.choice(spots)
    holder[key] = chance.choice([2, 1000, 10**9, -1]) * holder[key]
    _write(path, content)
    return f"{key} = {holder[key]}"


def remove_key(path: Path, chance: random.Random) -> str:
    """Remove a key or an item."""
    content = _read(path)
    spot = _spot(content, chance)
    if spot is None:
        return "unchanged"
    del spot[0][spot[1]]
    _write(path, content)
    return f"without {spot[1]}"


def add_key(path: Path, chance: random.Random) -> str:
    """Add a key to an object, or an item to a list."""
    content = _read(path)
    holders = [holder for holder, _ in _spots(content)] or [content]
    holder = chance.choice(holders)
    if isinstance(holder, dict):
        holder["added\x1b[2J"] = chance.choice(ODD)
    elif isinstance(holder, list):
        holder.append(chance.choice(ODD))
    _write(path, content)
    return "with a further key"


def exchange(path: Path, chance: random.Random) -> str:
    """Exchange two values."""
    content = _read(path)
    one, other = _spot(content, chance), _spot(content, chance)
    if one is None or other is None:
        return "unchanged"
    first, second = one[0][one[1]], other[0][other[1]]
    try:
        one[0][one[1]], other[0][other[1]] = second, first
        _write(path, content)
    except (ValueError, RecursionError):  # one holds the other
        return "unchanged"
    return f"{one[1]} and {other[1]} exchanged"


def double_key(path: Path, chance: random.Random) -> str:
    """Write a key twice, or the file in a way that parsers do not expect."""
    text = path.read_text("utf-8")
    kind = chance.choice(["twice", "deep", "BOM", "UTF-16", "huge number", "list", "NaN"])
    if kind == "twice":
        path.write_text(text.replace("{", '{"format": 2, "format": 1,', 1))
    elif kind == "deep":
        path.write_text(text.replace("{", f'{{"deep": {DEEP},', 1))
    elif kind == "BOM":
        path.write_text(f"\ufeff{text}")
    elif kind == "UTF-16":
        path.write_bytes(text.encode("utf-16"))
    elif kind == "huge number":
        path.write_text(text.replace(": 2", f": {'9' * 5000}", 1))
    elif kind == "list":
        path.write_text(f"[{text}]")
    else:
        path.write_text(text.replace(": 1", ": NaN", 1))
    return kind


JSON_FILE = (change_value, change_value, scale, remove_key, add_key, exchange, double_key)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), "utf-8", "surrogatepass")


def _spots(content: Any) -> list[tuple[Any, Any]]:
    """Return each value of a document by its holder and its key; of long lists and vocabularies a part."""
    spots: list[tuple[Any, Any]] = []
    rest = [content]
    while rest:
        holder = rest.pop()
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        for key in keys[:40]:
            spots.append((holder, key))
            if isinstance(holder[key], dict | list):
                rest.append(holder[key])
    return spots


def _spot(content: Any, chance: random.Random) -> tuple[Any, Any] | None:
    """Choose a value, each level of nesting alike."""
    holder, key = content, None
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return None
        key = chance.choice(keys)
        inside = holder[key]
        if not isinstance(inside, dict | list) or not inside or chance.random() < 0.15:
            return holder, key
        holder = inside
