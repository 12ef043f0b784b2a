"""Outcomes of the objects of one data row, and their causes: the rules of ``scored`` and ``caused``, for a row at hand.

The engine counts over millions of rows with SQL. To show thirty of them, it would spend more on reading that SQL than
on the rows; so they are read as they are stored, and worked out here. Tests hold both against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any, Final, NamedTuple

from evalstream.matching import AREA_RANGES, MAX_DETECTIONS, MAX_SKELETONS
from evalstream.queries.counted import RowMetric
from evalstream.scoring.causes import Cause, ErrorOptions
from evalstream.selection import Selection, object_codes
from evalstream.types import LOCALISED, UNCOUNTED

#: The columns of ``selected`` that it takes.
READ: Final = (
    *(f"annotation_{name}" for name in ("type", "feature", "label", "area", "crowd")),
    *(f"prediction_{name}" for name in ("type", "feature", "label", "area", "confidence", "rank")),
    *(f"prediction_{name}" for name in ("own", "own_iou", "other", "other_iou")),
    *(f"match_{name}" for name in ("prediction", "annotation", "type", "iou", "area_range", "ignored")),
    *(f"match_{name}" for name in ("actual", "predicted", "actual_feature", "predicted_feature")),
    *(f"match_{name}" for name in ("confidence_low", "confidence_high", "iou_low", "iou_high")),
)


class Outcomes(NamedTuple):
    """Lists with an entry an annotation, a prediction, or a rectangle of thresholds at which a pair is matched."""

    live: list[bool]  # of rectangles: whether it holds at the thresholds
    counting: list[bool]  # whether it counts besides
    annotation_asked: list[bool]  # whether it passes the filters
    annotation_counts: list[bool]
    annotation_cause: list[Cause | None]  # none of what is right or does not count
    prediction_asked: list[bool]
    prediction_counts: list[bool]
    prediction_cause: list[Cause | None]


def outcomes(row: Mapping[str, Any], selection: Selection, options: ErrorOptions) -> Outcomes:
    """Tell what counts at the selected thresholds, and the cause of each error.

    Parameters
    ----------
    row : mapping
        The columns ``READ`` of one row of results.
    selection : Selection
        With every kind of its features among them.
    options : ErrorOptions
        How errors are told apart.
    """
    live = _live(row, selection)
    ignored = {p for p, now, off in _of(row, live) if now and off}
    counted = {p for p, now, off in _of(row, live) if now and not off}
    chosen = _chooser(selection)
    annotation_asked = list(map(chosen, row["annotation_type"], row["annotation_feature"]))
    prediction_asked = list(map(chosen, row["prediction_type"], row["prediction_feature"]))
    of_pairs = map(chosen, row["match_type"], row["match_actual_feature"], row["match_predicted_feature"])
    counting = [now and not off and asked for (_, now, off), asked in zip(_of(row, live), of_pairs, strict=True)]

    limited = selection.traits.limited
    low, high = AREA_RANGES[selection.area]
    objects = object_codes(selection)
    annotation_counts = [
        asked and code in objects and (not limited or low <= area <= high)
        for asked, code, area in zip(annotation_asked, row["annotation_crowd"], row["annotation_area"], strict=True)
    ]
    above = [confidence >= selection.confidence for confidence in row["prediction_confidence"]]
    among = [
        not limited or rank < (MAX_SKELETONS if kind == "keypoints" else MAX_DETECTIONS)
        for kind, rank in zip(row["prediction_type"], row["prediction_rank"], strict=True)
    ]
    prediction_counts = [
        ok
        and prediction_asked[i]
        and not (selection.traits.ignores and i in ignored)
        and among[i]
        and (not limited or low <= row["prediction_area"][i] <= high or i in counted)
        for i, ok in enumerate(above)
    ]
    # Whatever its class: a filter of classes changes no cause.
    of_type = list(map(_chooser(selection.model_copy(update={"feature": []})), row["prediction_type"]))
    judged = [ok and fits and own for ok, fits, own in zip(above, among, of_type, strict=True)]
    if limited and options.max_detections is not None:
        most = set(_most_confident(row, of_type, selection)[: options.max_detections])
        judged = [
            ok and (i in most or not _is_error(kind, selection))
            for i, (ok, kind) in enumerate(zip(judged, row["prediction_type"], strict=True))
        ]
    annotation_cause, judged_cause = _causes(row, selection, options, live, judged, annotation_counts)
    prediction_cause = [cause if asked else None for cause, asked in zip(judged_cause, prediction_asked, strict=True)]
    return Outcomes(
        live,
        counting,
        annotation_asked,
        annotation_counts,
        annotation_cause,
        prediction_asked,
        prediction_counts,
        prediction_cause,
    )


def row_metrics(row: Mapping[str, Any], found: Outcomes) -> dict[RowMetric, float | None]:
    """Give the metrics of a row: ``ROW_METRICS``, which says the same in SQL."""
    pairs = zip(row["match_actual"], row["match_predicted"], row["match_iou"], found.counting, strict=True)
    overlaps = [iou for actual, predicted, iou, counts in pairs if counts and actual == predicted]
    annotations, predictions, tp = sum(found.annotation_counts), sum(found.prediction_counts), len(overlaps)
    located = [iou for iou in overlaps if iou <= 1]
    return {
        "annotations": annotations,
        "predictions": predictions,
        "tp": tp,
        "fp": predictions - tp,
        "fn": annotations - tp,
        "precision": tp / predictions if predictions else None,
        "recall": tp / annotations if annotations else None,
        "f1": 2 * tp / (predictions + annotations) if predictions + annotations else None,
        "mean_iou": fmean(located) if located else None,
    }


def _live(row: Mapping[str, Any], selection: Selection) -> list[bool]:
    c, t = selection.confidence, selection.threshold(selection.iou)
    area = list(AREA_RANGES).index(selection.area)
    bounds = ("confidence_low", "confidence_high", "iou_low", "iou_high", "area_range")
    rectangles = zip(*(row[f"match_{name}"] for name in bounds), strict=True)
    return [c_lo < c <= c_hi and t_lo < t <= t_hi and own == area for c_lo, c_hi, t_lo, t_hi, own in rectangles]


def _of(row: Mapping[str, Any], live: list[bool]) -> list[tuple[int, bool, bool]]:
    """Of each rectangle its prediction, whether it holds, and whether its annotation is ignored."""
    return list(zip(row["match_prediction"], live, map(bool, row["match_ignored"]), strict=True))


def _chooser(selection: Selection) -> Callable[..., bool]:
    """Give a test whether an object, or a pair, passes the filters: of its type and feature, or features."""
    features, types = set(selection.feature), set(selection.type)

    def chosen(kind: str, *own: str) -> bool:
        of_feature = not features or not features.isdisjoint(own)
        return kind not in UNCOUNTED and of_feature and (not types or kind in types)

    return chosen


def _is_error(kind: str, selection: Selection) -> bool:
    """Whether objects of this type are what the analysis of errors is about."""
    return bool(selection.type) or kind in LOCALISED


def _most_confident(row: Mapping[str, Any], of_type: list[bool], selection: Selection) -> list[int]:
    """The predictions that the analysis is about, the most confident first."""
    confidence = row["prediction_confidence"]
    own = [i for i, kind in enumerate(row["prediction_type"]) if of_type[i] and _is_error(kind, selection)]
    return sorted(own, key=lambda i: -confidence[i])


def _causes(
    row: Mapping[str, Any],
    selection: Selection,
    options: ErrorOptions,
    live: list[bool],
    judged: list[bool],
    annotation_counts: list[bool],
) -> tuple[list[Cause | None], list[Cause | None]]:
    """The causes of annotations and of judged predictions, by the rules of :mod:`evalstream.scoring.causes`."""
    joined = [m for m, (p, now, off) in enumerate(_of(row, live)) if now and not off and judged[p]]
    same = {m for m in joined if row["match_actual"][m] == row["match_predicted"][m]}
    right_predictions = {row["match_prediction"][m] for m in same}
    right_annotations = {row["match_annotation"][m] for m in same}
    wrongly = {row["match_prediction"][m]: row["match_annotation"][m] for m in reversed(joined) if m not in same}
    t = selection.threshold(selection.iou)

    def enough(place: int, iou: float) -> bool:
        return place >= 0 and (iou > t if selection.traits.strict else iou >= t)

    cause: list[Cause | None] = [None] * len(judged)
    points_to = [-1] * len(judged)
    for i, ok in enumerate(judged):
        if not ok or i in right_predictions:
            continue
        own, own_iou, other, other_iou = _nearest(row, i, selection)
        if i in wrongly:
            cause[i], points_to[i] = "wrong class", wrongly[i]
        elif options.background <= own_iou <= t:
            cause[i], points_to[i] = "poor localisation", own
        elif enough(other, other_iou):
            cause[i], points_to[i] = "wrong class", other
        elif enough(own, own_iou):
            cause[i] = "duplicate"
        else:
            cause[i] = "background" if max(own_iou, other_iou) <= options.background else "both"
    pointed: dict[
        int, Cause | None
    ] = {}  # by annotation: the cause of the most confident prediction that should have been it
    for i in sorted(range(len(judged)), key=lambda i: -row["prediction_confidence"][i]):
        pointed.setdefault(points_to[i], cause[i])
    of_annotations = [
        pointed.get(j, "missed") if counts and j not in right_annotations else None
        for j, counts in enumerate(annotation_counts)
    ]
    return of_annotations, cause


def _nearest(row: Mapping[str, Any], i: int, selection: Selection) -> tuple[int, float, int, float]:
    """Of a prediction the annotation of its label that it overlaps most, and how much; and that of any other label."""
    own, own_iou, other, other_iou = (row[f"prediction_{name}"][i] for name in ("own", "own_iou", "other", "other_iou"))
    # Under a roll-up what was the nearest of another class may be of the same one.
    rolled = selection.roll_up is not None and other >= 0
    if rolled and row["annotation_label"][other] == row["prediction_label"][i]:
        return (other, other_iou, -1, 0.0) if other_iou >= own_iou else (own, own_iou, -1, 0.0)
    return own, own_iou, other, other_iou
