"""Questions of data rows with very many objects are refused with what to do, before they cost much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries import rows as rows_module
from evalstream.queries.comparison import comparison, flips
from evalstream.queries.errors import errors
from evalstream.queries.objects import ObjectsPage, objects
from evalstream.queries.rows import Page, rows
from evalstream.selection import QuestionError, Selection
from evalstream.stored import counted

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
        feed(client, "many", truth, {"a": found, "b": found | {"large": boxes(5)}}, rows=facts, policies=["coco"])
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
