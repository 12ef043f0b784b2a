"""Confidence intervals as questions: figures of replicates, differences of runs, filters, and what is null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import scipy.stats
from clickhouse_connect.driver.client import Client
from evalstream.metrics.bootstrap import row_weights
from evalstream.policies import PolicyName
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.custom_metrics import custom_metrics
from evalstream.queries.intervals import Interval, Intervals, intervals
from evalstream.queries.regression import regression
from evalstream.queries.slices import slices
from evalstream.queries.summary import summary
from evalstream.questions import Questions
from evalstream.selection import QuestionError, Selection
from evalstream.stored.replicates import IntervalOptions, read, replicates

from tests.feeding import feed

POLICIES: tuple[PolicyName, ...] = ("iou-greedy", "coco", "best-candidate")
COUNTS = ("tp", "fp", "fn")
#: Figures that grow with the number of rows: those of a replicate are for as many rows as there are.
TOTALS = {*COUNTS, "custom.s"}
ROWS = [f"row {i}" for i in range(24)]
Objects = dict[str, list[dict[str, Any]]]


def _objects(rng: np.random.Generator, count: int, *, predicted: bool) -> list[dict[str, Any]]:
    found = []
    for _ in range(int(rng.integers(0, count))):
        box = [float(rng.integers(0, 3) * 10), 0.0, 10.0, float(rng.integers(5, 11))]
        item: dict[str, Any] = {"type": "bbox", "feature": str(rng.choice(["a", "b", "c"])), "bbox": box}
        if predicted:
            item["confidence"] = float(rng.integers(0, 5) / 4)
        found.append(item)
    found.append({"type": "radio", "feature": "weather", "answer": str(rng.choice(["sun", "rain"]))})
    found.append({"type": "number", "feature": "age", "answer": float(1000 + rng.normal())})
    return found


def _metrics(rng: np.random.Generator) -> list[dict[str, Any]]:
    q = {"name": "q", "value": float(rng.choice([0.0, rng.random()])), "aggregation": "harmonic_mean"}
    counts = [int(n) for n in rng.integers(0, 5, 4)]
    return [
        q,
        {"name": "g", "value": float(rng.random()), "aggregation": "geometric_mean"},
        {"name": "s", "value": float(rng.random()), "aggregation": "sum"},
        {"name": "m", "value": {"0": float(rng.random()), "0.5": float(rng.random())}},
        {"name": "matrix", "feature": "a", "value": counts, "aggregation": "confusion_matrix"},
    ]


@pytest.fixture(scope="module")
def data(client: Client) -> tuple[Objects, Objects, dict[str, list[dict[str, Any]]]]:
    rng = np.random.default_rng(0)
    annotations = {row: _objects(rng, 5, predicted=False) for row in ROWS}
    predictions = {row: _objects(rng, 6, predicted=True) for row in ROWS}
    metrics = {row: _metrics(rng) for row in ROWS}
    other = {row: _objects(rng, 6, predicted=True) for row in ROWS[4:]} | {"only there": []}
    facts: Mapping[str, Mapping[str, Any]] = {row: {"split": "test"} for row in ROWS[:10]}
    feed(client, "d", annotations, {"m": predictions}, metrics=metrics, rows=facts)
    feed(client, "d", {}, {"other": other, "same": predictions})
    return annotations, predictions, metrics


def _plain(client: Client, selection: Selection) -> dict[tuple[str, str | None], float | None]:
    """The figures as the other questions give them."""
    counted = summary(client, selection)
    average = average_precisions(client, selection)
    numbers = {own.feature: own for own in regression(client, selection).questions}
    custom = {own.name: own for own in custom_metrics(client, selection).metrics}
    matrix = custom["matrix"].confusion
    return {
        **{
            (name, None): getattr(counted, name)
            for name in ("precision", "recall", "f1", "accuracy", "mean_iou", *COUNTS)
        },
        **{(name, None): getattr(average, name) for name in ("ap", "ap50", "ap75", "ar_100")},
        **{(name, "age"): getattr(numbers["age"], name) for name in ("mae", "rmse", "r2")},
        **{(f"custom.{name}", None): custom[name].value for name in ("q", "g", "s", "m", "matrix")},
        **{
            (f"custom_{name}.matrix", None): getattr(matrix, name) if matrix else None
            for name in ("precision", "recall", "accuracy")
        },
    }


@pytest.mark.parametrize("b", [0, 1, 2])
def test_a_replicate_is_the_figure_on_repeated_rows(
    client: Client, data: tuple[Objects, Objects, dict[str, list[dict[str, Any]]]], b: int
) -> None:
    options = IntervalOptions(replicates=10, ap_replicates=10, seed=3)
    name = f"repeated {b}"
    for policy in POLICIES:
        run = read(client, Selection(dataset="d", run="m", policy=policy, confidence=0.25), options)
        weights = row_weights(run.sums.key, np.ones(len(ROWS), np.bool_), options.seed, b)
        if policy == POLICIES[0]:
            named = dict(zip(run.sums.data_row.to_pylist(), weights.tolist(), strict=True))
            # Copies side by side in the order of rows, which decides ties: by length and then by key.
            copies = {f"{ROWS.index(row):02d} {i}": row for row in ROWS for i in range(named[row])}
            parts = [{copy: part[row] for copy, row in copies.items()} for part in data]
            feed(client, name, parts[0], {"m": parts[1]}, metrics=parts[2])
        theirs = _plain(client, Selection(dataset=name, run="m", policy=policy, confidence=0.25))
        ours = replicates(run, options, None)
        assert set(ours) == set(theirs)
        for figure, value in theirs.items():
            share = len(ROWS) / sum(weights) if figure[0] in TOTALS else 1
            expected = np.nan if value is None else value * share
            assert ours[figure][b] == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True), (policy, figure)


def _of(own: Interval) -> str:
    return "" if own.feature is None else f" of {own.feature}"


def _figure(answer: Intervals, name: str) -> Interval:
    (found,) = (own for own in answer.figures if own.figure == name)
    return found


@pytest.mark.parametrize("filters", [{}, {"split": ["test"]}, {"feature": ["a"]}, {"type": ["bbox"]}, {"iou": 0.9}])
def test_values_are_those_of_the_other_questions_under_every_filter(
    client: Client, data: object, filters: dict[str, Any]
) -> None:
    for policy in POLICIES:
        selection = Selection(dataset="d", run="m", policy=policy, **filters)
        answer = intervals(client, selection, IntervalOptions(replicates=50, ap_replicates=10))
        assert answer.rows == (10 if "split" in filters else len(ROWS))
        counted, average = summary(client, selection), average_precisions(client, selection)
        custom = {own.name: own.value for own in custom_metrics(client, selection).metrics}
        for own in answer.figures:
            if own.figure.startswith("custom."):
                theirs = custom[own.figure.removeprefix("custom.")]
            elif own.feature is None and not own.figure.startswith("custom_"):
                theirs = getattr(counted if hasattr(counted, own.figure) else average, own.figure)
            else:
                continue
            assert own.value == (None if theirs is None else pytest.approx(theirs, rel=1e-9)), (policy, own.figure)
            if own.value is None:
                assert own.low is None
                assert answer.undefined[f"{own.figure}.value"]
            else:
                if own.low is None or own.high is None:
                    assert "the same however data rows" in answer.undefined[f"{own.figure}.low"]
                    continue
                assert own.low <= own.high
                assert own.method == "wilson" or own.low < own.high


def test_slices_at_once_are_the_single_questions(client: Client, data: object) -> None:
    selection = Selection(dataset="d", run="m", split=["test"], confidence=0.25, type=["bbox", "radio"])
    options = IntervalOptions(replicates=50, ap_replicates=10, versus="other")
    alone: dict[str, dict[str, Any]] = {
        "split=test": {"split": ["test"]},
        "split=test&split=validation&feature=a": {"split": ["test", "validation"], "feature": ["a"]},
        "metadata=weather!=sun%26rain&metadata=x>=2": {"metadata": ["weather!=sun&rain", "x>=2"]},
        "type=bbox&both_sides=true": {"type": ["bbox"], "both_sides": True},
        "": {},
    }
    answer = slices(client, selection, list(alone), options)
    assert [one.slice for one in answer.slices] == list(alone)
    for found, said in zip(answer.slices, alone.values(), strict=True):
        own = Selection(**selection.model_dump() | said)
        assert Intervals(**found.model_dump(exclude={"slice"})) == intervals(client, own, options), said
    assert len({one.rows for one in answer.slices}) > 1
    figures = answer.to_pandas()
    assert list(dict.fromkeys(figures["slice"])) == list(alone)
    assert len(figures) == sum(len(one.figures) for one in answer.slices)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("test", "write field=value"),
        ("confidence=0.5", "'confidence'"),
        ("split=night", "split"),
        ("metadata=noise", "condition"),
        ("roll_up=1&roll_up=2", "twice"),
    ],
)
def test_what_is_no_slice_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(QuestionError, match=f"{text.split('&')[0]}.*{why}"):
        Questions.slices.put({"slice": ["split=test", text]})


def test_slices_of_one_question_are_bounded() -> None:
    Questions.slices.put({"slice": ["split=test"] * 50})
    with pytest.raises(QuestionError, match="slice: List should have at most 50"):
        Questions.slices.put({"slice": ["split=test"] * 51})


def test_the_same_seed_gives_the_same_answer_and_another_one_another(client: Client, data: object) -> None:
    selection = Selection(dataset="d", run="m")
    first = intervals(client, selection, IntervalOptions(replicates=100, ap_replicates=20))
    assert intervals(client, selection, IntervalOptions(replicates=100, ap_replicates=20)) == first
    second = intervals(client, selection, IntervalOptions(replicates=100, ap_replicates=20, seed=1))
    assert _figure(second, "precision").value == _figure(first, "precision").value
    assert _figure(second, "precision").low != _figure(first, "precision").low
    narrow = _figure(intervals(client, selection, IntervalOptions(level=0.5)), "precision")
    wide = _figure(intervals(client, selection, IntervalOptions(level=0.99)), "precision")
    assert narrow.low
    assert narrow.high
    assert wide.low
    assert wide.high
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_run_does_not_differ_from_itself(client: Client, data: object) -> None:
    for policy in POLICIES:
        selection = Selection(dataset="d", run="m", policy=policy)
        answer = intervals(client, selection, IntervalOptions(versus="same", replicates=50, ap_replicates=10))
        assert (answer.shared_rows, answer.left_out, answer.left_out_versus) == (len(ROWS), 0, 0)
        for own in answer.figures:
            if own.figure.startswith("custom"):
                continue  # sent for one of the two only
            difference = own.difference
            assert difference is not None
            assert difference.value == 0
            if own.figure not in ("precision", "recall", "f1", "accuracy", "mean_iou"):
                assert (difference.low, difference.high, difference.significant) == (None, None, None)
                assert "the same however" in answer.undefined[f"{own.figure}{_of(own)}.difference.low"]
                continue
            # On no row do they differ; on rows that were not seen they may.
            assert difference.method == "wilson"
            assert difference.low is not None
            assert difference.low == -(difference.high or 0)
            assert -0.5 < difference.low < -0.1
            assert difference.significant is False


@pytest.mark.parametrize("policy", POLICIES)
def test_differences_are_over_the_rows_of_both(client: Client, data: object, policy: PolicyName) -> None:
    selection = Selection(dataset="d", run="m", policy=policy)
    options = IntervalOptions(versus="other", replicates=60, ap_replicates=30)
    answer = intervals(client, selection, options)
    assert (answer.rows, answer.shared_rows, answer.left_out, answer.left_out_versus) == (24, 20, 4, 1)
    own, other = (read(client, selection.model_copy(update={"run": run}), options) for run in ("m", "other"))
    shared = own.sums.data_row.filter([row.as_py() in ROWS[4:] for row in own.sums.data_row])
    ours, theirs = (replicates(run, options, shared) for run in (own, other))
    for name in ("precision", "recall", "f1", "accuracy", "mean_iou", *COUNTS, "ap", "ap50"):
        figure, difference = _figure(answer, name), _figure(answer, name).difference
        assert difference is not None
        assert (difference.this, difference.other) == (ours[name, None][0], theirs[name, None][0])
        apart = ours[name, None][1:] - theirs[name, None][1:]
        low, high = np.nanquantile(apart, [0.025, 0.975])
        if name.startswith("ap"):
            bias = np.nanmean(apart) - (ours[name, None][0] - theirs[name, None][0])
            low, high = low - bias, high - bias
        assert (difference.low, difference.high) == pytest.approx((low, high), abs=1e-12)
        assert difference.method == ("moved percentile" if name.startswith("ap") else "percentile")
        assert difference.significant == (low > 0 or high < 0)
        assert figure.value == replicates(own, options, None)[name, None][0]
    nothing = _figure(answer, "custom.m").difference
    assert nothing is not None
    assert nothing.value is None
    assert nothing.significant is None
    assert "not defined for both" in answer.undefined["custom.m.difference.value"]


def test_a_clear_difference_is_significant(client: Client) -> None:
    box = {"type": "bbox", "feature": "a", "bbox": [0, 0, 1, 1]}
    rows = [str(i) for i in range(60)]
    worse = {row: [box] if i % 2 else [] for i, row in enumerate(rows)}
    feed(client, "clear", {row: [box] for row in rows}, {"good": {row: [box] for row in rows}, "bad": worse})
    selection = Selection(dataset="clear", run="good", policy="coco")
    recall = _figure(intervals(client, selection, IntervalOptions(versus="bad")), "recall").difference
    assert recall is not None
    assert recall.low is not None
    assert recall.significant
    assert recall.value == 0.5
    assert 0.3 < recall.low < 0.5


def test_what_is_on_every_row_seen_may_not_be_on_every_row(client: Client) -> None:
    """All 37 of 37 right is not certainty: Wilson's interval, with rows for trials; or null, with the reason."""
    box = {"type": "bbox", "feature": "a", "bbox": [0, 0, 1, 1]}
    # Two objects on each row are alike: they are no more trials than rows.
    rows = {str(i): [box, box | {"bbox": [5, 0, 1, 1]}] for i in range(37)} | {"empty": []}
    nothing = {row: [] for row in rows}
    feed(client, "certain", rows, {"m": rows, "nothing": nothing, "same": rows})
    answer = intervals(client, Selection(dataset="certain", run="m"), IntervalOptions(versus="nothing"))
    theirs = scipy.stats.binomtest(37, 37).proportion_ci(0.95, method="wilson")
    for name in ("precision", "recall", "f1"):
        found = _figure(answer, name)
        assert (found.value, found.method) == (1, "wilson")
        assert (found.low, found.high) == pytest.approx((theirs.low, 1))
    found = _figure(answer, "fp")
    assert (found.value, found.low, found.method) == (0, 0, "wilson")
    assert found.high == pytest.approx(38 * scipy.stats.binomtest(0, 38).proportion_ci(0.95, method="wilson").high)
    # The one empty row may be drawn more often.
    assert _figure(answer, "tp").method == "percentile"
    found = _figure(answer, "ap")
    assert (found.value, found.low, found.high, found.method) == (1, None, None, None)
    assert answer.undefined["ap.low"] == answer.undefined["ap.high"]
    assert "the same however data rows are resampled" in answer.undefined["ap.low"]
    difference = _figure(answer, "recall").difference
    assert difference is not None
    assert (difference.value, difference.high, difference.method) == (1, 1, "wilson")
    assert difference.low == pytest.approx(1 - 2 * (1 - theirs.low))
    assert difference.significant


