"""Questions over HTTP: each a function of :mod:`evalstream.queries`, its parameters the query string."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar

from clickhouse_connect.driver.client import Client
from evalstream.events.base import Name
from evalstream.queries.average_precision import ApOptions, AveragePrecision, average_precisions
from evalstream.queries.calibration import Calibration, calibration
from evalstream.queries.catalog import Datasets, catalog, run_exists
from evalstream.queries.checklists import Checklists, checklists
from evalstream.queries.classifications import Classifications, classifications
from evalstream.queries.comparison import (
    Comparison,
    ComparisonPage,
    ComparisonQuery,
    Flips,
    FlipsPage,
    FlipsQuery,
    comparison,
    flips,
)
from evalstream.queries.confusion_matrix import (
    CellsPage,
    Classes,
    ClassesPage,
    ConfusionMatrix,
    classes,
    confusion_matrix,
)
from evalstream.queries.custom_metrics import CustomMetrics, CustomMetricsPage, CustomMetricsQuery, custom_metrics
from evalstream.queries.dataset_classes import (
    ClassesOfDataset,
    ClassesOfDatasetPage,
    OntologyInForce,
    classes_of_dataset,
    ontology_in_force,
)
from evalstream.queries.distribution import Distribution, distribution
from evalstream.queries.entities import Entities, entities
from evalstream.queries.errors import Errors, errors
from evalstream.queries.history import History, HistoryPage, history
from evalstream.queries.intervals import Intervals, IntervalsQuery, intervals
from evalstream.queries.keypoints import Keypoints, keypoints
from evalstream.queries.measures import Measures, measures
from evalstream.queries.metadata import Metadata, MetadataPage, MetadataQuery, metadata
from evalstream.queries.objects import Objects, ObjectsPage, objects
from evalstream.queries.overview import Overview, OverviewOptions, overview
from evalstream.queries.position import Position, position
from evalstream.queries.pr_curve import CurvesPage, PrCurve, pr_curve
from evalstream.queries.regression import Regression, regression
from evalstream.queries.roc_curve import RocCurve, roc_curve
from evalstream.queries.rows import Page, Rows, rows
from evalstream.queries.segmentation import Segmentation, segmentation
from evalstream.queries.slices import Slices, SlicesQuery, slices
from evalstream.queries.summary import Summary, summary
from evalstream.queries.texts import Texts, texts
from evalstream.queries.thresholds import Thresholds, thresholds
from evalstream.questions import (
    AveragePrecisionQuery,
    CalibrationQuery,
    ChecklistsQuery,
    ClassesQuery,
    ClassificationsQuery,
    ConfusionMatrixQuery,
    DistributionQuery,
    ErrorsQuery,
    HistoryQuery,
    KeypointsQuery,
    NothingElse,
    ObjectsQuery,
    OverviewQuery,
    PrCurveQuery,
    Question,
    Questions,
    RocCurveQuery,
    RowsQuery,
    RunProgress,
    SegmentationQuery,
    SummaryQuery,
    ThresholdsQuery,
)
from evalstream.scoring.causes import ErrorOptions
from evalstream.selection import Filter, Selection
from evalstream.storage.deletions import count_deletions
from evalstream.storage.results import progress_and_missing
from evalstream.stored.label_counts import Scoring
from evalstream.stored.labels import PerClassPage
from evalstream.stored.missing_rows import match_missing_rows
from evalstream.stored.replicates import IntervalOptions
from evalstream_service.backend import Backend, backend_of
from evalstream_service.errors import KEYED, declared
from evalstream_service.load import Questions as Lane
from evalstream_service.load import load_of
from evalstream_service.security import allows, require, sees
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, TypeAdapter

from evalstream_api.reflected import PARAMETERS, Reflecting, reflected

router = APIRouter(
    prefix="/v1/datasets",
    tags=["questions"],
    dependencies=[Depends(require("read")), Depends(reflected)],
    responses=declared(*KEYED, 425, 504),
    route_class=Reflecting,
)
Answer = TypeVar("Answer", bound=BaseModel)
#: Of each question, by its name, what computes its answer: for those who ask in this process, without HTTP.
ANSWERS: Final[dict[str, Callable[..., BaseModel]]] = {}
Dataset = Annotated[Name, Path()]
Run = Annotated[Name, Path()]


def _client_for(backend: Backend, dataset: str, *runs: str) -> Client:
    """Give the client, if the runs are there. One that was there once stays until something is deleted."""
    client = backend.clients()
    seen = backend.runs_seen
    deletions = count_deletions(client, dataset)
    for run in runs:
        if seen.get((dataset, run)) == deletions:
            continue
        if not run_exists(client, dataset, run):
            raise HTTPException(404, f"dataset {dataset!r} has no run {run!r}")
        seen[dataset, run] = deletions
    return client


def _selection(backend: Backend, dataset: str, run: str, query: Filter, *others: str) -> tuple[Client, Selection]:
    shared = [] if query.shared_with is None else [query.shared_with]
    client = _client_for(backend, dataset, run, *others, *shared)
    match_missing_rows(client, query, dataset, run, *others, *shared)
    return client, Selection(dataset=dataset, run=run, **query.model_dump(include=set(Filter.model_fields)))


def _scoring(query: Scoring) -> Scoring:
    return Scoring(beta=query.beta, zero_division=query.zero_division)


def _question(
    question: Question[..., Answer], lane: Literal["questions", "progress"] = "questions"
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Serve a question whose answer depends on what is asked, and not on who asks: all who ask at a time share one.

    The function gets the backend in the place of the request. It runs on a thread, where its answer is also
    turned to JSON, once.
    """

    def serve(compute: Callable[..., Answer]) -> Callable[..., Answer]:
        signature = inspect.signature(compute, eval_str=True)
        answer = TypeAdapter(question.answer)
        asked_with = signature.parameters["query"].annotation.__origin__ if "query" in signature.parameters else None
        assert (asked_with or NothingElse, signature.return_annotation) == (question.query, question.answer)

        async def ask(request: Request, **asked: Any) -> Response:
            lane_of: Lane = getattr(load_of(request), lane)
            content = await lane_of.answer(
                (question.path, *(repr(value) for value in asked.values())),
                lambda: answer.dump_json(compute(backend_of(request), **asked), by_alias=True),
            )
            return Response(content, media_type="application/json")

        first, *others = signature.parameters.values()
        request = first.replace(name="request", annotation=Request)
        ask.__signature__ = signature.replace(parameters=[request, *others])  # type: ignore[attr-defined]
        ask.__name__, ask.__doc__ = compute.__name__, compute.__doc__
        names_runs = "run" in question.names or "shared_with" in question.query.model_fields
        missing = declared(404) if names_runs else {}
        router.get(question.path, response_model=question.answer, responses=missing, openapi_extra=PARAMETERS)(ask)
        ANSWERS[question.name] = compute
        return compute

    return serve


