"""Options that several commands have."""

from argparse import ArgumentParser, _ActionsContainer
from pathlib import Path

from nlpseq.cli import completers


def add_code(parser: ArgumentParser) -> None:
    """Add `--code FILE`, which may be repeated."""
    parser.add_argument(
        "--code",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="Python file with your own cells, readers or tasks; executed; repeatable",
    )


def add_data_dir(parser: _ActionsContainer) -> None:
    """Add `--data-dir DIR`."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="read local files below DIR instead of the Hub",
    )


def add_device(parser: _ActionsContainer) -> None:
    """Add `--device NAME`."""
    action = parser.add_argument(
        "--device",
        metavar="NAME",
        help="auto (default: CUDA if there is one, else Apple's MPS, else the CPU), cpu, cuda, cuda:1 or mps",
    )
    completers.attach(action, completers.devices)


def add_model(parser: _ActionsContainer) -> None:
    """Add the positional argument RUN of a trained model."""
    parser.add_argument("run", metavar="RUN", help="run directory, or the Hub id of a model")


def add_overrides(parser: ArgumentParser, sections: str = "the recipe") -> None:
    """Add positional `key=value` overrides; words after options are overrides, too."""
    action = parser.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        default=[],
        help=f"changes to {sections}, such as {_EXAMPLES[sections]}",
    )
    completers.attach(action, completers.overrides)
    parser.set_defaults(words="overrides")


_EXAMPLES = {
    "the recipe": "training.epochs=3",
    "every recipe": "training.epochs=3",
    "data, decoding or evaluation": "decoding.beam_size=4",
}
