"""Every question that the service has, of awkward datasets: an answer that fits its description, and adds up."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn
from urllib.parse import quote

import pytest
from evalstream.matching import POLICIES
from evalstream.pipeline.reconcile import reconcile
from evalstream.selection import Filter
from evalstream.types import TYPES
from evalstream_api.questions import router
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.backend import backend_in
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx import Response
from pydantic import TypeAdapter

from tests.asking import asking
from tests.feeding import send
from tests.pipeline.awkward import AWKWARD, Awkward

Query = Mapping[str, Any]

#: The type of the answer, by path.
QUESTIONS: Final = {
    route.path: TypeAdapter(route.response_model) for route in router.routes if isinstance(route, APIRoute)
}
RUN: Final = "/v1/datasets/{dataset}/runs/{run}/"
OF_RUNS: Final = [path for path in QUESTIONS if path.startswith(RUN)]
#: Questions whose answers are held to each other, of every dataset.
TOGETHER: Final = [RUN + name for name in ("overview", "summary", "classes", "confusion-matrix", "rows", "objects")]
TOGETHER += [RUN + "progress"]
#: What has to be said with a question. Whoever adds a question that has to be told something else, adds it here.
NEEDED: Final[Query] = {"metric": "iou", "versus": "second", "key": "huge", "slice": ["both_sides=true", "type=bbox"]}
#: Every policy, at the lowest thresholds, the highest ones, and those between: the next one for each dataset.
SELECTIONS: Final[list[Query]] = [
    {},
    {"policy": "coco", "confidence": 0, "iou": 0},
    {"policy": "best-candidate", "confidence": 1, "iou": 1},
    {"policy": "iou-greedy", "confidence": 0, "iou": 0, "at_threshold": "match"},
    {"policy": "coco", "confidence": 1, "iou": 1, "both_sides": True},
    {"policy": "best-candidate", "confidence": 0.5, "iou": 0, "at_threshold": "no-match", "shared_with": "second"},
    {"policy": "iou-greedy", "confidence": 1, "iou": 1},
]
#: Of a dataset with objects of one type alone one in so many of the other questions is asked: others of the next type.
ONE_IN: Final = 4
#: Those that take the engine longest are asked of every other dataset with objects of several types, and of these.
SLOW: Final = [RUN + name for name in ("slices", "comparison", "comparison/objects", "custom-metrics", "intervals")]
SLOW += [RUN + name for name in ("calibration", "texts", "regression", "roc-curve", "segmentation", "checklists")]
WHOLE: Final = ("every type", "both sides empty", "metrics and metadata at their limits")
#: Those that are about a type are asked of a dataset of that type.
OF_TYPES: Final = {
    "radio": ("calibration", "classifications", "roc-curve"),
    "mask": ("segmentation",),
    "keypoints": ("keypoints",),
    "span": ("entities",),
    "checklist": ("checklists",),
    "text": ("texts",),
    "number": ("regression",),
}
SHARES: Final = ("precision", "recall", "f1", "jaccard", "accuracy", "ap", "ap50", "auc_macro", "ece")


@functools.cache
def parameters() -> dict[str, list[dict[str, Any]]]:
    """Of each question the parameters of its query string, as the OpenAPI document describes them."""
    app = FastAPI()
    app.include_router(router)
    paths = app.openapi()["paths"]
    return {
        path: [one for one in paths[path]["get"].get("parameters", []) if one["in"] == "query"] for path in QUESTIONS
    }


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service that knows all awkward datasets."""
    app = make_app(LocalSettings(_env_file=None, data=tmp_path_factory.mktemp("data")))
    with asking(app, raise_server_exceptions=False) as service:
        client = backend_in(app).clients()
        for name, data in AWKWARD.items():
            runs = {data.run: data.predictions, "second": data.predictions}
            send(client, data.name or name, data.annotations, runs, rows=data.rows, metrics=data.metrics)
        reconcile(client, list(POLICIES))
        yield service


@pytest.mark.parametrize(("name", "number"), [(name, number) for number, name in enumerate(AWKWARD)])
def test_every_answer_is_whole_and_adds_up(service: TestClient, name: str, number: int) -> None:
    selection = SELECTIONS[number % len(SELECTIONS)]
    paths = asked_of(name, number)
    parameters()  # before there are threads: FastAPI describes one router to one thread at a time
    with ThreadPoolExecutor() as pool:  # all at once, as the page asks
        responses = dict(zip(paths, pool.map(lambda path: ask(service, path, name, selection), paths), strict=True))
    answers = {path: answered(response, path) for path, response in responses.items()}
    fit_together({path.removeprefix(RUN): answer for path, answer in answers.items()}, AWKWARD[name])


def asked_of(name: str, number: int) -> list[str]:
    """All questions, of the slow ones every other; of one type alone those that fit together, and some others.

    Of one type alone those about the type are among them.
    """
    if not name.endswith(" only"):
        return [path for i, path in enumerate(QUESTIONS) if path not in SLOW or name in WHOLE or (i + number) % 2]
    own = {RUN + question for question in OF_TYPES.get(name.removesuffix(" only"), ())}
    others = [path for path in QUESTIONS if path not in TOGETHER]
    return [*TOGETHER, *(path for i, path in enumerate(others) if path in own or i % ONE_IN == number % ONE_IN)]


