"""Each question answered from plain data: every data row matched anew at the thresholds asked for, counted by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from evalstream.matching import AREA_RANGES
from evalstream.selection import Selection

from tests.oracles import matching
from tests.oracles.matching import Box

Pair = tuple[int, int]  # positions of a prediction and an annotation within their data row


class Thing(NamedTuple):
    """An annotation or a prediction."""

    id: str
    type: str
    feature: str
    answer: str = ""
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    confidence: float = 1.0
    crowd: bool = False
    area: float | None = None
    difficult: bool = False

    @property
    def label(self) -> str:
        named = self.feature.replace("\\", r"\\").replace("=", r"\=")
        return named if self.type == "bbox" else f"{named}={self.answer}"

    @property
    def size(self) -> float:
        return self.box[2] * self.box[3] if self.area is None else self.area

    def as_box(self) -> Box:
        """What the matching oracle takes; the answers to one question all lie upon each other."""
        if self.type == "bbox":
            return Box(self.feature, self.box, self.confidence, self.crowd, self.area, self.difficult)
        return Box(self.feature, (0.0, 0.0, 1.0, 1.0), self.confidence, area=0.0)


class DataRow(NamedTuple):
    """What one run says of one data row, beside its annotations."""

    data_row: str
    split: str
    metadata: dict[str, str]
    annotations: list[Thing]
    predictions: list[Thing]


class Scored(NamedTuple):
    """What counts in one data row: positions of its annotations and predictions, and the matched pairs of them."""

    row: DataRow
    actual: list[int]
    predicted: list[int]
    pairs: list[Pair]  # of which at least one side is asked for
    matched: set[Pair]  # whatever is asked for
    ignored: set[Pair]

    def label_pairs(self) -> list[tuple[str, str]]:
        """The labels (actual, predicted) of each pair."""
        return [(self.row.annotations[j].label, self.row.predictions[i].label) for i, j in self.pairs]

    def ious(self, *, correct: bool) -> list[float]:
        """How much the pairs of boxes overlap, of all or of the correct ones."""
        found, true = self.row.predictions, self.row.annotations
        return [
            matching.iou(found[i].as_box(), true[j].as_box())
            for i, j in self.pairs
            if found[i].type == "bbox" and (not correct or found[i].label == true[j].label)
        ]

    @property
    def tp(self) -> int:
        return sum(a == p for a, p in self.label_pairs())

    def metrics(self) -> dict[str, float | None]:
        """What can be said of the row."""
        actual, predicted, ious = len(self.actual), len(self.predicted), self.ious(correct=True)
        return {
            "annotations": actual,
            "predictions": predicted,
            "tp": self.tp,
            "fp": predicted - self.tp,
            "fn": actual - self.tp,
            "precision": ratio(self.tp, predicted),
            "recall": ratio(self.tp, actual),
            "f1": ratio(2 * self.tp, predicted + actual),
            "mean_iou": ratio(math.fsum(ious), len(ious)),
        }


class Counts(NamedTuple):
    """Counts and scores; those of one label, or of everything."""

    annotations: int
    predictions: int
    tp: int
    fp: int
    fn: int
    precision: float | None
    recall: float | None
    f1: float | None


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def counts(annotations: int, predictions: int, tp: int) -> Counts:
    return Counts(
        annotations,
        predictions,
        tp,
        predictions - tp,
        annotations - tp,
        ratio(tp, predictions),
        ratio(tp, annotations),
        ratio(2 * tp, annotations + predictions),
    )


# --- what counts ----------------------------------------------------------------------------------------------------


def matches(row: DataRow, selection: Selection) -> tuple[set[Pair], set[Pair]]:
    """The pairs that count, and those with annotations that are ignored, of every type."""
    rule, c = matching.RULES[selection.policy], selection.confidence
    strict = {"match": False, "no-match": True, None: rule.strict}[selection.at_threshold]
    counted: set[Pair] = set()
    ignored: set[Pair] = set()
    questions = {thing.feature for thing in row.predictions if thing.type == "radio"}
    for kind, feature in [("bbox", ""), *(("radio", question) for question in questions)]:
        found = positions(row.predictions, kind, feature)
        true = positions(row.annotations, kind, feature)
        boxes = [row.predictions[i].as_box() for i in found], [row.annotations[j].as_box() for j in true]
        threshold = (
            rule.threshold(selection.iou, strict=strict) if kind == "bbox" else 0.0
        )  # an answer has no place to be wrong about
        own, own_ignored = rule.pairs(*boxes, c, threshold, strict=strict, area=selection.area)
        counted |= {(found[i], true[j]) for i, j in own}
        ignored |= {(found[i], true[j]) for i, j in own_ignored}
    return counted, ignored


def positions(things: Sequence[Thing], kind: str, feature: str) -> list[int]:
    return [i for i, thing in enumerate(things) if thing.type == kind and feature in ("", thing.feature)]


def asked(thing: Thing, selection: Selection) -> bool:
    of_feature = not selection.feature or thing.feature in selection.feature
    return of_feature and (not selection.type or thing.type in selection.type)


def score_row(row: DataRow, selection: Selection) -> Scored:
    rule, c = matching.RULES[selection.policy], selection.confidence
    low, high = AREA_RANGES[selection.area]
    matched, ignored = matches(row, selection)
    actual = [
        j
        for j, thing in enumerate(row.annotations)
        if asked(thing, selection)
        and not thing.crowd
        and (rule.difficult_count or not thing.difficult)
        and (not rule.limited or low <= thing.size <= high)
    ]
    rank, taken, left_out = ranks(row), {i for i, _ in matched}, {i for i, _ in ignored}
    predicted = []
    for i, thing in enumerate(row.predictions):
        if not asked(thing, selection) or thing.confidence < c:
            continue
        if i in left_out:
            continue
        if rule.limited:
            inside = low <= thing.size <= high or i in taken
            if not inside or rank[i] >= 100:
                continue
        predicted.append(i)
    pairs = [
        (i, j)
        for i, j in sorted(matched)
        if asked(row.predictions[i], selection) or asked(row.annotations[j], selection)
    ]
    return Scored(row, actual, predicted, pairs, matched, ignored)


def ranks(row: DataRow) -> list[int]:
    """Of each prediction, how many of its class come before it in its data row."""
    before = Counter[str]()
    found = [0] * len(row.predictions)
    for i in sorted(range(len(found)), key=lambda i: -row.predictions[i].confidence):
        found[i] = before[row.predictions[i].feature]
        before[row.predictions[i].feature] += 1
    return found


def fits(row: DataRow, selection: Selection) -> bool:
    """Whether split and metadata are those asked for, and there is something on both sides if that is."""
    if selection.both_sides and not (row.annotations and any(thing.confidence >= 0 for thing in row.predictions)):
        return False
    return (not selection.split or row.split in selection.split) and all(
        holds(row.metadata, condition) for condition in selection.metadata
    )


def holds(metadata: dict[str, str], condition: str) -> bool:
    operator = next(sign for sign in ("!=", ">=", "<=", "=", ">", "<") if sign in condition)
    key, value = condition.split(operator)
    own = metadata.get(key, "")
    if operator in ("=", "!="):
        return (own == value) == (operator == "=")
    try:
        return compare(float(own), operator, float(value))
    except ValueError:
        return False


def compare(left: float, operator: str, right: float) -> bool:
    return {
        "=": left == right,
        "!=": left != right,
        ">": left > right,
        ">=": left >= right,
        "<": left < right,
        "<=": left <= right,
    }[operator]


def as_number(text: str) -> float | None:
    """A finite number, or nothing."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def score(rows: Sequence[DataRow], selection: Selection) -> list[Scored]:
    return [score_row(row, selection) for row in rows if fits(row, selection)]


