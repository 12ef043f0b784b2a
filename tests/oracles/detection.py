"""Average precision of detections as each benchmark defines it, written as the definition reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

XYWH = tuple[float, float, float, float]


class Target(NamedTuple):
    """An annotation; of kind ``difficult`` or ``group_of`` it is no ordinary one."""

    image: str
    label: str
    box: XYWH
    kind: str = ""


class Detection(NamedTuple):
    """A prediction."""

    image: str
    label: str
    box: XYWH
    confidence: float


#: A detection that counts: its confidence, and whether it is right.
Counted = tuple[float, bool]


def overlap(one: XYWH, other: XYWH, *, pixels: bool = False, share: bool = False) -> float:
    """IoU, or the share of the first box that lies in the second; ``pixels``: boxes include their last pixel."""
    extra = 1.0 if pixels else 0.0
    width = min(one[2] + one[0], other[2] + other[0]) - max(one[0], other[0]) + extra
    height = min(one[3] + one[1], other[3] + other[1]) - max(one[1], other[1]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] + extra) * (box[3] + extra) for box in (one, other)]
    return width * height / (areas[0] if share else areas[0] + areas[1] - width * height)


def pascal_voc(
    detections: Sequence[Detection], targets: Sequence[Target], label: str, t: float, *, pixels: bool
) -> tuple[list[Counted], int]:
    """The devkit's loop over the detections of a class, and how many annotations are to be found."""
    found: set[int] = set()
    counted: list[Counted] = []
    own = [target for target in targets if target.label == label]
    for detection in sorted((d for d in detections if d.label == label), key=lambda d: -d.confidence):
        best, at = 0.0, -1
        for k, target in enumerate(own):
            if target.image == detection.image:
                value = overlap(detection.box, target.box, pixels=pixels)
                if value > best:
                    best, at = value, k
        if at >= 0 and best >= t:
            if own[at].kind == "difficult":
                continue
            counted.append((detection.confidence, at not in found))
            found.add(at)
        else:
            counted.append((detection.confidence, False))
    return counted, sum(target.kind != "difficult" for target in own)


def open_images(
    detections: Sequence[Detection], targets: Sequence[Target], label: str, t: float, *, weight: int
) -> tuple[list[Counted], int]:
    """The evaluator's two stages, image by image; with weight 1 a group is one more annotation, as in the Challenge."""
    counted: list[Counted] = []
    for image in sorted({d.image for d in detections}):
        here = [target for target in targets if target.label == label and target.image == image]
        objects = [target for target in here if target.kind != "group_of"]
        groups = [target for target in here if target.kind == "group_of"]
        own = sorted(
            (d for d in detections if d.label == label and d.image == image), key=lambda d: d.confidence, reverse=True
        )
        outcome: list[bool | None] = [False] * len(own)  # None: ignored
        found: set[int] = set()
        for i, detection in enumerate(own):
            ious = [overlap(detection.box, target.box) for target in objects]
            at = int(np.argmax(ious)) if ious else -1
            if at >= 0 and ious[at] >= t:
                if objects[at].kind == "difficult":
                    outcome[i] = None
                elif at not in found:
                    outcome[i] = True
                    found.add(at)
        best = [-1.0] * len(groups)
        for i, detection in enumerate(own):
            shares = [overlap(detection.box, target.box, share=True) for target in groups]
            at = int(np.argmax(shares)) if shares else -1
            if at >= 0 and outcome[i] is False and shares[at] >= t:
                outcome[i] = None
                best[at] = max(best[at], detection.confidence)
        counted += [(d.confidence, bool(right)) for d, right in zip(own, outcome, strict=True) if right is not None]
        if weight:
            counted += [(confidence, True) for confidence in best if confidence >= 0]
    own = [target for target in targets if target.label == label]
    total = sum(not target.kind for target in own) + weight * sum(target.kind == "group_of" for target in own)
    return sorted(counted, key=lambda item: -item[0]), total


def curve(counted: Sequence[Counted], total: int) -> tuple[list[float], list[float]]:
    """Recall and precision after each detection."""
    tp = np.cumsum([right for _, right in counted])
    return (tp / total).tolist(), (tp / np.arange(1, len(counted) + 1)).tolist()


def eleven_point(counted: Sequence[Counted], total: int) -> float:
    recall, precision = curve(counted, total)
    return (
        sum(
            max([p for r, p in zip(recall, precision, strict=True) if r >= at], default=0.0)
            for at in np.linspace(0, 1, 11)
        )
        / 11
    )


def all_point(counted: Sequence[Counted], total: int) -> float:
    recall, precision = curve(counted, total)
    steps = sorted({0.0, *recall})
    return sum(
        (after - before) * max(p for r, p in zip(recall, precision, strict=True) if r >= after)
        for before, after in pairwise(steps)
    )


def encord(counted: Sequence[Counted], total: int) -> float:
    """Encord Active's statement: of each number of true positives its last precision; recall rounded to hundredths."""
    tp = np.cumsum([right for _, right in counted]).tolist()
    points = []
    for k, members in groupby(enumerate(tp, 1), key=lambda item: item[1]):
        seen = max(i for i, _ in members)
        points.append((round(k / total, 2) if total else 0.0, k / seen))
    return sum(max([p for r, p in points if r >= at / 10], default=0.0) for at in range(11)) / 11


Definition = Callable[[Sequence[Counted], int], float]
DEFINITIONS: dict[str, Definition] = {"11-point": eleven_point, "all-point": all_point, "encord": encord}
