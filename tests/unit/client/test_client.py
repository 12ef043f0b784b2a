"""The client: every question over a socket and embedded, waiting and awaited, with the same typed answers."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import evalstream
import httpx
import numpy as np
import pyarrow as pa
import pytest
from evalstream.client import Client, NoServiceError, RefusedError, RejectedError
from evalstream.client.steps import ATTEMPTS
from evalstream.events import AnnotationEvent
from evalstream.importers.files import Options
from evalstream.importers.options import TableOptions
from evalstream.questions import Question, Questions
from evalstream.selection import QuestionError
from evalstream.tabular import Tabular

from tests.faults.service import Service, environment

BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
TRUTH = {
    "images": [{"id": 1}, {"id": 2}],
    "categories": [{"id": 0, "name": "car"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 0, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0}],
}
RESULTS = [{"image_id": image, "category_id": 0, "bbox": [0, 0, 10, 10], "score": 0.9} for image in (1, 2)]
LVIS = {"car": "r", "bus": "c", "van": None}
#: What has to be said with some questions.
NEEDED = {"distribution": {"metric": "iou"}, "comparison": {"versus": "b"}, "comparison_objects": {"versus": "b"}}
NEEDED |= {"metadata": {"key": "weather"}, "slices": {"slice": ["split=test", "feature=car"]}}
QUESTIONS: dict[str, Question[..., Any]] = {
    name: own for name, own in vars(Questions).items() if isinstance(own, Question)
}


@pytest.fixture(scope="module", params=["embedded", "served"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    if request.param == "embedded":
        with evalstream.connect(tmp_path_factory.mktemp("embedded")) as client:
            yield client
    else:
        service = request.getfixturevalue("service")
        with evalstream.connect(service.url, api_key="key") as client:
            yield client


@pytest.fixture(scope="module")
def street(client: Client) -> Client:
    """A hit on the first image, and a false alarm on the second; twice the same."""
    for run in ("a", "b"):
        done = client.upload("street", TRUTH, predictions=RESULTS, run=run)
        assert (done.accepted, done.rejected, done.left_out) == (4, 0, 0)
    return client


def test_figures_are_those_of_an_evaluation_in_memory(street: Client) -> None:
    figures = street.figures("street", "a", "val", confidence=0.5)
    assert figures == evalstream.evaluate(TRUTH, RESULTS).figures("val", confidence=0.5)
    assert figures["val/tp"] == 1.0
    summary = street.request("GET", "/v1/datasets/street/runs/a/summary", {"confidence": 0.5})
    assert summary == street.summary("street", "a", confidence=0.5).model_dump(mode="json")


def test_classes_keep_their_frequency_and_what_else_is_declared_of_them(client: Client) -> None:
    categories = [{"id": i, "name": name, "frequency": own} for i, (name, own) in enumerate(LVIS.items())]
    truth = TRUTH | {"images": [{"id": i, "neg_category_ids": [0, 1, 2]} for i in (1, 2)], "categories": categories}
    client.declare("lvis", {"classes": [{"name": "car", "color": "#123456"}], "tolerance": 3})
    for _ in range(2):
        client.upload("lvis", truth, predictions=RESULTS, run="a")
    found = client.average_precision("lvis", "a", policy="coco")
    assert found.ap_rare == found.ap == evalstream.evaluate(truth, RESULTS).average_precision().ap_rare
    assert (found.ap_common, found.ap_frequent) == (None, None)
    assert client.figures("lvis", "a") == evalstream.evaluate(truth, RESULTS).figures()
    declared = client.ontology("lvis")
    assert declared.revisions == 2
    assert declared.ontology.tolerance == 3
    assert [(own.name, own.color, own.frequency) for own in declared.ontology.classes] == [
        ("car", "#123456", "r"),
        ("bus", None, "c"),
    ]


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_a_method_that_gives_its_answer(
    street: Client, service: Service, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    question = QUESTIONS[name]
    answered: list[httpx.Response] = []
    request = street.http.request

    def listened_to(*what: Any, **how: Any) -> httpx.Response:
        answered.append(request(*what, **how))
        return answered[-1]

    monkeypatch.setattr(street.http, "request", listened_to)
    method = getattr(street, name)
    of = dict(zip(question.names, ("street", "a"), strict=False))
    names, said = ((), of) if street.url == service.url else (of.values(), {})
    answer = method(*names, **said, **NEEDED.get(name, {}))
    assert type(answer) is question.answer
    (response,) = answered
    assert response.url.path == "/v1/datasets" + question.path.format(**of)
    assert question.answer.model_validate(response.json()) == answer


#: Answers that are no table: single figures, or tables within tables.
NO_TABLES = {"summary", "overview", "progress", "position", "ontology", "roc_curve"}


def test_answers_that_are_tables_become_them(street: Client) -> None:
    names = {name for name, own in QUESTIONS.items() if issubclass(own.answer, Tabular)}
    assert names == QUESTIONS.keys() - NO_TABLES
    assert all(own.answer.table in own.answer.model_fields for name, own in QUESTIONS.items() if name in names)
    cells = street.confusion_matrix("street", "a", sort="confused", limit=1).to_pandas()
    assert cells.to_dict("records") == [{"actual": "car", "predicted": "car", "count": 1}]
    assert (cells.attrs["total"], cells.attrs["false_alarms"]) == (2, 1)  # only one of the cells was asked for
    by_class = street.average_precision("street", "a", policy="coco").to_pandas()
    assert by_class.set_index("label").ap50.to_dict() == pytest.approx({"car": 1.0})
    bins = street.distribution("street", "a", metric="confidence", bins=2).to_pandas()
    assert bins["count"].sum() == 2
    curve = street.pr_curve("street", "a").to_pandas()
    assert curve.columns.tolist() == ["label", "confidence", "precision", "recall", "f1"]
    assert curve.precision.tolist() == [0.5]
    assert street.datasets().to_pandas().dataset.tolist().count("street") == 1
    assert len(street.objects("street", "a", feature=["bus"]).to_pandas()) == 0


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_called_as_its_path_and_describes_what_can_be_said_with_it(name: str) -> None:
    question = QUESTIONS[name]
    said = question.path.replace("/{dataset}/runs/{run}", "").replace("/{dataset}", "")
    assert name in {said.strip("/").replace("-", "_").replace("/", "_"), "dataset_" + said.strip("/")}
    with Client("http://nobody") as client:
        method = getattr(client, name)
    assert [*question.names, *question.query.model_fields] == list(inspect.signature(method).parameters)
    assert all(field in method.__doc__ for field in question.query.model_fields)


def test_the_async_client_gives_the_same(street: Client, service: Service, tmp_path: Path) -> None:
    where, key = (service.url, "key") if street.url == service.url else (tmp_path, "")

    async def ask() -> None:
        if where == tmp_path:
            pytest.skip("one process has one folder open at a time: see the test in a process of its own")
        async with evalstream.connect_async(where, api_key=key) as client:
            first, second = await asyncio.gather(client.summary("street", "a"), client.classes("street", "a", limit=1))
            assert first == street.summary("street", "a")
            assert second == street.classes("street", "a", limit=1)
            assert await client.runs("street") == ["a", "b"]

    asyncio.run(ask())


def test_sources_of_every_kind(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    events = [{"data_row": "a", "operation": "replace", "annotations": [BOX]}]
    file.write_text("\n".join(map(json.dumps, events)))
    model = AnnotationEvent.model_validate_json(json.dumps({**events[0], "dataset": "kinds-4"}))
    arrays = {"a": {"boxes": np.array([[0.0, 0, 10, 10]]), "labels": np.array([0])}}
    for i, source in enumerate((file, str(file), events, [json.dumps(events[0])], [model], arrays)):
        found = {"a": {**arrays["a"], "scores": np.array([0.75])}}
        client.upload(f"kinds-{i}", source, predictions=found, run="r", classes=["car"])
        assert client.summary(f"kinds-{i}", "r").tp == 1


def test_tables(client: Client) -> None:
    table = pa.table({"id": ["a", "b"], "truth": ["cat", "dog"], "guess": ["cat", "cat"]})
    options = Options(table=TableOptions(id="id", truth="truth", answer="guess"))
    client.upload("tables", table, predictions=table.to_pandas(), run="r", options=options)
    (question,) = client.classifications("tables", "r").questions
    assert question.accuracy == 0.5


def test_what_is_rejected_is_told_and_holds_up_nothing(client: Client) -> None:
    events = [{"data_row": "a", "operation": "replace", "annotations": [BOX]}, {"data_row": "b"}]
    with pytest.raises(RejectedError, match="line 2: operation") as error:
        client.upload("in part", events)
    assert error.value.count == 1
    done = client.upload("in part", events, on_rejected="tell")
    assert (done.accepted, done.rejected) == (1, 1)
    wrong = {**TRUTH, "annotations": [*TRUTH["annotations"], {"id": 2, "image_id": 1, "category_id": 0}]}
    with pytest.raises(RejectedError, match="annotation id 2: bbox"):
        client.upload("in part", wrong)
    with pytest.raises(evalstream.ImporterError, match="annotation id 2: bbox"):
        client.upload("in part", wrong, options=Options(on_error="refuse"))
    nothing = [{"data_row": "a", "operation": "replace", "predictions": [BOX | {"score": 0.5}]}]
    with pytest.raises(RejectedError, match=r"line 1: predictions\.0\.score"):  # and not that there is no such run
        client.upload("in part", predictions=nothing, run="none", step=1)


def test_a_wrong_question_is_told_before_anything_is_sent() -> None:
    with Client("http://nobody.invalid") as client:
        with pytest.raises(QuestionError, match=r"summary: iou: .*less than or equal to 1 \(got 2\)"):
            client.summary("street", "a", iou=2)
        with pytest.raises(TypeError, match="confidance"):
            client.summary("street", "a", confidance=0.5)  # type: ignore[call-arg]


def test_errors_say_what_to_do(street: Client, service: Service) -> None:
    with pytest.raises(RefusedError, match=r"GET /v1/datasets/street/runs/c/summary: dataset 'street' has no run 'c'"):
        street.summary("street", "c")
    with evalstream.connect(service.url, api_key="other") as stranger, pytest.raises(RefusedError) as refused:
        stranger.datasets()
    assert (refused.value.status, refused.value.detail) == (401, "this API key is not known")
    with pytest.raises(ValueError, match="write http://localhost:8000"):
        evalstream.connect("localhost:8000")
    with pytest.raises(ValueError, match="whose predictions are they"):
        street.upload("street", predictions=RESULTS)


def test_runs_are_listed_and_deleted(client: Client) -> None:
    client.upload("gone", TRUTH, predictions=RESULTS, run="r 1")
    assert client.runs("gone") == ["r 1"]
    assert client.delete_run("gone", "r 1", dry_run=True).events == 2
    assert client.delete_run("gone", "r 1").events == 2
    assert client.runs("gone") == []
    assert client.delete_row("gone", "1").events == 1
    assert client.delete_dataset("gone").data_rows == 1
    assert "gone" not in [own.dataset for own in client.datasets().datasets]


def test_an_ontology_is_declared(client: Client) -> None:
    assert client.declare("declared", {"classes": [{"name": "car", "color": "#ff0000"}]}).in_force
    (own,) = client.dataset_classes("declared").classes
    assert (own.name, own.color) == ("car", "#ff0000")


def replying(*answers: Callable[[httpx.Request], httpx.Response]) -> tuple[Client, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answers[min(len(seen), len(answers)) - 1](request)

    return Client("http://service", transport=httpx.MockTransport(handle)), seen


def unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def busy(_: httpx.Request) -> httpx.Response:
    return httpx.Response(429, json={"detail": "busy"}, headers={"Retry-After": "7"})


def accepted(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"accepted": 1, "rejected": 0, "errors": []})


def test_parts_that_get_no_answer_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    client, seen = replying(unreachable, busy, accepted)
    assert client.send("d", None, [b"{}"]).accepted == 1
    assert len({request.content for request in seen}) == 1
    assert len(waited) == 2
    assert waited[1] >= 7
    client, seen = replying(unreachable)
    with pytest.raises(NoServiceError, match="start one with `evalstream up`"):
        client.send("d", None, [b"{}"])
    assert len(seen) == ATTEMPTS


def test_a_question_is_asked_again_of_a_busy_service_and_not_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    client, seen = replying(busy, lambda _: httpx.Response(200, json={"datasets": [], "may_delete": True}))
    assert client.datasets().datasets == []
    assert len(seen) == 2
    client, seen = replying(unreachable)
    with pytest.raises(NoServiceError):
        client.datasets()
    assert len(seen) == 1
    client, _ = replying(lambda _: httpx.Response(200, text="<html>"))
    with pytest.raises(NoServiceError, match="is not an evalstream service"):
        client.datasets()


EMBEDDED = """
import asyncio, sys
import evalstream

