"""Sequence tagging: one tag for each word, such as named entities."""
