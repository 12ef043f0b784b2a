"""Objects of images as arrays, the way models give them, to columns of events.

What is of an image is a mapping of field names to arrays, NumPy's or anybody else's, or to lists:

- annotations: ``boxes`` (n, 4), ``labels`` (n), and if need be ``crowd`` or ``iscrowd`` (n) and ``area`` (n);
- predictions: ``boxes``, ``labels`` and ``scores`` (n);
- of masks, ``masks`` in the place of boxes: (n, height, width), true where the object is, or COCO's run lengths.

Other fields are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from evalstream.arrow import as_texts, texts
from evalstream.events.base import COORDINATE_LIMIT, OBJECTS_LIMIT, Crowd
from evalstream.importers.columns import Categories, Found, Images, Objects, Truth, bound
from evalstream.importers.problems import ImporterError, Problem
from evalstream.scenes import Code, Flag, Float, Int, row_order
from evalstream.words import count_of

#: How the four numbers of a box are meant: corners; a corner and the sides; the centre and the sides.
BoxFormat = Literal["xyxy", "xywh", "cxcywh"]
ArrayType = Literal["bbox", "segm"]
Fields = Mapping[str, Any]
_NO_CONTROLS: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]+").fullmatch


class Side(NamedTuple):
    """The annotations, or the predictions, of one image or of several: parallel columns."""

    label: Code  # a position among the names of classes
    score: Float  # 1, of annotations
    crowd: Flag
    area: Float
    box: Float  # (n, 4): x, y, width and height; (n, 0) of masks
    detail: list[str]  # of each mask: JSON of COCO's run lengths; nothing of boxes


class Classes:
    """The names of classes: those declared, or else those that come up, each where it comes up first."""

    def __init__(self, declared: Sequence[str] | None) -> None:
        self.declared = declared is not None
        self.names: list[str] = []
        self._codes: dict[str, int] = {}
        self._add([_text("classes", name, 256) for name in declared or ()])
        if len(self._codes) < len(self.names):
            raise ImporterError("classes: a name is there twice")

    def codes(self, names: Sequence[str]) -> Code:
        """Give each name's position, names that are new one at the end.

        Raises
        ------
        KeyError
            If classes are declared, and one of the names is not among them.
        ImporterError
            If a new name can be none; then none is added.
        """
        new = [_text("labels", name, 256) for name in dict.fromkeys(names) if name not in self._codes]
        if new and self.declared:
            raise KeyError(new[0])
        self._add(new)
        return np.array([self._codes[name] for name in names], np.int32)

    def _add(self, new: list[str]) -> None:
        self._codes |= {name: code for code, name in enumerate(new, len(self.names))}
        self.names += new


class Reader(NamedTuple):
    """Reader of arrays."""

    type: ArrayType
    box_format: BoxFormat
    classes: Classes

    def annotated(self, image: str, fields: Fields) -> Side:
        """Read the annotations of an image.

        Raises
        ------
        ImporterError
            If a field cannot be read; the message names the image, the field and the reason.
        """
        of = _Fields(image, "annotations", fields)
        box, detail, area = self._shapes(of)
        count = len(area)
        if fields.get("area") is not None:
            area = of.numbers("area", count)
        name = "crowd" if fields.get("crowd") is not None else "iscrowd"
        crowd = np.zeros(count, np.bool_)
        if fields.get(name) is not None:
            crowd = of.numbers(name, count) != 0
        return Side(self._labels(of, count), np.ones(count), crowd, area, box, detail)

    def predicted(self, image: str, fields: Fields) -> Side:
        """Read the predictions of an image, like :meth:`annotated`."""
        of = _Fields(image, "predictions", fields)
        box, detail, area = self._shapes(of)
        count = len(area)
        score = of.numbers("scores", count)
        return Side(self._labels(of, count), score, np.zeros(count, np.bool_), area, box, detail)

    def _shapes(self, of: _Fields) -> tuple[Float, list[str], Float]:
        return _boxes(of, self.box_format) if self.type == "bbox" else _masks(of)

    def _labels(self, of: _Fields, count: int) -> Code:
        given = of.array("labels", count)
        if not count:
            return np.empty(0, np.int32)
        # Without sorting them, for this is done at each step of a training loop.
        if given.dtype.kind in "iu":
            if self.classes.declared:
                known = len(self.classes.names)
                lowest, highest = given.min(), given.max()
                if lowest < 0 or highest >= known:
                    wrong = lowest if lowest < 0 else highest
                    of.refuse("labels", f"there is no class {wrong}: {known} are declared, the first of them 0")
                return given.astype(np.int32)
            names = list(map(str, given.tolist()))
        elif given.dtype.kind == "U":
            names = given.tolist()
        else:
            of.refuse("labels", f"must be whole numbers or names, and are {given.dtype}")
        try:
            return self.classes.codes(names)
        except KeyError as error:
            of.refuse("labels", f"there is no class {error} among those that are declared")
        except ImporterError as error:
            raise ImporterError(f"{of}: {error}") from None


class _Fields:
    """The fields of one side of an image, and how to say what is wrong with one."""

    def __init__(self, image: str, side: str, fields: Fields) -> None:
        self._image, self._side = image, side
        if not isinstance(fields, Mapping):
            raise ImporterError(f"{self}: must be a mapping of fields to arrays, and is {_kind(fields)}")
        self._fields = fields

    def __str__(self) -> str:
        return f"{self._side}: image {self._image}"

    def refuse(self, field: str, reason: str) -> NoReturn:
        raise ImporterError(str(Problem(self._side, f"image {self._image}", field, reason)))

    def given(self, field: str) -> Any:
        if self._fields.get(field) is None:
            self.refuse(field, f"missing; there are {', '.join(map(str, self._fields)) or 'no fields'}")
        return self._fields[field]

    def array(self, field: str, count: int | None = None) -> NDArray[Any]:
        """Read an array; one number each, if their count is given."""
        given = self.given(field)
        try:
            values = as_array(given)
        except (TypeError, ValueError, RuntimeError) as error:
            self.refuse(field, f"cannot be read as an array: {error}")
        if count is not None and values.shape != (count,):
            self.refuse(field, f"must have the shape ({count},), one for each object, and has {values.shape}")
        return values

    def numbers(self, field: str, count: int | None = None) -> Float:
        """Read an array of finite numbers."""
        given = self.array(field, count)
        if given.size and given.dtype.kind not in "iufb":
            self.refuse(field, f"must be numbers, and are {given.dtype}")
        values = given.astype(np.float64)
        # Of NaN both are NaN, which is in no order.
        if values.size and not (values.min() >= -COORDINATE_LIMIT and values.max() <= COORDINATE_LIMIT):
            at = tuple(np.argwhere(~(np.abs(values) <= COORDINATE_LIMIT))[0].tolist())
            self.refuse(field, f"must be finite, and at most {COORDINATE_LIMIT:g} (got {values[at]} at {at})")
        return values

    def few(self, field: str, count: int) -> None:
        if count > OBJECTS_LIMIT:
            self.refuse(field, f"has {count:,} objects; the limit is {OBJECTS_LIMIT:,}")


def as_array(value: Any) -> NDArray[Any]:
    """Read anything that NumPy, or the library that it is of, makes an array of: tensors on any device, and lists."""
    for step in ("detach", "cpu", "numpy"):
        if isinstance(value, np.ndarray):
            break
        if callable(method := getattr(value, step, None)):
            value = method()
    return np.asarray(value)


def _boxes(of: _Fields, box_format: BoxFormat) -> tuple[Float, list[str], Float]:
    box = of.numbers("boxes")
    if not box.size:
        box = box.reshape(0, 4)
    if box.ndim != 2 or box.shape[1] != 4:
        of.refuse("boxes", f"must have the shape (n, 4), and has {box.shape}")
    of.few("boxes", len(box))
    if box_format == "xyxy":
        box[:, 2:] -= box[:, :2]
    elif box_format == "cxcywh":
        box[:, :2] -= box[:, 2:] / 2
    return box, [], box[:, 2] * box[:, 3]


def _masks(of: _Fields) -> tuple[Float, list[str], Float]:
    # Of masks only, and takes a while.
    from evalstream.events.objects.mask import encoded
    from evalstream.importers.segmentations import segmentation

    given = of.given("masks")
    if not (isinstance(given, Sequence) and all(isinstance(one, Mapping) for one in given)):
        pixels = of.array("masks")
        if pixels.size and (pixels.ndim != 3 or pixels.dtype.kind not in "bu"):
            kind = f"{pixels.dtype} of the shape {pixels.shape}"
            of.refuse("masks", f"must be bool or unsigned, of the shape (n, height, width), and is {kind}")
        given = [encoded(one != 0).model_dump() for one in pixels] if pixels.size else []
    of.few("masks", len(given))
    parsed = []
    for i, one in enumerate(given):
        try:
            parsed.append(segmentation({"size": list(one["size"]), "counts": one["counts"]}, 0, 0))
        except (KeyError, TypeError, ValueError) as error:
            of.refuse(f"masks[{i}]", f"cannot be read: {error}")
    area = np.array([one.area for one in parsed], np.float64)
    return np.empty((len(parsed), 0)), [one.rle for one in parsed], area


def image_name(given: Any) -> str:
    """Name an image's data row, by a text or a whole number."""
    value = given.item() if callable(getattr(given, "item", None)) else given
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ImporterError(f"image {given!r}: must be a text or a whole number, and is {_kind(given)}")
    return _text("image", str(value), 1024)


