"""What a question is about, and the one piece of SQL that every question is asked through.

``counted`` gives, for each selected data row, what counts at the selected thresholds: which of its annotations,
predictions and matched pairs; ``scored`` gives their labels too. Every number is a sum over these, so no two questions
can disagree.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from evalstream.events.base import Crowd, Name
from evalstream.matching import AREA_RANGES, MAX_DETECTIONS, MAX_IOU_THRESHOLD, MAX_SKELETONS, POLICIES
from evalstream.ontology import DEPTH_LIMIT
from evalstream.queries.roll_up import FEATURES, NO_ROLL_UP, ROLLED_UP
from evalstream.storage.engine import QUERY
from evalstream.types import TYPES, UNCOUNTED, AnnotationType

_CONDITION = re.compile(r"(?P<name>[^=!<>]+?)\s*(?P<operator>!=|>=|<=|=|>|<)\s*(?P<value>.*)", re.DOTALL)


def _is_condition(text: str) -> str:
    condition = parse_condition(text)
    if condition.operator in _ORDERED:
        condition.number()
    return text


class QuestionError(ValueError):
    """A question that cannot be answered as it was put; the message says what to change."""


class Condition(NamedTuple):
    """``name operator value``, as it stands in a URL."""

    name: str
    operator: str
    value: str

    def number(self) -> float:
        """Return the value as a number, for operators that need an order."""
        try:
            number = float(self.value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise QuestionError(f"`{self.operator}` compares numbers, and {self.value!r} is none")
        return number


def parse_condition(text: str) -> Condition:
    """Read ``noise>=0.3`` or ``weather=rain``."""
    found = _CONDITION.fullmatch(text)
    if not found:
        raise QuestionError(f"{text!r} is no condition: write key=value, or key with one of != > >= < <=")
    return Condition(found["name"], found["operator"], found["value"])


_UNCOUNTED: Final = ", ".join(f"'{name}'" for name in UNCOUNTED)
#: How many predictions of one type and class count in one row, under policy ``coco``: of type ``k``.
MOST_COUNTED: Final = f"if(k = 'keypoints', {MAX_SKELETONS}, {MAX_DETECTIONS})"
_ORDERED: Final = (">", ">=", "<", "<=")

ConditionText = Annotated[str, AfterValidator(_is_condition)]
PolicyName = Literal["iou-greedy", "coco", "best-candidate"]
AreaRange = Literal["all", "small", "medium", "large"]
assert set(PolicyName.__args__) == set(POLICIES)  # type: ignore[attr-defined]
assert tuple(AREA_RANGES) == AreaRange.__args__  # type: ignore[attr-defined]


class Filter(BaseModel):
    """Under which policy, at which thresholds, over which rows and objects: the query string of every question."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: PolicyName = Field(default="iou-greedy", description="the rule of who matches whom")
    confidence: float = Field(default=0.0, ge=0, le=1, description="predictions below it do not exist")
    iou: float = Field(default=0.5, ge=0, le=1, description="how much a matched pair must overlap")
    split: list[Literal["train", "validation", "test"]] = Field(default=[], description="any of these; all if none")
    feature: list[str] = Field(
        default=[], max_length=100, description="classes or questions, with every declared kind of them; all if none"
    )
    type: list[AnnotationType] = Field(default=[], max_length=len(TYPES), description="annotation types; all if none")
    metadata: list[ConditionText] = Field(
        default=[],
        max_length=20,
        description="conditions on the data row's metadata, all of which must hold: `weather=rain`, `noise>=0.3`",
    )
    roll_up: int | None = Field(
        default=None,
        ge=1,
        le=DEPTH_LIMIT,
        description="count classes below this level of the declared hierarchy as their ancestors there; 1: as top-level"
        " classes. Labels change, after matching; who is matched does not",
    )
    area: AreaRange = Field(default="all", description="COCO's area range; policy `coco` only")
    at_threshold: Literal["match", "no-match"] | None = Field(
        default=None,
        description="whether an IoU exactly at the threshold is enough; if not said, as the policy has it: under "
        "`iou-greedy` it is not, under the others it is",
    )
    both_sides: bool = Field(
        default=False,
        description="only data rows with at least one annotation and one prediction, as Labelbox counts them",
    )

    @model_validator(mode="after")
    def _area_fits(self) -> Self:
        if self.area != "all" and self.policy != "coco":
            raise ValueError(f"area ranges belong to policy `coco`; `{self.policy}` has none")
        return self


