"""Candidate mislabels for labellers: what a run is sure of and nobody annotated, and what is annotated and not seen.

Each file holds whole data rows as they should be looked at: all annotations, and the false alarms as proposals beside
them. Nothing of a data row that a format cannot hold would come back from labellers, so such a row is left out whole.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple
from xml.etree import ElementTree

import orjson
from pydantic import Field

from evalstream.exporters import shapes
from evalstream.exporters.files import Open, placed
from evalstream.exporters.questions import About, MislabelsFormat, MislabelsQuery, about
from evalstream.exporters.state import state, told
from evalstream.importers.label_studio import DATA_ROW
from evalstream.importers.names import stems
from evalstream.queries.rows import Row, RowObject
from evalstream.selection import Filter, checked

if TYPE_CHECKING:
    from evalstream.questions import Asked

_KINDS: Final = {"false_alarm": "background", "missed": "missed"}
_LOST: Final = "called otherwise than its file, by which CVAT knows images"
_TYPES: Final[dict[str, Collection[str]]] = {
    "labelbox": ("bbox", "polygon", "polyline", "point"),
    "label-studio": ("bbox", "rotated_box", "polygon", "point"),
    "cvat": ("bbox", "rotated_box", "polygon", "polyline", "point"),
}


class Looked(NamedTuple):
    """A data row to be looked at: its annotations, what is proposed, and the ids of annotations that no model sees."""

    row: Row
    proposed: list[RowObject]
    missed: set[str]


class Mislabels(About):
    """Record of an export of candidate mislabels: the question, what was written, and what was not."""

    rows: int = Field(description="data rows in the file")
    false_alarms: int = Field(
        description="candidates of this kind in the file; all others of the run are less confident"
    )
    missed: int = Field(description="candidates of this kind in the file, by data row")
    false_alarms_total: int = Field(description="in the run at this question")
    missed_total: int
    left_out: dict[str, int] = Field(description="data rows with candidates that the format cannot hold whole, and why")


def export_mislabels(
    client: Asked, dataset: str, run: str, path: str | Path, form: MislabelsFormat, **said: Any
) -> Mislabels:
    """Write the most confident false alarms on background, and missed objects, for a labelling tool to import.

    Parameters
    ----------
    path : path
        A file to write; ``NAME.candidates.csv`` beside it lists the candidates, and ``NAME.about.json`` says what it is
        of. There must be none of them.
    form : {"labelbox", "label-studio", "cvat"}
        Labelbox import lines, tasks of Label Studio, or "CVAT for images 1.1".
    **said
        ``limit``, the most candidates of each kind, up to 500 (100 if not said); policy, thresholds and filters of data
        rows; a file holds whole data rows, so no filter of objects. Confidence is 0.5 if not said.

    Raises
    ------
    FileExistsError
        If there is such a file already.
    QuestionError
        If objects are filtered.
    """
    path = Path(path)
    query = checked(MislabelsQuery, said | {"format": form}, "export_mislabels")
    with placed(*(path.with_name(path.name + ending) for ending in ("", ".candidates.csv", ".about.json"))) as files:
        return write_mislabels(client, dataset, run, query, files, path.name)


def write_mislabels(
    client: Asked, dataset: str, run: str, query: MislabelsQuery, open_file: Open, name: str
) -> Mislabels:
    """Write the files of an export of candidate mislabels wherever ``open_file`` opens them."""
    query.check()
    begun = state(client, dataset, run, query.shared_with)
    said = query.model_dump(include=set(Filter.model_fields))
    answers = {
        kind: client.objects(
            dataset, run, **said, outcome=kind, cause=cause, sort="confidence", descending=True, limit=query.limit
        )
        for kind, cause in _KINDS.items()
    }
    ended = state(client, dataset, run, query.shared_with)
    looked: dict[str, Looked] = {}
    for kind, answer in answers.items():
        for case in answer.objects:
            one = looked.setdefault(case.data_row, Looked(answer.rows[case.data_row], [], set()))
            if kind == "missed" and case.annotation is not None:
                one.missed.add(case.annotation.id)
            elif case.prediction is not None:
                one.proposed.append(case.prediction)
    left_out: Counter[str] = Counter()
    kept = []
    for one in looked.values():
        why = _cannot(one, query.format)
        if why is None:
            kept.append(one)
        else:
            left_out[why] += 1
    kept, found_again = _found_again(kept, query.format)
    if lost := len(looked) - left_out.total() - len(kept):
        left_out[_LOST] = lost
    done = Mislabels(
        **about(dataset, run, query, begun),
        rows=len(kept),
        false_alarms=sum(len(one.proposed) for one in kept),
        missed=sum(len(one.missed) for one in kept),
        false_alarms_total=answers["false_alarm"].total,
        missed_total=answers["missed"].total,
        left_out=dict(left_out),
        notes=[*told(begun, ended, left_out=query.missing_rows == "leave_out"), *found_again],
    )
    with open_file(name) as file:
        file.write(_WRITERS[query.format](kept))
    with open_file(f"{name}.candidates.csv") as file:
        _list(kept, file)
    with open_file(f"{name}.about.json") as file:
        file.write(done.model_dump_json(indent=2).encode() + b"\n")
    return done


def _cannot(one: Looked, form: MislabelsFormat) -> str | None:
    """Say why a format cannot hold a data row whole, if it cannot."""
    if one.row.coordinates == "lonlat":
        return "in longitudes and latitudes"
    if form == "label-studio" and not (one.row.width > 0 and one.row.height > 0):
        return "without the size of the image, which Label Studio's shapes are in per cent of"
    for item in (*one.row.annotations, *one.proposed):
        if item.parent is not None:
            return "with answers nested in objects"
        if item.type not in _TYPES[form]:
            return f"with an object of type {item.type}"
        if item.type == "polygon" and [len(rings) for rings in shapes.pieces(item)] != [1]:
            return "with a polygon of several pieces or with holes"
    if any(item.outcome == "ignored" for item in one.row.annotations):
        return "with annotations that count for nothing, such as crowd regions"
    return None


def _file(row: Row) -> str:
    return row.metadata.get("file_name") or row.data_row


def _found_again(kept: list[Looked], form: MislabelsFormat) -> tuple[list[Looked], list[str]]:
    """Keep the data rows that are found again by what comes back, and say how it is to be read."""
    if form != "cvat":
        return kept, []  # which give back what data rows are called
    files = [_file(one.row) for one in kept]
    as_read, as_files = (
        [one for one, name in zip(kept, names, strict=True) if name == one.row.data_row]
        for names in (stems(files), files)
    )
    if len(as_read) >= len(as_files):
        return as_read, []
    return as_files, [
        "Upload what CVAT gives back with `--row-key file_name`, for data rows are called as their files."
    ]


def _list(kept: Sequence[Looked], file: IO[bytes]) -> None:
    writer = csv.writer(codecs.getwriter("utf-8")(file))
    writer.writerow(["data_row", "kind", "label", "confidence", "id", "geometry"])
    for one in kept:
        missed = [item for item in one.row.annotations if item.id in one.missed]
        for kind, items in (("false_alarm", one.proposed), ("missed", missed)):
            for item in items:
                known = [one.row.data_row, kind, item.label, item.confidence, item.id]
                writer.writerow([*known, orjson.dumps(item.geometry).decode()])


def _all(one: Looked) -> Iterator[RowObject]:
    yield from one.row.annotations
    yield from one.proposed


def _outline(item: RowObject) -> list[shapes.Point]:
    return shapes.pieces(item)[0][0] if item.type == "polygon" else shapes.points(item.geometry)


def labelbox(kept: Sequence[Looked]) -> bytes:
    """Write an annotation or a proposal a line, for data rows that are called by their global key."""
    return b"".join(
        orjson.dumps({"dataRow": {"globalKey": one.row.data_row}, "name": item.feature} | _labelbox_shape(item)) + b"\n"
        for one in kept
        for item in _all(one)
    )


def _labelbox_shape(item: RowObject) -> dict[str, Any]:
    if item.type == "bbox":
        left, top, width, height = item.geometry
        return {"bbox": {"top": top, "left": left, "height": height, "width": width}}
    at = [{"x": x, "y": y} for x, y in _outline(item)]
    return {"point": at[0]} if item.type == "point" else {"line" if item.type == "polyline" else "polygon": at}


def label_studio(kept: Sequence[Looked]) -> bytes:
    """Write a task a data row; what is to be looked at says so in the notes of its region."""
    return orjson.dumps([_task(one) for one in kept], option=orjson.OPT_INDENT_2)


def _task(one: Looked) -> dict[str, Any]:
    row = one.row
    # Label Studio numbers tasks anew when it imports them, and gives their data back as they are.
    data = {"image": row.media_url or _file(row), DATA_ROW: row.data_row}
    results = []
    for i, item in enumerate(_all(one)):
        proposed = i >= len(row.annotations)
        said = f"not annotated, and seen with confidence {item.confidence}" if proposed else "not seen by the model"
        note = {"meta": {"text": [f"candidate mislabel: {said}"]}} if proposed or item.id in one.missed else {}
        results.append(_result(item, str(i), row) | note)
    return {"data": data, "annotations": [{"result": results}]}


def _result(item: RowObject, number: str, row: Row) -> dict[str, Any]:
    wide, high = 100 / row.width, 100 / row.height
    kind = {"bbox": "rectangle", "rotated_box": "rectangle", "polygon": "polygon", "point": "keypoint"}[item.type]
    value: dict[str, Any]
    if item.type == "bbox":
        x, y, width, height = item.geometry
        value = {"x": x * wide, "y": y * high, "width": width * wide, "height": height * high, "rotation": 0}
    elif item.type == "rotated_box":  # turned about its first corner
        (x, y), (width, height, angle) = shapes.corners(item)[0], item.geometry[2:]
        value = {"x": x * wide, "y": y * high, "width": width * wide, "height": height * high, "rotation": angle}
    elif item.type == "polygon":
        value = {"points": [[x * wide, y * high] for x, y in _outline(item)]}
    else:
        x, y = item.geometry
        value = {"x": x * wide, "y": y * high, "width": 0.5}
    known = {"id": number, "type": f"{kind}labels", "from_name": "label", "to_name": "image"}
    size = {"original_width": row.width, "original_height": row.height, "image_rotation": 0}
    return known | size | {"value": value | {f"{kind}labels": [item.feature]}}


def cvat(kept: Sequence[Looked]) -> bytes:
    """Write an image a data row; what is proposed has the source ``auto``."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    # Datumaro reads no file without; CVAT itself takes the labels of the task that it is imported to.
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    ElementTree.SubElement(task, "size").text = str(len(kept))
    labels = ElementTree.SubElement(task, "labels")
    for name in sorted({item.feature for one in kept for item in _all(one)}):
        ElementTree.SubElement(ElementTree.SubElement(labels, "label"), "name").text = name
    for number, one in enumerate(kept):
        size = {"width": str(one.row.width), "height": str(one.row.height)} if one.row.width and one.row.height else {}
        image = ElementTree.SubElement(root, "image", {"id": str(number), "name": _file(one.row)} | size)
        for i, item in enumerate(_all(one)):
            source = "manual" if i < len(one.row.annotations) else "auto"
            tag, shape = _cvat_shape(item)
            known = {"label": item.feature, "source": source, "occluded": "0", "z_order": "0"}
            ElementTree.SubElement(image, tag, known | shape)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _cvat_shape(item: RowObject) -> tuple[str, dict[str, str]]:
    if item.type in ("bbox", "rotated_box"):
        x, y, width, height, *angle = item.geometry
        left, top = (x - width / 2, y - height / 2) if angle else (x, y)
        ends = {"xtl": left, "ytl": top, "xbr": left + width, "ybr": top + height}
        turned = {"rotation": repr(angle[0])} if angle else {}
        return "box", {name: repr(value) for name, value in ends.items()} | turned
    tag = {"polygon": "polygon", "polyline": "polyline", "point": "points"}[item.type]
    return tag, {"points": ";".join(f"{x!r},{y!r}" for x, y in _outline(item))}


_WRITERS: Final[dict[MislabelsFormat, Callable[[Sequence[Looked]], bytes]]] = {
    "labelbox": labelbox,
    "label-studio": label_studio,
    "cvat": cvat,
}
