"""The ways in which people call pycocotools, tried on ours: what they come upon is what they would there."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evalstream.coco import COCO, COCOeval, Params
from pycocotools import coco as their_coco
from pycocotools import cocoeval as their_cocoeval

from tests.parity.test_coco import random_files

Document = dict[str, Any]


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        yield


@pytest.fixture
def truth() -> Document:
    return random_files(random.Random(4), dense=True).truth


@pytest.fixture
def results() -> list[Document]:
    return random_files(random.Random(4), dense=True).results


def by_theirs(truth: Document, results: list[Document], iou_type: str = "bbox") -> Any:
    coco = their_coco.COCO()
    coco.dataset = copy.deepcopy(truth)
    coco.createIndex()
    evaluation = their_cocoeval.COCOeval(coco, coco.loadRes(copy.deepcopy(results)), iou_type)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation


# --- COCO -----------------------------------------------------------------------------------------------------------


def test_a_file_and_what_a_reader_makes_of_it_are_the_same(truth: Document, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth), encoding="utf-8")
    for given in (path, str(path), truth):
        coco = COCO(given)
        assert coco.dataset == truth
        assert coco.anns == {one["id"]: one for one in truth["annotations"]}
        assert list(coco.imgs) == coco.getImgIds() == [one["id"] for one in truth["images"]]
        assert list(coco.cats) == coco.getCatIds()
        assert coco.loadCats(coco.getCatIds(catNms=["cat"]))[0]["name"] == "cat"
        first = truth["annotations"][0]
        assert first["id"] in coco.getAnnIds(imgIds=first["image_id"], catIds=first["category_id"])
        assert first in coco.imgToAnns[first["image_id"]]
        assert first["image_id"] in coco.catToImgs[first["category_id"]]
    assert COCO().anns == {}


def test_a_list_is_no_ground_truth(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("[]")
    with pytest.raises(TypeError, match="an object, and this is a list"):
        COCO(path)


def test_results_of_every_kind(truth: Document, results: list[Document], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results), encoding="utf-8")
    columns = [[one["image_id"], *one["bbox"], one["score"], one["category_id"]] for one in results]
    coco = COCO(truth)
    of_file = coco.loadRes(path)
    for found in (of_file, coco.loadRes(str(path)), coco.loadRes(copy.deepcopy(results))):
        assert isinstance(found, COCO)
        assert found.anns == of_file.anns
    assert [one["bbox"] for one in coco.loadRes(np.array(columns)).anns.values()] == [one["bbox"] for one in results]


def test_no_results_are_results_of_which_none_is_right(truth: Document) -> None:
    coco = COCO(truth)
    evaluation = COCOeval(coco, coco.loadRes([]), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == evaluation.stats[8] == 0.0


def test_masks() -> None:
    outline = [[1, 1, 1, 4, 5, 4, 5, 1]]
    record = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": outline, "area": 12, "iscrowd": 0}
    coco = COCO({"images": [{"id": 1, "height": 6, "width": 8}], "categories": [{"id": 1}], "annotations": [record]})
    assert coco.annToMask(record).shape == (6, 8)
    assert coco.annToMask(record).sum() == 12
    assert coco.annToRLE(record)["size"] == [6, 8]


# --- COCOeval -------------------------------------------------------------------------------------------------------


def test_accumulate_wants_evaluate_first(truth: Document) -> None:
    with pytest.raises(RuntimeError, match="call evaluate"):
        COCOeval(COCO(truth), COCO(), "bbox").accumulate()


def test_an_evaluation_is_copied_and_pickled(truth: Document, results: list[Document]) -> None:
    coco = COCO(truth)
    evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
    evaluation.evaluate()
    for again in (copy.deepcopy(evaluation), pickle.loads(pickle.dumps(evaluation))):
        again.accumulate()
        evaluation.accumulate()
        assert np.array_equal(again.eval["precision"], evaluation.eval["precision"])


def test_pycocotools_own_documents_are_evaluated(truth: Document, results: list[Document]) -> None:
    coco = their_coco.COCO()
    coco.dataset = copy.deepcopy(truth)
    coco.createIndex()
    evaluation = COCOeval(coco, COCO.loadRes(coco, copy.deepcopy(results)), iouType="bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert np.array_equal(evaluation.stats, by_theirs(truth, results).stats)


def test_a_subclass_that_evaluates_images_itself_does(truth: Document, results: list[Document]) -> None:
    class Lenient(COCOeval):
        def computeIoU(self, imgId: Any, catId: Any) -> Any:  # noqa: N802, N803
            found = super().computeIoU(imgId, catId)
            return found if len(found) == 0 else np.ones_like(found)

    coco = COCO(truth)
    stats = []
    for kind in (COCOeval, Lenient):
        evaluation = kind(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        stats.append(evaluation.stats)
    assert stats[1][0] > stats[0][0]


def test_skeletons_of_another_size_are_named() -> None:
    record = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2], "num_keypoints": 1}
    record |= {"bbox": [0, 0, 4, 4], "area": 16, "iscrowd": 0}
    coco = COCO({"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": [record]})
    result = {"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2], "score": 0.5}
    evaluation = COCOeval(coco, coco.loadRes([result]), "keypoints")
    with pytest.raises(ValueError, match="keypoints: must have 51 numbers each; record 1 has 3"):
        evaluation.evaluate()
    evaluation.params.kpt_oks_sigmas = np.array([0.1])
    evaluation.evaluate()
    evaluation.accumulate()
    assert evaluation.eval["recall"].max() == 1.0


# --- as others call it ----------------------------------------------------------------------------------------------


def test_torchvisions_reference_loop(truth: Document, results: list[Document]) -> None:
    """references/detection/coco_eval.py: `cocoDt` and images set for each batch, `evalImgs` of all put together."""
    coco_gt = copy.deepcopy(COCO(truth))
    coco_eval = COCOeval(coco_gt, iouType="bbox")
    image_ids: list[int] = []
    parts = []
    order = [one["id"] for one in truth["images"]]
    random.Random(1).shuffle(order)
    for batch in (order[:3], order[3:4], order[4:]):
        own = [one for one in results if one["image_id"] in batch]
        coco_eval.cocoDt = COCO.loadRes(coco_gt, own) if own else COCO()
        coco_eval.params.imgIds = list(batch)
        coco_eval.evaluate()
        shape = -1, len(coco_eval.params.areaRng), len(coco_eval.params.imgIds)
        parts.append(np.asarray(coco_eval.evalImgs).reshape(shape))
        image_ids += coco_eval.params.imgIds
    merged, at = np.unique(image_ids, return_index=True)
    coco_eval.evalImgs = list(np.concatenate(parts, 2)[..., at].flatten())
    coco_eval.params.imgIds = list(merged)
    coco_eval._paramsEval = copy.deepcopy(coco_eval.params)
    coco_eval.accumulate()
    coco_eval.summarize()
    expected = by_theirs(truth, results)
    assert np.array_equal(coco_eval.stats, expected.stats)
    assert all(np.array_equal(coco_eval.eval[name], expected.eval[name]) for name in ("precision", "recall", "scores"))


def test_detectron2s_evaluator_and_its_own_summary(truth: Document, results: list[Document]) -> None:
    """detectron2/evaluation/coco_evaluation.py: figures per class of `precision`, and a summary of its own."""

    class COCOevalMaxDets(COCOeval):
        def summarize(self) -> None:
            p = self.params
            own = self.eval["precision"][:, :, :, 0, p.maxDets.index(max(p.maxDets))]
            self.stats = np.array([np.mean(own[own > -1])])

    coco_gt = COCO(truth)
    coco_dt = coco_gt.loadRes(copy.deepcopy(results))
    coco_eval = COCOevalMaxDets(coco_gt, coco_dt, "bbox")
    coco_eval.params.maxDets = [1, 10, 200]
    coco_eval.params.imgIds = sorted(one["id"] for one in truth["images"])
    coco_eval.evaluate()
    coco_eval.accumulate()
    coco_eval.summarize()
    expected = by_theirs(truth, results)
    precisions = coco_eval.eval["precision"]
    assert precisions.shape[2] == len(truth["categories"])
    assert np.array_equal(precisions[..., 2], expected.eval["precision"][..., 2])
    assert coco_eval.stats[0] == expected.stats[0]


def test_proposals_without_classes(truth: Document, results: list[Document]) -> None:
    """Average recall of proposals: `useCats` 0, and a number of proposals at a time."""
    stats = []
    for coco, run in ((COCO, COCOeval), (their_coco.COCO, their_cocoeval.COCOeval)):
        annotations = coco()
        annotations.dataset = copy.deepcopy(truth)
        annotations.createIndex()
        evaluation = run(annotations, annotations.loadRes(copy.deepcopy(results)), "bbox")
        evaluation.params.useCats = 0
        evaluation.params.maxDets = [3, 30, 300]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        stats.append(evaluation.stats)
    assert np.array_equal(*stats)
    assert stats[0][8] > 0


def test_parameters_are_theirs() -> None:
    assert Params("keypoints").maxDets == [20]
    with pytest.raises(Exception, match="iouType not supported"):
        COCOeval(COCO(), COCO(), "box")


def test_scripts_that_import_pycocotools_get_ours(truth: Document, results: list[Document], tmp_path: Path) -> None:
    for name, document in (("gt", truth), ("dt", results)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    script = """
import evalstream.coco
evalstream.coco.init_as_pycocotools()
import pycocotools.coco
import pycocotools.mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params
assert COCO is pycocotools.coco.COCO is evalstream.coco.COCO and COCOeval is evalstream.coco.COCOeval
truth = COCO("gt.json")
run = COCOeval(truth, truth.loadRes("dt.json"), "bbox")
run.evaluate(); run.accumulate(); run.summarize()
print(list(map(float, run.stats)))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == list(by_theirs(truth, results).stats)
