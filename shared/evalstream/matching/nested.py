"""Answers nested in objects, and options in their checklists: matched where what they are nested in is matched.

A nested answer belongs to one particular object, so it can only be compared with the answer to the same question
nested in that object's match: it has the rectangle of the match, cut off at its own confidence. Where the two parents
differ in label (another class, another answer) their nested answers have nothing to do with each other.

What is nested in a prediction that is matched to an annotation that does not count does not count either: it has that
match's rectangle, with that annotation. (Texts and numbers have none, for there is nothing to compare.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalstream.native import compiled
from evalstream.scenes import Code, Int, Rectangles, Scenes
from evalstream.types import CODES


class Nesting(NamedTuple):
    """Nesting of objects: for each object of both sides its parent (a position, −1: none), type and label."""

    annotation_parent: Int
    prediction_parent: Int
    annotation_type: Code
    prediction_type: Code
    annotation_label: Code
    prediction_label: Code


def with_nested(scenes: Scenes, nesting: Nesting, rectangles: Rectangles) -> Rectangles:
    """Add the rectangles of all that is nested in what is matched, at any depth; give all in the order of predictions.

    They are put in that order even where nothing is nested: a scene's rectangles are stored in the order given here,
    and that may not depend on what else is in the batch.
    """
    levels = [rectangles]
    may_match = np.any(nesting.annotation_parent >= 0) or np.any(rectangles["ignored"])
    if may_match and np.any(nesting.prediction_parent >= 0):
        levels += _levels(scenes, nesting, rectangles)
    return _in_order(np.concatenate(levels) if len(levels) > 1 else rectangles, len(scenes.prediction_type))


def _levels(scenes: Scenes, nesting: Nesting, rectangles: Rectangles) -> list[Rectangles]:
    """Give the rectangles of what is nested in what is matched, then of what is nested in that, and so on."""
    annotation_start, annotation_child = _children(nesting.annotation_parent)
    prediction_start, prediction_child = _children(nesting.prediction_parent)
    levels = [rectangles]
    while len(levels[-1]):
        levels.append(
            _one_level(
                scenes,
                nesting,
                levels[-1],
                annotation_start,
                annotation_child,
                prediction_start,
                prediction_child,
                CODES["checklist"],
                CODES["text"],
                CODES["number"],
            )
        )
    return levels[1:]


def _children(parent: Int) -> tuple[Int, Int]:
    """The children of object i are ``child[start[i] : start[i + 1]]``."""
    count = np.bincount(parent[parent >= 0], minlength=len(parent))
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(count)))
    child = np.argsort(parent, kind="stable")[np.count_nonzero(parent < 0) :]
    return start, child


@compiled
def _in_order(rectangles: Rectangles, predictions: int) -> Rectangles:
    """Put rectangles in the order of their predictions, those of one in the order in which they are."""


@compiled
def _one_level(
    scenes: Scenes,
    nesting: Nesting,
    rectangles: Rectangles,
    annotation_start: Int,
    annotation_child: Int,
    prediction_start: Int,
    prediction_child: Int,
    checklist: int,
    text: int,
    number: int,
) -> Rectangles: ...
