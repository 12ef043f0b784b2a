"""A service as its clients see it: every question, uploads in parts that can be repeated, declarations, deletions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import quote

import orjson
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from evalstream.changes import FILES_LIMIT, Completed, Declaration, Deleted, OtherFiles, RejectedLine, Upload
from evalstream.client.errors import RejectedError
from evalstream.client.steps import Flow, Pause, Request, Steps, operation
from evalstream.collector import uncollected
from evalstream.events.base import Name
from evalstream.importers.problems import ImporterError
from evalstream.ontology import with_frequencies
from evalstream.positions import latest
from evalstream.queries.average_precision import HEADLINE
from evalstream.queries.catalog import Datasets
from evalstream.questions import Question, Questions, RunProgress
from evalstream.selection import QuestionError
from evalstream.words import count_of

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

    from evalstream.client.files import Lines
    from evalstream.importers.arrays import BoxFormat
    from evalstream.importers.files import GroundTruth, Options

A = TypeVar("A", bound=BaseModel)

#: What one request carries: small enough that repeating it costs little, large enough that a request costs nothing.
PART_LINES: Final = 1_000
PART_BYTES: Final = 4 * 1024 * 1024
#: Requests with columns that are sent at a time: one is checked while another one is written.
PARTS_UNDER_WAY: Final = 3
#: A large dataset takes its time to delete or close, and an answer that came too late would look like a failure.
_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)
_PATIENCE_SECONDS: Final = 3600
_LOOK_SECONDS: Final = 0.2
#: How long a service holds an answer that waits for a position, and how it says that it is not there yet.
_HELD_SECONDS: Final = 1.0
_NOT_YET: Final = frozenset({425})
_NOTHING: Final[Mapping[str, Any]] = {}
#: What is said where a run was to be closed and is not.
NOT_CLOSED: Final = (
    "Run {run} was not closed, as records of it were rejected or left out: nothing found is not what they say."
)


class Sent(BaseModel):
    """Result of sending events, all parts together."""

    accepted: int
    rejected: int
    errors: list[RejectedLine] = Field(
        description="rejected lines, counted from 1 over all parts; of each part the first"
    )
    position: str | None = Field(default=None, description="as of all parts: :class:`Uploaded`")

    def add(self, answer: Upload, before: int) -> None:
        """Add the answer to a part that has so many records before it."""
        first = not self.accepted + self.rejected
        self.position = answer.position if first else latest((self.position, answer.position))
        self.accepted += answer.accepted
        self.rejected += answer.rejected
        self.errors += [item.model_copy(update={"line": before + item.line}) for item in answer.errors]

    def reasons(self) -> list[str]:
        """Say which lines were rejected, and why."""
        return [f"line {item.line}: {item.reason}" for item in self.errors]


class Uploaded(BaseModel):
    """Result of an upload."""

    accepted: int
    rejected: int
    left_out: int = Field(description="records that their reader could not read, and that were not sent")
    closed: int | None = Field(
        default=None,
        description="data rows that count as ones on which nothing was found, as the run was closed; null: it was not",
    )
    reasons: list[str] = Field(description="why records were rejected or left out")
    notes: list[str] = Field(description="what was read otherwise than it stands there")
    position: str | None = Field(
        default=None,
        description="what the questions of `client.at_least(position)` reflect; null: nothing was sent, or it is not"
        " known",
    )


def place(dataset: str, run: str | None = None) -> str:
    """Return the path of a dataset, or of a run of it; their names may hold what has a meaning in URLs.

    Raises
    ------
    QuestionError
        If there are no such names.
    """
    path = f"/v1/datasets/{_segment('dataset', dataset)}"
    return path if run is None else f"{path}/runs/{_segment('run', run)}"


def _upload_path(dataset: str, run: str | None) -> str:
    return f"{place(dataset, run)}/{'annotations' if run is None else 'predictions'}"


def _segment(what: str, name: str) -> str:
    """Write a name into a URL, if it is one by the service's own rule: with a ``/`` it would name another route."""
    try:
        return quote(_NAME.validate_python(name), safe="")
    except ValidationError as error:
        (wrong,) = error.errors()
        known = {"string_pattern_mismatch": "must not contain control characters, such as line breaks"}
        reason = known.get(wrong["type"], wrong["msg"].removeprefix("Value error, "))
        raise QuestionError(f"name of a {what} {name!r}: {reason}") from None


