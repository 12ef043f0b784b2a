"""Every question that a service answers: its name, how it is put and what it is answered with, each said once.

Routes serve these questions, and clients ask them, as methods of the same names; see :class:`Questions`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar, overload

from pydantic import BaseModel, ConfigDict, Field

from evalstream.metrics.calibration import Strategy
from evalstream.metrics.scores import ZeroDivision
from evalstream.queries.average_precision import ApOptions, AveragePrecision
from evalstream.queries.calibration import Calibration
from evalstream.queries.checklists import Checklists
from evalstream.queries.classifications import Classifications, Unanswered
from evalstream.queries.comparison import Comparison, ComparisonQuery, Flips, FlipsQuery
from evalstream.queries.confusion_matrix import CellsPage, Classes, ClassesPage, ConfusionMatrix
from evalstream.queries.custom_metrics import CustomMetrics, CustomMetricsQuery
from evalstream.queries.dataset_classes import ClassesOfDataset, ClassesOfDatasetPage, OntologyInForce
from evalstream.queries.distribution import FARTHEST, Distribution
from evalstream.queries.entities import Entities
from evalstream.queries.errors import Errors
from evalstream.queries.history import History, HistoryPage
from evalstream.queries.intervals import Intervals, IntervalsQuery
from evalstream.queries.keypoints import DEFAULT_ALPHAS, Keypoints, Scale
from evalstream.queries.measures import Measures
from evalstream.queries.metadata import Metadata, MetadataQuery
from evalstream.queries.objects import Objects, ObjectsPage
from evalstream.queries.overview import Overview, OverviewOptions
from evalstream.queries.position import Position
from evalstream.queries.pr_curve import CurvesPage, PrCurve
from evalstream.queries.regression import Regression
from evalstream.queries.roc_curve import RocCurve
from evalstream.queries.rows import Page, Rows
from evalstream.queries.segmentation import ClassesMeant, Segmentation
from evalstream.queries.slices import Slices, SlicesQuery
from evalstream.queries.summary import Summary
from evalstream.queries.texts import Texts
from evalstream.queries.thresholds import Thresholds
from evalstream.scoring.causes import ErrorOptions
from evalstream.selection import Filter, checked
from evalstream.stored.label_counts import Scoring
from evalstream.stored.labels import PerClassPage

P = ParamSpec("P")
Q = TypeVar("Q", bound=BaseModel)
A = TypeVar("A", bound=BaseModel)

# --- how questions are put ------------------------------------------------------------------------------------------


class NothingElse(BaseModel):
    """A question that is whole with the names in its path."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PrCurveQuery(Filter, CurvesPage):
    """A filter, how the curve is drawn, and of which labels where there is one a label."""

    per_class: bool = Field(default=False, description="a curve a label, instead of one over all")
    max_points: int = Field(default=1001, ge=10, le=100_000, description="a longer curve is thinned to so many")


class AveragePrecisionQuery(Filter, ApOptions, PerClassPage):
    """A filter, and which definition of average precision."""


class ErrorsQuery(Filter, ErrorOptions, PerClassPage):
    """A filter, how errors are told apart, and of which classes there are figures."""


class DistributionQuery(Filter):
    """A filter, and how the histogram is drawn."""

    metric: str = Field(
        description="`iou`, `confidence`, a metric of rows such as `f1` or `fp`, `measure.NAME`, `custom.NAME`, or "
        "`metadata.KEY`"
    )
    bins: int = Field(default=20, ge=1, le=1000)
    low: float | None = Field(default=None, ge=-FARTHEST, le=FARTHEST, description="the left edge")
    high: float | None = Field(default=None, ge=-FARTHEST, le=FARTHEST, description="the right edge")


class SegmentationQuery(Filter):
    """A filter, and which classes count in means."""

    over: ClassesMeant = Field(
        default="present",
        description="means are over classes with a pixel on either side (`present`), or with an annotated one",
    )


class KeypointsQuery(Filter):
    """A filter, and how near a keypoint has to be."""

    alpha: list[Annotated[float, Field(ge=0, le=1e9)]] = Field(
        default=list(DEFAULT_ALPHAS), max_length=100, description="a keypoint is right within alpha times the scale"
    )
    scale: Scale = Field(
        default="diagonal",
        description="of each annotation: `diagonal` or `max_side` of its box, `sqrt_area`, the root of its area, or "
        "`unit`: alpha is a distance",
    )


class HistoryQuery(Filter, HistoryPage):
    """A filter, and which figure of which runs."""


class RowsQuery(Filter, Page):
    """A filter, and which page of its rows."""


class ConfusionMatrixQuery(Filter, CellsPage):
    """A filter, and which cells."""


class ClassesQuery(Filter, ClassesPage, Scoring):
    """A filter, which labels, and how they are scored."""


class SummaryQuery(Filter, Scoring):
    """A filter, and how counts are scored."""


