"""Speed of nlpseq's language models, against a plain torch script and against the machine.

    python benchmarks/language_modeling.py training      tokens per second of training
    python benchmarks/language_modeling.py generation    tokens per second of sampling one text
    python benchmarks/language_modeling.py adaptive      seconds to an equal validation perplexity

`training` gives both sides the same model, weights, data, windows and optimizer and runs them in turns, so that other
load on the machine affects both; it checks that their mean losses agree. nlpseq's side is what users run: Task, Model
and Trainer, with the history. The other side is `plain_language_model.py`. Between them `matrix_products.py` computes
only the matrix products of such a step, which gives the share of the machine's speed that each reaches. `generation`
samples from one model by nlpseq's single steps and by calling `nn.LSTM` on one token at a time, and checks that both
predict the same probabilities. `adaptive` compares two output layers of nlpseq on real text.

Except for `adaptive`, data are random tokens with the frequencies of Zipf's law: nothing is downloaded.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate.utils import set_seed
from adaptive_softmax import measure_adaptive
from equal_models import SEED, Shape, medians, zipf_split
from generation_speed import GENERATION_SHAPES, measure_generation
from matrix_products import MatrixProducts
from nlpseq.tasks.language_modeling.task import LanguageModeling
from plain_language_model import train
from reporting import Result, add_common, named_turns, print_table, run, write_report
from timed_training import timed_training

from nlpseq.data.split import Split

WINDOW = 35
WARMUP = 3  # steps that are not timed: buffers are allocated, kernels chosen
LEARNING_RATES = {"sgd": 1.0, "adam": 1e-3}
CLIP_NORM = 0.25


def seconds_per_step(times: Sequence[float]) -> float:
    """Return the mean over the steps after the warm-up."""
    return (times[-1] - times[WARMUP - 1]) / (len(times) - WARMUP)


# Training


def measure_training(
    shape: Shape, batch_size: int, steps: int, optimizer: str, rounds: int
) -> Result:
    """Train in turns with nlpseq and with the plain script, and run the bare products between them."""
    steps += WARMUP
    task = shape.task(
        "word",
        epochs=1.0,
        batch_size=batch_size,
        bptt_length=WINDOW,
        optimizer=optimizer,
        learning_rate=LEARNING_RATES[optimizer],
        clip_norm=CLIP_NORM,
    )
    split = zipf_split(shape.vocabulary, batch_size * WINDOW * steps)
    products = MatrixProducts(
        batch_size=batch_size,
        window=WINDOW,
        embedding_dim=shape.inputs,
        hidden_size=shape.hidden_size,
        num_layers=shape.layers,
        vocab_size=shape.vocabulary,
    )
    tokens, turns = batch_size * WINDOW, []
    for _ in range(rounds):
        ours, loss = train_nlpseq(task, split)
        theirs, plain_loss = train_plain(shape, task, split)
        if abs(loss - plain_loss) > 1e-3 * plain_loss:
            raise SystemExit(f"not the same training: loss {loss:.5f} and {plain_loss:.5f}")
        floor = seconds_per_step(products.run(WARMUP + max(3, steps // 2)))
        turns.append(
            {
                "nlpseq_tokens_per_second": tokens / ours,
                "plain_tokens_per_second": tokens / theirs,
                "ratio": theirs / ours,
                "share_of_matrix_products": floor / ours,
                "plain_share_of_matrix_products": floor / theirs,
                "gigaflops_of_matrix_products": products.operations / floor / 1e9,
                "mean_loss": loss,
                "plain_mean_loss": plain_loss,
            }
        )
    return {"batch_size": batch_size, "steps": steps - WARMUP, "turns": turns, **medians(turns)}


def train_nlpseq(task: LanguageModeling, split: Split) -> tuple[float, float]:
    """Return seconds per step and mean loss of nlpseq's trainer."""
    _, clock = timed_training(task, split, SEED)
    return seconds_per_step(clock.times), clock.mean_loss


def train_plain(shape: Shape, task: LanguageModeling, split: Split) -> tuple[float, float]:
    """Return seconds per step and mean loss of the plain script, with the same weights and order."""
    set_seed(SEED)
    model = shape.plain(task.build())
    config = task.recipe.training
    inputs, targets = (
        ids.view(config.batch_size, -1).t().contiguous()  # (N, B)
        for ids in task.stream(split).training_pair()
    )
    times, loss = train(
        model,
        inputs,
        targets,
        window=config.bptt_length,
        optimizer=config.optimizer,
        learning_rate=config.learning_rate,
        clip_norm=config.clip_norm,
    )
    return seconds_per_step(times), loss


