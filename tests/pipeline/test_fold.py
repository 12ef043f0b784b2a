"""What becomes of a data row depends on the set of its events, not on how often, when or in which order they came."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.matching import POLICIES
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.match import match
from evalstream.pipeline.reconcile import reconcile, rematch
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.boxes import geometry_in_units
from evalstream.storage.events import load_events
from evalstream.storage.recent import Recent
from evalstream.storage.results import RESULTS, Progress, progress, write_results

from tests.examples import some_seeds

NAMES = list(POLICIES)
RUNS = ("v1", "v2")
IDS = ("a", "b", "ç", "#0", "#1")

Payload = dict[str, Any]


class Key(NamedTuple):
    """What orders and names an event among those of one data row and run."""

    version: int
    event_id: str


@pytest.mark.parametrize("seed", some_seeds(2))
def test_results_are_a_function_of_the_set_of_events(client: Client, seed: int) -> None:
    rng = random.Random(seed)
    events = [event for number in range(30) for event in random_history(rng, f"row {number}")]
    clean, messy = f"clean {seed}", f"messy {seed}"
    send(client, clean, events)
    reconcile(client, NAMES)

    deliveries = events + rng.choices(events, k=len(events) // 2)
    rng.shuffle(deliveries)
    size = len(deliveries) // 5 + 1
    for start in range(0, len(deliveries), size):
        send(client, messy, deliveries[start : start + size])
        if rng.random() < 0.7:
            reconcile(client, NAMES)
    reconcile(client, NAMES)

    expected, found = results(client, clean), results(client, messy)
    assert list(found) == list(expected)
    for key, row in expected.items():
        assert found[key] == row, key
    assert_folded(found, events)
    for run in RUNS:
        rows = len({event["data_row"] for event in events if event.get("run") == run})
        assert progress(client, messy, run, NAMES) == Progress(rows, 0, 0)


@pytest.mark.parametrize("held", [10_000, 100_000_000], ids=["some", "all"])
def test_events_that_are_held_in_memory_give_the_results_of_those_read_back(client: Client, held: int) -> None:
    rng = random.Random(7)
    events = [event for number in range(20) for event in random_history(rng, f"row {number}")]
    clean, messy = f"read back, {held}", f"held, {held}"
    send(client, clean, events)
    reconcile(client, NAMES, dataset=clean)

    recent = Recent(held)
    deliveries = events + rng.choices(events, k=len(events) // 2)
    rng.shuffle(deliveries)
    size = len(deliveries) // 5 + 1
    for start in range(0, len(deliveries), size):
        some = deliveries[start : start + size]
        send(client, messy, some, recent)
        rematch(client, messy, sorted({event["data_row"] for event in some}), NAMES, recent)
    assert results(client, messy) == results(client, clean)
    assert reconcile(client, NAMES, dataset=messy) == 0


@pytest.mark.parametrize("seed", range(2))
def test_progress_counts_what_is_pending_exactly(client: Client, seed: int) -> None:
    rng = random.Random(100 + seed)
    dataset = f"progress {seed}"
    events = [event for number in range(12) for event in random_history(rng, f"row {number}")]
    rng.shuffle(events)
    sent: list[Payload] = []
    seen: dict[tuple[str, str], int] = {}
    for start in range(0, len(events), 20):
        again = rng.choices(sent, k=5) if sent else []
        send(client, dataset, [*events[start : start + 20], *again])
        sent += events[start : start + 20]
        counted = distinct_events(sent)
        for run in RUNS:
            own = [key for key in counted if key[1] == run]
            pending = sum(counted[key] > seen.get(key, 0) for key in own)
            assert progress(client, dataset, run, NAMES) == Progress(len(own), pending, 0)
        stale = {row for (row, run), count in counted.items() if count > seen.get((row, run), 0)}
        assert reconcile(client, NAMES, dataset=dataset) == len(stale)
        seen = counted
        for run in RUNS:
            rows = sum(own == run for _, own in counted)
            assert progress(client, dataset, run, NAMES) == Progress(rows, 0, 0)
    assert reconcile(client, NAMES, dataset=dataset) == 0


def test_a_policy_that_was_never_matched_is_pending(client: Client) -> None:
    send(client, "policies", [predicted("r", "v1", 1, [box("a")])])
    reconcile(client, ["coco"], dataset="policies")
    assert progress(client, "policies", "v1", ["coco"]) == Progress(1, 0, 0)
    assert progress(client, "policies", "v1", NAMES) == Progress(1, 1, 0)
    reconcile(client, NAMES, dataset="policies")
    assert progress(client, "policies", "v1", NAMES) == Progress(1, 0, 0)


def test_a_row_is_pending_until_every_policy_has_seen_all_of_it(client: Client) -> None:
    send(client, "partly", [predicted("r", "v1", 1, [box("a")])])
    reconcile(client, NAMES, dataset="partly")
    send(client, "partly", [predicted("r", "v1", 2, [])])
    write_results(client, match("partly", load_events(client, "partly", ["r"]), ["coco"]))
    assert progress(client, "partly", "v1", ["coco"]) == Progress(1, 0, 0)
    assert progress(client, "partly", "v1", NAMES) == Progress(1, 1, 0)


def test_a_stale_result_written_later_does_not_win(client: Client) -> None:
    send(client, "stale", [annotated("r", 1, [box("a")]), predicted("r", "v1", 1, [box("a")])])
    older = match("stale", load_events(client, "stale", ["r"]), NAMES)
    send(client, "stale", [predicted("r", "v1", 2, [])])
    reconcile(client, NAMES, dataset="stale")
    expected = results(client, "stale")
    write_results(client, older)
    assert results(client, "stale") == expected
    assert {row["version"] for row in expected.values()} == {3}
    assert summary(client, Selection(dataset="stale", run="v1")).predictions == 0
    assert progress(client, "stale", "v1", NAMES) == Progress(1, 0, 0)


def test_an_annotation_change_matches_every_run_anew(client: Client) -> None:
    events = [predicted(row, run, 1, [box("a")]) for row in ("1", "2") for run in RUNS]
    send(client, "change", [annotated("1", 1, [box("a")]), annotated("2", 1, []), *events])
    reconcile(client, NAMES, dataset="change")

    def hits(run: str, policy: str) -> int:
        return summary(client, Selection(dataset="change", run=run, policy=policy)).tp

    assert {hits(run, policy) for run in RUNS for policy in NAMES} == {1}
    send(client, "change", [annotated("2", 2, [box("z")])])
    assert [progress(client, "change", run, NAMES) for run in RUNS] == [Progress(2, 1, 0)] * 2
    reconcile(client, NAMES, dataset="change")
    assert {hits(run, policy) for run in RUNS for policy in NAMES} == {2}


# --- the same, folded by hand ---------------------------------------------------------------------------------------


def assert_folded(found: dict[tuple[str, str], Payload], events: Sequence[Payload]) -> None:
    """Each result holds what a plain reading of the rule says."""
    counted = distinct_events(events)
    assert set(found) == set(counted)
    for (row, run), result in found.items():
        shared = [event for event in events if event["data_row"] == row and "run" not in event]
        own = [event for event in events if event["data_row"] == row and event.get("run") == run]
        assert result["version"] == counted[row, run]
        annotations, predictions = folded(shared, "annotations"), folded(own, "predictions")
        assert result["annotation_id"] == list(annotations)
        assert result["prediction_id"] == list(predictions)
        assert result["annotation_geometry"] == [item["bbox"] for item in annotations.values()]
        assert result["prediction_geometry"] == [item["bbox"] for item in predictions.values()]
        assert result["prediction_confidence"] == [item["confidence"] for item in predictions.values()]
        facts: Payload = {"split": "", "width": 0, "height": 0, "media_url": "", "text": "", "metadata": {}}
        for event in sorted(shared + own, key=order):
            said = event.get("row", {})
            facts |= {"metadata": facts["metadata"] | said.get("metadata", {})}
            facts |= {key: value for key, value in said.items() if key != "metadata"}
        assert {key: result[key] for key in facts} == facts | {"metadata": dict(facts["metadata"])}


def folded(events: Sequence[Payload], side: str) -> dict[str, Payload]:
    state: dict[str, Payload] = {}
    for event in sorted(events, key=order):
        if event["operation"] == "replace":
            state = {}
        for name in event.get("ids", []):
            state.pop(name, None)
        for item in event.get(side, []):
            state[item["id"]] = item
    return state


def order(event: Payload) -> Key:
    return Key(event["version"], event["event_id"])


def distinct_events(events: Sequence[Payload]) -> dict[tuple[str, str], int]:
    """How many events concern each data row of each run: its own, and those of the annotations."""
    keys: dict[tuple[str, str], set[Key]] = defaultdict(set)
    for event in events:
        keys[event["data_row"], event.get("run", "")].add(order(event))
    return {(row, run): len(own) + len(keys.get((row, ""), ())) for (row, run), own in keys.items() if run}


# --- events ---------------------------------------------------------------------------------------------------------


def random_history(rng: random.Random, data_row: str) -> list[Payload]:
    """Events of a data row, no two with the same version and id; many with the same version, or the same id."""
    keys = rng.sample([(version, f"{letter}") for version in range(4) for letter in "aéz"], 12)
    events = []
    for number, (version, event_id) in enumerate(keys[: rng.randrange(1, 12)]):
        side, run = rng.choice([("annotations", None), *(("predictions", run) for run in RUNS)])
        event: Payload = {"data_row": data_row, "version": version, "event_id": event_id}
        event |= {"run": run} if run else {}
        operation = rng.choice(["replace", "upsert", "upsert", "delete"])
        event["operation"] = operation
        if operation == "delete":
            event["ids"] = rng.sample(IDS, rng.randrange(1, 4))
        else:
            names = rng.sample(IDS, rng.randrange(0 if operation == "replace" else 1, 4))
            event[side] = [box(name, rng) | ({"confidence": rng.choice([0.25, 0.5])} if run else {}) for name in names]
        if rng.random() < 0.5:
            event["row"] = rng.choice(
                [
                    {"split": "test"},
                    {"split": "train"},
                    {"width": 100 + number},
                    {"height": 100 + number},
                    {"media_url": f"https://pictures.example/{number}"},
                    {"text": f"note {number}"},
                    {"metadata": {rng.choice("kl"): "é"}},
                ]
            )
        events.append(event)
    return events


def box(name: str, rng: random.Random | None = None) -> Payload:
    x = rng.choice([0.0, 4.0, 8.0]) if rng else 0.0
    return {"id": name, "type": "bbox", "feature": rng.choice("ab") if rng else "a", "bbox": [x, 0.0, 10.0, 10.0]}


def annotated(data_row: str, version: int, objects: list[Payload]) -> Payload:
    return {"data_row": data_row, "operation": "replace", "version": version, "annotations": objects}


def predicted(data_row: str, run: str, version: int, objects: list[Payload]) -> Payload:
    return {"data_row": data_row, "run": run, "operation": "replace", "version": version, "predictions": objects}


def send(client: Client, dataset: str, events: Sequence[Payload], recent: Recent | None = None) -> None:
    for model, own in (
        (AnnotationEvent, [event for event in events if "run" not in event]),
        (PredictionEvent, [event for event in events if "run" in event]),
    ):
        records = [Record(json.dumps(event).encode(), position, 0) for position, event in enumerate(own)]
        done = ingest(client, records, Reader(model, {"dataset": dataset}), "test", recent=recent)
        assert (done.accepted, done.rejected) == (len(own), [])


def in_batches(steps: Iterable[Any]) -> Iterator[Any]:
    """Give what is done step by step, events that follow each other as one list: nobody looks between them."""
    for is_event, group in groupby(steps, lambda step: isinstance(step, dict)):
        if is_event:
            yield list(group)
        else:
            yield from group


def results(client: Client, dataset: str) -> dict[tuple[str, str], Payload]:
    """Every row result of a dataset, all of its columns but the dataset's name."""
    columns = [name for name in RESULTS.names if name != "dataset"]
    shapes = {f"{side}_geometry": geometry_in_units(side) for side in ("annotation", "prediction")}
    asked = ", ".join(shapes.get(name, f"`{name}`") for name in columns)
    table = client.query(
        f"SELECT {asked} FROM results FINAL WHERE dataset = {{dataset:String}} ORDER BY data_row, run",
        parameters={"dataset": dataset},
    )
    found = [dict(zip(columns, row, strict=True)) for row in table.result_rows]
    return {(row["data_row"], row["run"]): row for row in found}