@router.get("", openapi_extra=PARAMETERS)
async def get_datasets(request: Request) -> Datasets:
    """List the datasets that the key is for, with their runs, splits and metadata keys."""
    backend = backend_of(request)
    listing = await load_of(request).questions.answer("datasets", lambda: catalog(backend.clients()))
    return Datasets(
        datasets=[dataset for dataset in listing.datasets if sees(request, dataset.dataset)],
        # In a cluster another service deletes.
        may_delete=allows(request, "admin") and backend.intake is not None,
    )


@_question(Questions.ontology)
def get_ontology(backend: Backend, dataset: Dataset) -> OntologyInForce:
    """Give what is declared of a dataset: its classes, and how its shapes are compared."""
    return ontology_in_force(backend.clients(), dataset)


@_question(Questions.dataset_classes)
def get_dataset_classes(
    backend: Backend, dataset: Dataset, query: Annotated[ClassesOfDatasetPage, Query()]
) -> ClassesOfDataset:
    """List the classes that are declared or used, with their colours, their place in the hierarchy, and how many."""
    return classes_of_dataset(backend.clients(), dataset, query)


@_question(Questions.history)
def get_history(backend: Backend, dataset: Dataset, query: Annotated[HistoryQuery, Query()]) -> History:
    """Follow a figure along the steps of a series of runs."""
    shared = [] if query.shared_with is None else [query.shared_with]
    given = query.model_dump(include=set(Filter.model_fields))
    page = HistoryPage(**query.model_dump(include=set(HistoryPage.model_fields)))
    return history(_client_for(backend, dataset, *shared), dataset, given, page)


