"""Shared by both translation benchmarks: options, and beam search of both sides in turns."""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from joeynmt_side import JoeyNMT
from nlpseq.tasks.seq2seq.translation import Translation
from nlpseq_side import translated
from reporting import Result, add_common, print_turns, versions_there

from nlpseq.cli.option_types import positive_int
from nlpseq.data.split import Split
from nlpseq.versions import versions

CONFIG = Path(__file__).parent / "joeynmt_translation.yaml"


def add_options(parser: argparse.ArgumentParser, epochs: int) -> None:
    """Add the options of both translation benchmarks."""
    parser.add_argument("--joey-python", type=Path, required=True, metavar="PATH")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="Multi30k's raw text (else: built-in corpus)"
    )
    parser.add_argument(
        "--sentences", type=int, default=0, metavar="N", help="training sentences; 0: all"
    )
    parser.add_argument(
        "--test-sentences", type=int, default=0, metavar="N", help="test sentences; 0: all"
    )
    parser.add_argument(
        "--decodings",
        type=positive_int,
        default=3,
        metavar="N",
        help="decodings of each side in each turn",
    )
    parser.add_argument(
        "--epochs",
        type=positive_int,
        default=epochs,
        metavar="N",
        help="training epochs in each turn",
    )
    parser.add_argument(
        "--threads", type=positive_int, metavar="N", help="threads of torch (default: all)"
    )
    add_common(parser, rounds=3)


def begin(arguments: argparse.Namespace) -> tuple[dict[str, Any], dict[str, str]]:
    """Set the threads; return JoeyNMT's configuration and all versions."""
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    theirs = versions_there(arguments.joey_python, "joeynmt", "--joey-python")
    print(
        f"torch {theirs['torch']}, JoeyNMT {theirs['joeynmt']}, {torch.get_num_threads()} threads"
    )
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    return config, {**versions(), "joeynmt": theirs["joeynmt"]}


@dataclass(frozen=True)
class Decodings:
    """Return the figures and outputs of both sides with one batch size."""

    figures: dict[str, float]
    ours: list[str]
    theirs: list[str]


def decoding(
    task: Translation, model: Any, split: Split, joeynmt: JoeyNMT, batch_size: int, repeats: int
) -> Decodings:
    """Decode with both sides in turns, with equal weights and batches; return the medians."""
    seconds = []
    for _ in range(repeats):
        ours, ours_seconds = translated(task, model, split, batch_size=batch_size)
        found, their_seconds = joeynmt.decode(batch_size)
        ratio = their_seconds / ours_seconds
        seconds.append({"nlpseq": ours_seconds, "joeynmt": their_seconds, "ratio": ratio})
    theirs = [
        task.target.decode([int(piece) for piece in pieces if piece.isdigit()]) for pieces in found
    ]
    median = {name: statistics.median(turn[name] for turn in seconds) for name in seconds[0]}
    figures = {
        "nlpseq_decoding_sentences_per_second": len(split) / median["nlpseq"],
        "joeynmt_decoding_sentences_per_second": len(split) / median["joeynmt"],
        "decoding_ratio": median["ratio"],
        "equal_outputs": sum(map(str.__eq__, ours, theirs)) / len(split),
    }
    named = {f"{name}_{batch_size}": figure for name, figure in figures.items()}
    return Decodings(named, ours, theirs)


def tell(turns: Sequence[dict[str, float]], rounds: int) -> None:
    """Print the figures of the last turn."""
    figures = ", ".join(f"{key} {value:.2f}" for key, value in turns[-1].items())
    print(f"turn {len(turns)} of {rounds}: {figures}", flush=True)


def batch_sizes(config: dict[str, Any]) -> list[int]:
    """Return the batch sizes: that of training, and twice that, nlpseq's default for these sizes."""
    return [scale * config["training"]["batch_size"] for scale in (1, 2)]


def print_decodings(result: Result) -> None:
    """Build a table for each batch size."""
    for size in result["decoding_batches"]:
        columns = {
            f"sentences/s in decoding, {size} a batch: nlpseq": (
                f"nlpseq_decoding_sentences_per_second_{size}",
                ",.1f",
            ),
            "JoeyNMT": (f"joeynmt_decoding_sentences_per_second_{size}", ",.1f"),
            "ratio": (f"decoding_ratio_{size}", ".2f"),
            "equal outputs": (f"equal_outputs_{size}", ".0%"),
        }
        print_turns(result, columns)