class Selection(Filter):
    """What a question is about."""

    dataset: Name
    run: Name
    data_row: list[str] = Field(default=[], description="only these; all if none")

    def threshold(self, iou: float) -> float:
        """Where to cut the match rectangles for the IoU threshold ``iou`` under this policy and ``at_threshold``.

        There is no float between x and its neighbour. So "IoU above t" says the same as "IoU at least nextafter(t, +)",
        of all pairs at once, and whatever a policy that asks for "at least" makes of the one it makes of the other.
        ``iou-greedy`` asks for "above": there, "at least t" says the same as "above nextafter(t, -)".
        """
        strict = self.policy == "iou-greedy"
        if self.at_threshold == "match" and strict:
            return math.nextafter(iou, -math.inf)
        if self.at_threshold == "no-match" and not strict:
            return math.nextafter(iou, math.inf)
        return min(iou, MAX_IOU_THRESHOLD) if self.policy == "coco" else iou


class Fragment(NamedTuple):
    """A piece of SQL with the values that its placeholders are bound to."""

    sql: str
    parameters: dict[str, Any]


def selected(selection: Selection, *, with_failed: bool = False) -> Fragment:
    """SQL for the results of the selected data rows, unscored.

    Rows that could not be matched are left out, unless asked for; they have an ``error`` and no objects.
    """
    where = ["dataset = {dataset:String}", "run = {run:String}", "policy = {policy:String}"]
    if not with_failed:
        where.append("error = ''")
    if selection.both_sides:
        both = "notEmpty(annotation_id) AND arrayExists(c -> c >= 0, prediction_confidence)"
        where.append(f"(error != '' OR {both})")
    parameters: dict[str, Any] = {"dataset": selection.dataset, "run": selection.run, "policy": selection.policy}
    parameters["roll_up"] = selection.roll_up or NO_ROLL_UP
    if selection.data_row:
        where.append("data_row IN {data_row:Array(String)}")
        parameters["data_row"] = selection.data_row
    if selection.split:
        where.append("split IN {split:Array(String)}")
        parameters["split"] = list(selection.split)
    for i, text in enumerate(selection.metadata):
        condition = parse_condition(text)
        key, value = f"key{i}", f"value{i}"
        parameters[key] = condition.name
        if condition.operator in _ORDERED:
            where.append(f"toFloat64OrNull(metadata[{{{key}:String}}]) {condition.operator} {{{value}:Float64}}")
            parameters[value] = condition.number()
        else:
            where.append(f"metadata[{{{key}:String}}] {condition.operator} {{{value}:String}}")
            parameters[value] = condition.value
    columns = f"* {ROLLED_UP}" if selection.roll_up else "*"
    return Fragment(f"SELECT {columns} FROM row_results FINAL WHERE {' AND '.join(where)}", parameters)


def object_codes(selection: Selection) -> tuple[int, ...]:
    """Which codes in column ``crowd`` make an annotation an object under the selection's policy."""
    return (Crowd.OBJECT,) if selection.policy == "best-candidate" else (Crowd.OBJECT, Crowd.DIFFICULT)


def is_object(selection: Selection) -> str:
    """SQL for whether an annotation with code ``c`` in column ``crowd`` is an object under the selection's policy."""
    return f"c IN ({', '.join(map(str, object_codes(selection)))})"


