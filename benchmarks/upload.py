"""A COCO file to an embedded service until every figure reflects it: events a second, CPU and memory of both sides.

An ``evalstream up`` of its own on an empty folder is sent ground truth and detections by ``evalstream upload``, as
somebody at a terminal would, and is asked until nothing is pending. The ratio is to the peer that does the least that
could be done: the same detections read by ``json`` and counted.

The client's memory for one file of 5 million detections (``make bench-upload LARGE=1`` without ``--write``)::

    python -m benchmarks.upload --images 12500 --copies 10 --rounds 1
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.load import service
from benchmarks.results import markdown, write
from benchmarks.workload import as_masks, coco_files, write_coco_files

KINDS = {"bbox": lambda truth, results: (truth, results), "segm": as_masks}
_CPU = re.compile(r"^process_cpu_seconds_total (\S+)$", re.MULTILINE)
_RESIDENT = re.compile(r"^process_resident_memory_bytes (\S+)$", re.MULTILINE)


#: Runs a command, from a process that is small: to the system, what the one before it in its memory held at the most
#: is what the command does.
_MEASURED = """
import json, os, sys, time
start = time.perf_counter()
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, used = os.wait4(pid, 0)
seconds, code = time.perf_counter() - start, os.waitstatus_to_exitcode(status)
print(json.dumps([seconds, code, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


class Used(NamedTuple):
    """What a command used: seconds, those of its processor, and memory at the most."""

    seconds: float
    cpu: float
    mb: float


class Cost(NamedTuple):
    """What one upload of both sides takes."""

    events: int
    predictions: int
    seconds: float  # from the start of the command until every figure reflects it
    client_cpu: float
    client_mb: float  # at the most
    server_cpu: float
    server_mb: float  # at the end
    parsing: float  # the peer's seconds

    def row(self) -> list[str]:
        """Give the cells of a line of the table."""
        return [
            f"{self.predictions:,}",
            f"{self.seconds:.2f}",
            f"{self.predictions / self.seconds:,.0f}",
            f"{self.events / self.seconds:,.0f}",
            f"{self.client_cpu:.2f}",
            f"{self.client_mb:,.0f}",
            f"{self.server_cpu:.2f}",
            f"{self.server_mb:,.0f}",
            f"{self.seconds / self.parsing:.1f}",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--per-image", type=int, default=40)
    parser.add_argument("--type", choices=KINDS, default="bbox")
    parser.add_argument(
        "--copies", type=int, default=1, help="so many times as many images in one file, of equal boxes"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write it to RESULTS.md")
    given = parser.parse_args()
    table = Table("detections", "s", "detections/s", "events/s", title=f"evalstream upload, {given.type}")
    for name in ("client CPU s", "peak MB", "server CPU s", "MB", "times json"):
        table.add_column(name, justify="right")
    for cost in measure(given.images, given.per_image, given.type, given.rounds, given.copies):
        table.add_row(*cost.row())
    Console(width=120).print(table)
    if given.write:
        about = (
            "`make bench-upload`: COCO files by `evalstream upload` to an `evalstream up`, until figures reflect them."
        )
        large = f", one file of {given.copies * given.images * given.per_image:,}" if given.copies > 1 else ""
        write(f"Upload, {given.type}{large}", about, [markdown(table)])


def measure(images: int, per_image: int, kind: str = "bbox", rounds: int = 1, copies: int = 1) -> list[Cost]:
    """Upload a file several times, each time as another dataset, to one service.

    Of copies the peer reads one, so many times: all of them at once would take more memory than anything here.
    """
    with tempfile.TemporaryDirectory() as folder:
        truth, results = KINDS[kind](*coco_files(images, per_image))
        annotations, predictions = Path(folder) / "gt.json", Path(folder) / "dt.json"
        write_coco_files(truth, results, annotations, predictions)
        start = time.perf_counter()
        count = copies * len(json.loads(predictions.read_bytes()))
        parsing = copies * (time.perf_counter() - start)
        if copies > 1:
            write_coco_files(truth, results, annotations, predictions, copies)
        del truth, results
        with service(None) as url:
            wait_until_there(url)
            return [
                _measured(url, f"bench-{i}", annotations, predictions, kind, (2 * copies * images, count, parsing))
                for i in range(rounds)
            ]


def _measured(
    url: str, dataset: str, annotations: Path, predictions: Path, kind: str, known: tuple[int, int, float]
) -> Cost:
    cpu, _ = usage(url)
    words = ("--dataset", dataset, "--type", kind, "--annotations", str(annotations))
    used = upload(url, *words, "--predictions", str(predictions), "--run", "bench")
    progress = httpx.get(f"{url}/v1/datasets/{dataset}/runs/bench/progress").raise_for_status().json()
    assert not progress["pending"], "the command waits until every figure reflects the upload"
    later, resident = usage(url)
    events, count, parsing = known
    return Cost(events, count, used.seconds, used.cpu, used.mb, later - cpu, resident / 2**20, parsing)


def upload(url: str, *words: str) -> Used:
    """Run ``evalstream upload``; tell what it used."""
    command = [str(Path(sys.executable).with_name("evalstream")), "upload", "--url", url, *words]
    known = {**os.environ, "EVALSTREAM_API_KEY": ""}
    told = subprocess.run(
        [sys.executable, "-S", "-c", _MEASURED, *command], env=known, stdout=subprocess.PIPE, check=True
    )
    seconds, code, cpu, kilobytes = json.loads(told.stdout)
    if code:
        raise RuntimeError(f"evalstream upload ended with status {code}")
    return Used(seconds, cpu, kilobytes / 1024)


def usage(url: str) -> tuple[float, float]:
    """Give the CPU seconds that a service has taken, and the bytes that it holds."""
    said = httpx.get(f"{url}/metrics").raise_for_status().text
    cpu, resident = _CPU.search(said), _RESIDENT.search(said)
    assert cpu is not None, "Prometheus tells of a process under Linux alone"
    assert resident is not None
    return float(cpu[1]), float(resident[1])


def wait_until_there(url: str) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"nothing answers at {url}")


if __name__ == "__main__":
    main()
