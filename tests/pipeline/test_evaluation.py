"""Every question of a run, put to a service and to an evaluation in memory: the same answers."""

from __future__ import annotations

import gc
import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, get_type_hints
from urllib.parse import quote

import pyarrow as pa
import pytest
from evalstream.engine_questions import EngineQuestions
from evalstream.evaluation import (
    AveragePrecisionAsked,
    ClassesAsked,
    ConfusionMatrixAsked,
    Evaluation,
    SummaryAsked,
)
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.matching import POLICIES
from evalstream.ontology import NOTHING_DECLARED, Ontology
from evalstream.pipeline.reconcile import reconcile
from evalstream.questions import OfRun, Questions
from evalstream.scenes import row_order
from evalstream.selection import QuestionError
from evalstream.storage import scratch
from evalstream.storage.engine import EngineUnavailableError, open_embedded
from evalstream.storage.events import append_events
from evalstream.storage.ontologies import declare
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.backend import backend_in
from fastapi.testclient import TestClient

from tests.asking import asking
from tests.pipeline.awkward import AWKWARD, Awkward, guess, thing

#: All but where the data stands: of files there is no other state.
QUESTIONS: Final = {name: one for name, one in vars(Questions).items() if isinstance(one, OfRun) and name != "position"}
#: What has to be said with a question, beside the other run.
NEEDED: Final[Mapping[str, Mapping[str, Any]]] = {
    "distribution": {"metric": "iou"},
    "metadata": {"key": "huge"},
    "slices": {"slice": ["both_sides=true", "type=bbox&type=radio"]},
}
#: What can be said with the questions that are answered from memory.
MEMORY: Final[Mapping[str, Any]] = {
    "summary": SummaryAsked,
    "average_precision": AveragePrecisionAsked,
    "confusion_matrix": ConfusionMatrixAsked,
    "classes": ClassesAsked,
}
VERSUS: Final = ("comparison", "comparison_objects", "intervals", "slices")
SELECTIONS: Final[list[Mapping[str, Any]]] = [
    {"policy": "iou-greedy", "shared_with": "second", "iou": 0.9},
    {"policy": "coco", "confidence": 0.5, "iou": 0.25},
    {"policy": "coco", "confidence": 1.0, "iou": 1.0, "both_sides": True},
    {"policy": "best-candidate", "confidence": 0.0, "iou": 0.0, "at_threshold": "no-match"},
]
OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "average_precision": {"interpolation": "all-point", "empty_classes": "zero", "limit": 2, "search": "A"},
    "summary": {"beta": 2.0, "zero_division": "one"},
    "confusion_matrix": {"cells": "errors", "sort": "actual", "limit": 3, "offset": 1},
    "classes": {"sort": "f1", "descending": True, "limit": 3, "beta": 0.5, "zero_division": "zero"},
    "pr_curve": {"per_class": True, "max_points": 10},
    "intervals": {"replicates": 20, "ap_replicates": 10, "seed": 3},
    "slices": {"replicates": 20, "ap_replicates": 10, "seed": 3},
    "calibration": {"bins": 3, "strategy": "quantile", "value": "score"},
}
_ROLLED: Final = Awkward(
    {"1": [thing("bbox", "taxi"), thing("bbox", "bus")]}, {"1": [guess("bbox", "car"), guess("bbox", "bus")]}
)
#: Those in which questions differ most from each other; all of them are asked of services in other tests.
_NAMES: Final = (
    "odd names",
    "some rows failed",
    "metrics and metadata at their limits",
    "every type",
)
DATA: Final = {name: AWKWARD[name] for name in _NAMES} | {"declared": _ROLLED}
DECLARED: Final = Ontology.model_validate(
    {"classes": [{"name": "bus"}, {"name": "car"}, {"name": "taxi", "parent": "car"}]}
)


class Case(NamedTuple):
    """A dataset, and what is said with every question of it."""

    dataset: str
    said: Mapping[str, Any]
    options: bool


CASES: Final = [
    *(Case(name, SELECTIONS[i], i % 2 == 0) for i, name in enumerate(_NAMES)),
    Case("declared", {"policy": "iou-greedy", "roll_up": 1, "iou": 0.1}, options=False),
    Case("declared", {"policy": "coco", "feature": ["car"]}, options=True),
]


