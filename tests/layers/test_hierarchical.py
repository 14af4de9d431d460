"""The hierarchical network agrees with reading one sentence, then one document, at a time without padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nlpseq.layers.hierarchical import HierarchicalReader
from nlpseq.models.builders import build_hierarchical
from nlpseq.recipe import HierarchicalConfig

DIM = 4
Documents = list[list[int]]  # lengths of the sentences of each document


def make(cell: str = "gru") -> HierarchicalReader:
    torch.manual_seed(0)
    config = HierarchicalConfig(cell=cell, hidden_size=3, attention_size=5)
    reader = build_hierarchical(config, DIM)
    for name, parameter in reader.named_parameters():
        if "bias" in name:  # otherwise a cell that reads the zeros of padding outputs zeros
            nn.init.normal_(parameter)
    return reader.eval()


def lay_out(documents: Documents) -> tuple[Tensor, Tensor, Tensor]:
    """Draw inputs and segments with garbage at padding, and the mask."""
    lengths = torch.tensor([sum(sentences) for sentences in documents])
    mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
    segments = torch.full(mask.shape, 7)
    for row, sentences in enumerate(documents):
        numbers = [number for number, length in enumerate(sentences) for _ in range(length)]
        segments[row, : len(numbers)] = torch.tensor(numbers)
    inputs = torch.randn(*mask.shape, DIM).masked_fill(~mask.unsqueeze(2), 1e6)
    return inputs, segments, mask


def sentence_by_sentence(
    reader: HierarchicalReader, words: Tensor, sentences: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the vector, word weights and sentence weights of one document (T, D)."""
    vectors, word_weights = [], []
    for sentence in words.split(sentences):
        pooled = reader.word_pooling(reader.words(sentence.unsqueeze(0), None).outputs, None)
        vectors.append(pooled.vector)
        word_weights.append(pooled.weights[0])
    outputs = reader.sentences(torch.stack(vectors, dim=1), None).outputs
    pooled = reader.sentence_pooling(outputs, None)
    return pooled.vector[0], torch.cat(word_weights), pooled.weights[0]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=4), min_size=1, max_size=4),
    st.sampled_from(["rnn", "gru", "lstm"]),
)
def test_a_batch_is_its_documents_sentence_by_sentence(documents: Documents, cell: str) -> None:
    reader = make(cell)
    inputs, segments, mask = lay_out(documents)
    vector, word_weights, sentence_weights = reader(inputs, segments, mask)
    assert vector.shape == (len(documents), reader.output_dim)
    assert sentence_weights.shape == (len(documents), max(map(len, documents)))
    for row, sentences in enumerate(documents):
        real = sum(sentences)
        expected = sentence_by_sentence(reader, inputs[row, :real], sentences)
        found = vector[row], word_weights[row, :real], sentence_weights[row, : len(sentences)]
        for left, right in zip(found, expected, strict=True):
            torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)
        assert word_weights[row, real:].eq(0).all()
        assert sentence_weights[row, len(sentences) :].eq(0).all()


def test_weights_sum_to_one_in_each_sentence_and_each_document() -> None:
    documents = [[3, 1, 4], [2], [1, 5]]
    inputs, segments, mask = lay_out(documents)
    _, word_weights, sentence_weights = make()(inputs, segments, mask)
    torch.testing.assert_close(sentence_weights.sum(1), torch.ones(3))
    for row, sentences in enumerate(documents):
        for part in word_weights[row, : sum(sentences)].split(sentences):
            assert part.sum().item() == pytest.approx(1, abs=1e-5)


def test_no_mask_is_no_padding() -> None:
    inputs, segments, mask = lay_out([[3, 2], [1, 4]])
    for left, right in zip(
        make()(inputs, segments, None), make()(inputs, segments, mask), strict=True
    ):
        assert left.equal(right)


def test_only_the_order_of_sentence_numbers_matters() -> None:
    """A text cut on the left begins with a later sentence; an empty one leaves a gap."""
    inputs, _, mask = lay_out([[2, 3, 1]])
    reader = make()
    plain = reader(inputs, torch.tensor([[0, 0, 1, 1, 1, 2]]), mask)
    gaps = reader(inputs, torch.tensor([[3, 3, 4, 4, 4, 9]]), mask)
    for left, right in zip(plain, gaps, strict=True):
        assert left.equal(right)


def test_one_step_changes_every_parameter() -> None:
    reader = make().train()
    before = {name: parameter.clone() for name, parameter in reader.named_parameters()}
    inputs, segments, mask = lay_out([[3, 2], [4, 2]])
    inputs = inputs.masked_fill(~mask.unsqueeze(2), 0)
    reader(inputs, segments, mask).vector.square().sum().backward()
    torch.optim.SGD(reader.parameters(), lr=1.0).step()
    same = [name for name, parameter in reader.named_parameters() if parameter.equal(before[name])]
    assert same == []
