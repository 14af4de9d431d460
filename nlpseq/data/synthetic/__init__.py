"""Data that nlpseq makes itself: the toy corpus and formal languages."""
