"""Labelbox exports (NDJSON, version 2) to data rows: called by their global key, or by their id where they have none.

The format: https://docs.labelbox.com/reference/export-image-annotations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from evalstream.importers.options import LabelboxOptions
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import json_lines
from evalstream.words import count_of

#: Members of labels that are no objects of an image, each with what it is called in notes.
_BESIDES: Final = {
    "relationships": "relationship",
    "frames": "annotated video frame",
    "segments": "video segment",
}
#: Members of objects that say where they are.
SHAPES: Final = ("bounding_box", "bbox", "polygon", "line", "point", "location")


def read(path: Path, side: Side, options: LabelboxOptions) -> Imported:
    """Read an export.

    Raises
    ------
    ImporterError
        If no line of it can be read.
    """
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    left_out: Counter[str] = Counter()
    for number, line in enumerate(json_lines(path), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            document = from_json(line)
            row = _row(document, place, str(path), options, left_out, problems)
            if row is None:
                left_out["unlabelled data row"] += 1
                continue
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            problems.append(Problem(str(path), place, field, reason or "no export of version 2"))
            continue
        if row.data_row in rows:
            problems.append(Problem(str(path), place, "data_row", f"{row.data_row!r} stands on a line before"))
            continue
        rows[row.data_row] = row
    if not rows and problems:
        raise ImporterError(str(problems[0]))
    names = sorted({item["feature"] for row in rows.values() for item in row.objects})
    return Imported(str(path), side, list(rows.values()), names, notes_of(left_out), problems)


def notes_of(left_out: Counter[str]) -> list[str]:
    """Say what of a file is left out, and how much."""
    return [f"Left out: {count_of(count, what)}." for what, count in sorted(left_out.items()) if count]


def mapping(given: Any, field: str) -> Mapping[str, Any]:
    """Give an object.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"{field}: must be an object")
    return given


def _row(
    document: Any,
    place: str,
    source: str,
    options: LabelboxOptions,
    left_out: Counter[str],
    problems: list[Problem],
) -> Row | None:
    document = mapping(document, "the line")
    asset = mapping(document.get("data_row"), "data_row")
    key = asset.get("global_key") or asset.get("id")
    if not isinstance(key, str):
        raise ValueError("data_row.id: missing")
    left_out["model run"] += len(document.get("experiments") or {})
    facts = _facts(asset, document.get("media_attributes") or {})
    label = _label(document, f"{place} (data row {key!r})", source, options, left_out, problems)
    if label is None:
        return None
    for field, what in _BESIDES.items():
        left_out[what] += len(label.get(field) or label.get("annotations", {}).get(field) or ())
    own = mapping(label.get("annotations") or {}, "annotations")
    objects: list[dict[str, Any]] = []
    places: list[str] = []
    for kind, make in (("objects", _object), ("classifications", _answer)):
        for i, given in enumerate(own.get(kind) or ()):
            where = f"{place} {kind}[{i}]"
            try:
                said = make(given, left_out)
            except ValueError as error:
                field, _, reason = str(error).partition(": ")
                problems.append(Problem(source, where, field, reason))
                continue
            if said is not None:
                objects.append(said)
                places.append(where)
    return Row(key, facts, objects, places)


def _facts(asset: Mapping[str, Any], media: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        side: media[side] for side in ("width", "height") if isinstance(media.get(side), int) and media[side] > 0
    }
    address = asset.get("row_data")
    if isinstance(address, str) and address.startswith(("https://", "http://")) and len(address) <= 4096:
        facts["media_url"] = address
    metadata = {"labelbox_id": asset["id"]} if asset.get("global_key") and isinstance(asset.get("id"), str) else {}
    if isinstance(asset.get("external_id"), str):
        metadata["file_name"] = asset["external_id"]
    return facts | ({"metadata": metadata} if metadata else {})


