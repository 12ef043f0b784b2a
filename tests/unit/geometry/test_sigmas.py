"""Published sigmas."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

import evalstream
import numpy as np
import pytest
from evalstream.geometry.keypoints import COCO_SIGMAS
from evalstream.geometry.sigmas import PUBLISHED, SigmasName
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def test_their_numbers() -> None:
    assert {name: len(sigmas) for name, sigmas in PUBLISHED.items()} == {
        "coco": 17,
        "crowdpose": 14,
        "wholebody": 133,
        "hand": 21,
    }
    np.testing.assert_allclose(PUBLISHED["coco"], COCO_SIGMAS, rtol=1e-15)
    assert PUBLISHED["wholebody"][:17] == PUBLISHED["coco"]
    assert PUBLISHED["wholebody"][-21:] == PUBLISHED["wholebody"][-42:-21] == PUBLISHED["hand"]


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_figures_are_those_of_pycocotools_with_these_sigmas(name: SigmasName) -> None:
    count = len(PUBLISHED[name])
    draw = np.random.default_rng(count)
    truth: dict[str, Any] = {
        "images": [{"id": i} for i in range(1, 21)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [],
    }
    results = []
    for i in range(1, 21):
        at = draw.uniform(0, 100, (count, 2))
        own = np.column_stack((at, np.full(count, 2))).ravel().tolist()
        box = [0.0, 0.0, 100.0, 100.0]
        known = {"id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "num_keypoints": count}
        truth["annotations"].append(known | {"keypoints": own, "bbox": box, "area": 10_000.0})
        moved = np.column_stack((at + draw.normal(0, 6, at.shape), np.ones(count))).ravel().tolist()
        results.append({"image_id": i, "category_id": 1, "keypoints": moved, "score": float(draw.random())})
    with contextlib.redirect_stdout(io.StringIO()):
        ground = COCO()
        ground.dataset = copy.deepcopy(truth)
        ground.createIndex()
        evaluation = COCOeval(ground, ground.loadRes(copy.deepcopy(results)), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(PUBLISHED[name])
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    found = evalstream.evaluate(truth, results, type="keypoints", sigmas=name).average_precision()
    assert (found.ap, found.ap50, found.ap75) == pytest.approx(tuple(evaluation.stats[:3]), abs=1e-12)
    assert evalstream.evaluate(
        truth, results, type="keypoints", sigmas=list(PUBLISHED[name])
    ).average_precision().ap == pytest.approx(found.ap)


@pytest.mark.parametrize(("sigmas", "message"), [("foot", "none are published as 'foot'"), ([0.0], "must be above 0")])
def test_what_are_no_sigmas(sigmas: Any, message: str) -> None:
    truth: dict[str, Any] = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "p"}], "annotations": []}
    with pytest.raises(evalstream.ImporterError, match=message):
        evalstream.evaluate(truth, [], type="keypoints", sigmas=sigmas)
