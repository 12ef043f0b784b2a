"""Files of what is on the screen."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

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
    lines = list(csv.DictReader(downloaded(page, "Labels, CSV", tmp_path).splitlines()))
    assert len(lines) == sum(len(row["annotations"]) + len(row["predictions"]) for row in rows)
    counted = [line for line in lines if line["side"] == "prediction" and line["outcome"] == "tp"]
    assert len(counted) == screen.ask("summary", **query)["tp"] > 0
    one = rows[0]["predictions"][0]
    line = next(line for line in lines if line["data_row"] == rows[0]["data_row"] and line["side"] == "prediction")
    assert (line["id"], line["label"], float(line["confidence"])) == (one["id"], one["label"], one["confidence"])

    figures = json.loads(downloaded(page, "Figures, JSON", tmp_path))
    answers = {one["question"]: one for one in figures["answers"]}
    assert answers["overview"]["answer"]["summary"] == screen.headline(**query)
    assert answers["overview"]["query"]["confidence"] == figures["view"]["c"] == 0.4
    assert {"average-precision", "pr-curve"} <= answers.keys()
