"""What `nlpseq predict` does around a predictor: options, files that grow, going on after an interruption.

`Writer` stands for a model that writes its answers. Its scores depend on the texts that it is given
together, as a padded batch's last digits do, so that bytes tell whether chunks were cut alike.
"""

import errno
import json
import os
import random
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import Command, run_anew
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.cli.main import main
from nlpseq.cli.prediction_writer import Prediction
from nlpseq.cli.text_input import CHUNK
from nlpseq.errors import TextError, UserError
from nlpseq.files import GrowingFile, partial_of

SIZE = 4
TEXTS = [f"text {number}" if number % 5 else "" for number in range(23)]


class Stopped(Exception):  # noqa: N818 - not an error
    """Something that nlpseq does not expect."""


class WriterPredictor:
    """Answers a text by its letters backwards, and remembers what it was asked."""

    decoding = True

    def decoding_config(self, options: Mapping[str, Any], *, attention: bool = False) -> None:
        pass

    def __init__(
        self, stop_at: str | None = None, error: Callable[[str], BaseException] = Stopped
    ) -> None:
        self.stop_at, self.error = stop_at, error
        self.calls: list[dict[str, Any]] = []
        self.sizes: list[int] = []

    def predict(self, texts: Sequence[str], **options: Any) -> list[dict[str, Any]]:
        if self.stop_at in texts:
            raise self.error(self.stop_at)
        self.calls.append(options)
        self.sizes.append(len(texts))
        together = sum(map(len, texts)) / len(texts) + options.get("seed", 0)
        return [
            {"text": text, "output": text[::-1], "score": together + place if text else None}
            for place, text in enumerate(texts)
        ]

    def attention(self, texts: Sequence[str], **options: Any) -> list[dict[str, Any]]:
        self.calls.append(options)
        return [
            {
                "text": text,
                "output": text[::-1],
                "source_tokens": text.split(),
                "output_tokens": text[::-1].split(),
                "weights": [[0.5] * len(text.split())] * len(text.split()),
            }
            for text in texts
        ]


