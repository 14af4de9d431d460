"""The model card: README.md of a run directory, with its scores as metadata that the Hub understands."""

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nlpseq
from nlpseq import custom_code
from nlpseq.reporting.baselines import baseline_rows, verdicts
from nlpseq.reporting.formats import (
    format_duration,
    format_number,
    format_parameters,
    format_score,
    readable_name,
    score_label,
)
from nlpseq.reporting.tables import (
    FLOOR,
    LEAD,
    detail_rows,
    last_details,
)
from nlpseq.safe_text import for_markdown, for_terminal
from nlpseq.wording import format_count

_SIZE = "tokens"  # among the scores, but not a score
# The folders of an absolute path, at the beginning of a text or of a value in it.
_FOLDERS = re.compile(
    r"""(^|[\s=,"'\[{(])(?:~|[A-Za-z]:)?[/\\](?=[^\s/\\])(?:[^/\\"',}\])]+[/\\])*"""
)


def model_card(
    recipe: Mapping[str, Any],
    name: str,
    metrics: Mapping[str, Any],
    samples: Sequence[str] = (),
    *,
    hub_task: str = "text-generation",
) -> str:
    """Write the model card of a run.

    Args:
        recipe: the resolved recipe.
        name: the recipe's name, as it was run.
        metrics: content of metrics.json.
        samples: example outputs.
        hub_task: the name of the task on the Hub.

    Returns:
        Markdown with YAML front matter.
    """
    import tomli_w

    # Paths on the machine that trained the model are private.
    name = Path(name).name if name.endswith(".toml") else name
    recipe = _without_paths(recipe)
    model = name.removesuffix(".toml")
    parts = [
        _front_matter(recipe, model, metrics, hub_task),
        f"# {for_markdown(model)}",
        f"Trained with nlpseq {nlpseq.__version__} on {for_markdown(_data_set(recipe, metrics)[1])}:",
        _training_block(name, metrics, recipe),
        "`recipe.toml` in this folder is the complete recipe, overrides included. Train it again with "
        f"`{_again(metrics)}`.",
        f"## Scores\n\n{_score_table(metrics)}",
        *_baselines(metrics),
        *_detail_table(metrics),
        f"## Use\n\n{_use(recipe)}",
        *_tokenizer_note(metrics),
    ]
    if samples:
        parts.append(f"## Samples\n\n{_samples(samples)}")
    parts.append(f"## Training\n\n{_facts(metrics)}")
    resolved = tomli_w.dumps(_without_none(recipe))
    parts.append(
        f"<details><summary>recipe.toml</summary>\n\n{_fenced(resolved, 'toml')}\n\n</details>"
    )
    return "\n\n".join(parts) + "\n"


def _tokenizer_note(metrics: Mapping[str, Any]) -> list[str]:
    """Return whether the tokenizer of the folder, in transformers, reads raw text as the model does."""
    differs = metrics.get("auto_tokenizer")
    if differs is None:
        return []
    loads = "`transformers.AutoTokenizer` loads the tokenizer of this folder"
    if differs == "same ids":
        return [f"{loads}, with the same ids for raw text."]
    return [f"{loads}. For raw text its ids may differ: {for_markdown(differs)}."]


def _front_matter(
    recipe: Mapping[str, Any], model: str, metrics: Mapping[str, Any], hub_task: str
) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    kind, data_name = _data_set(recipe, metrics)
    from_hub = data_kind(recipe, metrics) == "hub"
    results = [
        EvalResult(
            task_type=hub_task,
            dataset_type=kind,
            dataset_name=data_name,
            dataset_config=recipe["data"]["name"] if from_hub else None,
            dataset_revision=recipe["data"]["revision"] if from_hub else None,
            dataset_split=split,
            metric_type=_metric_type(score),
            metric_name=readable_name(score),
            metric_value=float(value),
        )
        for split in metrics["splits"]
        for score, value in metrics[split].items()
        if score != _SIZE and not score.startswith((FLOOR, LEAD)) and math.isfinite(value)
    ]
    card = ModelCardData(
        model_name=model,
        library_name="nlpseq",
        pipeline_tag=hub_task,
        datasets=[kind] if from_hub and "/" in kind else None,
        tags=["nlpseq", str(recipe["encoder"]["kind"])],
        eval_results=results or None,
    )
    return f"---\n{for_terminal(card.to_yaml())}\n---"


