"""Convert the output of models to an event's objects: arrays, and the containers of common libraries.

Read without importing any of these libraries, by what is there:

- a mapping of fields to arrays, as torchvision's models give it: :mod:`evalstream.importers.arrays`;
- ``supervision.Detections``: ``xyxy``, ``class_id``, ``confidence``, ``mask`` and ``data["class_name"]``;
- ``Results`` of Ultralytics: ``boxes``, ``obb`` or ``probs``, ``masks``, ``names`` and ``orig_shape``;
- a list of mappings, as pipelines of Hugging Face give it: of boxes (``box``), of spans of text (``start``, ``end``) or
  of whole images and texts (``label`` and ``score`` alone);
- objects that are those of an event already: a list of mappings with ``type``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from evalstream.importers.arrays import ArrayType, BoxFormat, Classes, Fields, Reader, as_array
from evalstream.importers.arrays import Side as Columns
from evalstream.importers.problems import ImporterError
from evalstream.scenes import Float

Side = Literal["annotations", "predictions"]
#: What is asked about an image or a text as a whole, as tables have it.
QUESTION: Final = "class"


def objects(
    image: str,
    given: Any,
    *,
    side: Side = "predictions",
    classes: Sequence[str] | None = None,
    box_format: BoxFormat = "xyxy",
) -> list[dict[str, Any]]:
    """Say what a model gave as the objects of an event.

    Parameters
    ----------
    image : str
        The image's name, for errors.
    given : mapping of arrays, Detections, Results, or sequence of mappings
        As above.
    side : {"predictions", "annotations"}
        Which side of an evaluation it is.
    classes : sequence of str, optional
        The names of classes, where labels are positions among these.
    box_format : {"xyxy", "xywh", "cxcywh"}
        How the four numbers of a box in a mapping are meant; the libraries say it themselves.

    Raises
    ------
    ImporterError
        If it cannot be read; the message names the image, the field and the reason.
    """
    understood = _understood(image, given, side, classes, box_format)
    return _objects(image, understood, side) if isinstance(understood, _Arrays) else understood


class Boxes(NamedTuple):
    """Predicted boxes of an image as columns: what :func:`objects` says of them, at a fraction of the time."""

    labels: list[str]
    boxes: Float  # (n, 4): x, y, width and height
    scores: Float


def predictions(
    image: str, given: Any, classes: Sequence[str] | None = None, box_format: BoxFormat = "xyxy"
) -> Boxes | list[dict[str, Any]]:
    """Say what a model gave as :func:`objects` does, but boxes in arrays as columns; checked as strictly."""
    understood = _understood(image, given, "predictions", classes, box_format)
    if not isinstance(understood, _Arrays):
        return understood
    if understood.kind == "segm":
        return _objects(image, understood, "predictions")
    reader, read = _read(image, understood, "predictions")
    names = reader.classes.names
    return Boxes([names[code] for code in read.label.tolist()], read.box, read.score)


class _Arrays(NamedTuple):
    """Arrays of an image, and how they are meant."""

    of: Fields
    classes: Sequence[str] | None
    box_format: BoxFormat

    @property
    def kind(self) -> ArrayType:
        return "segm" if self.of.get("masks") is not None and self.of.get("boxes") is None else "bbox"


def _understood(
    image: str, given: Any, side: Side, classes: Sequence[str] | None, box_format: BoxFormat
) -> _Arrays | list[dict[str, Any]]:
    if isinstance(given, Mapping):
        return _Arrays(given, classes, box_format)
    if hasattr(given, "orig_shape") and hasattr(given, "names"):
        return _of_ultralytics(image, given, side)
    if hasattr(given, "xyxy") and hasattr(given, "class_id"):
        return _of_supervision(image, given, side, classes)
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        return _of_list(image, given)
    raise ImporterError(
        f"{side}: image {image}: a {type(given).__name__} cannot be read; give a mapping of arrays (boxes, labels,"
        " scores), supervision's Detections, Ultralytics' Results, or a list of mappings"
    )


def _objects(image: str, given: _Arrays, side: Side) -> list[dict[str, Any]]:
    reader, read = _read(image, given, side)
    names = reader.classes.names
    labels = [names[code] for code in read.label.tolist()]
    if reader.type == "bbox":
        shapes: list[dict[str, Any]] = [{"type": "bbox", "bbox": box} for box in read.box.tolist()]
    else:
        shapes = [{"type": "mask", "mask": _rle(mask)} for mask in read.detail]
    if side == "predictions":
        return [
            shape | {"feature": name, "confidence": score}
            for shape, name, score in zip(shapes, labels, read.score.tolist(), strict=True)
        ]
    return [
        shape | {"feature": name} | ({"crowd": True} if crowd else {}) | ({"area": area} if "area" in given.of else {})
        for shape, name, crowd, area in zip(shapes, labels, read.crowd.tolist(), read.area.tolist(), strict=True)
    ]


def _read(image: str, given: _Arrays, side: Side) -> tuple[Reader, Columns]:
    classes = Classes(None) if given.classes is None else _declared(tuple(given.classes))
    reader = Reader(given.kind, given.box_format, classes)
    return reader, reader.predicted(image, given.of) if side == "predictions" else reader.annotated(image, given.of)


@lru_cache(maxsize=16)
def _declared(classes: tuple[str, ...]) -> Classes:
    """Check names once, and not for each image."""
    return Classes(classes)


def _rle(detail: str) -> Any:
    import orjson

    return orjson.loads(detail)


def _of_supervision(
    image: str, detections: Any, side: Side, classes: Sequence[str] | None
) -> _Arrays | list[dict[str, Any]]:
    names = detections.data.get("class_name") if isinstance(getattr(detections, "data", None), Mapping) else None
    if names is None and detections.class_id is None and len(detections.xyxy):
        raise ImporterError(f"{side}: image {image}: class_id: missing; Detections without classes cannot be counted")
    fields: dict[str, Any] = {"labels": detections.class_id if names is None else np.asarray(names, np.str_)}
    if len(detections.xyxy) == 0:
        return []
    if detections.mask is not None:
        fields["masks"] = as_array(detections.mask).astype(bool)
    else:
        fields["boxes"] = detections.xyxy
    if side == "predictions":
        fields["scores"] = np.ones(len(detections.xyxy)) if detections.confidence is None else detections.confidence
    return _Arrays(fields, classes if names is None else None, "xyxy")


def _of_ultralytics(image: str, results: Any, side: Side) -> _Arrays | list[dict[str, Any]]:
    def named(codes: Any) -> Any:
        return np.array([results.names[int(code)] for code in as_array(codes)], np.str_)

    if getattr(results, "keypoints", None) is not None:
        raise ImporterError(
            f"{side}: image {image}: keypoints: skeletons of Results are not read; give them as an event's objects of"
            " type `keypoints`"
        )
    if getattr(results, "obb", None) is not None:
        turned = as_array(results.obb.xywhr).astype(float)
        rows = zip(turned.tolist(), named(results.obb.cls).tolist(), as_array(results.obb.conf).tolist(), strict=True)
        return [
            {
                "type": "rotated_box",
                "feature": name,
                "rotated_box": [x, y, width, height, float(np.degrees(angle))],
                "confidence": score,
            }
            for (x, y, width, height, angle), name, score in rows
        ]
    if getattr(results, "probs", None) is not None:
        scores = as_array(results.probs.data).astype(float).tolist()
        return [_answer({results.names[code]: score for code, score in enumerate(scores)})]
    if results.boxes is None or not len(results.boxes):
        return []
    fields: dict[str, Any] = {"labels": named(results.boxes.cls), "scores": results.boxes.conf}
    if getattr(results, "masks", None) is None:
        return _Arrays(fields | {"boxes": results.boxes.xyxy}, None, "xyxy")
    # Their own masks are of the size that the model saw; the outlines are of the image's.
    shapes = zip(results.masks.xy, fields["labels"].tolist(), as_array(results.boxes.conf).tolist(), strict=True)
    return [
        {"type": "polygon", "feature": name, "polygon": [as_array(outline).tolist()], "confidence": score}
        for outline, name, score in shapes
    ]


def _of_list(image: str, given: Sequence[Any]) -> list[dict[str, Any]]:
    if len(given) == 1 and isinstance(given[0], Sequence) and not isinstance(given[0], str):
        given = given[0]  # of a batch of one
    items = [_of_mapping(f"image {image}: object {place}", one) for place, one in enumerate(given)]
    answers = [one for one in items if "type" not in one]
    if not answers:
        return items
    if len(answers) < len(items):
        raise ImporterError(f"image {image}: some objects have a place, and others are labels of the whole")
    return [_answer({one["feature"]: one["confidence"] for one in answers})]


def _of_mapping(where: str, one: Any) -> dict[str, Any]:
    """Read one object; without a type where it is a label of the whole."""
    if not isinstance(one, Mapping):
        raise ImporterError(f"{where}: must be a mapping, and is a {type(one).__name__}")
    if "type" in one:
        return dict(one)
    label = one.get("label", one.get("entity_group", one.get("entity")))
    if label is None or "score" not in one:
        raise ImporterError(f"{where}: has neither `type`, as an event's objects, nor `label` and `score`")
    known: dict[str, Any] = {"feature": str(label), "confidence": float(one["score"])}
    if "box" in one:
        x, y, right, bottom = (float(one["box"][side]) for side in ("xmin", "ymin", "xmax", "ymax"))
        return {"type": "bbox", "bbox": [x, y, right - x, bottom - y], **known}
    if one.get("mask") is not None:
        from evalstream.events.objects.mask import encoded

        return {"type": "mask", "mask": encoded(np.asarray(one["mask"]) != 0).model_dump(mode="json"), **known}
    if "start" in one:
        return {"type": "span", "span": [int(one["start"]), int(one["end"])], **known}
    return known


def _answer(scores: Mapping[str, float]) -> dict[str, Any]:
    best = max(scores, key=lambda label: scores[label])
    own = {"type": "radio", "feature": QUESTION, "answer": best, "confidence": scores[best]}
    return own | ({"scores": dict(scores)} if len(scores) > 1 else {})
