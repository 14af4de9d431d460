"""Every task with small data and small models, in all the ways that a training step can go."""

from typing import Any

import torch
from datasets import Dataset

from nlpseq.data.split import Split
from nlpseq.data.synthetic.formal_languages import draw_splits
from nlpseq.recipe import validate
from nlpseq.task import Task
from nlpseq.task_lookup import resolve

TEXTS = [
    "a fine film . we liked it .",
    "dull",
    "It was not bad at all !",
    "slow , long and dull . nobody laughed . we left .",
    "nobody knows",
    "an old film",
] * 2
TAGS = [
    ("Ann Lee met Bob in Paris .", "B-PER I-PER O B-PER O B-LOC O"),
    ("Paris", "B-LOC"),
    ("nobody left .", "O O O"),
    ("Ann Bob Lee left New York at once", "B-PER B-PER I-PER O B-LOC I-LOC O O"),
] * 3
PAIRS = [
    ("the old dog sees a cat", "der alte Hund sieht eine Katze"),
    ("a cat sleeps", "eine Katze"),
    ("dogs", "Hunde sehen die Katze und schlafen"),
    ("the cat sees the old house and the dog", "Katze sieht Haus"),
] * 3
RECALL = draw_splits("delayed_recall", {"train": 8}, (5, 8))["train"]
ROWS: dict[str, dict[str, list[Any]]] = {
    "classification": {"text": TEXTS, "label": ["a", "b", "a", "b", "c", "c"] * 2},
    "pairs": {"text": TEXTS, "text2": TEXTS[::-1], "label": ["a", "b", "a", "b", "c", "c"] * 2},
    "multilabel": {"text": TEXTS, "labels": [["a"], [], ["a", "b"], ["b"], ["c"], ["a"]] * 2},
    "regression": {"text": TEXTS, "number": [0.5, 1.0, -2.0, 3.5, 1.0, 0.0] * 2},
    "tagging": {"tokens": [t.split() for t, _ in TAGS], "tags": [t.split() for _, t in TAGS]},
    "language_modeling": {"text": TEXTS},
    "recall": {name: [row[name] for row in RECALL] for name in RECALL[0]},
    "translation": {"source": [s for s, _ in PAIRS], "target": [t for _, t in PAIRS]},
}
ROWS["summarization"] = ROWS["translation"]
BIDIRECTIONAL = {"kind": "lstm", "hidden_size": 4, "bidirectional": True}
TRANSFORMER = {"kind": "transformer", "hidden_size": 8, "num_heads": 2, "feedforward_size": 8}
GRU_DECODER = {"kind": "gru", "hidden_size": 5}
BASE: dict[str, dict[str, Any]] = {
    name: {"task": name.replace("pairs", "classification"), "encoder": BIDIRECTIONAL}
    for name in ROWS
}
BASE["pairs"]["head"] = {"pair": "cross_attention"}
for _name in ("language_modeling", "recall"):
    BASE[_name]["encoder"] = {"kind": "lstm", "hidden_size": 6, "num_layers": 2}
BASE["language_modeling"]["training"] = {"bptt_length": 5}
BASE["recall"] |= {"tokenization": {"add_eos": False}, "head": {"tied": False}}
for _name in ("translation", "summarization"):
    BASE[_name]["decoding"] = {"max_new_tokens": 9, "beam_size": 3}

WAYS: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in BASE} | {
    "class weights": ("classification", {"training": {"class_weights": "balanced"}}),
    "hierarchical": ("classification", {"encoder": {"kind": "hierarchical", "hidden_size": 3}}),
    "label weights": ("multilabel", {"training": {"label_weights": "balanced"}}),
    "batch norm": (
        "classification",
        {"encoder": {**BIDIRECTIONAL, "normalization": "batch", "residual": True}},
    ),
    "character cnn": (
        "tagging",
        {"embedding": {"characters": "cnn", "character_size": 6, "casing_dim": 3}},
    ),
    "character lstm": ("tagging", {"embedding": {"characters": "lstm", "character_size": 6}}),
    "softmax tags": ("tagging", {"head": {"kind": "softmax"}, "encoder": TRANSFORMER}),
    "pieces": ("tagging", {"tokenization": {"kind": "bpe", "vocabulary_size": 150}}),
    "accumulated": ("tagging", {"training": {"accumulation": 2, "l1": 0.01, "clip_value": 0.1}}),
    "adaptive": ("language_modeling", {"head": {"kind": "adaptive", "cutoffs": [8, 20]}}),
    "causal transformer": (
        "language_modeling",
        {"encoder": {**TRANSFORMER, "positions": "rotary", "context": 5}},
    ),
    "penalties": (
        "language_modeling",
        {"training": {"activation_penalty": 1.0, "temporal_penalty": 1.0, "average": "ema"}},
    ),
    "input feeding": (
        "translation",
        {"decoder": {**GRU_DECODER, "input_feeding": True, "attention": "additive"}},
    ),
    "coverage": (
        "summarization",
        {
            "decoder": {**GRU_DECODER, "attention": "coverage", "copying": True},
            "objective": {"coverage_weight": 1.0},
        },
    ),
    "transformer decoder": (
        "translation",
        {"encoder": TRANSFORMER, "decoder": {**TRANSFORMER, "copying": True}},
    ),
    "scheduled sampling": (
        "translation",
        {"decoder": GRU_DECODER, "scheduled_sampling": {"start": 0.5, "mode": "parallel"}},
    ),
    "target lengths": ("translation", {"tokenization": {"max_target_length": 3}}),
}
for _kind in ("rnn", "mingru", "minlstm", "cnn", "dilated_cnn", "rcnn", "feedforward"):
    WAYS[_kind] = ("classification", {"encoder": {"kind": _kind}})
RANDOM = {"scheduled sampling"}
"""Ways whose losses depend on random numbers, which differ from device to device."""


def build(way: str) -> tuple[Task[Any], Split]:
    """Build a task, prepared on its data."""
    name, sections = WAYS[way]
    document: dict[str, Any] = {"embedding": {"dim": 6}, **BASE[name], **sections}
    training = [BASE[name].get("training", {}), sections.get("training", {})]
    document["training"] = {
        "batch_size": 4,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        **training[0],
        **training[1],
    }
    kind = resolve(document["task"])
    task = kind(validate(kind.Config, document, "test"))
    split = Split(name="train", rows=Dataset.from_dict(ROWS[name]), origin="test")
    task.prepare({"train": split})
    torch.manual_seed(0)
    return task, split
