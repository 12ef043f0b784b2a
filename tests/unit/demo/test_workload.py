"""The demo's workload: reproducible, valid, and wrong where real models are wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evalstream.events import AnnotationEvent, PredictionEvent
from evalstream.events.objects.answers import NumberAnnotation, RadioAnnotation, RadioPrediction, TextAnnotation
from evalstream.events.objects.bbox import BboxAnnotation, BboxPrediction
from evalstream_demo import workload as workload_module
from evalstream_demo.detector import ink_of
from evalstream_demo.models import iou
from evalstream_demo.scenes import CLASSES, HEIGHT, WIDTH, compose, digit_pools
from evalstream_demo.workload import DATASETS, Workload, make_workloads
from PIL import Image
from pycocotools import mask as coco_mask

from tests.conftest import DEMO_SCENES

#: Of those that are drawn a second time.
AGAIN = 8


@pytest.fixture(scope="session")
def workload(demo: dict[str, Workload]) -> Workload:
    return demo["digits"]


@pytest.fixture(scope="module")
def annotations(workload: Workload) -> list[AnnotationEvent]:
    return [AnnotationEvent.model_validate_json(line) for line in workload.annotations.read_text().splitlines()]


@pytest.fixture(scope="module")
def predictions(workload: Workload) -> dict[str, list[PredictionEvent]]:
    return {
        run: [PredictionEvent.model_validate_json(line) for line in path.read_text().splitlines()]
        for run, path in workload.predictions.items()
    }


def contents(workloads: dict[str, Workload]) -> dict[str, bytes]:
    """The first pictures, and of each file the first events."""
    folder = workloads["digits"].annotations.parents[1]
    pictures = {path.name: path.read_bytes() for path in sorted((folder / "media").iterdir())[:AGAIN]}
    files = {path for own in workloads.values() for path in (own.annotations, *own.predictions.values())}
    return pictures | {
        str(path.relative_to(folder)): b"\n".join(path.read_bytes().splitlines()[:AGAIN]) for path in files
    }


def test_same_seed_gives_same_bytes(demo: dict[str, Workload], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scene, and what is found in it, does not depend on how many follow."""
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(workload_module, "TRAINING_SCENES", 40)  # of which models are worse, and trained quickly
    first = make_workloads(tmp_path / "first", scenes=AGAIN + 2)
    again = make_workloads(tmp_path / "again", scenes=AGAIN, on_progress=lambda done, total: told.append((done, total)))
    assert contents(again) == contents(first)
    assert len(contents(again)) == AGAIN + 9
    own, of_demo = contents(again), contents(demo)
    untrained = [name for name in own if "predictions" not in name]
    assert {name: own[name] for name in untrained} == {name: of_demo[name] for name in untrained}
    assert told == [(number, AGAIN) for number in range(1, AGAIN + 1)]


def test_no_scenes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        make_workloads(tmp_path, scenes=0)


def test_a_scene_follows_from_its_generator() -> None:
    pool = digit_pools()["test"]
    first, again = (compose(pool, np.random.default_rng((7, 1, 1))) for _ in range(2))
    other = compose(pool, np.random.default_rng((7, 1, 2)))
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_pools_share_no_digit() -> None:
    pools = digit_pools()
    seen = [{image.tobytes() for image in pool.images} for pool in pools.values()]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_every_scene_has_one_event_of_each_kind(
    workload: Workload, annotations: list[AnnotationEvent], predictions: dict[str, list[PredictionEvent]]
) -> None:
    names = [f"scene-{number:04d}" for number in range(1, DEMO_SCENES + 1)]
    assert workload.rows == DEMO_SCENES
    assert [event.data_row for event in annotations] == names
    assert len(predictions) == 2
    for run, events in predictions.items():
        assert [event.data_row for event in events] == names
        assert {event.run for event in events} == {run}
    assert {event.dataset for event in annotations} == {workload.dataset}


def test_counts_are_of_boxes(
    workload: Workload, annotations: list[AnnotationEvent], predictions: dict[str, list[PredictionEvent]]
) -> None:
    assert workload.objects == sum(len(true_boxes(event)) for event in annotations)
    for run, events in predictions.items():
        assert workload.predicted[run] == sum(len(predicted_boxes(event)) for event in events)


def test_pictures_are_there_in_their_size(workload: Workload, annotations: list[AnnotationEvent]) -> None:
    for event in annotations:
        assert event.row is not None
        assert event.row.media_url == f"/media/{event.data_row}.png"
        with Image.open(workload.annotations.parents[1] / "media" / f"{event.data_row}.png") as picture:
            assert picture.size == (event.row.width, event.row.height) == (WIDTH, HEIGHT)


def test_boxes_lie_inside_the_picture(
    annotations: list[AnnotationEvent], predictions: dict[str, list[PredictionEvent]]
) -> None:
    truth = [box for event in annotations for box in true_boxes(event)]
    found = [box for events in predictions.values() for event in events for box in predicted_boxes(event)]
    for item in [*truth, *found]:
        x, y, width, height = item.bbox
        assert min(x, y) >= 0
        assert min(width, height) > 0
        assert x + width <= WIDTH
        assert y + height <= HEIGHT
        assert item.feature in CLASSES


