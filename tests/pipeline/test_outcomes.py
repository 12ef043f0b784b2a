"""What is worked out of a row at hand is what the engine works out of all of them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events.base import Crowd
from evalstream.ontology import Ontology, OntologyClass
from evalstream.scoring.causes import ErrorOptions, causes
from evalstream.scoring.counting import count
from evalstream.scoring.outcomes import outcomes, row_metrics
from evalstream.selection import Selection
from evalstream.storage.ontologies import declare
from evalstream.stored.causes import caused
from evalstream.stored.columns import AS_READ, every_kind, stored
from evalstream.stored.counted import ROW_METRICS, ask_arrow

from tests.feeding import feed

CLASSES = ("car", "bus", "van")
FILTERS: list[dict[str, Any]] = [
    {},
    {"confidence": 0.3, "iou": 0.25},
    {"confidence": 1.0, "iou": 1.0},
    {"feature": ["car", "weather"]},
    {"feature": ["car"], "iou": 0.25},
    {"type": ["radio"]},
    {"roll_up": 1, "iou": 0.1},
]


def thing(rng: random.Random, *, predicted: bool) -> dict[str, Any]:
    own: dict[str, Any] = {"confidence": rng.choice([0.1, 0.3, 0.3, 0.9])} if predicted else {}
    if rng.random() < 0.2:
        return {"type": "radio", "feature": "weather", "answer": rng.choice(["rain", "sun"])} | own
    if rng.random() < 0.1:
        return {"type": "number", "feature": "age", "answer": 3} | own
    if not predicted and rng.random() < 0.2:
        own = {rng.choice(["crowd", "difficult", "group_of"]): True}
    box = [rng.choice([0, 5, 10, 40]), rng.choice([0, 5, 40]), rng.choice([20, 40, 120]), rng.choice([20, 50])]
    return {"type": "bbox", "feature": rng.choice(CLASSES), "bbox": box} | own


@pytest.fixture(scope="module", autouse=True)
def _fed(client: Client) -> None:
    rng = random.Random(23)
    names = [f"row-{i}" for i in range(60)]
    truth = {name: [thing(rng, predicted=False) for _ in range(rng.randrange(6))] for name in names}
    found = {name: [thing(rng, predicted=True) for _ in range(rng.randrange(9))] for name in names}
    # More than count of a class in a row, under COCO's rules.
    found["crowded"] = [thing(rng, predicted=True) for _ in range(400)]
    truth["crowded"] = [thing(rng, predicted=False) for _ in range(30)]
    declare(client, "street", Ontology(classes=[OntologyClass(name=name, parent="vehicle") for name in CLASSES[:2]]), 1)
    feed(client, "street", truth, {"v1": found})


#: Each under every filter with the one or the other options, and the other way round under the next filter.
AREAS = [("iou-greedy", "all"), ("best-candidate", "all"), *(("coco", area) for area in ("all", "small", "medium"))]
#: Where a column of the engine has another name.
IN_SQL = {"pair_counts": "counting", "iou": "match_iou"}
OPTIONS = (ErrorOptions(), ErrorOptions(background=0.4, max_detections=3))


#: Every filter under every other of these, the next ones with the next filter: ``coco`` among them always.
CASES = [
    (number, *own, chosen)
    for place, chosen in enumerate(FILTERS)
    for number, own in enumerate(AREAS)
    if (number + place) % 2 == 0
]


@pytest.mark.parametrize(("number", "policy", "area", "chosen"), CASES, ids=str)
def test_what_is_worked_out_in_memory_is_what_the_engine_says(
    client: Client, number: int, policy: Any, area: Any, chosen: dict[str, Any]
) -> None:
    options = OPTIONS[(number // 2 + FILTERS.index(chosen)) % 2]
    selection = Selection(dataset="street", run="v1", policy=policy, area=area, **chosen)
    sql, parameters = caused(selection, options)
    same = "arrayMap((a, p) -> a = p, match_actual, match_predicted) AS same_label"
    metrics = ", ".join(f"toNullable(toFloat64({one})) AS row_{name}" for name, one in ROW_METRICS.items())
    table = ask_arrow(client, f"SELECT *, {same}, {metrics} FROM ({sql})", parameters, **AS_READ)
    read = stored(table, every_kind(client, selection))
    of, asked, near = read.columns, read.selection, read.nearest
    assert near is not None
    counting = count(of, asked)
    rows = list(outcomes(of, counting, causes(of, counting, near, asked, options)))
    assert len(rows) == 61
    for values, found in zip(table.to_pylist(), rows, strict=True):
        for name, own in found._asdict().items():
            said = values[IN_SQL.get(name, name)]
            assert own == [None if one == "" else one for one in said], name
        scores = row_metrics(found)
        assert list(scores.values()) == pytest.approx([values[f"row_{name}"] for name in scores], abs=1e-12)
        assert tuple(scores) == tuple(ROW_METRICS)


def test_the_rows_hold_every_awkward_case(client: Client) -> None:
    codes = set(client.query("SELECT DISTINCT arrayJoin(annotation_crowd) FROM results").result_columns[0])
    assert codes >= {Crowd.OBJECT, Crowd.CROWD, Crowd.GROUP_OF, Crowd.DIFFICULT}
    sql, parameters = caused(Selection(dataset="street", run="v1", policy="coco", iou=0.6))
    causes = client.query(
        f"SELECT DISTINCT arrayJoin(arrayConcat(prediction_cause, annotation_cause)) FROM ({sql})",
        parameters=parameters,
    ).result_columns[0]
    assert len(set(causes)) >= 6
    ((most,),) = client.query(f"SELECT max(arrayMax(prediction_rank)) FROM ({sql})", parameters=parameters).result_rows
    assert most >= 100
