"""JoeyNMT's side of both benchmarks of translation: its inputs and outputs, and a check that both sides are equal.

`joeynmt_translation.py` runs in JoeyNMT's environment; everything here runs in nlpseq's.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from nlpseq.tasks.seq2seq.search import OutputSearch
from nlpseq.tasks.seq2seq.translation import Translation
from reporting import CPU, Result

from nlpseq.data.split import Split
from nlpseq.data.tokenizer_training import SPECIAL_TOKENS
from nlpseq.errors import UserError

SCRIPT = Path(__file__).parent / "joeynmt_translation.py"
# JoeyNMT's order of the special tokens, as indices in nlpseq's: unknown, padding, beginning, end.
SPECIAL_ORDER = [1, 0, 2, 3]
NAMES = {
    "embedding.tokens": "src_embed.lut",
    "encoder.layers.0.cells.0": "encoder.rnn",
    "encoder.layers.0.cells.1": "encoder.rnn",
    "head.encoder.layers.0.cells.0": "decoder.rnn",
    "head.combine": "decoder.att_vector_layer",
    "head.softmax": "decoder.output_layer",
    "head.attention.key": "decoder.attention.key_layer",
    "head.attention.query": "decoder.attention.query_layer",
    "head.attention.score": "decoder.attention.energy_layer",
    "head.bridge.projections.0": "decoder.bridge_layer",
}
TABLES = ("embedding.tokens.weight", "head.embedding.tokens.weight", "head.softmax.weight")
LACKING = ("head.attention.key.bias", "head.softmax.bias")


class JoeyNMT:
    """JoeyNMT in its own environment, on the ids of `splits`; each call runs in a new process.

    `folder` holds the files that both sides exchange.
    """

    def __init__(
        self,
        python: Path,
        folder: Path,
        config: Mapping[str, Any],
        task: Translation,
        splits: Mapping[str, Split],
    ) -> None:
        self.python = python
        self.folder = folder
        self.training_tokens = config["training"]["epochs"] * sum(
            len(pair.ids) for _, pair in task.examples(splits["train"])
        )
        write_inputs(folder, config, task, splits)

    def train(self) -> tuple[Result, dict[str, torch.Tensor]]:
        """Train, and return its figures and weights."""
        result = self._run("train")
        if result["tokens"] != self.training_tokens:
            raise SystemExit("JoeyNMT did not read the same tokens")
        return result, torch.load(self.folder / "weights.pt", weights_only=True)

    def take(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Set the weights for decoding, instead of trained ones."""
        torch.save(dict(weights), self.folder / "weights.pt")

    def decode(self, batch_size: int) -> tuple[list[list[str]], float]:
        """Decode the test split with its weights; return the pieces and the seconds."""
        result = self._run("decode", batch_size)
        return result["outputs"], result["seconds"]

    def _run(self, command: str, *words: Any) -> Result:
        parts = [self.python, SCRIPT, command, self.folder, torch.get_num_threads(), *words]
        done = subprocess.run(
            [str(part) for part in parts],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise UserError(f"JoeyNMT's side failed:\n{done.stderr or done.stdout}")
        report: Result = json.loads((self.folder / f"{command}.json").read_text("utf-8"))
        return report


def for_turn(
    config: Mapping[str, Any], seed: int, epochs: int, *, input_feeding: bool
) -> dict[str, Any]:
    """Fill in JoeyNMT's configuration for a benchmark and a turn."""
    model, training = config["model"], config["training"]
    decoder = {**model["decoder"], "input_feeding": input_feeding}
    return {
        **config,
        "random_seed": seed,
        "model": {**model, "decoder": decoder},
        "training": {**training, "epochs": epochs},
    }


def write_inputs(
    folder: Path, config: Mapping[str, Any], task: Translation, splits: Mapping[str, Split]
) -> None:
    """Write the files that joeynmt_translation.py reads, with pieces as ids."""
    for name, split in splits.items():
        examples = task.examples(split)
        sides = {
            "source": [features.ids for features, _ in examples],
            "target": [pair.ids[:-1] for _, pair in examples],  # JoeyNMT sets the end itself
        }
        for side, rows in sides.items():
            lines = (" ".join(map(str, row)) + "\n" for row in rows)
            (folder / f"{name}.{side}").write_text("".join(lines), "utf-8")
    known = range(len(SPECIAL_TOKENS), len(task.tokenizer))
    (folder / "vocabulary.txt").write_text("".join(f"{id}\n" for id in known), "utf-8")
    files = {"train": "train", "dev": "validation", "test": "test"}
    data = {**config["data"], **{key: str(folder / name) for key, name in files.items()}}
    for side in ("src", "trg"):
        data[side] = {**data[side], "voc_file": str(folder / "vocabulary.txt")}
    whole = {**config, "data": data, "model_dir": str(folder / "model")}
    (folder / "config.yaml").write_text(yaml.safe_dump(whole), "utf-8")


def with_weights(task: Translation, weights: Mapping[str, torch.Tensor]) -> Any:
    """Build a model of nlpseq with JoeyNMT's weights; parameters that JoeyNMT lacks are zero."""
    model = task.build()
    order = _order(task)
    state = model.state_dict()
    for name, value in state.items():
        if name in LACKING:
            value.zero_()
        else:
            theirs = weights[_their_name(name)]
            value.copy_(theirs[order] if name in TABLES else theirs)
    model.load_state_dict(state)
    return model.eval()


def handed_over(task: Translation, model: Any) -> dict[str, torch.Tensor]:
    """Return JoeyNMT's weights from a model of nlpseq."""
    places = torch.argsort(_order(task))
    weights = {}
    for name, value in model.state_dict().items():
        if name in LACKING:
            if value.any():
                raise SystemExit(f"JoeyNMT has no {name}, which is not zero")
        else:
            weights[_their_name(name)] = value[places] if name in TABLES else value
    weights["trg_embed.lut.weight"] = weights["src_embed.lut.weight"]  # one table
    return weights


def _order(task: Translation) -> torch.Tensor:
    """Return JoeyNMT's id for each id of nlpseq."""
    order = torch.arange(len(task.tokenizer))
    order[: len(SPECIAL_ORDER)] = torch.tensor(SPECIAL_ORDER)
    return order


def _their_name(name: str) -> str:
    part, _, parameter = name.replace("head.embedding.", "embedding.").rpartition(".")
    suffix = ""
    if ".cells." in part:
        suffix = "_l0_reverse" if part.endswith(".1") else "_l0"
    return f"{NAMES[part]}.{parameter}{suffix}"


def check_nll(
    task: Translation, model: Any, split: Split, theirs: Sequence[float], batch_size: int
) -> None:
    """Check that both sides give the first sentences the same nll with the same weights."""
    search = OutputSearch(task.pairs, task.forbidden, model, CPU)
    examples = task.examples(split)
    for number, wanted in enumerate(theirs):
        some = examples[number * batch_size : (number + 1) * batch_size]
        features, pairs = zip(*some, strict=True)
        found = sum(search.nll(search.encode(features, pairs), pairs))
        if abs(found - wanted) > 1e-4 * wanted:
            raise SystemExit(f"not the same model: nll {found:.4f} and {wanted:.4f}")


def check_parameters(task: Translation, ours: int, theirs: int) -> None:
    """Check that nlpseq's side is larger only by biases of the softmax layer and of the attention's keys."""
    vocabulary = len(task.tokenizer)
    keys = task.recipe.decoder.hidden_size
    if ours - theirs != vocabulary + keys:
        raise SystemExit(f"not the same model: {ours} and {theirs}")
