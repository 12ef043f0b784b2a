"""``evalstream import``, and other formats in ``evalstream evaluate`` and ``evalstream upload``."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import evalstream
import orjson
import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.exporters.picture import picture
from evalstream.importers.files import Options
from evalstream_cli.main import app
from typer.testing import CliRunner, Result

from tests.faults.service import Service

SVG = "{http://www.w3.org/2000/svg}"
SIZE = ["--image-size", "100x100"]
EVENTS: list[dict[str, Any]] = [
    {
        "data_row": name,
        "operation": "replace",
        "annotations": [{"type": "bbox", "feature": "Zoë", "bbox": [0, 0, 1, 1]}],
    }
    for name in ("a", "b")
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Labels of two images, of which predictions find one object, and a false one."""
    labels, predictions = tmp_path / "labels", tmp_path / "predictions"
    labels.mkdir()
    predictions.mkdir()
    (labels / "classes.txt").write_text("cat\ndog\n")
    (labels / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n1 0.2 0.2 0.1 0.1\n")
    (labels / "b.txt").write_text("1 0.5 0.5 0.2 0.2\n7 0.5 0.5 0.1 0.1\n")
    (predictions / "a.txt").write_text("0 0.5 0.5 0.2 0.2 0.9\n0 0.9 0.9 0.1 0.1 0.3\n")
    return tmp_path


def run(command: str, *options: str | Path, standard_input: bytes | None = None) -> Result:
    return CliRunner().invoke(app, [command, *map(str, options)], input=standard_input)


def test_dry_run_tells_what_was_understood(folder: Path) -> None:
    result = run("import", "--dry-run", "--json", folder / "labels", folder / "predictions", *SIZE)
    assert result.exit_code == 1, "a record is left out"
    labels, predictions = json.loads(result.stdout)
    assert labels == {
        "path": str(folder / "labels"),
        "format": "yolo",
        "side": "annotations",
        "data_rows": 2,
        "objects": [{"type": "bbox", "class": "cat", "count": 1}, {"type": "bbox", "class": "dog", "count": 2}],
        "notes": [],
        "left_out": [f"{folder / 'labels'}: b.txt line 2: class: there is no class 7, but 2 names"],
        "refused": None,
    }
    assert (predictions["side"], predictions["data_rows"]) == ("predictions", 2)
    assert predictions["objects"] == [{"type": "bbox", "class": "cat", "count": 2}]
    assert predictions["notes"] == ["1 data row of 2 without a prediction, taken for empty."]
    for_people = run("import", "--dry-run", folder / "labels", *SIZE)
    assert "2 data rows, 3 objects" in for_people.stdout
    assert "1 record left out" in for_people.stdout
    assert "no class 7" in for_people.stdout


def test_a_picture_of_the_first_rows(folder: Path) -> None:
    file = folder / "rows.svg"
    result = run("import", "--dry-run", folder / "labels", folder / "predictions", *SIZE, "--picture", file)
    assert "are drawn in" in result.stderr
    truth, found = (ElementTree.parse(folder / f"rows-{i}.svg").getroot() for i in (1, 2))
    texts = [one.text for one in truth.iter(f"{SVG}text")]
    assert texts == ["a", "cat", "dog", "b", "dog"]
    paths = [one.get("d") for one in truth.iter(f"{SVG}path")]
    assert paths[0] == "M170.0 192.0L250.0 192.0L250.0 272.0L170.0 272.0L170.0 192.0"  # 4 times as large
    assert len(list(found.iter(f"{SVG}path"))) == 2
    assert run("import", folder / "labels", *SIZE, "--picture", file).exit_code == 2


def test_what_has_no_place_is_written_and_shapes_are_drawn() -> None:
    objects = [
        {"type": "radio", "feature": "<weather>", "answer": "rain", "confidence": 0.5},
        {"type": "rotated_box", "feature": "car", "rotated_box": [10, 10, 4, 2, 90]},
        {"type": "polygon", "feature": "car", "polygon": [[[0, 0], [4, 0], [4, 4]]]},
        {"type": "point", "feature": "nose", "point": [1, 2]},
        {"type": "mask", "feature": "sky", "mask": {"size": [2, 2], "counts": "013"}},
        {"type": "keypoints", "feature": "hand", "keypoints": [[1, 1, 2], [2, 2, 0]]},
        {"type": "polyline", "feature": "lane", "polyline": [[0, 0], [5, 5]]},
    ]
    drawn = ElementTree.fromstring(picture([json.dumps({"data_row": "a", "predictions": objects}).encode()]))
    assert [one.text for one in drawn.iter(f"{SVG}text")] == [
        *("a", "car", "nose", "sky", "hand", "lane"),
        "radio <weather>: rain (0.50)",
    ]
    assert len(list(drawn.iter(f"{SVG}path"))) == 1 + 1 + 2 + 1 + 2 + 1


def test_events_are_written(folder: Path) -> None:
    result = run("import", folder / "labels", *SIZE)
    assert "no class 7" in result.stderr
    records = [Record(line.encode(), i, 1) for i, line in enumerate(result.stdout.splitlines())]
    assert decode(records, Reader(AnnotationEvent, {"dataset": "d"})).rejected == []
    assert len(records) == 2


def test_coco_becomes_events_too(tmp_path: Path) -> None:
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}],
    }
    results = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.5}]
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps(results))
    result = run("import", tmp_path / "gt.json", tmp_path / "dt.json")
    assert result.exit_code == 0, result.output
    truth_line, found_line = (Record(line.encode(), 0, 1) for line in result.stdout.splitlines())
    assert decode([truth_line], Reader(AnnotationEvent, {"dataset": "d"})).rejected == []
    assert decode([found_line], Reader(PredictionEvent, {"dataset": "d", "run": "r"})).rejected == []
    told = json.loads(run("import", "--dry-run", "--json", tmp_path / "gt.json", tmp_path / "dt.json").stdout)
    assert [one["side"] for one in told] == ["annotations", "predictions"]
    alone = run("import", "--dry-run", tmp_path / "dt.json")
    assert (alone.exit_code, "of a ground truth, which is needed too" in alone.stderr) == (2, True)