def test_a_single_error_is_bounded_as_if_others_may_come(client: Client) -> None:
    """In a third of the replicates the one wrong row is missing: the percentile's would end at 1."""
    box = {"type": "bbox", "feature": "a", "bbox": [0, 0, 1, 1]}
    rows = {str(i): [box] for i in range(60)}
    feed(client, "single", rows, {"m": rows | {"7": []}})
    answer = intervals(client, Selection(dataset="single", run="m"), IntervalOptions(replicates=10_000))
    found = _figure(answer, "recall")
    theirs = scipy.stats.binomtest(59, 60).proportion_ci(0.95, method="wilson")
    assert found.method == "wilson"
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.003)


def test_an_interval_of_average_precision_ends_where_average_precision_does(client: Client) -> None:
    """Moved by the bias of two rows, it would begin below 0."""
    box = {"type": "bbox", "feature": "a", "bbox": [0, 0, 1, 1]}
    found = [box | {"confidence": 0.5}]
    false = [box | {"bbox": [5, 0, 1, 1], "confidence": 0.9}] * 3
    feed(client, "short", {"1": [box], "2": [box]}, {"m": {"1": found, "2": false}, "all": {"1": found, "2": found}})
    options = IntervalOptions(versus="all", group=["average_precision"])
    for figure in intervals(client, Selection(dataset="short", run="m", policy="coco"), options).figures:
        assert figure.difference is not None
        for part, least in ((figure, 0), (figure.difference, -1)):
            assert part.low is not None, figure.figure
            assert part.high is not None
            assert least <= part.low < part.high <= 1