@_question(Questions.summary)
def get_summary(backend: Backend, dataset: Dataset, run: Run, query: Annotated[SummaryQuery, Query()]) -> Summary:
    """Count and score everything that is selected."""
    return summary(*_selection(backend, dataset, run, query), _scoring(query))


@_question(Questions.overview)
def get_overview(backend: Backend, dataset: Dataset, run: Run, query: Annotated[OverviewQuery, Query()]) -> Overview:
    """Give the summary, the confusion matrix and the classes at once, all of one and the same state of the run."""
    options = OverviewOptions(**query.model_dump(include=set(OverviewOptions.model_fields)))
    return overview(*_selection(backend, dataset, run, query), options, _scoring(query))


@_question(Questions.confusion_matrix)
def get_confusion_matrix(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[ConfusionMatrixQuery, Query()]
) -> ConfusionMatrix:
    """Count what was taken for what: the cells that are not zero, missed objects and false alarms included."""
    selection = _selection(backend, dataset, run, query)
    return confusion_matrix(*selection, CellsPage(**query.model_dump(include=set(CellsPage.model_fields))))


@_question(Questions.classes)
def get_classes(backend: Backend, dataset: Dataset, run: Run, query: Annotated[ClassesQuery, Query()]) -> Classes:
    """Count and score each label."""
    selection = _selection(backend, dataset, run, query)
    page = ClassesPage(**query.model_dump(include=set(ClassesPage.model_fields)))
    return classes(*selection, page, _scoring(query))


@_question(Questions.classifications)
def get_classifications(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[ClassificationsQuery, Query()]
) -> Classifications:
    """Score questions with one answer: accuracy, kappa, MCC, per answer and averaged, confusion, top-k, log loss."""
    selection = _selection(backend, dataset, run, query)
    return classifications(
        *selection, _scoring(query), unanswered=query.unanswered, top_k=query.top_k, cells=query.cells
    )


@_question(Questions.checklists)
def get_checklists(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[ChecklistsQuery, Query()]
) -> Checklists:
    """Score questions with any number of answers: Jaccard, exact match, Hamming loss, and each option."""
    return checklists(*_selection(backend, dataset, run, query), _scoring(query), unanswered=query.unanswered)


@_question(Questions.roc_curve)
def get_roc_curve(backend: Backend, dataset: Dataset, run: Run, query: Annotated[RocCurveQuery, Query()]) -> RocCurve:
    """Compute ROC curves, AUC and scikit-learn's average precision of questions that come with scores."""
    options = query.model_dump(include={"per_class", "option", "limit", "max_points", "zero_division"})
    return roc_curve(*_selection(backend, dataset, run, query), **options)


@_question(Questions.calibration)
def get_calibration(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[CalibrationQuery, Query()]
) -> Calibration:
    """Compare confidence with correctness: reliability bins, calibration errors, Brier scores."""
    selection = _selection(backend, dataset, run, query)
    return calibration(*selection, bins=query.bins, strategy=query.strategy, value=query.value)


@_question(Questions.thresholds)
def get_thresholds(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[ThresholdsQuery, Query()]
) -> Thresholds:
    """Choose confidence thresholds: for the best F-beta, and for recall or precision with the other kept up."""
    options = query.model_dump(include={"beta", "precision", "recall", "per_class"})
    return thresholds(*_selection(backend, dataset, run, query), **options)


