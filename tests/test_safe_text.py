"""Text of users and models is shown, never executed: on terminals, on pages, in Markdown and in figures."""

import ast
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from nlpseq.analysis.classifier_plots import draw_probabilities
from nlpseq.analysis.confusion import draw_details
from nlpseq.cli.main import main
from nlpseq.errors import TextError, UserError
from nlpseq.reporting import model_card, tables
from nlpseq.reporting.fonts import drawable, legend_name
from nlpseq.safe_text import for_html, for_json, for_markdown, for_terminal

ROOT = Path(__file__).parents[1]
SOURCES = [*(ROOT / "nlpseq").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]
COMMANDS = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066\x00\r"
MARKUP = '</td><script>alert(1)</script><img src=x onerror="x">|`*_[a](http://b.c)[/bold]$\\frac{$'
HOSTILE = f"{COMMANDS}{MARKUP}"
FORBIDDEN = set("\x1b\x07\x9b\u202e\u2066\x00\r")


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_control_character_is_visible() -> None:
    controls = [*range(32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
    for code in controls:
        character = chr(code)
        assert character not in for_terminal(f"a{character}b", one_line=True)
        if character not in "\n\t":
            for write in (for_terminal, for_html, for_markdown, for_json):
                assert character not in write(f"a{character}b"), (code, write)
    assert for_terminal("two\nlines\tand a tab") == "two\nlines\tand a tab"
    kept = "naïve שלום\u200f 中文 नमस्ते 👩\u200d🚀 e\u0301"
    assert for_terminal(kept) == for_markdown(kept) == for_html(kept) == for_json(kept) == kept


def test_errors_show_what_they_quote() -> None:
    assert not FORBIDDEN & set(str(UserError(HOSTILE)))
    assert not FORBIDDEN & set(str(TextError(0, HOSTILE)))


def test_html_has_no_tags_of_the_text() -> None:
    page = Tags(f'<p title="{for_html(HOSTILE)}">{for_html(HOSTILE)}</p>')
    assert page.tags == {"p"}
    assert page.text == for_terminal(HOSTILE)


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a|b", r"a\|b"),
        ("a\nb", "a␊b"),
        ("*a* `b` ~c~", r"\*a\* \`b\` \~c\~"),
        ("[a](b)", r"\[a\](b)"),
        ("<b>&lt;", "&lt;b&gt;&amp;lt;"),
        ("_a_ snake_case", r"\_a\_ snake_case"),
        ("https://a.b www.c.d", r"https\://a.b www\.c.d"),
        ("-0.5", "-0.5"),
    ],
)
def test_markdown(text: str, markdown: str) -> None:
    assert for_markdown(text) == markdown


def test_markdown_is_rendered_as_the_text() -> None:
    markdown_it = pytest.importorskip("markdown_it")
    render = markdown_it.MarkdownIt("commonmark").enable("table").render
    text = MARKUP.replace("\\frac", "frac")
    page = Tags(render(f"| a | b |\n|---|---|\n| {for_markdown(text)} | 1 |\n"))
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert text in page.text


def test_only_these_functions_print_and_escape() -> None:
    """Calls of `print` have constant text or text that went through `safe_text`; HTML is escaped there alone."""
    safe = {"for_output", "for_json_output", "for_terminal", "shellcode"}
    wrong = []
    for file in SOURCES:
        if file.name == "safe_text.py":
            continue
        text = file.read_text("utf-8")
        if re.search(r"html\.escape|from html import|import html\b", text):
            wrong.append(f"{file.name}: html.escape")
        if re.search(r"import Console\b", text) and file.name not in (
            "terminal.py",
            "highlight.py",
        ):
            if not re.search(r"TYPE_CHECKING", text) and file.name != "reporters.py":
                wrong.append(f"{file.name}: Console")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                for value in node.args:
                    called = getattr(getattr(value, "func", None), "id", "")
                    if called not in safe and not _is_plain(value, file.name):
                        wrong.append(f"{file.name}:{node.lineno}")
    assert wrong == []


# Predictions that are rendered for where they go; numbers; the system's own words.
PRINTED = {
    ("predict.py", "content"),
    ("main.py", "arguments.help"),
    ("speed.py", "json.dumps(measured._asdict())"),
}


