"""Labelbox import lines to data rows."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from evalstream.importers import rows
from evalstream.importers.detect import detect
from evalstream.importers.labelbox_import import read
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Side

METRICS = [{"name": "m", "value": 0.5}]


def line(**fields: Any) -> dict[str, Any]:
    return {"dataRow": {"globalKey": "a"}, "uuid": "u", "name": "thing", "classifications": []} | fields


def read_lines(folder: Path, *lines: Any, side: Side = "predictions") -> Imported:
    path = folder / "import.ndjson"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return rows.checked(read(path, side))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"bbox": {"top": 1, "left": 2, "height": 3, "width": 4}}, {"type": "bbox", "bbox": [2, 1, 4, 3]}),
        (
            {"polygon": [{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 0}]},
            {"type": "polygon", "polygon": [[[1, 2], [3, 4], [5, 0]]]},
        ),
        ({"line": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}, {"type": "polyline", "polyline": [[1, 2], [3, 4]]}),
        ({"point": {"x": 1, "y": 2}}, {"type": "point", "point": [1, 2]}),
        ({"location": {"start": 3, "end": 4}}, {"type": "span", "span": [3, 4]}),
    ],
)
def test_objects(tmp_path: Path, given: dict[str, Any], said: dict[str, Any]) -> None:
    own = line(confidence=0.5, customMetrics=METRICS, **given)
    found = read_lines(tmp_path, own)
    assert (found.problems, found.notes) == ([], [])
    assert found.rows[0].objects == [{"feature": "thing", "id": "u"} | said | {"confidence": 0.5, "metrics": METRICS}]
    annotated = read_lines(tmp_path, own, side="annotations")
    assert annotated.rows[0].objects == [{"feature": "thing", "id": "u"} | said]
    assert annotated.notes == ["Left out: 1 confidence.", "Left out: 1 custom metric."]


def test_answers_at_any_depth(tmp_path: Path) -> None:
    deep = {"name": "deep", "answer": "text"}
    radio = {"name": "r", "answer": {"name": "yes", "confidence": 0.5, "classifications": [deep]}}
    options = [
        {"name": "x", "confidence": 0.25, "customMetrics": METRICS, "classifications": [radio]},
        {"schemaId": "y"},
    ]
    found = read_lines(tmp_path, line(answer=options, name="list"), line(answer="free", name=None, schemaId="s"))
    assert found.problems == []
    assert found.rows[0].objects == [
        {
            "feature": "list",
            "type": "checklist",
            "answers": ["x", "y"],
            "classifications": {
                "x": [
                    {
                        "feature": "r",
                        "type": "radio",
                        "answer": "yes",
                        "confidence": 0.5,
                        "classifications": [{"feature": "deep", "type": "text", "answer": "text"}],
                    }
                ]
            },
            "scores": {"x": 0.25},
        },
        {"feature": "s", "type": "text", "answer": "free"},
    ]
    assert found.notes == ["Left out: 1 custom metric of an option of a checklist."]


def test_metrics_of_data_rows(tmp_path: Path) -> None:
    metric = {"dataRow": {"id": "a"}, "metricValue": {"0.1": 0.5}, "metricName": "iou", "aggregation": "SUM"}
    wrong = metric | {"metricValue": [1, 2]}
    found = read_lines(tmp_path, metric | {"featureName": "f", "subclassName": "g"}, wrong)
    assert list(found.rows[0].metrics) == [
        {"name": "iou", "value": {"0.1": 0.5}, "aggregation": "sum", "feature": "f", "subclass": "g"}
    ]
    assert [problem.record for problem in found.problems] == ["line 2"]
    assert b'"metrics":[{"name":"iou"' in next(rows.lines(found.rows, "predictions", dataset="d", run="r", version=1))
    assert read_lines(tmp_path, metric, side="annotations").notes == ["Left out: 1 custom metric."]


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        ("{", "EOF", ""),
        ({"dataRow": {}}, "dataRow.id", "missing"),
        (line(name=None, bbox={}), "name", "neither a name nor a schemaId"),
        (line(bbox={"top": 1}), "bbox.left", "must be a number (got None)"),
        (line(), "the line", "holds nothing that is known"),
        (line(answer=5), "answer", "must be an option"),
        (line(point={"x": 1, "y": 2}, confidence=1.5), "confidence", "less than or equal to 1"),
    ],
)
def test_a_line_that_cannot_be_read_is_told(tmp_path: Path, wrong: Any, field: str, reason: str) -> None:
    found = read_lines(tmp_path, line(point={"x": 1, "y": 2}, uuid="v"), wrong)
    (problem,) = found.problems
    assert (problem.record, problem.field.startswith(field)) == ("line 2", True)
    assert reason in problem.reason
    assert len(found.rows[0].objects) == 1
    with pytest.raises(ImporterError, match="line 1"):
        read_lines(tmp_path, "{")


def test_every_real_line_is_read_or_told(real_data: Path) -> None:
    """What is no event is counted in a note; no line is lost without a word."""
    objects: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for path in sorted((real_data / "labelbox_ndjson").glob("*_import*.ndjson")):
        assert detect(path) == "labelboximport"
        found = rows.checked(read(path, "predictions"))
        lines = sum(1 for one in path.read_text().splitlines() if one.strip())
        metrics = sum(len(row.metrics) for row in found.rows)
        own = sum(len(row.objects) for row in found.rows)
        skipped = sum(
            int(note.split()[2].replace(",", "")) for note in found.notes if "of an option of a checklist" not in note
        )
        assert lines == own + metrics + skipped + len(found.problems), path.name
        objects.update(item["type"] for row in found.rows for item in row.objects)
        objects["metric"] += metrics
        left_out[path.name] += skipped + len(found.problems)
        assert found.problems == [], path.name
    assert set(objects) >= {"bbox", "polygon", "polyline", "point", "span", "radio", "checklist", "text", "metric"}
