"""Metrics that the producer computed itself: of a data row, of a feature on it, or of one prediction."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from evalstream.events.base import Feature, Part, Strict, Text
from evalstream.types import METRIC, Aggregation

#: Begins the ids of metrics of rows, and can begin no other id: it has a control character.
METRIC_ID: Final = "\x1fmetric/"
METRICS_LIMIT: Final = 100
#: Confidence thresholds of one metric.
THRESHOLDS_LIMIT: Final = 1_001

MetricName = Annotated[Text, Field(min_length=1, max_length=128)]
Scalar = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]
Count = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
Counts = tuple[Count, Count, Count, Count]
Threshold = Annotated[str, Field(pattern=r"^(0(\.[0-9]+)?|1(\.0+)?)$")]


def _form(value: Any) -> str:
    """Tell which form a value has, so that errors are of that form alone."""
    if isinstance(value, dict):
        return "CountsByThreshold" if any(isinstance(own, list | tuple) for own in value.values()) else "ByThreshold"
    return "Counts" if isinstance(value, list | tuple) else "Scalar"


#: What pydantic puts into the path of an error after ``value``.
FORMS: Final = ("Scalar", "Counts", "ByThreshold", "CountsByThreshold")
Value = Annotated[
    Annotated[Scalar, Tag("Scalar")]
    | Annotated[Counts, Tag("Counts")]
    | Annotated[dict[Threshold, Scalar], Field(max_length=THRESHOLDS_LIMIT), Tag("ByThreshold")]
    | Annotated[dict[Threshold, Counts], Field(max_length=THRESHOLDS_LIMIT), Tag("CountsByThreshold")],
    Discriminator(_form),
]
_VALUE: Final = (
    "a number; or [tp, fp, tn, fn] for `confusion_matrix`; or either by confidence threshold, such as "
    '{"0.1": 0.2, "0.5": 0.3}: each holds from its threshold up to the next, the first one below its own too'
)


class _Metric(Strict):
    name: MetricName
    value: Value | None
    aggregation: Aggregation = Field(
        default="arithmetic_mean", description="how values of one name come to one: of what is below, and of many rows"
    )

    @model_validator(mode="after")
    def _value_fits(self) -> Self:
        if self.value is None:
            return self
        values: list[float | Counts] = list(self.value.values()) if isinstance(self.value, dict) else [self.value]
        if not values:
            raise ValueError("`value` by confidence threshold needs at least one threshold")
        if isinstance(self.value, dict) and len({float(threshold) for threshold in self.value}) < len(self.value):
            raise ValueError("two keys of `value` are the same confidence threshold")
        counts = [isinstance(value, tuple) for value in values]
        if self.aggregation == "confusion_matrix" and not all(counts):
            raise ValueError("aggregation `confusion_matrix` takes [tp, fp, tn, fn]")
        if self.aggregation != "confusion_matrix" and any(counts):
            raise ValueError(f"aggregation `{self.aggregation}` takes a number, not four counts")
        below = any(not isinstance(value, tuple) and value < 0 for value in values)
        if self.aggregation in ("geometric_mean", "harmonic_mean") and below:
            raise ValueError(f"aggregation `{self.aggregation}` takes no negative number")
        return self

    def part(self, feature: str = "", subclass: str = "") -> Part:
        """The metric as columns hold it: the values of each threshold in turn, the rest as JSON."""
        by_threshold: dict[str, Any] = {"0": self.value} if self.value is not None else {}
        if isinstance(self.value, dict):
            by_threshold = self.value
        thresholds = sorted(by_threshold, key=float)
        values = [by_threshold[threshold] for threshold in thresholds]
        detail = {
            "name": self.name,
            "subclass": subclass,
            "aggregation": self.aggregation,
            "thresholds": [float(threshold) for threshold in thresholds],
        }
        flat = [number for value in values for number in (value if isinstance(value, tuple) else (value,))]
        return Part(METRIC, feature, "", geometry=flat, detail=json.dumps(detail, separators=(",", ":")))


class ObjectMetric(_Metric):
    """A metric of one prediction."""

    value: Value = Field(description=_VALUE)


class RowMetric(_Metric):
    """A metric of the data row, or with a feature, of all objects of that feature on it."""

    value: Value | None = Field(description=_VALUE + "; or null, which takes back what an earlier event said")
    feature: Feature | None = None
    subclass: Feature | None = Field(default=None, description="an answer nested in the feature; needs `feature`")

    @model_validator(mode="after")
    def _subclass_has_feature(self) -> Self:
        if self.subclass is not None and self.feature is None:
            raise ValueError("`subclass` needs `feature`")
        return self

    @property
    def id(self) -> str:
        """Its name among the objects of the row: a metric of the same name, feature and subclass replaces it."""
        # No name can contain the separator, so that no two metrics share an id.
        return METRIC_ID + "\x1f".join((self.name, self.feature or "", self.subclass or ""))

    def parts(self) -> list[Part]:
        """The metric."""
        return [self.part(self.feature or "", self.subclass or "")]


def _named_once(metrics: list[ObjectMetric]) -> list[ObjectMetric]:
    if len({metric.name for metric in metrics}) != len(metrics):
        raise ValueError("two metrics of one object have the same name")
    return metrics


class ObjectMetrics(Strict):
    """The metrics of one prediction."""

    metrics: Annotated[list[ObjectMetric], Field(max_length=METRICS_LIMIT), AfterValidator(_named_once)] = Field(
        default_factory=list, description="computed by the producer: shown, filtered and drawn as the built-in ones are"
    )

    def metric_parts(self) -> list[Part]:
        """The metrics, as parts."""
        return [metric.part() for metric in self.metrics] if self.metrics else []
