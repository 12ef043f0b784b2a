"""Random data rows and selections, for questions that are answered by hand too."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.matching import AREA_RANGES, POLICIES
from evalstream.pipeline.ingest import ingest
from evalstream.selection import Selection

from tests.oracles import matching
from tests.oracles.queries import DataRow, Thing

# Few distinct values, so that equal confidences, equal overlaps and identical boxes are the rule, not the exception.
FEATURES = ("car", "größe 大", 'it\'s a \\ "box"', "weather")
QUESTIONS = ("weather", "時間")
ANSWERS = ("yes", "no", "it's=unclear")
PLACES = (0.0, 4.0)
SIDES = (0.0, 8.0, 32.0, 96.0)
AREAS = (None, None, 1023.0, 1024.0, 9216.0, 1e10, 2e10)
CONFIDENCES = (-0.5, 0.0, 0.25, 0.5, 0.5, 0.9, 1.0, 0.1 + 0.2)
SPLITS = ("train", "validation", "test", "")
NOISES = (0, 0.1, 0.1 + 0.2, 7, -1.5, True, "loud", "nan", "inf", None)
WEATHERS = ("rain", "雪", 'it\'s \\ "hot"', None)

Truth = dict[str, tuple[str, dict[str, Any], list[Thing]]]  # by data row: split, metadata, annotations


class Data(NamedTuple):
    """What went in: of each (dataset, run) its data rows."""

    runs: dict[tuple[str, str], list[DataRow]]


def data_row_names(count: int) -> list[str]:
    """Names of rows: numbers of several lengths, a negative one, text of any kind."""
    odd = ["-7", "größe/1", "it's \\N", "日本 {x}", '"quoted"']
    return odd + [str(7 * n) for n in range(count - len(odd))]


def image_order(row: DataRow) -> tuple[bool, int, int, bytes]:
    is_number = row.data_row.removeprefix("-").isascii() and row.data_row.removeprefix("-").isdigit()
    key = row.data_row.encode()
    return (not is_number, int(row.data_row) if is_number else 0, len(key), key)


def random_truth(rng: random.Random) -> tuple[str, dict[str, Any], list[Thing]]:
    metadata = {"noise": rng.choice(NOISES), "weather": rng.choice(WEATHERS)}
    things = random_things(rng, "annotation", rng.choice([0, 1, 3, 5]))
    return rng.choice(SPLITS), {key: value for key, value in metadata.items() if value is not None}, things


def random_things(rng: random.Random, side: str, count: int) -> list[Thing]:
    return [random_thing(rng, side, str(number)) for number in range(count)]


def random_thing(rng: random.Random, side: str, name: str) -> Thing:
    predicted = side == "prediction"
    confidence = rng.choice(CONFIDENCES) if predicted else 1.0
    if rng.random() < 0.3:
        return Thing(name, "radio", rng.choice(QUESTIONS), rng.choice(ANSWERS), confidence=confidence, area=0.0)
    box = (rng.choice(PLACES), rng.choice(PLACES), rng.choice(SIDES), rng.choice(SIDES))
    crowd = not predicted and rng.random() < 0.15
    area = None if predicted else rng.choice(AREAS)
    difficult = not predicted and not crowd and rng.random() < 0.15
    return Thing(name, "bbox", rng.choice(FEATURES[:3]), "", box, confidence, crowd, area, difficult)


def crowded_row(rng: random.Random) -> DataRow:
    """More than a hundred predictions of one class."""
    true = [Thing(str(n), "bbox", "car", box=(20.0 * n, 0.0, 32.0, 32.0)) for n in range(8)]
    found = [
        Thing(str(n), "bbox", "car", box=(10.0 * rng.randrange(20), 0.0, 32.0, 32.0), confidence=rng.randrange(20) / 20)
        for n in range(120)
    ]
    return DataRow("0", "", {}, true, found)


def data_row(name: str, truth: tuple[str, dict[str, Any], list[Thing]] | None, found: list[Thing]) -> DataRow:
    split, metadata, things = truth or ("", {}, [])
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    return DataRow(name, split, texts, things, found)


def annotation_event(
    dataset: str, name: str, split: str, metadata: dict[str, Any], things: list[Thing]
) -> dict[str, Any]:
    row = ({"split": split} if split else {}) | {"metadata": metadata}
    kinds = [{"crowd": True} if thing.crowd else {"difficult": True} if thing.difficult else {} for thing in things]
    objects = [as_object(thing) | kind for thing, kind in zip(things, kinds, strict=True)]
    return {"dataset": dataset, "data_row": name, "operation": "replace", "row": row, "annotations": objects}


def prediction_event(dataset: str, name: str, run: str, things: list[Thing]) -> dict[str, Any]:
    objects = [as_object(thing) | {"confidence": thing.confidence} for thing in things]
    return {"dataset": dataset, "data_row": name, "run": run, "operation": "replace", "predictions": objects}


def as_object(thing: Thing) -> dict[str, Any]:
    known = {"id": thing.id, "type": thing.type, "feature": thing.feature}
    if thing.type == "radio":
        return known | {"answer": thing.answer}
    return known | {"bbox": thing.box} | ({} if thing.area is None else {"area": thing.area})


def send(
    client: Client, model: type[AnnotationEvent] | type[PredictionEvent], events: Sequence[dict[str, Any]]
) -> None:
    records = [Record(json.dumps(event).encode(), position, 1) for position, event in enumerate(events)]
    done = ingest(client, records, Reader(model), "test")
    assert (done.accepted, done.rejected) == (len(events), [])


def threshold_pairs(own: Sequence[DataRow], least: int) -> list[tuple[float, float]]:
    """Pairs of thresholds in which each one of interest occurs at least once: those where anything can change."""
    boxes = [
        (p.as_box(), a.as_box())
        for row in own
        for p in row.predictions
        for a in row.annotations
        if p.type == a.type == "bbox"
    ]
    confidences = around({thing.confidence for row in own for thing in row.predictions})
    overlaps = around({matching.iou(p, a) for p, a in boxes})
    rng = random.Random(1)
    rng.shuffle(confidences)
    rng.shuffle(overlaps)
    if len(own) == 1:  # the crowded one, which takes its time
        least = min(least, 8)
    count = least if least < 70 else max(least, len(confidences), len(overlaps))
    return [(confidences[k % len(confidences)], overlaps[k % len(overlaps)]) for k in range(count)]


def around(values: set[float]) -> list[float]:
    """Each value, and the nearest number above it, within [0, 1]: from there to the next value nothing changes."""
    near = {v for value in values for v in (value, math.nextafter(value, 2))}
    return sorted(v for v in near | {0.0, 0.5, 1.0} if 0 <= v <= 1)


def filter_choices(policy: str) -> list[dict[str, Any]]:
    choices: list[dict[str, Any]] = [
        {"split": ["train"]},
        {"split": ["test", "validation"]},
        {"feature": [FEATURES[0]]},
        {"feature": [FEATURES[2], QUESTIONS[0]]},
        {"feature": [QUESTIONS[1]]},
        {"type": ["bbox"]},
        {"type": ["radio"], "feature": ["weather"]},
        {"type": ["bbox", "radio"], "split": ["test", "train"]},
        {"feature": ["no such thing"]},
        {"metadata": ["weather=rain"]},
        {"metadata": [f"weather={WEATHERS[2]}"]},
        {"metadata": ["weather!=雪", "noise<1"]},
        {"metadata": ["noise>=0.30000000000000004"]},
        {"metadata": ["noise>0.3"]},
        {"metadata": ["noise<=0.1"], "feature": [FEATURES[1]]},
        {"metadata": ["noise=true"]},
        {"metadata": ["noise="]},
        {"metadata": ["absent!=x"]},
        {"metadata": ["absent>0"]},
        {"both_sides": True},
        {"at_threshold": "match"},
        {"at_threshold": "no-match", "both_sides": True, "feature": [FEATURES[0]]},
    ]
    if policy == "coco":
        choices += [{"area": area, "feature": [FEATURES[0], FEATURES[1]]} for area in AREA_RANGES]
    return choices


def some_selections(data: Data, count: int, *, filtered: bool = False) -> list[Selection]:
    """For each run and policy so many selections at thresholds where something changes."""
    found = []
    for (dataset, run), own in data.runs.items():
        for policy in POLICIES:
            filters = filter_choices(policy) if filtered else [{}]
            for number, (c, t) in enumerate(threshold_pairs(own, count)):
                # Low ones, mostly: at high thresholds little is left to be wrong about.
                fields = {"confidence": c if number % 2 else c / 4, "iou": t if number % 2 else t / 2}
                chosen = filters[(5 * number + len(found)) % len(filters)] if number % 2 else {}
                area = {"area": list(AREA_RANGES)[number % 4]} if policy == "coco" else {}
                found.append(Selection(dataset=dataset, run=run, policy=policy, **fields | area | chosen))
    return found
