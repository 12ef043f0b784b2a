"""Intervals: a replicate is the figure on rows that stand as often as their weights say, by the reference itself."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from evalstream.metrics.bootstrap import percentile_bounds, row_weights
from evalstream.selection import Selection
from evalstream.stored.replicates import IntervalOptions, read, replicates
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.evaluating import DATASET, RUN, evaluated
from tests.parity.conftest import Agree

FILES = "instances_val2014_100.json", "instances_val2014_fakebbox100_results.json"
#: Where pycocotools has them among its twelve figures.
FIGURES = {"ap": 0, "ap50": 1, "ap75": 2, "ar_100": 8}
REPLICATES = (0, 1, 2, 3)


def _repeated(items: list[dict[str, Any]], key: str, copies: dict[int, list[int]]) -> list[dict[str, Any]]:
    """Every item of an image once for each copy of the image."""
    return [item | {key: copy} for item in items for copy in copies[item[key]]]


def _pycocotools(truth: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(evaluation.stats[place]) for name, place in FIGURES.items()}


@pytest.fixture(scope="module")
def coco_files(real_data: Path) -> tuple[Path, Path]:
    return real_data / "coco2014_100" / FILES[0], real_data / "coco2014_100" / FILES[1]


def test_average_precision_of_a_replicate(coco_files: tuple[Path, Path], agree: Agree) -> None:
    truth, results = (json.loads(path.read_bytes()) for path in coco_files)
    with evaluated(*coco_files, "coco") as (client, _):
        selection = Selection(dataset=DATASET, run=RUN, policy="coco")
        options = IntervalOptions(group=["average_precision"], ap_replicates=10, seed=4)
        run = read(client, selection, options)
    found = {name: values for (name, _), values in replicates(run, options, None).items()}
    columns = run.detections
    assert columns is not None
    everything = np.ones(len(columns.key), np.bool_)
    for b in REPLICATES:
        weights = row_weights(columns.key, everything, options.seed, b)
        assert b == 0 or set(weights) >= {0, 1, 2, 3}
        copies = {
            int(name): [1000 * int(name) + i for i in range(weight)]
            for name, weight in zip(columns.data_row.to_pylist(), weights.tolist(), strict=True)
        }
        annotations = _repeated(truth["annotations"], "image_id", copies)
        again = truth | {
            "images": _repeated(truth["images"], "id", copies),
            "annotations": [item | {"id": i} for i, item in enumerate(annotations, 1)],
        }
        theirs = _pycocotools(again, _repeated(results, "image_id", copies))
        ours = {name: float(values[b]) for name, values in found.items()}
        agree(
            "AP and AR of bootstrap replicates",
            "pycocotools 2.0 COCOeval on repeated images",
            "coco2014_100",
            ours,
            theirs,
        )


def test_bounds_are_those_of_the_ordinary_bootstrap(coco_files: tuple[Path, Path]) -> None:
    with evaluated(*coco_files, "coco") as (client, _):
        selection = Selection(dataset=DATASET, run=RUN, policy="coco", confidence=0.3)
        options = IntervalOptions(group=["counts"], replicates=4000)
        run = read(client, selection, options)
    tp, predictions, annotations = run.sums.values[:, :3].T
    found = replicates(run, options, None)
    ratio, total = (lambda a, b, axis: a.sum(axis) / b.sum(axis)), (lambda a, axis: a.sum(axis))
    for name, samples, statistic in (
        ("precision", (tp, predictions), ratio),
        ("recall", (tp, annotations), ratio),
        ("tp", (tp,), total),
        ("fp", (predictions - tp,), total),
        ("fn", (annotations - tp,), total),
    ):
        bounds = percentile_bounds(found[name, None][1:], 0.95)
        assert bounds is not None
        theirs = scipy.stats.bootstrap(
            samples, statistic, paired=True, vectorized=True, n_resamples=4000, method="percentile", rng=1
        ).confidence_interval
        width = theirs.high - theirs.low
        assert abs(bounds.low - theirs.low) < 0.08 * width
        assert abs(bounds.high - theirs.high) < 0.08 * width
