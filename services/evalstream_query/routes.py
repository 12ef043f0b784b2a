"""Questions over HTTP: each a function of :mod:`evalstream.queries`, its parameters the query string."""

from __future__ import annotations

from typing import Annotated, Literal

from clickhouse_connect.driver.client import Client
from evalstream.events.models import Name
from evalstream.queries.average_precision import AveragePrecision, average_precisions
from evalstream.queries.catalog import Catalog, catalog, run_exists
from evalstream.queries.confusion_matrix import Classes, ConfusionMatrix, classes, confusion_matrix
from evalstream.queries.distribution import Distribution, distribution
from evalstream.queries.pr_curve import PrCurve, pr_curve
from evalstream.queries.rows import Page, Rows, rows
from evalstream.queries.selection import Filter, Selection
from evalstream.queries.summary import Summary, summary
from evalstream.storage.results import progress
from evalstream_http.security import require
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import BaseModel, Field

router = APIRouter(prefix="/v1/datasets", tags=["questions"], dependencies=[Depends(require("read"))])
_RUN = "/{dataset}/runs/{run}"

Dataset = Annotated[Name, Path()]
Run = Annotated[Name, Path()]


class PrCurveQuery(Filter):
    """A filter, and how the curve is drawn."""

    per_class: bool = Field(default=False, description="a curve a label, instead of one over all")
    max_points: int = Field(default=1001, ge=10, le=100_000, description="a longer curve is thinned to so many")


class DistributionQuery(Filter):
    """A filter, and how the histogram is drawn."""

    metric: str = Field(description="`iou`, `confidence`, a metric of rows such as `f1` or `fp`, or `metadata.KEY`")
    bins: int = Field(default=20, ge=1, le=1000)
    low: float | None = Field(default=None, ge=-1e300, le=1e300, description="the left edge")
    high: float | None = Field(default=None, ge=-1e300, le=1e300, description="the right edge")


class RowsQuery(Filter, Page):
    """A filter, and which page of its rows."""


class RunProgress(BaseModel):
    """How far a run has come."""

    rows: int = Field(description="data rows that the run has spoken of")
    done: int
    pending: int = Field(description="rows whose result has not seen all events yet")
    failed: int = Field(description="rows that could not be matched")
    state: Literal["complete", "running", "failed"]


def _client(request: Request) -> Client:
    client: Client = request.app.state.clients()
    return client


def _selection(request: Request, dataset: str, run: str, query: Filter) -> tuple[Client, Selection]:
    client = _client(request)
    if not run_exists(client, dataset, run):
        raise HTTPException(404, f"dataset {dataset!r} has no run {run!r}")
    return client, Selection(dataset=dataset, run=run, **query.model_dump(include=set(Filter.model_fields)))


@router.get("")
def get_datasets(request: Request) -> Catalog:
    """List the datasets with their runs, splits and metadata keys."""
    return catalog(_client(request))


@router.get(_RUN + "/summary")
def get_summary(request: Request, dataset: Dataset, run: Run, query: Annotated[Filter, Query()]) -> Summary:
    """Count and score everything that is selected."""
    return summary(*_selection(request, dataset, run, query))


@router.get(_RUN + "/confusion-matrix")
def get_confusion_matrix(
    request: Request, dataset: Dataset, run: Run, query: Annotated[Filter, Query()]
) -> ConfusionMatrix:
    """Count what was taken for what: the cells that are not zero, missed objects and false alarms included."""
    return confusion_matrix(*_selection(request, dataset, run, query))


@router.get(_RUN + "/classes")
def get_classes(request: Request, dataset: Dataset, run: Run, query: Annotated[Filter, Query()]) -> Classes:
    """Count and score each label."""
    return classes(*_selection(request, dataset, run, query))


@router.get(_RUN + "/pr-curve")
def get_pr_curve(request: Request, dataset: Dataset, run: Run, query: Annotated[PrCurveQuery, Query()]) -> PrCurve:
    """Compute precision and recall at every confidence from the given one up."""
    selection = _selection(request, dataset, run, query)
    return pr_curve(*selection, per_class=query.per_class, max_points=query.max_points)


@router.get(_RUN + "/average-precision")
def get_average_precision(
    request: Request, dataset: Dataset, run: Run, query: Annotated[Filter, Query()]
) -> AveragePrecision:
    """Compute AP and AR, per class and averaged; under policy `coco`, the twelve figures of pycocotools."""
    return average_precisions(*_selection(request, dataset, run, query))


@router.get(_RUN + "/distribution")
def get_distribution(
    request: Request, dataset: Dataset, run: Run, query: Annotated[DistributionQuery, Query()]
) -> Distribution:
    """Draw a histogram of overlaps, confidences, a metric of rows, or numeric metadata."""
    selection = _selection(request, dataset, run, query)
    return distribution(*selection, query.metric, bins=query.bins, low=query.low, high=query.high)


@router.get(_RUN + "/rows")
def get_rows(request: Request, dataset: Dataset, run: Run, query: Annotated[RowsQuery, Query()]) -> Rows:
    """List data rows with their objects and what became of each; also the rows behind one confusion cell."""
    selection = _selection(request, dataset, run, query)
    return rows(*selection, Page(**query.model_dump(include=set(Page.model_fields))))


@router.get(_RUN + "/progress")
def get_progress(request: Request, dataset: Dataset, run: Run) -> RunProgress:
    """Count, exactly, what is done of a run, what is pending, and what has failed."""
    client = _client(request)
    if not run_exists(client, dataset, run):
        raise HTTPException(404, f"dataset {dataset!r} has no run {run!r}")
    found = progress(client, dataset, run, request.app.state.policies)
    done = found.rows - found.pending - found.failed
    state: Literal["complete", "running", "failed"] = (
        "running" if found.pending else "failed" if found.failed else "complete"
    )
    return RunProgress(rows=found.rows, done=done, pending=found.pending, failed=found.failed, state=state)
