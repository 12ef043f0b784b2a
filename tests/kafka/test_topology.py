"""The whole cluster as processes: the numbers are those of the embedded mode, and nothing is dropped in silence."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from evalstream.client.files import How, annotation_lines, prediction_lines
from evalstream.storage.dead_letters import DeadLetter, keep_dead_letters
from evalstream.storage.engine import open_server
from evalstream_cli.main import app
from evalstream_devcluster import clickhouse_process, kafka, services, topology
from evalstream_devcluster.topology_cli import app as dev
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from typer.testing import CliRunner

from benchmarks.workload import coco_files
from tests.asking import asking
from tests.prefork import services_forked

pytestmark = pytest.mark.kafka

PATIENCE = 60
PREFIX = f"test-{uuid4().hex[:8]}"
ANNOTATIONS, PREDICTIONS = f"{PREFIX}.annotations", f"{PREFIX}.predictions"
DATASET, RUN = "street", "first"
BASE = f"/v1/datasets/{DATASET}/runs/{RUN}"
ROWS = 60
DEAD_LETTERS = "/v1/dead-letters"

Event = dict[str, Any]
Found = TypeVar("Found")


class Cluster(NamedTuple):
    home: Path
    bootstrap: str
    clickhouse: str
    ingest: httpx.Client
    query: httpx.Client


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a topology with topics of its own; it stops when the tests are over."""
    home = tmp_path_factory.mktemp("dev")
    if not kafka.bootstrap_from_environment():
        jars = kafka.install(kafka.default_home())
        (home / "kafka").mkdir()
        (home / "kafka" / jars.name).symlink_to(jars)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("EVALSTREAM_")]:
            patch.delenv(name, raising=False)
        patch.setenv("EVALSTREAM_DEV_HOME", str(home))
        patch.setenv("EVALSTREAM_KAFKA_TOPIC_PREFIX", PREFIX)
        patch.setenv("EVALSTREAM_KAFKA_GROUP_PREFIX", PREFIX)
        # How ingest starts from the beginning is tested in test_secured_services.py.
        with services_forked("matcher", "query"):
            try:
                yield home
            finally:
                topology.down(home)


@pytest.fixture
def cluster(home: Path) -> Iterator[Cluster]:
    """The topology with everything running, on what KAFKA_BOOTSTRAP and CLICKHOUSE_URL name, or else on its own."""
    found = {member.name: member for member in topology.up(plan(home))}
    assert list(found) == ["kafka", "clickhouse", "ingest", "matcher-1", "matcher-2", "query"]
    assert all(member.ready for member in found.values())
    with (
        httpx.Client(base_url=found["ingest"].address, timeout=60) as ingest,
        httpx.Client(base_url=found["query"].address, timeout=60) as query,
    ):
        yield Cluster(home, found["kafka"].address, found["clickhouse"].address, ingest, query)


def plan(home: Path) -> topology.Plan:
    return topology.Plan(home, matchers=2, port=0, kafka_port=0, clickhouse_port=0)


def workload() -> tuple[list[Event], list[Event]]:
    """Annotations and predictions with a version each: few different places and confidences, so that ties are many."""
    chance = random.Random(5)

    def objects(predicted: bool) -> list[Event]:
        return [
            {
                "type": "bbox",
                "feature": chance.choice(["car", "bus", "bike"]),
                "bbox": [chance.randrange(0, 40, 4), 0, 10, 10],
                **({"confidence": chance.choice([0.2, 0.5, 0.9])} if predicted else {}),
            }
            for _ in range(chance.randrange(6))
        ]

    names = [f"row {number} é" for number in range(ROWS)]
    truth = [{"data_row": name, "operation": "replace", "version": 1, "annotations": objects(False)} for name in names]
    found = [
        {"data_row": name, "operation": "replace", "version": version, "predictions": objects(True)}
        for version in (1, 2)
        for name in names
    ]
    return truth, found


def ndjson(events: Sequence[Event]) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in events)