def _training_block(name: str, metrics: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    """Return what trained the model: a command, or Python for data in memory."""
    if data_kind(recipe, metrics) == "memory":
        return _fenced(_again(metrics), "python")
    return _fenced(_command(name, metrics, recipe), "bash")


def _metric_type(score: str) -> str:
    """Return the Hub's name of a score, which knows accuracy and F1 but not of which tokens or tags."""
    kind = score.rpartition("_")[2]
    return kind if kind in ("accuracy", "f1", "precision", "recall") else score


def _command(name: str, metrics: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    """Return the command that trained the model, seed included."""
    if given := metrics.get("command"):
        return shlex.join(map(_hide_paths, given))
    words = ["nlpseq", "run", name, *map(_hide_paths, metrics.get("overrides", ()))]
    if not any(word.startswith("seed=") for word in words):
        words.append(f"seed={metrics['seed']}")
    return shlex.join([*words, *custom_code.code_options(recipe)]) + _data_option(metrics)


def _use(recipe: Mapping[str, Any]) -> str:
    """Return Python that loads the model."""
    files = custom_code.files_named_in(recipe)
    code = f", code={files!r}" if files else ""
    load = f'model = nlpseq.load("."{code})  # this folder, or its id on the Hub'
    return _fenced(f"import nlpseq\n\n{load}", "python")


def _again(metrics: Mapping[str, Any]) -> str:
    if metrics.get("data_source", {}).get("kind") == "memory":
        return 'nlpseq.run("recipe.toml", data=...)'
    return f"nlpseq run recipe.toml{_data_option(metrics)}"


def _data_option(metrics: Mapping[str, Any]) -> str:
    """Return ` --data-dir DIR` for a model of local files."""
    return " --data-dir DIR" if metrics.get("data_source", {}).get("kind") == "local" else ""


def data_kind(recipe: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Return `local`, `memory`, `hub` or `builtin`: where the data of a run came from."""
    source = metrics.get("data_source")
    if source:
        return str(source["kind"])
    return "builtin" if recipe["data"]["source"] == "builtin" else "hub"  # before 0.2


def _data_set(recipe: Mapping[str, Any], metrics: Mapping[str, Any]) -> tuple[str, str]:
    """Return the id of the data (of the Hub, `local`, `memory` or `builtin`), and their name."""
    data, kind = recipe["data"], data_kind(recipe, metrics)
    if kind == "builtin":
        return "builtin", f"the built-in corpus of nlpseq ({data['view']})"
    if kind == "memory":
        return "memory", f"data in memory ({metrics['data_source'].get('type', 'Python')})"
    if kind == "local":
        files = metrics["data_source"]["files"].values()
        names = dict.fromkeys(Path(name).name for group in files for name in group)
        return "local", f"local files ({', '.join(names)})"
    return data["source"], " ".join(part for part in (data["source"], data["name"]) if part)


def _without_paths(value: Any) -> Any:
    """Return a document in which paths of the machine that trained the model are only names of files."""
    if isinstance(value, Mapping):
        return {key: _without_paths(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_paths(part) for part in value]
    return _hide_paths(value) if isinstance(value, str) else value


def _hide_paths(text: str) -> str:
    """Return a text in which only the last part of each absolute path is left."""
    return _FOLDERS.sub(r"\1", text)


def _score_table(metrics: Mapping[str, Any]) -> str:
    """Return the scores as a Markdown table."""
    return _markdown(score_rows(metrics))


def score_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Return the head, and a row for each score, baselines included, with a column for each split.

    Args:
        metrics: content of metrics.json, or of summary.json for several seeds.
    """
    parts = (name for name, part in metrics.items() if isinstance(part, Mapping))
    splits = metrics["splits"] if "splits" in metrics else list(parts)
    hidden = (LEAD,) if "baselines" in metrics else ()
    names = dict.fromkeys(
        name for split in splits for name in metrics[split] if not name.startswith(hidden)
    )
    body = [
        [_label(name), *(format_score(name, metrics[split].get(name)) for split in splits)]
        for name in names
    ]
    return [["score", *splits], *body]


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the head first, as a Markdown table: text on the left, numbers on the right."""
    escaped = (map(for_markdown, row) for row in rows)
    head, *body = (f"| {' | '.join(row)} |" for row in escaped)
    return "\n".join((head, f"|---|{'---:|' * (len(rows[0]) - 1)}", *body))


def _baselines(metrics: Mapping[str, Any]) -> list[str]:
    """Return the baselines with a heading, and which of them the network does not beat; [] without them."""
    rows = baseline_rows(metrics)
    if not rows:
        return []
    note = "Cheap models, trained on the same data and scored in the same way, to compare with:"
    return [f"## Baselines\n\n{note}", _markdown(rows), *map(for_markdown, verdicts(metrics))]


def _detail_table(metrics: Mapping[str, Any]) -> list[str]:
    """Return scores by class or type on the last split, with a heading; [] if there are none."""
    split, details = last_details(metrics)
    kind, rows = detail_rows(details)
    return [f"### {for_markdown(split)} by {kind}\n\n{_markdown(rows)}"] if rows else []


def _label(name: str) -> str:
    if name.startswith(FLOOR):
        return f"best possible {readable_name(name.removeprefix(FLOOR))}"
    return score_label(name)


def _facts(metrics: Mapping[str, Any]) -> str:
    rate = format_number(round(metrics["tokens_per_second"]))
    facts = {
        "parameters": format_parameters(metrics["parameters"]),
        "length": f"{format_count(metrics['steps'], 'step')}, {format_count(metrics['epochs'], 'epoch')}",
        "tokens": format_number(metrics["tokens"]),
        "time": f"{format_duration(metrics['seconds'])} ({rate} tokens per second)",
        "seed": str(metrics["seed"]),
        "versions": ", ".join(f"{name} {version}" for name, version in metrics["versions"].items()),
    }
    return "\n".join(
        (
            "| | |\n|---|---|",
            *(f"| {name} | {for_markdown(value)} |" for name, value in facts.items()),
        )
    )


def _samples(samples: Sequence[str]) -> str:
    return _fenced("\n\n".join(samples), "text")


def _fenced(text: str, language: str) -> str:
    """Return a code block with a fence that does not occur in the text; control characters are visible."""
    text, fence = for_terminal(text), "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.strip()}\n{fence}"


def _without_none(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without keys that are None, which TOML cannot express."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in document.items()
        if value is not None
    }
