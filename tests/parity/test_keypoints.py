"""Keypoints: COCO's ten figures, and PCK, against pycocotools and NumPy."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import evalstream
import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.average_precision import AveragePrecision, average_precisions
from evalstream.queries.keypoints import keypoints
from evalstream.queries.measures import measures
from evalstream.selection import Selection
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.evaluating import DATASET, RUN, evaluated, upload_documents
from tests.parity.conftest import Agree
from tests.parity.test_coco import same_but_for_the_last_bit

Document = dict[str, Any]
#: pycocotools' ten figures of keypoints, in its order.
FIGURES = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar_100", "ar50", "ar75", "ar_medium", "ar_large")
ALPHAS = [0.0, 0.01, 0.05, 0.2]


def figures(found: AveragePrecision) -> dict[str, float | None]:
    return {name: getattr(found, name) for name in FIGURES}


# --- real data ------------------------------------------------------------------------------------------------------


def test_real_persons_give_the_figures_of_pycocotools(real_data: Path, agree: Agree) -> None:
    folder = real_data / "person_keypoints_1000"
    truth, results = folder / "gt.json", folder / "dets_keypoints.json"
    published = json.loads((folder / "expected.json").read_bytes())["keypoints"]["pycocotools"]
    with evaluated(truth, results, "coco", "keypoints") as (client, _):
        selection = Selection(dataset=DATASET, run=RUN, policy="coco")
        found = average_precisions(client, selection)
        exact = evalstream.evaluate(truth, results, type="keypoints").average_precision()
        assert same_but_for_the_last_bit(exact, found)
        near = keypoints(client, selection, alphas=ALPHAS, scale="diagonal")
        summary = {one.name: one for one in measures(client, selection).measures}
    expected = dict(zip(FIGURES, (defined(value) for value in published["stats"].values()), strict=True))
    agree("AP and AR (COCO, keypoints)", "pycocotools 2.0 COCOeval", "person_keypoints_1000", figures(found), expected)
    assert found.max_detections is not None
    assert found.max_detections["keypoints"] == 20
    assert list(published["per_class"]) == ["1"]
    assert list(found.per_class) == ["person"]

    matched = pairs_by_pycocotools(json.loads(truth.read_bytes()), json.loads(results.read_bytes()), 0.5)
    agree(
        "mean OKS of matches",
        "pycocotools 2.0 COCOeval",
        "person_keypoints_1000",
        near.mean_oks,
        float(np.mean([oks for *_, oks in matched])),
    )
    assert summary["oks"].count == near.pairs == len(matched)
    assert summary["oks"].mean == pytest.approx(near.mean_oks, abs=1e-12)
    agree(
        "PCK, per keypoint and overall",
        "NumPy, over pycocotools' matches",
        "person_keypoints_1000",
        [*near.pck, *(value for one in near.per_class["person"].keypoints for value in one.pck)],
        pck_by_numpy(matched, ALPHAS),
    )


# --- random files ---------------------------------------------------------------------------------------------------


def test_random_files_give_the_figures_of_pycocotools(client: Client, tmp_path: Path, agree: Agree) -> None:
    cases = {f"random-{seed}": random_files(random.Random(seed)) for seed in range(30)}
    upload_documents(client, tmp_path, cases, "keypoints")
    seen = {"crowd": 0, "unlabelled": 0, "many": 0, "ignored": 0}
    for name, (truth, results) in cases.items():
        selection = Selection(dataset=name, run=RUN, policy="coco")
        found, expected = average_precisions(client, selection), by_pycocotools(truth, results)
        agree(
            "AP and AR (COCO, keypoints)",
            "pycocotools 2.0 COCOeval",
            "30 random files",
            figures(found),
            expected,
            1e-12,
        )

        matched = pairs_by_pycocotools(truth, results, 0.5)
        near = keypoints(client, selection, alphas=ALPHAS, scale="sqrt_area")
        assert near.pairs == len(matched)
        agree(
            "mean OKS of matches",
            "pycocotools 2.0 COCOeval",
            "30 random files",
            near.mean_oks,
            float(np.mean([oks for *_, oks in matched])) if matched else None,
            1e-12,
        )
        agree(
            "PCK, per keypoint and overall",
            "NumPy, over pycocotools' matches",
            "30 random files",
            near.pck,
            pck_by_numpy(matched, ALPHAS, "sqrt_area")[: len(ALPHAS)],
            1e-12,
        )
        seen["crowd"] += any(item["iscrowd"] for item in truth["annotations"])
        seen["unlabelled"] += any(item["num_keypoints"] == 0 for item in truth["annotations"])
        seen["many"] += expected != by_pycocotools(truth, results, most=100)
    assert seen["crowd"] > 5
    assert seen["unlabelled"] > 5
    assert seen["many"] > 5, "the twenty-first detection is to make a difference"


def test_a_skeleton_without_labelled_keypoints_absorbs_one_detection(client: Client, tmp_path: Path) -> None:
    """To pycocotools it is ignored, but no crowd: a second detection within its doubled box is a false positive."""
    box = [0.0, 0.0, 20.0, 20.0]
    unseen = {"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "area": 400.0, "iscrowd": 0}
    unseen |= {"keypoints": [0.0, 0.0, 0] * 17, "num_keypoints": 0}
    seen = unseen | {"id": 2, "image_id": 2, "keypoints": [5.0, 5.0, 2] * 17, "num_keypoints": 17}
    truth = {
        "images": [{"id": 1}, {"id": 2}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [unseen, seen],
    }
    results = [
        {"image_id": image, "category_id": 1, "keypoints": [5.0, 5.0, 1.0] * 17, "score": score}
        for image, score in ((1, 0.9), (1, 0.8), (2, 0.7))
    ]
    upload_documents(client, tmp_path, {"unseen": (truth, results)}, "keypoints")
    found = average_precisions(client, Selection(dataset="unseen", run=RUN, policy="coco"))
    assert figures(found) == pytest.approx(by_pycocotools(truth, results), abs=1e-12)
    assert found.ap == pytest.approx(0.5)


# --- references -----------------------------------------------------------------------------------------------------


def loaded(truth: Document, results: list[Document]) -> COCOeval:
    coco = COCO()
    coco.dataset = json.loads(json.dumps(truth))
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(json.loads(json.dumps(results))), "keypoints")
    size = len(truth["annotations"][0]["keypoints"]) // 3
    if size != 17:
        evaluation.params.kpt_oks_sigmas = np.full(size, 1 / size)
    return evaluation


def by_pycocotools(truth: Document, results: list[Document], most: int = 20) -> dict[str, float | None]:
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = loaded(truth, results)
        evaluation.params.maxDets = [most]
        evaluation.evaluate()
        evaluation.accumulate()
        if most == 20:
            evaluation.summarize()
            return dict(zip(FIGURES, (defined(value) for value in evaluation.stats), strict=True))
        precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
        return {"ap": mean(precision[:, :, :, 0, 0]), "ar_100": mean(recall[:, :, 0, 0])}


Pair = tuple[Document, Document, float]


def pairs_by_pycocotools(truth: Document, results: list[Document], iou: float) -> list[Pair]:
    """Annotation, detection and OKS of each match that counts."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = loaded(truth, results)
        evaluation.params.iouThrs = np.array([iou])
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.evaluate()
    found = []
    for image in filter(None, evaluation.evalImgs):
        key = image["image_id"], image["category_id"]
        given = [annotation["id"] for annotation in evaluation._gts[key]]
        for rank, (detection, matched, ignored) in enumerate(
            zip(image["dtIds"], image["dtMatches"][0], image["dtIgnore"][0], strict=True)
        ):
            if matched and not ignored:
                oks = evaluation.ious[key][rank, given.index(int(matched))]
                found.append((evaluation.cocoGt.anns[int(matched)], evaluation.cocoDt.anns[detection], float(oks)))
    return found