class OverviewQuery(Filter, OverviewOptions, Scoring):
    """A filter, how counts are scored, and how much is given."""


class ChecklistsQuery(Filter, Scoring):
    """A filter, how counts are scored, and what becomes of questions that one side does not answer."""

    unanswered: Unanswered = Field(
        default="wrong",
        description="`wrong`: a case where one side does not answer counts, as one that is wrong; `ignore`: it is left "
        "out",
    )


class ClassificationsQuery(ChecklistsQuery):
    """The same, and how much of the answer is given."""

    top_k: int = Field(default=2, ge=1, le=1000, description="of top-k accuracy")
    cells: int = Field(default=10_000, ge=1, le=100_000, description="the most cells of confusion, the largest first")


class RocCurveQuery(Filter):
    """A filter, and how curves are drawn."""

    per_class: bool = Field(default=False, description="a curve an option, each against the rest, instead of one")
    option: list[str] = Field(default=[], max_length=1000, description="of these options only; the first ones if none")
    limit: int = Field(default=1000, ge=1, le=10_000, description="the most curves of one question")
    max_points: int = Field(default=1001, ge=10, le=100_000, description="a longer curve is thinned to so many")
    zero_division: ZeroDivision = Field(
        default="exclude", description="what an undefined average precision counts as in means"
    )


class CalibrationQuery(Filter):
    """A filter, and how predictions are sorted into bins."""

    bins: int = Field(default=10, ge=1, le=1000)
    strategy: Strategy = Field(default="uniform", description="bins of equal width, or of about equal numbers")
    value: Literal["confidence", "score"] = Field(
        default="confidence", description="`score`: of radio answers with scores, the score of the option answered"
    )


class ThresholdsQuery(Filter):
    """A filter, and what a threshold is chosen for."""

    beta: float = Field(default=1.0, ge=0, le=100, description="of F-beta: above 1, recall weighs more")
    precision: float = Field(default=0.9, ge=0, le=1, description="the least acceptable, for the best recall")
    recall: float = Field(default=0.9, ge=0, le=1, description="the least acceptable, for the best precision")
    per_class: bool = Field(default=True, description="choices for each label too")


class ObjectsQuery(Filter, ObjectsPage):
    """A filter, and which page of its objects."""


class RunProgress(BaseModel):
    """Progress of a run."""

    rows: int = Field(description="data rows that the run has spoken of")
    done: int
    pending: int = Field(description="rows whose result has not seen all events yet")
    failed: int = Field(description="rows that could not be matched")
    without_predictions: int = Field(
        description="data rows that are annotated, and of which the run has said nothing; not among the rows"
    )
    state: Literal["complete", "running", "failed"]


# --- the questions --------------------------------------------------------------------------------------------------


class Now:
    """Whoever asks, and has the answer."""

    def _answer(self, question: Question[..., A], names: tuple[str, ...], said: dict[str, Any]) -> A:
        raise NotImplementedError


class Later:
    """Whoever asks, and awaits the answer."""

    async def _answer(self, question: Question[..., A], names: tuple[str, ...], said: dict[str, Any]) -> A:
        raise NotImplementedError


class Question(Generic[P, A]):
    """A question, and what it is answered with.

    Parameters
    ----------
    path : str
        Where it is asked, below ``/v1/datasets``, with the names that it is about in braces.
    query : model
        What can be said with it, in the query string.
    answer : model
        What it is answered with.
    """

    def __init__(self, path: str, query: Callable[P, BaseModel], answer: type[A]) -> None:
        assert isinstance(query, type)
        assert issubclass(query, BaseModel)
        self.path = path
        self.query: type[BaseModel] = query
        self.answer = answer
        self.name = ""
        self.names = [part[1:-1] for part in path.split("/") if part.startswith("{")]

    def __set_name__(self, _owner: type, name: str) -> None:
        self.name = name

    def put(self, said: Mapping[str, Any]) -> BaseModel:
        """Check what is said with it.

        Raises
        ------
        QuestionError
            If it cannot be put so; the message names the field.
        """
        return checked(self.query, said, self.name)

    def method(self, names: Mapping[str, Any], answer: Callable[[dict[str, Any]], Any]) -> Any:
        """Make a method that asks this, with a signature and a description of its own.

        ``names``, with their types, come first. ``answer`` is given by name what the method was called with.
        """
        signature = self._signature(names)

        def ask(*given: Any, **said: Any) -> Any:
            return answer(signature.bind(*given, **said).arguments)

        ask.__signature__ = signature  # type: ignore[attr-defined]
        ask.__name__ = ask.__qualname__ = self.name
        ask.__doc__ = self._help()
        return ask

    def _asked_by(self, client: Now | Later) -> Any:
        """Make the method of a client that asks this."""
        return self.method(
            dict.fromkeys(self.names, str),
            lambda asked: client._answer(self, tuple(asked.pop(name) for name in self.names), asked),
        )

    def _signature(self, types: Mapping[str, Any]) -> inspect.Signature:
        kind = inspect.Parameter
        names = [kind(name, kind.POSITIONAL_OR_KEYWORD, annotation=own) for name, own in types.items()]
        said = [
            kind(
                name,
                kind.KEYWORD_ONLY,
                default=kind.empty if field.is_required() else field.get_default(call_default_factory=True),
                annotation=field.annotation,
            )
            for name, field in self.query.model_fields.items()
            if name not in types
        ]
        return inspect.Signature([*names, *said], return_annotation=self.answer)

    def _help(self) -> str:
        """Describe the question by what its models say of themselves."""
        said = [f"{name}\n    {field.description or name}" for name, field in self.query.model_fields.items()]
        return "\n".join([self.answer.__doc__ or "", *(["", "Parameters", "----------", *said] if said else [])])


