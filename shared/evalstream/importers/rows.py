"""Results of importers: data rows with objects as events say them, checked as every event is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, NamedTuple

import pyarrow as pa
from pydantic_core import to_json

from evalstream import events
from evalstream.events.base import CONTROL
from evalstream.importers.names import ImageNames, refuse_ambiguous, told
from evalstream.importers.plain import PlainRow, plain_row
from evalstream.importers.problems import ImporterError, Problem
from evalstream.scenes import row_order
from evalstream.words import count_of

Side = Literal["annotations", "predictions"]
_CHECKED = "checked"
_CONTROL: Final = re.compile(CONTROL)


class Row(NamedTuple):
    """A data row: its facts and objects in the fields of an event, and where each object stands in its file."""

    data_row: str
    facts: dict[str, Any]
    objects: list[dict[str, Any]]
    places: list[str]
    metrics: Sequence[dict[str, Any]] = ()  # of predictions: what their producer measured
    plain: PlainRow | None = None  # the objects as columns hold them, once they are checked


class Imported(NamedTuple):
    """Records of one side that were read, and those that were not."""

    source: str
    side: Side
    rows: list[Row]
    categories: list[str]
    notes: list[str]
    problems: list[Problem]
    numbered: bool = False  # whether the place of a category is its number, as COCO results name it


def checked(given: Imported) -> Imported:
    """Leave out the objects that no event may hold, and the rows that no event may be about; each is a problem."""
    rows: list[Row] = []
    problems = list(given.problems)
    respelt = 0
    for row in given.rows:
        valid = row if row.plain is not None else _valid(given.side, row)
        if valid is None:
            objects = [_spelt(item) for item in row.objects]
            respelt += sum(own != item for own, item in zip(objects, row.objects, strict=True))
            row = row._replace(objects=objects)
            valid = _valid(given.side, row)
        if valid is not None:
            rows.append(valid)
            continue
        bare = _reason(given.side, row._replace(objects=[], places=[]))
        if bare is not None:
            problems.append(_problem(given.source, f"data row {row.data_row!r}", bare))
            continue
        kept: list[int] = []
        for i, place in enumerate(row.places):
            wrong = _reason(given.side, Row(row.data_row, row.facts, [row.objects[i]], [place]))
            if wrong is None:
                kept.append(i)
            else:
                problems.append(_problem(given.source, place, wrong.removeprefix(f"{given.side}.0.")))
        rest = row._replace(objects=[row.objects[i] for i in kept], places=[row.places[i] for i in kept])
        together = _valid(given.side, rest)
        if together is not None:
            rows.append(together)
        else:
            reason = _reason(given.side, rest) or ""
            problems.append(_problem(given.source, f"data row {row.data_row!r}", reason))
    if not respelt:
        return given._replace(rows=rows, problems=problems)
    names = list(dict.fromkeys(map(_name, given.categories)))
    note = f"{count_of(respelt, 'object')}: control characters in names, which hold none; each is read as a space."
    return given._replace(rows=rows, categories=names, notes=[*given.notes, note], problems=problems)


def _spelt(item: Mapping[str, Any]) -> dict[str, Any]:
    """Put spaces in the place of control characters in the names of an object: texts may hold them, names may not."""
    said = dict(item)
    named = ("feature",) if item.get("type") == "text" else ("feature", "answer")
    said |= {key: _name(item[key]) for key in named if key in item}
    if "answers" in item:
        said["answers"] = list(map(_name, item["answers"]))
    if "scores" in item:
        said["scores"] = {_name(name): score for name, score in item["scores"].items()}
    if isinstance(under := item.get("classifications"), Mapping):
        said["classifications"] = {_name(name): [_spelt(own) for own in answers] for name, answers in under.items()}
    elif under:
        said["classifications"] = [_spelt(own) for own in under]
    return said


def _name(given: Any) -> Any:
    return _CONTROL.sub(" ", given) if isinstance(given, str) else given


def _problem(source: str, record: str, reason: str) -> Problem:
    field, colon, why = reason.partition(": ")
    return Problem(source, record, field, why) if colon else Problem(source, record, "the record", reason)


def lines(rows: Iterable[Row], side: Side, **known: Any) -> Iterator[bytes]:
    """Turn rows into the JSON that a producer sends, a ``replace`` each.

    ``known`` is what each event says besides: dataset, run, version.
    """
    for row in rows:
        yield to_json(_event(row, side) | known)


def table(rows: Sequence[Row], side: Side) -> pa.Table:
    """Turn checked rows into columns (schema ``EVENTS``)."""
    objects = [row.plain or _entries(side, row) for row in rows]
    unsaid = events.Facts()
    facts = [_facts(row.facts) if row.facts and side == "annotations" else unsaid for row in rows]
    count, names = len(rows), [row.data_row for row in rows]
    heads: dict[str, Sequence[Any]] = {
        "dataset": [_CHECKED] * count,
        "data_row": names,
        "run": [_CHECKED if side == "predictions" else ""] * count,
        "version": [1] * count,
        "event_id": names,
        "operation": ["replace"] * count,
        "deleted_id": [()] * count,
    }
    return events.table_of(heads, facts, objects)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Put rows in the order in which figures take them."""
    return sorted(rows, key=lambda row: row_order(row.data_row))


