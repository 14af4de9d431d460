"""Data, from files, the Hub or the built-in corpus to batches; local files are read by `nlpseq.readers`.

Read in this order: `sources` and `split` load examples; `text_pipeline` makes features of texts, by `normalizer`,
`text_cutter` (rules in `word_tokenizer` and `word_rules`) and `tokenizer` (with `tokenizer_training`); `batching`
orders examples, `feature_batches` pads their features; `batch` is the result. `streams` is for language models,
`tag_schemes` for tagging, `pretrained_vectors` for embeddings, `detokenizer` for outputs; `synthetic` is data that
nlpseq draws itself.
"""
