"""Start from a trained language model: its tokenizer, and the weights of its embedding and encoder."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

from nlpseq import model_directory
from nlpseq.data.normalizer import Normalizer
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.errors import UserError

from .text_recipe import TextRecipe, check_same_layers


class LanguageModelStart(NamedTuple):
    """Parts of a language model that a task starts from; models of nlpseq 0.1 normalise in their tokenizer."""

    tokenizer: Tokenizer
    normalizer: Normalizer | None
    tensors: dict[str, Tensor]


def read_language_model(recipe: TextRecipe, run: str) -> LanguageModelStart:
    """Read the language model that `encoder.init_from` names.

    Raises:
        UserError: there is no such model, or its layers differ from those of the recipe.
    """
    source, model = model_directory.load_task_and_model(model_directory.locate(run))
    check_same_layers(recipe, source.recipe, "encoder.init_from")
    prefixes = ("embedding.", "encoder.")
    tensors = {
        name: tensor for name, tensor in model.state_dict().items() if name.startswith(prefixes)
    }
    pipeline = getattr(source, "pipeline", None)
    return LanguageModelStart(source.tokenizer, pipeline and pipeline.normalizer, tensors)


def load_language_model(model: nn.Module, initial: Mapping[str, Tensor]) -> None:
    """Load embedding and encoder of a language model into a model.

    Raises:
        UserError: the model has other layers.
    """
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    for name, tensor in initial.items():
        if shapes.get(name) != tensor.shape:
            expected = tuple(shapes[name]) if name in shapes else "nothing of that name"
            raise UserError(
                f"encoder.init_from: its {name} has the shape {tuple(tensor.shape)}, this recipe "
                f"wants {expected}; [embedding] and [encoder] must be those of that run"
            )
    encoder = [name for name in shapes if name.startswith("encoder.")]
    if missing := [name for name in encoder if name not in initial]:
        raise UserError(
            f"encoder.init_from: that run has no {missing[0]}; [embedding] and [encoder] must be "
            "those of that run"
        )
    model.load_state_dict(dict(initial), strict=False)
