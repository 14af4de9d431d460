"""The language model: embedding, causal encoder, softmax over the vocabulary."""

from torch import Tensor

from nlpseq.data.tokenizer import Tokenizer
from nlpseq.layers.softmax import AdaptiveSoftmaxLayer, SoftmaxLayer
from nlpseq.models.builders import build_embedding, build_encoder
from nlpseq.models.model import Model

from .recipe import LanguageModelingRecipe

LanguageModel = Model[SoftmaxLayer | AdaptiveSoftmaxLayer]


def build_language_model(
    recipe: LanguageModelingRecipe, tokenizer: Tokenizer, vectors: Tensor | None
) -> LanguageModel:
    """Build a language model; `vectors` (V, D) are the pretrained vectors of the vocabulary, if any."""
    size, pad_id, unk_id = len(tokenizer), tokenizer.pad_id, tokenizer.unk_id
    embedding = build_embedding(recipe.embedding, vocab_size=size, pad_id=pad_id, unk_id=unk_id)
    if vectors is not None:
        embedding.tokens.load(vectors)
    encoder = build_encoder(recipe.encoder, embedding.dim)
    head: SoftmaxLayer | AdaptiveSoftmaxLayer
    if recipe.head.kind == "adaptive":
        head = AdaptiveSoftmaxLayer(encoder.output_dim, size, cutoffs=recipe.head.cutoffs)
    else:
        tied_to = embedding.tokens.weight if recipe.head.tied else None
        head = SoftmaxLayer(encoder.output_dim, size, tied_to=tied_to)
    return Model(embedding, encoder, head)
