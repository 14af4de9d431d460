"""Speed of nlpseq's translator, against JoeyNMT's.

    python -m venv joey-env
    joey-env/bin/pip install torch==2.13.0 joeynmt==2.3.0 importlib_metadata
    python benchmarks/translation.py --joey-python joey-env/bin/python --data-dir DIR --threads 2

`joeynmt_translation.yaml` configures both sides in JoeyNMT's terms: the same sentences as ids of the same subwords,
layers, sizes, input feeding, dropout, optimizer, learning rate, batch size and epochs, with the same version of torch
and the same threads. They run in turns, each turn with another seed. Each side is what its users run: nlpseq's Task,
Trainer and predictor here, JoeyNMT's TrainManager and `predict` in separate processes (`joeynmt_translation.py`). So
each side orders its batches in its own way: nlpseq's hold sentences of similar length, JoeyNMT's do not. The share of
padding is shown, because it explains a part of the difference.

Training is timed without validation and saving; JoeyNMT's also without building batches, which nlpseq's includes.
Decoding is beam search with the same weights on both sides, those that JoeyNMT has just trained, so hypotheses have
equal lengths. Both sides decode the test split in turns, `--decodings` times, JoeyNMT each time in a new process, as
its users do, nlpseq in the process that has trained; the medians count, also of the ratios. Batches have the same
number of sentences on both sides: first that of training, then twice that, nlpseq's default here. nlpseq batches
sources of similar length, JoeyNMT takes them in order. nlpseq is timed from raw text to raw text, JoeyNMT from
prepared batches to ids. The benchmark checks that both sides give the same nll with these weights, and shows the share
of equal outputs (JoeyNMT extends finished hypotheses, until all hypotheses of a sentence have finished; how long that
takes depends on the weights). The same scorer computes the BLEU of each side's own model, for JoeyNMT with the larger
batches.

The benchmark checks that the parameters agree. Differences by design: nlpseq has a bias in the softmax layer and in
the projection of the attention's keys; JoeyNMT applies dropout to what its decoder reads and combines, nlpseq to the
decoder's input vectors, with one mask for each sequence, and to the input of the softmax.

With `--input-feeding ours-off` a third candidate is nlpseq without input feeding, which lets the decoder read a whole
target at once.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equal_models import medians
from joeynmt_side import JoeyNMT, check_nll, check_parameters, for_turn, with_weights
from nlpseq.tasks.seq2seq.translation import Translation
from nlpseq_side import Trained, document, prepared, score, train_nlpseq
from reporting import Result, print_turns, run, write_report
from translation_common import add_options, batch_sizes, begin, decoding, print_decodings, tell

from nlpseq.data.split import Split


@dataclass(frozen=True)
class Turn:
    """The figures of a turn, and values that are the same in all turns."""

    figures: dict[str, float]
    facts: dict[str, Any]


def without_feeding(trained: Trained, theirs: float, with_bleu: bool) -> dict[str, float]:
    """Return the figures of the third candidate, with JoeyNMT's tokens per second."""
    figures = {
        "nlpseq_without_feeding_training_tokens_per_second": trained.tokens_per_second,
        "without_feeding_training_ratio": trained.tokens_per_second / theirs,
    }
    if with_bleu:
        figures["nlpseq_without_feeding_bleu"] = trained.bleu
    return figures


def one_turn(arguments: argparse.Namespace, config: dict[str, Any], seed: int) -> Turn:
    """Run all candidates with one seed."""
    limits = {"train": arguments.sentences, "validation": 0, "test": arguments.test_sentences}

    def ready(input_feeding: bool) -> tuple[Translation, dict[str, Split]]:
        recipe = document(config, seed, input_feeding=input_feeding, epochs=arguments.epochs)
        return prepared(recipe, arguments.data_dir, limits)

    task, splits = ready(True)
    ours = train_nlpseq(task, splits, arguments.bleu)
    theirs = for_turn(config, seed, arguments.epochs, input_feeding=True)
    with tempfile.TemporaryDirectory() as folder:
        joeynmt = JoeyNMT(arguments.joey_python, Path(folder), theirs, task, splits)
        result, weights = joeynmt.train()
        check_parameters(task, ours.parameters, result["parameters"])
        model = with_weights(task, weights)
        check_nll(task, model, splits["validation"], result["nll"], config["testing"]["batch_size"])
        training = result["tokens"] / result["seconds"]
        figures = {
            "nlpseq_training_tokens_per_second": ours.tokens_per_second,
            "joeynmt_training_tokens_per_second": training,
            "training_ratio": ours.tokens_per_second / training,
            "nlpseq_padding": ours.padding,
            "joeynmt_padding": 1 - result["tokens"] / result["cells"],
        }
        for size in batch_sizes(config):
            made = decoding(task, model, splits["test"], joeynmt, size, arguments.decodings)
            figures |= made.figures
    if arguments.bleu:
        figures |= {"nlpseq_bleu": ours.bleu, "joeynmt_bleu": score(made.theirs, splits["test"])}
    if arguments.input_feeding == "ours-off":
        without = train_nlpseq(*ready(False), arguments.bleu)
        figures |= without_feeding(without, training, arguments.bleu)
    facts = {
        "vocabulary": len(task.tokenizer),
        "parameters": ours.parameters,
        "joeynmt_parameters": result["parameters"],
        "sentences": {name: len(split) for name, split in splits.items()},
        "decoding_batches": batch_sizes(config),
    }
    return Turn(figures, facts)


def measure(arguments: argparse.Namespace, config: dict[str, Any]) -> Result:
    """Run all candidates in turns, each with another seed; print the figures after each turn."""
    turns: list[dict[str, float]] = []
    for number in range(arguments.rounds):
        turn = one_turn(arguments, config, config["random_seed"] + number)
        turns.append(turn.figures)
        tell(turns, arguments.rounds)
    return {**turn.facts, "turns": turns, **medians(turns)}


def show(result: Result) -> None:
    """Build tables of training, decoding with each batch size, and BLEU: a row for each turn, and medians."""
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
    print(
        f"parameters: nlpseq {result['parameters']:,}, JoeyNMT {result['joeynmt_parameters']:,} "
        "(without biases of the softmax layer and of the attention's keys)"
    )
    print_turns(result, training)
    print_decodings(result)
    if "joeynmt_bleu" in result:
        print_turns(result, bleu)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, epochs=1)
    parser.add_argument(
        "--input-feeding",
        choices=("both", "ours-off"),
        default="both",
        help="ours-off: add nlpseq without input feeding as a third candidate",
    )
    parser.add_argument(
        "--bleu", action="store_true", help="also compute the BLEU of each side's own model"
    )
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    """Measure, show, write."""
    arguments = parse(words)
    config, found = begin(arguments)
    result = measure(arguments, config)
    show(result)
    write_report(arguments, result, configuration=config, versions=found)


if __name__ == "__main__":
    run(main)
