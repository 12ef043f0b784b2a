"""Whatever is sent: it is refused with a reason, or it goes all the way to a result."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Received, Record, decode, events_table
from evalstream.matching import POLICIES
from evalstream.ontology import Ontology
from evalstream.pipeline.match import match
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.awkward import HUGE, NOTHING, PREDICTED, SHAPES

Thing = dict[str, Any]
Place = tuple[str | int, ...]

READERS: Final = {"annotations": Reader(AnnotationEvent), "predictions": Reader(PredictionEvent)}

# Few distinct values, so that points coincide, edges touch and objects are the same more often than not.
PLAIN: Final = st.sampled_from([0, 1, 2, 3, 10])
ODD: Final = st.sampled_from(
    [-0.0, 0.1 + 0.2, 5e-324, -1e15, 1e15, 2.0**31, 1e15 - 0.125, 89.9999999, -180, 180, 359.5]
)
COORDINATE: Final = PLAIN | PLAIN | ODD
EXTENT: Final = COORDINATE.map(abs)
POINT: Final = st.tuples(COORDINATE, COORDINATE)
RING: Final = st.lists(POINT, min_size=3, max_size=6)
RINGS: Final = st.lists(RING, min_size=1, max_size=3)
WORD: Final = st.sampled_from(["car", "car/colour", "colour=red", " ", "雨", "it's", "\\N"])


def _run_lengths(height: int, width: int, ends: set[int]) -> Thing:
    inside = [0, *sorted(end for end in ends if end < height * width), height * width]
    return {"size": [height, width], "counts": [b - a for a, b in pairwise(inside)]}


#: What an object of each type has beside its type and feature.
OWN: Final[Mapping[str, st.SearchStrategy[Thing]]] = {
    "bbox": st.fixed_dictionaries({"bbox": st.tuples(COORDINATE, COORDINATE, EXTENT, EXTENT)}),
    "rotated_box": st.fixed_dictionaries(
        {"rotated_box": st.tuples(COORDINATE, COORDINATE, EXTENT, EXTENT, st.sampled_from([0, 45, 90, -360, 1e-9]))}
    ),
    "polygon": st.fixed_dictionaries({"polygon": RINGS})
    | st.fixed_dictionaries({"multipolygon": st.lists(RINGS, min_size=1, max_size=3)}),
    "mask": st.fixed_dictionaries(
        {"mask": st.builds(_run_lengths, st.integers(1, 4), st.integers(1, 4), st.sets(st.integers(0, 16)))}
    ),
    "polyline": st.fixed_dictionaries({"polyline": st.lists(POINT, min_size=2, max_size=5)}),
    "point": st.fixed_dictionaries({"point": POINT}),
    "keypoints": st.fixed_dictionaries(
        {"keypoints": st.lists(st.tuples(COORDINATE, COORDINATE, st.integers(0, 2)), min_size=1, max_size=4)}
    ),
    "span": st.fixed_dictionaries({"span": st.tuples(st.integers(0, 3), st.integers(1, 5) | st.just(2**31 - 1))}),
    "radio": st.fixed_dictionaries({"answer": WORD}),
    "checklist": st.fixed_dictionaries({"answers": st.lists(WORD, max_size=3)}),
    "text": st.fixed_dictionaries({"answer": WORD}),
    "number": st.fixed_dictionaries({"answer": ODD | st.sampled_from([1e100, -1e100])}),
}
NESTED: Final = st.fixed_dictionaries({"type": st.just("radio"), "feature": WORD, "answer": WORD})
SHARE: Final = st.sampled_from([0, 0.5, 1, 5e-324, 0.1 + 0.2])
METRIC: Final = st.fixed_dictionaries({"name": WORD, "value": ODD})
LOCATED: Final = {"classifications": st.lists(NESTED, max_size=2)}
AREAL: Final = {"area": EXTENT, "crowd": st.booleans(), "group_of": st.booleans()}
ANSWERS: Final = ("radio", "checklist", "text", "number")


@st.composite
def objects(draw: st.DrawFn, side: str) -> Thing:
    kind = draw(st.sampled_from(sorted(OWN)))
    known = {"type": kind, "feature": draw(WORD)} | draw(OWN[kind])
    more: dict[str, st.SearchStrategy[Any]] = {} if kind in ANSWERS else dict(LOCATED)
    if side == "predictions":
        more |= {"confidence": SHARE | st.just(-1), "metrics": st.lists(METRIC, max_size=2)}
        more |= {"scores": st.dictionaries(WORD, SHARE, max_size=3)} if kind in ("radio", "checklist") else {}
    elif kind not in ANSWERS:
        more |= {"difficult": st.booleans()} | ({} if kind in ("polyline", "point", "span") else AREAL)
    return known | draw(st.fixed_dictionaries({}, optional=more))


ROW: Final = st.fixed_dictionaries(
    {},
    optional={
        "split": st.just("test"),
        "coordinates": st.sampled_from(["pixels", "lonlat"]),
        "text": st.just("a🚀b\tc\n"),
        "metadata": st.dictionaries(WORD, ODD | WORD | st.booleans(), max_size=2),
    },
)


@st.composite
def events(draw: st.DrawFn, side: str) -> Thing:
    more: Thing = {"run": "r"} if side == "predictions" else {}
    operation = draw(st.sampled_from(["replace", "replace", "upsert", "delete"]))
    if operation == "delete":
        more["ids"] = draw(st.lists(st.sampled_from("012"), min_size=1, max_size=2))
    else:
        some = draw(st.lists(objects(side), min_size=operation == "upsert", max_size=4))
        more[side] = [{"id": str(i)} | one for i, one in enumerate(some)]
    if draw(st.booleans()):
        more["row"] = draw(ROW)
    version = draw(st.integers(0, 3))
    return {"dataset": "d", "data_row": draw(st.sampled_from("12")), "operation": operation, "version": version} | more


ONTOLOGY: Final = st.builds(
    Ontology,
    across_types=st.booleans(),
    boxes=st.sampled_from(["continuous", "pixels"]),
    tolerance=st.sampled_from([1e-9, 10.0, 1e9]),
)


@given(st.lists(events("annotations"), max_size=3), st.lists(events("predictions"), min_size=1, max_size=3), ONTOLOGY)
def test_what_is_valid_has_a_result(truth: list[Thing], said: list[Thing], ontology: Ontology) -> None:
    received = [*_received("annotations", truth), *_received("predictions", said)]
    if not received:
        return
    by_row = sorted(received, key=lambda one: (*_key(one), one.version, one.event_id))
    table = events_table(by_row)
    assert table.num_rows == len(received)
    results = match("d", table, list(POLICIES), ontology)
    predicted = {_key(one)[0] for one in received if _key(one)[1]}
    assert results.num_rows == len(predicted)
    assert not any(map(unexplained, results["error"].to_pylist()))


@given(st.lists(events("annotations"), max_size=3), st.lists(events("predictions"), min_size=2, max_size=4), ONTOLOGY)
def test_a_row_is_matched_alike_alone_and_among_others(
    truth: list[Thing], said: list[Thing], ontology: Ontology
) -> None:
    assert_alike_alone_and_among_others(truth, said, ontology)


def test_a_row_without_answers_is_matched_alike_beside_one_with_answers() -> None:
    """What is nested is matched after the rest: a row that has nothing nested must not be able to tell."""
    answer = {"type": "radio", "feature": "colour", "answer": "red"}
    boxes = [{"type": "bbox", "feature": "car", "bbox": [x, 0, 10, 10], "id": str(x)} for x in (0, 100)]
    of_row = [("1", boxes), ("2", [{"classifications": [answer]} | box for box in boxes])]
    known = {"dataset": "d", "operation": "replace"}
    truth = [known | {"data_row": row, "annotations": objects} for row, objects in of_row]
    said = [known | {"data_row": row, "run": "r", "predictions": objects} for row, objects in of_row]
    assert_alike_alone_and_among_others(truth, said, Ontology())


def assert_alike_alone_and_among_others(truth: list[Thing], said: list[Thing], ontology: Ontology) -> None:
    """Batches differ from one delivery to the next: no column of a result may depend on what was in the same one."""
    received = [*_received("annotations", truth), *_received("predictions", said)]
    by_row = sorted(received, key=lambda one: (*_key(one), one.version, one.event_id))
    together = _results(by_row, ontology)
    alone = [row for name in "12" for row in _results([one for one in by_row if _key(one)[0] == name], ontology)]
    assert same(alone, together)


def same(some: list[Thing], others: list[Thing]) -> bool:
    """Whether these are the same rows, in any order; what is not a number is the same as itself here."""
    return sorted(map(repr, some)) == sorted(map(repr, others))


def test_rows_with_what_is_not_a_number_can_be_the_same() -> None:
    row = {"data_row": "1", "measure": [float("nan"), 0.5]}
    assert same([row, {"data_row": "2"}], [{"data_row": "2"}, copy.deepcopy(row)])
    assert not same([row], [row | {"measure": [0.5, float("nan")]}])
    assert not same([{"x": 0.0}], [{"x": -0.0}])


def _results(received: list[Received], ontology: Ontology) -> list[Thing]:
    return match("d", events_table(received), list(POLICIES), ontology).to_pylist() if received else []


def _received(side: str, sent: list[Thing]) -> list[Received]:
    found = decode([Record(json.dumps(one).encode(), i, i) for i, one in enumerate(sent)], READERS[side])
    assert sorted([one.position for one in found.received] + [one.position for one in found.rejected]) == list(
        range(len(sent))
    )
    assert all(one.reason for one in found.rejected)
    return found.received


def _key(one: Received) -> tuple[str, str]:
    return one.event.data_row, getattr(one.event, "run", "")


def _samples() -> Iterator[tuple[str, Thing]]:
    for side, shapes in (
        ("annotations", SHAPES),
        ("annotations", NOTHING),
        ("predictions", PREDICTED),
        ("predictions", HUGE),
    ):
        run = {"run": "r", "metrics": [{"name": "m", "value": {"0.5": 1}}]} if side == "predictions" else {}
        things = [{"type": kind, "feature": "f", "id": kind} | shape for kind, shape in shapes.items()]
        row = {"split": "test", "width": 10, "metadata": {"k": 1}}
        for thing in things:
            yield side, {"dataset": "d", "data_row": "1", "operation": "upsert", "row": row, side: [thing]} | run


SAMPLES: Final = list(_samples())


@pytest.mark.parametrize(("side", "sample"), SAMPLES)
def test_samples_are_valid(side: str, sample: Thing) -> None:
    assert len(_received(side, [sample])) == 1


ANYTHING: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, 2**63, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    yield place
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inner, (*place, key))


@given(st.data())
def test_one_wrong_thing_anywhere_is_named(data: st.DataObject) -> None:
    side, sample = data.draw(st.sampled_from(SAMPLES))
    event = copy.deepcopy(sample)
    place = data.draw(st.sampled_from(list(_places(event))))
    wrong = data.draw(ANYTHING)
    if not place:
        event = wrong
    else:
        inside: Any = event
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = wrong
    received, rejected = decode([Record(json.dumps(event).encode(), 7, 1)], READERS[side])
    for one in rejected:
        assert one.position == 7
        assert one.data_row == "1" or place[:1] in ((), ("data_row",))
        # What an operation needs is told of the operation. Half of a surrogate pair, which Python writes, is no JSON.
        names = [name for name in (*place, "operation") if isinstance(name, str)]
        assert not place or any(name in one.reason for name in names) or one.reason.startswith("not JSON: "), one.reason
    if received:
        results = match("d", events_table(received), list(POLICIES))
        assert not any(map(unexplained, results["error"].to_pylist()))
    assert len(received) + len(rejected) == 1


def unexplained(error: str) -> bool:
    """Whether a reason begins with the name of an exception: what geometry cannot do is told in its own words."""
    return re.match(r"\w+: ", error) is not None
