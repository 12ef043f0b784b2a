"""The pixel confusion matrix at every confidence, against an oracle that looks at each pixel."""

from __future__ import annotations

import json
import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from evalstream.geometry.errors import GeometryError
from evalstream.geometry.semantic import PIXELS, run_ends, semantic_measures
from evalstream.ontology import NOTHING_DECLARED
from evalstream.scenes import Batch, Measure, Scenes, Shapes
from evalstream.types import CODES
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from tests.oracles.segmentation import Mask, areas, confusion

FEATURES = ["a", "b", "c", "d"]


def rle(pixels: NDArray[np.bool_]) -> str:
    encoded = coco_mask.encode(np.asfortranarray(pixels, np.uint8))
    return json.dumps({"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode()})


def shapes(scenes: list[list[Mask]]) -> Shapes:
    details = [rle(mask.pixels) for scene in scenes for mask in scene]
    names = [f"#{i}" for scene in scenes for i in range(len(scene))]
    return Shapes(
        pa.array(names, pa.string()), np.zeros(len(names) + 1, np.int64), np.empty(0), pa.array(details, pa.string())
    )


def batch_of(scenes: list[tuple[list[Mask], list[Mask]]]) -> Batch:
    annotations, predictions = [a for a, _ in scenes], [p for _, p in scenes]
    a = [mask for scene in annotations for mask in scene]
    p = [mask for scene in predictions for mask in scene]
    first, last = ([np.concatenate(([0], np.cumsum([len(s) for s in side])))[i:][: len(side)] for side in
                    (annotations, predictions)] for i in (0, 1))  # fmt: skip
    return Batch(
        Scenes(
            annotation_start=first[0],
            annotation_end=last[0],
            prediction_start=first[1],
            prediction_end=last[1],
            annotation_type=np.full(len(a), CODES["mask"], np.int32),
            annotation_feature=np.array([FEATURES.index(mask.label) for mask in a], np.int32),
            annotation_area=np.zeros(len(a)),
            annotation_crowd=np.array([mask.crowd for mask in a], np.bool_),
            annotation_difficult=np.zeros(len(a), np.bool_),
            annotation_box=np.zeros((len(a), 4)),
            prediction_type=np.full(len(p), CODES["mask"], np.int32),
            prediction_feature=np.array([FEATURES.index(mask.label) for mask in p], np.int32),
            prediction_confidence=np.array([mask.confidence for mask in p], np.float64),
            prediction_area=np.zeros(len(p)),
            prediction_box=np.zeros((len(p), 4)),
        ),
        shapes(annotations),
        shapes(predictions),
        FEATURES,
        np.zeros(len(scenes), np.bool_),
        NOTHING_DECLARED,
    )


def at(measures: list[Measure], scene: int, confidence: float) -> Counter[tuple[str, str]]:
    """The sums of what was measured, as the query sees them."""
    found: Counter[tuple[str, str]] = Counter()
    for measure in measures:
        assert measure.name == PIXELS
        assert measure.actual is not None
        assert measure.predicted is not None
        assert measure.confidence is not None
        for i, (a, p) in enumerate(zip(measure.actual, measure.predicted, strict=True)):
            if measure.scene[i] == scene and measure.confidence[i] >= confidence:
                found[a, p] += int(measure.value[i, 0])
    return found


def without_zeros(counts: Counter[tuple[str, str]]) -> dict[tuple[str, str], int]:
    return {cell: count for cell, count in counts.items() if count}


def some_scene(rng: random.Random) -> tuple[list[Mask], list[Mask]]:
    """Masks of one size, of few classes and few confidences: with overlaps, ties, empty and full ones, and crowds."""
    size = rng.randint(1, 9), rng.randint(1, 9)
    seed = np.random.default_rng(rng.getrandbits(63))

    def pixels() -> NDArray[np.bool_]:
        return seed.random(size) < rng.choice([0, 0.2, 0.5, 0.9, 1])

    annotations = [Mask(rng.choice(FEATURES), pixels(), crowd=rng.random() < 0.15) for _ in range(rng.randint(0, 4))]
    predictions = [
        Mask(rng.choice(FEATURES), pixels(), rng.choice([0.1, 0.5, 0.5, 0.8, 1.0])) for _ in range(rng.randint(0, 6))
    ]
    return annotations, predictions


def test_at_every_confidence_the_cells_are_those_of_a_look_at_each_pixel() -> None:
    rng = random.Random(5)
    for _ in range(25):
        scenes = [some_scene(rng) for _ in range(4)]
        measures = semantic_measures(batch_of(scenes))
        for s, (truth, said) in enumerate(scenes):
            if not truth and not said:
                continue
            for confidence in (0, 0.1, 0.100001, 0.5, 0.8, 0.9, 1):
                found = at(measures, s, confidence)
                wanted = confusion(truth, said, confidence)
                own = {cell: n for cell, n in found.items() if cell[0] == cell[1] or "" in cell}
                assert without_zeros(Counter(own)) == without_zeros(areas(truth, said, confidence))
                pairs = {cell: n for cell, n in without_zeros(found).items() if "" not in cell}
                assert pairs == {cell: n for cell, n in wanted.items() if "" not in cell}
                for label in FEATURES:  # what is left over is missed, or a false alarm
                    assert found[label, ""] == sum(n for (a, _), n in wanted.items() if a == label)
                    assert found["", label] == sum(n for (_, p), n in wanted.items() if p == label)


def test_a_class_without_a_pixel_is_known_all_the_same() -> None:
    nothing = np.zeros((2, 2), np.bool_)
    batch = batch_of([([Mask("a", nothing)], [Mask("b", nothing, 0.5), Mask("b", nothing, 0.7)])])
    (measure,) = semantic_measures(batch)
    assert measure.actual == ["", "a"]
    assert measure.predicted == ["b", ""]
    assert measure.value.tolist() == [[0], [0]]
    assert measure.confidence is not None
    assert measure.confidence.tolist() == [0.7, np.inf]


def test_a_scene_does_not_depend_on_the_others() -> None:
    rng = random.Random(6)
    scenes = [some_scene(rng) for _ in range(6)]
    together = semantic_measures(batch_of(scenes))
    for s, scene in enumerate(scenes):
        assert at(together, s, 0.5) == at(semantic_measures(batch_of([scene])), 0, 0.5)


def test_masks_of_different_sizes_are_refused_with_their_names() -> None:
    batch = batch_of([([Mask("a", np.ones((2, 3), np.bool_))], [Mask("a", np.ones((3, 2), np.bool_))])])
    with pytest.raises(GeometryError, match=r"annotation '#0' is 2 x 3, prediction '#0' is 3 x 2"):
        semantic_measures(batch)


def test_runs_that_do_not_fill_the_image_are_refused() -> None:
    batch = batch_of([([Mask("a", np.ones((2, 3), np.bool_))], [])])
    details = pa.array([json.dumps({"size": [2, 4], "counts": json.loads(rle(np.ones((2, 3), np.bool_)))["counts"]})])
    with pytest.raises(GeometryError, match="do not add up"):
        semantic_measures(batch._replace(annotations=batch.annotations._replace(detail=details)))


def test_runs_are_those_that_pycocotools_wrote() -> None:
    rng = np.random.default_rng(7)
    for share in (0, 0.001, 0.3, 0.5, 1):
        pixels = rng.random((311, 417)) < share
        ends = run_ends(json.loads(rle(pixels)))
        flat = np.zeros(311 * 417 + 1, np.int64)
        np.add.at(flat, ends[0::2], 1)
        np.add.at(flat, ends[1::2], -1)
        assert np.array_equal(np.cumsum(flat)[:-1].astype(np.bool_), pixels.ravel(order="F"))
