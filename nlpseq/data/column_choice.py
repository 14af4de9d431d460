"""Choose the columns that a task reads: those that the user names, or those that leave no doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nlpseq.data.column_checks import Name, check_columns
from nlpseq.data.column_kinds import Column, columns_of
from nlpseq.data.split import Split
from nlpseq.errors import UserError, suggest

_TEXT_NAMES = (
    "text sentence message review body content comment tweet utterance document description question "
    "query article post"
).split()
_LABEL_NAMES = (
    "label labels class category sentiment intent topic target stars rating emotion y gold"
).split()
_SOURCES, _TARGETS = ("source", "src", "input"), ("target", "tgt", "output", "summary", "headline")
_CLEARLY_LONGER = 2.0


@dataclass(frozen=True)
class ColumnChoice:
    """The columns of the data for the fields of a task, and lines on those that were not named."""

    columns: Mapping[str, Name]
    lines: tuple[str, ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        """The fields."""
        return frozenset(self.columns)


def choose_columns(
    splits: Mapping[str, Split],
    given: Mapping[str, Name],
    guessed: Mapping[str, str],
    options: Mapping[str, str],
    *,
    only_report: bool = False,
) -> ColumnChoice:
    """Choose the columns.

    Args:
        splits: as they were read.
        given: column for a field, by the user; several as a tuple, or with commas between them.
        guessed: column for a field, by the format.
        options: for messages, the way in which the user names a field: `--text`.
        only_report: without classes, take numbers, or the texts alone.

    Raises:
        UserError: a column is not there or does not fit its field; or there is a doubt which to take.
    """
    train = splits.get("train") or next(iter(splits.values()))
    columns = columns_of(train)
    chosen: dict[str, Name] = {
        field: _named(name, columns, options[field]) for field, name in given.items()
    }
    _check_distinct(chosen, options)
    check_columns(chosen, columns, options)
    lines: list[str] = []
    missing = _missing(set(chosen), columns, guessed)
    if missing == ("text", "label"):
        missing = _instead_of_classes(columns, only_report=only_report)
    if missing:
        further = _propose(missing, columns, guessed, chosen, options)
        for field, name in further.items():
            if name == guessed.get(field):
                continue  # the format says so
            spelled = name if isinstance(name, str) else ",".join(name)
            described = columns[spelled].describe() if spelled in columns else spelled
            lines.append(
                f"{options[field]} {spelled}: taken, since it is the likely one: {described}"
            )
        chosen |= further
    check_columns(chosen, columns, options)
    return ColumnChoice(chosen, tuple([*lines, *_unused(chosen, columns, options)]))


def _named(name: Name, columns: Mapping[str, Column], option: str) -> Name:
    """Return the column, or several, that a user names."""
    if isinstance(name, str):
        if name in columns:
            return name
        parts = [part.strip() for part in name.split(",")]
    else:
        parts = list(name)
    for part in parts:
        if part not in columns and not _is_number(part):
            near = suggest(part, columns).removesuffix(".")
            raise UserError(
                f"{option} {part}: the data have no such column{near}; they have "
                f"{', '.join(column.describe() for column in columns.values())}"
            )
    return parts[0] if len(parts) == 1 else tuple(parts)


def _is_number(name: str) -> bool:
    """Return whether a name counts columns, as in files without a header."""
    return name.lstrip("-").isdigit()


def _check_distinct(chosen: Mapping[str, Name], options: Mapping[str, str]) -> None:
    for field, name in chosen.items():
        same = [other for other in chosen if other != field and chosen[other] == name]
        if same:
            raise UserError(
                f"{options[field]} and {options[same[0]]} name the same column {name!r}; a text and what is "
                "learnt from it are two columns (a file of lines `__label__x text` is read by data.format=fasttext)"
            )


def _missing(
    given: set[str], columns: Mapping[str, Column], guessed: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the fields that are still to be chosen."""
    if {"tags"} <= given:
        return () if given & {"tokens", "text"} else ("tokens",)
    if given & {"source", "target"}:
        return tuple(sorted({"source", "target"} - given))
    if given & {"label", "labels", "number", "spans", "text2"}:
        return tuple(
            field
            for field in ("text", "label")
            if field not in given
            and not (field == "label" and given & {"labels", "number", "spans"})
        )
    if given:
        return ()  # text alone: a language model
    if {"tokens", "tags"} <= set(guessed):
        return ("tokens", "tags")
    for field in ("labels", "spans"):
        if field in guessed:
            return ("text", field)
    if {"source", "target"} <= set(guessed) or _pair_of(columns):
        return ("source", "target")
    if "tags" in columns and ("tokens" in columns or "words" in columns):
        return ("tokens", "tags")
    if any(column.kind == "spans" for column in columns.values()):
        return ("text", "spans")
    kinds = [column.kind for column in columns.values()]
    if kinds.count("lists") == 1 and kinds.count("text") == 1 and "label" not in kinds:
        return ("text", "labels")
    constant = [
        name
        for name, column in columns.items()
        if column.kind == "constant" and name.lower() in _LABEL_NAMES
    ]
    if constant:
        return ("text", "label")
    # With a single column there is nothing to learn but the text itself.
    used = [
        column
        for column in columns.values()
        if column.kind not in ("empty", "constant", "id", "date")
    ]
    return ("text",) if len(used) == 1 and used[0].kind == "text" else ("text", "label")


