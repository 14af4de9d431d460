"""Files of tokens: separators, comments, columns that are guessed, named or numbered; and CoNLL-U."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.errors import UserError
from nlpseq.readers import LocalTable, ReadOptions, read_files
from nlpseq.readers.detect import detect


def read(folder: Path, content: str, format: str = "conll", **options) -> LocalTable:
    (folder / "t.txt").write_text(content, encoding="utf-8")
    return read_files(folder, "t.txt", format, ReadOptions(**options))


def tokens_and_tags(folder: Path, content: str, **options) -> list[tuple[list[str], list[str]]]:
    columns = read(folder, content, **options).table.to_pydict()
    values = [value for name, value in columns.items() if name != "line"]
    return list(zip(*values, strict=True))


@pytest.mark.parametrize("separator", [" ", "\t", "  ", " \t "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tabs_and_blanks(tmp_path, separator, end) -> None:
    content = end.join(["Ana B-PER", "naps O", "", "", "Rome B-LOC", ""]).replace(" ", separator)
    assert tokens_and_tags(tmp_path, content) == [
        (["Ana", "naps"], ["B-PER", "O"]),
        (["Rome"], ["B-LOC"]),
    ]


def test_tokens_with_blanks_between_tabs(tmp_path) -> None:
    content = "chủ tịch\tN\tO\n \tX\tO\nHà Nội\tNp\tB-LOC\n"
    assert tokens_and_tags(tmp_path, content) == [
        (["chủ tịch", " ", "Hà Nội"], ["O", "O", "B-LOC"])
    ]


def test_columns_that_are_aligned_by_tabs(tmp_path) -> None:
    assert tokens_and_tags(tmp_path, "Ana\t\tB-PER\nsleeping\tO\n") == [
        (["Ana", "sleeping"], ["B-PER", "O"])
    ]


def test_empty_last_columns_are_dropped(tmp_path) -> None:
    assert tokens_and_tags(tmp_path, "Ana\tB-PER\t\nnaps\tO\t\n")[0][1] == ["B-PER", "O"]
    with pytest.raises(UserError, match=r"line 2: column 3 \(tags\) is empty"):
        tokens_and_tags(tmp_path, "Ana\tx\tB-PER\nnaps\tx\t\n")


@pytest.mark.parametrize(
    "mark", ["-DOCSTART-", "-DOCSTART- O", "-DOCSTART- -X- -X- O", "-DOCSTART-\tO"]
)
@pytest.mark.parametrize("after", ["\n\n", "\n"])
def test_marks_of_documents_of_any_width(tmp_path, mark, after) -> None:
    table = read(tmp_path, f"{mark}{after}Ana NNP B-PER\n\n{mark}{after}Rome NNP B-LOC\n")
    assert table.table["tokens"].to_pylist() == [["Ana"], ["Rome"]]
    assert table.note == "2 -DOCSTART- lines skipped"


# Comments


@pytest.mark.parametrize("separator", [" ", "\t"])
@pytest.mark.parametrize(
    "comment",
    [
        "# id 5 domain=en",  # as many columns as a token
        "# text = O",
        "# global.columns = a b c d",
        "#newdoc",
        "# a longer comment about this sentence",
        "# O",
    ],
)
def test_comments_before_a_sentence(tmp_path, comment, separator) -> None:
    content = f"{comment}\nAna _ _ B-PER\nnaps _ _ O\n\n{comment}\n# more\nRome _ _ B-LOC\n"
    table = read(tmp_path, content.replace(" _ _ ", separator.join(["", "_", "_", ""])))
    assert table.table["tokens"].to_pylist() == [["Ana", "naps"], ["Rome"]]
    assert table.table["line"].to_pylist() == [2, 7]
    assert table.note == "3 comment lines skipped"


@pytest.mark.parametrize("separator", [" ", "\t"])
def test_tokens_that_begin_with_the_mark_of_comments(tmp_path, separator) -> None:
    content = "# O\n1 O\n\nthe O\n# O\nelm B-X\n\n#elm B-X\n\n#fir O\nis O\n\n# one sign\n# O\n"
    table = read(tmp_path, content.replace(" ", separator) if separator == "\t" else content)
    assert table.table["tokens"].to_pylist() == [
        ["#", "1"],
        ["the", "#", "elm"],
        ["#elm"],
        ["#fir", "is"],
        ["#"],
    ]
    assert table.note == "1 comment line skipped"


def test_a_comment_inside_a_sentence_is_no_token(tmp_path) -> None:
    with pytest.raises(UserError, match="line 2: 4 columns, 2 were expected"):
        read(tmp_path, "the O\n# a long remark\nelm O\n")


@pytest.mark.parametrize("comment", ["% a remark", "// x", "; y z w", "%", "<!-- x -->"])
@pytest.mark.parametrize("number", [1, 2])
def test_other_signs_of_comments_are_named(tmp_path, comment, number) -> None:
    lines = ["Ana NNP B-PER", "naps VBZ O"]
    lines.insert(number - 1, comment)
    said = rf"line {number}: . columns?, 3 were expected; it looks like a comment line"
    if len(comment.split()) == 3:
        lines = [line.replace(" NNP", "").replace(" VBZ", "") for line in lines]
        said = said.replace("3 were", "2 were")
    with pytest.raises(UserError, match=said):
        read(tmp_path, "\n".join(lines) + "\n")


def test_signs_of_comments_may_be_tokens(tmp_path) -> None:
    assert tokens_and_tags(tmp_path, "% O\n; O\n-- O\n") == [(["%", ";", "--"], ["O"] * 3)]


def test_words_alone_have_no_tags(tmp_path) -> None:
    table = read(tmp_path, "Ana\nnaps\n\nRome\n")
    assert table.table.to_pydict() == {"tokens": [["Ana", "naps"], ["Rome"]], "line": [1, 4]}
    assert table.note == "each line is one word alone, without a tag"
    asked = ("1", "2")
    table = read(tmp_path, "Ana\n\nRome\n", columns=asked, named=asked)
    assert table.table["1"].to_pylist() == [["Ana"], ["Rome"]]
    assert "2" not in table.table.column_names


# Headers


@pytest.mark.parametrize("gap", ["", "\n"])
@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Token NER", "{} {tag}"),
        ("word pos ner", "{} X {tag}"),
        ("id\tform\tlemma\tupos\ttag", "7\t{}\tb\tX\t{tag}"),
    ],
)
def test_usual_names_in_the_first_line_are_a_header(tmp_path, header, row, gap) -> None:
    lines = [row.format(word, tag=tag) for word, tag in (("Ana", "B-PER"), ("naps", "O"))]
    table = read(tmp_path, "\n".join([header + gap, *lines]) + "\n")
    assert table.table["tags"].to_pylist() == [["B-PER", "O"]]
    assert "the first line names the columns: " + ", ".join(header.split()) in table.note
    assert "data.header=false" in table.note
    assert table.table["tokens"].to_pylist() == [["Ana", "naps"]]


def test_a_header_says_which_column_has_the_words(tmp_path) -> None:
    table = read(tmp_path, "ner word\nB-A Ana\nO naps\n").table
    assert table["tags"].to_pylist() == [["B-A", "O"]]
    assert table["tokens"].to_pylist() == [["Ana", "naps"]]


def test_usual_names_that_are_tokens(tmp_path) -> None:
    assert tokens_and_tags(tmp_path, "word tag\nAna O\n", header=False) == [
        (["word", "Ana"], ["tag", "O"])
    ]
    repeated = "word label\nAna O\n\nword label\n"
    assert tokens_and_tags(tmp_path, repeated)[1] == (["word"], ["label"])
    assert tokens_and_tags(tmp_path, "Word O\nAna B-PER\n")[0][0] == ["Word", "Ana"]


def test_tags_that_would_be_the_words_are_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="'word', holds the words; .*{tags=pos}"):
        read(tmp_path, "pos lemma word\nN ana Ana\nV nap naps\n")


# Columns


NUMBERED = "1\tAna\tB-PER\tO\n2\tLee\tI-PER\tB-LOC\n3\tnaps\tO\tO\n\n1\tRome\tB-LOC\tO\n"


def test_numbers_in_the_first_column_and_two_columns_of_tags(tmp_path) -> None:
    with pytest.raises(
        UserError, match=r"column 3 and 4 hold tags; choose: data.columns=\{tokens=2, tags=3\}"
    ):
        read(tmp_path, NUMBERED)
    expected = [(["Ana", "Lee", "naps"], ["B-PER", "I-PER", "O"]), (["Rome"], ["B-LOC"])]
    assert tokens_and_tags(tmp_path, NUMBERED, columns=("2", "3")) == expected
    assert tokens_and_tags(tmp_path, NUMBERED, columns=("2", "-2")) == expected
    assert tokens_and_tags(tmp_path, NUMBERED, columns=("tokens", "3")) == [
        (tags, tokens) for tokens, tags in expected
    ]
    with pytest.raises(UserError, match="asks for column 5, the lines have 4 columns"):
        read(tmp_path, NUMBERED, columns=("2", "5"))


def test_numbers_in_the_first_column(tmp_path) -> None:
    for start in (0, 1):
        lines = [
            f"{start + n} {word} {tag}"
            for n, (word, tag) in enumerate([("Ana", "B-P"), ("naps", "O")])
        ]
        table = read(tmp_path, "\n".join(lines) + "\n\n" + f"{start} Rome O\n")
        assert table.table["tokens"].to_pylist() == [["Ana", "naps"], ["Rome"]]
        assert table.note == (
            "the first column numbers the tokens: tokens from column 2 and tags from column 3 "
            "(data.columns={tokens=2, tags=3})"
        )
    # Numbers that do not count are tokens.
    assert tokens_and_tags(tmp_path, "1 a O\n3 b O\n")[0][0] == ["1", "3"]
    assert tokens_and_tags(tmp_path, "1990 a O\n") == [(["1990"], ["O"])]


def test_tags_before_tokens(tmp_path) -> None:
    table = read(tmp_path, "B-TREE\telm\nO\tgrows\n")
    assert table.table["tokens"].to_pylist() == [["elm", "grows"]]
    assert (
        "the first column holds the tags: tokens from column 2 and tags from column 1" in table.note
    )


def test_a_last_column_without_content(tmp_path) -> None:
    with pytest.raises(UserError, match="the last column holds _ only, and column 2 holds tags"):
        read(tmp_path, "elm B-TREE _\ngrows O _\n")


NAMED = "Ana NNP B-PER\nnaps VBZ O\n"


@pytest.mark.parametrize(
    ("head", "header"),
    [
        ("word pos ner\n", "auto"),
        ("word pos ner\n\n", "auto"),
        ("word pos ner\n", True),
        ("# global.columns = word pos ner\n", "auto"),
    ],
)
def test_columns_by_name(tmp_path, head, header) -> None:
    read_ = tokens_and_tags(
        tmp_path,
        head + NAMED,
        columns=("word", "ner", "text"),
        named=("word", "ner"),
        header=header,
    )
    assert read_ == [(["Ana", "naps"], ["B-PER", "O"])]
    tags = tokens_and_tags(
        tmp_path, head + NAMED, columns=("word", "pos"), named=("word", "pos"), header=header
    )
    assert tags[0][1] == ["NNP", "VBZ"]


def test_a_header_that_is_not_asked_for(tmp_path) -> None:
    assert tokens_and_tags(tmp_path, NAMED, columns=("1", "2"))[0][1] == ["NNP", "VBZ"]
    assert tokens_and_tags(tmp_path, "word pos ner\n" + NAMED, header=True)[0][0] == ["Ana", "naps"]


WORD = st.text(
    st.characters(exclude_characters="#", codec="utf-8", categories=["L", "N", "S", "P"]),
    min_size=1,
)


@given(
    sentences=st.lists(
        st.lists(st.tuples(WORD, st.sampled_from(["B-X", "O"])), min_size=1, max_size=5), min_size=1
    ),
    separator=st.sampled_from(["\t", " "]),
)
@settings(deadline=None, max_examples=60)
def test_any_sentences_come_back(tmp_path_factory, sentences, separator) -> None:
    blocks = ["".join(f"{w}{separator}{t}\n" for w, t in sentence) for sentence in sentences]
    table = read(tmp_path_factory.mktemp("conll"), "\n".join(blocks), columns=("1", "2")).table
    back = zip(table["1"].to_pylist(), table["2"].to_pylist(), strict=True)
    assert [list(zip(*pair, strict=True)) for pair in back] == sentences


# CoNLL-U


UNIVERSAL = """\
# newdoc id = d1
# sent_id = a
# text = Vámonos al mar, dijo.
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\t_\tNumber=Plur\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\t_
3\ta\ta\tADP\t_\t_\t5\tcase\t_\t_
4\tel\tel\tDET\t_\t_\t5\tdet\t_\t_
5\tmar\tmar\tNOUN\tNN\t_\t1\tobl\t_\tSpaceAfter=No
6\t,\t,\tPUNCT\t_\t_\t1\tpunct\t_\t_
6.1\tse\t_\tPRON\t_\t_\t_\t_\t_\t_
7\tdijo\tdecir\tVERB\t_\t_\t1\tdep\t_\tSpaceAfter=No
8\t.\t.\tPUNCT\t_\t_\t1\tpunct\t_\t_

