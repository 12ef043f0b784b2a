"""Datasets that are awkward in one way each, for whoever asks questions of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

from evalstream.types import TYPES

Thing = dict[str, Any]
Things = Sequence[Thing]

#: Quotes of both kinds, a backslash, what SQL, JSON, URLs and ClickHouse's parameters make something of; two scripts
#: and an emoji of several code points.
_ODD: Final = 'it\'s \\ "q" `b` \\N {run:String} %s ?&=#+; -- 雨\U0001f469\u200d\U0001f680e\u0301'
ODD_NAME: Final = _ODD.ljust(200, "n")
ODD_KEY: Final = ("/../" + _ODD).ljust(1024, "k")
ODD_FEATURE: Final = _ODD.ljust(256, "f")
ODD_METADATA: Final = _ODD.replace("=", "").ljust(128, "m")

_SQUARE: Final = [[0, 0], [10, 0], [10, 10], [0, 10]]
#: What an object of each type has beside its type and feature.
SHAPES: Final[Mapping[str, Thing]] = {
    "bbox": {"bbox": [0, 0, 10, 10]},
    "radio": {"answer": "rain"},
    "rotated_box": {"rotated_box": [5, 5, 10, 10, 30]},
    "polygon": {"polygon": [_SQUARE]},
    "mask": {"mask": {"size": [20, 20], "counts": [0, 100, 300]}},
    "polyline": {"polyline": _SQUARE[:3]},
    "point": {"point": [5, 5]},
    "keypoints": {"keypoints": [[0, 0, 2], [10, 0, 1], [5, 10, 2]]},
    "span": {"span": [0, 10]},
    "checklist": {"answers": ["fox", "owl"]},
    "text": {"answer": "do not feed"},
    "number": {"answer": 12},
}
#: The same of a prediction that is not quite right, where there is such a thing.
PREDICTED: Final = SHAPES | {
    "radio": {"answer": "sun", "scores": {"rain": 0.3, "sun": 0.7}},
    "mask": {"mask": {"size": [20, 20], "counts": [10, 100, 290]}},
    "checklist": {"answers": ["fox"], "scores": {"fox": 0.9, "owl": 0.2}},
    "text": {"answer": "do not heed"},
    "number": {"answer": 15.5},
}
#: Shapes without extent, answers without content: valid, each of them.
NOTHING: Final[Mapping[str, Thing]] = {
    "bbox": {"bbox": [3, 3, 0, 0]},
    "rotated_box": {"rotated_box": [3, 3, 0, 0, 0]},
    "polygon": {"polygon": [[[3, 3], [3, 3], [3, 3]]]},
    "mask": {"mask": {"size": [20, 20], "counts": [400]}},
    "polyline": {"polyline": [[3, 3], [3, 3]]},
    "keypoints": {"keypoints": [[3, 3, 0]]},
    "checklist": {"answers": []},
    "text": {"answer": ""},
    "number": {"answer": 0},
}
_FAR: Final = 1e15
#: As large as numbers may be.
HUGE: Final[Mapping[str, Thing]] = {
    "bbox": {"bbox": [-_FAR, -_FAR, _FAR, _FAR]},
    "rotated_box": {"rotated_box": [_FAR, _FAR, _FAR, _FAR, 360]},
    "polygon": {"polygon": [[[x * _FAR / 10, y * _FAR / 10] for x, y in _SQUARE]]},
    "polyline": {"polyline": [[-_FAR, -_FAR], [_FAR, _FAR]]},
    "point": {"point": [_FAR, -_FAR]},
    "keypoints": {"keypoints": [[_FAR, _FAR, 2], [-_FAR, -_FAR, 2]]},
    "span": {"span": [0, 2**31 - 1]},
    "number": {"answer": 1e100},
}


class Awkward(NamedTuple):
    """A dataset, by data row: what is true, and what each of two runs says."""

    annotations: Mapping[str, Things]
    predictions: Mapping[str, Things]
    name: str = ""
    run: str = "first"
    rows: Mapping[str, Thing] = {}
    metrics: Mapping[str, Things] = {}
    failed: int = 0


def thing(kind: str, feature: str = "car", **more: Any) -> Thing:
    """An annotation of some type."""
    return {"type": kind, "feature": feature} | SHAPES[kind] | more


def guess(kind: str, feature: str = "car", confidence: float = 0.75, **more: Any) -> Thing:
    """A prediction of some type."""
    return {"type": kind, "feature": feature, "confidence": confidence} | PREDICTED[kind] | more


def _each(shapes: Mapping[str, Thing], **more: Any) -> list[Thing]:
    return [{"type": kind, "feature": kind} | shape | more for kind, shape in shapes.items()]


def _odd() -> Awkward:
    answer = {"type": "radio", "feature": ODD_FEATURE, "answer": ODD_FEATURE}
    nested = [answer, {"type": "text", "feature": "note", "answer": _ODD}]
    truth = [
        thing("bbox", ODD_FEATURE, id=ODD_FEATURE, classifications=nested),
        {"type": "checklist", "feature": ODD_FEATURE, "answers": [ODD_FEATURE]},
        {"type": "text", "feature": ODD_FEATURE, "answer": _ODD},
    ]
    said = [one | {"metrics": [{"name": ODD_METADATA, "value": 1}]} for one in truth]
    said += [answer | {"scores": {ODD_FEATURE: 0.5, "b": 0.5}}]
    metric = {"name": ODD_METADATA, "feature": ODD_FEATURE, "subclass": ODD_FEATURE, "value": 0.5}
    facts = {"media_url": _ODD, "text": _ODD, "metadata": {ODD_METADATA: _ODD, "\\'": "NaN"}}
    return Awkward({ODD_KEY: truth}, {ODD_KEY: said}, ODD_NAME, ODD_NAME, {ODD_KEY: facts}, {ODD_KEY: [metric]})


def _crowded() -> Awkward:
    """2,000 boxes in a row, some 100 in every place, of 40 classes; equal confidences are the rule."""
    places = [(x * 30.0, y * 30.0, copy) for x, y, copy in product(range(5), range(4), range(100))]
    truth = [thing("bbox", f"class {copy % 40}", bbox=[x, y, 20, 20]) for x, y, copy in places]
    said = [
        guess("bbox", f"class {copy % 39}", copy % 10 / 10, bbox=[x + copy % 7, y, 20, 20]) for x, y, copy in places
    ]
    return Awkward({"full": truth}, {"full": said})


def _limits() -> Awkward:
    extremes: list[Thing] = [
        {"name": "huge", "value": 1e100, "aggregation": aggregation}
        for aggregation in ("arithmetic_mean", "geometric_mean", "harmonic_mean", "sum")
    ]
    extremes += [
        {"name": "none", "value": 0, "aggregation": aggregation} for aggregation in ("geometric_mean", "harmonic_mean")
    ]
    extremes += [
        {"name": "tiny", "value": 1e-320, "aggregation": "harmonic_mean"},
        {"name": "counts", "value": [0, 0, 0, 0], "aggregation": "confusion_matrix"},
        {"name": "curve", "value": {"0.1": -1e100, "0.9": 1e100}},
        {"name": "taken back", "value": None},
    ]
    named = {f"{i}": [one | {"name": f"{one['name']} {i}"} for i, one in enumerate(extremes)] for i in range(2)}
    truth = {name: [thing("bbox")] for name in named}
    said = {name: [guess("bbox", metrics=[{"name": "of an object", "value": -1e100}])] for name in named}
    facts = {"0": {"metadata": _NUMBERS}, "1": {"metadata": {"huge": 1.7e308}}}
    return Awkward(truth, said, rows=facts, metrics=named)


_BOX, _GUESS = thing("bbox"), guess("bbox")
_NUMBERS: Final = {"true": True, "zero": 0, "tiny": 1e-320, "huge": -1.7e308, "nan": "nan", "inf": "-inf", "empty": ""}
_ON_THE_GROUND: Final = ("bbox", "rotated_box", "polygon", "polyline", "point")

#: By what is awkward about them.
AWKWARD: Final[Mapping[str, Awkward]] = {
    "no annotations": Awkward({}, {"1": [_GUESS], "2": [_GUESS]}),
    "no predictions": Awkward({"1": [_BOX], "2": [_BOX]}, {"1": [], "2": []}),
    "both sides empty": Awkward({"1": []}, {"1": []}),
    "one side empty each": Awkward({"1": [], "2": [_BOX], "3": [_BOX]}, {"1": [_GUESS], "2": [], "4": [_GUESS]}),
    "predictions of no confidence": Awkward(
        {"1": [_BOX] * 3}, {"1": [guess("bbox", confidence=value) for value in (0, -1, 1e-320)]}
    ),
    "2,000 objects in a row": _crowded(),
    "odd names": _odd(),
    "some rows failed": Awkward(
        {"1": [_BOX], "2": [thing("mask")]},
        {"1": [_GUESS], "2": [guess("mask", mask={"size": [10, 10], "counts": [0, 100]})]},
        failed=1,
    ),
    "all rows failed": Awkward(
        {"1": [thing("mask")]},
        {"1": [guess("mask", mask={"size": [10, 10], "counts": [0, 100]})]},
        failed=1,
    ),
    "all ignored": Awkward(
        {"1": [_BOX | {kind: True} for kind in ("crowd", "group_of", "difficult")]}, {"1": [_GUESS]}
    ),
    "shapes without extent": Awkward({"1": _each(NOTHING)}, {"1": _each(NOTHING, confidence=0.5)}),
    "huge numbers": Awkward({"1": _each(HUGE), "2": _each(HUGE)}, {"1": _each(HUGE, confidence=1)}),
    "metrics and metadata at their limits": _limits(),
    "every type": Awkward(
        {"1": _each(SHAPES), "2": _each(SHAPES), "ground": [thing(kind) for kind in _ON_THE_GROUND]},
        {
            "1": _each(PREDICTED, confidence=0.75),
            "2": [guess(kind, "bbox") for kind in TYPES],
            "ground": [guess(kind) for kind in _ON_THE_GROUND],
        },
        rows={"1": {"split": "test", "metadata": {"weather": "rain"}}, "ground": {"coordinates": "lonlat"}},
    ),
    **{f"{kind} only": Awkward({"1": [thing(kind)]}, {"1": [guess(kind)]}) for kind in TYPES},
}