def pck_by_numpy(pairs: list[Pair], alphas: list[float], scale: str = "diagonal") -> list[float | None]:
    """Overall, for each alpha; then the same for each keypoint."""
    if not pairs:
        return [None] * len(alphas)
    true = np.array([annotation["keypoints"] for annotation, *_ in pairs]).reshape(len(pairs), -1, 3)
    found = np.array([detection["keypoints"] for _, detection, _ in pairs]).reshape(len(pairs), -1, 3)
    distance = np.sqrt(((true[:, :, :2] - found[:, :, :2]) ** 2).sum(axis=2))
    if scale == "diagonal":
        size = np.array([np.hypot(*annotation["bbox"][2:]) for annotation, *_ in pairs])
    else:
        size = np.sqrt([annotation["area"] for annotation, *_ in pairs])
    labelled = true[:, :, 2] > 0
    within = [(distance <= alpha * size[:, None]) & labelled for alpha in alphas]
    overall = [float(one.sum() / labelled.sum()) for one in within]
    each = [
        float(one[:, k].sum() / labelled[:, k].sum()) if labelled[:, k].any() else None
        for k in range(true.shape[1])
        for one in within
    ]
    return [*overall, *each]


def mean(values: np.ndarray[Any, Any]) -> float | None:
    values = values[values > -1]
    return float(np.mean(values)) if values.size else None


