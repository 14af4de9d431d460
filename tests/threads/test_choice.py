"""Tests of the number of threads that the command line chooses."""

import sys
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from nlpseq.threads import choice
from nlpseq.threads.processors import Processors


class SmallModel(nn.Module):
    """A model with a large embedding and few other weights."""

    def __init__(self, weights: int = 3 * 2**15) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 1000, device="meta")
        self.encoder = nn.Linear(weights, 1, bias=False, device="meta")


class FakeWaiting:
    """Stands for `Waiting`, which would watch the load of the test process to its end."""

    kind, crowded, threads = "library", 0.0, 0

    def start(self, threads: int) -> None:
        """Note the number of threads."""
        self.threads = threads
        self.kind = "load" if threads > 1 else "library"


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start with nothing chosen, and restore the number of threads."""
    before = torch.get_num_threads()
    monkeypatch.setattr(choice, "_choice", None)
    monkeypatch.setattr(choice, "Waiting", FakeWaiting)
    yield
    torch.set_num_threads(before)


def choose(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], processors: Processors
) -> None:
    """Choose as a process that has not imported torch; PyTorch would start a thread for each of 8 processors."""
    monkeypatch.setattr(choice, "usable_processors", lambda environment: processors)
    monkeypatch.setattr(choice, "allowed_processors", lambda: list(range(8)))
    with monkeypatch.context() as context:
        context.delitem(sys.modules, "torch")
        choice.choose(environment)
    torch.set_num_threads(int(environment.get("OMP_NUM_THREADS", "8")))


def test_process_with_torch_is_left_alone() -> None:
    environment: dict[str, str] = {}
    before = torch.get_num_threads()
    choice.choose(environment)
    choice.fit_to_model(SmallModel())
    choice.continue_with(before + 1)
    assert environment == {}
    assert torch.get_num_threads() == before
    assert choice.record() == {"number": before, "by": "torch"}
    assert choice.description() == ""


def test_quota_reaches_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = {"OTHER": "1"}
    choose(monkeypatch, environment, Processors(2, "quota"))
    assert environment == {"OTHER": "1", "OMP_NUM_THREADS": "2"}
    choice.fit_to_model(SmallModel())
    assert choice.record()["number"] == 2
    assert choice.record()["by"] == "quota"
    assert choice.record()["waiting"] == "load"
    assert choice.description().startswith("2 threads: by the quota of the container")


def test_whole_machine_changes_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = {}
    choose(monkeypatch, environment, Processors(8, "processors"))
    assert environment == {}


@pytest.mark.parametrize("name", choice.NUMBER)
def test_number_of_the_user_is_kept(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    environment = {name: "5"}
    choose(monkeypatch, environment, Processors(2, "quota"))
    torch.set_num_threads(5)
    choice.fit_to_model(SmallModel())
    choice.continue_with(3)
    assert environment == {name: "5"}
    assert torch.get_num_threads() == 5
    assert choice.record()["by"] == name
    assert choice.description().startswith(f"5 threads: by {name}")


@pytest.mark.parametrize("name", [*choice.POLICY, *choice.PLACES])
def test_policy_of_the_user_is_kept(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    environment = {name: "1"}
    choose(monkeypatch, environment, Processors(8, "processors"))
    choice.fit_to_model(SmallModel())
    assert environment == {name: "1"}
    assert choice.record()["waiting"] == name
    assert choice.description().endswith(f"they wait by {name}")


def test_empty_variable_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"MKL_NUM_THREADS": ""}
    choose(monkeypatch, environment, Processors(2, "affinity"))
    assert environment["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(
    ("weights", "number", "by"),
    [(1, 2, "model"), (3 * 2**15, 3, "model"), (10**7, 8, "processors")],
)
def test_small_model_gets_few_threads(
    monkeypatch: pytest.MonkeyPatch, weights: int, number: int, by: str
) -> None:
    choose(monkeypatch, {}, Processors(8, "processors"))
    choice.fit_to_model(SmallModel(weights))
    assert (choice.record()["number"], choice.record()["by"]) == (number, by)


def test_each_model_gets_its_own_number(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, {}, Processors(8, "processors"))
    choice.fit_to_model(SmallModel(1))
    choice.fit_to_model(SmallModel(10**7))
    assert (choice.record()["number"], choice.record()["by"]) == (8, "processors")


def test_output_layer_that_shares_the_embedding_counts() -> None:
    model = SmallModel(10)
    model.head = nn.Linear(1000, 1000, bias=False, device="meta")
    model.head.weight = model.embedding.weight
    assert choice._weights(model) == 10 + 1000 * 1000


def test_interrupted_run_keeps_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, {}, Processors(8, "processors"))
    choice.fit_to_model(SmallModel(10**7))
    choice.continue_with(3)
    assert (choice.record()["number"], choice.record()["by"]) == (3, "resumed")
    assert choice.description().startswith("3 threads: as before the interruption")


@pytest.mark.parametrize("number", [None, "2", 0, -1, 2.0, True, 10**9, [2]])
def test_damaged_number_changes_nothing(monkeypatch: pytest.MonkeyPatch, number: object) -> None:
    choose(monkeypatch, {}, Processors(8, "processors"))
    choice.fit_to_model(SmallModel(10**7))
    choice.continue_with(number)
    assert choice.record()["number"] == 8


def test_single_thread_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, {}, Processors(1, "quota"))
    choice.fit_to_model(SmallModel(10**7))
    assert choice.description() == "1 thread: by the quota of the container"
    assert choice.record()["waiting"] == "library"
