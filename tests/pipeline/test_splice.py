"""A run that has changed is read again where it has, and is what it would be if all of it had been read."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent
from evalstream.matching import POLICIES
from evalstream.matching.nearest import Nearest
from evalstream.pipeline.delete import delete
from evalstream.pipeline.reconcile import rematch
from evalstream.scoring.columns import Columns, Side
from evalstream.selection import Selection
from evalstream.storage.deletions import Scope
from evalstream.storage.events import newest_version
from evalstream.stored import columns
from evalstream.stored.columns import Key, Stored, read_all

from tests.examples import some_seeds
from tests.pipeline.random_data import (
    annotation_event,
    data_row_names,
    prediction_event,
    random_things,
    random_truth,
    send,
)

RUN, OTHER = "run", "other run"
BROKEN = "cannot be matched"


class Read:
    """Which data rows were asked for, reading by reading; none: all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[set[str] | None] = []
        read = columns._rows

        def rows(client: Client, selection: Selection, key: Key, ask_for: Any, names: pa.Array | None) -> Stored:
            self.names.append(None if names is None else set(names.to_pylist()))
            return read(client, selection, key, ask_for, names)

        monkeypatch.setattr(columns, "_rows", rows)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.setattr(columns, "WORTH_IT", 0)
    monkeypatch.setattr(columns, "MOST_CHANGED", 1.0)
    return Read(monkeypatch)


@pytest.mark.parametrize("seed", some_seeds(7))
def test_any_changes_end_in_what_is_read_as_a_whole(client: Client, read: Read, seed: int) -> None:
    rng = random.Random(seed)
    dataset, policy = f"spliced {seed}", list(POLICIES)[seed % 3]
    names = data_row_names(20)
    write(client, rng, dataset, rng.sample(names, 12), RUN)
    selection = Selection(dataset=dataset, run=RUN, policy=policy, **SELECTED[seed % len(SELECTED)])
    variants = [(True, seed % 2 == 0), (seed % 3 == 0, True)]
    for step in range(5):
        for ordered, with_nearest in variants:
            found = read_all(client, selection, ordered=ordered, with_nearest=with_nearest)
            key = Key("", ordered, with_nearest)
            whole = columns._rows(client, selection.model_copy(update=columns._OPEN), key, columns._ask_few, None)
            assert plain(found, ordered, with_nearest) == plain(whole, ordered, with_nearest)
            assert found.rows_failed == whole.rows_failed
        change(client, rng, dataset, names, "some" if step == 0 else rng.choice(KINDS))
    alone = selection.shared_with is None and not selection.roll_up and selection.missing_rows == "leave_out"
    assert any(names is not None for names in read.names) == alone


#: What may be selected of the rows.
SELECTED: list[dict[str, Any]] = [
    {},
    {"split": ["train", "test"]},
    {"metadata": ["noise > 0"]},
    {"both_sides": True},
    {"roll_up": 1},
    {"missing_rows": "count"},
    {"shared_with": OTHER},
]


def test_nothing_is_read_of_a_run_that_has_not_changed(client: Client, read: Read) -> None:
    rng = random.Random(0)
    write(client, rng, "untouched", ["1", "2", "3"], RUN)
    merge(client)
    selection = Selection(dataset="untouched", run=RUN)
    first = read_all(client, selection)
    write(client, rng, "untouched", ["4"], OTHER)
    read_all(client, selection)
    merge(client)  # parts have new names, and nothing new in them
    assert plain(read_all(client, selection), False, False) == plain(first, False, False)
    assert read.names == [None]
    write(client, rng, "untouched", ["2", "5"], RUN)
    read_all(client, selection)
    assert read.names == [None, {"2", "5"}]