def defined(value: float) -> float | None:
    return None if value == -1 else float(value)


# --- awkward files --------------------------------------------------------------------------------------------------

# Sides of 32 and 96 lie on the borders of COCO's ranges. Few scores, so that ties are the rule.
AREAS = (0.0, 1023.9, 1024.0, 4000.0, 9216.0, 9216.1, 50_000.0)
SCORES = (0.0, 0.25, 0.5, 0.5, 0.5, 0.75, 1.0)


def random_files(rng: random.Random) -> tuple[Document, list[Document]]:
    """Make skeletons of 17 or of 5 keypoints, some of them crowds or without a labelled keypoint, and detections.

    Many detections have some keypoints exactly right and the others far away, so that the OKS is a threshold.
    """
    size = rng.choice([17, 17, 5])
    images = rng.sample(range(1, 1000), 6)
    categories = [{"id": key, "name": f"kind {key}"} for key in rng.sample(range(1, 90), 2)]
    annotations: list[Document] = []
    results: list[Document] = []
    for image in images[:5]:
        category = rng.choice(categories)["id"]
        own = [annotation(rng, image, category, size) for _ in range(rng.choice([0, 1, 2, 5]))]
        annotations += own
        for _ in range(rng.choice([0, 2, 6, 30])):
            target = rng.choice(own) if own and rng.random() < 0.85 else annotation(rng, image, category, size)
            results.append(detection(rng, target, categories))
    if not annotations:
        annotations.append(annotation(rng, images[0], categories[0]["id"], size))
    rng.shuffle(annotations)
    rng.shuffle(results)
    # pycocotools cannot read a file without detections.
    results = results or [detection(rng, annotations[0], categories)]
    for number, item in enumerate(annotations, 1):
        item["id"] = number
    return {
        "images": [{"id": key} for key in images],
        "categories": categories,
        "annotations": annotations,
    }, results


def annotation(rng: random.Random, image: int, category: int, size: int) -> Document:
    left, top = rng.choice([0, 10, 60]), rng.choice([0, 10, 60])
    unlabelled, few = rng.random() < 0.2, rng.random() < 0.3
    triples = [
        (
            left + rng.randrange(80),
            top + rng.randrange(80),
            0 if unlabelled else rng.choice([0, 1, 2] if few else [1, 2]),
        )
        for _ in range(size)
    ]
    return {
        "image_id": image,
        "category_id": category,
        "keypoints": [value for triple in triples for value in triple],
        "num_keypoints": sum(v > 0 for *_, v in triples),
        "bbox": [float(left), float(top), rng.choice([0.0, 30.0, 80.0]), 80.0],
        "area": rng.choice(AREAS),
        "iscrowd": int(rng.random() < 0.15),
    }


def detection(rng: random.Random, target: Document, categories: list[Document]) -> Document:
    flat = target["keypoints"]
    spread = rng.choice([0.0, 0.0, 1.0, 4.0, 12.0])
    wrong = rng.choice([0.0, 0.0, 0.2, 0.4, 0.5])
    found = []
    for i in range(0, len(flat), 3):
        away = 1e6 if rng.random() < wrong else 0.0
        found += [flat[i] + rng.gauss(0, spread) + away, flat[i + 1] + rng.gauss(0, spread), 1.0]
    category = target["category_id"] if rng.random() < 0.9 else rng.choice(categories)["id"]
    score = rng.choice(SCORES) if rng.random() < 0.8 else rng.random()
    return {"image_id": target["image_id"], "category_id": category, "keypoints": found, "score": score}
