"""Overlap of axis-aligned boxes."""

from __future__ import annotations

from evalstream.geometry.limits import MOST_PAIRS, require_few_pairs
from evalstream.native import compiled
from evalstream.scenes import Batch, Code, Float, Found, Scenes


@compiled
def box_iou(prediction: Float, annotation: Float, crowd: bool, one: float = 0.0) -> float:
    """Intersection over union of two boxes ``(x, y, width, height)``, 0 where they do not overlap.

    Over a crowd region the union is the prediction's own area. Operation for operation the arithmetic of pycocotools
    (maskApi.c, ``bbIou``), so that a pair which lies exactly on a threshold lies on the same side of it. With ``one`` 1
    instead of 0, boxes run from their first pixel to their last and cover both (Pascal VOC's development kit,
    ``VOCevaldet.m``): every side is 1 longer.
    """


def box_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene whose IoU is above 0.

    Raises
    ------
    GeometryError
        If there are more than :data:`evalstream.geometry.limits.MOST_PAIRS`.
    """
    pairs = Found(*_box_pairs(batch.scenes, code, float(batch.ontology.boxes == "pixels"), MOST_PAIRS))
    require_few_pairs(len(pairs.iou), "bbox")
    return pairs


@compiled
def _box_pairs(scenes: Scenes, code: int, one: float, most: int) -> tuple[Code, Code, Float]:
    """Find the pairs in the order of scenes, predictions, annotations; end at the first one beyond the most."""
