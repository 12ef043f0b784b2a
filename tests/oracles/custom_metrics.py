"""Custom metrics brought together by hand: value by value, level by level, with NumPy's and SciPy's own means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats

Value = float | tuple[float, float, float, float]


class Sent(NamedTuple):
    """One metric as it was sent."""

    name: str
    aggregation: str
    value: Value | dict[str, Value]
    feature: str = ""
    subclass: str = ""


class Thing(NamedTuple):
    """One prediction with its metrics."""

    type: str
    feature: str
    confidence: float
    metrics: list[Sent]


class SentRow(NamedTuple):
    """What came for one data row."""

    metrics: list[Sent]
    things: list[Thing]


_OF: dict[str, Callable[[Sequence[float]], float]] = {
    "arithmetic_mean": lambda values: float(np.mean(values)),
    "geometric_mean": lambda values: float(scipy.stats.gmean(values)),
    "harmonic_mean": lambda values: float(scipy.stats.hmean(values)),
    "sum": lambda values: float(np.sum(values)),
}


def together(aggregation: str, values: Sequence[Value]) -> Value | None:
    """Several values as one."""
    if not values:
        return None
    if aggregation == "confusion_matrix":
        return tuple(np.sum(np.array(values), axis=0).tolist())  # type: ignore[return-value]
    return _OF[aggregation](values)  # type: ignore[arg-type]


def at(value: Value | dict[str, Value], confidence: float) -> Value:
    """What holds at a threshold."""
    if not isinstance(value, dict):
        return value
    below = [key for key in value if float(key) <= confidence]
    return value[max(below, key=float)] if below else value[min(value, key=float)]


def of_features(
    row: SentRow, name: str, aggregation: str, confidence: float, types: Sequence[str] = ()
) -> dict[str, Value]:
    """The value of each feature on a row."""
    sent = [m for m in row.metrics if (m.name, m.aggregation) == (name, aggregation) and m.feature and not types]
    things = [
        (thing.feature, m)
        for thing in row.things
        for m in thing.metrics
        if (m.name, m.aggregation) == (name, aggregation)
        and thing.confidence >= confidence
        and (not types or thing.type in types)
    ]
    found: dict[str, Value] = {}
    for feature in {m.feature for m in sent} | {feature for feature, _ in things}:
        explicit = [m for m in sent if m.feature == feature and not m.subclass]
        subclasses = [m for m in sent if m.feature == feature and m.subclass]
        objects = [m for own, m in things if own == feature]
        chosen = explicit or subclasses or objects
        value = together(aggregation, [at(m.value, confidence) for m in chosen])
        assert value is not None
        found[feature] = value
    return found


def of_row(
    row: SentRow,
    name: str,
    aggregation: str,
    confidence: float,
    features: Sequence[str] = (),
    types: Sequence[str] = (),
) -> Value | None:
    """The value of a row."""
    explicit = [m for m in row.metrics if (m.name, m.aggregation) == (name, aggregation) and not m.feature]
    if explicit and not features and not types:
        return at(explicit[0].value, confidence)
    below = of_features(row, name, aggregation, confidence, types)
    return together(aggregation, [value for feature, value in below.items() if not features or feature in features])
