"""COCO's figures: against those published for real data, and against pycocotools itself on files made to be awkward."""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import evalstream
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader
from evalstream.importers.coco import read_results, read_truth
from evalstream.importers.columns import annotation_events, prediction_events
from evalstream.queries.average_precision import ApFigures, AveragePrecision, ClassFigures, average_precisions
from evalstream.selection import Selection
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.evaluating import DATASET, RUN, append, evaluated, upload_documents
from tests.examples import some_seeds
from tests.feeding import close as close_run
from tests.feeding import match_all

Document = dict[str, Any]
#: pycocotools' order of its twelve figures.
FIGURES = tuple(ApFigures.model_fields)


class CocoFiles(NamedTuple):
    """What two COCO files say."""

    truth: Document
    results: list[Document]


class Figures(NamedTuple):
    """Of one evaluation; None where pycocotools says −1."""

    overall: list[float | None]
    at_iou: float | None
    per_class: dict[str, tuple[float | None, float | None, float | None]]  # AP, AP50, AR


# --- real data ------------------------------------------------------------------------------------------------------

REAL_SETS = {
    "coco2014_100": ("instances_val2014_100.json", "instances_val2014_fakebbox100_results.json"),
    "voc2007_100": ("data/database/gts/coco_format_v1/instances_default.json", "dets_mapped_coco_results.json"),
}


@pytest.mark.parametrize("name", list(REAL_SETS))
def test_real_data_gives_the_published_figures(name: str, real_data: Path) -> None:
    truth, results = (real_data / name / file for file in REAL_SETS[name])
    expected = json.loads((real_data / name / "expected.json").read_bytes())["bbox"]["pycocotools"]
    category_names = {
        str(category["id"]): category["name"] for category in json.loads(truth.read_bytes())["categories"]
    }
    with evaluated(truth, results, "coco") as (client, categories):
        found = average_precisions(client, Selection(dataset=DATASET, run=RUN, policy="coco"))
    in_memory = evalstream.evaluate(truth, results)
    assert same_but_for_the_last_bit(in_memory.average_precision(), found)
    assert sorted(category_names.values()) == categories == sorted(in_memory.categories)
    of_classes = {
        category_names[key]: tuple(defined(figures[name]) for name in ("AP", "AP50", "AR"))
        for key, figures in expected["per_class"].items()
    }
    published = Figures([defined(value) for value in expected["stats"].values()], found.at_iou, of_classes)
    assert_same(found, published, 1e-9)


# --- awkward files, against pycocotools -----------------------------------------------------------------------------


#: One random pair of files in so many goes through the tables too; each of five thresholds does.
STORED = 3


def test_random_files_give_the_figures_of_pycocotools(client: Client, tmp_path: Path) -> None:
    cases = {f"random-{seed}": random_files(random.Random(seed)) for seed in some_seeds(30)}
    thresholds = dict(zip(cases, cycle([0.3, 0.5, 0.6, 0.95, 1.0]), strict=False))
    stored = dict(islice(cases.items(), 0, None, STORED))
    upload_documents(client, tmp_path, stored)
    for name, files in cases.items():
        try:
            expected = by_pycocotools(files, thresholds[name])
            exact = in_memory(files, thresholds[name])
            assert_same(exact, expected, 0)  # to the last bit
            if name in stored:
                found = figures_of(client, name, thresholds[name])
                assert_same(found, expected, 1e-12)
                assert same_but_for_the_last_bit(exact, found.model_copy(update={"notes": []}))
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_a_hundred_and_some_detections_of_a_class(client: Client, tmp_path: Path) -> None:
    """The hundred most confident of each class and image count; which of equal ones they are shows in the figures."""
    cases = {}
    for seed in range(6):
        rng = random.Random(seed)
        files = random_files(rng)
        image, annotations = files.truth["images"][0]["id"], files.truth["annotations"]
        targets = [item for item in annotations if item["image_id"] == image] or annotations[:1]
        category = files.truth["categories"][0]["id"]
        for target in targets:
            target |= {"image_id": image, "category_id": category}
        noise = [detection(rng, image, category, random_box(rng)) for _ in range(130)]
        hits = [detection(rng, image, category, near(rng, target["bbox"])) for target in targets for _ in range(3)]
        crowd = noise + hits
        rng.shuffle(crowd)
        cases[f"many-{seed}"] = CocoFiles(files.truth, files.results + crowd)
    upload_documents(client, tmp_path, cases)
    for name, files in cases.items():
        expected = by_pycocotools(files)
        assert_same(figures_of(client, name), expected, 1e-12)
        assert_same(in_memory(files), expected, 0)


def test_ids_from_zero_count_like_any_others(client: Client, tmp_path: Path) -> None:
    """To pycocotools an annotation of id 0 is never found. To us an id is a name."""
    cases = {f"from-one-{seed}": random_files(random.Random(seed), dense=True) for seed in range(100, 110)}
    from_zero = {name.replace("one", "zero"): ids_from_zero(files) for name, files in cases.items()}
    upload_documents(client, tmp_path, cases | from_zero)
    noticed = 0
    for name, files in cases.items():
        found = figures_of(client, name.replace("one", "zero"))
        assert found == figures_of(client, name)
        expected = by_pycocotools(files)
        assert_same(found, expected, 1e-12)
        noticed += by_pycocotools(from_zero[name.replace("one", "zero")]) != expected
    assert noticed, "none of the files shows the difference"


