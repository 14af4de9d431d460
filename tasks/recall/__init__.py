"""Recall over long distances: language models on sequences whose answers lie far before their use.

Read `task` after that of `language_modeling`.
"""
