"""Sequence tagging: predict one tag for each word, such as named entities. Read `task`, then `model`."""
