"""HTML of results for notebooks."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpseq.reporting.baselines import baseline_rows, verdicts
from nlpseq.reporting.formats import format_duration, format_parameters
from nlpseq.reporting.model_card import score_rows
from nlpseq.safe_text import for_html
from nlpseq.wording import format_count


def run_html(
    metrics: Mapping[str, Any],
    samples: Sequence[str],
    folder: Path,
    *,
    interrupted: bool = False,
) -> str:
    """Return the result of a run: scores, cost, samples and learning curves.

    Args:
        metrics: content of metrics.json, or of summary.json for several seeds.
        samples: example outputs.
        folder: the run directory.
        interrupted: the run was stopped before its end.
    """
    where = f"<p>run directory: <code>{for_html(folder)}</code></p>"
    if interrupted:
        return f"<p>Interrupted; run again with <code>resume=True</code> to continue.</p>{where}"
    examples = "".join(f"<pre>{for_html(sample)}</pre>" for sample in samples)
    facts = "".join(f"<p>{for_html(fact)}</p>" for fact in _facts(metrics))
    plot = _picture(folder / "plots" / "learning_curves.png", "learning curves")
    rows = baseline_rows(metrics)
    baselines = f"<p>baselines</p>{table_html(rows)}" if rows else ""
    baselines += "".join(f"<p>{for_html(verdict)}</p>" for verdict in verdicts(metrics))
    return f"{table_html(score_rows(metrics))}{baselines}{facts}{examples}{plot}{where}"


def table_html(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as an HTML table; the first row is the head."""
    head = "".join(f"<th>{for_html(cell)}</th>" for cell in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{for_html(cell)}</td>' for cell in row)}</tr>" for row in rows[1:]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _facts(metrics: Mapping[str, Any]) -> list[str]:
    facts = []
    if "parameters" in metrics:
        facts.append(f"parameters: {format_parameters(metrics['parameters'])}")
    if "steps" in metrics and "seconds" in metrics:
        length = format_count(metrics["steps"], "step")
        facts.append(f"training: {length} in {format_duration(metrics['seconds'])}")
    return facts


def _picture(path: Path, caption: str) -> str:
    """Return the image inside an element; nothing if there is no such file."""
    if not path.exists():
        return ""
    image = path.read_bytes()
    width = int.from_bytes(image[16:20], "big") // 2  # figures have twice the pixels of a page
    data = base64.b64encode(image).decode()
    return f'<img alt="{caption}" width="{width}" src="data:image/png;base64,{data}">'
