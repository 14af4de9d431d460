"""Normal form, lower case and digits, and the way back to the text as it was given."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.normalizer import Normalizer
from tests.data.scripts import SCRIPTS


def parts(normalizer: Normalizer, text: str) -> list[tuple[str, str]]:
    """Return each character of the normalised text with what it was made from."""
    aligned = normalizer.fold_aligned(normalizer.align(text))
    spans = [aligned.span(index, index + 1) for index in range(len(aligned.text))]
    return [(char, text[a:b]) for char, (a, b) in zip(aligned.text, spans, strict=True)]


def test_composed_letters_point_to_all_of_their_marks() -> None:
    text = "cafe\u0301 u\u0308b"
    assert parts(Normalizer(), text)[3:6] == [("é", "e\u0301"), (" ", " "), ("ü", "u\u0308")]
    assert parts(Normalizer(), "\u1112\u1161\u11ab\u1100")[0] == ("한", "\u1112\u1161\u11ab")
    assert parts(Normalizer("none"), text) == [(char, char) for char in text]


def test_lower_case_knows_the_final_sigma_and_the_turkish_letters() -> None:
    assert Normalizer(lowercase=True).fold("ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ, Σ") == "οδυσσευς σοφος, σ"
    turkish = Normalizer(lowercase=True, language="tr")
    assert turkish.fold("DIŞ İZMİR") == "dış izmir"
    assert Normalizer(lowercase=True).fold("DIŞ") == "diş"
    assert parts(Normalizer(lowercase=True), "xİy")[1:3] == [("i", "İ"), ("\u0307", "İ")]


def test_digits_become_zero_after_lower_case() -> None:
    assert Normalizer(lowercase=True, digits_as_zero=True).fold("B52 ٣") == "b00 ٣"


@given(st.text(SCRIPTS, max_size=12), st.booleans(), st.sampled_from([None, "tr"]))
@settings(deadline=None, max_examples=300)
def test_any_text(text: str, lowercase: bool, language: str | None) -> None:
    normalizer = Normalizer(lowercase=lowercase, language=language)
    canonical = normalizer.align(text)
    assert canonical.text == unicodedata.normalize("NFC", text)
    made = parts(normalizer, text)
    folded = "".join(char for char, _ in made)
    assert folded == normalizer.fold(normalizer.canonical(text))
    assert normalizer.fold(folded) == folded or "İ" in text
    backend = normalizer.backend()
    assert backend is not None
    assert backend.normalize_str(text) == folded
    for char, origin in made:
        assert char in normalizer.fold(normalizer.canonical(origin)) or char in "σς"


@pytest.mark.parametrize("normalizer", [Normalizer("none"), Normalizer("none", False, "tr")])
def test_nothing_to_do(normalizer: Normalizer) -> None:
    assert normalizer.backend() is None
    assert normalizer.fold(normalizer.canonical("İe\u0301")) == "İe\u0301"
