"""Questions of data rows with very many objects are refused with what to do, before they cost much."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from evalstream import room
from evalstream.matching import POLICIES
from evalstream.queries import rows as rows_module
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.comparison import comparison, flips
from evalstream.queries.errors import errors
from evalstream.queries.intervals import intervals
from evalstream.queries.objects import ObjectsPage, objects
from evalstream.queries.rows import Page, rows
from evalstream.queries.slices import slices
from evalstream.selection import QuestionError, Selection
from evalstream.storage import remembered
from evalstream.stored import columns, counted
from evalstream.stored.replicates import IntervalOptions

from tests.feeding import feed, new_engine

SELECTION = Selection(dataset="many", run="a", policy="coco")
#: Without the large row.
SMALL = SELECTION.model_copy(update={"split": ["test"]})
ASK: dict[str, Callable[[Client, Selection], Any]] = {
    "comparison": lambda client, selection: comparison(client, selection, "b"),
    "flips": lambda client, selection: flips(client, selection, "b"),
    "rows of a cause": lambda client, selection: rows(client, selection, Page(cause="missed")),
    "objects of a cause": lambda client, selection: objects(client, selection, ObjectsPage(cause="missed")),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    def boxes(count: int) -> list[dict[str, Any]]:
        return [{"type": "bbox", "feature": f"class {i}", "bbox": [20 * i, 0, 10, 10]} for i in range(count)]

    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        truth = {"small": boxes(3), "other": boxes(3), "large": boxes(4)}
        found = {"small": boxes(2), "other": boxes(2), "large": boxes(1)}
        facts = {name: {"split": "train" if name == "large" else "test"} for name in truth}
        feed(client, "many", truth, {"a": found, "b": found | {"large": boxes(5)}}, rows=facts, policies=list(POLICIES))
        yield client


@pytest.mark.parametrize("question", ASK)
def test_a_row_with_too_many_objects_is_named(client: Client, monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    ASK[question](client, SELECTION)
    monkeypatch.setattr(counted, "MOST_ON_A_ROW", 3)
    errors(client, SELECTION)  # in memory each object costs what it takes itself
    with pytest.raises(QuestionError, match=r"data row 'large' has 4 objects .* at most 3 .* leave the row out"):
        ASK[question](client, SELECTION)
    ASK[question](client, SMALL)


def test_each_of_two_runs_is_looked_at(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "MOST_ON_A_ROW", 4)
    errors(client, SELECTION)
    with pytest.raises(QuestionError, match="'large' has 5 objects"):
        comparison(client, SELECTION, "b")


def test_rows_are_listed_up_to_so_many_objects(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MOST_LISTED", 5)
    with pytest.raises(QuestionError, match=r"have 15 objects together, and .* at most 5; ask for fewer at a time"):
        rows(client, SELECTION, Page())
    for offset in range(3):
        assert len(rows(client, SELECTION, Page(limit=1, offset=offset)).rows) == 1
    monkeypatch.setattr(rows_module, "MOST_LISTED", 4)
    with pytest.raises(QuestionError, match=r"data row '\w+' has 5 objects, and .* leave the row out"):
        rows(client, SELECTION, Page())


#: Questions that look at each object in memory.
OF_OBJECTS: dict[str, Callable[[Client, Selection], Any]] = {
    "errors": errors,
    "average precision": average_precisions,
    "intervals": intervals,
    "slices": lambda client, selection: slices(client, selection, ["feature=class 0"]),
}


@pytest.fixture
def read(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The columns that are read from now on, with room for those of the small rows and no more."""
    found: list[str] = []

    def asked(client: Client, sql: str, parameters: dict[str, Any], **settings: int) -> pa.Table:
        found.append(sql)
        return counted.ask_arrow(client, sql, parameters, **settings)

    monkeypatch.setattr(columns, "ask_arrow", asked)
    monkeypatch.setattr(columns, "_LITTLE", 0)
    monkeypatch.setattr(remembered, "_KNOWN", OrderedDict())
    monkeypatch.setattr(remembered, "_bytes", 0)
    monkeypatch.setattr(room, "_most", columns._needed(columns._objects(client, SMALL), columns.BYTES_OF_RESAMPLED))
    return found


@pytest.mark.parametrize("question", OF_OBJECTS)
def test_what_would_take_too_much_memory_is_refused(client: Client, read: list[str], question: str) -> None:
    with pytest.raises(
        QuestionError, match=r"^10 annotations and 5 predictions are selected: .* a split .* EVALSTREAM_QUESTIONS_MEM"
    ):
        OF_OBJECTS[question](client, SELECTION)
    assert question in ("intervals", "slices") or not read, "intervals of counts are made before"
    OF_OBJECTS[question](client, SMALL)
    assert read
    assert room._taken == 0


def test_two_runs_of_one_question_have_its_room_together(client: Client, read: list[str]) -> None:
    """It is refused for good, and does not wait for itself."""
    with pytest.raises(QuestionError, match="6 annotations and 4 predictions are selected"):
        intervals(client, SMALL, IntervalOptions(versus="b"))
    assert read
    assert room._taken == 0


def test_room_is_counted_for_no_less_than_is_read(client: Client) -> None:
    """Whatever is selected, the quick look at the run comes to no less than the exact one."""
    for policy in POLICIES:
        for said in ({}, {"split": ["test"]}, {"missing_rows": "count"}, {"roll_up": 1}, {"shared_with": "b"}):
            selection = Selection.model_validate({**SELECTION.model_dump(), "policy": policy, **said})
            most, found = columns._most_objects(client, selection), columns._objects(client, selection)
            assert all(own <= bound for own, bound in zip(found, most, strict=True)), (policy, said)
            of = columns.read_all(client, selection).columns
            assert found[1:] == (len(of.annotation.label), len(of.prediction.label), len(of.rectangle)), (policy, said)
