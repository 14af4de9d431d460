"""Shared by every task on whole texts: features, batches, recipe sections and decoding options."""
