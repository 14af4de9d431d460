"""Outputs as text: general rules, exceptions learnt from texts, and texts that come back whole."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.detokenizer import Detokenizer, detokenize_by_moses, find_joins
from nlpseq.data.word_tokenizer import split_words, tokenize_words

TEXTS = [
    "Use C++ or F# with #deploy, not d[0]!",
    "ping @mira_k about node.js & co",
    "we cheer 🇫🇷🇯🇵 and 🇧🇷 today",
    "She said: \"It's fine (really), isn't it?\"",
    "pay $5 or 7% of and/or prices",
    "狐狸在睡觉。你呢？用Python写！",
    "キツネが、寝る（昼）。",
    "สุนัข นอน หลับ",
    "قال: أَهْلًا، كيف؟",
    "« Oui », dit-il ; non !",
    "Prix : 5 €",
    "a + b = c -- d",
    "the dogs' 'old' house...",
    "x->y, a==b; 3*4=12",
]


def tokens_of(text: str) -> list[str]:
    return [word.text for word in split_words(text, version=2)]


def test_the_texts_of_train_come_back() -> None:
    detokenizer = Detokenizer.learn((tokens_of(text), text) for text in TEXTS)
    for text in TEXTS:
        assert detokenizer(" ".join(tokens_of(text))) == text


@given(
    st.lists(
        st.text(alphabet=st.sampled_from("ab1é狐狸ก +#@\"()[]-/.,:;!?%$&’'🇩🇪😀"), max_size=14),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=300, deadline=None)
def test_exceptions_never_make_more_errors_and_lose_no_character(texts: list[str]) -> None:
    texts = [" ".join(text.split()) for text in texts]
    examples = [(tokens_of(text), text) for text in texts]
    learnt, rules = Detokenizer.learn(examples), Detokenizer()

    def errors(detokenizer: Detokenizer) -> int:
        return sum(
            join != right
            for tokens, text in examples
            for join, right in zip(
                detokenizer.joins(tokens), find_joins(tokens, text) or (), strict=True
            )
        )

    assert errors(learnt) <= errors(rules)
    for tokens, text in examples:
        assert learnt(" ".join(tokens)).replace(" ", "") == text.replace(" ", "")


@given(st.text(alphabet=st.sampled_from("ab1é狐狸ก +#@\"()[]-/.,:;!?%$&’'🇩🇪😀"), max_size=20))
@settings(max_examples=300, deadline=None)
def test_a_text_without_repeated_tokens_comes_back(text: str) -> None:
    text = " ".join(text.split())
    tokens = tokens_of(text)
    if len(set(tokens)) == len(tokens):
        assert Detokenizer.learn([(tokens, text)])(" ".join(tokens)) == text


def test_a_new_word_is_written_as_the_known_ones() -> None:
    detokenizer = Detokenizer.learn((tokens_of(text), text) for text in TEXTS)
    assert detokenizer("try # rollback with @ bob") == "try #rollback with @bob"
    assert Detokenizer()('he said " no " ( twice ) .') == 'he said "no" (twice).'
    assert Detokenizer()("it 's Ann 's , is n't it ?") == "it's Ann's, isn't it?"


def test_the_majority_decides() -> None:
    rows = [("a / b".split(), "a/b")] * 3 + [("a / b".split(), "a / b")]
    assert Detokenizer.learn(rows)("a / b") == "a/b"
    assert Detokenizer.learn(rows[2:] * 2 + rows[3:])("a / b") == "a / b"


def test_it_survives_json() -> None:
    detokenizer = Detokenizer.learn((tokens_of(text), text) for text in TEXTS)
    again = Detokenizer.from_state(json.loads(json.dumps(detokenizer.state())))
    assert again.signature == detokenizer.signature
    for text in TEXTS:
        assert again(" ".join(tokens_of(text))) == text


@pytest.mark.parametrize(
    ("tokens", "text", "joins"),
    [
        (["C", "+", "+"], "C++", (True, True)),
        (["the", "<unk>", ","], "The fox,", (False, True)),
        (["<unk>", "<unk>"], "two words", (False,)),
        (["a", "0.0"], "a 3.7", (False,)),
        (["a", "b"], "a c", None),
        (["a"], "a b", None),
        (["<unk>"], "", None),
    ],
)
def test_joins_are_read_off_the_text(
    tokens: list[str], text: str, joins: tuple[bool, ...] | None
) -> None:
    assert find_joins(tokens, text) == joins


def test_lines_and_empty_texts_are_kept() -> None:
    assert Detokenizer()("one , two\n\nthree .") == "one, two\n\nthree."
    assert Detokenizer()("") == ""


@pytest.mark.parametrize(
    "text",
    [
        "He left the U.S. in 1996-08-30.",
        "Mr. J. Smith's dog doesn't bark, can't it?! I'm at the (old) inn: 10%; you've 5.",
        'A "VAIO" notebook is 3.5 cm thick.',
        "Two men aren't talking...\nOne's here.",
        "Ein Mann, der läuft; eine Frau (jung) läuft nicht.",
        "",
    ],
)
@pytest.mark.parametrize("detokenize", [detokenize_by_moses, Detokenizer()])
def test_words_are_written_again_as_they_were(text: str, detokenize: Callable[[str], str]) -> None:
    """Models of nlpseq 0.1 have only the rules of Moses, others have general rules."""
    assert detokenize(tokenize_words(text)) == text
