"""Every label of a run with its score, as files of a chosen format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from pydantic import Field

from evalstream.exporters import coco, labels
from evalstream.exporters.files import Open, placed
from evalstream.exporters.pages import OnProgress, rows_of
from evalstream.exporters.questions import About, ExportQuery, Format, about
from evalstream.exporters.state import state, told
from evalstream.queries.rows import Row
from evalstream.questions import RowsQuery
from evalstream.selection import QuestionError, checked

if TYPE_CHECKING:
    from evalstream.questions import Asked

_WRITERS: Final[Mapping[str, Callable[[Iterable[Row], IO[bytes]], None]]] = {
    "ndjson": labels.write_ndjson,
    "csv": labels.write_csv,
    "parquet": labels.write_parquet,
}
_PAGING: Final = ("sort", "descending", "after", "offset", "limit")


class Exported(About):
    """Record of an export, kept as ``about.json``, too: the question, and what was left out."""

    rows: int
    annotations: int
    predictions: int
    tp: int = Field(description="predictions that are right")
    fp: int
    fn: int = Field(description="annotations that are not found, or taken for another label")
    left_out: dict[str, int] = Field(description="objects that are in no file, by what they are")


def silent(_what: str, _done: int, _total: int | None) -> None:
    """Tell nobody how far it is."""


def export(
    client: Asked,
    dataset: str,
    run: str,
    path: str | Path,
    form: Format = "ndjson",
    *,
    on_progress: OnProgress = silent,
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
    if paging := [name for name in said if name in _PAGING]:
        raise QuestionError(f"{', '.join(paging)}: all rows are exported, in the order of their keys")
    query = checked(ExportQuery, said | {"format": form}, "export")
    targets = [path] if form == "coco" else [path, path.with_name(f"{path.name}.about.json")]
    with placed(*targets) as open_file:
        return write_export(client, dataset, run, query, open_file, path.name, on_progress)


def write_export(
    client: Asked,
    dataset: str,
    run: str,
    query: ExportQuery,
    open_file: Open,
    name: str,
    on_progress: OnProgress = silent,
) -> Exported:
    """Write the files of an export wherever ``open_file`` opens them.

    Parameters
    ----------
    name : str
        Of the file, or of the folder for ``coco``.
    """
    query.check()
    begun = state(client, dataset, run, query.shared_with)
    tally: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    said = query.model_dump(include=set(RowsQuery.model_fields), exclude_unset=True)
    rows = counted(rows_of(client, dataset, run, said, on_progress), tally)
    if query.format == "coco":
        coco.write(rows, lambda own: open_file(f"{name}/{own}"), left_out)
    else:
        with open_file(name) as file:
            _WRITERS[query.format](rows, file)
    ended = state(client, dataset, run, query.shared_with)
    done = Exported(
        **about(dataset, run, query, begun),
        **{name: tally[name] for name in ("rows", "annotations", "predictions", "tp", "fp", "fn")},
        left_out=dict(left_out),
        notes=list(told(begun, ended, left_out=query.missing_rows == "leave_out")),
    )
    with open_file(f"{name}/about.json" if query.format == "coco" else f"{name}.about.json") as file:
        file.write(done.model_dump_json(indent=2).encode() + b"\n")
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