def counted(selection: Selection, *, whole_curve: bool = False, more: str = "") -> Fragment:
    """SQL for what counts in each selected data row, at the selected thresholds.

    Columns beside those of ``row_results``, all arrays. Of each object ``…_asked`` says whether it passes the filters,
    ``…_counts`` whether it counts besides; of each rectangle ``live`` says whether it holds at the thresholds,
    ``counting`` whether it counts besides. With ``whole_curve`` there is also ``curve_counting``: which rectangles
    count at any confidence from the selected one up. ``more`` is SQL for further columns, in terms of these.
    """
    rows, parameters = selected(selection)
    coco = selection.policy == "coco"
    low, high = AREA_RANGES[selection.area]
    parameters = parameters | {
        "confidence": selection.confidence,
        "iou": selection.threshold(selection.iou),
        "area": list(AREA_RANGES).index(selection.area),
    }

    def chosen(*features: str, kind: str) -> str:
        """A condition that one of the features, and the type, is among those asked for."""
        tests = []
        if selection.feature:
            tests.append("(" + " OR ".join(f"{name} IN {FEATURES}" for name in features) + ")")
            parameters["feature"] = list(selection.feature)
        if selection.type:
            tests.append(f"{kind} IN {{type:Array(String)}}")
            parameters["type"] = list(selection.type)
        return " AND ".join([*tests, f"{kind} NOT IN ({_UNCOUNTED})"])

    live = (
        "arrayMap((cl, ch, tl, th, r) -> cl < {confidence:Float64} AND {confidence:Float64} <= ch"
        " AND tl < {iou:Float64} AND {iou:Float64} <= th AND r = {area:UInt8},"
        " match_confidence_low, match_confidence_high, match_iou_low, match_iou_high, match_area_range)"
    )
    counting = (
        "arrayMap((l, i, af, pf, k) -> l AND NOT i AND " + chosen("af", "pf", kind="k") + ","
        " live, match_ignored, match_actual_feature, match_predicted_feature, match_type)"
    )
    curve = (
        "arrayMap((ch, tl, th, r, i, af, pf, k) -> {confidence:Float64} <= ch AND tl < {iou:Float64} AND"
        " {iou:Float64} <= th AND r = {area:UInt8} AND NOT i AND " + chosen("af", "pf", kind="k") + ","
        " match_confidence_high, match_iou_low, match_iou_high, match_area_range, match_ignored, match_actual_feature,"
        " match_predicted_feature, match_type) AS curve_counting,"
    )
    annotation_asked = f"arrayMap((f, k) -> {chosen('f', kind='k')}, annotation_feature, annotation_type)"
    prediction_asked = f"arrayMap((f, k) -> {chosen('f', kind='k')}, prediction_feature, prediction_type)"
    actual = f"arrayMap((ok, c, a) -> ok AND {is_object(selection)}"
    predicted = "arrayMap((ok, c, a, k, n, i) -> ok AND c >= {confidence:Float64}"
    counted = "[]"
    # A prediction matched to an annotation that is ignored is neither right nor wrong.
    ignored = "arrayFilter((p, l, i) -> l AND i, match_prediction, live, match_ignored)"
    if selection.policy != "iou-greedy":
        predicted += " AND NOT has(ignored_prediction, i)"
    if coco:
        # Nor is one beyond the most that count, or outside the area range unless it is matched to one inside.
        parameters |= {"low": low, "high": high}
        inside = "a BETWEEN {low:Float64} AND {high:Float64}"
        actual += f" AND {inside}"
        predicted += f" AND n < {MOST_COUNTED} AND ({inside} OR has(counted_prediction, i))"
        counted = "arrayFilter((p, l, i) -> l AND NOT i, match_prediction, live, match_ignored)"
    actual += ", annotation_asked, annotation_crowd, annotation_area)"
    predicted += (
        ", prediction_asked, prediction_confidence, prediction_area, prediction_type, prediction_rank,"
        " range(length(prediction_confidence)))"
    )
    sql = f"""
        SELECT *,
            {live} AS live,
            {counting} AS counting,
            {curve if whole_curve else ""}
            {ignored} AS ignored_prediction,
            {counted} AS counted_prediction,
            {annotation_asked} AS annotation_asked,
            {prediction_asked} AS prediction_asked,
            {actual} AS annotation_counts,
            {predicted} AS prediction_counts
            {more}
        FROM ({rows})
    """
    return Fragment(sql, parameters)


