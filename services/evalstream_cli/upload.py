"""``evalstream upload``: files to a running service."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from evalstream.changes import Completed
from evalstream.client import Client
from evalstream.client.files import How, Lines, annotation_lines, prediction_lines
from evalstream.client.service import NOT_CLOSED, Sent
from evalstream.importers import columns
from evalstream.importers.files import GroundTruth, Options, typed
from evalstream.importers.problems import ImporterError
from evalstream.importers.text import STDIN
from evalstream.positions import latest
from evalstream.words import count_of
from rich.progress import Progress

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import err, fail, out, progress_bar
from evalstream_cli.import_options import with_import_options

REASONS_SHOWN = 20
#: M_MMAP_THRESHOLD of mallopt(3), and what it is set to: less than a request's body, more than its columns.
_MALLOPT_MAPPED: Final = -3
_MAPPED_BYTES: Final = 4 * 1024 * 1024


@with_import_options
def upload(
    dataset: Annotated[str, typer.Option(help="Name of the dataset.")],
    options: Options,
    annotations: Annotated[
        Path | None,
        typer.Option(
            help="Annotations: events (NDJSON; - is standard input), CoNLL columns, or any other format in "
            "docs/importing.md: COCO, YOLO, Pascal VOC, CVAT, tables, …"
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Predictions of --run: the same; COCO results need COCO --annotations too."),
    ] = None,
    run: Annotated[str | None, typer.Option(help="Name of the model run that made the predictions.")] = None,
    type_: Annotated[
        columns.CocoType | None,
        typer.Option("--type", help="What to read from COCO files; without, boxes or what predictions hold."),
    ] = None,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete", help="Close the run: on annotated data rows that it has said nothing of, nothing was found."
        ),
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            help="Wait until every number reflects the upload; otherwise its position is told, for `report --at-least`."
        ),
    ] = True,
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
    of other formats that cannot be read; --on-error=refuse sends nothing of such a file. `evalstream import --dry-run`
    tells beforehand what is understood of files.
    """
    if annotations is None and predictions is None:
        fail("nothing to upload: name a file with --annotations, --predictions or both")
    if (predictions is None) != (run is None):
        fail("--predictions and --run belong together: whose predictions are they?")
    if complete and run is None:
        fail("--complete closes a run: name it, and its predictions, with --run and --predictions")
    for path in filter(None, (annotations, predictions)):
        if path != STDIN and not path.exists():
            fail(f"{path}: there is no such file")
    with _told("nothing was sent"):
        given, notes = typed(annotations, predictions or annotations, options._replace(type=type_))
    for note in notes:
        err.print(f"  {note}", highlight=False, markup=False, soft_wrap=True)
    how = How(given)
    _give_back_bodies()
    with service(url, api_key) as client, progress_bar() as bar:
        results, of_closing = list[tuple[Sent, int]](), list[str | None]()
        truth: GroundTruth | None = None
        if annotations is not None:
            column = -2 if annotations == predictions else -1  # of CoNLL files
            with _told("nothing was sent"):
                said, truth = annotation_lines(annotations, dataset, how, column=column)
                client.check_files(dataset, said, how.options)
                client.declare_frequencies(dataset, truth)
            results.append((_send(client, bar, dataset, None, said, how.options), said.left_out))
            _tell_if_empty(annotations, *results[-1])
            said, truth = said.when_sent(), truth and truth.without_objects()  # before predictions are read
        if predictions is not None and run is not None:
            with _told("the predictions were not sent"):
                said = prediction_lines(predictions, annotations, truth, dataset, run, how)
                client.check_files(dataset, said, how.options)
            results.append((_send(client, bar, dataset, run, said, how.options), said.left_out))
            _tell_if_empty(predictions, *results[-1])
            if complete and any(result.rejected or left_out for result, left_out in results):
                err.print(NOT_CLOSED.format(run=run), highlight=False, markup=False)
            elif complete:
                closed = client.complete(dataset, run, wait=False)
                tell_closed(closed)
                of_closing.append(closed.position)
            if wait and results[-1][0].accepted:  # without any, there may be no such run
                wait_until_matched(client, bar, dataset, run, _position(results, of_closing))
    position = _position(results, of_closing)
    if not wait and position is not None:
        out.print(f"position {position}", highlight=False, markup=False, soft_wrap=True)
    _report([result for result, _ in results], sum(left_out for _, left_out in results))


