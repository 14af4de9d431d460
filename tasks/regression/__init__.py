"""Prediction of a number for a text, or for a pair of texts: a rating, a price, a similarity."""