#: The cases that a question to the engine is put in, the next ones for each: under two policies, with options and
#: without, of every type mostly, and of each other dataset for some questions.
SAMPLES: Final = ((0, 3), (2, 3), (3, 5), (2, 4), (0, 1))


def asked_in(number: int, name: str) -> Sequence[int]:
    """The places of the cases in which a question is asked; what is answered from memory, in all of them."""
    return range(len(CASES)) if name in MEMORY else SAMPLES[number % len(SAMPLES)]


ASKED: Final = {(i, name): QUESTIONS[name] for number, name in enumerate(QUESTIONS) for i in asked_in(number, name)}


class Tables(NamedTuple):
    annotated: pa.Table
    first: pa.Table
    second: pa.Table


def tables(data: Awkward) -> Tables:
    """The events of a dataset, one a data row on each side; the second run makes only the first half of each row."""
    names = sorted({*data.annotations, *data.predictions}, key=row_order)
    events: list[list[dict[str, Any]]] = [[], [], []]
    for name in names:
        said = data.predictions.get(name, ())
        facts = {"row": dict(data.rows[name])} if name in data.rows else {}
        metrics = {"metrics": list(data.metrics[name])} if name in data.metrics else {}
        own = {"dataset": "evaluated", "data_row": name, "operation": "replace"}
        events[0].append(own | {"annotations": list(data.annotations.get(name, ()))} | facts)
        events[1].append(own | {"run": "first", "predictions": list(said)} | metrics)
        events[2].append(own | {"run": "second", "predictions": list(said[: len(said) // 2])} | metrics)
    found = []
    for own_events, model in zip(events, (AnnotationEvent, PredictionEvent, PredictionEvent), strict=True):
        records = [Record(json.dumps(event).encode(), i, 1) for i, event in enumerate(own_events)]
        received, rejected = decode(records, Reader(model))
        assert not rejected, rejected[0].reason
        found.append(events_table(received))
    return Tables(*found)


def said_with(question: OfRun[..., Any], case: Case) -> dict[str, Any]:
    """What can be said with a question of what the case says, and what has to be."""
    said = {**case.said, **(OPTIONS.get(question.name, {}) if case.options else {}), **NEEDED.get(question.name, {})}
    return {key: value for key, value in said.items() if key in question.query.model_fields}


def asked_of_service(service: TestClient, question: OfRun[..., Any], case: Case) -> Any:
    """The typed answer of a service, or what it says is wrong with the question."""
    said = said_with(question, case) | ({"versus": "second"} if question.name in VERSUS else {})
    path = question.path.format(dataset=quote(case.dataset), run="first")
    response = service.get(f"/v1/datasets{path}", params=said)
    if response.status_code == 422:
        return response.json()["detail"]
    assert response.status_code == 200, response.text
    return question.answer.model_validate_json(response.content)


def asked_of_evaluation(one: Evaluation, other: Evaluation, question: OfRun[..., Any], case: Case) -> Any:
    said = said_with(question, case)
    if "shared_with" in said:
        said["shared_with"] = other.run
    if question.name in VERSUS:
        said["versus"] = other
    try:
        return getattr(one, question.name)(**said)
    except QuestionError as error:
        return str(error)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[int, str], Any]:
    """Every answer of a service, by case and question; it is closed, for a process has one engine at a time."""
    app = make_app(LocalSettings(_env_file=None, data=tmp_path_factory.mktemp("data")))
    with asking(app) as service:
        client = backend_in(app).clients()
        declare(client, "declared", DECLARED, 1)
        for name, data in DATA.items():
            for part in tables(data):
                place = part.schema.get_field_index("dataset")
                append_events(client, part.set_column(place, "dataset", pa.array([name] * len(part))))
        reconcile(client, list(POLICIES))
        return {(i, name): asked_of_service(service, question, CASES[i]) for (i, name), question in ASKED.items()}


@pytest.mark.parametrize("i", range(len(CASES)), ids=lambda i: f"{i} {CASES[i].dataset}")
def test_every_question_has_the_answer_of_a_service(answers: Mapping[tuple[int, str], Any], i: int) -> None:
    case = CASES[i]
    annotated, *runs = tables(DATA[case.dataset])
    ontology = DECLARED if case.dataset == "declared" else NOTHING_DECLARED
    one, other = (Evaluation(annotated, run, ontology=ontology) for run in runs)
    with one:
        for (own, name), question in ASKED.items():
            if own == i:
                assert asked_of_evaluation(one, other, question, case) == answers[i, name], name


def test_the_sample_of_cases_has_every_value() -> None:
    assert {CASES[i].said["policy"] for places in SAMPLES for i in places} == set(POLICIES)
    for places in SAMPLES:
        assert len({CASES[i].said["policy"] for i in places}) == 2
        assert {CASES[i].options for i in places} == {True, False}
    assert {i for places in SAMPLES for i in places} == set(range(len(CASES)))


def test_a_question_that_the_service_has_is_a_method() -> None:
    """With the same names of what can be said, and the same answer, apart from the other run."""
    annotated, first, _ = tables(AWKWARD["one side empty each"])
    one = Evaluation(annotated, first)
    for name, question in QUESTIONS.items():
        method = getattr(one, name)
        if name in MEMORY:
            known = set(get_type_hints(MEMORY[name], localns={"Evaluation": Evaluation})) - {"data_row"}
            assert known == set(question.query.model_fields)
            assert get_type_hints(method)["return"] is question.answer
        elif name != "progress":
            assert set(inspect.signature(method).parameters) == set(question.query.model_fields)
            options = vars(EngineQuestions)[name]
            assert {*getattr(options, "options", question.query).model_fields, "versus"} >= set(
                question.query.model_fields
            )
            assert inspect.signature(method).return_annotation is question.answer
        assert name in dir(one)


def test_an_engine_goes_with_its_evaluation() -> None:
    annotated, first, second = tables(AWKWARD["one side empty each"])
    one, other = Evaluation(annotated, first), Evaluation(annotated, second)
    one.summary()
    assert scratch._folder is None, "what is in memory needs no engine"
    assert one.pr_curve() == one.pr_curve()
    assert scratch._folder is not None
    folder = Path(scratch._folder.name)
    other.pr_curve()
    assert scratch._folder.name == str(folder), "a process has one engine at a time"
    one.close()
    one.close()
    assert folder.exists()
    one.pr_curve()  # opens another
    enabled = gc.isenabled()
    gc.disable()  # by counting references alone: nothing refers to itself
    try:
        del one, other
        assert scratch._folder is None
        assert not folder.exists()
    finally:
        if enabled:
            gc.enable()


def test_an_engine_that_is_open_elsewhere_is_told(tmp_path: Path) -> None:
    annotated, first, _ = tables(AWKWARD["one side empty each"])
    one = Evaluation(annotated, first)
    client = open_embedded(tmp_path)
    with pytest.raises(EngineUnavailableError, match="can have one at a time; close the client of"):
        one.pr_curve()
    client.close()
    assert scratch._folder is None
    assert one.pr_curve().total == 1
    one.close()


def test_another_run_must_be_an_evaluation() -> None:
    annotated, first, _ = tables(AWKWARD["one side empty each"])
    one = Evaluation(annotated, first)
    with pytest.raises(QuestionError, match=r"versus: must be another Evaluation .* \(got 'v7'\)"):
        one.comparison("v7")  # type: ignore[arg-type]
    with pytest.raises(QuestionError, match="shared_with: must be another Evaluation"):
        one.summary(shared_with="v7")


def test_what_is_wrong_with_a_question_is_told_without_an_engine() -> None:
    annotated, first, _ = tables(AWKWARD["one side empty each"])
    one = Evaluation(annotated, first)
    with pytest.raises(QuestionError, match=r"pr_curve: iou: Input should be less than or equal to 1 \(got 2\)"):
        one.pr_curve(iou=2)
    with pytest.raises(QuestionError, match=r"summary: iou: Input should be less than or equal to 1 \(got 2\)"):
        one.summary(iou=2)
    with pytest.raises(QuestionError, match=r"summary: limit: no filter, and no option of this question"):
        one.summary(limit=2)  # type: ignore[call-arg]
    assert scratch._folder is None


def test_notes_of_reading_stand_in_every_answer_that_has_notes() -> None:
    annotated, first, _ = tables(AWKWARD["one side empty each"])
    with Evaluation(annotated, first, notes=["Read so."]) as one:
        assert one.summary().notes[0] == "Read so."
        assert one.overview().summary.notes[0] == "Read so."
        assert one.errors().notes[0] == "Read so."