def upload(http: httpx.Client, truth: Sequence[Event], found: Sequence[Event]) -> None:
    for path, events in ((f"/v1/datasets/{DATASET}/annotations", truth), (f"{BASE}/predictions", found)):
        answer = http.post(path, content=ndjson(events)).raise_for_status().json()
        assert (answer["accepted"], answer["rejected"]) == (len(events), 0)


def produce(bootstrap: str, records: Sequence[dict[str, Any]]) -> list[str]:
    """Send records one after another; return the place of each."""

    async def send() -> list[str]:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
            sent = [await producer.send_and_wait(**record) for record in records]
        return [f"{place.topic}/{place.partition}/{place.offset}" for place in sent]

    return asyncio.run(send())


def until(ask: Callable[[], Found | None]) -> Found:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come to pass")


def matched(http: httpx.Client) -> bool:
    answer = http.get(f"{BASE}/progress")
    return answer.is_success and answer.json()["rows"] == ROWS and not answer.json()["pending"]


def figures(http: httpx.Client) -> dict[str, Any]:
    questions = [
        f"{question}?policy={policy}&confidence={confidence}"
        for question in ("summary", "classes", "confusion-matrix", "average-precision", "pr-curve")
        for policy, confidence in (("iou-greedy", 0), ("coco", 0), ("coco", 0.5), ("best-candidate", 0.5))
    ]
    return {question: http.get(f"{BASE}/{question}").raise_for_status().json() for question in questions}


def test_the_numbers_are_those_of_the_embedded_mode(cluster: Cluster, tmp_path: Path) -> None:
    truth, found = workload()
    upload(cluster.ingest, truth[::2], found[::2])
    direct = [
        {"topic": topic, "value": json.dumps(event | where).encode(), "key": event["data_row"].encode()}
        for topic, events, where in (
            (PREDICTIONS, found[1::2], {"dataset": DATASET, "run": RUN}),
            (ANNOTATIONS, truth[1::2], {"dataset": DATASET}),
        )
        for event in events
    ]
    produce(cluster.bootstrap, direct)
    until(lambda: matched(cluster.query))
    with asking(make_app(LocalSettings(_env_file=None, data=tmp_path))) as embedded:
        upload(embedded, truth, found)
        until(lambda: matched(embedded))
        expected = figures(embedded)
    # What is sent again, in another order and by the other way, changes nothing.
    upload(cluster.ingest, truth[::-1], found[::-1])
    assert expected["summary?policy=coco&confidence=0"]["tp"] > 0
    until(lambda: matched(cluster.query))
    assert figures(cluster.query) == expected


def test_files_come_in_columns(cluster: Cluster, tmp_path: Path) -> None:
    truth, found = coco_files(8, 6)
    paths = tmp_path / "gt.json", tmp_path / "dt.json"
    for path, content in zip(paths, (truth, found), strict=True):
        path.write_text(json.dumps(content))
    read, known = annotation_lines(paths[0], "files", How())
    lines = list(prediction_lines(paths[1], paths[0], known, "files", "lines", How()).lines)
    words = ["upload", "--dataset", "files", "--annotations", str(paths[0]), "--predictions", str(paths[1])]
    words += ["--run", "columns", "--no-wait", "--url", str(cluster.ingest.base_url)]
    sent = CliRunner().invoke(app, words)
    assert "16 events accepted, 0 rejected" in sent.output, sent.output
    answer = cluster.ingest.post("/v1/datasets/files/runs/lines/predictions", content=b"\n".join(lines)).json()
    position = answer.pop("position")
    assert answer == {"accepted": 8, "rejected": 0, "errors": []}
    for run, told in (("columns", sent.output.partition("position ")[2].split()[0]), ("lines", position)):
        query = {"at_least": told, "at_least_seconds": 30}
        progress = cluster.query.get(f"/v1/datasets/files/runs/{run}/progress", params=query).raise_for_status().json()
        assert (progress["rows"], progress["pending"]) == (8, 0)
    for question in ("summary", "confusion-matrix", "average-precision?policy=coco"):
        columns, own = (cluster.query.get(f"/v1/datasets/files/runs/{run}/{question}") for run in ("columns", "lines"))
        assert columns.json() == own.json()
    assert read.columns is not None