@_question(Questions.pr_curve)
def get_pr_curve(backend: Backend, dataset: Dataset, run: Run, query: Annotated[PrCurveQuery, Query()]) -> PrCurve:
    """Compute precision and recall at every confidence from the given one up."""
    selection = _selection(backend, dataset, run, query)
    page = CurvesPage(**query.model_dump(include=set(CurvesPage.model_fields)))
    return pr_curve(*selection, per_class=query.per_class, max_points=query.max_points, page=page)


@_question(Questions.average_precision)
def get_average_precision(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[AveragePrecisionQuery, Query()]
) -> AveragePrecision:
    """Compute AP and AR, per class and averaged; under policy `coco`, the twelve figures of pycocotools."""
    options = ApOptions(**query.model_dump(include=set(ApOptions.model_fields)))
    page = PerClassPage(**query.model_dump(include=set(PerClassPage.model_fields)))
    return average_precisions(*_selection(backend, dataset, run, query), options, page)


@_question(Questions.errors)
def get_errors(backend: Backend, dataset: Dataset, run: Run, query: Annotated[ErrorsQuery, Query()]) -> Errors:
    """Tell errors apart by their cause, and find what AP each of them costs (TIDE's analysis)."""
    options = ErrorOptions(**query.model_dump(include=set(ErrorOptions.model_fields)))
    page = PerClassPage(**query.model_dump(include=set(PerClassPage.model_fields)))
    return errors(*_selection(backend, dataset, run, query), options, page)


@_question(Questions.distribution)
def get_distribution(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[DistributionQuery, Query()]
) -> Distribution:
    """Draw a histogram of overlaps, confidences, a metric of rows, or numeric metadata."""
    selection = _selection(backend, dataset, run, query)
    return distribution(*selection, query.metric, bins=query.bins, low=query.low, high=query.high)


@_question(Questions.entities)
def get_entities(backend: Backend, dataset: Dataset, run: Run, query: Annotated[Filter, Query()]) -> Entities:
    """Score spans of text in the four modes of SemEval 2013 and nervaluate; strict equals seqeval."""
    return entities(*_selection(backend, dataset, run, query))


@_question(Questions.texts)
def get_texts(backend: Backend, dataset: Dataset, run: Run, query: Annotated[Filter, Query()]) -> Texts:
    """Score free text, per question and together: exact and normalised match, BLEU."""
    return texts(*_selection(backend, dataset, run, query))


@_question(Questions.regression)
def get_regression(backend: Backend, dataset: Dataset, run: Run, query: Annotated[Filter, Query()]) -> Regression:
    """Score numbers, per question: MAE, MSE, RMSE, R², Pearson's r and more."""
    return regression(*_selection(backend, dataset, run, query))


@_question(Questions.measures)
def get_measures(backend: Backend, dataset: Dataset, run: Run, query: Annotated[Filter, Query()]) -> Measures:
    """Summarise what is measured of matched pairs beside their overlap, such as the distance of lines and points."""
    return measures(*_selection(backend, dataset, run, query))


@_question(Questions.keypoints)
def get_keypoints(backend: Backend, dataset: Dataset, run: Run, query: Annotated[KeypointsQuery, Query()]) -> Keypoints:
    """Score the keypoints of matched skeletons: PCK by keypoint and class, and the mean OKS."""
    return keypoints(*_selection(backend, dataset, run, query), alphas=query.alpha, scale=query.scale)


@_question(Questions.segmentation)
def get_segmentation(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[SegmentationQuery, Query()]
) -> Segmentation:
    """Score masks as a semantic segmentation: the IoU and Dice of classes, their means, and the confusion of pixels."""
    return segmentation(*_selection(backend, dataset, run, query), over=query.over)


@_question(Questions.intervals)
def get_intervals(backend: Backend, dataset: Dataset, run: Run, query: Annotated[IntervalsQuery, Query()]) -> Intervals:
    """Give every headline figure with its confidence interval, and on demand how it differs from a second run's."""
    others = [] if query.versus is None else [query.versus]
    selection = _selection(backend, dataset, run, query, *others)
    return intervals(*selection, IntervalOptions(**query.model_dump(include=set(IntervalOptions.model_fields))))


