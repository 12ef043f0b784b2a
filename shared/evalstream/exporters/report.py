"""A run's report: every answer that it is made of, at one policy, thresholds and filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, Field

import evalstream
from evalstream.client.errors import RefusedError
from evalstream.exporters.state import state, told
from evalstream.queries.average_precision import AveragePrecision
from evalstream.queries.comparison import Comparison
from evalstream.queries.errors import Errors
from evalstream.queries.intervals import Intervals
from evalstream.queries.overview import Overview
from evalstream.queries.position import Position
from evalstream.queries.pr_curve import PrCurve
from evalstream.questions import RunProgress
from evalstream.selection import Filter, QuestionError

if TYPE_CHECKING:
    from evalstream.exporters.pages import OnProgress
    from evalstream.questions import Asked

A = TypeVar("A", bound=BaseModel)
#: Points of a curve: as many as a plot can show.
_POINTS: Final = 400


class Report(BaseModel):
    """A report on a run, with all that is needed to make it again."""

    dataset: str
    run: str
    versus: str | None = Field(description="the run that it is compared with")
    question: dict[str, Any] = Field(description="policy, thresholds and filters, with all defaults")
    evalstream: str = Field(description="the version that made it")
    time: datetime
    positions: dict[str, Position] = Field(description="of each run that was asked for, when it began")
    progress: RunProgress
    overview: Overview
    average_precision: AveragePrecision | None
    pr_curve: PrCurve | None
    pr_curve_versus: PrCurve | None = Field(description="of the other run, over the data rows of both")
    errors: Errors | None
    intervals: Intervals | None
    comparison: Comparison | None
    refused: dict[str, str] = Field(description="answers that are null, and why")
    notes: list[str] = Field(description="what was not settled, as sentences")


def gather(
    client: Asked,
    dataset: str,
    run: str,
    *,
    versus: str | None = None,
    on_progress: OnProgress = lambda _what, _done, _total: None,
    **filters: Any,
) -> Report:
    """Ask for everything that a report of a run shows.

    Parameters
    ----------
    versus : str, optional
        Another run of the dataset: differences are over the data rows of both.
    on_progress : callable
        Called with the question that is asked next, how many are answered, and of how many.
    **filters
        Policy, thresholds and filters, as of every question.

    Raises
    ------
    QuestionError
        If data rows shared with a third run are asked for.
    RefusedError
        If the service refuses the overview. Another answer that it refuses, for its size for instance, is null, and
        ``refused`` says why.
    """
    if versus is not None and filters.get("shared_with") not in (None, versus):
        raise QuestionError("shared_with: a comparison is over the data rows of both runs, and of no third one")
    refused: dict[str, str] = {}
    asked = 0

    def ask(question: Callable[..., A], name: str, of: str = run, **said: Any) -> A | None:
        nonlocal asked
        on_progress(name, asked, 6 if versus is None else 8)
        asked += 1
        try:
            return question(dataset, of, **filters | said)
        except RefusedError as error:
            if error.status != 422:
                raise
            refused[name] = error.detail
            return None

    question = Filter.model_validate(filters)
    left_out = question.missing_rows == "leave_out"
    others = versus, filters.get("shared_with")
    begun = state(client, dataset, run, *others)
    on_progress("overview", 0, None)
    overview = client.overview(dataset, run, **filters)
    against = {} if versus is None else {"versus": versus}
    shared = {} if versus is None else {"shared_with": versus}
    return Report(
        dataset=dataset,
        run=run,
        versus=versus,
        question=question.model_dump(mode="json"),
        evalstream=evalstream.__version__,
        time=datetime.now(UTC),
        positions=begun.positions,
        progress=begun.progress,
        overview=overview,
        average_precision=ask(client.average_precision, "average_precision"),
        pr_curve=ask(client.pr_curve, "pr_curve", max_points=_POINTS, **shared),
        pr_curve_versus=versus and ask(client.pr_curve, "pr_curve_versus", versus, max_points=_POINTS, shared_with=run),
        errors=ask(client.errors, "errors"),
        intervals=ask(client.intervals, "intervals", **against),
        comparison=versus and ask(client.comparison, "comparison", **against),
        refused=refused,
        notes=list(told(begun, state(client, dataset, run, *others), left_out=left_out)),
    )
