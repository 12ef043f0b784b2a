"""Object keypoint similarity: equal to pycocotools to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.keypoints import COCO_SIGMAS, keypoint_measures, keypoint_pairs
from evalstream.ontology import NOTHING_DECLARED, Ontology, OntologyClass
from evalstream.types import CODES
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.cocoeval import COCOeval, Params

from tests.unit.geometry.shapes import Shape, batch_of

CODE = CODES["keypoints"]


def test_sigmas_are_those_of_coco() -> None:
    assert np.array_equal(Params("keypoints").kpt_oks_sigmas, COCO_SIGMAS)


@pytest.mark.parametrize("size", [17, 1, 5, 9, 16, 133, 300])
@pytest.mark.parametrize("seed", range(5))
def test_every_bit_is_that_of_pycocotools(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, found = skeletons(rng, size, 12), skeletons(rng, size, 15)
    scenes = [
        ([annotated(*item) for item in true], [predicted(keypoints) for keypoints, *_ in found]),
        ([annotated(*item) for item in true[:3]], [predicted(item[0] + rng.normal(0, 3, (size, 3))) for item in true]),
    ]
    sigmas = COCO_SIGMAS if size == 17 else np.full(size, 1 / size)
    expected = np.concatenate([by_pycocotools(*scene, sigmas).ravel() for scene in scenes])

    batch = batch_of("keypoints", scenes)
    pairs = keypoint_pairs(batch, CODE)
    at = [(p, a) for p in range(15) for a in range(12)] + [(15 + p, 12 + a) for p in range(12) for a in range(3)]
    got = dict(zip(zip(pairs.prediction, pairs.annotation, strict=True), pairs.iou, strict=True))
    assert [got.get(pair, 0.0) for pair in at] == expected.tolist()
    assert np.count_nonzero(expected) > 20
    oks, *distances = keypoint_measures(batch, pairs.prediction, pairs.annotation)
    assert oks.value[:, 0].tolist() == pairs.iou.tolist()
    assert sum(len(one.value) for one in distances) == len(pairs.iou)


def skeletons(rng: np.random.Generator, size: int, count: int) -> list[tuple[np.ndarray, list[float], float]]:
    """Keypoints, box and area; a third of the skeletons have nothing labelled, some no area."""
    found = []
    for i in range(count):
        visible = rng.integers(0, 3, size) * (i % 3 > 0)
        xy = rng.uniform(0, 60, (size, 2)).round(int(rng.integers(0, 3)))
        box = [*rng.uniform(0, 30, 2), *rng.uniform(0, 60, 2)]
        found.append((np.column_stack((xy, visible)), box, float(rng.choice([0.0, 30.0, 1e4, 1e6]))))
    return found


def annotated(keypoints: np.ndarray, box: list[float], area: float) -> Shape:
    return Shape([*box, *keypoints.ravel()], area=area)


def predicted(keypoints: np.ndarray) -> Shape:
    return Shape(list(keypoints.ravel()))


def by_pycocotools(true: list[Shape], found: list[Shape], sigmas: np.ndarray) -> np.ndarray:
    evaluation = COCOeval(iouType="keypoints")
    evaluation.params.kpt_oks_sigmas = sigmas
    evaluation._gts[1, 1] = [{"keypoints": s.numbers[4:], "bbox": s.numbers[:4], "area": s.area} for s in true]
    evaluation._dts[1, 1] = [{"keypoints": shape.numbers, "score": 1.0} for shape in found]
    return np.asarray(evaluation.computeOks(1, 1))


coordinates = st.sampled_from([0.0, 0.5, 3.0, 10.0, 40.0])
keypoints = st.lists(st.tuples(coordinates, coordinates, st.integers(0, 2)), min_size=4, max_size=4).map(np.array)


@given(keypoints, keypoints, st.integers(-1000, 1000))
def test_place_does_not_matter(true: np.ndarray, found: np.ndarray, shift: int) -> None:
    box, moved_box = [0.0, 0.0, 8.0, 8.0], [float(shift), float(shift), 8.0, 8.0]
    moved = [keypoints + np.array([shift, shift, 0]) for keypoints in (true, found)]
    one = keypoint_pairs(batch_of("keypoints", [([annotated(true, box, 99.0)], [predicted(found)])]), CODE)
    scene = [annotated(moved[0], moved_box, 99.0)], [predicted(moved[1])]
    other = keypoint_pairs(batch_of("keypoints", [scene]), CODE)
    assert one.iou.tolist() == other.iou.tolist()
    assert np.all((one.iou > 0) & (one.iou <= 1))


@given(keypoints)
def test_a_skeleton_is_itself(true: np.ndarray) -> None:
    """Even without any area. One of which nothing is labelled is whatever lies within its doubled box."""
    batch = batch_of("keypoints", [([annotated(true, [0.0, 0.0, 40.0, 40.0], 0.0)], [predicted(true)])])
    assert keypoint_pairs(batch, CODE).iou.tolist() == [1.0]


def test_distances_are_of_labelled_keypoints_in_their_order() -> None:
    true = np.array([[0, 0, 2], [10, 0, 1], [20, 0, 0]], np.float64)
    found = np.array([[3, 4, 0.5], [10, 0, 0.1], [20, 0, 0.9]])
    batch = batch_of("keypoints", [([annotated(true, [0.0, 0.0, 30.0, 7.0], 200.0)], [predicted(found)])])
    first = np.zeros(1, np.int32)
    _, distances = keypoint_measures(batch, first, first)
    np.testing.assert_array_equal(distances.value, [[30.0, 7.0, 200.0, 5.0, 0.0, np.nan]])


def skeleton(size: int, feature: str, side: Any) -> Shape:
    keypoints = np.tile([1.0, 1.0, 2.0], (size, 1))
    shape = annotated(keypoints, [0.0, 0.0, 9.0, 9.0], 81.0) if side == "annotation" else predicted(keypoints)
    return shape._replace(feature=feature)


def test_skeletons_of_one_class_need_equally_many_keypoints() -> None:
    batch = batch_of(
        "keypoints",
        [
            ([skeleton(3, "hand", "annotation")], [skeleton(3, "hand", "prediction")]),
            ([skeleton(3, "hand", "annotation")], [skeleton(4, "hand", "prediction")]),
        ],
    )
    with pytest.raises(GeometryError, match=r"annotation 'a1' has 3 keypoints and prediction 'p1' has 4"):
        keypoint_pairs(batch, CODE)


def test_skeletons_of_other_classes_may_have_other_keypoints() -> None:
    annotations = [skeleton(3, "hand", "annotation"), skeleton(4, "foot", "annotation")]
    found = keypoint_pairs(batch_of("keypoints", [(annotations, [skeleton(4, "foot", "prediction")])]), CODE)
    assert found.annotation.tolist() == [1]


def test_sigmas_are_the_declared_ones() -> None:
    true, found = np.array([[0, 0, 2], [9, 0, 2]], np.float64), np.array([[0, 1, 1], [9, 3, 1]], np.float64)
    scenes = [([annotated(true, [0.0, 0.0, 9.0, 9.0], 81.0)], [predicted(found)])]
    declared = Ontology(classes=[OntologyClass(name="thing", sigmas=[0.1, 0.3])])
    for ontology, sigmas in ((NOTHING_DECLARED, [0.5, 0.5]), (declared, [0.1, 0.3])):
        pairs = keypoint_pairs(batch_of("keypoints", scenes, ontology), CODE)
        assert pairs.iou.tolist() == by_pycocotools(*scenes[0], np.array(sigmas)).ravel().tolist()
    wrong = Ontology(classes=[OntologyClass(name="thing", sigmas=[0.1, 0.2, 0.3])])
    with pytest.raises(GeometryError, match=r"'a0' has 2 keypoints, and the ontology gives 3 sigmas .* 'thing'"):
        keypoint_pairs(batch_of("keypoints", scenes, wrong), CODE)
