"""Whom to look into: trained models by their run, fresh ones by their recipe; and texts for them to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed

from nlpseq import experiment, model_directory, recipe
from nlpseq.data.sources import load_splits
from nlpseq.data.split import Split
from nlpseq.devices import choose_device
from nlpseq.errors import UserError, suggest
from nlpseq.models.model import Model
from nlpseq.task import Task, resolve

VARIANTS: dict[str, tuple[str, ...]] = {
    "rnn": ("encoder.kind=rnn",),
    "rnn-relu": ("encoder.kind=rnn", "encoder.nonlinearity=relu"),
    "rnn-identity": (
        "encoder.kind=rnn",
        "encoder.nonlinearity=relu",
        "encoder.initialization=identity",
    ),
    **{kind: (f"encoder.kind={kind}",) for kind in ("lstm", "gru", "mingru", "transformer")},
}
"""What `--models` of a recipe may name, and what it changes; identity is of Le et al. (2015)."""
READ_FIRST = ("validation", "test", "train")
MOST_TEXTS, MOST_CHARACTERS = 64, 3000
SHOWN_TOKENS, SHOWN_CHARACTERS = 40, 160  # of a text that is drawn unasked


@dataclass(frozen=True)
class Subject:
    """A model to look into.

    Attributes:
        name: unlike that of all others.
        task: prepared or restored.
        model: in evaluation mode.
        predictor: of its task.
        folder: the run of a trained model; None: fresh.
        data_dir: where local files of its data are, if they are.
        splits: its data, where they were read already.
    """

    name: str
    task: Task[Any]
    model: Model[Any]
    predictor: Any
    folder: Path | None
    data_dir: Path | None
    splits: Mapping[str, Split] = field(default_factory=dict)

    @cached_property
    def texts(self) -> list[str]:
        """The first texts of the first split of its data that there is: validation, test, train.

        Raises:
            UserError: the data cannot be had.
        """
        task, splits = self.task, self.splits
        try:
            splits = splits or load_splits(
                task.recipe.data, data_dir=self.data_dir, fields=task.fields
            )
        except UserError as error:
            raise UserError(f"{self.name} has no text to read: {error}; or give --text") from error
        return _texts(next(splits[name] for name in (*READ_FIRST, *splits) if name in splits), task)

    @cached_property
    def short_text(self) -> str:
        """One of these texts that fits into a picture: the longest that does, else the start of one."""
        texts = self.texts
        lengths = [len(spelt) for spelt in self.predictor.read(texts).token_texts]
        if len(lengths) == len(texts):
            fitting = [
                (n, text) for n, text in zip(lengths, texts, strict=True) if n <= SHOWN_TOKENS
            ]
            if fitting:
                return max(fitting, key=lambda one: one[0])[1]
        text = texts[0][:SHOWN_CHARACTERS]
        return text.rpartition(" ")[0] or text


def _texts(split: Split, task: Task[Any]) -> list[str]:
    """A task's first field is what it reads: a text, or a list of words."""
    found = split.column(task.fields[0])[:MOST_TEXTS]
    texts = [one if isinstance(one, str) else " ".join(one) for one in found]
    return [text[:MOST_CHARACTERS] for text in texts if text.strip()]


def find(
    names: Sequence[str],
    overrides: Sequence[str] = (),
    *,
    models: Sequence[str] = (),
    data_dir: Path | None = None,
    device: str | None = None,
) -> list[Subject]:
    """The models of these names, in their order.

    Args:
        names: run directories, Hub ids, names of recipes or paths of TOML files.
        overrides: `section.key=value` assignments to the recipes.
        models: of `VARIANTS`: each recipe stands for one fresh model of each; (): for what it says.
        data_dir: folder of local data files.
        device: where to run, see `choose_device`.

    Raises:
        UserError: there is no such run or recipe; assignments or variants, but no recipe.
    """
    chosen = choose_device(device)
    recipes = [name for name in names if _is_recipe(name)]
    for variant in models:
        if variant not in VARIANTS:
            raise UserError(
                f"--models {variant}: there are {', '.join(VARIANTS)}{suggest(variant, VARIANTS)}"
            )
    if not recipes and (overrides or models):
        given = overrides[0] if overrides else f"--models {','.join(models)}"
        raise UserError(f"{given}: is for a recipe; a trained model is looked into as it is")
    subjects: list[Subject] = []
    labels = _labels(names)
    for name, label in zip(names, labels, strict=True):
        if name not in recipes:
            subjects.append(_trained(name, label, data_dir, chosen))
            continue
        for variant in models or ("",):
            changes = [*overrides, *VARIANTS.get(variant, ())]
            several = len(recipes) > 1 and variant
            shown = f"{label} {variant}" if several else variant or label
            subjects.append(_fresh(name, shown, changes, data_dir, chosen))
    return subjects


def _is_recipe(name: str) -> bool:
    return not Path(name).is_dir() and (name.endswith(".toml") or name in recipe.names())


def _labels(names: Sequence[str]) -> list[str]:
    """The last parts of paths, as many as tell them apart."""
    if len({*names}) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise UserError(f"{twice}: is given twice")
    parts = [
        Path(name).with_suffix("").parts if name.endswith(".toml") else Path(name).parts
        for name in names
    ]
    for count in range(1, max(map(len, parts), default=1) + 1):
        labels = ["/".join(one[-count:]) or "." for one in parts]
        if len({*labels}) == len(labels):
            return labels
    return [*names]


def _trained(name: str, label: str, data_dir: Path | None, device: torch.device) -> Subject:
    try:
        folder = model_directory.locate(name)
    except UserError as error:
        near = suggest(name, recipe.names()).removesuffix(".")
        hint = "; texts to read are given with --text" if " " in name else near
        raise UserError(f"{error}; nor is it a recipe{hint}") from error
    task, model = model_directory.read(folder)
    return _subject(label, task, model, folder, data_dir, device)


def _fresh(
    name: str, label: str, overrides: Sequence[str], data_dir: Path | None, device: torch.device
) -> Subject:
    """The model that training would begin with, under the recipe's seed."""
    resolved = experiment.read_recipe(name, overrides)
    task = resolve(resolved.task)(resolved)
    splits = load_splits(
        resolved.data,
        data_dir=data_dir,
        fields=task.fields,
        further_fields=task.further_fields,
    )
    if "train" not in splits:
        raise UserError(f"recipe {name}: data.files names no train split")
    set_seed(resolved.seed)
    used = [split for split in ("train", "validation") if split in splits]
    task.prepare({split: splits[split] for split in used}, [data_dir] if data_dir else [])
    return _subject(label, task, task.build(), None, data_dir, device, splits)


def _subject(
    label: str,
    task: Task[Any],
    model: torch.nn.Module,
    folder: Path | None,
    data_dir: Path | None,
    device: torch.device,
    splits: Mapping[str, Split] | None = None,
) -> Subject:
    assert isinstance(model, Model)
    model = model.to(device).eval()
    predictor = task.predictor(model, device)
    return Subject(label, task, model, predictor, folder, data_dir, splits or {})
