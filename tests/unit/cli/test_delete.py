"""``evalstream delete`` against a real embedded service."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from evalstream_cli.main import app
from evalstream_devcluster.kafka_process import free_ports
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from pydantic import SecretStr
from typer.testing import CliRunner, Result

ROWS = ("..", ".", "a/../..", "ä ?#%2F", "plain")


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    (port,) = free_ports(1)
    keys = SecretStr("admin=read+write+admin,reader=read")
    settings = LocalSettings(_env_file=None, port=port, data=tmp_path_factory.mktemp("data"), api_keys=keys)
    server = uvicorn.Server(uvicorn.Config(make_app(settings), host=settings.host, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    url, headers = f"http://{settings.host}:{port}", {"Authorization": "Bearer admin"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as http:
        yield http
    server.should_exit = True
    thread.join()


def fill(http: httpx.Client, dataset: str) -> None:
    """Send an event a row, and one of each of two runs."""
    lines = [json.dumps({"data_row": row, "operation": "replace"}) for row in ROWS]
    for route in ("annotations", "runs/v1/predictions", "runs/v2/predictions"):
        http.post(f"/v1/datasets/{dataset}/{route}", content="\n".join(lines)).raise_for_status()


def invoke(http: httpx.Client, *words: str, key: str = "admin", answer: str | None = None) -> Result:
    return CliRunner().invoke(
        app, ["delete", *words, "--url", str(http.base_url), "--api-key", key], input=answer, terminal_width=200
    )


def left(http: httpx.Client, dataset: str) -> tuple[int, list[str]]:
    """How many data rows there are of a dataset, and which runs."""
    datasets = {item["dataset"]: item for item in http.get("/v1/datasets").json()["datasets"]}
    return (datasets[dataset]["data_rows"], datasets[dataset]["runs"]) if dataset in datasets else (0, [])


@pytest.mark.parametrize(
    ("words", "asked", "after"),
    [
        (["dataset", "street"], "dataset street: 5 data rows, 15 events", (0, [])),
        (["run", "road", "v1"], "run v1 of dataset road: 5 data rows, 5 events", (5, ["v2"])),
        (["row", "lane", "plain"], "data row plain of dataset lane: 1 data row, 3 events", (4, ["v1", "v2"])),
    ],
)
def test_it_says_how_much_it_is_and_asks(
    http: httpx.Client, words: list[str], asked: str, after: tuple[int, list[str]]
) -> None:
    fill(http, words[1])
    refused = invoke(http, *words, answer="n\n")
    assert refused.exit_code == 1
    assert f"Delete {asked}" in refused.output
    assert left(http, words[1]) == (5, ["v1", "v2"])
    done = invoke(http, *words, answer="y\n")
    assert done.exit_code == 0, done.output
    assert f"deleted {asked}" in done.output
    assert left(http, words[1]) == after


def test_a_data_row_of_any_name_and_no_other(http: httpx.Client) -> None:
    fill(http, "names")
    for more, row in reversed(list(enumerate(ROWS))):
        done = invoke(http, "row", "names", row, "--yes", "--json")
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        assert (said["data_row"], said["data_rows"], said["events"]) == (row, 1, 3)
        assert left(http, "names") == ((more, ["v1", "v2"]) if more else (0, []))


def test_up_to_a_version(http: httpx.Client) -> None:
    for version in (1, 2):
        line = json.dumps({"data_row": str(version), "operation": "replace", "version": version})
        http.post("/v1/datasets/versions/runs/v1/predictions", content=line).raise_for_status()
    done = invoke(http, "run", "versions", "v1", "--version", "1", "--yes", "--json")
    said = json.loads(done.stdout)
    assert (said["version"], said["events"], said["data_rows"]) == (1, 1, 1)


@pytest.fixture(scope="module")
def filled(http: httpx.Client) -> httpx.Client:
    fill(http, "stays")
    return http


@pytest.mark.parametrize(
    ("words", "key", "said"),
    [
        (["dataset", "nowhere"], "admin", "dataset 'nowhere' is not there"),
        (["run", "stays", "v9", "--yes"], "admin", "run 'v9' of dataset 'stays' is not there"),
        (["dataset", "stays", "--yes"], "reader", "does not have the scope `admin`"),
    ],
)
def test_what_cannot_be_deleted_is_said(filled: httpx.Client, words: list[str], key: str, said: str) -> None:
    result = invoke(filled, *words, key=key)
    assert (result.exit_code, said in result.output.replace("\n", " ")) == (2, True), result.output
    assert left(filled, "stays") == (5, ["v1", "v2"])
