"""Text pipelines of tasks: built from a recipe and its data, with notes on cutting and unknown tokens."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, islice
from typing import Any

from nlpseq.data.feature_store import FeatureStore
from nlpseq.data.features import Features
from nlpseq.data.split import Split
from nlpseq.data.text_cutter import TextCutter, is_spaceless, join_words, whole
from nlpseq.data.text_pipeline import Text, TextPipeline, pipeline_parts
from nlpseq.data.tokenizer import TEXTS_AT_ONCE
from nlpseq.data.tokenizer_training import text_normalizer
from nlpseq.data.word_joiner import MOST_WORDS, words_of_parts
from nlpseq.data.word_rules import ABBREVIATIONS
from nlpseq.errors import UserError
from nlpseq.recipe import TokenizationConfig
from nlpseq.wording import format_count

BUILTIN_ORIGIN = "built-in corpus"
SAMPLED_TEXTS = 2000
MANY_ATTACHED = 0.05
"""Share of tokens with a mark at their end, above which a text looks raw; cut texts have about 0.01."""
MANY_UNKNOWN = 0.1


def read_texts(split: Split, name: str) -> Sequence[Text]:
    """Return a column of texts: of strings, or of lists of words.

    Raises:
        UserError: the column holds something else, or a row has no value.
    """
    feature = split.rows.features.get(name)
    if feature is None or not hasattr(feature, "feature"):
        return split.texts(name)
    rows = split.column(name)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or not all(isinstance(word, str) for word in row):
            raise UserError(
                f"{split.origin}: the {name} of row {number} of {split.name} are {row!r:.60}, "
                "not a list of texts"
            )
    return rows


def are_lists(texts: Sequence[Text]) -> bool:
    """Return whether texts are lists of words."""
    return len(texts) > 0 and not isinstance(texts[0], str)


def is_pretokenized(split: Split, given: bool | None, pipeline: TextPipeline | None = None) -> bool:
    """Return whether the strings of a split are words between white space.

    Args:
        split: the data; the built-in corpus is cut already.
        given: `data.pretokenized` of the recipe.
        pipeline: of the trained model; models of 0.1 take strings as cut, unless words were cut by rule.
    """
    if given is not None:
        return given
    if pipeline is not None and pipeline.state() is None:
        return pipeline.pretokenized
    return split.origin.startswith(BUILTIN_ORIGIN)


def raw_cutter(
    config: TokenizationConfig, kind: str, *, pretokenized: bool, tags: bool = False
) -> TextCutter | None:
    """Return what cuts raw text into words; None: the tokenizer reads it as it is.

    Args:
        config: the recipe's `tokenization` section.
        kind: of the tokenizer.
        pretokenized: the training data are cut into words already.
        tags: words are tagged, whatever the kind of tokens is.
    """
    trained_here = config.path is None
    if config.split == "words" or tags or (pretokenized and config.split is None):
        return TextCutter("words", config.language)
    if kind == "word" and trained_here:
        if config.split == "whitespace":
            return TextCutter("whitespace", config.language, spaceless=False)
        return TextCutter("words", config.language)
    return None


def new_parts(
    config: TokenizationConfig, kind: str, *, pretokenized: bool, tags: bool = False
) -> dict[str, Any]:
    """Return the arguments of the `TextPipeline` of a new model."""
    return {
        "normalizer": text_normalizer(config) if config.path is None else None,
        "raw": raw_cutter(config, kind, pretokenized=pretokenized, tags=tags),
        "pretokenized": pretokenized,
        "joins_words": pretokenized and config.split is None,
        "words": (),
    }


def known_words(texts: Sequence[Text], parts: Mapping[str, Any], kind: str) -> list[str]:
    """Return the words of train that raw text is joined to; those of a word tokenizer are in its vocabulary."""
    normalizer, raw = parts["normalizer"], parts["raw"]
    if kind == "word" or not parts["joins_words"] or raw is None:
        return []

    @cache
    def spelt(word: str) -> str:
        return normalizer.fold(normalizer.canonical(word)) if normalizer else word

    words = chain.from_iterable(text.split() if isinstance(text, str) else text for text in texts)
    return words_of_parts(map(spelt, words), raw)[:MOST_WORDS]


def saved_parts(
    state: Mapping[str, Any], config: TokenizationConfig, kind: str, *, tags: bool = False
) -> dict[str, Any]:
    """Return the arguments of the `TextPipeline` of a saved model; one of nlpseq 0.1 has saved none."""
    if state.get("pipeline") is not None:
        return pipeline_parts(state["pipeline"])
    by_rule = config.split == "words"
    cuts = by_rule or tags or kind == "word"
    raw = TextCutter("words", None, spaceless=False, version=1) if cuts else None
    return {"normalizer": None, "raw": raw, "pretokenized": not by_rule}


def with_language(parts: Mapping[str, Any], language: str | None) -> dict[str, Any]:
    """Return the arguments of the `TextPipeline` of targets, which are in another language."""
    changed = {**parts, "words": ()}
    for name in ("normalizer", "raw"):
        if parts[name] is not None and parts[name].language != language:
            changed[name] = replace(parts[name], language=language)
    return changed


def stream_parts(config: TokenizationConfig, *, pretokenized: bool) -> dict[str, Any]:
    """Return the arguments of the `TextPipeline` of a language model, which reads texts unchanged."""
    own = config.path is None
    words = own and config.kind == "word"
    return {
        "normalizer": text_normalizer(config) if own else None,
        "raw": TextCutter("whitespace", spaceless=not pretokenized) if words else None,
        "pretokenized": pretokenized,
    }


def training_texts(texts: Sequence[Text], parts: Mapping[str, Any], kind: str) -> Iterator[Text]:
    """Yield the texts that a tokenizer of a kind is trained on: for words, lists of words."""
    normalizer, raw = parts["normalizer"], parts["raw"]
    cut = raw is not None and not parts["pretokenized"] and normalizer is not None
    for text in texts:
        if cut and isinstance(text, str):
            canonical = normalizer.canonical(text)
            if kind == "word":
                text = [canonical[begin:end] for begin, end in raw.spans(canonical)]
            else:
                text = join_words(canonical, whole(raw.spans(canonical)))[0]
        yield text


def collect_features(
    read: Callable[..., Sequence[Features]], texts: Sequence[Text], **options: Any
) -> FeatureStore:
    """Return the features of many texts, which are read some at a time.

    Args:
        read: `TextPipeline.read`.
        texts: all of them.
        options: further arguments of `read`.
    """
    begins = range(0, len(texts), TEXTS_AT_ONCE)
    read_parts = (read(texts[begin : begin + TEXTS_AT_ONCE], **options) for begin in begins)
    return FeatureStore.collect(chain.from_iterable(read_parts))


FINER = (
    "; the data have words of several such characters, so give predict text that is cut as they are, with "
    "--pretokenized"
)


def cutting_note(texts: Sequence[Text], pipeline: TextPipeline) -> str:
    """Return a note that says whether the data are cut already, and how raw text is cut."""
    if not pipeline.pretokenized:
        return f"data.pretokenized = false: raw text, {pipeline.describe()}"
    kind = "lists of words" if are_lists(texts) else "words between white space"
    finer = FINER if _has_longer_words(texts, pipeline) else ""
    return f"data.pretokenized = true: {kind}; raw text is {pipeline.describe()}{finer}"


def _has_longer_words(texts: Sequence[Text], pipeline: TextPipeline) -> bool:
    """Return whether data that are cut have words that raw text is cut into the characters of."""
    state = pipeline.state()
    if pipeline.raw is None or not pipeline.raw.spaceless or state is None or state["joins_words"]:
        return False
    cut = (text.split() if isinstance(text, str) else text for text in islice(texts, SAMPLED_TEXTS))
    words = [word for text in cut for word in text if is_spaceless(word)]
    longer = sum(len(pipeline.raw.spans(word)) > 1 for word in words)
    return longer > MANY_ATTACHED * len(words)


CUT_RAW = "data.pretokenized=false, without tokenization.split, cuts them into words"


def raw_text_notes(
    split: Split, texts: Sequence[Text], pipeline: TextPipeline, advice: str = CUT_RAW
) -> list[str]:
    """Return a note if texts look raw, but are read as words between white space."""
    raw = pipeline.raw
    is_cut = pipeline.pretokenized or (raw is not None and raw.rule == "whitespace")
    if not pipeline.whole_words or not is_cut:
        return []
    words = [
        word
        for text in islice(texts, SAMPLED_TEXTS)
        if isinstance(text, str)
        for word in text.split()
    ]
    share = sum(map(_has_attached_mark, words)) / max(len(words), 1)
    unspaced = sum(len(word) for word in words if len(word) > 8 and is_spaceless(word))
    if share <= MANY_ATTACHED and 2 * unspaced <= sum(map(len, words)):
        return []
    what = (
        f"{share:.1%} of the tokens end in punctuation"
        if share > MANY_ATTACHED
        else "most tokens are as long as sentences, of a script without spaces"
    )
    return [
        f"warning: {split.name}: {what}, as in raw text, but they are read as cut at white space; "
        f"{advice}"
    ]


def _has_attached_mark(word: str) -> bool:
    """Return whether a word has punctuation at its end; the full stop of an abbreviation is not."""
    stem, last = word[:-1], word[-1]
    if not stem or unicodedata.category(last)[0] != "P" or not any(map(str.isalnum, stem)):
        return False
    return last != "." or not ("." in stem or len(stem) == 1 or stem.lower() in ABBREVIATIONS)


def unknown_note(
    name: str, sides: Iterable[FeatureStore], pipeline: TextPipeline
) -> tuple[dict[str, float], list[str]]:
    """Count the unknown tokens of a split; return the counts and a note.

    Args:
        name: of the split.
        sides: features of its texts; of pairs, those of the first and of the second ones.
        pipeline: made them.
    """
    tokenizer = pipeline.tokenizer
    numbers = [side.counts(len(tokenizer)) for side in sides]
    unknown = sum(int(side[tokenizer.unk_id]) for side in numbers)
    total = sum(int(side.sum()) for side in numbers)
    counts, notes = unknown_counts(name, unknown, total, tokenizer.kind)
    if pipeline.characters is not None and counts["share"] > MANY_UNKNOWN:
        notes = [
            f"{name}: {counts['share']:.1%} of the tokens are unknown, and read by their characters"
        ]
    return counts, notes


def unknown_counts(
    name: str, unknown: int, total: int, kind: str, what: str = "tokens"
) -> tuple[dict[str, float], list[str]]:
    """Return the counts of unknown tokens, and a note; a warning if there are many."""
    share = unknown / max(total, 1)
    counts = {"unknown": unknown, "tokens": total, "share": share}
    note = f"{name}: {share:.1%} of {format_count(total, what.removesuffix('s'))} are unknown"
    if share <= MANY_UNKNOWN:
        return counts, [note]
    advice = {
        "word": "tokenization.kind = 'unigram' or 'byte_bpe' reads words by their parts; "
        "embedding.characters = 'cnn' and pretrained vectors help too",
        "character": "tokenization.kind = 'byte_bpe' knows every character",
    }.get(kind, "tokenization.kind = 'byte_bpe' knows every character")
    return counts, [f"warning: {note}, which the model cannot tell apart; {advice}"]
