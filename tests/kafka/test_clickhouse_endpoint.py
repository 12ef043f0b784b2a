"""The development stand-in for ClickHouse: a real process, spoken to by the real client."""

from __future__ import annotations

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import httpx
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, Error
from evalstream.storage.deletions import Scope, bury, bury_many, erase, erase_rows, left_over, load_deletions
from evalstream.storage.engine import open_server
from evalstream.storage.migrate import migrate
from evalstream_devcluster import clickhouse, clickhouse_cli
from evalstream_devcluster.clickhouse_engine import split_insert
from typer.testing import CliRunner

from tests.prefork import services_forked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

USER, PASSWORD = "evalstream", 'it\'s "a" påss:word\\'
SLOW = "SELECT sum(sleepEachRow(0.5)) FROM numbers(8)"
SLOW_SETTINGS = {"max_block_size": 1, "function_sleep_max_microseconds_per_block": 10**9}


def connect(endpoint: clickhouse.Endpoint, **options: Any) -> Client:
    options = {"username": USER, "password": PASSWORD} | options
    return clickhouse_connect.get_client(host=endpoint.host, port=endpoint.port, **options)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clickhouse.Endpoint]:
    with services_forked():
        endpoint = clickhouse.start(tmp_path_factory.mktemp("clickhouse"), port=0, users={USER: PASSWORD})
        yield endpoint
        clickhouse.stop(endpoint)


@pytest.fixture
def client(endpoint: clickhouse.Endpoint) -> Iterator[Client]:
    with connect(endpoint) as client:
        yield client


@pytest.fixture
def own_endpoint(tmp_path: Path) -> Iterator[clickhouse.Endpoint]:
    """An endpoint that the test may stop and kill."""
    with services_forked():
        endpoint = clickhouse.start(tmp_path, port=0, users={USER: PASSWORD})
        yield endpoint
        if alive := clickhouse.running(tmp_path):
            clickhouse.kill(alive)


def test_replacing_merge_tree_with_every_type_we_use(client: Client) -> None:
    client.command("CREATE DATABASE nested")
    client.command("""
        CREATE TABLE nested.images (
            id UInt64, version UInt64, is_deleted UInt8, labels Array(LowCardinality(String)),
            boxes Array(Array(Float64)), attributes Map(String, String), at DateTime64(6, 'UTC'),
            score Nullable(Float64)
        ) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY id
    """)
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    rows = [
        (1, 1, 0, ["old"], [], {}, at, None),
        (1, 2, 0, ["cat", "it's; \n"], [[0.1, 1e300], []], {"k\t": "v\\"}, at, 0.25),
        (2, 1, 0, ["gone"], [[1.0]], {"a": "b"}, at, 1.0),
        (2, 2, 1, [], [], {}, at, None),
        (3, 1, 0, [], [], {}, at, None),
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    summary = client.insert("images", columns, column_names="*", database="nested", column_oriented=True)
    assert summary.written_rows == len(rows)
    client.command("ALTER TABLE nested.images DELETE WHERE id = 9 SETTINGS mutations_sync = 1")
    found = client.query("SELECT * FROM nested.images FINAL ORDER BY id", tz_mode="aware")
    assert found.result_rows == [rows[1], rows[4]]
    assert found.column_types[3].name == "Array(LowCardinality(String))"

    with connect(clickhouse_endpoint(client), database="nested") as inside:
        assert inside.command("SELECT count() FROM images FINAL") == 2
        frame = inside.query_df("SELECT id, score FROM images FINAL ORDER BY id", tz_mode="aware")
    assert frame["id"].tolist() == [1, 3]


def clickhouse_endpoint(client: Client) -> Any:
    host, _, port = client.uri.removeprefix("http://").partition(":")
    return clickhouse.Endpoint(path=None, pid=0, host=host, port=int(port))  # type: ignore[arg-type]


def test_arrow_round_trip(client: Client) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2, 3], pa.uint64()),
            "polygon": pa.array([[[0.5, 1.5], [2.5]], [], [[]]], pa.list_(pa.list_(pa.float64()))),
            "tags": pa.array([["a\nb", "c'"], [], [""]], pa.list_(pa.string())),
        }
    )
    client.command(
        "CREATE TABLE arrow (id UInt64, polygon Array(Array(Float64)), tags Array(String)) ENGINE MergeTree ORDER BY id"
    )
    assert client.insert_arrow("arrow", table).written_rows == 3
    found = client.query_arrow("SELECT * FROM arrow ORDER BY id", use_strings=True)
    assert found.to_pydict() == table.to_pydict()
    assert client.query_arrow("SELECT * FROM arrow WHERE id = 9").num_rows == 0


