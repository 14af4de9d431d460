"""The tasks of nlpseq, one package for each family; installed as `nlpseq.tasks`.

Every package has the same files: `task` (splits to batches, loss, records), `recipe` (its recipe sections),
`predictor` (a trained model: strings in, predictions out), `metrics` (what is computed from records).
`base` holds what they share.
"""

TASKS = {
    "language_modeling": "nlpseq.tasks.language_modeling.task:LanguageModeling",
    "recall": "nlpseq.tasks.recall.task:Recall",
    "classification": "nlpseq.tasks.classification.task:Classification",
    "multilabel": "nlpseq.tasks.multilabel.task:Multilabel",
    "regression": "nlpseq.tasks.regression.task:Regression",
    "tagging": "nlpseq.tasks.tagging.task:Tagging",
    "translation": "nlpseq.tasks.seq2seq.translation:Translation",
    "summarization": "nlpseq.tasks.seq2seq.summarization:Summarization",
}
"""The names of the tasks, which `task =` in a recipe takes, and their classes."""

BY_FIELDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("text", "label"): ("classification",),
    ("text", "text2", "label"): ("classification",),
    ("text", "labels"): ("multilabel",),
    ("text", "number"): ("regression",),
    ("text", "text2", "labels"): ("multilabel",),
    ("text", "text2", "number"): ("regression",),
    ("tokens", "tags"): ("tagging",),
    ("text", "spans"): ("tagging",),
    ("source", "target"): ("summarization", "translation"),
    ("text",): ("language_modeling",),
}
"""The tasks that learn from columns of the data; of several the first one that `suits`, or else the last."""

FORMAT_1_NAMES = {
    "nlpseq.tasks.language_modeling:LanguageModeling": "language_modeling",
    "nlpseq.tasks.long_dependencies:LongDependencies": "recall",
    "nlpseq.tasks.sentiment:Sentiment": "classification",
    "nlpseq.tasks.ner:NamedEntityRecognition": "tagging",
    "nlpseq.tasks.translation:Translation": "translation",
    "nlpseq.tasks.summarization:Summarization": "summarization",
}
"""The names of the tasks in recipes and model directories of version 0.1."""


def short_name(name: str) -> str:
    """Return the short name of a task that is named by its class, or as in version 0.1; else the name itself."""
    by_class = {path: short for short, path in TASKS.items()}
    return (by_class | FORMAT_1_NAMES).get(name, name)
