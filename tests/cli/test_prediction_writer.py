"""Writing of predictions: options, files that grow, and resuming after an interruption.

`BackwardsGenerator` stands for a model that generates text. Its scores depend on the texts that it is given
together, as the last digits of a padded batch's scores do, so that bytes show whether chunks were split alike.
"""

import errno
import json
import os
import random
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from commands import Command, run_in_new_process
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.cli.main import main
from nlpseq.cli.prediction_writer import PredictionWriter
from nlpseq.cli.text_input import CHUNK_SIZE
from nlpseq.errors import TextError, UserError
from nlpseq.files import GrowingFile, partial_of
from nlpseq.predictor import AttendedText, Classification, GeneratedText, TaggedText

SIZE = 4
TEXTS = [f"text {number}" if number % 5 else "" for number in range(23)]
TEXTS[3] = TEXTS[18] = "a\u2028b\x85 c\x0cd\u00a0\u3000e\x1c"


class Stopped(Exception):  # noqa: N818 - not an error
    """An exception that nlpseq does not expect."""


class BackwardsGenerator:
    """Generates the letters of a text backwards, and remembers its calls."""

    name: ClassVar[str] = "translation model"
    prediction_type: ClassVar[type[GeneratedText]] = GeneratedText

    def __init__(
        self, stop_at: str | None = None, error: Callable[[str], BaseException] = Stopped
    ) -> None:
        self.stop_at, self.error = stop_at, error
        self.calls: list[dict[str, Any]] = []
        self.sizes: list[int] = []

    def decoding_config(self, options: Mapping[str, Any], /, *, attention: bool = False) -> object:
        return options

    def predict(self, texts: Iterable[str], /, **options: Any) -> list[GeneratedText]:
        texts = list(texts)
        if self.stop_at in texts:
            raise self.error(self.stop_at)
        self.calls.append(options)
        self.sizes.append(len(texts))
        together = sum(map(len, texts)) / len(texts) + options.get("seed", 0)
        return [
            GeneratedText(text, text[::-1], together + index if text else None)
            for index, text in enumerate(texts)
        ]

    def attention(self, texts: Iterable[str], /, **options: Any) -> list[AttendedText]:
        self.calls.append(options)
        return [
            AttendedText(
                text,
                output=text[::-1],
                source_tokens=tuple(text.split()),
                output_tokens=tuple(text[::-1].split()),
                weights=((0.5,) * len(text.split()),) * len(text.split()),
            )
            for text in texts
        ]


class SequenceTagger:
    """Tags each word O."""

    name: ClassVar[str] = "sequence tagger"
    prediction_type: ClassVar[type[TaggedText]] = TaggedText

    def __init__(self, stop_at: str | None = None) -> None:
        self.stop_at = stop_at

    def predict(self, texts: Iterable[str], /) -> list[TaggedText]:
        texts = list(texts)
        if self.stop_at in texts:
            raise Stopped
        return [
            TaggedText(text, (), tuple(text.split()), ("O",) * len(text.split())) for text in texts
        ]


class Classifier:
    """A classifier that must not be called."""

    name: ClassVar[str] = "text classifier"
    prediction_type: ClassVar[type[Classification]] = Classification

    def predict(self, texts: Iterable[str], /) -> list[Classification]:
        raise AssertionError


Model = BackwardsGenerator | SequenceTagger | Classifier


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpseq.cli.text_input.GENERATION_CHUNK_SIZE", SIZE)
    monkeypatch.setattr("nlpseq.cli.text_input.CHUNK_SIZE", SIZE)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Model], Model]:
    def _use(predictor: Model) -> Model:
        monkeypatch.setattr("nlpseq.model_directory.load", lambda name, device: predictor)
        return predictor

    return _use


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS))
    return path


# Options


