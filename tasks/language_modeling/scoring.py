"""The nll of texts under a language model: every token counts, in the context of all tokens before it.

A split is read from end to end as one stream, or each text on its own (`evaluation.documents`), in windows that
hand the state over. So the scores depend on no batch size and no window length.
"""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from nlpseq.data.batch import Tokens
from nlpseq.data.split import Split
from nlpseq.data.streams import TextStream, pad_tensors
from nlpseq.data.text_pipeline import TextPipeline
from nlpseq.data.tokenizer import Tokenizer
from nlpseq.metrics.perplexity import Perplexity
from nlpseq.recipe import TokenizationConfig
from nlpseq.task import Record, Shard

from .model import LanguageModel
from .recipe import LanguageModelingRecipe

METRIC = Perplexity()


def start_id(tokenizer: Tokenizer, config: TokenizationConfig) -> int:
    """Return the token before the first one: the end of text if texts have ends, else `<bos>`."""
    return tokenizer.eos_id if config.add_eos else tokenizer.bos_id


def encode_stream(split: Split, pipeline: TextPipeline, config: TokenizationConfig) -> TextStream:
    """Encode the texts of a split as one stream of token ids.

    Raises:
        UserError: the split holds no token.
    """
    features = pipeline.read(split.texts("text"), pretokenized=pipeline.pretokenized)
    return stream_of(split, (text.ids for text in features), pipeline.tokenizer, config)


def stream_of(
    split: Split, ids: Iterable[Sequence[int]], tokenizer: Tokenizer, config: TokenizationConfig
) -> TextStream:
    """Return the texts of a split, which are given as ids, as one stream.

    Raises:
        UserError: the split holds no token.
    """
    ending = [tokenizer.eos_id] if config.add_eos else []
    return TextStream.encode(split, ids, start_id(tokenizer, config), ending)


class StreamScorer:
    """Scores the texts of a split.

    Args:
        model: language model in evaluation mode, on `device`.
        tokenizer: tokenizer of the model.
        recipe: recipe of the model; `[evaluation]` says how a split is read.
        device: device of the model.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        recipe: LanguageModelingRecipe,
        device: torch.device,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.device = device
        self._config = recipe.evaluation
        self._ending = "\n" if recipe.tokenization.add_eos else ""

    def records(
        self, split: Split, stream: TextStream, shard: Shard, limit: int = 0
    ) -> Iterator[Record]:
        """Yield a record with the nll of each text.

        Args:
            split: texts to score.
            stream: the same texts, encoded by `encode_stream`.
            shard: part of the documents that this process scores.
            limit: score only the first so many tokens; 0: all.
        """
        config, texts = self._config, split.column("text")
        documents = stream.documents(config.documents, limit)[shard.rank :: shard.world_size]
        documents = sorted(documents, key=lambda document: len(document.ids))
        for begin in range(0, len(documents), config.batch_size):
            group = documents[begin : begin + config.batch_size]
            nll = self._token_nll([document.ids for document in group])
            for row, document in zip(nll, group, strict=True):
                for index, first, end, whole in document.spans:
                    tokens = document.ids[1 + first : 1 + end].tolist()
                    text = texts[index] + self._ending if whole else self.tokenizer.decode(tokens)
                    statistics = METRIC.statistics(row[first:end].tolist(), text)
                    yield Record(index, statistics, texts[index])

    def _token_nll(self, documents: Sequence[Tensor]) -> Tensor:
        """Return the nll (B, T) of every token of documents; after a document's end it is noise."""
        ids = pad_tensors(documents, self.tokenizer.pad_id).to(self.device)  # (B, T + 1)
        window, state, nll = self._config.window, None, []
        inputs, targets = ids[:, :-1].split(window, 1), ids[:, 1:].split(window, 1)
        for part, target in zip(inputs, targets, strict=True):
            # A causal encoder needs no mask: padding only comes after what it could change.
            outputs, state = self.model.encode(Tokens.unpadded(part), state)
            part_nll = self.model.head.nll(outputs.flatten(0, 1), target.flatten())
            nll.append(part_nll.view_as(target).cpu())
        return torch.cat(nll, dim=1)
