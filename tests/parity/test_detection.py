"""Average precision in its other definitions, each against the benchmark or tool that made it."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.ontology import Ontology
from evalstream.queries.average_precision import ApOptions, AveragePrecision, average_precisions
from evalstream.selection import Selection
from evalstream.storage.ontologies import declare
from sklearn.metrics import average_precision_score

from tests.feeding import feed_all
from tests.oracles import detection as oracle
from tests.oracles.detection import DEFINITIONS, Detection, Target
from tests.parity.conftest import Agree

#: As its text files number them.
VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
#: mAP of voc2007_100 by review_object_detection_metrics (`get_pascalvoc_metrics`, run on the XML and text files), by
#: IoU and method. It knows no difficult objects, and counts the last pixel of a box (+ 1).
PUBLISHED = {
    (0.3, "all-point"): 0.6505049522337971,
    (0.3, "11-point"): 0.63667606867197,
    (0.5, "all-point"): 0.610912907479439,
    (0.5, "11-point"): 0.5989685800819899,
    (0.75, "all-point"): 0.3548006182260391,
    (0.75, "11-point"): 0.3646120586316471,
}
REVIEW = "review_object_detection_metrics"


# --- Pascal VOC -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def voc(client: Client, real_data: Path) -> tuple[list[Detection], list[Target]]:
    """voc2007_100, in the engine as ``voc``, with difficult ones marked, and ``voc-easy``, as if there were none."""
    folder = real_data / "voc2007_100" / "data" / "database"
    targets, detections = [], []
    for file in sorted((folder / "gts" / "pascalvoc_format").glob("*.xml")):
        for item in ElementTree.parse(file).getroot().iter("object"):
            left, top, right, bottom = (
                float(item.findtext(f"bndbox/{n}", "")) for n in ("xmin", "ymin", "xmax", "ymax")
            )
            kind = "difficult" if item.findtext("difficult") == "1" else ""
            box = left, top, right - left, bottom - top
            targets.append(Target(file.stem, item.findtext("name", ""), box, kind))
    for file in sorted((folder / "dets" / "abs_xywh").glob("*.txt")):
        for line in file.read_text().splitlines():
            number, confidence, *box = line.split()
            x, y, width, height = map(float, box)
            detections.append(Detection(file.stem, VOC_CLASSES[int(number)], (x, y, width, height), float(confidence)))
    for name in ("voc", "voc-easy"):
        declare(client, name, Ontology(boxes="pixels"), 1)
    easy = [target._replace(kind="") for target in targets]
    send(client, {"voc": (detections, targets), "voc-easy": (detections, easy)})
    return detections, targets


@pytest.mark.parametrize("iou", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("interpolation", ["11-point", "all-point"])
def test_pascal_voc_on_real_data(
    client: Client, voc: tuple[list[Detection], list[Target]], agree: Agree, iou: float, interpolation: str
) -> None:
    detections, targets = voc
    found = ask(client, "voc-easy", iou, interpolation)
    name = f"AP (Pascal VOC, {interpolation}, + 1 pixel)"
    agree(name, REVIEW, "voc2007_100", found.at_iou, PUBLISHED[iou, interpolation])
    easy = [target._replace(kind="") for target in targets]
    agree(
        name,
        "VOC devkit's rule, by class",
        "voc2007_100",
        of_classes(found),
        by_voc(detections, easy, iou, interpolation),
    )
    agree(
        f"AP (Pascal VOC, {interpolation}, + 1 pixel, difficult ignored)",
        "VOC devkit's rule, by class",
        "voc2007_100",
        of_classes(ask(client, "voc", iou, interpolation)),
        by_voc(detections, targets, iou, interpolation),
    )


def test_pascal_voc_on_random_data(client: Client, agree: Agree) -> None:
    sets = [random_data(random.Random(seed), ("", "", "difficult")) for seed in range(12)]
    both = ("continuous", "pixels")
    for boxes in both:
        for seed in range(12):
            declare(client, f"voc-{boxes}-{seed}", Ontology(boxes=boxes), 1)
    send(client, {f"voc-{boxes}-{seed}": said for boxes in both for seed, said in enumerate(sets)})
    for seed, (detections, targets) in enumerate(sets):
        for boxes in both:
            for interpolation in ("11-point", "all-point"):
                for iou in (0.25, 0.5, 1.0):
                    agree(
                        f"AP (Pascal VOC, {interpolation}{', + 1 pixel' * (boxes == 'pixels')}, difficult ignored)",
                        "VOC devkit's rule, by class",
                        "12 random data sets with ties",
                        of_classes(ask(client, f"voc-{boxes}-{seed}", iou, interpolation)),
                        by_voc(detections, targets, iou, interpolation, pixels=boxes == "pixels"),
                    )


def by_voc(
    detections: list[Detection], targets: list[Target], iou: float, interpolation: str, *, pixels: bool = True
) -> dict[str, float | None]:
    found = {}
    for label in labels(detections, targets):
        counted, total = oracle.pascal_voc(detections, targets, label, iou, pixels=pixels)
        found[label] = DEFINITIONS[interpolation](counted, total) if total else None
    return found


# --- Open Images ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group_of", ["ignore", "count"])
def test_open_images_on_random_data(client: Client, agree: Agree, group_of: str) -> None:
    sets = {}
    for seed in range(12):
        detections, targets = random_data(random.Random(100 + seed), ("", "", "difficult", "group_of"))
        # The evaluator's sort is not stable: of equal confidences any order may come out.
        confidences = random.Random(seed).sample(range(1, 10_000), len(detections))
        detections = [d._replace(confidence=c / 10_000) for d, c in zip(detections, confidences, strict=True)]
        sets[f"open-images-{group_of}-{seed}"] = detections, targets
    send(client, sets)
    for name, (detections, targets) in sets.items():
        for iou in (0.25, 0.5, 0.75):
            expected = {}
            for label in labels(detections, targets):
                counted, total = oracle.open_images(detections, targets, label, iou, weight=int(group_of == "count"))
                expected[label] = oracle.all_point(counted, total) if total else None
            found = ask(client, name, iou, "all-point", group_of=group_of)
            told = "a group is one object" if group_of == "count" else "groups ignored"
            agree(
                f"AP (Open Images, {told})",
                "Open Images evaluator's rule, by class",
                "12 random data sets",
                of_classes(found),
                expected,
            )
            defined = [value for value in expected.values() if value is not None]
            agree(
                f"mAP (Open Images, {told})",
                "Open Images evaluator's rule",
                "12 random data sets",
                found.at_iou,
                float(np.mean(defined)) if defined else None,
            )


# --- scikit-learn ---------------------------------------------------------------------------------------------------


def test_uninterpolated(client: Client, agree: Agree) -> None:
    """scikit-learn's recall is a share of what was detected; ours one of all annotations."""
    sets = {f"uninterpolated-{seed}": random_data(random.Random(200 + seed), ("",)) for seed in range(12)}
    send(client, sets)
    for name, (detections, targets) in sets.items():
        expected: dict[str, float | None] = {}
        for label in labels(detections, targets):
            counted, total = oracle.pascal_voc(detections, targets, label, 0.5, pixels=False)
            tp = sum(right for _, right in counted)
            expected[label] = None if not total else 0.0
            if tp:
                of_detected = average_precision_score([right for _, right in counted], [c for c, _ in counted])
                expected[label] = float(of_detected) * tp / total
        agree(
            "AP (not interpolated)",
            "scikit-learn average_precision_score",
            "12 random data sets with ties",
            of_classes(ask(client, name, 0.5, "none")),
            expected,
        )


