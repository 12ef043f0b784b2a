"""Each policy at one pair of thresholds, written as its rule reads."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    feature: str
    box: tuple[float, float, float, float]
    confidence: float = 1.0
    crowd: bool = False
    area: float | None = None

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


def iou_greedy(predictions: list[Box], annotations: list[Box], c: float, t: float) -> set[tuple[int, int]]:
    pairs = [
        (-iou(p, a), -p.confidence, i, j)
        for i, p in enumerate(predictions)
        for j, a in enumerate(annotations)
        if p.confidence >= max(c, 0) and not a.crowd and iou(p, a) > t
    ]
    matched: dict[int, int] = {}
    for _, _, i, j in sorted(pairs):
        if i not in matched and j not in matched.values():
            matched[i] = j
    return set(matched.items())


def best_candidate(predictions: list[Box], annotations: list[Box], c: float, t: float) -> set[tuple[int, int]]:
    chosen: dict[int, int] = {}
    for i in sorted(range(len(predictions)), key=lambda i: -predictions[i].confidence):
        p = predictions[i]
        own = [j for j, a in enumerate(annotations) if a.feature == p.feature and not a.crowd and iou(p, a) > 0]
        if p.confidence < max(c, 0) or not own:
            continue
        j = max(own, key=lambda j: (iou(p, annotations[j]), -j))
        if iou(p, annotations[j]) >= t and j not in chosen.values():
            chosen[i] = j
    return set(chosen.items())


def coco(
    predictions: list[Box],
    annotations: list[Box],
    c: float,
    t: float,
    area: tuple[float, float] = (0, 1e10),
    most: int = 100,
) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """The pairs that count, and the pairs with ignored annotations."""
    counted: set[tuple[int, int]] = set()
    ignored: set[tuple[int, int]] = set()
    for feature in {p.feature for p in predictions}:
        ranked = sorted(
            (i for i, p in enumerate(predictions) if p.feature == feature), key=lambda i: -predictions[i].confidence
        )[:most]
        targets = [j for j, a in enumerate(annotations) if a.feature == feature]
        ignore = {j: annotations[j].crowd or not area[0] <= annotations[j].size <= area[1] for j in targets}
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
                value = iou(predictions[i], annotations[j])
                if value == 0 or value < best:
                    continue
                best, match = value, j
            if match >= 0:
                taken.add(match)
                (ignored if ignore[match] else counted).add((i, match))
    return counted, ignored
