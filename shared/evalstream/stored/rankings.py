"""The scores that models give to all options of a question, beside the truth: what curves and losses are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalstream.metrics.ranking import Ranking, by_score
from evalstream.scenes import Int
from evalstream.selection import QuestionError, Selection
from evalstream.stored.counted import Fragment, ask_arrow, scored
from evalstream.stored.roll_up import FEATURES

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Stands between the names of options: a control character, which no name has.
_BETWEEN: Final = "\x1f"

# A case is an annotated answer and the prediction matched to it. Most cases list the same options: as words of a
# dictionary the lists cross over but once.
_CASES = """
SELECT
    case.1 AS question, case.2 AS truth, toLowCardinality(arrayStringConcat(case.3, {{between:String}})) AS options,
    case.4 AS score
FROM (
    SELECT arrayJoin(arrayMap(
        (m, f) -> (
            f, {truth},
            prediction_score_label[match_prediction[m] + 1], prediction_score[match_prediction[m] + 1]
        ), {pairs}, arrayMap(m -> match_actual_feature[m], {pairs})
    )) AS case FROM ({scored})
)
"""
_ANSWER = "[substring(match_actual[m], length(f) + 2)]"
_CHOSEN = (
    "arrayMap(l -> substring(l, length(f) + 2),"
    " arrayFilter((l, p) -> p = match_annotation[m], annotation_label, annotation_parent))"
)


class Ranked(NamedTuple):
    """One question."""

    question: str
    options: list[str]  # every option that has a score in any case, or is true in one; by name
    ranking: Ranking
    unscored: int  # matched answers without any scores; they are no cases
    filled: int  # options of cases that have no score, while other options have: they count as 0


def rankings(client: Client, selection: Selection, kind: Literal["radio", "checklist"]) -> list[Ranked]:
    """Load the scores of all questions of one type, by name.

    Cases are the matched answers at the selected thresholds, of predictions that come with scores. Scores need not sum
    to 1.

    Raises
    ------
    QuestionError
        If labels are to be rolled up: scores are of single options.
    """
    if selection.roll_up:
        raise QuestionError("scores are of single options: leave out `roll_up`")
    sql, parameters = _paired(selection, kind)
    truth = _ANSWER if kind == "radio" else _CHOSEN
    table = ask_arrow(
        client,
        _CASES.format(scored=sql, truth=truth, pairs="paired"),
        parameters | {"between": _BETWEEN},
        output_format_arrow_low_cardinality_as_dictionary=1,
    ).combine_chunks()
    question, names = _coded(table["question"])
    lists, words = _coded(table["options"])
    scored_case = np.array([word != "" for word in words], np.bool_)[lists] if len(words) else np.empty(0, np.bool_)
    ranked = []
    for code in np.argsort(np.array(names, dtype=object), kind="stable"):
        own = question == code
        cases = np.flatnonzero(own & scored_case)
        chosen = table.take(pa.array(cases))
        ranked.append(_ranked(names[code], chosen, lists[cases], words, int(own.sum()) - len(cases)))
    return ranked


def _ranked(question: str, cases: pa.Table, lists: Int, words: list[str], unscored: int) -> Ranked:
    listed = {int(k): words[k].split(_BETWEEN) for k in np.unique(lists)}
    true_name = _flat(cases["truth"])
    options = sorted({name for names in listed.values() for name in names} | set(pc.unique(true_name).to_pylist()))
    at = {name: k for k, name in enumerate(options)}
    number = len(options)
    case = np.repeat(np.arange(len(lists)), _lengths(cases["score"]))
    # The options of each case, looked up in the lists laid end to end.
    first = np.zeros(len(words) + 1, np.int64)
    for k, names in listed.items():
        first[k + 1] = len(names)
    first = np.cumsum(first)
    laid = np.array([at[name] for k in sorted(listed) for name in listed[k]], np.int64)
    begin = np.cumsum(np.concatenate(([0], _lengths(cases["score"]))))[:-1]
    option = laid[first[lists][case] + np.arange(len(case)) - begin[case]] if len(case) else np.empty(0, np.int64)
    score = np.asarray(_flat(cases["score"]), np.float64)
    true_case = np.repeat(np.arange(len(lists)), _lengths(cases["truth"]))
    true_option = np.asarray(pc.index_in(true_name, pa.array(options, pa.string())), np.int64)
    if np.array_equal(true_case, np.arange(len(lists))):  # one a case, as in every radio question
        true = option == true_option[case]
        absent = np.bincount(case[true], minlength=len(lists)) == 0
    else:
        own, sought = case * number + option, true_case * number + true_option
        true, absent = np.isin(own, sought), ~np.isin(sought, own)
    ranking = by_score(
        cases=len(lists),
        options=number,
        case=np.concatenate((case, true_case[absent])),
        option=np.concatenate((option, true_option[absent])),
        score=np.concatenate((score, np.zeros(np.count_nonzero(absent)))),
        true=np.concatenate((true, np.ones(np.count_nonzero(absent), np.bool_))),
    )
    return Ranked(question, options, ranking, unscored, len(lists) * number - len(case))


def _paired(selection: Selection, kind: str) -> Fragment:
    """SQL with column ``paired``: the places, from 1, of the selected matches of a type in the ``match_*`` columns."""
    sql, parameters = scored(selection)
    if selection.type and kind not in selection.type:
        return Fragment(f"SELECT *, emptyArrayUInt32() AS paired FROM ({sql})", parameters)
    if kind == "radio":
        pairs = "arrayFilter((m, k, ok) -> ok AND k = 'radio', arrayEnumerate(match_type), match_type, counting)"
    else:
        features = f"f IN {FEATURES}" if selection.feature else "1"
        pairs = (
            f"arrayFilter((m, k, f, l, i) -> l AND NOT i AND k = 'question' AND {features},"
            " arrayEnumerate(match_type), match_type, match_actual_feature, live, match_ignored)"
        )
        parameters = parameters | {"feature": list(selection.feature)}
    return Fragment(f"SELECT *, {pairs} AS paired FROM ({sql})", parameters)


def _coded(column: pa.ChunkedArray) -> tuple[Int, list[str]]:
    """Strings as codes, and the string of each code."""
    array = column.combine_chunks()
    array = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    # A dictionary may hold words that do not occur, and a word twice.
    words = pc.dictionary_encode(pc.cast(array.dictionary, pa.string()))
    code = np.asarray(words.indices, np.int64)[np.asarray(array.indices, np.int64)] if len(array) else np.empty(0, int)
    used, code = np.unique(code, return_inverse=True)
    return code.astype(np.int64), words.dictionary.take(pa.array(used.astype(np.int64))).to_pylist()


def _flat(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks().flatten()
    return pc.cast(values, pa.string()) if pa.types.is_dictionary(values.type) else values


def _lengths(column: pa.ChunkedArray) -> Int:
    return np.asarray(pc.list_value_length(column.combine_chunks()), np.int64)
