"""A small dataset with every kind of shape and answer, to look at and to test with."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from tests.browser.helpers import upload, wait_until_matched

DATASET = "zoo"
RUN = "keeper"
SKELETON = [[0, 1], [1, 2], [2, 3]]
#: What was declared of birds, and of no other class.
COLOUR = "#123456"
_WIDTH, _HEIGHT = 320, 240

Objects = list[dict[str, Any]]


def _mask(left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    """A disc with a hole in it, as a PNG of the whole picture."""
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    u = (x - (left + right) / 2) / ((right - left) / 2)
    v = (y - (top + bottom) / 2) / ((bottom - top) / 2)
    pixels = (u**2 + v**2 < 1) & (u**2 + v**2 > 0.1)
    runs = np.flatnonzero(np.diff(pixels.T.ravel(), prepend=False, append=False))
    ends = [0, *runs.tolist(), _WIDTH * _HEIGHT]
    return {"size": [_HEIGHT, _WIDTH], "counts": np.diff(ends).tolist()}


def _star(x: float, y: float, size: float) -> list[list[float]]:
    around = [(size if i % 2 else size / 2.4, i * math.pi / 5) for i in range(10)]
    return [[x + r * math.sin(a), y - r * math.cos(a)] for r, a in around]


def _square(x: float, y: float, half: float) -> list[list[float]]:
    return [[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]]


def rows() -> dict[str, tuple[dict[str, Any], Objects, Objects]]:
    """Of each data row its facts, what is true, and what the run says."""
    picture = {"split": "test", "width": _WIDTH, "height": _HEIGHT}
    shapes: tuple[Objects, Objects] = (
        [
            {"id": "roof", "type": "rotated_box", "feature": "roof", "rotated_box": [80, 70, 90, 40, 25]},
            {"id": "pond", "type": "polygon", "feature": "pond", "polygon": [_star(230, 80, 60), _square(230, 80, 12)]},
            {"id": "tree", "type": "mask", "feature": "tree", "mask": _mask(40, 130, 130, 220)},
            {"id": "lane", "type": "polyline", "feature": "lane", "polyline": [[150, 230], [190, 180], [300, 170]]},
            {"id": "pole", "type": "point", "feature": "pole", "point": [285, 215]},
            {"id": "lost", "type": "point", "feature": "pole", "point": [20, 20]},
        ],
        [
            {
                "id": "1",
                "type": "rotated_box",
                "feature": "roof",
                "rotated_box": [83, 72, 84, 42, 20],
                "confidence": 0.9,
                "metrics": [{"name": "certainty", "value": 0.7}],
                "classifications": [{"type": "radio", "feature": "tiles", "answer": "red"}],
            },
            {"id": "2", "type": "polygon", "feature": "pond", "polygon": [_star(234, 84, 58)], "confidence": 0.8},
            {"id": "3", "type": "mask", "feature": "bush", "mask": _mask(44, 132, 136, 222), "confidence": 0.7},
            {
                "id": "4",
                "type": "polyline",
                "feature": "lane",
                "polyline": [[152, 232], [195, 185], [298, 175]],
                "confidence": 0.9,
            },
            {"id": "5", "type": "point", "feature": "pole", "point": [288, 212], "confidence": 0.6},
            {"id": "6", "type": "mask", "feature": "tree", "mask": _mask(250, 10, 310, 50), "confidence": 0.55},
        ],
    )
    pose = [[160, 40, 2], [160, 110, 2], [120, 180, 1], [200, 190, 2]]
    skeletons: tuple[Objects, Objects] = (
        [{"id": "a", "type": "keypoints", "feature": "bird", "keypoints": pose, "bbox": [100, 30, 120, 170]}],
        [
            {
                "id": "1",
                "type": "keypoints",
                "feature": "bird",
                "keypoints": [[x + 3, y - 2, 0.9] for x, y, _ in pose],
                "confidence": 0.9,
            },
            {
                "id": "2",
                "type": "keypoints",
                "feature": "bird",
                "keypoints": [[40, 60, 0.5], [50, 90, 0.5], [30, 120, 0.5], [70, 130, 0.5]],
                "confidence": 0.6,
            },
        ],
    )
    answers: tuple[Objects, Objects] = (
        [
            {"id": "w", "type": "radio", "feature": "weather", "answer": "rain"},
            {"id": "c", "type": "checklist", "feature": "seen", "answers": ["fox", "owl"]},
            {"id": "n", "type": "number", "feature": "visitors", "answer": 12},
            {"id": "t", "type": "text", "feature": "sign", "answer": "do not feed"},
        ],
        [
            {"id": "w", "type": "radio", "feature": "weather", "answer": "sun", "confidence": 0.8},
            {"id": "c", "type": "checklist", "feature": "seen", "answers": ["fox", "crow"], "confidence": 0.9},
            {"id": "n", "type": "number", "feature": "visitors", "answer": 15.5},
            {"id": "t", "type": "text", "feature": "sign", "answer": "do not heed"},
        ],
    )
    note = "The otter met the heron at the north gate."
    spans: tuple[Objects, Objects] = (
        [
            {"id": "1", "type": "span", "feature": "animal", "span": [4, 9]},
            {"id": "2", "type": "span", "feature": "animal", "span": [18, 23]},
            {"id": "3", "type": "span", "feature": "place", "span": [31, 41]},
        ],
        [
            {"id": "1", "type": "span", "feature": "animal", "span": [4, 9], "confidence": 0.9},
            {"id": "2", "type": "span", "feature": "place", "span": [18, 23], "confidence": 0.8},
        ],
    )
    return {
        "shapes": (picture | {"media_url": "/media/scene-0001.png", "metadata": {"hour": "9"}}, *shapes),
        "skeletons": (picture | {"metadata": {"hour": "11"}}, *skeletons),
        "answers": ({"split": "train", "metadata": {"hour": "14", "keeper": "Ada"}}, *answers),
        "note": ({"split": "train", "text": note, "metadata": {"hour": "20"}}, *spans),
    }


def feed(http: httpx.Client, dataset: str = DATASET, run: str = RUN, metrics: Sequence[str] = ("effort",)) -> None:
    """Send it to a service, and wait until it is matched; each picture has these metrics of its own."""
    base = f"/v1/datasets/{dataset}"
    bird = {"name": "bird", "skeleton": SKELETON, "color": COLOUR}
    http.put(f"{base}/ontology", json={"classes": [bird]}).raise_for_status()
    event = {"dataset": dataset, "operation": "replace"}
    truth = [
        event | {"data_row": name, "row": facts, "annotations": objects} for name, (facts, objects, _) in rows().items()
    ]
    said = [
        event
        | {"data_row": name, "run": run, "predictions": objects}
        | ({"metrics": [{"name": own, "value": 0.25 * (i + 1)} for own in metrics]} if name != "note" else {})
        for i, (name, (_, _, objects)) in enumerate(rows().items())
    ]
    for route, events in (("annotations", truth), (f"runs/{run}/predictions", said)):
        upload(http, f"{base}/{route}", "\n".join(json.dumps(one) for one in events))
    wait_until_matched(http, dataset, run)
    assert http.get(f"{base}/runs/{run}/progress").json()["failed"] == 0