# --- the answers ----------------------------------------------------------------------------------------------------


def summary(scored: Sequence[Scored]) -> tuple[int, Counts, float | None]:
    """Rows, counts, and the mean IoU of correct pairs."""
    ious = [iou for row in scored for iou in row.ious(correct=True)]
    total = counts(
        sum(len(row.actual) for row in scored),
        sum(len(row.predicted) for row in scored),
        sum(row.tp for row in scored),
    )
    return len(scored), total, ratio(math.fsum(ious), len(ious))


def actual_labels(row: Scored) -> Counter[str]:
    return Counter(row.row.annotations[j].label for j in row.actual)


def predicted_labels(row: Scored) -> Counter[str]:
    return Counter(row.row.predictions[i].label for i in row.predicted)


def cells(row: Scored) -> Counter[tuple[str | None, str | None]]:
    """A data row's part in the confusion matrix; None stands for nothing at all."""
    found: Counter[tuple[str | None, str | None]] = Counter(row.label_pairs())
    missed = set(row.actual) - {j for _, j in row.pairs}
    alarms = set(row.predicted) - {i for i, _ in row.pairs}
    found.update((row.row.annotations[j].label, None) for j in missed)
    found.update((None, row.row.predictions[i].label) for i in alarms)
    return found


def confusion(scored: Sequence[Scored]) -> Counter[tuple[str | None, str | None]]:
    return sum((cells(row) for row in scored), Counter())


