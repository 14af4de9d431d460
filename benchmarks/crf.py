"""Speed of nlpseq's linear-chain CRF, against pytorch-crf and against a BiLSTM below it.

    pip install pytorch-crf
    python benchmarks/crf.py --threads 1 2

Both sides get the same emissions, tags, ragged mask and parameters; first the benchmark checks that they agree on the
loss and on all gradients. Then it times four things in turns, so that other load on the machine affects all alike:
loss and gradients of each side, the same for nlpseq's BiLSTM (100 inputs, 100 units in each direction) with a linear
layer and a sum, and decoding by each side. The CRF's share is its part of the time of CRF and BiLSTM together.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from equal_models import SEED, medians
from reporting import Result, add_common, print_turns, run, write_report
from torch import Tensor, nn
from torchcrf import CRF

from nlpseq.layers.crf import LinearChainCRF
from nlpseq.layers.recurrent import RecurrentEncoder

INPUTS, UNITS, LAYERS = 100, 100, 2


class Sides:
    """A batch, and two CRFs with equal parameters."""

    def __init__(self, sentences: int, tokens: int, tags: int) -> None:
        torch.manual_seed(SEED)
        lengths = torch.randint(tokens // 4, tokens + 1, (sentences,))
        lengths[0] = tokens
        self.mask = torch.arange(tokens) < lengths.unsqueeze(1)  # (B, T)
        self.emissions = (3 * torch.randn(sentences, tokens, tags)).requires_grad_()
        self.tags = torch.randint(tags, (sentences, tokens))
        self.ours, self.theirs = LinearChainCRF(tags), CRF(tags, batch_first=True)
        with torch.no_grad():
            for own, other in self.pairs():
                other.copy_(own)
        self.vectors = torch.randn(sentences, tokens, INPUTS)
        self.encoder = nn.ModuleList(
            [
                RecurrentEncoder(INPUTS, UNITS, num_layers=LAYERS, bidirectional=True),
                nn.Linear(2 * UNITS, tags),
            ]
        )

    def pairs(self) -> list[tuple[Tensor, Tensor]]:
        """Yield each of our parameters with theirs."""
        ours, theirs = self.ours, self.theirs
        return [
            (ours.start, theirs.start_transitions),
            (ours.transitions, theirs.transitions),
            (ours.end, theirs.end_transitions),
        ]

    def our_step(self) -> Tensor:
        """Compute loss and gradients."""
        loss = self.ours.nll(self.emissions, self.tags, self.mask).sum()
        loss.backward()
        return loss

    def their_step(self) -> Tensor:
        """Compute loss and gradients."""
        loss = -self.theirs(self.emissions, self.tags, self.mask, reduction="sum")
        loss.backward()
        return loss

    def encoder_step(self) -> Tensor:
        """Compute gradients of the encoder and of the linear layer above it."""
        recurrent, linear = self.encoder
        loss = linear(recurrent(self.vectors, self.mask).outputs).sum()
        loss.backward()
        return loss

    def our_decoding(self) -> list[list[int]]:
        """Compute the best paths."""
        lengths = self.mask.sum(1).tolist()
        paths = self.ours.decode(self.emissions, self.mask).tolist()
        return [path[:length] for path, length in zip(paths, lengths, strict=True)]

    def their_decoding(self) -> list[list[int]]:
        """Compute the best paths."""
        paths: list[list[int]] = self.theirs.decode(self.emissions, self.mask)
        return paths

    def check_same(self) -> None:
        """Compare loss, gradients and best paths of both sides."""
        torch.testing.assert_close(self.our_step(), self.their_step(), rtol=1e-5, atol=1e-3)
        for own, other in self.pairs():
            torch.testing.assert_close(own.grad, other.grad, rtol=1e-4, atol=1e-4)
        both = self.emissions.grad
        self.emissions.grad = None
        self.our_step()
        assert both is not None
        assert self.emissions.grad is not None
        torch.testing.assert_close(2 * self.emissions.grad, both, rtol=1e-4, atol=1e-4)
        if self.our_decoding() != self.their_decoding():
            raise SystemExit("not the same best paths")


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of some calls."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1e3 * median(times)


def measure(sides: Sides, repeats: int, rounds: int) -> Result:
    """Run all in turns; the first round warms up."""
    turns = []
    for _ in range(rounds + 1):
        ours = milliseconds(sides.our_step, repeats)
        theirs = milliseconds(sides.their_step, repeats)
        encoder = milliseconds(sides.encoder_step, repeats)
        decoding = milliseconds(sides.our_decoding, repeats)
        their_decoding = milliseconds(sides.their_decoding, repeats)
        turns.append(
            {
                "nlpseq_ms": ours,
                "pytorch_crf_ms": theirs,
                "ratio": theirs / ours,
                "encoder_ms": encoder,
                "share": ours / (ours + encoder),
                "pytorch_crf_share": theirs / (theirs + encoder),
                "nlpseq_decoding_ms": decoding,
                "pytorch_crf_decoding_ms": their_decoding,
                "decoding_ratio": their_decoding / decoding,
            }
        )
    return {"turns": turns[1:], **medians(turns[1:])}


def show(result: Result) -> None:
    """Build a table with a row for each turn, and the medians."""
    columns = {
        "nlpseq ms": ("nlpseq_ms", ".2f"),
        "pytorch-crf ms": ("pytorch_crf_ms", ".2f"),
        "ratio": ("ratio", ".1f"),
        "BiLSTM ms": ("encoder_ms", ".2f"),
        "share": ("share", ".0%"),
        "pytorch-crf's": ("pytorch_crf_share", ".0%"),
        "decoding ms": ("nlpseq_decoding_ms", ".2f"),
        "pytorch-crf ms ": ("pytorch_crf_decoding_ms", ".2f"),
        "ratio ": ("decoding_ratio", ".1f"),
    }
    print_turns(result, columns)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sentences", type=int, default=32, metavar="B", help="sentences in the batch"
    )
    parser.add_argument(
        "--tokens", type=int, default=40, metavar="T", help="tokens of the longest sentence"
    )
    parser.add_argument("--tags", type=int, default=9, metavar="K", help="number of tags")
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=[1, 2],
        metavar="N",
        help="numbers of threads to measure",
    )
    parser.add_argument("--repeats", type=int, default=10, metavar="N", help="calls in each turn")
    add_common(parser, rounds=7)
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    """Measure at each number of threads."""
    arguments = parse(words)
    results = []
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        sides = Sides(arguments.sentences, arguments.tokens, arguments.tags)
        sides.check_same()
        print(f"torch {torch.__version__}, {threads} threads")
        result = measure(sides, arguments.repeats, arguments.rounds)
        show(result)
        results.append({"threads": threads, **result})
    write_report(arguments, results)


if __name__ == "__main__":
    run(main)