class OfDataset(Question[P, A]):
    """A question about a dataset."""

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Now, owner: type) -> Callable[Concatenate[str, P], A]: ...
    @overload
    def __get__(self, client: Later, owner: type) -> Callable[Concatenate[str, P], Awaitable[A]]: ...
    def __get__(self, client: Now | Later | None, owner: type) -> Any:
        """Ask it by a client's method: ``client.ontology("street")``."""
        return self if client is None else self._asked_by(client)


class OfRun(Question[P, A]):
    """A question about a run of a dataset."""

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Now, owner: type) -> Callable[Concatenate[str, str, P], A]: ...
    @overload
    def __get__(self, client: Later, owner: type) -> Callable[Concatenate[str, str, P], Awaitable[A]]: ...
    def __get__(self, client: Now | Later | None, owner: type) -> Any:
        """Ask it by a client's method: ``client.summary("street", "v7", confidence=0.5)``."""
        return self if client is None else self._asked_by(client)


_DATASET = "/{dataset}"
_RUN = "/{dataset}/runs/{run}"


class Questions:
    """The questions by their names, which clients inherit as methods."""

    ontology = OfDataset(_DATASET + "/ontology", NothingElse, OntologyInForce)
    dataset_classes = OfDataset(_DATASET + "/classes", ClassesOfDatasetPage, ClassesOfDataset)
    history = OfDataset(_DATASET + "/history", HistoryQuery, History)
    progress = OfRun(_RUN + "/progress", NothingElse, RunProgress)
    position = OfRun(_RUN + "/position", NothingElse, Position)
    summary = OfRun(_RUN + "/summary", SummaryQuery, Summary)
    overview = OfRun(_RUN + "/overview", OverviewQuery, Overview)
    confusion_matrix = OfRun(_RUN + "/confusion-matrix", ConfusionMatrixQuery, ConfusionMatrix)
    classes = OfRun(_RUN + "/classes", ClassesQuery, Classes)
    classifications = OfRun(_RUN + "/classifications", ClassificationsQuery, Classifications)
    checklists = OfRun(_RUN + "/checklists", ChecklistsQuery, Checklists)
    roc_curve = OfRun(_RUN + "/roc-curve", RocCurveQuery, RocCurve)
    calibration = OfRun(_RUN + "/calibration", CalibrationQuery, Calibration)
    thresholds = OfRun(_RUN + "/thresholds", ThresholdsQuery, Thresholds)
    pr_curve = OfRun(_RUN + "/pr-curve", PrCurveQuery, PrCurve)
    average_precision = OfRun(_RUN + "/average-precision", AveragePrecisionQuery, AveragePrecision)
    errors = OfRun(_RUN + "/errors", ErrorsQuery, Errors)
    distribution = OfRun(_RUN + "/distribution", DistributionQuery, Distribution)
    entities = OfRun(_RUN + "/entities", Filter, Entities)
    texts = OfRun(_RUN + "/texts", Filter, Texts)
    regression = OfRun(_RUN + "/regression", Filter, Regression)
    measures = OfRun(_RUN + "/measures", Filter, Measures)
    keypoints = OfRun(_RUN + "/keypoints", KeypointsQuery, Keypoints)
    segmentation = OfRun(_RUN + "/segmentation", SegmentationQuery, Segmentation)
    intervals = OfRun(_RUN + "/intervals", IntervalsQuery, Intervals)
    slices = OfRun(_RUN + "/slices", SlicesQuery, Slices)
    comparison = OfRun(_RUN + "/comparison", ComparisonQuery, Comparison)
    comparison_objects = OfRun(_RUN + "/comparison/objects", FlipsQuery, Flips)
    custom_metrics = OfRun(_RUN + "/custom-metrics", CustomMetricsQuery, CustomMetrics)
    rows = OfRun(_RUN + "/rows", RowsQuery, Rows)
    objects = OfRun(_RUN + "/objects", ObjectsQuery, Objects)
    metadata = OfRun(_RUN + "/metadata", MetadataQuery, Metadata)


class Asked(Questions, Now):
    """Whoever can be asked every question, and answers at once: a client, or a service within itself."""
