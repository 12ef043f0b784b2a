"""Label Studio's JSON export to data rows: one a task, called by its number, or as its data say.

The format: https://labelstud.io/guide/task_format and https://labelstud.io/guide/export. Shapes are in per cent of the
image; a box is turned about its first corner, clockwise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
from pydantic_core import from_json

from evalstream.importers import shapes
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import json_lines
from evalstream.scenes import Flag
from evalstream.words import count_of

#: Member of a task's data that says what its data row is called, in tasks that evalstream wrote for labellers.
DATA_ROW: Final = "evalstream_data_row"
#: Types of results that are answers; in a region they are answers about it.
_ANSWERS: Final = ("choices", "taxonomy", "number", "rating", "textarea")
_SHAPES: Final = ("rectangle", "polygon", "keypoint", "brush", "labels")
_MEDIA: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class _Questions:
    """Find the questions that have several answers at once, somewhere in the file."""

    def __init__(self, tasks: Sequence[Any], kind: str) -> None:
        self.several: set[str] = set()
        self.asked: set[str] = set()
        for task in tasks:
            for one in task.get(kind) or () if isinstance(task, Mapping) else ():
                for result in _results(one):
                    value = result.get("value")
                    if result.get("type") in ("choices", "taxonomy") and isinstance(value, Mapping):
                        name = str(result.get("from_name"))
                        self.asked.add(name)
                        if len(value.get(result["type"]) or ()) != 1:
                            self.several.add(name)


def read(path: Path, side: Side) -> Imported:
    """Read an export.

    Raises
    ------
    ImporterError
        If it is none, or nothing of it can be read.
    """
    tasks = []
    for line in json_lines(path):
        if line.strip():
            try:
                tasks.append(from_json(line))
            except ValueError as error:
                raise ImporterError(f"{path}: not JSON: {error}") from None
    kind = "annotations"
    notes: list[str] = []
    if side == "predictions":
        if any(task.get("predictions") for task in tasks if isinstance(task, Mapping)):
            kind = "predictions"
        else:
            notes.append("No task has predictions: its annotations are read as predictions.")
    questions = _Questions(tasks, kind)
    problems: list[Problem] = []
    tally: Counter[str] = Counter()
    rows: dict[str, Row] = {}
    for i, task in enumerate(tasks):
        place = f"task {i}"
        try:
            row = _row(task, kind, side, place, str(path), questions, tally, problems)
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            problems.append(Problem(str(path), place, field, reason))
            continue
        if row is None:
            tally["unlabelled"] += 1
        elif row.data_row in rows:
            problems.append(Problem(str(path), place, "id", f"{row.data_row!r} is that of a task before"))
        else:
            rows[row.data_row] = row
    if not rows and problems:
        raise ImporterError(str(problems[0]))
    kept, said = shapes.of_one_type(list(rows.values()))
    names = sorted({item["feature"] for row in kept for item in row.objects})
    return Imported(str(path), side, kept, names, [*notes, *said, *_notes(tally, questions)], problems)


def _results(annotation: Any) -> list[Mapping[str, Any]]:
    given = annotation.get("result") if isinstance(annotation, Mapping) else None
    return [one for one in given or () if isinstance(one, Mapping)] if isinstance(given, list) else []


def _row(
    task: Any,
    kind: str,
    side: Side,
    place: str,
    source: str,
    questions: _Questions,
    tally: Counter[str],
    problems: list[Problem],
) -> Row | None:
    if not isinstance(task, Mapping) or not isinstance(task.get("data"), Mapping):
        raise ValueError("data: must be there, and be an object; JSON-MIN and CSV exports are not read")
    number = str(task["id"]) if isinstance(task.get("id"), int | str) else place.removeprefix("task ")
    called = task["data"].get(DATA_ROW)
    name = called if isinstance(called, str) and called else number
    place = f"{place} (id {number})"
    given = [one for one in task.get(kind) or () if isinstance(one, Mapping)]
    own = [one for one in given if not one.get("was_cancelled")]
    tally["cancelled"] += len(given) - len(own)
    own.sort(key=lambda one: not one.get("ground_truth"))  # one that is marked as the truth comes first
    if not own:
        return None
    for other in own[1:]:
        what = f"{kind.removesuffix('s')} {other.get('id')}"
        problems.append(Problem(source, place, what, f"the task has one already, {own[0].get('id')}"))
    facts, text = _facts(task["data"])
    results = _results(own[0])
    for one in results:
        for field, key in (("width", "original_width"), ("height", "original_height")):
            if isinstance(one.get(key), int) and one[key] > 0:
                facts[field] = one[key]
    objects: list[dict[str, Any]] = []
    places: list[str] = []
    for where, parts in _regions(results):
        at = f"{place} result[{where}]"
        try:
            said = _objects(parts, own[0], side, text, questions, tally)
        except ValueError as error:
            field, _, reason = str(error).partition(": ")
            problems.append(Problem(source, at, field, reason))
            continue
        objects += said
        places += [at] * len(said)
    return Row(name, facts, objects, places)


def _facts(data: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Give what is known of a task's asset, and its text where it has one."""
    facts: dict[str, Any] = {}
    for value in data.values():
        if not isinstance(value, str):
            continue
        name = PurePosixPath(urlsplit(value).path).name if len(value) < 4096 and "\n" not in value else ""
        if name.lower().endswith(_MEDIA) and "metadata" not in facts:
            facts["metadata"] = {"file_name": name}
            if value.startswith(("https://", "http://")):
                facts["media_url"] = value
    text = data.get("text")
    if isinstance(text, str):
        facts["text"] = text
    return facts, text if isinstance(text, str) else None