def _instead_of_classes(columns: Mapping[str, Column], *, only_report: bool) -> tuple[str, ...]:
    """Return what is read beside the texts: classes, labels that values join, or, in a report, numbers."""
    used = [column for column in columns.values() if column.kind in ("label", "number")]
    classes = [column for column in used if column.kind == "label" and not column.parts]
    joined = [column for column in columns.values() if column.parts]
    if not classes and len(joined) == 1:
        return ("text", "labels")
    texts = [column for column in columns.values() if column.kind == "text"]
    if only_report and len(texts) == 1 and not any(c.kind in ("label", "constant") for c in used):
        return ("text", "number") if len(used) == 1 else ("text",)
    return ("text", "label")


def _propose(
    fields: Sequence[str],
    columns: Mapping[str, Column],
    guessed: Mapping[str, str],
    chosen: Mapping[str, Name],
    options: Mapping[str, str],
) -> dict[str, Name]:
    """Return columns for the fields that nobody has named."""
    taken: set[str] = set()
    for name in chosen.values():
        taken |= {name} if isinstance(name, str) else set(name)
    proposed: dict[str, Name] = {}
    for field in fields:
        free = {name: column for name, column in columns.items() if name not in taken}
        name = guessed.get(field, "") if guessed.get(field, "") not in taken else ""
        name = name or _likely(field, free, columns)
        if not name:
            raise _doubt(field, columns, options, chosen)
        proposed[field] = name
        taken.add(name)
    return proposed


def _likely(field: str, free: Mapping[str, Column], columns: Mapping[str, Column]) -> str:
    """Return the column that a field is very probably read from, '' if there is a doubt."""
    if field in ("tokens", "tags"):
        return next(
            (name for name in (field, "words", "form") if name in free and field != "tags"), ""
        ) or (field if field in free else "")
    if field in ("source", "target"):
        pair = _pair_of(columns)
        name = "" if pair is None else pair[field == "target"]
        if name in free:
            return name
        other = [name for name, column in free.items() if column.kind == "text"]
        return other[0] if len(other) == 1 else ""
    if field in ("spans", "labels"):
        kind = "spans" if field == "spans" else "lists"
        lists = [name for name, column in free.items() if column.kind == kind]
        if field == "labels":
            lists = [name for name, column in free.items() if column.parts] or lists
        return lists[0] if len(lists) == 1 else ""
    if field == "number":
        numbers = [name for name, column in free.items() if column.kind == "number"]
        return numbers[0] if len(numbers) == 1 else ""
    kind, names = ("text", _TEXT_NAMES) if field == "text" else ("label", _LABEL_NAMES)
    fitting = {
        name: column
        for name, column in free.items()
        if (column.kind == kind and not (kind == "text" and column.parts))
        or (kind == "label" and column.kind == "constant" and name.lower() in names)
    }
    if len(fitting) == 1:
        return next(iter(fitting))
    usual = [name for name in fitting if name.lower() in names]
    if len(usual) == 1:
        return usual[0]
    if kind == "text" and not fitting:
        words = [name for name, column in free.items() if column.strings]
        if len(words) == 1:
            return words[0]
        # Texts that repeat look like classes.
        long = [
            name for name, column in free.items() if column.kind == "label" and column.words > 2
        ]
        usual = [name for name in long if name.lower() in names]
        return (usual or long)[0] if len(usual or long) == 1 else ""
    if kind == "text":
        by_length = sorted(fitting.values(), key=lambda column: -column.words)
        if len(by_length) > 1 and by_length[0].words > _CLEARLY_LONGER * by_length[1].words * 2:
            return by_length[0].name
    return ""


