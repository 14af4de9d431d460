"""Several labels for a text, or for a pair of texts, such as topics: those whose probability reaches a threshold."""
