"""Semantic segmentation: equal to scikit-learn on label images, to TorchMetrics' definition, and to plain pixels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.segmentation import Segmentation, segmentation
from evalstream.selection import Selection
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score, jaccard_score

from tests.feeding import feed
from tests.oracles.segmentation import Mask, areas, mean_iou_of_rows
from tests.parity.conftest import Agree

#: Label images: 0 is no class, 255 is to be ignored, as in Cityscapes.
NOTHING, VOID = 0, 255
LABELS = (1, 2, 3, 4, 5)
LabelImage = NDArray[np.int64]


def rle(pixels: NDArray[Any]) -> dict[str, Any]:
    encoded = coco_mask.encode(np.asfortranarray(pixels, np.uint8))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode()}


def name(label: int) -> str:
    return f"class {label}"


def objects(image: LabelImage, **more: Any) -> list[dict[str, Any]]:
    """One mask a label, as events have it."""
    found = []
    for label in np.unique(image).tolist():
        if label != NOTHING:
            feature = {"feature": "void", "crowd": True} if label == VOID else {"feature": name(label), **more}
            found.append({"type": "mask", "mask": rle(image == label), **feature})
    return found


@pytest.fixture(scope="module")
def label_images() -> list[tuple[LabelImage, LabelImage]]:
    """Pairs of label images, in blobs: with classes on one side only, an empty pair, and all that is void."""
    rng = np.random.default_rng(11)
    pairs = []
    for row in range(12):
        size = (3, 4) if row % 2 else (8, 5)

        def image(values: Sequence[int], size: tuple[int, int] = size) -> LabelImage:
            return np.kron(rng.choice(values, size), np.ones((7, 6), np.int64)).astype(np.int64)

        truth = image([NOTHING, VOID, *LABELS[: 1 + row % 5]])
        said = np.where(
            rng.random(truth.shape) < 0.6, np.where(truth == VOID, 1, truth), image([NOTHING, *LABELS[1:4]])
        )
        pairs.append((truth, said))
    nothing = np.zeros((5, 5), np.int64)
    return [*pairs, (nothing, nothing), (nothing + VOID, nothing + 2), (nothing + 1, nothing)]


@pytest.fixture(scope="module")
def of_label_images(client: Client, label_images: list[tuple[LabelImage, LabelImage]]) -> Segmentation:
    feed(
        client,
        "labels",
        {str(row): objects(truth) for row, (truth, _) in enumerate(label_images)},
        {"model": {str(row): objects(said, confidence=0.5) for row, (_, said) in enumerate(label_images)}},
        policies=["coco"],
    )
    return segmentation(client, Selection(dataset="labels", run="model", policy="coco"))


@pytest.fixture(scope="module")
def pixels(label_images: list[tuple[LabelImage, LabelImage]]) -> tuple[LabelImage, LabelImage]:
    """All pixels of all rows that are not void."""
    truth = np.concatenate([truth[truth != VOID] for truth, _ in label_images])
    return truth, np.concatenate([said[truth != VOID] for truth, said in label_images])


def test_label_images_give_scikit_learns_figures(
    of_label_images: Segmentation, pixels: tuple[LabelImage, LabelImage], agree: Agree
) -> None:
    truth, said = pixels
    found = of_label_images
    data, reference = "15 random label images, label 255 ignored", "scikit-learn"
    assert [one.label for one in found.classes] == [name(label) for label in LABELS]

    def per_class(figure: str) -> list[float | None]:
        return [getattr(one, figure) for one in found.classes]

    own = {"labels": LABELS, "average": None}
    agree(
        "IoU of a class's pixels", f"{reference} jaccard_score", data, per_class("iou"), jaccard_score(*pixels, **own)
    )
    agree("Dice of a class's pixels", f"{reference} f1_score", data, per_class("dice"), f1_score(*pixels, **own))
    macro = {"labels": LABELS, "average": "macro"}
    agree("mean IoU, dataset", f"{reference} jaccard_score", data, found.mean_iou, jaccard_score(*pixels, **macro))
    agree("mean Dice, dataset", f"{reference} f1_score", data, found.mean_dice, f1_score(*pixels, **macro))
    agree(
        "Dice of all pixels",
        f"{reference} f1_score",
        data,
        found.micro_dice,
        f1_score(*pixels, labels=LABELS, average="micro"),
    )
    labelled = truth != NOTHING
    agree(
        "pixel accuracy, unlabelled pixels left out",
        f"{reference} accuracy_score",
        data,
        found.pixel_accuracy,
        accuracy_score(truth[labelled], said[labelled]),
    )
    agree(
        "mean pixel accuracy",
        f"{reference} balanced_accuracy_score",
        data,
        found.mean_accuracy,
        balanced_accuracy_score(truth[labelled], said[labelled]),
    )
    weighted = jaccard_score(*pixels, labels=LABELS, average="weighted")
    agree("frequency-weighted IoU", f"{reference} jaccard_score", data, found.frequency_weighted_iou, weighted)


def test_label_images_give_scikit_learns_confusion_matrix(
    of_label_images: Segmentation, pixels: tuple[LabelImage, LabelImage], agree: Agree
) -> None:
    labels = [NOTHING, *LABELS]
    matrix = confusion_matrix(*pixels, labels=labels)
    names = [None if label == NOTHING else name(label) for label in labels]
    cells = {(cell.actual, cell.predicted): cell.pixels for cell in of_label_images.cells}
    ours = [cells.get((a, p), 0) for a in names for p in names if a or p]
    agree(
        "pixel confusion matrix",
        "scikit-learn confusion_matrix",
        "15 random label images, label 255 ignored",
        [float(n) for n in ours],
        [float(n) for n in matrix.ravel()[1:]],
    )


def test_means_over_rows_are_torchmetrics(
    of_label_images: Segmentation, label_images: list[tuple[LabelImage, LabelImage]], agree: Agree
) -> None:
    rows = []
    for truth, said in label_images:
        counts: Counter[tuple[str, str]] = Counter()
        for label in LABELS:
            a, p = (truth == label), (said == label) & (truth != VOID)
            counts.update({("", name(label)): int(p.sum()), (name(label), ""): int(a.sum())})
            counts[name(label), name(label)] = int((a & p).sum())
        rows.append(counts)
    reference, data = "TorchMetrics' definition, written out", "15 random label images, label 255 ignored"
    agree("mean IoU, by row", reference, data, of_label_images.mean_row_iou, mean_iou_of_rows(rows))
    agree("mean Dice, by row", reference, data, of_label_images.mean_row_dice, mean_iou_of_rows(rows, dice=True))
    for one in of_label_images.classes:
        own = [
            Counter({(one.label, ""): c[one.label, ""], ("", one.label): c["", one.label]})
            + Counter({(one.label, one.label): c[one.label, one.label]})
            for c in rows
        ]
        agree("IoU of a class, by row", reference, data, one.mean_row_iou, mean_iou_of_rows(own))


# --- real data ------------------------------------------------------------------------------------------------------


class CocoMasks:
    """The annotations and detections of COCO files, as images of pixels."""

    def __init__(self, truth: Path, results: Path) -> None:
        self.coco = COCO(str(truth))
        self.names = {category["id"]: category["name"] for category in self.coco.dataset["categories"]}
        self.results: dict[int, list[dict[str, Any]]] = {}
        for result in json.loads(results.read_bytes()):
            self.results.setdefault(result["image_id"], []).append(result)

    def annotations(self, image: int) -> list[Mask]:
        return [
            Mask(self.names[a["category_id"]], self.coco.annToMask(a).astype(bool), crowd=bool(a["iscrowd"]))
            for a in self.coco.loadAnns(self.coco.getAnnIds(imgIds=[image]))
        ]

    def predictions(self, image: int) -> list[Mask]:
        return [
            Mask(self.names[r["category_id"]], coco_mask.decode(r["segmentation"]).astype(bool), r["score"])
            for r in self.results.get(image, [])
        ]


def test_real_masks_give_what_plain_pixels_give(
    client: Client, real_data: Path, agree: Agree, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = real_data / "coco2014_100"
    coco = CocoMasks(folder / "instances_val2014_100.json", folder / "instances_val2014_fakesegm100_results.json")
    images = sorted(coco.coco.imgs)
    truth = {image: coco.annotations(image) for image in images}
    said = {image: coco.predictions(image) for image in images}
    sent = {
        image: [{"type": "mask", "feature": m.label, "mask": rle(m.pixels), "crowd": m.crowd} for m in masks]
        for image, masks in truth.items()
    }
    found = {
        image: [{"type": "mask", "feature": m.label, "mask": rle(m.pixels), "confidence": m.confidence} for m in masks]
        for image, masks in said.items()
    }
    feed(
        client,
        "coco",
        {str(image): masks for image, masks in sent.items()},
        {"model": {str(image): masks for image, masks in found.items()}},
        policies=["coco"],
    )
    for confidence in (0.0, 0.3, 0.5, 0.9):
        ours = segmentation(client, Selection(dataset="coco", run="model", policy="coco", confidence=confidence))
        rows = [areas(truth[image], said[image], confidence) for image in images]
        total: Counter[tuple[str, str]] = Counter()
        for row in rows:
            total.update(row)
        reference, data = "NumPy, pixel by pixel", "coco2014_100, four confidences"
        agree("pixels of a class", reference, data, _areas_of(ours), _plain(total))
        iou = {label: i / (a + p - i) if a + p else None for label, (i, a, p) in _by_class(total).items()}
        agree("IoU of a class's pixels", reference, data, {one.label: one.iou for one in ours.classes}, iou)
        present = [value for value in iou.values() if value is not None]
        agree("mean IoU, dataset", reference, data, ours.mean_iou, sum(present) / len(present))
        agree("mean IoU, by row", reference, data, ours.mean_row_iou, mean_iou_of_rows(rows))
        agree("mean Dice, by row", reference, data, ours.mean_row_dice, mean_iou_of_rows(rows, dice=True))
        annotated, right = (sum(values[k] for values in _by_class(total).values()) for k in (1, 0))
        agree("pixel accuracy", reference, data, ours.pixel_accuracy, right / annotated)


def _by_class(total: Mapping[tuple[str, str], int]) -> dict[str, tuple[int, int, int]]:
    labels = sorted({a or p for a, p in total})
    return {label: (total[label, label], total[label, ""], total["", label]) for label in labels}


def _plain(total: Mapping[tuple[str, str], int]) -> dict[str, float | None]:
    return {f"{label} {k}": float(n) for label, values in _by_class(total).items() for k, n in enumerate(values)}


def _areas_of(ours: Segmentation) -> dict[str, float | None]:
    own = {one.label: (one.intersection, one.annotated, one.predicted) for one in ours.classes}
    return {f"{label} {k}": float(n) for label, values in own.items() for k, n in enumerate(values)}
