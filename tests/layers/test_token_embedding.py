import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nlpseq.errors import UserError
from nlpseq.layers.token_embedding import TokenEmbedding

PAD, UNK = 0, 1


def make(vocab_size: int = 20, dim: int = 8, **options: float) -> TokenEmbedding:
    torch.manual_seed(0)
    return TokenEmbedding(vocab_size, dim, pad_id=PAD, unk_id=UNK, **options)


def test_vectors_are_rows_of_the_table() -> None:
    embedding = make(embedding_dropout=0.5, word_dropout=0.5).eval()
    ids = torch.randint(0, 20, (3, 5))
    assert torch.equal(embedding(ids), embedding.weight[ids])
    assert torch.equal(embedding.lookup(ids[:, 0]), embedding.weight[ids[:, 0]])
    assert embedding.dim == 8


def test_look_up_of_single_steps_never_drops() -> None:
    embedding = make(embedding_dropout=0.5, word_dropout=0.9).train()
    ids = torch.arange(20)
    assert torch.equal(embedding.lookup(ids), embedding.weight)


def test_initial_vectors() -> None:
    embedding = make(2000, 50)
    assert embedding.weight[PAD].abs().sum() == 0
    assert math.isclose(embedding.weight[1:].var().item(), 1 / 50, rel_tol=0.02)


def test_padding_gets_no_gradient_from_the_look_up() -> None:
    embedding = make()
    embedding(torch.tensor([[3, PAD, 4, PAD]])).sum().backward()
    assert embedding.weight.grad is not None
    assert embedding.weight.grad[PAD].abs().sum() == 0
    assert (embedding.weight.grad[[3, 4]] == 1).all()


def test_a_tied_output_layer_trains_the_row_of_padding() -> None:
    embedding = make()
    hidden = torch.randn(2, 8)
    nll = F.cross_entropy(F.linear(hidden, embedding.weight), torch.tensor([3, 4]), reduction="sum")
    nll.backward()
    assert embedding.weight.grad is not None
    expected = F.linear(hidden, embedding.weight).softmax(1)[:, PAD] @ hidden
    torch.testing.assert_close(embedding.weight.grad[PAD], expected)


def test_embedding_dropout_drops_word_types() -> None:
    embedding = make(1000, 4, embedding_dropout=0.4).train()
    nn.init.ones_(embedding.weight)
    ids = torch.arange(1000).repeat(2, 3)  # every type six times
    vectors = embedding(ids)
    kept = vectors[..., 0].view(-1, 1000)
    assert torch.equal(vectors, vectors[..., :1].expand_as(vectors))
    assert (kept == kept[0]).all()
    assert math.isclose((kept[0] == 0).float().mean().item(), 0.4, abs_tol=0.05)
    assert math.isclose(kept.max().item(), 1 / 0.6, rel_tol=1e-5)
    vectors.sum().backward()
    assert embedding.weight.grad is not None
    assert ((embedding.weight.grad[1:, 0] == 0) == (kept[0, 1:] == 0)).all()


def test_word_dropout_makes_tokens_unknown_but_not_padding() -> None:
    embedding = make(5000, 4, word_dropout=0.25).train()
    ids = torch.arange(5000).view(1, -1)
    ids[0, 4000:] = PAD
    vectors = embedding(ids)[0]
    unknown = (vectors == embedding.weight[UNK]).all(dim=1)
    assert math.isclose(unknown[2:4000].float().mean().item(), 0.25, abs_tol=0.03)
    assert (vectors[4000:] == 0).all()
    assert torch.equal(vectors[:4000][~unknown[:4000]], embedding.weight[:4000][~unknown[:4000]])
    assert ids.eq(UNK).sum() == 1  # the caller's ids are unchanged


def test_no_tensor_of_the_tables_size_is_made(monkeypatch) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Record(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and out is not args[0]:
                largest = max(largest, out.numel())
            return out

    embedding = make(5000, 16, embedding_dropout=0.1, word_dropout=0.1).train()
    ids = torch.randint(0, 5000, (2, 10))
    with torch.no_grad(), Record():
        embedding(ids)
    assert largest <= 5000  # the mask of types; the table has 80,000 numbers


def test_loading_vectors() -> None:
    embedding = make()
    vectors = torch.randn(20, 8)
    parameter = embedding.weight
    embedding.load(vectors)
    assert embedding.weight is parameter  # an output layer may be tied to it
    assert torch.equal(embedding.weight[1:], vectors[1:])
    assert (embedding.weight[PAD] == 0).all()
    with pytest.raises(UserError, match=r"\(20, 9\) do not fit.*\(20, 8\)"):
        embedding.load(torch.randn(20, 9))


def test_frozen_vectors_are_no_trainable_parameter() -> None:
    assert not [p for p in make(frozen=True).parameters() if p.requires_grad]
    assert [p.shape for p in make().parameters() if p.requires_grad] == [(20, 8)]


def test_ids_beyond_the_table_read_the_extension() -> None:
    embedding = make(extension_size=5)
    vectors = torch.randn(25, 8)
    embedding.load(vectors)
    vectors[PAD] = 0
    vectors[20:] = vectors[20:].half().float()
    ids = torch.tensor([[3, 20, PAD], [24, 19, 22]])
    assert torch.equal(embedding(ids), vectors[ids])
    assert torch.equal(embedding.lookup(ids[:, 1]), vectors[ids[:, 1]])
    assert embedding.weight.shape == (20, 8)  # the weight that an output layer is tied to
    with pytest.raises(UserError, match=r"\(20, 8\) do not fit.*\(25, 8\)"):
        embedding.load(vectors[:20])


@pytest.mark.parametrize(
    ("scale", "dtype"),
    [(1.0, torch.float16), (0.01, torch.float16), (1e-6, torch.float32), (1e6, torch.float32)],
)
def test_an_extension_that_half_precision_would_change_keeps_its_numbers(
    scale: float, dtype: torch.dtype
) -> None:
    embedding = make(extension_size=5)
    vectors = torch.randn(25, 8) * scale
    embedding.load(vectors)
    assert embedding.extension.dtype is dtype
    assert torch.allclose(embedding.lookup(torch.tensor([22])), vectors[22:23], rtol=1e-3)
    assert embedding.lookup(torch.tensor([3, 22])).dtype is torch.float32


def test_the_extension_takes_no_gradient_and_changes_none() -> None:
    plain, extended = make(), make(extension_size=5)
    extended.load(torch.cat([plain.weight.detach(), torch.randn(5, 8)]))
    assert [p.shape for p in extended.parameters()] == [(20, 8)]
    plain(torch.tensor([[3, PAD, 4, 3]])).square().sum().backward()
    extended(torch.tensor([[3, PAD, 4, 3, 20, 24]])).square().sum().backward()
    assert plain.weight.grad is not None
    assert torch.equal(plain.weight.grad, extended.weight.grad)


def test_types_of_the_extension_are_dropped_too() -> None:
    embedding = make(10, 4, extension_size=1000, embedding_dropout=0.4).train()
    embedding.load(torch.ones(1010, 4))
    kept = embedding(torch.arange(10, 1010).view(1, -1))[0, :, 0]
    assert math.isclose((kept == 0).float().mean().item(), 0.4, abs_tol=0.06)


def test_an_absent_extension_is_not_saved() -> None:
    assert list(make().state_dict()) == ["weight"]
    extended = make(extension_size=2)
    extended.load(torch.randn(22, 8))
    again = make(extension_size=2)
    again.load_state_dict(extended.state_dict())
    ids = torch.tensor([[21, 20]])
    assert torch.equal(again(ids), extended(ids))
