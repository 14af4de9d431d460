"""Ctrl-C in quick succession ends a command once, in one line, wherever it arrives."""

import os
import signal
import threading
from typing import Any

import pytest

from nlpseq.cli.interrupts import single_interrupts
from nlpseq.cli.main import main


def test_signals_in_quick_succession_are_one() -> None:
    ended = []
    with single_interrupts():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        ended.append("cleaned up")
    assert ended
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_later_signal_interrupts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpseq.cli.interrupts.SAME_REQUEST", 0.0)
    with single_interrupts():
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with single_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_have_no_handler() -> None:
    def use() -> None:
        with single_interrupts():
            pass

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()


def test_the_last_line_is_not_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> list[str]:
        os.kill(os.getpid(), signal.SIGINT)
        return []

    def again(*_: Any) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return " Resume"

    monkeypatch.setattr("nlpseq.recipe.catalogue", interrupted)
    monkeypatch.setattr("nlpseq.cli.resume_hint.of_interrupted", again)
    assert main(["recipes"]) == 130
    assert capsys.readouterr().err == "\nnlpseq: Interrupted. Resume\n"
