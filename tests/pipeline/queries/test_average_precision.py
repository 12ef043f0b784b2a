"""Average precision, in each of its definitions, over random data, against the same answered by hand."""

from __future__ import annotations

import random

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent
from evalstream.matching import POLICIES
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.average_precision import ApOptions, average_precisions
from evalstream.selection import Selection

from tests.oracles import queries as oracle
from tests.oracles.queries import Thing
from tests.pipeline.assertions import approx
from tests.pipeline.random_data import FEATURES, Data, annotation_event, image_order, prediction_event, send


@pytest.mark.parametrize("policy", list(POLICIES))
def test_average_precision_of_each_class(client: Client, data: Data, policy: str) -> None:
    for (dataset, run), own in data.runs.items():
        ordered = sorted(own, key=image_order)
        for c, t in ((0.0, 0.5), (0.25, 0.75), (0.0, 0.1)):
            selection = Selection(dataset=dataset, run=run, policy=policy, confidence=c, iou=t, type=["bbox"])
            found = average_precisions(client, selection)
            ap50 = selection.model_copy(update={"iou": 0.5})
            at_iou = []
            for label, figures in found.per_class.items():
                assert figures.ap50 == approx(oracle.average_precision(ordered, ap50, label))
                assert figures.at_iou == approx(oracle.average_precision(ordered, selection, label))
                at_iou.append(oracle.average_precision(ordered, selection, label))
            defined = [value for value in at_iou if value is not None]
            assert found.at_iou == approx(float(np.mean(defined)) if defined else None)
            assert set(found.per_class) == set(oracle.classes(oracle.score(own, selection)))


@pytest.mark.parametrize("policy", list(POLICIES))
@pytest.mark.parametrize("interpolation", ["11-point", "all-point", "none", "encord"])
def test_average_precision_otherwise_defined(client: Client, data: Data, policy: str, interpolation: str) -> None:
    (dataset, run), own = next(iter(data.runs.items()))
    for c, t in ((0.0, 0.5), (0.25, 0.1)):
        selection = Selection(dataset=dataset, run=run, policy=policy, confidence=c, iou=t, type=["bbox"])
        found = average_precisions(client, selection, ApOptions(interpolation=interpolation))
        for label, figures in found.per_class.items():
            expected = oracle.average_precision(sorted(own, key=image_order), selection, label, interpolation)
            assert figures.at_iou == approx(expected)


def test_policies_agree_where_every_object_has_one_candidate(client: Client) -> None:
    """With nothing to choose between, and nothing exactly on a threshold, the three rules are one."""
    rng = random.Random(11)
    confidences = iter(rng.sample(range(1, 10_000), 200))
    events = []
    for name in range(10):
        true, found = [], []
        for seat in range(6):
            box = (1000.0 * seat, 0.0, 40.0, 40.0)
            feature = rng.choice(FEATURES)
            true.append(Thing(f"{seat}", "bbox", feature, box=box))
            if rng.random() < 0.8:
                shifted = (box[0] + rng.uniform(0, 15), 0.0, 40.0, 40.0)
                found.append(Thing(f"{seat}", "bbox", feature, box=shifted, confidence=next(confidences) / 10_000))
        send(client, AnnotationEvent, [annotation_event("simple", str(name), "", {}, true)])
        events.append(prediction_event("simple", str(name), "v1", found))
    send(client, PredictionEvent, events)
    reconcile(client, list(POLICIES))
    figures = {}
    for policy in POLICIES:
        found = average_precisions(client, Selection(dataset="simple", run="v1", policy=policy, iou=0.77))
        figures[policy] = {"at_iou": found.at_iou} | {
            f"{label} {name}": getattr(item, name)
            for label, item in [("", found), *found.per_class.items()]
            for name in ("ap", "ap50", "ap75", "ar_100")
        }
    assert 0 < figures["coco"]["at_iou"] < 1
    assert figures["iou-greedy"] == approx(figures["coco"])
    assert figures["best-candidate"] == approx(figures["coco"])
