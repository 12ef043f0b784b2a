"""Overlap of shapes of different types: boxes, turned boxes, polygons and masks that may match each other.

Two shapes with outlines overlap as polygons do. What faces a mask is turned into one itself, of the mask's size and by
COCO's rules (pycocotools, maskApi.c, ``rleFrPoly``), and so is cut off at the image's edge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely
from pycocotools import mask as coco_mask

from evalstream.geometry.mask import Rle, in_scenes, joined, masks, overlap, the_size
from evalstream.geometry.near import Geometries
from evalstream.geometry.polygon import polygons, shapes_pairs
from evalstream.geometry.rotated_box import corners, rotated_boxes
from evalstream.scenes import Batch, Code, Flag, Float, Found, Int, Shapes
from evalstream.types import CODES

BBOX, ROTATED_BOX, POLYGON, MASK = (CODES[name] for name in ("bbox", "rotated_box", "polygon", "mask"))
OUTLINED: Final = (BBOX, ROTATED_BOX, POLYGON)
#: What lies further away than so many widths and heights of the image is cut off first: to draw it takes memory.
FAR: Final = 2


def across_pairs(batch: Batch) -> Found:
    """Find every prediction and annotation of one scene, of different types that cover areas, whose IoU is above 0.

    Raises
    ------
    GeometryError
        If masks of one scene are of different sizes.
    """
    scenes = batch.scenes
    predictions = np.flatnonzero(np.isin(scenes.prediction_type, OUTLINED))
    annotations = np.flatnonzero(np.isin(scenes.annotation_type, OUTLINED))
    predicted = outlines(batch, batch.predictions, scenes.prediction_type, scenes.prediction_box, predictions)
    annotated = outlines(batch, batch.annotations, scenes.annotation_type, scenes.annotation_box, annotations)

    def of_two_types(p: Int, a: Int) -> Flag:
        return np.asarray(scenes.prediction_type[p] != scenes.annotation_type[a])

    between = shapes_pairs(batch, predictions, annotations, predicted, annotated, of_two_types)
    return joined([between, *_with_masks(batch, predictions, predicted, annotations, annotated)])


def outlines(batch: Batch, shapes: Shapes, types: Code, boxes: Float, chosen: Int) -> Geometries:
    """Return the chosen shapes as polygons, valid; a box of pixels reaches to the far edge of its last one."""
    made: Geometries = np.empty(len(chosen), dtype=object)
    of = types[chosen]
    one = float(batch.ontology.boxes == "pixels")
    x, y, width, height = boxes[chosen[of == BBOX]].T
    made[of == BBOX] = shapely.box(x, y, x + width + one, y + height + one)
    made[of == ROTATED_BOX] = shapely.polygons(corners(rotated_boxes(shapes, chosen[of == ROTATED_BOX])))
    made[of == POLYGON], _ = polygons(shapes, chosen[of == POLYGON])
    return made


def _with_masks(
    batch: Batch, predictions: Int, predicted: Geometries, annotations: Int, annotated: Geometries
) -> list[Found]:
    """Find pairs of which exactly one side is a mask; of the others, positions and outlines are given."""
    scenes = batch.scenes
    areal = (*OUTLINED, MASK)
    pairs = []
    for own, others in in_scenes(
        scenes,
        np.flatnonzero(np.isin(scenes.prediction_type, areal)),
        np.flatnonzero(np.isin(scenes.annotation_type, areal)),
    ):
        is_mask, others_mask = scenes.prediction_type[own] == MASK, scenes.annotation_type[others] == MASK
        if not (np.any(is_mask) or np.any(others_mask)):
            continue
        masked, others_masked = own[is_mask], others[others_mask]
        sent, others_sent = masks(batch.predictions, masked), masks(batch.annotations, others_masked)
        size = the_size(batch, masked, sent, others_masked, others_sent)
        outlined, others_outlined = own[~is_mask], others[~others_mask]
        if len(masked) and len(others_outlined):
            drawn = [rasterised(one, size) for one in annotated[np.searchsorted(annotations, others_outlined)]]
            pairs.append(overlap(scenes, masked, sent, others_outlined, drawn))
        if len(outlined) and len(others_masked):
            drawn = [rasterised(one, size) for one in predicted[np.searchsorted(predictions, outlined)]]
            pairs.append(overlap(scenes, outlined, drawn, others_masked, others_sent))
    return pairs


def rasterised(shape: shapely.Geometry, size: tuple[int, int]) -> Rle:
    """Return the pixels of a valid polygon, in one or several pieces, as COCO's tools would choose them.

    The pixels of its holes, by the same rules, are left out.
    """
    height, width = size
    near = shapely.box(-FAR * width, -FAR * height, (FAR + 1) * width, (FAR + 1) * height)
    if not near.contains(shape):
        shape = shapely.intersection(near, shape)
    pieces = [piece for piece in shapely.get_parts(shape) if piece.area > 0]
    outer = _rings(pieces, size)
    if not any(len(piece.interiors) for piece in pieces):
        return outer
    # Run lengths can be joined and intersected, but not subtracted: holes take the pixels themselves.
    pixels = np.zeros((height, width), bool)
    for piece in pieces:
        own = coco_mask.decode(_rings([piece], size)).astype(bool)
        for hole in piece.interiors:
            own &= ~coco_mask.decode(_rings([shapely.Polygon(hole)], size)).astype(bool)
        pixels |= own
    encoded: Rle = coco_mask.encode(np.asfortranarray(pixels, np.uint8))
    return encoded


def _rings(pieces: list[shapely.Polygon], size: tuple[int, int]) -> Rle:
    """Join the outlines of some polygons, without their holes."""
    # Without the point that closes it: COCO's rings are not closed.
    rings = [np.asarray(piece.exterior.coords)[:-1].ravel().tolist() for piece in pieces]
    height, width = size
    joined_up: Rle = coco_mask.merge(coco_mask.frPyObjects(rings, height, width) if rings else [_nothing(size)])
    return joined_up


def _nothing(size: tuple[int, int]) -> Rle:
    height, width = size
    empty: Rle = coco_mask.frPyObjects({"size": [height, width], "counts": [height * width]}, height, width)
    return empty
