"""``evalstream evaluate``: COCO files in, pure JSON out, and one clear line where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalstream
import pytest
from evalstream_cli.main import app
from typer.testing import CliRunner, Result

AP_FIGURES = {
    "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large",
    "ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large",
}  # fmt: skip
COUNT_FIGURES = {"tp", "fp", "fn", "precision", "recall", "f1", "confusion"}

TRUTH: dict[str, Any] = {
    "images": [{"id": 1}, {"id": 2}],
    "categories": [{"id": 0, "name": "car"}, {"id": 3, "name": "bus"}, {"id": 4, "name": "tram"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 0, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [50, 0, 10, 10], "area": 100, "iscrowd": 0},
        {"id": 3, "image_id": 2, "category_id": 0, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0},
        {"id": 4, "image_id": 2, "category_id": 0, "bbox": [50, 0, 40, 40], "area": 1600, "iscrowd": 1},
    ],
}
RESULTS: list[dict[str, Any]] = [
    {"image_id": 1, "category_id": 0, "bbox": [0, 0, 10, 10], "score": 0.9},
    {"image_id": 1, "category_id": 0, "bbox": [50, 0, 10, 10], "score": 0.8},
    {"image_id": 2, "category_id": 0, "bbox": [50, 0, 40, 40], "score": 0.3},
]


@pytest.fixture
def evaluate(tmp_path: Path) -> Any:
    truth, results = tmp_path / "truth.json", tmp_path / "results.json"

    def run(*options: str, annotations: Any = TRUTH, predictions: Any = RESULTS) -> Result:
        truth.write_text(json.dumps(annotations), encoding="utf-8")
        results.write_text(json.dumps(predictions), encoding="utf-8")
        command = ["evaluate", "--annotations", str(truth), "--predictions", str(results), *options]
        return CliRunner().invoke(app, command)

    return run


def figures(result: Result) -> dict[str, Any]:
    """Standard output as JSON: all of it, and strictly JSON."""
    assert result.exit_code == 0, result.output
    assert result.stderr == ""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(result.stdout, parse_constant=refuse)


def cells(found: dict[str, Any]) -> dict[tuple[str | None, str | None], int]:
    assert all(cell.keys() == {"actual", "predicted", "count"} for cell in found["confusion"])
    return {(cell["actual"], cell["predicted"]): cell["count"] for cell in found["confusion"]}


def test_coco(evaluate: Any) -> None:
    found = figures(evaluate("--json"))
    assert found.keys() >= AP_FIGURES | {"per_class"} | COUNT_FIGURES
    assert found["per_class"].keys() == {"car", "bus", "tram"}
    assert all(own.keys() >= AP_FIGURES for own in found["per_class"].values())
    assert found["ap50"] == pytest.approx((51 / 101 + 0) / 2)  # of car and bus; tram is nowhere
    assert found["ar_100"] == pytest.approx((1 / 2 + 0) / 2)
    assert found["ap_large"] is None
    assert set(found["per_class"]["tram"].values()) == {None}
    assert found["per_class"]["bus"]["ap"] == 0


def test_averages_by_frequency_stand_in_the_table(evaluate: Any) -> None:
    categories = [own | {"frequency": group} for own, group in zip(TRUTH["categories"], "rcf", strict=True)]
    truth = TRUTH | {"categories": categories}
    found = figures(evaluate("--json", annotations=truth))
    assert found["ap_rare"] == found["per_class"]["car"]["ap"]
    assert (found["ap_common"], found["ap_frequent"]) == (0, None)
    assert "ap_rare" in evaluate(annotations=truth).stdout
    assert "ap_rare" not in evaluate().stdout


def test_masks_and_keypoints(evaluate: Any) -> None:
    """The boxes say one thing, the segmentations and the keypoints another."""
    outline = {"segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]]}
    skeleton = {"keypoints": [1, 1, 2, 9, 9, 2], "num_keypoints": 2}
    image = {"height": 20, "width": 30}
    truth = {
        "images": [item | image for item in TRUTH["images"]],
        "categories": TRUTH["categories"],
        "annotations": [item | outline | skeleton for item in TRUTH["annotations"][:1]],
    }
    runs = {"size": [20, 30], "counts": [0, 10, 10, 10, 10, 10, 10, 10, 10, 10, 510]}  # half of the outline
    found = RESULTS[0] | {"bbox": [15, 15, 1, 1], "segmentation": runs, "keypoints": [1, 1, 1, 9, 9, 1]}
    for options, right in ((["--type", "bbox"], 0), (["--type", "segm"], 1), (["--type", "keypoints"], 1), ([], 0)):
        told = figures(evaluate("--json", *options, annotations=truth, predictions=[found]))
        assert (told["tp"], told["fp"], told["fn"]) == (right, 1 - right, 1 - right)
    assert figures(evaluate("--json", "--type", "segm", "--iou", "0.51", annotations=truth, predictions=[found]))["fn"]
    wrong = evaluate("--json", "--type", "segm", annotations=truth)
    assert wrong.exit_code == 2
    assert "results.json: detection 0: segmentation: missing" in wrong.stderr


def test_what_is_compared_is_what_predictions_hold(evaluate: Any) -> None:
    """Without --type; and where nothing can be, the message names the option that would."""
    outline = {"segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]], "keypoints": [1, 1, 2, 9, 9, 2], "num_keypoints": 2}
    image = {"height": 20, "width": 30}
    truth = TRUTH | {
        "images": [item | image for item in TRUTH["images"]],
        "annotations": [item | outline for item in TRUTH["annotations"][:1]],
    }
    bare = {name: RESULTS[0][name] for name in ("image_id", "category_id", "score")}
    for kind, field, noun in (
        ("segm", "segmentation", "segmentations"),
        ("keypoints", "keypoints", "keypoints"),
    ):
        results = [bare | {field: outline[field], "bbox": []}]
        told = figures(evaluate("--json", annotations=truth, predictions=results))
        assert told["notes"][0].endswith(f"are read, as with --type {kind}."), "it says so"
        assert told == figures(evaluate("--json", "--type", kind, annotations=truth, predictions=results)) | {
            "notes": told["notes"]
        }
        assert (told["ap"], told["tp"]) == (pytest.approx(1), 1)
        in_memory = evalstream.evaluate(truth, results)
        assert in_memory.summary().tp == 1
        assert in_memory.notes[0] == f"predictions: no boxes, so {noun} are read, as with --type {kind}."
        stated = evaluate("--type", "bbox", annotations=truth, predictions=[bare | {field: outline[field]}])
        assert f"detection 0: bbox: missing; it holds {field}, which --type {kind} reads" in stated.stderr
        boxes = truth | {"annotations": [{"bbox": [0, 0, 1, 1], "area": 1} | bare | {"id": 1}]}
        neither = evaluate(annotations=boxes, predictions=results)
        assert neither.exit_code == 2
        assert "and no boxes, and" in neither.stderr


def test_iou_greedy(evaluate: Any) -> None:
    """The crowd region is no object: a detection on it is a false alarm."""
    found = figures(evaluate("--json", "--policy", "iou-greedy"))
    assert found.keys() == COUNT_FIGURES | {"notes", "left_out"}
    assert (found["tp"], found["fp"], found["fn"]) == (1, 2, 2)
    assert found["precision"] == found["recall"] == found["f1"] == 1 / 3
    assert cells(found) == {("car", "car"): 1, ("bus", "car"): 1, ("car", None): 1, (None, "car"): 1}


def test_coco_leaves_out_what_lies_on_a_crowd(evaluate: Any) -> None:
    found = figures(evaluate("--json"))
    assert cells(found) == {("car", "car"): 1, ("bus", None): 1, ("car", None): 1, (None, "car"): 1}


def test_confidence_and_iou(evaluate: Any) -> None:
    confident = figures(evaluate("--json", "--policy", "iou-greedy", "--confidence", "0.85"))
    assert cells(confident) == {("car", "car"): 1, ("bus", None): 1, ("car", None): 1}
    moved = [RESULTS[0] | {"bbox": [0, 0, 10, 5]}]
    strict = figures(evaluate("--json", "--policy", "iou-greedy", "--iou", "0.5", predictions=moved))
    assert (strict["tp"], strict["fp"]) == (0, 1), "iou-greedy wants more than the threshold"
    at_least = figures(evaluate("--json", "--policy", "coco", "--iou", "0.5", predictions=moved))
    assert (at_least["tp"], at_least["fp"]) == (1, 0), "coco wants the threshold"


@pytest.mark.parametrize("policy", ["coco", "iou-greedy", "best-candidate"])
def test_what_is_not_defined_is_null(evaluate: Any, policy: str) -> None:
    empty = {"images": [], "categories": [], "annotations": []}
    found = figures(evaluate("--json", "--policy", policy, annotations=empty, predictions=[]))
    assert (found["tp"], found["fp"], found["fn"], found["confusion"]) == (0, 0, 0, [])
    assert found["precision"] is found["recall"] is found["f1"] is None
    if policy == "coco":
        assert {found[name] for name in AP_FIGURES} == {None}
        assert found["per_class"] == {}


def test_tables_for_people(evaluate: Any) -> None:
    for policy in ("coco", "iou-greedy"):
        result = evaluate("--policy", policy)
        assert result.exit_code == 0
        assert "0.3333" in result.stdout
        assert "missed" in result.stdout
        assert "Traceback" not in result.output


def test_names_that_look_like_markup_are_names(evaluate: Any) -> None:
    names = ["[/red]", "[bold]", ":car:"]
    categories = [{"id": own["id"], "name": name} for own, name in zip(TRUTH["categories"], names, strict=True)]
    result = evaluate(annotations=TRUTH | {"categories": categories})
    assert result.exit_code == 0, result.output
    assert "[/red]" in result.stdout
    assert "[bold]" in result.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictions": [*RESULTS, RESULTS[0] | {"image_id": 9}]}, "results.json: detection 3: image_id: "),
        ({"predictions": [RESULTS[0] | {"bbox": [0, 0, 1]}]}, "results.json: detection 0: bbox: expected `array` of"),
        ({"predictions": [RESULTS[0] | {"score": "high"}]}, "results.json: detection 0: score: expected `float`"),
        ({"predictions": {}}, "results.json: a COCO results file is a list of detections"),
        ({"annotations": []}, "truth.json: a COCO ground-truth file is an object"),
        ({"annotations": TRUTH | {"images": [{"id": 1}]}}, "truth.json has no image 2"),
    ],
)
def test_wrong_files_are_told_in_one_line(evaluate: Any, change: dict[str, Any], message: str) -> None:
    result = evaluate("--json", **change)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_a_wrong_record_is_told_and_left_out_unless_that_is_refused(evaluate: Any) -> None:
    wrong = [*RESULTS, RESULTS[0] | {"bbox": [0, 0, 1]}, RESULTS[0] | {"score": "high"}]
    found = figures(evaluate("--json", predictions=wrong))
    assert [line.partition("results.json: ")[2][:18] for line in found.pop("left_out")] == [
        "detection 3: bbox:",
        "detection 4: score",
    ]
    assert "2 records could not be read and are left out." in found.pop("notes")
    right = figures(evaluate("--json"))
    assert found == {name: value for name, value in right.items() if name not in ("left_out", "notes")}
    for_people = evaluate(predictions=wrong)
    assert "detection 3: bbox:" in for_people.stderr
    assert "2 records could not be read" in for_people.stdout
    refused = evaluate("--json", "--on-error=refuse", predictions=wrong)
    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert len(refused.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--policy", "hungarian"], "hungarian"),
        (["--confidence", "1.5"], "less than or equal to 1"),
        (["--iou", "-1"], "greater than or equal to 0"),
        (["--type", "polygon"], "'segm'"),
        (["--colour"], "--colour"),
    ],
)
def test_wrong_options(evaluate: Any, options: list[str], message: str) -> None:
    result = evaluate(*options)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "[/nowhere].json")
    result = CliRunner().invoke(app, ["evaluate", "--annotations", missing, "--predictions", missing])
    assert result.exit_code == 2
    assert result.stderr == f"error: {missing}: No such file or directory\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([], ["up", "upload", "report", "evaluate", "demo"]),
        (["up"], ["--host", "--port", "--data", "--media", "EVALSTREAM_API_KEYS"]),
        (["upload"], ["--dataset", "--annotations", "--predictions", "--run", "--wait", "--url", "EVALSTREAM_API_KEY"]),
        (["report"], ["--policy", "--confidence", "--iou", "--split", "--feature", "--metadata", "--json", "--url"]),
        (
            ["evaluate"],
            ["--annotations", "--predictions", "--policy", "iou-greedy", "--confidence", "--iou", "--type", "--json"],
        ),
        (["demo"], ["--once", "--scenes", "--port", "--folder"]),
    ],
)
def test_help(command: list[str], words: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    assert result.exit_code == 0
    for word in words:
        assert word in result.stdout
