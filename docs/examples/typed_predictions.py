"""Predictions have types: an editor completes their attributes, and mypy finds a misspelt one.

Usage: python typed_predictions.py CLASSIFIER TAGGER TRANSLATION_MODEL LANGUAGE_MODEL
Each argument is a run directory, as `nlpseq quickstart` writes them, or the Hub id of a model.
"""

import sys

import nlpseq


def main(classifier_run: str, tagger_run: str, translation_run: str, language_run: str) -> None:
    """Load a model of each kind, and use the attributes of its predictions."""
    classifier = nlpseq.load(classifier_run, task="classification")
    for classified in classifier.predict(["a warm and funny film", "dull"]):
        if classified.label is not None:
            print(classified.label, f"{classified.probabilities[classified.label]:.0%}")

    tagger = nlpseq.load(tagger_run, task="tagging")
    for tagged in tagger.predict(["Ada Lovelace wrote to Charles Babbage."]):
        print(
            [(entity.text, entity.type, round(entity.confidence, 2)) for entity in tagged.entities]
        )

    translator = nlpseq.load(translation_run, task="translation")
    for translated in translator.predict(["the old farmer laughed ."], beam_size=3, num_return=2):
        print([(hypothesis.output, hypothesis.score) for hypothesis in translated.hypotheses])

    language_model = nlpseq.load(language_run, task="language_modeling")
    print([scored.perplexity for scored in language_model.predict(["the old farmer laughed ."])])
    print(language_model.generate("the old", seed=1, max_new_tokens=8)[0].upper())


if __name__ == "__main__":
    main(*sys.argv[1:])
