"""``evalstream import``: what files hold, or the events that they become."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import orjson
import typer
from evalstream.client import Client
from evalstream.client.files import Lines, files_of
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, event_lines
from evalstream.importers import columns, rows, yolo
from evalstream.importers.detect import Format
from evalstream.importers.files import (
    GroundTruth,
    Options,
    Predictions,
    format_of,
    lines_with_facts,
    read_annotations,
    read_predictions,
    typed,
    with_facts,
)
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Side
from evalstream.importers.text import STDIN, head, json_lines
from evalstream.words import count_of
from rich.table import Table

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import err, fail, out
from evalstream_cli.import_options import with_import_options


class _Understood(NamedTuple):
    """Read what one path holds."""

    path: Path
    format: Format
    side: Side
    rows: int
    counts: Counter[tuple[str, str]]  # objects by type and class
    notes: list[str]
    problems: list[str]
    lines: Callable[[], Iterable[bytes]]  # to be asked once: those of other formats are made meanwhile
    files: Callable[[], Iterable[tuple[str, str]]]  # data rows, and the names of their files
    refused: str | None = None  # why an upload to the dataset would be refused


@with_import_options
def import_files(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders: the annotations first, then predictions.")],
    options: Options,
    type_: Annotated[
        columns.CocoType | None,
        typer.Option("--type", help="What to read from COCO files; without, boxes or what predictions hold."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what was understood, and no events.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: print JSON instead of tables.")] = False,
    picture: Annotated[
        Path | None, typer.Option(help="With --dry-run: draw the first three data rows of each path to this SVG file.")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="With --dry-run: ask the service whether an upload to this dataset would change files."),
    ] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Turn files of other formats into events, as JSON lines on standard output; or only tell what is in them.

    evalstream import --dry-run labels/ predictions/

    evalstream import labels/ > annotations.ndjson

    evalstream import --dry-run --dataset street --picture rows.svg val.json

    What holds predictions is read on the data rows of the annotations named before it. With a record that cannot be
    read the command ends with status 1; the others are not held up by it.
    """
    for name, said in (("--dataset", dataset), ("--picture", picture)):
        if said is not None and not dry_run:
            fail(f"{name} goes with --dry-run")
    truth: GroundTruth | None = None
    understood: list[_Understood] = []
    try:
        given, notes = typed(paths[0], paths[-1], options._replace(type=type_))
        for path in paths:
            summary, read = _understand(path, given, truth)
            truth = read if isinstance(read, GroundTruth) else truth
            understood.append(summary)
        understood[-1] = understood[-1]._replace(notes=[*notes, *understood[-1].notes])
    except ImporterError as error:
        fail(str(error))
    if dataset is not None:
        with service(url, api_key) as client:
            understood = [_checked(client, dataset, one, given) for one in understood]
    if picture is not None:
        _draw(picture, understood)
    if dry_run and as_json:
        out.file.write(orjson.dumps([_as_json(one) for one in understood], option=orjson.OPT_INDENT_2).decode() + "\n")
    elif dry_run:
        for one in understood:
            _show(one)
    else:
        for one in understood:
            for line in one.lines():
                out.file.write(line.decode().rstrip("\n") + "\n")
            _tell(one)
    if any(one.refused for one in understood):
        raise typer.Exit(2)
    if any(one.problems for one in understood):
        raise typer.Exit(1)


def _draw(file: Path, understood: Sequence[_Understood]) -> None:
    """Draw the first data rows of each path, to a file, or to one of each with its number."""
    from evalstream.exporters.picture import picture

    for i, one in enumerate(understood, 1):
        own = file if len(understood) == 1 else file.with_stem(f"{file.stem}-{i}")
        try:
            own.write_text(picture(one.lines()), encoding="utf-8")
        except OSError as error:
            fail(f"{own}: {error.strerror}")
        err.print(f"the first data rows of {one.path} are drawn in {own}", highlight=False, soft_wrap=True)


def _checked(client: Client, dataset: str, one: _Understood, options: Options) -> _Understood:
    """Ask whether an upload would be refused, and why."""
    try:
        client.check_files(dataset, Lines((), 0, source=str(one.path), files=one.files), options)
    except ImporterError as error:
        return one._replace(refused=str(error))
    return one


def _understand(
    path: Path, options: Options, truth: GroundTruth | None
) -> tuple[_Understood, GroundTruth | Predictions | None]:
    form = format_of(path, options)
    if form == "events":
        return _of_events(path, options), None
    side = _side(path, form, truth, options)
    read = read_annotations(path, options) if side == "annotations" else read_predictions(path, truth, options)
    count, counts, lines, not_storable = _content(read, options)
    problems = [str(problem) for problem in read.problems]
    if not_storable:
        problems.append(f"{path}: {not_storable:,} records with a negative width, height or area cannot be stored")
    files = partial(files_of, read) if isinstance(read, GroundTruth) else tuple
    notes = [*read.notes, *_of_metrics(read)]
    return _Understood(path, form, side, count, counts, notes, problems, lambda: lines, files), read


def _of_metrics(read: GroundTruth | Predictions) -> Iterator[str]:
    """Say which custom metrics are read, which are no objects."""
    counts = rows.counted_metrics(read.imported.rows) if read.imported is not None else Counter()
    if counts:
        names = ", ".join(f"{name} ({count:,})" for name, count in sorted(counts.items()))
        yield f"{count_of(counts.total(), 'custom metric')}: {names}."


