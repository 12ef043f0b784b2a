"""Whatever people have of one side of an evaluation, as the events that a service is sent.

A side is a file or folder of any format that is read, what a JSON reader makes of COCO's, a table in memory (pyarrow's,
or of any library that hands out Arrow: pandas, polars), arrays by image (:mod:`evalstream.client.objects`), or events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from evalstream.arrow import column as column_of
from evalstream.arrow import repeated, texts
from evalstream.client import objects
from evalstream.events import EVENTS, event_lines
from evalstream.importers import coco_large, columns, conll, rows
from evalstream.importers.arrays import BoxFormat, image_name
from evalstream.importers.coco_large import Large
from evalstream.importers.files import (
    GroundTruth,
    Held,
    Options,
    Predictions,
    format_of,
    is_results,
    lines_with_facts,
    read_annotations,
    read_predictions,
    with_facts,
)
from evalstream.importers.hugging_face import refuse_splits
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Side
from evalstream.importers.text import STDIN, json_lines
from evalstream.words import count_of

#: Objects, and events, that one request carries in columns: some 5 MB of boxes.
PART_OBJECTS: Final = 50_000
PART_EVENTS: Final = 10_000
#: The same in bytes: of masks there are fewer.
PART_BYTES: Final = 8 * 1024 * 1024


class Lines(NamedTuple):
    """Events to send: how many, and what of their source is left out, or read otherwise than it stands there."""

    lines: Iterable[bytes]
    total: int | None
    notes: Sequence[str] = ()
    problems: Sequence[Problem] = ()
    not_storable: int = 0
    source: str = "events"
    #: The data rows that the events give a file, and its name; None: known from the lines alone, which come once.
    files: Callable[[], Iterable[tuple[str, str]]] | None = tuple
    #: The same events as tables of what one request carries; None: they are neither boxes nor masks, or came as lines.
    columns: Callable[[], Iterable[pa.Table]] | None = None

    @property
    def left_out(self) -> int:
        """Count the records that are not sent."""
        return len(self.problems) + self.not_storable

    def when_sent(self) -> Lines:
        """Give what is left to say when the events have been sent, and hold them no longer."""
        return self._replace(lines=(), files=tuple, columns=None)

    def reasons(self) -> list[str]:
        """Say which records are not sent, and why."""
        said = [str(problem) for problem in self.problems]
        if self.not_storable:
            said.append(
                f"{count_of(self.not_storable, 'record')} with a negative width, height or area cannot be stored"
            )
        return said


class How(NamedTuple):
    """Options for reading one side."""

    options: Options = Options()
    classes: Sequence[str] | None = None  # of arrays
    box_format: BoxFormat = "xyxy"


def annotation_lines(source: Any, dataset: str, how: How, *, column: int = -1) -> tuple[Lines, GroundTruth | None]:
    """Turn annotations into events; give the ground truth too, where predictions may need it.

    Raises
    ------
    ImporterError
        If they cannot be read, or nothing of them can; with ``on_error="refuse"`` if any record cannot.
    """
    if not isinstance(source, str | Path):
        return _in_memory(source, "annotations", {"dataset": dataset}, how)
    path = Path(source)
    form = format_of(path, how.options)
    if form == "events":
        return _events(path, how), None
    if form == "conll":
        sentences = conll.read_sentences(path)
        own = how.options.conll._replace(column=column)
        said = conll.annotation_events(sentences, dataset, time.time_ns(), own)
        lines = list(lines_with_facts(said, how.options))
        return Lines(lines, len(lines)), None
    truth = read_annotations(path, how.options)
    return _lines_of(truth, {"dataset": dataset}, how), truth


def files_of(source: GroundTruth | Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Name the data rows that ground truth, or lines of events, give a file, each with the file's name."""
    if isinstance(source, GroundTruth):
        yield from ((row, file) for row, file in zip(source.data_rows, source.file_names, strict=True) if file)
        return
    for line in source:
        if b'"file_name"' not in line:
            continue
        try:
            event = orjson.loads(line)
            row, file = event["data_row"], event["row"]["metadata"]["file_name"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue  # the service says what is wrong with it
        if isinstance(row, str) and isinstance(file, str) and file:
            yield row, file


def prediction_lines(
    source: Any, annotations: Any, truth: GroundTruth | None, dataset: str, run: str, how: How
) -> Lines:
    """Turn predictions into events of a run, on the data rows of the annotations where these are given.

    Raises
    ------
    ImporterError
        As of :func:`annotation_lines`; or if they do not belong to the annotations.
    """
    known = {"dataset": dataset, "run": run}
    if not isinstance(source, str | Path):
        if truth is None or not is_results(source):
            return _in_memory(source, "predictions", known, how, truth)[0]
        return _lines_of(read_predictions(source, truth, how.options), known, how)
    path = Path(source)
    form = format_of(path, how.options)
    if form == "events":
        return _events(path, how)
    if form == "conll":
        sentences = conll.read_sentences(path)
        if isinstance(annotations, str | Path) and format_of(annotations, how.options) == "conll":
            conll.check_same_tokens(conll.read_sentences(Path(annotations)), sentences)
        events = conll.prediction_events(sentences, dataset, run, time.time_ns(), how.options.conll)
        lines = list(lines_with_facts(events, how.options))
        return Lines(lines, len(lines))
    if form == "coco" and truth is None:
        raise ImporterError(
            f"{path}: COCO results name images and categories by number: the annotations must be named too, with"
            " --annotations or annotations="
        )
    if form == "coco" and truth is not None and (large := _large(path, truth, how.options)) is not None:
        return _lines_of_large(large, known)
    return _lines_of(read_predictions(path, truth, how.options), known, how)


def _large(path: Path, truth: GroundTruth, options: Options) -> Large | None:
    """Read COCO's results of boxes to where they need not be held, if they are many."""
    as_they_stand = options.coco_type == "bbox" and not options.category_offset
    if path == STDIN or truth.coco is None or not as_they_stand or path.stat().st_size < coco_large.LARGE_BYTES:
        return None
    return coco_large.read_large(path, truth.coco)


def _lines_of_large(large: Large, known: dict[str, str]) -> Lines:
    version, total = time.time_ns(), len(large.counts)
    missing = total - int(np.count_nonzero(large.counts))

    def tables() -> Iterator[pa.Table]:
        for first, found, images in large.parts(most=PART_OBJECTS, rows=PART_EVENTS):
            on = large.truth._replace(images=images)
            yield _numbered(columns.prediction_events(found, on, known["dataset"], known["run"], version), first)

    lines = (line for table in tables() for line in event_lines(table))
    notes = [rows.taken_for_empty(missing, total)] if missing else []
    return Lines(lines, total, notes, source=large.source, columns=tables)


def stamped(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Give each event without a version the present time, so that sending it twice is sending it once."""
    last = 0
    for line in lines:
        last = max(last + 1, time.time_ns())
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield line.rstrip(b"\n")  # the service says what is wrong with it, and keeps it
            continue
        if isinstance(event, dict) and event.get("version") is None:
            yield orjson.dumps(event | {"version": last})
        else:
            yield line.rstrip(b"\n")


def _in_memory(
    source: Any, side: Side, known: dict[str, str], how: How, truth: GroundTruth | None = None
) -> tuple[Lines, GroundTruth | None]:
    refuse_splits(source)
    if hasattr(source, "__arrow_c_stream__"):
        table = pa.table(source)
        if set(EVENTS.names) <= set(table.column_names):
            files = partial(_files_of_table, table)
            return Lines(stamped(lines_with_facts(event_lines(table), how.options)), len(table), files=files), None
    if isinstance(source, Held):
        if side == "annotations":
            truth = read_annotations(source, how.options)
            return _lines_of(truth, known, how), truth
        return _lines_of(read_predictions(source, truth, how.options), known, how), None
    if isinstance(source, Mapping):
        if side == "annotations" and isinstance(source.get("images"), list):
            truth = read_annotations(source, how.options)
            return _lines_of(truth, known, how), truth
        return Lines(stamped(lines_with_facts(_of_arrays(source, side, known, how), how.options)), len(source)), None
    if isinstance(source, Iterable):
        if is_results(source):
            raise ImporterError(
                "COCO results name images and categories by number: give the annotations= that they are of, too"
            )
        again = isinstance(source, Sequence)
        return Lines(
            stamped(lines_with_facts(map(_line, source), how.options)),
            len(source) if isinstance(source, Sequence) else None,
            files=(lambda: files_of(map(_line, source))) if again else None,
        ), None
    raise ImporterError(
        f"{side}: a {type(source).__name__} cannot be read; give a path, a table, arrays by image, or events"
    )


def _files_of_table(table: pa.Table) -> Iterator[tuple[str, str]]:
    for row, metadata in zip(table["data_row"].to_pylist(), table["metadata"].to_pylist(), strict=True):
        if file := dict(metadata or ()).get("file_name"):
            yield row, file


def _of_arrays(source: Mapping[Any, Any], side: Side, known: dict[str, str], how: How) -> Iterator[bytes]:
    for image, given in source.items():
        name = image_name(image)
        said = objects.objects(name, given, side=side, classes=how.classes, box_format=how.box_format)
        yield _line({**known, "data_row": name, "operation": "replace", side: said})


def _line(event: Any) -> bytes:
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode()
    if hasattr(event, "model_dump_json"):
        return str(event.model_dump_json(exclude_unset=True)).encode()
    return orjson.dumps(event, option=orjson.OPT_SERIALIZE_NUMPY)


def _lines_of(read: GroundTruth | Predictions, known: dict[str, str], how: How) -> Lines:
    """Turn what was read of one side into events, and say what of it is left out."""
    files: Callable[[], Iterable[tuple[str, str]]] = tuple
    if isinstance(read, GroundTruth):
        files = partial(files_of, read)
    version = time.time_ns()
    if read.imported is not None:
        given = read.imported
        of_rows = rows.lines(given.rows, given.side, **known, version=version)
        own = partial(_tables_of_rows, given, known, version) if all(map(_is_boxes, given.rows)) else None
        return Lines(of_rows, len(given.rows), read.notes, read.problems, 0, read.source, files, own)
    assert read.coco is not None
    kept, not_storable = columns.storable(read.coco.objects)
    kind, notes = how.options.coco_type, list(read.notes)
    truth = read.coco if isinstance(read, GroundTruth) else read.on
    assert isinstance(truth, columns.Truth)
    total = len(truth.images.data_row)
    if isinstance(read, Predictions) and (missing := total - len(np.unique(kept.row))):
        notes.append(rows.taken_for_empty(missing, total))

    most = PART_OBJECTS
    if kept.detail is not None and len(kept.row):
        most = min(most, max(1, PART_BYTES * len(kept.row) // kept.detail.nbytes))

    def tables() -> Iterator[pa.Table]:
        for first, objects_of, images in columns.parts(kept, truth.images, most=most, rows=PART_EVENTS):
            on = truth._replace(images=images, objects=objects_of)
            if isinstance(read.coco, columns.Found):
                found = read.coco._replace(objects=objects_of)
                events = columns.prediction_events(found, on, known["dataset"], known["run"], version, kind)
            else:
                events = with_facts(columns.annotation_events(on, known["dataset"], version, kind), how.options)
            yield _numbered(events, first)

    lines = (line for table in tables() for line in event_lines(table))
    in_columns = tables if kind != "keypoints" else None
    return Lines(lines, total, notes, read.problems, not_storable, read.source, files, in_columns)


def _numbered(events: pa.Table, first: int) -> pa.Table:
    """Give each event its position as the id, so that sending it twice is sending it once."""
    numbers = texts(map(str, range(first, first + events.num_rows)))
    return events.set_column(EVENTS.get_field_index("event_id"), EVENTS.field("event_id"), numbers)


def _is_boxes(row: rows.Row) -> bool:
    """Whether a data row has boxes alone, with nothing nested in them."""
    return row.plain is not None and not row.metrics and all(part.type == "bbox" for part in row.plain.parts)


def _tables_of_rows(given: rows.Imported, known: Mapping[str, str], version: int) -> Iterator[pa.Table]:
    begins = np.concatenate((np.zeros(1, np.int64), np.cumsum([len(row.objects) for row in given.rows])))
    start = 0
    while start < len(given.rows):
        within = int(np.searchsorted(begins, begins[start] + PART_OBJECTS, "right")) - 1
        stop = max(start + 1, min(within, start + PART_EVENTS))
        events = rows.table(given.rows[start:stop], given.side)
        heads = {name: repeated(known.get(name, ""), events.num_rows) for name in ("dataset", "run")}
        heads["version"] = column_of(np.full(events.num_rows, version, np.uint64))
        for name, values in heads.items():
            events = events.set_column(EVENTS.get_field_index(name), EVENTS.field(name), values)
        yield _numbered(events, start)
        start = stop


def _events(path: Path, how: How) -> Lines:
    # Counting finds what cannot be read before anything is sent; standard input can only be read once.
    once = path == STDIN
    total = None if once else sum(1 for _ in json_lines(path))
    lines = stamped(lines_with_facts(json_lines(path), how.options))
    return Lines(lines, total, source=str(path), files=None if once else lambda: files_of(json_lines(path)))