def _pair_of(columns: Mapping[str, Column]) -> tuple[str, str] | None:
    """Return source and target if names say so: `source` and `target`, or two codes of languages."""
    texts = [
        name
        for name, column in columns.items()
        if column.kind == "text" or (column.kind == "label" and column.words > 1)
    ]
    last = {name: name.rpartition(".")[2].lower() for name in texts}
    sources = [name for name in texts if last[name] in _SOURCES]
    targets = [name for name in texts if last[name] in _TARGETS]
    if len(sources) == len(targets) == 1:
        return sources[0], targets[0]
    codes = [name for name in texts if last[name].isalpha() and 2 <= len(last[name]) <= 3]
    return (codes[0], codes[1]) if len(codes) == len(texts) == 2 else None


def _doubt(
    field: str,
    columns: Mapping[str, Column],
    options: Mapping[str, str],
    chosen: Mapping[str, Name],
) -> UserError:
    described = ", ".join(column.describe() for column in columns.values())
    texts = [
        column.name for column in columns.values() if column.kind == "text" and not column.parts
    ]
    labels = [column.name for column in columns.values() if column.kind == "label"]
    if field == "text" and not texts and not chosen:
        equal = [column.name for column in columns.values() if column.kind == "constant"]
        more = f"; all values of {' and of '.join(equal)} are equal" if equal else ""
        lists = [column.name for column in columns.values() if column.strings]
        if len(lists) > 1:  # tokens, and labels or tags
            first, second = lists[:2]
            more = (
                f"{more}; lists of words are named, `--text {first} --labels {second}` for several labels a text, "
                f"`--text {first} --tags {second}` for a tag of each word"
            )
        return UserError(f"no column holds texts{more}; the data have {described}")
    example = [f"--text {texts[0] if texts else 'COLUMN'}"]
    numbers = [column.name for column in columns.values() if column.kind == "number"]
    if field == "text" and len(texts) == 2 and len(labels) + len(numbers) == 1:
        last = f"--label {labels[0]}" if labels else f"--number {numbers[0]}"
        return UserError(
            f"{options[field]}: say which column, for pairs of texts `{' '.join(example)} --text2 {texts[1]} {last}`, "
            f"for single texts `{' '.join(example)} {last}`; the data have {described}"
        )
    if field == "label" and not labels:
        more = f" --number {numbers[0]} learns a number," if numbers else ""
        return UserError(
            f"no column holds classes, which repeat; the data have {described};{more} "
            f"{' '.join(example)} alone trains a language model"
        )
    switches = [name for name in labels if columns[name].numeric and columns[name].distinct == 2]
    if field == "label" and len(switches) > 1 and switches == labels:
        example.append(f"--labels {','.join(switches)}")
    elif field == "label" or labels:
        example.append(f"--label {labels[0] if labels else 'COLUMN'}")
    return UserError(
        f"{options[field]}: say which column, for instance `{' '.join(example)}`; the data have {described}"
    )


def _unused(
    chosen: Mapping[str, Name], columns: Mapping[str, Column], options: Mapping[str, str]
) -> list[str]:
    """Return a line on classes that a language model leaves unread."""
    if set(chosen) != {"text"}:
        return []
    labels = [
        name
        for name, column in columns.items()
        if column.kind == "label" and name not in chosen.values()
    ]
    if not labels:
        return []
    return [
        f"text alone trains a language model; {options['label']} {labels[0]} trains a classifier of {labels[0]!r}"
    ]
