"""Layers: differentiable modules over tensors, which know nothing of tasks, data or recipes.

Reading order: `cell` and `cells/` (recurrent cells), `recurrent`, `transformer`, `cross_attention`, `softmax`, `crf`;
`cpu/` holds what is fast only on a CPU.

Shape letters, the same in the whole project:

    B  batch        T  time (positions)     S  source length
    D  input size   H  hidden size          V  vocabulary
    K  tags         L  layers (times directions, in a state)

Tensors are batch-first. A mask (B, T) is True at real tokens; padding is on the right. A state is a tuple of tensors
(B, L, H): `(h,)`, or `(h, c)` for an LSTM; `key_value_cache` describes that of a Transformer.
"""
