"""Whatever dies, and whatever comes twice or late: afterwards every row is that of a run that nothing happened to.

A short version of each fault by default; FAULTS=full (``make test-faults``) strikes more often and for longer.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from evalstream import positions
from evalstream_cluster import positions as positions_of_cluster
from evalstream_cluster.connection import kafka_admin
from evalstream_cluster.reflected import is_ingested, reflecting
from evalstream_cluster.settings import ServiceSettings
from evalstream_cluster.topics import CHANGED_ROWS
from evalstream_devcluster import kafka

from tests.faults.cluster import (
    PARTITIONS,
    PATIENCE,
    Cluster,
    Load,
    Message,
    as_uploaded,
    found_results,
    messages,
    moments,
    wait_until_matched,
)
from tests.faults.workload import DATA_ROWS, Part, ResultRow, clean_results, differences, make_parts

pytestmark = [pytest.mark.faults, pytest.mark.kafka]

FULL = os.environ.get("FAULTS") == "full"
LOAD_SECONDS = 20 if FULL else 2
OUTAGE_SECONDS = 20 if FULL else 1

Strike = Callable[[Cluster], None]


def kill(name: str) -> Strike:
    return lambda cluster: cluster.kill(name)


def join(name: str) -> Strike:
    return lambda cluster: cluster.join(name)


def leave(name: str) -> Strike:
    return lambda cluster: cluster.leave(name)


def broker_restart(end: Callable[[kafka.Broker], None]) -> Strike:
    def strike(cluster: Cluster) -> None:
        end(cluster.broker)
        cluster.broker = kafka.restart(cluster.broker)

    return strike


def outage(cluster: Cluster) -> None:
    cluster.stop_clickhouse()
    time.sleep(OUTAGE_SECONDS)
    cluster.start_clickhouse()


#: What strikes while one load comes in. By default each once, so that there is one load to wait for; in full each again
#: and again with a load of its own, too, and many at random.
STRIKES: dict[str, list[Strike]] = {
    "everything": [
        kill("ingest"),
        join("matcher-3"),
        kill("matcher-1"),
        kill("query"),
        leave("matcher-2"),
        broker_restart(kafka.stop),
        join("matcher-2"),
        outage,
        leave("matcher-3"),
        kill("matcher-2"),
        broker_restart(kafka.kill),
    ]
}
if FULL:
    STRIKES |= {name: [kill(name)] * 5 for name in ("ingest", "matcher-1", "query")}
    STRIKES["members"] = [join("matcher-3"), leave("matcher-1"), join("matcher-1"), leave("matcher-3")]
    STRIKES["broker stopped"] = [broker_restart(kafka.stop)]
    STRIKES["broker killed"] = [broker_restart(kafka.kill)]
    STRIKES["outage"] = [outage]
    STRIKES["at random"] = [
        *map(kill, random.Random(7).choices(["ingest", "matcher-1", "matcher-2", "query"], k=10)),
        outage,
    ]


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return make_parts(seed=11)


@pytest.fixture(scope="module")
def expected(parts: list[Part], tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], ResultRow]:
    return clean_results(tmp_path_factory.mktemp("clean"), parts)


@pytest.fixture
def dataset(request: pytest.FixtureRequest) -> str:
    return re.sub(r"\W", "-", request.node.name)


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


@pytest.mark.parametrize("name", STRIKES)
def test_whatever_is_struck_changes_nothing(
    cluster: Cluster, parts: list[Part], expected: Expected, dataset: str, name: str
) -> None:
    strikes = STRIKES[name]
    with Load(cluster.broker.bootstrap, messages(parts, dataset), LOAD_SECONDS) as load:
        shares = moments(1, len(strikes))
        for share, following, strike in zip(shares, [*shares[1:], 1.0], strikes, strict=True):
            load.hold_at(following)  # so that each strike meets events that are on their way
            load.wait_for(share)
            strike(cluster)
    assert_equal(cluster, dataset, expected)


def test_what_comes_again_in_any_order_by_both_ways_changes_nothing_and_poison_is_kept(
    cluster: Cluster, parts: list[Part], expected: Expected, dataset: str
) -> None:
    mixed = as_uploaded(parts, dataset) * 2
    random.Random(3).shuffle(mixed)
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
    mixed[5] = mixed[5]._replace(headers=(*mixed[5].headers, ("trace", b"\xff\xfe")))
    for i, message in enumerate(poison):
        mixed.insert(100 + i * 50, message)
    with Load(cluster.broker.bootstrap, mixed, LOAD_SECONDS):
        pass
    upload(cluster, parts, dataset)
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


#: What strikes between an upload and the question that waits for it: each stage is met at work, and on the way from one
#: member to another.
BETWEEN: dict[str, list[Strike]] = {
    "matchers": [kill("matcher-1"), kill("matcher-2")],
    "ingest": [kill("ingest")],
    "both": [kill("ingest"), kill("matcher-1"), broker_restart(kafka.stop), kill("matcher-2")],
}
WAITED_ROWS = 400


@pytest.mark.parametrize("name", BETWEEN)
def test_what_waits_for_an_upload_is_answered_with_all_of_it(cluster: Cluster, dataset: str, name: str) -> None:
    position = upload_cars(cluster, dataset)
    for strike in BETWEEN[name]:
        strike(cluster)
    assert_all_of_it(cluster, dataset, position)


def test_what_kafka_drops_before_a_matcher_reads_it_is_waited_for(cluster: Cluster, dataset: str) -> None:
    """As when no matcher runs for longer than the topic of changed rows is kept."""
    cluster.leave("matcher-1")
    cluster.leave("matcher-2")
    try:
        position = upload_cars(cluster, dataset)
        settings = ServiceSettings(_env_file=None, kafka_bootstrap=cluster.broker.bootstrap)
        asyncio.run(drop_words(settings, position))
    finally:
        cluster.join("matcher-1")
        cluster.join("matcher-2")
    query = {"at_least": position, "at_least_seconds": 0}
    with httpx.Client(base_url=cluster.url("query"), timeout=60) as http:
        assert http.get(f"/v1/datasets/{dataset}/runs/r/summary", params=query).status_code == 425
    cluster.wait_ready()
    upload_cars(cluster, f"{dataset}-next")  # words to every partition, each beyond a gap
    assert_all_of_it(cluster, dataset, position)


async def drop_words(settings: ServiceSettings, position: str) -> None:
    """Drop all that the matchers were told, once they were told of what a position names."""
    told = [TopicPartition(settings.topic(CHANGED_ROWS), number) for number in range(PARTITIONS)]
    ingested = asyncio.get_running_loop().time() + PATIENCE
    async with reflecting(settings) as reflected:
        wanted = positions_of_cluster.read(positions.read(position), settings)
        while not is_ingested(wanted, seen := await reflected._seen()):
            assert asyncio.get_running_loop().time() < ingested
    admin = kafka_admin(settings)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(seen.ends[place]) for place in told})
    finally:
        await admin.close()


def upload_cars(cluster: Cluster, dataset: str) -> str:
    """Upload a car on each of many rows, annotated and found; give the position of both."""
    car = {"type": "bbox", "feature": "car", "bbox": [0, 0, 9, 9]}

    def lines(side: str, **more: float) -> bytes:
        rows = range(WAITED_ROWS)
        events = ({"data_row": str(n), "operation": "replace", side: [car | more]} for n in rows)
        return "\n".join(map(json.dumps, events)).encode()

    with httpx.Client(base_url=f"{cluster.url('ingest')}/v1/datasets/{dataset}", timeout=60) as http:
        told = [
            http.post(path, content=content).raise_for_status().json()
            for path, content in (
                ("/annotations", lines("annotations")),
                ("/runs/r/predictions", lines("predictions", confidence=0.9)),
            )
        ]
    assert [answer["accepted"] for answer in told] == [WAITED_ROWS, WAITED_ROWS]
    position = positions.latest([answer["position"] for answer in told])
    assert position is not None
    return position


def assert_all_of_it(cluster: Cluster, dataset: str, position: str) -> None:
    """Ask until the question is answered: the first answer has everything."""
    query = {"at_least": position, "at_least_seconds": 30}
    late: list[Any] = []
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(base_url=cluster.url("query"), timeout=60) as http:
        while (answer := http.get(f"/v1/datasets/{dataset}/runs/r/summary", params=query)).status_code in (425, 503):
            late.append(answer.json())
            assert time.monotonic() < deadline, late
    assert answer.status_code == 200, answer.text
    counts = answer.json()
    assert [counts[name] for name in ("rows", "tp", "fp", "fn")] == [WAITED_ROWS, WAITED_ROWS, 0, 0]


@pytest.mark.skipif(not FULL, reason="by default what came through Kafka is uploaded again, by the test before")
def test_the_same_upload_twice(cluster: Cluster, parts: list[Part], expected: Expected, dataset: str) -> None:
    upload(cluster, [*parts, *parts], dataset)
    assert_equal(cluster, dataset, expected)


def upload(cluster: Cluster, parts: list[Part], dataset: str) -> None:
    with httpx.Client(base_url=cluster.url("ingest"), timeout=60) as http:
        for part in parts:
            route = part.route.replace("/datasets/street", f"/datasets/{dataset}")
            answer = http.post(route, content=b"\n".join(part.lines)).raise_for_status().json()
            assert (answer["accepted"], answer["rejected"]) == (len(part.lines), 0)
