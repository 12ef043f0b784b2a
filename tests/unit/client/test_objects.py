"""What models give, read as an event's objects: arrays, and what libraries hold them in.

The libraries are heavy, so most of what is read here stands in for theirs, with the attributes and shapes that their
own documentation gives; where one is installed, its own objects are read too.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest
from evalstream.client.logged import events, line
from evalstream.client.objects import objects, predictions
from evalstream.events import PredictionEvent
from evalstream.importers.problems import ImporterError

BOX = {"type": "bbox", "bbox": [1.0, 2.0, 3.0, 4.0], "feature": "car", "confidence": 0.5}


class Tensor:
    """An array that has to be taken off a device first, as PyTorch's."""

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray[Any, Any]:
        return self._values

    def __len__(self) -> int:
        return len(self._values)


def read(given: Any, **how: Any) -> list[dict[str, Any]]:
    """Read it, and make sure that an event may say it."""
    found = objects("a", given, **how)
    event = {"dataset": "d", "data_row": "a", "run": "r", "operation": "replace", "predictions": found}
    PredictionEvent.model_validate_json(orjson.dumps(event, option=orjson.OPT_SERIALIZE_NUMPY))
    in_columns = predictions("a", given, **how)
    (sent,) = events([line("a", 1, in_columns)])
    assert orjson.loads(sent)["predictions"] == orjson.loads(orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY))
    return found


@pytest.mark.parametrize("array", [np.asarray, list, Tensor])
def test_arrays(array: Any) -> None:
    fields = {"boxes": array([[1.0, 2, 4, 6]]), "labels": array([1]), "scores": array([0.5])}
    assert read(fields, classes=["bus", "car"]) == [BOX]
    assert read(fields | {"boxes": array([[1.0, 2, 3, 4]])}, classes=["bus", "car"], box_format="xywh") == [BOX]
    assert read(fields) == [{**BOX, "feature": "1"}]
    assert read({"boxes": [], "labels": [], "scores": []}) == []


def test_masks_of_arrays() -> None:
    masks = np.zeros((1, 4, 5), bool)
    masks[0, 1:3, 2:4] = True
    (found,) = read({"masks": masks, "labels": ["car"], "scores": [0.5]})
    assert (found["type"], found["mask"]["size"]) == ("mask", [4, 5])


def test_annotations() -> None:
    fields = {"boxes": [[1, 2, 4, 6]] * 2, "labels": ["car"] * 2, "crowd": [0, 1], "area": [9, 8]}
    own = {"type": "bbox", "bbox": [1.0, 2.0, 3.0, 4.0], "feature": "car"}
    assert objects("a", fields, side="annotations") == [{**own, "area": 9.0}, {**own, "crowd": True, "area": 8.0}]


def detections(**more: Any) -> Any:
    """As ``supervision.Detections``."""
    own = {"xyxy": np.array([[1.0, 2, 4, 6]]), "class_id": np.array([1]), "confidence": np.array([0.5])}
    return SimpleNamespace(**{**own, "mask": None, "tracker_id": None, "data": {}, "metadata": {}, **more})


def test_supervision() -> None:
    assert read(detections(), classes=["bus", "car"]) == [BOX]
    assert read(detections(data={"class_name": np.array(["car"])})) == [BOX]
    assert read(detections(confidence=None), classes=["bus", "car"]) == [{**BOX, "confidence": 1.0}]
    mask = np.zeros((1, 4, 5), bool)
    mask[0, 0, 0] = True
    assert read(detections(mask=mask), classes=["bus", "car"])[0]["type"] == "mask"
    nothing = detections(xyxy=np.empty((0, 4)), class_id=None, confidence=None)
    assert read(nothing) == []
    with pytest.raises(ImporterError, match="class_id: missing"):
        read(detections(class_id=None))


def test_supervision_itself() -> None:
    supervision = pytest.importorskip(
        "supervision", reason="supervision is not installed: read as its documentation has it"
    )
    own = {"xyxy": np.array([[1.0, 2, 4, 6]]), "class_id": np.array([1]), "confidence": np.array([0.5])}
    assert read(supervision.Detections(**own), classes=["bus", "car"]) == [BOX]
    assert read(supervision.Detections(**own, data={"class_name": np.array(["car"])})) == [BOX]
    assert read(supervision.Detections.empty()) == []


