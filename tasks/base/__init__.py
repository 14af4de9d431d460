"""Shared by the tasks: recipe sections, features and batches of texts, options of decoding.

Read `text_recipe`, then `text_task`; tasks that generate text also use `decoding_config`.
"""
