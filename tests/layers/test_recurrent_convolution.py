"""The recurrent convolutional network agrees with the equations of Lai et al. (2015), token by token."""

import pytest
import torch
from torch import nn

from nlpseq.errors import UserError
from nlpseq.layers.recurrent_convolution import RecurrentConvolutionalEncoder


def make(cell: str = "rnn") -> RecurrentConvolutionalEncoder:
    torch.manual_seed(0)
    encoder = RecurrentConvolutionalEncoder(4, 6, cell=cell, context_size=5)
    for context in (encoder.left, encoder.right):
        nn.init.normal_(context.first)  # as after some training
    return encoder


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_equations_token_by_token(cell: str) -> None:
    encoder = make(cell)
    lengths = [1, 6, 3]
    inputs = torch.randn(3, 6, 4)
    mask = torch.arange(6) < torch.tensor(lengths).unsqueeze(1)
    outputs = encoder(inputs, mask).outputs
    for row, length in enumerate(lengths):
        words = inputs[row, :length].unsqueeze(1)  # (T, 1, D)
        states = [tuple(part.unsqueeze(0) for part in encoder.left.first)]
        for word in words[:-1]:  # equation 1
            states.append(encoder.left.cell.equations(word, states[-1]))
        left = [state[0][0] for state in states]
        states = [tuple(part.unsqueeze(0) for part in encoder.right.first)]
        for word in words[1:].flip(0):  # equation 2
            states.append(encoder.right.cell.equations(word, states[-1]))
        right = [state[0][0] for state in states][::-1]
        for t in range(length):  # equations 3 and 4
            x = torch.cat([left[t], words[t, 0], right[t]])
            y = torch.tanh(encoder.linear.weight @ x + encoder.linear.bias)
            torch.testing.assert_close(outputs[row, t], y, rtol=1e-5, atol=1e-5)


def test_no_context_holds_the_word_itself() -> None:
    encoder = make()
    with torch.no_grad():
        encoder.linear.weight[:, 5:9] = 0  # so a word is known only by the others
    inputs = torch.randn(1, 5, 4, requires_grad=True)
    encoder(inputs, None).outputs[0, 2].sum().backward()
    assert inputs.grad[0].abs().sum(1).ne(0).tolist() == [True, True, False, True, True]


def test_contexts_at_the_ends_are_learnt_and_start_at_zero() -> None:
    encoder = RecurrentConvolutionalEncoder(4, 6, cell="lstm", context_size=5)
    assert encoder.left.first.eq(0).all()
    assert encoder.right.first.eq(0).all()
    encoder(torch.randn(2, 3, 4), None).outputs.square().sum().backward()
    assert encoder.left.first.grad.ne(0).all()
    assert encoder.right.first.grad.ne(0).all()


def test_an_unknown_cell_is_refused() -> None:
    with pytest.raises(UserError, match="unknown cell 'perceptron': choose gru, lstm"):
        RecurrentConvolutionalEncoder(4, 6, cell="perceptron")
