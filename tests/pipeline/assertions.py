"""Answers beside those of ``tests.oracles.queries``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from evalstream.queries.confusion_matrix import Classes, ConfusionMatrix
from evalstream.queries.pr_curve import Curve
from evalstream.queries.rows import Row
from evalstream.queries.summary import Summary
from evalstream.selection import Selection

from tests.oracles import matching
from tests.oracles import queries as oracle
from tests.oracles.queries import Counts, Scored


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
    types = Counter(row.row.annotations[j].type for row in scored for j in row.actual)
    types.update(row.row.predictions[i].type for row in scored for i in row.predicted)
    assert found.types == types


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
