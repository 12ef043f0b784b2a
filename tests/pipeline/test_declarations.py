"""What is declared counts as events do: however declarations, events and workers interleave, the end is one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.ontology import Ontology
from evalstream.pipeline.match import match
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.events import load_events
from evalstream.storage.ontologies import Declared, declare, in_force
from evalstream.storage.results import Progress, progress, write_results

from tests.examples import some_seeds
from tests.pipeline.test_fold import (
    NAMES,
    RUNS,
    Payload,
    annotated,
    distinct_events,
    in_batches,
    predicted,
    random_history,
    results,
    send,
)

NEAR = Ontology(tolerance=3)
FAR = Ontology(tolerance=6)
#: As (version, declaration), in no order; two have one version, and the id decides.
DECLARATIONS = [
    (2, FAR),
    (1, NEAR),
    (3, Ontology(across_types=True)),
    (4, FAR),
    (4, NEAR),
    (2, FAR),
]
REVISIONS = 5


def hits(client: Client, dataset: str) -> int:
    return summary(client, Selection(dataset=dataset, run="v1")).tp


def four_apart(client: Client, dataset: str) -> None:
    """One row, with two points: a match within 6 or the default of 10, and not within 3."""
    true, found = point("a", 0.0), point("a", 4.0)
    send(client, dataset, [annotated("r", 1, [true]), predicted("r", "v1", 1, [found])])


def point(name: str, x: float) -> Payload:
    return {"id": name, "type": "point", "feature": "nose", "point": [x, 0.0]}


def with_points(event: Payload) -> Payload:
    """The same event with points for its boxes."""
    sides = {side: event[side] for side in ("annotations", "predictions") if side in event}
    return event | {
        side: [
            {key: value for key, value in item.items() if key != "bbox"} | {"type": "point", "point": item["bbox"][:2]}
            for item in items
        ]
        for side, items in sides.items()
    }


def test_declared_before_the_events(client: Client) -> None:
    declare(client, "before", NEAR, 1)
    four_apart(client, "before")
    reconcile(client, NAMES, dataset="before")
    assert hits(client, "before") == 0
    assert {row["version"] for row in results(client, "before").values()} == {3}


def test_declared_after_the_events(client: Client) -> None:
    four_apart(client, "after")
    reconcile(client, NAMES, dataset="after")
    assert hits(client, "after") == 1
    for version, ontology, expected in ((1, NEAR, 0), (2, FAR, 1)):
        declare(client, "after", ontology, version)
        assert progress(client, "after", "v1", NAMES) == Progress(1, 1, 0)
        assert reconcile(client, NAMES, dataset="after") == 1
        assert progress(client, "after", "v1", NAMES) == Progress(1, 0, 0)
        assert hits(client, "after") == expected


def test_declared_of_another_dataset(client: Client) -> None:
    four_apart(client, "mine")
    reconcile(client, NAMES, dataset="mine")
    declare(client, "not mine", NEAR, 1)
    assert progress(client, "mine", "v1", NAMES) == Progress(1, 0, 0)
    assert reconcile(client, NAMES, dataset="mine") == 0


def test_a_late_declaration_of_a_lower_version_is_not_in_force(client: Client) -> None:
    four_apart(client, "late")
    declare(client, "late", NEAR, 5)
    reconcile(client, NAMES, dataset="late")
    declare(client, "late", FAR, 4)
    assert progress(client, "late", "v1", NAMES) == Progress(1, 1, 0)
    reconcile(client, NAMES, dataset="late")
    assert hits(client, "late") == 0


def test_declared_twice_is_declared_once(client: Client) -> None:
    four_apart(client, "twice")
    declare(client, "twice", NEAR, 5)
    reconcile(client, NAMES, dataset="twice")
    declare(client, "twice", NEAR, 5)
    assert in_force(client, "twice").revisions == 1
    assert progress(client, "twice", "v1", NAMES) == Progress(1, 0, 0)


def test_a_result_under_an_older_declaration_written_later_does_not_win(client: Client) -> None:
    four_apart(client, "old worker")
    old = work(client, "old worker", in_force(client, "old worker"))
    declare(client, "old worker", NEAR, 1)
    reconcile(client, NAMES, dataset="old worker")
    expected = results(client, "old worker")
    write_results(client, old)
    assert results(client, "old worker") == expected
    assert hits(client, "old worker") == 0
    assert progress(client, "old worker", "v1", NAMES) == Progress(1, 0, 0)


def test_a_declaration_between_the_two_reads_of_a_worker_leaves_the_row_pending(client: Client) -> None:
    four_apart(client, "between")
    before = in_force(client, "between")
    declare(client, "between", NEAR, 1)
    write_results(client, work(client, "between", before))
    assert progress(client, "between", "v1", NAMES) == Progress(1, 1, 0)
    assert reconcile(client, NAMES, dataset="between") == 1
    assert hits(client, "between") == 0


def work(client: Client, dataset: str, declared: Declared, rows: tuple[str, ...] = ("r",)) -> Any:
    return match(dataset, load_events(client, dataset, rows), NAMES, declared.ontology, declared.revisions)


@pytest.mark.parametrize("seed", some_seeds(2))
def test_any_interleaving_of_events_declarations_and_workers_ends_as_a_clean_run(client: Client, seed: int) -> None:
    """Workers read what is declared, then the events, and write: each at any moment, some long after."""
    rng = random.Random(seed)
    rows = tuple(f"row {number}" for number in range(8))
    events = [with_points(event) for row in rows for event in random_history(rng, row)]
    clean, messy = f"clean {seed} declared", f"messy {seed} declared"
    for version, ontology in DECLARATIONS:
        declare(client, clean, ontology, version)
    send(client, clean, events)
    reconcile(client, NAMES, dataset=clean)

    steps: list[Payload | tuple[int, Ontology] | str] = [*events, *rng.choices(events, k=10)]
    steps += DECLARATIONS + rng.choices(DECLARATIONS, k=2) + ["begin", "load", "write"] * 8 + ["reconcile"] * 2
    rng.shuffle(steps)
    begun: list[Declared] = []
    loaded: list[Any] = []
    for step in in_batches(steps):
        if isinstance(step, list):
            send(client, messy, step)
        elif isinstance(step, tuple):
            declare(client, messy, step[1], step[0])
        elif step == "begin":
            begun.append(in_force(client, messy))
        elif step == "load" and begun:
            loaded.append(work(client, messy, begun.pop(rng.randrange(len(begun))), rows))
        elif step == "write" and loaded:
            write_results(client, loaded.pop(rng.randrange(len(loaded))))
        elif step == "reconcile":
            reconcile(client, NAMES, dataset=messy)
    reconcile(client, NAMES, dataset=messy)
    for late in loaded:
        write_results(client, late)

    expected, found = results(client, clean), results(client, messy)
    assert list(found) == list(expected)
    for key, row in expected.items():
        assert found[key] == row, key
    counted = distinct_events(events)
    assert {key: found[key]["version"] for key in counted} == {key: count + REVISIONS for key, count in counted.items()}
    for run in RUNS:
        assert progress(client, messy, run, NAMES) == Progress(sum(own == run for _, own in counted), 0, 0)
