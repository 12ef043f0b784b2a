"""Each policy at one pair of thresholds, written as its rule reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from evalstream.matching import AREA_RANGES

Pair = tuple[int, int]  # positions of a prediction and an annotation


class Box(NamedTuple):
    feature: str
    box: tuple[float, float, float, float]
    confidence: float = 1.0
    crowd: bool = False
    area: float | None = None
    difficult: bool = False

    @property
    def size(self) -> float:
        return self.box[2] * self.box[3] if self.area is None else self.area


def iou(prediction: Box, annotation: Box) -> float:
    (px, py, pw, ph), (ax, ay, aw, ah) = prediction.box, annotation.box
    width = min(pw + px, aw + ax) - max(px, ax)
    height = min(ph + py, ah + ay) - max(py, ay)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    union = pw * ph if annotation.crowd else pw * ph + aw * ah - shared
    return shared / union


@lru_cache(maxsize=256)
def _table(predictions: tuple[Box, ...], annotations: tuple[Box, ...]) -> list[list[float]]:
    return [[iou(p, a) for a in annotations] for p in predictions]


def overlaps(predictions: Sequence[Box], annotations: Sequence[Box]) -> list[list[float]]:
    """The IoU of each prediction with each annotation; kept, for scenes are matched at hundreds of thresholds."""
    return _table(tuple(predictions), tuple(annotations))


def enough(value: float, t: float, *, strict: bool) -> bool:
    """Whether an overlap is enough at IoU threshold t."""
    return value > t if strict else value >= t


def iou_greedy(
    predictions: list[Box], annotations: list[Box], c: float, t: float, *, strict: bool = True, area: str = "all"
) -> tuple[set[Pair], set[Pair]]:
    """The pairs that count; none are ignored."""
    pairs = [
        (-value, -predictions[i].confidence, i, j)
        for i, of_prediction in enumerate(overlaps(predictions, annotations))
        for j, value in enumerate(of_prediction)
        if predictions[i].confidence >= max(c, 0) and not annotations[j].crowd
        if value > 0 and enough(value, t, strict=strict)
    ]
    matched: dict[int, int] = {}
    for _, _, i, j in sorted(pairs):
        if i not in matched and j not in matched.values():
            matched[i] = j
    return set(matched.items()), set()


def best_candidate(
    predictions: list[Box], annotations: list[Box], c: float, t: float, *, strict: bool = False, area: str = "all"
) -> tuple[set[Pair], set[Pair]]:
    """The pairs that count, and the pairs with annotations that are difficult or regions."""
    chosen: dict[int, int] = {}
    ignored: dict[int, int] = {}
    table = overlaps(predictions, annotations)
    for i in sorted(range(len(predictions)), key=lambda i: -predictions[i].confidence):
        p = predictions[i]
        if p.confidence < max(c, 0):
            continue
        overlap = table[i]
        touched = [j for j, a in enumerate(annotations) if a.feature == p.feature and overlap[j] > 0]
        objects = [j for j in touched if not annotations[j].crowd]
        regions = [j for j in touched if annotations[j].crowd]
        if objects:
            j = max(objects, key=lambda j, overlap=overlap: (overlap[j], -j))
            if enough(overlap[j], t, strict=strict):
                if annotations[j].difficult:
                    ignored[i] = j
                elif j not in chosen.values():
                    chosen[i] = j
        if i not in chosen and i not in ignored and regions:
            j = max(regions, key=lambda j, overlap=overlap: (overlap[j], -j))
            if enough(overlap[j], t, strict=strict):
                ignored[i] = j
    return set(chosen.items()), set(ignored.items())


def coco(
    predictions: list[Box], annotations: list[Box], c: float, t: float, *, strict: bool = False, area: str = "all"
) -> tuple[set[Pair], set[Pair]]:
    """The pairs that count, and the pairs with ignored annotations."""
    counted: set[Pair] = set()
    ignored: set[Pair] = set()
    low, high = AREA_RANGES[area]
    table = overlaps(predictions, annotations)
    for feature in {p.feature for p in predictions}:
        ranked = sorted(
            (i for i, p in enumerate(predictions) if p.feature == feature), key=lambda i: -predictions[i].confidence
        )[:100]
        targets = [j for j, a in enumerate(annotations) if a.feature == feature]
        ignore = {j: annotations[j].crowd or not low <= annotations[j].size <= high for j in targets}
        targets.sort(key=lambda j: ignore[j])
        taken: set[int] = set()
        for i in ranked:
            if predictions[i].confidence < max(c, 0):
                continue
            best, match = t, -1
            for j in targets:
                if j in taken and not annotations[j].crowd:
                    continue
                if match >= 0 and not ignore[match] and ignore[j]:
                    break
                value = table[i][j]
                if value == 0 or value < best or not enough(value, t, strict=strict):
                    continue
                best, match = value, j
            if match >= 0:
                taken.add(match)
                (ignored if ignore[match] else counted).add((i, match))
    return counted, ignored


class Rule(NamedTuple):
    """A policy: its pairs at two thresholds, and what else figures depend on."""

    pairs: Callable[..., tuple[set[Pair], set[Pair]]]
    strict: bool = False
    difficult_count: bool = True
    limited: bool = False
    revokes: bool = False

    def threshold(self, t: float, *, strict: bool = False) -> float:
        """The IoU threshold that the rule is asked at: pycocotools guards against t = 1."""
        return min(t, 1 - 1e-10) if self.limited and not strict else t


RULES = {
    "iou-greedy": Rule(iou_greedy, strict=True, revokes=True),
    "coco": Rule(coco, limited=True),
    "best-candidate": Rule(best_candidate, difficult_count=False),
}
