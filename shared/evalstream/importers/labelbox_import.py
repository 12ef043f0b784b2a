"""Labelbox import lines (NDJSON) to data rows: an annotation, a prediction or a metric a line.

The format: https://docs.labelbox.com/reference/import-image-annotations. Data rows are called by their global key, or
by their id where they have none; classes and options by name, or by the id of their schema.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from evalstream.events.objects.metrics import RowMetric
from evalstream.importers.labelbox import SHAPES, mapping, notes_of, shape
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import json_lines

#: Members of lines that no event has, each with what it is called in notes; the first that a line has counts.
_BESIDES: Final = {
    "relationship": "relationship",
    "messageEvaluationTask": "evaluation of a message",
    "segments": "video segment",
    "frames": "answer on video frames",
    "keyframes": "video frame",
    "textSelections": "selection of text in a document",
    "messageId": "entity in a message of a conversation",
    "page": "object on a page of a document",
}


def read(path: Path, side: Side) -> Imported:
    """Read import lines.

    Raises
    ------
    ImporterError
        If no line can be read.
    """
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    tally: Counter[str] = Counter()
    for number, line in enumerate(json_lines(path), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            document = mapping(from_json(line), "the line")
            asset = mapping(document.get("dataRow"), "dataRow")
            name = asset.get("globalKey") or asset.get("id")
            if not isinstance(name, str):
                raise ValueError("dataRow.id: missing")
            row = rows.setdefault(name, Row(name, {}, [], []))
            if "metricValue" in document:
                rows[name] = row._replace(metrics=[*row.metrics, _row_metric(document)])
                continue
            said = _said(document, side, tally)
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            problems.append(Problem(str(path), place, field, reason or "no import line"))
            continue
        if said is not None:
            row.objects.append(said)
            row.places.append(place)
    if not rows and problems:
        raise ImporterError(str(problems[0]))
    if side == "annotations":
        tally["custom metric"] += sum(len(row.metrics) for row in rows.values())
        rows = {name: row._replace(metrics=[]) for name, row in rows.items()}
    names = sorted({item["feature"] for row in rows.values() for item in row.objects})
    return Imported(str(path), side, list(rows.values()), names, notes_of(tally), problems)


def _row_metric(line: Mapping[str, Any]) -> dict[str, Any]:
    given = {
        "name": line.get("metricName") or "metric",
        "value": line["metricValue"],
        "aggregation": str(line.get("aggregation", "arithmetic_mean")).lower(),
        "feature": line.get("featureName"),
        "subclass": line.get("subclassName"),
    }
    try:
        RowMetric.model_validate(given, strict=False)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'metricValue'}: {first['msg']}") from None
    return {key: value for key, value in given.items() if value is not None}


def _said(line: Mapping[str, Any], side: Side, tally: Counter[str]) -> dict[str, Any] | None:
    other = next((what for field, what in _BESIDES.items() if line.get(field) is not None), None)
    if other is not None:
        tally[other] += 1
        return None
    kind = next((kind for kind in SHAPES if line.get(kind) is not None), None)
    if kind is None and "answer" in line:
        return _answer(line, side, tally)
    said: dict[str, Any] = {"feature": _name(line)}
    if isinstance(line.get("uuid"), str):
        said["id"] = line["uuid"]
    if kind is not None:
        said |= shape(kind, line[kind])
    elif isinstance(line.get("mask"), Mapping):
        if not isinstance(line["mask"].get("png"), str):
            tally["mask at an address, which is not fetched"] += 1
            return None
        said |= {"type": "mask", "mask": {"png": line["mask"]["png"]}}
    else:
        raise ValueError("the line: holds nothing that is known: no shape, no mask, no location, no answer")
    nested = [_answer(mapping(one, "classification"), side, tally) for one in line.get("classifications") or ()]
    return said | _sureness(line, side, tally) | ({"classifications": nested} if nested else {})


def _name(given: Mapping[str, Any]) -> str:
    name = given.get("name") or given.get("schemaId")
    if not isinstance(name, str):
        raise ValueError("name: there is neither a name nor a schemaId")
    return name


def _sureness(given: Mapping[str, Any], side: Side, tally: Counter[str]) -> dict[str, Any]:
    """Give a prediction's confidence, and the metrics that came with it."""
    metrics = given.get("customMetrics") or []
    if side == "annotations":
        tally["confidence"] += given.get("confidence") is not None
        tally["custom metric"] += len(metrics)
        return {}
    said = {} if given.get("confidence") is None else {"confidence": given["confidence"]}
    own = [{"name": one.get("name"), "value": one.get("value")} for one in metrics if isinstance(one, Mapping)]
    return said | ({"metrics": own} if own else {})


def _answer(given: Mapping[str, Any], side: Side, tally: Counter[str]) -> dict[str, Any]:
    said: dict[str, Any] = {"feature": _name(given)} | _sureness(given, side, tally)
    answer = given.get("answer")
    if isinstance(answer, str):
        return said | {"type": "text", "answer": answer}
    if isinstance(answer, Mapping):
        nested = _nested(answer, side, tally)
        chosen = {"type": "radio", "answer": _name(answer)}
        return said | chosen | _sureness(answer, side, tally) | ({"classifications": nested} if nested else {})
    if not isinstance(answer, list):
        raise ValueError(f"answer: must be an option, a list of options or a text (got {answer!r})")
    options = [mapping(option, "answer") for option in answer]
    said |= {"type": "checklist", "answers": [_name(option) for option in options]}
    under = {_name(option): nested for option in options if (nested := _nested(option, side, tally))}
    sure = {_name(option): _sureness(option, side, tally) for option in options}
    scores = {name: own["confidence"] for name, own in sure.items() if "confidence" in own}
    tally["custom metric of an option of a checklist"] += sum(len(own.get("metrics", ())) for own in sure.values())
    return said | ({"classifications": under} if under else {}) | ({"scores": scores} if scores else {})


def _nested(option: Mapping[str, Any], side: Side, tally: Counter[str]) -> Sequence[dict[str, Any]]:
    return [_answer(mapping(one, "classification"), side, tally) for one in option.get("classifications") or ()]
