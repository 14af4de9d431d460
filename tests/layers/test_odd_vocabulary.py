"""Logits in panels of tokens, whose rows end with a cache line, agree with torch's own functions."""

import pytest
import torch
import torch.nn.functional as F

from nlpseq.layers.linear_cross_entropy import PANEL, SMALL_ELEMENTS, linear_cross_entropy
from nlpseq.layers.softmax import SoftmaxLayer


@pytest.mark.parametrize("vocab_size", [1, 15, 16, 17, 1003, PANEL, PANEL + 1, 2 * PANEL + 19])
@pytest.mark.parametrize("bias", [True, False])
def test_log_probs_without_gradient(vocab_size: int, bias: bool) -> None:
    layer = SoftmaxLayer(7, vocab_size, bias=bias)
    many = (
        SMALL_ELEMENTS // vocab_size + 1
    )  # number of rows from which logits are laid out in whole lines
    for shape in [(5,), (2, 3, 1), (many,), (2, many), (2, many, 1)]:
        outputs = torch.randn(*shape, 7)
        wanted = layer.log_probs(outputs)
        with torch.no_grad():
            found = layer.log_probs(outputs)
        assert found.shape == (*shape, vocab_size)
        torch.testing.assert_close(found, wanted.detach())
        torch.testing.assert_close(
            found.flatten(0, -2).exp().sum(1), torch.ones(outputs[..., 0].numel())
        )


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("vocab_size", [16, 17, 1003, PANEL + 1, 2 * PANEL + 19])
def test_cross_entropy_in_chunks(vocab_size: int, label_smoothing: float) -> None:
    inputs, weight, bias = torch.randn(11, 5), torch.randn(vocab_size, 5), torch.randn(vocab_size)
    targets = torch.randint(0, vocab_size, (11,))
    results = []
    for chunked in (True, False):
        leaves = [part.clone().requires_grad_() for part in (inputs, weight, bias)]
        if chunked:
            loss = linear_cross_entropy(*leaves, targets, label_smoothing, chunk_size=4)
        else:
            loss = F.cross_entropy(
                F.linear(*leaves), targets, reduction="sum", label_smoothing=label_smoothing
            )
        results.append((loss.detach(), *torch.autograd.grad(loss, leaves)))
    torch.testing.assert_close(results[0], results[1])
