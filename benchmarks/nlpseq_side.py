"""nlpseq's side of both benchmarks of translation: JoeyNMT's configuration as a recipe, training, decoding and BLEU."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nlpseq.tasks.seq2seq.recipe import TranslationRecipe
from nlpseq.tasks.seq2seq.translation import Translation
from reporting import CPU
from timed_training import timed_training

from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.metrics.translation import TranslationScores
from nlpseq.recipe import validate
from nlpseq.task import Cursor

VOCABULARY_SIZE = 7870
FILES = {
    "train": "train.en, train.de",
    "validation": "val.en, val.de",
    "test": "test_2016_flickr.en, test_2016_flickr.de",
}


@dataclass(frozen=True)
class Trained:
    """The result of training nlpseq's side."""

    model: Any
    parameters: int
    tokens_per_second: float
    padding: float  # share of padding in target batches
    bleu: float  # of its own outputs; nan if not computed


def document(
    config: Mapping[str, Any], seed: int, *, input_feeding: bool, epochs: float
) -> dict[str, Any]:
    """Return JoeyNMT's configuration as a recipe."""
    model, training, testing = config["model"], config["training"], config["testing"]
    encoder, decoder = model["encoder"], model["decoder"]
    return {
        "task": "translation",
        "seed": seed,
        "tokenization": {"kind": "bpe", "vocabulary_size": VOCABULARY_SIZE, "joint": True},
        "embedding": {
            "dim": encoder["embeddings"]["embedding_dim"],
            "dropout": encoder["embeddings"]["dropout"],
        },
        "encoder": {
            "kind": encoder["rnn_type"],
            "hidden_size": encoder["hidden_size"],
            "num_layers": encoder["num_layers"],
            "bidirectional": encoder["bidirectional"],
        },
        "decoder": {
            "hidden_size": decoder["hidden_size"],
            "num_layers": decoder["num_layers"],
            "output_dropout": decoder["hidden_dropout"],
            "bridge": "last",
            "attention": "additive",
            "input_feeding": input_feeding,
        },
        "head": {"tied": model["tied_softmax"], "shared": model["tied_embeddings"]},
        "training": {
            "epochs": float(epochs),
            "batch_size": training["batch_size"],
            "optimizer": training["optimizer"],
            "learning_rate": training["learning_rate"],
            "schedule": "constant",
            "clip_norm": training["clip_grad_norm"],
            "label_smoothing": training["label_smoothing"],
        },
        "decoding": {
            "method": "beam",
            "beam_size": testing["beam_size"],
            "length_penalty": "wu",
            "length_alpha": testing["beam_alpha"],
            "max_new_tokens": testing["max_output_length"],
            "min_new_tokens": testing["min_output_length"] + 1,
            "batch_size": testing["batch_size"],
        },
    }


def prepared(
    recipe: Mapping[str, Any],
    data_dir: Path | None,
    limits: Mapping[str, int],
    kind: type[Translation] = Translation,
) -> tuple[Translation, dict[str, Split]]:
    """Return the task and its splits, cut to the first sentences if a limit is not 0.

    The subwords are always those of the whole training split.
    """
    data: dict[str, Any] = {"view": "translation"}
    if data_dir:
        data = {"source": "local", "format": "parallel", "files": FILES}
    whole = validate(TranslationRecipe, {**recipe, "data": data}, "of the benchmark")
    task = kind(whole)
    found = load_splits(whole.data, data_dir=data_dir, fields=task.fields)
    task.prepare(found)
    splits = {}
    for name, limit in limits.items():
        sides = zip(found[name].column("source"), found[name].column("target"), strict=True)
        full = [place for place, pair in enumerate(sides) if all(text.strip() for text in pair)]
        splits[name] = replace(found[name], rows=found[name].rows.select(full[: limit or None]))
    return task, splits


def train_nlpseq(task: Translation, splits: Mapping[str, Split], with_bleu: bool) -> Trained:
    """Train with nlpseq."""
    model, clock = timed_training(task, splits["train"], task.recipe.seed)
    epochs = task.recipe.training.epochs
    tokens = epochs * sum(len(pair.ids) for _, pair in task.examples(splits["train"]))
    bleu = float("nan")
    if with_bleu:
        bleu = score(translated(task, model, splits["test"])[0], splits["test"])
    return Trained(
        model=model,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        tokens_per_second=tokens / clock.seconds,
        padding=padding(task, splits["train"]),
        bleu=bleu,
    )


def padding(task: Translation, split: Split) -> float:
    """Return the share of padding in the target batches of the first epoch."""
    real = places = 0
    for batch in task.batches(split, training=True, seed=task.recipe.seed, start=Cursor()):
        real += int(batch.target.lengths.sum())
        places += batch.target.ids.numel()
    return 1 - real / places


def translated(
    task: Translation, model: Any, split: Split, **options: Any
) -> tuple[list[str], float]:
    """Return the outputs of a model for sources, and the seconds; with options of decoding."""
    predictor, texts = task.predictor(model, CPU), list(split.texts("source"))
    started = time.perf_counter()
    answers = predictor.predict(texts, **options)
    passed = time.perf_counter() - started
    return [answer.output for answer in answers], passed


def score(outputs: Sequence[str], split: Split) -> float:
    """Compute BLEU by sacrebleu on raw text."""
    metric = TranslationScores()
    pairs = zip(outputs, split.texts("target"), strict=True)
    vectors = [metric.statistics(output, target) for output, target in pairs]
    return metric.score([sum(part) for part in zip(*vectors, strict=True)])["bleu"]
