"""COCO's keypoints as columns hold them, one record at a time and the slow way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

#: The largest coordinate, either way.
LIMIT = 1e15


class Skeleton(NamedTuple):
    """What is stored of a record, and what is told of it; nothing is stored of one that is wrong."""

    values: list[float]
    area: float
    wrong: bool = False
    wrong_box: bool = False
    negative: bool = False
    unlabelled: bool = False
    fractional: bool = False


def detection(numbers: Sequence[float]) -> Skeleton:
    triples = _triples(numbers)
    if not _finite(triples):
        return Skeleton([], 0, wrong=True)
    _, _, width, height = _around(triples)
    return Skeleton(list(numbers), width * height)


def annotation(numbers: Sequence[float], box: Sequence[float] | None, counted: int | None) -> Skeleton:
    triples = _triples(numbers)
    if not _finite(triples):
        return Skeleton([], 0, wrong=True)
    fractional = any(v not in (0, 1, 2) for _, _, v in triples)
    triples = [(x, y, 0.0 if counted == 0 else float(min(max(math.ceil(v), 0), 2))) for x, y, v in triples]
    labelled = [one for one in triples if one[2]]
    x, y, width, height = box if box is not None else _around(labelled or triples)
    if box is not None and not all(abs(value) <= LIMIT for value in box):
        return Skeleton([], 0, wrong_box=True)
    stored = [x, y, max(width, 0), max(height, 0)]
    stored += [value for triple in triples for value in triple]
    negative = width < 0 or height < 0
    return Skeleton(stored, width * height, False, False, negative, not labelled, fractional)


def _triples(numbers: Sequence[float]) -> list[tuple[float, float, float]]:
    return [(numbers[i], numbers[i + 1], numbers[i + 2]) for i in range(0, len(numbers), 3)]


def _finite(triples: list[tuple[float, float, float]]) -> bool:
    return all(abs(x) <= LIMIT and abs(y) <= LIMIT and math.isfinite(v) for x, y, v in triples)


def _around(triples: list[tuple[float, float, float]]) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _, _ in triples], [y for _, y, _ in triples]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
