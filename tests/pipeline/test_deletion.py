"""Deleting is as if it had never been: whatever comes late, whoever is still at work, wherever it is cut off."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.deletions import COUNT_BITS
from evalstream.ontology import Ontology
from evalstream.pipeline import reconcile as stage
from evalstream.pipeline.delete import delete
from evalstream.pipeline.reconcile import reconcile, rematch
from evalstream.queries.catalog import catalog, run_exists
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage import deletions
from evalstream.storage.dead_letters import DeadLetter, keep_dead_letters, list_dead_letters
from evalstream.storage.deletions import Counts, Deletion, Scope, bury, erase, left_over
from evalstream.storage.events import load_events, newest_version, predicted_rows
from evalstream.storage.ontologies import declare, in_force
from evalstream.storage.results import Progress, progress, write_results

from tests.examples import some_seeds
from tests.pipeline.test_fold import (
    NAMES,
    RUNS,
    Payload,
    annotated,
    box,
    distinct_events,
    in_batches,
    predicted,
    random_history,
    results,
    send,
)


def fill(client: Client, dataset: str, version: int = 1, runs: tuple[str, ...] = RUNS) -> None:
    """Two data rows with a hit each in every run, matched."""
    rows = ("1", "2")
    said = [predicted(row, run, version, [box("a")]) for row in rows for run in runs]
    send(client, dataset, [*(annotated(row, version, [box("a")]) for row in rows), *said])
    reconcile(client, NAMES, dataset=dataset)


def hits(client: Client, dataset: str, run: str) -> int:
    return summary(client, Selection(dataset=dataset, run=run)).tp


def names(client: Client) -> list[str]:
    return [item.dataset for item in catalog(client).datasets]


def stored(client: Client, dataset: str) -> dict[str, int]:
    """How many rows each table holds, whether anybody reads them or not."""
    tables = {"events": "1", "results": "NOT is_deleted", "ontologies": "1"}
    count = "SELECT count() FROM {table} WHERE dataset = {{dataset:String}} AND {condition}"
    return {
        table: client.query(
            count.format(table=table, condition=condition), parameters={"dataset": dataset}
        ).result_rows[0][0]
        for table, condition in tables.items()
    }


def test_a_run_goes_and_the_annotations_stay(client: Client) -> None:
    fill(client, "run")
    gone = delete(client, Scope("run", run="v1"), 1)
    assert gone.counts == Counts(data_rows=2, events=2, results=2, declarations=0, dead_letters=0)
    assert not gone.survived
    assert not run_exists(client, "run", "v1")
    assert [hits(client, "run", run) for run in RUNS] == [0, 2]
    assert next(item.runs for item in catalog(client).datasets if item.dataset == "run") == ["v2"]
    assert progress(client, "run", "v1", NAMES) == Progress(0, 0, 0)
    assert progress(client, "run", "v2", NAMES) == Progress(2, 0, 0)
    assert stored(client, "run") == {"events": 4, "results": 2, "ontologies": 0}
    assert delete(client, Scope("run", run="v1"), 1).counts == Counts(0, 0, 0, 0, 0)


def test_a_data_row_goes_in_every_run(client: Client) -> None:
    fill(client, "row")
    gone = delete(client, Scope("row", data_row="1"), 1)
    assert gone.counts == Counts(data_rows=1, events=3, results=2, declarations=0, dead_letters=0)
    assert [hits(client, "row", run) for run in RUNS] == [1, 1]
    assert predicted_rows(client, "row") == ["2"]
    assert stored(client, "row") == {"events": 3, "results": 2, "ontologies": 0}


def test_a_dataset_goes_with_what_was_declared_of_it_and_its_dead_letters(client: Client) -> None:
    letter = DeadLetter("", "topic", 0, 1, None, [], "r", "bad", None)
    route = "/v1/datasets/a%20dataset/annotations"
    own = [
        letter._replace(id="route", source=route),
        letter._replace(id="header", headers=[("evalstream-dataset", b"a dataset")]),
        letter._replace(id="key", key=b"a dataset/r"),
        letter._replace(id="said", payload=b'{"dataset": "a dataset", "data_row": "s"}', data_row="s"),
    ]
    others = [
        letter._replace(id="other", source="/v1/datasets/a%20dataset2/annotations", key=b"a dataset2/r"),
        letter._replace(id="none", payload=b"\xff{"),
    ]
    keep_dead_letters(client, [*own, *others])
    fill(client, "a dataset")
    fill(client, "a dataset2")
    for name in ("a dataset", "a dataset2"):
        declare(client, name, Ontology(tolerance=3), 1)
    assert delete(client, Scope("a dataset", data_row="s"), 1).counts.dead_letters == 1
    gone = delete(client, Scope("a dataset"), 1)
    assert gone.counts == Counts(2, events=6, results=4, declarations=1, dead_letters=3)
    assert stored(client, "a dataset") == {"events": 0, "results": 0, "ontologies": 0}
    assert "a dataset" not in names(client)
    assert in_force(client, "a dataset").revisions == 0
    assert sorted(letter.id for letter in list_dead_letters(client)) == ["none", "other"]
    assert in_force(client, "a dataset2").revisions == 1
    assert [hits(client, "a dataset2", run) for run in RUNS] == [2, 2]


@pytest.mark.parametrize("scope", [Scope("late"), Scope("late", run="v1"), Scope("late", data_row="1")])
def test_what_comes_late_stays_dead_and_what_is_newer_lives(client: Client, scope: Scope) -> None:
    scope = scope._replace(dataset=f"late {scope.run or scope.data_row or 0}")
    dataset = scope.dataset
    fill(client, dataset, version=5)
    declare(client, dataset, Ontology(tolerance=3), 5)
    reconcile(client, NAMES, dataset=dataset)
    delete(client, scope, 7)
    before = results(client, dataset)
    known = catalog(client)
    versions = (1, 5, 7)
    late = [predicted("1", "v1", version, [box("b")]) for version in versions]
    send(client, dataset, late + [annotated("1", version, []) for version in versions if not scope.run])
    rematch(client, dataset, ["1", "2"], NAMES)
    assert results(client, dataset) == before
    assert catalog(client) == known
    assert predicted_rows(client, dataset) == sorted({row for row, _ in before})
    if scope.is_dataset:
        declare(client, dataset, Ontology(tolerance=4), 6)
        assert in_force(client, dataset).revisions == 0
    assert [deletion.scope for deletion in left_over(client, dataset)] == [scope]
    reconcile(client, NAMES, dataset=dataset)
    assert left_over(client, dataset) == []
    assert results(client, dataset) == before
    send(client, dataset, [annotated("1", 8, [box("a")]), predicted("1", "v1", 8, [box("a"), box("c")])])
    assert progress(client, dataset, "v1", NAMES).pending == 1
    assert reconcile(client, NAMES, dataset=dataset) == 1
    assert results(client, dataset)["1", "v1"]["prediction_id"] == ["a", "c"]
    assert reconcile(client, NAMES, dataset=dataset) == 0


def test_results_of_a_run_created_anew_win_over_those_of_more_events(client: Client) -> None:
    for version in range(1, 6):
        fill(client, "anew", version)
    old = results(client, "anew")["1", "v1"]
    delete(client, Scope("anew", run="v1"), 5)
    send(client, "anew", [predicted("1", "v1", 6, [])])
    reconcile(client, NAMES, dataset="anew")
    new = results(client, "anew")["1", "v1"]
    assert (old["version"], new["version"]) == (10, (1 << COUNT_BITS) + 6)
    assert new["prediction_id"] == []
    assert progress(client, "anew", "v1", NAMES) == Progress(1, 0, 0)
    client.command("OPTIMIZE TABLE results FINAL")
    assert results(client, "anew")["1", "v1"] == new


def test_up_to_a_version_the_rest_is_matched_anew(client: Client) -> None:
    fill(client, "part", 1)
    send(client, "part", [predicted("1", "v1", 2, [box("b"), box("c")])])
    reconcile(client, NAMES, dataset="part")
    done = delete(client, Scope("part", run="v1"), 1)
    assert (done.counts.events, done.survived) == (2, True)
    assert run_exists(client, "part", "v1")
    assert summary(client, Selection(dataset="part", run="v1")).rows == 0
    assert progress(client, "part", "v1", NAMES) == Progress(1, 1, 0)
    assert reconcile(client, NAMES, dataset="part") == 1
    assert summary(client, Selection(dataset="part", run="v1")).predictions == 2


@pytest.mark.parametrize("scope", [Scope("still"), Scope("still", run="v1"), Scope("still", data_row="1")])
def test_whoever_is_still_at_work_revives_nothing(client: Client, scope: Scope) -> None:
    """A worker has read the events, also one that was never matched, and writes after they were deleted."""
    scope = scope._replace(dataset=f"still {scope.run or scope.data_row or 0}")
    fill(client, scope.dataset, runs=("v2",))
    send(client, scope.dataset, [predicted("1", "v1", 1, [box("a")])])
    work = stage._matched(client, scope.dataset, ["1", "2"], NAMES)
    delete(client, scope, 1)
    write_results(client, work)
    left = {(row, run) for row, run in results(client, scope.dataset)}
    assert left == ({("2", "v2")} if scope.data_row else {("1", "v2"), ("2", "v2")} if scope.run else set())
    assert reconcile(client, NAMES, dataset=scope.dataset) == 0


def test_a_deletion_between_the_reads_of_a_worker_is_seen(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(client, "between", 1)
    reads: list[int] = []

    def load_and_delete(client: Client, dataset: str, data_rows: list[str], **how: Any) -> pa.Table:
        events = load_events(client, dataset, data_rows)
        reads.append(len(events))
        if len(reads) == 1:
            delete(client, Scope("between", data_row="1"), 1)
        return events

    monkeypatch.setattr(stage, "load_events", load_and_delete)
    rematch(client, "between", ["1", "2"], NAMES)
    assert reads == [6, 3]
    assert {row for row, _ in results(client, "between")} == {"2"}


def test_cut_off_after_its_first_step_a_deletion_is_finished_by_whoever_reconciles(client: Client) -> None:
    fill(client, "cut off")
    declare(client, "cut off", Ontology(tolerance=3), 1)
    fill(client, "cut off 2")
    deletion = bury(client, Scope("cut off"), 1)
    assert left_over(client, "cut off") == [deletion]
    assert "cut off" not in names(client)  # already
    assert not run_exists(client, "cut off", "v1")
    reconcile(client, NAMES)
    assert stored(client, "cut off") == {"events": 0, "results": 0, "ontologies": 0}
    assert [hits(client, dataset, "v1") for dataset in ("cut off", "cut off 2")] == [0, 2]
    assert left_over(client, "cut off") == []
    erase(client, deletion)  # once more
    assert hits(client, "cut off 2", "v1") == 2


def test_results_that_lost_their_retraction_are_retracted_again(client: Client) -> None:
    fill(client, "lost")
    work = stage._matched(client, "lost", ["1", "2"], NAMES)
    deletion = delete(client, Scope("lost", run="v1"), 1).deletion
    client.command("DELETE FROM results WHERE dataset = 'lost' AND is_deleted")  # as after a loss of power
    write_results(client, work)
    assert left_over(client, "lost") == [deletion]
    reconcile(client, NAMES, dataset="lost")
    assert (left_over(client, "lost"), hits(client, "lost", "v1"), hits(client, "lost", "v2")) == ([], 0, 2)


def test_a_deletion_counts_among_the_versions_that_are_there(client: Client) -> None:
    fill(client, "clock")
    before = newest_version(client)
    delete(client, Scope("clock", run="v1"), before + 10)
    assert newest_version(client) == before + 10


@pytest.mark.parametrize("seed", some_seeds(2))
def test_any_interleaving_of_events_deletions_and_workers_ends_as_a_clean_run(
    client: Client, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Of what was never deleted. Deletions are cut off between their steps, workers write long after they have read."""
    if seed % 2:  # as if there were so many tombstones that statements look them up
        monkeypatch.setattr(deletions, "MOST_VALUES", 0)
    rng = random.Random(seed)
    rows = [f"row {number}" for number in range(4)]
    events = [event for row in rows for event in random_history(rng, row)]
    clean, messy = f"clean {seed} of deletions", f"messy {seed} of deletions"
    scopes = [Scope(messy, run=rng.choice(RUNS)), *(Scope(messy, data_row=row) for row in rng.sample(rows, 3))]
    scopes += [Scope(messy)] if rng.random() < 0.5 else []
    tombstones = [(scope, rng.randrange(3)) for scope in scopes]

    living = [event for event in events if not any(covers(event, scope, last) for scope, last in tombstones)]
    send(client, clean, living)
    reconcile(client, NAMES, dataset=clean)

    steps: list[Payload | tuple[Scope, int] | str] = [*events, *rng.choices(events, k=10), *tombstones]
    steps += [rng.choice(tombstones), *["erase"] * 4, *["load"] * 5, *["write"] * 5, *["reconcile"] * 2]
    rng.shuffle(steps)
    buried: list[Deletion] = []
    loaded: list[Any] = []
    for step in in_batches(steps):
        if isinstance(step, list):
            send(client, messy, step)
        elif isinstance(step, tuple):
            buried.append(bury(client, *step))
        elif step == "erase" and buried:
            erase(client, buried.pop(rng.randrange(len(buried))))
        elif step == "load":
            loaded.append(stage._matched(client, messy, rows, NAMES))
        elif step == "write" and loaded:
            write_results(client, loaded.pop(rng.randrange(len(loaded))))
        elif step == "reconcile":
            reconcile(client, NAMES, dataset=messy)
    reconcile(client, NAMES, dataset=messy)
    for late in loaded:
        write_results(client, late)

    counted = distinct_events(living)
    for run in RUNS:
        assert progress(client, messy, run, NAMES) == Progress(sum(own == run for _, own in counted), 0, 0)
    expected, found = results(client, clean), results(client, messy)
    assert list(found) == list(expected)
    for (row, run), result in found.items():
        over = len({one for one in tombstones if one[0].run in ("", run) and one[0].data_row in ("", row)})
        assert result.pop("version") == (over << COUNT_BITS) + expected[row, run].pop("version")
        assert result == expected[row, run]
    assert left_over(client, messy) == []


def covers(event: Payload, scope: Scope, last: int) -> bool:
    of_run = scope.run in ("", event.get("run", ""))
    return of_run and scope.data_row in ("", event["data_row"]) and event["version"] <= last
