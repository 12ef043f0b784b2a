"""COCO-like files of any size, from a seed: noisy copies of true boxes, wrong classes, duplicates and false alarms."""

from __future__ import annotations

from typing import Any

import numpy as np


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
