"""SQL for the causes of errors over ``scored``, by the rules of :mod:`evalstream.scoring.causes`."""

from __future__ import annotations

from typing import Final

from evalstream.scoring.causes import AS_TIDE, ErrorOptions
from evalstream.selection import Selection
from evalstream.stored.counted import MOST_COUNTED, Fragment, of_type, scored
from evalstream.types import LOCALISED

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
