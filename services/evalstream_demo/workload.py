"""The demo's workload: pictures, the truth about them and what two model runs say, as events on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from evalstream_demo.detector import Located, locate
from evalstream_demo.models import Run, classify, judge_sharpness, train_runs
from evalstream_demo.scenes import CLASSES, HEIGHT, WIDTH, Floats, Scene, Split, compose, digit_pools
from evalstream_demo.sharpness import sharpness_features

DATASET = "digits"
QUESTION = "sharpness"

#: How many scenes the models learn from; they are no part of the workload.
TRAINING_SCENES = 360
SPLIT_SHARES: dict[Split, float] = {"train": 0.2, "validation": 0.2, "test": 0.6}
#: A box that is a digit with less probability than this is not worth sending.
LEAST_CONFIDENCE = 0.05

_TRAINING_STREAM, _SCENE_STREAM = 0, 1

Event = dict[str, Any]


class Workload(NamedTuple):
    """The files of a workload, and how much is in them."""

    dataset: str
    annotations: Path
    predictions: dict[str, Path]
    media: Path
    scenes: int
    objects: int
    predicted: dict[str, int]


def make_workload(
    directory: Path,
    *,
    scenes: int = 400,
    seed: int = 7,
    on_progress: Callable[[int, int], None] | None = None,
) -> Workload:
    """Draw the scenes, train the runs, let them look, and write it all down.

    Parameters
    ----------
    directory
        Receives ``media/scene-0001.png`` …, ``annotations.ndjson`` and ``predictions-<run>.ndjson``, one event a line.
    scenes
        How many pictures.
    seed
        The same seed gives the same bytes; a scene's picture does not depend on how many follow it.
    on_progress
        Called with the number of scenes done and their total after each scene, once the training is over.

    Returns
    -------
    Workload
        Where the files are; ``objects`` counts the true boxes, ``predicted`` each run's boxes.
    """
    if scenes < 1:
        raise ValueError(f"scenes must be at least 1, not {scenes}")
    media = directory / "media"
    media.mkdir(parents=True, exist_ok=True)
    pools = digit_pools()
    lessons = [compose(pools["train"], _generator(seed, _TRAINING_STREAM, n)) for n in range(TRAINING_SCENES)]
    runs = train_runs(lessons)

    annotations: list[Event] = []
    located: dict[str, list[Located]] = {name: [] for name in runs}
    sharpness: list[Floats] = []
    for number in range(1, scenes + 1):
        rng = _generator(seed, _SCENE_STREAM, number)
        split = rng.choice(list(SPLIT_SHARES), p=list(SPLIT_SHARES.values()))
        scene = compose(pools[split], rng)
        Image.fromarray(scene.image).save(media / f"{_row_name(number)}.png")
        annotations.append(_annotation_event(number, str(split), scene))
        for name, run in runs.items():
            located[name].append(locate(scene.image, flatten=run.flatten))
        sharpness.append(sharpness_features(scene.image))
        if on_progress is not None:
            on_progress(number, scenes)

    predictions = {name: _predict(name, run, located[name], sharpness) for name, run in runs.items()}
    paths = {name: directory / f"predictions-{name}.ndjson" for name in runs}
    for name, path in paths.items():
        _write_lines(path, predictions[name])
    _write_lines(directory / "annotations.ndjson", annotations)
    return Workload(
        dataset=DATASET,
        annotations=directory / "annotations.ndjson",
        predictions=paths,
        media=media,
        scenes=scenes,
        objects=_count_boxes(annotations, "annotations"),
        predicted={name: _count_boxes(events, "predictions") for name, events in predictions.items()},
    )


def _generator(seed: int, stream: int, number: int) -> np.random.Generator:
    return np.random.default_rng((seed, stream, number))


def _row_name(number: int) -> str:
    return f"scene-{number:04d}"


def _annotation_event(number: int, split: str, scene: Scene) -> Event:
    boxes = [_box(n, box, label) for n, (box, label) in enumerate(zip(scene.boxes, scene.labels, strict=True), 1)]
    row = {
        "split": split,
        "width": WIDTH,
        "height": HEIGHT,
        "media_url": f"/media/{_row_name(number)}.png",
        "metadata": {
            "noise": scene.noise,
            "blur": scene.blur,
            "digits": len(boxes),
            "clutter": scene.clutter,
            "lighting": scene.lighting,
            "surface": scene.surface,
        },
    }
    return {**_event(number), "row": row, "annotations": [*boxes, _answer(scene.sharpness)]}


def _predict(name: str, run: Run, located: list[Located], sharpness: list[Floats]) -> list[Event]:
    """Let one run name what it has located in every scene, and answer the question."""
    # The classifiers are asked once for all scenes: a call costs far more than its rows.
    everything = Located(*(np.concatenate(parts) for parts in zip(*located, strict=True)))
    classes, confidences = classify(run.digits, everything)
    answers, certainties = judge_sharpness(run.sharpness, np.array(sharpness))
    ends = np.cumsum([len(found.boxes) for found in located])[:-1]
    rows = zip(located, np.split(classes, ends), np.split(confidences, ends), answers, certainties, strict=True)
    events = []
    for number, (found, labels, scores, answer, certainty) in enumerate(rows, start=1):
        sent = scores >= LEAST_CONFIDENCE
        boxes = [
            {**_box(n, box, label), "confidence": _rounded(score, 6)}
            for n, (box, label, score) in enumerate(
                zip(found.boxes[sent], labels[sent], scores[sent], strict=True), start=1
            )
        ]
        radio = {**_answer(answer), "confidence": _rounded(certainty, 6)}
        events.append({**_event(number), "run": name, "predictions": [*boxes, radio]})
    return events


def _event(number: int) -> Event:
    return {"dataset": DATASET, "data_row": _row_name(number), "operation": "replace", "version": 1}


def _box(number: int, box: Floats, label: int) -> Event:
    return {
        "type": "bbox",
        "id": str(number),
        "feature": CLASSES[label],
        "bbox": [_rounded(value, 2) for value in box],
    }


def _answer(answer: str) -> Event:
    return {"type": "radio", "id": QUESTION, "feature": QUESTION, "answer": answer}


def _rounded(value: float, decimals: int) -> float:
    return round(float(value), decimals)


def _count_boxes(events: list[Event], objects: str) -> int:
    return sum(item["type"] == "bbox" for event in events for item in event[objects])


def _write_lines(path: Path, events: Iterable[Event]) -> None:
    lines = (json.dumps(event, separators=(",", ":")) + "\n" for event in events)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
