"""Language modeling: predict each token from all tokens before it.

Read `task`, then `scoring` (the nll of texts) and `predictor` (generation).
"""