HOSTILE = [
    "it's",
    "back\\slash\\n\\",
    "line\nfeed\r\n\ttab",
    "'; DROP TABLE arrow; --",
    "1', param_other='2",
    "ünïcode 😀 \u2028",
    "",
    "{x:String}",
    "\\N",
    '--boundary\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 1',
    "long " * 2000 + "\r\n'\\",  # goes in a multipart form
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:12]))
def test_bound_parameters(client: Client, value: str) -> None:
    found = client.query(
        "SELECT {text:String}, {list:Array(String)}, {number:Int64}",
        parameters={"text": value, "list": [value, "x"], "number": -5},
    )
    assert found.result_rows == [(value, [value, "x"], -5)]


def test_bound_parameters_beyond_select(client: Client) -> None:
    client.command("CREATE TABLE {name:Identifier} (a String) ENGINE MergeTree ORDER BY a", {"name": "odd`name"})
    for value in HOSTILE[:4]:
        client.command("INSERT INTO {name:Identifier} VALUES ({v:String}), ('; \n')", {"name": "odd`name", "v": value})
    found = client.query("SELECT a FROM {name:Identifier}", parameters={"name": "odd`name"})
    assert sorted(row[0] for row in found.result_rows) == sorted([*HOSTILE[:4], *["; \n"] * 4])
    assert client.query("SELECT {a:Nullable(String)}", parameters={"a": None}).result_rows == [(None,)]


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR"),
        ("SELECT 1; garbage here", 62, "SYNTAX_ERROR"),
        ("SELECT {missing:String}", 456, "UNKNOWN_QUERY_PARAMETER"),
        ("INSERT INTO nowhere VALUES (1)", 60, "UNKNOWN_TABLE"),
        ("INSERT INTO nowhere", 62, "SYNTAX_ERROR"),
        ("SET max_threads = 1", 48, "NOT_IMPLEMENTED"),
        ("USE system", 48, "NOT_IMPLEMENTED"),
        ("SELECT 1 INTO OUTFILE 'x'", 48, "NOT_IMPLEMENTED"),
        ("INSERT INTO nowhere FROM INFILE 'x' FORMAT CSV", 48, "NOT_IMPLEMENTED"),
        ("CREATE TEMPORARY TABLE t (a Int8)", 48, "NOT_IMPLEMENTED"),
        ("SELECT number FROM numbers(1000) SETTINGS max_result_bytes = 100", 396, "TOO_MANY_ROWS_OR_BYTES"),
    ],
)
def test_errors(client: Client, sql: str, code: int, name: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        client.command(sql)
    assert (raised.value.code, raised.value.name) == (code, name)


def test_more_errors(client: Client, endpoint: clickhouse.Endpoint) -> None:
    assert client.command("SELECT getSetting('max_result_bytes')") == 512 * 1024 * 1024
    assert client.command("SELECT getSetting('max_result_bytes')", settings={"max_result_bytes": 7000}) == 7000
    for settings, code in (({"max_execution_time": 1}, 159), ({"readonly": 1}, 164)):
        sql = SLOW if code == 159 else "CREATE TABLE refused (a Int8) ENGINE Memory"
        with pytest.raises(DatabaseError) as raised:
            client.command(sql, settings=SLOW_SETTINGS | settings)
        assert raised.value.code == code
    with pytest.raises(DatabaseError) as raised:
        connect(endpoint, database="nowhere").command("SELECT 1")
    assert raised.value.code == 81
    with pytest.raises(DatabaseError) as raised:
        client.raw_query("SELECT 1", fmt="DataFrame")
    assert raised.value.code in {62, 73}


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", ""), ("nobody", PASSWORD), (USER, "")])
def test_wrong_credentials(endpoint: clickhouse.Endpoint, user: str, password: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        connect(endpoint, username=user, password=password)
    assert raised.value.code == 516
    assert httpx.get(endpoint.url, params={"query": "SELECT 1"}).status_code == 403


def test_plain_http(endpoint: clickhouse.Endpoint) -> None:
    headers = {"X-ClickHouse-User": USER.encode(), "X-ClickHouse-Key": PASSWORD.encode("latin-1")}
    with httpx.Client(base_url=endpoint.url, headers=headers) as http:
        assert http.get("/ping").text == "Ok.\n"
        assert "not for production" in http.get("/info").json()["kind"]
        got = http.get("/", params={"query": "SELECT 1 AS x", "default_format": "JSONEachRow", "query_id": "q7"})
        assert got.json() == {"x": 1}
        assert got.headers["X-ClickHouse-Query-Id"] == "q7"
        assert got.headers["X-ClickHouse-Format"] == "JSONEachRow"
        refused = http.get("/", params={"query": "CREATE TABLE got (a Int8) ENGINE Memory"})
        assert refused.headers["X-ClickHouse-Exception-Code"] == "164"
        assert http.get("/", headers={"Origin": "http://evil.example"}).status_code == 403
        assert http.get("/ping", headers={"Host": "evil.example"}).status_code == 400


def test_data_is_never_run_as_sql(client: Client) -> None:
    client.command("CREATE TABLE lines (a String) ENGINE MergeTree ORDER BY a")
    data = b"one\n\n;\nDROP TABLE lines;\n\nSELECT 1;\n"
    assert client.raw_insert("lines", ["a"], data, fmt="TabSeparated").written_rows == 6
    assert client.command("SELECT count() FROM lines") == 6
    broken = b'{"a":"x"}\n\n; DROP TABLE lines'
    with pytest.raises(DatabaseError):
        client.raw_insert("lines", ["a"], broken, fmt="JSONEachRow")
    stacked = "; DROP TABLE lines; INSERT INTO lines FORMAT CSV"
    for head in ("INSERT INTO lines VALUES ('a')", "INSERT INTO lines SETTINGS max_threads = 1", "SELECT 1"):
        with pytest.raises(DatabaseError) as raised:
            client.command(head + stacked, data="x")
        assert raised.value.code == 62
    assert client.command("SELECT count() FROM lines") == 6


@pytest.mark.parametrize(
    ("sql", "cut"),
    [
        (b"INSERT INTO t (a, `format`) FORMAT Native\n\n;x", (b"INSERT INTO t (a, `format`) ", "Native", b"\n;x")),
        (b"insert into format values(1)", (b"insert into format ", "Values", b"(1)")),
        (b"/* FORMAT */ INSERT INTO d.format SETTINGS a = ' FORMAT x' FORMAT CSV 1",
         (b"/* FORMAT */ INSERT INTO d.format SETTINGS a = ' FORMAT x' ", "CSV", b"1")),
        (b"INSERT INTO t (a) SELECT 'FORMAT x'", None),
        (b"INSERT INTO t (SELECT 1)", None),
        (b"SELECT 1 FORMAT CSV", None),
    ],
)  # fmt: skip
def test_split_insert(sql: bytes, cut: tuple[bytes, str, bytes] | None) -> None:
    assert split_insert(sql) == cut


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", True, False])
def test_compression(endpoint: clickhouse.Endpoint, compress: bool | str) -> None:
    with connect(endpoint, compress=compress) as client:
        client.command("CREATE OR REPLACE TABLE packed (a UInt64, s String) ENGINE MergeTree ORDER BY a")
        rows = [[number, "text " * 20] for number in range(50_000)]
        assert client.insert("packed", rows).written_rows == len(rows)
        assert client.query("SELECT sum(a), any(s) FROM packed").first_row == (sum(range(50_000)), "text " * 20)
        with client.query_row_block_stream("SELECT * FROM packed ORDER BY a") as stream:
            assert sum(len(block) for block in stream) == len(rows)
        assert client.raw_query("SELECT 1 AS x", fmt="JSONEachRow") == b'{"x":1}\n'


def test_large_insert(client: Client) -> None:
    client.command("CREATE TABLE large (id UInt64, name String, boxes Array(Float64)) ENGINE MergeTree ORDER BY id")
    size = 200_000
    columns = [list(range(size)), [f"name {i}" for i in range(size)], [[i / 3, -i / 7] for i in range(size)]]
    summary = client.insert("large", columns, column_names=["id", "name", "boxes"], column_oriented=True)
    assert summary.written_rows == size
    found = client.query("SELECT * FROM large ORDER BY id", column_oriented=True).result_columns
    assert [list(column) for column in found] == columns


def test_eight_clients_and_a_slow_query(endpoint: clickhouse.Endpoint, client: Client) -> None:
    client.command("CREATE TABLE shared (who UInt8, number UInt32) ENGINE MergeTree ORDER BY (who, number)")
    ended: list[float] = []
    inserts: list[tuple[float, float]] = []
    pings: list[tuple[float, float]] = []

    def sleep() -> None:
        connect(endpoint).command(SLOW, settings=SLOW_SETTINGS)
        ended.append(time.monotonic())

    def ping(http: httpx.Client) -> None:
        began = time.monotonic()
        assert http.get("/ping").text == "Ok.\n"
        pings.append((began, time.monotonic()))

    def work(who: int) -> None:
        with connect(endpoint) as mine:
            for batch in range(10):
                began = time.monotonic()
                mine.insert("shared", [[who, batch * 10 + i] for i in range(10)], settings={"async_insert": 1})
                inserts.append((began, time.monotonic()))
                assert mine.command(f"SELECT count() FROM shared WHERE who = {who}") == (batch + 1) * 10

    slow = threading.Thread(target=sleep)
    slow.start()
    with ThreadPoolExecutor(8) as pool, httpx.Client(base_url=endpoint.url, timeout=60) as http:
        working = [pool.submit(work, who) for who in range(8)]
        while slow.is_alive():
            ping(http)
            time.sleep(0.1)
        for outcome in working:
            outcome.result()
    # It sleeps for 4 s before it ends. What began and ended within them was not held up by it.
    for spans in (inserts, pings):
        assert any(ended[0] - 3.9 < began and done < ended[0] for began, done in spans)
    assert client.query("SELECT who, count() FROM shared GROUP BY who ORDER BY who").result_rows == [
        (who, 100) for who in range(8)
    ]


def test_no_acknowledged_insert_is_lost_to_kill(own_endpoint: clickhouse.Endpoint) -> None:
    with connect(own_endpoint) as client:
        client.command("CREATE TABLE kept (n UInt64, text String) ENGINE MergeTree ORDER BY n")
    next_number = count()
    acknowledged: set[int] = set()

    def insert(endpoint: clickhouse.Endpoint) -> None:
        try:
            with connect(endpoint, query_retries=0) as client:
                while True:
                    number = next(next_number)
                    client.insert("kept", [[number, "x" * 1000]])
                    acknowledged.add(number)
        except (Error, OSError):
            return

    endpoint = own_endpoint
    for _ in range(3):
        before = len(acknowledged)
        threads = [threading.Thread(target=insert, args=(endpoint,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < before + 30:
            time.sleep(0.01)
        clickhouse.kill(endpoint)
        for thread in threads:
            thread.join()
        assert clickhouse.running(endpoint.path) is None
        endpoint = clickhouse.start(endpoint.path, port=0, users={USER: PASSWORD})
        with connect(endpoint) as client:
            stored = {row[0] for row in client.query("SELECT n FROM kept").result_rows}
        assert acknowledged <= stored
    clickhouse.stop(endpoint)


def test_stop_does_not_wait_for_ever(own_endpoint: clickhouse.Endpoint) -> None:
    client = connect(own_endpoint)
    client.command("SYSTEM FLUSH LOGS")
    endless = "SELECT sum(sleepEachRow(0.5)) FROM numbers(100000)"

    errors: list[Error] = []

    def hang() -> None:
        try:
            client.command(endless, settings=SLOW_SETTINGS)
        except Error as error:
            errors.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    running = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(100000)%' AND query NOT LIKE '%LIKE%'"
    while not connect(own_endpoint).command(running):
        time.sleep(0.05)
    clickhouse.stop(own_endpoint)  # which would else wait for the query, and that for ever
    thread.join()
    assert len(errors) == 1
    assert clickhouse.running(own_endpoint.path) is None
    said = own_endpoint.log.read_text()
    assert "not for production" in said
    assert "Traceback" not in said


def test_start_failures(endpoint: clickhouse.Endpoint, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(RuntimeError, match="already serves"):
        clickhouse.start(endpoint.path, port=0)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RuntimeError, match="in use"):
        clickhouse.start(tmp_path_factory.mktemp("other"), port=taken.getsockname()[1])
    with pytest.raises(ValueError, match="loopback"):
        clickhouse.serve(endpoint.path, host="0.0.0.0")


def test_stale_pid_file_is_never_signalled(tmp_path: Path) -> None:
    (tmp_path / "endpoint.pid").write_text(f'{{"pid": {os.getpid()}, "host": "127.0.0.1", "port": 1}}')
    assert clickhouse.running(tmp_path) is None
    clickhouse.stop(clickhouse.Endpoint(tmp_path, os.getpid(), "127.0.0.1", 1))


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLICKHOUSE_URL", raising=False)

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(clickhouse_cli.app, [*arguments, "--path", str(tmp_path)])
        return result.exit_code, result.output

    assert run("status") == (1, "not running\n")
    code, output = run("up", "--port", "0")
    assert code == 0
    assert "stand-in" in output
    endpoint = clickhouse.running(tmp_path)
    assert endpoint
    assert clickhouse_connect.get_client(dsn=endpoint.url).command("SELECT 1") == 1
    assert "already running" in run("up")[1]
    assert run("status")[0] == 0
    assert "stopped" in run("down")[1]
    assert run("down") == (0, "not running\n")
    monkeypatch.setenv("CLICKHOUSE_URL", "http://elsewhere:8123")
    assert clickhouse.url_from_environment() == "http://elsewhere:8123"
    assert "nothing started" in run("up")[1]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM `file` ('/etc/passwd', 'LineAsString')",
        "SELECT count() FROM (SELECT * FROM /* a */ url('http://127.0.0.1:1/', 'LineAsString'))",
        "INSERT INTO FUNCTION File('/tmp/x', 'CSV') SELECT 1",
        "INSERT INTO TABLE FUNCTION remote('127.0.0.1:1', 'a.b') SELECT 1",
        "SELECT * FROM s3('http://127.0.0.1:1/a', 'CSV')",
        "SELECT * FROM executable('id', 'LineAsString', 'x String')",
        "CREATE TABLE outside (x String) ENGINE = URL('http://127.0.0.1:1/', 'CSV')",
        "CREATE TABLE outside (x String) ENGINE File(CSV)",
    ],
)
def test_nothing_outside_of_the_engine_is_reached(client: Client, statement: str) -> None:
    with pytest.raises(DatabaseError, match="reaches beyond this engine's own tables"):
        client.command(statement)


def test_columns_and_texts_may_have_such_names(client: Client) -> None:
    client.command("CREATE TABLE named (url String, file String) ENGINE = MergeTree ORDER BY url")
    client.insert("named", [["url('x')", "file("]], column_names=["url", "file"])
    assert client.query("SELECT url, file FROM named WHERE url = 'url(\\'x\\')'").result_rows == [("url('x')", "file(")]


@pytest.mark.parametrize(
    "headers", [{"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
def test_a_page_in_a_browser_is_refused(endpoint: clickhouse.Endpoint, headers: dict[str, str]) -> None:
    answer = httpx.post(endpoint.url, content="SELECT 1", auth=(USER, PASSWORD), headers=headers)
    assert answer.status_code == 403


def test_names_of_hundreds_of_data_rows_fit_into_statements_that_change_something(
    endpoint: clickhouse.Endpoint,
) -> None:
    """They are too long for a URL, where the client's own `command` puts them."""
    names = [f"{'é' * 1000}{number}" for number in range(400)]
    client = open_server(endpoint.url, USER, PASSWORD)
    migrate(client)
    rows = bury_many(client, [(Scope("d", data_row=name), 5) for name in names], datetime.now(UTC))
    erase_rows(client, rows)
    erase(client, bury(client, Scope("d", "run"), 7))  # whose statements hold all tombstones of the dataset
    assert len(load_deletions(client, "d").tombstones) == len(names) + 1
    assert left_over(client, "d") == []
    client.close()
