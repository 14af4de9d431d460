"""`nlpseq.train` in Python: data of every task, budgets, and runs that repeat exactly."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from own_tables import HEAD, tickets

import nlpseq
from nlpseq.errors import UserError
from nlpseq.experiment.own_data import make_plan, read_own_data
from nlpseq.experiment.time_budget import Speed, fit_into
from nlpseq.task_lookup import read_recipe

SMALL: dict[str, Any] = {
    "embedding": {"dim": 8},
    "encoder": {"hidden_size": 8},
    "device": "cpu",
    "quiet": True,
}
ROWS = [dict(zip(HEAD, row, strict=True)) for row in tickets(120)]


def plan(rows: Any, **columns: str) -> Any:
    data = read_own_data(rows, columns)
    return make_plan(data), data


def values(plan: Any) -> dict[str, Any]:
    return {setting.key: setting.value for setting in plan.settings}


def test_nothing_is_calibrated_without_a_validation_split() -> None:
    made, data = plan(ROWS, label="category")
    assert values(made)["head.calibrate"] is True
    everything = make_plan(data, ["data.hold_out.validation=0"])
    assert "head.calibrate" not in values(everything)
    assert everything.recipe.head.calibrate is False


def test_rows_in_memory(tmp_path: Path) -> None:
    result = nlpseq.train(
        ROWS, label="category", output=tmp_path / "run", training={"epochs": 2}, **SMALL
    )
    assert result.metrics["splits"] == ["validation", "test"]
    assert {"accuracy"} <= result.metrics["test"].keys()


def test_texts_of_another_script_are_read_by_pieces_or_characters() -> None:
    rows = [{"text": f"word{n} other{n} third{n}", "label": "ab"[n % 2]} for n in range(60)]
    assert values(plan(rows)[0])["tokenization.kind"] == "unigram"


def test_long_texts_take_a_network_that_reads_at_once() -> None:
    long = " ".join(["word"] * 500)
    rows = [{"text": f"{long} {n}", "label": "ab"[n % 2]} for n in range(40)]
    assert values(plan(rows)[0])["encoder.kind"] in ("cnn", "feedforward")


@pytest.mark.parametrize(
    ("words", "rows", "pooling"), [(12, 5200, "attention"), (4, 5200, "auto"), (12, 520, "auto")]
)
def test_some_thousand_sentences_take_attention_and_more_dropout(
    words: int, rows: int, pooling: str
) -> None:
    text = " ".join(["word"] * (words - 1))
    made, _ = plan([{"text": f"{text} {n % 50}", "label": "ab"[n % 2]} for n in range(rows)])
    assert made.recipe.head.pooling == pooling
    assert (made.recipe.embedding.dropout == 0.5) == (pooling == "attention")


def test_more_texts_take_fewer_epochs() -> None:
    few, _ = plan(ROWS)
    many, _ = plan(ROWS * 20)
    assert values(few)["training.epochs"] > values(many)["training.epochs"]


def test_each_setting_has_a_reason_and_the_user_s_values_win() -> None:
    data = read_own_data(ROWS, {})
    made = make_plan(data, ["training.epochs=3", "encoder.kind=gru"])
    assert made.recipe.training.epochs == 3
    assert made.recipe.encoder.kind == "gru"
    assert "training.epochs" not in values(made)
    assert all(setting.reason for setting in make_plan(data).settings)


def test_few_rows_without_a_label_are_left_out_and_said() -> None:
    rows = [
        {**row, "category": None if n % 10 == 3 else row["category"]} for n, row in enumerate(ROWS)
    ]
    made, data = plan(rows, label="category")
    assert made.recipe.data.missing_labels == "skip"
    (setting,) = [one for one in made.settings if one.key == "data.missing_labels"]
    assert setting.reason == "12 of 120 rows have no label: they are left out and counted"
    refused = make_plan(data, ["data.missing_labels=error"])
    assert refused.recipe.data.missing_labels == "error"
    most = [
        {**row, "category": row["category"] if n % 3 == 0 else None} for n, row in enumerate(ROWS)
    ]
    assert "data.missing_labels" not in values(plan(most, label="category")[0])
    assert "data.missing_labels" not in values(plan(ROWS, label="category")[0])


def test_pairs_are_translations_unless_targets_are_short_and_shared() -> None:
    words = "one two three four five six seven eight nine ten".split()
    sources = [" ".join(words[n % 10 :] + words[: n % 10]) for n in range(40)]
    summaries = [{"source": text, "target": " ".join(text.split()[:3])} for text in sources]
    translations = [{"source": text, "target": text.replace("e", "a")} for text in sources]
    assert plan(summaries)[0].task == "summarization"
    assert plan(translations)[0].task == "translation"
    data = read_own_data(summaries, {})
    assert make_plan(data, task="translation").task == "translation"


def test_tags_and_plain_text() -> None:
    tagged = [{"tokens": ["Ann", "sees", f"x{n}"], "tags": ["B-PER", "O", "O"]} for n in range(30)]
    made, _ = plan(tagged)
    assert made.task == "tagging"
    assert values(made)["training.epochs"] > 5
    made, data = plan([{"text": f"a line of text number {n}"} for n in range(30)])
    assert made.task == "language_modeling"
    assert data.section["hold_out"] == {"validation": 0.1, "test": 0.1}


def test_pairs_of_texts_are_read_as_pairs() -> None:
    rows = [
        {"a": f"first text {n} here", "b": f"second one {n} here", "y": n % 2} for n in range(40)
    ]
    made, _ = plan(rows, text="a", text2="b", label="y")
    assert made.recipe.head.pair != "none"


@pytest.mark.parametrize(
    ("codec", "unit", "size"), [("utf-8", "bytes", 1), ("utf-16-le", "utf16", 2)]
)
def test_the_unit_of_offsets_of_spans_is_set_and_said(codec: str, unit: str, size: int) -> None:
    rows = []
    for n in range(40):
        start = f"\N{GRINNING FACE} \u00fcber w{n} "
        begin = len(start.encode(codec)) // size
        span = {"start": begin, "end": begin + 4, "label": "LOC"}
        rows.append({"text": f"{start}Bern again", "spans": [span]})
    made, data = plan(rows)
    assert values(made)["data.offsets"] == unit
    (setting,) = [one for one in made.settings if one.key == "data.offsets"]
    assert "40 of the 40 spans" in setting.reason
    assert "data.offsets" not in values(make_plan(data, ["data.offsets=characters"]))
    for row in rows:
        begin = row["text"].index("Bern")
        row["spans"] = [{"start": begin, "end": begin + 4, "label": "LOC"}]
    assert "data.offsets" not in values(plan(rows)[0])


def test_texts_in_the_place_of_paths_are_refused_with_what_to_pass() -> None:
    with pytest.raises(UserError, match=r'nlpseq.train\(\{"text": \[...\], "label"'):
        nlpseq.train(["a first text", "a second one"])
    with pytest.raises(UserError, match=r"missing one.csv: no such file or folder$"):
        nlpseq.train(["missing one.csv", "missing two.csv"])


def test_a_report_on_texts_and_numbers_with_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    lines = [f'grey stone number {n} here;"{n % 9},{n % 90 + 10}"' for n in range(60)]
    path.write_text("\n".join(["text;price", *lines]), encoding="utf-8")
    made = nlpseq.report(path)
    assert made.columns == {"text": "text", "number": "number"}


def test_report_in_python() -> None:
    made = nlpseq.report(ROWS, text="message", label="category")
    assert made.train.rows == 120
    with pytest.raises(UserError, match="did you mean 'label'"):
        nlpseq.report(ROWS, lable="category")


@pytest.mark.parametrize(("minutes", "steps"), [(10.0, 1000), (1.0, 51)])
def test_budgets(minutes: float, steps: int) -> None:
    recipe = read_recipe("classification/base", ["training.epochs=10"])
    speed = Speed(
        update=0.5, validation=10.0, steps=100, validated=100, scored=100, per_example=0.1
    )
    slow = fit_into(minutes, 0.0, recipe, speed)
    if minutes == 10:
        fast = fit_into(20.0, 0.0, recipe, speed)
        assert fast.settings == {}
        assert "fits" in fast.line
    assert 0 < slow.settings["epochs"] < 10
    epochs = slow.settings["epochs"]
    limit = slow.settings.get("validation_limit", 100)
    validations = max(epochs, 1)
    spent = 0.5 * 100 * epochs + validations * 10 * limit / 100
    assert spent <= 60 * minutes
    with pytest.raises(UserError, match="not enough"):
        fit_into(0.1, 0.0, recipe, speed)


def test_a_short_budget_expects_outputs_that_do_not_end() -> None:
    recipe = read_recipe("seq2seq/base", ["training.epochs=50"])
    speed = Speed(0.5, 10.0, 100, 100, 100, 0.1)
    slow = replace(speed, unending=4.0)
    few, fewer = fit_into(4.0, 0.0, recipe, speed), fit_into(4.0, 0.0, recipe, slow)
    assert fewer.steps < few.steps < 1000
    validations = max(fewer.steps // 100, 1)
    limit = fewer.settings.get("validation_limit", 100)
    assert 0.5 * fewer.steps + validations * limit * 0.4 + 100 * 0.4 <= 240
    assert fit_into(20.0, 0.0, recipe, slow).steps == fit_into(20.0, 0.0, recipe, speed).steps
    with pytest.raises(UserError, match="give more minutes"):
        fit_into(0.8, 0.0, recipe, slow)


def test_a_time_limit_stops_with_a_validation_and_is_repeated_exactly(tmp_path: Path) -> None:
    from nlpseq.experiment.training_run import RunOptions, TrainingRun

    data = read_own_data(ROWS * 10, {})
    made = make_plan(data, ["training.epochs=400", "embedding.dim=8", "encoder.hidden_size=8"])
    options = RunOptions(data=data.memory, device="cpu", seconds=1.0)
    started = time.perf_counter()
    first = TrainingRun(tmp_path / "a", made.recipe, "rows", options).execute()
    assert time.perf_counter() - started < 60
    assert first.metrics["stopped"] == "time"
    stored = read_recipe(str(tmp_path / "a" / "recipe.toml"))
    assert stored.training.stop_after == first.metrics["steps"] > 0
    options = RunOptions(data=data.memory, device="cpu")
    second = TrainingRun(tmp_path / "b", stored, "rows", options).execute()
    assert second.metrics["stopped"] == "finished"
    for name in ("model.safetensors", "recipe.toml", "predictions/test.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
