"""Labels with their scores as COCO: a ground truth and results on it, to which the outcome of each object is added.

Read by pycocotools, or by ``evalstream evaluate``, the two files have the figures of the run that they were made of.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

import orjson
from pycocotools import mask as coco_mask

from evalstream.exporters import shapes
from evalstream.exporters.files import Open
from evalstream.queries.rows import Row, RowObject

GROUND_TRUTH: Final = "annotations.json"
RESULTS: Final = "results.json"
_ADDED: Final = ("id", "outcome", "cause", "matched", "iou")


def write(rows: Iterable[Row], open_file: Open, left_out: Counter[str]) -> None:
    """Write ``annotations.json`` and ``results.json``.

    Image ids are the keys of data rows where all of them are whole numbers, as those of COCO are, and else numbers from
    1 on. What the filter leaves out, and predictions below the confidence threshold, are in neither file. The area of
    an annotation is the one that it was sent with; an annotation that counts for nothing is a region (``iscrowd``),
    too. Each record has a member ``evalstream`` with what COCO does not know: the key and the metrics of a data row,
    the id, the outcome and the partner of an object.

    Parameters
    ----------
    rows : iterable of Row
        Read once; they are kept in a temporary file, since ids are not known before the last.
    open_file : callable
        Opens each by its name.
    left_out : Counter
        Where what COCO cannot hold, and what is not asked for, is counted.
    """
    with tempfile.TemporaryFile() as kept:
        numbered, names = True, set[str]()
        for row in rows:
            numbered = numbered and row.data_row.isdecimal() and str(int(row.data_row)) == row.data_row
            for side, objects in (("annotation", row.annotations), ("prediction", row.predictions)):
                for one in objects:
                    if one.outcome is None:
                        left_out[f"{side} outside the filter or below the confidence threshold"] += 1
                    elif _shape(one) is None:
                        left_out[f"{one.type} {side}"] += 1
                    else:
                        names.add(one.feature)
            kept.write(row.model_dump_json().encode() + b"\n")
        ids = {name: i for i, name in enumerate(sorted(names), 1)}
        with open_file(GROUND_TRUTH) as file:
            file.write(b'{"categories":' + orjson.dumps([{"id": i, "name": name} for name, i in ids.items()]))
            file.write(b',\n"images":[\n')
            _list(file, (_image(i, row) for i, row in _read(kept, numbered)))
            file.write(b'],\n"annotations":[\n')
            _list(file, _annotations(_read(kept, numbered), ids))
            file.write(b"]}\n")
        with open_file(RESULTS) as file:
            file.write(b"[\n")
            _list(file, _results(_read(kept, numbered), ids))
            file.write(b"]\n")


def _read(kept: IO[bytes], numbered: bool) -> Iterator[tuple[int, Row]]:
    kept.seek(0)
    for i, line in enumerate(kept, 1):
        row = Row.model_validate_json(line)
        yield int(row.data_row) if numbered else i, row


def _list(file: IO[bytes], records: Iterable[dict[str, Any]]) -> None:
    for i, record in enumerate(records):
        file.write((b",\n" if i else b"") + orjson.dumps(record))


def _image(number: int, row: Row) -> dict[str, Any]:
    name = row.metadata.get("file_name") or row.data_row
    said = {"id": number, "file_name": name, "width": row.width, "height": row.height}
    added = {"key": row.data_row, "metrics": row.metrics}
    return said | ({"coco_url": row.media_url} if row.media_url else {}) | {"evalstream": added}


def _annotations(rows: Iterable[tuple[int, Row]], ids: dict[str, int]) -> Iterator[dict[str, Any]]:
    number = 0
    for image, row in rows:
        for one in row.annotations:
            shape = _shape(one)
            if one.outcome is not None and shape is not None:
                number += 1
                known = {"id": number, "image_id": image, "category_id": ids[one.feature]}
                area = {} if one.area is None else {"area": one.area}
                crowd = one.crowd or one.outcome == "ignored"
                yield known | shape | area | {"iscrowd": int(crowd), "evalstream": _added(one)}


def _results(rows: Iterable[tuple[int, Row]], ids: dict[str, int]) -> Iterator[dict[str, Any]]:
    for image, row in rows:
        for one in row.predictions:
            shape = _shape(one)
            if one.outcome is not None and shape is not None:
                known = {"image_id": image, "category_id": ids[one.feature], "score": one.confidence}
                yield known | shape | {"evalstream": _added(one)}


def _added(one: RowObject) -> dict[str, Any]:
    return one.model_dump(include=set(_ADDED))


def _shape(one: RowObject) -> dict[str, Any] | None:
    """Give what COCO says of a shape, or None if it has no such shape."""
    if one.parent is not None:
        return None
    if one.type == "bbox":
        return {"bbox": one.geometry, "area": one.geometry[2] * one.geometry[3]}
    if one.type == "mask":
        rle = shapes.mask(one)
        box = [float(value) for value in coco_mask.toBbox(rle)]
        return {"segmentation": rle, "bbox": box, "area": int(coco_mask.area(rle))}
    if one.type == "polygon":
        rings = shapes.pieces(one)
        if any(len(own) > 1 for own in rings):
            return None  # COCO's polygons have no holes
        outlines = [outline for (outline,) in rings]
        box = shapes.box_around([point for outline in outlines for point in outline])
        area = sum(map(shapes.area, outlines))
        return {"segmentation": [[at for xy in own for at in xy] for own in outlines], "bbox": box, "area": area}
    if one.type == "keypoints":
        points = shapes.keypoints(one)
        box = one.geometry[:4] if len(one.geometry) % 3 == 1 else shapes.box_around([at[:2] for at in points])
        flat = [value for at in points for value in at]
        seen = sum(at[2] > 0 for at in points)
        return {"keypoints": flat, "num_keypoints": seen, "bbox": box, "area": box[2] * box[3]}
    return None
