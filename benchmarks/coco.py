"""COCO evaluation against its peers: the same files, one run, one core.

Whole processes, from files to the twelve figures: what a person waits for, the start of Python included. In one
process: from files to figures a second time, when everything is imported and compiled. Every figure is compared as
well, for a fast wrong answer is none.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import evalstream
import numpy as np
from evalstream.queries.average_precision import ApFigures

from benchmarks.workload import coco_files

#: By name: the package, the modules that COCO and the evaluation come from, and the evaluation's name.
PEERS: Final = {
    "ultrafast-pycocotools": ("ultrafast_pycocotools.coco", "ultrafast_pycocotools.cocoeval", "COCOeval"),
    "hotcoco": ("hotcoco", "hotcoco", "COCOeval"),
    "faster-coco-eval": ("faster_coco_eval", "faster_coco_eval", "COCOeval_faster"),
    "pycocotools": ("pycocotools.coco", "pycocotools.cocoeval", "COCOeval"),
}
_SCRIPT: Final = """
import json, sys
from {coco} import COCO
from {module} import {evaluation}
truth = COCO(sys.argv[1])
run = {evaluation}(truth, truth.loadRes(sys.argv[2]), "bbox")
run.evaluate(); run.accumulate(); run.summarize()
print(json.dumps([float(value) for value in run.stats[:12]]))
"""
RESULTS: Final = Path(__file__).parent / "RESULTS.md"


class Measured(NamedTuple):
    """What a whole process took, what a second time in one process took, and what was found."""

    seconds: float
    cpu: float
    megabytes: float
    again: float
    figures: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--per-image", type=int, default=36)
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        table = run(Path(folder), arguments.images, arguments.per_image)
    print(table)
    if arguments.write:
        RESULTS.write_text(table, encoding="utf-8")


def run(folder: Path, images: int, per_image: int) -> str:
    """Make the files, time everybody, give the table."""
    gt, dt = folder / "gt.json", folder / "dt.json"
    truth, results = coco_files(images, per_image)
    gt.write_text(json.dumps(truth))
    dt.write_text(json.dumps(results))
    ours(gt, dt)  # kernels are compiled once an installation, and not here
    found = {"evalstream": ours(gt, dt)} | {name: peer(name, gt, dt) for name in PEERS}
    for name, of in found.items():
        same = np.allclose(of.figures, found["evalstream"].figures, atol=1e-9, rtol=0)
        assert same, (name, of.figures, found["evalstream"].figures)
    return _table(found, f"{images:,} images, {len(truth['annotations']):,} boxes, {len(results):,} detections")


def _table(found: dict[str, Measured], data: str) -> str:
    least = found["evalstream"]
    lines = [
        "# Benchmark: COCO files to the twelve figures",
        "",
        f"{data}; one core of {platform.machine()}, {platform.system()}, Python {platform.python_version()},"
        f" {time.strftime('%Y-%m-%d')}. `make bench` prints this table. Ratios are to evalstream: above 1 is slower.",
        "",
        "| | whole process: s | CPU s | peak MB | ratio | in process, a second time: s | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, of in found.items():
        ratios = of.cpu / least.cpu, of.again / least.again
        cells = f"{of.seconds:.2f}", f"{of.cpu:.2f}", f"{of.megabytes:.0f}", f"{ratios[0]:.2f}"
        again = f"{of.again:.3f}", f"{ratios[1]:.2f}"
        lines.append(f"| {name} {version(name)} | {' | '.join([*cells, *again])} |")
    return "\n".join(lines) + "\n"


def ours(gt: Path, dt: Path) -> Measured:
    """Run the command that the README names, and the library."""
    command = [str(Path(sys.executable).with_name("evalstream")), "evaluate", "--policy", "coco", "--json"]
    said = process([*command, "--annotations", str(gt), "--predictions", str(dt)])
    figures = json.loads(said[1])

    def work() -> object:
        return evalstream.evaluate(gt, dt).average_precision()

    return Measured(*said[0], twice(work), [figures[name] for name in ApFigures.model_fields])


def peer(name: str, gt: Path, dt: Path) -> Measured:
    coco, module, evaluation = PEERS[name]
    script = _SCRIPT.format(coco=coco, module=module, evaluation=evaluation)
    said = process([sys.executable, "-c", script, str(gt), str(dt)])
    loader, evaluator = importlib.import_module(coco).COCO, getattr(importlib.import_module(module), evaluation)

    def work() -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            truth = loader(str(gt))
            of = evaluator(truth, truth.loadRes(str(dt)), "bbox")
            of.evaluate()
            of.accumulate()
            of.summarize()
        return of

    return Measured(*said[0], twice(work), json.loads(said[1].splitlines()[-1]))


#: Runs a command as a child of a small process: a large one would lend it its own peak of memory.
_LAUNCHER: Final = """
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
said = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True).stdout.decode()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
took = time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(json.dumps([took, said]))
"""


def process(command: list[str]) -> tuple[tuple[float, float, float], str]:
    """Run a command; give its seconds, its seconds of CPU and its peak of memory in MB, and what it printed."""
    launched = [sys.executable, "-c", _LAUNCHER, *command]
    took, said = json.loads(subprocess.run(launched, stdout=subprocess.PIPE, check=True).stdout)
    return tuple(took), said


def twice(work: Callable[[], object]) -> float:
    """Give the seconds of CPU of the second time."""
    work()
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