# --- Encord ---------------------------------------------------------------------------------------------------------


def test_encord(client: Client, agree: Agree) -> None:
    sets = {f"encord-{seed}": random_data(random.Random(300 + seed), ("",)) for seed in range(12)}
    send(client, sets)
    for name, (detections, targets) in sets.items():
        found = ask(client, name, 0.5, "encord", empty_classes="zero")
        ap, ar, recall = {}, {}, []
        for label in labels(detections, targets):
            curves = {
                t: oracle.pascal_voc(detections, targets, label, t, pixels=False)
                for t in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
            }
            ap[label] = oracle.encord(*curves[0.5])
            finals = [sum(right for _, right in counted) / max(total, 1) for counted, total in curves.values()]
            ar[label] = 2 * sum((one + other) / 2 * 0.1 for one, other in pairwise(finals))
            recall += [finals[0]] if curves[0.5][1] else []
        data = "12 random data sets with ties"
        agree("mAP (Encord, 11 points)", "Encord's rule", data, found.at_iou, float(np.mean(list(ap.values()))))
        agree("mAR (Encord, area)", "Encord's rule", data, found.ar_area, float(np.mean(list(ar.values()))))
        skipping = ask(client, name, 0.5, "101-point")
        expected = float(np.mean(recall)) if recall else None
        agree("mAR (Encord, mean recall)", "Encord's rule", data, skipping.recall_at_iou, expected)
        for label, own in found.per_class.items():
            assert (own.at_iou is None) == (label not in {target.label for target in targets})


