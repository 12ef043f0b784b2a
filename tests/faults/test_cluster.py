"""Whatever dies, and whatever comes twice or late: afterwards every row is that of a run that nothing happened to.

A short version of each fault by default; FAULTS=full (``make test-faults``) strikes more often and for longer.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from evalstream_devcluster import kafka

from tests.faults.cluster import (
    PATIENCE,
    Cluster,
    Load,
    Message,
    found_results,
    messages,
    moments,
    wait_until_matched,
)
from tests.faults.workload import DATA_ROWS, Part, ResultRow, clean_results, differences, make_parts

pytestmark = [pytest.mark.faults, pytest.mark.kafka]

FULL = os.environ.get("FAULTS") == "full"
#: Who is struck while one load comes in: by default one after the other, so that there is one load to wait for.
KILLED = [[name] * 5 for name in ("ingest", "matcher-1", "query")] if FULL else [["ingest", "matcher-1", "query"]]
BROKER = [["stop"], ["kill"]] if FULL else [["stop", "kill"]]
LOAD_SECONDS = 20 if FULL else 3
OUTAGE_SECONDS = 20 if FULL else 3


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return make_parts(seed=11)


@pytest.fixture(scope="module")
def expected(parts: list[Part], tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], ResultRow]:
    return clean_results(tmp_path_factory.mktemp("clean"), parts)


@pytest.fixture
def dataset(request: pytest.FixtureRequest) -> str:
    return request.node.name.replace("[", "-").replace("]", "")


Expected = dict[tuple[str, str, str], ResultRow]


def assert_equal(cluster: Cluster, dataset: str, expected: Expected) -> None:
    wait_until_matched(cluster, dataset, DATA_ROWS)
    # Nothing may be pending while a row's last event is still on its way through Kafka.
    assert eventually(lambda: not differences(found_results(cluster, dataset), expected)), differences(
        found_results(cluster, dataset), expected
    )


def eventually(true: Callable[[], bool]) -> bool:
    """Wait until something is so, and tell whether it came to that."""
    deadline = time.monotonic() + PATIENCE
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


@pytest.mark.parametrize("names", KILLED, ids=lambda names: names[-1])
def test_kill(cluster: Cluster, parts: list[Part], expected: Expected, dataset: str, names: list[str]) -> None:
    with Load(cluster.broker.bootstrap, messages(parts, dataset), LOAD_SECONDS) as load:
        for share, name in zip(moments(1, len(names)), names, strict=True):
            load.wait_for(share)
            cluster.kill(name)
    assert_equal(cluster, dataset, expected)


def test_matchers_join_and_leave(cluster: Cluster, parts: list[Part], expected: Expected, dataset: str) -> None:
    with Load(cluster.broker.bootstrap, messages(parts, dataset), LOAD_SECONDS) as load:
        load.wait_for(0.2)
        cluster.join("matcher-3")
        load.wait_for(0.5)
        cluster.leave("matcher-1")
        load.wait_for(0.7)
        cluster.join("matcher-1")
        cluster.leave("matcher-3")
    assert_equal(cluster, dataset, expected)


@pytest.mark.parametrize("ways", BROKER, ids=lambda ways: ways[-1])
def test_broker_restart(cluster: Cluster, parts: list[Part], expected: Expected, dataset: str, ways: list[str]) -> None:
    with Load(cluster.broker.bootstrap, messages(parts, dataset), LOAD_SECONDS) as load:
        for share, how in zip((0.3, 0.6), ways, strict=False):
            load.wait_for(share)
            {"stop": kafka.stop, "kill": kafka.kill}[how](cluster.broker)
            cluster.broker = kafka.restart(cluster.broker)
    assert_equal(cluster, dataset, expected)


def test_clickhouse_outage(cluster: Cluster, parts: list[Part], expected: Expected, dataset: str) -> None:
    with Load(cluster.broker.bootstrap, messages(parts, dataset), LOAD_SECONDS) as load:
        load.wait_for(0.3)
        cluster.stop_clickhouse()
        time.sleep(OUTAGE_SECONDS)
        cluster.start_clickhouse()
    assert_equal(cluster, dataset, expected)


def test_duplicated_and_reordered_delivery(
    cluster: Cluster, parts: list[Part], expected: Expected, dataset: str
) -> None:
    twice = messages(parts, dataset) * 2
    random.Random(3).shuffle(twice)
    with Load(cluster.broker.bootstrap, twice, LOAD_SECONDS):
        pass
    assert_equal(cluster, dataset, expected)


def test_poison_holds_up_nothing_and_is_kept(
    cluster: Cluster, parts: list[Part], expected: Expected, dataset: str
) -> None:
    good = messages(parts, dataset)
    topic = "evalstream.predictions"
    key = f"{dataset}/poison".encode()
    start = f'{{"dataset":"{dataset}","data_row":"poison","run":"first","operation":"replace"'.encode()
    nan = start + b',"predictions":[{"type":"bbox","feature":"f","bbox":[0,NaN,1,1]}]}'
    poison = [
        Message(topic, key, b"{not json"),
        Message(topic, key, b"\xff\xfe\x00"),
        Message(topic, key, nan),
        Message(topic, key, start + b',"schema_version":99}'),
        Message(topic, key, b""),
        Message(topic, key, b" " * (20 * 1024 * 1024) + b"{}"),
    ]
    # A header that is no text must not lose the batch that it comes with, nor the good record that carries it.
    good[5] = good[5]._replace(headers=(("trace", b"\xff\xfe"),))
    mixed = list(good)
    for i, message in enumerate(poison):
        mixed.insert(100 + i * 50, message)
    with Load(cluster.broker.bootstrap, mixed, LOAD_SECONDS):
        pass
    assert_equal(cluster, dataset, expected)
    client = cluster.clickhouse()

    def kept() -> list[Any]:
        return list(
            client.query(
                "SELECT partition, position, reason, payload FROM dead_letters FINAL WHERE source = {topic:String}"
                " AND key = {key:String} ORDER BY position",
                parameters={"topic": topic, "key": key.decode()},
                query_formats={"String": "bytes"},
                column_formats={"reason": "string"},
            ).result_rows
        )

    eventually(lambda: len(kept()) >= len(poison))
    letters = kept()
    client.close()
    assert [row[3] for row in letters] == [message.value for message in poison]
    assert len({row[0] for row in letters}) == 1
    said = [row[2] if isinstance(row[2], str) else row[2].decode() for row in letters]
    for reason, word in zip(said, ["JSON", "JSON", "finite", "schema_version: 99", "", "limit"], strict=True):
        assert word in reason, reason


def test_the_same_upload_twice(cluster: Cluster, parts: list[Part], expected: Expected, dataset: str) -> None:
    with httpx.Client(base_url=cluster.url("ingest"), timeout=60) as http:
        for part in (*parts, *parts):
            route = part.route.replace("/datasets/street", f"/datasets/{dataset}")
            answer = http.post(route, content=b"\n".join(part.lines)).raise_for_status().json()
            assert answer == {"accepted": len(part.lines), "rejected": 0, "errors": [], "position": None}
    assert_equal(cluster, dataset, expected)


def test_everything_at_once(
    cluster: Cluster, parts: list[Part], expected: Expected, dataset: str, tmp_path: Path
) -> None:
    names = ["ingest", "matcher-1", "matcher-2", "query"]
    rng = random.Random(7)
    with Load(cluster.broker.bootstrap, messages(parts, dataset), LOAD_SECONDS) as load:
        for share in moments(8, 10 if FULL else 4):
            load.wait_for(share)
            cluster.kill(rng.choice(names))
        cluster.stop_clickhouse()
        cluster.start_clickhouse()
    assert_equal(cluster, dataset, expected)
