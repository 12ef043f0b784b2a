"""COCO evaluation against pycocotools and faster-coco-eval: the same files, one run, one core.

Whole processes, from files to the twelve figures: what a person waits for, the start of Python included. Kernels, in
one process: from boxes in memory to the figures. Every figure is compared as well, for a fast wrong answer is none.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from evalstream.importers.coco import annotation_events, prediction_events, read_results, read_truth
from evalstream.pipeline.fold import side_by_side
from evalstream.pipeline.match import matchable
from evalstream.queries.average_precision import ApFigures, average_precision_of
from evalstream.scoring.columns import columns
from evalstream.scoring.detections import detections
from evalstream.selection import Selection

from benchmarks.workload import coco_files

PEERS = {
    "pycocotools": ("pycocotools.coco", "pycocotools.cocoeval", "COCOeval"),
    "faster-coco-eval": ("faster_coco_eval", "faster_coco_eval", "COCOeval_faster"),
}
_SCRIPT = """
import json, sys
from {coco} import COCO
from {module} import {evaluation}
truth = COCO(sys.argv[1])
run = {evaluation}(truth, truth.loadRes(sys.argv[2]), "bbox")
run.evaluate(); run.accumulate(); run.summarize()
print(json.dumps([float(value) for value in run.stats[:12]]))
"""


class Process(NamedTuple):
    """What a whole process took, and what it found."""

    seconds: float
    cpu: float
    megabytes: float
    figures: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--per-image", type=int, default=36)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.images, arguments.per_image)


def run(folder: Path, images: int, per_image: int) -> None:
    """Make the files, time everybody, print both tables."""
    gt, dt = folder / "gt.json", folder / "dt.json"
    truth, results = coco_files(images, per_image)
    gt.write_text(json.dumps(truth))
    dt.write_text(json.dumps(results))
    print(f"{images:,} images, {len(truth['annotations']):,} annotations, {len(results):,} detections")
    evaluate(gt, dt)  # kernels are compiled once an installation, and not here
    whole = {"evalstream": evaluate(gt, dt)} | {name: peer(name, gt, dt) for name in PEERS}
    ours = whole["evalstream"]
    print(f"\n{'files to figures':18}{'s':>9}{'CPU s':>9}{'peak MB':>9}{'ratio':>8}")
    for name, of in whole.items():
        print(f"{name:18}{of.seconds:9.2f}{of.cpu:9.2f}{of.megabytes:9.0f}{of.seconds / ours.seconds:8.1f}")
    inside = {"evalstream": kernels(gt, dt)} | {name: peer_kernels(name, gt, dt) for name in PEERS}
    print(f"\n{'kernels':18}{'s':>9}{'ratio':>26}")
    for name, (seconds, _) in inside.items():
        print(f"{name:18}{seconds:9.3f}{seconds / inside['evalstream'][0]:26.1f}")
    for name, figures in {
        **{n: of.figures for n, of in whole.items()},
        **{n: f for n, (_, f) in inside.items()},
    }.items():
        assert np.allclose(figures, ours.figures, atol=1e-9, rtol=0), (name, figures, ours.figures)


def evaluate(gt: Path, dt: Path) -> Process:
    """Run the command that the README names."""
    command = [str(Path(sys.executable).with_name("evalstream")), "evaluate", "--policy", "coco", "--json"]
    said = process([*command, "--annotations", str(gt), "--predictions", str(dt)])
    figures = json.loads(said[1])
    return Process(*said[0], [figures[name] for name in ApFigures.model_fields])


def peer(name: str, gt: Path, dt: Path) -> Process:
    coco, module, evaluation = PEERS[name]
    script = _SCRIPT.format(coco=coco, module=module, evaluation=evaluation)
    said = process([sys.executable, "-c", script, str(gt), str(dt)])
    return Process(*said[0], json.loads(said[1].splitlines()[-1]))


def process(command: list[str]) -> tuple[tuple[float, float, float], str]:
    """Run a command; give its seconds, its seconds of CPU and its peak of memory in MB, and what it printed."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        started = subprocess.Popen(command, stdout=output)
        _, status, used = os.wait4(started.pid, 0)
        seconds = time.perf_counter() - start
        started.returncode = os.waitstatus_to_exitcode(status)
        assert started.returncode == 0, command
        output.seek(0)
        said = output.read().decode()
    return (seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024), said


def kernels(gt: Path, dt: Path) -> tuple[float, list[float]]:
    """Time overlaps, matching and averaging on what ``evalstream evaluate`` has in memory then."""
    truth = read_truth(gt)
    annotated = annotation_events(truth, "d", 1)
    predicted = prediction_events(read_results(dt, truth), truth, "d", "r", 1)
    scenes = side_by_side(annotated, predicted)
    selection = Selection(dataset="d", run="r", policy="coco")

    def work() -> list[float]:
        of = columns([matchable(annotated, predicted, scenes)], [], "coco")
        found = average_precision_of(detections(of, selection), [], selection)
        return [getattr(found, name) for name in ApFigures.model_fields]

    work()  # loads compiled code
    return timed(work)


def peer_kernels(name: str, gt: Path, dt: Path) -> tuple[float, list[float]]:
    coco, module, evaluation = PEERS[name]
    found = __import__(coco, fromlist=["COCO"]).COCO
    with contextlib.redirect_stdout(io.StringIO()):
        truth = found(str(gt))
        results = truth.loadRes(str(dt))

        def work() -> list[float]:
            run: Any = getattr(__import__(module, fromlist=[evaluation]), evaluation)(truth, results, "bbox")
            run.evaluate()
            run.accumulate()
            run.summarize()
            return [float(value) for value in run.stats[:12]]

        return timed(work)


def timed(work: Callable[[], list[float]]) -> tuple[float, list[float]]:
    start = time.perf_counter()
    figures = work()
    return time.perf_counter() - start, figures


if __name__ == "__main__":
    main()