def classes(scored: Sequence[Scored]) -> dict[str, Counts]:
    actual = sum((actual_labels(row) for row in scored), Counter())
    predicted = sum((predicted_labels(row) for row in scored), Counter())
    tp = Counter(a for row in scored for a, p in row.label_pairs() if a == p)
    return {label: counts(actual[label], predicted[label], tp[label]) for label in sorted(actual | predicted)}


def at_confidences(rows: Sequence[DataRow], selection: Selection) -> dict[float, list[Scored]]:
    """What counts at each confidence that occurs, from the selection's own up, the highest first."""
    occurring = {thing.confidence for row in rows for thing in row.predictions}
    return {
        c: score(rows, selection.model_copy(update={"confidence": c}))
        for c in sorted(occurring, reverse=True)
        if c >= selection.confidence
    }


def values_of(scored: Sequence[Scored], metric: str) -> list[float | None]:
    """The values that a histogram is drawn of."""
    if metric == "iou":
        return [iou for row in scored for iou in row.ious(correct=False)]
    if metric == "confidence":
        return [row.row.predictions[i].confidence for row in scored for i in row.predicted]
    if metric.startswith("metadata."):
        return [as_number(row.row.metadata.get(metric.removeprefix("metadata."), "")) for row in scored]
    return [row.metrics()[metric] for row in scored]


def metadata_values(rows: Sequence[DataRow], selection: Selection, key: str) -> list[tuple[str, int]]:
    """The values that the selected rows have under a key, with how many rows have each, the most frequent first."""
    found = Counter(row.metadata[key] for row in rows if fits(row, selection) and key in row.metadata)
    return sorted(found.items(), key=lambda item: (-item[1], item[0].encode()))


def outcomes(row: Scored, selection: Selection) -> tuple[list[str | None], list[str | None]]:
    """What became of each annotation and of each prediction."""
    correct_predictions = {i for i, j in row.matched if row.row.predictions[i].label == row.row.annotations[j].label}
    correct_annotations = {j for i, j in row.matched if i in correct_predictions}
    annotations = [
        None
        if not asked(thing, selection)
        else "ignored"
        if j not in row.actual
        else "tp"
        if j in correct_annotations
        else "fn"
        for j, thing in enumerate(row.row.annotations)
    ]
    predictions = [
        None
        if not asked(thing, selection) or thing.confidence < selection.confidence
        else "ignored"
        if i not in row.predicted
        else "tp"
        if i in correct_predictions
        else "fp"
        for i, thing in enumerate(row.row.predictions)
    ]
    return annotations, predictions


# --- average precision ----------------------------------------------------------------------------------------------


class Point(NamedTuple):
    """A point of a curve: what holds with this confidence as the threshold, or after one detection."""

    confidence: float
    recall: float
    precision: float


def average_precision(
    rows: Sequence[DataRow], selection: Selection, label: str, interpolation: str = "101-point"
) -> float | None:
    """AP of one label at the selection's IoU."""
    revokes = matching.RULES[selection.policy].revokes
    points = (curve_by_change if revokes else curve_by_detection)(rows, selection, label)
    if not sum(actual_labels(row)[label] for row in score(rows, selection)):
        return None
    if interpolation == "none":
        points = [point for point, after in pairwise([*points, None]) if not after or after[0] != point[0]]
        recalls = [0.0, *(point.recall for point in points)]
        return sum((r - before) * p.precision for (before, r), p in zip(pairwise(recalls), points, strict=True))
    if interpolation == "encord":
        if not revokes:  # the last point of each recall, not the first
            points = [point for point, after in pairwise([*points, None]) if not after or after.recall != point.recall]
        points = [point._replace(recall=round(point.recall, 2)) for point in points]
    at = {"101-point": np.linspace(0, 1, 101), "11-point": np.linspace(0, 1, 11), "encord": np.arange(11) / 10}
    recalls = at[interpolation].tolist() if interpolation in at else sorted({0.0, *(point.recall for point in points)})
    best = [max((point.precision for point in points if point.recall >= recall), default=0.0) for recall in recalls]
    if interpolation == "all-point":
        return sum((r - before) * p for (before, r), p in zip(pairwise(recalls), best[1:], strict=True))
    return float(np.mean(best))


