"""JoeyNMT's side of both translation benchmarks, run in a separate environment; nothing here uses nlpseq.

    python joeynmt_translation.py train FOLDER THREADS
    python joeynmt_translation.py decode FOLDER THREADS BATCH_SIZE

FOLDER holds `config.yaml`, the vocabulary and the lines of ids that it names. Training writes there
`weights.pt` and `train.json`: seconds without waiting for batches, tokens, parameters and the nll of
the first batches. Decoding reads the weights and writes `decode.json`: seconds inside JoeyNMT's search
and the resulting ids.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from joeynmt import prediction
from joeynmt.config import load_config, parse_global_args
from joeynmt.helpers import make_model_dir
from joeynmt.prediction import predict, prepare
from joeynmt.training import TrainManager

SCORED_BATCHES = 4


class TimedBatches:
    """A loader that measures the time of an epoch, and the time spent waiting for batches."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.batch_sampler = loader.batch_sampler
        self.seconds = 0.0
        self.waiting = 0.0
        self.cells = 0  # target tokens, padding included

    def __iter__(self) -> Iterator[Any]:
        """Yield the loader's batches."""
        started = requested = time.perf_counter()
        for batch in self.loader:
            self.waiting += time.perf_counter() - requested
            self.cells += batch.trg.numel()
            yield batch
            requested = time.perf_counter()
        self.waiting += time.perf_counter() - requested
        self.seconds += time.perf_counter() - started


class TimedSearch:
    """JoeyNMT's search, from a batch to ids."""

    def __init__(self, search: Callable[..., Any]) -> None:
        self.search = search
        self.seconds = 0.0

    def __call__(self, **arguments: Any) -> Any:
        """Search, and add up the seconds."""
        started = time.perf_counter()
        found = self.search(**arguments)
        self.seconds += time.perf_counter() - started
        return found


def without_end(encode: Callable[..., Any], sentences: Any, bos: bool, eos: bool) -> Any:
    """Build source ids as in nlpseq; JoeyNMT would append the end of sentence."""
    return encode(sentences, bos=bos, eos=False)


def new_model(folder: Path) -> tuple[Any, Any, list[Any]]:
    """Prepare JoeyNMT: its arguments, a new model in an empty folder, and the splits."""
    config = load_config(folder / "config.yaml")
    make_model_dir(Path(config["model_dir"]), overwrite=True)
    args = parse_global_args(config, rank=0, mode="train")
    model, *splits = prepare(args, rank=0, mode="train")
    for data in splits:
        encode = data.sequence_encoder[data.src_lang]
        data.sequence_encoder = {
            **data.sequence_encoder,
            data.src_lang: partial(without_end, encode),
        }
    return args, model, splits


def train(folder: Path) -> dict[str, Any]:
    """Train all epochs; return seconds, tokens, parameters, and the final nll."""
    args, model, (training, validation, _) = new_model(folder)
    manager = TrainManager(
        rank=0,
        model=model,
        model_dir=args.model_dir,
        device=args.device,
        autocast=args.autocast,
        seed=args.seed,
        train_args=args.train,
        dev_args=args.test,
    )
    make_iter, made = training.make_iter, []

    def timed(**arguments: Any) -> TimedBatches:
        made.append(TimedBatches(make_iter(**arguments)))
        return made[-1]

    training.make_iter = timed
    manager.train_and_validate(train_data=training, valid_data=training)
    torch.save(model.state_dict(), folder / "weights.pt")
    return {
        "seconds": made[0].seconds - made[0].waiting,
        "tokens": manager.stats.total_tokens,
        "cells": made[0].cells,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "nll": score(args, model, validation),
    }


@torch.no_grad()
def score(args: Any, model: Any, data: Any) -> list[float]:
    """Return the summed nll of each of the first batches, in the order of the data."""
    model.eval()
    batches = data.make_iter(
        batch_size=args.test.batch_size,
        eos_index=model.eos_index,
        pad_index=model.pad_index,
    )
    totals = []
    for batch in batches:
        batch.sort_by_src_length()
        totals.append(model(return_type="loss", **vars(batch))[0].item())
        if len(totals) == SCORED_BATCHES:
            break
    return totals


def decode(folder: Path, batch_size: int) -> dict[str, Any]:
    """Run beam search over the test split; return the seconds of searching alone."""
    args, model, (*_, test) = new_model(folder)
    model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    prediction.search = search = TimedSearch(prediction.search)
    *_, found, _, _ = predict(
        model=model,
        data=test,
        device=args.device,
        n_gpu=args.n_gpu,
        args=args.test._replace(batch_size=batch_size),
        autocast=args.autocast,
    )
    return {"seconds": search.seconds, "outputs": found}


def main(command: str, folder_name: str, threads: str, *numbers: str) -> None:
    """Train or decode, and report."""
    torch.set_num_threads(int(threads))
    folder = Path(folder_name)
    result = {"train": train, "decode": decode}[command](folder, *map(int, numbers))
    (folder / f"{command}.json").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
