"""Sampling one text: nlpseq's single steps against `nn.LSTM` called on one token at a time.

Both sides have the same weights, and sample one token after another with a batch of 1; first the benchmark checks that
they predict the same probabilities. On a CPU torch's LSTM repacks its weights at each call, which matters for single
tokens; nlpseq steps its cells instead. Three things are timed in turns: nlpseq's ids, nlpseq's `generate`
(ids and their text), and the plain ids.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import torch
from accelerate.utils import set_seed
from equal_models import SEED, Shape, medians
from nlpseq.tasks.language_modeling.predictor import LanguageModelPredictor
from nlpseq.tasks.language_modeling.scoring import start_id
from plain_language_model import PlainLanguageModel, generate

import nlpseq.decoding
from nlpseq.decoding.options import SamplingOptions

GENERATION_SHAPES = {
    "word": Shape(vocabulary=10_000, hidden_size=200, layers=2),
    "character": Shape(vocabulary=65, hidden_size=400, layers=2, embedding_dim=64),
}


def measure_generation(kind: str, length: int, rounds: int) -> dict[str, Any]:
    """Sample in turns: ids by nlpseq, text by nlpseq, ids by the plain script."""
    shape = GENERATION_SHAPES[kind]
    task = shape.task(kind)
    set_seed(SEED)
    model = task.build()
    plain = shape.plain(model).eval()
    predictor = task.predictor(model, torch.device("cpu"))
    check_same_probabilities(predictor, plain)
    turns = []
    for turn in range(rounds + 1):
        started = time.perf_counter()
        sampled = sum(1 for _ in sample(predictor, length))
        ids_done = time.perf_counter()
        predictor.generate("", seed=SEED, max_new_tokens=length, stop_at_eos=False)
        text_done = time.perf_counter()
        plainly = sum(1 for _ in generate(plain, task.start_id, length))
        plain_done = time.perf_counter()
        assert sampled == plainly == length
        ours, text, theirs = ids_done - started, text_done - ids_done, plain_done - text_done
        if turn:  # the first one warms up
            turns.append(
                {
                    "nlpseq_tokens_per_second": length / ours,
                    "nlpseq_text_tokens_per_second": length / text,
                    "plain_tokens_per_second": length / theirs,
                    "ratio": theirs / ours,
                    "text_ratio": theirs / text,
                }
            )
    return {"kind": kind, **asdict(shape), "length": length, "turns": turns, **medians(turns)}


def sample(predictor: LanguageModelPredictor, length: int) -> Iterator[int]:
    """Sample token ids as `nlpseq generate` does."""
    tokenizer, recipe = predictor.tokenizer, predictor.recipe
    stream = nlpseq.decoding.stream(
        predictor.step,
        torch.tensor([start_id(tokenizer, recipe.tokenization)]),
        predictor.model.encoder.initial_state(1),
        SamplingOptions(max_new_tokens=length),
        generator=torch.Generator().manual_seed(SEED),
        forbidden=(tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id),
    )
    return (int(ids[0]) for ids in stream)


@torch.no_grad()
def check_same_probabilities(predictor: LanguageModelPredictor, plain: PlainLanguageModel) -> None:
    """Check that both sides agree after a few tokens."""
    state, plain_state = predictor.model.encoder.initial_state(1), None
    for token in range(4, 12):
        log_probs, state, _ = predictor.step(torch.tensor([token]), state)
        logits, plain_state = plain(torch.tensor([[token]]), plain_state)
        torch.testing.assert_close(log_probs, logits[0].log_softmax(1), rtol=1e-4, atol=1e-4)
