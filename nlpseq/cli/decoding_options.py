"""Decoding options of `nlpseq generate` and `nlpseq predict`; those left out are the recipe's."""

from argparse import ArgumentParser, Namespace, _ActionsContainer
from typing import Any

from nlpseq.cli.option_types import positive_int
from nlpseq.errors import UserError
from nlpseq.files import is_utf8

_SHARED = ("max_new_tokens", "method", "temperature", "top_k", "top_p")
_GENERATE = (*_SHARED, "beam_size")
_PREDICT = (*_GENERATE, "num_best", "no_repeat_ngram", "prefix")
_BEAM = "beam search with N hypotheses; 1: greedy"


def _add_shared(parser: _ActionsContainer) -> None:
    parser.add_argument(
        "--max-new-tokens",
        type=positive_int,
        metavar="N",
        help="maximum number of tokens to generate",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of sampling; the same seed gives the same text"
    )
    parser.add_argument(
        "--method", choices=("greedy", "sample", "beam"), help="how to choose tokens"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="X",
        help="softmax temperature; below 1 safer, above 1 more varied",
    )
    parser.add_argument(
        "--top-k", type=int, metavar="N", help="sample from the N likeliest tokens; 0: from all"
    )
    parser.add_argument(
        "--top-p",
        type=float,
        metavar="X",
        help="nucleus sampling: keep the likeliest tokens up to this total probability",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other key of [decoding], such as length_alpha=1.0; repeatable",
    )


def add_to_generate(parser: ArgumentParser) -> None:
    """Add the decoding options of `nlpseq generate`."""
    _add_shared(parser)
    parser.add_argument("--beam-size", type=positive_int, metavar="N", help=_BEAM)
    parser.add_argument(
        "--no-stop", action="store_true", help="continue after an end-of-text token"
    )


def add_to_predict(parser: ArgumentParser) -> None:
    """Add the decoding options of `nlpseq predict`, for models that generate their outputs."""
    group = parser.add_argument_group(
        "decoding", "for models that generate text: translation, summarization"
    )
    group.add_argument("--beam-size", "--beam", type=positive_int, metavar="N", help=_BEAM)
    group.add_argument(
        "--num-best",
        type=positive_int,
        metavar="N",
        help="the N best hypotheses, in --format json; text has only the best",
    )
    _add_shared(group)
    group.add_argument(
        "--no-repeat-ngram",
        type=positive_int,
        metavar="N",
        help="never repeat a sequence of N tokens in an output",
    )
    group.add_argument("--prefix", metavar="TEXT", help="text that every output begins with")


def for_generate(arguments: Namespace) -> dict[str, Any]:
    """Return the given options as keys of [decoding].

    Raises:
        UserError: options contradict each other.
    """
    options = _with_beam(_parse_set(arguments) | _given(arguments, _GENERATE), arguments.beam_size)
    return options | ({"stop_at_eos": False} if arguments.no_stop else {})


def for_predict(arguments: Namespace) -> dict[str, Any]:
    """Return the given options as keys of [decoding].

    Raises:
        UserError: options contradict each other.
    """
    options = _parse_set(arguments) | _given(arguments, _PREDICT)
    if arguments.prefix is not None and not is_utf8(arguments.prefix):
        raise UserError(f"--prefix {arguments.prefix!r}: not UTF-8")
    if "prefix" in _parse_set(arguments):
        raise UserError("--set prefix: is not a key of [decoding]; write --prefix TEXT")
    best = options.pop("num_best", None)
    options = _with_beam(options, arguments.beam_size)
    if best is not None:
        if best > 1 and (
            options.setdefault("method", "beam") != "beam" or best > options.get("beam_size", best)
        ):
            raise UserError(f"--num-best {best}: needs --beam-size {best} or more")
        options["num_return"] = best
    return options


def _with_beam(options: dict[str, Any], beam_size: int | None) -> dict[str, Any]:
    """Return the options with the method that `--beam-size` means, unless `--method` is given."""
    if beam_size is None:
        return options
    method = "greedy" if beam_size == 1 else "beam"
    given = options.get("method", method)
    if given not in (method, "beam"):
        raise UserError(
            f"--beam-size {beam_size} and --method {given} exclude each other; drop one of them"
        )
    return {**options, "method": given}


def given_names(arguments: Namespace) -> list[str]:
    """Return the decoding options of `nlpseq predict` that were given, as the user writes them."""
    given = _given(arguments, (*_PREDICT, "seed")) | ({"set": True} if arguments.set else {})
    return [f"--{name.replace('_', '-')}" for name in given]


def _parse_set(arguments: Namespace) -> dict[str, Any]:
    if not arguments.set:
        return {}
    from nlpseq.recipe import override

    assignments = [word.strip().removeprefix("decoding.") for word in arguments.set]
    for word in assignments:
        if not all(part.strip() for part in word.partition("=")):
            raise UserError(f"--set {word}: write it as KEY=VALUE, such as length_alpha=1.0")
    return override({}, assignments)


def _given(arguments: Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}
