"""Semantic segmentation, the slow and obvious way: one boolean image a class, one pixel after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.bool_]


class Mask(NamedTuple):
    """A mask with all its pixels. An annotation's confidence is 1; a crowd has no class."""

    label: str
    pixels: Image
    confidence: float = 1.0
    crowd: bool = False


def unions(masks: Sequence[Mask], confidence: float = 0.0) -> dict[str, Image]:
    """The union of each class's masks, from a confidence up."""
    found: dict[str, Image] = {}
    for mask in masks:
        if mask.confidence >= confidence and not mask.crowd:
            found[mask.label] = found.get(mask.label, np.zeros_like(mask.pixels)) | mask.pixels
    return found


def ignored(annotations: Sequence[Mask]) -> Image | None:
    """The pixels that do not count."""
    crowds = [mask.pixels for mask in annotations if mask.crowd]
    return np.any(crowds, axis=0) if crowds else None


def areas(annotations: Sequence[Mask], predictions: Sequence[Mask], confidence: float) -> Counter[tuple[str, str]]:
    """The pixels of each class: ``(class, "")`` annotated, ``("", class)`` predicted, ``(class, class)`` both."""
    actual, predicted = unions(annotations), unions(predictions, confidence)
    counts = np.logical_not(ignored(annotations)) if ignored(annotations) is not None else True
    found: Counter[tuple[str, str]] = Counter()
    for label in {*actual, *predicted}:
        nothing = np.zeros(1, bool)
        a, p = actual.get(label, nothing) & counts, predicted.get(label, nothing) & counts
        found[label, ""] = int(np.sum(a))
        found["", label] = int(np.sum(p))
        found[label, label] = int(np.sum(a & p))
    return found


def confusion(annotations: Sequence[Mask], predictions: Sequence[Mask], confidence: float) -> Counter[tuple[str, str]]:
    """Count pixels by (actual, predicted) class, "" for none; where there are several, in the order of their names."""
    actual, predicted = unions(annotations), unions(predictions, confidence)
    nowhere = ignored(annotations)
    found: Counter[tuple[str, str]] = Counter()
    for place in np.ndindex(next(mask.pixels.shape for mask in (*annotations, *predictions))):
        if nowhere is not None and nowhere[place]:
            continue
        there = {label for label, pixels in actual.items() if pixels[place]}
        said = {label for label, pixels in predicted.items() if pixels[place]}
        found.update((label, label) for label in there & said)
        wrong, taken_for = sorted(there - said), sorted(said - there)
        longest = max(len(wrong), len(taken_for))
        found.update(
            zip(
                wrong + [""] * (longest - len(wrong)),
                taken_for + [""] * (longest - len(taken_for)),
                strict=True,
            )
        )
    return found


def mean_iou_of_rows(rows: Sequence[Mapping[tuple[str, str], int]], *, dice: bool = False) -> float | None:
    """TorchMetrics' mean IoU: of each row the mean over the classes on either side of it, then the mean over rows.

    A row without a class has no IoU, and is left out.
    """
    means = []
    for row in rows:
        scores = []
        for label in {a or p for a, p in row}:
            intersection, area, predicted = row[label, label], row[label, ""], row["", label]
            if area + predicted:
                union = area + predicted - intersection
                scores.append(2 * intersection / (area + predicted) if dice else intersection / union)
        if scores:
            means.append(sum(scores) / len(scores))
    return sum(means) / len(means) if means else None
