"""Tables of answers to data rows: one line is one data row, and answers one question.

They are CSV, Parquet or Arrow files, or data frames in memory: whatever gives its columns as Arrow does
(https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html), as pandas, polars and pyarrow do.
"""

from __future__ import annotations

import csv
import fnmatch
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa

from evalstream.importers.options import Frame, TableOptions
from evalstream.importers.plain import PlainRow, is_plain_key, plain_row
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import STDIN, plain_bytes
from evalstream.words import count_of

PARQUET: Final = b"PAR1"
ARROW: Final = b"ARROW1"  # Feather, too
#: What columns are called where no option names them, the most telling first.
_IDS: Final = (
    "data_row",
    "id",
    "image_id",
    "image_name",
    "image",
    "file_name",
    "filename",
    "file",
    "path",
    "uuid",
    "__index_level_0__",
)
_TRUTHS: Final = ("y_true", "truth", "ground_truth", "gt", "target", "actual", "label", "class", "class_id", "y")
_ANSWERS: Final = ("y_pred", "prediction", "predicted", "pred", "answer", "label", "class", "class_id")
#: Columns of boxes, an object a line, by their names without signs: a table of answers has one line a data row.
_BOXES: Final = (
    {"xmin", "ymin", "xmax", "ymax"},
    {"x1", "y1", "x2", "y2"},
    {"x", "y", "width", "height"},
    {"x", "y", "w", "h"},
    {"left", "top", "width", "height"},
    {"bbox"},
)
_WHOLE: Final = re.compile(r"([+-]?\d+)\.0*")
_DELIMITERS: Final = ",;\t|"
_NO_FACTS: Final[dict[str, Any]] = {}
_ANY_ROW: Final = "1"


class _Table(NamedTuple):
    columns: list[str]
    cells: Callable[[str], Sequence[str]]  # of a column, a line each
    noun: str  # what lines are called
    numbers: Sequence[int]
    problems: list[Problem]


def read(source: Path | Frame, side: Side, options: TableOptions) -> Imported:
    """Read a table, from a file or from memory.

    Raises
    ------
    ImporterError
        If it is none, or a column that is needed is not there.
    """
    path = source if isinstance(source, Path) else Path(side)
    table = _read(path) if isinstance(source, Path) else _of_arrow(pa.table(source))
    _refuse_boxes(path, table.columns, options, side)
    own_id = _column(path, table.columns, options.id, _IDS, "id")
    scores = _score_columns(path, table.columns, options.scores) if side == "predictions" else {}
    guesses, given = (_TRUTHS, options.truth) if side == "annotations" else (_ANSWERS, options.answer)
    answer = _column(path, [name for name in table.columns if name != own_id], given, guesses, "answer")
    if answer is None and not scores:
        option = "--truth-column" if side == "annotations" else "--answer-column or --class-columns"
        raise ImporterError(
            f"{path}: none of the columns is known to hold answers; {option} names one of {table.columns}"
        )
    notes = [] if own_id else ["No column holds ids (--id-column): data rows are called by their number, from 1."]
    names = list(map(str.strip, table.cells(own_id))) if own_id else list(map(str, range(1, len(table.numbers) + 1)))
    rows: list[Row] = []
    problems = list(table.problems)
    tally: Counter[str] = Counter()
    seen: dict[str, tuple[dict[str, Any], int]] = {}
    checked = _plain(side)
    cells = {name: table.cells(name) for name in (*scores, *([answer] if answer else []))}
    for i, (name, said) in enumerate(zip(names, _said(cells, answer, scores, options, tally), strict=True)):
        if said is None:
            line = {column: known[i] for column, known in cells.items()}
            wrong = _wrong(line, answer, scores, options, tally)
            problems.append(Problem(str(path), f"{table.noun} {table.numbers[i]}", *wrong))
            continue
        before = seen.get(name)
        if before is None:
            seen[name] = said, i
            plain = checked(said) if is_plain_key(name) else None
            rows.append(Row(name, _NO_FACTS, [said], [f"{table.noun} {table.numbers[i]}"], (), plain))
        elif before[0] == said:
            tally["repeated"] += 1
        else:
            places = [f"{table.noun} {table.numbers[k]}" for k in (i, before[1])]
            reason = f"{name!r} has another answer in {places[1]}"
            problems.append(Problem(str(path), places[0], own_id or "id", reason))
    read_column = f"column {answer!r}" if answer else f"the highest of {len(scores):,} columns"
    notes.insert(0, f"The question {options.question!r} is answered by {read_column}.")
    unread = [name for name in table.columns if name not in (own_id, answer, *scores) and not _is_other(name, options)]
    if unread:
        more = f" and {len(unread) - 10:,} more" if len(unread) > 10 else ""
        notes.append(f"Left out: {count_of(len(unread), 'column')}, {', '.join(map(repr, unread[:10]))}{more}.")
    if options.task == "regression":
        notes.append(
            "Numbers are neither right nor wrong and counted nowhere: the service's question `regression` is for them."
        )
    notes += _told(tally)
    if not rows and problems:
        raise ImporterError(str(problems[0]))
    return Imported(str(path), side, rows, [], notes, problems)


