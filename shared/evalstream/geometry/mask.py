"""Overlap of masks, pixel by pixel, on their run lengths."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from pycocotools import mask as coco_mask

from evalstream.arrow import column
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.near import of_type
from evalstream.scenes import Batch, Found, Int, Scenes, Shapes

#: Pairs whose IoU is worked out at once.
CHUNK: Final = 2**22

#: COCO's run-length encoding: ``{"size": [height, width], "counts": "…"}``.
Rle = dict[str, Any]


def mask_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose IoU is above 0.

    Raises
    ------
    GeometryError
        If masks of one scene are of different sizes.
    """
    pairs = []
    for own, others in in_scenes(batch.scenes, *of_type(batch.scenes, code)):
        predicted, annotated = masks(batch.predictions, own), masks(batch.annotations, others)
        the_size(batch, own, predicted, others, annotated)
        pairs.append(overlap(batch.scenes, own, predicted, others, annotated))
    return joined(pairs)


def masks(shapes: Shapes, chosen: Int) -> list[Rle]:
    """Return the chosen masks."""
    details = shapes.detail.take(column(np.asarray(chosen, np.int64))).to_pylist()
    return [json.loads(detail) for detail in details]


def in_scenes(scenes: Scenes, predictions: Int, annotations: Int) -> Iterator[tuple[Int, Int]]:
    """Of each scene that has some of both, give which it has; positions in the flat columns, ascending."""
    first, last = (np.searchsorted(predictions, edge) for edge in (scenes.prediction_start, scenes.prediction_end))
    begin, end = (np.searchsorted(annotations, edge) for edge in (scenes.annotation_start, scenes.annotation_end))
    for s in np.flatnonzero((last > first) & (end > begin)):
        yield predictions[first[s] : last[s]], annotations[begin[s] : end[s]]


def the_size(
    batch: Batch, predictions: Int, predicted: Sequence[Rle], annotations: Int, annotated: Sequence[Rle]
) -> tuple[int, int]:
    """Return the height and width that all masks of a scene have.

    pycocotools takes masks of different sizes as not overlapping, and says nothing.

    Raises
    ------
    GeometryError
        If they are not all the same.
    """
    sides = (
        ("annotation", batch.annotations, annotations, annotated),
        ("prediction", batch.predictions, predictions, predicted),
    )
    named = [
        (tuple(rle["size"]), side, shapes, position)
        for side, shapes, positions, rles in sides
        for position, rle in zip(positions, rles, strict=True)
    ]
    size, *first = named[0]
    for other, *second in named:
        if other != size:
            (a, b) = (
                f"{side} {shapes.id[int(position)].as_py()!r} is {height} x {width}"
                for (height, width), (side, shapes, position) in ((size, first), (other, second))
            )
            raise GeometryError(f"masks of one data row must be of one size (height x width): {a}, {b}")
    height, width = size
    return height, width


def overlap(
    scenes: Scenes, predictions: Int, predicted: Sequence[Rle], annotations: Int, annotated: Sequence[Rle]
) -> Found:
    """Find the pairs of masks of one size whose IoU is above 0.

    By pycocotools (maskApi.c, ``rleIou``), so to the last digit as COCO has it; over a crowd region the union is the
    prediction's own area.

    Parameters
    ----------
    predictions, annotations : (n,), (m,) int64
        Positions in the scenes' flat columns.
    predicted, annotated : n, m run-length encodings
        Their masks.
    """
    crowd = scenes.annotation_crowd[annotations].tolist()
    rows = max(1, CHUNK // max(1, len(annotated)))
    pairs = []
    for at in range(0, len(predicted) if len(annotated) else 0, rows):
        iou = coco_mask.iou(predicted[at : at + rows], annotated, crowd)
        i, j = np.nonzero(iou > 0)
        pairs.append(Found(predictions[at + i].astype(np.int32), annotations[j].astype(np.int32), iou[i, j]))
    return joined(pairs)


def joined(parts: Sequence[Found]) -> Found:
    """Put all that was found together."""
    if not parts:
        return Found(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
    return Found(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
