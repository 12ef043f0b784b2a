"""Measures of matched pairs beside their overlap: how far apart lines run, how far off a number is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from pydantic import AfterValidator, BaseModel, Field

from evalstream.selection import QuestionError, Selection
from evalstream.stored.counted import Fragment, ask, scored
from evalstream.stored.roll_up import FEATURES
from evalstream.tabular import Tabular
from evalstream.types import UNCOUNTED

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Begins the name of a measure where other metrics may stand too.
MEASURE_PREFIX: Final = "measure."
#: The quantiles that are given, from 0 to 1.
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Custom metrics are of single objects, and have questions of their own.
CUSTOM_PREFIX: Final = "custom."

_NO_PAIRS: Final = "no pair that it was measured of is matched, and correct, at these thresholds"


class MeasureSummary(BaseModel):
    """One measure over the pairs that are matched, and correct, at the selected thresholds."""

    name: str
    count: int = Field(description="pairs; the other figures are null where there are none")
    mean: float | None
    minimum: float | None
    maximum: float | None
    quantiles: dict[str, float | None] = Field(
        description="by their share, `0.5` being the median; linear between two values, as NumPy's"
    )


class Measures(Tabular):
    """Every measure that was taken of the selected rows."""

    table: ClassVar = "measures"

    measures: list[MeasureSummary] = Field(description="by name")
    undefined: dict[str, str] = Field(description="why a measure has no figures")


def measure_values(selection: Selection, name: str) -> str:
    """SQL over ``scored``: the values, arrays of numbers, of one measure over the correct pairs of a data row.

    A pair of texts or of numbers is neither correct nor wrong: all that hold are in.

    Parameters
    ----------
    name : str
        An SQL expression for the measure's name.
    """
    asked = []
    if selection.feature:
        asked.append(f"(af IN {FEATURES} OR pf IN {FEATURES})")
    if selection.type:
        asked.append("k IN {type:Array(String)}")
    uncounted = " AND ".join(["l AND NOT i", f"k IN {UNCOUNTED}", *asked])
    of_matches = "live, match_ignored, match_type, match_actual_feature, match_predicted_feature"
    holds = (
        f"arrayMap((c, a, p, l, i, k, af, pf) -> (c AND a = p) OR ({uncounted}),"
        f" counting, match_actual, match_predicted, {of_matches})"
    )
    matched = (
        "arrayFilter((pair, ok) -> ok, arrayMap((p, a) -> (toInt64(p), toInt64(a)), match_prediction,"
        f" match_annotation), {holds})"
    )
    of_name = f"n = {name} AND p >= 0 AND a >= 0"
    columns = "measure_name, measure_prediction, measure_annotation"
    taken = f"arrayFilter((v, n, p, a) -> {of_name}, measure_value, {columns})"
    measured = (
        f"arrayFilter((pair, n, p, a) -> {of_name}, arrayMap((p, a) -> (toInt64(p), toInt64(a)), measure_prediction,"
        f" measure_annotation), {columns})"
    )
    # Both lists of pairs have each pair once. Counted in one list after the other, what was measured of a match is
    # there for the second time. (Looking up each in the other list would take the product of their lengths.)
    time = f"arraySlice(arrayEnumerateUniq(arrayConcat({matched}, {measured})), length({matched}) + 1)"
    return f"arrayFilter((v, time) -> time > 1, {taken}, {time})"


def single_values(selection: Selection, name: str) -> str:
    """SQL over ``scored``: the same as numbers, of a measure that is one number."""
    return f"arrayMap(v -> v[1], arrayFilter(v -> length(v) = 1, {measure_values(selection, name)}))"


def is_measure(metric: str) -> bool:
    """Whether it is the name of a measure where other metrics may stand too: ``measure.NAME``."""
    return metric.startswith(MEASURE_PREFIX) and metric != MEASURE_PREFIX


def _is_measure(text: str) -> str:
    if not is_measure(text):
        raise QuestionError(f"{text!r} is not a measure: write {MEASURE_PREFIX}NAME")
    return text


#: ``measure.NAME``.
MeasureName = Annotated[str, AfterValidator(_is_measure)]


def with_measures(selection: Selection, rows: Fragment, metrics: Sequence[str]) -> Fragment:
    """Add columns ``measure0``, ``measure1`` … to rows of ``scored``: the means over their correct pairs."""
    values = [single_values(selection, f"{{measure_name{i}:String}}") for i in range(len(metrics))]
    means = "".join(f", if(empty({own}), NULL, arrayAvg({own})) AS measure{i}" for i, own in enumerate(values))
    names = {f"measure_name{i}": metric.removeprefix(MEASURE_PREFIX) for i, metric in enumerate(metrics)}
    return Fragment(f"SELECT *{means} FROM ({rows.sql})", rows.parameters | names) if metrics else rows


def measures(client: Client, selection: Selection) -> Measures:
    """Summarise every measure of one number over the correct pairs, at the selected thresholds."""
    sql, parameters = scored(selection)
    shares = ", ".join(map(str, QUANTILES))
    rows = ask(
        client,
        f"""
        SELECT name, length(sorted), arraySum(sorted), sorted[1], sorted[-1], quantiles FROM (
            -- Sorted, so that the sum does not depend on the order in which the engine comes upon the rows.
            SELECT name, arraySort(groupArrayArray(value)) AS sorted,
                quantilesExactInclusiveArray({shares})(value) AS quantiles
            FROM (
                SELECT name, {single_values(selection, "name")} AS value FROM ({sql})
                ARRAY JOIN arrayDistinct(arrayFilter(
                    (n, p, a, v) -> p >= 0 AND a >= 0 AND length(v) = 1 AND NOT startsWith(n, '{CUSTOM_PREFIX}'),
                    measure_name, measure_prediction, measure_annotation, measure_value)) AS name
            )
            GROUP BY name
        )
        ORDER BY name
        """,
        parameters,
    )
    return Measures(
        measures=[
            MeasureSummary(
                name=name,
                count=count,
                mean=total / count if count else None,
                minimum=least if count else None,
                maximum=greatest if count else None,
                quantiles={
                    str(share): value if count else None for share, value in zip(QUANTILES, quantiles, strict=True)
                },
            )
            for name, count, total, least, greatest, quantiles in rows
        ],
        undefined={name: _NO_PAIRS for name, count, *_ in rows if not count},
    )
