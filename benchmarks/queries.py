"""Measure what questions cost an embedded service: asked anew after a write, and at the next threshold.

A run of COCO-like boxes is uploaded into a folder, and its questions are asked in this process as routes ask them, with
their answers as JSON. Each is asked at thresholds that follow one another, as from a slider: what was read of the
tables is then known already, and after a write to a hundred data rows it is not of these. Beside them stands what
hotcoco takes in this process for one evaluation of the same boxes (evaluate, accumulate and summarize), which whoever
has no service repeats.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import evalstream
import numpy as np
from evalstream.matching import POLICIES
from evalstream.questions import Questions
from evalstream.storage.engine import open_embedded
from evalstream.storage.migrate import migrated_clients
from evalstream_api.questions import ANSWERS
from evalstream_service.backend import Backend
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from benchmarks.results import markdown, write
from benchmarks.workload import coco_files

DATASET, RUN = "bench", "model"
#: Images of which results are written again before a question is asked anew.
_WRITTEN: Final = 100
_WRITE: Final = """
INSERT INTO results SELECT * REPLACE (version + 1 AS version) FROM results FINAL
WHERE dataset = {dataset:String} AND run = {run:String} AND data_row IN (
    SELECT data_row FROM results WHERE dataset = {dataset:String} AND run = {run:String} LIMIT {images:UInt32})
"""
#: What is asked, and with what besides thresholds.
ASKED: Final[dict[str, dict[str, Any]]] = {
    "summary": {},
    "confusion_matrix": {},
    "classes": {},
    "overview": {},
    "pr_curve": {},
    "average_precision": {"policy": "coco"},
    "thresholds": {},
    "errors": {},
    "intervals": {},
    "rows": {"limit": 30},
}


class Cost(NamedTuple):
    """Milliseconds of a question: of the clock after a write, and of the clock and the CPU at the next thresholds."""

    first: float
    next: float
    cpu: float


class Measured(NamedTuple):
    """What questions cost, by name; and milliseconds of one evaluation by hotcoco."""

    costs: dict[str, Cost]
    hotcoco: float

    def table(self, title: str) -> Table:
        """Lay it out."""
        table = Table(title=title)
        for name in ("question", f"{_WRITTEN} images later, ms", "next threshold, ms", "its CPU, ms", "of hotcoco's"):
            table.add_column(name, justify="left" if name == "question" else "right")
        for name, (first, step, cpu) in self.costs.items():
            table.add_row(name, f"{first:,.1f}", f"{step:,.1f}", f"{cpu:,.1f}", f"{step / self.hotcoco:.3f}")
        table.add_row("hotcoco, one evaluation", f"{self.hotcoco:,.1f}", "", "", "1")
        return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--per-image", type=int, default=36, help="detections an image")
    parser.add_argument("--rounds", type=int, default=7, help="of each question; the median counts")
    parser.add_argument("--write", action="store_true", help="write it to RESULTS.md")
    given = parser.parse_args()
    measured = measure(given.images, given.per_image, given.rounds)
    title = f"{given.images:,} images, {given.images * given.per_image:,} detections"
    table = measured.table(title)
    Console(width=120).print(table)
    if given.write:
        about = (
            "`make bench-queries`: what questions cost an embedded service, in its own process, median of the rounds."
        )
        write(f"Questions of {given.images * given.per_image:,} detections", about, [markdown(table)])


def measure(images: int, per_image: int, rounds: int) -> Measured:
    """Upload, and ask."""
    truth, found = coco_files(images, per_image)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "truth.json"), Path(folder, "found.json")
        for file, content in zip(files, (truth, found), strict=True):
            file.write_text(json.dumps(content), encoding="utf-8")
        with evalstream.connect(Path(folder, "data")) as client:
            client.upload(DATASET, files[0], predictions=files[1], run=RUN)
        with migrated_clients(lambda: open_embedded(Path(folder, "data", "engine"))) as clients:
            backend = Backend(clients=clients, policies=list(POLICIES))
            costs = {name: _cost(backend, name, said, rounds) for name, said in ASKED.items()}
        return Measured(costs, _hotcoco(*files, rounds))


def _cost(backend: Backend, name: str, said: dict[str, Any], rounds: int) -> Cost:
    question = getattr(Questions, name)
    answer = TypeAdapter(question.answer)

    def ask(confidence: float) -> None:
        query = question.put({"confidence": confidence} | said)
        answer.dump_json(ANSWERS[question.name](backend, dataset=DATASET, run=RUN, query=query))

    ask(0.5)
    first, step, cpu = [], [], []
    for number in range(rounds):
        backend.clients().command(_WRITE, {"dataset": DATASET, "run": RUN, "images": _WRITTEN})
        first.append(_milliseconds(lambda: ask(0.5), time.perf_counter))
        before = time.process_time()
        step.append(_milliseconds(lambda n=number: ask(0.3 + 0.01 * n), time.perf_counter))  # type: ignore[misc]
        cpu.append(1e3 * (time.process_time() - before))
    return Cost(*(float(np.median(times)) for times in (first, step, cpu)))


def _hotcoco(truth: Path, found: Path, rounds: int) -> float:
    from hotcoco import COCO, COCOeval

    def evaluate() -> None:
        run = COCOeval(gt, dt, "bbox")
        run.evaluate()
        run.accumulate()
        with contextlib.redirect_stdout(io.StringIO()):
            run.summarize()

    gt = COCO(str(truth))
    dt = gt.loadRes(str(found))
    return float(np.median([_milliseconds(evaluate, time.perf_counter) for _ in range(rounds)]))


def _milliseconds(work: Callable[[], None], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return 1e3 * (clock() - start)


if __name__ == "__main__":
    main()
