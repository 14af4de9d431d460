"""Flair's side of tagging.py, run in a separate environment with Flair; nothing here uses nlpseq.

    python flair_tagger.py CONFIG FOLDER SEED THREADS

FOLDER holds `train.txt` and `validation.txt` (two columns, word and BIO tag) and `vocabulary.json`
(the words and characters of the model). `result.json` is written there: seconds of the
epochs alone and of prediction alone, tokens, parameters, and the predicted spans of validation.
"""

import json
import logging
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import flair
import torch
from flair.data import Corpus, Dictionary, Sentence
from flair.datasets import ColumnCorpus
from flair.embeddings import CharacterEmbeddings, OneHotEmbeddings, StackedEmbeddings
from flair.models import SequenceTagger
from flair.trainers import ModelTrainer
from flair.trainers.plugins import TrainerPlugin

LABEL, PREDICTED = "ner", "predicted"


class EpochClock(TrainerPlugin):
    """Adds up the seconds of the epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.started = 0.0

    @TrainerPlugin.hook
    def before_training_epoch(self, **_: Any) -> None:
        """Note the start of an epoch."""
        self.started = time.perf_counter()

    @TrainerPlugin.hook
    def after_training_epoch(self, **_: Any) -> None:
        """Note the end of an epoch's last batch."""
        self.seconds += time.perf_counter() - self.started


def read(folder: Path) -> tuple[Corpus, list[Sentence]]:
    """Build the corpus of train and validation, without test (Flair would score it during training)."""
    corpus = ColumnCorpus(
        folder,
        {0: "text", 1: LABEL},
        train_file="train.txt",
        dev_file="validation.txt",
        autofind_splits=False,
        sample_missing_splits=False,
        column_delimiter="\t",
        comment_symbol=None,
    )
    return Corpus(train=corpus.train, sample_missing_splits=False), list(corpus.dev)


def dictionary(items: list[str]) -> Dictionary:
    """Build a dictionary: the unknown item, then the others."""
    known = Dictionary(add_unk=True)
    for item in items:
        known.add_item(item)
    return known


def build(config: dict[str, Any], corpus: Corpus, folder: Path) -> SequenceTagger:
    """Build the tagger: word and character vectors, BiLSTM, CRF."""
    known = json.loads((folder / "vocabulary.json").read_text("utf-8"))
    words = OneHotEmbeddings(dictionary(known["words"]), **config["words"])
    characters = CharacterEmbeddings(dictionary(known["characters"]), **config["characters"])
    return SequenceTagger(
        StackedEmbeddings([words, characters]),
        corpus.make_label_dictionary(LABEL),
        LABEL,
        **config["tagger"],
    )


def train(config: dict[str, Any], tagger: SequenceTagger, corpus: Corpus, folder: Path) -> float:
    """Train, and return the seconds of all epochs."""
    clock = EpochClock()
    ModelTrainer(tagger, corpus).train(
        folder / "training",
        optimizer=torch.optim.Adam,
        max_grad_norm=None,
        attach_default_scheduler=False,
        use_final_model_for_eval=True,
        save_final_model=False,
        create_file_logs=False,
        create_loss_file=False,
        plugins=[clock],
        **config["training"],
    )
    return clock.seconds


def predict(tagger: SequenceTagger, sentences: list[Sentence], batch_size: int) -> float:
    """Label the sentences, and return the seconds."""
    tagger.eval()
    started = time.perf_counter()
    tagger.predict(sentences, mini_batch_size=batch_size, label_name=PREDICTED)
    return time.perf_counter() - started


def spans(sentence: Sentence) -> list[tuple[str, int, int]]:
    """Return type, first token and end (exclusive) of each predicted entity."""
    found = sentence.get_spans(PREDICTED)
    return [(one.get_label(PREDICTED).value, one[0].idx - 1, one[-1].idx) for one in found]


def main(config_file: str, folder_name: str, seed: str, threads: str) -> None:
    """Read, train, predict, report."""
    logging.getLogger("flair").setLevel(logging.WARNING)
    flair.device = torch.device("cpu")
    flair.set_seed(int(seed))
    torch.set_num_threads(int(threads))
    folder = Path(folder_name)
    config = tomllib.loads(Path(config_file).read_text("utf-8"))
    corpus, validation = read(folder)
    tagger = build(config, corpus, folder)
    result = {
        "parameters": sum(parameter.numel() for parameter in tagger.parameters()),
        "training_seconds": train(config, tagger, corpus, folder),
        "training_tokens": config["training"]["max_epochs"] * sum(map(len, corpus.train)),
        "prediction_seconds": predict(tagger, validation, config["training"]["mini_batch_size"]),
        "lengths": [len(sentence) for sentence in validation],
        "spans": [spans(sentence) for sentence in validation],
    }
    (folder / "result.json").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
