"""Recipes: TOML and `key=value` overrides become frozen, validated objects.

A recipe says what differs from the defaults, and defaults stand only in the schema. A task adds its own
sections by subclassing `Recipe`. The order is: default < extended recipe < recipe < command line. Anything
unknown, of the wrong type or impossible is one line that names the key and what would do.

    base.py        what sections are made of
    encoders.py    the encoders' sections, told apart by `encoder.kind`
    decoders.py    the decoders' sections, told apart by `decoder.kind`
    schema.py      the other sections, and Recipe
    reading.py     names, locate, copy, read, merge, override
    validation.py  validate
    catalogue.py   the recipes with what was measured
"""

from .base import Count, Counts, Fraction, Integers, Natural, NotNegative, Positive, Section
from .catalogue import Entry, catalogue
from .decoders import DecoderConfig, RecurrentDecoderConfig, TransformerDecoderConfig
from .encoders import (
    Activation,
    CausalEncoderConfig,
    CausalTransformerConfig,
    ConvolutionalConfig,
    DilatedConfig,
    EncoderConfig,
    FeedforwardConfig,
    HierarchicalConfig,
    RecurrentConfig,
    RecurrentConvolutionalConfig,
    TransformerConfig,
)
from .reading import Document, copy, locate, merge, names, override, read
from .schema import (
    DataConfig,
    DecodingConfig,
    EmbeddingConfig,
    EvaluationConfig,
    Recipe,
    TokenizationConfig,
    TrainingConfig,
)
from .validation import validate

__all__ = [
    "Activation",
    "CausalEncoderConfig",
    "CausalTransformerConfig",
    "ConvolutionalConfig",
    "Count",
    "Counts",
    "DataConfig",
    "DecoderConfig",
    "DecodingConfig",
    "DilatedConfig",
    "Document",
    "EmbeddingConfig",
    "EncoderConfig",
    "Entry",
    "EvaluationConfig",
    "FeedforwardConfig",
    "Fraction",
    "HierarchicalConfig",
    "Integers",
    "Natural",
    "NotNegative",
    "Positive",
    "Recipe",
    "RecurrentConfig",
    "RecurrentConvolutionalConfig",
    "RecurrentDecoderConfig",
    "Section",
    "TokenizationConfig",
    "TrainingConfig",
    "TransformerConfig",
    "TransformerDecoderConfig",
    "catalogue",
    "copy",
    "locate",
    "merge",
    "names",
    "override",
    "read",
    "validate",
]