def test_events_and_conll_are_told(tmp_path: Path) -> None:
    (tmp_path / "e.ndjson").write_text(json.dumps(EVENTS[0]) + '\n{"data_row": 1}\n')
    (tmp_path / "c.conll").write_text("Zoë B-PER\nmet O\n")
    result = run("import", "--dry-run", "--json", tmp_path / "e.ndjson", tmp_path / "c.conll")
    events, conll = json.loads(result.stdout)
    assert (events["data_rows"], events["objects"]) == (1, [{"type": "bbox", "class": "Zoë", "count": 1}])
    assert len(events["left_out"]) == 1
    assert "event 2: data_row" in events["left_out"][0]
    assert (conll["format"], conll["objects"]) == ("conll", [{"type": "span", "class": "PER", "count": 1}])


def test_a_dry_run_of_events_does_not_hold_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    notes = {f"note {i}": "x" * 1_000 for i in range(8)}
    path.write_bytes(b"".join(orjson.dumps(EVENTS[0] | {"row": {"metadata": notes}}) + b"\n" for _ in range(1_000)))
    run("import", "--dry-run", path)  # what is imported and built the first time
    tracemalloc.start()
    result = run("import", "--dry-run", "--picture", tmp_path / "a.svg", path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "1,000 data rows, 1,000 objects" in result.stdout
    assert peak < path.stat().st_size / 4


def test_a_dry_run_counts_custom_metrics(tmp_path: Path) -> None:
    path = tmp_path / "metrics.ndjson"
    box = {"name": "car", "bbox": {"top": 0, "left": 0, "height": 1, "width": 1}, "dataRow": {"id": "a"}}
    own = box | {"confidence": 0.5, "customMetrics": [{"name": "blur", "value": 0.25}]}
    of_row = {"metricName": "speed", "metricValue": 0.5, "dataRow": {"id": "a"}}
    path.write_bytes(b"\n".join(map(orjson.dumps, (own, of_row, of_row | {"dataRow": {"id": "b"}}))))
    assert "3 custom metrics: blur (1), speed (2)." in run("import", "--dry-run", path).stdout


def test_standard_input_is_told_and_written(tmp_path: Path) -> None:
    given = b"".join(orjson.dumps(event) + b"\n" for event in EVENTS)
    told = run("import", "--dry-run", "-", standard_input=given)
    assert "2 data rows, 2 objects" in told.stdout
    assert list(map(json.loads, run("import", "-", standard_input=given).stdout.splitlines())) == EVENTS


def test_a_format_may_be_stated(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("id,label\na,cat\n")
    assert json.loads(run("import", "--dry-run", "--json", "--format", "table", tmp_path / "t.txt").stdout)[0][
        "objects"
    ] == [{"type": "radio", "class": "class=cat", "count": 1}]


def test_evaluate(folder: Path) -> None:
    files = ["--annotations", folder / "labels", "--predictions", folder / "predictions"]
    result = run("evaluate", *files, *SIZE, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["tp"], found["fp"], found["fn"]) == (1, 1, 2)
    assert found["per_class"]["cat"]["ap50"] == pytest.approx(1)
    assert len(found["left_out"]) == 1
    assert run("evaluate", *files, *SIZE, "--on-error=refuse").exit_code == 2
    without = run("evaluate", *files)
    assert (without.exit_code, "--image-size WIDTHxHEIGHT" in without.stderr) == (2, True)


def test_splits_with_the_same_numbers_are_told_apart(tmp_path: Path) -> None:
    for split in ("train", "val"):
        truth = {
            "images": [{"id": 1, "file_name": f"{split}/{split}.1.jpg"}],
            "categories": [{"id": 1, "name": "car"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}],
        }
        (tmp_path / f"{split}.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]))
    own = ["--split", "train", "--metadata", "camera=a", "--metadata", "day=1"]
    lines = run("import", tmp_path / "train.json", tmp_path / "dt.json", "--row-key", "stem", *own).stdout.splitlines()
    truth_event, found = map(json.loads, lines)
    assert (truth_event["data_row"], found["data_row"]) == ("train.1", "train.1"), "results name images by id"
    assert truth_event["row"]["split"] == "train"
    assert truth_event["row"]["metadata"] == {"file_name": "train/train.1.jpg", "camera": "a", "day": "1"}
    line = run("import", tmp_path / "val.json", "--row-key", "file_name").stdout
    assert json.loads(line)["data_row"] == "val/val.1.jpg"
    xml = tmp_path / "a.xml"
    xml.write_text('<annotations><image name="x/a.jpg" width="2" height="2"/></annotations>')
    event = json.loads(run("import", xml, "--row-key", "file_name", *own).stdout)
    assert (event["data_row"], event["row"]["split"]) == ("x/a.jpg", "train")
    assert event["row"]["metadata"] == {"file_name": "x/a.jpg", "camera": "a", "day": "1"}


def test_names_that_data_rows_cannot_have(tmp_path: Path) -> None:
    truth = {"images": [{"id": 1, "file_name": "a/1.jpg"}, {"id": 2, "file_name": "b/1.jpg"}], "categories": []}
    (tmp_path / "gt.json").write_text(json.dumps(truth | {"annotations": []}))
    result = run("import", tmp_path / "gt.json", "--row-key", "stem")
    assert (result.exit_code, "image 2: file_name: '1' is the stem of image 1, too" in result.stderr) == (2, True)
    truth["images"] = [{"id": 3}]
    (tmp_path / "gt.json").write_text(json.dumps(truth | {"annotations": []}))
    result = run("import", tmp_path / "gt.json", "--row-key", "stem")
    assert "image 3: file_name: missing, and data rows are to be called by it" in result.stderr
    wrong = run("import", tmp_path / "gt.json", "--metadata", "camera")
    assert (wrong.exit_code, "must be KEY=VALUE" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "message"), [(["--image-size", "100"], "WIDTHxHEIGHT"), (["--kpt-shape", "0x3"], "COUNTxDIMENSIONS")]
)
def test_wrong_options(folder: Path, options: list[str], message: str) -> None:
    result = run("import", folder / "labels", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


# --- to a service -----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give commands and clients a key of the service."""
    monkeypatch.setenv("EVALSTREAM_API_KEY", "key")


def upload(service: Service, *options: str | Path, standard_input: bytes | None = None) -> Result:
    return run("upload", *options, "--url", service.url, standard_input=standard_input)


def test_upload(service: Service, folder: Path) -> None:
    files = ["--annotations", folder / "labels", "--predictions", folder / "predictions", "--run", "v8", *SIZE]
    refused = upload(service, "--dataset", "unsent", *files, "--on-error=refuse")
    assert (refused.exit_code, "nothing was sent" in refused.stderr) == (2, True)
    result = upload(service, "--dataset", "yolo", *files)
    assert (result.exit_code, result.stdout) == (1, "4 events accepted, 0 rejected\n"), result.output
    assert "no class 7" in result.stderr
    assert "1 record was not sent" in result.stderr
    with evalstream.connect(service.url) as client:
        found = client.summary("yolo", "v8", policy="coco")
    assert (found.tp, found.fp, found.fn) == (1, 1, 2)


@pytest.mark.parametrize("form", ["mark", "utf-16", "gzip", "array", "pretty"])
def test_upload_of_events_in_any_form(service: Service, tmp_path: Path, form: str) -> None:
    lines = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in EVENTS)
    content = {
        "mark": lines.encode("utf-8-sig"),
        "utf-16": lines.encode("utf-16"),
        "gzip": gzip.compress(lines.encode()),
        "array": json.dumps(EVENTS).encode(),
        "pretty": "\n".join(json.dumps(event, indent=2) for event in EVENTS).encode(),
    }[form]
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)
    result = upload(service, "--dataset", form, "--annotations", path)
    assert (result.exit_code, result.stdout) == (0, "2 events accepted, 0 rejected\n"), result.output
    again = upload(service, "--dataset", f"{form}-in", "--annotations", "-", standard_input=content)
    assert (again.exit_code, again.stdout) == (0, "2 events accepted, 0 rejected\n"), again.output


def test_every_door_refuses_alike_what_would_change_files(service: Service, tmp_path: Path) -> None:
    def of(split: str) -> list[dict[str, Any]]:
        rows = [{"metadata": {"file_name": f"{split}/{i}.jpg"}} for i in (1, 2)]
        known = {"operation": "replace", "annotations": []}
        return [known | {"data_row": str(i), "row": row} for i, row in enumerate(rows, 1)]

    lines = b"\n".join(orjson.dumps(event) for event in of("val"))
    (tmp_path / "val.ndjson").write_bytes(lines)
    images = [{"id": i, "file_name": f"val/{i}.jpg"} for i in (1, 2)]
    (tmp_path / "val.json").write_text(json.dumps({"images": images, "categories": [], "annotations": []}))
    name = ("--dataset", "doors")
    said = dict[str, str]()
    with evalstream.connect(service.url) as client:
        client.upload("doors", of("train"))
        for file in ("val.json", "val.ndjson"):
            refused = upload(service, *name, "--annotations", tmp_path / file)
            assert (refused.exit_code, "nothing was sent, because" in refused.stderr) == (2, True), refused.output
            said[file] = refused.stderr
            dry = run("import", "--dry-run", tmp_path / file, *name, "--url", service.url)
            assert (dry.exit_code, "refused: " in dry.stdout) == (2, True), dry.output
            said[f"dry run of {file}"] = dry.stdout
            (as_json,) = json.loads(
                run("import", "--dry-run", "--json", tmp_path / file, *name, "--url", service.url).stdout
            )
            said[f"JSON of {file}"] = as_json["refused"]
        refused = upload(service, *name, "--annotations", "-", standard_input=lines)
        assert (refused.exit_code, "the rest was not sent, because events from number 1 on" in refused.stderr) == (
            2,
            True,
        )
        said["standard input"] = refused.stderr
        sources = {
            "a list": of("val"),
            "an iterator": iter(of("val")),
            "a mapping": json.loads((tmp_path / "val.json").read_text()),
            "a table": _table(lines),
        }
        for what, source in sources.items():
            with pytest.raises(evalstream.ImporterError) as error:
                client.upload("doors", source)
            said[what] = str(error.value)
        predicted = [{**event, "predictions": []} for event in of("val")]
        for event in predicted:
            del event["annotations"]
        with pytest.raises(evalstream.ImporterError) as error:
            client.upload("doors", predictions=predicted, run="r")
        said["predictions"] = str(error.value)
        alike = {" ".join(text.split()).partition("dataset 'doors' has ")[2] for text in said.values()}
        assert len(alike) == 1, said
        (text,) = alike
        assert text.startswith("2 data rows already, by the same id and with another file: '1' is train/1.jpg")
        for source in (of("val"), iter(of("test"))):
            client.upload("doors", source, options=Options(other_files=True))
        client.upload("doors", of("test"))  # now they are these files


def test_a_dry_run_alone_asks_of_a_dataset(folder: Path) -> None:
    result = run("import", folder / "labels", *SIZE, "--dataset", "d")
    assert (result.exit_code, "--dataset goes with --dry-run" in result.stderr) == (2, True)


def _table(lines: bytes) -> Any:
    records = [Record(line, i, 1) for i, line in enumerate(lines.split(b"\n"))]
    return events_table(decode(records, Reader(AnnotationEvent, {"dataset": "doors"})).received)


def test_what_cannot_be_uncompressed_is_told(service: Service, tmp_path: Path) -> None:
    (tmp_path / "e.ndjson.gz").write_bytes(gzip.compress(json.dumps(EVENTS[0]).encode() * 10_000)[:-200])
    result = upload(service, "--dataset", "cut", "--annotations", tmp_path / "e.ndjson.gz")
    assert (result.exit_code, "nothing was sent" in result.stderr) == (2, True)
    assert "Traceback" not in result.output
