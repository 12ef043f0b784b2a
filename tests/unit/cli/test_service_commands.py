"""``evalstream upload`` and ``evalstream report`` against a real ``evalstream up``."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from evalstream_cli.main import app
from typer.testing import CliRunner, Result

from tests.faults.service import Service, free_port

BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
TRUTH = {
    "images": [{"id": 1}, {"id": 2}],
    "categories": [{"id": 0, "name": "car"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 0, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0}],
}
RESULTS = [{"image_id": image, "category_id": 0, "bbox": [0, 0, 10, 10], "score": 0.9} for image in (1, 2)]


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
        counts = {"rows": 2, "done": 2, "pending": 0, "failed": 0, "without_predictions": 0}
        assert found["progress"] == counts | {"state": "complete"}
        assert (found["summary"]["tp"], found["summary"]["fp"], found["summary"]["fn"]) == (1, 1, 0)
    assert report(service, "coco", "--confidence", "0.95", "--no-intervals")["yolo"]["summary"]["predictions"] == 0


def test_a_file_without_data_rows_is_told(service: Service, tmp_path: Path) -> None:
    path = write(tmp_path / "gt.json", {"images": [], "categories": [], "annotations": []})
    result = run(service, "upload", "--dataset", "nothing", "--annotations", path)
    assert (result.exit_code, result.stdout) == (0, "0 events accepted, 0 rejected\n"), result.output
    assert f"{path} holds no data row: it changed nothing" in result.stderr


def test_a_second_split_does_not_overwrite_the_first(service: Service, tmp_path: Path) -> None:
    def of(split: str) -> list[str]:
        images = [{"id": i, "file_name": f"{split}/{i}.jpg"} for i in (1, 2)]
        path = write(tmp_path / f"{split}.json", TRUTH | {"images": images})
        return ["--dataset", "splits", "--annotations", path, "--split", split]

    for _ in range(2):
        assert run(service, "upload", *of("train")).exit_code == 0
    result = run(service, "upload", *of("val"))
    said = " ".join(result.stderr.split())
    assert result.exit_code == 2
    assert "nothing was sent" in said
    assert (
        "has 2 data rows already, by the same id and with another file: '1' is train/1.jpg, and here val/1.jpg" in said
    )
    assert "--row-key file_name" in said
    assert run(service, "upload", *of("val"), "--row-key", "file_name").exit_code == 0
    assert run(service, "upload", *of("val"), "--other-files").exit_code == 0
    assert run(service, "upload", *of("val")).exit_code == 0  # now it is that file


def test_coco_segmentations(service: Service, tmp_path: Path) -> None:
    runs = {"segmentation": {"size": [4, 5], "counts": [0, 8, 12]}}
    images = [{"id": image, "height": 4, "width": 5} for image in (1, 2)]
    truth = TRUTH | {"images": images, "annotations": [TRUTH["annotations"][0] | runs]}
    files = ["--annotations", write(tmp_path / "gt.json", truth)]
    files += ["--predictions", write(tmp_path / "dt.json", [item | runs for item in RESULTS])]
    result = run(service, "upload", "--dataset", "masks", "--run", "unet", "--type", "segm", *files)
    assert (result.exit_code, result.stdout) == (0, "4 events accepted, 0 rejected\n"), result.output
    counts = report(service, "masks", "--no-intervals")["unet"]["summary"]
    assert (counts["tp"], counts["fp"], counts["fn"]) == (1, 1, 0)


def test_events(service: Service, tmp_path: Path) -> None:
    truth = write(tmp_path / "gt.ndjson", [{"data_row": "a", "operation": "replace", "annotations": [BOX]}])
    said = write(tmp_path / "dt.jsonl", [{"data_row": "a", "operation": "replace", "predictions": [BOX]}])
    assert run(service, "upload", "--dataset", "events", "--annotations", truth).exit_code == 0
    assert run(service, "upload", "--dataset", "events", "--run", "r", "--predictions", said).exit_code == 0
    assert report(service, "events", "r", "--no-intervals")["r"]["summary"]["tp"] == 1


def test_a_report_waits_for_what_was_uploaded(service: Service, tmp_path: Path) -> None:
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 9, 9]}
    rows = [{"data_row": str(i), "operation": "replace"} for i in range(30)]
    truth = write(tmp_path / "truth.ndjson", [row | {"annotations": [box]} for row in rows])
    found = write(tmp_path / "found.ndjson", [row | {"predictions": [box]} for row in rows])
    words = ["--dataset", "waited", "--annotations", truth, "--predictions", found, "--run", "r", "--no-wait"]
    sent = run(service, "upload", *words)
    assert sent.exit_code == 0, sent.output
    (position,) = (line.split()[1] for line in sent.stdout.splitlines() if line.startswith("position "))
    told = run(service, "report", "waited", "r", "--at-least", position, "--json", "--no-intervals")
    assert json.loads(told.stdout)["r"]["summary"]["tp"] == 30
    wrong = run(service, "report", "waited", "r", "--at-least", "soon", "--no-intervals")
    assert (wrong.exit_code, "'soon' is no position" in wrong.stderr) == (2, True)


def test_a_report_says_how_sure_its_figures_are(service: Service, tmp_path: Path) -> None:
    truth = [{"data_row": str(i), "operation": "replace", "annotations": [BOX]} for i in range(40)]
    good = [{"data_row": str(i), "operation": "replace", "predictions": [BOX]} for i in range(40)]
    bad = [event | {"predictions": [BOX] if i % 2 else []} for i, event in enumerate(good)]
    paths = [write(tmp_path / f"{i}.ndjson", events) for i, events in enumerate((truth, good, bad))]
    assert run(service, "upload", "--dataset", "sure", "--annotations", paths[0]).exit_code == 0
    for name, path in (("good", paths[1]), ("bad", paths[2])):
        assert run(service, "upload", "--dataset", "sure", "--run", name, "--predictions", path).exit_code == 0
    found = report(service, "sure", "good", "bad")
    recall = {
        name: next(f for f in own["intervals"]["figures"] if f["figure"] == "recall") for name, own in found.items()
    }
    assert recall["good"]["difference"] is None
    assert recall["bad"]["difference"]["value"] == -0.5
    assert recall["bad"]["difference"]["significant"]
    assert "intervals" not in report(service, "sure", "good", "--no-intervals")["good"]
    table = run(service, "report", "sure", "good", "bad").stdout
    (line, below) = table[table.index("recall") :].splitlines()[:2]
    assert "1.0000 [0.9124, 1.0000]" in line
    assert "0.5000 [0.3" in line
    assert "Δ -0.5000 [-0.6" in below
    assert "*" in below
    assert "[" not in run(service, "report", "sure", "good", "--no-intervals").stdout


def test_custom_metrics_over_http(service: Service, tmp_path: Path) -> None:
    name = "o'blur 1=2"
    said = [
        {"data_row": str(i), "operation": "replace", "predictions": [BOX], "metrics": [{"name": name, "value": i}]}
        for i in range(3)
    ]
    path = write(tmp_path / "dt.ndjson", said)
    assert run(service, "upload", "--dataset", "custom", "--run", "m", "--predictions", path).exit_code == 0
    base = f"{service.url}/v1/datasets/custom/runs/m"
    headers = {"Authorization": "Bearer both"}
    (metric,) = httpx.get(f"{base}/custom-metrics", headers=headers).raise_for_status().json()["metrics"]
    assert (metric["name"], metric["value"], metric["rows"]) == (name, 1, 3)
    query: dict[str, str | bool] = {"sort": f"custom.{name}", "descending": True}
    found = httpx.get(f"{base}/rows", headers=headers, params=query).raise_for_status().json()["rows"]
    assert [row["metrics"][f"custom.{name}"] for row in found] == [2, 1, 0]
    query = {"metric": f"custom.{name}", "bins": "2"}
    assert httpx.get(f"{base}/distribution", headers=headers, params=query).json()["counts"] == [1, 2]
    assert httpx.get(f"{base}/rows", headers=headers, params={"sort": "nothing"}).status_code == 422
    assert httpx.get(f"{base}/rows", headers=headers, params={"sort": "custom.nothing"}).status_code in (400, 422)
    assert httpx.get(f"{base}/intervals", headers=headers, params={"versus": "nothing"}).status_code == 404


def test_a_run_is_closed_by_hand_and_with_its_upload(service: Service, tmp_path: Path) -> None:
    truth = [{"data_row": row, "operation": "replace", "annotations": [BOX]} for row in "abc"]
    found = [{"data_row": "a", "operation": "replace", "predictions": [BOX | {"confidence": 0.5}]}]
    wrong = [*found, {"data_row": "b", "operation": "replace", "predictions": [BOX | {"confidence": 2}]}]
    files = ["--dataset", "closing", "--predictions", write(tmp_path / "dt.ndjson", found)]
    truths = ["--annotations", write(tmp_path / "gt.ndjson", truth)]
    left_open = run(service, "upload", *files, *truths, "--run", "r")
    assert "2 annotated data rows have no prediction of r, and are in no figure." in left_open.stderr
    assert "`evalstream complete`" in left_open.stderr
    for said, missed in (((), 0), (("--missing-rows", "count"), 2)):
        assert report(service, "closing", *said, "--no-intervals")["r"]["summary"]["fn"] == missed
    for closed in ("2 data rows", "0 data rows"):
        result = run(service, "complete", "closing", "r")
        said = f"run r is closed: on {closed} of 3 annotated nothing was found\n"
        assert (result.exit_code, result.stdout) == (0, said), result.output
        assert report(service, "closing", "r", "--no-intervals")["r"]["summary"]["fn"] == 2
    result = run(service, "upload", *files, "--run", "r2", "--complete")
    assert result.stdout.startswith("run r2 is closed: on 2 data rows of 3 annotated nothing was found\n"), (
        result.output
    )
    assert "no prediction" not in result.stderr
    partly = ["--dataset", "closing", "--predictions", write(tmp_path / "wrong.ndjson", wrong), "--run", "r3"]
    result = run(service, "upload", *partly, "--complete")
    assert result.exit_code == 1
    assert "Run r3 was not closed" in " ".join(result.stderr.split())
    result = run(service, "upload", "--dataset", "closing", *truths, "--complete")
    assert (result.exit_code, "--complete closes a run" in result.stderr) == (2, True)
    result = run(service, "complete", "closing", "r", key="reader")
    assert (result.exit_code, "scope `write`" in " ".join(result.stderr.split())) == (2, True), result.output
    result = run(service, "complete", "closed nowhere", "r")
    assert (result.exit_code, "has no annotated data row yet" in " ".join(result.stderr.split())) == (2, True)


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
    assert report(service, "rejected", "--no-intervals")["r"]["summary"]["predictions"] == 2


def test_why_all_lines_are_rejected_is_told_and_not_that_there_is_no_run(service: Service, tmp_path: Path) -> None:
    path = write(
        tmp_path / "dt.ndjson", [{"data_row": "a", "operation": "replace", "predictions": [BOX | {"score": 1}]}]
    )
    result = run(service, "upload", "--dataset", "rejected", "--run", "none", "--predictions", path)
    assert (result.exit_code, result.stdout) == (1, "0 events accepted, 1 rejected\n")
    assert result.stderr.splitlines() == ["  line 1: predictions.0.score: Extra inputs are not permitted (got 1)"]


def test_a_wrong_record_of_a_coco_file_is_told_and_the_others_are_sent(service: Service, tmp_path: Path) -> None:
    good = TRUTH["annotations"][0]  # type: ignore[index]
    truth = TRUTH | {
        "annotations": [good, good | {"id": 8, "bbox": [0, 0, 1]}, good | {"id": 9, "bbox": [0, 0, -1, 1]}]
    }
    command = ["upload", "--dataset", "wrong", "--annotations", write(tmp_path / "gt.json", truth)]
    refused = run(service, *command, "--on-error=refuse")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: nothing was sent, because ")
    assert "wrong" not in [entry["dataset"] for entry in report(service)]
    result = run(service, *command)
    assert result.exit_code == 1
    assert "annotation id 8: bbox: expected `array` of length 4, got 3" in result.stderr
    assert "1 record with a negative width, height or area" in result.stderr
    assert "2 records were not sent" in result.stderr
    (entry,) = [entry for entry in report(service) if entry["dataset"] == "wrong"]
    assert entry["data_rows"] == len(TRUTH["images"])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41", "a b", "[red]", "[", "雨\U0001f327", "it's", "a&b=c+d;"])
def test_any_name_may_stand_in_a_url(service: Service, tmp_path: Path, name: str) -> None:
    said = [{"data_row": name, "operation": "replace", "predictions": [BOX | {"feature": name}]}]
    path = write(tmp_path / "dt.ndjson", said)
    result = run(service, "upload", "--dataset", name, "--run", name, "--predictions", path)
    assert result.exit_code == 0, result.output
    assert report(service, name, "--feature", name, "--no-intervals")[name]["summary"]["predictions"] == 1
    table = run(service, "report", name, "--no-intervals")
    assert table.exit_code == 0, table.output
    assert run(service, "report").exit_code == 0


@pytest.fixture(scope="module")
def known(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The service, which knows a run of a dataset."""
    path = tmp_path_factory.mktemp("known") / "known.ndjson"
    said = write(path, [{"data_row": "a", "operation": "replace", "predictions": []}])
    assert run(service, "upload", "--dataset", "known", "--run", "r", "--predictions", said).exit_code == 0
    return service


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["upload", "--dataset", "d"], "nothing to upload"),
        (["upload", "--dataset", "d", "--predictions", "p.ndjson"], "--predictions and --run belong together"),
        (["upload", "--dataset", "d", "--run", "r"], "nothing to upload"),
        (["upload", "--dataset", "d", "--annotations", "[/nowhere]"], "[/nowhere]: there is no such file"),
        (["report", "nowhere"], "there is no dataset 'nowhere'"),
        (["report", "known", "nowhere"], "dataset 'known' has no run 'nowhere'"),
        (["report", "known", "--metadata", "rain"], "'rain' is not a condition"),
        (["report", "known", "--split", "dev"], "split.0: Input should be 'train'"),
    ],
)
def test_wrong_commands_are_told_in_one_line(known: Service, options: list[str], message: str) -> None:
    result = run(known, *options)
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


@pytest.mark.parametrize("url", ["http://127.0.0.1:{free}", "evalstream", "ftp://evalstream", "http://a:b", ""])
def test_no_service_there(url: str) -> None:
    url = url.format(free=free_port())
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


def test_an_upload_waits_for_as_long_as_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([(429, b'{"detail": "too often"}'), (200, b'{"accepted": 1, "rejected": 0, "errors": []}')])
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, content = next(answers)
            self.send_response(status)
            self.send_header("Retry-After", "17")
            self.end_headers()
            self.wfile.write(content)

    file = write(tmp_path / "truth.ndjson", [{"data_row": "a", "operation": "replace"}])
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            options = ["--dataset", "d", "--annotations", file, "--no-wait", "--url", url]
            result = CliRunner().invoke(app, ["upload", *options])
        finally:
            server.shutdown()
            thread.join()
    assert result.exit_code == 0, result.output
    assert len(waited) == 1
    assert waited[0] >= 17