def curve_by_change(rows: Sequence[DataRow], selection: Selection, label: str) -> list[Point]:
    """One point a confidence."""
    points = []
    for confidence, scored in at_confidences(rows, selection).items():
        own = classes(scored).get(label)
        if own and own.annotations and own.predictions:
            points.append(Point(confidence, own.tp / own.annotations, own.tp / own.predictions))
    return points


def curve_by_detection(rows: Sequence[DataRow], selection: Selection, label: str) -> list[Point]:
    """One point a detection that counts, the most confident first, of equals the earlier row's."""
    scored = score(rows, selection)
    total = sum(actual_labels(row)[label] for row in scored)
    detections = [
        (row.row.predictions[i].confidence, (i in right(row)))
        for row in scored
        for i in row.predicted
        if row.row.predictions[i].label == label
    ]
    points, tp = [], 0
    for seen, (confidence, correct) in enumerate(sorted(detections, key=lambda item: -item[0]), 1):
        tp += correct
        points.append(Point(confidence, ratio(tp, total) or 0.0, tp / seen))
    return points


def right(row: Scored) -> set[int]:
    return {i for i, j in row.pairs if row.row.predictions[i].label == row.row.annotations[j].label}


# --- causes of errors -----------------------------------------------------------------------------------------------


def causes(row: Scored, selection: Selection, background: float) -> tuple[list[str | None], list[str | None]]:
    """Why each annotation is not found and each prediction wrong, by TIDE's rules; None for what is right."""
    annotations, predictions = row.row.annotations, row.row.predictions
    partner = dict(row.matched)
    correct = {i: j for i, j in partner.items() if predictions[i].label == annotations[j].label}
    rule = matching.RULES[selection.policy]
    t = rule.threshold(selection.iou)
    rank = ranks(row.row)

    def enough(found: tuple[float, int]) -> bool:
        return found[1] >= 0 and matching.enough(found[0], t, strict=rule.strict)

    why: list[str | None] = [None] * len(predictions)
    pointed: dict[int, int] = {}
    for i in sorted(range(len(predictions)), key=lambda i: -predictions[i].confidence):
        of_type = asked(predictions[i], selection.model_copy(update={"feature": []}))
        judged = of_type and predictions[i].confidence >= selection.confidence
        if not judged or i in correct or (rule.limited and rank[i] >= 100):
            continue
        own, other = closest(row.row, i, same=True), closest(row.row, i, same=False)
        target = None
        if i in partner:
            why[i], target = "wrong class", partner[i]
        elif background <= own[0] <= t:
            why[i], target = "poor localisation", own[1]
        elif enough(other):
            why[i], target = "wrong class", other[1]
        elif enough(own):
            why[i] = "duplicate"
        else:
            why[i] = "background" if max(own[0], other[0]) <= background else "both"
        if target is not None and target not in pointed:
            pointed[target] = i
    missing = [j if j in row.actual and j not in correct.values() else None for j in range(len(annotations))]
    of_annotations = [None if j is None else why[pointed[j]] if j in pointed else "missed" for j in missing]
    return of_annotations, [cause if i in row.predicted else None for i, cause in enumerate(why)]


def closest(row: DataRow, i: int, *, same: bool) -> tuple[float, int]:
    """How much a prediction overlaps the annotation of its label, or any other, that it overlaps most; the last."""
    best = 0.0, -1
    for j, thing in enumerate(row.annotations):
        if thing.type != row.predictions[i].type or thing.crowd or (thing.label == row.predictions[i].label) != same:
            continue
        if thing.type == "radio":
            value = math.inf if thing.feature == row.predictions[i].feature else 0.0
        else:
            value = matching.iou(row.predictions[i].as_box(), thing.as_box())
        if value > 0 and value >= best[0]:
            best = value, j
    return best
