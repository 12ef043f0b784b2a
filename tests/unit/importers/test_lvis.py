"""Federated data sets (LVIS): what nobody looked for is no error."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

import evalstream
import numpy as np
import pytest
from evalstream.importers.problems import ImporterError
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CLASSES = 4
SIZE = 100


def made(seed: int, *, crowded: bool = False) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make a small federated data set and detections, near annotations or anywhere, with many ties of scores."""
    draw = np.random.default_rng(seed)
    images, annotations, results = [], [], []
    for image in range(1, 7):
        classes = draw.permutation(np.arange(1, CLASSES + 1)).tolist()
        annotated, negative = classes[:2], classes[2:3]
        images.append(
            {
                "id": image,
                "width": SIZE,
                "height": SIZE,
                "neg_category_ids": negative,
                "not_exhaustive_category_ids": [c for c in annotated if draw.random() < 0.5],
            }
        )
        for category in annotated:
            for _ in range(draw.integers(1, 4)):
                x, y = draw.integers(0, 70, 2).tolist()
                w, h = draw.integers(5, 60, 2).tolist()
                box = {"image_id": image, "category_id": category, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0}
                ring = [x, y, x + w, y, x + w, y + h, x, y + h]
                annotations.append(box | {"id": len(annotations) + 1, "segmentation": [ring]})
                moved = [x + int(draw.integers(-3, 4)), y, w, h + int(draw.integers(0, 9))]
                results.append(
                    {"image_id": image, "category_id": category, "bbox": moved, "score": float(draw.integers(9) / 8)}
                )
        for _ in range(400 if crowded else 8):
            x, y, w, h = draw.integers(-5, 60, 4).clip(1 - SIZE).tolist()
            spurious = {"image_id": image, "category_id": int(draw.integers(1, CLASSES + 1))}
            results.append(spurious | {"bbox": [x, y, abs(w) + 1, abs(h) + 1], "score": float(draw.integers(9) / 8)})
    categories = [{"id": c, "name": f"c{c}", "frequency": "rcf"[c % 3]} for c in range(1, CLASSES + 1)]
    return {"images": images, "annotations": annotations, "categories": categories}, results


class Federated(COCOeval):  # type: ignore[misc]
    """pycocotools with LVIS's rules, spelt out."""

    def _prepare(self) -> None:
        super()._prepare()
        images = {image["id"]: image for image in self.cocoGt.dataset["images"]}
        for (image, category), _ in list(self._dts.items()):
            if category not in images[image]["neg_category_ids"] and not self._gts[image, category]:
                self._dts[image, category] = []

    def evaluateImg(self, imgId: int, catId: int, aRng: Any, maxDet: int) -> Any:  # noqa: N802, N803
        found = super().evaluateImg(imgId, catId, aRng, maxDet)
        (image,) = (image for image in self.cocoGt.dataset["images"] if image["id"] == imgId)
        if found is not None and catId in image["not_exhaustive_category_ids"]:
            found["dtIgnore"] = np.logical_or(found["dtIgnore"], found["dtMatches"] == 0)
        return found