def test_options_are_passed_to_a_text_generator_and_each_chunk_has_its_seed(
    use: Callable[[Model], Model], source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = use(BackwardsGenerator())
    assert isinstance(model, BackwardsGenerator)
    assert main(["predict", "some", "--file", str(source), "--beam", "3", "--seed", "7"]) == 0
    assert capsys.readouterr().out.split("\n") == [*(text[::-1] for text in TEXTS), ""]
    assert model.sizes == [4, 4, 4, 4, 4, 3]
    options = {"method": "beam", "beam_size": 3}
    assert model.calls == [{**options, "seed": 7 + number} for number in range(6)]


@pytest.mark.parametrize(
    ("words", "model", "message"),
    [
        (
            "--beam 3",
            SequenceTagger(),
            "--beam-size: not for some, a sequence tagger, which does not generate text",
        ),
        ("--seed 3 --prefix x --top-k 0", SequenceTagger(), "--top-k, --prefix, --seed: not for"),
        ("--attention d", SequenceTagger(), "--attention: not for some, a sequence tagger"),
        ("--attention d", Classifier(), "--explain attention shows what it attends to"),
        ("--format conll", Classifier(), "does not fit a classification: use json, text, html"),
        ("--format conll", BackwardsGenerator("text"), "conll does not fit generated text"),
        ("--explain", BackwardsGenerator("text"), "--explain does not fit generated text"),
    ],
)
def test_options_without_effect_are_refused_before_the_first_text(
    words: str,
    model: Model,
    message: str,
    use: Callable[[Model], Model],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    use(model)
    assert main(["predict", "some", "text", *words.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--output folder",
            "--output folder: is a folder; name a file, such as folder/predictions.jsonl",
        ),
        ("--output file/out", "is not a folder"),
        ("--output locked/new/out", "--output locked/new/out: cannot be written, no permission"),
        (
            "--output out --resume --seed 4",
            "out.partial was written with no seed, now there is seed = 4",
        ),
        ("--output out", "out.partial holds an interrupted prediction"),
        ("--attention file", "--attention file: is a file; name a folder"),
        ("--attention locked/d", "--attention locked/d: cannot be written"),
        ("--device nowhere", "nowhere"),
        ("--resume", "--resume is for predictions in a file; name it with --output"),
    ],
)
def test_everything_else_is_checked_before_the_model_is_loaded(
    words: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("folder", "locked"):
        Path(name).mkdir()
    Path("file").touch()
    Path("out.partial").write_text("a\n")
    Path("out.partial.json").write_text('{"run": "some", "seed": null}')
    monkeypatch.setattr("nlpseq.cli.output_checks.os.access", lambda path, _: path.name != "locked")
    before = sorted(tmp_path.rglob("*"))
    assert main(["predict", "some", "text", *words.split()]) == 2  # there is no model to load
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_is_noticed_before_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Usage:
        total, free = 10**12, 100

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    assert main(["predict", "some", "text", "--output", str(tmp_path / "out")]) == 2
    assert "no space left on the disk" in capsys.readouterr().err


def test_attention_of_the_first_fifty_texts(
    use: Callable[[Model], Model],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("nlpseq.cli.predict.MAX_FIGURES", 3)
    model = use(BackwardsGenerator())
    assert isinstance(model, BackwardsGenerator)
    folder = tmp_path / "new" / "maps"
    words = ["predict", "some", "a b", "", "c d", "e", "f", "--attention", str(folder)]
    assert main([*words, "--num-best", "2", "--max-new-tokens", "5"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "b a\n\nd c\ne\nf\n"
    assert printed.err == (
        f"Attention drawn in {folder}; 2 further texts are not drawn\n"
        "empty or blank texts: 1 of 5; what is predicted for them means nothing\n"
    )
    assert model.calls[-1] == {"method": "beam", "max_new_tokens": 5}
    assert sorted(os.listdir(folder)) == ["0001.png", "0003.png", "attention.html"]
    # For a complete file only the figures are drawn again.
    output = tmp_path / "out"
    output.write_text("complete\n")
    (folder / "0003.png").unlink()
    assert main([*words, "--output", str(output), "--resume"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{output} is complete\n"
    assert "; 2 further texts are not drawn\n" in printed.err
    assert output.read_text() == "complete\n"
    assert (folder / "0003.png").exists()
    (tmp_path / "file").touch()
    assert main(["predict", "some", "a", "--attention", str(tmp_path / "file")]) == 2


def test_progress_is_one_line_and_only_of_several_chunks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    writer = PredictionWriter(BackwardsGenerator(), progress=True)
    for texts, lines in ((TEXTS, 6), (TEXTS[:3], 0)):
        assert len(list(writer.render(iter(texts)))) == -(-len(texts) // SIZE)
        said = capsys.readouterr().err
        assert len(re.findall(r"\r[\d,]+ predictions, [\d.,]+ per second", said)) == lines
        assert said.count("\n") == min(lines, 1)
    list(writer.render(iter(TEXTS[8:]), first_chunk=2))
    assert "\r23 predictions" in capsys.readouterr().err


# Resuming


def whole(predictor: Model, format: str | None, output: Path) -> bytes:
    PredictionWriter(predictor, format).write(output, iter(TEXTS))
    assert not partial_of(output).exists()
    return output.read_bytes()


def test_a_predictor_of_raw_text_alone_refuses_cut_text(
    use: Callable[[Model], Model], capsys: pytest.CaptureFixture[str]
) -> None:
    use(SequenceTagger())
    assert main(["predict", "run", "--pretokenized", "a b ."]) == 2
    assert "takes raw text only" in capsys.readouterr().err


@pytest.mark.parametrize("format", ["json", "text", "conll"])
@settings(max_examples=25, deadline=None)
@given(
    stop=st.integers(0, len(TEXTS) - 1), cut=st.integers(0, 400), again=st.integers(0, len(TEXTS))
)
def test_stopped_anywhere_and_cut_anywhere_the_file_ends_with_the_same_bytes(
    format: str,
    stop: int,
    cut: int,
    again: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("resume")
    kind = SequenceTagger if format == "conll" else BackwardsGenerator
    expected = whole(kind(), format, folder / "whole")
    output = folder / "out"
    texts = [*TEXTS, "never"]
    # Stopped twice, and the file is truncated in between as by a full disk or a crash.
    for index in (stop, again):
        stopped = PredictionWriter(kind(texts[index] or None), format)
        try:
            stopped.write(output, iter(TEXTS), resume=True)
        except Stopped:
            partial = partial_of(output)
            if partial.exists():
                assert partial.stat().st_size > 0
                kept = max(partial.stat().st_size - cut, 1)
                os.truncate(partial, kept)
    PredictionWriter(kind(), format).write(output, iter(TEXTS), resume=True)
    assert output.read_bytes() == expected
    assert sorted(os.listdir(folder)) == ["out", "whole"]


def stop(
    output: Path, *, at: str = "text 9", format: str | None = None, seed: int | None = None
) -> None:
    with pytest.raises(Stopped):
        PredictionWriter(BackwardsGenerator(at), format, seed=seed).write(output, iter(TEXTS))
    assert partial_of(output).read_bytes().count(b"\n") == 8


def test_only_the_remaining_texts_are_predicted(tmp_path: Path) -> None:
    output = tmp_path / "out"
    stop(output, seed=3)
    model = BackwardsGenerator()
    read: list[str] = []

    def texts() -> Iterator[str]:
        for text in TEXTS:
            read.append(text)
            assert len(read) <= 8 + SIZE * (len(model.sizes) + 1)  # no further than needed
            yield text

    PredictionWriter(model, seed=3).write(output, texts(), resume=True)
    assert model.sizes == [4, 4, 4, 3]
    assert [call["seed"] for call in model.calls] == [5, 6, 7, 8]


def test_a_partial_file_needs_resume_or_overwrite(
    use: Callable[[Model], Model],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use(BackwardsGenerator())
    output = tmp_path / "out.txt"
    words = ["predict", "some", "--file", str(source), "--output", str(output)]
    stop(output)
    before = partial_of(output).read_bytes()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"{partial_of(output)} holds an interrupted prediction" in said
    assert "--resume" in said
    assert "--overwrite" in said
    assert partial_of(output).read_bytes() == before
    assert main([*words, "--overwrite"]) == 0
    assert not partial_of(output).exists()
    assert capsys.readouterr().out == f"Written to {output}\n"
    # Now it is complete: with --resume there is nothing to do, otherwise it is written again.
    use(BackwardsGenerator("text 1"))
    assert main([*words, "--resume"]) == 0
    assert capsys.readouterr().out == f"{output} is complete\n"
    with pytest.raises(Stopped):
        main(words)
    assert output.exists()


@pytest.mark.parametrize(
    ("started", "resumed", "texts", "message"),
    [
        ("json", "json", TEXTS[:7], "more than 7 predictions, but there are only 7 texts"),
        ("text", "text", TEXTS[:7], "more than 7 predictions, but there are only 7 texts"),
        (
            "json",
            "json",
            ["other", *TEXTS[1:]],
            "prediction 1: is for '', but the text is 'other'",
        ),
        ("json", "json", [*TEXTS[:6], "x", *TEXTS[7:]], "prediction 7: is for 'text 6'"),
        (
            "text",
            "json",
            TEXTS,
            "prediction 1: not JSON; use the --format that it was started with",
        ),
        ("json", "text", TEXTS, "prediction 1: JSON; resume with --format json"),
    ],
)
def test_other_texts_and_another_format_are_refused(
    started: str, resumed: str, texts: list[str], message: str, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    stop(output, format=started)
    before = partial_of(output).read_bytes()
    with pytest.raises(UserError, match=message):
        PredictionWriter(BackwardsGenerator(), resumed).write(output, iter(texts), resume=True)
    assert partial_of(output).read_bytes() == before


def test_other_tokens_are_refused(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with pytest.raises(Stopped):
        PredictionWriter(SequenceTagger("text 9"), "conll").write(output, iter(TEXTS))
    with pytest.raises(UserError, match="prediction 2: not the tokens of 'other'"):
        PredictionWriter(SequenceTagger(), "conll").write(
            output, iter(["", "other", *TEXTS[2:]]), resume=True
        )


def test_after_texts_of_several_lines_only_json_is_resumed(tmp_path: Path) -> None:
    output, texts = tmp_path / "out", ["a\nb", "c", "d", "e", "f"]
    for format, said in (("text", "--format json"), ("json", "")):
        with pytest.raises(Stopped):
            PredictionWriter(SequenceTagger("f"), format).write(output, iter(texts))
        again = PredictionWriter(SequenceTagger(), format)
        if said:
            with pytest.raises(UserError, match=said):
                again.write(output, iter(texts), resume=True)
        else:
            again.write(output, iter(texts), resume=True)
    assert [json.loads(line)["text"] for line in output.read_text().splitlines()] == texts


def test_a_bad_text_further_down_keeps_the_predictions_before_it(
    use: Callable[[Model], Model],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("nlpseq.cli.predict_input.READ_AHEAD", 1)
    use(BackwardsGenerator())
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes(b"a\n" * 9 + b"\xff\n")
    words = ["predict", "some", "--file", str(source), "--output", str(output)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "line 10: not UTF-8" in said
    assert f"the predictions so far are in {partial_of(output)}, continue with --resume" in said
    assert said.count("\n") == 1
    source.write_bytes(b"a\n" * 9 + b"z\n")
    assert main([*words, "--resume"]) == 0
    assert output.read_text() == "a\n" * 9 + "z\n"


def test_a_text_that_cannot_be_predicted_is_named_by_its_line(
    use: Callable[[Model], Model],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The text is the fourth of the third chunk of four."""
    use(BackwardsGenerator("text 11", lambda _: TextError(3, "is too long")))
    output = tmp_path / "out.txt"
    words = ["predict", "some", "--file", str(source), "--output", str(output)]
    assert main(words) == 2
    assert f"{source}, line 12: is too long; the predictions so far" in capsys.readouterr().err
    assert main(["predict", "some", *[text or "x" for text in TEXTS]]) == 2
    assert "error: text 12: is too long" in capsys.readouterr().err


def test_predictions_by_another_run_or_with_other_options_are_not_mixed(
    use: Callable[[Model], Model],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use(BackwardsGenerator("text 9", KeyboardInterrupt))
    output = tmp_path / "out.txt"
    words = ["predict", "some", "--file", str(source), "--output", str(output), "--beam", "2"]
    assert main(words) == 130
    use(BackwardsGenerator())
    begun = f"{partial_of(output)} was written with"
    for other, said in (
        (["predict", "another", *words[2:]], "run = some, now there is run = another"),
        ([*words[:-1], "3"], "beam_size = 2, now there is beam_size = 3"),
        ([*words, "--seed", "4"], "no seed, now there is seed = 4"),
        ([*words, "--max-new-tokens", "4"], "no max_new_tokens, now there is max_new_tokens = 4"),
    ):
        capsys.readouterr()
        assert main([*other, "--resume"]) == 2
        printed = capsys.readouterr().err
        assert f"{begun} {said}; use the same" in printed
        assert printed.count("\n") == 1
    assert main([*words, "--resume"]) == 0
    assert sorted(os.listdir(tmp_path)) == ["in.txt", "out.txt"]
    assert output.read_text().split("\n")[:-1] == [text[::-1] for text in TEXTS]


def test_the_file_of_texts_is_not_overwritten(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = source.read_bytes()
    monkeypatch.chdir(source.parent)
    linked = source.with_name("linked")
    linked.symlink_to(source)
    for file, name in (
        (source, str(source)),
        (source, f"./{source.name}"),
        (linked, str(source)),
        (source.with_name("out.partial"), "out"),
        (source.with_name("out.partial.json"), "out"),
    ):
        if not file.exists():
            file.write_bytes(before)
        words = ["predict", "some", "--file", str(file), "--output", name, "--overwrite"]
        assert main(words) == 2
        said = capsys.readouterr().err
        assert f"--output {Path(name)}: would overwrite the --file of the texts" in said
        assert file.read_bytes() == before


def test_a_partial_file_without_its_settings_is_resumed(tmp_path: Path) -> None:
    output = tmp_path / "out"
    stop(output, seed=3)
    (tmp_path / "out.partial.json").unlink()
    PredictionWriter(BackwardsGenerator(), seed=4).write(output, iter(TEXTS), resume=True)
    assert os.listdir(tmp_path) == ["out"]


def test_a_page_removes_a_partial_file(tmp_path: Path) -> None:
    output = tmp_path / "out"
    stop(output)
    assert sorted(os.listdir(tmp_path)) == ["out.partial", "out.partial.json"]
    PredictionWriter(BackwardsGenerator(), "html").write(output, iter(TEXTS))
    assert os.listdir(tmp_path) == ["out"]


def test_a_page_is_written_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    output = tmp_path / "out.html"
    with pytest.raises(Stopped):
        PredictionWriter(BackwardsGenerator("text 9"), "html").write(output, iter(TEXTS))
    assert os.listdir(tmp_path) == []
    PredictionWriter(BackwardsGenerator(), "html").write(output, iter(TEXTS))
    assert output.read_text().endswith("</html>\n")


def test_an_interruption_names_the_command_that_resumes(
    use: Callable[[Model], Model],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use(BackwardsGenerator("text 9", KeyboardInterrupt))
    output = tmp_path / "out.txt"
    words = ["predict", "some", "--file", str(source), "--output", str(output), "--beam", "2"]
    assert main([*words, "--overwrite"]) == 130
    said = capsys.readouterr().err.strip()
    assert said.endswith(f"Resume with: nlpseq {' '.join(words)} --resume")
    use(BackwardsGenerator())
    assert main([*words, "--resume"]) == 0
    assert f"Continuing after 8 predictions in {partial_of(output)}" in capsys.readouterr().err
    assert output.read_text().split("\n")[:-1] == [text[::-1] for text in TEXTS]
    # Before the first chunk is written there is nothing to resume; texts after -- stay texts.
    use(BackwardsGenerator("text 1", KeyboardInterrupt))
    assert main([*words[:-2], "--overwrite"]) == 130
    assert capsys.readouterr().err.strip() == "nlpseq: Interrupted."
    use(BackwardsGenerator("--resume", KeyboardInterrupt))
    behind = ["predict", "some", "--output", str(output), "--", "-a", "b", "c", "d", "--resume"]
    assert main(behind) == 130
    assert f"--output {output} --resume -- -a b c d --resume" in capsys.readouterr().err


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with GrowingFile(output) as first:
        first.append("one\n")
        with pytest.raises(UserError, match="another process is writing it"):
            GrowingFile(output)
        first.append("two\n")
        first.finish()
    assert output.read_text() == "one\ntwo\n"


def test_a_full_disk_keeps_the_predictions_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    real, left = os.fsync, [2]

    def fsync(number: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(UserError, match="no space left.*continue with --resume"):
            PredictionWriter(BackwardsGenerator()).write(output, iter(TEXTS))
    assert partial_of(output).read_bytes().count(b"\n") >= 2 * SIZE
    PredictionWriter(BackwardsGenerator()).write(output, iter(TEXTS), resume=True)
    assert output.read_text().split("\n")[:-1] == [text[::-1] for text in TEXTS]


# With a real model, really killed


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "sentiment"
    settings = [
        "data.sizes={ train = 200, validation = 40, test = 40 }",
        "embedding.dim=8",
        "encoder.hidden_size=8",
        "training.max_steps=5",
    ]
    words = ["run", "sentiment/quickstart", *settings, "--output", str(folder), "--device", "cpu"]
    assert main([*words, "--no-test"]) == 0
    return folder


def wait_for_more(command: Command, partial: Path, size: int) -> None:
    while command.running() and not (partial.exists() and partial.stat().st_size > size):
        time.sleep(0.001)


@pytest.mark.slow
def test_killed_at_several_moments_the_file_ends_with_the_same_bytes(
    run: Path, tmp_path: Path
) -> None:
    known = "the old farmer praised this book , that film was not bad and nobody laughed .".split()
    chance = random.Random(5)
    lines = [
        " ".join(chance.choices(known, k=chance.randrange(30))) for _ in range(30 * CHUNK_SIZE)
    ]
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(lines) + "\n")
    words = ["predict", str(run), "--file", str(source), "--device", "cpu", "--output"]
    run_in_new_process([*words, str(tmp_path / "whole.jsonl")])
    kept = 0
    for number in range(4):
        command = Command([*words, str(output), "--resume"])
        wait_for_more(command, partial_of(output), kept)
        time.sleep(chance.uniform(0, 0.2))
        # The last signal is Ctrl-C, after which the command to resume is printed.
        command.signal(signal.SIGINT if number == 3 else signal.SIGKILL)
        said = command.finish(130 if number == 3 else -signal.SIGKILL)
        assert partial_of(output).stat().st_size > kept
        kept = partial_of(output).stat().st_size
    assert "Traceback" not in said
    assert said.strip().endswith("--resume")
    Command(shlex.split(said.partition("Resume with: nlpseq ")[2])).finish()
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["in.txt", "out.jsonl", "whole.jsonl"]
