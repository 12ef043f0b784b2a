"""Overlaps of whole groups, against pycocotools' own, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from evalstream.geometry.dense import Extents, box_overlaps, extents, mask_overlaps, skeleton_overlaps
from evalstream.geometry.keypoints import COCO_SIGMAS
from pycocotools import mask as coco_mask
from pycocotools.cocoeval import COCOeval

ANNOTATIONS, PREDICTIONS = np.array([2, 0, 3, 1]), np.array([3, 2, 0, 2])
OF = extents(ANNOTATIONS, PREDICTIONS)
CROWD = np.array([False, True, False, False, True, True])


def groups(of: Extents) -> list[tuple[slice, slice, slice]]:
    return [
        tuple(slice(start[g], start[g + 1]) for start in (of.prediction, of.annotation, of.iou))  # type: ignore[misc]
        for g in range(len(of.iou) - 1)
    ]


def test_groups_lie_one_after_the_other() -> None:
    assert OF.annotation.tolist() == [0, 2, 2, 5, 6]
    assert OF.prediction.tolist() == [0, 3, 5, 5, 7]
    assert OF.iou.tolist() == [0, 6, 6, 6, 8]


def test_boxes() -> None:
    rng = np.random.default_rng(1)
    predicted, annotated = (rng.choice([0.0, 0.5, 3.0, 7.0, 10.0], (n, 4)) for n in (7, 6))
    found = box_overlaps(OF, predicted, annotated, CROWD)
    for own, other, at in groups(OF):
        expected = np.asarray(coco_mask.iou(predicted[own].tolist(), annotated[other].tolist(), CROWD[other].tolist()))
        assert np.array_equal(found[at], expected.ravel())
    assert 0 < np.count_nonzero(found) < len(found)


def test_masks() -> None:
    rng = np.random.default_rng(2)
    predicted, annotated = (
        [coco_mask.encode(np.asfortranarray(rng.integers(0, 2, (5, 4)), np.uint8)) for _ in range(n)] for n in (7, 6)
    )
    annotated[0] = coco_mask.encode(np.ones((4, 5), np.uint8, order="F"))  # of another size: pycocotools says −1
    found = mask_overlaps(OF, predicted, annotated, CROWD)
    for own, other, at in groups(OF):
        expected = np.asarray(coco_mask.iou(predicted[own], annotated[other], CROWD[other].tolist()))
        assert np.array_equal(found[at], expected.ravel())
    assert found.min() == -1


def test_skeletons() -> None:
    rng = np.random.default_rng(3)
    predicted, annotated = (rng.uniform(0, 50, (n, 17, 3)) for n in (7, 6))
    annotated[..., 2] = rng.integers(0, 3, (6, 17))
    annotated[1, :, 2] = 0
    box, area = rng.uniform(1, 50, (6, 4)), rng.uniform(0, 2_000, 6)
    for sigmas in (COCO_SIGMAS, np.linspace(0.01, 20, 17)):
        found = skeleton_overlaps(OF, predicted, annotated, box, area, sigmas)
        for own, other, at in groups(OF):
            evaluation = COCOeval(iouType="keypoints")
            evaluation.params.kpt_oks_sigmas = sigmas
            evaluation._dts[1, 1] = [record(triples) | {"score": 1.0} for triples in predicted[own]]
            parts = zip(annotated[other], box[other], area[other], strict=True)
            evaluation._gts[1, 1] = [record(triples) | {"bbox": own, "area": size} for triples, own, size in parts]
            assert np.array_equal(found[at], np.ravel(evaluation.computeOks(1, 1)))
    assert (
        len(
            skeleton_overlaps(
                extents(np.array([1]), np.array([0])), *(np.empty((n, 17, 3)) for n in (0, 1)), box, area, COCO_SIGMAS
            )
        )
        == 0
    )


def record(triples: Any) -> dict[str, Any]:
    return {"keypoints": triples.ravel().tolist()}