def test_what_is_not_defined_is_null_and_says_why(client: Client) -> None:
    box = {"type": "bbox", "feature": "a", "bbox": [0, 0, 1, 1]}
    feed(client, "one", {"1": [box]}, {"m": {"1": [box]}, "nothing": {"1": []}})
    answer = intervals(client, Selection(dataset="one", run="m"))
    precision = _figure(answer, "precision")
    assert (precision.value, precision.low, precision.high) == (1, None, None)
    assert "one data row" in answer.undefined["precision.low"]
    assert "intervals are rough" in answer.notes[0]
    answer = intervals(client, Selection(dataset="one", run="nothing"), IntervalOptions(versus="m"))
    precision = _figure(answer, "precision")
    assert (precision.value, precision.replicates) == (None, 0)
    assert answer.undefined["precision.value"] == "nothing was predicted"
    empty = intervals(client, Selection(dataset="one", run="m", split=["test"]))
    assert empty.rows == 0
    assert {own.figure: own.value for own in empty.figures if own.value is not None} == dict.fromkeys(COUNTS, 0)
    assert all(own.low is None for own in empty.figures)


def test_only_the_groups_asked_for(client: Client, data: object) -> None:
    selection = Selection(dataset="d", run="m")
    answer = intervals(client, selection, IntervalOptions(group=["regression"]))
    assert {own.figure for own in answer.figures} == {"mae", "rmse", "r2"}
    assert answer.ap_replicates == 0


@pytest.mark.parametrize("options", [{"replicates": 600}, {"ap_replicates": 1000}])
def test_what_would_take_too_long_is_refused(
    client: Client, data: object, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalstream.queries.intervals._LIMIT", 10_000 if "replicates" in options else 50_000)
    with pytest.raises(QuestionError, match="too many for"):
        intervals(client, Selection(dataset="d", run="m"), IntervalOptions(**options))
