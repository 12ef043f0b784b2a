"""Two runs, object by object: what one gets right and the other does not, and which classes and slices differ most.

Both runs are taken over the data rows that both have results of. An annotation is the same one to both by its data row
and its id. Predictions of two runs have no identity in common, so false positives are told apart by number alone: of
those that two runs make of one class on one data row, as many as the smaller number are of both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from evalstream.events.base import Name
from evalstream.metrics.mcnemar import mcnemar
from evalstream.metrics.scores import defined, ratios
from evalstream.queries.rows import Row, RowObject, rows_named
from evalstream.scenes import Float, Int
from evalstream.selection import Filter, Selection
from evalstream.stored.counted import Fragment, ask, check_rows, scored, selected
from evalstream.stored.label_counts import REASONS
from evalstream.stored.labels import Labels
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Change = Literal["f1", "precision", "recall", "flips"]
Kind = Literal["both", "only_a", "only_b", "neither"]
Verdict = Literal["right", "wrong", "missed"]
_KINDS: Final[tuple[Kind, ...]] = ("both", "only_a", "only_b", "neither")
#: Metadata with more distinct values than this is a measurement or a name, and makes no slices.
FEW_VALUES: Final = 12


class Versus(BaseModel):
    """Query with another run."""

    versus: Name = Field(description="the other run, called `b`; the run of the path is `a`")


class ComparisonPage(Labels):
    """Page of classes and slices: which, in which order, and how many."""

    sort: Change = Field(
        default="f1",
        description="the most changed first: by how far a figure of the two runs lies apart, or by how many objects "
        "only one of them gets right (`flips`); what is not defined comes last",
    )
    limit: int = Field(default=100, ge=1, le=1000, description="classes")
    slice_offset: int = Field(default=0, ge=0, lt=2**53)
    slice_limit: int = Field(default=100, ge=0, le=1000, description="slices")
    few_values: int = Field(default=FEW_VALUES, ge=1, le=100, description="metadata with more values makes no slices")


class ComparisonQuery(Filter, Versus, ComparisonPage):
    """A filter, the other run, and which classes and slices."""


class FlipsPage(BaseModel):
    """Page of annotations: which, in which order, and how many."""

    kind: Kind = Field(default="only_a", description="found, and by its right name, by run `a` alone, `b` alone, …")
    sort: Literal["data_row", "confidence"] = Field(
        default="data_row",
        description="`confidence`: of the prediction that is matched to it, the more confident one if there are two",
    )
    descending: bool = False
    offset: int = Field(default=0, ge=0, lt=2**53)
    limit: int = Field(default=50, ge=1, le=500)


class FlipsQuery(Filter, Versus, FlipsPage):
    """A filter, the other run, and which page of annotations."""


class Cells(BaseModel):
    """Counts of annotations, or false positives, of both runs, of one alone, or of neither."""

    both: int
    only_a: int
    only_b: int


class AnnotationCells(Cells):
    """Annotations by who gets them right: finds them, and calls them by their name."""

    neither: int


class Figures(BaseModel):
    """One run over the data rows that both have. Null: not defined."""

    annotations: int
    predictions: int
    tp: int
    fp: int
    fn: int
    precision: float | None
    recall: float | None
    f1: float | None


class Differences(BaseModel):
    """Figures of `a` less those of `b`. Null: not defined for both."""

    precision: float | None
    recall: float | None
    f1: float | None


class Compared(BaseModel):
    """Two runs over the same objects."""

    right: AnnotationCells
    p_value: float | None = Field(
        description="McNemar's exact test: how likely `only_a` and `only_b` are to lie so far apart, or farther, if "
        "both runs are equally good. It takes objects to be independent; where those of one data row are not, ask "
        "`intervals`, which resamples data rows"
    )
    false_positives: Cells = Field(description="told apart by number, per data row and class")
    a: Figures
    b: Figures
    difference: Differences


class ComparedClass(Compared):
    """Two runs over one class: annotations and predictions that are of it."""

    label: str


class ComparedSlice(Compared):
    """Two runs over some data rows."""

    key: str | None = Field(description="of the metadata; null: the split")
    value: str
    rows: int


class Comparison(Compared, Tabular):
    """Two runs, in all, by class and by slice."""

    table: ClassVar = "classes"

    rows: int = Field(description="data rows that both runs have results of, and that are selected")
    rows_only_a: int = Field(description="data rows of `a` alone: in none of the figures here")
    rows_only_b: int
    unsettled: int = Field(
        description="annotations that one run's result knows of and the other's does not yet: in no cell of `right`"
    )
    classes: list[ComparedClass]
    classes_total: int = Field(description="classes that fit, given or not")
    slices: list[ComparedSlice] = Field(description="the splits, and each value of metadata that has few")
    slices_total: int
    too_many_values: dict[str, int] = Field(description="metadata that makes no slices, and how many values it has")
    undefined: dict[str, str] = Field(description="why figures are null, by their names")


class Said(BaseModel):
    """Outcome of an annotation in one run."""

    verdict: Verdict = Field(description="`wrong`: taken for another label; `missed`: nothing is matched to it")
    annotation: RowObject = Field(description="with what became of it in this run")
    prediction: RowObject | None = Field(description="the one that is matched to it")


class Flip(BaseModel):
    """One annotation, and what each run makes of it."""

    data_row: str
    a: Said
    b: Said


class Flips(Tabular):
    """A page of annotations, and the data rows that they are on."""

    table: ClassVar = "flips"

    total: int = Field(description="annotations that fit, on all pages: the cell of that kind")
    flips: list[Flip]
    rows_a: dict[str, Row] = Field(description="by data row, with every object, as `a` has it")
    rows_b: dict[str, Row]


# Of one run's row what the two are compared by, parallel arrays of the annotations that count: their keys, positions
# (from 1), the position of the match (0: none), and whether it is right. What is nested in an object shares its id:
# its position among them, and its label, tell which. And of the false positives their labels, numbered.
_SIDE = """
SELECT data_row, split, metadata, place, found, actual, predicted,
    arrayMap(i -> known[i], place) AS key,
    arrayMap(f -> f > 0 AND correct[f], found) AS right,
    arrayMap(f -> if(f > 0, toInt32(by[f]), toInt32(-1)), found) AS prediction,
    arrayMap(p -> if(p >= 0, prediction_confidence[p + 1], -1.), prediction) AS confidence,
    arrayFilter((label, ok) -> ok, matched_actual, correct) AS hit,
    wrong_place, arrayZip(wrong, arrayEnumerateUniq(wrong)) AS numbered