def test_a_class_that_the_ground_truth_does_not_list_is_no_listed_one(client: Client, tmp_path: Path) -> None:
    """Category 7 is in no list; that a listed one is called "7" is a coincidence."""
    box = [0.0, 0.0, 10.0, 10.0]
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "7"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "area": 100.0, "iscrowd": 0}],
    }
    files = CocoFiles(truth, [{"image_id": 1, "category_id": 7, "bbox": box, "score": 0.5}])
    upload_documents(client, tmp_path, {"unlisted": files})
    found = figures_of(client, "unlisted")
    assert_same(found, by_pycocotools(files), 1e-12)
    assert found.ap == 0.0
    assert len(found.per_class) == 2


def test_a_class_without_annotations_is_undefined_and_in_no_mean(client: Client, tmp_path: Path) -> None:
    files = random_files(random.Random(7))
    alone = {"id": 999_999, "name": "never annotated"}
    truth = files.truth | {"categories": [*files.truth["categories"], alone]}
    rng = random.Random(8)
    image = truth["images"][0]["id"]
    predicted = files.results + [detection(rng, image, alone["id"], random_box(rng)) for _ in range(5)]
    upload_documents(client, tmp_path, {"without": files, "with": CocoFiles(truth, predicted)})
    without, found = figures_of(client, "without"), figures_of(client, "with")
    assert all(value is None for value in found.per_class.pop(alone["name"]).model_dump().values())
    assert found.undefined.pop("per_class.never annotated")
    assert any("never annotated" in note for note in found.notes)
    assert found.total == without.total + 1
    assert found.model_copy(update={"notes": [], "total": 0}) == without.model_copy(update={"notes": [], "total": 0})
    assert_same(without, by_pycocotools(files), 1e-12)


def test_a_closed_run_has_the_figures_of_pycocotools_for_images_without_detections(
    client: Client, tmp_path: Path
) -> None:
    # pycocotools counts every image of the ground truth. What is sent is what a detector's loop says: of the images on
    # which it found something, in events of their own.
    cases = {f"partly-{seed}": random_files(random.Random(seed)) for seed in range(10)}
    true, said = [], []
    for name, files in cases.items():
        truth_file, results_file = tmp_path / "truth.json", tmp_path / "results.json"
        truth_file.write_text(json.dumps(files.truth), encoding="utf-8")
        results_file.write_text(json.dumps(files.results), encoding="utf-8")
        truth = read_truth(truth_file)
        true.append(annotation_events(truth, name, 1))
        said.append(prediction_events(read_results(results_file, truth), truth, name, RUN, 1))
    sent = pa.concat_tables(said)
    append(client, pa.concat_tables(true), Reader(AnnotationEvent))
    append(client, sent.filter(pc.greater(pc.list_value_length(sent["object_id"]), 0)), Reader(PredictionEvent))
    assert sum(len(close_run(client, name, RUN)) for name in cases) > 10
    match_all(client, list(cases), ["coco"])
    for name, files in cases.items():
        found = figures_of(client, name)
        assert not any("no prediction of this run" in note for note in found.notes)
        assert_same(found, by_pycocotools(files), 1e-12)


# --- helpers --------------------------------------------------------------------------------------------------------


def figures_of(client: Client, dataset: str, iou: float = 0.5) -> AveragePrecision:
    return average_precisions(client, Selection(dataset=dataset, run=RUN, policy="coco", iou=iou))


def same_but_for_the_last_bit(one: AveragePrecision, other: AveragePrecision) -> bool:
    """Whether two answers agree; a stored run does not know the order of category ids, in which means are summed."""
    ours, theirs = one.model_dump(), other.model_dump()
    of_all = [(ours.pop(name), theirs.pop(name)) for name in (*ClassFigures.model_fields, "ar50", "ar75")]
    return ours == theirs and all(close(*pair, 1e-15) for pair in of_all)


def in_memory(files: CocoFiles, iou: float = 0.5) -> AveragePrecision:
    found = evalstream.evaluate(files.truth, files.results).average_precision(iou=iou)
    return found.model_copy(update={"notes": []})


def by_pycocotools(files: CocoFiles, iou: float = 0.5) -> Figures:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(files.truth))
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(json.loads(json.dumps(files.results))), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        overall = [defined(value) for value in evaluation.stats]
        precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
        per_class = {
            truth.cats[category]["name"]: (
                mean(precision[:, :, k, 0, 2]),
                mean(precision[0, :, k, 0, 2]),
                mean(recall[:, k, 0, 2]),
            )
            for k, category in enumerate(evaluation.params.catIds)
        }
        evaluation.params.iouThrs = np.array([iou])
        evaluation.evaluate()
        evaluation.accumulate()
        return Figures(overall, mean(evaluation.eval["precision"][:, :, :, 0, 2]), per_class)