def asking(
    question: Question[..., A], names: tuple[str, ...], said: Mapping[str, Any], wanted: Mapping[str, Any] = _NOTHING
) -> Steps[A]:
    """Ask a question; ``wanted`` is what the answer has to reflect, in the words of the query.

    Raises
    ------
    QuestionError
        If it cannot be put so; nothing is sent then.
    """
    query = question.put(said)
    path = "/v1/datasets" + question.path.format(
        **{name: _segment(name, own) for name, own in zip(question.names, names, strict=True)}
    )
    put = query.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    response = yield Request("GET", path, {**put, **wanted})
    return uncollected(question.answer.model_validate_json)(response.content)


class Service(Questions):
    """Operations of both clients; :class:`evalstream.client.Client` waits for it, the other lets it be awaited.

    The questions are methods too: ``client.summary("street", "v7", confidence=0.5)`` gives what
    ``/v1/datasets/street/runs/v7/summary?confidence=0.5`` answers, as :class:`evalstream.queries.summary.Summary`.
    """

    #: What answers have to reflect, in the words of the query (:meth:`at_least`).
    _wanted: Mapping[str, Any] = _NOTHING

    def at_least(self, position: str | None, seconds: float = 5) -> Self:
        """Give a client of the same service whose questions are answered once they reflect an upload.

        ``done = client.upload(…, wait=False)``, then ``client.at_least(done.position).summary("street", "v7")``.

        Parameters
        ----------
        position : str
            As an upload answers; None, which a cluster answers, is an error.
        seconds : float
            How long a question waits, at most 30; one that would take longer is an
            :class:`evalstream.client.errors.RefusedError` of status 425.

        Raises
        ------
        QuestionError
            If there is no position.
        """
        if position is None:
            raise QuestionError("there is no position: nothing was uploaded, or it is not known how far that had come")
        own = copy(self)
        own._wanted = {"at_least": position, "at_least_seconds": seconds}
        return own

    @operation
    def datasets(self) -> Steps[Datasets]:
        """List the datasets, each with its runs, splits and metadata keys."""
        response = yield Request("GET", "/v1/datasets")
        return Datasets.model_validate_json(response.content)

    @operation
    def runs(self, dataset: str) -> Steps[list[str]]:
        """List the runs of a dataset by name; none, where there is no such dataset."""
        answer = yield from Service.datasets.steps(self)
        return next((own.runs for own in answer.datasets if own.dataset == dataset), [])

    @operation
    def upload(
        self,
        dataset: str,
        annotations: Any = None,
        *,
        predictions: Any = None,
        run: str | None = None,
        classes: Sequence[str] | None = None,
        box_format: BoxFormat = "xyxy",
        options: Options | None = None,
        step: int | None = None,
        complete: bool = False,
        wait: bool = True,
        on_rejected: str = "raise",
        on_progress: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None,
    ) -> Steps[Uploaded]:
        """Upload annotations, the predictions of a run, or both. Sent twice, they change nothing the second time.

        Parameters
        ----------
        dataset, run : str
            Names; ``run`` belongs to predictions.
        annotations, predictions : path, mapping, table or events
            As in :mod:`evalstream.client.files`: a file of any format that is read, COCO as a JSON reader gives it, a
            table, arrays by image, or events as mappings, JSON or models of :mod:`evalstream.events`.
        classes, box_format
            Of arrays: what their labels and boxes mean, as in :class:`evalstream.Evaluator`.
        options : Options, optional
            What files do not say themselves, and what becomes of records that cannot be read:
            :class:`evalstream.importers.files.Options`.
        step : int, optional
            Where the run stands in a series, such as the epoch.
        complete : bool
            Close the run (:meth:`complete`) once all of it has arrived; not where records were rejected or left out.
        wait : bool
            Return when every figure of the run reflects the upload.
        on_rejected : {"raise", "tell"}
            Whether records that the service or a reader rejects are an error in the end, or told in the answer alone.
        on_progress : callable
            Called with what is being done, how much of it is done, and of how much (None: not known).

        Raises
        ------
        ImporterError
            If a source cannot be read, or would change the files of data rows (:meth:`check_files`).
        RejectedError
            If records were rejected; all others are stored.
        """
        if annotations is None and predictions is None:
            raise ValueError("nothing to upload: give annotations=, predictions= or both")
        if (predictions is None) != (run is None):
            raise ValueError("predictions= and run= belong together: whose predictions are they?")
        if on_rejected not in ("raise", "tell"):
            raise ValueError(f"on_rejected: must be 'raise' or 'tell', and is {on_rejected!r}")
        if complete and run is None:
            raise ValueError("complete= closes a run: give its name and predictions, run= and predictions=")
        # What reads files takes as long to import as all else of a client, and who asks questions reads none.
        from evalstream.client.files import How, annotation_lines, prediction_lines
        from evalstream.importers.files import Options, typed

        of = annotations if predictions is None else predictions
        given, notes = typed(annotations, of, options or Options())
        how = How(given, classes, box_format)
        sent: list[tuple[Lines, Sent]] = []
        truth, closed, not_closed, of_closing = None, None, list[str](), list[str | None]()
        if annotations is not None:
            lines, truth = annotation_lines(annotations, dataset, how)
            yield from Service.check_files.steps(self, dataset, lines, how.options)
            yield from Service.declare_frequencies.steps(self, dataset, truth)
            own = yield from self._sending(dataset, None, lines, how.options, on_progress)
            lines, truth = lines.when_sent(), truth and truth.without_objects()  # before predictions are read
            sent.append((lines, own))
        if predictions is not None and run is not None:
            lines = prediction_lines(predictions, annotations, truth, dataset, run, how)
            yield from Service.check_files.steps(self, dataset, lines, how.options)
            sent.append((lines, (yield from self._sending(dataset, run, lines, how.options, on_progress))))
            arrived = sent[-1][1].accepted > 0  # without anything, there may be no such run
            if step is not None and arrived:
                yield from Service.set_step.steps(self, dataset, run, step)
            if complete and any(own.rejected or lines.left_out for lines, own in sent):
                not_closed = [NOT_CLOSED.format(run=run)]
            elif complete:
                closing = yield from Service.complete.steps(self, dataset, run, wait=False)
                closed = closing.closed
                of_closing.append(closing.position)
            if wait and arrived:
                position = latest([*(own.position for _, own in sent if own.accepted), *of_closing])
                yield from Service.wait.steps(self, dataset, run, position=position, on_progress=on_progress)
        done = Uploaded(
            accepted=sum(own.accepted for _, own in sent),
            rejected=sum(own.rejected for _, own in sent),
            reasons=[reason for lines, own in sent for reason in (*lines.reasons(), *own.reasons())],
            left_out=sum(lines.left_out for lines, _ in sent),
            closed=closed,
            notes=[*notes, *(note for lines, _ in sent for note in lines.notes), *not_closed],
            position=latest([*(own.position for _, own in sent if own.accepted), *of_closing]),
        )
        if on_rejected == "raise" and (done.rejected or done.left_out):
            raise RejectedError(f"dataset {dataset}", done.rejected + done.left_out, done.reasons)
        return done

    @operation
    def check_files(self, dataset: str, lines: Lines, options: Options) -> Steps[None]:
        """See to it that what is about to be sent changes the file of no data row that is there.

        What comes from standard input or an iterator is known when it is sent alone: :meth:`send` with ``keep_files``.

        Raises
        ------
        ImporterError
            If a data row has a file of another name: two splits that count their images alike would overwrite each
            other.
        """
        if lines.files is not None and not options.other_files:
            yield from _checking(dataset, lines.source, lines.files())

    @operation
    def declare_frequencies(self, dataset: str, truth: GroundTruth | None) -> Steps[None]:
        """Declare how frequent classes are where a file says it (LVIS), beside what is declared of the dataset."""
        if truth is None or not truth.frequency:
            return
        declared = (yield from asking(Questions.ontology, (dataset,), {})).ontology
        wanted = with_frequencies(declared, truth.frequency)
        if wanted != declared:
            yield from Service.declare.steps(self, dataset, wanted)

    @operation
    def send(
        self,
        dataset: str,
        run: str | None,
        lines: Iterable[bytes],
        *,
        keep_files: bool = False,
        on_part: Callable[[int, int], None] = lambda _count, _size: None,
    ) -> Steps[Sent]:
        """Send events as they are, of annotations where ``run`` is None; each should have a version.

        Parts that get no answer are sent again, which changes nothing where they had arrived. ``on_part`` hears how
        many lines, and how many bytes, were sent since the last time. With ``keep_files``, it ends before a part that
        would give data rows other files (:meth:`check_files`).
        """
        path = _upload_path(dataset, run)
        done = Sent(accepted=0, rejected=0, errors=[])
        sent = 0
        for part in in_parts(lines):
            if keep_files:
                from evalstream.client.files import files_of

                yield from _checking(dataset, f"events from number {sent + 1:,} on", files_of(part))
            content = b"\n".join(part)
            response = yield Request("POST", path, content=content, kind="application/x-ndjson", insist=True)
            done.add(Upload.model_validate_json(response.content), sent)
            sent += len(part)
            on_part(len(part), len(content))
        return done

    @operation
    def send_side(
        self,
        dataset: str,
        run: str | None,
        events: Lines,
        *,
        keep_files: bool = False,
        on_part: Callable[[int, int], None] = lambda _count, _size: None,
    ) -> Steps[Sent]:
        """Send the events of one side: in columns where they can be, otherwise as lines (:meth:`send`)."""
        if events.columns is None:
            return (
                yield from Service.send.steps(self, dataset, run, events.lines, keep_files=keep_files, on_part=on_part)
            )
        return (yield from Service.send_columns.steps(self, dataset, run, events.columns(), on_part=on_part))

    @operation
    def send_columns(
        self,
        dataset: str,
        run: str | None,
        tables: Iterable[pa.Table],
        *,
        on_part: Callable[[int, int], None] = lambda _count, _size: None,
    ) -> Steps[Sent]:
        """Send events in columns (schema :data:`evalstream.events.EVENTS`), a table a request, a few at a time.

        As :meth:`send` does otherwise: each event has its version and id, so that what is sent again changes nothing.
        """
        from evalstream.client.columns import MEDIA_TYPE, stream

        path = _upload_path(dataset, run)
        done = Sent(accepted=0, rejected=0, errors=[])
        parts: list[tuple[int, int, int]] = []  # of each: events before it, events, bytes

        def requests() -> Iterator[Request]:
            before = 0
            for table in tables:
                content = stream(table)
                parts.append((before, table.num_rows, len(content)))
                before += table.num_rows
                yield Request("POST", path, content=content, kind=MEDIA_TYPE, insist=True)

        def answered(number: int, response: httpx.Response) -> None:
            before, count, size = parts[number]
            done.add(Upload.model_validate_json(response.content), before)
            on_part(count, size)

        yield Flow(requests(), PARTS_UNDER_WAY, answered)
        done.errors.sort(key=lambda item: item.line)
        return done

    @operation
    def wait(
        self,
        dataset: str,
        run: str,
        *,
        position: str | None = None,
        on_progress: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None,
    ) -> Steps[RunProgress]:
        """Wait until no data row of a run is pending: until every figure reflects all that was acknowledged.

        With the ``position`` of an upload it is the service that waits for it, and answers at once when it is there:
        to count what is pending, again and again, would cost it as much as some of the matching.
        """
        path = f"{place(dataset, run)}/progress"
        held = {} if position is None else {"at_least": position, "at_least_seconds": _HELD_SECONDS}
        while True:
            response = yield Request("GET", path, held, expected=_NOT_YET)
            if not_yet := response.status_code in _NOT_YET:
                response = yield Request("GET", path)
            progress = RunProgress.model_validate_json(response.content)
            on_progress(f"matching {run}", progress.rows - progress.pending, progress.rows)
            if not progress.pending:
                return progress
            if not not_yet:  # it is there, or not known; what is pending is of others
                held = {}
                yield Pause(_LOOK_SECONDS)

    @operation
    def set_step(self, dataset: str, run: str, step: int) -> Steps[None]:
        """Say where a run stands in a series, such as the epoch: what :meth:`history` goes along."""
        yield Request("PUT", f"{place(dataset, run)}/step", content=_json({"step": step}), insist=True)

    @operation
    def complete(
        self,
        dataset: str,
        run: str,
        *,
        wait: bool = True,
        on_progress: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None,
    ) -> Steps[Completed]:
        """Close a run: annotated data rows that it has said nothing of count as rows on which it found nothing.

        Until then they are in no figure, and each answer tells how many there are. A prediction that comes later holds
        all the same; rows that are annotated later are told again until the run is closed once more. With ``wait`` it
        returns when every figure reflects it.
        """
        path = f"{place(dataset, run)}/complete"
        response = yield Request("PUT", path, insist=True, patience=_PATIENCE_SECONDS)
        if wait:
            yield from Service.wait.steps(self, dataset, run, on_progress=on_progress)
        return Completed.model_validate_json(response.content)

    @operation
    def request(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, *, body: Any = None
    ) -> Steps[Any]:
        """Send any other request of the REST API, such as of dead letters; return the answer's JSON."""
        content = None if body is None else _json(body)
        response = yield Request(method, path, query or {}, content)
        return orjson.loads(response.content)

    @operation
    def declare(self, dataset: str, ontology: Any, *, version: int | None = None) -> Steps[Declaration]:
        """Declare classes, their hierarchy and how shapes are compared; all data rows are then matched anew.

        Parameters
        ----------
        ontology : Ontology, mapping or bytes
            The whole declaration (:class:`evalstream.ontology.Ontology`); it takes the place of the one before.
        version : int, optional
            The highest one is in force; none: the present time.
        """
        content = ontology if isinstance(ontology, bytes) else _json(ontology)
        query = {} if version is None else {"version": version}
        response = yield Request("PUT", f"{place(dataset)}/ontology", query, content, insist=True)
        return Declaration.model_validate_json(response.content)

    @operation
    def delete_dataset(self, dataset: str, *, version: int | None = None, dry_run: bool = False) -> Steps[Deleted]:
        """Delete a dataset: annotations, predictions, results, declarations and dead letters, of all runs.

        ``version``: only what has at most this version. ``dry_run``: only count what would be deleted.
        """
        return (yield from _deleting(place(dataset), version, dry_run))

    @operation
    def delete_run(
        self, dataset: str, run: str, *, version: int | None = None, dry_run: bool = False
    ) -> Steps[Deleted]:
        """Delete a run: its predictions and results. Annotations belong to the dataset, and stay."""
        return (yield from _deleting(place(dataset, run), version, dry_run))

    @operation
    def delete_row(
        self, dataset: str, data_row: str, *, version: int | None = None, dry_run: bool = False
    ) -> Steps[Deleted]:
        """Delete a data row: its annotations, every run's predictions of it, their results, and its dead letters."""
        # A path of dots would be taken for a way up, and so for the dataset.
        key = quote(data_row, safe="").replace(".", "%2E")
        return (yield from _deleting(f"{place(dataset)}/rows/{key}", version, dry_run))

    @operation
    def figures(self, /, dataset: str, run: str, prefix: str = "", **filters: Any) -> Steps[dict[str, float]]:
        """Give the headline figures as one flat dictionary, for any experiment tracker; undefined ones are left out.

        As of :meth:`evalstream.Evaluation.figures`: ``wandb.log(client.figures("street", "v7", "val"))`` logs
        ``val/ap``, ``val/ap50`` … ``val/f1``. Filters are those of every question; the policy is ``coco`` unless said.
        """
        said = {"policy": "coco", **filters}
        answer = yield from asking(Questions.average_precision, (dataset, run), said)
        whole = yield from asking(Questions.summary, (dataset, run), said)
        known = answer.model_dump(include=HEADLINE)
        known |= whole.model_dump(include={"tp", "fp", "fn", "precision", "recall", "f1"})
        start = f"{prefix}/" if prefix else ""
        return {f"{start}{name}": float(value) for name, value in known.items() if value is not None}

    def _sending(
        self,
        dataset: str,
        run: str | None,
        lines: Lines,
        options: Options,
        on_progress: Callable[[str, int, int | None], None],
    ) -> Steps[Sent]:
        what, done = f"uploading {run or 'annotations'}", 0

        def on_part(count: int, _size: int) -> None:
            nonlocal done
            done += count
            on_progress(what, done, lines.total)

        keep = lines.files is None and not options.other_files
        return (yield from Service.send_side.steps(self, dataset, run, lines, keep_files=keep, on_part=on_part))


