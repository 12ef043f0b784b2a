"""Metrics that producers send: from the event to every question, equal to what is worked out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.matching import POLICIES
from evalstream.ontology import Ontology, OntologyClass
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.custom_metrics import CustomMetric, CustomMetricsPage, custom_metrics
from evalstream.queries.distribution import distribution
from evalstream.queries.rows import Page, rows
from evalstream.selection import QuestionError, Selection
from evalstream.storage.ontologies import declare

from tests.feeding import feed
from tests.oracles import custom_metrics as oracle
from tests.oracles.custom_metrics import Sent, SentRow, Thing, Value

AGGREGATIONS = {
    "mean": "arithmetic_mean",
    "o'clock \\ {x:String}": "geometric_mean",
    "harmonic": "harmonic_mean",
    "sum": "sum",
    "matrix.précis": "confusion_matrix",
}
FEATURES = ("car", "dog", "tree")
THRESHOLDS = (0.0, 0.05, 0.25, 0.5, 0.75, 1.0)


def _value(rng: np.random.Generator, aggregation: str) -> Value | dict[str, Value]:
    def one() -> Value:
        if aggregation == "confusion_matrix":
            a, b, c, d = rng.integers(0, 4, 4).tolist()
            return float(a), float(b), float(c), float(d)
        return float(rng.choice([0.0, 0.25, 0.5, 3.0, float(rng.random())], p=[0.03, 0.1, 0.1, 0.1, 0.67]))

    if rng.random() < 0.5:
        return one()
    keys = rng.choice(["0", "0.1", "0.25", "0.5", "0.75", "0.9", "1.0"], int(rng.integers(1, 5)), replace=False)
    return {str(key): one() for key in keys}


def _row(rng: np.random.Generator) -> SentRow:
    metrics, things = [], []
    for name, aggregation in AGGREGATIONS.items():
        places = [("", ""), *((f, s) for f in FEATURES for s in ("", "red", "blue"))]
        for feature, subclass in places:
            if rng.random() < 0.12:
                metrics.append(Sent(name, aggregation, _value(rng, aggregation), feature, subclass))
    for _ in range(int(rng.integers(0, 5))):
        kind = str(rng.choice(["bbox", "number"]))
        own = [Sent(n, a, _value(rng, a)) for n, a in AGGREGATIONS.items() if rng.random() < 0.5]
        confidence = float(rng.choice([0.0, 0.05, 0.3, 0.5, 0.8, 1.0, -1.0]))
        things.append(Thing(kind, str(rng.choice(FEATURES)), confidence, own))
    return SentRow(metrics, things)


def _metric(sent: Sent) -> dict[str, Any]:
    said: dict[str, Any] = {"name": sent.name, "value": sent.value, "aggregation": sent.aggregation}
    return said | {k: v for k, v in (("feature", sent.feature), ("subclass", sent.subclass)) if v}


def _object(thing: Thing) -> dict[str, Any]:
    shape = {"bbox": [0, 0, 5, 5]} if thing.type == "bbox" else {"answer": 3}
    metrics = [_metric(m) for m in thing.metrics]
    return {
        "type": thing.type, "feature": thing.feature, "confidence": thing.confidence, **shape, "metrics": metrics,
    }  # fmt: skip


@pytest.fixture(scope="module")
def sent(client: Client) -> Mapping[str, SentRow]:
    rng = np.random.default_rng(7)
    found = {f"r{i}": _row(rng) for i in range(40)}
    feed(
        client,
        "random",
        {},
        {"m": {key: [_object(thing) for thing in row.things] for key, row in found.items()}},
        metrics={key: [_metric(m) for m in row.metrics] for key, row in found.items()},
        rows=None,
    )
    return found


def _same(ours: CustomMetric | Any, value: Value | None, aggregation: str) -> None:
    if aggregation == "confusion_matrix" and value is not None:
        assert isinstance(value, tuple)
        tp, fp, tn, fn = value
        own = ours.confusion
        assert (own.tp, own.fp, own.tn, own.fn) == value
        figures = {
            "precision": (tp, tp + fp),
            "recall": (tp, tp + fn),
            "f1": (2 * tp, 2 * tp + fp + fn),
            "accuracy": (tp + tn, tp + fp + tn + fn),
        }
        for name, (part, whole) in figures.items():
            assert getattr(own, name) == (part / whole if whole else None)
            assert (f"confusion.{name}" in ours.undefined) == (whole == 0)
        assert ours.value == own.f1
    elif value is None:
        assert ours.value is None
        assert ours.confusion is None
        assert ours.rows == 0
        assert "no value is left" in ours.undefined["value"]
    else:
        assert ours.value == pytest.approx(value, rel=1e-12, abs=1e-300)
        assert not ours.undefined


FILTERS: list[dict[str, list[str]]] = [{}, {"feature": ["car", "dog"]}, {"type": ["number"]}, {"feature": ["none"]}]


#: Each threshold with every other filter, and so each filter with every other threshold.
SELECTED = [(c, one) for i, c in enumerate(THRESHOLDS) for j, one in enumerate(FILTERS) if (i + j // 2) % 2 == 0]


@pytest.mark.parametrize(("confidence", "filters"), SELECTED, ids=str)
def test_levels_and_thresholds_as_by_hand(
    client: Client, sent: Mapping[str, SentRow], confidence: float, filters: dict[str, list[str]]
) -> None:
    """Under one policy and another in turn: they have no say in it."""
    policy = ("iou-greedy", "coco")[(THRESHOLDS.index(confidence) + FILTERS.index(filters)) % 2]
    selection = Selection(dataset="random", run="m", policy=policy, confidence=confidence, **filters)  # type: ignore[arg-type]
    found = {m.name: m for m in custom_metrics(client, selection).metrics}
    assert sorted(found) == sorted(AGGREGATIONS)
    features, types = filters.get("feature", []), filters.get("type", [])
    for name, aggregation in AGGREGATIONS.items():
        ours = found[name]
        values = [oracle.of_row(row, name, aggregation, confidence, features, types) for row in sent.values()]
        there = [value for value in values if value is not None]
        assert ours.rows == len(there)
        assert ours.aggregation == aggregation
        _same(ours, oracle.together(aggregation, there), aggregation)
        by_feature: dict[str, list[Value]] = {}
        for row in sent.values():
            for feature, value in oracle.of_features(row, name, aggregation, confidence, types).items():
                if not features or feature in features:
                    by_feature.setdefault(feature, []).append(value)
        assert [own.feature for own in ours.features] == sorted(by_feature)
        for own in ours.features:
            assert own.rows == len(by_feature[own.feature])
            _same(own, oracle.together(aggregation, by_feature[own.feature]), aggregation)
        objects = [
            thing
            for row in sent.values()
            for thing in row.things
            if thing.confidence >= confidence
            and (not features or thing.feature in features)
            and (not types or thing.type in types)
            and any(m.name == name for m in thing.metrics)
        ]
        assert ours.objects == len(objects)


def _f1(value: Value | None) -> float | None:
    if not isinstance(value, tuple):
        return value
    tp, fp, _, fn = value
    return 2 * tp / (2 * tp + fp + fn) if 2 * tp + fp + fn else None


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_rows_are_sorted_filtered_and_drawn_by_it(client: Client, sent: Mapping[str, SentRow], name: str) -> None:
    selection = Selection(dataset="random", run="m", confidence=0.25)
    values = {key: _f1(oracle.of_row(row, name, AGGREGATIONS[name], selection.confidence)) for key, row in sent.items()}
    defined = {key: value for key, value in values.items() if value is not None}
    metric = f"custom.{name}"
    for descending in (False, True):
        page = rows(client, selection, Page(sort=metric, descending=descending, limit=500))
        shown = [row.metrics[metric] for row in page.rows]
        assert len(shown) == len(sent)
        expected = sorted(defined.values(), reverse=descending) + [None] * (len(sent) - len(defined))
        for ours, theirs in zip(shown, expected, strict=True):
            assert ours == (None if theirs is None else pytest.approx(theirs, rel=1e-12))
    for row in page.rows:
        theirs = values[row.data_row]
        assert row.metrics[metric] == (None if theirs is None else pytest.approx(theirs, rel=1e-12))
    middle = float(np.median(list(defined.values())))
    found = rows(client, selection, Page(where=[f"{metric}>={middle + 1e-9}", f"{metric} < 2.5"], limit=500))
    assert {row.data_row for row in found.rows} == {k for k, v in defined.items() if middle + 1e-9 <= v < 2.5}
    drawn = distribution(client, selection, metric, bins=7)
    assert (drawn.total, drawn.undefined) == (len(defined), len(sent) - len(defined))
    counts, edges = np.histogram(list(defined.values()), bins=7)
    assert drawn.edges == pytest.approx(edges.tolist())
    assert sum(drawn.counts) == sum(counts)
    assert drawn.mean == pytest.approx(np.mean(list(defined.values())))


def test_single_figures_of_a_matrix_and_values_of_objects(client: Client, sent: Mapping[str, SentRow]) -> None:
    selection = Selection(dataset="random", run="m", confidence=0.25)
    name = "matrix.précis"
    values = [oracle.of_row(row, name, "confusion_matrix", selection.confidence) for row in sent.values()]
    there = [value for value in values if isinstance(value, tuple)]
    drawn = distribution(client, selection, f"custom_fn.{name}", bins=3)
    assert drawn.mean == pytest.approx(np.mean([fn for *_, fn in there]))
    drawn = distribution(client, selection, f"custom_recall.{name}", bins=3)
    assert drawn.mean == pytest.approx(np.mean([tp / (tp + fn) for tp, _, _, fn in there if tp + fn]))
    single = [
        oracle.at(m.value, 0.25)
        for row in sent.values()
        for thing in row.things
        for m in thing.metrics
        if m.name == "mean" and thing.confidence >= 0.25
    ]
    drawn = distribution(client, selection, "custom_object.mean", bins=4)
    assert (drawn.total, drawn.mean) == (len(single), pytest.approx(np.mean(single)))  # type: ignore[arg-type]


@pytest.mark.parametrize("confidence", [0.0, 0.25, 0.8])
def test_single_predictions_stand_with_their_metrics(
    client: Client, sent: Mapping[str, SentRow], confidence: float
) -> None:
    found = rows(client, Selection(dataset="random", run="m", confidence=confidence), Page(limit=500)).rows
    assert len(found) == len(sent)
    for row in found:
        assert [one.metrics for one in row.predictions] == [
            {m.name: _f1(oracle.at(m.value, confidence)) for m in thing.metrics if thing.confidence >= confidence}
            for thing in sent[row.data_row].things
        ]


def test_what_cannot_be_asked_says_why(client: Client, sent: Mapping[str, SentRow]) -> None:
    selection = Selection(dataset="random", run="m")
    for metric, message in (
        ("custom.nowhere", "no custom metric 'nowhere'; there are: harmonic, "),
        ("custom.", "there is no metric 'custom.'"),
        ("custom_tp.sum", "no(t a)? confusion matrix"),
        ("custom_object.nowhere", "no(t a)? custom metric"),
    ):
        with pytest.raises(QuestionError, match=message):
            distribution(client, selection, metric)
    with pytest.raises(QuestionError, match="no custom metric"):
        rows(client, selection, Page(sort="custom.nowhere"))
    with pytest.raises(QuestionError, match="no custom metric"):
        rows(client, selection, Page(metric=["custom.nowhere"]))
    with pytest.raises(ValueError, match=r"no(t a)? custom metric"):
        Page(sort="customs")


def test_only_the_metrics_named(client: Client, sent: Mapping[str, SentRow]) -> None:
    selection = Selection(dataset="random", run="m")
    whole = {m.name: m for m in custom_metrics(client, selection).metrics}
    page = CustomMetricsPage(metric=["sum", "nowhere"])
    assert custom_metrics(client, selection, page).metrics == [whole["sum"]]


def test_kinds_are_aggregated_to_their_parent(client: Client) -> None:
    kinds = [OntologyClass(name=name, parent="vehicle") for name in ("car", "truck")]
    classes = [*kinds, OntologyClass(name="vehicle"), OntologyClass(name="tree")]
    declare(client, "rolled", Ontology(classes=classes), 1)
    trucks = [
        {"type": "bbox", "feature": "truck", "bbox": [0, 0, 1, 1], "metrics": [{"name": "q", "value": value}]}
        for value in (2, 4)
    ]
    sent = [{"name": "q", "feature": feature, "value": value} for feature, value in (("car", 1), ("tree", 8))]
    feed(client, "rolled", {}, {"m": {"1": trucks}}, metrics={"1": sent})
    selection = Selection(dataset="rolled", run="m")
    for level, features in ((None, {"car": 1, "tree": 8, "truck": 3}), (1, {"tree": 8, "vehicle": 2})):
        (found,) = custom_metrics(client, selection.model_copy(update={"roll_up": level})).metrics
        assert {own.feature: own.value for own in found.features} == features
        assert found.value == np.mean(list(features.values()))
    for level, value in ((None, 2), (1, 2)):
        chosen = selection.model_copy(update={"roll_up": level, "feature": ["vehicle"]})
        (found,) = custom_metrics(client, chosen).metrics
        assert found.value == value


# The way there: events.


def _send(client: Client, events: Sequence[Mapping[str, Any]]) -> list[str]:
    records = [
        Record(json.dumps({"dataset": "events", "run": "m"} | dict(e)).encode(), i, 1) for i, e in enumerate(events)
    ]
    rejected = ingest(client, records, Reader(PredictionEvent), "test").rejected
    reconcile(client, tuple(POLICIES))
    return [item.reason for item in rejected]


def _stored(client: Client, data_row: str) -> list[tuple[Any, ...]]:
    columns = ["name", "actual", "predicted", "prediction", "confidence", "value"]
    zipped = f"arraySort(arrayZip({', '.join(f'measure_{name}' for name in columns)}))"
    sql = f"SELECT {zipped} FROM results FINAL WHERE dataset = 'events' AND data_row = {{row:String}}"
    found = client.query(sql, parameters={"row": data_row}).result_rows
    ((entries,),) = found
    return [tuple(entry) for entry in entries]


def test_upsert_replaces_by_name_feature_and_subclass(client: Client) -> None:
    def event(version: int, operation: str, **more: Any) -> dict[str, Any]:
        return {"data_row": "fold", "operation": operation, "version": version} | more

    box = {"id": "b", "type": "bbox", "feature": "car", "bbox": [0, 0, 1, 1], "confidence": 0.5}
    named = {"name": "q", "value": 1}
    first = [
        event(10, "replace", predictions=[box | {"metrics": [named]}], metrics=[named, named | {"feature": "car"}]),
        event(20, "upsert", metrics=[{"name": "q", "value": 2, "aggregation": "sum"}]),
        event(30, "upsert", metrics=[named | {"feature": "car", "subclass": "red", "value": {"0.5": 4, "0.1": 3}}]),
    ]
    assert _send(client, first) == []
    mean, total = 0.0, 3.0
    of_box = ("custom.q", "car", "", 0, 0.5, [mean, 1, 0, 1])
    red = ("custom.q", "car", "red", -1, math.inf, [mean, 2, 0.1, 0.5, 3, 4])
    assert _stored(client, "fold") == [
        ("custom.q", "", "", -1, math.inf, [total, 1, 0, 2]),
        ("custom.q", "car", "", -1, math.inf, [mean, 1, 0, 1]),
        of_box,
        red,
    ]
    # Late: between the first two. What the row is, is what came last, whenever it came.
    assert _send(client, [event(15, "upsert", metrics=[{"name": "q", "value": 9}, {"name": "late", "value": 5}])]) == []
    late = ("custom.late", "", "", -1, math.inf, [mean, 1, 0, 5])
    assert _stored(client, "fold")[0] == late
    assert _stored(client, "fold")[1] == ("custom.q", "", "", -1, math.inf, [total, 1, 0, 2])
    # Taken back, and the same event once more, which is one event.
    gone = event(40, "upsert", metrics=[{"name": "q", "value": None}, {"name": "q", "feature": "car", "value": None}])
    assert _send(client, [gone]) == []
    assert _send(client, [gone]) == []
    assert _stored(client, "fold") == [late, of_box, red]
    # An object goes with its metrics, and stays where it is when its metrics change.
    assert _send(client, [event(50, "upsert", predictions=[box | {"metrics": [{"name": "z", "value": 1}]}])]) == []
    assert _stored(client, "fold") == [late, red, ("custom.z", "car", "", 0, 0.5, [mean, 1, 0, 1])]
    assert _send(client, [event(60, "delete", ids=["b"])]) == []
    assert _stored(client, "fold") == [late, red]
    assert _send(client, [event(70, "replace", predictions=[])]) == []
    assert _stored(client, "fold") == []


def test_metrics_of_nested_answers_belong_to_them(client: Client) -> None:
    inner = {
        "type": "number", "feature": "shade", "answer": 2, "confidence": 0.2, "metrics": [{"name": "q", "value": 4}],
    }  # fmt: skip
    colour = {
        "type": "radio", "feature": "colour", "answer": "red", "confidence": 0.6, "classifications": [inner],
        "metrics": [{"name": "q", "value": 3}],
    }  # fmt: skip
    tags = {"type": "checklist", "feature": "tags", "answers": ["a", "b"], "metrics": [{"name": "q", "value": 6}]}
    car = {
        "type": "bbox", "feature": "car", "bbox": [0, 0, 1, 1], "confidence": 0.8, "classifications": [colour, tags],
        "metrics": [{"name": "p", "value": 1}, {"name": "q", "value": 2}],
    }  # fmt: skip
    other = {"type": "bbox", "feature": "dog", "bbox": [0, 0, 1, 1], "metrics": [{"name": "q", "value": 5}]}
    assert _send(client, [{"data_row": "nested", "operation": "replace", "predictions": [car, other]}]) == []
    stored = _stored(client, "nested")
    assert [(name, feature, confidence, value[-1]) for name, feature, _, _, confidence, value in stored] == [
        ("custom.p", "car", 0.8, 1),
        ("custom.q", "car", 0.8, 2),
        ("custom.q", "car/colour", 0.6, 3),
        ("custom.q", "car/colour/shade", 0.2, 4),
        ("custom.q", "car/tags", 0.8, 6),
        ("custom.q", "dog", 1.0, 5),
    ]
    features = client.query(
        "SELECT prediction_feature FROM results FINAL WHERE data_row = 'nested' LIMIT 1"
    ).result_rows[0][0]
    assert [features[position] for _, _, _, position, _, _ in stored] == [feature for _, feature, *_ in stored]


def test_no_two_metrics_and_no_object_share_an_id(client: Client) -> None:
    metrics = [
        {"name": "a", "feature": "b/c", "value": 1},
        {"name": "a/b", "feature": "c", "value": 2},
        {"name": "a", "feature": "b", "subclass": "c", "value": 3},
        {"name": "a/b/c", "value": 4},
    ]
    boxes = [
        {"id": name, "type": "bbox", "feature": "x", "bbox": [0, 0, 1, 1]} for name in ("metric/a", "a/b/c", "a", "#0")
    ]
    assert _send(client, [{"data_row": "ids", "operation": "replace", "predictions": boxes, "metrics": metrics}]) == []
    assert [(n, f, s, v[-1]) for n, f, s, _, _, v in _stored(client, "ids")] == [
        ("custom.a", "b", "c", 3),
        ("custom.a", "b/c", "", 1),
        ("custom.a/b", "c", "", 2),
        ("custom.a/b/c", "", "", 4),
    ]
    upserted = [metric | {"value": metric["value"] + 10} for metric in metrics]  # type: ignore[operator]
    assert _send(client, [{"data_row": "ids", "operation": "upsert", "metrics": upserted}]) == []
    assert sorted(v[-1] for *_, v in _stored(client, "ids")) == [11, 12, 13, 14]
    count = client.query("SELECT length(prediction_id) FROM results FINAL WHERE data_row = 'ids'").result_rows
    assert {n for (n,) in count} == {4}


def test_mixed_aggregations_are_entries_of_their_own(client: Client) -> None:
    feed(
        client,
        "mixed",
        {},
        {"m": {"1": [], "2": [], "3": []}},
        metrics={
            "1": [{"name": "q", "value": 1}],
            "2": [{"name": "q", "value": 3}, {"name": "q", "feature": "f", "value": 5, "aggregation": "sum"}],
            "3": [{"name": "q", "value": 7, "aggregation": "sum"}],
        },
    )
    selection = Selection(dataset="mixed", run="m")
    answer = custom_metrics(client, selection)
    assert [(m.name, m.aggregation, m.value, m.rows) for m in answer.metrics] == [
        ("q", "arithmetic_mean", 2, 2),
        ("q", "sum", 12, 2),
    ]
    assert "more than one aggregation" in answer.notes[0]
    with pytest.raises(QuestionError, match="more than one aggregation"):
        rows(client, selection, Page(where=["custom.q>0"]))


def test_annotations_have_no_metrics(client: Client) -> None:
    event = {
        "dataset": "events", "data_row": "a", "operation": "replace",
        "annotations": [{"type": "bbox", "feature": "x", "bbox": [0, 0, 1, 1], "metrics": [{"name": "q", "value": 1}]}],
    }  # fmt: skip
    rejected = ingest(client, [Record(json.dumps(event).encode(), 0, 1)], Reader(AnnotationEvent), "test").rejected
    assert "metrics" in rejected[0].reason


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ({"value": {}}, "at least one threshold"),
        ({"value": {"0.5": 1, "0.50": 2}}, "same confidence threshold"),
        ({"value": {"1.5": 1}}, "value"),
        ({"value": float("nan")}, "value"),
        ({"value": [1, 2, 3, 4]}, "takes a number"),
        ({"value": 1, "aggregation": "confusion_matrix"}, "takes [tp, fp, tn, fn]"),
        ({"value": [1, 2, 3], "aggregation": "confusion_matrix"}, "value"),
        ({"value": [1, 2, 3, -4], "aggregation": "confusion_matrix"}, "value"),
        ({"value": {"0.1": 1, "0.2": [1, 2, 3, 4]}}, "value"),
        ({"value": -1, "aggregation": "geometric_mean"}, "no negative"),
        ({"value": -1, "aggregation": "harmonic_mean"}, "no negative"),
        ({"value": 1, "aggregation": "median"}, "aggregation"),
        ({"value": 1, "subclass": "red"}, "needs `feature`"),
        ({"value": 1, "name": "a\x1fb"}, "name"),
        ({"value": "1"}, "value"),
    ],
)
def test_what_is_no_metric_is_rejected_with_the_reason(client: Client, metric: dict[str, Any], reason: str) -> None:
    event = {"data_row": "bad", "operation": "replace", "metrics": [{"name": "q"} | metric]}
    (found,) = _send(client, [event])
    assert reason in found


@pytest.mark.parametrize("of_object", [True, False])
def test_one_name_twice_is_rejected(client: Client, of_object: bool) -> None:
    twice = [{"name": "q", "value": 1}, {"name": "q", "value": 2}]
    box = {"id": "b", "type": "bbox", "feature": "car", "bbox": [0, 0, 1, 1]}
    event = {"predictions": [box | {"metrics": twice}]} if of_object else {"metrics": twice}
    (reason,) = _send(client, [{"data_row": "bad", "operation": "replace"} | event])
    assert "two metrics" in reason
