"""Messages in Python name arguments, where those of the command line name options."""

import pytest

import nlpseq
from nlpseq.api.keywords import as_keywords
from nlpseq.errors import UserError


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "--label: say which column, for instance `--text body --label stars`",
            'label=: say which column, for instance `text="body", label="stars"`',
        ),
        ("--text Sentence #: taken", 'text="Sentence #": taken'),
        ("classes; --number stars learns a number,", 'classes; number="stars" learns a number,'),
        ("`--text a --labels x,y`", '`text="a", labels="x,y"`'),
        ("or files for --validation and --test", "or files for validation= and test="),
        ("--minutes 0.5: not enough", "minutes=0.5: not enough"),
        ("--text2 x beside --text-file", 'text2="x" beside --text-file'),
        ("with `nlpseq train --labels x`", "with `nlpseq train --labels x`"),
        (
            "tokens 'w', tags 't'; --tags POS for others",
            "tokens 'w', tags 't'; tags=\"POS\" for others",
        ),
    ],
)
def test_options_become_arguments(message: str, expected: str) -> None:
    assert as_keywords(message) == expected


def test_errors_and_lines_of_python_name_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {"a": [f"first words {n}" for n in range(30)], "b": ["x", "y", "z"] * 10}
    rows |= {"c": ["u", "v", "w"] * 10}
    with pytest.raises(
        UserError, match=r'^label=: say which column, for instance `text="a", label="b"`'
    ):
        nlpseq.train(rows)
    with pytest.raises(UserError, match=r'^label="d": the data have no such column'):
        nlpseq.report(rows, label="d")
    del rows["c"]
    assert any(line.startswith('text="a": taken') for line in nlpseq.report(rows).lines)