async def main():
    async with evalstream.connect_async("folder") as client:
        event = {"data_row": "a", "operation": "replace"}
        box = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
        found = [event | {"predictions": [box]}]
        await client.upload("d", [event | {"annotations": [box]}], predictions=found, run="r")
        print((await client.summary("d", "r")).tp)

asyncio.run(main())
client = evalstream.connect("folder")
print(client.summary("d", "r").tp, "uvicorn" in sys.modules)  # and is never closed
"""


def test_an_engine_awaited_opened_again_and_never_closed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EMBEDDED], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.split()) == (0, ["1", "1", "False"]), done.stderr
    assert done.stderr == ""


def test_val_is_validation(client: Client) -> None:
    """In events, and in the filters of questions."""
    truth = [
        {"data_row": split, "operation": "replace", "row": {"split": split}, "annotations": [BOX]}
        for split in ("val", "test")
    ]
    found = [{"data_row": "val", "operation": "replace", "predictions": [BOX]}]
    client.upload("val", truth, predictions=found, run="r")
    (known,) = [one for one in client.datasets().datasets if one.dataset == "val"]
    assert known.splits == ["test", "validation"]
    assert client.summary("val", "r", split=["val"]).rows == 1  # type: ignore[list-item]
    assert client.summary("val", "r", split=["validation"]).rows == 1


def test_a_run_that_is_closed_has_missed_the_rest(client: Client) -> None:
    truth = [{"data_row": row, "operation": "replace", "annotations": [BOX]} for row in "abc"]
    found = [{"data_row": "a", "operation": "replace", "predictions": [BOX | {"confidence": 0.5}]}]
    client.upload("ended", truth, predictions=found, run="open")
    assert client.summary("ended", "open").recall == 1
    done = client.complete("ended", "open")
    assert (done.annotated, done.closed) == (3, 2)
    assert client.summary("ended", "open").fn == 2
    closed = client.upload("ended", predictions=found, run="closed", complete=True)
    assert (closed.closed, client.summary("ended", "closed").fn) == (2, 2)
    assert client.upload("ended", predictions=found, run="another").closed is None
    wrong = [*found, {"data_row": "b", "operation": "replace", "predictions": [BOX | {"confidence": 2.0}]}]
    told = client.upload("ended", predictions=wrong, run="partly", complete=True, on_rejected="tell")
    assert (told.rejected, told.closed) == (1, None)
    assert told.notes == [
        "Run partly was not closed, as records of it were rejected or left out: nothing found is not what they say."
    ]
    assert client.summary("ended", "partly").rows_without_predictions == 2
    with pytest.raises(ValueError, match="complete= closes a run"):
        client.upload("ended", truth, complete=True)
    with pytest.raises(evalstream.RefusedError, match="no annotated data row yet"):
        client.complete("closed nowhere", "r")