def test_every_question_is_asked_of_some_datasets_of_one_type() -> None:
    asked = Counter(
        path for number, name in enumerate(AWKWARD) if name.endswith(" only") for path in asked_of(name, number)
    )
    assert all(asked[path] >= len(TYPES) // ONE_IN for path in QUESTIONS)
    others = [(name, number) for number, name in enumerate(AWKWARD) if not name.endswith(" only")]
    asked = Counter(path for name, number in others for path in asked_of(name, number))
    assert all(asked[path] > len(others) // 2 if path in SLOW else asked[path] == len(others) for path in QUESTIONS)
    known = {path.removeprefix(RUN) for path in QUESTIONS}
    assert all(set(own) <= known for own in OF_TYPES.values())


@pytest.mark.parametrize("end", ["minimum", "maximum"])
@pytest.mark.parametrize("path", QUESTIONS)
def test_options_may_be_anything_that_their_description_allows(service: TestClient, path: str, end: str) -> None:
    own = {one["name"]: one["schema"] for one in parameters()[path] if one["name"] not in Filter.model_fields}
    options = {name: value for name, schema in own.items() if (value := _at(end, schema)) is not None}
    response = ask(service, path, "every type", options)
    if response.status_code == 422:
        assert isinstance(response.json()["detail"], str), response.text  # it says what does not go together
    else:
        answered(response, path)


def _at(end: str, schema: dict[str, Any]) -> Any:
    """A value at one end of what a parameter may be; None where only those who ask can tell."""
    schema = next((one for one in schema.get("anyOf", ()) if one["type"] != "null"), schema)
    first = end == "minimum"
    match schema:
        case {"enum": values}:
            return values[0 if first else -1]
        case {"type": "boolean"}:
            return not first
        case {"type": "array", "items": items} if (item := _at(end, items)) is not None:
            return [item]
        case {"type": "integer" | "number" as kind}:
            step = 1 if kind == "integer" else 1e-9
            if first:
                return schema.get("minimum", schema.get("exclusiveMinimum", -step) + step)
            # Of what has no bound so much, for more might be refused for the size of the answer, and rightly so.
            return min(schema.get("maximum", schema.get("exclusiveMaximum", 1000) - step), 1000)
    return None


@pytest.mark.parametrize("path", OF_RUNS)
def test_a_run_that_does_not_exist(service: TestClient, path: str) -> None:
    for dataset, run in (("every type", "v0"), ("nowhere", "first")):
        url = path.format(dataset=quote(dataset), run=run)
        response = service.get(url, params=needed(path))
        assert response.status_code == 404
        assert response.json() == {"detail": f"dataset {dataset!r} has no run {run!r}"}


def needed(path: str) -> Query:
    names = {one["name"] for one in parameters()[path] if one.get("required")}
    assert names <= NEEDED.keys(), f"{path} has to be told what no test knows to say"
    return {name: NEEDED[name] for name in names}


def ask(service: TestClient, path: str, name: str, query: Query) -> Response:
    data = AWKWARD[name]
    url = path.format(dataset=quote(data.name or name, safe=""), run=quote(data.run, safe=""))
    known = {one["name"] for one in parameters()[path]}
    fitting = {key: value for key, value in query.items() if key in known}
    return service.get(url, params=fitting | needed(path))


def answered(response: Response, path: str) -> Any:
    """The answer, if it is one: JSON of the type that was promised, whose numbers fit each other."""
    said = f"{response.url}: {response.status_code} {response.text[:500]}"
    assert response.status_code == 200, said
    QUESTIONS[path].validate_json(response.content)
    answer = json.loads(response.content, parse_constant=_is_no_number)
    for part in parts(answer):
        number = {name: value for name, value in part.items() if isinstance(value, int | float)}
        for whole, rest in (("annotations", "fn"), ("predictions", "fp")):
            if {whole, "tp", rest} <= number.keys():
                assert number[whole] == number["tp"] + number[rest], said
        assert all(0 <= number[name] <= 1 for name in SHARES if name in number), said
    return answer


def _is_no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def parts(answer: Any) -> Iterator[dict[str, Any]]:
    """Every object in an answer."""
    if isinstance(answer, dict):
        yield answer
    for part in answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ():
        yield from parts(part)


def fit_together(found: dict[str, Any], data: Awkward) -> None:
    """Check that answers to different questions are about the same objects."""
    summary, cells = found["summary"], found["confusion-matrix"]["cells"]

    def counted(fits: Callable[[Any, Any], bool]) -> int:
        return sum(cell["count"] for cell in cells if fits(cell["actual"], cell["predicted"]))

    assert found["overview"]["summary"] == summary
    assert found["overview"]["classes"] == found["classes"]
    assert found["overview"]["confusion_matrix"] == found["confusion-matrix"]
    assert found["progress"]["pending"] == 0
    assert found["progress"]["failed"] == data.failed
    assert summary["rows"] == found["rows"]["total"]
    assert summary["annotations"] == counted(lambda actual, _: actual is not None)
    assert summary["predictions"] == counted(lambda _, predicted: predicted is not None)
    assert summary["tp"] == counted(lambda actual, predicted: actual == predicted)
    for name in ("annotations", "predictions", "tp", "fp", "fn"):
        assert summary[name] == sum(label[name] for label in found["classes"]["classes"])
    assert found["objects"]["total"] == counted(lambda *_: True)
    if "comparison" not in found:
        return
    right = found["comparison"]["right"]
    assert (right["only_a"], right["only_b"]) == (0, 0)  # both runs say the same
    assert right["both"] + right["neither"] == summary["annotations"]
    assert found.get("comparison/objects", {"total": 0})["total"] == 0
