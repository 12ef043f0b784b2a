"""Overlap of masks, pixel by pixel, on their run lengths."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evalstream.arrow import take, texts
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.near import of_type
from evalstream.native import compiled
from evalstream.scenes import Batch, Code, Flag, Float, Found, Int, Scenes, Shapes

Bytes = NDArray[np.uint8]

#: COCO's run-length encoding: ``{"size": [height, width], "counts": "…"}``.
Rle = dict[str, Any]


def mask_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose IoU is above 0.

    Raises
    ------
    GeometryError
        If masks of one scene are of different sizes.
    """
    scenes = batch.scenes
    predictions, annotations = of_type(scenes, code)
    ranges = [
        np.searchsorted(chosen, edge)
        for chosen, start, end in (
            (predictions, scenes.prediction_start, scenes.prediction_end),
            (annotations, scenes.annotation_start, scenes.annotation_end),
        )
        for edge in (start, end)
    ]
    some = np.flatnonzero((ranges[1] > ranges[0]) & (ranges[3] > ranges[2]))
    predicted, annotated = batch.predictions.detail, batch.annotations.detail
    if len(predictions) < len(predicted):
        predicted = take(predicted, predictions)
    if len(annotations) < len(annotated):
        annotated = take(annotated, annotations)
    first, last, begin, end = (edge[some] for edge in ranges)
    found = _overlaps(
        first, last, begin, end, *_text(predicted), *_text(annotated), scenes.annotation_crowd[annotations]
    )
    if found.fault >= 0:
        s = found.fault
        own, others = predictions[first[s] : last[s]], annotations[begin[s] : end[s]]
        the_size(batch, own, masks(batch.predictions, own), others, masks(batch.annotations, others))
        raise GeometryError("a mask of a data row is not COCO's run lengths, or does not have the pixels of its size")
    return Found(
        predictions[found.prediction].astype(np.int32), annotations[found.annotation].astype(np.int32), found.iou
    )


class _Overlaps(NamedTuple):
    """Pairs of masks, in order; ``fault`` is the first scene whose masks cannot be compared, or −1."""

    fault: int
    prediction: Code
    annotation: Code
    iou: Float


@compiled
def _overlaps(
    first: Int,
    last: Int,
    begin: Int,
    end: Int,
    predicted: Bytes,
    predicted_start: Code,
    annotated: Bytes,
    annotated_start: Code,
    crowd: Flag,
) -> _Overlaps:
    """Find the pairs of masks of one scene whose IoU is above 0, as pycocotools has it (maskApi.c, ``rleIou``).

    Over a crowd region the union is the prediction's own area. Each mask is read once; pairs whose columns or rows lie
    apart share no pixel.

    Parameters
    ----------
    first, last, begin, end : (scenes,) int64
        Which predictions and which annotations each scene has.
    predicted, annotated : uint8
        JSON of all masks, one after another.
    predicted_start, annotated_start : (n + 1,), (m + 1,) int32
        Where each begins.
    """


def _text(details: pa.Array) -> tuple[Bytes, Code]:
    """Give the bytes of strings, and where each begins in them."""
    _, start, data = details.buffers()
    offsets = np.frombuffer(start, np.int32, len(details) + 1, 4 * details.offset) if start else np.zeros(1, np.int32)
    return np.frombuffer(data or b"", np.uint8), offsets


def masks(shapes: Shapes, chosen: Int) -> list[Rle]:
    """Return the chosen masks."""
    details = take(shapes.detail, np.asarray(chosen, np.int64)).to_pylist()
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
    """Find the pairs of masks of one size and one scene whose IoU is above 0.

    Parameters
    ----------
    predictions, annotations : (n,), (m,) int64
        Positions in the scenes' flat columns.
    predicted, annotated : n, m run-length encodings
        Their masks.
    """
    own, others = (_text(texts([json.dumps(written(rle)) for rle in rles])) for rles in (predicted, annotated))
    first, last, begin, end = (np.array([edge], np.int64) for edge in (0, len(predicted), 0, len(annotated)))
    found = _overlaps(first, last, begin, end, *own, *others, scenes.annotation_crowd[annotations])
    return Found(
        predictions[found.prediction].astype(np.int32), annotations[found.annotation].astype(np.int32), found.iou
    )


def written(rle: Rle) -> Rle:
    """Give run lengths of pycocotools, whose text is bytes, as JSON has them."""
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.decode() if isinstance(counts, bytes) else counts}


def joined(parts: Sequence[Found]) -> Found:
    """Put all that was found together."""
    if not parts:
        return Found(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
    return Found(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
