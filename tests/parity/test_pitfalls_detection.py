"""The pitfalls of detection metrics: what the reference does, what evalstream does, and that it says so."""

from __future__ import annotations

import contextlib
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.average_precision import ApOptions, AveragePrecision, average_precisions
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.feeding import close, feed
from tests.parity.conftest import Agree

Box = tuple[float, float, float, float]
SQUARE: Box = (0.0, 0.0, 10.0, 10.0)
FAR: Box = (500.0, 0.0, 10.0, 10.0)


def true(box: Box, feature: str = "cat", **more: Any) -> dict[str, Any]:
    return {"type": "bbox", "feature": feature, "bbox": box} | more


def found(box: Box, confidence: float, feature: str = "cat") -> dict[str, Any]:
    return true(box, feature, confidence=confidence)


def ours(client: Client, name: str, annotations: list[Any], predictions: list[Any], **options: Any) -> AveragePrecision:
    """COCO's figures of one image."""
    feed(client, name, {"1": annotations}, {"m": {"1": predictions}}, policies=["coco"])
    return coco(client, name, **options)


def coco(client: Client, name: str, iou: float = 0.5, **options: Any) -> AveragePrecision:
    selection = Selection(dataset=name, run="m", policy="coco", iou=iou)
    return average_precisions(client, selection, ApOptions(**options))