def test_a_question_waits_for_what_a_producer_put_on_the_topics(cluster: Cluster) -> None:
    where = {"dataset": "produced", "run": RUN}
    records = [
        {"topic": PREDICTIONS, "key": name.encode(), "value": json.dumps(event | where | {"data_row": name}).encode()}
        for name, event in ((f"row {n}", {"operation": "replace", "predictions": []}) for n in range(ROWS))
    ]
    # Its own clients tell partition and offset; one of the records cannot be read, and is a dead letter.
    places = [
        place.split("/") for place in produce(cluster.bootstrap, [*records, {"topic": PREDICTIONS, "value": b"?"}])
    ]
    ends = {partition: int(offset) + 1 for _, partition, offset in places}  # the last of each partition stays
    position = ",".join(f"p{partition}.{end}" for partition, end in ends.items())
    path = f"/v1/datasets/produced/runs/{RUN}"
    query = {"at_least": position, "at_least_seconds": 30}
    assert cluster.query.get(f"{path}/summary", params=query).raise_for_status().json()["rows"] == ROWS
    assert ids(cluster.ingest) == ["/".join(places[-1])]
    say(cluster, "drop", "--yes", *ids(cluster.ingest))
    # Beyond what is there nobody knows; and of other topics, or none, nobody can tell.
    later = {"at_least": f"p0.{10**9}", "at_least_seconds": 0}
    assert cluster.query.get(f"{path}/summary", params=later).status_code == 425
    for refused, reason in (
        (f"p0-{'0' * 8}.1", "was made anew since"),
        ("p999.1", "has no partition 999"),
        ("a1b2c3.17", "is no partition"),
    ):
        answer = cluster.query.get(f"{path}/summary", params={"at_least": refused})
        assert (answer.status_code, reason in answer.json()["detail"]) == (422, True), answer.text


def test_a_declaration_has_every_row_matched_anew(cluster: Cluster) -> None:
    names = [f"row {number}" for number in range(ROWS)]
    nose = {"type": "point", "feature": "nose", "point": [0, 0]}
    far = nose | {"point": [0, 15], "confidence": 0.9}
    for path, side, item in (("annotations", "annotations", nose), (f"runs/{RUN}/predictions", "predictions", far)):
        events = [{"data_row": name, "operation": "replace", side: [item]} for name in names]
        cluster.ingest.post(f"/v1/datasets/noses/{path}", content=ndjson(events)).raise_for_status()

    def true_positives() -> int | None:
        base = f"/v1/datasets/noses/runs/{RUN}"
        answer = cluster.query.get(f"{base}/progress")
        if not answer.is_success or answer.json()["rows"] < ROWS or answer.json()["pending"]:
            return None
        found: int = cluster.query.get(f"{base}/summary").raise_for_status().json()["tp"]
        return found + 1  # 0 is an answer too

    assert until(true_positives) == 0 + 1
    for tolerance, expected in ((20, ROWS), (5, 0)):
        said = cluster.ingest.put("/v1/datasets/noses/ontology", json={"tolerance": tolerance}).raise_for_status()
        assert said.json()["in_force"]
        assert until(true_positives) == expected + 1
    assert cluster.query.get("/v1/datasets/noses/ontology").json()["revisions"] == 2


GOOD = {"dataset": "bad", "run": RUN, "data_row": "a", "operation": "replace"}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no JSON": ({"value": b"{nonsense", "key": b"\xff\x00 no text"}, "not JSON"),
    "header": (
        {
            "value": json.dumps(GOOD).encode(),
            "key": b"bad/a",
            "headers": [("evalstream-dataset", b"\xfe\xff"), ("trace", b"\x00"), ("trace", b"again")],
        },
        "header evalstream-dataset: not UTF-8",
    ),
    "NaN": (
        {
            "value": b'{"dataset":"bad","run":"first","data_row":"a","operation":"replace","predictions":'
            b'[{"type":"bbox","feature":"car","bbox":[0,0,1,1],"confidence":NaN}]}',
            "key": b"bad/a",
        },
        "predictions.0.confidence",
    ),
    "schema version": (
        {"value": json.dumps(GOOD | {"schema_version": 99}).encode(), "key": None},
        "schema_version: 99",
    ),
    "null": ({"value": None, "key": b"bad/a"}, "not JSON"),
}


