"""A trained recall model: predicts the token at each position of a sequence."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch

from nlpseq.data.batch import NO_TARGET, ModelInput, Tokens
from nlpseq.data.synthetic.formal_languages import answer_indices
from nlpseq.data.text_pipeline import Text, TextPipeline
from nlpseq.predictor import TokenPredictions, as_cut_texts, as_texts, joined

from ..base.predictor_repr import PredictorRepr
from ..language_modeling.model import LanguageModel
from ..language_modeling.predictor import encode_texts, read_ids


class RecallPredictor(PredictorRepr):
    """A trained recall model.

    It has learnt the answers only: its predictions mean nothing where the tokens before determine nothing.

    Args:
        pipeline: makes ids of texts, as in training.
        start_id: token before the first one.
        model: trained language model.
        device: where to run.
    """

    name: ClassVar[str] = "recall model"
    prediction_type: ClassVar[type[TokenPredictions]] = TokenPredictions

    def __init__(
        self, pipeline: TextPipeline, start_id: int, model: LanguageModel, device: torch.device
    ) -> None:
        self.pipeline = pipeline
        self.tokenizer = pipeline.tokenizer
        self.model = model.to(device).eval()
        self.device = device
        self._start_id = start_id

    @torch.no_grad()
    def predict(
        self, texts: Iterable[Text], /, *, pretokenized: bool = False
    ) -> list[TokenPredictions]:
        """Predict each token of each sequence from the tokens before it.

        Args:
            texts: sequences, of tokens between white space.
            pretokenized: the texts may be lists of tokens.

        Raises:
            UserError: `texts` is not an iterable of strings; a wrong one is named by its index.
        """
        given: Sequence[Text] = as_cut_texts(texts) if pretokenized else as_texts(texts)
        rows = read_ids(given, self.pipeline, pretokenized=pretokenized)
        return [self._predict_one(joined(text), ids) for text, ids in zip(given, rows, strict=True)]

    def _predict_one(self, text: str, ids: Sequence[int]) -> TokenPredictions:
        inputs = torch.tensor([[self._start_id, *ids[:-1]]], device=self.device)
        outputs = self.model.encode(Tokens.unpadded(inputs)).outputs[0]  # (T, H)
        highest, predicted = self.model.head.log_probs(outputs).max(1)
        length = len(ids)  # an empty sequence has one input, the start token, and no prediction
        return TokenPredictions(
            text,
            tuple(self._spell(ids)),
            tuple(self._spell(predicted[:length].tolist())),
            tuple(highest[:length].exp().tolist()),
        )

    def read_texts(self, texts: Sequence[str]) -> ModelInput:
        """Encode sequences as the model reads them; the targets are their answers.

        In a sequence of none of the built-in languages, every token is a target.
        """
        model_input = encode_texts(texts, self.pipeline, self._start_id, self.device)
        assert model_input.targets is not None
        for token_texts, targets in zip(model_input.token_texts, model_input.targets, strict=True):
            if (answers := answer_indices(token_texts[1:])) is not None:
                others = torch.ones_like(targets, dtype=torch.bool)
                others[answers] = False
                targets[others] = NO_TARGET
        return model_input

    def _spell(self, ids: Sequence[int]) -> list[str]:
        return [self.tokenizer.vocabulary[token_id] for token_id in ids]
