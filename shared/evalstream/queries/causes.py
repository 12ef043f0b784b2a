"""Why a prediction is wrong, and an annotation not found: TIDE's rules, as SQL over ``scored``.

Reference: Bolya et al., TIDE: A General Toolbox for Identifying Object Detection Errors (2020); tidecv 1.0.1,
``quantify.py``. In the order in which they are tried, with t the IoU threshold and b the background threshold:

- ``poor localisation``: b ≤ IoU with an annotation of its own class ≤ t;
- ``wrong class``: it would be right if its class were that of an annotation that it overlaps enough;
- ``duplicate``: it overlaps an annotation of its class enough, and that one is found already;
- ``background``: it overlaps no annotation by more than b;
- ``both``: the rest, too far away and of the wrong class.

An annotation that is not found has the cause of the most confident prediction that points to it, being poorly localised
or of the wrong class; if none does it is ``missed``. What a policy matches to another class is ``wrong class`` before
anything else is tried (``iou-greedy``, and answers).

A filter of classes changes no cause: predictions of all classes are judged, and those that pass it are counted. So an
annotation that was taken for a class which does not pass is not missed.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, Field

from evalstream.queries.counted import MOST_COUNTED, Fragment, of_type, scored
from evalstream.selection import Selection
from evalstream.types import LOCALISED

Cause = Literal["wrong class", "poor localisation", "both", "duplicate", "background", "missed"]
CAUSES: Final[tuple[Cause, ...]] = ("wrong class", "poor localisation", "both", "duplicate", "background", "missed")
#: Causes that point to an annotation.
POINTING: Final[tuple[Cause, ...]] = ("wrong class", "poor localisation")


class ErrorOptions(BaseModel):
    """Options of the analysis of errors."""

    background: float = Field(
        default=0.1, gt=0, le=1, description="of causes: what overlaps no annotation by more is of the background"
    )
    max_detections: int | None = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="of causes, policy `coco` only: how many predictions of a data row count, the most confident of "
        "all classes",
    )


AS_TIDE: Final = ErrorOptions()

# Under a roll-up what was the nearest of another class may be of the same one.
_ROLLED: Final = (
    "arrayMap((l, o, oi, x, xi) -> if(x >= 0 AND annotation_label[x + 1] = l,"
    " if(xi >= oi, (x, xi, toInt32(-1), 0.), (o, oi, toInt32(-1), 0.)), (o, oi, x, xi)), prediction_label,"
    " prediction_own, prediction_own_iou, prediction_other, prediction_other_iou)"
)
_PLAIN: Final = (
    "arrayMap((o, oi, x, xi) -> (o, oi, x, xi),"
    " prediction_own, prediction_own_iou, prediction_other, prediction_other_iou)"
)


def caused(selection: Selection, options: ErrorOptions = AS_TIDE) -> Fragment:
    """SQL for ``scored`` with the cause of each error.

    Columns beside those of ``scored``, all arrays: ``prediction_judged``, whether a prediction passes the limits and
    all filters but that of classes; ``prediction_tried``, whether it passes that too; ``prediction_right`` and
    ``annotation_right``, whether it is matched, and correctly; ``judged_cause``, empty for what is right or not
    judged; ``prediction_cause``, the same of what is tried; ``points_to``, the position of the annotation that a poorly
    localised prediction or one of the wrong class should have been, or −1; ``annotation_cause``, empty for
    what is right or does not count. ``prediction_error`` and ``annotation_error`` are the causes of what the analysis
    of errors counts, one an error: no annotations but missed ones, and unless types are asked for, no answers.

    ``max_detections`` changes nothing for the predictions that stay: under ``coco`` the confidence is a pure filter.
    """
    sql, parameters = scored(selection)
    parameters = parameters | {"background": options.background}
    is_error = "1" if selection.type else f"k IN {LOCALISED}"
    enough = f"{{0}} >= 0 AND {{1}} {'>' if selection.traits.strict else '>='} {{{{iou:Float64}}}}"
    judged = f"{of_type(selection, 'k')} AND c >= {{confidence:Float64}}"
    place = "prediction_rank"
    if selection.traits.limited:
        judged += f" AND n < {MOST_COUNTED}"
        if options.max_detections is not None:
            parameters["most"] = options.max_detections
            judged += f" AND (place <= {{most:UInt32}} OR NOT {is_error})"
            placed = (
                f"arraySort((i, c, k) -> (NOT ({of_type(selection, 'k')} AND {is_error}), -c, i),"
                " arrayEnumerate(prediction_confidence), prediction_confidence, prediction_type)"
            )
            place = f"arraySort((place, i) -> i, arrayEnumerate(prediction_asked), {placed})"
    steps = (
        f"arrayMap((c, k, n, place) -> {judged}, prediction_confidence, prediction_type, prediction_rank, {place})"
        " AS prediction_judged",
        "arrayMap((p, l, i) -> l AND NOT i AND prediction_judged[p + 1], match_prediction, live, match_ignored)"
        " AS joined, arrayMap((a, p) -> a = p, match_actual, match_predicted) AS same,"
        " arrayMap((judged, ok) -> judged AND ok, prediction_judged, prediction_asked) AS prediction_tried",
        "arrayFilter((p, j, ok) -> j AND ok, match_prediction, joined, same) AS right_prediction,"
        " arrayFilter((a, j, ok) -> j AND ok, match_annotation, joined, same) AS right_annotation,"
        " arrayFilter((p, j, ok) -> j AND NOT ok, match_prediction, joined, same) AS wrong_prediction,"
        " arrayFilter((a, j, ok) -> j AND NOT ok, match_annotation, joined, same) AS wrong_annotation",
        "arrayMap(i -> has(right_prediction, i - 1), arrayEnumerate(prediction_judged)) AS prediction_right,"
        " arrayMap(i -> has(right_annotation, i - 1), arrayEnumerate(annotation_counts)) AS annotation_right,"
        " arrayMap(i -> indexOf(wrong_prediction, i - 1), arrayEnumerate(prediction_judged)) AS wrongly,"
        f" {_ROLLED if selection.roll_up else _PLAIN} AS near",
        "arrayMap((ok, right, wrong, n) -> multiIf("
        "    NOT ok OR right, '',"
        "    wrong > 0, 'wrong class',"
        "    n.2 BETWEEN {background:Float64} AND {iou:Float64}, 'poor localisation',"
        f"    {enough.format('n.3', 'n.4')}, 'wrong class',"
        f"    {enough.format('n.1', 'n.2')}, 'duplicate',"
        "    greatest(n.2, n.4) <= {background:Float64}, 'background',"
        "    'both'), prediction_judged, prediction_right, wrongly, near) AS judged_cause",
        "arrayMap((cause, wrong, n) -> multiIf("
        "    cause = 'poor localisation', n.1,"
        "    cause != 'wrong class', toInt32(-1),"
        "    wrong > 0, toInt32(wrong_annotation[wrong]),"
        "    n.3), judged_cause, wrongly, near) AS points_to,"
        " arrayMap((cause, ok) -> if(ok, cause, ''), judged_cause, prediction_tried) AS prediction_cause,"
        " arraySort((i, c) -> (-c, i), arrayEnumerate(prediction_confidence), prediction_confidence) AS by_confidence",
        "arrayMap(i -> points_to[i], by_confidence) AS pointed_to",
        "arrayMap(j -> indexOf(pointed_to, j - 1), arrayEnumerate(annotation_counts)) AS pointed_by",
        "arrayMap((ok, right, by) -> multiIf("
        "    NOT ok OR right, '',"
        "    by > 0, judged_cause[by_confidence[by]],"
        "    'missed'), annotation_counts, annotation_right, pointed_by) AS annotation_cause",
        f"arrayMap((cause, ok, k) -> if(ok AND {is_error}, cause, ''), prediction_cause, prediction_counts,"
        f" prediction_type) AS prediction_error, arrayMap((cause, k) -> if(cause = 'missed' AND {is_error}, cause, ''),"
        " annotation_cause, annotation_type) AS annotation_error",
    )
    # A query in a query, step by step: where a column is named by alias the engine works out its expression anew.
    for step in steps:
        sql = f"SELECT *, {step} FROM ({sql})"
    return Fragment(sql, parameters)
