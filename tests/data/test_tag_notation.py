"""The notation of tags: spans however they are spelled, bare prefixes, plain tags."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpseq.data.tag_notation import (
    are_bare,
    are_spans,
    canonical_tags,
    plain_note,
    scheme_note,
)
from nlpseq.data.tag_schemes import (
    check_tags,
    convert_tags,
    spans_to_tags,
    tag_vocabulary,
    tags_to_spans,
)
from nlpseq.errors import UserError


@pytest.mark.parametrize(
    "tags",
    [
        "O B-PER I-PER",
        "O I-PER B-PER",
        "O B-PER I-PER E-PER S-LOC",
        "O B-PER I-PER L-PER U-LOC",
        "B-NN E-NN S-VB M-NN",
        "O B I",
        "B I",
        "O I",
        "B M E S",
        "O B I L U",
        "o b-PER i-PER",
        "_ B-PER I-PER",
        "- B-PER",
        "0 B-PER",
        "O B_PER I_PER",
        "O B:PER",
        "O",
        "O B-PER X-PER",
        "X-PER Y-LOC",
        "O B-PER PER",
    ],
)
def test_tags_of_spans(tags: str) -> None:
    assert are_spans({*tags.split()})


@pytest.mark.parametrize(
    "tags",
    [
        "NOUN VERB PUNCT",
        "O PER LOC",
        "N V E C L M I S A O",  # one letter for each part of speech
        "_ Case=Nom|Number=Sing Number=Plur",
        "NN NNS VB , . -LRB-",
        "B C D",
        "N-sg N-pl V S-x noun",
        "O N_x V_y",
    ],
)
def test_plain_tags(tags: str) -> None:
    assert not are_spans({*tags.split()})


def test_other_spellings() -> None:
    tags = ["o", "b-PER", "I_PER", "E:a-b", "O", "S-x", "_"]
    expected = {"o": "O", "b-PER": "B-PER", "I_PER": "I-PER", "E:a-b": "E-a-b", "_": "O"}
    assert canonical_tags(tags) == expected


@given(
    st.lists(st.booleans(), max_size=12), st.sampled_from(["BIO", "IOB1", "BIOES"]), st.booleans()
)
def test_bare_tags_survive_every_conversion(words: list[bool], scheme: str, typed: bool) -> None:
    tags = ["B" if word else "O" for word in words]
    spans = tags_to_spans(tags)
    assert [span.type for span in spans] == [""] * sum(words)
    written = spans_to_tags(spans, len(tags), scheme)  # type: ignore[arg-type]
    check_tags([written], "here", bare=True)
    assert convert_tags(written, "BIO") == tags
    if typed and any(words):
        named = [f"{tag}-X" if tag != "O" else tag for tag in written]
        assert [span[1:] for span in tags_to_spans(named)] == [span[1:] for span in spans]


def test_the_vocabulary_of_a_nameless_type_is_bare() -> None:
    assert tag_vocabulary([""], "BIOES") == ["O", "B", "I", "E", "S"]
    assert are_bare(tag_vocabulary([""], "BIO"))


@pytest.mark.parametrize("tag", ["X", "B-PER", "", "b"])
def test_bare_tags_and_others_do_not_mix(tag: str) -> None:
    with pytest.raises(UserError, match="sentence 1, token 2: the tag"):
        check_tags([["B", tag]], "here", bare=True)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ("B-PER I-PER O B-LOC", "LOC, PER, in the scheme BIO \\(IOB2\\), learnt as BIO$"),
        ("I-PER I-PER B-PER O", "PER, in the scheme IOB1"),
        ("B-PER L-PER U-PER", "in the scheme BILOU"),
        ("B-PER M-PER E-PER S-PER", "in the scheme BMES"),
        ("B-PER M-PER E-PER W-PER", "in the scheme BMEWO"),
        ("B I O", "one type without a name, in the scheme BIO"),
        ("B-A E-A S-A O E-A", "1 tags violate the scheme"),
    ],
)
def test_the_note_names_the_scheme(tags: str, said: str) -> None:
    assert re.search(said, scheme_note([tags.split()], "BIO"))


def test_the_note_on_plain_tags_tells_how_to_change_it() -> None:
    assert "3 plain tags (A, B, O)" in plain_note({"A", "B", "O"})
    assert "no prefix B- or I-" in plain_note({"PER", "O"})
    assert "no prefix" not in plain_note({"NOUN", "VERB"})
    assert "and 28 more" in plain_note({f"T{number}" for number in range(40)})
