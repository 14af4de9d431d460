"""Cheap models to compare a network with: seconds of training, the same data, the same metrics.

Read `kneser_ney`, then `text_classifiers`, `text_regression`, `text_labels` and `taggers`; tasks train them in
their own `baselines` module.
"""
