"""Answers that are neither right nor wrong, but near or far: texts and numbers, and which of them go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalstream.selection import QuestionError, Selection
from evalstream.stored.counted import Fragment, ask, is_object, scored
from evalstream.stored.roll_up import FEATURES

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def answered(selection: Selection, kind: str) -> Fragment:
    """SQL for the answers of one type in each selected data row.

    Columns beside those of ``scored``: ``asked`` and ``given``, the questions that are answered by annotations and by
    predictions at the selected confidence; ``paired``, the places (from 1) in the ``match_*`` columns of the pairs that
    hold at the selected thresholds, nested answers within the match of what they are nested in.
    """
    if selection.area != "all":
        raise QuestionError(f"answers of type `{kind}` have no area: leave out `area`")
    sql, parameters = scored(selection)
    chosen = "k = {kind:String}"
    if selection.feature:
        chosen += f" AND f IN {FEATURES}"
    if selection.type and kind not in selection.type:
        chosen = "0"
    return Fragment(
        f"""
        SELECT *,
            arrayFilter((q, f, k, c) -> {is_object(selection)} AND {chosen},
                annotation_label, annotation_feature, annotation_type, annotation_crowd) AS asked,
            -- What is nested in an ignored prediction is neither right nor wrong, as that one is.
            arrayFilter((q, f, k, c, p) -> c >= {{confidence:Float64}} AND NOT has(ignored_prediction, p) AND {chosen},
                prediction_label, prediction_feature, prediction_type, prediction_confidence, prediction_parent)
                AS given,
            arrayFilter((m, f, k, l, i) -> l AND NOT i AND {chosen}, arrayEnumerate(match_type),
                match_actual_feature, match_type, live, match_ignored) AS paired
        FROM ({sql})
        """,
        parameters | {"kind": kind, "feature": list(selection.feature)},
    )


def tally_answers(client: Client, answers: Fragment) -> dict[str, tuple[int, int]]:
    """Count the annotations and the predictions of each question, by name."""
    said = "arrayConcat(arrayMap(q -> (q, 1, 0), asked), arrayMap(q -> (q, 0, 1), given))"
    rows = ask(
        client,
        f"SELECT one.1 AS question, sum(one.2), sum(one.3) FROM (SELECT arrayJoin({said}) AS one FROM ({answers.sql}))"
        " GROUP BY question ORDER BY question",
        answers.parameters,
    )
    return {question: (annotations, predictions) for question, annotations, predictions in rows}
