"""Models: layers combined as `Model(embedding, encoder, head)`, and decoders.

Reading order: `model`, `builders` (from a recipe's sections to layers), `decoder`, then `recurrent_decoder` with its
`bridge`, and `transformer_decoder`; `weights` names the tensors of a model.
"""
