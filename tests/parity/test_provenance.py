"""The reference that a figure names is the one that it equals."""

from __future__ import annotations

import contextlib
import copy
import io
import re

import evalstream
import numpy as np
import pyarrow as pa
import pytest
import sklearn.metrics
from evalstream.importers.columns import CocoType
from evalstream.provenance import WRITTEN_OUT
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from benchmarks.workload import as_masks, as_skeletons, coco_files

_MADE = {"bbox": lambda truth, found: (truth, found), "segm": as_masks, "keypoints": as_skeletons}


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_what_is_said_to_be_pycocotools_is(kind: CocoType) -> None:
    truth, found = _MADE[kind](*coco_files(30, 20))
    evaluation = evalstream.evaluate(copy.deepcopy(truth), copy.deepcopy(found), type=kind)
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = truth
        known.createIndex()
        run = COCOeval(known, known.loadRes(found), kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
    figures, said = evaluation.figures("val"), evaluation.provenance("val")
    assert said.keys() == figures.keys()
    compared = 0
    for name, reference in said.items():
        place = re.fullmatch(r"pycocotools 2\.0 COCOeval\.stats\[(\d+)\]", reference)
        if place is None:
            assert reference == WRITTEN_OUT, name
            continue
        np.testing.assert_allclose(figures[name], run.stats[int(place[1])], rtol=0, atol=1e-12, err_msg=name)
        compared += 1
    # All that are above −1; of keypoints, `figures` leaves out the recalls at one threshold.
    assert compared == np.count_nonzero(run.stats > -1) - (2 if kind == "keypoints" else 0)


def test_what_is_said_to_be_of_scikit_learn_is() -> None:
    rng = np.random.default_rng(3)
    truth, answer = rng.choice(["cat", "dog", "cow"], (2, 60))
    rows = {"id": [f"row {i}" for i in range(60)]}
    tables = pa.table(rows | {"truth": truth.tolist()}), pa.table(rows | {"answer": answer.tolist()})
    evaluation = evalstream.evaluate(*tables)
    figures, said = evaluation.figures(), evaluation.provenance()
    for name in ("precision", "recall", "f1"):
        assert said[name] == f"scikit-learn 1.9 {name}_score(average='micro')"
        score = getattr(sklearn.metrics, f"{name}_score")(truth, answer, average="micro")
        np.testing.assert_allclose(figures[name], score, rtol=0, atol=1e-12, err_msg=name)


def test_no_other_policy_is_said_to_be_pycocotools() -> None:
    evaluation = evalstream.evaluate(*coco_files(5, 5))
    assert set(evaluation.provenance(policy="iou-greedy").values()) == {WRITTEN_OUT}
