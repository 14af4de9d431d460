"""The report on data as people read it: facts and warnings in lines, and tables, for a terminal or a page.

Nothing is computed here: `DataReport.to_json()` has the numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nlpseq.wording import format_count

Report = Mapping[str, Any]
"""`DataReport.to_json()`."""
Rows = list[list[str]]

MOST_ROWS = 20  # of a table
MANY_UNKNOWN = 0.1
_SHOWN = 5
_LENGTHS = {
    "smallest": "shortest",
    "low": "5%",
    "median": "median",
    "high": "95%",
    "very_high": "99%",
    "largest": "longest",
}


class ReportTable(NamedTuple):
    """A table with its title; the first row is the head."""

    title: str
    rows: Rows


def report_lines(report: Report) -> list[str]:
    """Return what was assumed, what readers left out of each split, and the report in a few lines."""
    notes = {name: split["note"] for name, split in report["splits"].items() if split["note"]}
    said = [f"{name}: {note}" for name, note in notes.items()]
    return [*report["lines"], *said, *summary_lines(report)]


def summary_lines(report: Report) -> list[str]:
    """Return the report in a few lines: sizes, classes, lengths, languages, unknown tokens."""
    train = _train(report)
    sizes = ", ".join(f"{name} {split['rows']:,}" for name, split in report["splits"].items())
    lines = [f"examples: {sizes}"]
    for text in train["texts"].values():
        unit = "tokens" if text["lists"] else "words"
        words = text["words"]
        lines.append(
            f"{text['column']}: {words['median']:,} {unit} in the median, 95% up to {words['high']:,}, longest "
            f"{words['largest']:,}; {_script_text(text)}"
        )
    lines += _target_lines(train)
    return lines


def _target_lines(split: Mapping[str, Any]) -> Iterator[str]:
    if labels := split["labels"]:
        counts = labels["counts"]
        total = sum(counts.values())
        shares = [
            f"{_quoted(name)} {_percent(count / max(total, 1))}" for name, count in counts.items()
        ]
        yield (
            f"{labels['column']}: {format_count(len(counts), 'label')}: {_listed(shares)}"
            + (f"; {labels['labels_per_row']:.2g} a text" if labels["labels_per_row"] != 1 else "")
        )
    if tags := split["tags"]:
        if tags["scheme"]:
            types = [f"{name} {count:,}" for name, count in tags["types"].items()]
            yield f"{tags['column']}: spans in {tags['scheme']}: {_listed(types) or 'none'}"
        else:
            shares = [f"{name} {count:,}" for name, count in tags["counts"].items()]
            yield f"{tags['column']}: {format_count(len(tags['counts']), 'tag')}: {_listed(shares)}"
    if split["spans"]:
        yield f"spans: {_listed([f'{name} {count:,}' for name, count in split['spans'].items()])}"
    if number := split["number"]:
        yield (
            f"{number['column']}: numbers from {number['smallest']:.4g} to {number['largest']:.4g}, mean "
            f"{number['mean']:.4g}, standard deviation {number['deviation']:.4g}"
        )


def warnings(report: Report) -> list[str]:
    """Return what may be wrong with the data, in one line each."""
    lines: list[str] = []
    for name, split in report["splits"].items():
        first = name == "train" or len(report["splits"]) == 1
        lines += [f"{name}: {line}" for line in _split_warnings(split, repeated=first)]
    lines += _unlearnt_labels(report)
    for overlap in report["overlaps"]:
        lines.append(
            f"{overlap['split']}: {overlap['rows']:,} of its examples ({overlap['share']:.1%}) have a text that "
            f"{overlap['other']} has too; scores on them say nothing about new texts"
        )
    return lines


def _unlearnt_labels(report: Report) -> Iterator[str]:
    """Name the labels of other splits that train lacks."""
    train = report["splits"].get("train", {}).get("labels")
    if not train or not train["complete"]:
        return
    for name, split in report["splits"].items():
        counts = (split["labels"] or {}).get("counts", {})
        lacking = [label for label in counts if label not in train["counts"]]
        if lacking:
            yield (
                f"{name}: {format_count(sum(counts[label] for label in lacking), 'row')} with a label that train "
                f"lacks: {_listed(list(map(_quoted, lacking)))}"
            )


def _split_warnings(split: Mapping[str, Any], *, repeated: bool) -> Iterator[str]:
    for text in split["texts"].values():
        if text["missing"]:
            yield f"{format_count(text['missing'], 'row')} without {text['column']}"
        if text["empty"]:
            yield f"{format_count(text['empty'], 'empty text')} in {text['column']}"
        if repeated and text["repeated"]:
            share = text["repeated"] / max(split["rows"], 1)
            yield f"{format_count(text['repeated'], 'text')} of {text['column']} ({share:.1%}) repeat an earlier one"
    if (labels := split["labels"]) is not None:
        if labels["missing"]:
            yield f"{format_count(labels['missing'], 'row')} without {labels['column']}"
        once = [label for label, count in labels["counts"].items() if count == 1]
        if once:
            yield f"{format_count(len(once), 'label')} seen once: {_listed(list(map(_quoted, once)))}"
    if (tags := split["tags"]) is not None:
        if tags["missing"]:
            yield f"{format_count(tags['missing'], 'sentence')} without {tags['column']}"
        if tags["unequal"]:
            yield f"{format_count(tags['unequal'], 'sentence')} with more or fewer tags than tokens"
    if (number := split["number"]) is not None and number["missing"]:
        yield f"{format_count(number['missing'], 'row')} without {number['column']}"
    if (conflicts := split["conflicts"]) and conflicts["texts"]:
        yield (
            f"{format_count(conflicts['texts'], 'text')} with different labels, in "
            f"{format_count(conflicts['rows'], 'row')}; no model can get all of them right"
        )
    if (pairs := split["pairs"]) and pairs["equal"]:
        yield f"{format_count(pairs['equal'], 'pair')} of equal texts"


def tables(report: Report) -> list[ReportTable]:
    """Return all tables, those without a row left out."""
    splits = report["splits"]
    all_tables = [
        ReportTable("Splits", _split_rows(splits)),
        *_length_tables(splits),
        ReportTable("Scripts and languages", _script_rows(splits)),
        ReportTable("Unknown tokens by tokenization", _unknown_rows(splits)),
        ReportTable("Labels", _count_rows(splits, "labels", "counts", "label")),
        ReportTable("Spans", _count_rows(splits, "tags", "types", "type")),
        ReportTable("Spans by offset", _span_rows(splits)),
        ReportTable("Tags", _count_rows(splits, "tags", "counts", "tag")),
        ReportTable("Numbers", _number_rows(splits)),
        ReportTable("Pairs", _pair_rows(splits)),
        ReportTable("Equal texts with different labels", _conflict_rows(splits)),
    ]
    return [table for table in all_tables if len(table.rows) > 1]


def _split_rows(splits: Mapping[str, Any]) -> Rows:
    rows = [["split", "rows", "column", "missing", "empty", "repeated", "distinct words (sample)"]]
    for name, split in splits.items():
        for text in split["texts"].values():
            counts = [text[key] for key in ("missing", "empty", "repeated", "distinct_words")]
            rows.append([name, f"{split['rows']:,}", text["column"], *(f"{n:,}" for n in counts)])
    return rows


def _length_tables(splits: Mapping[str, Any]) -> Iterator[ReportTable]:
    for unit in ("words", "characters"):
        rows = [["split", "column", *_LENGTHS.values(), "mean"]]
        for name, split in splits.items():
            for text in split["texts"].values():
                lengths = text[unit]
                values = [f"{lengths[key]:,}" for key in _LENGTHS]
                rows.append([name, text["column"], *values, f"{lengths['mean']:.1f}"])
        yield ReportTable(f"Lengths in {unit}", rows)


def _script_rows(splits: Mapping[str, Any]) -> Rows:
    rows = [["split", "column", "language", "scripts"]]
    for name, split in splits.items():
        for text in split["texts"].values():
            shares = [f"{script} {share:.1%}" for script, share in text["scripts"].items()]
            rows.append([name, text["column"], text["language"] or "not clear", _listed(shares)])
    return rows


def _unknown_rows(splits: Mapping[str, Any]) -> Rows:
    rows = [["split", "column", "words", "subwords", "characters"]]
    for name, split in splits.items():
        for text in split["texts"].values():
            if unknown := text["unknown"]:
                shares = [unknown[kind] for kind in ("word", "subword", "character")]
                where = (
                    f"{name} (a tenth held out)" if name == "train" or len(splits) == 1 else name
                )
                rows.append([where, text["column"], *(f"{share:.1%}" for share in shares)])
    return rows


def _count_rows(splits: Mapping[str, Any], part: str, key: str, what: str) -> Rows:
    """Return the counts of labels, tags or types in each split."""
    counts = {name: (split[part] or {}).get(key, {}) for name, split in splits.items()}
    names = list(dict.fromkeys(label for values in counts.values() for label in values))
    if not names:
        return []
    rows = [[what, *counts]]
    for label in names[:MOST_ROWS]:
        rows.append(
            [label.replace("\0", ", "), *(_share(values, label) for values in counts.values())]
        )
    if len(names) > MOST_ROWS:
        rows.append([f"and {len(names) - MOST_ROWS:,} more", *("" for _ in counts)])
    return rows


def _share(values: Mapping[str, int], label: str) -> str:
    count = values.get(label, 0)
    return f"{count:,} ({count / max(sum(values.values()), 1):.1%})"


def _span_rows(splits: Mapping[str, Any]) -> Rows:
    names = list(dict.fromkeys(name for split in splits.values() for name in split["spans"]))
    if not names:
        return []
    rows = [["type", *splits]]
    return rows + [
        [name, *(_share(split["spans"], name) for split in splits.values())]
        for name in names[:MOST_ROWS]
    ]


def _number_rows(splits: Mapping[str, Any]) -> Rows:
    keys = ("smallest", "median", "mean", "deviation", "largest")
    rows = [["split", "column", "different", *keys]]
    for name, split in splits.items():
        if number := split["number"]:
            values = [f"{number[key]:.5g}" for key in keys]
            rows.append([name, number["column"], f"{number['distinct']:,}", *values])
    return rows


def _pair_rows(splits: Mapping[str, Any]) -> Rows:
    rows = [["split", "length of the second / first", "words of the second in the first", "equal"]]
    for name, split in splits.items():
        if pairs := split["pairs"]:
            rows.append(
                [
                    name,
                    f"{pairs['median_ratio']:.2f}",
                    f"{pairs['shared_words']:.1%}",
                    f"{pairs['equal']:,}",
                ]
            )
    return rows


def _conflict_rows(splits: Mapping[str, Any]) -> Rows:
    rows = [["split", "text", "labels"]]
    for name, split in splits.items():
        for text, labels in (split["conflicts"] or {}).get("examples", ()):
            rows.append([name, text, ", ".join(labels)])
    return rows


def _train(report: Report) -> Mapping[str, Any]:
    splits: Mapping[str, Mapping[str, Any]] = report["splits"]
    return splits.get("train") or next(iter(splits.values()))


def _script_text(text: Mapping[str, Any]) -> str:
    """Return main script, language and share of unknown words of a text."""
    script = next(iter(text["scripts"]), "no letters")
    language = f" ({text['language']})" if text["language"] else ""
    unknown = text["unknown"].get("word")
    words = f", {unknown:.0%} of the words of held-out texts are new" if unknown is not None else ""
    return f"{script}{language}{words}"


def _percent(share: float) -> str:
    return "below 1%" if 0 < share < 0.01 else f"{share:.0%}"


def _quoted(name: str) -> str:
    shown = name.replace("\0", ", ")
    return shown if len(shown) <= 30 else f"{shown[:29]}…"


def _listed(values: Sequence[str]) -> str:
    shown: Iterable[str] = values[:_SHOWN]
    return ", ".join(shown) + (
        f", and {len(values) - _SHOWN:,} more" if len(values) > _SHOWN else ""
    )
