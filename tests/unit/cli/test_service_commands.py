"""``evalstream upload`` and ``evalstream report`` against a real ``evalstream up``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from evalstream_cli.main import app
from typer.testing import CliRunner, Result

from tests.faults.service import Service, free_port, running

KEYS = "both=read+write,reader=read"
BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
TRUTH = {
    "images": [{"id": 1}, {"id": 2}],
    "categories": [{"id": 0, "name": "car"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 0, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0}],
}
RESULTS = [{"image_id": image, "category_id": 0, "bbox": [0, 0, 10, 10], "score": 0.9} for image in (1, 2)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), EVALSTREAM_API_KEYS=KEYS) as service:
        yield service


def run(service: Service, command: str, *options: str, key: str = "both") -> Result:
    return CliRunner().invoke(app, [command, *options, "--url", service.url, "--api-key", key])


def report(service: Service, *options: str) -> Any:
    result = run(service, "report", *options, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return json.loads(result.stdout)


def write(path: Path, content: Any) -> str:
    if path.suffix == ".json":
        path.write_text(json.dumps(content), encoding="utf-8")
    else:
        lines = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in content]
        path.write_bytes(b"\n".join(lines) + b"\n")
    return str(path)


def test_coco_files(service: Service, tmp_path: Path) -> None:
    files = ["--annotations", write(tmp_path / "gt.json", TRUTH), "--predictions", write(tmp_path / "dt.json", RESULTS)]
    for _ in range(2):  # repeating it changes nothing
        result = run(service, "upload", "--dataset", "coco", "--run", "yolo", *files)
        assert (result.exit_code, result.stdout) == (0, "4 events accepted, 0 rejected\n"), result.output
        found = report(service, "coco")["yolo"]
        assert found["progress"] == {"rows": 2, "done": 2, "pending": 0, "failed": 0, "state": "complete"}
        assert (found["summary"]["tp"], found["summary"]["fp"], found["summary"]["fn"]) == (1, 1, 0)
    assert report(service, "coco", "--confidence", "0.95")["yolo"]["summary"]["predictions"] == 0


def test_events(service: Service, tmp_path: Path) -> None:
    truth = write(tmp_path / "gt.ndjson", [{"data_row": "a", "operation": "replace", "annotations": [BOX]}])
    said = write(tmp_path / "dt.jsonl", [{"data_row": "a", "operation": "replace", "predictions": [BOX]}])
    assert run(service, "upload", "--dataset", "events", "--annotations", truth).exit_code == 0
    assert run(service, "upload", "--dataset", "events", "--run", "r", "--predictions", said).exit_code == 0
    assert report(service, "events", "r")["r"]["summary"]["tp"] == 1


def test_rejected_lines_are_told_and_hold_up_nothing(service: Service, tmp_path: Path) -> None:
    good = {"operation": "replace", "predictions": [BOX]}
    lines = [good | {"data_row": "a"}, b"[/no] JSON", b"", good | {"data_row": "b", "colour": "[red]"}]
    path = write(tmp_path / "dt.ndjson", [*lines, good | {"data_row": "c"}])
    result = run(service, "upload", "--dataset", "rejected", "--run", "r", "--predictions", path)
    assert result.exit_code == 1
    assert result.stdout == "2 events accepted, 2 rejected\n"
    assert result.stderr.splitlines() == [
        "  line 2: not JSON: expected value at line 1 column 2",
        "  line 4: colour: Extra inputs are not permitted (got '[red]')",
    ]
    assert report(service, "rejected")["r"]["summary"]["predictions"] == 2


def test_a_wrong_coco_file_is_not_sent_in_part(service: Service, tmp_path: Path) -> None:
    truth = TRUTH | {"annotations": [TRUTH["annotations"][0] | {"bbox": [0, 0, -1, 1]}]}  # type: ignore[index]
    result = run(service, "upload", "--dataset", "wrong", "--annotations", write(tmp_path / "gt.json", truth))
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: nothing was sent, because ")
    assert "image 1: annotation id 1: bbox.2: " in line
    assert "wrong" not in [entry["dataset"] for entry in report(service)]


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41", "a b", "[red]", "[", "雨\U0001f327", "it's", "a&b=c+d;"])
def test_any_name_may_stand_in_a_url(service: Service, tmp_path: Path, name: str) -> None:
    said = [{"data_row": name, "operation": "replace", "predictions": [BOX | {"feature": name}]}]
    path = write(tmp_path / "dt.ndjson", said)
    result = run(service, "upload", "--dataset", name, "--run", name, "--predictions", path)
    assert result.exit_code == 0, result.output
    assert report(service, name)[name]["summary"]["predictions"] == 1
    assert report(service, name, "--feature", name)[name]["summary"]["predictions"] == 1
    table = run(service, "report", name)
    assert table.exit_code == 0, table.output
    assert run(service, "report").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["upload", "--dataset", "d"], "nothing to upload"),
        (["upload", "--dataset", "d", "--predictions", "p.ndjson"], "--predictions and --run belong together"),
        (["upload", "--dataset", "d", "--run", "r"], "nothing to upload"),
        (["upload", "--dataset", "d", "--annotations", "[/nowhere]"], "[/nowhere]: there is no such file"),
        (["report", "nowhere"], "there is no dataset 'nowhere'"),
        (["report", "known", "nowhere"], "dataset 'known' has no run 'nowhere'"),
        (["report", "known", "--metadata", "rain"], "'rain' is no condition"),
        (["report", "known", "--split", "dev"], "split.0: Input should be 'train'"),
    ],
)
def test_wrong_commands_are_told_in_one_line(
    service: Service, tmp_path: Path, options: list[str], message: str
) -> None:
    known = write(tmp_path / "known.ndjson", [{"data_row": "a", "operation": "replace", "predictions": []}])
    assert run(service, "upload", "--dataset", "known", "--run", "r", "--predictions", known).exit_code == 0
    result = run(service, *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "an API key is needed"),
        ("unknown", "this API key is not known"),
        ("schlüssel", "this API key is not known"),
        ("reader", "this API key does not have the scope `write`"),
    ],
)
def test_keys(service: Service, tmp_path: Path, key: str, message: str) -> None:
    path = write(tmp_path / "dt.ndjson", [{"data_row": "a", "operation": "replace"}])
    result = run(service, "upload", "--dataset", "d", "--annotations", path, key=key)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: POST /v1/datasets/d/annotations: ")
    assert message in line


@pytest.mark.parametrize("url", [f"http://127.0.0.1:{free_port()}", "evalstream", "ftp://evalstream", "http://a:b", ""])
def test_no_service_there(url: str) -> None:
    result = CliRunner().invoke(app, ["report", "--url", url])
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: no evalstream answers at {url} (")
    assert "start one with `evalstream up`" in line


def test_something_else_there() -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            result = CliRunner().invoke(app, ["report", "--url", f"http://127.0.0.1:{server.server_port}"])
        finally:
            server.shutdown()
            thread.join()
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("error: what answers at ")
    assert "Traceback" not in result.stderr
