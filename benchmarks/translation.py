"""Speed of nlpseq's translator, against JoeyNMT's.

    python -m venv joey-env
    joey-env/bin/pip install torch==2.13.0 joeynmt==2.3.0 importlib_metadata
    python benchmarks/translation.py --joey-python joey-env/bin/python --data-dir DIR --threads 2

`joeynmt_translation.yaml` says in JoeyNMT's words what both sides train: the same sentences as ids
of the same subwords, layers, sizes, input feeding, dropout, optimiser, rate, batch size and epochs,
with one version of torch and the same threads. They run in turns, each turn with another seed. Each
side is what its users run: nlpseq's Task, Trainer and predictor here, JoeyNMT's TrainManager and
`predict` in a process of its own (`joeynmt_translation.py`). So each orders its batches in its own
way: nlpseq's hold sentences of like length, JoeyNMT's do not. The share of padding is shown, for
that is a part of the difference.

Training is timed without validation and saving; JoeyNMT's also without making its batches, which
nlpseq's includes. Decoding is beam search with the same weights on both sides, those that JoeyNMT
has just trained: so hypotheses are equally long however good the model is. Batches have as many
sentences on both sides: first as many as in training, then twice as many, which is nlpseq's default.
It is timed from raw text to raw text on nlpseq's side, and on the other from ready batches to ids. That
both sides give the same nll with these weights is checked, and the share of equal outputs is shown
(JoeyNMT's beams keep extending what has ended). One scorer gives the BLEU of what each side trained and
decoded itself.

That the parameters agree is checked. What differs by design: nlpseq's softmax layer has a bias, and
the projection of the attention's keys; JoeyNMT drops what its decoder reads and combines, nlpseq what
the decoder reads of the vectors, with one mask a sequence, and what the softmax reads.

With `--input-feeding ours-off` a third contestant is nlpseq without input feeding, which lets the
decoder read a whole target at once.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate import Accelerator
from accelerate.utils import set_seed
from equal_models import medians
from joeynmt_side import (
    check_nll,
    check_parameters,
    run_joeynmt,
    with_weights,
)
from language_modeling import Clock
from nlpseq.tasks.translation import Translation, TranslationRecipe
from reporting import CPU, Result, add_common, print_turns, run, versions_there, write_report

from nlpseq.analysis.versions import versions
from nlpseq.data.sources import Split, load_splits
from nlpseq.metrics.translation import TranslationScores
from nlpseq.recipe import validate
from nlpseq.task import Cursor
from nlpseq.training.trainer import Trainer

HERE = Path(__file__).parent
CONFIG = HERE / "joeynmt_translation.yaml"
VOCABULARY_SIZE = 7870
FILES = {
    "train": "train.en, train.de",
    "validation": "val.en, val.de",
    "test": "test_2016_flickr.en, test_2016_flickr.de",
}


@dataclass(frozen=True)
class Trained:
    """What nlpseq's side trained, and how fast."""

    model: Any
    parameters: int
    tokens_per_second: float
    padding: float  # share of the target's places in a batch that are not tokens
    bleu: float  # of its own outputs; nan if not asked for


# nlpseq


