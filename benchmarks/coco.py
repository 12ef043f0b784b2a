"""COCO evaluation against its peers: the same files, one run, one core.

Whole processes, from files to the twelve figures: what a person waits for, the start of Python included. In one
process, when everything is imported and compiled: from files to figures a second time, and from what was read of them,
in arrays, to figures, which is matching and averaging alone. Every figure is compared as well, for a fast wrong answer
is none. And confusion matrices at 101 by 101 thresholds, which evalstream has of one evaluation, and others by
evaluating at each.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import evalstream
import evalstream_cli
import numpy as np
from evalstream.provenance import STATS, STATS_OF_KEYPOINTS

from benchmarks.results import write
from benchmarks.workload import as_masks, as_skeletons, coco_files

#: pycocotools' calls, which several packages have.
_AS_PYCOCOTOOLS: Final = """
from {coco} import COCO
from {module} import {evaluation}
def read(gt, dt, kind):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(gt)
        return truth, truth.loadRes(dt)
def figures(read, kind):
    with contextlib.redirect_stdout(io.StringIO()):
        run = {evaluation}(*read, kind)
        run.evaluate(); run.accumulate(); run.summarize()
    return list(run.stats)
"""
#: By package: what defines `read`, which takes the files and pycocotools' `iouType` and gives what is in them as the
#: package holds it, and `figures`, which takes that and gives the figures.
PEERS: Final = {
    "ultrafast-pycocotools": _AS_PYCOCOTOOLS.format(
        coco="ultrafast_pycocotools.coco", module="ultrafast_pycocotools.cocoeval", evaluation="COCOeval"
    ),
    "hotcoco": _AS_PYCOCOTOOLS.format(coco="hotcoco", module="hotcoco", evaluation="COCOeval"),
    "vernier": """
from vernier import instance
def read(gt, dt, kind):
    with open(gt, "rb") as truth, open(dt, "rb") as found:
        return truth.read(), found.read()
def figures(read, kind):
    iou = {"bbox": instance.Bbox, "segm": instance.Segm, "keypoints": instance.Keypoints}[kind]()
    return list(instance.Evaluator(iou=iou, parity_mode="strict").evaluate(*read, num_threads=1).stats)
""",
    "faster-coco-eval": _AS_PYCOCOTOOLS.format(
        coco="faster_coco_eval", module="faster_coco_eval", evaluation="COCOeval_faster"
    ),
    "pycocotools": _AS_PYCOCOTOOLS.format(
        coco="pycocotools.coco", module="pycocotools.cocoeval", evaluation="COCOeval"
    ),
}
#: In the steps of `evalstream.evaluate`.
_OURS: Final = """
from evalstream.evaluation import Evaluation
from evalstream.importers.files import Options, annotations_table, predictions_table, read_annotations, read_predictions
def read(gt, dt, kind):
    options = Options(type=kind)
    truth = read_annotations(gt, options)
    found = read_predictions(dt, truth, options)
    return *(annotations_table(truth, "read", options), predictions_table(found, "read", options)), truth.categories
def figures(read, kind):
    annotated, predicted, categories = read
    return Evaluation(annotated, predicted, categories=categories).average_precision()
"""
#: Those who would take half an hour, several times over, for ten times as many images.
_SMALL_ONLY: Final = ("pycocotools",)
#: Those who read anew for every figure.
_HOLD_NOTHING: Final = ("vernier",)
#: Once, and the figures; or twice, and the seconds of CPU of both parts of the second time.
_ONCE: Final = "import contextlib, io, json, sys\n{steps}\n" + (
    "print(json.dumps([float(one) for one in figures(read(*sys.argv[1:]), sys.argv[3])]))"
)
_TWICE: Final = """import contextlib, io, json, sys, time
{steps}
figures(read(*sys.argv[1:]), sys.argv[3])
start = time.process_time()
held = read(*sys.argv[1:])
done = time.process_time()
figures(held, sys.argv[3])
print(json.dumps([done - start, time.process_time() - done]))
"""
#: The seconds of CPU for the confusion matrices at all thresholds, of an evaluation that has matched nothing yet under
#: the policy, and what counts of some of them, to be compared with those that are asked for alone.
_OUR_MATRICES: Final = """
import json, sys, time
import evalstream
evaluation = evalstream.evaluate(*sys.argv[1:], type="bbox")
start = time.process_time()
found = evaluation.confusion_matrices(policy="iou-greedy")
took = time.process_time() - start
cells = []
for i, j in ((0, 0), (30, 50), (50, 75), (100, 100)):
    asked = {"policy": "iou-greedy", "confidence": found.confidence[i], "iou": found.iou[j], "limit": 100_000}
    alone = evaluation.confusion_matrix(**asked).cells
    cells.append([sorted(found.counts[found.counts[:, i, j] > 0, i, j].tolist()), sorted(one.count for one in alone)])
