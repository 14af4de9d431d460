import pytest
import torch
from torch.nn import functional as F

from nlpseq.errors import UserError
from nlpseq.layers.characters import CharacterCNN, CharacterEncoder, CharacterLSTM

WORDS = [[2, 3, 4, 5, 6], [7], [8, 9], [3, 3, 3]]


def make(kind: str, **options: float) -> CharacterEncoder:
    torch.manual_seed(0)
    encoders = {"cnn": CharacterCNN, "lstm": CharacterLSTM}
    return encoders[kind](12, 6, 10, **options)


def spelt(words: list[list[int]], width: int) -> torch.Tensor:
    return torch.tensor([[*word, *[0] * (width - len(word))] for word in words])


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
@pytest.mark.parametrize("width", [5, 6, 20])
def test_padding_never_changes_a_word(kind: str, width: int) -> None:
    encoder = make(kind)
    together = encoder(spelt(WORDS, width))
    assert together.shape == (4, encoder.output_dim) == (4, 10)
    for word, vector in zip(WORDS, together, strict=True):
        torch.testing.assert_close(vector, encoder(torch.tensor([word]))[0])


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
@pytest.mark.parametrize("count", [95, 96, 1200, 2049])
def test_words_in_groups_keep_their_order(kind: str, count: int) -> None:
    encoder = make(kind)
    words = [WORDS[number % 4][: 1 + number % 5] for number in range(count)]
    together = encoder(spelt(words, 5))
    alone = encoder(spelt(words[:20], 5))  # every word of the table
    torch.testing.assert_close(together, alone[torch.arange(count) % 20])


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
def test_every_character_and_its_position_matter(kind: str) -> None:
    encoder = make(kind)
    vectors = encoder(spelt([[2, 3, 4], [2, 3, 5], [4, 3, 2], [2, 3, 4]], 3))
    torch.testing.assert_close(vectors[0], vectors[3])
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert (vectors[one] - vectors[other]).abs().max() > 0.01


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_the_cnn_is_a_convolution_and_a_maximum(width: int) -> None:
    encoder = make("cnn", width=width)
    word = torch.tensor(WORDS[0])
    vectors = F.pad(encoder.table.weight[word], (0, 0, (width - 1) // 2, width // 2))
    kernel = encoder.convolution.weight.view(10, width, 6).transpose(1, 2)
    scores = F.conv1d(vectors.t()[None], kernel, encoder.convolution.bias)  # (1, 10, 5)
    expected = scores.tanh().amax(2)
    torch.testing.assert_close(encoder(word[None]), expected)


def test_the_lstm_gives_the_last_states_of_both_directions() -> None:
    encoder = make("lstm")
    forward, backward = encoder.encoder.layers[0].cells
    plain = torch.nn.LSTM(6, 5, bidirectional=True, batch_first=True)
    for cell, ending in [(forward, "_l0"), (backward, "_l0_reverse")]:
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(plain, name + ending).data.copy_(getattr(cell, name))
    word = torch.tensor([WORDS[0]])
    _, (hidden, _) = plain(encoder.table.weight[word])
    torch.testing.assert_close(encoder(word)[0], hidden.flatten())


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
def test_dropout_only_in_training(kind: str) -> None:
    encoder = make(kind, dropout=0.5)
    words = spelt(WORDS, 5)
    assert not torch.equal(encoder(words), encoder(words))
    encoder.eval()
    assert torch.equal(encoder(words), make(kind).eval()(words))


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
def test_all_weights_except_padding_learn(kind: str) -> None:
    encoder = make(kind)
    encoder(spelt([[2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [1]], 12)).square().sum().backward()
    for parameter in encoder.parameters():
        assert parameter.grad.abs().sum() > 0
    assert encoder.table.weight.grad[0].abs().sum() == 0


def test_two_directions_cannot_share_an_odd_size() -> None:
    with pytest.raises(UserError, match="character_size = 7.*even"):
        CharacterLSTM(12, 6, 7)
