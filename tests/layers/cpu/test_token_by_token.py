"""The copy for generation predicts the same as the model, and leaves the model unchanged."""

import pytest
import torch
from torch import Tensor, nn

from nlpseq.layers.cells import KINDS
from nlpseq.layers.cpu.token_by_token import for_single_steps
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.recurrent import RecurrentEncoder
from nlpseq.layers.softmax import AdaptiveSoftmaxLayer, SoftmaxLayer
from nlpseq.layers.token_embedding import TokenEmbedding
from nlpseq.models.model import Model

HEADS = ("tied", "projected", "own", "adaptive")


def build(cell: str, head: str) -> Model:
    torch.manual_seed(1)
    embedding = Embedding(TokenEmbedding(30, 6, pad_id=0, unk_id=1))
    encoder = RecurrentEncoder(6, 6 if head == "tied" else 8, cell=cell, num_layers=2)
    tied_to = embedding.tokens.weight if head in ("tied", "projected") else None
    if head == "adaptive":
        softmax = AdaptiveSoftmaxLayer(8, 30, cutoffs=(10, 20), div_value=2)
    else:
        softmax = SoftmaxLayer(encoder.output_dim, 30, tied_to=tied_to)
    return Model(embedding, encoder, softmax).eval()


@torch.no_grad()
def read(model: Model, ids: Tensor) -> Tensor:
    """Return log-probabilities (B, T, V), computed token by token."""
    state, steps = model.encoder.initial_state(len(ids)), []
    for column in ids.unbind(1):
        outputs, state = model.encoder.step(model.embedding.lookup(column), state)
        steps.append(model.head.log_probs(outputs))
    return torch.stack(steps, dim=1)


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_twin_gives_the_same_probabilities(
    cell: str, head: str, rows: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    model = build(cell, head)
    ids = torch.randint(2, 30, (rows, 7))
    torch.testing.assert_close(read(for_single_steps(model), ids), read(model, ids))


@pytest.mark.parametrize("normalization", ["layer", "batch"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_twin_normalises_and_adds_like_the_model(
    normalization: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    model = build("lstm", "own")
    model.encoder = RecurrentEncoder(
        6, 8, num_layers=3, residual=True, normalization=normalization
    ).eval()
    ids = torch.randint(2, 30, (3, 7))
    torch.testing.assert_close(read(for_single_steps(model), ids), read(model, ids))


@pytest.mark.parametrize("head", HEADS)
def test_matrices_are_transposed_in_the_twin_alone(head: str) -> None:
    model = build("gru", head)  # an LSTM's are laid out by gates
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    twin = for_single_steps(model)
    assert twin.embedding.tokens.weight is model.embedding.tokens.weight
    matrices = [
        p for m in (twin.encoder, twin.head) for p in m.parameters() if isinstance(p, nn.Parameter)
    ]
    matrices = [p for p in matrices if p.dim() == 2]
    assert len(matrices) >= 5
    assert all(p.t().is_contiguous() for p in matrices)
    assert all(p.is_contiguous() and p.requires_grad for p in model.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_twin_keeps_its_weights_while_the_model_learns() -> None:
    model = build("lstm", "tied")
    ids = torch.tensor([[5, 6, 7]])
    twin = for_single_steps(model)
    before = read(twin, ids)
    with torch.no_grad():
        model.encoder.layers[0].cells[0].weight_hh.add_(1.0)
    assert not torch.allclose(read(model, ids), before)
    assert torch.equal(read(twin, ids), before)
