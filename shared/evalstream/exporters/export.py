"""Every label of a run with its score, as files of a chosen format."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from pydantic import BaseModel, Field

import evalstream
from evalstream.exporters import coco, labels
from evalstream.exporters.pages import OnProgress, rows_of
from evalstream.queries.rows import Row
from evalstream.questions import RowsQuery
from evalstream.selection import QuestionError
from evalstream.words import count_of

if TYPE_CHECKING:
    from evalstream.client import Client

Format = Literal["ndjson", "csv", "parquet", "coco"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_PAGING: Final = ("sort", "descending", "offset", "limit")


class Exported(BaseModel):
    """Record of an export, kept as ``about.json``, too: the question, and what was left out."""

    dataset: str
    run: str
    question: dict[str, Any] = Field(description="policy, thresholds, filters and conditions, with all defaults")
    evalstream: str = Field(description="the version of the client")
    time: datetime
    rows: int
    annotations: int
    predictions: int
    tp: int = Field(description="predictions that are right")
    fp: int
    fn: int = Field(description="annotations that are not found, or taken for another label")
    left_out: dict[str, int] = Field(description="objects that are in no file, by what they are")
    notes: list[str]


def export(
    client: Client,
    dataset: str,
    run: str,
    path: str | Path,
    form: Format = "ndjson",
    *,
    on_progress: OnProgress = lambda _what, _done, _total: None,
    **said: Any,
) -> Exported:
    """Write every annotation and prediction of a run with what became of it, and beside it what the export is of.

    Parameters
    ----------
    path : path
        A file to write, or a folder for ``coco``; there must be none yet. What the export is of stands beside it in
        ``NAME.about.json``, of a folder in its ``about.json``.
    form : {"ndjson", "csv", "parquet", "coco"}
        See :mod:`evalstream.exporters.labels` and :mod:`evalstream.exporters.coco`.
    on_progress : callable
        Called with what is being done, how many data rows are done, and of how many.
    **said
        Filters, thresholds and conditions of question ``rows``.

    Raises
    ------
    FileExistsError
        If there is such a file or folder already.
    QuestionError
        If the question cannot be put so.
    """
    path = Path(path)
    about = path / "about.json" if form == "coco" else path.with_name(f"{path.name}.about.json")
    for own in (path, about):
        if own.exists():
            raise FileExistsError(f"{own} is there already; name another one")
    if paging := [name for name in said if name in _PAGING]:
        raise QuestionError(f"{', '.join(paging)}: all rows are exported, in the order of their keys")
    if form == "coco" and said.get("area", "all") != "all":
        raise QuestionError(
            "area: COCO files hold all areas, and are asked for one when they are evaluated; leave it out"
        )
    notes: list[str] = []
    tally: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    rows = counted(rows_of(client, dataset, run, said, notes, on_progress), tally)
    part = path.with_name(f"{path.name}.part")
    try:
        if form == "coco":
            part.mkdir()
            coco.write(rows, part, left_out)
        else:
            {"ndjson": labels.write_ndjson, "csv": labels.write_csv, "parquet": labels.write_parquet}[form](rows, part)
        progress = client.progress(dataset, run)
        left = said.get("missing_rows", "leave_out") == "leave_out"
        notes += _unsettled(progress.pending, progress.failed, progress.without_predictions, left_out=left)
        done = Exported(
            dataset=dataset,
            run=run,
            question=RowsQuery.model_validate(said).model_dump(mode="json", exclude=set(_PAGING)),
            evalstream=evalstream.__version__,
            time=datetime.now(UTC),
            **{name: tally[name] for name in ("rows", "annotations", "predictions", "tp", "fp", "fn")},
            left_out=dict(left_out),
            notes=notes,
        )
        part.rename(path)
    finally:
        (partial(shutil.rmtree, ignore_errors=True) if part.is_dir() else partial(Path.unlink, missing_ok=True))(part)
    about.write_text(done.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return done


def counted(rows: Iterable[Row], tally: Counter[str]) -> Iterator[Row]:
    """Count rows, objects and outcomes as they pass."""
    for row in rows:
        tally["rows"] += 1
        tally["annotations"] += len(row.annotations)
        tally["predictions"] += len(row.predictions)
        tally["fn"] += sum(one.outcome == "fn" for one in row.annotations)
        for one in row.predictions:
            if one.outcome in ("tp", "fp"):
                tally[one.outcome] += 1
        yield row


def _unsettled(pending: int, failed: int, without_predictions: int, *, left_out: bool) -> Iterator[str]:
    if pending:
        yield f"{_are(pending, 'data row')} not matched yet, and may be missing or out of date."
    if failed:
        yield f"{_are(failed, 'data row')} left out, which could not be matched."
    if without_predictions and left_out:
        yield f"{_are(without_predictions, 'annotated data row')} left out, of which the run has said nothing."
    elif without_predictions:
        rows = count_of(without_predictions, "annotated data row")
        yield f"The run has said nothing of {rows}: counted, as if nothing was found there."


def _are(count: int, noun: str) -> str:
    return f"{count_of(count, noun)} {'is' if count == 1 else 'are'}"
