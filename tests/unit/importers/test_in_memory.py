"""Data sets of Hugging Face and FiftyOne, known by what they have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import evalstream
import pytest
from evalstream.importers.detect import detect
from evalstream.importers.files import Options
from evalstream.importers.options import TableOptions
from evalstream.importers.problems import ImporterError
from evalstream.integrations.fiftyone import Added, add_outcomes
from PIL import Image

NAMES = ["O", "B-PER", "I-PER"]


class Records:
    """As much of a data set of Hugging Face as is used."""

    def __init__(self, features: dict[str, Any], records: list[dict[str, Any]]) -> None:
        self.features, self.records, self.column_names = features, records, list(features)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.records)


def made(of: str, kind: str, records: list[dict[str, Any]]) -> Any:
    """Make a data set: of the package where it is installed, or one that has the same attributes."""
    if of == "package":
        datasets = pytest.importorskip("datasets", reason="Hugging Face's datasets is none of our dependencies")
        label = datasets.ClassLabel(names=["cat", "dog"])
        text = datasets.Value("string")
        tags = {"tokens": datasets.Sequence(text), "ner_tags": datasets.Sequence(datasets.ClassLabel(names=NAMES))}
        features = datasets.Features({"id": text, "label": label} if kind == "label" else {"id": text} | tags)
        return datasets.Dataset.from_list(records, features=features)
    label = SimpleNamespace(names=["cat", "dog"], dtype="int64")
    text = SimpleNamespace(dtype="string")
    tags = {"tokens": SimpleNamespace(feature=text), "ner_tags": SimpleNamespace(feature=SimpleNamespace(names=NAMES))}
    return Records({"id": text, "label": label} if kind == "label" else {"id": text} | tags, records)


@pytest.mark.parametrize("of", ["attributes", "package"])
def test_class_labels(of: str) -> None:
    truth = made(of, "label", [{"id": "a", "label": 0}, {"id": "b", "label": 1}, {"id": "c", "label": 1}])
    found = made(of, "label", [{"id": "a", "label": 0}, {"id": "b", "label": 0}, {"id": "c", "label": 1}])
    evaluation = evalstream.evaluate(truth, found)
    cells = {(cell.actual, cell.predicted): cell.count for cell in evaluation.confusion_matrix().cells}
    assert cells == {
        ("class=cat", "class=cat"): 1,
        ("class=dog", "class=dog"): 1,
        ("class=dog", "class=cat"): 1,
    }


@pytest.mark.parametrize("of", ["attributes", "package"])
def test_tags_of_tokens(of: str) -> None:
    tokens = ["Ada", "Lovelace", "met", "Zoë"]
    truth = made(of, "tags", [{"id": "a", "tokens": tokens, "ner_tags": [1, 2, 0, 1]}])
    found = made(of, "tags", [{"id": "a", "tokens": tokens, "ner_tags": [1, 2, 0, 0]}])
    summary = evalstream.evaluate(truth, found, policy="iou-greedy").summary(iou=0.999)
    assert (summary.tp, summary.fp, summary.fn) == (1, 0, 1)


BOXES = {"bbox": [[0, 0, 10, 10], [20, 0, 10, 10], [0, 30, 20, 20]], "category": [0, 1, 1]}


def made_boxes(of: str, records: list[dict[str, Any]], *, listed: bool) -> Any:
    """Make a data set of objects: a list of each field, or of objects."""
    if of == "package":
        datasets = pytest.importorskip("datasets", reason="Hugging Face's datasets is none of our dependencies")
        number, label = datasets.Value("float32"), datasets.ClassLabel(names=["cat", "dog"])
        own: dict[str, Any] = {name: number for name in ("score", "area") if name in records[0]["objects"]}
        own |= {"bbox": [number], "category": label, "iscrowd": datasets.Value("bool")}
        objects = [own] if listed else {name: [feature] for name, feature in own.items()}
        features = datasets.Features({"image_id": datasets.Value("int64"), "width": datasets.Value("int32")})
        features |= {"height": datasets.Value("int32"), "image": datasets.Image(), "objects": objects}
        no_picture = {"image": {"path": None, "bytes": b"decoding it would be an error"}}
        said = [with_objects(one, listed) | no_picture for one in records]
        return datasets.Dataset.from_list(said, features=features)
    names = SimpleNamespace(names=["cat", "dog"])
    fields = dict.fromkeys(records[0]["objects"]) | {"category": names if listed else SimpleNamespace(feature=names)}
    columns = dict.fromkeys(records[0]) | {"objects": SimpleNamespace(feature=fields) if listed else fields}
    return Records(columns, [with_objects(one, listed) for one in records])


def with_objects(record: dict[str, Any], listed: bool) -> dict[str, Any]:
    own = record["objects"]
    if not listed:
        return record
    return record | {"objects": [dict(zip(own, values, strict=True)) for values in zip(*own.values(), strict=True)]}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("of", ["attributes", "package"])
def test_objects_of_images(of: str, listed: bool) -> None:
    image = {"image_id": 7, "width": 40, "height": 50}
    none = {"bbox": [], "category": [], "iscrowd": []}
    no_scores = {**none, "score": []}
    true = made_boxes(
        of,
        [image | {"objects": BOXES | {"iscrowd": [False] * 3}}, image | {"image_id": 8, "objects": none}],
        listed=listed,
    )
    guess = BOXES | {"category": [0, 0, 1], "score": [0.5, 0.75, 0.25], "iscrowd": [False] * 3}
    found = made_boxes(of, [image | {"objects": guess}, image | {"image_id": 8, "objects": no_scores}], listed=listed)
    evaluation = evalstream.evaluate(true, found)
    summary = evaluation.summary()
    assert (summary.tp, summary.fp, summary.fn, summary.rows, evaluation.problems) == (2, 1, 1, 2, [])
    assert evaluation.summary(confidence=0.3).tp == 1
    truth = {
        "images": [{"id": 7}, {"id": 8}],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
        "annotations": [
            {"id": i, "image_id": 7, "category_id": label, "bbox": box, "area": box[2] * box[3]}
            for i, (box, label) in enumerate(zip(BOXES["bbox"], BOXES["category"], strict=True), 1)
        ],
    }
    results = [
        {"image_id": 7, "category_id": label, "bbox": box, "score": score}
        for box, label, score in zip(guess["bbox"], guess["category"], guess["score"], strict=True)
    ]
    assert evaluation.average_precision().ap == evalstream.evaluate(truth, results).average_precision().ap
    assert "Boxes are read as [x, y, width, height] in pixels." in summary.notes
    # Results name classes by their number in the list of the data set, too.
    by_number = evalstream.evaluate(true, results)
    assert by_number.average_precision().ap == evaluation.average_precision().ap


def test_objects_of_images_that_look_like_corners_are_told() -> None:
    objects = {"bbox": [[30, 0, 40, 10]], "category": [0], "iscrowd": [True]}
    records = [{"image_id": 1, "width": 40, "height": 50, "objects": objects}]
    own = made_boxes("attributes", records, listed=False)
    evaluation = evalstream.evaluate(own, own)
    notes = " ".join(evaluation.summary().notes)
    assert "1 box read so would end beyond the image: are they corners" in notes
    assert "1 object without a score; its confidence is 1." in notes
    wrong = made_boxes("attributes", [records[0] | {"objects": objects | {"category": [2]}}], listed=False)
    with pytest.raises(ImporterError, match=r"record 1 objects\[0\]: category: there is no class 2 of 2"):
        evalstream.evaluate(wrong, own)


def test_splits_are_given_one_at_a_time() -> None:
    own = made("attributes", "label", [{"id": "a", "label": 0}])
    with pytest.raises(
        ImporterError, match=r"has the splits 'train', 'test': give one of them, as in dataset\['train'\]"
    ):
        evalstream.evaluate(own, {"train": own, "test": own})


class Samples:
    """As much of a data set of FiftyOne as is used."""

    def __init__(self, *samples: dict[str, Any]) -> None:
        self.samples = samples

    def get_field_schema(self) -> dict[str, Any]:
        return dict.fromkeys(self.samples[0])

    def iter_samples(self) -> Iterator[dict[str, Any]]:
        return iter(self.samples)


def detection(label: str, box: list[float], **more: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"label": label, "bounding_box": box, "confidence": None, "mask": None} | more)


def sample(**fields: Any) -> dict[str, Any]:
    return {"filepath": "/data/a.jpg", "metadata": SimpleNamespace(width=200, height=100)} | fields


def test_detections_of_fiftyone() -> None:
    boxes = SimpleNamespace(detections=[detection("cat", [0.1, 0.2, 0.5, 0.5])])
    found = SimpleNamespace(
        detections=[
            detection("cat", [0.1, 0.2, 0.5, 0.4], confidence=0.5),
            detection("dog", [0, 0, 0.1, 0.1], mask=[[1]]),
        ]
    )
    samples = Samples(
        sample(ground_truth=boxes, predictions=found), sample(filepath="b", ground_truth=None, predictions=None)
    )
    evaluation = evalstream.evaluate(samples, samples)
    summary = evaluation.summary(iou=0.79)
    assert (summary.tp, summary.fp, summary.fn, summary.rows) == (1, 1, 0, 2)
    assert evaluation.summary(iou=0.81).tp == 0
    assert "1 detection with a mask: read as boxes." in summary.notes
    assert "1 label without a confidence; it is 1." in summary.notes


def test_classifications_of_fiftyone_and_fields_by_name() -> None:
    samples = Samples(sample(gt=SimpleNamespace(label="cat"), clip=SimpleNamespace(label="cat", confidence=0.5)))
    options = Options(table=TableOptions(truth="gt", answer="clip"))
    assert evalstream.evaluate(samples, samples, options=options).summary().tp == 1
    with pytest.raises(ImporterError, match="samples have no field 'ground_truth'; these are: "):
        evalstream.evaluate(samples, samples)


def test_labels_of_fiftyone_that_cannot_be_read_are_told() -> None:
    boxes = SimpleNamespace(detections=[detection("cat", [0, 0, 1, 1])])
    lines = SimpleNamespace(points=[[0, 0]], label="lane")
    samples = Samples(
        sample(ground_truth=boxes, predictions=boxes),
        sample(filepath="b", metadata=None, ground_truth=boxes, predictions=None),
        sample(filepath="c", ground_truth=lines, predictions=None),
    )
    problems = evalstream.evaluate(samples, samples).problems
    assert [(problem.record, problem.field) for problem in problems] == [
        ("sample 'b': ground_truth[0]", "metadata"),
        ("sample 'c': ground_truth[0]", "points"),
    ]


class Label(SimpleNamespace):
    """A label of FiftyOne, which takes further fields."""

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)


class Sample(dict[str, Any]):
    """A sample, which counts how often it was saved."""

    saved = 0

    def save(self) -> None:
        self.saved += 1


def test_outcomes_go_back_to_fiftyone() -> None:
    def label(own_id: str, name: str, x: float, **more: Any) -> Label:
        given = {"id": own_id, "label": name, "bounding_box": [x, 0, 0.1, 0.5], "mask": None}
        return Label(**given | more)

    true = [label("a", "cat", 0), label("b", "dog", 0.5)]
    found = [
        label("c", "cat", 0.01, confidence=0.9),
        label("d", "dog", 0.8, confidence=0.8),
        label("e", "dog", 0.5, confidence=0.1, eval="tp", eval_id="b"),
    ]
    own = Sample(sample(ground_truth=SimpleNamespace(detections=true), predictions=SimpleNamespace(detections=found)))
    empty = Sample(sample(filepath="b", ground_truth=None, predictions=None))
    with evalstream.evaluate(Samples(own, empty), Samples(own, empty)) as evaluation:
        later = Sample(sample(filepath="c", ground_truth=None, predictions=None))
        true.append(label("z", "cat", 0.9))
        added = add_outcomes(Samples(own, empty, later), evaluation.rows, confidence=0.5)
    assert added == Added(samples=2, tp=1, fp=1, fn=1, without_answer=1, unknown_labels=1)
    assert [(one.eval, one.eval_id) for one in true] == [("tp", "c"), ("fn", ""), (None, "")]
    assert [(one.eval, one.eval_id) for one in found] == [("tp", "a"), ("fp", ""), (None, "")]
    assert true[0].eval_iou == found[0].eval_iou == pytest.approx(0.09 / 0.11)
    assert (found[1].eval_iou, found[2].eval_iou) == (None, None)
    assert [own[f"eval_{name}"] for name in ("tp", "fp", "fn")] == [1, 1, 1]
    assert (own.saved, empty.saved, later.saved) == (1, 1, 0)


def test_an_exported_data_set_of_fiftyone(tmp_path: Path) -> None:
    def box(own_id: str, label: str, x: float, **more: Any) -> dict[str, Any]:
        own = {"_id": {"$oid": own_id}, "_cls": "Detection", "attributes": {}, "tags": [], "label": label}
        return own | {"bounding_box": [x, 0, 0.1, 0.5]} | more

    def boxes(*own: dict[str, Any]) -> dict[str, Any]:
        return {"_cls": "Detections", "detections": list(own)}

    size = {"_cls": "ImageMetadata", "width": 200, "height": 100}
    samples = [
        {"filepath": "data/a.jpg", "metadata": size, "ground_truth": boxes(box("1" * 24, "cat", 0))}
        | {
            "predictions": boxes(box("2" * 24, "cat", 0.01, confidence=0.5), box("3" * 24, "dog", 0.5, confidence=0.25))
        },
        {"filepath": "data/b.jpg", "ground_truth": boxes(), "predictions": None},
    ]
    (tmp_path / "metadata.json").write_text("{}")
    (tmp_path / "samples.json").write_text(json.dumps({"samples": samples}))
    assert detect(tmp_path) == "fiftyone"
    with evalstream.evaluate(tmp_path, tmp_path) as evaluation:
        summary = evaluation.summary()
        (row,) = evaluation.rows(data_row=["data/a.jpg"]).rows
    assert (summary.tp, summary.fp, summary.fn, summary.rows) == (1, 1, 0, 2)
    assert [one.id for one in row.predictions] == ["2" * 24, "3" * 24]
    with pytest.raises(ImporterError, match="samples have no field 'gt'; these are:"):
        evalstream.evaluate(tmp_path, tmp_path, options=Options(table=TableOptions(truth="gt")))
    (tmp_path / "samples.json").write_text('{"samples": [{}]}')
    with pytest.raises(ImporterError, match=r"samples\.json: samples: must be there, and be a list"):
        evalstream.evaluate(tmp_path, tmp_path)


def test_labels_of_an_image_data_set_of_fiftyone(tmp_path: Path) -> None:
    """``FiftyOneImageDetectionDataset``: labels by image, classes by place or by name, boxes as fractions."""
    box = {"bounding_box": [0.1, 0.2, 0.5, 0.5], "attributes": {"iscrowd": False}}
    guess = {"label": "cat", "bounding_box": [0.1, 0.2, 0.5, 0.4], "confidence": 0.5}
    truth = {"classes": ["cat", "dog"], "labels": {"a": [{"label": 0} | box, {"label": 7} | box], "sub/b": None}}
    found = {"classes": None, "labels": {"a": [guess], "sub/b": []}}
    for name, document in (("truth", truth), ("found", found)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.json").write_text(json.dumps(document))
    with pytest.raises(ImporterError, match=r"the size of the image is not known.* --images or --image-size gives it"):
        evalstream.evaluate(tmp_path / "truth", tmp_path / "found")
    (tmp_path / "truth" / "data").mkdir()
    Image.new("L", (200, 100)).save(tmp_path / "truth" / "data" / "a.png")
    with evalstream.evaluate(tmp_path / "truth", tmp_path / "found" / "labels.json") as evaluation:
        summary = evaluation.summary(iou=0.79)
        (row,) = evaluation.rows(data_row=["a"]).rows
    assert (summary.tp, summary.fp, summary.fn, summary.rows) == (1, 0, 0, 2)
    assert row.annotations[0].area == pytest.approx(100 * 50)
    assert [str(one) for one in evaluation.problems] == [
        f"{tmp_path / 'truth' / 'labels.json'}: labels['a'][1]: label: there is no class 7 of 2"
    ]
    results = [{"image_id": "a.png", "category_id": i, "bbox": [20, 20, 100, 40], "score": 0.5} for i in range(2)]
    assert evalstream.evaluate(tmp_path / "truth", results).summary(iou=0.79).tp == 1


def test_classifications_of_an_image_data_set_of_fiftyone(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text('{"classes": ["cat", "dog"], "labels": {"a": 0, "b": 1, "c": null}}')
    found = {"classes": ["cat", "dog"], "labels": {"a": {"label": 0, "confidence": 0.5}, "b": {"label": "cat"}}}
    (tmp_path / "found.json").write_text(json.dumps(found))
    summary = evalstream.evaluate(tmp_path / "truth.json", tmp_path / "found.json").summary()
    assert (summary.tp, summary.fp, summary.fn) == (1, 1, 1)
    (tmp_path / "found.json").write_text('{"classes": null, "labels": []}')
    with pytest.raises(ImporterError, match="labels: must be there, by the name of an image"):
        evalstream.evaluate(tmp_path / "truth.json", tmp_path / "found.json")
