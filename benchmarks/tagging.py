"""Speed of nlpseq's BiLSTM-CRF tagger with characters, against Flair's SequenceTagger.

    python -m venv flair-env
    flair-env/bin/pip install torch==2.13.0 flair==0.15.1
    python benchmarks/tagging.py --flair-python flair-env/bin/python --data-dir DIR --threads 2

`flair_tagger.toml` configures both sides in Flair's terms: the same sentences, layers, sizes, vocabularies, dropout,
optimizer, learning rate, batch size and epochs, with the same version of torch and the same threads. They run in
turns, each turn with another seed. Each side is what its users run: nlpseq's Task, Trainer and predictor here, Flair's
ModelTrainer and `predict` in a separate process (`flair_tagger.py`). So each side initializes its weights and orders
its batches in its own way; nlpseq's training batches hold sentences of similar length, Flair's do not.

Training is timed without reading, validation and saving. Prediction is timed from words to spans with confidences in
nlpseq, and from `Sentence` objects in Flair. The same scorer counts the spans of both.

The benchmark checks that the parameters agree. Differences by design: Flair's CRF has START and STOP among
its tags, so two more outputs below it and (K + 2)^2 scores where nlpseq has K^2 + 2K; nlpseq has rows
for padding and for the ends of a text beside the words, and for padding beside the characters.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from equal_models import medians
from nlpseq.tasks.tagging.task import Tagging
from reporting import CPU, Result, add_common, print_turns, run, versions_there, write_report
from timed_training import timed_training

from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.data.tag_schemes import Span, convert_tags, spans_to_tags
from nlpseq.data.tokenizer_training import SPECIAL_TOKENS
from nlpseq.errors import UserError
from nlpseq.metrics.spans import SpanScores
from nlpseq.task_lookup import read_recipe
from nlpseq.versions import versions

HERE = Path(__file__).parent
CONFIG = HERE / "flair_tagger.toml"
SCHEME = "BIOES"


@dataclass(frozen=True)
class Measured:
    """The figures of one side in a turn."""

    parameters: int
    training: float  # tokens per second
    prediction: float  # tokens per second
    f1: float


def overrides(config: Mapping[str, Any], seed: int) -> list[str]:
    """Return Flair's configuration as changes to the recipe ner/conll2003."""
    characters, tagger, training = config["characters"], config["tagger"], config["training"]
    changes = {
        "seed": seed,
        "tokenization.min_frequency": config["min_frequency"],
        "tokenization.lowercase": "false",
        "tokenization.digits_as_zero": "false",
        "embedding.dim": config["words"]["embedding_length"],
        "embedding.characters": "lstm",
        "embedding.character_dim": characters["char_embedding_dim"],
        "embedding.character_size": 2 * characters["hidden_size_char"],
        "embedding.character_dropout": 0.0,
        "embedding.casing_dim": 0,
        "embedding.word_dropout": tagger["word_dropout"],
        "embedding.dropout": tagger["locked_dropout"],
        "encoder.output_dropout": tagger["locked_dropout"],
        "encoder.hidden_size": tagger["hidden_size"],
        "encoder.num_layers": tagger["rnn_layers"],
        "head.scheme": tagger["tag_format"],
        "training.epochs": training["max_epochs"],
        "training.batch_size": training["mini_batch_size"],
        "training.learning_rate": training["learning_rate"],
        "training.schedule": "constant",
        "training.warmup": 0,
        "training.clip_norm": 0.0,
        "training.average": "none",
    }
    return [f"{name}={value}" for name, value in changes.items()]


def prepared(
    config: Mapping[str, Any], seed: int, data_dir: Path | None, limits: Mapping[str, int]
) -> tuple[Tagging, dict[str, Split]]:
    """Return the task and its splits, cut to the first sentences if a limit is not 0."""
    builtin = [] if data_dir else ["data.source=builtin", "data.view=entities"]
    recipe = read_recipe("ner/conll2003", [*builtin, *overrides(config, seed)])
    task = Tagging(recipe)
    found = load_splits(recipe.data, data_dir=data_dir, fields=task.fields)
    splits = {}
    for name, limit in limits.items():
        full = [place for place, words in enumerate(found[name].column("tokens")) if words]
        kept = full[: limit or len(full)]
        splits[name] = replace(found[name], rows=found[name].rows.select(kept))
    task.prepare(splits)
    return task, splits


def sentences(split: Split) -> list[tuple[list[str], list[str]]]:
    """Return words and tags of each sentence."""
    return list(zip(split.column("tokens"), split.column("tags"), strict=True))


def f1(found: Iterable[Sequence[str]], split: Split) -> float:
    """Compute the span F1 of tags in SCHEME."""
    gold = [convert_tags(tags, SCHEME) for _, tags in sentences(split)]
    metric = SpanScores([], SCHEME)
    counts = [metric.statistics(*pair) for pair in zip(found, gold, strict=True)]
    return metric.score([sum(part) for part in zip(*counts, strict=True)])["f1"]


# Sides


def run_nlpseq(task: Tagging, splits: Mapping[str, Split]) -> Measured:
    """Train and predict with nlpseq."""
    model, clock = timed_training(task, splits["train"], task.recipe.seed)
    words = [words for words, _ in sentences(splits["validation"])]
    predictor = task.predictor(model, CPU)
    started = time.perf_counter()
    tagged = predictor.tag(words)
    passed = time.perf_counter() - started
    return Measured(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        training=clock.lines[-1]["tokens"] / clock.seconds,
        prediction=sum(map(len, words)) / passed,
        f1=f1((one.tags for one in tagged), splits["validation"]),
    )


