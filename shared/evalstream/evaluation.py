"""A run evaluated in memory: every figure at every threshold, with no service and no engine.

>>> import evalstream
>>> truth = {
...     "images": [{"id": 1}],
...     "categories": [{"id": 1, "name": "car"}],
...     "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0}],
... }
>>> found = [
...     {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 9], "score": 0.9},
...     {"image_id": 1, "category_id": 1, "bbox": [50, 50, 10, 10], "score": 0.4},
... ]
>>> evaluation = evalstream.evaluate(truth, found)
>>> round(evaluation.average_precision().ap50, 6)
1.0
>>> evaluation.summary(confidence=0.3).precision
0.5
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Any, Final, TypedDict, Unpack

import numpy as np
import pyarrow as pa

from evalstream.class_labels import class_label
from evalstream.importers.problems import Problem
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.pipeline.fold import FoldedScene, side_by_side
from evalstream.pipeline.match import Failed, Matchable, matchable, work_through
from evalstream.policies import PolicyName
from evalstream.queries.average_precision import ApFigures, ApOptions, AveragePrecision, average_precision_of
from evalstream.queries.confusion_matrix import (
    CellsPage,
    Classes,
    ClassesPage,
    ConfusionMatrix,
    classes_of,
    matrix_of,
)
from evalstream.queries.label_counts import Scoring
from evalstream.queries.labels import PerClassPage
from evalstream.queries.summary import Summary, summary_of
from evalstream.scoring.columns import Columns, columns
from evalstream.scoring.detections import detections
from evalstream.scoring.notes import notes
from evalstream.scoring.tally import Tally, tally
from evalstream.selection import Filter, QuestionError, Selection
from evalstream.types import LOCALISED

#: Objects matched at a time: enough to keep the kernels busy, few enough for the processor's cache.
_BATCH: Final = 200_000
_NAME: Final = "evaluated"


class Filters(TypedDict, total=False):
    """Over what a figure is, as in the query string of every question: :class:`evalstream.selection.Filter`."""

    policy: PolicyName
    confidence: float
    iou: float
    split: list[str]
    feature: list[str]
    type: list[str]
    metadata: list[str]
    area: str
    at_threshold: str | None
    both_sides: bool
    data_row: list[str]


class Evaluation:
    """The predictions of one run, matched with the annotations of their data rows.

    Matching is done once a policy and holds at every threshold, so that each further figure costs milliseconds.

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
        self._said = list(notes or [])
        if self.problems:
            verb = "is" if len(self.problems) == 1 else "are"
            self._said.append(f"{_count(len(self.problems), 'record')} could not be read and {verb} left out.")
        self._matchable: list[Matchable] = []
        self._failed: list[Failed] = []
        scenes = side_by_side(annotated, predicted)
        done = 0
        for batch in _batches(scenes):
            for one in work_through(batch, lambda some: matchable(annotated, predicted, some, ontology)):
                if isinstance(one, Failed):
                    self._failed.append(one)
                else:
                    self._matchable.append(one)
            done += len(batch)
            on_progress(done, len(scenes))
        self._columns = lru_cache(maxsize=None)(lambda policy: columns(self._matchable, self._failed, policy))

    def average_precision(
        self, *, interpolation: str = "101-point", empty_classes: str = "exclude", **filters: Unpack[Filters]
    ) -> AveragePrecision:
        """Compute AP and AR, per class and averaged; under policy ``coco``, the twelve figures of pycocotools.

        Parameters
        ----------
        interpolation, empty_classes
            As in :class:`evalstream.queries.average_precision.ApOptions`.
        **filters
            As in :class:`evalstream.selection.Filter`. ``confidence`` leaves out what lies below it.
        """
        selection = self._selection(filters)
        options = ApOptions.model_validate({"interpolation": interpolation, "empty_classes": empty_classes})
        of = self._columns(selection.policy)
        localised = selection.model_copy(update={"type": selection.type or list(LOCALISED)})
        found = detections(of, selection)
        page = PerClassPage(limit=max(1, len(of.labels)))
        return average_precision_of(found, self._notes(of, localised), selection, options, page, self.categories)

    def summary(self, *, scoring: Scoring | None = None, **filters: Unpack[Filters]) -> Summary:
        """Count and score everything that is selected.

        Parameters
        ----------
        scoring
            How counts are scored: :class:`evalstream.queries.label_counts.Scoring`.
        **filters
            As in :class:`evalstream.selection.Filter`.
        """
        selection = self._selection(filters)
        of = self._columns(selection.policy)
        return summary_of(tally(of, selection), self._notes(of, selection), scoring=scoring or Scoring())

    def confusion_matrix(self, *, page: CellsPage | None = None, **filters: Unpack[Filters]) -> ConfusionMatrix:
        """Count what was taken for what, missed objects and false alarms included.

        Parameters
        ----------
        page
            Which cells, in which order: :class:`evalstream.queries.confusion_matrix.CellsPage`.
        **filters
            As in :class:`evalstream.selection.Filter`.
        """
        return matrix_of(self._tally(filters), page or CellsPage())

    def classes(
        self, *, page: ClassesPage | None = None, scoring: Scoring | None = None, **filters: Unpack[Filters]
    ) -> Classes:
        """Count and score each label.

        Parameters
        ----------
        page, scoring
            Which labels, in which order, and how they are scored.
        **filters
            As in :class:`evalstream.selection.Filter`.
        """
        return classes_of(self._tally(filters), page or ClassesPage(), scoring or Scoring())

    def figures(self, prefix: str = "", **filters: Unpack[Filters]) -> dict[str, float]:
        """Give the headline figures as one flat dictionary, for any experiment tracker; undefined ones are left out.

        ``figures("val/bbox")`` has the keys ``val/bbox/ap``, ``val/bbox/ap50`` … ``val/bbox/f1``.
        """
        found = self.average_precision(**filters).model_dump(include=set(ApFigures.model_fields))
        found |= self.summary(**filters).model_dump(include={"tp", "fp", "fn", "precision", "recall", "f1"})
        start = f"{prefix}/" if prefix else ""
        return {f"{start}{name}": float(value) for name, value in found.items() if value is not None}

    @cached_property
    def data_rows(self) -> list[str]:
        """The data rows that figures are over, in their order."""
        return [scene.data_row for one in self._matchable for scene in one.folded]

    def _tally(self, filters: Filters) -> Tally:
        selection = self._selection(filters)
        return tally(self._columns(selection.policy), selection)

    def _notes(self, of: Columns, selection: Selection) -> list[str]:
        return [*self._said, *notes(of, selection)]

    def _selection(self, filters: Filters) -> Selection:
        given: dict[str, Any] = {"policy": self.policy, **filters}
        unknown = given.keys() - Filters.__annotations__.keys()
        if unknown:
            raise QuestionError(f"{', '.join(sorted(unknown))}: no filter of one run without a declared ontology")
        return Selection.model_validate({"dataset": _NAME, "run": _NAME, **given})


def _batches(scenes: list[FoldedScene]) -> Iterator[list[FoldedScene]]:
    """Cut scenes into parts of so many objects."""
    sizes = np.array([len(scene.annotations) + len(scene.predictions) for scene in scenes], np.int64)
    part = np.cumsum(sizes) // _BATCH
    for begin, end in zip(*_edges(part), strict=True):
        yield scenes[begin:end]


def _edges(part: np.ndarray[Any, Any]) -> tuple[list[int], list[int]]:
    starts = np.flatnonzero(np.diff(part, prepend=-1)).tolist()
    return starts, [*starts[1:], len(part)] if starts else []


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


assert set(Filters.__annotations__) <= set(Filter.model_fields) | {"data_row"}