class SequenceTaggerPredictor:
    """Tags each word O."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.stop_at = stop_at

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        if self.stop_at in texts:
            raise Stopped
        return [
            {"text": one, "entities": [], "tokens": one.split(), "tags": ["O"] * len(one.split())}
            for one in texts
        ]


Predictor = WriterPredictor | SequenceTaggerPredictor


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpseq.cli.text_input.WRITING_CHUNK", SIZE)
    monkeypatch.setattr("nlpseq.cli.text_input.CHUNK", SIZE)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Predictor], Predictor]:
    def _use(predictor: Predictor) -> Predictor:
        monkeypatch.setattr("nlpseq.model_directory.load", lambda name, device: predictor)
        return predictor

    return _use


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS))
    return path


# Options


def test_options_go_to_a_model_that_writes_and_each_chunk_has_its_seed(
    use: Callable[[Predictor], Predictor], source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = use(WriterPredictor())
    assert isinstance(writer, WriterPredictor)
    assert main(["predict", "some", "--file", str(source), "--beam", "3", "--seed", "7"]) == 0
    assert capsys.readouterr().out.split("\n") == [*(text[::-1] for text in TEXTS), ""]
    assert writer.sizes == [4, 4, 4, 4, 4, 3]
    asked = {"method": "beam", "beam_size": 3}
    assert writer.calls == [{**asked, "seed": 7 + number} for number in range(6)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--beam 3", "--beam: not for some, a sequence tagger"),
        ("--seed 3 --prefix x --top-k 0", "--top-k, --prefix, --seed: not for some"),
        ("--attention d", "--attention: not for some, a sequence tagger"),
    ],
)
def test_options_that_a_model_makes_nothing_of(
    words: str,
    said: str,
    use: Callable[[Predictor], Predictor],
    capsys: pytest.CaptureFixture[str],
) -> None:
    use(SequenceTaggerPredictor())
    assert main(["predict", "some", "text", *words.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_attention_of_the_first_fifty_texts(
    use: Callable[[Predictor], Predictor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("nlpseq.cli.prediction_writer.MOST_PICTURES", 3)
    writer = use(WriterPredictor())
    assert isinstance(writer, WriterPredictor)
    folder = tmp_path / "new" / "maps"
    words = ["predict", "some", "a b", "", "c d", "e", "f", "--attention", str(folder)]
    assert main([*words, "--num-best", "2", "--max-new-tokens", "5"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "b a\n\nd c\ne\nf\n"
    assert printed.err == f"Attention drawn in {folder}; 2 further texts are not drawn\n"
    assert writer.calls[-1] == {"method": "beam", "max_new_tokens": 5}
    assert sorted(os.listdir(folder)) == ["0001.png", "0003.png", "attention.html"]
    # Of a complete file only the pictures are made again.
    output = tmp_path / "out"
    output.write_text("complete\n")
    (folder / "0003.png").unlink()
    assert main([*words, "--output", str(output), "--resume"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{output} is complete\n"
    assert printed.err.endswith("; 2 further texts are not drawn\n")
    assert output.read_text() == "complete\n"
    assert (folder / "0003.png").exists()
    (tmp_path / "file").touch()
    assert main(["predict", "some", "a", "--attention", str(tmp_path / "file")]) == 2


def test_progress_is_one_line_and_only_of_several_chunks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = Prediction(WriterPredictor(), progress=True)
    for texts, lines in ((TEXTS, 6), (TEXTS[:3], 0)):
        assert len(list(asked.pieces(iter(texts)))) == -(-len(texts) // SIZE)
        said = capsys.readouterr().err
        assert len(re.findall(r"\r[\d,]+ texts answered, [\d.,]+ a second", said)) == lines
        assert said.count("\n") == min(lines, 1)
    list(asked.pieces(iter(TEXTS[8:]), first_chunk=2))
    assert "\r23 texts answered" in capsys.readouterr().err


# Going on


def whole(predictor: Predictor, form: str | None, output: Path) -> bytes:
    Prediction(predictor, form).write(output, iter(TEXTS))
    assert not partial_of(output).exists()
    return output.read_bytes()


@pytest.mark.parametrize("form", ["json", "text", "conll"])
@settings(max_examples=25, deadline=None)
@given(
    stop=st.integers(0, len(TEXTS) - 1), cut=st.integers(0, 400), again=st.integers(0, len(TEXTS))
)
def test_stopped_anywhere_and_cut_anywhere_the_file_ends_with_the_same_bytes(
    form: str,
    stop: int,
    cut: int,
    again: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("resume")
    kind = SequenceTaggerPredictor if form == "conll" else WriterPredictor
    expected = whole(kind(), form, folder / "whole")
    output = folder / "out"
    texts = [*TEXTS, "never"]
    # Twice stopped, and the file cut off in between as a full disk or a dead machine may do.
    for place in (stop, again):
        stopped = Prediction(kind(texts[place] or None), form)
        try:
            stopped.write(output, iter(TEXTS), resume=True)
        except Stopped:
            partial = partial_of(output)
            if partial.exists():
                assert partial.stat().st_size > 0
                kept = max(partial.stat().st_size - cut, 1)
                os.truncate(partial, kept)
    Prediction(kind(), form).write(output, iter(TEXTS), resume=True)
    assert output.read_bytes() == expected
    assert sorted(os.listdir(folder)) == ["out", "whole"]


def stop(
    output: Path, *, at: str = "text 9", form: str | None = None, seed: int | None = None
) -> None:
    with pytest.raises(Stopped):
        Prediction(WriterPredictor(at), form, seed=seed).write(output, iter(TEXTS))
    assert partial_of(output).read_bytes().count(b"\n") == 8


def test_only_what_is_not_answered_is_answered(tmp_path: Path) -> None:
    output = tmp_path / "out"
    stop(output, seed=3)
    writer = WriterPredictor()
    read: list[str] = []

    def texts() -> Iterator[str]:
        for text in TEXTS:
            read.append(text)
            assert len(read) <= 8 + SIZE * (len(writer.sizes) + 1)  # no further than needed
            yield text

    Prediction(writer, seed=3).write(output, texts(), resume=True)
    assert writer.sizes == [4, 4, 4, 3]
    assert [call["seed"] for call in writer.calls] == [5, 6, 7, 8]


def test_what_stands_in_the_way_is_said(
    use: Callable[[Predictor], Predictor],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use(WriterPredictor())
    output = tmp_path / "out.txt"
    words = ["predict", "some", "--file", str(source), "--output", str(output)]
    stop(output)
    before = partial_of(output).read_bytes()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"{partial_of(output)} holds answers" in said
    assert "--resume" in said
    assert "--overwrite" in said
    assert partial_of(output).read_bytes() == before
    assert main([*words, "--overwrite"]) == 0
    assert not partial_of(output).exists()
    assert capsys.readouterr().out == f"Written to {output}\n"
    # Now it is complete: with --resume nothing is to do, without it is written anew.
    use(WriterPredictor("text 1"))
    assert main([*words, "--resume"]) == 0
    assert capsys.readouterr().out == f"{output} is complete\n"
    with pytest.raises(Stopped):
        main(words)
    assert output.exists()


@pytest.mark.parametrize(
    ("begun", "resumed", "texts", "said"),
    [
        ("json", "json", TEXTS[:7], "more than the 7 answers"),
        ("text", "text", TEXTS[:7], "more than the 7 answers"),
        (
            "json",
            "json",
            ["other", *TEXTS[1:]],
            "answer 1: is of '', but the text there is 'other'",
        ),
        ("json", "json", [*TEXTS[:6], "x", *TEXTS[7:]], "answer 7: is of 'text 6'"),
        ("text", "json", TEXTS, "answer 1: not JSON"),
        ("json", "text", TEXTS, "answer 1: JSON; go on with --format json"),
    ],
)
def test_other_texts_or_another_form_are_refused(
    begun: str, resumed: str, texts: list[str], said: str, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    stop(output, form=begun)
    before = partial_of(output).read_bytes()
    with pytest.raises(UserError, match=said):
        Prediction(WriterPredictor(), resumed).write(output, iter(texts), resume=True)
    assert partial_of(output).read_bytes() == before


def test_other_tokens_are_refused(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with pytest.raises(Stopped):
        Prediction(SequenceTaggerPredictor("text 9"), "conll").write(output, iter(TEXTS))
    with pytest.raises(UserError, match="answer 2: not the tokens of 'other'"):
        Prediction(SequenceTaggerPredictor(), "conll").write(
            output, iter(["", "other", *TEXTS[2:]]), resume=True
        )


def test_texts_of_several_lines_go_on_in_json_alone(tmp_path: Path) -> None:
    output, texts = tmp_path / "out", ["a\nb", "c", "d", "e", "f"]
    for form, said in (("text", "--format json"), ("json", "")):
        with pytest.raises(Stopped):
            Prediction(SequenceTaggerPredictor("f"), form).write(output, iter(texts))
        again = Prediction(SequenceTaggerPredictor(), form)
        if said:
            with pytest.raises(UserError, match=said):
                again.write(output, iter(texts), resume=True)
        else:
            again.write(output, iter(texts), resume=True)
    assert [json.loads(line)["text"] for line in output.read_text().splitlines()] == texts


def test_a_bad_text_further_down_costs_nothing_but_itself(
    use: Callable[[Predictor], Predictor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("nlpseq.cli.prediction_writer.AHEAD", 1)
    use(WriterPredictor())
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes(b"a\n" * 9 + b"\xff\n")
    words = ["predict", "some", "--file", str(source), "--output", str(output)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "line 10: not UTF-8" in said
    assert f"the answers so far are in {partial_of(output)}, --resume goes on" in said
    assert said.count("\n") == 1
    source.write_bytes(b"a\n" * 9 + b"z\n")
    assert main([*words, "--resume"]) == 0
    assert output.read_text() == "a\n" * 9 + "z\n"


def test_a_text_that_cannot_be_answered_is_named_by_its_line(
    use: Callable[[Predictor], Predictor],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is the fourth of the third chunk of four."""
    use(WriterPredictor("text 11", lambda _: TextError(3, "is too long")))
    output = tmp_path / "out.txt"
    words = ["predict", "some", "--file", str(source), "--output", str(output)]
    assert main(words) == 2
    assert f"{source}, line 12: is too long; the answers so far" in capsys.readouterr().err
    assert main(["predict", "some", *[text or "x" for text in TEXTS]]) == 2
    assert "error: text 12: is too long" in capsys.readouterr().err


