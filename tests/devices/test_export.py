"""`torch.export` and `torch.compile` pass through every encoder and head, for every batch size and length."""

from typing import Any

import pytest
import torch
from cases import ENCODERS, HEADS, LOSSES, SIZE, built, data
from torch import Tensor, nn
from torch.export import Dim, export
from torch.utils._pytree import tree_leaves

from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.transformer import TransformerEncoder

EVERY = ENCODERS | HEADS
OTHER_LENGTHS = [(9, 3, 2, 1, 5), (1,), (6, 6)]
ANY = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
SINGLE = (1,)
NOT_SINGLE = ("rcnn", "hierarchical")
"""Programs that refuse a single token, with an error."""
SEVERAL = ("lstm 2 both ways", "mingru 1 forward", "cnn", "transformer rotary", "crf decode")


def assert_same(left: Any, right: Any) -> None:
    """Compare all results; the lengths of a cache without padding may be empty."""
    for one, two in zip(tree_leaves(left), tree_leaves(right), strict=True):
        if not two.numel():
            continue
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def several(names: Any, short: tuple[str, ...] = SEVERAL) -> list[Any]:
    """Return names as parameters, most of them only for long runs."""
    return [name if name in short else pytest.param(name, marks=pytest.mark.long) for name in names]


@pytest.mark.parametrize("name", several(EVERY))
@torch.no_grad()
def test_an_exported_program_fits_every_batch_and_length(name: str) -> None:
    module = built(EVERY[name])
    program = export(module, data(7, 4, 1), dynamic_shapes=(ANY, ANY), strict=False).module()
    for lengths in OTHER_LENGTHS:
        if lengths == SINGLE and name in NOT_SINGLE:
            with pytest.raises(AssertionError, match="Guard failed"):
                program(*data(*lengths))
            continue
        inputs = data(*lengths)
        assert_same(program(*inputs), module(*inputs))


class Whole(nn.Module):
    """An encoder of texts without padding, after a state."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, inputs: Tensor, state: tuple[Tensor, ...]) -> Any:
        return tuple(self.encoder(inputs, None, state))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@torch.no_grad()
def test_a_window_after_a_state_is_exported(cell: str) -> None:
    torch.manual_seed(0)
    module = Whole(RecurrentEncoder(SIZE, 4, cell=cell, num_layers=2)).eval()

    def arguments(batch: int, length: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        state = module.encoder.initial_state(batch)
        return torch.randn(batch, length, SIZE), tuple(torch.randn_like(part) for part in state)

    first = arguments(3, 7)
    shapes = (ANY, tuple({0: Dim.DYNAMIC} for _ in first[1]))
    program = export(module, first, dynamic_shapes=shapes, strict=False).module()
    for size in ((2, 5), (1, 1)):
        inputs = arguments(*size)
        assert_same(program(*inputs), module(*inputs))


@torch.no_grad()
def test_a_step_of_a_causal_transformer_is_exported_for_every_cache() -> None:
    torch.manual_seed(0)
    encoder = TransformerEncoder(
        SIZE, 8, num_heads=2, feedforward_size=8, positions="rotary", context=40
    )
    module = Whole(encoder.eval())

    def arguments(batch: int, past: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        state = encoder(torch.randn(batch, past, SIZE), None).state
        return torch.randn(batch, 1, SIZE), state

    first = arguments(3, 7)
    shapes = ({0: Dim.DYNAMIC}, ({0: Dim.DYNAMIC}, ANY, ANY))
    program = export(module, first, dynamic_shapes=shapes, strict=False).module()
    for size in ((2, 5), (4, 12)):
        inputs = arguments(*size)
        assert_same(program(*inputs), module(*inputs))


@pytest.mark.parametrize("backend", ["eager", pytest.param("aot_eager", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", several([*SEVERAL, *LOSSES], ("crf loss", "cnn")))
def test_a_compiled_module_is_one_graph_with_the_same_gradients(name: str, backend: str) -> None:
    torch._dynamo.reset()
    module = built((EVERY | LOSSES)[name])
    compiled = torch.compile(module, backend=backend, dynamic=True, fullgraph=True)
    for lengths in ((7, 4, 1), (9, 3, 2, 1, 5)):
        inputs, mask = data(*lengths)
        found = [gradients(run, module, inputs, mask) for run in (compiled, module)]
        assert_same(*found)


def gradients(run: Any, module: nn.Module, inputs: Tensor, mask: Tensor) -> list[Any]:
    """Return the results and the gradients of the sum of their squares."""
    module.zero_grad()
    inputs = inputs.detach().requires_grad_()
    results = [part for part in tree_leaves(run(inputs, mask)) if part.is_floating_point()]
    found: list[Any] = [part.detach() for part in results]
    if any(part.requires_grad for part in results):
        sum(part.double().square().sum() for part in results).backward()
        found += [inputs.grad, *(parameter.grad for parameter in module.parameters())]
    return found
