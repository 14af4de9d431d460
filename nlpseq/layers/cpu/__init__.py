"""Layers that are fast only on a CPU.

Each has a plain twin in `nlpseq.layers`, which is the one to read first and the one that other devices run.
"""
