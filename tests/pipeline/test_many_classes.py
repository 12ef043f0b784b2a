"""Twenty thousand classes: answers are bounded and say how much there is, and nothing grows with classes squared."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import EVENTS
from evalstream.ontology import Ontology, OntologyClass
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.confusion_matrix import CellsPage, ClassesPage, classes, confusion_matrix
from evalstream.queries.dataset_classes import ClassesOfDatasetPage, classes_of_dataset
from evalstream.queries.errors import errors
from evalstream.queries.pr_curve import CurvesPage, pr_curve
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.events import append_events
from evalstream.storage.ontologies import declare
from evalstream.stored.labels import PerClassPage

CLASSES, ROWS, OBJECTS = 20_000, 1_000, 100
NAMES = np.array([f"class {i:05d}" for i in range(CLASSES)], dtype=object)
GROUPS = 200
SELECTION = Selection(dataset="many", run="m")
#: What a dense matrix of counts of these classes would take: an answer must stay far below.
DENSE = CLASSES**2 * 8
"""Bytes."""


@pytest.fixture(scope="module")
def cells(client: Client) -> Counter[tuple[str, str]]:
    """Every object has a prediction right upon it, of its own class in two cases of three; all in one grid a row."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, CLASSES, (ROWS, OBJECTS))
    true.flat[:CLASSES] = np.arange(CLASSES)  # each at least once
    found = np.where(rng.random(true.shape) < 2 / 3, true, rng.integers(0, CLASSES, true.shape))
    declare(
        client,
        "many",
        Ontology(
            classes=[OntologyClass(name=name, parent=f"group {i % GROUPS:03d}") for i, name in enumerate(NAMES)]
            + [OntologyClass(name=f"group {g:03d}", parent="thing") for g in range(GROUPS)]
        ),
        1,
    )
    append_events(client, events("", true, np.ones(true.shape)))
    append_events(client, events("m", found, rng.random(true.shape).round(4)))
    reconcile(client, ["iou-greedy", "coco"])
    return Counter(zip(NAMES[true.ravel()], NAMES[found.ravel()], strict=True))