def test_answers_of_another_run_or_of_other_options_are_not_mixed(
    use: Callable[[Predictor], Predictor],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use(WriterPredictor("text 9", KeyboardInterrupt))
    output = tmp_path / "out.txt"
    words = ["predict", "some", "--file", str(source), "--output", str(output), "--beam", "2"]
    assert main(words) == 130
    use(WriterPredictor())
    begun = f"{partial_of(output)} was begun with"
    for other, said in (
        (["predict", "another", *words[2:]], "run = some, and now it is run = another"),
        ([*words[:-1], "3"], "beam_size = 2, and now it is beam_size = 3"),
        ([*words, "--seed", "4"], "no seed, and now it is seed = 4"),
        ([*words, "--max-new-tokens", "4"], "no max_new_tokens, and now it is max_new_tokens = 4"),
    ):
        capsys.readouterr()
        assert main([*other, "--resume"]) == 2
        printed = capsys.readouterr().err
        assert f"{begun} {said}: go on with the same" in printed
        assert printed.count("\n") == 1
    assert main([*words, "--resume"]) == 0
    assert sorted(os.listdir(tmp_path)) == ["in.txt", "out.txt"]
    assert output.read_text().split("\n")[:-1] == [text[::-1] for text in TEXTS]


def test_the_file_of_texts_is_not_written_over(
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
        assert f"--output {Path(name)}: would be written over the --file of the texts" in said
        assert file.read_bytes() == before


def test_a_part_of_which_nothing_else_is_known_is_gone_on_with(tmp_path: Path) -> None:
    output = tmp_path / "out"
    stop(output, seed=3)
    (tmp_path / "out.partial.json").unlink()
    Prediction(WriterPredictor(), seed=4).write(output, iter(TEXTS), resume=True)
    assert os.listdir(tmp_path) == ["out"]


def test_a_page_removes_what_was_left_of_answers(tmp_path: Path) -> None:
    output = tmp_path / "out"
    stop(output)
    assert sorted(os.listdir(tmp_path)) == ["out.partial", "out.partial.json"]
    Prediction(WriterPredictor(), "html").write(output, iter(TEXTS))
    assert os.listdir(tmp_path) == ["out"]


def test_a_page_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    output = tmp_path / "out.html"
    with pytest.raises(Stopped):
        Prediction(WriterPredictor("text 9"), "html").write(output, iter(TEXTS))
    assert os.listdir(tmp_path) == []
    Prediction(WriterPredictor(), "html").write(output, iter(TEXTS))
    assert output.read_text().endswith("</html>\n")


def test_an_interruption_names_the_command_that_goes_on(
    use: Callable[[Predictor], Predictor],
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use(WriterPredictor("text 9", KeyboardInterrupt))
    output = tmp_path / "out.txt"
    words = ["predict", "some", "--file", str(source), "--output", str(output), "--beam", "2"]
    assert main([*words, "--overwrite"]) == 130
    said = capsys.readouterr().err.strip()
    assert said.endswith(f"to go on: nlpseq {' '.join(words)} --resume")
    use(WriterPredictor())
    assert main([*words, "--resume"]) == 0
    assert f"Going on behind 8 answers in {partial_of(output)}" in capsys.readouterr().err
    assert output.read_text().split("\n")[:-1] == [text[::-1] for text in TEXTS]
    # Before anything is answered there is nothing to go on with; texts behind -- stay texts.
    use(WriterPredictor("text 1", KeyboardInterrupt))
    assert main([*words[:-2], "--overwrite"]) == 130
    assert capsys.readouterr().err.strip() == "nlpseq: interrupted"
    use(WriterPredictor("--resume", KeyboardInterrupt))
    behind = ["predict", "some", "--output", str(output), "--", "-a", "b", "c", "d", "--resume"]
    assert main(behind) == 130
    assert f"--output {output} --resume -- -a b c d --resume" in capsys.readouterr().err


def test_two_do_not_write_one_file(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with GrowingFile(output) as first:
        first.append("one\n")
        with pytest.raises(UserError, match="another process is writing it"):
            GrowingFile(output)
        first.append("two\n")
        first.finish()
    assert output.read_text() == "one\ntwo\n"


def test_a_full_disk_keeps_what_is_answered(
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
        with pytest.raises(UserError, match="no space left.*--resume goes on"):
            Prediction(WriterPredictor()).write(output, iter(TEXTS))
    assert partial_of(output).read_bytes().count(b"\n") >= 2 * SIZE
    Prediction(WriterPredictor()).write(output, iter(TEXTS), resume=True)
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
    lines = [" ".join(chance.choices(known, k=chance.randrange(30))) for _ in range(30 * CHUNK)]
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(lines) + "\n")
    words = ["predict", str(run), "--file", str(source), "--device", "cpu", "--output"]
    run_anew([*words, str(tmp_path / "whole.jsonl")])
    kept = 0
    for number in range(4):
        command = Command([*words, str(output), "--resume"])
        wait_for_more(command, partial_of(output), kept)
        time.sleep(chance.uniform(0, 0.2))
        # The last is Ctrl-C, which says how to go on.
        command.signal(signal.SIGINT if number == 3 else signal.SIGKILL)
        said = command.finish(130 if number == 3 else -signal.SIGKILL)
        assert partial_of(output).stat().st_size > kept
        kept = partial_of(output).stat().st_size
    assert "Traceback" not in said
    assert said.strip().endswith("--resume")
    Command(shlex.split(said.partition("to go on: nlpseq ")[2])).finish()
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["in.txt", "out.jsonl", "whole.jsonl"]