def _checking(dataset: str, source: str, files: Iterable[tuple[str, str]]) -> Steps[None]:
    """Ask, of data rows and the names of their files, whether any is there with another file."""
    count, example, pairs = 0, "", iter(files)
    while said := dict(islice(pairs, FILES_LIMIT)):
        content = _json({"file_names": said})
        response = yield Request("POST", f"{place(dataset)}/other-files", content=content, insist=True)
        other = OtherFiles.model_validate_json(response.content).other_files
        count += len(other)
        if other and not example:
            row, file = next(iter(other.items()))
            example = f"{row!r} is {file}, and here {said[row]}"
    if count:
        raise ImporterError(
            f"{source}: dataset {dataset!r} has {count_of(count, 'data row')} already, by the same id and with another"
            f" file: {example}. Where two splits count their images alike, --row-key file_name (or stem) with --split"
            " calls data rows by their files, and events name data rows themselves; where files were renamed,"
            " --other-files (other_files of Options) goes on"
        )


def _deleting(path: str, version: int | None, dry_run: bool) -> Steps[Deleted]:
    query = ({} if version is None else {"version": version}) | ({"dry_run": True} if dry_run else {})
    response = yield Request("DELETE", path, query, patience=_PATIENCE_SECONDS)
    return Deleted.model_validate_json(response.content)


def _json(value: Any) -> bytes:
    return value.model_dump_json().encode() if isinstance(value, BaseModel) else orjson.dumps(value)


def in_parts(payloads: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Cut events into what one request carries."""
    part: list[bytes] = []
    size = 0
    for payload in payloads:
        part.append(payload)
        size += len(payload)
        if len(part) >= PART_LINES or size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