1\tHà Nội\tHà Nội\tPROPN\t_\t_\t0\troot\t_\t_
"""
FORMS = ["Vamos", "nos", "a", "el", "mar", ",", "dijo", "."]


@pytest.mark.parametrize("text", [True, False], ids=["text", "no text"])
def test_universal_dependencies(tmp_path, text) -> None:
    content = UNIVERSAL if text else UNIVERSAL.replace("# text = Vámonos al mar, dijo.\n", "")
    table = read(tmp_path, content, "conllu")
    columns = table.table.to_pydict()
    assert columns["tokens"] == columns["form"] == [FORMS, ["Hà Nội"]]
    assert columns["tags"] == columns["upos"]
    assert columns["upos"][1] == ["PROPN"]
    assert columns["feats"][0][0] == "Number=Plur"
    assert columns["text"] == ["Vámonos al mar, dijo.", "Hà Nội"]
    assert columns["sent_id"] == ["a", ""]
    assert columns["line"] == ([4, 16] if text else [3, 15])
    assert table.note == (
        "tags are the column upos (data.columns.tags changes this); 2 multiword tokens skipped; "
        "1 empty node skipped"
    )


def test_columns_of_universal_dependencies(tmp_path) -> None:
    table = read(tmp_path, UNIVERSAL, "conllu", columns=("form", "XPOS", "3")).table
    assert table.column_names == ["form", "XPOS", "3", "text", "sent_id", "line"]
    assert table["XPOS"].to_pylist()[0][4] == "NN"
    assert table["3"].to_pylist()[0][0] == "ir"
    plus = "# global.columns = ID FORM UPOS PARSEME:MWE\n1\telm\tNOUN\t*\n"
    table = read(tmp_path, plus, "conllu", columns=("tokens", "parseme:mwe")).table
    assert table["parseme:mwe"].to_pylist() == [["*"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 elm elm NOUN _ _ 0 root _ _\n", "line 1: 1 columns separated by tabs, CoNLL-U has 10"),
        ("x\telm\telm\tNOUN\t_\t_\t0\troot\t_\t_\n", "line 1: 'x' is no number of a word"),
        ("# text = a\n\n", "holds no example"),
    ],
)
def test_faults_of_universal_dependencies(tmp_path, content, message) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content, "conllu")


def test_detected_fields(tmp_path) -> None:
    (tmp_path / "t.txt").write_text(UNIVERSAL, encoding="utf-8")
    assert detect(tmp_path / "t.txt").fields == {"tokens": "form", "tags": "upos"}
    (tmp_path / "t.txt").write_text("Ana NNP B-PER\n\nnaps VBZ O\n")
    assert detect(tmp_path / "t.txt").fields == {"tokens": "1", "tags": "3"}
    (tmp_path / "t.txt").write_text(NUMBERED)
    detected = detect(tmp_path / "t.txt")
    assert detected.fields == {}
    assert detected.columns == ("1", "2", "3", "4")
    assert "column 3 and 4 hold tags" in detected.line