def whole(http: httpx.Client, name: str) -> dict[str, Any] | None:
    """A dead letter with its bytes as bytes; None if there is none."""
    answer = http.get(f"{DEAD_LETTERS}/{name}")
    if answer.status_code == 404:
        return None
    letter: dict[str, Any] = answer.raise_for_status().json()
    content = {field: _bytes(letter[field]) for field in ("key", "payload")}
    return letter | content | {"headers": [(item["name"], _bytes(item["value"])) for item in letter["headers"]]}


def _bytes(encoded: str | None) -> bytes | None:
    return None if encoded is None else urlsafe_b64decode(encoded)


def ids(http: httpx.Client) -> list[str]:
    found = http.get(DEAD_LETTERS, params={"oldest_first": True}).raise_for_status().json()["dead_letters"]
    return [letter["id"] for letter in found]


def say(cluster: Cluster, *words: str) -> str:
    answer = CliRunner().invoke(app, ["dead-letters", *words, "--url", str(cluster.ingest.base_url)])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_every_bad_record_is_kept_whole_and_can_be_put_back_or_dropped(cluster: Cluster) -> None:
    topic = PREDICTIONS
    harmless = {"topic": topic, "value": json.dumps(GOOD).encode(), "headers": [("trace", b"\xff")]}
    *places, _ = produce(cluster.bootstrap, [*({"topic": topic, **sent} for sent, _ in BAD.values()), harmless])
    for place, (sent, reason) in zip(places, BAD.values(), strict=True):
        letter = until(lambda place=place: whole(cluster.ingest, place))
        assert (letter["source"], letter["partition"], letter["position"]) == (topic, *map(int, place.split("/")[1:]))
        assert reason in letter["reason"]
        assert (letter["payload"], letter["key"]) == (sent["value"], sent["key"])
        assert letter["headers"] == sent.get("headers", [])
    assert sorted(ids(cluster.ingest)) == sorted(places)  # and the harmless header is nobody's business

    # Still bad, so each becomes another dead letter with the very same content.
    assert f"{len(BAD)} put back" in say(cluster, "replay", "--yes", "--source", topic)
    again = until(lambda: found if len(found := ids(cluster.ingest)) == len(BAD) else None)
    assert not set(again) & set(places)
    contents = [whole(cluster.ingest, name) or {} for name in again]
    found = sorted(repr((letter["payload"], letter["key"], letter["headers"])) for letter in contents)
    assert found == sorted(repr((sent["value"], sent["key"], sent.get("headers", []))) for sent, _ in BAD.values())
    assert "1 dropped" in say(cluster, "drop", "--yes", "--reason", "SCHEMA_version")
    assert f"{len(BAD) - 1} dropped" in say(cluster, "drop", "--yes", *ids(cluster.ingest))
    assert ids(cluster.ingest) == []


def test_a_record_that_can_be_read_by_now_becomes_an_event(cluster: Cluster) -> None:
    event = json.dumps({"dataset": "mended", "run": RUN, "data_row": "a", "operation": "replace"}).encode()
    letter = DeadLetter("evalstream.predictions/0/999", PREDICTIONS, 0, 999, b"k", [], "", "too new", event)
    client = open_server(cluster.clickhouse)
    keep_dead_letters(client, [letter])
    keep_dead_letters(client, [letter])  # delivered twice
    client.close()
    assert ids(cluster.ingest) == [letter.id]
    assert "1 put back" in say(cluster, "replay", letter.id, "--yes")
    until(lambda: cluster.query.get(f"/v1/datasets/mended/runs/{RUN}/progress").is_success)
    assert ids(cluster.ingest) == []


