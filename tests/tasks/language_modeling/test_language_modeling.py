"""The language-modelling task: windows, counts, scores and learning."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from datasets import Dataset
from nlpseq.tasks.language_modeling.recipe import LanguageModelingRecipe
from nlpseq.tasks.language_modeling.task import LanguageModeling
from small import KillAt, KilledError, equal, history, weights
from torch import Tensor

from nlpseq import model_directory
from nlpseq.data.batch import Tokens
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import validate
from nlpseq.recipe.cells import CELLS
from nlpseq.task import Cursor, Progress, Shard
from nlpseq.training.trainer import Trainer

LAYERS: dict[str, dict[str, Any]] = {
    "lstm": {},
    "transformer": {"kind": "transformer", "num_heads": 2, "dropout": 0.0, "context": 6},
}
TEXTS = ["the cat sat", "a dog ran off", "", "the dog sat", "a cat ran"] * 8
CPU = torch.device("cpu")


def make_split(texts: Sequence[str], name: str = "train") -> Split:
    return Split(name=name, rows=Dataset.from_dict({"text": list(texts)}), origin="test")


def make_task(texts: Sequence[str] = TEXTS, **sections: Any) -> LanguageModeling:
    document = {
        "task": "language_modeling",
        "embedding": {"dim": 8},
        "encoder": {"hidden_size": 8},
        "training": {"batch_size": 2, "bptt_length": 5},
    }
    for name, section in sections.items():
        document[name] = {**document.get(name, {}), **section}
    task = LanguageModeling(validate(LanguageModelingRecipe, document, "test"))
    task.prepare({"train": make_split(texts)})
    return task


def windows(task: LanguageModeling, epoch: int = 0, batch: int = 0) -> list[tuple[Tensor, Tensor]]:
    start = Cursor(epoch, batch)
    batches = task.batches(make_split(TEXTS), training=True, seed=1, start=start)
    return [(batch.source.ids, batch.target) for batch in batches]


def test_windows_predict_every_token_of_the_columns_once() -> None:
    task = make_task()
    ids = task.stream(make_split(TEXTS)).ids
    targets = torch.cat([target for _, target in windows(task)], dim=1)  # (B, N)
    length = len(ids) // 2
    assert torch.equal(targets, ids[: 2 * length].view(2, length))


def test_each_input_is_the_token_before_its_target() -> None:
    task = make_task()
    inputs, targets = (torch.cat(parts, dim=1) for parts in zip(*windows(task), strict=True))
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert inputs[0, 0] == task.tokenizer.eos_id
    assert inputs[1, 0] == targets[0, -1]


@pytest.mark.parametrize("random_windows", [False, True])
def test_batches_resume_at_any_window(random_windows: bool) -> None:
    task = make_task(training={"random_windows": random_windows})
    whole = windows(task, epoch=3)
    for skipped in range(len(whole)):
        rest = windows(task, epoch=3, batch=skipped)
        assert len(rest) == len(whole) - skipped
        assert all(torch.equal(a[0], b[0]) for a, b in zip(whole[skipped:], rest, strict=True))


def reference_nll(
    task: LanguageModeling, model: torch.nn.Module, ids: Sequence[int]
) -> list[float]:
    """Compute the nll of each token of a document, one step at a time."""
    state, before, found = model.encoder.initial_state(1), task.tokenizer.eos_id, []
    for token in ids:
        outputs, state = model.encoder.step(model.embedding.lookup(torch.tensor([before])), state)
        found.append(-model.head.log_probs(outputs)[0, token].item())
        before = token
    return found


@pytest.mark.parametrize("kind", list(LAYERS))
@pytest.mark.parametrize("head", [{}, {"tied": False}, {"kind": "adaptive", "cutoffs": [6]}])
def test_evaluation_counts_every_token_in_full_context(head: dict[str, Any], kind: str) -> None:
    task = make_task(head=head, encoder=LAYERS[kind])
    model, split = task.build().eval(), make_split(TEXTS, "test")
    with torch.no_grad():
        expected = math.fsum(reference_nll(task, model, task.stream(split).ids.tolist()))
        records = list(task.evaluate(model, split, device=CPU, shard=Shard()))
    total = [math.fsum(part) for part in zip(*(r.statistics for r in records), strict=True)]
    assert total[0] == pytest.approx(expected, rel=1e-5)
    assert total[1] == len(task.stream(split)) == sum(len(text.split()) + 1 for text in TEXTS)
    assert total[2] == sum(len(text) + 1 for text in TEXTS)
    assert [record.index for record in records] == list(range(len(TEXTS)))


@pytest.mark.parametrize("kind", list(LAYERS))
@pytest.mark.parametrize("documents", [False, True])
def test_evaluation_depends_on_no_window_and_no_batch_size(documents: bool, kind: str) -> None:
    model = make_task(encoder=LAYERS[kind]).build().eval()
    found = []
    for window, batch_size in [(1, 1), (3, 2), (7, 5), (512, 64)]:
        evaluation = {"window": window, "batch_size": batch_size, "documents": documents}
        task = make_task(evaluation=evaluation, encoder=LAYERS[kind])
        with torch.no_grad():
            records = list(task.evaluate(model, make_split(TEXTS), device=CPU, shard=Shard()))
        by_index = sorted((record.index, record.statistics[0]) for record in records)
        found.append(torch.tensor([nll for _, nll in by_index], dtype=torch.float64))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], atol=1e-5, rtol=0)


def test_each_document_starts_with_a_new_state() -> None:
    task = make_task(evaluation={"documents": True, "batch_size": 4})
    model = task.build().eval()
    with torch.no_grad():
        records = task.evaluate(model, make_split(TEXTS), device=CPU, shard=Shard())
        for record in records:
            ids = [*task.tokenizer.encode(TEXTS[record.index]), task.tokenizer.eos_id]
            expected = math.fsum(reference_nll(task, model, ids))
            assert record.statistics[0] == pytest.approx(expected, abs=1e-4)


def test_shares_of_processes_add_up() -> None:
    task = make_task(evaluation={"documents": True})
    model = task.build().eval()
    with torch.no_grad():
        shares = [
            list(task.evaluate(model, make_split(TEXTS), device=CPU, shard=Shard(rank, 3)))
            for rank in range(3)
        ]
    assert sorted(r.index for share in shares for r in share) == list(range(len(TEXTS)))


def test_a_limit_scores_the_first_tokens_only() -> None:
    task = make_task()
    model = task.build().eval()
    with torch.no_grad():
        records = list(task.evaluate(model, make_split(TEXTS), device=CPU, shard=Shard(), limit=10))
        expected = math.fsum(
            reference_nll(task, model, task.stream(make_split(TEXTS)).ids[:10].tolist())
        )
    assert sum(record.statistics[1] for record in records) == 10
    assert sum(record.statistics[0] for record in records) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", list(LAYERS))
def test_loss_is_the_sum_of_the_nll_and_carries_the_state(kind: str) -> None:
    task = make_task(encoder=LAYERS[kind])
    model, split, total, carry = task.build().eval(), make_split(TEXTS), 0.0, ()
    task_one = make_task(training={"batch_size": 1}, encoder=LAYERS[kind])
    with torch.no_grad():
        for batch in task_one.batches(split, training=True, seed=1, start=Cursor()):
            loss, carry = task_one.loss(model, batch, carry, Progress())
            total += loss.total.item()
        expected = math.fsum(reference_nll(task, model, task.stream(split).ids.tolist()))
    assert total == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [*CELLS, "transformer"])
@pytest.mark.parametrize("head", [{}, {"tied": False}, {"kind": "adaptive", "cutoffs": [4]}])
def test_one_step_changes_every_parameter(kind: str, head: dict[str, Any]) -> None:
    task = make_task(encoder={"kind": kind, "num_layers": 2, **LAYERS.get(kind, {})}, head=head)
    model = task.build().train()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD(task.parameter_groups(model), lr=1.0)
    carry: tuple[Tensor, ...] = ()
    for batch in task.batches(make_split(TEXTS), training=True, seed=1, start=Cursor()):
        loss, carry = task.loss(model, batch, carry, Progress())
        loss.total.backward()
        carry = tuple(part.detach() for part in carry)
    optimizer.step()
    assert [n for n, p in model.named_parameters() if torch.equal(before[n], p)] == []


def test_a_transformers_context_is_shown_with_its_scores() -> None:
    found = make_task(encoder=LAYERS["transformer"]).details([])
    assert found["context"] == 6
    assert "the 5 before it" in found["signatures"]["context"]
    assert make_task().details([]) == {}


def test_a_list_is_no_prompt() -> None:
    task = make_task()
    prompt: Any = ["the cat"]
    with pytest.raises(UserError, match="give one text, a string"):
        task.predictor(task.build(), CPU).generate(prompt)


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_generation_continues_beyond_the_context(method: str) -> None:
    """Generated tokens are those of reading the whole text again, and the state does not grow."""
    decoding = {"method": method, "beam_size": 1, "max_new_tokens": 30, "min_new_tokens": 30}
    task = make_task(encoder=LAYERS["transformer"], decoding=decoding)
    torch.manual_seed(3)
    model = task.build()
    predictor = task.predictor(model, CPU)
    prompt = "the cat sat a dog ran off the dog"
    ids = task.tokenizer.encode(predictor.generate(prompt)[0].replace("\n", " "))
    assert len(ids) >= 9 + 29
    outside = [*predictor._forbidden, task.tokenizer.eos_id]
    for place in range(9, 9 + 29):
        given = torch.tensor([[task.start_id, *ids[:place]]])
        with torch.no_grad():
            outputs, state = model.encode(Tokens.unpadded(given))
            log_probs = model.head.log_probs(outputs[:, -1])[0]
        log_probs[outside] = -math.inf
        assert int(log_probs.argmax()) == ids[place]
        assert state[1].shape == (1, 5, 16)


def test_penalties_are_objective_only() -> None:
    training = {"activation_penalty": 2.0, "temporal_penalty": 1.0, "label_smoothing": 0.1}
    plain, penalised = make_task(), make_task(training=training)
    model = plain.build()
    batch = next(plain.batches(make_split(TEXTS), training=True, seed=1, start=Cursor()))

    def totals() -> list[float]:
        return [
            task.loss(model, batch, (), Progress())[0].total.item() for task in (plain, penalised)
        ]

    model.eval()
    assert totals()[0] == totals()[1]
    model.train()
    assert totals()[0] < totals()[1]


@pytest.mark.parametrize("kind", list(LAYERS))
def test_saved_and_loaded_gives_the_same_output(tmp_path: Any, kind: str) -> None:
    task = make_task(encoder=LAYERS[kind])
    model = task.build().eval()
    model_directory.save(tmp_path, task, model)
    loaded, again = model_directory.load_task_and_model(tmp_path)
    assert isinstance(loaded, LanguageModeling)
    again.eval()
    for one in (0, 1):
        records = [
            [r.statistics for r in t.evaluate(m, make_split(TEXTS), device=CPU, shard=Shard())]
            for t, m in ((task, model), (loaded, again))
        ]
        assert records[0] == records[1], one
    assert again.head.weight is again.embedding.tokens.weight


@pytest.mark.parametrize("average", ["ema", "last_k"])
def test_a_killed_run_resumes_with_the_cache_that_it_carried(tmp_path: Path, average: str) -> None:
    def run(folder: Path, stop: int = -1) -> Trainer:
        task = make_task(
            encoder={**LAYERS["transformer"], "dropout": 0.2},
            training={
                "average": average,
                "epochs": 1.5,
                "checkpoint_steps": 3,
                "log_steps": 1,
                "validate_steps": 5,
                "random_windows": True,
            },
        )
        torch.manual_seed(0)
        trainer = Trainer(
            task,
            task.build(),
            accelerator=Accelerator(cpu=True),
            folder=folder,
            reporter=KillAt(stop),
        )
        torch.seed()
        trainer.fit(make_split(TEXTS), make_split(TEXTS[:9], "validation"), resume=True)
        return trainer

    straight = run(tmp_path / "straight")
    assert history(straight)[-1]["step"] > 14
    for stop in (4, 13):
        with pytest.raises(KilledError):
            run(tmp_path / f"{stop}", stop)
        resumed = run(tmp_path / f"{stop}")
        assert equal(weights(straight.model), weights(resumed.model))
        assert history(straight) == history(resumed)


@pytest.mark.parametrize("kind", list(LAYERS))
def test_learns_a_small_language_for_real(kind: str) -> None:
    """The word after `x` depends on the word two before it."""
    generator = torch.Generator().manual_seed(0)
    picks = torch.randint(0, 2, (400,), generator=generator).tolist()
    texts = [f"{'ab'[pick]} x {'cd'[pick]}" for pick in picks]
    task = make_task(
        texts,
        training={"batch_size": 4, "bptt_length": 8},
        encoder={**LAYERS[kind], "hidden_size": 16},
    )
    torch.manual_seed(0)
    model, split = task.build().train(), make_split(texts)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for epoch in range(3):
        carry: tuple[Tensor, ...] = ()
        for batch in task.batches(split, training=True, seed=1, start=Cursor(epoch)):
            loss, carry = task.loss(model, batch, carry, Progress())
            optimizer.zero_grad()
            (loss.total / loss.count).backward()
            optimizer.step()
            carry = tuple(part.detach() for part in carry)
    records = list(task.evaluate(model.eval(), split, device=CPU, shard=Shard()))
    nll = sum(r.statistics[0] for r in records) / sum(r.statistics[1] for r in records)
    # One fair coin in four tokens is the source's entropy.
    assert nll == pytest.approx(math.log(2) / 4, abs=0.03)


def test_baselines_are_the_perplexity_of_the_source() -> None:
    rows = Dataset.from_dict({"text": ["a b", "c"], "log_probability": [-3.0, -2.0]})
    task = make_task(["a b c"])
    found = task.known_scores(Split(name="test", rows=rows, origin="test"))
    assert found == {"floor_perplexity": pytest.approx(math.exp(5 / 5))}


def test_the_floor_is_one_only_for_a_closed_vocabulary() -> None:
    rows = Dataset.from_dict({"text": ["a b", "z"], "log_probability": [-3.0, -2.0]})
    split = Split(name="test", rows=rows, origin="test")
    assert make_task(["a b c"]).known_scores(split) == {}
    assert make_task(["a b z"], tokenization={"add_eos": False}).known_scores(split) == {}


def test_any_way_of_decoding_gives_samples() -> None:
    for decoding, number in [
        ({"method": "beam", "beam_size": 2}, 2),
        ({"method": "greedy"}, 1),
        ({"method": "sample"}, 3),
    ]:
        task = make_task(decoding={**decoding, "max_new_tokens": 4})
        assert len(task.samples(task.build(), CPU)) == number


@pytest.mark.parametrize("kind", list(LAYERS))
def test_streamed_text_is_the_generated_text(kind: str) -> None:
    for decoding in [{"method": "beam"}, {"method": "greedy"}, {}, {"stop_at_eos": False}]:
        task = make_task(decoding={**decoding, "max_new_tokens": 40})
        model = task.predictor(task.build(), CPU)
        whole = model.generate("the cat", seed=3)[0]
        assert "".join(model.stream("the cat", seed=3)).rstrip("\n") == whole
        assert whole.startswith("the cat")


def test_limits_of_decoding_reach_every_method() -> None:
    limits = {"min_new_tokens": 12, "max_new_tokens": 12, "no_repeat_ngram": 2}
    for method in ("beam", "greedy", "sample"):
        task = make_task(decoding={"method": method, "early_stopping": "heuristic", **limits})
        model = task.predictor(task.build(), CPU)
        words = model.generate("the cat", seed=3)[0].removeprefix("the cat").split()
        pairs = list(itertools.pairwise(words))
        assert len(words) >= 11  # the last of the 12 may be the end
        assert len(set(pairs)) == len(pairs)


def test_a_language_model_has_no_source_to_cover() -> None:
    with pytest.raises(
        UserError, match=r"decoding\.coverage_penalty: a language model has no source"
    ):
        make_task(decoding={"coverage_penalty": 0.2})


def test_predict_keeps_the_order_of_empty_texts() -> None:
    task = make_task(tokenization={"add_eos": False})
    model = task.predictor(task.build(), CPU)
    assert model.predict([]) == []
    found = model.predict(["", "the cat", ""])
    assert [row.tokens for row in found] == [0, 2, 0]
    assert found[0].perplexity is None
    assert found[1].perplexity > 1
    assert model.predict([""])[0].nll == 0


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"encoder": {"bidirectional": True}}, "encoder.bidirectional"),
        ({"encoder": {"kind": "cnn"}}, "encoder.kind = 'cnn': choose .*lstm, .*, transformer"),
        ({"encoder": {"kind": "transformer", "positions": "learned"}}, "encoder.positions = 'lea"),
        ({"encoder": {"kind": "transformer", "context": 0}}, "encoder.context = 0: "),
        ({"encoder": {"init_from": "runs/lm"}}, "encoder.init_from"),
        ({"head": {"kind": "adaptive"}}, "cutoffs"),
        (
            {"head": {"kind": "adaptive", "cutoffs": [4]}, "training": {"label_smoothing": 0.1}},
            "label_smoothing",
        ),
    ],
)
def test_impossible_combinations_are_refused(sections: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        make_task(**sections)


def test_too_short_and_empty_splits_are_refused() -> None:
    task = make_task(training={"batch_size": 50})
    with pytest.raises(UserError, match="less than one window"):
        next(task.batches(make_split(TEXTS), training=True, seed=1, start=Cursor()))
    task = make_task(tokenization={"add_eos": False})
    with pytest.raises(UserError, match="no token"):
        task.stream(make_split(["", ""], "validation"))
