"""Questions over HTTP: each answers, and a wrong one is told what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from evalstream.class_labels import class_label
from fastapi.testclient import TestClient

from tests.unit.api.embedded import base, box, client, replace, send, wait_until_matched

__all__ = ["client"]

DATASET, RUN = "street", "v7"


@pytest.fixture(scope="module")
def asked(client: TestClient) -> TestClient:
    """A service that knows of one hit, one wrong class, one miss and one false alarm."""
    row = {"split": "test", "metadata": {"noise": 0.5, "weather": "rain"}}
    send(client, DATASET, "", replace("1", box("car"), box("bus", x=50), row=row), replace("2", box("car")))
    blurred = {"metrics": [{"name": "blur", "value": 0.2}]}
    found = [box("car", confidence=0.9), box("car", x=50, confidence=0.8, **blurred), box("van", x=99, confidence=0.3)]
    send(client, DATASET, RUN, replace("1", *found, predicted=True), replace("2", predicted=True))
    assert wait_until_matched(client, DATASET, RUN) == {
        "rows": 2,
        "done": 2,
        "pending": 0,
        "failed": 0,
        "without_predictions": 0,
        "state": "complete",
    }
    return client


def get(client: TestClient, question: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"{base(DATASET, RUN)}/{question}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_health(asked: TestClient) -> None:
    assert asked.get("/health").json() == {"status": "ok"}
    assert asked.get("/ready").json() == {"status": "ready"}
    assert "\nevalstream_ready 1.0\n" in asked.get("/metrics").text


def test_catalog(asked: TestClient) -> None:
    listed = {item["dataset"]: item for item in asked.get("/v1/datasets").json()["datasets"]}
    assert listed[DATASET] == {
        "dataset": DATASET,
        "data_rows": 2,
        "runs": [RUN],
        "steps": {},
        "newest_run": RUN,
        "splits": ["test"],
        "metadata": ["noise", "weather"],
    }


def test_summary(asked: TestClient) -> None:
    found = get(asked, "summary")
    assert {name: found[name] for name in ("rows", "annotations", "predictions", "tp", "fp", "fn")} == {
        "rows": 2,
        "annotations": 3,
        "predictions": 3,
        "tp": 1,
        "fp": 2,
        "fn": 2,
    }
    assert found["precision"] == found["recall"] == found["f1"] == 1 / 3
    assert found["mean_iou"] == 1


def test_rows_shared_with_a_run_that_does_not_exist(asked: TestClient) -> None:
    answer = asked.get(f"{base(DATASET, RUN)}/summary", params={"shared_with": "v0"})
    assert answer.status_code == 404
    assert answer.json() == {"detail": f"dataset {DATASET!r} has no run 'v0'"}
    assert get(asked, "summary", shared_with=RUN) == get(asked, "summary")


def test_summary_of_nothing_has_no_scores(asked: TestClient) -> None:
    found = get(asked, "summary", split="train")
    assert found["rows"] == 0
    assert found["precision"] is found["recall"] is found["f1"] is found["mean_iou"] is None


def test_confusion_matrix(asked: TestClient) -> None:
    found = get(asked, "confusion-matrix")
    assert found["labels"] == ["bus", "car", "van"]
    assert sorted(found["cells"], key=str) == sorted(
        [
            {"actual": "car", "predicted": "car", "count": 1},
            {"actual": "bus", "predicted": "car", "count": 1},
            {"actual": "car", "predicted": None, "count": 1},
            {"actual": None, "predicted": "van", "count": 1},
        ],
        key=str,
    )


def test_classes(asked: TestClient) -> None:
    counts = {own["label"]: (own["tp"], own["fp"], own["fn"]) for own in get(asked, "classes")["classes"]}
    assert counts == {"bus": (0, 0, 1), "car": (1, 1, 1), "van": (0, 1, 0)}


def test_pr_curve(asked: TestClient) -> None:
    (curve,) = get(asked, "pr-curve")["curves"]
    assert curve["confidence"] == [0.9, 0.8, 0.3]
    assert curve["precision"] == [1, 1 / 2, 1 / 3]
    assert curve["recall"] == [1 / 3] * 3
    assert [own["label"] for own in get(asked, "pr-curve", per_class=True)["curves"]] == ["bus", "car", "van"]


def test_errors(asked: TestClient) -> None:
    found = get(asked, "errors", search="A", limit=1)
    assert (found["total"], found["per_class"].keys()) == (2, {"car"})
    assert found["causes"]["background"]["count"] == 1


def test_average_precision(asked: TestClient) -> None:
    found = get(asked, "average-precision", policy="coco")
    assert found["ap50"] == pytest.approx((51 / 101 + 0) / 2)
    assert found["per_class"].keys() == {"bus", "car", "van"}
    assert found["per_class"]["van"]["ap"] is None


def test_distribution(asked: TestClient) -> None:
    found = get(asked, "distribution", metric="confidence", bins=2)
    assert (found["edges"], found["counts"], found["total"]) == ([0, 0.5, 1], [1, 2], 3)
    assert get(asked, "distribution", metric="metadata.noise")["mean"] == 0.5
    assert get(asked, "distribution", metric="fp")["total"] == 2


def test_metadata(asked: TestClient) -> None:
    assert get(asked, "metadata", key="weather", search="RAI") == {
        "key": "weather",
        "rows": 2,
        "known": 1,
        "numbers": 0,
        "minimum": None,
        "maximum": None,
        "total": 1,
        "values": [{"value": "rain", "rows": 1}],
    }
    found = get(asked, "metadata", key="noise", split="test")
    assert (found["rows"], found["numbers"], found["minimum"], found["maximum"]) == (1, 1, 0.5, 0.5)
    assert get(asked, "metadata", key="noise", metadata="weather=snow")["rows"] == 0


def test_rows(asked: TestClient) -> None:
    found = get(asked, "rows", where="fp>=1", sort="f1", descending=True)
    assert (found["total"], [row["data_row"] for row in found["rows"]]) == (1, ["1"])
    (row,) = found["rows"]
    assert [item["outcome"] for item in row["annotations"]] == ["tp", "fn"]
    assert [item["outcome"] for item in row["predictions"]] == ["tp", "fp", "fp"]
    assert row["metadata"] == {"noise": "0.5", "weather": "rain"}
    assert [row["data_row"] for row in get(asked, "rows", actual="car", predicted="")["rows"]] == ["2"]
    assert get(asked, "rows", offset=5) == {"total": 2, "rows": []}


def test_objects(asked: TestClient) -> None:
    found = get(asked, "objects", where=["fp>=1", "confidence>=0.5"], sort="confidence")
    assert [(one["outcome"], one["prediction"]["confidence"]) for one in found["objects"]] == [
        ("wrong", 0.8),
        ("right", 0.9),
    ]
    assert found["objects"][0]["prediction"]["metrics"] == {"blur": 0.2}
    (alarm,) = get(asked, "objects", cause="background", background=0.2, max_detections=5)["objects"]
    assert (alarm["outcome"], alarm["prediction"]["metrics"]) == ("false_alarm", {})
    assert get(asked, "objects", where="custom_object.blur<1")["total"] == 1


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ({"split": ["test", "train"]}, 1),
        ({"metadata": "noise>=0.5"}, 1),
        ({"metadata": "noise>0.5"}, 0),
        ({"metadata": ["noise>=0.5", "weather=rain"]}, 1),
        ({"metadata": "weather!=rain"}, 1),
    ],
)
def test_filters(asked: TestClient, query: dict[str, Any], rows: int) -> None:
    assert get(asked, "summary", **query)["rows"] == rows


@pytest.mark.parametrize(
    "question",
    [
        "summary",
        "confusion-matrix",
        "classes",
        "pr-curve",
        "average-precision",
        "rows",
        "progress",
        "distribution",
        "metadata",
    ],
)
def test_unknown_run_is_not_found(asked: TestClient, question: str) -> None:
    needed = {"distribution": {"metric": "iou"}, "metadata": {"key": "weather"}}
    for dataset, run in ((DATASET, "v8"), ("stret", RUN)):
        answer = asked.get(f"{base(dataset, run)}/{question}", params=needed.get(question, {}))
        assert answer.status_code == 404
        assert answer.json() == {"detail": f"dataset {dataset!r} has no run {run!r}"}


@pytest.mark.parametrize(
    ("question", "query", "help_"),
    [
        ("summary", {"confidense": 0.5}, "confidense"),
        ("rows", {"wher": "fp>1"}, "wher"),
        ("summary", {"confidence": 1.5}, "less than or equal to 1"),
        ("summary", {"confidence": "nan"}, "confidence"),
        ("summary", {"confidence": "high"}, "valid number"),
        ("summary", {"iou": -0.1}, "greater than or equal to 0"),
        ("summary", {"policy": "hungarian"}, "'best-candidate'"),
        ("summary", {"split": "dev"}, "'validation'"),
        ("summary", {"type": "hologram"}, "'radio'"),
        ("summary", {"metadata": "rain"}, "'rain' is not a condition: write key=value"),
        ("summary", {"metadata": "noise>=much"}, "`>=` compares numbers, and 'much' is not a number"),
        ("summary", {"area": "small"}, "area ranges belong to policy `coco`"),
        ("average-precision", {"area": "small", "policy": "best-candidate"}, "`best-candidate` has none"),
        ("distribution", {}, "metric"),
        ("distribution", {"metric": "beauty"}, "there is no metric 'beauty'; there are iou, confidence"),
        ("distribution", {"metric": "iou", "low": 2, "high": 1}, "low (2.0) must be below high (1.0)"),
        ("distribution", {"metric": "iou", "bins": 0}, "bins"),
        ("rows", {"where": "beauty>1"}, "there is no metric 'beauty' of a row"),
        ("rows", {"where": "confidence>0.5"}, "there is no metric 'confidence' of a row"),
        ("objects", {"where": "beauty>1"}, "there is no metric 'beauty' of a row"),
        ("objects", {"where": "iou>high"}, "`>` compares numbers, and 'high' is not a number"),
        ("objects", {"where": "custom_object.sharp>1"}, "the run has no custom metric 'sharp'; there are: blur"),
        ("objects", {"max_detections": 0}, "greater than or equal to 1"),
        ("rows", {"sort": "beauty"}, "'data_row'"),
        ("rows", {"actual": ""}, "the other one must be a label"),
        ("rows", {"limit": 501}, "less than or equal to 500"),
        ("pr-curve", {"max_points": 1}, "greater than or equal to 10"),
        ("metadata", {}, "key"),
        ("metadata", {"key": "weather", "limit": 1001}, "less than or equal to 1000"),
    ],
)
def test_wrong_question_is_told_what_is_wrong(
    asked: TestClient, question: str, query: dict[str, Any], help_: str
) -> None:
    answer = asked.get(f"{base(DATASET, RUN)}/{question}", params=query)
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    told = [detail] if isinstance(detail, str) else [f"{problem['loc']}: {problem['msg']}" for problem in detail]
    assert any(help_ in text for text in told), told


HOSTILE = [
    "it's",
    'q"uote',
    "back\\slash",
    "\\'",
    "'; DROP TABLE events; --",
    "{run:String}",
    "{}",
    "%s%(run)s",
    "a?b#c&d=e",
    "\\N",
    "NULL",
    "[1,'2']",
    "`",
    "雨\U0001f469\u200d\U0001f680",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_exact_and_harmless(client: TestClient, name: str) -> None:
    other = name + "'"
    key, value = name.replace("=", ""), name
    metadata = {name: {key: value}, other: {key: other}}
    send(client, name, "", *(replace(own, box(own), row={"metadata": metadata[own]}) for own in metadata))
    send(client, name, name, *(replace(own, box(own), predicted=True) for own in metadata))
    assert wait_until_matched(client, name, name)["rows"] == 2

    def ask(question: str, **query: Any) -> dict[str, Any]:
        answer = client.get(f"{base(name, name)}/{question}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert ask("summary")["tp"] == 2
    assert ask("summary", feature=name)["tp"] == 1
    assert ask("summary", feature=[name, other])["tp"] == 2
    assert ask("summary", metadata=f"{key}={value}")["tp"] == 1
    assert ask("summary", metadata=f"{key}!={value}")["tp"] == 1
    label = class_label(name)
    assert ask("confusion-matrix", feature=name)["cells"] == [{"actual": label, "predicted": label, "count": 1}]
    assert [row["data_row"] for row in ask("rows", actual=label, predicted=label)["rows"]] == [name]
    assert ask("distribution", metric=f"metadata.{key}")["undefined"] == 2
    assert ask("metadata", key=key, search=value)["values"] == [{"value": own, "rows": 1} for own in (name, other)]
    assert ask("average-precision")["per_class"].keys() == {label, class_label(other)}
    assert client.get(f"{base(name, other)}/summary").status_code == 404


@pytest.mark.parametrize("text", ["line\nbreak", "tab\tstop", "nul\x00", "\x1b[31m"])
def test_control_characters_in_a_filter_select_nothing(asked: TestClient, text: str) -> None:
    assert get(asked, "summary", feature=text)["annotations"] == 0
    assert get(asked, "summary", metadata=f"weather={text}")["rows"] == 0
    assert get(asked, "summary", metadata=f"{text}=rain")["rows"] == 0
    assert get(asked, "rows", actual=text, predicted=text)["total"] == 0


def test_texts_hold_what_texts_hold(client: TestClient) -> None:
    written = "a\x85b\x0c\x00\r\n\u2028\x1b[31mc\x7f"
    said = {"type": "text", "feature": "caption", "answer": written}
    row = {"text": written, "metadata": {"comment": written}}
    spans = [{"type": "span", "feature": "all", "span": [0, len(written)]}]
    send(client, "texts", "", replace("1", said, *spans, row=row))
    send(client, "texts", "r", replace("1", said, *spans, predicted=True))
    wait_until_matched(client, "texts", "r")

    def ask(question: str, **query: Any) -> dict[str, Any]:
        answer = client.get(f"{base('texts', 'r')}/{question}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    (found,) = ask("rows")["rows"]
    assert (found["text"], found["metadata"]) == (written, {"comment": written})
    for side in ("annotations", "predictions"):
        assert [item["detail"] for item in found[side] if item["type"] == "text"] == [written]
    assert ask("summary", metadata=f"comment={written}")["tp"] == ask("summary")["tp"] == 1
    assert ask("metadata", key="comment", search="\x85")["values"] == [{"value": written, "rows": 1}]


@pytest.mark.parametrize("name", [" ", "a\tb", "a" * 201, "\u3000x"])
def test_what_cannot_be_a_name_is_refused(client: TestClient, name: str) -> None:
    assert client.get(f"{base(name, 'r')}/summary").status_code == 422
    assert client.post(f"{base(name)}/annotations", content=b"").status_code == 422


def test_openapi_document_describes_every_route(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operations = [
        (method, path, operation) for path, own in document["paths"].items() for method, operation in own.items()
    ]
    assert len(operations) >= 12
    for method, path, operation in operations:
        assert operation.get("summary", "").strip() == operation.get("summary") != "", f"{method} {path}"
        assert operation.get("description"), f"{method} {path}"


def test_questions_about_scores_and_thresholds(asked: TestClient) -> None:
    """Over objects alone: counts are scored, thresholds chosen; what needs answers or scores says so."""
    whole = get(asked, "summary", beta=2, zero_division="zero")
    assert whole["f_beta"] == whole["averages"]["micro"]["f_beta"] == 1 / 3
    assert whole["tn"] is whole["kappa"] is None
    assert {"tn", "kappa"} <= whole["undefined"].keys()
    assert get(asked, "classes", zero_division="zero")["averages"]["macro"]["precision"] == pytest.approx(1 / 6)
    best = get(asked, "thresholds", precision=0.5)["overall"]["best_recall"]
    assert (best["confidence"], best["tp"], best["precision"]) == (0.9, 1, 1.0)
    found = get(asked, "calibration", bins=5, strategy="quantile")
    assert (found["predictions"], found["correct"], len(found["bins"])) == (3, 1, 5)
    assert get(asked, "classifications", unanswered="ignore", top_k=3) == {"questions": []}
    assert get(asked, "checklists") == {"questions": []}
    assert get(asked, "roc-curve", per_class=True, option="a")["undefined"]["questions"]


def test_comparison(asked: TestClient) -> None:
    found = get(asked, "comparison", versus=RUN)
    assert found["right"] == {"both": 1, "only_a": 0, "only_b": 0, "neither": 2}
    assert (found["rows"], found["p_value"]) == (2, 1)
    assert [one["label"] for one in found["classes"]] == ["bus", "car", "van"]
    listed = get(asked, "comparison/objects", versus=RUN, kind="neither")
    assert listed["total"] == 2
    assert [one["a"]["verdict"] for one in listed["flips"]] == ["wrong", "missed"]
    for question in ("comparison", "comparison/objects"):
        route = f"{base(DATASET, RUN)}/{question}"
        assert asked.get(route).status_code == 422
        unknown = asked.get(route, params={"versus": "v8"})
        assert (unknown.status_code, unknown.json()["detail"]) == (404, "dataset 'street' has no run 'v8'")
