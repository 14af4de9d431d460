"""Activations by name, and the weights to start from in front of each."""

from torch import nn

from nlpseq.errors import UserError

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
}


def build_activation(name: str) -> nn.Module:
    """`name` is "tanh", "relu", "leaky_relu" or "gelu"."""
    if name not in ACTIVATIONS:
        raise UserError(f"unknown activation {name!r}: choose {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def initialize_before(activation: str, linear: nn.Linear) -> None:
    """Draw the weights of a layer that `activation` follows, in place; the bias becomes zero.

    Glorot and Bengio (2010) for tanh, He et al. (2015) for the rectifiers, to which GELU is near.
    """
    if activation == "tanh":
        nn.init.xavier_uniform_(linear.weight)
    else:
        nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