def _refuse_boxes(path: Path, columns: Sequence[str], options: TableOptions, side: Side) -> None:
    """Refuse a table of boxes, whose classes would be taken for answers about the image, and its lines for repeated.

    Whoever names the column of answers means it.
    """
    if options.scores or (options.truth if side == "annotations" else options.answer) is not None:
        return
    by_name = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in columns}
    own = next((names for names in _BOXES if names <= by_name.keys()), None)
    if own is not None:
        option = "--truth-column" if side == "annotations" else "--answer-column"
        given = ", ".join(by_name[name] for name in by_name if name in own)
        raise ImporterError(
            f"{path}: columns {given}: are of boxes, and tables are of answers, one a data row; boxes are read as"
            f" COCO, YOLO or Open Images ({option} names a column of answers nonetheless)"
        )


def _is_other(name: str, options: TableOptions) -> bool:
    """Whether a column is one that the other side reads, where both are one file."""
    known = (*_TRUTHS, *_ANSWERS, options.truth, options.answer)
    return name.lower() in known or name in known or any(fnmatch.fnmatchcase(name, own) for own in options.scores)


def _plain(side: Side) -> Callable[[dict[str, Any]], PlainRow | None]:
    """Check answers, of which lines may share one: it is then looked at once."""
    known: dict[int, PlainRow | None] = {}

    def checked(said: dict[str, Any]) -> PlainRow | None:
        if "scores" in said or said["type"] == "number":
            return plain_row(_ANY_ROW, _NO_FACTS, [said], predicted=side == "predictions")
        if id(said) not in known:
            known[id(said)] = plain_row(_ANY_ROW, _NO_FACTS, [said], predicted=side == "predictions")
        return known[id(said)]

    return checked


def _told(tally: Counter[str]) -> Iterator[str]:
    said = {
        "repeated": "the id and the answer of a line before, left out",
        "whole": "a whole number with a decimal point, read as one without (1.0 as 1)",
        "tied": "several highest columns, of which the first is taken",
    }
    for key, what in said.items():
        if tally[key]:
            yield f"{count_of(tally[key], 'line')}: {what}."


def _said(
    cells: Mapping[str, Sequence[str]],
    answer: str | None,
    scores: Mapping[str, str],
    options: TableOptions,
    tally: Counter[str],
) -> Iterator[dict[str, Any] | None]:
    """Say what each line answers; None: it cannot be read (:func:`_wrong`)."""
    known = {"feature": options.question}
    if options.task == "regression":
        numbers = _numbers(cells[answer]) if answer is not None else repeat(None, len(next(iter(cells.values()))))
        for number in numbers:
            yield None if number is None else {**known, "type": "number", "answer": number}
        return
    classes, whole = _classes(cells[answer] if answer is not None else ())
    if not scores:
        assert answer is not None
        said = {
            text: None if chosen is None else {**known, "type": "radio", "answer": chosen}
            for text, chosen in classes.items()
        }
        if whole:
            tally["whole"] += sum(text in whole for text in cells[answer])
        yield from map(said.__getitem__, cells[answer])  # one object an answer, which nobody changes
        return
    names = list(scores.values())
    given = cells[answer] if answer is not None else repeat(None)
    chosen: str | None
    for text, values in zip(given, zip(*(_numbers(cells[column]) for column in scores), strict=True), strict=False):
        if None in values:
            yield None
            continue
        by_class: dict[str, float] = dict(zip(names, values, strict=True))
        if options.logits:
            by_class = _softmax(by_class)
        if text is None:
            highest = max(by_class.values())
            best = [name for name, score in by_class.items() if score == highest]
            chosen = best[0]
            tally["tied"] += len(best) > 1
        else:
            chosen = classes[text]
            if chosen is None or chosen not in by_class:
                yield None
                continue
            tally["whole"] += text in whole
        yield {**known, "type": "radio", "answer": chosen, "scores": by_class, "confidence": by_class[chosen]}


def _classes(cells: Iterable[str]) -> tuple[dict[str, str | None], set[str]]:
    """Name the class that each text stands for, None if none, and the texts that are whole numbers with a point."""
    classes: dict[str, str | None] = {}
    whole: set[str] = set()
    for text in set(cells):
        counted: Counter[str] = Counter()
        try:
            classes[text] = _class("", text, counted)
        except ValueError:
            classes[text] = None
        if counted["whole"]:
            whole.add(text)
    return classes, whole


