"""A folder that an older evalstream wrote: opened by this one, its numbers are those of a fresh one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.matching import POLICIES
from evalstream.ontology import Ontology, OntologyClass
from evalstream.pipeline.delete import delete
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.confusion_matrix import confusion_matrix
from evalstream.queries.errors import errors
from evalstream.queries.rows import Page, rows
from evalstream.queries.summary import summary
from evalstream.scoring.causes import ErrorOptions
from evalstream.selection import Selection
from evalstream.storage import migrate as migrate_module
from evalstream.storage.boxes import geometry_in_units
from evalstream.storage.deletions import Scope
from evalstream.storage.engine import open_embedded
from evalstream.storage.migrate import migrate
from evalstream.storage.ontologies import declare
from evalstream.storage.results import MATCHES, RESULTS, Progress, of_policy, progress
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.backend import backend_in
from fastapi.testclient import TestClient

from tests.asking import asking
from tests.feeding import feed, send
from tests.pipeline.awkward import AWKWARD
from tests.pipeline.test_every_question import OF_RUNS, QUESTIONS, ask

#: The last migration of the first version, which knew boxes and radio answers.
FIRST = 3
#: The last migration of the version that held a row of results for each policy.
A_ROW_A_POLICY = 8
LAST = sum(file.name.endswith(".sql") for file in files("evalstream.storage.migrations").iterdir())
#: The columns that hold labels of classes.
LABELS = {
    "events": ["object_label"],
    "results": [
        *("annotation_label", "prediction_label"),
        *(f"`{of_policy(policy, name)}`" for policy in POLICIES for name in ("actual", "predicted")),
    ],
}
#: The columns whose boxes are stored in hundredths.
SHAPES = {"events.object_geometry"}
NAMES = [f"r{i}" for i in range(5)]
EVERY = list(POLICIES)
DATASETS = ("every type", "odd names", "some rows failed")


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


def statement(start: str) -> str:
    """The migration that contains this."""
    (found,) = (
        text
        for file in files("evalstream.storage.migrations").iterdir()
        if file.name.endswith(".sql") and start in (text := file.read_text())
    )
    return found


def as_given(column: str) -> str:
    """SQL for a column as it was before boxes were stored in hundredths."""
    side, _, rest = column.rpartition("_")
    return geometry_in_units(side) if rest == "geometry" else column


def a_row_a_policy(client: Client) -> None:
    """Make the tables those of the version that held a row of results for each policy, objects and all."""
    client.command(statement("CREATE TABLE row_results\n"))
    client.command(statement("row_results\n    ADD COLUMN IF NOT EXISTS coordinates"))
    client.command(statement("row_results\n    ADD COLUMN IF NOT EXISTS prediction_own "))
    same = [name for name in RESULTS.names if "." not in name and name != "policies"]
    for policy in POLICIES:
        of_matches = ", ".join(f"match_{name}" for name in MATCHES)
        own = ", ".join(f"`{of_policy(policy, name)}`" for name in MATCHES)
        client.command(
            f"INSERT INTO row_results (policy, is_deleted, {', '.join(same)}, {of_matches})"
            f" SELECT '{policy}', is_deleted, {', '.join(map(as_given, same))}, {own} FROM results"
        )
    client.command("DROP TABLE results")
    client.command(f"DELETE FROM migrations WHERE number > {A_ROW_A_POLICY}")


def as_it_was(client: Client, table: str) -> None:
    """Make the table what the first version had, with what it knew of the rows that are in it."""
    client.command(f"RENAME TABLE {table} TO new_{table}")
    client.command(statement(f"CREATE TABLE {table}\n"))
    known = client.query(f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}'")
    columns = ", ".join(name for (name,) in known.result_rows)
    given = ", ".join(as_given(name) if f"{table}.{name}" in SHAPES else name for (name,) in known.result_rows)
    client.command(f"INSERT INTO {table} ({columns}) SELECT {given} FROM new_{table} FINAL")
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
    a_row_a_policy(client)
    as_it_was(client, "events")
    as_it_was(client, "row_results")
    client.command(f"DELETE FROM migrations WHERE number > {FIRST}")

    migrate(client)
    assert progress(client, "street", "v1", EVERY) == Progress(5, 4, 0)  # of the fifth there is nothing to add
    assert reconcile(client, EVERY, dataset="street") == 4
    after = (
        summary(client, selection),
        rows(client, selection, Page()),
        errors(client, selection, ErrorOptions()),
    )
    assert after == before
    assert progress(client, "street", "v1", EVERY) == Progress(5, 0, 0)


def columns(client: Client) -> list[tuple[Any, ...]]:
    """Every result, all of its columns with boxes as they were given, in the order of its key."""
    given = ", ".join(f"{as_given(f'{side}_geometry')} AS {side}_geometry" for side in ("annotation", "prediction"))
    rows = f"SELECT * REPLACE ({given}) FROM results FINAL"
    hundredths = "annotation_hundredths, prediction_hundredths"
    asked = f"SELECT * EXCEPT ({hundredths}) FROM ({rows}) ORDER BY dataset, run, data_row"
    return list(client.query(asked).result_rows)


def answers(service: TestClient) -> dict[tuple[str, str], Any]:
    """The answer to every other question of the first dataset, under the next policy each time.

    It has everything. Of the other questions and datasets it is enough that the tables are what they were.
    """
    found: dict[tuple[str, str], Any] = {}
    for number, path in enumerate(one for i, one in enumerate(QUESTIONS) if i % 2 or one.endswith("/summary")):
        query = {"policy": EVERY[number % len(EVERY)], "confidence": 0.25, "roll_up": 1 + number % 2}
        response = ask(service, path, DATASETS[0], query if path in OF_RUNS else {})
        found[DATASETS[0], path] = response.status_code, response.json()
    return found


def test_every_answer_is_the_same_of_a_store_that_held_a_row_for_each_policy(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    app = make_app(LocalSettings(_env_file=None, data=tmp_path_factory.mktemp("data")))
    with asking(app, raise_server_exceptions=False) as service:
        client = backend_in(app).clients()
        for name in DATASETS:
            data = AWKWARD[name]
            runs = {data.run: data.predictions, "second": data.predictions, "deleted": data.predictions}
            send(client, data.name or name, data.annotations, runs, rows=data.rows, metrics=data.metrics)
        declare(client, "every type", Ontology(classes=[OntologyClass(name="bbox", parent="x")]), 1)
        reconcile(client, EVERY)
        delete(client, Scope("every type", run="deleted"), 2**62)
        stored, before = columns(client), answers(service)
        assert any(code == 200 and answer["tp"] for code, answer in _of(before, "summary"))
        a_row_a_policy(client)

        done = migrate(client)
        assert done[:3] == ["0009_results.sql", "0010_copy_results.sql", "0011_drop_row_results.sql"]
        # Nothing has to be matched anew, and of what was deleted nothing is back.
        assert columns(client) == stored
        assert reconcile(client, EVERY) == 0
        assert answers(service) == before
        assert not client.query("EXISTS TABLE row_results").result_rows[0][0]


def _of(found: dict[tuple[str, str], Any], question: str) -> list[Any]:
    return [answer for (_, path), answer in found.items() if path.endswith(f"/{question}")]


def test_what_the_policies_of_an_older_store_disagree_on_is_matched_anew(client: Client) -> None:
    migrate(client)
    fill(client, "apart")
    before = columns(client)
    a_row_a_policy(client)
    # Cut off between the policies of r0 and of r1; without one policy for r2.
    client.command(
        "INSERT INTO row_results SELECT * REPLACE (version - 1 AS version) FROM row_results FINAL"
        " WHERE dataset = 'apart' AND data_row = 'r0' AND policy = 'coco'"
    )
    client.command(
        "DELETE FROM row_results WHERE dataset = 'apart' AND data_row = 'r0' AND policy = 'coco' AND version = 2"
    )
    client.command(
        "INSERT INTO row_results SELECT * REPLACE (version + 1 AS version) FROM row_results FINAL"
        " WHERE dataset = 'apart' AND data_row = 'r1' AND policy = 'coco'"
    )
    client.command("DELETE FROM row_results WHERE dataset = 'apart' AND data_row = 'r2' AND policy = 'best-candidate'")
    migrate(client)
    assert progress(client, "apart", "v1", EVERY) == Progress(5, 3, 0)
    assert progress(client, "apart", "v1", ["iou-greedy"]) == Progress(5, 1, 0)
    client.command("DELETE FROM results WHERE dataset = 'apart' AND data_row = 'r1'")  # no event is that new
    assert reconcile(client, EVERY, dataset="apart") == 3
    assert columns(client) == before


def test_a_migration_that_another_process_was_faster_to_apply_is_applied(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(client)
    a_row_a_policy(client)
    command = client.command

    def slow(text: str, *more: Any, **options: Any) -> Any:
        if "INSERT INTO results" in text:
            monkeypatch.undo()
            migrate(client)
        return command(text, *more, **options)

    monkeypatch.setattr(client, "command", slow, raising=False)
    migrate(client)
    assert [number for (number,) in client.query("SELECT number FROM migrations FINAL ORDER BY 1").result_rows] == [
        *range(1, LAST + 1)
    ]


def schema(client: Client) -> list[tuple[Any, ...]]:
    """Every column of every table."""
    asked = (
        "SELECT table, name, type, default_expression, position FROM system.columns"
        " WHERE database = currentDatabase() ORDER BY table, position"
    )
    return [tuple(row) for row in client.query(asked).result_rows]


def test_a_new_database_has_the_tables_of_one_that_was_brought_up_to_date(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for begins in (migrate_module._OF_OLDER, "as no migration begins"):
        monkeypatch.setattr(migrate_module, "_OF_OLDER", begins)
        for (table,) in client.query("SHOW TABLES").result_rows:
            client.command(f"DROP TABLE {table} SYNC")
        assert len(migrate(client)) == LAST
        found.append(schema(client))
    assert found[0] == found[1]


def test_a_migration_that_fails_is_no_migration_applied(client: Client) -> None:
    migrate(client)
    a_row_a_policy(client)
    client.command("DROP TABLE row_results")
    with pytest.raises(ClickHouseError, match="row_results"):
        migrate(client)
    client.command(statement("CREATE TABLE row_results\n"))
    with pytest.raises(ClickHouseError, match="annotation_parent"):
        migrate(client)
    # For other tests, in whatever order they come.
    client.command("DROP TABLE row_results")
    client.command("TRUNCATE TABLE migrations")


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
