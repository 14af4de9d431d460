"""Models of every task, made in milliseconds, and random damage to their folders."""

import hashlib
import json
import os
import random
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed

from nlpseq import model_directory
from nlpseq.task_lookup import read_recipe, resolve

SIZES = "data.sizes={ train = 40, validation = 8, test = 8 }"
SMALL = (SIZES, "encoder.hidden_size=8", "embedding.dim=8")
MODELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "classification": ("sentiment/quickstart", ("head.calibrate=true",)),
    "hierarchical": (
        "sentiment/quickstart",
        ("encoder.kind=hierarchical", "encoder.attention_size=4"),
    ),
    "transformer": ("sentiment/quickstart_transformer", ("encoder.num_heads=2",)),
    "cnn": ("sentiment/quickstart", ("encoder.kind=cnn",)),
    "pairs": ("classification/pairs_quickstart", ()),
    "multilabel": ("multilabel/quickstart", ()),
    "regression": ("regression/quickstart", ()),
    "tagging": ("ner/quickstart", ("embedding.characters=cnn", "embedding.casing_dim=2")),
    "plain_tags": ("tagging/pos_quickstart", ("head.kind=softmax",)),
    "language_modeling": ("language_modeling/quickstart", ("head.tied=false",)),
    "causal_transformer": ("language_modeling/quickstart_transformer", ("encoder.num_heads=2",)),
    "subwords": (
        "language_modeling/quickstart",
        ("tokenization.kind=bpe", "tokenization.vocabulary_size=120", "head.tied=false"),
    ),
    "recall": ("language_modeling/long_dependencies/copy_memory", ("data.distances=[10]",)),
    "translation": ("translation/quickstart", ("tokenization.joint=false",)),
    "joint": (
        "translation/quickstart_transformer",
        (
            "encoder.num_heads=2",
            "decoder.num_heads=2",
            "decoder.hidden_size=8",
            "tokenization.joint=true",
        ),
    ),
    "summarization": ("summarization/quickstart", ()),
}
"""Recipes and overrides, by a name."""


def make(name: str, folder: Path) -> Path:
    """Write a model with fresh weights, and return its folder."""
    recipe_name, overrides = MODELS[name]
    recipe = read_recipe(recipe_name, [*SMALL, *overrides])
    task: Any = resolve(recipe.task)(recipe)
    set_seed(13)
    task.prepare(task.load_training_splits())
    with torch.no_grad():
        model_directory.save(folder, task, task.build())
    return folder


# Damage

DEEP = "[" * 5000 + "]" * 5000
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    7,
    2**31 - 1,
    10**9,
    2**63,
    10**400,
    -0.5,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "0",
    "x" * 10_000,
    "../../etc/passwd",
    "\x1b[31m\u202e\x9b</td><script>alert(1)</script>`|$x$",
    "\ud800",
    [],
    [1],
    ["a"] * 3,
    {},
    {"a": 1},
    [[[[]]]],
)
"""Values that a key could have."""


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


# Damage of weights


def change_header(path: Path, chance: random.Random) -> str:
    """Change the header of a safetensors file, which then has the right length."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    name = chance.choice([name for name in header if name != "__metadata__"])
    entry = header[name]
    kind = chance.choice(["shape", "dtype", "offsets", "name", "value", "twice", "remove"])
    if kind == "shape":
        entry["shape"] = chance.choice(
            [[], [0], [10**9, 10**9], entry["shape"][::-1], [*entry["shape"], 1], [2**63], [-1]]
        )
    elif kind == "dtype":
        entry["dtype"] = chance.choice(
            ["F16", "BF16", "F64", "I32", "I64", "BOOL", "U8", "F8_E4M3", "C64", ""]
        )
    elif kind == "offsets":
        entry["data_offsets"] = chance.choice(
            [[0, 0], [0, 10**12], [8, 4], [-1, 4], [2**64, 2**65]]
        )
    elif kind == "name":
        header["\x1b[31m" + name] = header.pop(name)
    elif kind == "value":
        entry[chance.choice([*entry])] = chance.choice([value for value in ODD if value == value])
    elif kind == "twice":
        header[f"{name}.copy"] = dict(entry)
    else:
        del header[name]
    new = json.dumps(header).encode("utf-8", "surrogatepass")
    path.write_bytes(struct.pack("<Q", len(new)) + new + content[8 + length :])
    return f"header: {kind}"


def change_length(path: Path, chance: random.Random) -> str:
    """Claim another length of the header."""
    content = path.read_bytes()
    length = chance.choice([0, 1, 7, 100, 10**6, 2**40, 2**63, 2**64 - 1])
    path.write_bytes(struct.pack("<Q", length) + content[8:])
    return f"header of {length} bytes"


def change_numbers(path: Path, chance: random.Random) -> str:
    """Put a number into the weights that is not finite, or huge."""
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    count = (len(content) - 8 - length) // 4
    value = chance.choice([float("nan"), float("inf"), -float("inf"), 3e38])
    begin = 8 + length + 4 * chance.randrange(count)
    content[begin : begin + 4] = struct.pack("<f", value)
    path.write_bytes(content)
    return f"weight {value}"


WEIGHTS = (change_header, change_length, change_numbers)
