"""Recipes: TOML and `key=value` overrides become frozen, validated objects.

A recipe states differences from the defaults of the schema; a task adds its own sections by subclassing
`Recipe`. Precedence: defaults < extended recipe < recipe < command line. An unknown key, a wrong type or an
impossible combination is one line that names the key and what would be valid.

    base.py        types of keys, and Section
    encoders.py    encoder sections, selected by `encoder.kind`
    decoders.py    decoder sections, selected by `decoder.kind`
    schema.py      all other sections, and Recipe
    paths.py       paths are relative to the recipe that says them
    reading.py     find, read, extend, override and copy recipes
    validation.py  document -> Recipe, or an error message
    hints.py       the key that a user probably meant
    keys.py        every key with type, default, choices and description
    catalogue.py   the shipped recipes with measured scores
"""

from .base import (
    Count,
    Counts,
    Fraction,
    Integers,
    Length,
    Names,
    Natural,
    NotNegative,
    OptionalSize,
    Positive,
    Section,
    Size,
    SmallCount,
)
from .catalogue import CatalogueEntry, catalogue
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
from .reading import (
    Document,
    copy,
    locate,
    merge,
    names,
    override,
    read_document,
    to_assignment,
    to_assignments,
)
from .schema import (
    DataConfig,
    DecodingConfig,
    EmbeddingConfig,
    EvaluationConfig,
    Language,
    Recipe,
    TokenizationConfig,
    TrainingConfig,
)
from .validation import validate

__all__ = [
    "Activation",
    "CatalogueEntry",
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
    "EvaluationConfig",
    "FeedforwardConfig",
    "Fraction",
    "HierarchicalConfig",
    "Integers",
    "Language",
    "Length",
    "Names",
    "Natural",
    "NotNegative",
    "OptionalSize",
    "Positive",
    "Recipe",
    "RecurrentConfig",
    "RecurrentConvolutionalConfig",
    "RecurrentDecoderConfig",
    "Section",
    "Size",
    "SmallCount",
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
    "read_document",
    "to_assignment",
    "to_assignments",
    "validate",
]
