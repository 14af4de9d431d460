"""Analyses of trained models: `x.py` computes (torch), `x_plots.py` draws (matplotlib).

Read `gradient_flow`, `gates` and `attention` first; `curve_plots` and `confusion` draw numbers that are there
already. `statistics/` holds significance tests over stored scores, `comparison/` the report of `nlpseq compare`.
"""
