"""Activations by name."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nlpseq.errors import UserError
from nlpseq.layers.feedforward import build_activation, initialize_before

FUNCTIONS = {"tanh": torch.tanh, "relu": F.relu, "leaky_relu": F.leaky_relu, "gelu": F.gelu}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_name_is_the_function(name: str) -> None:
    inputs = torch.linspace(-3, 3, 50)
    assert build_activation(name)(inputs).equal(FUNCTIONS[name](inputs))


def test_an_unknown_name_is_reported_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="'swish': choose tanh, relu, leaky_relu, gelu"):
        build_activation("swish")


@pytest.mark.parametrize(("name", "low", "high"), [("relu", 0.8, 1.25), ("tanh", 0.2, 0.8)])
def test_a_deep_stack_starts_with_a_signal_of_the_same_size(
    name: str, low: float, high: float
) -> None:
    """He's weights keep the second moment through ReLUs; through tanh it decreases slowly."""
    torch.manual_seed(0)
    hidden = start = torch.randn(200, 400)
    for _ in range(4):
        linear = nn.Linear(400, 400)
        initialize_before(name, linear)
        assert linear.bias.eq(0).all()
        hidden = build_activation(name)(linear(hidden))
    assert low < (hidden.norm() / start.norm()).item() < high