def expected(truth: dict[str, Any], results: list[dict[str, Any]], iou_type: str) -> list[float]:
    """Give AP, of thresholds, of sizes, and of rare, common and frequent classes."""
    with contextlib.redirect_stdout(io.StringIO()):
        ground = COCO()
        ground.dataset = copy.deepcopy(truth)
        ground.createIndex()
        best = []
        for image in truth["images"]:
            own = [one for one in results if one["image_id"] == image["id"]]
            best += sorted(own, key=lambda one: one["score"], reverse=True)[:300]
        evaluation = Federated(ground, ground.loadRes(copy.deepcopy(best)), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    groups = []
    for group in "rcf":
        own = [i for i, one in enumerate(ground.loadCats(evaluation.params.catIds)) if one["frequency"] == group]
        precision = evaluation.eval["precision"][:, :, own, 0, 2]
        groups.append(float(np.mean(precision[precision > -1])) if np.any(precision > -1) else -1.0)
    return [*(float(value) for value in evaluation.stats[:6]), *groups]


def figures(truth: dict[str, Any], results: list[dict[str, Any]], iou_type: Any) -> list[float]:
    found = evalstream.evaluate(truth, results, type=iou_type).average_precision()
    said = [found.ap, found.ap50, found.ap75, found.ap_small, found.ap_medium, found.ap_large]
    said += [found.ap_rare, found.ap_common, found.ap_frequent]
    return [-1 if value is None else value for value in said]


def masked(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give detections as masks within the image."""
    found = []
    for one in results:
        x, y, w, h = one["bbox"]
        left, top = max(x, 0), max(y, 0)
        right, bottom = max(x + w, left + 1), max(y + h, top + 1)
        ring = [left, top, right, top, right, bottom, left, bottom]
        rle = coco_mask.frPyObjects([ring], SIZE, SIZE)[0]
        rle = {"size": rle["size"], "counts": rle["counts"].decode()}
        found.append({key: value for key, value in one.items() if key != "bbox"} | {"segmentation": rle})
    return found


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_figures_are_those_of_the_rules_spelt_out(seed: int, iou_type: str) -> None:
    truth, results = made(seed)
    if iou_type == "segm":
        results = masked(results)
    assert figures(truth, results, iou_type) == pytest.approx(expected(truth, results, iou_type), abs=1e-12)
    assert figures(truth, results, iou_type) != pytest.approx(figures(_plain(truth), results, iou_type), abs=1e-6)


def _plain(truth: dict[str, Any]) -> dict[str, Any]:
    keep = ("id", "width", "height")
    return truth | {"images": [{key: image[key] for key in keep} for image in truth["images"]]}


def test_classes_are_averaged_by_how_frequent_they_are() -> None:
    """One group has a class without annotations, one has only such, and one class is in no group."""
    truth, results = made(1)
    truth["categories"] += [{"id": 5, "name": "c5", "frequency": "r"}, {"id": 6, "name": "c6", "frequency": "odd"}]
    for one in truth["categories"]:
        one["frequency"] = {1: "c", 2: "c", 3: None}.get(one["id"], one.get("frequency"))
        if one["id"] == 4:
            one["frequency"] = "c"
    evaluation = evalstream.evaluate(truth, results)
    found = evaluation.average_precision()
    of = {name: found.per_class[name].ap for name in ("c1", "c2", "c4")}
    assert found.ap_common == pytest.approx(np.mean([own for own in of.values() if own is not None]), abs=1e-12)
    assert (found.ap_rare, found.ap_frequent) == (None, None)
    assert found.undefined["ap_rare"] == "no class of the frequency `r` has an annotation that counts"
    assert found.undefined["ap_frequent"] == "no class of the frequency `f` is declared"
    assert any(note.startswith("Of 1 annotated class no frequency is declared") for note in found.notes)
    assert evaluation.figures("val")["val/ap_common"] == found.ap_common
    assert "val/ap_rare" not in evaluation.figures("val")


def test_of_an_image_the_300_best_count() -> None:
    truth, results = made(3, crowded=True)
    notes = evalstream.evaluate(truth, results).average_precision().notes
    beyond = sum(max(0, sum(one["image_id"] == image["id"] for one in results) - 300) for image in truth["images"])
    assert any(note.startswith(f"{beyond} detections beyond the 300") for note in notes)


def test_what_is_read_of_it_is_told() -> None:
    truth, results = made(0)
    notes = evalstream.evaluate(truth, results).average_precision().notes
    crowds = sum(len(image["not_exhaustive_category_ids"]) for image in truth["images"])
    assert any("A federated data set (LVIS): of 18 pairs" in note and f"{crowds} of them" in note for note in notes)
    unknown = 0
    for one in results:
        (image,) = (image for image in truth["images"] if image["id"] == one["image_id"])
        known = {own["category_id"] for own in truth["annotations"] if own["image_id"] == image["id"]}
        unknown += one["category_id"] not in known | set(image["neg_category_ids"])
    assert any(note.startswith(f"{unknown} detections of classes that nobody looked for") for note in notes)


def test_a_class_that_the_file_does_not_list_is_an_error() -> None:
    truth, results = made(0)
    truth["images"][0]["neg_category_ids"] = [99]
    with pytest.raises(ImporterError, match="image 1: neg_category_ids: the file lists no category 99"):
        evalstream.evaluate(truth, results)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_the_package_lvis(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "float", float, raising=False)  # it was written for an older numpy
    lvis = pytest.importorskip("lvis", reason="the package lvis, the reference, is not among our dependencies")
    truth, results = made(seed)
    ground = lvis.LVIS.__new__(lvis.LVIS)
    ground.logger, ground.dataset = __import__("logging").getLogger("lvis"), copy.deepcopy(truth)
    ground._create_index()
    evaluation = lvis.LVISEval(ground, lvis.LVISResults(ground, copy.deepcopy(results)), "bbox")
    evaluation.run()
    said = evaluation.get_results()
    own = figures(truth, results, "bbox")
    names = ("AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf")
    assert own == pytest.approx([said[name] for name in names], abs=1e-12)
