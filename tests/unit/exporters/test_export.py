"""Exported labels against question ``rows``, the summary and pycocotools."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import evalstream
import pytest
from evalstream.client import Client
from evalstream.exporters import pages
from evalstream.exporters.export import Exported
from evalstream.exporters.labels import COLUMNS
from evalstream.exporters.questions import FORMATS
from evalstream.queries.rows import Row
from evalstream.selection import QuestionError
from pyarrow import parquet

QUESTION: dict[str, Any] = {"policy": "coco", "confidence": 0.3, "iou": 0.5}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 4)


def labels_of(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Give each label as a tuple, from what question ``rows`` answers."""
    return [
        (row.data_row, side, o.id, o.outcome, o.cause, o.matched, o.iou, o.confidence, o.geometry, row.metrics["f1"])
        for row in rows
        for side, objects in (("annotation", row.annotations), ("prediction", row.predictions))
        for o in objects
    ]


def columns_of(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("data_row", "side", "id", "outcome", "cause", "matched", "iou", "confidence", "geometry", "row.f1")
    return [tuple(line[name] for name in names) for line in lines if line["side"]]


def typed(line: dict[str, str]) -> dict[str, Any]:
    """Read a line of CSV: an empty cell is null."""
    said: dict[str, Any] = {name: value or None for name, value in line.items()}
    numbers = ("iou", "confidence", "row.f1")
    known = {name: None if said[name] is None else float(said[name]) for name in numbers}
    return said | known | {"geometry": json.loads(line["geometry"] or "null")}


def assert_is_summary(client: Client, done: Exported, **question: Any) -> None:
    summary = client.summary("street", "v7", **question)
    assert (done.rows, done.tp, done.fp, done.fn) == (summary.rows, summary.tp, summary.fp, summary.fn)


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_every_label_is_there_once_with_what_became_of_it(client: Client, tmp_path: Path, form: Any) -> None:
    path = tmp_path / f"labels.{form}"
    heard: list[tuple[int, int | None]] = []
    done = client.export(
        "street", "v7", path, form, **QUESTION, on_progress=lambda _what, own, total: heard.append((own, total))
    )
    rows = client.rows("street", "v7", **QUESTION, limit=500).rows
    if form == "ndjson":
        assert [Row.model_validate_json(line) for line in path.read_bytes().splitlines()] == rows
    elif form == "csv":
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert columns_of([typed(line) for line in lines]) == labels_of(rows)
        assert {line["data_row"] for line in lines} == {row.data_row for row in rows}
    else:
        lines = parquet.read_table(path).to_pylist()
        assert columns_of(lines) == labels_of(rows)
        assert list(lines[0])[: len(COLUMNS)] == list(COLUMNS)
        assert {line["data_row"] for line in lines} == {row.data_row for row in rows}
    assert heard[-1] == (len(rows), len(rows))
    assert len(heard) == -(-len(rows) // 4)
    assert_is_summary(client, done, **QUESTION)
    about = Exported.model_validate_json(path.with_name(f"{path.name}.about.json").read_bytes())
    assert about == done
    assert {**about.question, **QUESTION} == about.question
    assert {one.name for one in tmp_path.iterdir()} == {path.name, f"{path.name}.about.json"}


def test_filters_and_conditions_choose_what_is_exported(client: Client, tmp_path: Path) -> None:
    said = {"feature": ["car"], "where": ["fp>=1"]}
    done = client.export("street", "v7", tmp_path / "some.ndjson", **said)
    rows = client.rows("street", "v7", **said, limit=500).rows
    assert 0 < done.rows == len(rows) < 22
    assert done.fp == sum(row.metrics["fp"] or 0 for row in rows)


def test_coco_files_have_the_figures_of_the_run(client: Client, tmp_path: Path) -> None:
    question = {"policy": "coco", "confidence": 0.0, "iou": 0.5}
    done = client.export("street", "v7", tmp_path / "coco", "coco", **question)
    again = evalstream.evaluate(tmp_path / "coco" / "annotations.json", tmp_path / "coco" / "results.json")
    assert again.figures(confidence=0.3) == client.figures("street", "v7", confidence=0.3)
    assert_is_summary(client, done, **question)
    truth = json.loads((tmp_path / "coco" / "annotations.json").read_bytes())
    results = json.loads((tmp_path / "coco" / "results.json").read_bytes())
    assert sum(one["evalstream"]["outcome"] == "tp" for one in results) == done.tp
    assert sum(one["evalstream"]["outcome"] == "fn" for one in truth["annotations"]) == done.fn
    assert any(one["iscrowd"] for one in truth["annotations"])
    assert all(image["id"] == int(image["evalstream"]["key"]) for image in truth["images"])


def test_what_is_exported_and_uploaded_again_has_the_same_figures(client: Client, files: Any, tmp_path: Path) -> None:
    """Areas are not those of boxes here: COCO's are of outlines, and decide who is small."""
    truth, results = files
    annotations = [one | {"area": one["area"] * (0.3 + 0.1 * (one["id"] % 7))} for one in truth["annotations"]]
    client.upload("areas", truth | {"annotations": annotations}, predictions=results, run="v7")
    for policy in ("coco", "iou-greedy"):
        client.export("areas", "v7", tmp_path / policy, "coco", policy=policy)
        exported = json.loads((tmp_path / policy / "annotations.json").read_bytes())["annotations"]
        assert [
            (one["area"], one["iscrowd"]) for one in sorted(exported, key=lambda one: int(one["evalstream"]["id"]))
        ] == [(one["area"], one["iscrowd"]) for one in annotations]
        client.upload(
            f"again-{policy}",
            tmp_path / policy / "annotations.json",
            predictions=tmp_path / policy / "results.json",
            run="v7",
        )
        own, again = (client.average_precision(name, "v7", policy="coco") for name in ("areas", f"again-{policy}"))
        assert own == again
        assert own.ap_small != client.average_precision("street", "v7", policy="coco").ap_small
        assert client.summary("areas", "v7", policy=policy) == client.summary(f"again-{policy}", "v7", policy=policy)


def test_pycocotools_gives_the_same_figures(client: Client, tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    client.export("street", "v7", tmp_path / "coco", "coco", policy="coco")
    truth = COCO(tmp_path / "coco" / "annotations.json")
    evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / "coco" / "results.json")), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    found = client.average_precision("street", "v7", policy="coco")
    assert [found.ap, found.ap50, found.ap75] == pytest.approx(list(evaluation.stats[:3]), abs=1e-12)


def test_what_coco_does_not_hold_is_counted(client: Client, tmp_path: Path) -> None:
    annotations = {"a": [{"type": "radio", "feature": "weather", "answer": "rain"}]}
    annotations["a"] += [{"type": "bbox", "feature": "car", "bbox": [0, 0, 4, 4]}]
    holes = [[[0, 0], [9, 0], [9, 9]], [[1, 1], [2, 1], [2, 2]]]
    annotations["b"] = [{"type": "polygon", "feature": "lake", "polygon": holes}]
    annotations["b"] += [{"type": "polygon", "feature": "lake", "polygon": holes[:1]}]
    client.upload("shapes", annotations, predictions={"a": [], "b": []}, run="v1")
    done = client.export("shapes", "v1", tmp_path / "coco", "coco")
    assert done.left_out == {"radio annotation": 1, "polygon annotation": 1}
    truth = json.loads((tmp_path / "coco" / "annotations.json").read_bytes())
    assert [(one["image_id"], one["area"]) for one in truth["annotations"]] == [(1, 16.0), (2, 40.5)]
    assert truth["annotations"][1]["segmentation"] == [[0, 0, 9, 0, 9, 9]]


def test_rows_of_too_many_objects_are_asked_for_fewer_at_a_time(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalstream.queries.rows.MOST_LISTED", 20)
    done = client.export("street", "v7", tmp_path / "all.ndjson")
    assert_is_summary(client, done)


NOTHING: dict[str, Any] = {"boxes": [], "labels": [], "scores": []}


def feed_once(client: Client, dataset: str, *names: str) -> Any:
    """Upload data rows with nothing on them when this is first called."""
    left = [names]

    def feed(*_: Any) -> None:
        if left:
            own = dict.fromkeys(left.pop(), NOTHING)
            client.upload(dataset, own, predictions=own, run="a")

    return feed


def test_pages_join_without_gap_or_repetition_when_rows_come_meanwhile(client: Client, tmp_path: Path) -> None:
    names = [str(i) for i in range(10, 20)]
    truth = {name: {"boxes": [[0, 0, 4, 4]], "labels": ["car"]} for name in names}
    client.upload("fed", truth, predictions=dict.fromkeys(names, NOTHING), run="a")
    # Before the first page, between rows of the second one, and behind all.
    feed = feed_once(client, "fed", "1", "2", "3", "4", "5", "145", "155", "20")
    done = client.export("fed", "a", tmp_path / "fed.csv", "csv", on_progress=feed)
    with (tmp_path / "fed.csv").open(newline="") as file:
        assert [line["data_row"] for line in csv.DictReader(file)] == [*names, "20", "145", "155"]
    assert done.rows == 13
    (note,) = done.notes
    assert "rows that came or went may be missing" in note
    assert client.export("fed", "a", tmp_path / "all.csv", "csv").notes == []


def test_the_position_changes_when_an_event_comes_and_only_then(client: Client, tmp_path: Path) -> None:
    box = {"boxes": [[0, 0, 4, 4]], "labels": ["car"]}
    for run in ("v1", "v2"):
        client.upload("moving", {"a": box}, predictions={"a": {**box, "scores": [0.5]}}, run=run)

    def exported() -> Exported:
        name = f"{len(list(tmp_path.iterdir()))}.csv"
        done = client.export("moving", "v1", tmp_path / name, "csv")
        assert Exported.model_validate_json((tmp_path / f"{name}.about.json").read_bytes()) == done
        return done

    seen = [exported().positions]
    assert exported().positions == seen[0] == {"v1": client.position("moving", "v1")}

    client.upload("moving", predictions={"a": {**box, "scores": [0.7]}}, run="v2")  # another run
    assert exported().positions == seen[0]
    changes: list[Any] = [
        lambda: client.upload("moving", predictions={"a": {**box, "scores": [0.7]}}, run="v1"),
        lambda: client.upload("moving", {"a": box, "b": box}),
        lambda: client.declare("moving", {"classes": [{"name": "car"}]}),
        lambda: client.delete_row("moving", "b"),
    ]
    for change in changes:
        change()
        client.wait("moving", "v1")
        seen.append(exported().positions)
    assert len({str(one) for one in seen}) == 1 + len(changes)
    both = client.report("moving", "v1", versus="v2")
    assert both.positions == {run: client.position("moving", run) for run in ("v1", "v2")}
    assert client.export("moving", "v1", tmp_path / "both.csv", "csv", shared_with="v2").positions == both.positions


def test_annotated_rows_without_predictions_are_told(client: Client, tmp_path: Path) -> None:
    box = {"boxes": [[0, 0, 4, 4]], "labels": ["car"]}
    client.upload("half", {"a": box, "b": box}, predictions={"a": {**box, "scores": [0.5]}}, run="v1")
    done = client.export("half", "v1", tmp_path / "half.csv", "csv")
    assert done.notes == ["1 annotated data row is left out, of which the run has said nothing."]
    done = client.export("half", "v1", tmp_path / "whole.csv", "csv", missing_rows="count")
    assert (done.rows, done.tp, done.fn) == (2, 1, 1)
    assert done.notes == ["The run has said nothing of 1 annotated data row: counted, as if nothing was found there."]


def test_what_is_there_already_is_not_overwritten(client: Client, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("mine")
    with pytest.raises(FileExistsError, match=r"labels.csv is there already"):
        client.export("street", "v7", tmp_path / "labels.csv", "csv")
    assert (tmp_path / "labels.csv").read_text() == "mine"


@pytest.mark.parametrize("form", FORMATS)
def test_a_question_that_cannot_be_asked_leaves_nothing_behind(client: Client, tmp_path: Path, form: Any) -> None:
    with pytest.raises(QuestionError):
        client.export("street", "v7", tmp_path / "labels", form, where=["nonsense>=1"])
    with pytest.raises(QuestionError, match="limit"):
        client.export("street", "v7", tmp_path / "labels", form, limit=3)
    assert list(tmp_path.iterdir()) == []
