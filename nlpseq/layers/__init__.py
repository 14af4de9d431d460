"""Layers: differentiable pieces that know tensors, and nothing of tasks, data or recipes.

Shape letters, fixed once for the whole project:

    B  batch        T  time (positions)     S  source length
    D  input size   H  hidden size          V  vocabulary
    K  tags         L  layers (times directions, in a state)

Everything is batch-first. A mask (B, T) is True at real tokens; padding stands on the right.
A state is a tuple of tensors (B, L, H): `(h,)`, or `(h, c)` for an LSTM; a Transformer's is in `key_value_cache`.
"""