@_question(Questions.slices)
def get_slices(backend: Backend, dataset: Dataset, run: Run, query: Annotated[SlicesQuery, Query()]) -> Slices:
    """Give every headline figure with its confidence interval, of each of several slices."""
    others = [] if query.versus is None else [query.versus]
    selection = _selection(backend, dataset, run, query, *others)
    options = IntervalOptions(**query.model_dump(include=set(IntervalOptions.model_fields)))
    return slices(*selection, query.slice, options)


@_question(Questions.comparison)
def get_comparison(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[ComparisonQuery, Query()]
) -> Comparison:
    """Compare two runs over the same objects: what only one gets right, in all, by class and by slice."""
    selection = _selection(backend, dataset, run, query, query.versus)
    page = ComparisonPage(**query.model_dump(include=set(ComparisonPage.model_fields)))
    return comparison(*selection, query.versus, page)


@_question(Questions.comparison_objects)
def get_flips(backend: Backend, dataset: Dataset, run: Run, query: Annotated[FlipsQuery, Query()]) -> Flips:
    """List the annotations that only one of two runs gets right, with what each run makes of them."""
    selection = _selection(backend, dataset, run, query, query.versus)
    return flips(*selection, query.versus, FlipsPage(**query.model_dump(include=set(FlipsPage.model_fields))))


@_question(Questions.custom_metrics)
def get_custom_metrics(
    backend: Backend, dataset: Dataset, run: Run, query: Annotated[CustomMetricsQuery, Query()]
) -> CustomMetrics:
    """Aggregate the metrics that producers sent, over the selected rows and by feature."""
    selection = _selection(backend, dataset, run, query)
    return custom_metrics(
        *selection, CustomMetricsPage(**query.model_dump(include=set(CustomMetricsPage.model_fields)))
    )


@_question(Questions.rows)
def get_rows(backend: Backend, dataset: Dataset, run: Run, query: Annotated[RowsQuery, Query()]) -> Rows:
    """List data rows with their objects and what became of each; also the rows behind one confusion cell."""
    selection = _selection(backend, dataset, run, query)
    return rows(*selection, Page(**query.model_dump(include=set(Page.model_fields))))


@_question(Questions.objects)
def get_objects(backend: Backend, dataset: Dataset, run: Run, query: Annotated[ObjectsQuery, Query()]) -> Objects:
    """List single objects and what became of each: exactly those that a cell of the confusion matrix counts."""
    selection = _selection(backend, dataset, run, query)
    return objects(*selection, ObjectsPage(**query.model_dump(include=set(ObjectsPage.model_fields))))


@_question(Questions.metadata)
def get_metadata(backend: Backend, dataset: Dataset, run: Run, query: Annotated[MetadataQuery, Query()]) -> Metadata:
    """List the values of one key of the data rows' metadata, the most frequent first, and the range of numbers."""
    selection = _selection(backend, dataset, run, query)
    return metadata(*selection, MetadataPage(**query.model_dump(include=set(MetadataPage.model_fields))))


@_question(Questions.progress, "progress")
def get_progress(backend: Backend, dataset: Dataset, run: Run) -> RunProgress:
    """Count, exactly, what is done of a run, what is pending, and what has failed."""
    client = _client_for(backend, dataset, run)
    state, missing = progress_and_missing(client, dataset, run, backend.policies)
    done = state.rows - state.pending - state.failed
    how: Literal["complete", "running", "failed"] = (
        "running" if state.pending else "failed" if state.failed else "complete"
    )
    counts = {"rows": state.rows, "done": done, "pending": state.pending, "failed": state.failed}
    return RunProgress(**counts, without_predictions=missing, state=how)


@_question(Questions.position, "progress")
def get_position(backend: Backend, dataset: Dataset, run: Run) -> Position:
    """Say which state of its data a run is in: as long as the answer is the same, so is what there is to count."""
    return position(_client_for(backend, dataset, run), dataset, run)
