"""Objects in their plain form become what the models of events make of them, and nothing is plain that these refuse."""

from __future__ import annotations

from typing import Any

import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode
from evalstream.events.base import Part
from evalstream.events.columns import entries
from evalstream.importers.plain import plain_row
from pydantic_core import to_json

#: At an edge, beyond it, or of another kind.
NUMBERS = [0, 1, 2.5, -0.0, -1, 1e15, 1e16, -1e15, -1e16, 1e100, 1e101, float("nan"), float("inf"), True, "1", None]
TEXTS = ["cat", "a=b", "\\", "", " ", "\x00", "\u00a0", "\ud800", "x" * 256, "x" * 257, "x" * 1025, 3, None, "Zoë"]
OFFSETS = [0, 1, 4, 5, 6, 7, 2**31 - 1, 2**31, -1, 1.0, True, None]


def changed(right: list[Any], values: list[Any]) -> list[list[Any]]:
    """Make lists that are right but in one place, and some that are too short or too long."""
    one = [[*right[:i], own, *right[i + 1 :]] for i in range(len(right)) for own in values]
    return [*one, right[:-1], [*right, 1], []]


VALUES: dict[str, list[Any]] = {
    "bbox": [*changed([0, 1, 2.5, 3], NUMBERS), None, (0, 1, 2, 3)],
    "polygon": [
        *([[own[:2], own[2:4], own[4:]]] for own in changed([0, 0, 4, 0, 4, 3], NUMBERS)),
        [],
        [[[0, 0], [4, 0], [4, 3]], [[1, 1], [2, 1], [2, 2]]],
        [[[0, 0], [4, 0]]],
    ],
    "span": changed([1, 4], OFFSETS),
    "answer": [*TEXTS, *NUMBERS],
    "scores": [{}, {"cat": 0.5, "": 0.5}, {"\x01": 1.0}, *({"cat": own} for own in NUMBERS)],
    "confidence": NUMBERS,
    "area": NUMBERS,
    "id": TEXTS,
    "feature": TEXTS,
    **{key: [True, False, 1, None] for key in ("crowd", "group_of", "difficult")},
    "classifications": [[]],
    "unit": ["code_points", "utf8"],
}
NEEDED = {"bbox": "bbox", "polygon": "polygon", "span": "span", "radio": "answer", "number": "answer", "point": "bbox"}
#: What is right, that not all be refused.
RIGHT: dict[str, Any] = {
    "bbox": [0, 1, 2.5, 3],
    "polygon": [[[0, 0], [4, 0], [4, 3.5]]],
    "span": [1, 4],
    "answer": "cat",
    "scores": {"cat": 0.5, "dog": 0},
    "confidence": 0.5,
    "area": 3,
}
FACTS: dict[str, list[Any]] = {
    "width": [1, 0, 2**31 - 1, 2**31, 3.0, True, None],
    "height": [7, -1],
    "split": ["train", "validation", "val", None],
    "text": ["abcdef", "a\nbcdef", "", "\ud800bcdef", "abc", None],
    "media_url": ["http://x/1.jpg", "\n", "", "x" * 4096, "x" * 4097],
    "metadata": [{}, {"file_name": "1.jpg"}, {"": "1"}, {"\n": "1"}, {"a": "\t"}, {"a": 3}, {"x" * 129: "1"}],
    "coordinates": ["pixels"],
}


def by_models(name: Any, facts: Any, items: Any, *, predicted: bool) -> tuple[list[str], list[Part]] | None:
    event = {"dataset": "d", "data_row": name, "operation": "replace", "version": 1}
    event |= {"row": facts} if facts else {}
    event |= {"run": "r", "predictions": items} if predicted else {"annotations": items}
    try:
        payload = to_json(event)
    except ValueError:
        return None  # half of a surrogate pair
    found = decode([Record(payload, 0, 1)], Reader(PredictionEvent if predicted else AnnotationEvent)).received
    return entries(found[0].event) if found else None


def same(one: Part, other: Part) -> bool:
    if (list(one.geometry), dict(one.scores)) != (list(other.geometry), dict(other.scores)):
        return False
    return repr(one._replace(geometry=(), scores={})) == repr(other._replace(geometry=(), scores={}))


def assert_as_models(name: Any, facts: Any, items: Any, *, predicted: bool) -> bool:
    """Hold both ways to each other, where it is plain; return whether it is."""
    found = plain_row(name, facts, items, predicted=predicted)
    if found is None:
        return False
    expected = by_models(name, facts, items, predicted=predicted)
    assert expected is not None, (name, facts, items)
    assert found.ids == expected[0]
    assert all(same(one, other) for one, other in zip(found.parts, expected[1], strict=True)), items
    return True


def right(kind: str) -> dict[str, Any]:
    return {"type": kind, "feature": "cat", NEEDED[kind]: 3 if kind == "number" else RIGHT[NEEDED[kind]]}


@pytest.mark.parametrize("predicted", [True, False])
@pytest.mark.parametrize("kind", NEEDED)
def test_what_is_plain_is_what_models_take(kind: str, predicted: bool) -> None:
    found = [
        assert_as_models("a", {}, [right(kind) | {field: value}], predicted=predicted)
        for field, values in VALUES.items()
        for value in values
    ]
    assert any(found) == (kind != "point")
    for one in ("crowd", "group_of"):
        assert_as_models("a", {}, [right(kind) | {one: True, "difficult": True}], predicted=predicted)


def test_keys_and_facts_that_are_plain_are_those_that_models_take() -> None:
    assert any(assert_as_models(name, {}, [right("radio")], predicted=False) for name in TEXTS)
    for fact, values in FACTS.items():
        for value in values:
            for span in ([1, 4], [1, 6], [1, 7]):
                item = right("span") | {"span": span}
                assert_as_models("a", {fact: value}, [item], predicted=False)


@pytest.mark.parametrize("predicted", [True, False])
@pytest.mark.parametrize("kind", [kind for kind in NEEDED if kind != "point"])
def test_what_is_usual_is_plain(kind: str, predicted: bool) -> None:
    more: dict[str, Any] = {"confidence": 0.5} if predicted else {}
    if not predicted and kind in ("bbox", "polygon"):
        more = {"area": 3, "crowd": True}
    value = 3 if kind == "number" else RIGHT[NEEDED[kind]]
    item = {"type": kind, "feature": "a=b", NEEDED[kind]: value, "id": "x"} | more
    found = plain_row("a", {} if predicted else {"width": 3, "text": "abcdef"}, [item], predicted=predicted)
    assert found is not None
    expected = by_models("a", {}, [item], predicted=predicted)
    assert expected is not None
    assert same(found.parts[0], expected[1][0])
    assert found.ids == ["x"] == expected[0]


def test_ids_are_of_one_object_each() -> None:
    box = {"type": "bbox", "feature": "cat", "bbox": [0, 0, 1, 1]}
    assert plain_row("a", {}, [box | {"id": "x"}, box | {"id": "x"}], predicted=False) is None
    assert plain_row("a", {}, [box | {"id": "#1"}, box], predicted=False) is None