def _label(
    document: Mapping[str, Any],
    place: str,
    source: str,
    options: LabelboxOptions,
    left_out: Counter[str],
    problems: list[Problem],
) -> Mapping[str, Any] | None:
    """Find the label of a data row; of several, the first, and the others are told."""
    candidates: list[tuple[str, Mapping[str, Any]]] = []
    for key, project in mapping(document.get("projects") or {}, "projects").items():
        labels = mapping(project, "projects").get("labels") or []
        if options.project not in (None, key, project.get("name")):
            left_out["foreign project label"] += len(labels)
            continue
        candidates += [
            (f"label {label.get('id')} of project {project.get('name') or key!r}", label) for label in labels
        ]
    for name, _ in candidates[1:]:
        problems.append(Problem(source, place, name, f"the data row has a label already, {candidates[0][0]}"))
    return candidates[0][1] if candidates else None


def _name(given: Mapping[str, Any], field: str = "name") -> str:
    name = given.get("name") or given.get("value")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{field}: missing")
    return name


def _object(given: Any, left_out: Counter[str]) -> dict[str, Any] | None:
    given = mapping(given, "object")
    kind = next((kind for kind in SHAPES if given.get(kind) is not None), None)
    if kind is None:
        left_out[f"{given.get('annotation_kind') or 'unknown'} object"] += 1
        return None
    said: dict[str, Any] = {"feature": _name(given)} | shape(kind, given[kind])
    if isinstance(given.get("feature_id"), str):
        said["id"] = given["feature_id"]
    return said | _nested(given, left_out)


def shape(kind: str, given: Any) -> dict[str, Any]:
    """Give a shape as events say it.

    Raises
    ------
    ValueError
        If something of it is missing.
    """
    if kind == "location":
        start, end = (_number(mapping(given, kind), name, kind) for name in ("start", "end"))
        return {"type": "span", "span": [int(start), int(end)]}
    if kind in ("bounding_box", "bbox"):
        box = mapping(given, kind)
        return {"type": "bbox", "bbox": [_number(box, name, kind) for name in ("left", "top", "width", "height")]}
    if kind == "point":
        return {"type": "point", "point": _point(given, kind)}
    if not isinstance(given, list):
        raise ValueError(f"{kind}: must be a list of points")
    points = [_point(point, kind) for point in given]
    if kind == "line":
        return {"type": "polyline", "polyline": points}
    return {"type": "polygon", "polygon": [points]}


def _point(given: Any, kind: str) -> list[float]:
    return [_number(mapping(given, kind), name, kind) for name in ("x", "y")]


def _number(given: Mapping[str, Any], name: str, kind: str) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{kind}.{name}: must be a number (got {value!r})")
    return float(value)


def _nested(given: Mapping[str, Any], left_out: Counter[str]) -> dict[str, Any]:
    answers = _answers(given, left_out)
    return {"classifications": answers} if answers else {}


def _answers(given: Mapping[str, Any], left_out: Counter[str]) -> list[dict[str, Any]]:
    """Give the answers nested in an object, an answer or an option."""
    return [answer for one in given.get("classifications") or () if (answer := _answer(one, left_out)) is not None]


def _answer(given: Any, left_out: Counter[str]) -> dict[str, Any] | None:
    given = mapping(given, "classification")
    said: dict[str, Any] = {"feature": _name(given)}
    if given.get("radio_answer") is not None:
        chosen = mapping(given["radio_answer"], "radio_answer")
        answer = {"type": "radio", "answer": _name(chosen, "radio_answer.name")}
        return said | answer | _nested(chosen, left_out)
    if isinstance(given.get("checklist_answers"), list):
        options = [mapping(option, "checklist_answers") for option in given["checklist_answers"]]
        under = {_name(option): nested for option in options if (nested := _answers(option, left_out))}
        chosen = {"type": "checklist", "answers": [_name(option, "checklist_answers.name") for option in options]}
        return said | chosen | ({"classifications": under} if under else {})
    if given.get("text_answer") is not None:
        return said | {"type": "text", "answer": mapping(given["text_answer"], "text_answer").get("content") or ""}
    left_out["unknown classification"] += 1
    return None
