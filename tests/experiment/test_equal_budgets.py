"""Equal budgets: parameters counted on newly built models, and minutes on histories written by hand."""

import pytest

from nlpseq.errors import UserError
from nlpseq.experiment.equal_budgets import ParameterMatcher, steps_in
from nlpseq.task_lookup import read_recipe

SMALL = ["data.sizes={ train = 80, validation = 10, test = 10 }", "embedding.dim=10"]


def counted(matcher: ParameterMatcher, overrides: list[str]) -> dict[str, int]:
    """Return the numbers of trained weights of a new model by the first part of their names."""
    task = type(matcher.task)(read_recipe(matcher.name, [*matcher.overrides, *overrides]))
    task.target_tokenizer = matcher.task.target_tokenizer
    task.restore(matcher.task.tokenizer, matcher.task.state())
    counts: dict[str, int] = {}
    for name, weight in task.build().named_parameters():
        part = name.partition(".")[0]
        counts[part] = counts.get(part, 0) + weight.numel()
    return counts


@pytest.mark.parametrize("kind", ["gru", "cnn", "transformer"])
def test_another_kind_gets_as_many_parameters(kind: str) -> None:
    wanted = ParameterMatcher(
        "sentiment/quickstart", [*SMALL, "encoder.hidden_size=32"], None
    ).count()
    matcher = ParameterMatcher("sentiment/quickstart", [*SMALL, f"encoder.kind={kind}"], None)
    found = matcher.match(wanted)
    counts = counted(matcher, found)
    assert counts["encoder"] + counts["head"] == pytest.approx(wanted, rel=0.03)
    assert found[0].startswith("encoder.hidden_size=")


@pytest.mark.parametrize("width", [0, 24])
def test_in_seq2seq_a_name_sets_encoder_and_decoder(width: int) -> None:
    """A decoder keeps the ratio of its width to the encoder's; width 0 is that of the encoder's outputs."""
    small = [*SMALL, "tokenization.kind=word"]
    sizes = ["encoder.hidden_size=48", f"decoder.hidden_size={width}"]
    wanted = ParameterMatcher("translation/quickstart", [*small, *sizes], None).count()
    transformer = [*small, *sizes, "encoder.kind=transformer", "encoder.num_layers=1"]
    matcher = ParameterMatcher("translation/quickstart", transformer, None)
    found = matcher.match(wanted)
    assert matcher.count(found) == pytest.approx(wanted, rel=0.03)
    model = read_recipe("translation/quickstart", [*transformer, *found])
    if width:
        assert 2 * model.decoder.hidden_size == model.encoder.hidden_size
    else:
        assert model.decoder.hidden_size == 0
    assert model.encoder.feedforward_size != 256 != model.decoder.feedforward_size


def test_tables_over_the_vocabulary_do_not_count() -> None:
    """A tied table belongs to the embedding; an untied one has a row and a bias for each token."""
    sizes = [*SMALL, "encoder.hidden_size=10"]
    tied = ParameterMatcher("language_modeling/quickstart", sizes, None)
    untied = ParameterMatcher("language_modeling/quickstart", [*sizes, "head.tied=false"], None)
    assert tied.count() == untied.count() == 4 * 10 * (10 + 10 + 2)  # an LSTM of torch


def test_a_budget_that_is_too_small_is_refused() -> None:
    matcher = ParameterMatcher("sentiment/quickstart", [*SMALL, "encoder.kind=transformer"], None)
    with pytest.raises(UserError, match="the nearest to 50 parameters are"):
        matcher.match(50)


def line(step: int, seconds: float, **values) -> dict:
    return {"step": step, "epoch": step / 20, "seconds": seconds, **values}


def test_minutes_become_updates() -> None:
    # An update takes 0.1 s; a validation takes 2 s, once for each epoch of 20 updates.
    score = {"validation": {"accuracy": 0.5}}
    history = [
        line(10, 1.5, loss=1.0),  # the first ones are slower
        line(20, 2.5, loss=1.0),
        line(20, 4.5, **score),
        line(30, 5.6, loss=1.0),
        line(40, 6.6, loss=1.0),
        line(40, 8.6, **score),
    ]
    recipe = read_recipe("sentiment/quickstart")
    found = steps_in(1.0, history, recipe)
    assert found == ["training.max_steps=300", "training.epochs=16", "training.patience=0"]
    with pytest.raises(UserError, match="not enough for an update"):
        steps_in(0.001, history, recipe)
