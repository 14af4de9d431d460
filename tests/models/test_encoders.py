"""Every kind of encoder keeps the contract, as built by `build_encoder`."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nlpseq.errors import UserError
from nlpseq.layers.encoder import Encoder
from nlpseq.models.builders import build_encoder
from nlpseq.recipe import Recipe, validate
from nlpseq.recipe.cells import CELLS
from nlpseq.recipe.encoders import FAMILIES

INPUT = 6
SMALL = {"hidden_size": 8, "dropout": 0.2, "output_dropout": 0.2}
STACK = {"num_layers": 2, "residual": True}
TRANSFORMER = {"kind": "transformer", "num_heads": 2, "feedforward_size": 12}

# Every kind that reads sentences, with small sizes and options through which padding could leak.
SECTIONS = {
    **{kind: {"kind": kind} for (kind, *_) in FAMILIES.values() if kind != "hierarchical"},
    **{kind: {"kind": kind, "bidirectional": True, **STACK} for kind in CELLS},
    "gru forward": {"kind": "gru", **STACK},
    "rnn layer": {"kind": "rnn", "normalization": "layer"},
    "feedforward batch": {"kind": "feedforward", "normalization": "batch"},
    "identity": {"kind": "feedforward", "num_layers": 0},
    "cnn even": {"kind": "cnn", "widths": [2, 4], "activation": "tanh", **STACK},
    "cnn layer": {"kind": "cnn", "normalization": "layer", **STACK},
    "cnn batch": {"kind": "cnn", "normalization": "batch", **STACK},
    "dilated_cnn": {"kind": "dilated_cnn", "iterations": 2},
    "dilated even": {"kind": "dilated_cnn", "width": 2, "activation": "gelu"},
    "rcnn": {"kind": "rcnn", "context_size": 5},
    "rcnn gru": {"kind": "rcnn", "context_size": 5, "cell": "gru"},
    "rcnn lstm": {"kind": "rcnn", "context_size": 5, "cell": "lstm"},
    "transformer": {**TRANSFORMER, "attention_dropout": 0.2},
    "transformer learned": {**TRANSFORMER, "positions": "learned", "max_length": 20},
    "transformer rotary": {**TRANSFORMER, "positions": "rotary", "activation": "relu"},
}


def make(name: str, input_size: int = INPUT) -> Encoder:
    """Build an encoder from its section of a recipe."""
    torch.manual_seed(0)
    recipe = validate(Recipe, {"task": "x:Y", "encoder": {**SMALL, **SECTIONS[name]}}, "test")
    encoder = build_encoder(recipe.encoder, input_size)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm1d):  # as after some training
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
        if isinstance(module, nn.Linear):  # zero biases could hide padding
            module.weight.data += 0.1 * torch.randn_like(module.weight)
            nn.init.normal_(module.bias)
    return encoder.eval()


def mask_of(lengths: list[int]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


@settings(deadline=None, max_examples=5)
@given(lengths=st.lists(st.integers(1, 11), min_size=1, max_size=5))
@pytest.mark.parametrize("name", SECTIONS)
def test_batch_of_n_is_n_batches_of_one(name: str, lengths: list[int]) -> None:
    encoder = make(name)
    mask = mask_of(lengths)
    inputs = torch.randn(*mask.shape, INPUT)
    garbage = inputs.masked_fill(~mask.unsqueeze(2), 1e4)
    outputs = encoder(garbage, mask).outputs
    assert outputs.shape == (*mask.shape, encoder.output_dim)
    assert outputs[~mask].eq(0).all()
    for row, length in enumerate(lengths):
        alone = encoder(inputs[row : row + 1, :length], None).outputs[0]
        torch.testing.assert_close(outputs[row, :length], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_mask_without_padding_is_no_mask(name: str) -> None:
    encoder, inputs = make(name), torch.randn(3, 5, INPUT)
    torch.testing.assert_close(
        encoder(inputs, torch.ones(3, 5, dtype=torch.bool)).outputs, encoder(inputs, None).outputs
    )


@pytest.mark.parametrize("name", SECTIONS)
def test_padding_is_zero_and_gets_no_gradient_in_training(name: str) -> None:
    encoder = make(name).train()
    mask = mask_of([6, 3, 1])
    inputs = torch.randn(3, 6, INPUT, requires_grad=True)
    outputs = encoder(inputs, mask).outputs
    outputs.square().sum().backward()
    assert outputs[~mask].eq(0).all()
    assert inputs.grad[~mask].eq(0).all()
    assert inputs.grad[0].ne(0).any()


@pytest.mark.parametrize("name", sorted({*SECTIONS} - {"identity"}))
def test_one_step_changes_every_parameter(name: str) -> None:
    encoder = make(name).train()
    before = {key: parameter.clone() for key, parameter in encoder.named_parameters()}
    # Learned positions reach to max_length; no output is a mere norm, whose squares are constant.
    outputs = encoder(torch.randn(9, 20, INPUT), None).outputs
    (outputs * torch.randn_like(outputs)).sum().backward()
    torch.optim.SGD(encoder.parameters(), lr=0.1).step()
    same = [key for key, value in encoder.named_parameters() if value.equal(before[key])]
    assert same == []


@pytest.mark.parametrize("name", SECTIONS)
def test_only_a_causal_encoder_steps(name: str) -> None:
    encoder, inputs = make(name), torch.randn(2, 5, INPUT)
    if not encoder.causal:
        with pytest.raises(TypeError, match="no single step"):
            encoder.step(inputs[:, 0], encoder.initial_state(2))
        return
    outputs, state = encoder(inputs, None).outputs, encoder.initial_state(2)
    for t in range(5):
        stepped, state = encoder.step(inputs[:, t], state)
        torch.testing.assert_close(stepped, outputs[:, t], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["cnn", "dilated_cnn", "rcnn", "transformer"])
def test_an_encoder_may_keep_the_size_of_its_input(name: str) -> None:
    encoder = make(name, input_size=8)
    assert encoder(torch.randn(2, 3, 8), None).outputs.shape == (2, 3, encoder.output_dim)


@pytest.mark.parametrize("name", sorted({*SECTIONS} - {"transformer learned"}))  # it has an end
def test_a_long_sentence_gives_finite_numbers(name: str) -> None:
    assert make(name)(torch.randn(1, 1000, INPUT), None).outputs.isfinite().all()


def test_hierarchical_is_for_documents() -> None:
    recipe = validate(Recipe, {"task": "x:Y", "encoder": {"kind": "hierarchical"}}, "test")
    with pytest.raises(UserError, match="hierarchical gives one vector for a document"):
        build_encoder(recipe.encoder, INPUT)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"kind": "transformer", "hidden_size": 130},
            "encoder.num_heads: 4 heads cannot share encoder.hidden_size = 130",
        ),
        ({"kind": "cnn", "widths": []}, "encoder.widths"),
        ({"kind": "dilated_cnn", "dilations": [1, 0]}, "encoder.dilations"),
        ({"kind": "feedforward", "num_layers": -1}, "encoder.num_layers"),
    ],
)
def test_impossible_sections_are_one_line_that_names_the_key(section: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        validate(Recipe, {"task": "x:Y", "encoder": section}, "test")
    assert "\n" not in str(raised.value)
