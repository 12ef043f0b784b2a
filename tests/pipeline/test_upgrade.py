"""A folder that an older evalstream wrote: opened by this one, its numbers are those of a fresh one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.causes import ErrorOptions
from evalstream.queries.confusion_matrix import confusion_matrix
from evalstream.queries.errors import errors
from evalstream.queries.rows import Page, rows
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.engine import open_embedded
from evalstream.storage.migrate import migrate
from evalstream.storage.results import Progress, progress

from tests.feeding import feed

#: The migrations of the first version, which knew boxes and radio answers.
FIRST = ("0001_events.sql", "0002_row_results.sql", "0003_dead_letters.sql")
POLICIES = ["iou-greedy", "coco", "best-candidate"]
LABELS = {
    "events": ["object_label"],
    "row_results": ["annotation_label", "prediction_label", "match_actual", "match_predicted"],
}
NAMES = [f"r{i}" for i in range(5)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    client = open_embedded(tmp_path_factory.mktemp("engine"))
    yield client
    client.close()


def box(feature: str, x: float, **more: float) -> dict[str, object]:
    return {"type": "bbox", "feature": feature, "bbox": [x, 0, 10, 10], **more}


def fill(client: Client, dataset: str) -> None:
    truth = {name: [box("car", 0), box("bus", 50)] for name in NAMES}
    found = {name: [box("car", 1, confidence=0.9), box("car", 51, confidence=0.4)] for name in NAMES}
    feed(client, dataset, truth, {"v1": found | {"r4": []}})


def as_it_was(client: Client, table: str) -> None:
    """Make the table what the first version had, with what it knew of the rows that are in it."""
    (statement,) = (
        file.read_text()
        for file in files("evalstream.storage.migrations").iterdir()
        if file.name in FIRST and f"CREATE TABLE {table}\n" in file.read_text()
    )
    client.command(f"RENAME TABLE {table} TO new_{table}")
    client.command(statement)
    known = client.query(f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}'")
    columns = ", ".join(name for (name,) in known.result_rows)
    client.command(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new_{table} FINAL")
    client.command(f"DROP TABLE new_{table}")


def test_an_older_folder_gives_the_numbers_of_a_fresh_one(client: Client) -> None:
    migrate(client)
    fill(client, "street")
    selection = Selection(dataset="street", run="v1")
    before = (
        summary(client, selection),
        rows(client, selection, Page()),
        errors(client, selection, ErrorOptions()),
    )
    assert before[0].tp == 4
    as_it_was(client, "events")
    as_it_was(client, "row_results")
    client.command("DELETE FROM migrations WHERE number > 3")

    migrate(client)
    assert progress(client, "street", "v1", POLICIES) == Progress(5, 4, 0)  # of the fifth there is nothing to add
    assert reconcile(client, POLICIES) == 4
    after = (
        summary(client, selection),
        rows(client, selection, Page()),
        errors(client, selection, ErrorOptions()),
    )
    assert after == before
    assert progress(client, "street", "v1", POLICIES) == Progress(5, 0, 0)


def test_names_with_an_equals_sign_become_classes_of_their_own(client: Client) -> None:
    migrate(client)
    here = {"r": [box("colour=red", 0), {"type": "radio", "feature": "colour", "answer": "red"}]}
    feed(client, "names", here, {"v1": here})
    selection = Selection(dataset="names", run="v1")
    before = confusion_matrix(client, selection)
    assert [(cell.actual, cell.count) for cell in before.cells] == [("colour=red", 1), (r"colour\=red", 1)]
    for table, columns in LABELS.items():
        plain = ", ".join(rf"{name} = arrayMap(label -> replaceAll(label, '\\=', '='), {name})" for name in columns)
        client.command(f"ALTER TABLE {table} UPDATE {plain} WHERE dataset = 'names' SETTINGS mutations_sync = 2")
    (pooled,) = confusion_matrix(client, selection).cells
    assert (pooled.actual, pooled.count) == ("colour=red", 2)

    for _ in range(2):  # applied and not written down, it is applied again
        client.command("DELETE FROM migrations WHERE name LIKE '%class_labels%'")
        migrate(client)
        assert confusion_matrix(client, selection) == before