# Command line


def training(arguments: argparse.Namespace) -> list[Result]:
    """Measure and show training."""
    shape = Shape(
        arguments.vocabulary, arguments.hidden_size, arguments.layers, tied=arguments.tied
    )
    heading = ("batch", "turn", "nlpseq tokens/s", "plain tokens/s", "ratio", "share of products")
    rows: list[Sequence[str]] = [heading]
    results = []
    for batch_size in arguments.batch_size:
        result = measure_training(
            shape, batch_size, arguments.steps, arguments.optimizer, arguments.rounds
        )
        for name, turn in named_turns(result):
            rows.append(
                (
                    str(batch_size),
                    name,
                    f"{turn['nlpseq_tokens_per_second']:,.0f}",
                    f"{turn['plain_tokens_per_second']:,.0f}",
                    f"{turn['ratio']:.2f}",
                    f"{turn['share_of_matrix_products']:.0%}",
                )
            )
        results.append({**asdict(shape), "optimizer": arguments.optimizer, **result})
    print_table(rows)
    return results


def generation(arguments: argparse.Namespace) -> list[Result]:
    """Measure and show generation."""
    heading = ("tokens", "turn", "nlpseq tokens/s", "with text", "plain", "ratio", "with text")
    rows: list[Sequence[str]] = [heading]
    results = []
    for kind in GENERATION_SHAPES:
        result = measure_generation(kind, arguments.length, arguments.rounds)
        for name, turn in named_turns(result):
            speeds = ("nlpseq_tokens", "nlpseq_text_tokens", "plain_tokens")
            rows.append(
                (
                    kind,
                    name,
                    *(f"{turn[f'{speed}_per_second']:,.0f}" for speed in speeds),
                    f"{turn['ratio']:.2f}",
                    f"{turn['text_ratio']:.2f}",
                )
            )
        results.append(result)
    print_table(rows)
    return results


def adaptive(arguments: argparse.Namespace) -> list[Result]:
    """Measure and show the time to an equal perplexity."""
    result = measure_adaptive(
        arguments.recipe, arguments.data_dir, arguments.cutoffs, arguments.overrides
    )
    rows = [("softmax", "best perplexity", f"seconds to {result['perplexity']:.2f}")]
    for head in ("full", "adaptive"):
        best, seconds = result[f"{head}_best_perplexity"], result[f"{head}_seconds"]
        rows.append((head, f"{best:.2f}", f"{seconds:.1f}"))
    print_table(rows)
    print(f"full / adaptive: {result['ratio']:.2f}")
    return [result]


def numbers(text: str) -> list[int]:
    """Parse whole numbers separated by commas."""
    return [int(part) for part in text.split(",")]


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--threads", type=int, metavar="N", help="threads of torch (default: all)")
    add_common(common, rounds=3)
    modes = parser.add_subparsers(required=True, metavar="MODE")
    mode = modes.add_parser("training", parents=[common], help="tokens per second of training")
    mode.add_argument("--batch-size", type=numbers, default=[64, 20], metavar="B,B,...")
    mode.add_argument("--steps", type=int, default=20, metavar="N", help="timed steps in each turn")
    mode.add_argument("--hidden-size", type=int, default=200, metavar="H")
    mode.add_argument("--layers", type=int, default=2, metavar="L")
    mode.add_argument("--vocabulary", type=int, default=10_000, metavar="V")
    mode.add_argument("--optimizer", choices=sorted(LEARNING_RATES), default="sgd")
    mode.add_argument("--tied", action="store_true", help="tie the softmax to the embedding")
    mode.set_defaults(run=training)
    mode = modes.add_parser("generation", parents=[common], help="tokens per second of sampling")
    mode.add_argument("--length", type=int, default=500, metavar="N", help="tokens in each turn")
    mode.set_defaults(run=generation)
    mode = modes.add_parser("adaptive", parents=[common], help="seconds to an equal perplexity")
    mode.add_argument("--recipe", default="language_modeling/quickstart", metavar="RECIPE")
    mode.add_argument("--data-dir", type=Path, metavar="DIR", help="local files of the recipe")
    mode.add_argument("--cutoffs", type=numbers, default=[100], metavar="ID,ID,...")
    mode.add_argument("overrides", nargs="*", metavar="key=value", help="changes to the recipe")
    mode.set_defaults(run=adaptive)
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    """Run one mode."""
    arguments = parse(words)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    results = arguments.run(arguments)
    write_report(arguments, results, mode=arguments.run.__name__)


if __name__ == "__main__":
    run(main)