def test_a_run_of_which_much_has_changed_is_read_as_a_whole(
    client: Client, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MOST_CHANGED", 0.4)
    rng = random.Random(0)
    write(client, rng, "half", ["1", "2", "3"], RUN)
    merge(client)
    selection = Selection(dataset="half", run=RUN)
    read_all(client, selection)
    write(client, rng, "half", ["1"], RUN)
    read_all(client, selection)
    write(client, rng, "half", ["1", "2"], RUN)
    read_all(client, selection)
    assert read.names == [None, {"1"}, None]


def test_a_table_that_was_changed_in_place_is_read_as_a_whole(client: Client, read: Read) -> None:
    write(client, random.Random(0), "in place", ["1", "2", "3"], RUN)
    merge(client)
    selection = Selection(dataset="in place", run=RUN)
    read_all(client, selection)
    client.command(
        "ALTER TABLE results UPDATE split = 'moved' WHERE dataset = 'in place' AND data_row = '1'"
        " SETTINGS mutations_sync = 2"
    )
    read_all(client, selection)
    assert read.names == [None, None]


def merge(client: Client) -> None:
    """Make one part of all, so that no number is missing between parts: changes in place, of other tests, take some."""
    client.command("OPTIMIZE TABLE results FINAL")


def write(client: Client, rng: random.Random, dataset: str, names: list[str], run: str) -> None:
    """Send random objects of data rows, annotations now and then, and match them."""
    for name in names:
        if rng.random() < 0.6:
            send(client, AnnotationEvent, [annotation_event(dataset, name, *random_truth(rng))])
    found = [prediction_event(dataset, name, run, random_things(rng, "prediction", rng.randrange(5))) for name in names]
    send(client, PredictionEvent, found)
    rematch(client, dataset, sorted(names), list(POLICIES))
    for name in names:
        if rng.random() < 0.15:
            client.command(
                "INSERT INTO results (dataset, run, data_row, version, policies, error)"
                " SELECT dataset, run, data_row, version + 1, policies, {error:String} FROM results FINAL"
                " WHERE dataset = {dataset:String} AND run = {run:String} AND data_row = {name:String}",
                {"dataset": dataset, "run": run, "name": name, "error": BROKEN},
            )


KINDS = ("some", "some", "one", "another run", "deleted", "merged")


def change(client: Client, rng: random.Random, dataset: str, names: list[str], kind: str) -> None:
    if kind == "deleted":
        delete(client, Scope(dataset, data_row=rng.choice(names)), newest_version(client) + 1)
    elif kind == "merged":
        merge(client)
    else:
        some = rng.sample(names, 1 if kind == "one" else rng.randrange(2, 6))
        write(client, rng, dataset, some, OTHER if kind == "another run" else RUN)


def plain(read: Stored, ordered: bool, with_nearest: bool) -> dict[str, Any] | list[tuple[str, Any]]:
    """What was read as values, by data row, whatever the codes of labels and the positions of objects."""
    of, names = read.columns, read.data_row.to_pylist()
    sides = {"annotation": of.annotation, "prediction": of.prediction}
    first = {side: np.searchsorted(own.row, np.arange(len(names) + 1)) for side, own in sides.items()}

    def within(place: int, side: str, row: int) -> int:
        return -1 if place < 0 else int(place - first[side][row])

    found: list[tuple[str, Any]] = []
    for row, name in enumerate(names):
        pairs = of.rectangle[of.prediction.row[of.rectangle["prediction"]] == row]
        near = read.nearest if with_nearest else None
        found.append(
            (
                name,
                {
                    "key": int(read.key[row]),
                    "repaired": int(np.count_nonzero(of.repaired == row)),
                    "annotations": objects(of, of.annotation, row, lambda p, r=row: within(p, "annotation", r)),
                    "predictions": objects(of, of.prediction, row, lambda p, r=row: within(p, "prediction", r)),
                    "crowd": of.crowd[of.annotation.row == row].tolist(),
                    "confidence": of.confidence[of.prediction.row == row].tolist(),
                    "rank": of.rank[of.prediction.row == row].tolist(),
                    "pairs": [
                        (within(p[0], "prediction", row), within(p[1], "annotation", row), *p[2:])
                        for p in pairs.tolist()
                    ],
                    "near": None if near is None else nearest(near, of.prediction.row == row, first["annotation"][row]),
                },
            )
        )
    return found if ordered else dict(found)


def objects(of: Columns, side: Side, row: int, within: Any) -> list[tuple[Any, ...]]:
    own = np.flatnonzero(side.row == row)
    return [
        (
            int(side.type[i]),
            of.features[side.feature[i]],
            of.labels[side.label[i]],
            side.area[i],
            within(side.parent[i]),
        )
        for i in own
    ]


def nearest(near: Nearest, own: Any, first: int) -> list[tuple[Any, ...]]:
    columns = [column[own].tolist() for column in near]
    return [(a if a < 0 else a - first, b, c if c < 0 else c - first, d) for a, b, c, d in zip(*columns, strict=True)]
