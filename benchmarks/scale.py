"""A run of millions of predictions in one embedded service: its load, and every question, with memory and disk.

COCO files of half a million detections each, as of a data set in parts, are uploaded one after another by ``evalstream
upload`` to an ``evalstream up`` of its own. Then each question is asked by the client: for the first time, after the
results of a hundred images were sent again, and at another threshold. No peer keeps a run and answers questions of it,
so there is no ratio here; those to hotcoco are in ``benchmarks/queries.py``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import evalstream
import numpy as np
from evalstream.client.errors import ClientError
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.load import service
from benchmarks.queries import ASKED
from benchmarks.results import markdown, write
from benchmarks.upload import upload, usage, wait_until_there
from benchmarks.workload import coco_files, number_on, write_coco_files

DATASET, RUN = "scale", "model"
#: Images of which the results are sent again before a question is asked once more.
_WRITTEN: Final = 100
_IN_USE: Final = """
import sys
from pathlib import Path
from evalstream.storage.engine import open_embedded
found = open_embedded(Path(sys.argv[1])).query("SELECT sum(bytes_on_disk) FROM system.parts WHERE active")
print(found.result_rows[0][0])
"""


class Load(NamedTuple):
    """What it took to upload a part."""

    seconds: float
    client_mb: float  # at the most
    server_cpu: float
    server_mb: float  # afterwards


class Asked(NamedTuple):
    """Seconds of a question: for the first time, after a write to some data rows of the run, at the next threshold."""

    first: float
    written: float
    next: float


class Scale(NamedTuple):
    """Loads of parts in their order; what each question costs, or why it is refused; bytes on disk."""

    detections: int
    loads: list[Load]
    questions: dict[str, Asked | str]
    disk: int
    in_use: int  # of it, by what has not been merged into something else yet

    def tables(self) -> Iterator[Table]:
        """Lay them out."""
        seconds = sum(load.seconds for load in self.loads)
        table = Table("", "", title=f"{self.detections:,} detections in {len(self.loads)} files")
        table.add_row("from files to queryable", f"{seconds:,.0f} s: {self.detections / seconds:,.0f} detections/s")
        table.add_row("first and last file", f"{self.loads[0].seconds:,.1f} s and {self.loads[-1].seconds:,.1f} s")
        table.add_row("client's memory at the most", f"{max(load.client_mb for load in self.loads):,.0f} MB")
        table.add_row("service: CPU", f"{sum(load.server_cpu for load in self.loads):,.0f} s")
        table.add_row("service: memory after the last", f"{self.loads[-1].server_mb:,.0f} MB")
        table.add_row("disk, with what was just merged", f"{self.disk / 2**20:,.0f} MB")
        table.add_row("disk", f"{self.in_use / 2**20:,.0f} MB: {self.in_use / self.detections:,.0f} bytes a detection")
        yield table
        asked = Table("question", "at first, s", f"{_WRITTEN} images later, s", "next threshold, s")
        for name, cost in self.questions.items():
            asked.add_row(name, *([cost, "", ""] if isinstance(cost, str) else [f"{one:,.2f}" for one in cost]))
        yield asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=20)
    parser.add_argument("--images", type=int, default=12_500, help="of each part")
    parser.add_argument("--per-image", type=int, default=40, help="detections an image")
    parser.add_argument("--write", action="store_true", help="write it to RESULTS.md")
    given = parser.parse_args()
    console = Console(width=120)
    tables = list(measure(given.parts, given.images, given.per_image).tables())
    console.print(*tables)
    if given.write:
        about = "`make bench-scale`: one run, loaded by `evalstream upload` into `evalstream up`, asked by a client."
        title = f"{given.parts * given.images * given.per_image:,} detections in one run"
        write(title, about, map(markdown, tables))


def measure(parts: int, images: int, per_image: int, rounds: int = 1) -> Scale:
    """Upload, and ask."""
    with tempfile.TemporaryDirectory() as folder:
        loads, asked, disk = _loaded_and_asked(folder, parts, images, per_image, rounds)
        return Scale(parts * images * per_image, loads, asked, disk, _in_use(Path(folder, "data", "engine")))


def _loaded_and_asked(
    folder: str, parts: int, images: int, per_image: int, rounds: int
) -> tuple[list[Load], dict[str, Asked | str], int]:
    with service(None, folder) as url:
        wait_until_there(url)
        files = (Path(folder, "gt.json"), Path(folder, "dt.json"))
        truth, results = coco_files(images, per_image)
        loads = []
        for part in track(range(parts), "uploading", console=Console(stderr=True)):
            if part:
                number_on(truth, results, images)
            write_coco_files(truth, results, *files)
            loads.append(_upload(url, *files))
        _cut(truth, results)
        write_coco_files(truth, results, *files)
        with evalstream.connect(url) as client:
            asked = {name: _asked(client, name, said, rounds, files) for name, said in ASKED.items()}
        disk = sum(file.stat().st_size for file in Path(folder, "data").rglob("*") if file.is_file())
        return loads, asked, disk


def _in_use(engine: Path) -> int:
    """Count the bytes of what no merge has replaced, in another process, for one has one engine."""
    return int(subprocess.run([sys.executable, "-c", _IN_USE, engine], stdout=subprocess.PIPE, check=True).stdout)


def _upload(url: str, annotations: Path, predictions: Path) -> Load:
    before, _ = usage(url)
    words = ("--dataset", DATASET, "--run", RUN, "--annotations", str(annotations), "--predictions", str(predictions))
    used = upload(url, *words)
    after, resident = usage(url)
    return Load(used.seconds, used.mb, after - before, resident / 2**20)


def _cut(truth: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Leave some of the images, and what is on them."""
    del truth["images"][_WRITTEN:]
    there = {image["id"] for image in truth["images"]}
    truth["annotations"] = [box for box in truth["annotations"] if box["image_id"] in there]
    results[:] = [box for box in results if box["image_id"] in there]


def _asked(
    client: evalstream.Client, name: str, said: dict[str, Any], rounds: int, again: tuple[Path, Path]
) -> Asked | str:
    def ask(confidence: float) -> float:
        start = time.perf_counter()
        getattr(client, name)(DATASET, RUN, confidence=confidence, **said)
        return time.perf_counter() - start

    def ask_after_a_write() -> float:
        client.upload(DATASET, again[0], predictions=again[1], run=RUN)
        return ask(0.5)

    try:
        first = ask(0.5)
        written = float(np.median([ask_after_a_write() for _ in range(rounds)]))
        return Asked(first, written, float(np.median([ask(0.3 + 0.01 * number) for number in range(rounds)])))
    except ClientError as error:
        return f"refused: {error}"


if __name__ == "__main__":
    main()
