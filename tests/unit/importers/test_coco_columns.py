"""COCO's records as columns: whatever a file holds, what is read record by record is read, to the last bit.

The kernel parses what others send. So it is given random documents, whole, cut off and with bytes changed, and memory
that ends where the text does.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evalstream.importers import coco, coco_columns
from evalstream.importers.coco import read_results, read_truth
from evalstream.importers.coco_columns import KINDS, plain_annotations, plain_detections, plain_pieces, records
from evalstream.importers.columns import CocoType
from evalstream.importers.problems import ImporterError
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from tests.examples import some_examples

TRUTH = {
    "info": {"description": 'a "truth" \u00e9', "annotations": []},
    "images": [{"id": 1, "width": 64, "height": 48, "file_name": "\u00e9.jpg"}, {"id": 2}],
    "categories": [{"id": 1, "name": "a"}, {"id": 3, "name": "b"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10.5], "area": 100, "iscrowd": 0},
        {
            "id": 2,
            "image_id": 2,
            "category_id": 3,
            "bbox": [1, 1, 5, 5],
            "area": 25.0,
            "iscrowd": 1,
            "segmentation": [[1, 2]],
        },
    ],
}
FOUND = [
    {
        "image_id": 1,
        "category_id": 1,
        "bbox": [0, 0, 10, 9.25],
        "score": 0.9,
        "extra": {"a": [True, None, {}, "x", []]},
    },
    {"image_id": 2, "category_id": 3, "bbox": [1.5, 1, 5, 5], "score": 1},
]


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def detection(number: str) -> bytes:
    return f'[{{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": {number}}}]'.encode()


def scores(number: str) -> list[bytes]:
    """Read a number at the end of a text, and far from it, where another way is taken; none where it is not."""
    both = [plain_detections(detection(number) + b" " * more) for more in (0, 100)]
    return [bits(found.score[0]) for found in both if found is not None]


def test_the_plain_form_is_read_into_columns() -> None:
    found = plain_detections(json.dumps(FOUND).encode())
    assert found is not None
    assert found.image_id.tolist() == [1, 2]
    assert found.category_id.tolist() == [1, 3]
    assert found.bbox.tolist() == [[0, 0, 10, 9.25], [1.5, 1, 5, 5]]
    assert found.score.tolist() == [0.9, 1]
    assert [one.bbox for one in found] == [(0, 0, 10, 9.25), (1.5, 1, 5, 5)]
    both = plain_annotations(json.dumps(TRUTH).encode())
    assert both is not None
    truth, rest = both
    assert json.loads(rest) == TRUTH | {"annotations": []}
    assert truth.id.tolist() == [1, 2]
    assert truth.area.tolist() == [100, 25]
    assert truth.crowd.tolist() == [False, True]


_WHOLE = json.dumps(FOUND * 3)


@pytest.mark.parametrize(
    "text",
    [
        _WHOLE,
        json.dumps(FOUND * 3, indent=2) + "\n",
        json.dumps(FOUND[:1]),
        _WHOLE[:-1],
        _WHOLE[:-2],
        _WHOLE + "]",
        _WHOLE + " 1",
        _WHOLE[:-1] + ",]",
        _WHOLE[:-1] + json.dumps(FOUND[0]) + "]",
        _WHOLE.replace("9.25", "09.25", 1),
        "[]",
        "",
        "\ufeff" + _WHOLE,
        json.dumps({"annotations": FOUND}),
    ],
)
@pytest.mark.parametrize("kind", ["bbox", "keypoints"])
def test_a_file_read_in_pieces_is_the_file_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, kind: CocoType
) -> None:
    if kind == "keypoints":
        text = text.replace("bbox", "keypoints")
    path = tmp_path / "found.json"
    path.write_text(text, encoding="utf-8")
    whole = plain_detections(path.read_bytes(), kind)
    longest = len(json.dumps(FOUND[:1], indent=2)) + 40
    for size in (*range(longest, 3 * longest, 7), 10_000):  # a piece with no whole record is left to others
        monkeypatch.setattr(coco_columns, "_PIECE", size)
        found = plain_pieces(path, kind)
        assert (found is None) == (whole is None), size
        if found is not None and whole is not None:
            assert list(found) == list(whole)


@some_examples(4)
@given(st.floats(min_value=1e-290, max_value=1e290) | st.floats(0, 1000))
def test_a_double_is_read_as_it_was_written(value: float) -> None:
    for text in (repr(value), f"{value:.25e}", f"{value:.17E}", f"-{value!r}", f"{value:.6f}"):
        if float(text) == 0 or abs(float(text)) > 1e-300:
            assert scores(text) == [bits(float(text))] * 2, text


@some_examples(4)
@given(st.from_regex(r"\A-?[0-9]{1,40}(\.[0-9]{0,40})?([eE][-+]?[0-9]{1,3})?\Z") | st.integers().map(str))
def test_digits_in_any_number_are_rounded_to_the_nearest_double(text: str) -> None:
    for found in scores(text):
        assert found == bits(float(json.loads(text))), text


@some_examples(4)
@given(st.integers(0, 10**17), st.integers(0, 17), st.booleans())
def test_every_number_of_digits_before_and_after_the_point_is_read(value: int, point: int, negative: bool) -> None:
    digits = str(value).rjust(point + 1, "0")
    text = f"{'-' * negative}{digits[: len(digits) - point]}{'.' * (point > 0)}{digits[len(digits) - point :]}"
    assert scores(text) == ([] if text == "-0" else [bits(float(text))] * 2), text


@pytest.mark.parametrize(
    "text",
    [
        "-0",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "1e+",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "0x1",
        "1 2",
        "true",
        "null",
        '"1"',
    ],
)
def test_what_is_no_plain_number_is_left_to_others(text: str) -> None:
    assert scores(text) == []


@pytest.mark.parametrize(
    ("digits", "power"),
    [("9007199254740993", 0), ("9007199254740992", 22), ("1", -22), ("9007199254740993", -30), ("8", 23)],
)
def test_halfway_and_at_the_edges_of_the_fast_way(digits: str, power: int) -> None:
    assert scores(f"{digits}e{power}") == [bits(float(f"{digits}e{power}"))] * 2


# --- either way the same ----------------------------------------------------------------------------------------------

_ODD: st.SearchStrategy[Any] = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(0, 3),
    st.floats(),
    st.none(),
    st.booleans(),
    st.text(max_size=4),
    st.sampled_from(["1", "a", "\u00e9", "\ud800", '\\"']),
    st.lists(st.integers(-3, 12) | st.floats(-1, 20), max_size=5),
    st.just([[], {"a": [1, {"b": None}]}]),
)
_BOX = st.lists(
    st.integers(0, 30) | st.floats(-5, 40).map(lambda value: round(value, 3)) | st.floats(0, 9), min_size=4, max_size=4
)
_KEYS = st.sampled_from(
    [
        *("id", "image_id", "category_id", "bbox", "score", "area", "iscrowd", "confidence", "segmentation"),
        *("keypoints", "num_keypoints", "bb\u00e9x"),
    ]
)


_RING = st.lists(st.integers(0, 60) | st.floats(-5, 70).map(lambda value: round(value, 2)), min_size=6, max_size=6)
_COUNTS = [
    coco_mask.frPyObjects({"size": [48, 64], "counts": runs}, 48, 64)["counts"].decode()
    for runs in ([3072], [0, 3072], [0, 3, 3069], [100, 20, 28, 20, 28, 2876], [1000, 13, 100, 1959])
]
_MASK = st.one_of(
    st.lists(_RING, min_size=1, max_size=2),
    st.sampled_from([[48, 64], [48, 65], [1, 2]]).flatmap(
        lambda size: st.sampled_from([*_COUNTS, "", "02", "\\"]).map(lambda counts: {"size": size, "counts": counts})
    ),
)


_TRIPLE = st.tuples(
    *(st.integers(0, 30) | st.floats(-5, 40).map(lambda value: round(value, 3)) | st.sampled_from([-1e12, 1e10]),) * 2,
    st.sampled_from([0, 1, 2, 2, 2, 1.0, 0.19, -0.5, 7]),
)
_SKELETON = st.one_of(
    st.lists(_TRIPLE, min_size=1, max_size=3).map(lambda triples: [value for triple in triples for value in triple]),
    st.lists(st.integers(0, 30), max_size=7),
)
#: By type: what records hold their shapes in, and the shapes.
_SHAPES: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "bbox": ("bbox", _BOX),
    "segm": ("segmentation", _MASK),
    "keypoints": ("keypoints", _SKELETON),
}


@st.composite
def _record(draw: Any, position: int, annotated: bool, kind: str = "bbox") -> dict[str, Any]:
    own = {"image_id": draw(st.integers(1, 2)), "category_id": draw(st.sampled_from([1, 3, 3, 4]))}
    shape, shapes = _SHAPES[kind]
    own[shape] = draw(shapes)
    if kind == "keypoints" and draw(st.booleans()):
        own |= {"bbox": draw(_BOX), "num_keypoints": draw(st.integers(0, 3))}
    if annotated:
        own |= {"id": position + 1, "area": draw(st.floats(0, 99)), "iscrowd": draw(st.integers(0, 1))}
    else:
        own["score"] = draw(st.floats(0, 1))
    if draw(st.integers(0, 9)) == 0:
        own[draw(_KEYS)] = draw(_ODD)
    if draw(st.integers(0, 19)) == 0:
        own.pop(draw(st.sampled_from(sorted(own))))
    return dict(draw(st.permutations(sorted(own.items()))))


@st.composite
def _text(draw: Any, document: Any) -> bytes:
    """Write a document with odd spacing and escapes; sometimes cut it off, or change some bytes."""
    space = st.sampled_from(["", " ", "\n", "\t\r\n "])
    separators = draw(space) + "," + draw(space), draw(space) + ":" + draw(space)
    text = json.dumps(document, ensure_ascii=draw(st.booleans()), separators=separators)
    if draw(st.integers(0, 9)) == 0:
        text = text.replace("image_id", "im\\u0061ge_id", 1)
    found = bytearray((draw(space) + text + draw(space)).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(found) - 1))
        found[place : place + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"", b"0", b"-", b'"', b"e9", b",", b"[", b"}", b"\\", b"\xff", b"\0", b" "])
        )
    return bytes(found[: draw(st.integers(0, len(found)))] if draw(st.integers(0, 9)) == 0 else found)


@st.composite
def _truths(draw: Any, kind: str = "bbox") -> bytes:
    annotations = [draw(_record(i, True, kind)) for i in range(draw(st.integers(0, 4)))]
    items = [*(TRUTH | {"annotations": annotations}).items()]
    return bytes(draw(_text(dict(draw(st.permutations(items))))))


@st.composite
def _results(draw: Any, kind: str = "bbox") -> bytes:
    return bytes(draw(_text([draw(_record(i, False, kind)) for i in range(draw(st.integers(0, 5)))])))


def _told(read: Callable[[], Any]) -> Any:
    """Say all that was read, bit by bit, or why it was not."""
    try:
        found = read()
    except ImporterError as error:
        return str(error)
    columns = [
        one.tobytes() if isinstance(one, np.ndarray) else repr(one)
        for one in found.objects
        if not hasattr(one, "to_pylist")
    ]
    strings = [one.to_pylist() for one in found.objects if hasattr(one, "to_pylist")]
    return columns, strings, found.notes, [str(one) for one in found.problems]


def _either_way(monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any]) -> tuple[Any, Any]:
    found = _told(read)
    with monkeypatch.context() as patch:
        patch.setattr(coco, "plain_detections", lambda *_: None)
        patch.setattr(coco, "plain_annotations", lambda *_: None)
        return found, _told(read)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("columns")


@given(st.sampled_from(KINDS), st.data())
def test_a_ground_truth_is_the_same_either_way(folder: Path, kind: Any, data: st.DataObject) -> None:
    (folder / "gt.json").write_bytes(data.draw(_truths(kind)))
    with pytest.MonkeyPatch.context() as monkeypatch:
        found, expected = _either_way(monkeypatch, lambda: read_truth(folder / "gt.json", kind))
    assert found == expected


@given(
    st.sampled_from(KINDS),
    st.data(),
    st.sampled_from([0, 0, 1, -1, 2**70]),
    st.booleans(),
)
def test_results_are_the_same_either_way(folder: Path, kind: Any, data: st.DataObject, offset: int, skip: bool) -> None:
    (folder / "dt.json").write_bytes(data.draw(_results(kind)))
    truth = read_truth(TRUTH)
    with pytest.MonkeyPatch.context() as monkeypatch:
        found, expected = _either_way(
            monkeypatch,
            lambda: read_results(folder / "dt.json", truth, kind, category_offset=offset, skip_unknown_images=skip),
        )
    assert found == expected


def test_masks_are_read_into_columns() -> None:
    found = plain_detections(b'[{"image_id": 1, "category_id": 1, "segmentation": [[1, 2]], "score": 1}]', "segm")
    assert found is not None
    assert found[0].segmentation == [[1, 2]]


def test_skeletons_are_read_into_columns() -> None:
    """Of any number of keypoints; a box and the number of those that are labelled may be there or not."""
    shared = {"image_id": 1, "category_id": 1}
    records = [{"keypoints": [1, 2.5, 2, 3, 4, 0], "bbox": [0, 1, 2, 3]}, {"keypoints": []}, {"keypoints": [5, 6, 1]}]
    counted = [{"num_keypoints": 0}, {"num_keypoints": 1}, {}]
    annotations = [
        shared | one | count | {"id": i} for i, (one, count) in enumerate(zip(records, counted, strict=True))
    ]
    read = plain_annotations(json.dumps({"annotations": annotations}).encode(), "keypoints")
    assert read is not None
    truth, _ = read
    assert truth.keypoints.start.tolist() == [0, 6, 6, 9]
    assert truth.keypoints.value.tolist() == [1, 2.5, 2, 3, 4, 0, 5, 6, 1]
    assert truth.unlabelled.tolist() == [True, False, False]
    assert [one.keypoints for one in truth] == [one["keypoints"] for one in records]
    assert [one.bbox for one in truth] == [(0, 1, 2, 3), None, None]
    found = plain_detections(json.dumps([shared | one | {"score": 0.5} for one in records]).encode(), "keypoints")
    assert found is not None
    assert [one.keypoints for one in found] == [one["keypoints"] for one in records]


@pytest.mark.parametrize("kind", ["bbox", "keypoints"])
def test_the_text_is_let_go(kind: Any) -> None:
    """It is as large as all that comes of it."""
    shape = {"bbox": [0, 0, 1, 1], "keypoints": [1, 2, 2]}
    text = json.dumps([{"image_id": 1, "category_id": 1, "score": 1} | shape]).encode()
    before = sys.getrefcount(text)
    found = plain_detections(text, kind)
    assert found is not None
    assert sys.getrefcount(text) == before


@pytest.mark.parametrize("iou_type", KINDS)
def test_bytes_that_are_no_text_are_told(folder: Path, iou_type: Any) -> None:
    (folder / "gt.json").write_bytes(json.dumps(TRUTH).encode().replace(b"\\u00e9.jpg", b"\xff.jpg"))
    with pytest.raises(ImporterError, match="not JSON"):
        read_truth(folder / "gt.json", iou_type)
    (folder / "dt.json").write_bytes(json.dumps(FOUND).encode().replace(b'"image_id": 1', b'"image_id": "\xff"'))
    with pytest.raises(ImporterError, match="not JSON"):
        read_results(folder / "dt.json", read_truth(TRUTH), iou_type)


# --- hostile bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="protects a page of memory as Linux does")
@some_examples(4)
@given(st.data())
def test_nothing_is_read_beyond_the_end(data: st.DataObject) -> None:
    annotated, kind = data.draw(st.booleans()), data.draw(st.sampled_from(KINDS))
    text = data.draw(_truths(kind) if annotated else _results(kind))
    text = text[: data.draw(st.integers(0, len(text)))]
    page = mmap.PAGESIZE
    size = (len(text) // page + 1) * page
    with mmap.mmap(-1, size + page) as memory:
        memory[size - len(text) : size] = text
        whole = np.frombuffer(memory, np.uint8)
        at = whole.ctypes.data + size
        protect = ctypes.CDLL(None).mprotect
        protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        assert protect(at, page, 0) == 0
        fault = records(whole[size - len(text) : size], annotated, KINDS.index(kind)).fault
        assert protect(at, page, 3) == 0
        del whole
    assert -1 <= fault <= len(text)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_values_in_values_without_end_are_left_to_others(opening: bytes) -> None:
    deep = b'[{"x":' + opening * 100_000
    assert plain_detections(deep) is None
    assert plain_annotations(b'{"info":' + opening * 100_000) is None


def test_a_number_without_end_is_left_to_others() -> None:
    assert plain_detections(detection("1" * 100_000)) is None
    assert plain_detections(detection("0." + "1" * 100_000)) is None
    assert plain_detections(detection("1e" + "1" * 100_000)) is None
