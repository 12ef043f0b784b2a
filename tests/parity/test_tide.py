"""Causes of errors and what they cost, against tidecv itself."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.errors import Errors, errors
from evalstream.scoring.causes import CAUSES, ErrorOptions
from evalstream.selection import Selection
from evalstream.storage.engine import open_embedded
from evalstream.storage.migrate import migrate
from tidecv import TIDE, Data
from tidecv.errors.main_errors import (
    BackgroundError,
    BoxError,
    ClassError,
    DuplicateError,
    MissedError,
    OtherError,
)

from tests.evaluating import DATASET, RUN, evaluated
from tests.feeding import feed_all
from tests.parity.conftest import Agree

SHORT = dict(zip(CAUSES, ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss"), strict=True))
KINDS = dict(zip(CAUSES, (ClassError, BoxError, OtherError, DuplicateError, BackgroundError, MissedError), strict=True))

Image = tuple[list[dict[str, Any]], list[dict[str, Any]]]  # annotations and predictions, as events have them


def test_real_data_gives_the_published_figures(real_data: Path, agree: Agree) -> None:
    folder = real_data / "coco2014_100"
    expected = json.loads((folder / "expected_tide.json").read_bytes())
    (main,), (special,) = expected["main"].values(), expected["special"].values()
    truth, results = folder / "instances_val2014_100.json", folder / "instances_val2014_fakebbox100_results.json"
    with evaluated(truth, results, "coco") as (client, _):
        found = errors(client, Selection(dataset=DATASET, run=RUN, policy="coco"))
    told = {"ap50": expected["ap50"]} | main | special
    agree("error causes: AP and its differences (TIDE)", "tidecv 1.0.1", "coco2014_100", figures(found), told)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One engine for all that follows; the real data has its own."""
    client = open_embedded(tmp_path_factory.mktemp("engine"))
    migrate(client)
    yield client
    client.close()


def test_random_data_gives_the_figures_of_tidecv(client: Client, agree: Agree) -> None:
    """Of annotations overlapped equally tidecv takes the first, COCO the last: so tidecv gets them backwards."""
    noticed = dict.fromkeys(CAUSES, 0)
    rngs = [random.Random(seed) for seed in range(40)]
    sets = [random_images(rng, many=seed % 10 == 0) for seed, rng in enumerate(rngs)]
    told_us = {
        f"tide-{seed}": (
            {str(n): true for n, (true, _) in enumerate(images)},
            {"m": {str(n): found for n, (_, found) in enumerate(images)}},
        )
        for seed, images in enumerate(sets)
    }
    feed_all(client, told_us, policies=["coco"])
    for seed, (rng, images) in enumerate(zip(rngs, sets, strict=True)):
        iou, background = rng.choice([(0.5, 0.1), (0.75, 0.1), (0.3, 0.05), (0.55, 0.25)])
        found = errors(
            client,
            Selection(dataset=f"tide-{seed}", run="m", policy="coco", iou=iou),
            ErrorOptions(background=background),
        )
        told, counts = by_tidecv(images, iou, background)
        agree(
            "error causes: AP and its differences (TIDE)", "tidecv 1.0.1", "40 random data sets", figures(found), told
        )
        own = {cause: item.count + item.ignored for cause, item in found.causes.items()}
        agree("error causes: counts (TIDE)", "tidecv 1.0.1", "40 random data sets", own, counts)
        for cause, count in counts.items():
            noticed[cause] += count
    assert min(noticed.values()) > 30


def by_tidecv(images: list[Image], iou: float, background: float) -> tuple[dict[str, float], dict[str, int]]:
    true, found = Data("true"), Data("found")
    names: dict[str, int] = {}
    for number, (targets, detections) in enumerate(images):
        true.add_image(number, str(number))
        found.add_image(number, str(number))
        for item in reversed(targets):
            label = names.setdefault(item["feature"], len(names))
            add = true.add_ignore_region if item.get("crowd") else true.add_ground_truth
            add(number, label, list(item["bbox"]))
        for item in detections:
            label = names.setdefault(item["feature"], len(names))
            found.add_detection(number, label, item["confidence"], list(item["bbox"]))
    tide = TIDE(iou, background)
    run = tide.evaluate(true, found, name="m")
    told = tide.get_all_errors()
    counts = run.count_errors()
    return (
        {"ap50": run.ap} | told["main"]["m"] | told["special"]["m"],
        {cause: counts[kind] for cause, kind in KINDS.items()},
    )


def figures(found: Errors) -> dict[str, float | None]:
    """As tidecv says it: in hundredths."""
    named = {
        "ap50": found.ap,
        **{SHORT[cause]: item.dap for cause, item in found.causes.items()},
        "FalsePos": found.false_positives_dap,
        "FalseNeg": found.false_negatives_dap,
    }
    return {name: None if value is None else 100 * value for name, value in named.items()}


def random_images(rng: random.Random, *, many: bool) -> list[Image]:
    """Few distinct numbers: ties in confidence and overlap, identical boxes; with ``many`` over 100 predictions a row.

    Regions lie a little aside, so that no prediction lies in one by exactly the threshold: COCO ignores it then, and
    tidecv does not.
    """
    alone = {"type": "bbox", "feature": "a", "bbox": [0.0, 0.0, 8.0, 8.0]}
    images: list[Image] = [([alone], [alone | {"confidence": 0.6}])]  # with nothing to average tidecv divides by 0
    for _ in range(5):
        true, found = [], []
        for _ in range(rng.choice([0, 2, 5, 8])):
            box = [rng.choice([0.0, 3.0, 10.0, 40.0]) for _ in range(2)] + [
                rng.choice([8.0, 10.0, 14.0]) for _ in range(2)
            ]
            crowd = {"crowd": True} if rng.random() < 0.15 else {}
            box[0] += 0.37 * len(crowd)
            true.append({"type": "bbox", "feature": rng.choice("abc"), "bbox": box} | crowd)
        for _ in range(rng.choice([0, 4, 12]) + 110 * many):
            if true and rng.random() < 0.8:
                near = rng.choice(true)
                x, y, width, height = near["bbox"]
                box = [x + rng.choice([0.0, 0.0, 1.7, 5.3]), y + rng.choice([0.0, 1.3, 3.1]), width, height]
                feature = near["feature"] if rng.random() < 0.6 else rng.choice("abcd")
            else:
                box, feature = [rng.uniform(0, 60), rng.uniform(0, 60), 9.7, 11.3], rng.choice("abcd")
            confidence = rng.choice([0.2, 0.5, 0.5, 0.9, rng.random()])
            found.append({"type": "bbox", "feature": feature, "bbox": box, "confidence": confidence})
        images.append((true, found))
    return images