FROM (
    SELECT *,
        arrayMap(i -> indexOf(of, i - 1), place) AS found,
        arrayFilter((i, ok) -> ok AND NOT has(rightly, i - 1), arrayEnumerate(prediction_label),
            prediction_counts) AS wrong_place,
        arrayMap(i -> prediction_label[i], wrong_place) AS wrong
    FROM (
        SELECT *,
            arrayZip(annotation_id, arrayEnumerateUniq(annotation_id), annotation_label) AS known,
            arrayFilter((i, ok) -> ok, arrayEnumerate(annotation_counts), annotation_counts) AS place,
            arrayFilter((a, ok) -> ok, match_annotation, counting) AS of,
            arrayFilter((p, ok) -> ok, match_prediction, counting) AS by,
            arrayFilter((p, ok) -> ok, by, correct) AS rightly
        FROM ({scored})
    )
)
"""
# Most rows list the same annotations in both results; only where one is behind do they have to be looked for.
_JOINED = f"""
SELECT a.data_row AS data_row, a.split AS split, a.metadata AS metadata,
    a.key AS key, a.place AS a_place, b.place AS b_place, a.right AS a_right, b.right AS b_right,
    a.prediction AS a_prediction, b.prediction AS b_prediction, a.confidence AS a_confidence,
    b.confidence AS b_confidence, a.actual AS a_actual, b.actual AS b_actual, a.predicted AS a_predicted,
    b.predicted AS b_predicted, a.hit AS a_hit, b.hit AS b_hit, arrayIntersect(a.numbered, b.numbered) AS wrong,
    if(a.key = b.key, arrayEnumerate(a.key), arrayMap(one -> indexOf(b.key, one), a.key)) AS same
FROM ({_SIDE.format(scored="{a}")}) AS a INNER JOIN ({_SIDE.format(scored="{b}")}) AS b ON a.data_row = b.data_row
"""
# The false positives of one run that the other does not make: of those of one label, the ones beyond its number.
_ALONE = f"""
SELECT a.data_row AS data_row, toInt32(arrayJoin(
    arrayFilter((i, one) -> NOT has(b.numbered, one), a.wrong_place, a.numbered)) - 1) AS prediction
