"""What has to be known of an answer: what it leaves out, in sentences, and only what applies."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from evalstream.events.base import Crowd
from evalstream.matching import MAX_DETECTIONS, MAX_SKELETONS
from evalstream.queries.counted import MOST_COUNTED, ask, is_object, scored, selected
from evalstream.selection import Selection

# One sum each, over rows of ``scored``. What is nested shares its parent's fate, and is not counted beside it.
_BEYOND = (
    "arrayCount((ok, c, k, n, up) -> ok AND up < 0 AND c >= {confidence:Float64} AND n >= " + MOST_COUNTED + ","
    " prediction_asked, prediction_confidence, prediction_type, prediction_rank, prediction_parent)"
)
_NEGATIVE = (
    "arrayCount((ok, c, up) -> ok AND up < 0 AND c < 0, prediction_asked, prediction_confidence, prediction_parent)"
)
_IGNORED = (
    "arrayCount((ok, c, up, i) -> ok AND up < 0 AND c >= {confidence:Float64} AND has(ignored_prediction, i - 1),"
    " prediction_asked, prediction_confidence, prediction_parent, arrayEnumerate(prediction_asked))"
)
_REPAIRED = "arrayCount(name -> name = 'repaired', measure_name)"
# Whether there can be anything of the kind at all: mostly there is not, and this is soon asked. Rows that could not be
# matched have no objects.
_ANY = f"""
SELECT maxArray(prediction_rank) >= {min(MAX_DETECTIONS, MAX_SKELETONS)} OR minArray(prediction_confidence) < 0
    OR maxArray(annotation_crowd) > {Crowd.OBJECT} OR max(has(measure_name, 'repaired')), countIf(error != '')
FROM ({{rows}})
"""


def notes(client: Client, selection: Selection) -> list[str]:
    """Say what has to be known of any answer about the selection at its thresholds."""
    rows, parameters = selected(selection, with_failed=True)
    ((any_other, rows_failed),) = ask(client, _ANY.format(rows=rows), parameters)
    found = []
    if rows_failed:
        found.append(f"{_number(rows_failed, 'data row')} could not be matched and {_is(rows_failed)} left out.")
    return found + _of_objects(client, selection) if any_other else found


def _of_objects(client: Client, selection: Selection) -> list[str]:
    sql, parameters = scored(selection)
    no_objects = f"arrayCount((ok, c) -> ok AND NOT {is_object(selection)}, annotation_asked, annotation_crowd)"
    sums = ", ".join(f"sum({one})" for one in (_BEYOND, _NEGATIVE, _IGNORED, no_objects, _REPAIRED))
    ((beyond, negative, ignored, regions, repaired),) = ask(client, f"SELECT {sums} FROM ({sql})", parameters)
    found = []
    if beyond and selection.policy == "coco":
        found.append(
            f"{_number(beyond, 'prediction')} beyond the {MAX_DETECTIONS} most confident of a class and data row "
            f"({MAX_SKELETONS} of keypoints) {_is(beyond)} not counted."
        )
    if negative:
        found.append(f"{_number(negative, 'prediction')} with a confidence below 0 {_is(negative)} ignored.")
    if regions:
        difficult = ", difficult ones" if selection.policy == "best-candidate" else ""
        kinds = f"regions of many objects{difficult}, or without anything to match"
        upon = (
            "predictions upon them count as false alarms"
            if selection.policy == "iou-greedy"
            else f"nor {_is(ignored)} the {_number(ignored, 'prediction')} matched to them"
        )
        found.append(f"{_number(regions, 'annotation')} {_is(regions)} not counted ({kinds}); {upon}.")
    if repaired:
        found.append(
            f"{_number(repaired, 'polygon')} crossed {_itself(repaired)} and {_is(repaired)} counted as repaired."
        )
    return found


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _itself(count: int) -> str:
    return "itself" if count == 1 else "themselves"
