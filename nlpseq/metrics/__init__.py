"""Metrics: a vector of statistics for each example; vectors add up over batches, processes and resamples.

Read `base` first, then the scores of a task: `perplexity` and `recall`, `classification` and `calibration`,
`spans`, `translation`, `summarization`. `resampling` gives confidence intervals, `rewards` scores single
sentences for training by reward, and `hf_evaluate` offers the scores as `evaluate.Metric`.
"""