def test_what_is_deleted_stays_so_whatever_comes_late(cluster: Cluster) -> None:
    def upload(run: str, **more: Any) -> None:
        line = json.dumps({"data_row": "r", "operation": "replace", **more})
        cluster.ingest.post(f"/v1/datasets/gone/runs/{run}/predictions", content=line).raise_for_status()

    def done(run: str) -> int | None:
        answer = cluster.query.get(f"/v1/datasets/gone/runs/{run}/progress")
        return answer.json()["done"] if answer.is_success else None

    upload("v1", version=5)
    upload("v2", version=5)
    until(lambda: done("v1") == done("v2") == 1)
    words = ["delete", "run", "gone", "v1", "--yes", "--json", "--url", str(cluster.ingest.base_url)]
    deleted = json.loads(CliRunner().invoke(app, words).stdout)
    assert (deleted["events"], deleted["data_rows"]) == (1, 1)
    assert cluster.query.get("/v1/datasets/gone/runs/v1/summary").status_code == 404
    assert done("v2") == 1
    upload("v1", version=deleted["version"])  # late
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 1, 1]}
    upload("v2", version=deleted["version"] + 1, predictions=[box])  # comes after it on the same partition
    until(lambda: cluster.query.get("/v1/datasets/gone/runs/v2/summary").json()["predictions"] == 1)
    assert done("v1") is None
    upload("v1", version=deleted["version"] + 1)
    until(lambda: done("v1") == 1)


def test_what_was_killed_or_has_ended_is_started_again_and_nothing_else(cluster: Cluster) -> None:
    before = {member.name: member.pid for member in topology.status(cluster.home)}
    victim = services.running(cluster.home / "services" / "matcher-1")
    assert victim is not None
    services.kill(victim)
    assert not services.alive(victim)
    assert "matcher-1" not in {member.name for member in topology.status(cluster.home)}
    cli = CliRunner().invoke(dev, ["status"])
    assert cli.exit_code == 1
    assert "matcher-1 does not run" in cli.output
    after = {member.name: member.pid for member in topology.up(plan(cluster.home))}
    assert {name for name in after if after[name] != before[name]} == {"matcher-1"}
    assert CliRunner().invoke(dev, ["status"]).exit_code == 0
    logs = CliRunner().invoke(dev, ["logs", "matcher-1", "-n", "500"])
    assert "matcher has" in logs.output


def test_reconcile_and_replay_work_on_the_cluster(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSTREAM_CLICKHOUSE_URL", cluster.clickhouse)
    upload(cluster.ingest, *workload())
    until(lambda: matched(cluster.query))
    expected = figures(cluster.query)
    client = open_server(cluster.clickhouse)
    client.command(f"DELETE FROM results WHERE dataset = '{DATASET}' AND data_row < 'row 3'")
    client.close()
    assert not matched(cluster.query)
    repaired = CliRunner().invoke(app, ["reconcile", "--dataset", DATASET])
    assert "data rows matched anew" in repaired.output, repaired.output
    assert figures(cluster.query) == expected
    assert "up to date" in CliRunner().invoke(app, ["reconcile"]).output
    monkeypatch.delenv("EVALSTREAM_CLICKHOUSE_URL")  # and so by the service, which has the route in both modes
    words = ["replay", "--dataset", DATASET, "--url", str(cluster.ingest.base_url)]
    assert f"{ROWS} data rows matched anew" in CliRunner().invoke(app, words).output
    assert figures(cluster.query) == expected


@pytest.mark.last
def test_down_stops_everything_and_a_stale_record_is_not_believed(cluster: Cluster) -> None:
    pids = [member.pid for member in topology.status(cluster.home) if member.pid]
    assert topology.down(cluster.home) == len(pids)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    record = {"name": "query", "port": 1, "pid": os.getpid(), "born": "long ago"}
    (cluster.home / "services" / "query" / "service.json").write_text(json.dumps(record))
    # The user's own servers are none of our business.
    theirs = [kafka.bootstrap_from_environment(), clickhouse_process.url_from_environment()]
    assert len(topology.status(cluster.home)) == sum(address is not None for address in theirs)
    assert topology.down(cluster.home) == 0
    assert clickhouse_process.running(cluster.home / "clickhouse") is None
