"""COCO's figures by pycocotools: on files, or on objects whose overlap is given."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from evalstream.queries.average_precision import ApFigures
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

Document = dict[str, Any]
#: pycocotools' order of its twelve figures.
FIGURES = tuple(ApFigures.model_fields)


class Reference(NamedTuple):
    """Figures by name; None where pycocotools says −1."""

    overall: dict[str, float | None]
    per_class: dict[str, float | None]  # "class ap", "class ap50", "class ar_100"


def evaluated_by_pycocotools(
    truth: Document,
    results: Sequence[Document],
    iou_type: str,
    overlap: Callable[[Document, Document], float] | None = None,
) -> Reference:
    """Evaluate; with ``overlap``, by what it says of a detection and an annotation, crowds included."""
    with contextlib.redirect_stdout(io.StringIO()):
        ground = COCO()
        ground.dataset = json.loads(json.dumps(truth))
        ground.createIndex()
        found = ground.loadRes(json.loads(json.dumps(results)))
        for detection, sent in zip(found.dataset["annotations"], results, strict=True):
            detection["area"] = sent.get("area", detection["area"])
        evaluation = COCOeval(ground, found, iou_type)
        if overlap is not None:
            evaluation.computeIoU = lambda image, category: _matrix(evaluation, image, category, overlap)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    per_class = {}
    for k, category in enumerate(evaluation.params.catIds):
        name = ground.cats[category]["name"]
        per_class[f"{name} ap"] = _mean(precision[:, :, k, 0, 2])
        per_class[f"{name} ap50"] = _mean(precision[0, :, k, 0, 2])
        per_class[f"{name} ar_100"] = _mean(recall[:, k, 0, 2])
    return Reference(dict(zip(FIGURES, map(_defined, evaluation.stats), strict=True)), per_class)


def of_classes(per_class: Mapping[str, ApFigures], like: Mapping[str, Any]) -> dict[str, float | None]:
    """Our figures of classes under the names of the reference's."""
    found = {}
    for key in like:
        name, _, figure = key.rpartition(" ")
        found[key] = getattr(per_class[name], figure) if name in per_class else None
    return found


def _matrix(
    evaluation: Any, image: int, category: int, overlap: Callable[[Document, Document], float]
) -> np.ndarray[Any, Any] | list[Any]:
    truth, found = evaluation._gts[image, category], evaluation._dts[image, category]
    if not truth and not found:
        return []
    order = np.argsort([-item["score"] for item in found], kind="mergesort")
    found = [found[i] for i in order][: evaluation.params.maxDets[-1]]
    return np.array([[overlap(d, g) for g in truth] for d in found]).reshape(len(found), len(truth))


def _mean(values: np.ndarray[Any, Any]) -> float | None:
    values = values[values > -1]
    return float(np.mean(values)) if values.size else None


def _defined(value: float) -> float | None:
    return None if value == -1 else float(value)
