import json
import random
import subprocess
import sys
import time
import unicodedata
from typing import get_args

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpseq.data.tokenizer import BOS, EOS, PAD, SPECIAL_TOKENS, UNK, Tokenizer
from nlpseq.errors import UserError
from nlpseq.recipe import TokenizationConfig

KINDS = get_args(TokenizationConfig.model_fields["kind"].annotation)
EXACT = ["character", "bpe", "unigram"]
SENTENCE = (
    "the quick brown fox jumps over a lazy dog , and it doesn't stop . 42 times ! Äpfel übrig"
)
WORDS = SENTENCE.split()
CORPUS = [" ".join(random.Random(n).choices(WORDS, k=12)) for n in range(200)]
CORPUS += ["new\nline \t tab", "two  spaces", "".join(sorted(set("".join(WORDS))))]
ALPHABET = sorted(set("".join(CORPUS)))


def config(kind: str, **options: object) -> TokenizationConfig:
    size = {"vocabulary_size": 400} if kind in ("bpe", "wordpiece", "byte_bpe") else {}
    size = {"vocabulary_size": 120} if kind == "unigram" else size
    return TokenizationConfig.model_validate({"kind": kind, **size, **options})


@pytest.fixture(scope="module")
def trained() -> dict[str, Tokenizer]:
    return {kind: Tokenizer.train(config(kind), CORPUS) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_special_ids_are_fixed_and_the_kind_is_known(trained, kind) -> None:
    one = trained[kind]
    assert one.vocabulary[:4] == SPECIAL_TOKENS == [PAD, UNK, BOS, EOS]
    assert (one.pad_id, one.unk_id, one.bos_id, one.eos_id) == (0, 1, 2, 3)
    assert one.kind == kind
    assert len(one) == len(one.vocabulary) == len(set(one.vocabulary))
    assert len(one) <= config(kind).vocabulary_size


@given(text=st.text(ALPHABET, max_size=60))
@settings(deadline=None, max_examples=60)
@pytest.mark.parametrize("kind", EXACT)
def test_text_of_known_characters_comes_back_exactly(trained, kind, text) -> None:
    ids = trained[kind].encode(text)
    assert trained[kind].decode(ids) == text
    assert not set(ids) & {0, 1, 2, 3}


@given(text=st.text(max_size=60))
@settings(deadline=None, max_examples=100)
def test_bytes_come_back_exactly_whatever_the_text(trained, text) -> None:
    ids = trained["byte_bpe"].encode(text)
    assert trained["byte_bpe"].decode(ids) == unicodedata.normalize("NFC", text)
    assert not set(ids) & {0, 1, 2, 3}


@given(
    words=st.lists(st.sampled_from(WORDS)),
    blanks=st.lists(st.sampled_from([" ", "  ", "\n", "\t"])),
)
@settings(deadline=None, max_examples=60)
def test_words_come_back_with_single_spaces(trained, words, blanks) -> None:
    text = "".join(w + (blanks[n % len(blanks)] if blanks else " ") for n, w in enumerate(words))
    assert trained["word"].decode(trained["word"].encode(text)) == " ".join(words)
    assert trained["word"].tokens(text) == words


@given(text=st.text(ALPHABET, max_size=60))
@settings(deadline=None, max_examples=60)
def test_wordpiece_keeps_all_but_white_space(trained, text) -> None:
    once = trained["wordpiece"].decode(trained["wordpiece"].encode(text))
    assert once.replace(" ", "") == "".join(text.split())
    assert trained["wordpiece"].decode(trained["wordpiece"].encode(once)) == once


@given(text=st.text(max_size=60))
@settings(deadline=None, max_examples=60)
@pytest.mark.parametrize("kind", KINDS)
def test_any_text_is_encoded_in_range_and_alike_alone_or_in_a_batch(trained, kind, text) -> None:
    one = trained[kind]
    ids = one.encode(text)
    assert all(0 <= id < len(one) for id in ids)
    assert not set(ids) & {one.pad_id, one.bos_id, one.eos_id}
    assert one.encode_batch(["the fox", text, ""]) == [one.encode("the fox"), ids, []]
    assert one.tokens(text) == [one.vocabulary[id] for id in ids]


@pytest.mark.parametrize("kind", KINDS)
def test_spelt_out_special_tokens_are_not_special(kind) -> None:
    texts = ["a <eos> b <pad> c<eos><bos> <unk>"] * 50
    one = Tokenizer.train(config(kind), texts)
    ids = one.encode(texts[0])
    assert not set(ids) & {one.pad_id, one.bos_id, one.eos_id}
    assert len(one) == len(set(one.vocabulary))
    names = ["<pad_>", UNK, "<bos>", "<eos_>"] if kind == "word" else SPECIAL_TOKENS
    assert one.vocabulary[:4] == names  # words of the texts keep their spelling
    assert Tokenizer(one.backend).eos_id == one.eos_id == 3
    if kind not in ("word", "wordpiece"):
        assert one.decode(ids) == texts[0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "byte_bpe"])
