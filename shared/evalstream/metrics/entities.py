"""Named entities counted in four modes, after SemEval 2013 task 9.1 as nervaluate has it.

| mode | correct | incorrect | partial |
| --- | --- | --- | --- |
| strict | same boundaries and type | any overlap else | |
| exact | same boundaries | any overlap else | |
| partial | same boundaries | | any overlap else |
| type | same type, any overlap | another type, any overlap | |

What is left of the annotations is missed, what is left of the predictions spurious.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from evalstream.metrics.scores import ratio
from evalstream.native import compiled
from evalstream.scenes import Int

MODES: Final = ("strict", "exact", "partial", "type")
_EXACT, _PARTIAL, _TYPE = MODES.index("exact"), MODES.index("partial"), MODES.index("type")

CORRECT, INCORRECT, PARTIAL, MISSED, SPURIOUS = range(5)


class Spans(NamedTuple):
    """Spans of one side, half-open: parallel columns. Those of one group lie together, and are compared within it."""

    group: Int
    start: Int
    end: Int
    label: Int


class EntityScores(NamedTuple):
    """Scores of counts, or their average."""

    precision: float | None
    recall: float | None
    f1: float | None


class Counted(NamedTuple):
    """Outcomes of the entities on both sides, in one mode."""

    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int

    @property
    def annotations(self) -> int:
        """All that were there to be found: nervaluate's `possible`."""
        return self.correct + self.incorrect + self.partial + self.missed

    @property
    def predictions(self) -> int:
        """All that were found: nervaluate's `actual`."""
        return self.correct + self.incorrect + self.partial + self.spurious

    def scores(self) -> EntityScores:
        """Precision, recall and F1; a partial match has half the credit."""
        credit = self.correct + 0.5 * self.partial
        return EntityScores(
            ratio(credit, self.predictions),
            ratio(credit, self.annotations),
            ratio(2 * credit, self.predictions + self.annotations),
        )


def count_entities(annotations: Spans, predictions: Spans, classes: int) -> Int:
    """Count each mode's outcomes, over all groups.

    First every prediction that an annotation fits wholly takes it. Then the others, from left to right (by start, end,
    label), take the first annotation that they overlap and that is still free; in mode ``type`` the one of their own
    type whose boundaries are nearest, if there is any, and of predictions with the same boundaries those that have one
    go first. So the order in which spans are given means nothing. Nervaluate does without the first step: where
    the spans of one side overlap each other, a vague prediction there may take the annotation that another one fits.

    Returns
    -------
    (1 + classes, 4, 5) int64
        By mode and outcome: over all classes at 0, at 1 + k among spans of label k alone.
    """
    counts = np.zeros((1 + classes, len(MODES), 5), np.int64)
    a, p = _from_left_to_right(annotations), _from_left_to_right(predictions)
    groups = np.unique(np.concatenate((a.group, p.group)))
    _count(a, p, groups, np.zeros_like(groups), counts)
    a, p = _by_label(a, classes), _by_label(p, classes)
    groups = np.unique(np.concatenate((a.group, p.group)))
    _count(a, p, groups, 1 + groups % max(classes, 1), counts)
    return counts


def average(counted: Sequence[Counted], *, weighted: bool) -> EntityScores:
    """Average the scores of classes, by their annotations if weighted; one that is not defined counts as 0.

    So do seqeval and scikit-learn, unless told otherwise.
    """
    weights = [one.annotations if weighted else 1 for one in counted]
    scores = [one.scores() for one in counted]

    def mean(name: str) -> float | None:
        total = sum((getattr(s, name) or 0.0) * weight for s, weight in zip(scores, weights, strict=True))
        return ratio(total, sum(weights))

    return EntityScores(mean("precision"), mean("recall"), mean("f1"))


def _from_left_to_right(spans: Spans) -> Spans:
    return _taken(spans, _order(spans.group, spans.start, spans.end, spans.label))


def _by_label(spans: Spans, classes: int) -> Spans:
    """Make a group of each label's spans in a group."""
    split = spans._replace(group=spans.group * classes + spans.label)
    return _taken(split, np.argsort(split.group, kind="stable"))


def _taken(spans: Spans, order: Int) -> Spans:
    return Spans(*(column[order] for column in spans))


def _count(a: Spans, p: Spans, groups: Int, bucket: Int, counts: Int) -> None:
    """Add the outcomes within each group to its place in ``counts``."""
    first_a, first_p = (np.append(np.searchsorted(side.group, groups), len(side.group)) for side in (a, p))
    _count_groups(a, p, first_a, first_p, bucket, counts)


@compiled
def _order(group: Int, start: Int, end: Int, label: Int) -> Int:
    """Order spans by start, end and label within their group; most texts come so, and cost no sorting."""


@compiled(writes=["counts"])
def _count_groups(a: Spans, p: Spans, first_a: Int, first_p: Int, bucket: Int, counts: Int) -> None: ...
