"""Layers, losses and searches give the numbers of a CPU on every device: `cuda` and `mps` run where one is found."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from cases import ENCODERS, HEADS, LOSSES, SIZE, built, data
from simulated import DEVICE, Device, moved, near, simulated
from small_tasks import BASE, build
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from nlpseq.decoding import BeamOptions, SamplingOptions, beam_search, generate
from nlpseq.layers.library_stack import flatten, library_cells
from nlpseq.layers.linear_chain import log_sums
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.task import Cursor, Progress
from nlpseq.types import Step

DEVICES = [
    "simulated",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.cuda,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
        ],
    ),
    pytest.param(
        "mps",
        marks=[
            pytest.mark.mps,
            pytest.mark.skipif(
                not torch.backends.mps.is_available(), reason="no GPU of Apple's here"
            ),
        ],
    ),
]
on_each_device = pytest.mark.parametrize("name", DEVICES)
LAYERS = ENCODERS | HEADS | LOSSES
LOOSE = {"rtol": 2e-3, "atol": 2e-4}


@contextmanager
def device_called(name: str) -> Iterator[tuple[torch.device, Device | None]]:
    """Use a device inside the context: the simulated one without float64, or a real one."""
    if name == "simulated":
        with simulated(float64=False) as device:
            yield DEVICE, device
    else:
        yield torch.device(name), None


def to(value: Any, device: torch.device) -> Any:
    """Copy modules and tensors to a device."""
    if isinstance(value, nn.Module):
        return moved(value) if device == DEVICE else copy.deepcopy(value).to(device)
    return tree_map(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, value)


def on_host(value: Any) -> Any:
    return tree_map(
        lambda leaf: near(leaf).detach().cpu() if isinstance(leaf, Tensor) else leaf, value
    )


def results(module: nn.Module, inputs: Tensor, mask: Tensor) -> list[Tensor]:
    """Return what a module computes, and in training the gradients of the sum of squares."""
    inputs = inputs.detach().requires_grad_()
    found = [part for part in tree_leaves(module(inputs, mask)) if isinstance(part, Tensor)]
    learnt = [part for part in found if part.requires_grad and part.is_floating_point()]
    if learnt:
        torch.stack([part.square().sum() for part in learnt]).sum().backward()
        found += [part.grad for part in module.parameters() if part.grad is not None]
        found.append(inputs.grad)
    return [on_host(part) for part in found if part is not None]


@on_each_device
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("ragged", [True, False])
def test_values_and_gradients(name: str, layer: str, ragged: bool) -> None:
    module = built(LAYERS[layer]).train()
    arguments = data(7, 4, 1) if ragged else data(5, 5)
    expected = results(copy.deepcopy(module), *arguments)
    with device_called(name) as (device, _):
        found = results(to(module, device), *(part.to(device) for part in arguments))
    for one, two in zip(found, expected, strict=True):
        if two.numel():  # the lengths of a cache without padding are empty
            torch.testing.assert_close(one.to(two.dtype), two, **LOOSE)


@pytest.mark.parametrize("layer", LAYERS)
def test_float32_has_the_values_of_float64(layer: str) -> None:
    """So the cases above are checked without any other device too."""
    module, (inputs, mask) = built(LAYERS[layer]), data(7, 4, 1)
    with torch.no_grad():
        narrow = tree_leaves(module(inputs, mask))
        wide = tree_leaves(module.double()(inputs.double(), mask))
    for one, two in zip(narrow, wide, strict=True):
        torch.testing.assert_close(one.to(two.dtype), two, **LOOSE)


@on_each_device
@pytest.mark.parametrize("task_name", BASE)
def test_predictions(name: str, task_name: str) -> None:
    """A loss in evaluation mode; a step of training is in `test_training_step`."""
    task, split = build(task_name)
    model = task.build().eval()
    batch = next(iter(task.batches(split, training=False, seed=1, start=Cursor())))
    with torch.no_grad():
        expected, _ = task.loss(model, batch, (), Progress())
        with device_called(name) as (device, _):
            loss, _ = task.loss(to(model, device), batch.to(device), (), Progress())
            found = [float(on_host(part)) for part in (loss.total, loss.count)]
    assert found == pytest.approx([float(expected.total), float(expected.count)], rel=1e-4)


@on_each_device
@pytest.mark.parametrize("way", ["greedy", "beam", "sampling"])
def test_searches(name: str, way: str) -> None:
    torch.manual_seed(0)
    table = torch.randn(11, 11).log_softmax(1)

    def search(device: torch.device) -> Any:
        scores = table.to(device)

        def step(ids: Tensor, state: tuple[Tensor, ...], *memory: Tensor) -> Step:
            return Step(scores[ids] + 0.1 * state[0], (state[0] + 1,))

        ids = torch.arange(3).to(device)
        state = (torch.zeros(3, 1).to(device),)
        options: dict[str, Any] = {"eos_id": 1, "forbidden": (0,)}
        if way == "beam":
            counts = torch.ones(3, dtype=torch.long).to(device)
            beams = BeamOptions(beam_size=3, num_return=2, max_new_tokens=6)
            found = beam_search(step, ids, state, beams, memory=(counts,), **options)
            return [[hypothesis.ids for hypothesis in row] for row in found]
        generator = torch.Generator().manual_seed(0)
        sampling = SamplingOptions(greedy=way == "greedy", top_p=0.9, max_new_tokens=6)
        return generate(step, ids, state, sampling, generator=generator, **options)

    expected = search(torch.device("cpu"))
    with device_called(name) as (device, _):
        assert search(device) == expected


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_one_call_runs_layers_with_nothing_between_them(cell: str) -> None:
    options = {"num_layers": 3, "bidirectional": True}
    for extra, calls in (
        ({}, [3]),
        ({"dropout": 0.1}, [1, 1, 1]),
        ({"normalization": "layer"}, [1, 1, 1]),
        ({"weight_drop": 0.5}, [3]),
    ):
        module = RecurrentEncoder(SIZE, 4, cell=cell, **options, **extra).train()
        with simulated() as device:
            inputs, _ = data(5, 5)
            moved(module)(inputs.to(DEVICE), None)
            assert device.library_calls == calls
    with simulated() as device:
        inputs, mask = data(5, 3)
        moved(module)(inputs.to(DEVICE), mask.to(DEVICE))
        assert device.library_calls == [1] * 6  # padded rows: each direction by itself


def test_a_cell_of_ones_own_is_not_the_library_s() -> None:
    encoder = RecurrentEncoder(SIZE, 4, kernel="equations")
    assert library_cells([encoder._layer(0)._cell(0)]) == []


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_weights_become_one_block_and_stay_parameters() -> None:
    encoder = RecurrentEncoder(SIZE, 4, num_layers=2, bidirectional=True).cuda()
    cells = encoder._cells_of_one_call()
    before = [parameter.clone() for parameter in encoder.parameters()]
    flatten(cells, 2)
    assert len({p.untyped_storage().data_ptr() for p in encoder.parameters()}) == 1
    for parameter, same in zip(encoder.parameters(), before, strict=True):
        assert isinstance(parameter, nn.Parameter)
        torch.testing.assert_close(parameter, same, rtol=0, atol=0)


def test_the_plain_recursion_of_a_crf_is_the_one_without_float64() -> None:
    module, (inputs, mask) = built(HEADS["crf decode"]), data(7, 4, 1)
    lattice = module.layer.lattice(inputs, mask)
    with simulated(float64=False):
        far = moved(module).layer.lattice(inputs.to(DEVICE), mask.to(DEVICE))
        assert far.emissions.dtype == torch.float32
        sums = on_host(tuple(log_sums(far)))
    for one, two in zip(sums, log_sums(lattice), strict=True):
        torch.testing.assert_close(one.double(), two, rtol=1e-4, atol=1e-4)
