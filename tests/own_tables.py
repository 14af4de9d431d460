"""Small tables as users have them."""

import csv
import random
from pathlib import Path

GOOD, BAD = "great lovely superb charming".split(), "awful broken poor dreadful".split()
FILLING = "the parcel order screen box cable lamp was is very really quite".split()
Row = tuple[str, str, str, float]
HEAD = ("id", "message", "category", "score")


def tickets(number: int = 200, seed: int = 3) -> list[Row]:
    """Messages whose category a single word decides."""
    draw = random.Random(seed)
    rows = []
    for index in range(number):
        good = index % 2 == 0
        words = draw.choices(FILLING, k=6)
        words.insert(draw.randrange(6), draw.choice(GOOD if good else BAD))
        label = "praise" if good else "complaint"
        rows.append((f"T{index:05d}", " ".join(words), label, round(draw.random() * 5, 3)))
    return rows


def write_csv(path: Path, rows: list[Row], *, delimiter: str = ",", header: bool = True) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        if header:
            writer.writerow(HEAD)
        writer.writerows(rows)
    return path
