"""Speed of nlpseq's beam search, against JoeyNMT's, with the weights of a model that translates.

    python benchmarks/translation_decoding.py --joey-python joey-env/bin/python --data-dir DIR --threads 2

How long JoeyNMT searches depends on the weights: it continues until all hypotheses of a sentence have finished, while
nlpseq stops when no live one can win. `translation.py` decodes with the weights of a single epoch of JoeyNMT, which
hardly translate. Here nlpseq trains the same configuration without input feeding, which learns faster, for `--epochs`
epochs, and gives its weights to JoeyNMT. Parameters that JoeyNMT lacks (the biases of the softmax layer and of the
attention's keys) stay zero. Each turn trains with another seed; `translation.py` describes how decoding is timed.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from equal_models import medians
from joeynmt_side import LACKING, JoeyNMT, for_turn, handed_over
from nlpseq.tasks.seq2seq.translation import Translation
from nlpseq_side import document, prepared, score
from reporting import Result, print_turns, run, write_report
from timed_training import timed_training
from translation_common import add_options, batch_sizes, begin, decoding, print_decodings, tell


class WithoutBiases(Translation):
    """Translation with a model in which parameters that JoeyNMT lacks are zero and fixed."""

    def build_model(self) -> Any:
        """Build the model."""
        model = super().build_model()
        for name, parameter in model.named_parameters():
            if name in LACKING:
                parameter.requires_grad_(False).zero_()
        return model


def one_turn(arguments: argparse.Namespace, config: dict[str, Any], seed: int) -> dict[str, float]:
    """Train, transfer the weights, decode."""
    limits = {"train": arguments.sentences, "validation": 1, "test": arguments.test_sentences}
    recipe = document(config, seed, input_feeding=False, epochs=arguments.epochs)
    task, splits = prepared(recipe, arguments.data_dir, limits, WithoutBiases)
    model, clock = timed_training(task, splits["train"], seed)
    figures = {"training_seconds": clock.seconds}
    theirs = for_turn(config, seed, arguments.epochs, input_feeding=False)
    with tempfile.TemporaryDirectory() as folder:
        joeynmt = JoeyNMT(arguments.joey_python, Path(folder), theirs, task, splits)
        joeynmt.take(handed_over(task, model))
        for size in batch_sizes(config):
            made = decoding(task, model, splits["test"], joeynmt, size, arguments.decodings)
            figures |= made.figures
    figures["nlpseq_bleu"] = score(made.ours, splits["test"])
    figures["joeynmt_bleu"] = score(made.theirs, splits["test"])
    return figures


def measure(arguments: argparse.Namespace, config: dict[str, Any]) -> Result:
    """Run a turn for each seed, and print its figures."""
    turns: list[dict[str, float]] = []
    for number in range(arguments.rounds):
        turns.append(one_turn(arguments, config, config["random_seed"] + number))
        tell(turns, arguments.rounds)
    return {"decoding_batches": batch_sizes(config), "turns": turns, **medians(turns)}


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, epochs=2)
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    """Measure, show, write."""
    arguments = parse(words)
    config, found = begin(arguments)
    result = measure(arguments, config)
    print_decodings(result)
    scores = {"BLEU: nlpseq": ("nlpseq_bleu", ".1f"), "JoeyNMT": ("joeynmt_bleu", ".1f")}
    print_turns(result, scores)
    write_report(arguments, result, configuration=config, versions=found)


if __name__ == "__main__":
    run(main)