def _regions(results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, list[Mapping[str, Any]]]]:
    """Put results of one region together: they share an id. Each comes with the place of its first."""
    regions: dict[str, tuple[int, list[Mapping[str, Any]]]] = {}
    for i, one in enumerate(results):
        key = str(one["id"]) if one.get("id") is not None else f"#{i}"
        regions.setdefault(key, (i, []))[1].append(one)
    yield from regions.values()


def _objects(
    parts: Sequence[Mapping[str, Any]],
    whole: Mapping[str, Any],
    side: Side,
    text: str | None,
    questions: _Questions,
    tally: Counter[str],
) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    shape: dict[str, Any] | None = None
    labels: list[str] = []
    for part in parts:
        kind = str(part.get("type") or "")
        value = part.get("value")
        plain = kind.removesuffix("labels") or "labels"
        if not isinstance(value, Mapping) or (kind not in _ANSWERS and plain not in _SHAPES):
            tally[f"{kind or 'unknown'} result"] += 1
            continue
        own = value.get(kind) if kind.endswith("labels") else None
        labels += [str(label) for label in own or () if label not in labels]
        if kind in _ANSWERS:
            answers.append(_answer(kind, str(part.get("from_name")), value, questions))
        if shape is None and kind != "labels" and plain in _SHAPES:
            shape = _shape(plain, part, value)
            tally["parent"] += plain == "keypoint" and part.get("parentID") is not None
        elif shape is None and kind == "labels":
            shape = _span(value, text, tally)
    confidence = _confidence(parts, whole, tally) if side == "predictions" else {}
    if shape is None:
        return [answer | confidence for answer in answers]
    if not labels:
        raise ValueError("labels: the region has none")
    tally["several labels"] += len(labels) - 1
    nested = {"classifications": answers} if answers else {}
    return [{"feature": label} | shape | confidence | nested for label in labels]


def _confidence(parts: Sequence[Mapping[str, Any]], whole: Mapping[str, Any], tally: Counter[str]) -> dict[str, Any]:
    for given in (*(part.get("score") for part in parts), whole.get("score")):
        if isinstance(given, int | float) and not isinstance(given, bool):
            return {"confidence": float(given)}
    tally["unscored"] += 1
    return {}


def _answer(kind: str, question: str, value: Mapping[str, Any], questions: _Questions) -> dict[str, Any]:
    said = {"feature": question}
    if kind in ("number", "rating"):
        return said | {"type": "number", "answer": _number(value, kind)}
    given = value.get("text" if kind == "textarea" else kind)
    if not isinstance(given, list):
        given = [given]
    if kind == "textarea":
        return said | {"type": "text", "answer": "\n".join(map(str, given))}
    names = ["/".join(map(str, one)) if isinstance(one, list) else str(one) for one in given]
    if question in questions.several:
        return said | {"type": "checklist", "answers": names}
    return said | {"type": "radio", "answer": names[0]}


def _number(value: Mapping[str, Any], name: str) -> float:
    given = value.get(name)
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise ValueError(f"value.{name}: must be a number (got {given!r})")
    return float(given)


