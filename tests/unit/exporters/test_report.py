"""A run's report: its answers are those of the questions, and its documents show them, whatever things are called."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from evalstream.client import Client, RefusedError
from evalstream.exporters import documents, sections, svg
from evalstream.exporters.report import Report, gather

AT: dict[str, Any] = {"policy": "coco", "confidence": 0.3, "iou": 0.5}
HOSTILE = "<script>alert(1)<b> | `x` *y*"


@pytest.fixture(scope="module")
def report(client: Client, files: Any) -> Report:
    truth, results = files
    client.upload("street", predictions=results[::2], annotations=truth, run="v6")
    return gather(client, "street", "v7", versus="v6", **AT)


@pytest.fixture(scope="module")
def hostile(client: Client) -> Report:
    box = {"boxes": [[0, 0, 4, 4]], "labels": [HOSTILE]}
    client.upload(HOSTILE, {"a": box}, predictions={"a": {**box, "scores": [0.5]}}, run=HOSTILE)
    return gather(client, HOSTILE, HOSTILE)


class Page(HTMLParser):
    """The elements of a page, and the cells of its tables by the heading above them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.heading = ""
        self.tables: dict[str, list[list[str]]] = {}
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onload", "onclick"}
        if tag == "meta":
            return
        self.open.append(tag)
        if tag == "h2":
            self.heading = ""
        if tag == "tr":
            self.tables.setdefault(self.heading, []).append([])
        if tag in ("td", "th"):
            self.tables[self.heading][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.heading += data
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[self.heading][-1][-1] += data


def test_a_report_is_what_the_questions_answer(client: Client, report: Report) -> None:
    assert report.overview == client.overview("street", "v7", **AT)
    assert report.average_precision == client.average_precision("street", "v7", **AT)
    assert report.errors == client.errors("street", "v7", **AT)
    assert report.intervals == client.intervals("street", "v7", versus="v6", **AT)
    assert report.comparison == client.comparison("street", "v7", versus="v6", **AT)
    assert Report.model_validate_json(documents.json(report)) == report
    assert {**report.question, **AT} == report.question


def test_the_page_shows_the_figures(report: Report) -> None:
    tables = Page(documents.html(report)).tables
    summary = report.overview.summary
    headline = dict(tables["Headline"][1:])
    assert headline["true positives"] == str(summary.tp)
    assert headline["F1"] == f"{summary.f1:.4f}"
    cells = {(row[0], name): int(value) for row, name, value in _matrix(tables["Confusion matrix"])}
    assert sum(cells.values()) == report.overview.confusion_matrix.objects
    assert cells["nothing there", "car"] == next(
        one.count for one in report.overview.confusion_matrix.cells if (one.actual, one.predicted) == (None, "car")
    )
    assert len(tables["Classes"]) == 1 + report.overview.classes.total
    assert report.errors is not None
    assert {row[0]: row[1] for row in tables["Causes of errors"][1:]} == {
        name: str(one.count) for name, one in report.errors.causes.items()
    }
    assert report.comparison is not None
    (right,) = [row for row in tables["Compared with v6"] if row[0] == "tp"]
    assert right[1:4] == [str(summary.tp), str(report.comparison.b.tp), str(summary.tp - report.comparison.b.tp)]


def _matrix(table: list[list[str]]) -> Iterator[tuple[list[str], str, str]]:
    header, *rows = table
    for row in rows:
        for name, value in zip(header[1:], row[1:], strict=True):
            if value:
                yield row, name, value


def test_markdown_has_the_tables_of_the_page(report: Report) -> None:
    text = documents.markdown(report)
    page = Page(documents.html(report)).tables
    lines = [re.split(r" (?<!\\)\| ", line[2:-2]) for line in text.splitlines() if line.startswith("| ")]
    rows = [
        [" ".join(cell.replace("\\", "").split()) for cell in line] for line in lines if set("".join(line)) - set("-: ")
    ]
    assert rows == [
        [" ".join(cell.replace("\\", "").split()) for cell in row] for table in page.values() for row in table
    ]


def test_the_page_needs_nothing_but_itself(report: Report) -> None:
    html = documents.html(report)
    assert not re.findall(r"(?:https?:)?//", html)
    assert "script" not in Page(html).tags
    plots = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(plots) == 3
    for plot in plots:
        ElementTree.fromstring(plot)


@pytest.mark.parametrize("ending", documents.WRITERS)
def test_names_are_shown_as_they_are(hostile: Report, ending: str) -> None:
    text = documents.WRITERS[ending](hostile)
    if ending == ".html":
        page = Page(text)
        assert "script" not in page.tags
        assert HOSTILE in {row[0] for row in page.tables["Classes"]}
    elif ending == ".md":
        assert "<script>" not in text.replace("\\<", "")
        (line,) = [
            line
            for line in text.splitlines()
            if line.startswith("| ") and line.endswith(r" | 1.0000 |") and "alert" in line
        ]
        assert len(re.findall(r"(?<!\\)\|", line)) == 10
    else:
        assert json.loads(text)["run"] == HOSTILE


def test_the_command_makes_the_report_again(client: Client, report: Report, hostile: Report) -> None:
    words = shlex.split(sections.command(report))
    assert words[:6] == ["evalstream", "export-report", "street", "v7", "--versus", "v6"]
    assert words[words.index("--confidence") + 1] == "0.3"
    assert words[words.index("--policy") + 1] == "coco"
    assert shlex.split(sections.command(hostile))[2:4] == [HOSTILE, HOSTILE]
    narrow = gather(client, "street", "v7", policy="coco", area="large", both_sides=True, split=["test", "train"])
    told = sections.command(narrow).removesuffix(" --output report.html").split(" --")[1:]
    assert told[3:] == ["split test", "split train", "area large", "both-sides"]
    assert "split: test, train; area: large; both_sides: True;" in documents.html(narrow)
    counting = gather(client, "street", "v7", missing_rows="count")
    assert "--missing-rows count" in sections.command(counting)
    assert "rows without predictions counted" in documents.markdown(counting)


def test_what_the_service_does_not_answer_is_told(
    client: Client, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RefusedError("GET", "/errors", 422, "too many objects")

    monkeypatch.setattr(client, "errors", refuse, raising=False)
    found = gather(client, "street", "v7", **AT)
    assert found.refused == {"errors": "too many objects"}
    assert "Not answered: too many objects" in documents.markdown(found)
    assert "Causes of errors" not in Page(documents.html(found)).tables


def test_average_precision_of_some_predictions_is_told(client: Client, report: Report) -> None:
    assert "AP is of the predictions from confidence 0.3 up" in documents.html(report)
    assert "AP is of" not in documents.markdown(gather(client, "street", "v7"))


def test_a_class_without_annotations_has_no_figures_and_no_curve(client: Client) -> None:
    found = {"boxes": [[0, 0, 4, 4]], "labels": ["car"], "scores": [0.5]}
    client.upload("nothing", {"a": {"boxes": [], "labels": []}}, predictions={"a": found}, run="v1")
    page = Page(documents.html(gather(client, "nothing", "v1")))
    assert dict(page.tables["Headline"][1:])["recall"] == "-"


def test_a_curve_lies_where_its_points_are() -> None:
    plot = ElementTree.fromstring(svg.curves("t", "x", "y", [svg.Line("n", [(0, 0), (0.5, 1)], [(0.5, 1, "best")])]))
    (line,) = [one.get("d") for one in plot.iter("path") if one.get("class") == "line a" and "L" in str(one.get("d"))]
    assert line == "M52.0 352.0L222.0 12.0"
    (mark,) = plot.iter("circle")
    assert (mark.get("cx"), mark.get("cy")) == ("222.0", "12.0")


def test_bars_are_as_long_as_their_values() -> None:
    plot = ElementTree.fromstring(svg.bars("t", [svg.Bar("a", 1, "1"), svg.Bar("b", 4, "4"), svg.Bar("c", 0, "0")]))
    assert [one.get("width") for one in plot.iter("rect")] == ["75.0", "300.0", "0.0"]