def scored(selection: Selection, *, whole_curve: bool = False) -> Fragment:
    """SQL for what counts in each selected data row, by its labels.

    Columns beside those of ``counted``, all arrays: ``actual`` and ``predicted``, the labels of annotations and
    predictions that count; ``matched_actual``, ``matched_predicted`` and ``matched_iou``, the pairs. What is in
    ``actual`` but not matched is missed, what is in ``predicted`` but not matched is a false alarm.
    """
    return counted(selection, whole_curve=whole_curve, more=_BY_LABEL)


_BY_LABEL = """,
    arrayFilter((x, ok) -> ok, annotation_label, annotation_counts) AS actual,
    arrayFilter((x, ok) -> ok, prediction_label, prediction_counts) AS predicted,
    arrayFilter((x, ok) -> ok, match_actual, counting) AS matched_actual,
    arrayFilter((x, ok) -> ok, match_predicted, counting) AS matched_predicted,
    arrayFilter((x, ok) -> ok, match_iou, counting) AS matched_iou,
    arrayMap((a, p) -> a = p, matched_actual, matched_predicted) AS correct
"""


#: What can be said of one data row, in terms of ``scored``: to sort and filter rows by, and to draw histograms of.
ROW_METRICS: Final = {
    "annotations": "length(actual)",
    "predictions": "length(predicted)",
    "tp": "arrayCount(ok -> ok, correct)",
    "fp": "length(predicted) - arrayCount(ok -> ok, correct)",
    "fn": "length(actual) - arrayCount(ok -> ok, correct)",
    "precision": "if(empty(predicted), NULL, arrayCount(ok -> ok, correct) / length(predicted))",
    "recall": "if(empty(actual), NULL, arrayCount(ok -> ok, correct) / length(actual))",
    "f1": "if(empty(predicted) AND empty(actual), NULL,"
    " 2 * arrayCount(ok -> ok, correct) / (length(predicted) + length(actual)))",
    "mean_iou": "if(arrayExists((i, ok) -> ok AND i <= 1, matched_iou, correct),"
    " arrayAvg(arrayFilter((i, ok) -> ok AND i <= 1, matched_iou, correct)), NULL)",
}
RowMetric = Literal["annotations", "predictions", "tp", "fp", "fn", "precision", "recall", "f1", "mean_iou"]
assert tuple(ROW_METRICS) == RowMetric.__args__  # type: ignore[attr-defined]


#: SQL for a hash of a data row's key, which is the same wherever and whenever it is asked for.
ROW_KEY: Final = "sipHash64(data_row)"


def ask(client: Client, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run a bounded question; return its rows."""
    return [tuple(row) for row in client.query(_bounded(sql, QUERY), parameters=parameters).result_rows]


def ask_arrow(client: Client, sql: str, parameters: dict[str, Any], **settings: int) -> pa.Table:
    """Run a bounded question; return its columns."""
    found = client.raw_query(_bounded(sql, QUERY | settings), parameters, fmt="Arrow")
    return pa.ipc.open_file(found).read_all()


def _bounded(sql: str, settings: dict[str, Any]) -> str:
    """Make settings part of a statement.

    The embedded engine would set and take back settings that come beside it one by one, which costs more than a small
    question.
    """
    named = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
    return f"{sql} SETTINGS {named}"