FROM ({_SIDE.format(scored="{a}")}) AS a INNER JOIN ({_SIDE.format(scored="{b}")}) AS b ON a.data_row = b.data_row
"""
# Of each annotation the position of its kind in ``_KINDS``; -1: the other result does not have it.
_PAIRED = f"""
SELECT *,
    arrayMap((r, m) -> multiIf(m = 0, -1, r AND b_right[m], 0, r, 1, b_right[m], 2, 3), a_right, same) AS kind
FROM ({_JOINED})
"""

# What is summed, of each label (key -2), of all data rows (-1), of each split (0) and of each value of metadata (the
# place of its key, from 1): annotations by who gets them right; of each run its annotations, its predictions and its
# true positives; data rows; and false positives of both. One statement, for its analysis is most of what it costs.
_ALL_LABELS, _ALL_ROWS, _SPLIT = -2, -1, 0
_NUMBERS = 12
_SUMS = f"""
SELECT entry.1 AS key, entry.2 AS value, entry.3 AS number, sum(entry.4)
FROM (
    SELECT arrayJoin(arrayConcat(
        arrayMap((label, number) -> (toInt32({_ALL_LABELS}), label, toInt32(number), toInt64(1)),
            arrayConcat(arrayMap(one -> one.3, key), a_actual, b_actual, a_predicted, b_predicted, a_hit, b_hit,
                arrayMap(one -> one.1, wrong)),
            arrayConcat(kind, arrayResize([4], length(a_actual), 4), arrayResize([5], length(b_actual), 5),
                arrayResize([6], length(a_predicted), 6), arrayResize([7], length(b_predicted), 7),
                arrayResize([8], length(a_hit), 8), arrayResize([9], length(b_hit), 9),
                arrayResize([11], length(wrong), 11))),
        arrayFlatten(arrayMap(part -> arrayMap((number, count) -> (part.1, part.2, toInt32(number), count),
            range({_NUMBERS}), [
                {", ".join(f"toInt64(countEqual(kind, {number}))" for number in range(4))},
                toInt64(length(a_actual)), toInt64(length(b_actual)), toInt64(length(a_predicted)),
                toInt64(length(b_predicted)), toInt64(length(a_hit)), toInt64(length(b_hit)), toInt64(1),
                toInt64(length(wrong))
            ]), arrayConcat([({_ALL_ROWS}, ''), ({_SPLIT}, split)], arrayFilter(one -> one.1 > 0,
                arrayMap((k, v) -> (toInt32(indexOf({{{{keys:Array(String)}}}}, k)), v),
                    mapKeys(metadata), mapValues(metadata))))))
    )) AS entry
    FROM ({{paired}})
) WHERE number >= 0 GROUP BY key, value, number ORDER BY key, value
"""

# Which rows there are, and how many values each key of metadata has in those of both runs.
_ROWS = """
SELECT in_a, in_b, count(), uniqExactMap(metadata) FROM (
    SELECT data_row, max(own) AS in_a, max(NOT own) AS in_b, any(metadata) AS metadata FROM (
        SELECT data_row, true AS own, metadata FROM ({a}) UNION ALL SELECT data_row, false AS own, metadata FROM ({b})
    ) GROUP BY data_row
) GROUP BY in_a, in_b
"""

_FLIPS = """
SELECT data_row, flip.1, flip.2, flip.3, flip.4, flip.5, flip.6, count() OVER () FROM (
    SELECT data_row, arrayJoin(arrayFilter(one -> one.8 = {{kind:Int8}}, arrayMap(
        (i, r, m, p, c, k) -> (i, if(m = 0, 0, b_place[m]), p, if(m = 0, -1, b_prediction[m]), r,
            m > 0 AND b_right[m], if(m = 0, c, greatest(c, b_confidence[m])), k),
        a_place, a_right, same, a_prediction, a_confidence, kind))) AS flip
    FROM ({paired})
) ORDER BY {order}, length(data_row), data_row, flip.1 LIMIT {{limit:UInt32}} OFFSET {{offset:UInt64}}
"""
_ORDERS: Final = {"data_row": "length(data_row) {0}, data_row {0}", "confidence": "flip.7 {0}"}


def comparison(client: Client, selection: Selection, versus: str, page: ComparisonPage | None = None) -> Comparison:
    """Compare two runs at the selected thresholds, over the data rows that both have results of."""
    page = page or ComparisonPage()
    _check(client, selection, versus)
    counted, values = _rows(client, selection, versus)
    few = [key for key, number in values.items() if number <= page.few_values]
    sql, parameters = _paired(selection, versus)
    sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * _NUMBERS)
    for key, value, number, count in ask(client, _SUMS.format(paired=sql), parameters | {"keys": few}):
        sums[key, value][number] = count
    labels = [label for key, label in sums if key == _ALL_LABELS and page.has(label)]
    several = sum(key == _SPLIT for key, _ in sums) > 1
    slices = [(key, value) for key, value in sums if key > _SPLIT or (key == _SPLIT and several)]
    whole = _Columns([sums[_ALL_ROWS, ""]])
    by_label, by_slice = (
        _Columns([sums[_ALL_LABELS, label] for label in labels]),
        _Columns([sums[one] for one in slices]),
    )
    total = whole.compared(0)
    classes = [
        ComparedClass(label=labels[i], **dict(by_label.compared(i)))
        for i in by_label.most_changed(page.sort)[page.offset : page.offset + page.limit]
    ]
    sliced = [
        ComparedSlice(
            key=few[slices[i][0] - 1] if slices[i][0] else None,
            value=slices[i][1],
            rows=by_slice.rows[i],
            **dict(by_slice.compared(i)),
        )
        for i in by_slice.most_changed(page.sort)[page.slice_offset : page.slice_offset + page.slice_limit]
    ]
    return Comparison(
        rows=counted[True, True],
        rows_only_a=counted[True, False],
        rows_only_b=counted[False, True],
        unsettled=whole.unsettled(),
        **dict(total),
        classes=classes,
        classes_total=len(labels),
        slices=sliced,
        slices_total=len(slices),
        too_many_values={key: number for key, number in values.items() if key not in few},
        undefined=_undefined([total, *classes, *sliced]),
    )


def flips(client: Client, selection: Selection, versus: str, page: FlipsPage | None = None) -> Flips:
    """List the annotations of one cell of the comparison, with what each run makes of them."""
    page = page or FlipsPage()
    _check(client, selection, versus)
    sql, parameters = _paired(selection, versus)
    order = _ORDERS[page.sort].format("DESC" if page.descending else "ASC")
    bound = parameters | {"kind": _KINDS.index(page.kind), "limit": page.limit, "offset": page.offset}
    rows = ask(client, _FLIPS.format(paired=sql, order=order), bound)
    if not rows and page.offset:  # beyond the end nobody says how many there are
        return flips(client, selection, versus, page.model_copy(update={"offset": 0, "limit": 1})).model_copy(
            update={"flips": [], "rows_a": {}, "rows_b": {}}
        )
    names = list(dict.fromkeys(row[0] for row in rows))
    rows_a, rows_b = (
        {row.data_row: row for row in rows_named(client, one, names)} for one in (selection, _other(selection, versus))
    )
    return Flips(
        total=rows[0][-1] if rows else 0,
        flips=[
            Flip(
                data_row=name,
                a=_said(rows_a[name], a_place, a_prediction, right=bool(a_right)),
                b=_said(rows_b[name], b_place, b_prediction, right=bool(b_right)),
            )
            for name, a_place, b_place, a_prediction, b_prediction, a_right, b_right, _ in rows
        ],
        rows_a=rows_a,
        rows_b=rows_b,
    )


def false_positives_alone(selection: Selection, versus: str) -> Fragment:
    """Select the false positives that another run does not make: ``data_row`` and ``prediction``, a position from 0."""
    a, b, parameters = _both(scored(selection), versus)
    return Fragment(_ALONE.format(a=a, b=b), parameters)


def _said(row: Row, place: int, prediction: int, *, right: bool) -> Said:
    return Said(
        verdict="right" if right else "wrong" if prediction >= 0 else "missed",
        annotation=row.annotations[place - 1],
        prediction=row.predictions[prediction] if prediction >= 0 else None,
    )


def _check(client: Client, selection: Selection, versus: str) -> None:
    for one in (selection, _other(selection, versus)):
        check_rows(client, one)


def _other(selection: Selection, versus: str) -> Selection:
    return selection.model_copy(update={"run": versus})


def _both(own: Fragment, versus: str) -> tuple[str, str, dict[str, Any]]:
    """A run's SQL, the same SQL for the other run, and the values of both: they differ in the run alone."""
    return own.sql, own.sql.replace("{run:String}", "{versus:String}"), own.parameters | {"versus": versus}