class Boxes(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.cls)


def results(**more: Any) -> Any:
    """As ``ultralytics.engine.results.Results``."""
    boxes = Boxes(xyxy=Tensor([[1.0, 2, 4, 6]]), cls=Tensor([2.0]), conf=Tensor([0.5]))
    own = {"boxes": boxes, "masks": None, "probs": None, "keypoints": None, "obb": None}
    return SimpleNamespace(**{**own, "names": {0: "bus", 2: "car"}, "orig_shape": (40, 50), "path": "a.jpg", **more})


def test_ultralytics() -> None:
    assert read(results()) == [BOX]
    assert read(results(boxes=Boxes(xyxy=Tensor(np.empty((0, 4))), cls=Tensor([]), conf=Tensor([])))) == []
    outlined = results(masks=SimpleNamespace(xy=[np.array([[0, 0], [9, 0], [9, 9]], np.float32)]))
    assert read(outlined) == [
        {"type": "polygon", "feature": "car", "polygon": [[[0, 0], [9, 0], [9, 9]]], "confidence": 0.5}
    ]
    turned = Boxes(xywhr=Tensor([[5.0, 6, 7, 8, np.pi / 2]]), cls=Tensor([2.0]), conf=Tensor([0.5]))
    (found,) = read(results(boxes=None, obb=turned))
    assert (found["type"], found["rotated_box"]) == ("rotated_box", [5, 6, 7, 8, 90])
    (found,) = read(
        results(boxes=None, probs=SimpleNamespace(data=Tensor([0.25, 0.0, 0.75])), names={0: "a", 1: "b", 2: "c"})
    )
    assert found == {
        "type": "radio",
        "feature": "class",
        "answer": "c",
        "confidence": 0.75,
        "scores": {"a": 0.25, "b": 0.0, "c": 0.75},
    }


def test_skeletons_of_ultralytics_are_refused_rather_than_taken_for_boxes() -> None:
    with pytest.raises(ImporterError, match="keypoints"):
        read(results(keypoints=SimpleNamespace(data=Tensor([[[1.0, 2, 0.5]]]))))


def test_pipelines_of_hugging_face() -> None:
    box = {"score": 0.5, "label": "car", "box": {"xmin": 1, "ymin": 2, "xmax": 4, "ymax": 6}}
    assert read([box]) == [BOX]
    assert read([]) == []
    entity = {"entity_group": "PER", "score": 0.5, "word": "Ada", "start": 3, "end": 6}
    assert read([entity, {**entity, "start": 9, "end": 12}])[1] == {
        "type": "span",
        "feature": "PER",
        "span": [9, 12],
        "confidence": 0.5,
    }
    mask = np.zeros((4, 5), np.uint8)
    mask[0, 0] = 255
    assert read([{"score": 0.5, "label": "cat", "mask": mask}])[0]["mask"]["size"] == [4, 5]
    for batch in ([{"label": "cat", "score": 0.9}], [[{"label": "cat", "score": 0.9}]]):
        assert read(batch) == [{"type": "radio", "feature": "class", "answer": "cat", "confidence": 0.9}]


def test_answers_of_a_pipeline_with_their_scores() -> None:
    assert read([{"label": "cat", "score": 0.9}, {"label": "dog", "score": 0.1}]) == [
        {"type": "radio", "feature": "class", "answer": "cat", "confidence": 0.9, "scores": {"cat": 0.9, "dog": 0.1}}
    ]


def test_objects_of_an_event_are_taken_as_they_are() -> None:
    assert read([BOX]) == [BOX]


@pytest.mark.parametrize("given", [3, "car", b"car", object()])
def test_anything_else_is_refused(given: Any) -> None:
    with pytest.raises(ImporterError, match=r"image a: a .* cannot be read; give a mapping of arrays"):
        objects("a", given)


def test_a_list_of_something_else_is_refused() -> None:
    with pytest.raises(ImporterError, match="object 0: must be a mapping"):
        objects("a", [3])
    with pytest.raises(ImporterError, match="neither `type`"):
        objects("a", [{"name": "car"}])
