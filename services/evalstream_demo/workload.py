"""The demo's workloads: data rows, the truth about them and what two model runs say, as events on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from evalstream_demo.detector import Located, locate
from evalstream_demo.masks import run_lengths
from evalstream_demo.models import Run, classify, judge_sharpness, train_runs
from evalstream_demo.notes import Note, note_events
from evalstream_demo.scenes import CLASSES, HEIGHT, WIDTH, Floats, Ints, Scene, Split, compose, digit_pools
from evalstream_demo.sharpness import sharpness_features

#: What each dataset is about.
DATASETS = {
    "digits": "scenes of handwritten digits: boxes, and questions about the scene (sharp? how many? read it out)",
    "strokes": "the same scenes: which pixels are ink, as a mask a digit",
    "notes": "short notes: names, places, dates and sums of money in them",
}

#: How many scenes the models learn from; they are no part of the workload.
TRAINING_SCENES = 360
SPLIT_SHARES: dict[Split, float] = {"train": 0.2, "validation": 0.2, "test": 0.6}
#: A box that is a digit with less probability than this is not worth sending.
LEAST_CONFIDENCE = 0.05
#: A digit of at least this probability is counted and read out.
READ_FROM = 0.5

_TRAINING_STREAM, _SCENE_STREAM = 0, 1

Event = dict[str, Any]


class Workload(NamedTuple):
    """The files of a dataset, and how much is in them."""

    dataset: str
    annotations: Path
    predictions: dict[str, Path]
    rows: int
    objects: int
    predicted: dict[str, int]


class _Seen(NamedTuple):
    """Detections of one run in one scene, and the class given to each."""

    located: Located
    labels: Ints
    confidences: Floats
    sharpness: dict[str, float]


def make_workloads(
    directory: Path,
    *,
    scenes: int = 400,
    seed: int = 7,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Workload]:
    """Draw the scenes, write the notes, train the runs, let them look, and write it all down.

    Parameters
    ----------
    directory
        Receives ``media/scene-0001.png`` … and, a folder a dataset, ``annotations.ndjson`` and
        ``predictions-<run>.ndjson``, one event a line.
    scenes
        How many pictures, and how many notes.
    seed
        The same seed gives the same bytes; a scene's picture does not depend on how many follow it.
    on_progress
        Called with the number of scenes done and their total after each scene, once the training is over.

    Returns
    -------
    dict of str to Workload
        By dataset (:data:`DATASETS`), where the files are; ``objects`` counts the true boxes, masks or spans,
        ``predicted`` each run's.
    """
    if scenes < 1:
        raise ValueError(f"scenes must be at least 1, not {scenes}")
    media = directory / "media"
    media.mkdir(parents=True, exist_ok=True)
    pools = digit_pools()
    lessons = [compose(pools["train"], _generator(seed, _TRAINING_STREAM, n)) for n in range(TRAINING_SCENES)]
    runs = train_runs(lessons)

    digits: list[Event] = []
    strokes: list[Event] = []
    located: dict[str, list[Located]] = {name: [] for name in runs}
    sharpness: list[Floats] = []
    for number in range(1, scenes + 1):
        rng = _generator(seed, _SCENE_STREAM, number)
        split = rng.choice(list(SPLIT_SHARES), p=list(SPLIT_SHARES.values()))
        scene = compose(pools[split], rng)
        Image.fromarray(scene.image).save(media / f"{_row_name(number)}.png")
        facts = _facts(number, str(split), scene)
        digits.append({**_event("digits", number), "row": facts, "annotations": _true_digits(scene)})
        strokes.append({**_event("strokes", number), "row": facts, "annotations": _true_strokes(scene)})
        for name, run in runs.items():
            located[name].append(locate(scene.image, flatten=run.flatten))
        sharpness.append(sharpness_features(scene.image))
        if on_progress is not None:
            on_progress(number, scenes)

    seen = {name: _look(run, located[name], sharpness) for name, run in runs.items()}
    notes: list[Note] = note_events(scenes, seed)
    return {
        "digits": _written(
            directory / "digits", digits, {name: _predicted_digits(name, scenes) for name, scenes in seen.items()}
        ),
        "strokes": _written(
            directory / "strokes", strokes, {name: _predicted_strokes(name, scenes) for name, scenes in seen.items()}
        ),
        "notes": _written(
            directory / "notes",
            [note.annotations for note in notes],
            {name: [note.predictions[name] for note in notes] for name in notes[0].predictions},
        ),
    }


def _generator(seed: int, stream: int, number: int) -> np.random.Generator:
    return np.random.default_rng((seed, stream, number))


def _row_name(number: int) -> str:
    return f"scene-{number:04d}"


def _event(dataset: str, number: int) -> Event:
    return {"dataset": dataset, "data_row": _row_name(number), "operation": "replace", "version": 1}


def _facts(number: int, split: str, scene: Scene) -> Event:
    return {
        "split": split,
        "width": WIDTH,
        "height": HEIGHT,
        "media_url": f"/media/{_row_name(number)}.png",
        "metadata": {
            "noise": scene.noise,
            "blur": scene.blur,
            "digits": len(scene.boxes),
            "clutter": scene.clutter,
            "lighting": scene.lighting,
            "surface": scene.surface,
        },
    }


def _look(run: Run, located: list[Located], sharpness: list[Floats]) -> list[_Seen]:
    """Let one run name what it has located in every scene, and judge how sharp each is."""
    # The classifiers are asked once for all scenes: a call costs far more than its rows.
    labels, confidences = classify(run.digits, np.concatenate([one.features for one in located]))
    ends = np.cumsum([len(one.boxes) for one in located])[:-1]
    answers = judge_sharpness(run.sharpness, np.array(sharpness))
    rows = zip(located, np.split(labels, ends), np.split(confidences, ends), answers, strict=True)
    return [_Seen(*row) for row in rows]


def _true_digits(scene: Scene) -> list[Event]:
    boxes = [_box(n, box, label) for n, (box, label) in enumerate(zip(scene.boxes, scene.labels, strict=True), 1)]
    return [*boxes, *_answers(scene.sharpness, scene.boxes, scene.labels)]


def _true_strokes(scene: Scene) -> list[Event]:
    objects = zip(scene.boxes, scene.labels, scene.strokes, strict=True)
    return [_mask(n, box, label, ink) for n, (box, label, ink) in enumerate(objects, 1)]


def _predicted_digits(run: str, scenes: list[_Seen]) -> list[Event]:
    events = []
    for number, seen in enumerate(scenes, 1):
        objects = zip(seen.located.boxes, seen.labels, seen.confidences, strict=True)
        sent = [item for item in objects if item[2] >= LEAST_CONFIDENCE]
        boxes = [
            _box(n, box, label) | {"confidence": _rounded(score, 6)} for n, (box, label, score) in enumerate(sent, 1)
        ]
        read = seen.confidences >= READ_FROM
        answer = max(seen.sharpness, key=lambda name: seen.sharpness[name])
        radio, *others = _answers(answer, seen.located.boxes[read], seen.labels[read])
        scores = {name: _rounded(score, 6) for name, score in seen.sharpness.items()}
        radio |= {"confidence": scores[answer], "scores": scores}
        events.append({**_event("digits", number), "run": run, "predictions": [*boxes, radio, *others]})
    return events


def _predicted_strokes(run: str, scenes: list[_Seen]) -> list[Event]:
    events = []
    for number, seen in enumerate(scenes, 1):
        objects = zip(seen.located.boxes, seen.labels, seen.located.strokes, seen.confidences, strict=True)
        masks = [
            _mask(n, box, label, ink) | {"confidence": _rounded(score, 6)}
            for n, (box, label, ink, score) in enumerate((item for item in objects if item[3] >= LEAST_CONFIDENCE), 1)
        ]
        events.append({**_event("strokes", number), "run": run, "predictions": masks})
    return events


def _box(number: int, box: Floats, label: int) -> Event:
    return {
        "type": "bbox",
        "id": str(number),
        "feature": CLASSES[label],
        "bbox": [_rounded(value, 2) for value in box],
    }


def _mask(number: int, box: Floats, label: int, ink: Any) -> Event:
    return {
        "type": "mask",
        "id": str(number),
        "feature": CLASSES[label],
        "mask": run_lengths(ink, int(box[0]), int(box[1])),
    }


def _answers(sharpness: str, boxes: Floats, labels: Ints) -> list[Event]:
    """The questions about a scene: is it sharp, how many digits are there, how does it read from left to right."""
    order = np.argsort(boxes[:, 0], kind="stable")
    return [
        {"type": "radio", "id": "sharpness", "feature": "sharpness", "answer": sharpness},
        {"type": "number", "id": "how many", "feature": "how many", "answer": float(len(boxes))},
        {"type": "text", "id": "reads", "feature": "reads", "answer": " ".join(CLASSES[i] for i in labels[order])},
    ]


def _rounded(value: float, decimals: int) -> float:
    return round(float(value), decimals)


def _written(directory: Path, annotations: list[Event], predictions: dict[str, list[Event]]) -> Workload:
    directory.mkdir(parents=True, exist_ok=True)
    paths = {name: directory / f"predictions-{name}.ndjson" for name in predictions}
    for name, path in paths.items():
        _write_lines(path, predictions[name])
    _write_lines(directory / "annotations.ndjson", annotations)
    return Workload(
        dataset=annotations[0]["dataset"],
        annotations=directory / "annotations.ndjson",
        predictions=paths,
        rows=len(annotations),
        objects=_count_located(annotations, "annotations"),
        predicted={name: _count_located(events, "predictions") for name, events in predictions.items()},
    )


def _count_located(events: list[Event], objects: str) -> int:
    return sum(item["type"] in ("bbox", "mask", "span") for event in events for item in event[objects])


def _write_lines(path: Path, events: Iterable[Event]) -> None:
    lines = (json.dumps(event, separators=(",", ":")) + "\n" for event in events)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
