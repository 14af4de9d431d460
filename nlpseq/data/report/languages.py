"""Scripts of texts by Unicode, and languages by script and frequent words."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

_NAMES = {"CJK": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana", "KATAKANA-HIRAGANA": "Kana"}
_FUNCTION_WORDS = {
    "en": "the of and to in is that it was for on are with as this be have not you",
    "de": "der die und das ist nicht ein eine zu den mit von auf für sich dem auch es",
    "fr": "le la les et des est dans une que pour qui pas sur au par avec ce il",
    "es": "el la los las y que en un una por con del para se es no su lo",
    "it": "il di che è la per un una non sono del con della gli si le ha",
    "pt": "o que de não um uma para com os do da em no na se mais as ao",
    "nl": "de het een en van is dat niet in op te zijn met voor aan er ook",
    "sv": "och att det som en är på för av inte med till ett den har jag",
    "da": "og at det er en til på som af for med den ikke der har jeg",
    "no": "og det er på som en til av for med ikke den har jeg at et",
    "fi": "ja on ei että se oli hän mutta kun ovat joka tai myös niin",
    "pl": "i w nie na się z że to jest do jak co ale po przez dla",
    "cs": "a se v na je že to s z do o jako ale by jsem pro",
    "ro": "și de în la cu nu care este o pe un din că să mai",
    "hu": "a az és hogy nem egy is van de meg ez csak már volt",
    "tr": "ve bir bu da de için çok ile ne gibi daha değil olan ama",
    "id": "yang dan di ini itu dengan untuk tidak dari dalam pada adalah akan ke",
    "vi": "và của là có không được cho trong một người những với các này đã",
    "ha": "da a na ta ya ba wannan cikin kuma ne shi su don wani ce",
    "sw": "na ya wa kwa ni katika za la hii kuwa cha si yake alisema",
    "yo": "ni ti o tí ó ní àwọn náà fún pé láti bí kò wọn",
    "ru": "и в не на что с он как это по но из за то бы",
    "uk": "і в не на що з він як це та до але за від є",
    "bg": "и в не на да се за от че е с по са това",
    "sr": "и је у да се на за су не од са као али",
}
_BY_SCRIPT = {
    "Hangul": "ko",
    "Thai": "th",
    "Hebrew": "he",
    "Greek": "el",
    "Georgian": "ka",
    "Armenian": "hy",
    "Ethiopic": "am",
    "Tamil": "ta",
    "Telugu": "te",
    "Bengali": "bn",
    "Khmer": "km",
    "Lao": "lo",
    "Myanmar": "my",
}
_WORD = re.compile(r"[^\W\d_]+")
_LEAST_WORDS = 30  # of a sample in which a language is named
_LEAST_SHARE = 0.08  # of its words are frequent words of the language
_LEAST_DISTINCT = 4  # different ones
_KANA = 0.05  # share of kana in Japanese, at least


@cache
def script_of(character: str) -> str:
    """Return the script of a letter, such as `Latin`, by its Unicode name; '' for any other character."""
    if not character.isalpha():
        return ""
    first = unicodedata.name(character, "").partition(" ")[0]
    return _NAMES.get(first, first.capitalize())


def script_shares(texts: Iterable[str]) -> dict[str, float]:
    """Return the share of each script among the letters of texts, most frequent first."""
    characters: Counter[str] = Counter()
    for text in texts:
        characters.update(text)
    counts: Counter[str] = Counter()
    for character, number in characters.items():
        if script := script_of(character):
            counts[script] += number
    total = counts.total()
    return {script: number / total for script, number in counts.most_common()}


def guess_language(texts: Iterable[str], scripts: Mapping[str, float]) -> str:
    """Return the code of the main language of texts, '' if it is not clear.

    Args:
        texts: a sample.
        scripts: share of each script.
    """
    main = next(iter(scripts), "")
    if scripts.get("Kana", 0) > _KANA:
        return "ja"
    if main == "Han":
        return "zh"
    if main in _BY_SCRIPT:
        return _BY_SCRIPT[main]
    words = Counter(word for text in texts for word in _WORD.findall(text.lower()))
    total = words.total()
    if total < _LEAST_WORDS:
        return ""
    shares = {
        code: sum(words[word] for word in frequent.split()) / total
        for code, frequent in _FUNCTION_WORDS.items()
    }
    best = max(shares, key=shares.__getitem__)
    distinct = sum(word in words for word in _FUNCTION_WORDS[best].split())
    return best if shares[best] >= _LEAST_SHARE and distinct >= _LEAST_DISTINCT else ""