def test_unknown_characters_become_unknown(trained, kind) -> None:
    assert trained[kind].unk_id in trained[kind].encode("fox ☃")
    assert UNK in trained[kind].decode(trained[kind].encode("fox ☃"))
    assert UNK in trained[kind].tokens("☃")


def test_decoding_leaves_special_tokens_out_but_shows_unknown(trained) -> None:
    for kind in KINDS:
        ids = trained[kind].encode("the fox")
        assert trained[kind].decode([2, *ids, 3, 0, 0]) == "the fox"
        assert UNK in trained[kind].decode([1])


def test_text_like_penn_treebank() -> None:
    texts = [" the <unk> of N years ", " the N <unk> <unk> ", " a N <unk> "]
    one = Tokenizer.train(config("word"), texts)
    assert one.vocabulary == [*SPECIAL_TOKENS, "N", "the", "a", "of", "years"]  # falling, then A-Z
    assert one.encode(texts[0]) == [5, 1, 7, 4, 8]
    assert one.decode(one.encode(texts[1])) == "the N <unk> <unk>"


def test_rare_and_surplus_words_become_unknown() -> None:
    texts = ["a a a b b c", "d d d d"]
    assert Tokenizer.train(config("word", min_frequency=2), texts).vocabulary[4:] == ["d", "a", "b"]
    assert Tokenizer.train(config("word", vocabulary_size=6), texts).vocabulary[4:] == ["d", "a"]
    assert Tokenizer.train(config("character", min_frequency=3), texts).vocabulary[4:] == [
        " ",
        "d",
        "a",
    ]
    assert Tokenizer.train(config("character", vocabulary_size=5), texts).tokens("d a") == [
        UNK,
        " ",
        UNK,
    ]


def test_lower_case(trained) -> None:
    for kind in KINDS:
        one = Tokenizer.train(config(kind, lowercase=True), ["The FOX and the fox", "ÄPFEL"] * 3)
        assert one.decode(one.encode("THE fox")) == "the fox"
        assert not any(token != token.lower() for token in one.vocabulary[4:]) or kind == "byte_bpe"
        assert one.encode("ÄPFEL") == one.encode("äpfel")


def test_same_texts_give_the_same_file(trained, tmp_path) -> None:
    """Another process, where hashes of strings differ, writes the same file too."""
    script = (
        "import json, sys; from pathlib import Path\n"
        "from nlpseq.data.tokenizer import Tokenizer\n"
        "from nlpseq.recipe import TokenizationConfig\n"
        "given = json.loads(sys.argv[1])\n"
        "for one in given['configs']:\n"
        "    tokenizer = Tokenizer.train(TokenizationConfig(**one), given['texts'])\n"
        "    tokenizer.save(Path(sys.argv[2], one['kind']))"
    )
    configs = [config(kind).model_dump() for kind in KINDS]
    arguments = [json.dumps({"configs": configs, "texts": CORPUS}), str(tmp_path / "other")]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True)
    for kind in KINDS:
        trained[kind].save(tmp_path / "here" / kind)
        for file in ["tokenizer.json", "tokenizer_config.json"]:
            here, other = (tmp_path / place / kind / file for place in ("here", "other"))
            assert here.read_bytes() == other.read_bytes(), kind


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_it_is_the_same(trained, kind, tmp_path) -> None:
    trained[kind].save(tmp_path / "folder")
    text = "the <eos> quick ☃\nfox  doesn't"
    for path in [tmp_path / "folder", tmp_path / "folder" / "tokenizer.json"]:
        one = Tokenizer.load(path)
        assert (one.kind, one.vocabulary) == (kind, trained[kind].vocabulary)
        assert one.encode(text) == trained[kind].encode(text)
        assert one.decode(one.encode(text)) == trained[kind].decode(trained[kind].encode(text))
    assert not list((tmp_path / "folder").glob("*.tmp"))
    again = Tokenizer.from_config(config("word", path=str(tmp_path / "folder")), ["not read"])
    assert again.vocabulary == trained[kind].vocabulary


def test_transformers_loads_the_folder_and_encodes_alike(trained, tmp_path) -> None:
    transformers = pytest.importorskip("transformers")
    texts = [CORPUS[0], "the <eos> quick ☃\nfox  doesn't <unk> <pad>", "ÄPFEL"]
    for kind in KINDS:
        trained[kind].save(tmp_path / kind)
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / kind)
        for text in texts:
            ids = trained[kind].encode(text)
            assert theirs(text)["input_ids"] == ids, kind
            assert theirs.decode(ids) == trained[kind].decode(ids), kind
        assert len(theirs) == len(trained[kind])
        assert (theirs.pad_token_id, theirs.unk_token_id) == (0, 1)
        assert (theirs.bos_token_id, theirs.eos_token_id) == (2, 3)


