"""How a model chooses the tokens it writes: the options of `generate` and of `predict`.

What is given becomes keys of a recipe's [decoding] section; what is not given stays the recipe's.
"""

from argparse import ArgumentParser, Namespace
from typing import Any

from nlpseq.cli.option_types import count
from nlpseq.errors import UserError
from nlpseq.files import is_utf8

_SHARED = ("max_new_tokens", "method", "temperature", "top_k", "top_p")
_PREDICT = (*_SHARED, "beam", "num_best", "no_repeat_ngram", "prefix")


def _add_shared(parser: Any) -> None:
    parser.add_argument(
        "--max-new-tokens", type=count, metavar="N", help="longest text to write, in tokens"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="makes sampling repeatable")
    parser.add_argument(
        "--method", choices=("greedy", "sample", "beam"), help="how to choose tokens"
    )
    parser.add_argument(
        "--temperature", type=float, metavar="X", help="below 1: likelier tokens only"
    )
    parser.add_argument(
        "--top-k", type=int, metavar="N", help="sample from the N likeliest; 0: all"
    )
    parser.add_argument("--top-p", type=float, metavar="X", help="sample from so much probability")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other key of [decoding], such as length_alpha=1.0; more than once",
    )


def add_to_generate(parser: ArgumentParser) -> None:
    """The options of `nlpseq generate`."""
    _add_shared(parser)
    parser.add_argument("--beam-size", type=count, metavar="N", help="hypotheses that a beam keeps")
    parser.add_argument("--no-stop", action="store_true", help="go on after an end of text")


def add_to_predict(parser: ArgumentParser) -> None:
    """The options of `nlpseq predict`, for models that write their answers."""
    group = parser.add_argument_group(
        "how answers are written", "for models whose answers are texts: translations, summaries"
    )
    group.add_argument(
        "--beam", type=count, metavar="N", help="beam search that keeps N hypotheses; 1: greedy"
    )
    group.add_argument(
        "--num-best",
        type=count,
        metavar="N",
        help="the N best of a beam, in --format json; text has the best one only",
    )
    _add_shared(group)
    group.add_argument(
        "--no-repeat-ngram",
        type=count,
        metavar="N",
        help="write no sequence of N tokens twice in an output",
    )
    group.add_argument("--prefix", metavar="TEXT", help="how every output has to begin")


def of_generate(arguments: Namespace) -> dict[str, Any]:
    """What was given, as keys of [decoding]."""
    found = _set(arguments) | _given(arguments, (*_SHARED, "beam_size"))
    return found | ({"stop_at_eos": False} if arguments.no_stop else {})


def of_predict(arguments: Namespace) -> dict[str, Any]:
    """What was given, as keys of [decoding].

    Raises:
        UserError: options that contradict each other.
    """
    found = _set(arguments) | _given(arguments, _PREDICT)
    if arguments.prefix is not None and not is_utf8(arguments.prefix):
        raise UserError(f"--prefix {arguments.prefix!r}: not UTF-8")
    if "prefix" in _set(arguments):
        raise UserError("--set prefix: is no key of [decoding]; write --prefix TEXT")
    beam, best = found.pop("beam", None), found.pop("num_best", None)
    if beam is not None:
        method = "greedy" if beam == 1 else "beam"
        if found.setdefault("method", method) not in (method, "beam"):
            raise UserError(f"--beam {beam} is no --method {found['method']}: give one of the two")
        found["beam_size"] = beam
    if best is not None:
        if best > 1 and (
            found.setdefault("method", "beam") != "beam" or best > found.get("beam_size", best)
        ):
            raise UserError(f"--num-best {best}: only a beam of at least {best} has as many")
        found["num_return"] = best
    return found


def named(arguments: Namespace) -> list[str]:
    """The options of `add_to_predict` that were given, as they are written."""
    given = _given(arguments, (*_PREDICT, "seed")) | ({"set": True} if arguments.set else {})
    return [f"--{name.replace('_', '-')}" for name in given]


def _set(arguments: Namespace) -> dict[str, Any]:
    if not arguments.set:
        return {}
    from nlpseq.recipe.reading import override

    for word in arguments.set:
        if not all(part.strip() for part in word.partition("=")):
            raise UserError(f"--set {word}: write it as KEY=VALUE, such as length_alpha=1.0")
    return override({}, arguments.set)


def _given(arguments: Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}