def _side(path: Path, form: Format, truth: GroundTruth | None, options: Options) -> Side:
    """Tell what a file holds; where it may be either, the first is annotations and the others are predictions."""
    if form == "coco":
        return "predictions" if truth is not None or head(path).lstrip().startswith("[") else "annotations"
    if form == "labelboximport" and re.search(r'"(confidence|metricValue)"\s*:', head(path)):
        return "predictions"
    if form == "yolo" and path.is_dir() and yolo.has_confidences(path, options.yolo):
        return "predictions"
    return "annotations" if truth is None else "predictions"


def _content(
    read: GroundTruth | Predictions, options: Options
) -> tuple[int, Counter[tuple[str, str]], Iterator[bytes], int]:
    side: Side = "annotations" if isinstance(read, GroundTruth) else "predictions"
    if read.imported is not None:
        own = read.imported.rows
        return len(own), rows.counted(own), rows.lines(own, side), 0
    assert read.coco is not None
    objects, left_out = columns.storable(read.coco.objects)
    if isinstance(read, GroundTruth):
        assert isinstance(read.coco, columns.Truth)
        events = columns.annotation_events(read.coco._replace(objects=objects), "", 0, options.coco_type)
        events = with_facts(events, options)
    else:
        assert isinstance(read.coco, columns.Found)
        assert read.on is not None
        events = columns.prediction_events(
            read.coco._replace(objects=objects), read.on, "", "run", 0, options.coco_type
        )
    kind = columns.OBJECT_TYPES[options.coco_type]
    counts = Counter((kind, objects.features[place]) for place in objects.feature.tolist())
    return events.num_rows, counts, map(_without_names, event_lines(events)), left_out


def _without_names(line: bytes) -> bytes:
    """Leave dataset, run and version to the upload."""
    event = orjson.loads(line)
    return orjson.dumps({key: value for key, value in event.items() if key not in ("dataset", "run", "version")})


def _of_events(path: Path, options: Options) -> _Understood:
    # A file is read again each time, for it may be larger than memory; standard input cannot be.
    lines: Callable[[], Iterable[bytes]] = partial(_event_lines, path, options)
    if path == STDIN:
        lines = partial(iter, list(lines()))
    side: Side = "predictions" if any(b'"predictions"' in line for line in islice(lines(), 100)) else "annotations"
    known = {"dataset": "d"} if side == "annotations" else {"dataset": "d", "run": "r"}
    model = AnnotationEvent if side == "annotations" else PredictionEvent
    counts: Counter[tuple[str, str]] = Counter()
    problems = []
    reader, number = Reader(model), 0
    for number, line in enumerate(lines(), 1):
        # Which dataset and run an event is of, the upload says.
        payload = orjson.dumps(event | known) if isinstance(event := _loaded(line), dict) else line
        received, rejected = decode([Record(payload, number, 1)], reader)
        problems += [str(Problem(str(path), f"event {one.position}", *_parted(one.reason))) for one in rejected]
        for one in received:
            own = one.event.annotations if isinstance(one.event, AnnotationEvent) else one.event.predictions
            counts.update((item.parts()[0].type, item.parts()[0].label or item.feature) for item in own)
    rows = number - len(problems)
    return _Understood(path, "events", side, rows, counts, [], problems, lines, lambda: files_of(lines()))


def _event_lines(path: Path, options: Options) -> Iterator[bytes]:
    return lines_with_facts((line for line in json_lines(path) if line.strip()), options)


def _loaded(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _parted(reason: str) -> tuple[str, str]:
    field, colon, why = reason.partition(": ")
    return (field, why) if colon else ("the event", reason)


def _as_json(summary: _Understood) -> dict[str, Any]:
    return {
        "path": str(summary.path),
        "format": summary.format,
        "side": summary.side,
        "data_rows": summary.rows,
        "objects": [
            {"type": kind, "class": name, "count": count} for (kind, name), count in sorted(summary.counts.items())
        ],
        "notes": summary.notes,
        "left_out": summary.problems,
        "refused": summary.refused,
    }


def _show(summary: _Understood) -> None:
    sizes = f"{count_of(summary.rows, 'data row')}, {count_of(sum(summary.counts.values()), 'object')}"
    out.print(f"{summary.path}: {summary.format}, {summary.side}: {sizes}", soft_wrap=True)
    if summary.counts:
        table = Table()
        for name in ("type", "class", "count"):
            table.add_column(name, justify="right" if name == "count" else "left")
        for (kind, name), count in summary.counts.most_common():
            table.add_row(kind, name, f"{count:,}")
        out.print(table)
    _print(summary.notes, summary.problems, out.print)
    if summary.refused is not None:
        out.print(f"refused: {summary.refused}", highlight=False, soft_wrap=True)


def _tell(summary: _Understood) -> None:
    _print(summary.notes, summary.problems, err.print)


def _print(notes: Sequence[str], problems: Sequence[str], say: Any) -> None:
    for note in notes:
        say(f"  {note}", highlight=False, soft_wrap=True)
    for problem in problems:
        say(f"  {problem}", highlight=False, soft_wrap=True)
    if problems:
        say(f"{count_of(len(problems), 'record')} left out", highlight=False)
