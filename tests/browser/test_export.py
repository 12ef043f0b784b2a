"""Files of what is on the screen."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from evalstream.exporters.export import Exported
from evalstream.exporters.labels import write_csv
from evalstream.queries.rows import Row
from playwright.sync_api import Page, expect

from tests.browser import zoo
from tests.browser.conftest import Screen


def downloaded(page: Page, name: str, folder: Path) -> str:
    page.get_by_role("button", name=re.compile("^Export")).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    page.keyboard.press("Escape")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_text(encoding="utf-8")


def test_exports_hold_what_the_api_says(screen: Screen, tmp_path: Path) -> None:
    page = screen.open(d="digits", a="svm", c=0.4, split="test")
    query: dict[str, Any] = {"confidence": 0.4, "split": "test"}

    classes = screen.ask("classes", **query)["classes"]
    lines = list(csv.DictReader(downloaded(page, "Classes, CSV", tmp_path).splitlines()))
    assert [line["label"] for line in lines] == [one["label"] for one in classes]
    for name in ("tp", "fp", "precision", "mean_iou"):
        assert [float(line[name]) if line[name] else None for line in lines] == [one[name] for one in classes]
    assert any(one["mean_iou"] is None for one in classes)  # an empty field, and not 0

    rows = screen.ask("rows", limit=500, **query)["rows"]
    lines = list(csv.DictReader(downloaded(page, "Labels of the gallery, CSV", tmp_path).splitlines()))
    assert len(lines) == sum(len(row["annotations"]) + len(row["predictions"]) for row in rows)
    counted = [line for line in lines if line["side"] == "prediction" and line["outcome"] == "tp"]
    assert len(counted) == screen.ask("summary", **query)["tp"] > 0
    one = rows[0]["predictions"][0]
    line = next(line for line in lines if line["data_row"] == rows[0]["data_row"] and line["side"] == "prediction")
    assert (line["id"], line["label"], float(line["confidence"])) == (one["id"], one["label"], one["confidence"])

    figures = json.loads(downloaded(page, "Figures, JSON", tmp_path))
    answers = {one["question"]: one for one in figures["answers"]}
    assert answers["overview"]["answer"]["summary"] == screen.ask("summary", **query)
    assert answers["overview"]["answer"]["kinds"]["objects"] == screen.headline(**query)
    assert answers["overview"]["query"]["confidence"] == figures["view"]["c"] == 0.4
    assert {"average-precision", "pr-curve"} <= answers.keys()


def test_files_of_the_service_are_those_of_the_view_and_commands_are_set_apart(screen: Screen, tmp_path: Path) -> None:
    page = screen.open(d="digits", a="svm", c=0.4, split="test")
    page.get_by_role("button", name=re.compile("^Export")).click()
    # Commands that do the same are set apart from the words around them.
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.locator("code", has_text="export-mislabels")).to_be_visible()
    expect(dialog).not_to_contain_text("`")
    with page.expect_download() as download:
        page.get_by_role("button", name="Labels from the service, CSV").click()
    assert download.value.suggested_filename == "digits-svm.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        about = Exported.model_validate_json(archive.read("digits-svm.csv.about.json"))
    assert (about.question["confidence"], about.question["split"]) == (0.4, ["test"])
    assert about.tp == screen.ask("summary", confidence=0.4, split="test")["tp"] > 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Report from the service, Markdown").click()
    assert download.value.path().read_text(encoding="utf-8").startswith("# svm on digits")


def parsed(lines: str) -> list[dict[str, Any]]:
    """Lines of labels with their numbers as numbers: 1 and 1.0 are one."""

    def value(name: str, text: str) -> Any:
        is_number = name in ("width", "height", "iou", "confidence", "area") or name.startswith("row.")
        if name in ("geometry", "metrics") and text:
            return json.loads(text)
        return float(text) if is_number and text else text

    return [{name: value(name, text) for name, text in line.items()} for line in csv.DictReader(lines.splitlines())]


def exported(rows: list[Any], folder: Path) -> list[dict[str, Any]]:
    """Write rows as `evalstream export` does, and read them."""
    with (folder / "labels.csv").open("wb") as file:
        write_csv([Row.model_validate(row) for row in rows], file)
    return parsed((folder / "labels.csv").read_text(encoding="utf-8"))


def test_rows_are_written_as_the_exporters_write_them(screen: Screen, zoo_dataset: str, tmp_path: Path) -> None:
    asked = {"dataset": zoo_dataset, "run": zoo.RUN}
    most = f"fp>={max(one['metrics']['fp'] for one in screen.ask('rows', **asked)['rows'])}"
    page = screen.open(d=zoo_dataset, a=zoo.RUN, w=most, row="shapes")
    (row,) = screen.ask("rows", data_row="shapes", **asked)["rows"]
    assert any(one["geometry"] for one in row["annotations"])
    for name, read in (("JSON", json.loads), ("CSV", parsed)):
        group = page.get_by_role("group", name="Export of this row")
        with page.expect_download() as download:
            group.get_by_role("button", name=name).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        found = read(path.read_text(encoding="utf-8"))
        assert found == (row if name == "JSON" else exported([row], tmp_path))
    page.keyboard.press("Escape")
    # And so are all that the gallery shows: those with the most false positives.
    rows = screen.ask("rows", where=most, limit=500, **asked)["rows"]
    whole = screen.ask("rows", limit=500, **asked)["total"]
    assert 0 < len(rows) < whole
    lines = downloaded(page, "Rows of the gallery, JSON lines", tmp_path).splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert parsed(downloaded(page, "Labels of the gallery, CSV", tmp_path)) == exported(rows, tmp_path)
