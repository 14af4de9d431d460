"""The key that a user probably meant: another library's name for it, another section, or a typing error."""

import difflib
from collections.abc import Iterable, Sequence

from nlpseq.errors import LONGEST

from .sections import Schema, section_keys, section_names

_OTHER_NAMES = {
    "seed": "random_seed random_state rng_seed",
    "accumulation": "accumulation_steps grad_accum gradient_accumulation "
    "gradient_accumulation_steps accumulate_grad_batches",
    "attention": "attn attention_type attn_type attention_mechanism",
    "batch_size": "bs batch batchsize train_batch_size per_device_train_batch_size",
    "batch_tokens": "max_tokens_per_batch tokens_per_batch",
    "beam_size": "beam beams num_beams beam_width n_beams",
    "betas": "adam_betas beta1 beta2",
    "bidirectional": "bidir bi birnn",
    "bptt_length": "bptt seq_len sequence_length block_size window_size",
    "characters": "char chars char_cnn char_embedding",
    "character_dim": "char_dim char_emb_dim char_embedding_dim",
    "checkpoint_steps": "save_steps save_every save_interval checkpoint_every",
    "clip_norm": "clip grad_clip clip_grad clip_grad_norm gradient_clip gradient_clipping "
    "max_grad_norm max_norm gradient_clip_val",
    "dim": "emb_dim embed_dim embedding_dim emb_size embed_size embedding_size emsize ninp d_emb",
    "dropout": "drop dropout_rate dropout_p p_dropout",
    "epochs": "n_epochs num_epochs max_epochs num_train_epochs nepochs",
    "feedforward_size": "d_ff ff_dim ff_size ffn_dim ffn_size dim_feedforward intermediate_size "
    "feedforward_dim nhid_ff",
    "format": "file_format data_format",
    "frozen": "freeze freeze_embeddings freeze_embedding",
    "hidden_size": "hidden hidden_dim hidden_units hid_dim hid_size nhid n_hidden d_model "
    "model_dim num_hidden units rnn_size",
    "kind": "type model cell arch architecture rnn_type cell_type encoder_type model_type",
    "label_smoothing": "smoothing label_smooth",
    "learning_rate": "lr learningrate step_size",
    "length_alpha": "alpha length_penalty_alpha",
    "log_steps": "logging_steps log_every log_interval",
    "lowercase": "lower do_lower_case lowercased uncased",
    "max_length": "max_len max_seq_len max_seq_length max_sequence_length max_position_embeddings",
    "max_new_tokens": "max_tokens max_output_length max_decode_len max_gen_len max_len",
    "max_steps": "steps n_steps num_steps max_iters num_updates max_updates",
    "min_frequency": "min_freq min_count minfreq",
    "no_repeat_ngram": "no_repeat_ngram_size",
    "num_heads": "heads nhead nheads n_heads n_head num_attention_heads attention_heads",
    "num_layers": "layers n_layers nlayers n_layer num_layer depth num_hidden_layers",
    "num_return": "num_return_sequences num_best n_best nbest",
    "optimizer": "opt optim optimiser",
    "patience": "early_stopping_patience early_stop",
    "pooling": "pool pooling_type",
    "precision": "fp16 bf16 amp mixed_precision dtype",
    "pretrained": "glove vectors pretrained_vectors pretrained_embeddings word_vectors",
    "schedule": "scheduler lr_scheduler lr_schedule lr_scheduler_type",
    "source": "dataset data_set dataset_name",
    "temperature": "temp",
    "tied": "tie tie_weights tie_embeddings tied_weights tie_word_embeddings",
    "top_k": "topk",
    "top_p": "topp nucleus",
    "validate_steps": "eval_steps eval_every validation_steps eval_interval val_check_interval",
    "vocabulary_size": "vocab_size vocab max_vocab max_vocab_size",
    "warmup": "warmup_steps num_warmup_steps warmup_ratio warmup_proportion",
    "weight_decay": "wd decay",
}
ALIASES: dict[str, list[str]] = {}
"""Keys by the names that other libraries give them: suggested in messages, never accepted."""
for _key, _names in _OTHER_NAMES.items():
    for _name in _names.split():
        ALIASES.setdefault(_name, []).append(_key)

OPTIONS = {
    "device": "--device cuda",
    "output": "--output DIR",
    "data_dir": "--data-dir DIR",
    "code": "--code FILE",
}
"""Options of the commands that look like keys, as they are written."""

_MOST = 3  # suggestions in one message


def suggest_key(schema: Schema, section: str, key: str) -> str:
    """Return the end of an error line about an unknown key; empty if nothing is similar.

    Args:
        schema: the task's recipe.
        section: the section that the user named; '' for none.
        key: the unknown key.
    """
    unknown = _full(section, key)
    meant = [name for name in matching_keys(schema, key, section) if name != unknown]
    if not meant:
        own = near_keys(section, key, _keys(schema, section))
        meant = own or _near(key, all_keys(schema))
    return did_you_mean(meant)


def did_you_mean(keys: Sequence[str]) -> str:
    """Return `; did you mean 'a' or 'b'?`; empty for no keys."""
    return f"; did you mean {' or '.join(map(repr, keys[:_MOST]))}?" if keys else ""


def near_keys(section: str, key: str, known: Iterable[str]) -> list[str]:
    """Return the key of a section that is most similar to a misspelt one, by its full name."""
    return _near(key, [_full(section, name) for name in known])


def matching_keys(schema: Schema, key: str, section: str = "") -> list[str]:
    """Return the full names of the keys that are called `key`, here or in another library.

    Keys of `section` go first and alone; `training.hidden_size` matches `encoder.hidden_size`.
    """
    name = key.lower().replace("-", "_")
    candidates = [name, *ALIASES.get(name, [])]
    keys = _keys(schema, section)
    own = [_full(section, candidate) for candidate in candidates if candidate in keys]
    if section and own:
        return own
    known = all_keys(schema)
    anywhere = [key for candidate in candidates for key in known if _last(key) == candidate]
    return list(dict.fromkeys([*own, *anywhere]))


def all_keys(schema: Schema) -> list[str]:
    """Return every key of a schema by its full name: `seed`, `training.epochs`."""
    sections = section_names(schema)
    inside = [_full(name, key) for name in sections for key in section_keys(schema, name)]
    return [*(name for name in schema.model_fields if name not in sections), *inside]


def _keys(schema: Schema, section: str) -> Sequence[str]:
    return section_keys(schema, section) if section else list(schema.model_fields)


def _full(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _near(name: str, known: Iterable[str]) -> list[str]:
    """Return the known name most similar to a misspelt one; its last part must be similar, too."""
    if len(name) > LONGEST:
        return []  # like nothing, and slow to compare
    similar = {
        full: difflib.SequenceMatcher(None, _last(name), _last(full)).ratio() for full in known
    }
    best = max(similar, key=lambda full: similar[full], default="")
    return [best] if best and similar[best] >= 0.6 else []
