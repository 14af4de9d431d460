"""Data, from files, the Hub or the built-in corpus to batches; local files are read by `nlpseq.readers`.

Read in this order: `sources` and `split` load examples; `tokenizer` (with `tokenizer_training`) cuts text into
tokens, after `word_tokenizer` if words are cut by rule; `features` adds characters and casing; `batching` orders and
pads; `batch` is the result. `streams` is for language models, `tag_schemes` for tagging, `pretrained_vectors` for
embeddings, `sentiment_phrases` for treebanks; `synthetic` is data that nlpseq draws itself.
"""
