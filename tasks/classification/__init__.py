"""Text classification: predict one of several labels for a text. Read `task`, then `model`."""