def run_flair(python: Path, task: Tagging, splits: Mapping[str, Split], threads: int) -> Measured:
    """Train and predict with Flair, on the same sentences, with the same words and characters."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder, task, splits)
        command = [python, HERE / "flair_tagger.py", CONFIG, folder, task.recipe.seed, threads]
        offline = {"FLAIR_CACHE_ROOT": name, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **offline},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise UserError(f"Flair's side failed:\n{done.stderr or done.stdout}")
        result = json.loads((folder / "result.json").read_text("utf-8"))
    read = {name: [len(words) for words, _ in sentences(split)] for name, split in splits.items()}
    wanted = task.recipe.training.epochs * sum(read["train"])
    if result["lengths"] != read["validation"] or result["training_tokens"] != wanted:
        raise SystemExit("Flair did not read the same tokens")
    tagged = (
        spans_to_tags([Span(*span) for span in spans], length, SCHEME)
        for spans, length in zip(result["spans"], result["lengths"], strict=True)
    )
    return Measured(
        parameters=result["parameters"],
        training=result["training_tokens"] / result["training_seconds"],
        prediction=sum(result["lengths"]) / result["prediction_seconds"],
        f1=f1(tagged, splits["validation"]),
    )


def write_inputs(folder: Path, task: Tagging, splits: Mapping[str, Split]) -> None:
    """Write the files that flair_tagger.py reads."""
    for name, split in splits.items():
        blocks = (
            "".join(
                f"{word}\t{tag}\n"
                for word, tag in zip(words, convert_tags(tags, "BIO"), strict=True)
            )
            for words, tags in sentences(split)
        )
        (folder / f"{name}.txt").write_text("\n".join(blocks), "utf-8")
    words = [word for word in task.tokenizer.vocabulary if word not in SPECIAL_TOKENS]
    vocabulary = {"words": words, "characters": list(task.state()["characters"])}
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary), "utf-8")


def check_parameters(task: Tagging, ours: Measured, theirs: Measured) -> None:
    """Check that the sides differ in size only as the module's docstring says."""
    recipe, tags = task.recipe, len(task.tags)
    outputs = 2 * (2 * recipe.encoder.hidden_size + 1)
    scores = (tags + 2) ** 2 - (tags**2 + 2 * tags)
    rows = 3 * recipe.embedding.dim + recipe.embedding.character_dim
    if theirs.parameters - ours.parameters != outputs + scores - rows:
        raise SystemExit(f"not the same model: {ours.parameters} and {theirs.parameters}")
    print(
        f"parameters: nlpseq {ours.parameters:,}, Flair {theirs.parameters:,} "
        f"(+ {outputs + scores} for START and STOP, - {rows} for rows of special tokens)"
    )


# Command line


def measure(arguments: argparse.Namespace, config: Mapping[str, Any]) -> Result:
    """Run both sides in turns."""
    limits = {"train": arguments.sentences, "validation": arguments.validation_sentences}
    turns: list[dict[str, float]] = []
    for turn in range(arguments.rounds):
        task, splits = prepared(config, config["seed"] + turn, arguments.data_dir, limits)
        ours = run_nlpseq(task, splits)
        theirs = run_flair(arguments.flair_python, task, splits, torch.get_num_threads())
        if not turn:
            check_parameters(task, ours, theirs)
        turns.append(
            {
                "nlpseq_training_tokens_per_second": ours.training,
                "flair_training_tokens_per_second": theirs.training,
                "training_ratio": ours.training / theirs.training,
                "nlpseq_prediction_tokens_per_second": ours.prediction,
                "flair_prediction_tokens_per_second": theirs.prediction,
                "prediction_ratio": ours.prediction / theirs.prediction,
                "nlpseq_f1": ours.f1,
                "flair_f1": theirs.f1,
            }
        )
    return {
        "parameters": ours.parameters,
        "flair_parameters": theirs.parameters,
        "sentences": {name: len(split) for name, split in splits.items()},
        "turns": turns,
        **medians(turns),
    }


def show(result: Result) -> None:
    """Build a table with a row for each turn, and the medians."""
    columns = {
        "training: nlpseq tokens/s": ("nlpseq_training_tokens_per_second", ",.0f"),
        "Flair": ("flair_training_tokens_per_second", ",.0f"),
        "ratio": ("training_ratio", ".1f"),
        "prediction: nlpseq tokens/s": ("nlpseq_prediction_tokens_per_second", ",.0f"),
        "Flair ": ("flair_prediction_tokens_per_second", ",.0f"),
        "ratio ": ("prediction_ratio", ".1f"),
        "F1: nlpseq": ("nlpseq_f1", ".2%"),
        "Flair  ": ("flair_f1", ".2%"),
    }
    print_turns(result, columns)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--flair-python",
        type=Path,
        required=True,
        metavar="PATH",
        help="Python with Flair installed",
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="eng.train, eng.testa (else: built-in corpus)"
    )
    parser.add_argument(
        "--sentences", type=int, default=0, metavar="N", help="training sentences; 0: all"
    )
    parser.add_argument(
        "--validation-sentences",
        type=int,
        default=0,
        metavar="N",
        help="validation sentences; 0: all",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads of torch (default: all)")
    add_common(parser, rounds=3)
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    """Measure, show, write."""
    arguments = parse(words)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    theirs = versions_there(arguments.flair_python, "flair", "--flair-python")
    config = tomllib.loads(CONFIG.read_text("utf-8"))
    print(f"torch {theirs['torch']}, Flair {theirs['flair']}, {torch.get_num_threads()} threads")
    result = measure(arguments, config)
    show(result)
    here = {**versions(), "flair": theirs["flair"]}
    write_report(arguments, result, configuration=config, versions=here)


if __name__ == "__main__":
    run(main)
