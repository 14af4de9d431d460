"""Data that nlpseq draws itself, without downloads: `data.source = "builtin"`.

`toy_corpus` has English-like sentences with labels, entities, translations and headlines; `formal_languages` has
sequences with long dependencies. Read `toy_corpus/views.py` first: it draws the splits of a recipe's `data.view`.
"""
