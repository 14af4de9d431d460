"""Pairs of texts: both sides through one encoder, alike in training, evaluation, prediction and explanation."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from datasets import Dataset
from nlpseq.tasks.base.vector_model import compute_outputs
from small import CLASSES, CPU, ENCODERS, built, document_for, encoder, records, train, weights

from nlpseq import model_directory
from nlpseq.data.batch import Tokens
from nlpseq.data.split import Split
from nlpseq.errors import TextError, UserError
from nlpseq.predictor import ColumnReader, Explainer
from nlpseq.recipe import validate
from nlpseq.task import Cursor, Progress

Row = tuple[Any, Any, str]
PAIRS: list[Row] = [
    ("the old dog sleeps .", "a dog sleeps .", "yes"),
    ("nobody sang", "somebody sang loudly in the hall .", "no"),
    ("it rains", "it is cold", "open"),
    ("the old dog sleeps . it rains . nobody sang in the hall .", "it rains .", "yes"),
    ("it is cold .", "it is not cold .", "no"),
    ("a dog", "a cat", "open"),
] * 2
KINDS = ["features", "cross_attention"]
ALIGNED = [kind for kind in ENCODERS if kind not in ("feedforward", "hierarchical")]
COMBINATIONS = [("features", kind) for kind in ENCODERS] + [
    ("cross_attention", kind) for kind in ALIGNED
]


def split_of(rows: Sequence[Row] = PAIRS, name: str = "train") -> Split:
    columns = {
        field: [row[index] for row in rows]
        for index, field in enumerate(("text", "text2", "label"))
    }
    return Split(name=name, rows=Dataset.from_dict(columns), origin="test")


def recipe_of(pair: str = "features", **sections: Any) -> Any:
    head = {"pair": pair, **sections.pop("head", {})}
    document = document_for("sentiment", head=head, **sections)
    return validate(CLASSES["sentiment"].Config, document, "test")


def make(pair: str = "features", rows: Sequence[Row] = PAIRS, **sections: Any) -> Any:
    task = CLASSES["sentiment"](recipe_of(pair, **sections))
    task.prepare({"train": split_of(rows)})
    return task


def logits(task: Any, model: Any, rows: Sequence[Row]) -> torch.Tensor:
    """Return the logits of each row, as it is read alone."""
    features = task.features(split_of(rows))
    with torch.no_grad():
        found = [
            compute_outputs(model.eval(), task.collator.collate([row])).logits for row in features
        ]
    return torch.cat(found)


@pytest.mark.parametrize(("pair", "kind"), COMBINATIONS)
def test_padding_and_batch_size_change_nothing_and_evaluate_is_predict(
    pair: str, kind: str
) -> None:
    task = make(pair, encoder=encoder(kind), training={"batch_size": 5})
    model = built(task)
    alone = logits(task, model, PAIRS).softmax(1)
    found = records(task, model, split_of())
    predicted = task.predictor(model, CPU).predict([row[:2] for row in PAIRS])
    for row, record, prediction in zip(alone, found, predicted, strict=True):
        assert record.prediction["confidence"] == pytest.approx(float(row.max()), abs=1e-5)
        assert [*prediction.probabilities.values()] == pytest.approx(row.tolist(), abs=1e-5)
        assert prediction.label == record.prediction["label"]
    assert [(p.text, p.text2) for p in predicted] == [row[:2] for row in PAIRS]


@pytest.mark.parametrize("pair", KINDS)
def test_a_model_of_pairs_is_that_of_its_parts(pair: str) -> None:
    """Brute force for one pair: both vectors, their features, the layer, the output."""
    task = make(pair, head={"hidden_size": 7, "pooling": "mean"})
    model = built(task).eval()
    (features,) = task.features(split_of(PAIRS[:1]))
    with torch.no_grad():
        sides = [
            model.encode(task.collator.collate([side])).outputs
            for side in task.side_reader().read([[PAIRS[0][0], PAIRS[0][1]]])
        ]
        if pair == "cross_attention":
            sides = list(model.head.alignment(*sides, None, None)[:2])
        u, v = (side.mean(1)[0] for side in sides)
        vector = torch.tensor(
            [
                *u.tolist(),
                *v.tolist(),
                *[abs(a - b) for a, b in zip(u.tolist(), v.tolist(), strict=True)],
                *[a * b for a, b in zip(u.tolist(), v.tolist(), strict=True)],
            ]
        )
        hidden = model.head.hidden.layers[0].linear(vector).clamp(min=0)
        wanted = model.head.output(hidden)
        found = compute_outputs(model, task.collator.collate([features])).logits[0]
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pair", KINDS)
def test_a_symmetric_head_gives_the_same_for_both_orders(pair: str) -> None:
    turned = [(second, first, label) for first, second, label in PAIRS]
    for symmetric in (True, False):
        task = make(pair, head={"symmetric": symmetric})
        model = built(task)
        same = torch.allclose(logits(task, model, PAIRS), logits(task, model, turned), atol=1e-5)
        assert same == symmetric


def test_batches_are_by_both_lengths() -> None:
    rows = [
        ("w " * first, "w " * second, "yes" if first > 4 else "no")
        for first in range(1, 9)
        for second in range(1, 9)
    ]
    task = make(rows=rows, training={"batch_size": 8})
    padded = real = 0
    for batch in task.batches(split_of(rows), training=False, seed=1, start=Cursor()):
        second = batch.source.second
        padded += batch.source.ids.numel() + second.ids.numel()
        real += batch.tokens
    assert real == 2 * 8 * 36
    assert padded < 1.5 * real  # at random more than 1.7


@pytest.mark.parametrize("pair", KINDS)
def test_one_step_changes_every_parameter_and_a_toy_is_learnt(pair: str) -> None:
    task = make(pair, head={"pooling": "attention", "hidden_size": 8})
    model = built(task)
    before = weights(model)
    (batch, *_) = task.batches(split_of(), training=True, seed=1, start=Cursor())
    loss, _ = task.loss(model.train(), batch, (), Progress())
    loss.total.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    train(task, model, split_of(), epochs=30)
    assert not any(torch.equal(before[name], tensor) for name, tensor in weights(model).items())
    right = [r.prediction["label"] == r.target for r in records(task, model, split_of())]
    assert all(right)


def test_a_saved_model_predicts_the_same(tmp_path: Any) -> None:
    task = make("cross_attention", head={"symmetric": True})
    model = built(task)
    model_directory.save(tmp_path, task, model)
    loaded = model_directory.load(tmp_path, "cpu")
    pairs = [row[:2] for row in PAIRS]
    assert loaded.predict(pairs) == task.predictor(model, CPU).predict(pairs)
    assert isinstance(loaded, ColumnReader)
    assert loaded.text_columns == ("text", "text2")


@pytest.mark.parametrize("pair", KINDS)
def test_an_empty_side_is_one_unknown_token_and_counted(pair: str) -> None:
    rows: list[Row] = [*PAIRS, ("", "a dog", "yes"), ("a dog", " ", "no"), ("", "", "open")]
    task = make(pair, rows=rows)
    assert "train: 4 empty texts, read as one unknown token" in task.notes
    (features,) = task.features(split_of(rows[-3:-2]))
    assert [list(side.ids) for side in features.sides][0] == [task.tokenizer.unk_id]
    model = built(task)
    predicted = task.predictor(model, CPU).predict([row[:2] for row in rows])
    found = records(task, model, split_of(rows))
    assert len(found) == len(rows)
    assert [p.label for p in predicted] == [r.prediction["label"] for r in found]


@pytest.mark.parametrize("tokenization", ["word", "character", "bpe"])
def test_raw_pairs_and_pairs_of_word_lists_are_cut_as_in_training(tokenization: str) -> None:
    raw: list[Row] = [("Dogs sleep.", "They don't!", "yes"), ("It rains.", "Isn't it?", "no")] * 3
    kind = {"kind": tokenization, "vocabulary_size": 80}
    task = make(rows=raw, tokenization=kind)
    model = built(task)
    found = records(task, model, split_of(raw))
    predicted = task.predictor(model, CPU).predict([row[:2] for row in raw])
    for record, prediction in zip(found, predicted, strict=True):
        confidence = prediction.probabilities[prediction.label]
        assert record.prediction["confidence"] == pytest.approx(confidence, abs=1e-6)
    lists: list[Row] = [(first.split(), second.split(), label) for first, second, label in PAIRS]
    task = make(rows=lists, tokenization=kind)
    model = built(task)
    found = records(task, model, split_of(lists))
    predicted = task.predictor(model, CPU).predict([row[:2] for row in lists], pretokenized=True)
    for record, prediction in zip(found, predicted, strict=True):
        confidence = prediction.probabilities[prediction.label]
        assert record.prediction["confidence"] == pytest.approx(confidence, abs=1e-6)


def test_one_column_of_texts_and_one_of_lists_are_refused() -> None:
    rows: list[Row] = [(first, second.split(), label) for first, second, label in PAIRS]
    with pytest.raises(UserError, match="text and text2 of the train split: one holds texts"):
        make(rows=rows)


@pytest.mark.parametrize("pair", KINDS)
@pytest.mark.parametrize("method", ["gradients", "leave-one-out"])
def test_the_decisive_word_is_found_in_both_sides(pair: str, method: str) -> None:
    """The label is whether both texts have the word `key`, so it counts in each of them."""
    fillers = "we saw it then they left by train today".split()
    rows: list[Row] = []
    for index in range(120):
        sides = []
        for bit in (index % 2, index // 2 % 2):
            words = [fillers[(index * 7 + shift * 3) % len(fillers)] for shift in range(3)]
            words.insert(index % 4, "key" if bit else "lock")
            sides.append(" ".join(words))
        rows.append((*sides, "both" if index % 4 == 3 else "not"))  # type: ignore[arg-type]
    task = make(pair, rows, training={"batch_size": 16}, encoder={"hidden_size": 8})
    model = built(task)
    train(task, model, split_of(rows), epochs=25)
    predictor = task.predictor(model, CPU)
    assert isinstance(predictor, Explainer)
    chosen = [row for row in rows if row[2] == "both"][:10]
    explained = predictor.explain([row[:2] for row in chosen], method=method)
    assert [item.label for item in explained] == ["both"] * len(chosen)
    for item in explained:
        for tokens, values in (
            (item.tokens, item.attributions),
            (item.tokens2, item.attributions2),
        ):
            assert len(tokens) == len(values)
            assert max(zip(values, tokens, strict=True))[1] == "key"


def test_attributions_of_a_pair_add_up_over_both_sides() -> None:
    task = make("cross_attention")
    model = built(task)
    train(task, model, split_of(), epochs=10)
    predictor = task.predictor(model, CPU)
    for item in predictor.explain([row[:2] for row in PAIRS[:6]]):
        label = predictor.labels.index(item.label)
        batch = predictor.read_texts([(item.text, item.text2)]).tokens
        sides = [batch.select_rows(slice(row, row + 1)) for row in (0, 1)]
        lengths = batch.lengths.tolist()
        vectors = [
            model.embedding(side)[:, :length].detach()
            for side, length in zip(sides, lengths, strict=True)
        ]

        def score(parts: list[torch.Tensor], label: int = label) -> float:
            outputs = [model.encoder(part, None).outputs for part in parts]
            tokens = [Tokens.unpadded(torch.zeros(1, part.size(1))) for part in parts]
            both = replace(tokens[0], second=tokens[1])
            values = model.head(outputs[0], both, outputs[1]).logits[0].detach()
            return float(values[label] - values.mean())

        base = [
            score([vector.expand_as(part) for part in vectors])
            for vector in predictor.attribution.baseline_vectors
        ]
        change = score(vectors) - math.fsum(base) / len(base)
        every = [*item.attributions, *item.attributions2]
        assert abs(math.fsum(every) - change) <= 0.08 * math.fsum(map(abs, every))


def test_attention_weights_of_both_sides_and_of_a_hierarchical_network() -> None:
    task = make(head={"pooling": "attention"})
    (item,) = task.predictor(built(task), CPU).predict([PAIRS[3][:2]])
    assert len(item.tokens) == len(item.weights)
    assert len(item.tokens2) == len(item.weights2) == 3
    assert math.fsum(item.weights2) == pytest.approx(1, abs=1e-5)
    shown = item.to_text(explain=True)
    assert " | " in shown
    assert "rains(" in shown.partition(" | ")[2]
    task = make(encoder=encoder("hierarchical"))
    (item,) = task.predictor(built(task), CPU).predict([PAIRS[3][:2]])
    assert len(item.sentences) == len(item.sentence_weights) == 3
    assert len(item.sentences2) == len(item.sentence_weights2) == 1


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"data": {"columns": {"text2": "b"}}},
            "data.columns.text2: names a second text, but head",
        ),
        ({"data": {"hub_columns": {"test.text2": "b"}}}, "data.hub_columns.test.text2: names a"),
        ({"head": {"symmetric": True}}, "head.symmetric = True: is for pairs"),
        (
            {"head": {"pair": "cross_attention"}, "encoder": {"kind": "hierarchical"}},
            "aligns the outputs of tokens, which encoder.kind = 'hierarchical' has not",
        ),
        (
            {"head": {"pair": "cross_attention"}, "encoder": {"kind": "feedforward"}},
            "encoder.kind = 'feedforward' has not",
        ),
        ({"head": {"pair": "features"}, "data": {"phrases": True}}, "labelled phrases are single"),
    ],
)
def test_recipes_that_contradict_themselves(sections: dict[str, Any], message: str) -> None:
    document = {"task": "classification", **sections}
    with pytest.raises(UserError, match=message):
        validate(CLASSES["sentiment"].Config, document, "test")


def test_data_without_a_second_text_and_a_second_text_that_is_not_read(tmp_path: Any) -> None:
    (tmp_path / "train.csv").write_text("text,label\na dog,yes\na cat,no\n" * 1)
    data = {"files": {"train": "train.csv"}, "format": "csv"}
    task = CLASSES["sentiment"](recipe_of(data=data))
    with pytest.raises(UserError, match=r"no column 'text2', .*head.pair = 'features' reads a"):
        task.load_splits(tmp_path)
    single = validate(CLASSES["sentiment"].Config, document_for("sentiment"), "test")
    task = CLASSES["sentiment"](single)
    task.prepare({"train": split_of()})
    assert any("the column text2 is not read; head.pair" in note for note in task.notes)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["one text"], r"'one text' is not a pair"),
        ([("a", "b", "c")], "is not a pair"),
        ([("a", "b"), ("a", None)], "None is not a string"),
        ([(["a"], ["b"])], "need pretokenized=True"),
    ],
)
def test_what_is_no_pair_is_named(pairs: list[Any], message: str) -> None:
    task = make()
    with pytest.raises(TextError, match=message) as error:
        task.predictor(built(task), CPU).predict(pairs)
    assert error.value.index == len(pairs) - 1


def test_only_the_first_tokens_of_a_long_text_are_read() -> None:
    long = "a dog sleeps . " * 20
    rows: list[Row] = [*PAIRS, (long, "it rains", "yes")]
    task = make(rows=rows, data={"max_tokens": 30}, head={"pooling": "attention"})
    assert any("1 text of 30 tokens or more: only the first 30" in note for note in task.notes)
    model = built(task)
    (item,) = task.predictor(model, CPU).predict([(long, "it rains")])
    assert len(item.tokens) == len(item.weights) == 30
    assert item.to_json()["truncated"] is True
    exact = long.split()[:30]
    exact_item, short = task.predictor(model, CPU).predict([(" ".join(exact), "x"), PAIRS[0][:2]])
    assert len(exact_item.tokens) == 30
    assert "truncated" not in exact_item.to_json() | short.to_json()
    assert records(task, model, split_of(rows))[-1].prediction["label"] == item.label


def test_baselines_read_both_sides() -> None:
    """The label is whether the texts are equal, which a bag of either side does not tell."""
    words = "red blue green black white brown grey pink".split()
    rows: list[Row] = [
        (f"a {one} door", f"a {two} door", "same" if one == two else "other")
        for index, one in enumerate(words * 6)
        for two in (one, words[(index + 3) % 8])
    ]
    task = make(rows=rows)
    accuracy = {}
    for baseline in task.baselines({"train": split_of(rows)}):
        found = [*baseline.records(split_of(rows, "test"))]
        accuracy[baseline.name] = sum(r.prediction["label"] == r.target for r in found) / len(found)
    assert accuracy["most_frequent_class"] < 0.6
    assert accuracy["tfidf"] == 1.0
