"""COCO-like files of any size, from a seed: noisy copies of true boxes, wrong classes, duplicates and false alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pycocotools import mask as coco_mask


def coco_files(images: int, per_image: int, seed: int = 7) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make ground truth and results: 80 classes, about 7 annotations an image, ``per_image`` detections an image."""
    rng = np.random.default_rng(seed)
    categories = [{"id": k + 1, "name": f"class {k + 1}"} for k in range(80)]
    weights = 1 / np.arange(1, 81)
    weights /= weights.sum()
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image in range(images):
        count = int(rng.poisson(7.4))
        size = np.exp(rng.uniform(2.2, 5.5, (count, 2)))
        corner = rng.uniform(0, 1, (count, 2)) * np.maximum([640, 480] - size, 1)
        boxes = np.concatenate([corner, size], axis=1).round(2)
        labels = rng.choice(80, count, p=weights) + 1
        for box, label in zip(boxes.tolist(), labels.tolist(), strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image + 1,
                    "category_id": label,
                    "bbox": box,
                    "area": round(box[2] * box[3] * 0.7, 2),
                    "iscrowd": int(rng.random() < 0.012),
                }
            )
        near = rng.integers(0, max(count, 1), per_image)
        for i in range(per_image):
            if count and rng.random() < 0.6:
                x, y, w, h = boxes[near[i]]
                noise = rng.normal(0, 0.08, 4)
                box = [x + noise[0] * w, y + noise[1] * h, w * np.exp(noise[2]), h * np.exp(noise[3])]
                label = int(labels[near[i]]) if rng.random() < 0.85 else int(rng.integers(1, 81))
                score = rng.beta(4, 2)
            else:
                w, h = np.exp(rng.uniform(2.2, 5.5, 2))
                box = [rng.uniform(0, 600), rng.uniform(0, 440), w, h]
                label, score = int(rng.choice(80, p=weights)) + 1, rng.beta(1, 5)
            results.append(
                {
                    "image_id": image + 1,
                    "category_id": label,
                    "bbox": [round(float(value), 2) for value in box],
                    "score": round(float(score), 3),
                }
            )
    pictures = [{"id": i + 1, "width": 640, "height": 480, "file_name": f"{i + 1}.jpg"} for i in range(images)]
    return {"images": pictures, "categories": categories, "annotations": annotations}, results


def write_coco_files(
    truth: dict[str, Any], results: list[dict[str, Any]], annotations: Path, predictions: Path, copies: int = 1
) -> None:
    """Write both sides: the same boxes on so many times as many images. What is given becomes the last copy."""
    images = len(truth["images"])
    with annotations.open("wb") as of_truth, predictions.open("wb") as of_results:
        of_truth.write(b'{"categories":%b,"annotations":[' % orjson.dumps(truth["categories"]))
        of_results.write(b"[")
        pictures = []
        for copy in range(copies):
            if copy:
                number_on(truth, results, images)
                of_truth.write(b",")
                of_results.write(b",")
            of_truth.write(orjson.dumps(truth["annotations"])[1:-1])
            of_results.write(orjson.dumps(results)[1:-1])
            pictures.append(orjson.dumps(truth["images"])[1:-1])
        of_truth.write(b'],"images":[%b]}' % b",".join(pictures))
        of_results.write(b"]")


def number_on(truth: dict[str, Any], results: list[dict[str, Any]], images: int) -> None:
    """Make the next part of it: the same boxes on the next images."""
    for image in truth["images"]:
        image["id"] += images
        image["file_name"] = f"{image['id']}.jpg"
    for box in truth["annotations"]:
        box["id"] += len(truth["annotations"])
        box["image_id"] += images
    for box in results:
        box["image_id"] += images


def as_masks(truth: dict[str, Any], results: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make of each box the ellipse in it: annotations as outlines, detections as compressed run lengths."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack((np.cos(angle), np.sin(angle)), axis=1)

    def outline(box: list[float]) -> list[float]:
        x, y, width, height = box
        points = np.array([x + width / 2, y + height / 2]) + circle * np.array([width, height]) / 2
        return [round(float(value), 2) for value in points.ravel()]

    def drawn(box: list[float]) -> dict[str, Any]:
        (rle,) = coco_mask.frPyObjects([outline(box)], 480, 640)
        return {"size": [480, 640], "counts": rle["counts"].decode()}

    for one in truth["annotations"]:
        one["segmentation"] = drawn(one["bbox"]) if one["iscrowd"] else [outline(one["bbox"])]
    for one in results:
        one["segmentation"] = drawn(one.pop("bbox"))
    return truth, results


def as_skeletons(truth: dict[str, Any], results: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Put COCO's 17 keypoints into each box, at places of their own; one class, and at most 20 detections an image."""
    rng = np.random.default_rng(11)
    place = rng.uniform(0.1, 0.9, (17, 2))

    def skeleton(box: list[float], noise: float, visibility: NDArray[np.int64]) -> list[float]:
        x, y, width, height = box
        points = [x, y] + (place + rng.normal(0, noise, (17, 2))) * [width, height]
        return [round(float(value), 2) for value in np.column_stack((points, visibility)).ravel()]

    truth["categories"] = [{"id": 1, "name": "person"}]
    for one in truth["annotations"]:
        seen = rng.choice([0, 1, 2], 17, p=[0.3, 0.2, 0.5])
        one |= {"category_id": 1, "keypoints": skeleton(one["bbox"], 0, seen), "num_keypoints": int(np.sum(seen > 0))}
    for one in results:
        one |= {"category_id": 1, "keypoints": skeleton(one.pop("bbox"), 0.02, np.ones(17, np.int64))}
    return truth, results
