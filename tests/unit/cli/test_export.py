"""``evalstream export`` against a real ``evalstream up``."""

from __future__ import annotations

import csv
import io
import shlex
import zipfile
from pathlib import Path

import evalstream
import httpx
import pytest
from evalstream.exporters.report import Report
from evalstream.exporters.sections import command
from evalstream.selection import Filter
from evalstream_cli.main import app
from typer.testing import CliRunner, Result

from tests.faults.service import Service

BOX = {"boxes": [[0, 0, 10, 10]], "labels": ["car"]}


@pytest.fixture(scope="module")
def exported(service: Service) -> Service:
    """The service, with a run to export."""
    with evalstream.connect(service.url, api_key="key") as client:
        found = {name: {**BOX, "scores": [0.9]} for name in "ab"}
        client.upload("exported", {"a": BOX, "b": {"boxes": [], "labels": []}}, predictions=found, run="v7")
    return service


def run(service: Service, *options: str) -> Result:
    return CliRunner().invoke(app, [*options, "--url", service.url, "--api-key", "key"])


def test_labels(exported: Service, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    result = run(exported, "export", "exported", "v7", "--format", "csv", "--output", str(path), "--confidence", "0.5")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{path}: 2 data rows, 1 annotation, 2 predictions; tp 1, fp 1, fn 0\n"
    with path.open(newline="") as file:
        assert [(line["data_row"], line["side"], line["outcome"]) for line in csv.DictReader(file)] == [
            ("a", "annotation", "tp"),
            ("a", "prediction", "tp"),
            ("b", "prediction", "fp"),
        ]
    again = run(exported, "export", "exported", "v7", "--format", "csv", "--output", str(path))
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_what_is_wrong_is_told_in_a_line(exported: Service, tmp_path: Path) -> None:
    result = run(exported, "export", "exported", "v8", "--output", str(tmp_path / "labels"))
    assert result.exit_code == 2
    assert result.stderr.startswith("error:")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ending", "start"), [("html", "<!doctype html>"), ("md", "# v7 on exported"), ("json", "{")])
def test_a_report(exported: Service, tmp_path: Path, ending: str, start: str) -> None:
    path = tmp_path / f"report.{ending}"
    result = run(exported, "export-report", "exported", "v7", "--output", str(path), "--confidence", "0.5")
    assert (result.exit_code, result.stdout) == (0, f"{path}\n"), result.output
    assert path.read_text(encoding="utf-8").startswith(start)
    assert run(exported, "export-report", "exported", "v7", "--output", str(path)).exit_code == 2


def test_a_report_of_another_ending_is_refused(exported: Service, tmp_path: Path) -> None:
    result = run(exported, "export-report", "exported", "v7", "--output", str(tmp_path / "report.pdf"))
    assert result.exit_code == 2
    assert ".html, .md, .json" in result.stderr


def test_mislabels(exported: Service, tmp_path: Path) -> None:
    path = tmp_path / "check.xml"
    result = run(exported, "export-mislabels", "exported", "v7", "--format", "cvat", "--output", str(path))
    said = f"{path}: 1 data row; 1 of 1 false alarms on background, 0 of 0 missed objects\n"
    assert (result.exit_code, result.stdout) == (0, said), result.output
    assert 'name="b"' in path.read_text(encoding="utf-8")
    assert run(exported, "export-mislabels", "exported", "v7", "--format", "cvat", "--output", str(path)).exit_code == 2


def test_commands_take_every_filter(exported: Service, tmp_path: Path) -> None:
    """What a report says makes it again does."""
    said = ["--policy", "coco", "--area", "large", "--both-sides", "--at-threshold", "no-match", "--roll-up", "1"]
    said += ["--shared-with", "v7", "--split", "test", "--missing-rows", "count", "--type", "bbox", "--feature", "car"]
    path = tmp_path / "report.json"
    result = run(exported, "export-report", "exported", "v7", "--output", str(path), *said)
    assert result.exit_code == 0, result.output
    report = Report.model_validate_json(path.read_bytes())
    words = shlex.split(command(report))[:-2]
    again = run(exported, *words[1:], "--output", str(tmp_path / "again.json"))
    assert again.exit_code == 0, again.output
    assert Report.model_validate_json((tmp_path / "again.json").read_bytes()).question == report.question
    assert report.question == Filter(
        policy="coco",
        area="large",
        both_sides=True,
        at_threshold="no-match",
        roll_up=1,
        shared_with="v7",
        split=["test"],
        missing_rows="count",
        type=["bbox"],
        feature=["car"],
    ).model_dump(mode="json")
    for other in ("export", "report"):
        more = ["--output", str(tmp_path / "labels")] if other == "export" else ["--json"]
        told = run(exported, other, "exported", "v7", *said[:2], *said[4:], *more)
        assert told.exit_code == 0, told.output
    refused = run(
        exported, "export-mislabels", "exported", "v7", "--format", "cvat", "--output", "x", "--feature", "car"
    )
    assert refused.exit_code == 2


def test_routes_give_the_same_files_to_keys_that_read(exported: Service, tmp_path: Path) -> None:
    url = f"{exported.url}/v1/datasets/exported/runs/v7"
    result = run(exported, "export", "exported", "v7", "--format", "parquet", "--output", str(tmp_path / "labels"))
    assert result.exit_code == 0, result.output
    said = {"format": "parquet"}
    with zipfile.ZipFile(io.BytesIO(asked(f"{url}/export", "key", **said).content)) as archive:
        assert archive.read(archive.namelist()[0]) == (tmp_path / "labels").read_bytes()
    for what in ("export", "mislabels?format=cvat", "report"):
        assert [asked(f"{url}/{what}", key).status_code for key in ("key", "in", "none", "")] == [200, 403, 401, 401]


def asked(url: str, key: str, **query: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.get(url, params=query or None, headers=headers, timeout=60)