def _give_back_bodies() -> None:
    """Have the memory of each request's body given back when it is sent.

    The GNU C library would keep as much for each thread as it once needed.
    """
    import ctypes  # which other commands do without

    tuned = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if tuned is not None:
        tuned(_MALLOPT_MAPPED, _MAPPED_BYTES)


def _position(results: Sequence[tuple[Sent, int]], of_closing: Sequence[str | None]) -> str | None:
    return latest([*(result.position for result, _ in results if result.accepted), *of_closing])


def wait_until_matched(client: Client, bar: Progress, dataset: str, run: str, position: str | None = None) -> None:
    """Wait until no data row of the run is pending."""
    task = bar.add_task(f"matching {run}", total=None)
    progress = client.wait(
        dataset,
        run,
        position=position,
        on_progress=lambda _what, done, total: bar.update(task, total=total, completed=done),
    )
    if missing := progress.without_predictions:
        rows = "1 annotated data row has" if missing == 1 else f"{missing:,} annotated data rows have"
        err.print(f"{rows} no prediction of {run}, and {'is' if missing == 1 else 'are'} in no figure.")
        err.print("Is the run complete? `evalstream complete` has them count as rows on which nothing was found.")


def tell_closed(done: Completed) -> None:
    """Say what closing a run has done."""
    rows = f"{count_of(done.closed, 'data row')} of {done.annotated:,} annotated"
    out.print(f"run {done.run} is closed: on {rows} nothing was found", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except ImporterError as error:
        fail(f"{what}, because {error}")


def _send(client: Client, bar: Progress, dataset: str, run: str | None, events: Lines, options: Options) -> Sent:
    """Say what of a file is left out or read otherwise than it stands there; send the rest."""
    reasons = events.reasons()
    if len(reasons) > REASONS_SHOWN:
        reasons[REASONS_SHOWN:] = [f"… and {count_of(len(reasons) - REASONS_SHOWN, 'record')} more"]
    for text in [*reasons, *events.notes]:
        err.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)
    task = bar.add_task(f"uploading {run or 'annotations'}", total=events.total)
    keep = events.files is None and not options.other_files
    with _told("the rest was not sent"):
        return client.send_side(
            dataset, run, events, keep_files=keep, on_part=lambda count, _size: bar.advance(task, count)
        )


def _tell_if_empty(path: Path, sent: Sent, left_out: int) -> None:
    if not (sent.accepted or sent.rejected or left_out):
        name = "standard input" if path == STDIN else str(path)
        err.print(f"  {name} holds no data row: it changed nothing", highlight=False, markup=False, soft_wrap=True)


def _report(results: list[Sent], left_out: int) -> None:
    accepted = sum(result.accepted for result in results)
    reasons = [reason for result in results for reason in result.reasons()]
    rejected = sum(result.rejected for result in results)
    out.print(f"{accepted:,} events accepted, {rejected:,} rejected", highlight=False)
    for reason in reasons[:REASONS_SHOWN]:
        err.print(f"  {reason}", highlight=False, markup=False, soft_wrap=True)
    if rejected > REASONS_SHOWN:
        err.print(f"  … and {rejected - REASONS_SHOWN:,} more; the service keeps them all as dead letters")
    if left_out:
        err.print(f"{count_of(left_out, 'record')} {'was' if left_out == 1 else 'were'} not sent")
    if rejected or left_out:
        raise typer.Exit(1)
