"""What is deployed for Prometheus, in a real Prometheus."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml
from evalstream_devcluster.kafka_process import free_ports

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
PATIENCE = 60

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="Prometheus is not installed (Debian: apt-get install --no-install-recommends prometheus)",
)

#: A process with our metrics, as a service has them.
SERVICE = """
import sys
import uvicorn
from evalstream.telemetry import EVENTS, FRESHNESS, LAG, QUALITY, READY, ROWS_PENDING
from evalstream_service.observe import observe
from fastapi import FastAPI

app = FastAPI()
observe(app)

@app.get("/v1/rows/{row}")
def row(row: str) -> str:
    return row

READY.set(1)
EVENTS.labels("prediction", "accepted").inc(41)
FRESHNESS.observe(0.4)
LAG.labels("evalstream.predictions", 3).set(7)
ROWS_PENDING.labels("street", "v7").set(2)
QUALITY.labels("street", "v7", "f1").set(0.75)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        ["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("config", ["prometheus.yml", "local.yml"])
def test_the_configuration_is_valid(config: str) -> None:
    assert "SUCCESS" in promtool("check", "config", config)


def test_the_rules_are_valid() -> None:
    assert "SUCCESS" in promtool("check", "rules", "rules/evalstream.yml")


def test_the_alerts_fire_where_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", "rules/evalstream.test.yml")


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process for a block, and end that one."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Monitored(NamedTuple):
    prometheus: httpx.Client
    service: str

    def api(self, path: str, **parameters: str) -> Any:
        answer = self.prometheus.get(f"/api/v1/{path}", params=parameters).raise_for_status().json()
        assert answer["status"] == "success"
        return answer["data"]

    def values(self, query: str) -> list[tuple[dict[str, str], float]]:
        return [(each["metric"], float(each["value"][1])) for each in self.api("query", query=query)["result"]]

    def wait_for(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Wait until a query has an answer."""
        deadline = time.monotonic() + PATIENCE
        while not (found := self.values(query)):
            assert time.monotonic() < deadline, f"nothing came of {query}"
            time.sleep(0.2)
        return found


def wait_until_it_answers(http: httpx.Client, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if http.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        said = log.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    """The configuration for local services as it is, but for the targets and the pace."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = folder / "config"
    shutil.copytree(FOLDER, config)
    service_port, port = free_ports(2)
    targets = [{"targets": [f"127.0.0.1:{service_port}"], "labels": {"job": "evalstream-ingest"}}]
    (config / "targets" / "local.yml").write_text(yaml.safe_dump(targets), encoding="utf-8")
    local = yaml.safe_load((config / "local.yml").read_text(encoding="utf-8"))
    local["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    (config / "local.yml").write_text(yaml.safe_dump(local), encoding="utf-8")
    service_url = f"http://127.0.0.1:{service_port}"
    service_log, log = folder / "service.log", folder / "prometheus.log"
    command = [
        "prometheus",
        f"--config.file={config / 'local.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http,
        running([sys.executable, "-c", SERVICE, str(service_port)], service_log) as service,
    ):
        wait_until_it_answers(http, f"{service_url}/metrics", service, service_log)
        with running(command, log) as prometheus:
            wait_until_it_answers(http, "/-/ready", prometheus, log)
            yield Monitored(http, service_url)


def test_a_service_is_scraped(monitored: Monitored) -> None:
    ((labels, _),) = monitored.wait_for("up == 1")
    assert labels["job"] == "evalstream-ingest"
    assert labels["instance"] == monitored.service.removeprefix("http://")


def test_our_metrics_arrive(monitored: Monitored) -> None:
    ((labels, value),) = monitored.wait_for("evalstream_events_total")
    assert (labels["kind"], labels["outcome"], value) == ("prediction", "accepted", 41)
    ((labels, value),) = monitored.wait_for("evalstream_run_score")
    assert (labels["dataset"], labels["run"], labels["score"], value) == ("street", "v7", "f1", 0.75)
    assert monitored.wait_for('evalstream_freshness_seconds_bucket{le="0.5"}')[0][1] == 1


def test_requests_are_measured_by_route_and_not_by_path(monitored: Monitored) -> None:
    for row in ("a", "b"):
        httpx.get(f"{monitored.service}/v1/rows/{row}", timeout=10).raise_for_status()
    ((labels, value),) = monitored.wait_for('evalstream_http_request_seconds_count{route=~"/v1.*"} == 2')
    assert (labels["route"], labels["method"], labels["status"], value) == ("/v1/rows/{row}", "GET", "200", 2)


def test_what_is_recorded_is_worked_out(monitored: Monitored) -> None:
    ((labels, value),) = monitored.wait_for("evalstream:consumer_lag_records:sum")
    assert (labels["topic"], value) == ("evalstream.predictions", 7)
    ((labels, value),) = monitored.wait_for("evalstream:services_up:sum")
    assert (labels["job"], value) == ("evalstream-ingest", 1)


def test_every_rule_is_loaded_and_can_be_evaluated(monitored: Monitored) -> None:
    monitored.wait_for("evalstream:services_up:sum")
    written = yaml.safe_load((FOLDER / "rules" / "evalstream.yml").read_text(encoding="utf-8"))["groups"]
    expected = {rule.get("record", rule.get("alert")) for group in written for rule in group["rules"]}
    deadline = time.monotonic() + PATIENCE
    while True:
        loaded = [rule for group in monitored.api("rules")["groups"] for rule in group["rules"]]
        if all(rule["health"] != "unknown" for rule in loaded):
            break
        assert time.monotonic() < deadline, "not every rule was evaluated"
        time.sleep(0.2)
    assert {rule["name"] for rule in loaded} == expected
    assert [rule for rule in loaded if rule["health"] != "ok"] == []


def test_a_missing_matcher_is_on_its_way_to_an_alert(monitored: Monitored) -> None:
    """There is none among the targets, so the alert is pending until its two minutes are over."""
    found = monitored.wait_for('ALERTS{alertname="EvalstreamNoMatcher"}')
    assert found[0][0]["alertstate"] in {"pending", "firing"}
