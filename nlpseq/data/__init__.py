"""From sources to batches: reading, tokenization, the built-in corpus, batching."""
