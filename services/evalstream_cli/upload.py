"""``evalstream upload``: files to a running service."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

import httpx
import typer
from evalstream.events import event_lines
from evalstream.importers import columns, conll, rows
from evalstream.importers.files import GroundTruth, Options, Predictions, format_of, read_annotations, read_predictions
from evalstream.importers.problems import ImporterError, Problem, refuse
from evalstream.importers.text import STDIN, json_lines
from rich.progress import Progress

from evalstream_cli.client import DEFAULT_URL, ApiKey, Uploaded, Url, get, route, service, stamped
from evalstream_cli.client import upload as send
from evalstream_cli.console import err, fail, out, progress_bar
from evalstream_cli.import_options import with_import_options

REASONS_SHOWN = 20


class _Lines(NamedTuple):
    """Events to send: how many, and how many records of their file are left out."""

    lines: Iterable[bytes]
    total: int | None
    left_out: int = 0


@with_import_options
def upload(
    dataset: Annotated[str, typer.Option(help="Name of the dataset.")],
    options: Options,
    annotations: Annotated[
        Path | None,
        typer.Option(
            help="Annotations: events (NDJSON; - is standard input), COCO ground truth, YOLO labels, Pascal VOC XML, a "
            "table, a Labelbox export or CoNLL columns."
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Predictions of --run: the same; COCO results need COCO --annotations too."),
    ] = None,
    run: Annotated[str | None, typer.Option(help="Name of the model run that made the predictions.")] = None,
    scheme: Annotated[
        conll.Scheme | None,
        typer.Option(help="Read CoNLL tags strictly by this scheme; without, leniently, as conlleval does."),
    ] = None,
    type_: Annotated[
        columns.CocoType, typer.Option("--type", help="What to read from COCO files; events say it themselves.")
    ] = "bbox",
    strict: Annotated[
        bool, typer.Option(help="Send nothing of a file of another format with any record that cannot be read.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until every number reflects the upload.")] = True,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Upload annotations, predictions or both.

    evalstream upload --dataset coco --annotations gt.json --run yolo-s --predictions dt.json

    evalstream upload --dataset street --run v7 --predictions predictions.ndjson

    evalstream upload --dataset news --annotations test.conll --run crf --predictions test.conll --scheme IOB2

    CoNLL tags stand in the last column; where both files are the same one, those of the annotations stand before it.

    evalstream upload --dataset street --annotations data/labels/val --run v8 --predictions runs/predict/labels

    Safe to repeat: what had arrived already changes nothing. Lines that cannot be read are reported here, kept by the
    service as dead letters, and make the command end with status 1; the others are not held up by them. So do records
    of other formats that cannot be read; --strict sends nothing of such a file. `evalstream import --dry-run` tells
    beforehand what is understood of files.
    """
    if annotations is None and predictions is None:
        fail("nothing to upload: name a file with --annotations, --predictions or both")
    if (predictions is None) != (run is None):
        fail("--predictions and --run belong together: whose predictions are they?")
    for path in filter(None, (annotations, predictions)):
        if path != STDIN and not path.exists():
            fail(f"{path}: there is no such file")
    given = options._replace(type=type_)
    with service(url, api_key) as http, progress_bar() as bar:
        results = []
        left_out = 0
        truth: GroundTruth | None = None
        if annotations is not None:
            column = -2 if annotations == predictions else -1  # of CoNLL files
            said, truth = _annotations(annotations, dataset, column, scheme, given, strict)
            results.append(_send(http, bar, f"{route(dataset)}/annotations", "annotations", said))
            left_out += said.left_out
        if predictions is not None and run is not None:
            events = _predictions(predictions, annotations, truth, dataset, run, scheme, given, strict)
            results.append(_send(http, bar, f"{route(dataset, run)}/predictions", run, events))
            left_out += events.left_out
            if wait:
                wait_until_matched(http, bar, dataset, run)
    _report(results, left_out)


def wait_until_matched(http: httpx.Client, bar: Progress, dataset: str, run: str) -> None:
    """Wait until no data row of the run is pending."""
    task = bar.add_task(f"matching {run}", total=None)
    while True:
        progress = get(http, f"{route(dataset, run)}/progress")
        bar.update(task, total=progress["rows"], completed=progress["rows"] - progress["pending"])
        if not progress["pending"]:
            if missing := progress["without_predictions"]:
                rows = "1 annotated data row has" if missing == 1 else f"{missing:,} annotated data rows have"
                err.print(f"{rows} no prediction of {run}, and {'is' if missing == 1 else 'are'} in no figure.")
            return
        time.sleep(0.2)