def test_true_boxes_are_tight() -> None:
    pool = digit_pools()["test"]
    scenes = (compose(pool, np.random.default_rng((0, number))) for number in range(100))
    plain = [scene for scene in scenes if (scene.noise, scene.clutter) == (0.02, "none") and scene.blur <= 1]
    assert plain
    for scene in plain:
        ink = ink_of(scene.image, flatten=True)
        for x, y, width, height in scene.boxes.astype(int):
            inside = ink[y : y + height, x : x + width]
            assert min(side.max() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1])) > 0.06


def test_confidences_are_probabilities(predictions: dict[str, list[PredictionEvent]]) -> None:
    confidences = [item.confidence for events in predictions.values() for e in events for item in e.predictions]
    assert all(0 <= confidence <= 1 for confidence in confidences)
    assert len(set(confidences)) > DEMO_SCENES


def test_models_are_mostly_right_and_sometimes_wrong(
    annotations: list[AnnotationEvent], predictions: dict[str, list[PredictionEvent]]
) -> None:
    for events in predictions.values():
        located = named = predicted = answered = 0
        for truth, event in zip(annotations, events, strict=True):
            here, there = true_boxes(truth), predicted_boxes(event)
            predicted += len(there)
            answered += sharpness(truth) == sharpness(event)
            if not here or not there:
                continue
            overlaps = iou(np.array([box.bbox for box in there]), np.array([box.bbox for box in here]))
            for box, row in zip(there, overlaps, strict=True):
                located += row.max() >= 0.5
                named += row.max() >= 0.5 and here[int(row.argmax())].feature == box.feature
        objects = sum(len(true_boxes(event)) for event in annotations)
        assert 0.6 < located / objects < 0.98
        assert 0.7 < located / predicted < 1
        assert 0.75 < named / located < 0.99
        assert 0.7 < answered / DEMO_SCENES < 1


def test_runs_differ(predictions: dict[str, list[PredictionEvent]]) -> None:
    first, second = predictions.values()
    assert sum(a.predictions != b.predictions for a, b in zip(first, second, strict=True)) > DEMO_SCENES / 2


def true_boxes(event: AnnotationEvent) -> list[BboxAnnotation]:
    return [item for item in event.annotations if isinstance(item, BboxAnnotation)]


def predicted_boxes(event: PredictionEvent) -> list[BboxPrediction]:
    return [item for item in event.predictions if isinstance(item, BboxPrediction)]


def sharpness(event: AnnotationEvent | PredictionEvent) -> str:
    items = event.annotations if isinstance(event, AnnotationEvent) else event.predictions
    (answer,) = (item.answer for item in items if isinstance(item, RadioAnnotation | RadioPrediction))
    return answer


def test_every_dataset_is_described_and_there(demo: dict[str, Workload]) -> None:
    assert list(demo) == list(DATASETS)
    for name, workload in demo.items():
        assert (workload.dataset, workload.rows) == (name, DEMO_SCENES)
        assert workload.objects > 0
        assert min(workload.predicted.values()) > 0


def test_strokes_are_the_ink_of_the_digits(demo: dict[str, Workload]) -> None:
    """The same objects in both datasets; the box around a mask is the digit's box."""
    for digits, strokes in zip(lines(demo["digits"]), lines(demo["strokes"]), strict=True):
        boxes = [item for item in digits["annotations"] if item["type"] == "bbox"]
        masks = strokes["annotations"]
        assert [item["feature"] for item in masks] == [item["feature"] for item in boxes]
        for box, mask in zip(boxes, masks, strict=True):
            x, y, width, height = coco_mask.toBbox(mask["mask"])
            assert [x, y, width, height] == box["bbox"]


def test_the_questions_are_answered_from_the_boxes(annotations: list[AnnotationEvent]) -> None:
    for event in annotations:
        boxes = sorted(true_boxes(event), key=lambda box: box.bbox[0])
        (count,) = (item.answer for item in event.annotations if isinstance(item, NumberAnnotation))
        (text,) = (item.answer for item in event.annotations if isinstance(item, TextAnnotation))
        assert count == len(boxes)
        assert text.split() == [box.feature for box in boxes]


def test_notes_say_what_their_spans_say(demo: dict[str, Workload]) -> None:
    texts = {event["data_row"]: event["row"]["text"] for event in lines(demo["notes"])}
    assert any(character > "\uffff" for text in texts.values() for character in text), "none has an offset to get wrong"
    for event in lines(demo["notes"]):
        for item in event["annotations"]:
            start, end = item["span"]
            words = texts[event["data_row"]][start:end]
            assert words == words.strip() != ""
            assert item["feature"] != "amount" or any(character.isdigit() for character in words)


def lines(workload: Workload) -> list[dict[str, Any]]:
    return [json.loads(line) for line in workload.annotations.read_text().splitlines()]
