"""Typed predictions, and the protocols of trained models; `nlpseq.load` returns a `Predictor`. No torch here.

Read `prediction` (the base of all kinds), then `text_predictions`, `token_predictions` and `generation_predictions` (a
dataclass for each kind), then `protocols` (the kinds of predictors); `texts` checks input.
"""

from nlpseq.predictor.generation_predictions import (
    AttendedText,
    GeneratedText,
    Hypothesis,
    TextScore,
)
from nlpseq.predictor.prediction import FORMATS, DrawnPrediction, Format, Prediction
from nlpseq.predictor.protocols import (
    ColumnReader,
    Explainer,
    Generator,
    PredictionT,
    Predictor,
    TextGenerator,
)
from nlpseq.predictor.text_predictions import (
    Classification,
    ExplainablePrediction,
    LabelledText,
    Regression,
)
from nlpseq.predictor.texts import as_cut_texts, as_pairs, as_texts, joined
from nlpseq.predictor.token_predictions import Entity, TaggedText, TaggedWords, TokenPredictions

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
