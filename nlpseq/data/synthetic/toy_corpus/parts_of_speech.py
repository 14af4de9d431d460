"""Parts of speech of the toy corpus: the tags of the Penn Treebank, which follow from the derivation.

Most words have one tag. After `did not` a verb is VB, where its form alone may be VBP: only the context tells.
"""

from nlpseq.data.synthetic.toy_corpus.grammar import Derivation

_WORDS = {
    word: tag
    for tag, words in {
        ".": ".",
        ",": ",",
        "CC": "but",
        "DT": "the a this every these some many",
        "IN": "although that of in near by against as after during despite for",
        "JJ": "usual long",
        "NN": "year",
        "NNP": "Port Bay Brothers United",
        "RB": "not never very quite again",
        "VBN": "sold",
        "WP": "who",
    }.items()
    for word in words.split()
}
"""Tags of words that no symbol of the lexicon writes, and of words beside a verb, such as `live in`."""
_SYMBOLS = {
    **dict.fromkeys(("Name", "Given"), "NNP"),
    **dict.fromkeys(("Season", "Weather", "Role"), "NN"),
    **dict.fromkeys(("Colour", "ThingAdj", "PersonAdj", "PlaceAdj"), "JJ"),
    **dict.fromkeys(("Base", "FareBase", "PlayBase"), "VB"),
}
_NOUNS = {"sg": "NN", "pl": "NNS"}
_PRESENT = {"sg": "VBZ", "pl": "VBP"}


def parts_of_speech(derivation: Derivation) -> list[str]:
    """Return the tag of each word of a derivation's text."""
    tags: list[str] = []
    for item in derivation.rule.text:
        if isinstance(item, str):
            tags.append(_WORDS.get(item) or _tag_of_symbol(derivation.symbol))
        else:
            tags += parts_of_speech(derivation.children[item])
    return tags


def _tag_of_symbol(symbol: str) -> str:
    """Return the tag of the words that a symbol of the lexicon writes: of nouns and verbs by its features."""
    name, _, features = symbol.rstrip("]").partition("[")
    if name in _SYMBOLS:
        return _SYMBOLS[name]
    values = features.split(",")
    number = "pl" if "pl" in values else "sg"  # names of firms and towns have no number
    if name in ("ThingNoun", "PersonNoun"):
        return _NOUNS[number]
    return "VBD" if "past" in values else _PRESENT[number]
