"""Feedforward layers agree with products of their matrices, also in a deep averaging network."""

import torch
from torch import nn

from nlpseq.layers.feedforward import FeedforwardEncoder, FeedforwardLayers
from nlpseq.layers.pooling import MeanPooling


def test_layers_are_affine_maps_and_activations() -> None:
    layers = FeedforwardLayers(4, 6, num_layers=2, activation="tanh")
    inputs = torch.randn(3, 5, 4)
    first, second = (layer.linear for layer in layers.layers)
    hidden = torch.tanh(inputs @ first.weight.t() + first.bias)
    expected = torch.tanh(hidden @ second.weight.t() + second.bias)
    torch.testing.assert_close(layers(inputs), expected)


def test_a_single_vector_is_a_sequence_of_one_in_training_too() -> None:
    layers = FeedforwardLayers(4, 6, normalization="batch")
    inputs = torch.randn(7, 4)
    twin = FeedforwardLayers(4, 6, normalization="batch")
    twin.load_state_dict(layers.state_dict())
    torch.testing.assert_close(layers(inputs), twin(inputs.unsqueeze(0)).squeeze(0))


def test_no_layers_are_the_identity() -> None:
    encoder = FeedforwardEncoder(FeedforwardLayers(4, 6, num_layers=0))
    inputs = torch.randn(2, 3, 4)
    assert encoder.output_dim == 4
    assert encoder(inputs, None).outputs.equal(inputs)
    assert list(encoder.parameters()) == []


def test_output_dropout_needs_no_layer() -> None:
    layers = FeedforwardLayers(50, 6, num_layers=0, output_dropout=0.5)
    outputs = layers(torch.ones(20, 50))
    assert set(outputs.unique().tolist()) == {0.0, 2.0}
    assert layers.eval()(torch.ones(20, 50)).eq(1).all()


def test_dropout_is_between_layers_and_after_the_last() -> None:
    layers = FeedforwardLayers(4, 6, num_layers=3, dropout=0.25, output_dropout=0.5)
    assert [layer.dropout.p for layer in layers.layers] == [0.25, 0.25, 0.5]
    assert layers.dropout.p == 0


def test_a_deep_averaging_network_is_an_mlp_of_the_mean() -> None:
    """Iyyer et al. (2015), equations 1 to 3, row by row."""
    encoder = FeedforwardEncoder(FeedforwardLayers(4, 6, num_layers=0))
    head = FeedforwardLayers(4, 6, num_layers=2)
    mlp = nn.Sequential(head.layers[0].linear, nn.ReLU(), head.layers[1].linear, nn.ReLU())
    inputs, lengths = torch.randn(3, 5, 4), [5, 2, 1]
    mask = torch.arange(5) < torch.tensor(lengths).unsqueeze(1)
    outputs = head(MeanPooling(4)(encoder(inputs, mask).outputs, mask).vector)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(outputs[row], mlp(inputs[row, :length].mean(0)))
