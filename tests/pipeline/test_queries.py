"""Every question, over random data that went in as events, against the same question answered by hand."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.matching import AREA_RANGES, POLICIES
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.average_precision import ApOptions, average_precisions
from evalstream.queries.catalog import catalog, run_exists
from evalstream.queries.confusion_matrix import Classes, ConfusionMatrix, classes, confusion_matrix
from evalstream.queries.distribution import distribution
from evalstream.queries.pr_curve import Curve, pr_curve
from evalstream.queries.rows import Page, Row, rows
from evalstream.queries.selection import ROW_METRICS, Selection
from evalstream.queries.summary import Summary, summary
from evalstream.storage.results import Progress, progress

from tests.oracles import matching
from tests.oracles import queries as oracle
from tests.oracles.queries import Counts, DataRow, Scored, Thing

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


@pytest.fixture(scope="module")
def data(client: Client) -> Data:
    """Random datasets, in the engine and as plain data."""
    runs: dict[tuple[str, str], list[DataRow]] = {}
    for seed, dataset in enumerate(("images", "größe's \\ data")):
        rng = random.Random(seed)
        truth: Truth = {name: random_truth(rng) for name in data_row_names(20)}
        annotated = {name: said for name, said in truth.items() if rng.random() < 0.9}
        send(client, AnnotationEvent, [annotation_event(dataset, name, *said) for name, said in annotated.items()])
        for run in ("v1", "v2 'beta' é"):
            spoken = [name for name in truth if rng.random() < 0.9]
            found = {name: random_things(rng, "prediction", rng.choice([0, 1, 3, 6, 8])) for name in spoken}
            send(client, PredictionEvent, [prediction_event(dataset, name, run, found[name]) for name in spoken])
            runs[dataset, run] = [data_row(name, annotated.get(name), found[name]) for name in spoken]
    many = crowded_row(random.Random(5))
    send(client, AnnotationEvent, [annotation_event("many", many.data_row, "", {}, many.annotations)])
    send(client, PredictionEvent, [prediction_event("many", many.data_row, "v1", many.predictions)])
    runs["many", "v1"] = [many]
    reconcile(client, list(POLICIES))
    return Data(runs)


# --- counts, at every threshold -------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", list(POLICIES))
def test_counts_at_every_threshold(client: Client, data: Data, policy: str) -> None:
    for (dataset, run), own in data.runs.items():
        for number, (c, t) in enumerate(threshold_pairs(own, 70)):
            selection = Selection(dataset=dataset, run=run, policy=policy, confidence=c, iou=t)
            scored = oracle.score(own, selection)
            if number % 3 == 0:
                assert_summary(summary(client, selection), scored)
            elif number % 3 == 1:
                assert_cells(confusion_matrix(client, selection), scored)
            else:
                assert_classes(classes(client, selection), scored)


@pytest.mark.parametrize("policy", list(POLICIES))
def test_counts_of_filtered_rows_and_objects(client: Client, data: Data, policy: str) -> None:
    for (dataset, run), own in data.runs.items():
        pairs = threshold_pairs(own, 25)
        for number, filters in enumerate(filter_choices(policy)):
            c, t = pairs[number % len(pairs)]
            selection = Selection(dataset=dataset, run=run, policy=policy, confidence=c, iou=t, **filters)
            scored = oracle.score(own, selection)
            assert_summary(summary(client, selection), scored)
            assert_cells(confusion_matrix(client, selection), scored)
            assert_classes(classes(client, selection), scored)


@pytest.mark.parametrize("area", list(AREA_RANGES))
def test_counts_in_every_area_range(client: Client, data: Data, area: str) -> None:
    for (dataset, run), own in data.runs.items():
        for c, t in threshold_pairs(own, 7):
            selection = Selection(dataset=dataset, run=run, policy="coco", confidence=c, iou=t, area=area)
            scored = oracle.score(own, selection)
            assert_summary(summary(client, selection), scored)
            assert_cells(confusion_matrix(client, selection), scored)


# --- invariants -----------------------------------------------------------------------------------------------------


def test_rows_and_columns_of_every_confusion_matrix_sum_to_the_objects(client: Client, data: Data) -> None:
    for selection in some_selections(data, 4):
        of_labels = {item.label: item for item in classes(client, selection).classes}
        matrix = confusion_matrix(client, selection)
        actual, predicted = Counter[str | None](), Counter[str | None]()
        for cell in matrix.cells:
            assert cell.count > 0
            actual[cell.actual] += cell.count
            predicted[cell.predicted] += cell.count
        assert matrix.labels == list(of_labels)
        for label, counts in of_labels.items():
            assert (actual[label], predicted[label]) == (counts.annotations, counts.predictions), label


def test_classes_sum_to_the_summary(client: Client, data: Data) -> None:
    for selection in some_selections(data, 4):
        total, of_labels = summary(client, selection), classes(client, selection).classes
        for name in ("annotations", "predictions", "tp", "fp", "fn"):
            assert sum(getattr(item, name) for item in of_labels) == getattr(total, name), name


def test_every_label_of_a_cell_is_among_the_labels(client: Client, data: Data) -> None:
    """Of a feature filter too, under which a car may still have been taken for something else."""
    for (dataset, run), _ in data.runs.items():
        for feature in FEATURES:
            selection = Selection(dataset=dataset, run=run, feature=[feature], iou=0.1)
            matrix = confusion_matrix(client, selection)
            mentioned = {label for cell in matrix.cells for label in (cell.actual, cell.predicted)} - {None}
            assert mentioned <= set(matrix.labels)


@pytest.mark.parametrize("policy", list(POLICIES))
def test_answers_ignore_the_iou_threshold(client: Client, data: Data, policy: str) -> None:
    correct = 0
    for dataset, run in data.runs:
        for c in (0.0, 0.5, 1.0):
            found = [
                summary(
                    client,
                    Selection(dataset=dataset, run=run, policy=policy, type=["radio"], confidence=c, iou=t),
                )
                for t in (0.0, 0.5, math.nextafter(1, 0), 1.0)
            ]
            assert all(item == found[0] for item in found)
            assert found[0].mean_iou is None
            correct += found[0].tp
    assert correct


# --- curves ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", list(POLICIES))
def test_curves_at_every_confidence(client: Client, data: Data, policy: str) -> None:
    for (dataset, run), own in data.runs.items():
        for number, (c, t) in enumerate(threshold_pairs(own, 4)):
            filters = [{}, {"feature": [FEATURES[0], QUESTIONS[0]]}, {"type": ["bbox"]}][number % 3]
            area = list(AREA_RANGES)[number % 4] if policy == "coco" else "all"
            selection = Selection(
                dataset=dataset, run=run, policy=policy, confidence=c * 0.5, iou=t, area=area, **filters
            )
            expected = oracle.at_confidences(own, selection)
            (curve,) = pr_curve(client, selection).curves
            assert curve.label is None
            assert_curve(curve, {at: oracle.summary(scored)[1] for at, scored in expected.items()})
            of_labels = {at: oracle.classes(scored) for at, scored in expected.items()}
            labelled = pr_curve(client, selection, per_class=True).curves
            known = sorted(oracle.classes(oracle.score(own, selection)))
            assert [curve.label for curve in labelled] == known
            for label, curve in zip(known, labelled, strict=True):
                nothing = Counts(curve.annotations, 0, 0, 0, curve.annotations, None, None, None)
                assert_curve(curve, {at: found.get(label, nothing) for at, found in of_labels.items()})


def test_a_curve_is_the_summary_at_each_of_its_points(client: Client, data: Data) -> None:
    for selection in some_selections(data, 2)[1::2]:
        (curve,) = pr_curve(client, selection).curves
        assert curve.confidence == sorted(set(curve.confidence), reverse=True)
        for c, precision, recall, f1 in zip(curve.confidence, curve.precision, curve.recall, curve.f1, strict=True):
            found = summary(client, selection.model_copy(update={"confidence": c}))
            assert (precision, recall, f1) == (found.precision, found.recall, found.f1)


def test_a_thinned_curve_keeps_its_ends_and_its_best_point(client: Client, data: Data) -> None:
    selection = Selection(dataset="many", run="v1", policy="iou-greedy", iou=0.3)
    (whole,), (thin,) = (pr_curve(client, selection, max_points=n).curves for n in (1001, 10))
    assert whole.points == thin.points == len(whole.confidence) > 10 >= len(thin.confidence)
    points = dict(zip(whole.confidence, zip(whole.precision, whole.recall, whole.f1, strict=True), strict=True))
    for c, *values in zip(thin.confidence, thin.precision, thin.recall, thin.f1, strict=True):
        assert points[c] == tuple(values)
    assert (thin.confidence[0], thin.confidence[-1]) == (whole.confidence[0], whole.confidence[-1])
    assert thin.best_f1 == whole.best_f1 == max(whole.f1)
    assert thin.best_f1_confidence in thin.confidence


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


# --- histograms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["iou", "confidence", "metadata.noise", *ROW_METRICS])
def test_distributions(client: Client, data: Data, metric: str) -> None:
    for number, selection in enumerate(some_selections(data, 1)[::2]):
        scored = oracle.score(data.runs[selection.dataset, selection.run], selection)
        values = oracle.values_of(scored, metric)
        defined = [value for value in values if value is not None]
        bins = (1, 7, 20)[number % 3]
        for edges in ({}, {"low": 0.0, "high": 0.9}):
            found = distribution(client, selection, metric, bins=bins, **edges)
            counts, at = np.histogram(defined, bins, (found.edges[0], found.edges[-1]))
            assert found.edges == at.tolist()
            assert found.counts == counts.tolist()
            assert (found.total, found.undefined) == (len(defined), len(values) - len(defined))
            assert found.mean == approx(float(np.mean(defined)) if defined else None)
            assert found.minimum == approx(min(defined, default=None))
            assert found.maximum == approx(max(defined, default=None))
            if not edges:
                assert sum(found.counts) == len(defined)


def test_edges_of_a_distribution_must_be_in_order(client: Client, data: Data) -> None:
    selection = Selection(dataset="images", run="v1")
    for low, high in ((0.5, 0.25), (0.5, 0.5)):
        with pytest.raises(ValueError, match="must be below"):
            distribution(client, selection, "iou", low=low, high=high)
    with pytest.raises(ValueError, match="there is no metric"):
        distribution(client, selection, "colour")


# --- data rows ------------------------------------------------------------------------------------------------------


def test_rows_with_their_metrics_and_outcomes(client: Client, data: Data) -> None:
    for selection in some_selections(data, 4, filtered=True):
        scored = {row.row.data_row: row for row in oracle.score(data.runs[selection.dataset, selection.run], selection)}
        found = rows(client, selection, Page(limit=500))
        assert found.total == len(scored)
        names = sorted(scored, key=lambda name: (len(name.encode()), name.encode()))
        assert [row.data_row for row in found.rows] == names
        for row in found.rows:
            assert_row(row, scored[row.data_row], selection)


def test_rows_sorted_and_by_page(client: Client, data: Data) -> None:
    selection = Selection(dataset="images", run="v1", iou=0.3)
    metrics = {row.row.data_row: row.metrics() for row in oracle.score(data.runs["images", "v1"], selection)}
    for sort in ("data_row", *ROW_METRICS):
        for descending in (False, True):
            expected = sorted(metrics, key=lambda name: (len(name.encode()), name.encode()))
            if sort == "data_row":
                expected = expected[:: -1 if descending else 1]
            else:
                order = {name: values[sort] for name, values in metrics.items()}
                sign = -1 if descending else 1
                expected.sort(key=lambda name: (order[name] is None, sign * (order[name] or 0)))
            listed = []
            for offset in range(0, len(metrics) + 7, 7):
                page = rows(client, selection, Page(sort=sort, descending=descending, offset=offset, limit=7))
                assert page.total == len(metrics)
                listed += [row.data_row for row in page.rows]
            assert listed == expected, (sort, descending)


def test_rows_by_conditions_on_their_metrics(client: Client, data: Data) -> None:
    for selection in some_selections(data, 1)[::3]:
        scored = oracle.score(data.runs[selection.dataset, selection.run], selection)
        some = [row.metrics() for row in scored]
        conditions = [
            (metric, sign, value)
            for metric in ROW_METRICS
            for sign, value in zip((">=", "<", "="), [m[metric] for m in some if m[metric] is not None], strict=False)
        ]
        for metric, sign, value in [*conditions[::2], ("fp", "!=", 0), ("recall", ">", 0.5), ("f1", "<=", 0.5)]:
            where = [f"{metric}{sign}{value!r}", "annotations>=1"]
            expected = {
                row.row.data_row
                for row, metrics in zip(scored, some, strict=True)
                if metrics[metric] is not None
                and (oracle.compare(metrics[metric], sign, value) or metric == "mean_iou")
                and metrics["annotations"] >= 1
            }
            found = {row.data_row for row in rows(client, selection, Page(where=where, limit=500)).rows}
            # A mean of several overlaps may differ in the last bit, so that a row exactly on the bound may not fit.
            assert found <= expected if metric == "mean_iou" else found == expected, where


def test_rows_behind_a_cell_are_exactly_those_with_it(client: Client, data: Data) -> None:
    for selection in some_selections(data, 1, filtered=True):
        scored = oracle.score(data.runs[selection.dataset, selection.run], selection)
        of_rows = {row.row.data_row: oracle.cells(row) for row in scored}
        for cell in confusion_matrix(client, selection).cells[:5]:
            page = Page(actual=cell.actual or "", predicted=cell.predicted or "", limit=500)
            found = [row.data_row for row in rows(client, selection, page).rows]
            assert len(set(found)) == len(found)
            having = {name: cells[cell.actual, cell.predicted] for name, cells in of_rows.items()}
            assert set(found) == {name for name, count in having.items() if count}
            assert sum(having[name] for name in found) == cell.count
        label = next((item.label for item in classes(client, selection).classes), "car")
        by_actual = rows(client, selection, Page(actual=label, limit=500))
        assert {row.data_row for row in by_actual.rows} == {
            row.row.data_row for row in scored if oracle.actual_labels(row)[label]
        }
        by_predicted = rows(client, selection, Page(predicted=label, limit=500))
        assert {row.data_row for row in by_predicted.rows} == {
            row.row.data_row for row in scored if oracle.predicted_labels(row)[label]
        }


# --- what there is --------------------------------------------------------------------------------------------------


def test_an_empty_selection_has_no_numbers_and_no_errors(client: Client, data: Data) -> None:
    for policy in POLICIES:
        selection = Selection(dataset="images", run="v1", policy=policy, metadata=["weather=no such thing"])
        found = summary(client, selection)
        assert (found.rows, found.annotations, found.predictions, found.tp, found.f1) == (0, 0, 0, 0, None)
        assert confusion_matrix(client, selection).cells == []
        assert classes(client, selection).classes == []
        assert average_precisions(client, selection).ap is None
        assert all(not curve.confidence for curve in pr_curve(client, selection).curves)
        assert rows(client, selection, Page()).total == 0
        for metric in ("iou", "f1", "fp", "metadata.noise"):
            assert distribution(client, selection, metric).total == 0


def test_progress_and_catalog(client: Client, data: Data) -> None:
    for (dataset, run), own in data.runs.items():
        assert progress(client, dataset, run, list(POLICIES)) == Progress(len(own), 0, 0)
        assert run_exists(client, dataset, run)
    assert not run_exists(client, "images", "v3")
    listed = {item.dataset: item for item in catalog(client).datasets}
    for dataset in {dataset for dataset, _ in data.runs}:
        assert listed[dataset].runs == sorted(run for own, run in data.runs if own == dataset)


# --- comparisons ----------------------------------------------------------------------------------------------------


def approx(value: Any) -> Any:
    """The value to 1e-12; None is None only."""
    if isinstance(value, dict):
        return {key: approx(item) for key, item in value.items()}
    return None if value is None else pytest.approx(value, rel=0, abs=1e-12)


def assert_summary(found: Summary, scored: Sequence[Scored]) -> None:
    count, expected, mean_iou = oracle.summary(scored)
    assert found.rows == count
    assert {name: getattr(found, name) for name in Counts._fields} == expected._asdict()
    assert found.mean_iou == approx(mean_iou)


def assert_cells(found: ConfusionMatrix, scored: Sequence[Scored]) -> None:
    got = {(cell.actual, cell.predicted): cell.count for cell in found.cells}
    assert len(got) == len(found.cells)
    assert got == dict(oracle.confusion(scored))


def assert_classes(found: Classes, scored: Sequence[Scored]) -> None:
    got = {item.label: Counts(**item.model_dump(include=set(Counts._fields))) for item in found.classes}
    assert list(got) == sorted(got)
    assert got == oracle.classes(scored)


def assert_curve(curve: Curve, expected: dict[float, Counts]) -> None:
    """At every confidence that occurs the last point at or above it says what the counts there are."""
    assert curve.points == len(curve.confidence)
    for c, counts in expected.items():
        reached = [k for k, at in enumerate(curve.confidence) if at >= c]
        if not counts.predictions:
            assert not reached
            continue
        k = reached[-1]
        assert curve.annotations == counts.annotations
        assert (curve.precision[k], curve.f1[k]) == (counts.precision, counts.f1)
        assert curve.recall[k] == counts.recall
    best = max((counts.f1 for counts in expected.values() if counts.predictions), default=None)
    assert curve.best_f1 == best
    if curve.best_f1_confidence is not None:
        assert expected[curve.best_f1_confidence].f1 == best


def assert_row(found: Row, scored: Scored, selection: Selection) -> None:
    assert (found.split, found.metadata) == (scored.row.split, scored.row.metadata)
    assert found.metrics == approx(scored.metrics())
    outcomes = oracle.outcomes(scored, selection)
    causes = oracle.causes(scored, selection, 0.1)
    assert [item.cause for item in found.annotations] == causes[0]
    assert [item.cause for item in found.predictions] == causes[1]
    annotations, predictions = scored.row.annotations, scored.row.predictions
    for things, got, expected in (
        (annotations, found.annotations, outcomes[0]),
        (predictions, found.predictions, outcomes[1]),
    ):
        assert [item.outcome for item in got] == expected
        for thing, item in zip(things, got, strict=True):
            box = list(thing.box) if thing.type == "bbox" else []
            assert (item.id, item.type, item.feature, item.label, item.geometry) == (
                (thing.id, thing.type, thing.feature, thing.label, box)
            )
    partner = dict(scored.matched)
    for i, item in enumerate(found.predictions):
        assert item.confidence == predictions[i].confidence
        if item.outcome in ("tp", "fp"):
            j = partner.get(i)
            assert item.matched == (None if j is None else annotations[j].id)
            is_box = j is not None and predictions[i].type == "bbox"
            assert item.iou == (matching.iou(predictions[i].as_box(), annotations[j].as_box()) if is_box else None)
    matched_by = {j: i for i, j in scored.matched}
    for j, item in enumerate(found.annotations):
        if item.outcome in ("tp", "fn"):
            assert item.matched == (predictions[matched_by[j]].id if j in matched_by else None)


# --- what is asked --------------------------------------------------------------------------------------------------


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
    """Each value, and the nearest numbers below and above it, within [0, 1]."""
    near = {v for value in values for v in (math.nextafter(value, -1), value, math.nextafter(value, 2))}
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


# --- random data ----------------------------------------------------------------------------------------------------


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