def events(run: str, code: np.ndarray[Any, Any], confidence: np.ndarray[Any, Any]) -> pa.Table:
    """One `replace` a row, written as columns: as JSON these would take longer than all the rest."""
    place = np.arange(OBJECTS)
    box = np.stack([place % 10 * 40.0, place // 10 * 40.0, np.full(OBJECTS, 30.0), np.full(OBJECTS, 30.0)], 1)
    objects: dict[str, Any] = {
        "object_id": [[str(i) for i in place]] * ROWS,
        "object_type": [["bbox"] * OBJECTS] * ROWS,
        "object_feature": NAMES[code].tolist(),
        "object_label": NAMES[code].tolist(),
        "object_confidence": confidence.tolist(),
        "object_area": [[900.0] * OBJECTS] * ROWS,
        "object_geometry": [box.tolist()] * ROWS,
        "object_crowd": [[0] * OBJECTS] * ROWS,
        "object_parent": [[0] * OBJECTS] * ROWS,
        "object_detail": [[""] * OBJECTS] * ROWS,
        "object_score_label": [[[]] * OBJECTS] * ROWS,
        "object_score": [[[]] * OBJECTS] * ROWS,
    }
    known: dict[str, Any] = {
        "dataset": ["many"] * ROWS,
        "data_row": [str(i) for i in range(ROWS)],
        "run": [run] * ROWS,
        "version": [1] * ROWS,
        "event_id": ["e"] * ROWS,
        "operation": ["replace"] * ROWS,
    }
    empty = {pa.types.is_integer: 0, pa.types.is_string: ""}
    columns = {}
    for field in EVENTS:
        value = next((nothing for fits, nothing in empty.items() if fits(field.type)), [])
        columns[field.name] = (known | objects).get(field.name, [value] * ROWS)
    return pa.table(columns, schema=EVENTS)


@contextmanager
def little_memory(least: int = DENSE // 4) -> Iterator[None]:
    """Fail if the process grows by much more than the answer is large."""
    status = Path("/proc/self/statm")
    if not status.exists():
        yield
        return

    def resident() -> int:
        return int(status.read_text().split()[1]) * 4096

    before, most, done = resident(), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, resident() - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert most < least, f"{most / 1e6:.0f} MB"


def test_the_matrix_is_sparse_paged_and_says_how_much_there_is(client: Client, cells: Counter[tuple[str, str]]) -> None:
    with little_memory():
        found = confusion_matrix(client, SELECTION)
    assert (found.total, len(found.cells)) == (len(cells), 10_000)
    assert {(cell.actual, cell.predicted): cell.count for cell in found.cells}.items() <= cells.items()
    actual, predicted = Counter[str](), Counter[str]()
    for (a, p), count in cells.items():
        actual[a] += count
        predicted[p] += count
    assert found.actual_sums == {cell.actual: actual[cell.actual or ""] for cell in found.cells}
    assert found.predicted_sums == {cell.predicted: predicted[cell.predicted or ""] for cell in found.cells}
    paged = [
        cell
        for offset in range(0, found.total, 30_000)
        for cell in confusion_matrix(client, SELECTION, CellsPage(limit=30_000, offset=offset)).cells
    ]
    assert {(cell.actual, cell.predicted): cell.count for cell in paged} == dict(cells)
    assert [cell.count for cell in paged] == sorted((cell.count for cell in paged), reverse=True)
    beyond = confusion_matrix(client, SELECTION, CellsPage(offset=10**9))
    assert (beyond.total, beyond.cells) == (len(cells), [])


def test_the_most_confused_labels_are_found(client: Client, cells: Counter[tuple[str, str]]) -> None:
    wrong = {pair: count for pair, count in cells.items() if pair[0] != pair[1]}
    found = confusion_matrix(client, SELECTION, CellsPage(cells="confused", limit=50))
    assert found.total == len(wrong)
    expected = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:50]
    assert [((cell.actual, cell.predicted), cell.count) for cell in found.cells] == expected
    name = found.cells[0].actual or ""
    of_it = confusion_matrix(client, SELECTION, CellsPage(label=[name], limit=100_000))
    assert {(c.actual, c.predicted): c.count for c in of_it.cells} == {p: n for p, n in cells.items() if name in p}
    searched = confusion_matrix(client, SELECTION, CellsPage(search="S 0123", sort="actual", limit=100_000))
    assert [(c.actual, c.predicted) for c in searched.cells] == sorted(
        pair for pair in cells if any("s 0123" in label for label in pair)
    )


@pytest.mark.usefixtures("cells")
def test_what_is_taken_for_another_class_comes_before_what_is_missed(client: Client) -> None:
    half = SELECTION.model_copy(update={"confidence": 0.5})
    errors = confusion_matrix(client, half, CellsPage(cells="errors", sort="confused", limit=100_000)).cells
    places = [
        (None in (one.actual, one.predicted), -one.count, one.actual or "", one.predicted or "") for one in errors
    ]
    assert {is_lost for is_lost, *_ in places} == {False, True}
    assert places == sorted(places)


def test_classes_are_paged_sorted_and_searched(client: Client, cells: Counter[tuple[str, str]]) -> None:
    with little_memory():
        whole = classes(client, SELECTION, ClassesPage(limit=100_000)).classes
    assert [own.label for own in whole] == sorted({label for pair in cells for label in pair})
    assert {own.label: own.tp for own in whole} == {own.label: cells[own.label, own.label] for own in whole}
    for sort in ("f1", "precision", "tp"):
        for descending in (False, True):
            page = ClassesPage(sort=sort, descending=descending, offset=100, limit=500)
            found = classes(client, SELECTION, page)
            key: Callable[[Any], Any] = lambda own, by=sort: getattr(own, by) or 0  # noqa: E731
            expected = sorted(whole, key=key, reverse=descending)
            expected = [own for own in expected if key(own) is not None and getattr(own, sort) is not None]
            expected += [own for own in whole if getattr(own, sort) is None]
            assert (found.total, found.classes) == (len(whole), expected[100:600])
    searched = classes(client, SELECTION, ClassesPage(search="CLASS 0012"))
    assert ([own.label for own in searched.classes], searched.total) == ([f"class 0012{i}" for i in range(10)], 10)
    assert [own.label for own in classes(client, SELECTION, ClassesPage(label=["class 00007"])).classes] == [
        "class 00007"
    ]


def test_curves_and_average_precision_stay_bounded(client: Client, cells: Counter[tuple[str, str]]) -> None:
    with little_memory():
        found = pr_curve(client, SELECTION, per_class=True, page=CurvesPage(limit=200, offset=50))
    assert found.total == len({label for pair in cells for label in pair})
    assert [curve.label for curve in found.curves] == list(NAMES[50:250])
    one = Selection(dataset="many", run="m", feature=[NAMES[77]])
    (alone,) = pr_curve(client, one, per_class=True).curves
    assert found.curves[27] == alone
    with little_memory():
        average_precisions(client, SELECTION.model_copy(update={"policy": "coco"}))


def test_errors_are_given_of_some_classes_and_counted_over_all(client: Client, cells: Counter[tuple[str, str]]) -> None:
    wrong = Counter[str]()
    for (actual, predicted), count in cells.items():
        wrong[predicted] += count * (actual != predicted)
    with little_memory():
        found = errors(client, SELECTION, page=PerClassPage(search="CLASS 012", offset=20, limit=30))
    assert found.causes["wrong class"].count == sum(wrong.values())
    assert (found.total, list(found.per_class)) == (100, [f"class {n:05d}" for n in range(1220, 1250)])
    assert all(own.count["wrong class"] == wrong[label] for label, own in found.per_class.items())
    named = errors(client, SELECTION, page=PerClassPage(label=["class 01230", "class 0"]))
    assert (named.total, named.per_class) == (1, {"class 01230": found.per_class["class 01230"]})
    assert (named.ap, named.causes, named.false_negatives_dap) == (found.ap, found.causes, found.false_negatives_dap)


def test_a_roll_up_of_all_classes(client: Client, cells: Counter[tuple[str, str]]) -> None:
    rolled: Counter[tuple[str, str]] = Counter()
    for (a, p), count in cells.items():
        rolled[f"group {int(a[6:]) % GROUPS:03d}", f"group {int(p[6:]) % GROUPS:03d}"] += count
    by_group = SELECTION.model_copy(update={"roll_up": 2})
    found = confusion_matrix(client, by_group, CellsPage(limit=100_000))
    assert {(cell.actual, cell.predicted): cell.count for cell in found.cells} == dict(rolled)
    assert summary(client, by_group).tp == sum(count for (a, p), count in rolled.items() if a == p)
    assert summary(client, SELECTION.model_copy(update={"roll_up": 1})).tp == ROWS * OBJECTS
    chosen = random.Random(1).sample(range(GROUPS), 3)
    branch = SELECTION.model_copy(update={"feature": [f"group {g:03d}" for g in chosen]})
    assert summary(client, branch).annotations == sum(n for (a, _), n in cells.items() if int(a[6:]) % GROUPS in chosen)


def test_classes_of_the_dataset_are_bounded_too(client: Client, cells: Counter[tuple[str, str]]) -> None:
    page = ClassesOfDatasetPage(limit=10, sort="annotations", descending=True)
    found = classes_of_dataset(client, "many", page)
    assert found.total == CLASSES + GROUPS + 1
    most = Counter(a for a, _ in cells.elements()).most_common(1)[0][1]
    assert (len(found.classes), found.classes[0].annotations) == (10, most)
    (top,) = classes_of_dataset(client, "many", ClassesOfDatasetPage(name=["thing"])).classes
    assert (top.annotations, top.annotations_with_kinds, top.level) == (0, ROWS * OBJECTS, 1)
