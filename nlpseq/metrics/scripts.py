"""Scripts of texts, by which scores cut them: into words, or into characters where no spaces separate words."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from nlpseq.data.word_rules import SPACELESS

Words = Literal["rouge-score", "unicode", "symbols"]

SPACELESS_CHARACTER = re.compile(f"[{SPACELESS}]")
_TIBETAN = "\u0f40-\u0fbc"  # marks between its syllables, spaces only between sentences
_CLASSES = {
    "kana": "\u3041-\u309f\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff\uff66-\uff9d",
    "han": "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af",
    "hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "spaceless": SPACELESS + _TIBETAN,  # those that are not above
    "ascii": "A-Za-z",
    "other": r"^\W\d_",
}
_SCRIPTS = re.compile("|".join(f"(?P<{name}>[{inside}])" for name, inside in _CLASSES.items()))
_MOST_LETTERS = 2_000_000  # a sample that large decides
_DENSE = 0.3  # share of letters: a character of these scripts says as much as several Latin ones
_KANA = 0.05  # share of kana in Japanese, at least
_ACCENTED = 0.005  # share of letters outside a-z in English, at most


def count_scripts(texts: Iterable[str]) -> Counter[str]:
    """Count the letters of texts in each script: kana, han, hangul, spaceless, ascii, other."""
    counts: Counter[str] = Counter()
    for text in texts:
        if text.isascii():
            counts["ascii"] += sum(map(str.isalpha, text))
        else:
            counts.update(str(match.lastgroup) for match in _SCRIPTS.finditer(text))
        if counts.total() > _MOST_LETTERS:
            break
    return counts


def main_script(texts: Iterable[str]) -> str:
    """Return `japanese`, `chinese`, `korean`, another `spaceless` script, or `spaced`."""
    counts = count_scripts(texts)
    letters = max(counts.total(), 1)
    cjk = counts["kana"] + counts["han"]
    if cjk > _DENSE * letters:
        return "japanese" if counts["kana"] > _KANA * cjk else "chinese"
    if counts["hangul"] > _DENSE * letters:
        return "korean"
    return "spaceless" if counts["spaceless"] > _DENSE * letters else "spaced"


def rouge_words(texts: Iterable[str]) -> Words:
    """Return the words by which ROUGE counts: rouge-score's for texts of a-z, else Unicode's."""
    counts = count_scripts(texts)
    plain = counts.total() - counts["ascii"] <= _ACCENTED * counts.total()
    return "rouge-score" if plain else "unicode"
