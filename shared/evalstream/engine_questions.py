"""The questions that an evaluation answers by SQL, as a service does, from an engine of its own.

:class:`evalstream.Evaluation` has them as methods, of the names of :class:`evalstream.questions.Questions`.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar, overload

import pyarrow as pa
from pydantic import BaseModel

from evalstream.matching import POLICIES
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.pipeline.match import results, results_of_failed
from evalstream.pipeline.matchable import Failed, Matchable
from evalstream.queries.comparison import ComparisonPage, FlipsPage
from evalstream.queries.intervals import Intervals, IntervalsQuery
from evalstream.queries.slices import Slices, SlicesQuery
from evalstream.questions import OfRun, Question, Questions, RunProgress
from evalstream.selection import Filter
from evalstream.storage.ontologies import declare
from evalstream.storage.results import write_results
from evalstream.storage.scratch import scratch_database

if TYPE_CHECKING:
    from evalstream.evaluation import Evaluation

P = ParamSpec("P")
Q = ParamSpec("Q")
A = TypeVar("A", bound=BaseModel)

_DATASET: Final = "evaluated"


class Engine:
    """An engine that holds the results of one run, and of those that it is compared with.

    It is closed, and what it holds removed, with :meth:`close` or when nobody has it any longer.

    Raises
    ------
    EngineUnavailableError
        If this process has an engine open on a folder: it can have one at a time.
    """

    def __init__(self, ontology: Ontology) -> None:
        with ExitStack() as stack:
            clients = stack.enter_context(scratch_database())
            if ontology != NOTHING_DECLARED:
                declare(clients(), _DATASET, ontology, 1)
            self.close = weakref.finalize(self, stack.pop_all().close)
        # By name, for the library knows nothing of services otherwise.
        self._answers = import_module("evalstream_api.questions").ANSWERS
        self._backend = import_module("evalstream_service.backend").Backend(clients=clients, policies=list(POLICIES))
        self._adding = threading.Lock()

    def add(self, run: str, matched: Sequence[Matchable], failed: Sequence[Failed]) -> None:
        """Write the results of a run, unless they are there."""
        with self._adding:
            if (_DATASET, run) in self._backend.runs_seen:
                return
            for part in _results(matched, failed):
                place = part.schema.get_field_index("run")
                name = pa.array([run] * part.num_rows, pa.string())
                write_results(self._backend.clients(), part.set_column(place, part.schema.field(place), name))
            self._backend.runs_seen[_DATASET, run] = 0  # deletions

    def answer(self, question: Question[..., A], run: str, query: BaseModel) -> A:
        """Answer a question as the service does."""
        answer: A = self._answers[question.name](self._backend, dataset=_DATASET, run=run, query=query)
        return answer


def _results(matched: Sequence[Matchable], failed: Sequence[Failed]) -> Iterator[pa.Table]:
    policies = list(POLICIES)
    yield from (results_of_failed(_DATASET, one, policies) for one in failed)
    yield from (results(_DATASET, one, policies) for one in matched)


def answered(evaluation: Evaluation, question: Question[..., A], said: Mapping[str, Any]) -> A:
    """Answer a question by SQL; other runs are evaluations, or named by their ``run``.

    Raises
    ------
    QuestionError
        If it cannot be put so, or another run is none.
    EngineUnavailableError
        If this process has an engine open on a folder.
    """
    asked = {"policy": evaluation.policy, **said}
    runs = [evaluation]
    for name in ("versus", "shared_with"):
        if asked.get(name) is not None:
            runs.append(evaluation.known(asked[name], name))
            asked[name] = runs[-1].run
    query = question.put(asked)
    engine = evaluation.engine()
    for one in runs:
        engine.add(one.run, one.matched, one.failed)
    return _with_notes(engine.answer(question, evaluation.run, query), evaluation.notes)


def _with_notes(answer: A, said: Sequence[str]) -> A:
    """Say in an answer what is to be known of any."""
    if not said:
        return answer
    parts: dict[str, Any] = {}
    for name in type(answer).model_fields:
        own = getattr(answer, name)
        if name == "notes":
            parts[name] = [*said, *own]
        elif isinstance(own, BaseModel) and "notes" in type(own).model_fields:
            parts[name] = _with_notes(own, said)
    return answer.model_copy(update=parts)


class _Asks(Generic[P, A]):
    """A question as a method of an evaluation: ``evaluation.pr_curve(iou=0.75)``."""

    def __init__(self, question: OfRun[P, A]) -> None:
        self.question = question

    @overload
    def __get__(self, evaluation: None, owner: type) -> Self: ...
    @overload
    def __get__(self, evaluation: EngineQuestions, owner: type) -> Callable[P, A]: ...
    def __get__(self, evaluation: Any, owner: type) -> Any:
        if evaluation is None:
            return self
        return self.question.method({}, lambda said: answered(evaluation, self.question, said))


class _Compares(Generic[P, A]):
    """A question about two evaluations: ``evaluation.comparison(other, iou=0.75)``."""

    def __init__(self, question: OfRun[Q, A], options: Callable[P, BaseModel]) -> None:
        self.question = question
        self.options = options

    @overload
    def __get__(self, evaluation: None, owner: type) -> Self: ...
    @overload
    def __get__(self, evaluation: EngineQuestions, owner: type) -> Callable[Concatenate[Evaluation, P], A]: ...
    def __get__(self, evaluation: Any, owner: type) -> Any:
        if evaluation is None:
            return self
        return self.question.method({"versus": object}, lambda said: answered(evaluation, self.question, said))


class _ComparisonOptions(Filter, ComparisonPage):
    """All of a comparison but the other run."""


class _FlipsOptions(Filter, FlipsPage):
    """All of a list of flips but the other run."""


if TYPE_CHECKING:

    class _IntervalsQuery(IntervalsQuery):
        versus: Evaluation | None = None  # type: ignore[assignment]

    class _SlicesQuery(SlicesQuery):
        versus: Evaluation | None = None  # type: ignore[assignment]

    _INTERVALS = OfRun("", _IntervalsQuery, Intervals)
    _SLICES = OfRun("", _SlicesQuery, Slices)
else:
    _INTERVALS, _SLICES = Questions.intervals, Questions.slices


class EngineQuestions:
    """The questions that are answered by SQL."""

    overview = _Asks(Questions.overview)
    classifications = _Asks(Questions.classifications)
    checklists = _Asks(Questions.checklists)
    roc_curve = _Asks(Questions.roc_curve)
    calibration = _Asks(Questions.calibration)
    thresholds = _Asks(Questions.thresholds)
    pr_curve = _Asks(Questions.pr_curve)
    errors = _Asks(Questions.errors)
    distribution = _Asks(Questions.distribution)
    entities = _Asks(Questions.entities)
    texts = _Asks(Questions.texts)
    regression = _Asks(Questions.regression)
    measures = _Asks(Questions.measures)
    keypoints = _Asks(Questions.keypoints)
    segmentation = _Asks(Questions.segmentation)
    intervals = _Asks(_INTERVALS)
    slices = _Asks(_SLICES)
    custom_metrics = _Asks(Questions.custom_metrics)
    rows = _Asks(Questions.rows)
    objects = _Asks(Questions.objects)
    metadata = _Asks(Questions.metadata)
    comparison = _Compares(Questions.comparison, _ComparisonOptions)
    comparison_objects = _Compares(Questions.comparison_objects, _FlipsOptions)

    def progress(self: Any) -> RunProgress:
        """Count the data rows that are matched, and those that could not be."""
        done, failed = len(self.data_rows), len(self.failed)
        return RunProgress(
            rows=done + failed,
            done=done,
            pending=0,
            failed=failed,
            without_predictions=0,
            state="failed" if failed else "complete",
        )
