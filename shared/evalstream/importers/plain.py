"""Objects in their plain form, which most are, to columns without the models of events.

What is plain is exactly what the models take, and becomes exactly the parts that they make of it; tests hold both ways
to each other. Whatever is anything else, or would be refused, is left to the models, which say why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeGuard

from evalstream.class_labels import class_label
from evalstream.events.base import ANSWERS_LIMIT, COORDINATE_LIMIT, POINTS_LIMIT, UNKNOWN_AREA, Crowd, Part

#: Of one data row: so many objects, or numbers of outlines, stay below the bytes that one event may have.
_MANY: Final = 20_000
_NUMBERS: Final = 200_000
_NUMBER_LIMIT: Final = 1e100
_NOTHING: Final[Mapping[str, float]] = {}
_SPLITS: Final = frozenset({"train", "validation", "test"})
_LISTS: Final = frozenset({list, tuple})
_NUMBER_TYPES: Final = frozenset({int, float})
_FACTS: Final = frozenset({"width", "height", "metadata", "split", "text", "media_url"})

_PREDICTED: Final = frozenset({"type", "feature", "id", "confidence"})
_ANNOTATED: Final = frozenset({"type", "feature", "id"})
_PLACED: Final = _ANNOTATED | {"difficult"}
_AREAL: Final = _PLACED | {"crowd", "group_of", "area"}


class PlainRow(NamedTuple):
    """The ids and parts of the objects of a data row."""

    ids: list[str]
    parts: list[Part]


def plain_row(
    data_row: Any, facts: Mapping[str, Any], objects: list[dict[str, Any]], *, predicted: bool
) -> PlainRow | None:
    """Give the parts of a data row's objects, if all of it is plain.

    Parameters
    ----------
    data_row : str
        Its key.
    facts : mapping
        What an event says of it: nothing for predictions.
    objects : list of mappings
        In the fields of an event.
    """
    if not is_plain_key(data_row) or len(objects) > _MANY or (facts and not _are_plain(facts)):
        return None
    ids: list[str] = []
    parts: list[Part] = []
    named = False
    readers = _OF_PREDICTIONS if predicted else _OF_ANNOTATIONS
    for position, item in enumerate(objects):
        kind, feature = item.get("type"), item.get("feature")
        reader = readers.get(kind) if isinstance(kind, str) else None
        if reader is None or not _is_text(feature, 256):
            return None
        part = reader(item, feature)
        if part is None:
            return None
        own_id = item.get("id")
        if own_id is None:
            ids.append(f"#{position}")
        elif _is_text(own_id, 256):
            ids.append(own_id)
            named = True
        else:
            return None
        parts.append(part)
    if named and len(set(ids)) < len(ids):
        return None
    text = facts.get("text")
    if text is not None and any(part.type == "span" and part.geometry[1] > len(text) for part in parts):
        return None
    if sum(len(part.geometry) for part in parts if part.type == "polygon") > _NUMBERS:
        return None
    return PlainRow(ids, parts)


def is_plain_key(data_row: Any) -> bool:
    """Whether a key of a data row is surely one that events may have."""
    return _is_text(data_row, 1024)


def _is_text(given: Any, longest: int) -> TypeGuard[str]:
    """Whether it is text that events may hold. All that is printable is, and some that is not."""
    return type(given) is str and 0 < len(given) <= longest and given.isprintable()


def _are_plain(facts: Mapping[str, Any]) -> bool:
    if not facts.keys() <= _FACTS:
        return False
    sizes = [facts[name] for name in ("width", "height") if name in facts]
    if not all(type(own) is int and 0 < own < 2**31 for own in sizes):
        return False
    if "split" in facts and facts["split"] not in _SPLITS:
        return False
    if "media_url" in facts and not _is_text(facts["media_url"], 4096):
        return False
    if "text" in facts and not _is_prose(facts["text"], 1_000_000):
        return False
    metadata = facts.get("metadata", _NOTHING)
    return (
        type(metadata) is dict
        and len(metadata) <= 64
        and all(_is_text(key, 128) and _is_prose(own, 1024) for key, own in metadata.items())
    )


def _is_prose(given: Any, longest: int) -> bool:
    """Whether it is text that people wrote, which may hold what no name does."""
    if type(given) is not str or len(given) > longest:
        return False
    if given.isprintable():
        return True
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_number(given: Any, limit: float) -> TypeGuard[float]:
    return (type(given) is float or type(given) is int) and -limit <= given <= limit


_label = lru_cache(maxsize=100_000)(class_label)


def _crowd(item: Mapping[str, Any]) -> int:
    """Give the role of an annotation; -1: what it says of it is not plain."""
    said = [code for name, code in _ROLES if item.get(name, False) is True]
    if len(said) > 1 or any(type(item.get(name, False)) is not bool for name, _ in _ROLES):
        return -1
    return said[0] if said else Crowd.OBJECT


_ROLES: Final = (("crowd", Crowd.CROWD), ("group_of", Crowd.GROUP_OF), ("difficult", Crowd.DIFFICULT))


def _confidence(item: Mapping[str, Any]) -> float | None:
    own = item.get("confidence", 1.0)
    return float(own) if (type(own) is float or type(own) is int) and -COORDINATE_LIMIT <= own <= 1 else None


def _stated(item: Mapping[str, Any], keys: frozenset[str], shape: Part, *, predicted: bool, areal: bool) -> Part | None:
    """Add to a shape what an object says of it besides."""
    if predicted:
        if not item.keys() <= keys:
            return None
        confidence = _confidence(item)
        if confidence is None:
            return None
        return Part(
            shape.type, shape.feature, shape.label, confidence, shape.area, Crowd.OBJECT, shape.geometry, shape.detail
        )
    if not item.keys() <= keys:
        return None
    crowd = _crowd(item) if len(item) > 3 else Crowd.OBJECT
    if crowd < 0:
        return None
    area = shape.area
    if areal and (own := item.get("area")) is not None:
        if not _is_number(own, COORDINATE_LIMIT) or own < 0:
            return None
        area = float(own)
    return Part(shape.type, shape.feature, shape.label, 1.0, area, crowd, shape.geometry, shape.detail)


def _bbox(predicted: bool) -> Callable[[Mapping[str, Any], str], Part | None]:
    keys = (_PREDICTED if predicted else _AREAL) | {"bbox"}
    most = COORDINATE_LIMIT

    def read(item: Mapping[str, Any], feature: str) -> Part | None:
        box: Any = item.get("bbox")
        if type(box) not in _LISTS or len(box) != 4:
            return None
        x, y, w, h = box
        if not {type(x), type(y), type(w), type(h)} <= _NUMBER_TYPES:
            return None
        if not (-most <= x <= most and -most <= y <= most and 0 <= w <= most and 0 <= h <= most):
            return None
        corners = float(x), float(y), float(w), float(h)
        shape = Part("bbox", feature, _label(feature), 1.0, corners[2] * corners[3], Crowd.OBJECT, corners)
        if len(item) == 3:  # nothing but type, feature and box
            return shape
        return _stated(item, keys, shape, predicted=predicted, areal=True)

    return read


def _polygon(predicted: bool) -> Callable[[Mapping[str, Any], str], Part | None]:
    keys = (_PREDICTED if predicted else _AREAL) | {"polygon"}

    def read(item: Mapping[str, Any], feature: str) -> Part | None:
        rings: Any = item.get("polygon")
        if type(rings) is not list or not 0 < len(rings) <= 1_000:
            return None
        flat: list[float] = []
        for ring in rings:
            if type(ring) not in _LISTS or not 3 <= len(ring) <= POINTS_LIMIT:
                return None
            for point in ring:
                if type(point) not in _LISTS or len(point) != 2:
                    return None
                flat += point
        if not all(_is_number(value, COORDINATE_LIMIT) for value in flat):
            return None
        counts = f"[[{','.join(str(len(ring)) for ring in rings)}]]"
        geometry = list(map(float, flat))
        shape = Part("polygon", feature, _label(feature), area=UNKNOWN_AREA, geometry=geometry, detail=counts)
        return _stated(item, keys, shape, predicted=predicted, areal=True)

    return read


def _span(predicted: bool) -> Callable[[Mapping[str, Any], str], Part | None]:
    keys = (_PREDICTED if predicted else _PLACED) | {"span"}

    def read(item: Mapping[str, Any], feature: str) -> Part | None:
        span: Any = item.get("span")
        if type(span) not in _LISTS or len(span) != 2:
            return None
        start, end = span
        if type(start) is not int or type(end) is not int or not 0 <= start < end < 2**31:
            return None
        shape = Part("span", feature, _label(feature), area=float(end - start), geometry=(float(start), float(end)))
        return _stated(item, keys, shape, predicted=predicted, areal=False)

    return read


def _radio(predicted: bool) -> Callable[[Mapping[str, Any], str], Part | None]:
    keys = (_PREDICTED | {"scores"} if predicted else _ANNOTATED) | {"answer"}

    def read(item: Mapping[str, Any], feature: str) -> Part | None:
        answer = item.get("answer")
        if not item.keys() <= keys or not _is_text(answer, 256):
            return None
        label = _label(feature, answer)
        if not predicted:
            return _bare_radio(feature, label)
        confidence = _confidence(item)
        scores = item.get("scores", _NOTHING)
        if confidence is None or type(scores) is not dict or len(scores) > ANSWERS_LIMIT:
            return None
        for name, score in scores.items():
            if not _is_text(name, 256) or not ((type(score) is float or type(score) is int) and 0 <= score <= 1):
                return None
        return Part("radio", feature, label, confidence, scores=scores)

    return read


@lru_cache(maxsize=100_000)
def _bare_radio(feature: str, label: str) -> Part:
    return Part("radio", feature, label)


def _number(predicted: bool) -> Callable[[Mapping[str, Any], str], Part | None]:
    keys = (_PREDICTED if predicted else _ANNOTATED) | {"answer"}

    def read(item: Mapping[str, Any], feature: str) -> Part | None:
        answer, confidence = item.get("answer"), _confidence(item)
        if not item.keys() <= keys or confidence is None or not _is_number(answer, _NUMBER_LIMIT):
            return None
        return Part("number", feature, _label(feature), confidence, geometry=(float(answer),))

    return read


_READERS: Final = {"bbox": _bbox, "polygon": _polygon, "span": _span, "radio": _radio, "number": _number}
_OF_ANNOTATIONS: Final = {name: reader(False) for name, reader in _READERS.items()}
_OF_PREDICTIONS: Final = {name: reader(True) for name, reader in _READERS.items()}
