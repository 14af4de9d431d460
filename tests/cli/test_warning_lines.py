"""A warning of a library is one line of a command, and stays a Python warning in Python."""

import warnings

import pytest

from nlpseq.cli import recipes
from nlpseq.cli.main import main
from nlpseq.cli.warning_lines import as_single_lines


def test_each_warning_is_one_line_without_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    with as_single_lines():
        warnings.simplefilter("always")
        for _ in range(3):
            warnings.warn("weights are\n   not contiguous", UserWarning, stacklevel=1)
        warnings.warn("another", RuntimeWarning, stacklevel=1)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == ("nlpseq: warning: weights are not contiguous\nnlpseq: warning: another\n")


def test_a_command_shows_warnings_of_libraries_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def execute(_: object) -> int:
        warnings.simplefilter("default")
        warnings.warn("slow path", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(recipes, "execute", execute)
    assert main(["recipes"]) == 0
    error = capsys.readouterr().err
    assert "nlpseq: warning: slow path\n" in error
    assert ".py" not in error


def test_python_keeps_its_warnings() -> None:
    before = warnings.showwarning
    with as_single_lines():
        assert warnings.showwarning is not before
    assert warnings.showwarning is before
    with pytest.warns(UserWarning, match="kept"):
        warnings.warn("kept", UserWarning, stacklevel=1)


def test_a_warning_that_the_user_made_an_error_stays_one() -> None:
    with as_single_lines():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="strict"):
            warnings.warn("strict", UserWarning, stacklevel=1)