def mean(values: np.ndarray[Any, Any]) -> float | None:
    values = values[values > -1]
    return float(np.mean(values)) if values.size else None


def defined(value: float) -> float | None:
    return None if value == -1 else float(value)


def assert_same(found: AveragePrecision, expected: Figures, tolerance: float) -> None:
    for name, value in zip(FIGURES, expected.overall, strict=True):
        assert close(getattr(found, name), value, tolerance), f"{name}: {getattr(found, name)}, expected {value}"
    assert close(found.at_iou, expected.at_iou, tolerance), f"at IoU: {found.at_iou}, expected {expected.at_iou}"
    for label, values in expected.per_class.items():
        own = found.per_class.get(label)
        got = (own.ap, own.ap50, own.ar_100) if own else (None, None, None)
        assert all(close(*pair, tolerance) for pair in zip(got, values, strict=True)), f"{label}: {got}, not {values}"


def close(found: float | None, expected: float | None, tolerance: float) -> bool:
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=0, abs_tol=tolerance)


# --- awkward files --------------------------------------------------------------------------------------------------

# Few distinct values, so that ties in confidence and overlap are the rule; sides of 32 and 96 lie on COCO's borders.
PLACES = (0.0, 0.5, 4.0, 10.0, 60.0, 200.0)
SIDES = (0.0, 4.0, 8.0, 31.0, 32.0, 33.0, 96.0, 97.0, 300.0)
AREAS = (0.0, 1023.9, 1024.0, 1024.1, 9215.9, 9216.0, 9216.1, 1e10, 1.1e10)
SHIFTS = (0.0, 0.0, 0.5, 1.0, 2.0, 8.0)
SCORES = (0.0, 0.25, 0.5, 0.5, 0.5, 0.75, 1.0)
CATEGORIES = ("cat", "größe", "猫", "traffic light", "0")


def random_files(rng: random.Random, *, dense: bool = False) -> CocoFiles:
    """Make ground truth with a few images and categories, and detections near its boxes and elsewhere.

    Some images have no annotations, some no detections, some neither; some categories likewise.
    """
    image_ids = list(range(1, 9)) if dense else rng.sample([*range(-50, 0), *range(1, 200), 10**6, 10**9], 8)
    category_ids = list(range(1, 6)) if dense else rng.sample(range(1, 100_000), 5)
    annotated, predicted = rng.sample(category_ids, 4), rng.sample(category_ids, 4)
    annotations: list[Document] = []
    results: list[Document] = []
    for image in rng.sample(image_ids, 7):
        own = [annotation(rng, image, rng.choice(annotated)) for _ in range(rng.choice([0, 1, 3, 8]))]
        annotations += own
        for _ in range(rng.choice([0, 2, 6, 15])):
            target = rng.choice(own) if own and rng.random() < 0.8 else None
            box = near(rng, target["bbox"]) if target else random_box(rng)
            category = target["category_id"] if target and rng.random() < 0.85 else rng.choice(predicted)
            results.append(detection(rng, image, category, box))
    rng.shuffle(annotations)
    rng.shuffle(results)
    # pycocotools cannot read a file without detections.
    results = results or [detection(rng, image_ids[0], predicted[0], random_box(rng))]
    numbers = list(range(1, 1 + len(annotations))) if dense else rng.sample(range(1, 10**9), len(annotations))
    for number, item in zip(numbers, annotations, strict=True):
        item["id"] = number
    categories = [{"id": key, "name": name} for key, name in zip(category_ids, CATEGORIES, strict=True)]
    return CocoFiles(
        {"images": [{"id": key} for key in image_ids], "categories": categories, "annotations": annotations}, results
    )


def annotation(rng: random.Random, image: int, category: int) -> Document:
    box = random_box(rng)
    return {
        "image_id": image,
        "category_id": category,
        "bbox": box,
        "area": rng.choice(AREAS) if rng.random() < 0.5 else box[2] * box[3],
        "iscrowd": int(rng.random() < 0.15),
    }


def detection(rng: random.Random, image: int, category: int, box: list[float]) -> Document:
    score = rng.choice(SCORES) if rng.random() < 0.8 else rng.random()
    return {"image_id": image, "category_id": category, "bbox": box, "score": score}


def random_box(rng: random.Random) -> list[float]:
    return [rng.choice(PLACES), rng.choice(PLACES), rng.choice(SIDES), rng.choice(SIDES)]


def near(rng: random.Random, box: list[float]) -> list[float]:
    x, y, width, height = box
    return [x + rng.choice(SHIFTS), y + rng.choice(SHIFTS), width, height + rng.choice(SHIFTS)]


def ids_from_zero(files: CocoFiles) -> CocoFiles:
    """Lower every id by one, of files whose ids go from 1 up without a gap."""

    def lowered(records: list[Document], *keys: str) -> list[Document]:
        return [record | {key: record[key] - 1 for key in keys} for record in records]

    return CocoFiles(
        {
            "images": lowered(files.truth["images"], "id"),
            "categories": lowered(files.truth["categories"], "id"),
            "annotations": lowered(files.truth["annotations"], "id", "image_id", "category_id"),
        },
        lowered(files.results, "image_id", "category_id"),
    )
