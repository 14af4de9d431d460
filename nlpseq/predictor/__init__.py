"""Typed predictions, and the protocols of trained models; `nlpseq.load` returns a `Predictor`. No torch here.

Read `predictions` (a dataclass for each kind), then `protocols` (the kinds of predictors); `texts` checks input.
"""

from nlpseq.predictor.predictions import (
    FORMATS,
    AttendedText,
    Classification,
    DrawnPrediction,
    Entity,
    ExplainablePrediction,
    Format,
    GeneratedText,
    Hypothesis,
    LabelledText,
    Prediction,
    Regression,
    TaggedText,
    TaggedWords,
    TextScore,
    TokenPredictions,
)
from nlpseq.predictor.protocols import (
    ColumnReader,
    Explainer,
    Generator,
    PredictionT,
    Predictor,
    TextGenerator,
)
from nlpseq.predictor.texts import as_cut_texts, as_pairs, as_texts, joined

__all__ = [
    "FORMATS",
    "AttendedText",
    "Classification",
    "ColumnReader",
    "DrawnPrediction",
    "Entity",
    "ExplainablePrediction",
    "Explainer",
    "Format",
    "GeneratedText",
    "Generator",
    "Hypothesis",
    "LabelledText",
    "Prediction",
    "PredictionT",
    "Predictor",
    "Regression",
    "TaggedText",
    "TaggedWords",
    "TextGenerator",
    "TextScore",
    "TokenPredictions",
    "as_cut_texts",
    "as_pairs",
    "as_texts",
    "joined",
]