# --- all classes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["iou-greedy", "coco", "best-candidate"])
def test_classes_without_annotations_as_zero(client: Client, policy: str) -> None:
    square = (0.0, 0.0, 10.0, 10.0)
    detections = [Detection("1", "cat", square, 0.9), Detection("1", "dog", square, 0.8)]
    send(client, {f"empty-{policy}": (detections, [Target("1", "cat", square)])})
    selection = Selection(dataset=f"empty-{policy}", run="m", policy=policy)
    found = {
        choice: average_precisions(client, selection, ApOptions(interpolation="all-point", empty_classes=choice))
        for choice in ("exclude", "zero")
    }
    figures = ("ap", "ap50", "at_iou", "recall_at_iou", "ar_area", "ar_100")
    area = 0.9 if policy == "iou-greedy" else 1.0  # which finds nothing at IoU 1
    assert [getattr(found["exclude"], name) for name in figures] == pytest.approx([1, 1, 1, 1, area, 1])
    assert [getattr(found["zero"], name) for name in figures] == pytest.approx([0.5, 0.5, 0.5, 0.5, area / 2, 0.5])
    for choice, said in (("exclude", "left out of the means: dog"), ("zero", "0 in the means: dog")):
        assert found[choice].per_class["dog"].ap is None
        assert "per_class.dog" in found[choice].undefined
        assert any(said in note for note in found[choice].notes)


# --- helpers --------------------------------------------------------------------------------------------------------


def send(client: Client, datasets: dict[str, tuple[list[Detection], list[Target]]]) -> None:
    """Bring datasets in, together, each as run ``m``."""
    feed_all(client, {name: objects(*said) for name, said in datasets.items()})


def objects(
    detections: list[Detection], targets: list[Target]
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, dict[str, list[dict[str, Any]]]]]:
    """Objects of events, in their order."""
    annotations: dict[str, list[dict[str, Any]]] = defaultdict(list)
    predictions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for target in targets:
        kind = {target.kind: True} if target.kind else {}
        annotations[target.image].append({"type": "bbox", "feature": target.label, "bbox": target.box} | kind)
    for d in detections:
        predictions[d.image].append({"type": "bbox", "feature": d.label, "bbox": d.box, "confidence": d.confidence})
    images = {*annotations, *predictions}
    return annotations, {"m": {image: predictions[image] for image in images}}


def ask(client: Client, dataset: str, iou: float, interpolation: str, **options: Any) -> AveragePrecision:
    selection = Selection(dataset=dataset, run="m", policy="best-candidate", iou=iou)
    return average_precisions(client, selection, ApOptions(interpolation=interpolation, **options))


def of_classes(found: AveragePrecision) -> dict[str, float | None]:
    return {label: own.at_iou for label, own in found.per_class.items()}


def labels(detections: list[Detection], targets: list[Target]) -> list[str]:
    return sorted({item.label for item in (*detections, *targets)})


def random_data(rng: random.Random, kinds: tuple[str, ...]) -> tuple[list[Detection], list[Target]]:
    """Few distinct numbers, so that equal confidences, equal overlaps and identical boxes are the rule."""
    places, sides = (0.0, 2.0, 5.0, 20.0), (0.0, 8.0, 10.0, 16.0)
    targets, detections = [], []
    for image in map(str, range(1, 7)):
        own = [
            Target(image, rng.choice("ab"), (*rng.choices(places, k=2), *rng.choices(sides, k=2)), rng.choice(kinds))
            for _ in range(rng.choice([0, 2, 6]))
        ]
        targets += own
        for _ in range(rng.choice([0, 3, 12])):
            box = (*rng.choices(places, k=2), *rng.choices(sides, k=2))
            if own and rng.random() < 0.7:
                near = rng.choice(own).box
                box = (near[0] + rng.choice((0.0, 0.0, 1.0)), near[1], near[2], near[3] + rng.choice((0.0, 1.0, 2.0)))
            detections.append(
                Detection(image, rng.choice("aabbc"), box, rng.choice((0.25, 0.5, 0.5, 0.75, rng.random())))
            )
    return detections, targets
