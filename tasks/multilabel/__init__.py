"""Several labels for a text, or for a pair of texts: each label holds or does not hold, by a threshold of its probability."""
