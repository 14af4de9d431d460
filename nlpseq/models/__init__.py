"""The wholes made of layers: encoders from their configuration, and Model(embedding, encoder, head)."""