def _is_plain(value: ast.expr, file: str) -> bool:
    """Return whether a value is constant text, or formats numbers alone."""
    if isinstance(value, ast.Constant) or (file, ast.unparse(value)) in PRINTED:
        return True
    if not isinstance(value, ast.JoinedStr):
        return False
    numbers = [part for part in value.values if isinstance(part, ast.FormattedValue)]
    return (
        file in ("prediction_writer.py", "predict.py", "standard_streams.py") and len(numbers) <= 3
    )


def test_tables_show_labels(capsys: pytest.CaptureFixture[str]) -> None:
    labels = [HOSTILE, "[/b]", ":smile:", "שלום", "a\tb"]
    metrics = {
        "splits": ["[red]test[/x]\x1b[2J"],
        "[red]test[/x]\x1b[2J": {"accuracy": 0.5, HOSTILE: 1.0},
        "details": {
            "[red]test[/x]\x1b[2J": {
                "per_class": {label: {"f1": 0.5} for label in labels},
                "confusion_matrix": {"labels": labels, "matrix": [[1] * 5] * 5},
                "signatures": {"bleu": HOSTILE},
            }
        },
        "machine": {"device": HOSTILE},
    }
    tables.report_run(metrics, [HOSTILE], Path(f"run{COMMANDS.replace(chr(0), '')}"))
    tables.print_line(HOSTILE)
    tables.report_inspection([(HOSTILE, [[HOSTILE, "b"], [HOSTILE, "1"]])])
    printed = capsys.readouterr().out
    assert not FORBIDDEN & set(printed)
    assert "[/b]" in printed
    assert ":smile:" in printed


def test_a_model_card_shows_names_and_labels() -> None:
    recipe = {
        "task": "classification",
        "data": {"source": HOSTILE, "name": "```", "revision": None, "view": "text"},
        "encoder": {"kind": "gru"},
    }
    scores = {"accuracy": 0.5}
    metrics = {
        "splits": ["test"],
        "test": scores,
        "seed": 13,
        "seconds": 1.0,
        "tokens": 10,
        "tokens_per_second": 10.0,
        "steps": 1,
        "epochs": 1.0,
        "parameters": {"total": 1},
        "versions": {"nlpseq": HOSTILE},
        "data_source": {"kind": "hub"},
        "details": {"test": {"per_class": {HOSTILE: {"f1": 0.5}, "a\n\n# b": {"f1": 0.5}}}},
        "auto_tokenizer": HOSTILE,
    }
    content = model_card.model_card(recipe, f"```\n<script>{HOSTILE}", metrics, [HOSTILE, "````"])
    assert not FORBIDDEN & set(content)
    text = ModelCard(content).text
    markdown_it = pytest.importorskip("markdown_it")
    page = Tags(markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    allowed = "h1 h2 h3 p pre code table thead tbody tr th td details summary em strong"
    assert page.tags <= set(allowed.split())


def test_figures_draw_labels_of_any_script_without_warnings(tmp_path: Path) -> None:
    labels = [HOSTILE, "$x^", "_hidden", "天气", "नमस्ते", "ไทย", "አማርኛ", "שלום", "😀", "a\nb", ""]
    size = len(labels)
    curve = {"roc": [[0, 0], [1, 1]], "precision_recall": [[0, 1], [1, 0]], "auroc": 0.5}
    details = {
        "test": {
            "confusion_matrix": {"labels": labels, "matrix": [[1] * size] * size},
            "curves": {label: {**curve, "average_precision": 0.5} for label in labels},
        }
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = draw_details(details, tmp_path) + (draw_probabilities(details, tmp_path) or [])
    assert drawn
    assert all(path.stat().st_size > 1000 for path in drawn)
    assert drawable("a\u202eb\x1b") == "a\\u202eb\\u001b"
    assert legend_name("_hidden") == " _hidden"


@pytest.mark.parametrize(
    "command",
    [
        "run {}.toml",
        "predict {} --file texts.txt",
        "evaluate {}",
        "compare {} b",
        "inspect {}",
        "errors {}",
        "generate {}",
        "recipes --show {}",
        "data {}",
        "train {}.csv",
        "run sentiment/quickstart {}=1",
        "{}",
    ],
)
def test_no_command_executes_what_it_is_given(
    command: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("a text\n")
    name = "\x1b]0;owned\x07\u202e\x9b31m"
    try:
        status = main(command.format(name).split(" "))
    except SystemExit as error:
        status = int(str(error.code))
    assert status == 2
    said = capsys.readouterr()
    assert not FORBIDDEN & set(said.out + said.err)
