"""Question ``segmentation``: every filter, what is undefined, and classes that overlap."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.ontology import Ontology, OntologyClass
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.segmentation import Segmentation, segmentation
from evalstream.selection import QuestionError, Selection
from evalstream.storage.ontologies import declare
from numpy.typing import NDArray

from tests.feeding import feed
from tests.oracles.segmentation import Mask, areas, confusion, mean_iou_of_rows

FEATURES = ("car", "cat", "dog", "sky")
RANDOM = random.Random(3)
ROWS = [f"r{i}" for i in range(24)]
SPLITS = {row: RANDOM.choice(["train", "test"]) for row in ROWS}
SIZE = (6, 7)


def some_masks(rng: random.Random, *, predicted: bool) -> list[Mask]:
    pixels = np.random.default_rng(rng.getrandbits(63))
    return [
        Mask(
            rng.choice(FEATURES[:3] if predicted else FEATURES),
            pixels.random(SIZE) < rng.choice([0.0, 0.3, 0.7]),
            rng.choice([0.2, 0.5, 0.5, 0.9]) if predicted else 1.0,
            not predicted and rng.random() < 0.1,
        )
        for _ in range(rng.randint(0, 4))
    ]


TRUTH = {row: some_masks(RANDOM, predicted=False) for row in ROWS}
FOUND = {row: some_masks(RANDOM, predicted=True) for row in ROWS}


def plain_runs(pixels: NDArray[np.bool_]) -> dict[str, Any]:
    """The mask as plain run lengths."""
    flat = np.concatenate(([False], pixels.ravel(order="F")))
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return {"size": list(pixels.shape), "counts": np.diff(np.concatenate(([0], edges, [pixels.size]))).tolist()}


def sent(masks: list[Mask], *, predicted: bool) -> list[dict[str, Any]]:
    objects = [{"type": "mask", "feature": mask.label, "mask": plain_runs(mask.pixels)} for mask in masks]
    for item, mask in zip(objects, masks, strict=True):
        item |= {"confidence": mask.confidence} if predicted else {"crowd": mask.crowd}
    return objects


@pytest.fixture(scope="module")
def fed(client: Client) -> Client:
    box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 5, 5]}  # no mask, and so of no account
    feed(
        client,
        "d",
        {row: [*sent(TRUTH[row], predicted=False), box] for row in ROWS},
        {"m": {row: [box, *sent(FOUND[row], predicted=True)] for row in ROWS}},
        rows={row: {"split": split, "metadata": {"half": i % 2}} for i, (row, split) in enumerate(SPLITS.items())},
    )
    return client


def asked(client: Client, dataset: str = "d", over: Any = "present", **filters: Any) -> Segmentation:
    return segmentation(client, Selection(dataset=dataset, run="m", **filters), over=over)


def mean(values: list[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


#: Pixels are matched by no policy, so that each filter under one policy is enough.
FILTERS: list[tuple[str, dict[str, Any]]] = [
    *((policy, {}) for policy in POLICIES),
    ("coco", {"split": ["test"]}),
    ("coco", {"metadata": ["half=1"]}),
    ("coco", {"feature": ["cat", "sky"]}),
    ("coco", {"type": ["mask"]}),
    ("coco", {"iou": 0.9}),
]


@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.6, 1.0])
@pytest.mark.parametrize(("policy", "filters"), FILTERS)
def test_figures_of_a_selection(fed: Client, policy: str, confidence: float, filters: dict[str, Any]) -> None:
    rows = [row for row in ROWS if SPLITS[row] in filters.get("split", SPLITS[row])]
    rows = [row for row in rows if "metadata" not in filters or ROWS.index(row) % 2]
    chosen = filters.get("feature", FEATURES)
    found = asked(fed, policy=policy, confidence=confidence, **filters)
    counts = [
        Counter(
            {c: n for c, n in areas(TRUTH[row], FOUND[row], confidence).items() if c[0] in chosen or c[1] in chosen}
        )
        for row in rows
    ]
    total: Counter[tuple[str, str]] = Counter()
    for one in counts:
        total.update(one)
    labels = {a or p for a, p in total}
    assert [one.label for one in found.classes] == sorted(labels)
    for one in found.classes:
        a, p, i = total[one.label, ""], total["", one.label], total[one.label, one.label]
        assert (one.annotated, one.predicted, one.intersection) == (a, p, i)
        assert one.iou == (pytest.approx(i / (a + p - i), abs=1e-12) if a + p else None)
        assert one.precision == (pytest.approx(i / p, abs=1e-12) if p else None)
        assert one.recall == (pytest.approx(i / a, abs=1e-12) if a else None)
        assert set(one.undefined) == {k for k in ("iou", "dice", "precision", "recall", "mean_row_iou", "mean_row_dice")
                                      if getattr(one, k) is None}  # fmt: skip
        own = [row for row in counts if row[one.label, ""] + row["", one.label]]
        assert one.rows == len(own)
    assert found.mean_row_iou == pytest.approx(mean_iou_of_rows(counts), abs=1e-12)
    assert found.mean_row_dice == pytest.approx(mean_iou_of_rows(counts, dice=True), abs=1e-12)
    assert found.mean_iou == pytest.approx(mean([one.iou for one in found.classes]), abs=1e-12)
    annotated = sum(n for (_, p), n in total.items() if p == "")
    assert found.pixel_accuracy == pytest.approx(sum(total[c, c] for c in labels) / annotated, abs=1e-12)
    assert not found.undefined


@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.9, 1.0])
def test_the_confusion_of_pixels_is_that_of_a_look_at_each(fed: Client, confidence: float) -> None:
    wanted: Counter[tuple[str, str]] = Counter()
    for row in ROWS:
        if TRUTH[row] or FOUND[row]:
            wanted.update(confusion(TRUTH[row], FOUND[row], confidence))
    found = asked(fed, confidence=confidence)
    assert {(c.actual or "", c.predicted or ""): c.pixels for c in found.cells} == dict(wanted)
    for one in found.classes:
        assert sum(c.pixels for c in found.cells if c.actual == one.label) == one.annotated
        assert sum(c.pixels for c in found.cells if c.predicted == one.label) == one.predicted


def test_means_over_annotated_classes_leave_out_those_only_predicted(client: Client) -> None:
    full, half = np.ones((2, 2), bool), np.array([[True, True], [False, False]])
    feed(
        client,
        "over",
        {"r": sent([Mask("cat", half)], predicted=False)},
        {"m": {"r": sent([Mask("cat", half, 0.5), Mask("dog", full, 0.5)], predicted=True)}},
    )
    assert asked(client, "over").mean_iou == 0.5
    assert asked(client, "over").mean_row_iou == 0.5
    annotated = asked(client, "over", over="annotated")
    assert annotated.mean_iou == 1
    assert annotated.mean_row_iou == 1
    (dog,) = [one for one in annotated.classes if one.label == "dog"]
    assert (dog.iou, dog.recall, dog.mean_row_iou) == (0, None, None)
    assert dog.undefined == {
        "recall": "no pixel is annotated",
        "mean_row_iou": "in no data row: no pixel is annotated",
        "mean_row_dice": "in no data row: no pixel is annotated",
    }


def test_nothing_on_both_sides_is_no_score_and_says_so(client: Client) -> None:
    nothing = np.zeros((2, 2), bool)
    feed(
        client,
        "empty",
        {"r": sent([Mask("cat", nothing)], predicted=False)},
        {"m": {"r": sent([Mask("cat", nothing, 0.5)], predicted=True)}},
    )
    found = asked(client, "empty")
    assert found.rows == 1
    assert (found.mean_iou, found.mean_row_iou, found.pixel_accuracy, found.micro_dice) == (None, None, None, None)
    assert found.undefined["mean_iou"] == "no pixel is annotated or predicted"
    assert found.undefined["pixel_accuracy"] == "no pixel is annotated"
    (cat,) = found.classes
    assert (cat.label, cat.iou, cat.dice, cat.precision, cat.recall) == ("cat", None, None, None, None)
    assert cat.undefined["iou"] == "no pixel is annotated or predicted"
    assert found.cells == []


def test_other_types_have_no_pixels(fed: Client) -> None:
    found = asked(fed, type=["bbox"])
    assert (found.rows, found.classes, found.cells) == (0, [], [])
    assert set(found.undefined) == {name for name in type(found).model_fields if getattr(found, name) is None}


def test_area_ranges_are_refused(fed: Client) -> None:
    with pytest.raises(QuestionError, match="area"):
        asked(fed, policy="coco", area="small")


def test_masks_of_different_sizes_fail_their_row_alone(client: Client) -> None:
    one, other = Mask("cat", np.ones((2, 2), bool), 0.5), Mask("cat", np.ones((2, 3), bool))
    feed(
        client,
        "sizes",
        {"good": sent([one], predicted=False), "bad": sent([other], predicted=False)},
        {"m": {"good": sent([one], predicted=True), "bad": sent([one], predicted=True)}},
    )
    found = asked(client, "sizes")
    assert (found.rows, found.mean_iou) == (1, 1)


def test_classes_are_rolled_up(client: Client) -> None:
    left = np.array([[True, False]])
    feed(
        client,
        "kinds",
        {"r": sent([Mask("cat", left), Mask("dog", ~left)], predicted=False)},
        {"m": {"r": sent([Mask("dog", left, 0.5), Mask("dog", ~left, 0.5)], predicted=True)}},
    )
    declare(
        client,
        "kinds",
        Ontology(
            classes=[OntologyClass(name="animal"), *(OntologyClass(name=n, parent="animal") for n in ("cat", "dog"))]
        ),
        version=1,
    )
    reconcile(client, list(POLICIES))
    assert asked(client, "kinds").mean_iou == 0.25
    rolled = asked(client, "kinds", roll_up=1)
    assert [one.label for one in rolled.classes] == ["animal"]
    assert (rolled.mean_iou, rolled.pixel_accuracy, rolled.mean_row_iou) == (1, 1, 1)
    assert [one.label for one in asked(client, "kinds", feature=["animal"]).classes] == ["cat", "dog"]