def _shape(kind: str, part: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    width, height = (part.get(f"original_{side}") for side in ("width", "height"))
    if not isinstance(width, int) or not isinstance(height, int) or width <= 0 or height <= 0:
        raise ValueError("original_width: shapes are per cent of an image, whose size must be given")
    if part.get("image_rotation"):
        raise ValueError(f"image_rotation: must be 0 (got {part['image_rotation']!r})")
    if kind == "brush":
        return _brush(value, width, height)
    if kind == "polygon":
        given = value.get("points")
        if not isinstance(given, list):
            raise ValueError("value.points: must be a list of points")
        points = []
        for point in given:
            if not isinstance(point, list) or len(point) != 2 or not all(isinstance(at, int | float) for at in point):
                raise ValueError(f"value.points: a point must be [x, y] (got {point!r})")
            points.append([point[0] * width / 100, point[1] * height / 100])
        return {"type": "polygon", "polygon": [points]}
    x, y = _number(value, "x") * width / 100, _number(value, "y") * height / 100
    if kind == "keypoint":
        return {"type": "point", "point": [x, y]}
    size = _number(value, "width") * width / 100, _number(value, "height") * height / 100
    return shapes.turned_about_corner(x, y, *size, _number(value, "rotation") if value.get("rotation") else 0.0)


def _span(value: Mapping[str, Any], text: str | None, tally: Counter[str]) -> dict[str, Any] | None:
    start, end = value.get("start"), value.get("end")
    if isinstance(start, int | float) and not isinstance(start, int):
        tally["labels result of sound"] += 1  # seconds
        return None
    if not isinstance(start, int) or not isinstance(end, int):
        tally["labels result of HTML"] += 1
        return None
    said: dict[str, Any] = {"type": "span", "span": [start, end]}
    covered = value.get("text")
    if text is None or not isinstance(covered, str) or text[start:end] == covered:
        return said
    in_utf16 = text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le", "replace")
    if in_utf16 == covered:
        return said | {"unit": "utf16"}
    raise ValueError(f"value.text: {covered!r} does not stand at [{start}, {end})")


def _brush(value: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    given = value.get("rle")
    if value.get("format") != "rle" or not isinstance(given, list):
        raise ValueError(f"value.format: must be rle (got {value.get('format')!r})")
    return shapes.mask(brushed(given, width, height), width, height)


def brushed(rle: Sequence[int], width: int, height: int) -> Flag:
    """Unfold a brush's run lengths: bits of numbers, as thi.ng/rle-pack writes them, of an image's four channels.

    The head: the count of values in 32 bits, the bits of a value less 1 in 5, and the bits of each of four lengths of
    runs less 1 in 4 each. Then, until the count is reached: a bit that says whether a value is repeated, which of the
    four lengths follows in 2, that many bits of the run's length less 1, and the value, or as many as the run is long.

    Returns
    -------
    (height, width) bool
        Where the last channel, opacity, is not 0.

    Raises
    ------
    ValueError
        If it is no such text of bits, or not of an image of this size.
    """
    try:
        data = bytes(rle)
    except (TypeError, ValueError):
        raise ValueError("value.rle: must be a list of bytes") from None
    at = 0

    def take(bits: int) -> int:
        nonlocal at
        first, last = at // 8, (at + bits + 7) // 8
        if last > len(data):
            raise ValueError("value.rle: ends too early")
        value = int.from_bytes(data[first:last], "big") >> (8 * last - at - bits)
        at += bits
        return value & ((1 << bits) - 1)

    count, word = take(32), take(5) + 1
    lengths = [take(4) + 1 for _ in range(4)]
    if count != 4 * width * height:
        raise ValueError(f"value.rle: {count} values, where the image has {width} x {height} pixels of 4")
    values = np.zeros(count, np.uint32)
    i = 0
    while i < count:
        repeated = take(1)
        end = i + take(lengths[take(2)]) + 1
        if end > count:
            raise ValueError("value.rle: more values than it says")
        values[i:end] = take(word) if repeated else [take(word) for _ in range(end - i)]
        i = end
    return np.asarray(values.reshape(height, width, 4)[..., 3] > 0)


def _notes(tally: Counter[str], questions: _Questions) -> Iterator[str]:
    if questions.asked:
        radio = sorted(questions.asked - questions.several)
        if radio:
            yield f"Questions with one answer each, wherever asked: {', '.join(radio)}; read as radio."
        if questions.several:
            yield f"Questions with any number of answers: {', '.join(sorted(questions.several))}; read as checklists."
    said = {
        "unlabelled": ("task", "without annotations, left out, for nobody said that it is empty"),
        "cancelled": ("annotation", "cancelled, left out"),
        "parent": ("keypoint", "of a region; read as a point with its own label"),
        "several labels": ("label", "beside another one of its region; each is an object"),
        "unscored": ("region", "without a score; its confidence is 1"),
    }
    for key, (noun, what) in said.items():
        if tally[key]:
            yield f"{count_of(tally[key], noun)}: {what}."
    for key, count in sorted(tally.items()):
        if key not in said and count:
            yield f"Left out: {count_of(count, key)}."
