"""Two runs compared: every figure is what the rows of both, gone through one by one, come to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice, product
from typing import Any, NamedTuple

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent
from evalstream.matching import POLICIES
from evalstream.metrics.mcnemar import mcnemar
from evalstream.ontology import Ontology, OntologyClass
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.comparison import (
    Compared,
    Comparison,
    ComparisonPage,
    FlipsPage,
    comparison,
    flips,
)
from evalstream.queries.objects import ObjectsPage, objects
from evalstream.queries.rows import Page, Row, RowObject, rows
from evalstream.queries.summary import summary
from evalstream.selection import Filter, Selection
from evalstream.storage.ontologies import declare
from scipy.stats import binomtest

from tests.feeding import feed
from tests.oracles import queries as oracle
from tests.oracles.queries import DataRow, Thing
from tests.pipeline.random_data import (
    CONFIDENCES,
    annotation_event,
    data_row,
    data_row_names,
    filter_choices,
    prediction_event,
    random_things,
    random_truth,
    send,
    threshold_pairs,
)

A, B = "v1", "v2 'beta' é"
KINDS = ("both", "only_a", "only_b", "neither")
MANY = ComparisonPage(limit=1000, slice_limit=1000)


@pytest.fixture(scope="module")
def data(client: Client) -> dict[str, list[DataRow]]:
    """Two runs over random data, each of which leaves out some rows, in the engine and as plain data.

    Many rows: to compare two runs costs the engine 0.2 s, however many there are.
    """
    rng = random.Random(3)
    truth = {name: random_truth(rng) for name in data_row_names(100)}
    send(client, AnnotationEvent, [annotation_event("images", name, *said) for name, said in truth.items()])
    runs = {}
    for run in (A, B):
        found = {name: random_predictions(rng, truth[name][2]) for name in truth}
        found = {name: things for name, things in found.items() if rng.random() < 0.9}
        send(client, PredictionEvent, [prediction_event("images", name, run, own) for name, own in found.items()])
        runs[run] = [data_row(name, truth[name], own) for name, own in found.items()]
    reconcile(client, list(POLICIES))
    return runs


def random_predictions(rng: random.Random, truth: Sequence[Thing]) -> list[Thing]:
    """Some of what is there, so that the two runs have something in common, and anything else."""
    found = [thing for thing in truth if rng.random() < 0.5] + random_things(rng, "prediction", rng.randrange(6))
    rng.shuffle(found)
    return [
        thing._replace(id=str(i), area=None, confidence=rng.choice(CONFIDENCES), crowd=False, difficult=False)
        for i, thing in enumerate(found)
    ]


#: How many of them, of each policy: to compare two runs at one costs the engine a quarter of a second. The same in each
#: test, for what was asked before is remembered.
COUNT = 5


def selections(data: dict[str, list[DataRow]], policy: str) -> Iterable[Selection]:
    """At thresholds where something changes, with filters: others under each policy, areas under ``coco``.

    All filters there are, of the SQL that every question shares, are tested in ``tests/pipeline/queries``.
    """
    filters = filter_choices(policy)
    first = {"iou-greedy": 0, "best-candidate": 1, "coco": 3}[policy]
    chosen_ones = [one for one in filters if "area" in one][: COUNT - 1]
    chosen_ones = [{}, *filters[first::4][: COUNT - 1 - len(chosen_ones)], *chosen_ones]
    for chosen, (c, t) in zip(chosen_ones, threshold_pairs(data[A] + data[B], COUNT), strict=True):
        yield Selection(dataset="images", run=A, policy=policy, **{"confidence": c / 2, "iou": t / 2} | chosen)


# --- the oracle -----------------------------------------------------------------------------------------------------


class Tally(NamedTuple):
    """Everything that is counted of one class, one slice, or in all."""

    right: Counter[str]
    wrong: Counter[str]  # false positives, by whose they are
    annotations: Counter[str]  # by run
    predictions: Counter[str]
    tp: Counter[str]


def listed(client: Client, selection: Selection) -> dict[str, Row]:
    return {row.data_row: row for row in rows(client, selection, Page(limit=500)).rows}


def tallied(pairs: Sequence[tuple[Row, Row]], label: str | None = None) -> Tally:
    """Go through the rows of both runs, one object after the other."""
    tally = Tally(*(Counter[str]() for _ in Tally._fields))
    for row_a, row_b in pairs:
        for one, other in zip(row_a.annotations, row_b.annotations, strict=True):
            assert (one.id, one.label) == (other.id, other.label)
            if one.outcome in ("tp", "fn") and label in (None, one.label):
                tally.right[KINDS[2 * (one.outcome == "fn") + (other.outcome == "fn")]] += 1
        wrong = []
        for run, row in (("a", row_a), ("b", row_b)):
            said = [item for item in row.predictions if item.outcome in ("tp", "fp") and label in (None, item.label)]
            tally.annotations[run] += sum(
                item.outcome in ("tp", "fn") and label in (None, item.label) for item in row.annotations
            )
            tally.predictions[run] += len(said)
            tally.tp[run] += sum(item.outcome == "tp" for item in said)
            wrong.append(Counter(item.label for item in said if item.outcome == "fp"))
        shared = wrong[0] & wrong[1]
        tally.wrong["both"] += shared.total()
        tally.wrong["only_a"] += (wrong[0] - shared).total()
        tally.wrong["only_b"] += (wrong[1] - shared).total()
    return tally


def assert_compared(found: Compared, tally: Tally) -> None:
    assert found.right.model_dump() == {kind: tally.right[kind] for kind in KINDS}
    assert found.false_positives.model_dump() == {kind: tally.wrong[kind] for kind in KINDS[:3]}
    scores: dict[str, dict[str, float | None]] = {}
    for run, own in (("a", found.a), ("b", found.b)):
        annotations, predictions, tp = tally.annotations[run], tally.predictions[run], tally.tp[run]
        assert own.model_dump() == oracle.counts(annotations, predictions, tp)._asdict()
        scores[run] = {name: getattr(own, name) for name in ("precision", "recall", "f1")}
    for name, gap in found.difference.model_dump().items():
        a, b = scores["a"][name], scores["b"][name]
        assert gap == (None if a is None or b is None else a - b)
    unsure = tally.right["only_a"] + tally.right["only_b"]
    if not tally.right.total():
        assert found.p_value is None
    elif unsure:
        assert found.p_value == pytest.approx(binomtest(tally.right["only_a"], unsure).pvalue, rel=1e-12)
    else:
        assert found.p_value == 1


def assert_comparison(client: Client, selection: Selection, page: ComparisonPage = MANY) -> Comparison:
    found = comparison(client, selection, B, page)
    of_a, of_b = (listed(client, selection.model_copy(update={"run": run})) for run in (A, B))
    shared = [(of_a[name], of_b[name]) for name in of_a if name in of_b]
    assert (found.rows, found.rows_only_a, found.rows_only_b, found.unsettled) == (
        len(shared),
        len(of_a) - len(shared),
        len(of_b) - len(shared),
        0,
    )
    assert_compared(found, tallied(shared))

    objects: list[RowObject] = [item for pair in shared for row in pair for item in row.annotations]
    objects += [item for pair in shared for row in pair for item in row.predictions]
    labels = {item.label for item in objects if item.outcome in ("tp", "fp", "fn")}
    assert {one.label for one in found.classes} == labels
    assert found.classes_total == len(found.classes) == len(labels)
    for one in found.classes:
        assert_compared(one, tallied(shared, one.label))

    slices: dict[tuple[str | None, str], list[tuple[Row, Row]]] = {}
    for pair in shared:
        slices.setdefault((None, pair[0].split), []).append(pair)
        for key, value in pair[0].metadata.items():
            slices.setdefault((key, value), []).append(pair)
    if sum(key is None for key, _ in slices) < 2:
        slices = {name: pairs for name, pairs in slices.items() if name[0] is not None}
    values = Counter(key for key, _ in slices if key is not None)
    assert found.too_many_values == {key: n for key, n in values.items() if n > page.few_values}
    slices = {name: pairs for name, pairs in slices.items() if name[0] not in found.too_many_values}
    assert {(one.key, one.value) for one in found.slices} == set(slices)
    assert found.slices_total == len(found.slices) == len(slices)
    for part in found.slices:
        assert part.rows == len(slices[part.key, part.value])
        assert_compared(part, tallied(slices[part.key, part.value]))
    return found


# --- figures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", list(POLICIES))
def test_every_figure_is_what_the_rows_of_both_come_to(
    client: Client, data: dict[str, list[DataRow]], policy: str
) -> None:
    """By the rows as the service shows them; the four cells against plain data too, which never saw the engine."""
    seen = Counter[str]()
    for selection in selections(data, policy):
        found = assert_comparison(client, selection)
        assert_four_cells(found, data, selection)
        seen.update(kind for kind in KINDS if getattr(found.right, kind))
        seen.update(f"wrong {kind}" for kind in KINDS[:3] if getattr(found.false_positives, kind))
    assert len(seen) == 7, seen


def assert_four_cells(found: Comparison, data: dict[str, list[DataRow]], selection: Selection) -> None:
    right: dict[str, dict[tuple[str, int], bool]] = {}
    for run in (A, B):
        right[run] = {}
        for row in oracle.score(data[run], selection):
            found_right = {j for (_, j), (a, p) in zip(row.pairs, row.label_pairs(), strict=True) if a == p}
            right[run] |= {(row.row.data_row, j): j in found_right for j in row.actual}
    cells = Counter((right[A][key], right[B][key]) for key in right[A].keys() & right[B].keys())
    assert found.right.both == cells[True, True]
    assert found.right.only_a == cells[True, False]
    assert found.right.only_b == cells[False, True]
    assert found.right.neither == cells[False, False]


def test_a_run_beside_itself_differs_in_nothing(client: Client, data: dict[str, list[DataRow]]) -> None:
    found = comparison(client, Selection(dataset="images", run=A, iou=0.3), A)
    assert found.right.both
    assert found.right.neither
    assert (found.right.only_a, found.right.only_b, found.p_value) == (0, 0, 1)
    assert found.a == found.b
    assert (found.false_positives.only_a, found.false_positives.only_b) == (0, 0)
    assert set(found.difference.model_dump().values()) == {0}


def test_what_is_not_defined_says_why(client: Client, data: dict[str, list[DataRow]]) -> None:
    found = comparison(client, Selection(dataset="images", run=A, metadata=["weather=no such thing"]), B)
    assert (found.rows, found.p_value, found.a.f1, found.difference.f1) == (0, None, None, None)
    assert set(found.undefined) == {"precision", "recall", "f1", "difference", "p_value"}
    assert not found.classes
    assert not found.slices


def test_the_most_changed_come_first_and_pages_join(client: Client, data: dict[str, list[DataRow]]) -> None:
    selection = Selection(dataset="images", run=A, iou=0.2)
    for sort in ("f1", "precision", "recall", "flips"):
        every = comparison(client, selection, B, ComparisonPage(sort=sort, limit=1000)).classes

        def change(one: Any, by: str = sort) -> float:
            if by == "flips":
                return float(one.right.only_a + one.right.only_b)
            gap = getattr(one.difference, by)
            return -1.0 if gap is None else abs(gap)

        changes = [change(one) for one in every]
        assert changes == sorted(changes, reverse=True)
        assert len(every) > 7
        page = comparison(client, selection, B, ComparisonPage(sort=sort, offset=3, limit=4))
        assert (page.classes, page.classes_total) == (every[3:7], len(every))
    page = comparison(client, selection, B, ComparisonPage(offset=len(every)))
    assert (page.classes, page.classes_total) == ([], len(every))
    found = comparison(client, selection, B, ComparisonPage(search="CA"))
    assert [one.label for one in found.classes] == ["car"]
    assert found.classes_total == 1


def test_metadata_with_many_values_makes_no_slices(client: Client, data: dict[str, list[DataRow]]) -> None:
    page = MANY.model_copy(update={"few_values": 4})
    found = assert_comparison(client, Selection(dataset="images", run=A), page)
    assert set(found.too_many_values) == {"noise"}
    assert {one.key for one in found.slices} == {None, "weather"}
    parts = [
        one
        for offset in range(0, len(found.slices) + 3, 3)
        for one in comparison(
            client,
            Selection(dataset="images", run=A),
            B,
            page.model_copy(update={"slice_offset": offset, "slice_limit": 3}),
        ).slices
    ]
    assert parts == found.slices


@pytest.mark.parametrize("policy", list(POLICIES))
def test_rows_shared_with_another_run_are_those_that_a_comparison_is_over(
    client: Client, data: dict[str, list[DataRow]], policy: str
) -> None:
    for selection in islice(selections(data, policy), 0, None, 2):
        found = comparison(client, selection, B)
        for run, other, figures in ((A, B, found.a), (B, A, found.b)):
            shared = summary(client, selection.model_copy(update={"run": run, "shared_with": other}))
            assert shared.rows == found.rows
            assert figures.model_dump().items() <= shared.model_dump().items()
    assert found.rows_only_a
    assert found.rows_only_b


# --- single objects -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", list(POLICIES))
def test_the_objects_of_each_cell_are_listed_with_what_each_run_makes_of_them(
    client: Client, data: dict[str, list[DataRow]], policy: str
) -> None:
    place = list(POLICIES).index(policy)  # another filter under each policy
    for selection in islice(selections(data, policy), place, place + 1):
        cells = comparison(client, selection, B).right
        for kind in KINDS:
            found = flips(client, selection, B, FlipsPage(kind=kind, limit=500))
            assert found.total == len(found.flips) == getattr(cells, kind)
            assert set(found.rows_a) == set(found.rows_b) == {one.data_row for one in found.flips}
            for one in found.flips:
                assert (one.a.annotation.id, one.a.annotation.label) == (one.b.annotation.id, one.b.annotation.label)
                for side, row in ((one.a, found.rows_a[one.data_row]), (one.b, found.rows_b[one.data_row])):
                    assert side.annotation in row.annotations
                    assert side.annotation.outcome == ("tp" if side.verdict == "right" else "fn")
                    assert (side.prediction is None) == (side.verdict == "missed")
                    if side.prediction is not None:
                        assert side.prediction in row.predictions
                        assert side.prediction.matched == side.annotation.id
                        same = side.prediction.label == side.annotation.label
                        assert same == (side.verdict == "right")
                verdicts = one.a.verdict == "right", one.b.verdict == "right"
                assert KINDS[2 * (not verdicts[0]) + (not verdicts[1])] == kind


def test_pages_of_objects_join_in_any_order(client: Client, data: dict[str, list[DataRow]]) -> None:
    selection = Selection(dataset="images", run=A, iou=0.2)
    for sort, descending in product(("data_row", "confidence"), (False, True)):
        options: dict[str, Any] = {"kind": "only_b", "sort": sort, "descending": descending}
        every = flips(client, selection, B, FlipsPage(**options, limit=500))
        assert every.total > 7
        parts, limit = [], every.total // 2 + 1
        for offset in (0, limit) if descending else (0, limit, 2 * limit):
            page = flips(client, selection, B, FlipsPage(**options, offset=offset, limit=limit))
            assert page.total == every.total
            parts += page.flips
        assert parts == every.flips
        if sort == "confidence":
            surest = [max(side.prediction.confidence or 0 for side in (one.a, one.b) if side.prediction)
                      for one in every.flips]  # fmt: skip
            assert surest == sorted(surest, reverse=descending)


# --- what shares an id, other types, a hierarchy --------------------------------------------------------------------


def test_what_is_nested_in_an_object_is_told_from_it(client: Client) -> None:
    """Its answers share the object's id; each is compared with itself."""

    def car(colour: str, doors: str, confidence: float | None = None) -> dict[str, Any]:
        said: list[dict[str, Any]] = [
            {"type": "radio", "feature": "colour", "answer": colour},
            {"type": "radio", "feature": "doors", "answer": doors},
        ]
        sure: dict[str, Any] = {} if confidence is None else {"confidence": confidence}
        said = [answer | sure for answer in said]
        return {"id": "c", "type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10], "classifications": said} | sure

    feed(
        client,
        "nested",
        {"x": [car("red", "two")]},
        {A: {"x": [car("red", "four", 0.9)]}, B: {"x": [car("blue", "two", 0.8)]}},
    )
    selection = Selection(dataset="nested", run=A)
    found = assert_comparison(client, selection)
    assert found.right.model_dump() == {"both": 1, "only_a": 1, "only_b": 1, "neither": 0}
    (one,) = flips(client, selection, B, FlipsPage(kind="only_a")).flips
    assert (one.a.annotation.label, one.a.verdict, one.b.verdict) == ("car/colour=red", "right", "wrong")


def test_classes_that_are_rolled_up(client: Client) -> None:
    def box(feature: str, **more: float) -> dict[str, Any]:
        return {"type": "bbox", "feature": feature, "bbox": [0, 0, 10, 10]} | more

    declare(
        client, "kinds", Ontology(classes=[OntologyClass(name=name, parent="vehicle") for name in ("car", "bus")]), 1
    )
    names = [f"row {i}" for i in range(6)]
    rng = random.Random(1)
    feed(
        client,
        "kinds",
        {name: [box(rng.choice(["car", "bus"]))] for name in names},
        {run: {name: [box(rng.choice(["car", "bus", "tree"]), confidence=0.9)] for name in names} for run in (A, B)},
    )
    apart = assert_comparison(client, Selection(dataset="kinds", run=A))
    together = assert_comparison(client, Selection(dataset="kinds", run=A, roll_up=1))
    assert together.right.both > apart.right.both
    assert {one.label for one in together.classes} <= {"vehicle", "tree"}


def test_a_result_that_is_behind_is_said_and_counted_in_no_cell(client: Client) -> None:
    """Between two results of a row that were written at different times annotations differ for a moment."""
    thing = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
    boxes = [thing | {"id": name} for name in ("p", "q")]
    said = {"x": [thing | {"confidence": 0.9, "id": "1"}]}
    feed(client, "behind", {"x": boxes}, {A: said, B: said})
    # The first run's result as it would be, had the second annotation come after it.
    columns = ("id", "type", "feature", "label", "area", "crowd", "geometry", "hundredths", "parent", "detail")
    shorter = ", ".join(f"arrayResize(annotation_{name}, 1) AS annotation_{name}" for name in columns)
    client.command(
        f"INSERT INTO results SELECT * REPLACE (version + 1 AS version, {shorter}) FROM results FINAL"
        f" WHERE dataset = 'behind' AND run = '{A}'"
    )
    found = comparison(client, Selection(dataset="behind", run=A), B)
    assert found.unsettled == 1
    assert sum(found.right.model_dump().values()) == 1
    assert (found.a.annotations, found.b.annotations) == (1, 2)
    assert flips(client, Selection(dataset="behind", run=A), B, FlipsPage(kind="both")).total == found.right.both == 1


@pytest.mark.parametrize("policy", list(POLICIES))
def test_spans_and_polygons(client: Client, policy: str) -> None:
    rng = random.Random(policy)

    def shape(confidence: float | None) -> dict[str, Any]:
        sure = {} if confidence is None else {"confidence": confidence}
        if rng.random() < 0.5:
            start = rng.randrange(3)
            return {"type": "span", "feature": rng.choice("xy"), "span": [start, start + 5]} | sure
        x = rng.randrange(4)
        return {"type": "polygon", "feature": rng.choice("xy"), "polygon": [[[x, 0], [x + 9, 0], [x, 9]]]} | sure

    names = [f"row {i}" for i in range(15)]
    feed(
        client,
        f"shapes {policy}",
        {name: [shape(None) for _ in range(3)] for name in names},
        {run: {name: [shape(rng.choice([0.3, 0.9])) for _ in range(3)] for name in names} for run in (A, B)},
        rows={name: {"text": "x" * 30} for name in names},
        policies=[policy],
    )
    for view in (Filter(policy=policy, iou=0.2), Filter(policy=policy, confidence=0.5, iou=0.3, type=["span"])):
        found = assert_comparison(client, Selection(dataset=f"shapes {policy}", run=A, **view.model_dump()))
        assert found.right.only_a
        assert found.right.only_b


# --- chance ---------------------------------------------------------------------------------------------------------


def test_the_p_value_is_scipys() -> None:
    rng = random.Random(2)
    few = list(product(range(12), repeat=2))
    many = [(rng.randrange(10**k), rng.randrange(10**k)) for k in range(1, 6) for _ in range(20)]
    near = [(10**k // 2 + off, 10**k // 2) for k in range(2, 7) for off in (1, 10, 10 ** (k // 2))]
    for only_a, only_b in [*few, *many, *near][1:]:
        expected = binomtest(only_a, only_a + only_b).pvalue
        assert mcnemar(only_a, only_b) == pytest.approx(expected, rel=1e-9, abs=1e-300), (only_a, only_b)
    assert mcnemar(0, 0) == 1


@pytest.mark.parametrize("view", [Filter(), Filter(policy="coco", confidence=0.4, iou=0.3), Filter(feature=["car"])])
def test_false_positives_of_one_run_alone_are_listed(
    client: Client, data: dict[str, list[DataRow]], view: Filter
) -> None:
    """As many as are counted; of each class on each data row as many as one run makes more than the other."""
    of = {run: Selection(dataset="images", run=run, **view.model_dump()) for run in (A, B)}
    counted = comparison(client, of[A], B, MANY).false_positives
    every = {run: _wrong(client, of[run], None) for run in (A, B)}
    shared = {row.data_row for row in data[A]} & {row.data_row for row in data[B]}
    for run, other, number in ((A, B, counted.only_a), (B, A, counted.only_b)):
        found = _wrong(client, of[run], other)
        assert found.total() == number > 0
        own, theirs = ({key: n for key, n in every[one].items() if key[0] in shared} for one in (run, other))
        assert found == Counter(own) - Counter(theirs)


def _wrong(client: Client, selection: Selection, not_by: str | None) -> Counter[tuple[str, str]]:
    """Count false positives by data row and label."""
    page = ObjectsPage(counted="fp", not_by=not_by, limit=500)
    answer = objects(client, selection, page)
    assert answer.total == len(answer.objects)
    return Counter((one.data_row, one.prediction.label) for one in answer.objects if one.prediction)
