"""``evalstream upload``: files to a running service."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import httpx
import typer
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, conll
from evalstream.events.coco import CocoError, CocoType, annotation_events, prediction_events, read_dataset
from evalstream_local.evaluate import valid_batches
from rich.progress import Progress

from evalstream_cli.client import DEFAULT_URL, ApiKey, Uploaded, Url, get, route, service, stamped
from evalstream_cli.client import upload as send
from evalstream_cli.console import err, fail, out, progress_bar

REASONS_SHOWN = 20


def upload(
    dataset: Annotated[str, typer.Option(help="Name of the dataset.")],
    annotations: Annotated[
        Path | None,
        typer.Option(help="Annotations: events (.ndjson, .jsonl), COCO ground truth (.json) or columns (.conll)."),
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
        CocoType, typer.Option("--type", help="What to read from COCO files; events say it themselves.")
    ] = "bbox",
    wait: Annotated[bool, typer.Option(help="Wait until every number reflects the upload.")] = True,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Upload annotations, predictions or both.

    evalstream upload --dataset coco --annotations gt.json --run yolo-s --predictions dt.json

    evalstream upload --dataset street --run v7 --predictions predictions.ndjson

    evalstream upload --dataset news --annotations test.conll --run crf --predictions test.conll --scheme IOB2

    CoNLL tags stand in the last column; where both files are the same one, those of the annotations stand before it.

    Safe to repeat: what had arrived already changes nothing. Lines that cannot be read are reported here, kept by the
    service as dead letters, and make the command end with status 1; the others are not held up by them.
    """
    if annotations is None and predictions is None:
        fail("nothing to upload: name a file with --annotations, --predictions or both")
    if (predictions is None) != (run is None):
        fail("--predictions and --run belong together: whose predictions are they?")
    for path in filter(None, (annotations, predictions)):
        if not path.is_file():
            fail(f"{path}: there is no such file")
    with service(url, api_key) as http, progress_bar() as bar:
        results = []
        if annotations is not None:
            column = -2 if annotations == predictions else -1  # of CoNLL files
            truth = _annotations(annotations, dataset, column, scheme, type_)
            results.append(_send(http, bar, f"{route(dataset)}/annotations", "annotations", *truth))
        if predictions is not None and run is not None:
            events = _predictions(predictions, annotations, dataset, run, scheme, type_)
            results.append(_send(http, bar, f"{route(dataset, run)}/predictions", run, *events))
            if wait:
                wait_until_matched(http, bar, dataset, run)
    _report(results)


def wait_until_matched(http: httpx.Client, bar: Progress, dataset: str, run: str) -> None:
    """Wait until no data row of the run is pending."""
    task = bar.add_task(f"matching {run}", total=None)
    while True:
        progress = get(http, f"{route(dataset, run)}/progress")
        bar.update(task, total=progress["rows"], completed=progress["rows"] - progress["pending"])
        if not progress["pending"]:
            return
        time.sleep(0.2)


def _send(http: httpx.Client, bar: Progress, path: str, name: str, lines: Iterable[bytes], total: int) -> Uploaded:
    task = bar.add_task(f"uploading {name}", total=total)
    return send(http, path, lines, lambda count, _bytes: bar.advance(task, count))


def _annotations(
    path: Path, dataset: str, column: int, scheme: conll.Scheme | None, type_: CocoType
) -> tuple[Iterable[bytes], int]:
    if _is_events(path):
        return _events(path)
    try:
        if _is_conll(path):
            sentences = conll.read_sentences(path)
            lines = list(conll.annotation_events(sentences, dataset, time.time_ns(), column=column, scheme=scheme))
            return lines, len(lines)
        coco = read_dataset(path)
        events = list(annotation_events(coco, dataset, time.time_ns(), type_))
        deque(valid_batches(events, Reader(AnnotationEvent), path), maxlen=0)  # before the first is sent
    except (CocoError, conll.ConllError) as error:
        fail(f"nothing was sent, because {error}")
    return [event.payload for event in events], len(events)


def _predictions(
    path: Path, annotations: Path | None, dataset: str, run: str, scheme: conll.Scheme | None, type_: CocoType
) -> tuple[Iterable[bytes], int]:
    if _is_events(path):
        return _events(path)
    if _is_conll(path):
        try:
            sentences = conll.read_sentences(path)
            if annotations is not None and _is_conll(annotations):
                conll.check_same_tokens(conll.read_sentences(annotations), sentences)
            lines = list(conll.prediction_events(sentences, dataset, run, time.time_ns(), scheme=scheme))
        except conll.ConllError as error:
            fail(f"the predictions were not sent, because {error}")
        return lines, len(lines)
    if annotations is None or _is_events(annotations):
        fail("COCO results name images and categories by number: --annotations must name the COCO ground truth too")
    try:
        coco = read_dataset(annotations)
        events = list(prediction_events(coco, path, dataset, run, time.time_ns(), type_))
        deque(valid_batches(events, Reader(PredictionEvent), path), maxlen=0)  # before the first is sent
    except CocoError as error:
        fail(f"the predictions were not sent, because {error}")
    return [event.payload for event in events], len(events)


def _is_events(path: Path) -> bool:
    return path.suffix in {".ndjson", ".jsonl"}


def _is_conll(path: Path) -> bool:
    return path.suffix in conll.SUFFIXES


def _events(path: Path) -> tuple[Iterable[bytes], int]:
    with path.open("rb") as file:
        count = sum(1 for _ in file)
    return _stamped_lines(path), count


def _stamped_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from stamped(file)


def _report(results: list[Uploaded]) -> None:
    accepted = sum(result.accepted for result in results)
    reasons = [reason for result in results for reason in result.reasons]
    rejected = sum(result.rejected for result in results)
    out.print(f"{accepted:,} events accepted, {rejected:,} rejected", highlight=False)
    for reason in reasons[:REASONS_SHOWN]:
        err.print(f"  {reason}", highlight=False, markup=False, soft_wrap=True)
    if rejected > REASONS_SHOWN:
        err.print(f"  … and {rejected - REASONS_SHOWN:,} more; the service keeps them all as dead letters")
    if rejected:
        raise typer.Exit(1)
