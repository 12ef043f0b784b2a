"""Follow a figure along the steps of a series of runs: the epochs of a training, for instance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel, Field

from evalstream.queries.average_precision import ApOptions, ClassFigures, average_precisions
from evalstream.queries.catalog import Dataset, catalog
from evalstream.queries.custom_metrics import CustomMetricsPage, custom_metrics
from evalstream.queries.summary import Summary, summary
from evalstream.selection import QuestionError, Selection
from evalstream.stored.custom_metrics import is_custom
from evalstream.stored.labels import PerClassPage
from evalstream.stored.missing_rows import match_missing_rows
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: A point is a question of its own.
MOST_POINTS: Final = 200
OF_SUMMARY: Final = tuple(
    name for name, field in Summary.model_fields.items() if field.annotation in (int, float, int | None, float | None)
)
OF_AP: Final = tuple(ClassFigures.model_fields)


class HistoryPage(BaseModel):
    """Query of a history: which figure, of which runs."""

    metric: str = Field(
        default="f1",
        description="a figure of `summary` such as `f1` or `fp`, one of `average-precision` such as `ap50`, or"
        " `custom.NAME`, which producers sent",
    )
    prefix: str = Field(default="", max_length=200, description="only runs whose names begin so: `yolo-`")
    last: int = Field(default=50, ge=1, le=MOST_POINTS, description="the most points, those of the last steps")


class HistoryPoint(BaseModel):
    """The figure of one run."""

    run: str
    step: int
    value: float | None
    undefined: str | None = Field(description="why it is null")


class History(Tabular):
    """A figure along the steps of a series of runs."""

    table: ClassVar = "points"

    metric: str
    points: list[HistoryPoint] = Field(description="by step, those of one step by the name of the run")
    total: int = Field(description="runs of this prefix with a step; there is a point for each of the last of them")
    without_step: int = Field(description="runs of this prefix that have none, and so no point")
    notes: list[str] = Field(description="what has to be known of any point")


def history(client: Client, dataset: str, given: dict[str, Any], page: HistoryPage) -> History:
    """Follow a figure along the steps of runs.

    Parameters
    ----------
    given : dict
        The fields of :class:`evalstream.selection.Filter`: under which policy, at which thresholds, over which rows.
    """
    figure = _figure(page.metric)
    known = next((own for own in catalog(client).datasets if own.dataset == dataset), None)
    series = sorted((step, run) for run, step in _steps(known).items() if run.startswith(page.prefix))
    own = [run for run in (known.runs if known else []) if run.startswith(page.prefix)]
    notes: dict[str, None] = {}
    points = []
    shared = [] if given.get("shared_with") is None else [given["shared_with"]]
    for step, run in series[-page.last :]:
        selection = Selection(dataset=dataset, run=run, **given)
        match_missing_rows(client, selection, dataset, run, *shared)
        value, why, said = figure(client, selection)
        points.append(HistoryPoint(run=run, step=step, value=value, undefined=why))
        notes |= dict.fromkeys(f"{run}: {note}" for note in said)
    return History(
        metric=page.metric,
        points=points,
        total=len(series),
        without_step=len(own) - len(series),
        notes=list(notes),
    )


_Found = tuple[float | None, str | None, list[str]]


def _figure(metric: str) -> Callable[[Client, Selection], _Found]:
    if metric in OF_SUMMARY:
        return lambda client, selection: _of(metric, summary(client, selection))
    if metric in OF_AP:
        return lambda client, selection: _of(
            metric, average_precisions(client, selection, ApOptions(), PerClassPage(limit=1))
        )
    if is_custom(metric):
        return lambda client, selection: _custom(client, selection, *metric.split(".", 1))
    raise QuestionError(
        f"there is no figure {metric!r} along steps; there are {', '.join((*OF_SUMMARY, *OF_AP))} and custom.NAME"
    )


def _of(metric: str, answer: Any) -> _Found:
    value = getattr(answer, metric)
    return value, None if value is not None else answer.undefined.get(metric, "it is not defined here"), answer.notes


def _custom(client: Client, selection: Selection, figure: str, name: str) -> _Found:
    answer = custom_metrics(client, selection, CustomMetricsPage(metric=[name]))
    if not answer.metrics:
        return None, f"no metric {name!r} was sent of this run", answer.notes
    metric = answer.metrics[0]
    of = metric if figure == "custom" else metric.confusion
    if of is None:
        return None, f"{name!r} is not a confusion matrix", answer.notes
    value = getattr(of, "value" if figure == "custom" else figure.removeprefix("custom_"))
    return value, None if value is not None else "it is not defined here", answer.notes


def _steps(known: Dataset | None) -> dict[str, int]:
    return known.steps if known else {}
