"""The recipes that come with nlpseq; data only. Installed as `nlpseq.recipes`."""
