"""Both tasks on whole texts: batches, models, files, initialization from a language model."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from nlpseq.tasks import TASKS
from nlpseq.tasks.base.label_names import names_by_id
from nlpseq.tasks.language_modeling.recipe import LanguageModelingRecipe
from nlpseq.tasks.language_modeling.task import LanguageModeling
from small import (
    BOTH,
    CPU,
    ENCODERS,
    TAGGING_ENCODERS,
    TOKENIZATIONS,
    built,
    encoder,
    equal,
    make,
    records,
    split_for,
    split_of,
    train,
    weights,
)

from nlpseq import model_directory
from nlpseq.data.batch import Batch
from nlpseq.errors import UserError
from nlpseq.predictor import Classification, Prediction, TaggedText
from nlpseq.recipe import validate
from nlpseq.task import Cursor, Progress, Shard, Task
from nlpseq.task_lookup import resolve
from nlpseq.training.optimization import build_optimizer, set_learning_rate

RAW = ["Ann Lee met Bob in Paris. Nobody laughed!", "", "dull", "🙂", "New York, at once (twice)"]
PAIRS = [("sentiment", kind) for kind in ENCODERS] + [("ner", kind) for kind in TAGGING_ENCODERS]
RICH = {"characters": "cnn", "character_dim": 3, "character_size": 4, "casing_dim": 2}


def order(task: Task[Any], kind: str, start: Cursor, seed: int = 1) -> list[Batch]:
    return list(task.batches(split_for(kind), training=True, seed=seed, start=start))


# Batches


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("training", [{}, {"batch_tokens": 20}])
def test_batches_resume_at_any_index(kind: str, training: dict[str, int]) -> None:
    task, again = (make(kind, training=training, embedding=RICH) for _ in range(2))
    whole = order(task, kind, Cursor(3))
    assert sorted(index for batch in whole for index in batch.index.tolist()) == list(
        range(len(split_for(kind)))
    )
    for skipped in range(len(whole)):
        rest = order(again, kind, Cursor(3, skipped))
        assert len(rest) == len(whole) - skipped
        for first, second in zip(whole[skipped:], rest, strict=True):
            assert torch.equal(first.source.ids, second.source.ids)
            assert torch.equal(first.source.characters.ids, second.source.characters.ids)
            assert torch.equal(first.target, second.target)
    assert [b.index.tolist() for b in order(task, kind, Cursor(4))] != [
        batch.index.tolist() for batch in whole
    ]


@pytest.mark.parametrize("kind", BOTH)
def test_resumed_training_ends_with_the_same_weights(kind: str) -> None:
    def run(stop: int) -> dict[str, torch.Tensor]:
        task = make(kind, embedding={"dropout": 0.3, "word_dropout": 0.2})
        model = built(task)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        cursor = Cursor(1)
        for _ in range(2):  # the second time with a new task, as in a new process
            for place, batch in enumerate(order(task, kind, cursor)):
                if (cursor.batch, place) == (0, stop):
                    cursor = Cursor(1, stop)
                    break
                loss, _ = task.loss(model.train(), batch, (), Progress())
                optimizer.zero_grad()
                loss.total.backward()
                optimizer.step()
            else:
                return weights(model)
            task = make(kind, embedding={"dropout": 0.3, "word_dropout": 0.2})
        return weights(model)

    assert equal(run(stop=2), run(stop=10**6))


# Models


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_any_encoder_learns_with_every_parameter_and_evaluates(kind: str, name: str) -> None:
    task = make(kind, encoder=encoder(name), embedding=RICH)
    model, split = built(task).train(), split_for(kind)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD(task.parameter_groups(model), lr=1.0)
    for batch in order(task, kind, Cursor()):
        task.loss(model, batch, (), Progress())[0].total.backward()
    optimizer.step()
    assert [n for n, p in model.named_parameters() if torch.equal(before[n], p)] == []
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert [record.index for record in records(task, model, split)] == list(range(len(split)))


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_evaluation_depends_on_no_batch_size(kind: str, name: str) -> None:
    found = []
    normalization = {"normalization": "batch"} if name in ("lstm", "cnn", "feedforward") else {}
    # With BIOES every untrained model finds an entity, which has a confidence.
    head = {"head": {"scheme": "BIOES"}} if kind == "ner" else {}
    for size in (1, 32):
        task = make(
            kind,
            **head,
            encoder={**encoder(name), **normalization},
            embedding=RICH,
            training={"batch_size": size},
        )
        model = built(task)
        rows = records(task, model, split_for(kind))
        predictions = task.predictor(model, CPU).predict(RAW)
        confidences = [value for prediction in predictions for value in _confidences(prediction)]
        found.append((rows, confidences))
    (one, sure), (many, sure_too) = found
    assert [r.statistics for r in one] == [r.statistics for r in many]
    assert [_hard(r.prediction) for r in one] == [_hard(r.prediction) for r in many]
    assert sure == pytest.approx(sure_too, abs=1e-5)
    assert sure


def _confidences(prediction: Prediction) -> list[float]:
    if isinstance(prediction, Classification):
        return list(prediction.probabilities.values())
    assert isinstance(prediction, TaggedText)
    return [entity.confidence for entity in prediction.entities]


def _hard(prediction: Any) -> Any:
    return prediction["label"] if isinstance(prediction, dict) else prediction


def test_a_hierarchical_encoder_is_no_tagger() -> None:
    with pytest.raises(UserError, match=r"encoder\.kind = hierarchical .* choose another"):
        make("ner", encoder=encoder("hierarchical")).build()


@pytest.mark.parametrize("kind", BOTH)
def test_the_same_seed_gives_the_same_result(kind: str) -> None:
    found = []
    for seed in (5, 5, 6):
        task = make(kind, embedding={"dropout": 0.3})
        model = built(task, seed)
        train(task, model, split_for(kind))
        found.append(weights(model))
    assert equal(found[0], found[1])
    assert not equal(found[0], found[2])


@pytest.mark.parametrize("kind", BOTH)
def test_shares_of_processes_and_limits_add_up(kind: str) -> None:
    task = make(kind)
    model, split = built(task), split_for(kind)
    parts = [records(task, model, split, shard=Shard(rank, 3)) for rank in range(3)]
    assert sorted(r.index for part in parts for r in part) == list(range(len(split)))
    assert [r.index for r in records(task, model, split, limit=5)] == list(range(5))


# Tokenization and features


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("name", TOKENIZATIONS)
def test_any_tokenizer_under_both_tasks(kind: str, name: str, tmp_path: Path) -> None:
    vocabulary = {"kind": name, "vocabulary_size": 90 if name != "byte_bpe" else 290}
    task = make(kind, tokenization=vocabulary)
    model, split = built(task), split_for(kind)
    train(task, model, split)
    for record in records(task, model, split):
        if kind == "ner":
            assert (
                len(record.prediction)
                == len(record.target)
                == len(split.rows["tokens"][record.index])
            )
    model_directory.save(tmp_path, task, model)
    odd = [*RAW, "\x07", "\u200b", "\ufeff x", "日本 語", "e\u0301" * 60]
    found = task.predictor(model, CPU).predict(odd)
    assert [row.text for row in found] == odd
    assert model_directory.load(tmp_path, "cpu").predict(odd) == found


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("characters", ["cnn", "lstm"])
def test_characters_and_casing_are_for_words(kind: str, characters: str) -> None:
    embedding = {**RICH, "characters": characters}
    task = make(kind, embedding=embedding)
    train(task, built(task), split_for(kind))
    for wrong in ({"characters": characters}, {"casing_dim": 3}):
        with pytest.raises(UserError, match=r"set tokenization\.kind = 'word', it is 'bpe'"):
            make(kind, embedding=wrong, tokenization={"kind": "bpe", "vocabulary_size": 90})


@pytest.mark.parametrize("kind", BOTH)
def test_pretrained_words_are_known_before_and_after_saving(kind: str, tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    lines = {word: f"{n}.5 1 0 0 0 0" for n, word in enumerate(("dull", "bob", "unheard", "Ann"))}
    vectors.write_text("".join(f"{word} {line}\n" for word, line in lines.items()))
    task = make(kind, embedding={**RICH, "pretrained": str(vectors)})
    model = built(task)
    assert any("unheard" in token for token in task.tokenizer.vocabulary)
    ids = task.pipeline.read([["unheard", "Unheard", "dulll"]])[0].ids
    assert ids[0] == ids[1] != task.tokenizer.unk_id == ids[2]  # as it is spelt, then in lower case
    assert model.embedding.tokens.lookup(torch.tensor([ids[0]])).tolist() == [[2.5, 1, 0, 0, 0, 0]]
    texts = ["unheard Ann", "dull xyzzy"]
    model_directory.save(tmp_path / "run", task, model)
    vectors.unlink()
    again = model_directory.load(tmp_path / "run", "cpu")
    assert again.predict(texts) == task.predictor(model, CPU).predict(texts)


# Files


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_trained_saved_and_loaded_gives_the_same_output(
    kind: str, name: str, tmp_path: Path
) -> None:
    task = make(kind, encoder=encoder(name), embedding=RICH)
    model, split = built(task), split_for(kind)
    train(task, model, split)
    model_directory.save(tmp_path, task, model)
    loaded, again = model_directory.load_task_and_model(tmp_path)
    assert equal(weights(model), weights(again))
    assert records(loaded, again, split) == records(task, model, split)
    found = task.predictor(model, CPU).predict(RAW)
    assert loaded.predictor(again, CPU).predict(RAW) == found
    assert [row.text for row in found] == RAW
    config = json.loads((tmp_path / "config.json").read_text())["learnt"]
    names = task.labels if kind == "sentiment" else task.tags
    assert config["id2label"] == {str(number): name for number, name in enumerate(names)}


@pytest.mark.parametrize(
    "damaged", [None, [], {}, "x", {"0": "O", "2": "B-X"}, {"x": "O"}, {"0": 1}]
)
def test_damaged_names_are_reported(damaged: Any) -> None:
    with pytest.raises(UserError, match="id2label is damaged"):
        names_by_id(damaged)


def test_names_come_in_the_order_of_their_numbers() -> None:
    shuffled = {str(number): f"n{number}" for number in (10, 2, 0, 1, 9, 3, 5, 4, 8, 6, 7)}
    assert names_by_id(shuffled) == [f"n{number}" for number in range(11)]


@pytest.mark.parametrize("name", list(TASKS))
def test_no_task_overrides_build_which_loads_the_initial_weights(name: str) -> None:
    assert resolve(name).build is Task.build


@pytest.mark.parametrize("kind", BOTH)
def test_a_task_with_another_recipe_predicts_the_same(kind: str) -> None:
    task = make(kind, embedding=RICH)
    model = built(task)
    training = task.recipe.training.model_copy(update={"batch_size": 2})
    other = task.with_recipe(task.recipe.model_copy(update={"training": training}))
    assert type(other) is type(task)
    assert other.recipe.training.batch_size == 2
    assert other.state() == task.state()
    expected = task.predictor(model, CPU).predict(RAW)
    assert [row.text for row in other.predictor(model, CPU).predict(RAW)] == RAW
    assert [_hard_prediction(row) for row in other.predictor(model, CPU).predict(RAW)] == [
        _hard_prediction(row) for row in expected
    ]


def _hard_prediction(prediction: Prediction) -> Any:
    return prediction.label if isinstance(prediction, Classification) else prediction.tags


# From a language model


LAYERS: dict[str, dict[str, Any]] = {
    "gru": {"kind": "gru", "hidden_size": 6, "num_layers": 2},
    "transformer": {"kind": "transformer", "hidden_size": 6, "num_heads": 3, "num_layers": 2},
}


def language_model_of(kind: str, folder: Path) -> Path:
    """Train a language model of two layers."""
    document = {
        "task": "language_modeling",
        "embedding": {"dim": 6},
        "encoder": LAYERS[kind],
        "training": {"batch_size": 2, "bptt_length": 4},
    }
    task = LanguageModeling(validate(LanguageModelingRecipe, document, "test"))
    task.prepare({"train": split_of({"text": ["Ann met Bob", "a dull film", "Paris ."] * 5})})
    model_directory.save(folder, task, built(task, seed=7))
    return folder


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_model_of("gru", tmp_path_factory.mktemp("lm"))


def starting(folder: Path, layers: str = "gru", **changes: Any) -> dict[str, Any]:
    return {**LAYERS[layers], "init_from": str(folder), **changes}


@pytest.mark.parametrize("layers", list(LAYERS))
@pytest.mark.parametrize("kind", BOTH)
def test_a_model_starts_from_a_language_model(kind: str, layers: str, tmp_path: Path) -> None:
    folder = language_model_of(layers, tmp_path)
    rotary = {"positions": "rotary"} if layers == "transformer" else {}
    task = make(kind, encoder=starting(folder, layers, **rotary), embedding={"characters": "none"})
    model, (source, given) = built(task), model_directory.load_task_and_model(folder)
    assert task.tokenizer.vocabulary == source.tokenizer.vocabulary
    assert equal(weights(model.embedding), weights(given.embedding))
    assert equal(weights(model.encoder), weights(given.encoder))
    assert any("start from" in note for note in task.notes)
    train(task, model, split_for(kind))
    assert not equal(weights(model.encoder), weights(given.encoder))


@pytest.mark.parametrize(
    ("encoder_changes", "embedding", "said"),
    [
        ({"hidden_size": 5}, {}, r"has the shape .* this recipe wants"),
        ({"num_layers": 1}, {}, "wants nothing of that name"),
        ({"num_layers": 3}, {}, "that run has no encoder"),
        ({"bidirectional": True}, {}, "encoder.init_from: "),
        ({"kind": "lstm"}, {}, "encoder.init_from: "),
        ({}, {"dim": 7}, r"embedding.* has the shape"),
        ({}, {"pretrained": "v.txt"}, "leave out embedding.pretrained"),
        ({"init_from": "/nowhere"}, {}, "no such folder"),
    ],
)
def test_a_language_model_that_does_not_fit(
    language_model: Path, encoder_changes: dict[str, Any], embedding: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        make(
            "sentiment", encoder=starting(language_model, **encoder_changes), embedding=embedding
        ).build()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "encoder.positions = rotary, this recipe sinusoidal"),
        ({"positions": "rotary", "num_heads": 1}, "encoder.num_heads = 3, this recipe 1"),
    ],
)
def test_transformer_layers_with_other_options_do_not_fit(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    folder = language_model_of("transformer", tmp_path)
    with pytest.raises(UserError, match=said):
        make("sentiment", encoder=starting(folder, "transformer", **changes))


@pytest.mark.parametrize(
    ("tokenization", "said"),
    [
        (
            {"lowercase": True},
            "tokenization.lowercase = False, this recipe True; .* leave the key out",
        ),
        ({"digits_as_zero": True}, "tokenization.digits_as_zero = False, this recipe True"),
        ({"kind": "bpe"}, "tokenization.kind = word, this recipe bpe"),
    ],
)
def test_a_language_model_with_another_tokenizer_does_not_fit(
    language_model: Path, tokenization: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=f"encoder.init_from: that run has {said}"):
        make("sentiment", encoder=starting(language_model), tokenization=tokenization)


def test_an_initialized_model_no_longer_needs_its_source(
    language_model: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "lm"
    copy.mkdir()
    for file in language_model.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    task = make("sentiment", encoder=starting(copy))
    model = built(task)
    model_directory.save(tmp_path / "run", task, model)
    for file in copy.iterdir():
        file.unlink()
    copy.rmdir()
    loaded, again = model_directory.load_task_and_model(tmp_path / "run")
    assert equal(weights(model), weights(again))
    assert isinstance(loaded, type(task))


def test_lower_layers_learn_more_slowly(language_model: Path) -> None:
    task = make(
        "sentiment",
        encoder=starting(language_model),
        training={"layer_decay": 0.5, "learning_rate": 0.8},
    )
    model = built(task)
    groups = task.parameter_groups(model)
    rates = {
        name: group["lr"]
        for group in groups
        for name, parameter in model.named_parameters()
        if any(parameter is one for one in group["params"])
    }
    assert len(rates) == len(list(model.named_parameters()))
    wanted = {"head.": 0.8, "encoder.layers.1.": 0.4, "encoder.layers.0.": 0.2, "embedding.": 0.1}
    for name, rate in rates.items():
        (expected,) = [rate for prefix, rate in wanted.items() if name.startswith(prefix)]
        assert rate == pytest.approx(expected), name
    optimizer = build_optimizer(groups, task.recipe.training)
    set_learning_rate(optimizer, 0.1)
    assert {round(group["lr"], 6) for group in optimizer.param_groups} == {0.08, 0.04, 0.02, 0.01}
    decays = {
        id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]
    }
    assert all(decays[id(p)] == 0 for p in model.parameters() if p.dim() < 2)
