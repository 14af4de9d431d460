"""The models to inspect: trained ones by their run, new ones by their recipe; and texts for them to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed

from nlpseq import custom_code, model_directory, recipe
from nlpseq.data.in_memory import LocalData
from nlpseq.data.split import Split
from nlpseq.devices import choose_device
from nlpseq.errors import UserError, suggest
from nlpseq.files import distinct_names
from nlpseq.models.model import Model
from nlpseq.recipe.encoders import FAMILIES
from nlpseq.run_data import load_splits_of_run, load_training_data
from nlpseq.task import Task
from nlpseq.task_lookup import read_recipe, resolve

VARIANTS: dict[str, tuple[str, ...]] = {
    "rnn": ("encoder.kind=rnn",),
    "rnn-relu": ("encoder.kind=rnn", "encoder.nonlinearity=relu"),
    "rnn-identity": (
        "encoder.kind=rnn",
        "encoder.nonlinearity=relu",
        "encoder.initialization=identity",
    ),
    **{
        kind: (f"encoder.kind={kind}",)
        for kind in (*FAMILIES["recurrent"], *FAMILIES["transformer"])
        if kind != "rnn"
    },
}
"""The names that `--models` takes, and their changes to a recipe; identity: Le et al. (2015)."""
READ_FIRST = ("validation", "test", "train")
MOST_TEXTS, MOST_CHARACTERS = 64, 3000
SHOWN_TOKENS, SHOWN_CHARACTERS = 40, 160  # of a text that is drawn by default
ModelText = str | tuple[str, ...]
"""A text, or the two texts of a pair."""


@dataclass(frozen=True)
class InspectedModel:
    """A model to inspect.

    Attributes:
        name: unique among the inspected models.
        task: prepared or restored.
        model: in evaluation mode.
        predictor: of its task.
        folder: run of a trained model; None for a new one.
        local_data: folder of local data files, or data in memory, if any.
        splits: its data, if they have been loaded.
    """

    name: str
    task: Task[Any]
    model: Model[Any]
    predictor: Any
    folder: Path | None
    local_data: LocalData | None
    splits: Mapping[str, Split] = field(default_factory=dict)

    @cached_property
    def texts(self) -> list[ModelText]:
        """Return the first texts (or pairs) of its data: of the first split among validation, test and train.

        Raises:
            UserError: the data cannot be loaded.
        """
        task, splits = self.task, self.splits
        try:
            splits = splits or self._load_splits()
        except UserError as error:
            raise UserError(f"{self.name} has no text to read: {error}; or give --text") from error
        return _texts(next(splits[name] for name in (*READ_FIRST, *splits) if name in splits), task)

    def _load_splits(self) -> Mapping[str, Split]:
        if self.folder is None:
            return self.task.load_splits(self.local_data)
        return load_splits_of_run(self.folder, self.task, self.local_data)

    @cached_property
    def short_text(self) -> ModelText:
        """Return one of these texts that fits into a picture: the longest that does, else the start of one."""
        texts, sides = self.texts, len(self.task.text_fields)
        lengths = [len(tokens) for tokens in self.predictor.read_texts(texts).token_texts]
        if len(lengths) == sides * len(texts):
            longest = [max(lengths[index :: len(texts)]) for index in range(len(texts))]
            fitting = [
                (n, text) for n, text in zip(longest, texts, strict=True) if n <= SHOWN_TOKENS
            ]
            if fitting:
                return max(fitting, key=lambda pair: pair[0])[1]
        first = texts[0]
        return _begin(first) if isinstance(first, str) else tuple(map(_begin, first))

    def group(self, texts: Sequence[str]) -> list[ModelText]:
        """Return texts of the user as the model reads them: one by one, or in twos.

        Raises:
            UserError: the model reads pairs, and the number of texts is odd.
        """
        if len(self.task.text_fields) == 1:
            return [*texts]
        if len(texts) % 2:
            raise UserError(
                f"--text: {self.name} reads pairs, so texts come in twos; there are {len(texts)}"
            )
        return list(zip(texts[::2], texts[1::2], strict=True))


def _begin(text: str) -> str:
    """Return the start of a text, which ends with a word if it can."""
    text = text[:SHOWN_CHARACTERS]
    return text.rpartition(" ")[0] or text


def _texts(split: Split, task: Task[Any]) -> list[ModelText]:
    """Return texts, or pairs of texts, that hold a word; columns hold texts or lists of words."""
    columns = []
    for field_name in task.text_fields:
        rows = split.column(field_name)[:MOST_TEXTS]
        texts = [row if isinstance(row, str) else " ".join(row) for row in rows]
        columns.append([text[:MOST_CHARACTERS] for text in texts])
    if len(columns) == 1:
        return [text for text in columns[0] if text.strip()]
    return [pair for pair in zip(*columns, strict=True) if all(map(str.strip, pair))]


def find_models(
    names: Sequence[str],
    overrides: Sequence[str] = (),
    *,
    models: Sequence[str] = (),
    local_data: LocalData | None = None,
    device: str | None = None,
) -> list[InspectedModel]:
    """Load trained models and build new ones, in the order of their names.

    Args:
        names: run directories, Hub ids, names of recipes or paths of TOML files.
        overrides: `section.key=value` assignments to the recipes.
        models: names in `VARIANTS`; each recipe is built once as each of them; (): as the recipe says.
        local_data: folder of local data files, or data in memory.
        device: where to run, see `choose_device`.

    Raises:
        UserError: there is no such run or recipe, or there are assignments or variants without a recipe.
    """
    chosen = choose_device(device)
    recipes = [name for name in names if _is_recipe(name)]
    for variant in models:
        if custom_code.is_custom(variant):
            custom_code.lookup(variant, "--models")  # raises if its file was not given
        elif variant not in VARIANTS:
            raise UserError(
                f"--models {variant}: unknown model; available: {', '.join(VARIANTS)}"
                f"{suggest(variant, VARIANTS)}"
            )
    if not recipes and (overrides or models):
        given = overrides[0] if overrides else f"--models {','.join(models)}"
        raise UserError(f"{given}: applies to recipes only, not to trained models")
    inspected: list[InspectedModel] = []
    for name, label in zip(names, _labels(names), strict=True):
        if name not in recipes:
            inspected.append(_trained(name, label, local_data, chosen))
            continue
        for variant in models or ("",):
            changes = [*overrides, *_overrides_of(variant)]
            several = len(recipes) > 1 and variant
            shown = f"{label} {variant}" if several else variant or label
            inspected.append(_new(name, shown, changes, local_data, chosen))
    return inspected


def _overrides_of(variant: str) -> tuple[str, ...]:
    """Return the overrides of a variant; a cell in a file given with `--code` is one too."""
    if custom_code.is_registered(variant):
        return (f"encoder.kind={variant}",)
    return VARIANTS.get(variant, ())


def _is_recipe(name: str) -> bool:
    return not Path(name).is_dir() and (name.endswith(".toml") or name in recipe.names())


def _labels(names: Sequence[str]) -> list[str]:
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise UserError(f"{twice}: is given twice")
    return distinct_names([name.removesuffix(".toml") for name in names])


def _trained(
    name: str, label: str, local_data: LocalData | None, device: torch.device
) -> InspectedModel:
    try:
        folder = model_directory.locate(name)
    except UserError as error:
        near = suggest(name, recipe.names()).removesuffix(".")
        hint = "; give texts to read with --text" if " " in name else near
        raise UserError(f"{error}; nor is it a recipe{hint}") from error
    task, model = model_directory.load_task_and_model(folder)
    return _inspected(label, task, model, folder, local_data, device)


def _new(
    name: str,
    label: str,
    overrides: Sequence[str],
    local_data: LocalData | None,
    device: torch.device,
) -> InspectedModel:
    """Build the model that training would start from, with the recipe's seed."""
    resolved = read_recipe(name, overrides)
    task = resolve(resolved.task)(resolved)
    splits, folder = load_training_data(name, task, local_data, overrides)
    set_seed(resolved.seed)
    used = [split for split in ("train", "validation") if split in splits]
    task.prepare({split: splits[split] for split in used}, [folder] if folder else [])
    return _inspected(label, task, task.build(), None, folder, device, splits)


def _inspected(
    label: str,
    task: Task[Any],
    model: torch.nn.Module,
    folder: Path | None,
    local_data: LocalData | None,
    device: torch.device,
    splits: Mapping[str, Split] | None = None,
) -> InspectedModel:
    assert isinstance(model, Model)
    model = model.to(device).eval()
    predictor = task.predictor(model, device)
    return InspectedModel(label, task, model, predictor, folder, local_data, splits or {})
