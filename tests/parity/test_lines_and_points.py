"""Lines and points, from event to figure: against shapely, SciPy, similaritymeasures and pycocotools' own matching.

Among the real data sets none has lines. Arms and legs of real persons, annotated and predicted, are real lines; their
keypoints are real points. Random ones bring ties, coincidence, and lines without length.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import similaritymeasures
from clickhouse_connect.driver.client import Client
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.measures import QUANTILES, MeasureSummary, measures
from evalstream.selection import Selection
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.spatial import KDTree
from scipy.spatial.distance import directed_hausdorff
from shapely import LineString

from tests.feeding import feed
from tests.parity.conftest import Agree

Thing = dict[str, Any]
Rows = dict[str, list[Thing]]
#: Where nothing is declared, in pixels.
TOLERANCE = 10.0
LIMBS = {"left arm": (5, 7, 9), "right arm": (6, 8, 10), "left leg": (11, 13, 15), "right leg": (12, 14, 16)}
FIGURES = ("ap", "ap50", "ap75", "ar_1", "ar_10", "ar_100")


class Case(NamedTuple):
    """What is annotated and predicted, by data row; rows are numbers from 1."""

    name: str
    annotations: Rows
    predictions: Rows


@pytest.fixture(scope="module")
def persons(real_data: Path) -> tuple[list[Thing], list[Thing]]:
    folder = real_data / "person_keypoints_1000"
    annotations = json.loads((folder / "gt.json").read_bytes())["annotations"]
    detections = json.loads((folder / "dets_keypoints.json").read_bytes())
    return annotations, detections


def limbs(persons: tuple[list[Thing], list[Thing]], images: int) -> Case:
    chosen = sorted({item["image_id"] for item in persons[0]})[:images]
    rows: list[Rows] = []
    for side in persons:
        found: Rows = {str(image): [] for image in chosen}
        for item in side:
            points = np.reshape(item["keypoints"], (-1, 3))
            for name, members in LIMBS.items():
                if item["image_id"] in chosen and ("score" in item or np.all(points[list(members), 2] > 0)):
                    line = points[list(members), :2].tolist()
                    sure = {"confidence": float(np.clip(points[list(members), 2].mean(), 0, 1))}
                    found[str(item["image_id"])].append(
                        {"type": "polyline", "feature": name, "polyline": line} | (sure if "score" in item else {})
                    )
        rows.append(found)
    return Case("limbs", *rows)


def joints(persons: tuple[list[Thing], list[Thing]], images: int) -> Case:
    chosen = sorted({item["image_id"] for item in persons[0]})[:images]
    rows: list[Rows] = []
    for side in persons:
        found: Rows = {str(image): [] for image in chosen}
        for item in side:
            for k, (x, y, v) in enumerate(np.reshape(item["keypoints"], (-1, 3)).tolist()):
                if item["image_id"] in chosen and ("score" in item or v > 0):
                    sure = {"confidence": min(max(v, 0.0), 1.0)} if "score" in item else {}
                    point = {"type": "point", "feature": f"joint {k % 4}", "point": [x, y]}
                    found[str(item["image_id"])].append(point | sure)
        rows.append(found)
    return Case("joints", *rows)


def random_lines(seed: int) -> Case:
    """Lines on a coarse grid: many coincide, cross, double back or have no length."""
    rng = random.Random(seed)

    def line() -> Thing:
        points = [[rng.choice([0, 5, 12, 40]), rng.choice([0, 5, 12, 80])] for _ in range(rng.choice([2, 2, 3, 5]))]
        return {"type": "polyline", "feature": rng.choice(["lane", "border"]), "polyline": points}

    annotations: Rows = {str(row): [line() for _ in range(rng.randrange(5))] for row in range(1, 25)}
    predictions: Rows = {}
    for row, own in annotations.items():
        found = [item | {"polyline": [[x + rng.choice([0, 0, 3]), y] for x, y in item["polyline"]]} for item in own]
        found += [line() for _ in range(rng.randrange(4))]
        predictions[row] = [item | {"confidence": rng.choice([0.25, 0.5, 0.5, 0.75])} for item in found]
    return Case(f"lines-{seed}", annotations, predictions)


def random_points(seed: int) -> Case:
    """Points on whole numbers, many of them exactly 10 apart."""
    rng = random.Random(seed)

    def point() -> Thing:
        return {
            "type": "point",
            "feature": rng.choice("ab"),
            "point": [rng.choice([0, 6, 8, 10, 16, 30]) for _ in "xy"],
        }

    annotations: Rows = {str(row): [point() for _ in range(rng.randrange(6))] for row in range(1, 25)}
    predictions: Rows = {
        row: [point() | {"confidence": rng.choice([0.25, 0.5, 0.75])} for _ in range(rng.randrange(8))]
        for row in annotations
    }
    return Case(f"points-{seed}", annotations, predictions)


# --- references -----------------------------------------------------------------------------------------------------


def line_iou(found: Thing, true: Thing) -> float:
    """With shapely, one pair at a time."""
    first, second = (LineString(item["polyline"]).buffer(TOLERANCE) for item in (found, true))
    return first.intersection(second).area / first.union(second).area


def point_nearness(found: Thing, true: Thing) -> float:
    """Above 1 within the tolerance, 0 outside."""
    distance = float(np.linalg.norm(np.subtract(found["point"], true["point"])))
    return 3 - distance / TOLERANCE if distance <= TOLERANCE else 0.0


class Matched(NamedTuple):
    """What pycocotools makes of given overlaps."""

    figures: dict[str, float | None]
    pairs: list[tuple[Thing, Thing]]  # prediction and annotation, at IoU .5


def by_pycocotools(case: Case, overlap: Callable[[Thing, Thing], float]) -> Matched:
    """Match and average with pycocotools, which is given the overlaps."""
    kinds = sorted({item["feature"] for rows in case[1:] for own in rows.values() for item in own})
    truth = [
        {"image_id": int(row), "category_id": kinds.index(item["feature"]) + 1, "iscrowd": 0, "area": 0.0, "of": item}
        for row, own in case.annotations.items()
        for item in own
    ]
    found = [
        {"image_id": int(row), "category_id": kinds.index(item["feature"]) + 1, "score": item["confidence"], "of": item}
        for row, own in case.predictions.items()
        for item in own
    ]
    for number, item in enumerate(truth, 1):
        item["id"] = number
    box = {"bbox": [0.0, 0.0, 0.0, 0.0]}

    class Given(COCOeval):  # type: ignore[misc]
        def computeIoU(self, image: int, category: int) -> Any:  # noqa: N802
            true, guessed = self._gts[image, category], self._dts[image, category]
            order = np.argsort([-item["score"] for item in guessed], kind="mergesort")[:100]
            if not true or not guessed:
                return []
            return np.array([[overlap(guessed[i]["of"], item["of"]) for item in true] for i in order])

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": int(row)} for row in case.annotations],
            "categories": [{"id": number, "name": name} for number, name in enumerate(kinds, 1)],
            "annotations": [item | box for item in truth],
        }
        coco.createIndex()
        evaluation = Given(coco, coco.loadRes([item | box for item in found]), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats = [None if value == -1 else float(value) for value in evaluation.stats]
    named = dict(zip(("ap", "ap50", "ap75", *"sml", "ar_1", "ar_10", "ar_100"), stats[:9], strict=True))
    pairs = [
        (evaluation.cocoDt.anns[detection]["of"], evaluation.cocoGt.anns[int(matched)]["of"])
        for image in evaluation.evalImgs
        if image is not None and image["aRng"] == [0, 1e10]
        for detection, matched in zip(image["dtIds"], image["dtMatches"][0], strict=True)
        if matched
    ]
    return Matched({name: named[name] for name in FIGURES}, pairs)


def along(line: list[list[float]]) -> np.ndarray:
    """Points at equal distances of at most a fifth of the tolerance."""
    whole = LineString(line)
    count = max(int(np.ceil(whole.length / TOLERANCE * 5 - 1e-9)), 1)
    return np.array([whole.interpolate(i / count, normalized=True).coords[0] for i in range(count + 1)])


def chamfer(a: np.ndarray, b: np.ndarray) -> float:
    return float(KDTree(b).query(a)[0].mean() + KDTree(a).query(b)[0].mean()) / 2


def hausdorff(a: np.ndarray, b: np.ndarray) -> float:
    return max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])


OF_LINES = {"chamfer": chamfer, "hausdorff": hausdorff, "frechet": similaritymeasures.frechet_dist}
REFERENCES = {
    "chamfer": "SciPy KDTree, both directions averaged",
    "hausdorff": "SciPy directed_hausdorff, the greater",
    "frechet": "similaritymeasures 1.5 frechet_dist",
    "distance": "NumPy norm",
}


def summarised(values: list[float]) -> list[float | None]:
    if not values:
        return [0.0] + [None] * (3 + len(QUANTILES))
    whole = [len(values), np.mean(values), np.min(values), np.max(values), *np.quantile(values, QUANTILES)]
    return [float(value) for value in whole]


def ours(found: list[MeasureSummary], name: str) -> list[float | None]:
    one = next((one for one in found if one.name == name), None)
    return [one.count, one.mean, one.minimum, one.maximum, *one.quantiles.values()] if one else summarised([])


# --- tests ----------------------------------------------------------------------------------------------------------


def compare_lines(client: Client, case: Case, data: str, agree: Agree) -> None:
    feed(client, case.name, case.annotations, {"v1": case.predictions}, policies=["coco"])
    selection = Selection(dataset=case.name, run="v1", policy="coco")
    expected = by_pycocotools(case, line_iou)
    found = average_precisions(client, selection)
    figures = {name: getattr(found, name) for name in FIGURES}
    agree("AP and AR of polylines", "pycocotools 2.0 COCOeval, over shapely's IoU", data, figures, expected.figures)
    summaries = measures(client, selection).measures
    sampled = [(along(p["polyline"]), along(a["polyline"])) for p, a in expected.pairs]
    for name, distance in OF_LINES.items():
        values = [float(distance(*pair)) for pair in sampled]
        agree(f"{name} distance of polylines", REFERENCES[name], data, ours(summaries, name), summarised(values))


def compare_points(client: Client, case: Case, data: str, agree: Agree) -> None:
    feed(client, case.name, case.annotations, {"v1": case.predictions}, policies=["coco"])
    selection = Selection(dataset=case.name, run="v1", policy="coco", type=["point"])
    expected = by_pycocotools(case, point_nearness)
    found = average_precisions(client, selection)
    figures = {name: getattr(found, name) for name in FIGURES}
    agree("AP and AR of points", "pycocotools 2.0 COCOeval, over nearness", data, figures, expected.figures)
    values = [float(np.linalg.norm(np.subtract(p["point"], a["point"]))) for p, a in expected.pairs]
    got = ours(measures(client, selection).measures, "distance")
    agree("distance of points", REFERENCES["distance"], data, got, summarised(values))


def test_arms_and_legs(client: Client, persons: tuple[list[Thing], list[Thing]], agree: Agree) -> None:
    case = limbs(persons, 60)
    assert sum(map(len, case.annotations.values())) > 100
    compare_lines(client, case, "person_keypoints_1000, limbs of 60 images", agree)


def test_joints(client: Client, persons: tuple[list[Thing], list[Thing]], agree: Agree) -> None:
    case = joints(persons, 200)
    assert sum(map(len, case.annotations.values())) > 1000
    compare_points(client, case, "person_keypoints_1000, joints of 200 images", agree)


def test_random_lines(client: Client, agree: Agree) -> None:
    for seed in range(4):
        case = random_lines(seed)
        if any(case.predictions.values()):
            compare_lines(client, case, "4 random sets", agree)


def test_random_points(client: Client, agree: Agree) -> None:
    for seed in range(4):
        case = random_points(seed)
        if any(case.predictions.values()):
            compare_points(client, case, "4 random sets", agree)
