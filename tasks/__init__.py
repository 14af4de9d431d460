"""The tasks of nlpseq, one package a family; installed as `nlpseq.tasks`.

`TASKS` is the one table of their names. Each package has the same files: `task` (from splits to scores),
`recipe` (what a recipe may say), `predictor` (a trained model, strings in), `metrics` (scores and tables).
"""

TASKS = {
    "language_modeling": "nlpseq.tasks.language_modeling.task:LanguageModeling",
    "recall": "nlpseq.tasks.recall.task:Recall",
    "classification": "nlpseq.tasks.classification.task:Classification",
    "tagging": "nlpseq.tasks.tagging.task:Tagging",
    "translation": "nlpseq.tasks.seq2seq.translation:Translation",
    "summarization": "nlpseq.tasks.seq2seq.summarization:Summarization",
}
"""Where the class of each task is."""

FORMAT_1_NAMES = {
    "nlpseq.tasks.language_modeling:LanguageModeling": "language_modeling",
    "nlpseq.tasks.long_dependencies:LongDependencies": "recall",
    "nlpseq.tasks.sentiment:Sentiment": "classification",
    "nlpseq.tasks.ner:NamedEntityRecognition": "tagging",
    "nlpseq.tasks.translation:Translation": "translation",
    "nlpseq.tasks.summarization:Summarization": "summarization",
}
"""How recipes and model directories of version 0.1 name the tasks."""