def joined(imported: Imported, data_rows: Sequence[str], file_names: Sequence[str], *, skip_unknown: bool) -> Imported:
    """Give predictions on the data rows of a ground truth, in its order; one without a prediction has an empty set.

    Raises
    ------
    ImporterError
        If a data row is not the ground truth's, unless such are to be skipped; if it may be several of its images, or
        if two sets of predictions are of the same image.
    """
    names = ImageNames(data_rows, file_names)
    by_place: dict[int, Row] = {}
    forms: Counter[str] = Counter()
    unknown: list[Row] = []
    for row in imported.rows:
        match = names.find(row.data_row)
        refuse_ambiguous(imported.source, f"data row {row.data_row!r}", match)
        if match.place < 0:
            unknown.append(row)
            continue
        if match.place in by_place:
            raise ImporterError(
                f"{imported.source}: data row {row.data_row!r}: is image {data_rows[match.place]!r}, and so is data row"
                f" {by_place[match.place].data_row!r}"
            )
        forms[match.form] += 1
        by_place[match.place] = row
    notes = [*imported.notes, *told(forms, "data row")]
    if unknown:
        objects = sum(len(row.objects) for row in unknown)
        what = f"{count_of(len(unknown), 'data row')} with {count_of(objects, 'object')}: not in the ground truth"
        if not skip_unknown:
            raise ImporterError(
                f"{imported.source}: {what}, the first {unknown[0].data_row!r}; --skip-unknown-images leaves them out"
            )
        notes.append(f"{what}, and skipped.")
    missing = len(data_rows) - len(by_place)
    if missing:
        notes.append(taken_for_empty(missing, len(data_rows)))
    rows = [
        by_place[i]._replace(data_row=name) if i in by_place else Row(name, {}, [], [], plain=PlainRow([], []))
        for i, name in enumerate(data_rows)
    ]
    return imported._replace(rows=rows, notes=notes)


def taken_for_empty(missing: int, data_rows: int) -> str:
    """Say that predictions are none on so many of a ground truth's data rows."""
    return f"{count_of(missing, 'data row')} of {data_rows:,} without a prediction, taken for empty."


def counted(rows: Iterable[Row]) -> Counter[tuple[str, str]]:
    """Count objects by type and class; answers by question and answer."""
    return Counter((item["type"], _label(item)) for row in rows for item in row.objects)


def counted_metrics(rows: Iterable[Row]) -> Counter[str]:
    """Count what producers measured of data rows and of objects, by name."""
    own = ((row.metrics, *(item.get("metrics", ()) for item in row.objects)) for row in rows)
    return Counter(str(metric["name"]) for of_row in own for metrics in of_row for metric in metrics)


def _label(item: dict[str, Any]) -> str:
    return f"{item['feature']}={item['answer']}" if item["type"] == "radio" else str(item["feature"])


@cache
def _reader(side: Side) -> Any:
    return events.Reader(events.AnnotationEvent if side == "annotations" else events.PredictionEvent)


def _known(side: Side) -> dict[str, Any]:
    return {"dataset": _CHECKED, "version": 1} | ({"run": _CHECKED} if side == "predictions" else {})


def _event(row: Row, side: Side) -> dict[str, Any]:
    event: dict[str, Any] = {"data_row": row.data_row, "operation": "replace"}
    if side == "annotations" and row.facts:
        event["row"] = row.facts
    if side == "predictions" and row.metrics:
        event["metrics"] = row.metrics
    return event | {side: row.objects}


def _facts(said: dict[str, Any]) -> events.Facts:
    return events.Facts(**{name: own for name, own in said.items() if own is not None})


def _valid(side: Side, row: Row) -> Row | None:
    """Give a row with its objects as columns hold them; None if no event may hold it."""
    plain = _plain(row, side)
    if plain is None and (received := _decoded(side, row).received):
        plain = PlainRow(*events.entries(received[0].event))
    return None if plain is None else row._replace(plain=plain)


def _entries(side: Side, row: Row) -> PlainRow:
    plain = valid.plain if (valid := _valid(side, row)) is not None else None
    assert plain is not None, _reason(side, row)
    return plain


def _reason(side: Side, row: Row) -> str | None:
    rejected = _decoded(side, row).rejected
    return rejected[0].reason if rejected else None


def _decoded(side: Side, row: Row) -> events.Decoded:
    return events.decode([events.Record(to_json(_event(row, side) | _known(side)), 0, 1)], _reader(side))


def _plain(row: Row, side: Side) -> PlainRow | None:
    """Give a row's objects as columns hold them, where all of it is plain."""
    if row.metrics:
        return None
    predicted = side == "predictions"
    return plain_row(row.data_row, {} if predicted else row.facts, row.objects, predicted=predicted)
