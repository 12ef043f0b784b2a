"""COCO evaluation against pycocotools and faster-coco-eval: the same files, one process, one run, one core.

Kernel to kernel: from boxes in memory to the twelve figures. End to end: from files to figures. Every figure is
compared as well, for a fast wrong answer is none.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from evalstream.geometry.pairs import overlapping_pairs
from evalstream.matching import match_coco
from evalstream.metrics.average_precision import IOU_THRESHOLDS, RULES
from evalstream.ontology import NOTHING_DECLARED
from evalstream.pipeline import match
from evalstream.pipeline.fold import fold
from evalstream.pipeline.objects import gather, shapes
from evalstream.queries import average_precision as questions
from evalstream.queries.average_precision import ApFigures, average_precisions
from evalstream.queries.selection import Selection
from evalstream.scenes import Batch
from evalstream.storage.events import load_events
from evalstream_local.evaluate import DATASET, RUN, evaluated

from benchmarks.workload import coco_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--per-image", type=int, default=36)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    truth, results = coco_files(arguments.images, arguments.per_image)
    with tempfile.TemporaryDirectory() as folder:
        gt, dt = Path(folder) / "gt.json", Path(folder) / "dt.json"
        gt.write_text(json.dumps(truth))
        dt.write_text(json.dumps(results))
        print(f"{arguments.images:,} images, {len(truth['annotations']):,} annotations, {len(results):,} detections")
        ours = evalstream(gt, dt)
        print(f"{'':18}{'load s':>9}{'kernel s':>10}{'end to end s':>14}{'kernel ratio':>14}{'end ratio':>11}")
        for name, run in {
            "evalstream": ours,
            "pycocotools": pycocotools(gt, dt),
            "faster-coco-eval": faster(gt, dt),
        }.items():
            load, kernel, figures = run
            print(
                f"{name:18}{load:9.2f}{kernel:10.3f}{load + kernel:14.2f}"
                f"{kernel / ours[1]:14.1f}{(load + kernel) / (ours[0] + ours[1]):11.1f}"
            )
            assert np.allclose(figures, ours[2], atol=1e-9, rtol=0), (name, figures, ours[2])


def evalstream(gt: Path, dt: Path) -> tuple[float, float, list[float]]:
    """Time what ``evalstream evaluate`` does, and within it the kernels on what is in memory then."""
    match.warm_up()
    for _ in range(2):  # the first round loads compiled code
        start = time.perf_counter()
        with evaluated(gt, dt, "coco", lambda *_: None) as (client, _):
            selection = Selection(dataset=DATASET, run=RUN, policy="coco")
            averages = average_precisions(client, selection)
            end_to_end = time.perf_counter() - start
            events = load_events(client, DATASET, [str(image["id"]) for image in json.loads(gt.read_bytes())["images"]])
            folded = fold(events)
            annotations = gather(events, [scene.annotations for scene in folded])
            predictions = gather(events, [scene.predictions for scene in folded])
            scenes, features = match._scenes(annotations, predictions)
            lonlat = np.zeros(len(folded), np.bool_)
            batch = Batch(scenes, shapes(annotations), shapes(predictions), features, lonlat, NOTHING_DECLARED)
            columns = questions.load(client, selection)
        start = time.perf_counter()
        match_coco(scenes, overlapping_pairs(batch))
        matched = time.perf_counter()
        thresholds = np.concatenate((IOU_THRESHOLDS, [0.5], questions._AREA_THRESHOLDS))
        questions._averages_by_detection(columns, thresholds, RULES["101-point"], coco=True)
        kernel = time.perf_counter() - start
    averaged = kernel - (matched - start)
    print(f"kernels of evalstream: overlaps and matching {matched - start:.3f} s, averaging {averaged:.3f} s")
    values = averages.model_dump()
    return end_to_end - kernel, kernel, [values[name] for name in ApFigures.model_fields]


def pycocotools(gt: Path, dt: Path) -> tuple[float, float, list[float]]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return _timed(COCO, COCOeval, gt, dt)


def faster(gt: Path, dt: Path) -> tuple[float, float, list[float]]:
    from faster_coco_eval import COCO, COCOeval_faster

    return _timed(COCO, COCOeval_faster, gt, dt)


def _timed(load: Any, evaluation: Any, gt: Path, dt: Path) -> tuple[float, float, list[float]]:
    with contextlib.redirect_stdout(io.StringIO()):
        start = time.perf_counter()
        truth = load(str(gt))
        found = truth.loadRes(str(dt))
        loaded = time.perf_counter()
        run = evaluation(truth, found, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
        end = time.perf_counter()
    return loaded - start, end - loaded, [float(value) for value in run.stats[:12]]


if __name__ == "__main__":
    main()
