"""Metrics as additive statistics: batches, processes and intervals all just add vectors."""