def pycocotools(
    annotations: list[Any], predictions: list[Any], *, first_id: int = 1, thresholds: list[float] | None = None
) -> float:
    """AP of one image and the classes that occur, −1 where it is not defined."""
    names = sorted({item["feature"] for item in [*annotations, *predictions]})
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1}],
        "categories": [{"id": 1 + k, "name": name} for k, name in enumerate(names)],
        "annotations": [
            {
                "id": first_id + k,
                "image_id": 1,
                "category_id": 1 + names.index(item["feature"]),
                "bbox": list(item["bbox"]),
                "area": item["bbox"][2] * item["bbox"][3],
                "iscrowd": int(item.get("crowd", False)),
            }
            for k, item in enumerate(annotations)
        ],
    }
    results = [
        {
            "image_id": 1,
            "category_id": 1 + names.index(item["feature"]),
            "bbox": list(item["bbox"]),
            "score": item["confidence"],
        }
        for item in predictions
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        if thresholds:
            evaluation.params.iouThrs = np.array(thresholds)
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    return float(np.mean(precision[precision > -1])) if np.any(precision > -1) else -1.0


def test_pitfall_2_an_annotation_with_id_0(client: Client) -> None:
    """To pycocotools it is never found. To us an id is a name."""
    annotations, predictions = [true(SQUARE, id="0")], [found(SQUARE, 0.9)]
    assert pycocotools(annotations, predictions, first_id=0) == 0.0
    assert pycocotools(annotations, predictions) == pytest.approx(1)
    assert ours(client, "id-0", annotations, predictions).ap == pytest.approx(1)


def test_pitfall_3_tied_scores(client: Client) -> None:
    """Of equal scores that of the earlier image first, and within it the one sent first."""
    right, wrong = found(SQUARE, 0.5), found(FAR, 0.5)
    for number, (order, expected) in enumerate(((([right, wrong]), 1.0), (([wrong, right]), 0.5))):
        assert pycocotools([true(SQUARE)], order) == pytest.approx(expected)
        assert ours(client, f"tied-{number}", [true(SQUARE)], order).ap == pytest.approx(expected)
    # Row 2 comes before row 10, whichever was sent first, and though "10" < "2" as texts.
    for hit, expected in (("2", 1.0), ("10", 0.5)):
        for number, sent in enumerate((("2", "10"), ("10", "2"))):
            detections = {row: [right if row == hit else wrong] for row in sent}
            name = f"tied-rows-{hit}-{number}"
            feed(client, name, {hit: [true(SQUARE)]}, {"m": detections}, policies=["coco"])
            assert coco(client, name).ap == pytest.approx(expected)
    # Not interpolated, what is tied comes at once, in whatever order.
    for number in (0, 1):
        assert coco(client, f"tied-{number}", interpolation="none").at_iou == 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_pitfalls_4_and_5_numbers_that_are_none(value: float) -> None:
    """A score or coordinate that is no finite number is refused, and the others of its event with it."""
    for reader, key, item in (
        (Reader(PredictionEvent), "predictions", found(SQUARE, value)),
        (Reader(PredictionEvent), "predictions", found((value, 0.0, 1.0, 1.0), 0.5)),
        (Reader(AnnotationEvent), "annotations", true((0.0, 0.0, value, 1.0))),
    ):
        event = {"dataset": "d", "data_row": "r", "operation": "replace", key: [item]}
        event |= {"run": "m"} if key == "predictions" else {}
        decoded = decode([Record(json.dumps(event).encode(), 0, 1)], reader)
        assert not decoded.received
        assert decoded.rejected[0].reason


def test_pitfall_6_an_overlap_exactly_at_a_threshold(client: Client, agree: Agree) -> None:
    """COCO counts it; TorchMetrics' float32 thresholds, a little above .55, .6 and .8, lose it; Labelbox's rule too."""
    for number, (annotation, prediction) in enumerate(
        (
            ((0.0, 0.0, 10.0, 20.0), (0.0, 0.0, 10.0, 11.0)),  # .55
            ((0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 10.0, 6.0)),
            ((0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 10.0, 8.0)),
        )
    ):
        files = [true(annotation)], [found(prediction, 0.9)]
        exact = ours(client, f"at-{number}", *files)
        rounded = coco(client, f"at-{number}", thresholds="float32")
        single = [0.5, 0.550000011920929, 0.6000000238418579, 0.6499999761581421, 0.699999988079071, 0.75]
        single += [0.800000011920929, 0.8500000238418579, 0.8999999761581421, 0.949999988079071]
        agree("AP (COCO), IoU exactly at a threshold", "pycocotools COCOeval", "3 pairs", exact.ap, pycocotools(*files))
        agree(
            "AP (COCO, float32 thresholds), IoU exactly at a threshold",
            "pycocotools COCOeval at TorchMetrics' thresholds",
            "3 pairs",
            rounded.ap,
            pycocotools(*files, thresholds=single),
        )
        assert exact.ap == pytest.approx(rounded.ap + 0.1)
    feed(client, "at", {"1": [true(SQUARE)]}, {"m": {"1": [found((0.0, 0.0, 10.0, 5.0), 0.9)]}})
    for policy, by_default in (("iou-greedy", 0), ("coco", 1), ("best-candidate", 1)):
        counted = [
            summary(client, Selection(dataset="at", run="m", policy=policy, iou=0.5, at_threshold=choice)).tp
            for choice in (None, "match", "no-match")
        ]
        assert counted == [by_default, 1, 0]


def test_pitfall_7_an_iou_threshold_of_1(client: Client) -> None:
    """Identical boxes match at it, as pycocotools has it; where IoU has to be above the threshold nothing can."""
    feed(client, "whole", {"1": [true(SQUARE)]}, {"m": {"1": [found(SQUARE, 0.9)]}})
    assert pycocotools([true(SQUARE)], [found(SQUARE, 0.9)], thresholds=[1.0]) == pytest.approx(1)
    for policy, expected in (("iou-greedy", 0), ("coco", 1), ("best-candidate", 1)):
        assert summary(client, Selection(dataset="whole", run="m", policy=policy, iou=1.0)).tp == expected


def test_pitfall_8_classes_without_annotations_or_predictions(client: Client) -> None:
    """Without annotations a class is out of the means, unless asked for; without predictions it is 0 in them."""
    annotations, predictions = [true(SQUARE, "cat"), true(SQUARE, "dog")], [found(SQUARE, 0.9, "cat")]
    alarms = [*predictions, found(SQUARE, 0.8, "bird")]
    assert pycocotools(annotations, alarms) == pytest.approx(0.5)
    figures = ours(client, "classes", annotations, alarms)
    assert figures.ap == pytest.approx(0.5)
    assert figures.per_class["dog"].ap == 0.0
    assert figures.per_class["bird"].ap is None
    assert figures.undefined["per_class.bird"] == "no annotation of this class counts"
    assert figures.ap_large is None
    assert figures.undefined["ap_large"] == "no annotation that counts is large"
    assert any("left out of the means: bird" in note for note in figures.notes)
    assert coco(client, "classes", empty_classes="zero").ap == pytest.approx(1 / 3)


def test_pitfall_9_crowd_regions(client: Client) -> None:
    """One takes any number of predictions out of the count: they are neither right nor wrong."""
    annotations = [true(SQUARE), true((100.0, 0.0, 50.0, 50.0), crowd=True)]
    inside = [found((100.0 + n, 5.0, 10.0, 10.0), 0.95) for n in range(7)]
    predictions = [*inside, found(SQUARE, 0.9)]
    assert pycocotools(annotations, predictions) == pytest.approx(1)
    feed(client, "crowd", {"1": annotations}, {"m": {"1": predictions}})
    assert coco(client, "crowd").ap == pytest.approx(1)
    for policy, alarms in (("coco", 0), ("best-candidate", 0), ("iou-greedy", 7)):
        counted = summary(client, Selection(dataset="crowd", run="m", policy=policy))
        assert (counted.tp, counted.fp, counted.fn) == (1, alarms, 0)
        told = "7 predictions matched to them" if alarms == 0 else "count as false alarms"
        assert any(told in note for note in counted.notes)


def test_pitfall_10_of_equal_overlaps_the_last(client: Client) -> None:
    """What is left for the next prediction depends on it."""
    left, right = true((0.0, 0.0, 10.0, 10.0)), true((10.0, 0.0, 10.0, 10.0))
    between, upon_left = found((0.0, 0.0, 20.0, 10.0), 0.9), found((0.0, 0.0, 10.0, 9.0), 0.8)
    for number, targets in enumerate(([left, right], [right, left])):
        expected = pycocotools(targets, [between, upon_left], thresholds=[0.5])
        figures = ours(client, f"equal-{number}", targets, [between, upon_left])
        assert figures.ap50 == pytest.approx(expected)
    assert coco(client, "equal-0").ap50 == pytest.approx(1)
    assert coco(client, "equal-1").ap50 == pytest.approx(51 / 101)


def test_pitfall_11_no_predictions_at_all(client: Client) -> None:
    """Every annotation is missed: 0, and no error."""
    with pytest.raises(IndexError):
        pycocotools([true(SQUARE)], [])
    figures = ours(client, "no-predictions", [true(SQUARE)], [])
    assert (figures.ap, figures.ar_100) == (0.0, 0.0)


def test_pitfall_12_the_hundred_and_first_detection(client: Client) -> None:
    """It does not count under policy `coco`, and the answer says so; elsewhere it does."""
    annotations = [true(SQUARE)]
    predictions = [*[found(FAR, 0.9)] * 100, found(SQUARE, 0.1)]
    assert pycocotools(annotations, predictions) == 0.0
    feed(client, "many", {"1": annotations}, {"m": {"1": predictions}})
    figures = coco(client, "many")
    assert figures.ap == 0.0
    assert any("1 prediction beyond the 100 most confident" in note for note in figures.notes)
    assert summary(client, Selection(dataset="many", run="m", policy="coco")).tp == 0
    assert summary(client, Selection(dataset="many", run="m", policy="iou-greedy")).tp == 1


def test_pitfall_22_an_image_without_a_prediction_counts_once_the_run_is_closed(client: Client) -> None:
    """pycocotools counts it from the start; here what has not come yet is told, until somebody says that it is all."""
    truth = {"1": [true(SQUARE)], "2": [true(FAR)]}
    feed(client, "silent", truth, {"m": {"1": [found(SQUARE, 0.9)]}}, policies=["coco"])
    assert coco(client, "silent").ap == pytest.approx(1)
    assert any("1 annotated data row has no prediction of this run" in note for note in coco(client, "silent").notes)
    assert close(client, "silent", "m") == ["2"]
    reconcile(client, ["coco"], dataset="silent")
    # Two objects far apart are to AP as objects of two images.
    expected = pycocotools([true(SQUARE), true(FAR)], [found(SQUARE, 0.9)])
    assert coco(client, "silent").ap == pytest.approx(expected) == pytest.approx(51 / 101)
    assert not any("no prediction" in note for note in coco(client, "silent").notes)