def _paired(selection: Selection, versus: str) -> Fragment:
    a, b, parameters = _both(scored(selection), versus)
    return Fragment(_PAIRED.format(a=a, b=b), parameters)


def _rows(client: Client, selection: Selection, versus: str) -> tuple[dict[tuple[bool, bool], int], dict[str, int]]:
    """Counts of data rows by run, and how many values each key of metadata has where they are of both."""
    a, b, parameters = _both(selected(selection), versus)
    counted = dict.fromkeys(((True, True), (True, False), (False, True)), 0)
    values: dict[str, int] = {}
    for in_a, in_b, count, distinct in ask(client, _ROWS.format(a=a, b=b), parameters):
        counted[bool(in_a), bool(in_b)] = count
        if in_a and in_b:
            values = {str(key): distinct[key] for key in sorted(distinct)}
    return counted, values


class _Sides(NamedTuple):
    """A number of each run, an entry a class or slice."""

    a: Int
    b: Int


class _Columns:
    """The sums of several classes or slices, and what they come to."""

    def __init__(self, sums: Sequence[Sequence[int]]) -> None:
        columns = np.array(sums, np.int64).reshape(len(sums), _NUMBERS).T
        self.right = columns[:4]
        self.annotations, self.predictions, self.tp = (_Sides(*columns[i : i + 2]) for i in (4, 6, 8))
        self.rows = columns[10]
        self.shared_fp = columns[11]
        # Of each run the scores, by name, NaN where they are not defined.
        self.scores: list[dict[str, Float]] = [
            {
                "precision": ratios(tp, predictions),
                "recall": ratios(tp, annotations),
                "f1": ratios(2 * tp, predictions + annotations),
            }
            for annotations, predictions, tp in zip(self.annotations, self.predictions, self.tp, strict=True)
        ]

    def unsettled(self) -> int:
        """Annotations that only one of the two results has."""
        shared = self.right.sum()
        return int(self.annotations.a.sum() - shared + self.annotations.b.sum() - shared)

    def most_changed(self, by: Change) -> Int:
        """Positions, the most changed first; of equals that with more flips, then the first by name."""
        flips = self.right[1] + self.right[2]
        change = flips if by == "flips" else np.abs(self.scores[0][by] - self.scores[1][by])
        return np.lexsort((-flips, -change))  # stable; NaN comes last

    def compared(self, i: int) -> Compared:
        """One class or slice."""
        both, only_a, only_b, neither = self.right[:, i].tolist()
        wrong = [int(self.predictions[run][i] - self.tp[run][i]) for run in (0, 1)]
        of_both = int(self.shared_fp[i])
        scores = [{name: defined(column[i]) for name, column in of_run.items()} for of_run in self.scores]
        figures = [
            Figures(
                annotations=self.annotations[run][i],
                predictions=self.predictions[run][i],
                tp=self.tp[run][i],
                fp=wrong[run],
                fn=self.annotations[run][i] - self.tp[run][i],
                **scores[run],
            )
            for run in (0, 1)
        ]
        return Compared(
            right=AnnotationCells(both=both, only_a=only_a, only_b=only_b, neither=neither),
            p_value=mcnemar(only_a, only_b) if both + only_a + only_b + neither else None,
            false_positives=Cells(both=of_both, only_a=wrong[0] - of_both, only_b=wrong[1] - of_both),
            a=figures[0],
            b=figures[1],
            difference=Differences(
                **{name: defined(self.scores[0][name][i] - self.scores[1][name][i]) for name in self.scores[0]}
            ),
        )


_WHY: Final = {
    **{name: REASONS[name] for name in ("precision", "recall", "f1")},
    "difference": "not defined for both runs, over the data rows that both have",
    "p_value": "no annotation counts that both runs were asked for",
}


def _undefined(parts: Sequence[Compared]) -> dict[str, str]:
    """One reason for each figure that is null in any of them."""
    null = {name for one in parts for side in (one.a, one.b) for name, value in side if value is None}
    null |= {"difference" for one in parts if None in dict(one.difference).values()}
    null |= {"p_value" for one in parts if one.p_value is None}
    return {name: why for name, why in _WHY.items() if name in null}
