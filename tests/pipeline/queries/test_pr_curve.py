"""Curves over random data, against the same answered by hand."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import AREA_RANGES, POLICIES
from evalstream.queries.pr_curve import CurvesPage, pr_curve
from evalstream.queries.summary import summary
from evalstream.queries.thresholds import thresholds
from evalstream.selection import Selection

from tests.oracles import queries as oracle
from tests.oracles.queries import Counts
from tests.pipeline.assertions import assert_curve
from tests.pipeline.queries.test_columns import too_large
from tests.pipeline.random_data import FEATURES, QUESTIONS, Data, some_selections, threshold_pairs


@pytest.mark.parametrize("policy", list(POLICIES))
def test_curves_at_every_confidence(client: Client, data: Data, policy: str) -> None:
    for place, ((dataset, run), own) in enumerate(data.runs.items()):
        # One pair of thresholds a run, another one under each policy, and the next filter and area range with it.
        first = place + list(POLICIES).index(policy)
        for number, (c, t) in enumerate(threshold_pairs(own, 4)[first % 4 :][:1], first):
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
            page = CurvesPage(search="A", offset=number % 3, limit=2)
            with too_large(dataset, run):
                assert pr_curve(client, selection).curves == [curve]
                assert pr_curve(client, selection, per_class=True).curves == labelled
                paged = pr_curve(client, selection, per_class=True, page=page)
                chosen = thresholds(client, selection, beta=2, precision=0.5)
            assert pr_curve(client, selection, per_class=True, page=page) == paged
            assert thresholds(client, selection, beta=2, precision=0.5) == chosen
            for label, curve in zip(known, labelled, strict=True):
                nothing = Counts(curve.annotations, 0, 0, 0, curve.annotations, None, None, None)
                assert_curve(curve, {at: found.get(label, nothing) for at, found in of_labels.items()})


def test_a_curve_is_the_summary_at_each_of_its_points(client: Client, data: Data) -> None:
    """At a third of them; what they are is tested at all."""
    for number, selection in enumerate(some_selections(data, 2)[1::2]):
        (curve,) = pr_curve(client, selection).curves
        assert curve.confidence == sorted(set(curve.confidence), reverse=True)
        points = list(zip(curve.confidence, curve.precision, curve.recall, curve.f1, strict=True))
        for c, precision, recall, f1 in points[number % 3 :: 3]:
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