def _numbers(cells: Sequence[str]) -> Sequence[float | None]:
    """Read a column of numbers; None where it has none, or one that is not finite."""
    try:
        numbers = list(map(float, cells))
    except ValueError:
        return [_finite(text) for text in cells]
    return numbers if all(map(math.isfinite, numbers)) else [_finite(text) for text in cells]


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _wrong(
    line: Mapping[str, str], answer: str | None, scores: Mapping[str, str], options: TableOptions, tally: Counter[str]
) -> tuple[str, str]:
    """Say in which column a line that cannot be read is wrong, and why."""
    try:
        if options.task == "regression":
            if answer is None:
                return "answer", "regression needs a column of answers"
            _number(answer, line[answer])
        for column in scores:
            _number(column, line[column])
        assert answer is not None
        return answer, f"none of the class columns is that of {_class(answer, line[answer], tally)!r}"
    except ValueError as error:
        field, _, reason = str(error).partition(": ")
        return field, reason


def _class(column: str, given: str, tally: Counter[str]) -> str:
    text = given.strip()
    if not text:
        raise ValueError(f"{column}: empty")
    whole = _WHOLE.fullmatch(text)
    if whole:
        tally["whole"] += 1
        return whole[1]
    try:
        fraction = "." in text and math.isfinite(float(text))
    except ValueError:
        fraction = False
    if fraction:
        raise ValueError(f"{column}: {text} is not a class but a fraction; --task regression reads numbers")
    return text


def _number(column: str, given: str) -> float:
    try:
        value = float(given)
    except ValueError:
        raise ValueError(f"{column}: " + (f"must be a number (got {given!r})" if given.strip() else "empty")) from None
    if not math.isfinite(value):
        raise ValueError(f"{column}: must be a finite number (got {given!r})")
    return value


def _column(path: Path, columns: Sequence[str], given: str | None, guesses: Sequence[str], what: str) -> str | None:
    if given is not None:
        if given not in columns:
            raise ImporterError(f"{path}: no column is called {given!r} ({what}); the columns are {list(columns)}")
        return given
    by_lower = {name.lower(): name for name in columns}
    return next((by_lower[guess] for guess in guesses if guess in by_lower), None)


def _score_columns(path: Path, columns: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """Name the class of each column of scores."""
    features: dict[str, str] = {}
    for pattern in given:
        before, star, after = pattern.partition("*")
        own = [name for name in columns if (fnmatch.fnmatchcase(name, pattern) if star else name == pattern)]
        if not own:
            raise ImporterError(f"{path}: no column is called {pattern!r} (class); the columns are {list(columns)}")
        features |= {name: name.removeprefix(before).removesuffix(after) if star else name for name in own}
    return features


def _softmax(logits: Mapping[str, float]) -> dict[str, float]:
    """Turn logits into probabilities.

    >>> _softmax({"a": 1000.0, "b": 1000.0})
    {'a': 0.5, 'b': 0.5}
    """
    highest = max(logits.values())
    weights = {name: math.exp(value - highest) for name, value in logits.items()}
    total = math.fsum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _read(path: Path) -> _Table:
    if path == STDIN:
        return _csv(path)
    try:
        with path.open("rb") as file:
            magic = file.read(len(ARROW))
        if magic.startswith(PARQUET):
            import pyarrow.parquet as pq  # of such files only, and takes a while

            return _of_arrow(pq.read_table(path))
        if magic == ARROW:
            with pa.memory_map(str(path)) as mapped:
                return _of_arrow(pa.ipc.open_file(mapped).read_all())
    except (OSError, pa.ArrowInvalid) as error:
        raise ImporterError(f"{path}: no Parquet or Arrow: {error}") from None
    return _csv(path)


def _of_arrow(table: pa.Table) -> _Table:
    def cells(column: str) -> list[str]:
        return ["" if value is None else str(value) for value in table[column].to_pylist()]

    return _Table(table.column_names, cells, "row", range(table.num_rows), [])


def _csv(path: Path) -> _Table:
    try:
        text = plain_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise ImporterError(f"{path}: not UTF-8: {error}") from None
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        columns = [name.strip() for name in next(reader, [])]
        if len(set(columns)) < len(columns):
            raise ImporterError(f"{path}: two columns have the same name: {columns}")
        lines: list[list[str]] = []
        numbers: list[int] = []
        problems = []
        for values in reader:
            if len(values) == len(columns):
                lines.append(values)
                numbers.append(reader.line_num)
            elif values:
                reason = f"{len(values)}, where the header has {len(columns)}"
                problems.append(Problem(str(path), f"line {reader.line_num}", "columns", reason))
    except csv.Error as error:
        raise ImporterError(f"{path}: line {reader.line_num}: {error}") from None
    by_column = dict(zip(columns, zip(*lines, strict=True), strict=True)) if lines else dict.fromkeys(columns, ())
    return _Table(columns, by_column.__getitem__, "line", numbers, problems)
