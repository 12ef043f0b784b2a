"""pycocotools' calls on our kernels: every array equal to pycocotools' own, bit by bit."""

from __future__ import annotations

import contextlib
import copy
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evalstream import coco as ours
from pycocotools import coco as their_coco
from pycocotools import cocoeval as their_cocoeval

from tests.examples import some_seeds
from tests.parity import test_coco, test_keypoints, test_shapes

Document = dict[str, Any]
Setting = Callable[[Any, random.Random], None]


def evaluated(kind: str, truth: Document, results: Any, iou_type: str, setting: Setting, seed: int = 0) -> Any:
    """Evaluate by "ours", or by "theirs"; both change what they are given, so each has its own copy."""
    coco, run = (ours.COCO, ours.COCOeval) if kind == "ours" else (their_coco.COCO, their_cocoeval.COCOeval)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        annotations = coco()
        annotations.dataset = copy.deepcopy(truth)
        annotations.createIndex()
        evaluation = run(annotations, annotations.loadRes(copy.deepcopy(results)), iou_type)
        if iou_type == "keypoints" and truth["annotations"]:
            size = len(truth["annotations"][0]["keypoints"]) // 3
            if size != 17:
                evaluation.params.kpt_oks_sigmas = np.full(size, 1 / size)
        setting(evaluation.params, random.Random(seed))
        evaluation.evaluate()
        evaluation.accumulate()
        said.truncate(0)
        said.seek(0)
        try:
            evaluation.summarize()
        except IndexError:  # of pycocotools: it wants three numbers of detections
            evaluation.stats = None
        evaluation.said = said.getvalue()
    return evaluation


def assert_equal(one: Any, other: Any) -> None:
    assert np.array_equal(one.stats, other.stats) if other.stats is not None else one.stats is None
    assert one.said == other.said
    assert one.eval["counts"] == other.eval["counts"]
    for name in ("precision", "recall", "scores"):
        assert one.eval[name].shape == other.eval[name].shape, name
        assert np.array_equal(one.eval[name], other.eval[name]), name
    assert vars(one.eval["params"]).keys() == vars(other.eval["params"]).keys()


def default(_params: Any, _rng: random.Random) -> None:
    """Leave the parameters alone."""


def own_thresholds(p: Any, rng: random.Random) -> None:
    p.iouThrs = np.array(rng.sample([0.0, 0.1, 0.5, 0.75, 0.9, 0.999, 1.0, 1 / 3], 5))
    p.recThrs = np.array(rng.choice([[0.0], [0.5, 1.0], [1.0, 0.0, 0.5], list(np.linspace(0, 1, 11))]))


def own_ranges(p: Any, rng: random.Random) -> None:
    p.areaRng = [[0, 1e10], [0, 16], [16, 1024], [1024.1, 9216], [0, 0]]
    p.areaRngLbl = ["all", "tiny", "small", "medium", "none"]
    rng.shuffle(p.areaRng)


def own_numbers(p: Any, rng: random.Random) -> None:
    p.maxDets = rng.choice([[1], [3, 1, 2], [2, 100, 500], [1, 5, 20], [0, 1, 2]])


def a_part(p: Any, rng: random.Random) -> None:
    p.imgIds = rng.choices(p.imgIds, k=4)
    p.catIds = rng.sample(p.catIds, max(1, len(p.catIds) // 2))


def without_classes(p: Any, _rng: random.Random) -> None:
    p.useCats = 0


SETTINGS = [default, own_thresholds, own_ranges, own_numbers, a_part, without_classes]


def boxes(seed: int) -> tuple[Document, list[Document]]:
    rng = random.Random(seed)
    files = test_coco.random_files(rng, dense=seed % 2 == 0)
    if seed % 4 == 0:  # an id 0 is none to pycocotools
        files = test_coco.ids_from_zero(files)
    for one in files.results if seed % 3 == 0 else ():
        one["score"] = one["score"] * 8 - 2  # logits
    if seed % 5 == 0:  # two annotations of one id are one, and the other is counted twice
        files.truth["annotations"][-1:] = [
            one | {"id": files.truth["annotations"][0]["id"]} for one in files.truth["annotations"][-1:]
        ]
    return files.truth, files.results


def masks(seed: int) -> tuple[Document, list[Document]]:
    return test_shapes.random_masks(random.Random(seed))


def skeletons(seed: int) -> tuple[Document, list[Document]]:
    return test_keypoints.random_files(random.Random(seed))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.__name__)
@pytest.mark.parametrize(
    ("files", "iou_type", "count"), [(boxes, "bbox", 20), (masks, "segm", 12), (skeletons, "keypoints", 12)]
)
def test_random_files(
    files: Callable[[int], tuple[Document, list[Document]]], iou_type: str, count: int, setting: Setting
) -> None:
    for seed in some_seeds(count):
        truth, results = files(seed)
        one, other = (evaluated(kind, truth, results, iou_type, setting, seed) for kind in ("ours", "theirs"))
        try:
            assert_equal(one, other)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize(("files", "iou_type"), [(boxes, "bbox"), (masks, "segm"), (skeletons, "keypoints")])
def test_images_and_overlaps(files: Callable[[int], tuple[Document, list[Document]]], iou_type: str) -> None:
    for seed in range(10):
        truth, results = files(seed)
        setting = SETTINGS[seed % 5]
        one, other = (evaluated(kind, truth, results, iou_type, setting, seed) for kind in ("ours", "theirs"))
        assert len(one.evalImgs) == len(other.evalImgs)
        for own, expected in zip(one.evalImgs, other.evalImgs, strict=True):
            assert (own is None) == (expected is None)
            if own is not None:
                assert own.keys() == expected.keys()
                assert all(np.array_equal(own[key], expected[key]) for key in expected), seed
        assert one.ious.keys() == other.ious.keys()
        assert all(np.array_equal(own, other.ious[key]) for key, own in one.ious.items())
        with contextlib.redirect_stdout(io.StringIO()):  # what it shows as dictionaries it accumulates as well
            one.accumulate()
        assert_equal(one, other)


@pytest.mark.parametrize(
    ("name", "files", "iou_type"),
    [
        ("coco2014_100", ("instances_val2014_100.json", "instances_val2014_fakebbox100_results.json"), "bbox"),
        ("coco2014_100", ("instances_val2014_100.json", "instances_val2014_fakesegm100_results.json"), "segm"),
        ("person_keypoints_1000", ("gt.json", "dets_keypoints.json"), "keypoints"),
        ("voc2007_100", test_coco.REAL_SETS["voc2007_100"], "bbox"),
    ],
)
def test_real_data(real_data: Path, name: str, files: tuple[str, str], iou_type: str) -> None:
    found = []
    truth, results = (str(real_data / name / file) for file in files)
    sides = (ours.COCO, ours.COCOeval), (their_coco.COCO, their_cocoeval.COCOeval)
    for coco, run in sides:
        with contextlib.redirect_stdout(io.StringIO()):
            annotations = coco(truth)
            one = run(annotations, annotations.loadRes(results), iou_type)
            one.evaluate()
            one.accumulate()
        with contextlib.redirect_stdout(io.StringIO()) as said:
            one.summarize()
        one.said = said.getvalue()
        found.append(one)
    assert_equal(*found)
    assert found[0].stats[0] > 0.3
