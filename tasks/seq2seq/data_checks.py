"""Checks of the pairs of a split, and notes about them."""

from collections.abc import Sequence

from nlpseq.data.features import Features
from nlpseq.data.split import Split
from nlpseq.errors import UserError
from nlpseq.recipe import DecoderConfig, TransformerDecoderConfig
from nlpseq.wording import format_count

from .pairs import Pair
from .recipe import PairTokenizationConfig

Examples = Sequence[tuple[Features, Pair]]


def pair_notes(
    split: Split, examples: Examples, truncated: int, config: PairTokenizationConfig
) -> list[str]:
    """Return notes about empty sides and truncated texts; `truncated` counts truncated sources."""
    notes = []
    sources = sum(not len(features) for features, _ in examples)
    targets = sum(not pair.text.strip() for _, pair in examples)
    if sources or targets:
        notes.append(
            f"{split.name}: {format_count(sources, 'empty source')} and {format_count(targets, 'empty target')}, "
            "left out of training; the output for an empty source is empty"
        )
    if truncated:
        notes.append(
            f"{split.name}: {format_count(truncated, 'source')} of more than {config.max_source_length} "
            "tokens, truncated"
        )
    if limit := _target_limit(split, config):
        long = sum(len(pair.ids) > limit for _, pair in examples)
        notes.append(
            f"train: {format_count(long, 'target')} of more than {limit} tokens, truncated"
        )
    return notes


def check_positions(
    split: Split, examples: Examples, decoder: DecoderConfig, config: PairTokenizationConfig
) -> None:
    """Check that a decoder with learned positions has enough of them for the targets of a split.

    Raises:
        UserError: a target is longer than `decoder.max_length`.
    """
    if not isinstance(decoder, TransformerDecoderConfig) or decoder.positions != "learned":
        return
    limit = _target_limit(split, config)
    for index, (_, pair) in enumerate(examples):
        length = min(len(pair.ids), limit or len(pair.ids))
        if length > decoder.max_length:
            raise UserError(
                f"{split.origin}, {split.name}: target {index + 1} has {length} tokens with its end, and "
                f"decoder.max_length = {decoder.max_length}: raise that, or shorten the target"
            )


def _target_limit(split: Split, config: PairTokenizationConfig) -> int:
    """Return the most target tokens that are learnt; 0: no limit. Only training truncates targets."""
    return config.max_target_length if split.name == "train" else 0
