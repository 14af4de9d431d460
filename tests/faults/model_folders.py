"""Models of every task, made in milliseconds, and bounds for what they may take."""

import json
import resource
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


GIGABYTE = 2**30


def config_of(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    return config


@contextmanager
def bounded(seconds: int, memory: int) -> Iterator[None]:
    """Raise an error beyond a time or an address space that a damaged model may not need."""

    def stop(*_: Any) -> None:
        raise TimeoutError

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory, limits[1]))
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)