def test_the_character_kind_agrees_with_the_library(trained) -> None:
    one = trained["character"]
    for text in [CORPUS[3], "☃ fox\r\n\t", ""]:
        assert one.encode(text) == one.backend.encode(text, add_special_tokens=False).ids
        ids = one.encode(text)
        assert one.decode(ids) == one.backend.decode(ids, skip_special_tokens=False)


def test_a_long_line_of_characters_is_fast(trained) -> None:
    text = " ".join(CORPUS) * 60
    assert len(text) > 500_000
    start = time.process_time()
    ids = trained["character"].encode(text)
    assert trained["character"].decode(ids) == text
    assert time.process_time() - start < 2


def test_a_foreign_tokenizer_keeps_its_ids(tmp_path) -> None:
    vocabulary = {"[UNK]": 0, "a": 1, "[CLS]": 2, "b": 3, "[SEP]": 4, "[MASK]": 5}
    foreign = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    foreign.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    foreign.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    foreign.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 4), ("[CLS]", 2))
    foreign.enable_padding(length=7)
    foreign.enable_truncation(2)
    foreign.save(str(tmp_path / "tokenizer.json"))
    one = Tokenizer.load(tmp_path)
    assert (one.unk_id, one.bos_id, one.eos_id) == (0, 2, 4)
    assert one.pad_id == 6  # it had none
    assert one.vocabulary[6] == PAD
    assert len(one) == 7
    assert one.encode("a b a x") == [1, 3, 1, 0]
    assert one.decode([2, 1, 3, 0, 5, 4, 6]) == "a b [UNK]"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "byte_bpe"])
@pytest.mark.parametrize("texts", [[], ["", "  "]])
def test_nothing_to_learn_from(kind, texts) -> None:
    if kind in ("character", "bpe", "unigram") and texts:
        texts = [""]  # here, a space is a token
    with pytest.raises(UserError, match="no token to learn from"):
        Tokenizer.train(config(kind), texts)


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram", "byte_bpe"])
def test_a_vocabulary_that_cannot_hold_the_characters(kind) -> None:
    with pytest.raises(UserError, match=r"tokenization\.vocabulary_size=9 is too small"):
        Tokenizer.train(config(kind, vocabulary_size=9), CORPUS)


def test_bad_files(tmp_path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        Tokenizer.load(tmp_path / "absent")
    with pytest.raises(UserError, match="there is no file"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="not a tokenizer.json"):
        Tokenizer.load(tmp_path)


def test_a_hub_id_without_network(monkeypatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="no such file, and it could not be loaded from the Hub"):
        Tokenizer.load("nobody/absolutely-no-such-model")


def test_two_texts_that_were_decoded_apart(trained) -> None:
    for kind in ["word", "bpe", "unigram", "character", "byte_bpe"]:
        one = trained[kind]
        left, right = "the quick", "fox" if kind == "word" else " fox"
        joined = one.decode(one.encode(left)) + one.separator + one.decode(one.encode(right))
        assert joined == "the quick fox"


def test_digits_are_read_as_zero() -> None:
    one = Tokenizer.train(config("word", digits_as_zero=True), ["in 1996 and 1997 U2 ٣"])
    assert one.vocabulary[4:] == ["0000", "U0", "and", "in", "٣"]
    assert one.tokens("2001 U9") == ["0000", "U0"]
    with pytest.raises(UserError, match="digits_as_zero is for kind = 'word', the kind is 'bpe'"):
        Tokenizer.train(config("bpe", digits_as_zero=True), CORPUS)


def test_words_that_a_text_can_have(trained) -> None:
    one = trained["word"]
    words = ["fox", "U.S.", "a b", "", " a", "a\u00a0b", "<eos>", "<unk>", "FOX"]
    assert [word for word in words if one.produces(word)] == ["fox", "U.S.", "FOX"]
    lower = Tokenizer.train(config("word", lowercase=True), CORPUS)
    assert [word for word in ["fox", "FOX", "İ"] if lower.produces(word)] == ["fox"]


def test_a_tokenizer_is_given_further_words(trained, tmp_path) -> None:
    one = trained["word"]
    extended = one.with_words(["fox", "Ulm", "a b", "Ulm", "<pad>", "Bonn"])
    assert extended.vocabulary == [*one.vocabulary, "Ulm", "Bonn"]
    assert extended.encode("the Ulm fox Bonn x") == [
        *one.encode("the"),
        len(one),
        *one.encode("fox"),
        len(one) + 1,
        one.unk_id,
    ]
    assert one.encode("Ulm") == [one.unk_id]
    assert extended.kind == "word"
    extended.save(tmp_path)
    assert Tokenizer.load(tmp_path).vocabulary == extended.vocabulary
    assert extended.decode(extended.encode("the Ulm")) == "the Ulm"
    with pytest.raises(ValueError, match="cannot add words"):
        trained["bpe"].with_words(["Ulm"])