def _send(http: httpx.Client, bar: Progress, path: str, name: str, events: _Lines) -> Uploaded:
    task = bar.add_task(f"uploading {name}", total=events.total)
    return send(http, path, events.lines, lambda count, _bytes: bar.advance(task, count))


def _annotations(
    path: Path, dataset: str, column: int, scheme: conll.Scheme | None, options: Options, strict: bool
) -> tuple[_Lines, GroundTruth | None]:
    try:
        form = format_of(path, options)
        if form == "events":
            return _events(path), None
        if form == "conll":
            sentences = conll.read_sentences(path)
            lines = list(conll.annotation_events(sentences, dataset, time.time_ns(), column=column, scheme=scheme))
            return _Lines(lines, len(lines)), None
        truth = read_annotations(path, options)
        return _lines_of(truth, dataset, None, options, strict), truth
    except (ImporterError, conll.ConllError) as error:
        fail(f"nothing was sent, because {error}")


def _predictions(
    path: Path,
    annotations: Path | None,
    truth: GroundTruth | None,
    dataset: str,
    run: str,
    scheme: conll.Scheme | None,
    options: Options,
    strict: bool,
) -> _Lines:
    try:
        form = format_of(path, options)
        if form == "events":
            return _events(path)
        if form == "conll":
            sentences = conll.read_sentences(path)
            if annotations is not None and format_of(annotations, options) == "conll":
                conll.check_same_tokens(conll.read_sentences(annotations), sentences)
            lines = list(conll.prediction_events(sentences, dataset, run, time.time_ns(), scheme=scheme))
            return _Lines(lines, len(lines))
        if form == "coco" and truth is None:
            fail("COCO results name images and categories by number: --annotations must name the COCO ground truth too")
        return _lines_of(read_predictions(path, truth, options), dataset, run, options, strict)
    except (ImporterError, conll.ConllError) as error:
        fail(f"the predictions were not sent, because {error}")


def _lines_of(read: GroundTruth | Predictions, dataset: str, run: str | None, options: Options, strict: bool) -> _Lines:
    """Turn what was read of one side into events, and say what of it is left out."""
    version = time.time_ns()
    if read.imported is not None:
        left_out = _told(read.notes, read.problems, 0, strict)
        own = read.imported.rows
        if run is None:
            return _Lines(rows.lines(own, "annotations", dataset=dataset, version=version), len(own), left_out)
        lines = rows.lines(own, "predictions", dataset=dataset, run=run, version=version)
        return _Lines(lines, len(own), left_out)
    assert read.coco is not None
    objects, left_out = columns.storable(read.coco.objects)
    left_out += _told(read.notes, read.problems, left_out, strict)
    if isinstance(read, GroundTruth):
        assert isinstance(read.coco, columns.Truth)
        events = columns.annotation_events(read.coco._replace(objects=objects), dataset, version, options.type)
    else:
        assert isinstance(read.coco, columns.Found)
        assert read.on is not None
        assert run is not None
        found = read.coco._replace(objects=objects)
        events = columns.prediction_events(found, read.on, dataset, run, version, options.type)
    return _Lines(event_lines(events), events.num_rows, left_out)


def _told(notes: list[str], problems: list[Problem], not_storable: int, strict: bool) -> int:
    """Say what of a file is left out or read otherwise than it stands there; give how many records are left out."""
    if strict:
        refuse(problems)
    said = [str(problem) for problem in problems[:REASONS_SHOWN]]
    if len(problems) > REASONS_SHOWN:
        said.append(f"… and {_records(len(problems) - REASONS_SHOWN)} more")
    if not_storable:
        said.append(f"{_records(not_storable)} with a negative width, height or area cannot be stored")
    for text in [*said, *notes]:
        err.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)
    return len(problems)


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _events(path: Path) -> _Lines:
    # Counting finds what cannot be read before anything is sent; standard input can only be read once.
    total = None if path == STDIN else sum(1 for _ in json_lines(path))
    return _Lines(stamped(json_lines(path)), total)


def _report(results: list[Uploaded], left_out: int) -> None:
    accepted = sum(result.accepted for result in results)
    reasons = [reason for result in results for reason in result.reasons]
    rejected = sum(result.rejected for result in results)
    out.print(f"{accepted:,} events accepted, {rejected:,} rejected", highlight=False)
    for reason in reasons[:REASONS_SHOWN]:
        err.print(f"  {reason}", highlight=False, markup=False, soft_wrap=True)
    if rejected > REASONS_SHOWN:
        err.print(f"  … and {rejected - REASONS_SHOWN:,} more; the service keeps them all as dead letters")
    if left_out:
        err.print(f"{_records(left_out)} {'was' if left_out == 1 else 'were'} not sent")
    if rejected or left_out:
        raise typer.Exit(1)
