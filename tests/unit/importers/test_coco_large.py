"""Results that are too many to be held: events are those of the file read whole, and memory does not grow with it."""

from __future__ import annotations

import json
import random
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from evalstream.client import files
from evalstream.client.files import How, Lines, annotation_lines, prediction_lines
from evalstream.importers import coco_columns, coco_large
from evalstream.importers.coco import read_truth
from evalstream.importers.coco_large import read_large
from evalstream.importers.problems import ImporterError

IMAGES = [7, 3, 12, 100, 5, 1]
TRUTH = {
    "images": [{"id": i, "width": 640, "height": 480, "file_name": f"{i}.jpg"} for i in IMAGES],
    "categories": [{"id": 1, "name": "cat"}, {"id": 4, "name": "a=b"}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}],
}


def found(image: int, number: int, **more: Any) -> dict[str, Any]:
    box = [number / 4, 0.1, 20.5, 3]
    return {"image_id": image, "category_id": (1, 4)[number % 2], "bbox": box, "score": number % 9 / 10} | more


def of_images(images: list[int], seed: int = 0) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [found(image, rng.randrange(1000)) for image in images for _ in range(rng.randint(1, 9))]


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "gt.json"
    path.write_text(json.dumps(TRUTH))
    return path


def lines(truth: Path, results: Path) -> Lines:
    how = How()
    _, read = annotation_lines(truth, "d", how)
    assert read is not None
    return prediction_lines(results, truth, read.without_objects(), "d", "r", how)


def events(said: Lines) -> pa.Table:
    assert said.columns is not None
    return pa.concat_tables(said.columns()).combine_chunks().drop_columns("version")


@pytest.mark.parametrize("piece", [400, 1000, 2**20])
@pytest.mark.parametrize("order", ["as images are", "any", "some"])
def test_events_are_those_of_the_file_read_whole(
    tmp_path: Path, truth: Path, monkeypatch: pytest.MonkeyPatch, order: str, piece: int
) -> None:
    images = {"as images are": sorted(IMAGES), "any": IMAGES, "some": [100, 3]}[order]
    results = tmp_path / "dt.json"
    results.write_text(json.dumps(of_images(images)))
    monkeypatch.setattr(files, "PART_OBJECTS", 10)
    monkeypatch.setattr(coco_columns, "_PIECE", piece)
    whole = lines(truth, results)
    monkeypatch.setattr(coco_large, "LARGE_BYTES", 0)
    monkeypatch.setattr(files, "read_predictions", None)  # nobody reads it whole
    large = lines(truth, results)
    assert events(large) == events(whole)
    assert b"".join(large.lines).count(b'"bbox":') == len(json.loads(results.read_text()))
    assert (large.total, large.notes, large.reasons(), large.source) == (6, whole.notes, [], str(results))
    assert len(list(cast(Any, large.columns)())) == len(list(cast(Any, whole.columns)()))


@pytest.mark.parametrize(
    "more",
    [
        [found(7, 1, score=2.5)],
        [found(7, 1, category_id=9)],
        [found(7, 1, bbox=[1, 2, -3, 4])],
        [found(7, 1, bbox=[1, 2, 3, 4e12])],
        [found(1, 2), found(7, 1)],  # of one image in two places
        [found(7, 1) | {"extra": {"a": [1]}, "score": "high"}],
    ],
)
def test_a_file_that_needs_a_word_is_read_whole(
    tmp_path: Path, truth: Path, monkeypatch: pytest.MonkeyPatch, more: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(coco_columns, "_PIECE", 1000)
    results = tmp_path / "dt.json"
    results.write_text(json.dumps([*of_images([7, 3]), *more]))
    assert read_large(results, read_truth(truth)) is None
    whole = lines(truth, results)
    monkeypatch.setattr(coco_large, "LARGE_BYTES", 0)
    again = lines(truth, results)
    assert (again.notes, again.reasons()) == (whole.notes, whole.reasons())
    assert events(again) == events(whole)


@pytest.mark.parametrize("text", ["[]", "{}", "[", json.dumps(of_images([7]))[:-1], json.dumps([found(8, 1)])])
def test_a_file_that_cannot_be_read_is_refused_as_ever(
    tmp_path: Path, truth: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    results = tmp_path / "dt.json"
    results.write_text(text)
    answers = []
    for limit in (2**40, 0):
        monkeypatch.setattr(coco_large, "LARGE_BYTES", limit)
        try:
            answers.append(lines(truth, results).notes)
        except ImporterError as error:
            answers.append([str(error)])
    assert answers[0] == answers[1]
    assert read_large(results, read_truth(truth)) is None


def test_without_a_place_to_put_them_results_are_read_whole(
    tmp_path: Path, truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def write(self, _content: object) -> int:
            raise OSError("no space left on device")

        def close(self) -> None: ...

    results = tmp_path / "dt.json"
    results.write_text(json.dumps(of_images([7, 3])))
    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    assert read_large(results, read_truth(truth)) is None


def test_memory_does_not_grow_with_the_file(tmp_path: Path, truth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco_columns, "_PIECE", 2**15)
    monkeypatch.setattr(coco_large, "LARGE_BYTES", 0)
    monkeypatch.setattr(files, "PART_OBJECTS", 500)
    known = json.loads(truth.read_text())
    known["images"] = [{"id": i, "width": 640, "height": 480} for i in range(200)]
    truth.write_text(json.dumps(known))
    results = tmp_path / "dt.json"
    most = []
    for each in (10, 40, 160):
        results.write_text(json.dumps([found(image, i) for image in range(200) for i in range(each)]))
        _, read = annotation_lines(truth, "d", How())
        tracemalloc.start()
        said = prediction_lines(results, truth, read, "d", "r", How())
        assert said.columns is not None
        assert sum(len(row) for table in said.columns() for row in table["object_id"]) == 200 * each
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[2] < 1.2 * most[1], most