def _text(what: str, given: Any, longest: int) -> str:
    if not isinstance(given, str) or not _NO_CONTROLS(given) or len(given) > longest:
        raise ImporterError(f"{what}: {given!r} must be 1 to {longest} characters, none a control character")
    return given


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


# --- columns --------------------------------------------------------------------------------------------------------


def together(sides: Sequence[Side]) -> tuple[Side, Int]:
    """Put the sides of several images one after the other; say how many objects each has."""
    counts = np.array([len(one.label) for one in sides], np.int64)
    width = sides[0].box.shape[1] if sides else 0
    nothing = Side(np.empty(0, np.int32), np.empty(0), np.empty(0, np.bool_), np.empty(0), np.empty((0, width)), [])
    *arrays, details = zip(nothing, *sides, strict=True)
    return Side._make([*map(np.concatenate, arrays), [text for own in details for text in own]]), counts


def apart(side: Side, counts: Int) -> list[Side]:
    """Undo :func:`together`."""
    ends = np.cumsum(counts).tolist()
    parts = [slice(end - count, end) for end, count in zip(ends, counts.tolist(), strict=True)]
    return [Side._make([column[part] for column in side]) for part in parts]


def columns(
    annotated: Mapping[str, Side], predicted: Mapping[str, Side], classes: Classes, kind: ArrayType
) -> tuple[Truth, Found]:
    """Lay out the images of both sides, which are the same, in their order."""
    rows = sorted(annotated, key=row_order)
    nothing, unknown = [""] * len(rows), [0] * len(rows)
    images = Images(rows, unknown, unknown, nothing, nothing, {name: i for i, name in enumerate(rows)})
    # Means are summed in the order of categories: it must not depend on which came up first.
    names = list(classes.names) if classes.declared else sorted(classes.names, key=row_order)
    categories = Categories(names, {name: i for i, name in enumerate(names)})
    notes: list[str] = []
    true, predictions = (together([side[name] for name in rows]) for side in (annotated, predicted))
    bound(predictions[0].score, np.ones(len(predictions[0].score), np.bool_), notes)
    objects = [
        _objects(noun, *own, classes.names, kind, notes)
        for noun, own in (("annotation", true), ("prediction", predictions))
    ]
    truth = Truth("annotations", images, categories, objects[0], [], [])
    return truth, Found("predictions", objects[1], notes, [])


def _objects(noun: str, side: Side, counts: Int, names: list[str], kind: ArrayType, notes: list[str]) -> Objects:
    count = len(side.label)
    within = np.arange(count) - np.repeat(np.cumsum(counts) - counts, counts)
    negative = np.any(side.box[:, 2:] < 0, axis=1)
    side.box[negative, 2:] = 0
    if np.any(negative):
        some = int(np.count_nonzero(negative))
        notes.append(
            f"{count_of(some, noun)}: a negative width or height, so that nothing overlaps it. Boxes"
            " may be of another format than was said."
        )
    return Objects(
        np.repeat(np.arange(len(counts)), counts),
        as_texts(within),
        side.label,
        list(names),
        side.score,
        side.area,
        np.where(side.crowd, Crowd.CROWD, Crowd.OBJECT).astype(np.int32),
        side.box.shape[1] * np.arange(count + 1),
        side.box.ravel(),
        texts(side.detail) if kind == "segm" else None,
        ~negative,
    )