def document(
    config: Mapping[str, Any], seed: int, *, input_feeding: bool, epochs: float
) -> dict[str, Any]:
    """JoeyNMT's configuration as a recipe."""
    model, training, testing = config["model"], config["training"], config["testing"]
    encoder, decoder = model["encoder"], model["decoder"]
    return {
        "task": "nlpseq.tasks.translation:Translation",
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
    recipe: Mapping[str, Any], data_dir: Path | None, limits: Mapping[str, int]
) -> tuple[Translation, dict[str, Split]]:
    """The task and its splits, cut to the first sentences where a limit is not 0.

    The subwords are always those of the whole training split.
    """
    data: dict[str, Any] = {"view": "translation"}
    if data_dir:
        data = {"source": "local", "format": "parallel", "files": FILES}
    whole = validate(TranslationRecipe, {**recipe, "data": data}, "of the benchmark")
    task = Translation(whole)
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
    set_seed(task.recipe.seed)
    clock, model = Clock(), task.build()
    with tempfile.TemporaryDirectory() as folder:
        Trainer(
            task,
            model,
            accelerator=Accelerator(cpu=True),
            folder=Path(folder),
            reporter=clock,
        ).fit(splits["train"], None)
    seconds, read = 0.0, 0.0
    for line in clock.lines:  # whose tokens are the source's
        seconds += (line["tokens"] - read) / line["tokens_per_second"]
        read = line["tokens"]
    epochs = task.recipe.training.epochs
    tokens = epochs * sum(len(pair.ids) for _, pair in task.examples(splits["train"]))
    bleu = float("nan")
    if with_bleu:
        bleu = score(translated(task, model, splits["test"])[0], splits["test"])
    return Trained(
        model=model,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        tokens_per_second=tokens / seconds,
        padding=padding(task, splits["train"]),
        bleu=bleu,
    )


def padding(task: Translation, split: Split) -> float:
    """The share of the first epoch's target places that are padding."""
    real = places = 0
    for batch in task.batches(split, training=True, seed=task.recipe.seed, start=Cursor()):
        real += int(batch.target.lengths.sum())
        places += batch.target.ids.numel()
    return 1 - real / places


def translated(
    task: Translation, model: Any, split: Split, **options: Any
) -> tuple[list[str], float]:
    """What a model makes of the sources, and the seconds that it takes; options of decoding."""
    predictor, texts = task.predictor(model, CPU), list(split.texts("source"))
    started = time.perf_counter()
    answers = predictor.predict(texts, **options)
    passed = time.perf_counter() - started
    return [answer["output"] for answer in answers], passed


def score(outputs: Sequence[str], split: Split) -> float:
    """BLEU by sacrebleu, of raw text."""
    metric = TranslationScores()
    pairs = zip(outputs, split.texts("target"), strict=True)
    vectors = [metric.statistics(output, target) for output, target in pairs]
    return metric.score([sum(part) for part in zip(*vectors, strict=True)])["bleu"]


# Command line


def measure(arguments: argparse.Namespace, config: dict[str, Any]) -> Result:
    """All contestants in turns."""
    limits = {
        "train": arguments.sentences,
        "validation": 0,
        "test": arguments.test_sentences,
    }
    turns: list[dict[str, float]] = []
    for turn in range(arguments.rounds):
        seed = config["random_seed"] + turn
        theirs = {**config, "random_seed": seed}
        theirs["training"] = {**config["training"], "epochs": arguments.epochs}
        task, splits = prepared(
            document(config, seed, input_feeding=True, epochs=arguments.epochs),
            arguments.data_dir,
            limits,
        )
        test = splits["test"]
        ours = train_nlpseq(task, splits, arguments.bleu)
        sizes = [scale * config["training"]["batch_size"] for scale in (1, 2)]
        result, weights = run_joeynmt(arguments.joey_python, theirs, task, splits, sizes)
        if not turn:
            check_parameters(task, ours.parameters, result["parameters"])
        model = with_weights(task, weights)
        check_nll(task, model, splits["validation"], result["nll"], config["testing"]["batch_size"])
        training = result["training_tokens"] / result["training_seconds"]
        figures = {
            "nlpseq_training_tokens_per_second": ours.tokens_per_second,
            "joeynmt_training_tokens_per_second": training,
            "training_ratio": ours.tokens_per_second / training,
            "nlpseq_padding": ours.padding,
            "joeynmt_padding": 1 - result["training_tokens"] / result["training_cells"],
        }
        for size in sizes:
            found = result["decoding"][str(size)]
            outputs, seconds = translated(task, model, test, batch_size=size)
            others = [
                task.target.decode([int(piece) for piece in pieces if piece.isdigit()])
                for pieces in found["outputs"]
            ]
            figures |= {
                f"nlpseq_decoding_sentences_per_second_{size}": len(test) / seconds,
                f"joeynmt_decoding_sentences_per_second_{size}": len(test)
                / found["prediction_seconds"],
                f"decoding_ratio_{size}": found["prediction_seconds"] / seconds,
                f"equal_outputs_{size}": sum(map(str.__eq__, outputs, others)) / len(test),
            }
        if arguments.input_feeding == "ours-off":
            off, _ = prepared(
                document(config, seed, input_feeding=False, epochs=arguments.epochs),
                arguments.data_dir,
                limits,
            )
            without = train_nlpseq(off, splits, arguments.bleu)
            figures |= {
                "nlpseq_without_feeding_training_tokens_per_second": without.tokens_per_second,
                "without_feeding_training_ratio": without.tokens_per_second / training,
            }
            if arguments.bleu:
                figures["nlpseq_without_feeding_bleu"] = without.bleu
        if arguments.bleu:
            figures |= {"nlpseq_bleu": ours.bleu, "joeynmt_bleu": score(others, test)}
        turns.append(figures)
    return {
        "vocabulary": len(task.tokenizer),
        "parameters": ours.parameters,
        "joeynmt_parameters": result["parameters"],
        "sentences": {name: len(split) for name, split in splits.items()},
        "decoding_batches": sizes,
        "turns": turns,
        **medians(turns),
    }