print(json.dumps([took, len(found.confidence) * len(found.iou), cells]))
"""
#: The seconds of CPU for each of some confusion matrices.
_HOTCOCO_MATRICES: Final = """
import json, sys, time
import hotcoco
truth = hotcoco.COCO(sys.argv[1])
run = hotcoco.COCOeval(truth, truth.load_res(sys.argv[2]), "bbox")
took = []
for confidence, iou in ((0.05, 0.5), (0.3, 0.5), (0.6, 0.75), (0.9, 0.9)):
    start = time.process_time()
    run.confusion_matrix(iou_thr=iou, max_det=1_000_000, min_score=confidence)
    took.append(time.process_time() - start)
print(json.dumps(took))
"""
#: The figures of each kind, in pycocotools' order.
FIGURES: Final = {"bbox": STATS, "segm": STATS, "keypoints": STATS_OF_KEYPOINTS}


class Measured(NamedTuple):
    """Measurements of one evaluator: as a whole process, a second time in one process, and its figures."""

    seconds: float
    cpu: float
    megabytes: float
    again: float  # from files
    held: float | None  # from arrays
    figures: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--per-image", type=int, default=36)
    parser.add_argument("--kind", nargs="+", choices=FIGURES, default=list(FIGURES))
    parser.add_argument("--large", action="store_true", help="boxes of ten times as many images, too: ten minutes more")
    parser.add_argument("--without", nargs="*", choices=PEERS, default=[], help="peers to leave out, as slow ones")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    compile_ours()
    peers = [name for name in PEERS if name not in arguments.without]
    in_kind = {kind: [name for name in peers if kind == "bbox" or name != "vernier"] for kind in FIGURES}
    runs = [(kind, arguments.images, in_kind[kind]) for kind in arguments.kind]
    if arguments.large:
        runs.append(("bbox", 10 * arguments.images, [name for name in in_kind["bbox"] if name not in _SMALL_ONLY]))
    tables = []
    for kind, images, compared in runs:
        with tempfile.TemporaryDirectory() as folder:
            tables.append(run(Path(folder), images, arguments.per_image, kind, compared))
        print(tables[-1], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        tables.append(matrices(Path(folder), arguments.images, arguments.per_image))
    print(tables[-1], flush=True)
    if arguments.write:
        about = (
            "`make bench`, on one core; a ratio above 1 is slower than ours. Of a process that takes less than"
            f" {_QUICK} s the best of {_RUNS} runs counts, whosever it is. In process: the second time in a process,"
            " in seconds of CPU, from files or from what was read of them. vernier reads no masks and skeletons of"
            " detections without a box, and is missing there; it reads files anew for every figure."
        )
        write("COCO files to the figures", about, tables)


def run(folder: Path, images: int, per_image: int, kind: str, peers: list[str]) -> str:
    """Make the files, time everybody, give the table."""
    gt, dt, data = written(folder, images, per_image, kind)
    files = [gt, dt, kind]
    found = {"evalstream": ours(files)} | {name: peer(name, files) for name in peers}
    for name, of in found.items():
        same = np.allclose(of.figures, found["evalstream"].figures, atol=1e-9, rtol=0)
        assert same, (kind, name, of.figures, found["evalstream"].figures)
    return _table(found, f"## {kind}: {data}")


def matrices(folder: Path, images: int, per_image: int) -> str:
    """Make the files, time the confusion matrices of boxes at all thresholds, give the table.

    Nobody wants to wait for each of the others', so that the mean of some stands for all.
    """
    gt, dt, data = written(folder, images, per_image, "bbox")
    said = best([sys.executable, "-c", _OUR_MATRICES, gt, dt], lambda _took, said: json.loads(said)[0])[1]
    ours_took, count, cells = json.loads(said)
    for together, alone in cells:
        assert together == alone, (together, alone)
    some = json.loads(best([sys.executable, "-c", _HOTCOCO_MATRICES, gt, dt], _said)[1])
    theirs = count * float(np.mean(some))
    lines = [
        f"## Confusion matrices of boxes at 101 by 101 thresholds: {data}",
        "",
        "| | CPU s | ratio |",
        "| --- | ---: | ---: |",
        f"| evalstream {version('evalstream')}, `confusion_matrices` of one evaluation | {ours_took:.2f} | 1 |",
        f"| hotcoco {version('hotcoco')}, {count:,} times the mean of {len(some)}, {np.mean(some):.3f} s each"
        f" | {theirs:,.0f} | {theirs / ours_took:,.0f} |",
    ]
    return "\n".join(lines) + "\n"


def written(folder: Path, images: int, per_image: int, kind: str) -> tuple[str, str, str]:
    """Make the files; give their paths, and what is in them."""
    gt, dt = folder / "gt.json", folder / "dt.json"
    truth, results = coco_files(images, per_image)
    if kind != "bbox":
        truth, results = (as_masks if kind == "segm" else as_skeletons)(truth, results)
    gt.write_text(json.dumps(truth))
    dt.write_text(json.dumps(results))
    return (
        str(gt),
        str(dt),
        f"{images:,} images, {len(truth['annotations']):,} annotations, {len(results):,} detections",
    )


def _table(found: dict[str, Measured], title: str) -> str:
    least = found["evalstream"]
    lines = [
        title,
        "",
        "| | whole process: s | CPU s | peak MB | ratio | in process, from files: s | ratio | from arrays: s | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, of in found.items():
        cells = f"{of.seconds:.2f}", f"{of.cpu:.2f}", f"{of.megabytes:.0f}", f"{of.cpu / least.cpu:.2f}"
        again = f"{of.again:.3f}", f"{of.again / least.again:.2f}"
        held = ("", "") if of.held is None else (f"{of.held:.3f}", f"{of.held / (least.held or of.held):.2f}")
        lines.append(f"| {name} {version(name)} | {' | '.join([*cells, *again, *held])} |")
    return "\n".join(lines) + "\n"


def compile_ours() -> None:
    """Compile our modules to bytecode, as an installation does; a checkout may be told not to keep any."""
    for package in (evalstream, evalstream_cli):
        assert compileall.compile_dir(Path(package.__path__[0]), quiet=1)


def ours(files: list[str]) -> Measured:
    """Run the command that the README names, and the library."""
    gt, dt, kind = files
    command = [str(Path(sys.executable).with_name("evalstream")), "evaluate", "--policy", "coco", "--json"]
    took, said = best([*command, "--type", kind, "--annotations", gt, "--predictions", dt], _cpu)
    figures = json.loads(said)
    known = [-1 if figures[name] is None else figures[name] for name in FIGURES[kind]]
    return Measured(*took, *_again(_OURS, files), known)


def peer(name: str, files: list[str]) -> Measured:
    took, said = best([sys.executable, "-c", _ONCE.format(steps=PEERS[name]), *files], _cpu)
    again, held = _again(PEERS[name], files)
    figures = json.loads(said.splitlines()[-1])[: len(FIGURES[files[2]])]
    return Measured(*took, again, None if name in _HOLD_NOTHING else held, figures)


def _cpu(took: tuple[float, float, float], _said: str) -> float:
    return took[1]


def _said(_took: tuple[float, float, float], said: str) -> float:
    """Add up the seconds that a process tells of itself."""
    return float(sum(json.loads(said.splitlines()[-1])))


def _again(steps: str, files: list[str]) -> tuple[float, float]:
    """Give the seconds of CPU of the second time in one process: from files, and without reading them."""
    said = best([sys.executable, "-c", _TWICE.format(steps=steps), *files], _said)[1]
    reading, figures = json.loads(said.splitlines()[-1])
    return reading + figures, figures


#: Runs of a command that takes less than so many seconds, of which the best counts.
_RUNS: Final = 3
_QUICK: Final = 4
#: Seconds, seconds of CPU and megabytes of a process, and what it printed.
Ran = tuple[tuple[float, float, float], str]

#: Runs a command as a child of a small process: a large one would lend it its own peak of memory.
_LAUNCHER: Final = """
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
said = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True).stdout.decode()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
took = time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(json.dumps([took, said]))
"""


def best(command: list[str], cost: Callable[[tuple[float, float, float], str], float]) -> Ran:
    """Run a command again while it is quick, and give the run of the least cost.

    What a virtual machine takes for memory that is touched for the first time varies from run to run.
    """
    runs = [process(command)]
    while len(runs) < _RUNS and runs[0][0][0] < _QUICK:
        runs.append(process(command))
    return min(runs, key=lambda ran: cost(*ran))


def process(command: list[str]) -> Ran:
    """Run a command; give its seconds, its seconds of CPU and its peak of memory in MB, and what it printed."""
    launched = [sys.executable, "-c", _LAUNCHER, *command]
    took, said = json.loads(subprocess.run(launched, stdout=subprocess.PIPE, check=True).stdout)
    return tuple(took), said


if __name__ == "__main__":
    main()
