"""The functions of `nlpseq`, by subject; each imports torch and the tasks when it is called."""