def show(result: Result) -> None:
    """Training, decoding with each size of batch, BLEU: one row a turn, and the medians."""
    training = {
        "target tokens/s in training: nlpseq": ("nlpseq_training_tokens_per_second", ",.0f"),
        "JoeyNMT": ("joeynmt_training_tokens_per_second", ",.0f"),
        "ratio": ("training_ratio", ".2f"),
        "nlpseq without feeding": ("nlpseq_without_feeding_training_tokens_per_second", ",.0f"),
        "ratio ": ("without_feeding_training_ratio", ".2f"),
        "padding: nlpseq": ("nlpseq_padding", ".0%"),
        "JoeyNMT ": ("joeynmt_padding", ".0%"),
    }
    bleu = {
        "BLEU: nlpseq": ("nlpseq_bleu", ".1f"),
        "JoeyNMT ": ("joeynmt_bleu", ".1f"),
        "nlpseq without feeding": ("nlpseq_without_feeding_bleu", ".1f"),
    }
    print_turns(result, training)
    for size in result["decoding_batches"]:
        decoding = {
            f"sentences/s in decoding, {size} a batch: nlpseq": (
                f"nlpseq_decoding_sentences_per_second_{size}",
                ",.1f",
            ),
            "JoeyNMT": (f"joeynmt_decoding_sentences_per_second_{size}", ",.1f"),
            "ratio": (f"decoding_ratio_{size}", ".2f"),
            "equal outputs": (f"equal_outputs_{size}", ".0%"),
        }
        print_turns(result, decoding)
    if any("joeynmt_bleu" in turn for turn in result["turns"]):
        print_turns(result, bleu)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--joey-python", type=Path, required=True, metavar="PATH")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="Multi30k's raw text (else: built-in corpus)"
    )
    parser.add_argument("--sentences", type=int, default=0, metavar="N", help="of train, 0: all")
    parser.add_argument("--test-sentences", type=int, default=0, metavar="N", help="0: all")
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="of each side, a turn")
    parser.add_argument(
        "--input-feeding",
        choices=("both", "ours-off"),
        default="both",
        help="ours-off: nlpseq without it is a third contestant",
    )
    parser.add_argument("--bleu", action="store_true", help="also score what each side trained")
    parser.add_argument("--threads", type=int, metavar="N", help="of torch (default: its own)")
    add_common(parser, rounds=3)
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    """Measure, show, write."""
    arguments = parse(words)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    theirs = versions_there(arguments.joey_python, "joeynmt", "--joey-python")
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    print(
        f"torch {theirs['torch']}, JoeyNMT {theirs['joeynmt']}, {torch.get_num_threads()} threads"
    )
    result = measure(arguments, config)
    show(result)
    here = {**versions(), "joeynmt": theirs["joeynmt"]}
    write_report(arguments, result, configuration=config, versions=here)


if __name__ == "__main__":
    run(main)
