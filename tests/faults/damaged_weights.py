"""Random damage to a safetensors file, and the values that keys of JSON are given."""

import json
import random
import struct
from pathlib import Path
from typing import Any

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
