"""Every decoder: whole targets agree with single steps, probabilities with brute force, batches with sentences."""

from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlpseq.data.batch import CopySource, Tokens
from nlpseq.errors import UserError
from nlpseq.layers.cells import KINDS
from nlpseq.layers.cpu.token_by_token import for_single_steps
from nlpseq.layers.embedding import Embedding
from nlpseq.layers.encoder import Encoder
from nlpseq.layers.token_embedding import TokenEmbedding
from nlpseq.models.builders import build_decoder, build_encoder
from nlpseq.models.decoder import Decoder, DecoderOutput, Memory
from nlpseq.models.recurrent_decoder import AttentionDecoder
from nlpseq.recipe import (
    RecurrentConfig,
    RecurrentDecoderConfig,
    TransformerConfig,
    TransformerDecoderConfig,
)
from nlpseq.types import EncoderOutput, State, Step

CELLS = KINDS
ATTENTIONS = ["additive", "dot", "general", "scaled_dot", "multi_head", "location", "coverage"]
PAD, UNK, BOS = 0, 1, 2
V, X, DIM, WIDTH = 9, 2, 5, 8
SOURCES = Tokens(
    torch.tensor([[4, 5, 6, 7], [8, 3, PAD, PAD], [5, 5, 4, PAD]]), torch.tensor([4, 2, 3])
)
COPIES = torch.tensor([[4, V, 6, V + 1], [V, 3, PAD, PAD], [5, 5, 4, PAD]])
TARGETS = Tokens(
    torch.tensor([[6, 4, 7, 3], [8, 3, PAD, PAD], [5, 3, PAD, PAD]]), torch.tensor([4, 2, 2])
)
COPIED_TARGETS = Tokens(
    torch.tensor([[V, 4, V + 1, 3], [V, 3, PAD, PAD], [5, 3, PAD, PAD]]), TARGETS.lengths
)
SOURCE = RecurrentConfig(kind="lstm", hidden_size=WIDTH // 2, bidirectional=True)


TRANSFORMER = {"kind": "transformer", "feedforward_size": 12}
KINDS: dict[str, dict[str, Any]] = {"lstm": {}, "transformer": TRANSFORMER}
ATTENDING: dict[str, dict[str, Any]] = {
    **{
        f"{attention}{' feeding' * feeding}": {"attention": attention, "input_feeding": feeding}
        for attention, feeding in product(ATTENTIONS, [False, True])
    },
    "transformer": TRANSFORMER,
}


def section(**config: Any) -> RecurrentDecoderConfig | TransformerDecoderConfig:
    """Return the decoder's section of a recipe, without dropout."""
    if config.get("kind") == "transformer":
        return TransformerDecoderConfig(**{"dropout": 0.0, **config})
    return RecurrentDecoderConfig(**config)


class Whole(nn.Module):
    """An embedding and an encoder for sources, and the decoder."""

    def __init__(self, tied: bool = False, **config: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = TokenEmbedding(V, DIM, pad_id=PAD, unk_id=UNK)
        self.encoder: Encoder = build_encoder(SOURCE, DIM)
        self.decoder = build_decoder(
            section(**config),
            SOURCE,
            self.encoder,
            Embedding(TokenEmbedding(V, DIM, pad_id=PAD, unk_id=UNK)),
            vocab_size=V,
            tied=tied,
        )
        with torch.no_grad():  # biases start at zero, which could hide a mistake
            for parameter in self.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        self.double()

    def start(self, source: Tokens | None = None) -> tuple[Memory, State]:
        source = self.source if source is None else source
        encoded = self.encoder(self.table(source.ids), source.mask)
        return self.decoder.start(encoded, source)

    @property
    def copying(self) -> bool:
        return self.decoder.gate is not None

    @property
    def source(self) -> Tokens:
        extras = torch.zeros(3, X, dtype=torch.bool)
        found = Tokens(SOURCES.ids, SOURCES.lengths, copies=CopySource(COPIES, extras))
        return found if self.copying else SOURCES

    @property
    def target(self) -> Tokens:
        return COPIED_TARGETS if self.copying else TARGETS

    def read(self, target: Tokens | None = None) -> tuple[DecoderOutput, Memory]:
        target = self.target if target is None else target
        memory, state = self.start()
        return self.decoder(self.vectors(target.ids), memory, state), memory

    def vectors(self, ids: Tensor) -> Tensor:
        return self.decoder.lookup(before(ids))


def before(ids: Tensor) -> Tensor:
    return torch.cat([torch.full_like(ids[:, :1], BOS), ids[:, :-1]], 1)


def steps(decoder: Decoder, ids: Tensor, memory: Memory, state: State) -> list[Step]:
    found = []
    for one in before(ids).unbind(1):
        found.append(decoder.step(decoder.lookup(one), memory, state))
        state = found[-1].state
    return found


EVERY: list[dict[str, Any]] = [
    *(
        {
            "kind": cell,
            "attention": attention,
            "input_feeding": feeding,
            "num_layers": 2 if attention == "general" else 1,
        }
        for cell, attention, feeding in product(CELLS, ATTENTIONS, [False, True])
    ),
    *({**TRANSFORMER, "positions": kind} for kind in ("sinusoidal", "learned", "rotary")),
    {**TRANSFORMER, "hidden_size": 12, "num_heads": 3, "num_layers": 1},
]


@pytest.mark.parametrize("config", EVERY, ids=lambda config: "-".join(map(str, config.values())))
@pytest.mark.parametrize("copying", [False, True])
@torch.no_grad()
def test_reading_a_target_is_reading_it_token_by_token(
    config: dict[str, Any], copying: bool
) -> None:
    whole = Whole(**config, copying=copying).eval()
    decoder = whole.decoder
    decoded, memory = whole.read()
    single = steps(decoder, whole.target.ids, *whole.start())
    log_probs = torch.stack([step.log_probs for step in single], 1)
    torch.testing.assert_close(decoder.log_probs(decoded, memory), log_probs, atol=1e-5, rtol=0)
    weights = torch.stack([step.weights for step in single if step.weights is not None], 1)
    torch.testing.assert_close(decoded.weights, weights, atol=1e-5, rtol=0)
    for first, second in zip(decoded.state, single[-1].state, strict=True):
        torch.testing.assert_close(first, second, atol=1e-5, rtol=0)
    twin = steps(for_single_steps(decoder), whole.target.ids, *whole.start())
    other = torch.stack([step.log_probs for step in twin], 1)
    torch.testing.assert_close(other, log_probs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_without_feeding_a_target_is_one_call_of_layers_and_of_attention(
    cell: str, attention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Whole(kind=cell, attention=attention)
    decoder = whole.decoder
    assert isinstance(decoder, AttentionDecoder)
    calls: list[str] = []

    def counted(name: str) -> None:
        part = getattr(decoder, name)
        part.register_forward_hook(lambda *_: calls.append(name))

    counted("encoder")
    counted("attention")
    for owner, name in ((decoder, "decode_step"), (decoder.encoder, "step")):
        monkeypatch.setattr(owner, name, lambda *_: calls.append("step"))
    whole.read()
    steps = TARGETS.ids.size(1) if decoder.attention.sequential else 1
    assert calls == ["encoder", *["attention"] * steps]


@pytest.mark.parametrize("form", list(ATTENDING))
@pytest.mark.parametrize("counts", [[3, 3, 3], [2, 1, 4]])
@torch.no_grad()
def test_hypotheses_of_a_sentence_share_its_memory(form: str, counts: list[int]) -> None:
    whole = Whole(**ATTENDING[form], copying=True).eval()
    decoder = whole.decoder
    memory, state = whole.start()
    rows = torch.arange(3).repeat_interleave(torch.tensor(counts))
    ids = torch.randint(1, V + X, (len(rows), 3))
    repeated = memory.select(rows)
    memory = memory._replace(counts=torch.tensor(counts))
    many = tuple(part[rows] for part in state)
    alone = many
    for one in ids.unbind(1):
        vectors = decoder.lookup(one)
        shared = decoder.step(vectors, memory, many)
        apart = decoder.step(vectors, repeated, alone)
        torch.testing.assert_close(shared.log_probs, apart.log_probs)
        torch.testing.assert_close(shared.weights, apart.weights)
        many, alone = shared.state, apart.state


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("copying", [False, True])
@pytest.mark.parametrize("tied", [False, True])
@torch.no_grad()
def test_probabilities_sum_to_one_and_are_those_of_the_nll(
    copying: bool, tied: bool, kind: str
) -> None:
    whole = Whole(tied, **KINDS[kind], copying=copying).eval()
    decoder = whole.decoder
    decoded, memory = whole.read()
    size = V + X if copying else V
    log_probs = decoder.log_probs(decoded, memory)
    assert log_probs.shape == (3, 4, size)
    torch.testing.assert_close(log_probs.exp().sum(2), torch.ones(3, 4, dtype=torch.float64))
    total = 0.0
    for id in range(size):
        nll = decoder.nll(decoded, memory, torch.full((3, 4), id))
        torch.testing.assert_close((-nll).exp(), log_probs[:, :, id].exp())
        total = total + (-nll).exp()
    torch.testing.assert_close(total, torch.ones(3, 4, dtype=torch.float64))


@pytest.mark.parametrize("kind", list(KINDS))
@torch.no_grad()
def test_the_probability_of_a_copy_is_its_share_of_attention(kind: str) -> None:
    """See et al. (2017), equation 9, as loops."""
    whole = Whole(**KINDS[kind], copying=True).eval()
    decoded, memory = whole.read()
    assert decoded.gates is not None
    found = whole.decoder.log_probs(decoded, memory).exp()
    generated = whole.decoder.softmax.log_probs(decoded.outputs).exp()
    for b, t in product(range(3), range(4)):
        gate = 1 / (1 + (-decoded.gates[b, t, 0]).exp())
        expected = torch.cat([gate * generated[b, t], generated.new_zeros(X)])
        for s in range(int(SOURCES.lengths[b])):
            expected[COPIES[b, s]] += (1 - gate) * decoded.weights[b, t, s]
        torch.testing.assert_close(found[b, t], expected)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_without_copying_is_cross_entropy(smoothing: float, kind: str) -> None:
    whole = Whole(**KINDS[kind])
    decoder, mask = whole.decoder, TARGETS.mask
    assert mask is not None
    decoded, memory = whole.read()
    logits = F.linear(decoded.outputs, decoder.softmax.weight, decoder.softmax.bias)
    expected = F.cross_entropy(
        logits[mask], TARGETS.ids[mask], reduction="sum", label_smoothing=smoothing
    )
    torch.testing.assert_close(decoder.loss(decoded, memory, TARGETS, smoothing), expected)
    if not smoothing:
        nll = decoder.nll(decoded, memory, TARGETS.ids)
        torch.testing.assert_close(nll[mask].sum(), expected)
        with torch.no_grad():
            torch.testing.assert_close(decoder.nll(decoded, memory, TARGETS.ids), nll)


def test_the_loss_with_copying() -> None:
    whole = Whole(copying=True)
    decoder, mask = whole.decoder, COPIED_TARGETS.mask
    assert mask is not None
    decoded, memory = whole.read()
    nll = decoder.nll(decoded, memory, COPIED_TARGETS.ids)[mask]
    with torch.no_grad():
        torch.testing.assert_close(decoder.nll(decoded, memory, COPIED_TARGETS.ids)[mask], nll)
    plain = decoder.loss(decoded, memory, COPIED_TARGETS)
    torch.testing.assert_close(plain, nll.sum())
    smooth = decoder.loss(decoded, memory, COPIED_TARGETS, 0.2)
    even = -decoder.softmax.log_probs(decoded.outputs)[mask].mean(1)
    torch.testing.assert_close(smooth, (0.8 * nll + 0.2 * even).sum())


@pytest.mark.parametrize("form", ["general", "coverage", "transformer"])
def test_gradients_are_finite_where_a_target_cannot_be_copied(form: str) -> None:
    whole = Whole(copying=True, **ATTENDING[form]).float()
    decoder = whole.decoder
    decoded, memory = whole.read()
    assert decoded.gates is not None
    # The first id is not in its source; the gate of the second is saturated.
    ids = torch.tensor([[7, 4, V, 3], [V, 3, 3, 3], [8, 8, 8, 8]])
    for bias in (0.0, 200.0, -200.0):
        shut = decoded._replace(gates=decoded.gates + bias)
        for smoothing in (0.0, 0.1):
            loss = decoder.loss(shut, memory, Tokens(ids, torch.tensor([4, 4, 4])), smoothing)
            assert torch.isfinite(loss)
            whole.zero_grad()
            loss.backward(retain_graph=True)
            for name, parameter in whole.named_parameters():
                assert parameter.grad is not None, name
                assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("bridge", ["mean", "last", "zero"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@torch.no_grad()
def test_bridges(bridge: str, cell: str) -> None:
    whole = Whole(kind=cell, bridge=bridge, num_layers=2, hidden_size=6).eval()
    source = whole.source
    encoded: EncoderOutput = whole.encoder(whole.table(source.ids), source.mask)
    _, state = whole.decoder.start(encoded, source)
    assert len(state) == (2 if cell == "lstm" else 1)
    assert all(part.shape == (3, 2, 6) for part in state)
    if bridge == "zero":
        assert all(part.eq(0).all() for part in state)
        return
    assert isinstance(whole.decoder, AttentionDecoder)
    projections = whole.decoder.bridge.projections
    assert isinstance(projections, nn.ModuleList)
    for row, length in enumerate(source.lengths.tolist()):
        vector = encoded.outputs[row, :length].mean(0)
        if bridge == "last":  # forward at the last token, backward at the first
            half = WIDTH // 2
            outputs = encoded.outputs[row]
            vector = torch.cat([outputs[length - 1, :half], outputs[0, half:]])
        for part, projection in zip(state, projections, strict=True):
            torch.testing.assert_close(part[row].flatten(), projection(vector).tanh())


def test_bridges_and_sizes_that_do_not_fit() -> None:
    transformer = TransformerConfig(kind="transformer", hidden_size=8, num_heads=2)
    encoder = build_encoder(transformer, DIM)
    embedding = Embedding(TokenEmbedding(V, DIM, pad_id=PAD, unk_id=UNK))
    for config, message in (
        (section(bridge="last"), "transformer has no state; choose mean or zero"),
        (section(kind="transformer", num_heads=3), "decoder.hidden_size = 8 is not a multiple of"),
        (
            section(kind="transformer", num_heads=8, positions="rotary"),
            "the heads of decoder.hidden_size = 8 have 1 each: make it even",
        ),
    ):
        with pytest.raises(UserError, match=message):
            build_decoder(config, transformer, encoder, embedding, vocab_size=V, tied=False)


def gradients(whole: Whole) -> dict[str, Tensor]:
    found = {name: p.grad for name, p in whole.named_parameters()}
    return {name: grad.clone() for name, grad in found.items() if grad is not None}


@pytest.mark.parametrize("form", list(ATTENDING))
def test_a_batch_is_its_sentences(form: str) -> None:
    """Padding of sources and of targets changes nothing."""
    whole = Whole(**ATTENDING[form], copying=True)
    decoder = whole.decoder
    decoded, memory = whole.read()
    whole.zero_grad()
    total = decoder.loss(decoded, memory, whole.target)
    total.backward()
    expected = gradients(whole)
    whole.zero_grad()
    losses = []
    for row in range(3):
        length, wanted = int(SOURCES.lengths[row]), int(COPIED_TARGETS.lengths[row])
        alone = slice(row, row + 1)
        source = Tokens(
            SOURCES.ids[alone, :length],
            SOURCES.lengths[alone],
            full=True,
            copies=CopySource(
                COPIES[alone, :length], torch.zeros(1, X if row == 0 else 1, dtype=torch.bool)
            ),
        )
        target = Tokens.unpadded(COPIED_TARGETS.ids[alone, :wanted])
        one = decoder(whole.vectors(target.ids), *(started := whole.start(source)))
        torch.testing.assert_close(one.weights, decoded.weights[alone, :wanted, :length])
        losses.append(decoder.loss(one, started[0], target))
        losses[-1].backward()
    torch.testing.assert_close(torch.stack(losses).sum(), total, atol=1e-5, rtol=0)
    found = gradients(whole)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=0)


@pytest.mark.parametrize("form", list(ATTENDING))
@pytest.mark.parametrize("copying", [False, True])
def test_half_precision_loses_few_digits(form: str, copying: bool) -> None:
    """Log-probabilities and weights are float32 under autocast, and each step continues the previous one."""
    whole = Whole(**ATTENDING[form], copying=copying).float()
    decoder = whole.decoder
    exact, memory = whole.read()
    expected = decoder.nll(exact, memory, whole.target.ids)
    with torch.autocast("cpu", torch.bfloat16):
        decoded, memory = whole.read()
        nll = decoder.nll(decoded, memory, whole.target.ids)
        with torch.no_grad():  # the logits of all tokens are never held
            scored = decoder.nll(decoded, memory, whole.target.ids)
        single = steps(decoder, whole.target.ids, *whole.start())
        loss = decoder.loss(decoded, memory, whole.target, 0.1)
    loss.backward()
    assert nll.dtype == decoded.weights.dtype == single[-1].log_probs.dtype == torch.float32
    assert scored.dtype == torch.float32
    torch.testing.assert_close(nll, expected, atol=0.05, rtol=0.05)
    torch.testing.assert_close(scored, expected, atol=0.05, rtol=0.05)
    total = single[-1].log_probs.exp().sum(1)
    torch.testing.assert_close(total, torch.ones(3), atol=1e-5, rtol=0)


def test_a_copy_is_read_as_unknown() -> None:
    with_copies, without = Whole(copying=True).decoder, Whole().decoder
    ids = torch.tensor([4, V, V + 1])
    assert with_copies.readable(ids).tolist() == [4, UNK, UNK]
    assert without.readable(ids) is ids
    torch.testing.assert_close(with_copies.lookup(ids)[1], with_copies.lookup(torch.tensor(UNK)))
