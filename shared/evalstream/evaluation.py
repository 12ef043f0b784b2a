"""A run evaluated in memory: every figure at every threshold, with no service.

Sums over what is matched are made at once; every other question opens an engine in a temporary folder
(:mod:`evalstream.engine_questions`).

>>> import evalstream
>>> truth = {
...     "images": [{"id": 1}],
...     "categories": [{"id": 1, "name": "car"}],
...     "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0}],
... }
>>> predictions = [
...     {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 9], "score": 0.9},
...     {"image_id": 1, "category_id": 1, "bbox": [50, 50, 10, 10], "score": 0.4},
... ]
>>> evaluation = evalstream.evaluate(truth, predictions)
>>> round(evaluation.average_precision().ap50, 6)
1.0
>>> evaluation.summary(confidence=0.3).precision
0.5
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypedDict, Unpack

import numpy as np
import pyarrow as pa

from evalstream.class_labels import class_label
from evalstream.importers.problems import Problem
from evalstream.metrics.average_precision import Interpolation
from evalstream.metrics.scores import ZeroDivision
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.pipeline.fold import FoldedScene, side_by_side
from evalstream.pipeline.matchable import Failed, Matchable, matchable, work_through
from evalstream.policies import PolicyName
from evalstream.queries.average_precision import HEADLINE, ApOptions, AveragePrecision, average_precision_of
from evalstream.queries.confusion_matrix import (
    CellsPage,
    Classes,
    ClassesPage,
    ClassFigure,
    ConfusionMatrix,
    classes_of,
    matrix_of,
)
from evalstream.queries.summary import Summary, summary_of
from evalstream.scenes import Float
from evalstream.scoring.columns import Columns, columns
from evalstream.scoring.counting import count
from evalstream.scoring.detections import detections
from evalstream.scoring.matrices import THRESHOLDS, ConfusionMatrices, confusion_matrices
from evalstream.scoring.notes import notes
from evalstream.scoring.tally import Tally, tally_of
from evalstream.selection import AreaRange, M, MissingRows, QuestionError, Selection, checked
from evalstream.stored.label_counts import Scoring
from evalstream.stored.labels import ALL_CLASSES, PerClassPage
from evalstream.types import LOCALISED, AnnotationType
from evalstream.words import count_of

if TYPE_CHECKING:
    from evalstream.engine_questions import Engine, EngineQuestions
    from evalstream.plots import Plots
else:

    class EngineQuestions:
        """The questions that need the engine: what they are made of is imported when the first of them is asked."""

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("_"):
                from evalstream.engine_questions import EngineQuestions

                if name in vars(EngineQuestions):
                    return vars(EngineQuestions)[name].__get__(self, type(self))
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def __dir__(self) -> list[str]:
            from evalstream.engine_questions import EngineQuestions

            return sorted({*super().__dir__(), *(name for name in vars(EngineQuestions) if not name.startswith("_"))})


#: Objects matched at a time: of a usual evaluation all, so that columns are not laid together anew; of a large one so
#: many that what is needed on the way takes little memory beside the whole.
_BATCH: Final = 500_000
_NAME: Final = "evaluated"
_NUMBERS: Final = itertools.count(1)


class Subset(TypedDict, total=False):
    """Over what a figure is, whatever the thresholds: :class:`evalstream.selection.Filter`."""

    policy: PolicyName
    split: list[Literal["train", "validation", "test"]]
    feature: list[str]
    type: list[AnnotationType]
    metadata: list[str]
    roll_up: int | None
    area: AreaRange
    at_threshold: Literal["match", "no-match"] | None
    both_sides: bool
    shared_with: str | Evaluation | None
    missing_rows: MissingRows  # here there are none: a data row that is on either side is on both
    data_row: list[str]


class Filters(Subset, total=False):
    """Over what a figure is, as in the query string of every question: :class:`evalstream.selection.Filter`."""

    confidence: float
    iou: float


class _Labels(TypedDict, total=False):
    search: str
    label: list[str]
    offset: int
    limit: int


class _Scoring(TypedDict, total=False):
    beta: float
    zero_division: ZeroDivision


class SummaryAsked(Filters, _Scoring, total=False):
    """A filter, and how counts are scored: :class:`evalstream.questions.SummaryQuery`."""


class AveragePrecisionAsked(Filters, _Labels, total=False):
    """A filter, and which definition: :class:`evalstream.questions.AveragePrecisionQuery`."""

    interpolation: Interpolation
    empty_classes: Literal["exclude", "zero"]
    group_of: Literal["ignore", "count"]
    thresholds: Literal["float64", "float32"]


class ConfusionMatrixAsked(Filters, _Labels, total=False):
    """A filter, and which cells: :class:`evalstream.questions.ConfusionMatrixQuery`."""

    cells: Literal["all", "errors", "confused"]
    sort: Literal["count", "confused", "actual", "predicted"]


class ClassesAsked(Filters, _Labels, _Scoring, total=False):
    """A filter, which labels, and how they are scored: :class:`evalstream.questions.ClassesQuery`."""

    sort: ClassFigure
    descending: bool


class Evaluation(EngineQuestions):
    """The predictions of one run, matched with the annotations of their data rows.

    Matching is done once a policy and holds at every threshold, so that each further figure costs milliseconds. Every
    question of a run that a service answers is a method of the same name: summary, average precision, confusion matrix,
    classes and progress are answered from memory. The first other one opens an engine in a temporary folder, for a
    second or so; it is closed and removed with the evaluation, or by :meth:`close`.

    Parameters
    ----------
    annotated, predicted : tables of schema :data:`evalstream.events.EVENTS`
        One ``replace`` a data row on each side, the same data rows in the same order, which is that of
        :func:`evalstream.scenes.row_order`.
    policy : str
        Who matches whom, unless a figure is asked for under another policy.
    categories : sequence of str
        The classes of objects, those too of which nothing is there, in the order in which means are summed.
    notes : sequence of str
        What is to be known of any figure: how records were read.
    problems : sequence of Problem
        The records that could not be read and are left out.
    ontology : Ontology
        What is declared: tolerances, sigmas of skeletons.

    Attributes
    ----------
    problems : list of Problem
        The records that are left out of every figure.
    run : str
        A name that no other evaluation of this process has.
    """

    def __init__(
        self,
        annotated: pa.Table,
        predicted: pa.Table,
        *,
        policy: PolicyName = "coco",
        categories: list[str] | None = None,
        notes: list[str] | None = None,
        problems: list[Problem] | None = None,
        ontology: Ontology = NOTHING_DECLARED,
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        self.policy: PolicyName = policy
        self.categories = [class_label(name) for name in categories or ()]
        self.problems = list(problems or [])
        self.notes = list(notes or [])
        if self.problems:
            verb = "is" if len(self.problems) == 1 else "are"
            self.notes.append(f"{count_of(len(self.problems), 'record')} could not be read and {verb} left out.")
        self.ontology = ontology
        self.run = f"{_NAME} {next(_NUMBERS)}"
        self.matched: list[Matchable] = []
        self.failed: list[Failed] = []
        scenes = side_by_side(annotated, predicted)
        if not scenes:
            self.notes.append("There is no data row, and so no ratio is defined.")
        done = 0
        for batch in _batches(scenes):
            for one in work_through(batch, lambda some: matchable(annotated, predicted, some, ontology)):
                if isinstance(one, Failed):
                    self.failed.append(one)
                else:
                    self.matched.append(one)
            done += len(batch)
            on_progress(done, len(scenes))
        self._columns = _by_policy(self.matched, self.failed)
        self._last: tuple[Selection, Tally, list[str]] | None = None
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        _KNOWN[self.run] = self

    def average_precision(self, **asked: Unpack[AveragePrecisionAsked]) -> AveragePrecision:
        """Compute AP and AR, per class and averaged; under policy ``coco``, the twelve figures of pycocotools.

        Parameters
        ----------
        **asked
            As in :class:`evalstream.questions.AveragePrecisionQuery`; figures of all classes are given unless ``limit``
            says how many. ``confidence`` leaves out what lies below it.
        """
        if self._needs_engine(asked) or asked.get("group_of") == "count":
            return self._by_sql(AveragePrecision, "average_precision", {"limit": ALL_CLASSES.limit, **asked})
        selection, of = self._selected(asked, AveragePrecisionAsked, "average_precision")
        options = _part(ApOptions, asked, "average_precision")
        page = _part(PerClassPage, {"limit": ALL_CLASSES.limit, **asked}, "average_precision")
        localised = selection.model_copy(update={"type": selection.type or list(LOCALISED)})
        detected = detections(of, selection)
        said = [*self.notes, *notes(of, count(of, localised), localised)]
        return average_precision_of(detected, said, selection, options, page, self.categories, self.ontology)

    def summary(self, **asked: Unpack[SummaryAsked]) -> Summary:
        """Count and score everything that is selected.

        Parameters
        ----------
        **asked
            As in :class:`evalstream.questions.SummaryQuery`.
        """
        if self._needs_engine(asked):
            return self._by_sql(Summary, "summary", asked)
        selection, of = self._selected(asked, SummaryAsked, "summary")
        return summary_of(*self._tallied(of, selection), scoring=_part(Scoring, asked, "summary"))

    def confusion_matrix(self, **asked: Unpack[ConfusionMatrixAsked]) -> ConfusionMatrix:
        """Count what was taken for what, missed objects and false alarms included.

        Parameters
        ----------
        **asked
            As in :class:`evalstream.questions.ConfusionMatrixQuery`.
        """
        if self._needs_engine(asked):
            return self._by_sql(ConfusionMatrix, "confusion_matrix", asked)
        selection, of = self._selected(asked, ConfusionMatrixAsked, "confusion_matrix")
        return matrix_of(self._tallied(of, selection)[0], _part(CellsPage, asked, "confusion_matrix"))

    def confusion_matrices(
        self,
        confidence: Sequence[float] | Float = THRESHOLDS,
        iou: Sequence[float] | Float = THRESHOLDS,
        **asked: Unpack[Subset],
    ) -> ConfusionMatrices:
        """Count what was taken for what at every confidence and every IoU threshold, in the time of a few of them.

        Parameters
        ----------
        confidence, iou : (m,), (n,) float
            The thresholds, from 0 to 1, in ascending order: 101 each unless they are given.
        **asked
            As in :class:`evalstream.questions.ConfusionMatrixQuery`, but ``roll_up`` and ``shared_with``.

        Returns
        -------
        ConfusionMatrices
            Counts of each pair of labels that is there at any of the thresholds, ``(pairs, m, n)``; ``at(i, j)`` is
            the matrix at one pair of thresholds.

        Raises
        ------
        QuestionError
            If thresholds are none, or counts would take more than 4 GB.

        Examples
        --------
        >>> import evalstream
        >>> box = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10]}
        >>> truth = {
        ...     "images": [{"id": 1}],
        ...     "categories": [{"id": 1, "name": "car"}],
        ...     "annotations": [box | {"id": 1, "area": 100, "iscrowd": 0}],
        ... }
        >>> evaluation = evalstream.evaluate(truth, [box | {"score": 0.8}])
        >>> matrices = evaluation.confusion_matrices(confidence=[0.5, 0.9])
        >>> matrices.at(0, 50).tolist(), matrices.at(1, 50).tolist()  # the last row and column: nothing
        ([[1, 0], [0, 0]], [[0, 1], [0, 0]])
        """
        if self._needs_engine(asked):
            raise QuestionError("confusion_matrices: classes that are rolled up, and rows of two runs, are not counted")
        thresholds = {"confidence": confidence, "iou": iou}
        own = {name: _ascending(given, f"confusion_matrices: {name}") for name, given in thresholds.items()}
        selection, of = self._selected(asked, Subset, "confusion_matrices")
        return confusion_matrices(of, selection, own["confidence"], own["iou"])

    def classes(self, **asked: Unpack[ClassesAsked]) -> Classes:
        """Count and score each label.

        Parameters
        ----------
        **asked
            As in :class:`evalstream.questions.ClassesQuery`.
        """
        if self._needs_engine(asked):
            return self._by_sql(Classes, "classes", asked)
        selection, of = self._selected(asked, ClassesAsked, "classes")
        page, scoring = _part(ClassesPage, asked, "classes"), _part(Scoring, asked, "classes")
        return classes_of(self._tallied(of, selection)[0], page, scoring)

    def figures(self, prefix: str = "", **filters: Unpack[Filters]) -> dict[str, float]:
        """Give the headline figures as one flat dictionary, for any experiment tracker; undefined ones are left out.

        ``figures("val/bbox")`` has the keys ``val/bbox/ap``, ``val/bbox/ap50`` … ``val/bbox/f1``.
        """
        figures = self.average_precision(**filters).model_dump(include=HEADLINE)
        figures |= self.summary(**filters).model_dump(include={"tp", "fp", "fn", "precision", "recall", "f1"})
        start = f"{prefix}/" if prefix else ""
        return {f"{start}{name}": float(value) for name, value in figures.items() if value is not None}

    def provenance(self, prefix: str = "", **filters: Unpack[Filters]) -> dict[str, str]:
        """Name the reference that each of the :meth:`figures` equals, under the same keys.

        Tests hold figures to these; ``docs/agreement.md`` says on which data, and how closely.

        Examples
        --------
        >>> import evalstream
        >>> car = {"boxes": [[0, 0, 10, 10]], "labels": ["car"]}
        >>> evaluation = evalstream.evaluate({1: car}, {1: car | {"scores": [0.8]}})
        >>> evaluation.provenance()["ap75"], evaluation.provenance()["precision"]
        ('pycocotools 2.0 COCOeval.stats[2]', 'the definition, written out')
        """
        from evalstream.provenance import references

        names, start = self.figures(**filters), f"{prefix}/" if prefix else ""
        found = references(names, filters.get("policy", self.policy), self.summary(**filters).types)
        return {f"{start}{name}": reference for name, reference in found.items()}

    def known(self, other: Any, what: str = "versus") -> Evaluation:
        """Find another evaluation: itself, or by its ``run``.

        Raises
        ------
        QuestionError
            If there is none.
        """
        evaluation = other if isinstance(other, Evaluation) else _KNOWN.get(other) if isinstance(other, str) else None
        if evaluation is None:
            raise QuestionError(f"{what}: must be another Evaluation of this process, or its `run` (got {other!r})")
        return evaluation

    def engine(self) -> Engine:
        """Open an engine, unless there is one.

        Raises
        ------
        EngineUnavailableError
            If this process has an engine open on a folder: it can have one at a time.
        """
        from evalstream.engine_questions import Engine

        with self._opening:
            if self._engine is None:
                self._engine = Engine(self.ontology)
            return self._engine

    def close(self) -> None:
        """Close the engine, if one was needed, and remove its folder; the next question opens another."""
        with self._opening:
            if self._engine is not None:
                self._engine.close()
            self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def data_rows(self) -> list[str]:
        """The data rows that figures are over, in their order."""
        return [scene.data_row for one in self.matched for scene in one.folded]

    @property
    def plot(self) -> Plots:
        """Pictures of its answers, with matplotlib: ``evaluation.plot.pr_curve()``."""
        from evalstream.plots import Plots

        return Plots(self)

    def _repr_html_(self) -> str:
        """Show the headline, the worst classes and the notes in a notebook."""
        from evalstream.notebook import page

        return page(self)

    def _tallied(self, of: Columns, selection: Selection) -> tuple[Tally, list[str]]:
        """Count what is selected, and say what is to be known of it: once, of questions that come one after another."""
        last = self._last  # which another thread may replace
        if last is None or last[0] != selection:
            counting = count(of, selection)
            said = [*self.notes, *notes(of, counting, selection)]
            last = self._last = selection, tally_of(of, counting), said
        return last[1:]

    def _needs_engine(self, asked: Mapping[str, Any]) -> bool:
        """Whether it is about what is not in memory: another run, or the hierarchy of classes."""
        if asked.get("roll_up") is not None or asked.get("shared_with") is not None:
            return True
        return bool(asked.get("feature")) and any(one.parent for one in self.ontology.classes)

    def _by_sql(self, _answer: type[M], question: str, asked: Mapping[str, Any]) -> M:
        from evalstream.engine_questions import answered
        from evalstream.questions import Questions

        answer: M = answered(self, getattr(Questions, question), asked)
        return answer

    def _selected(self, asked: Mapping[str, Any], known: Any, what: str) -> tuple[Selection, Columns]:
        unknown = asked.keys() - known.__annotations__.keys()
        if unknown:
            raise QuestionError(f"{what}: {', '.join(sorted(unknown))}: no filter, and no option of this question")
        given = {"policy": self.policy, **asked}
        filters = {name: given[name] for name in given.keys() & Selection.model_fields.keys()}
        selection = checked(Selection, {"dataset": _NAME, "run": _NAME, **filters}, what)
        return selection, self._columns(selection.policy)


#: The evaluations of this process, by their runs, for as long as somebody has them.
_KNOWN: Final[weakref.WeakValueDictionary[str, Evaluation]] = weakref.WeakValueDictionary()


def _by_policy(matched: list[Matchable], failed: list[Failed]) -> Callable[[str], Columns]:
    """Make columns under each policy once. It must not refer to the evaluation, which would then be held by itself."""
    return lru_cache(maxsize=None)(lambda policy: columns(matched, failed, policy))


def _ascending(given: Sequence[float] | Float, what: str) -> Float:
    values = np.asarray(given, np.float64)
    if values.ndim != 1 or not len(values) or not np.all((values >= 0) & (values <= 1)) or np.any(np.diff(values) <= 0):
        raise QuestionError(f"{what}: must be numbers from 0 to 1, each above the one before")
    return values


def _part(model: type[M], asked: Mapping[str, Any], what: str) -> M:
    return checked(model, {name: asked[name] for name in asked.keys() & model.model_fields.keys()}, what)


def _batches(scenes: list[FoldedScene]) -> Iterator[list[FoldedScene]]:
    """Cut scenes into parts of so many objects."""
    sizes = np.array([len(scene.annotations) + len(scene.predictions) for scene in scenes], np.int64)
    part = np.cumsum(sizes) // _BATCH
    for begin, end in zip(*_edges(part), strict=True):
        yield scenes[begin:end]


def _edges(part: np.ndarray[Any, Any]) -> tuple[list[int], list[int]]:
    starts = np.flatnonzero(np.diff(part, prepend=-1)).tolist()
    return starts, [*starts[1:], len(part)] if starts else []
