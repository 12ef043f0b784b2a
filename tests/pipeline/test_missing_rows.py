"""Rows that are annotated and not predicted: in no figure, and told; or counted, as those of a run that is closed."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, Final

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent
from evalstream.matching import POLICIES
from evalstream.ontology import Ontology, OntologyClass
from evalstream.pipeline import reconcile as stage
from evalstream.pipeline.delete import delete
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.catalog import catalog
from evalstream.queries.dataset_classes import ClassesOfDatasetPage, classes_of_dataset
from evalstream.queries.errors import errors
from evalstream.queries.overview import overview
from evalstream.queries.summary import Summary, summary
from evalstream.questions import Question, Questions
from evalstream.selection import QuestionError, Selection
from evalstream.storage.deletions import Scope
from evalstream.storage.ontologies import declare
from evalstream.storage.results import write_results
from evalstream.storage.run_steps import set_step
from evalstream.stored import missing_rows
from evalstream.stored.missing_rows import match_missing_rows, rows_without_predictions
from evalstream_api.questions import ANSWERS

from tests.feeding import close, feed
from tests.oracles.queries import Thing
from tests.pipeline import random_data
from tests.pipeline.awkward import AWKWARD
from tests.pipeline.random_data import annotation_event, filter_choices, prediction_event, random_things, random_truth

BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
SENTENCE = "2 annotated data rows have no prediction of this run and are not counted."


def test_rows_without_predictions(client: Client) -> None:
    truth = {name: [BOX] for name in ("1", "2", "3", "empty")} | {"empty": []}
    feed(client, "street", truth, {"all": {name: [BOX] for name in truth}, "some": {"1": [BOX], "3": []}})
    feed(client, "other", {"9": [BOX]}, {"some": {}})
    complete, partial = (Selection(dataset="street", run=run) for run in ("all", "some"))
    assert summary(client, complete).rows_without_predictions == 0
    assert not any("no prediction" in note for note in summary(client, complete).notes)
    for found in (summary(client, partial), overview(client, partial).summary):
        assert (found.rows, found.rows_without_predictions) == (2, 2)
        assert found.recall == 0.5  # of the two rows that the run has spoken of
        assert SENTENCE in found.notes[0]
    assert SENTENCE in average_precisions(client, partial).notes[0]
    assert SENTENCE in errors(client, partial).notes[0]
    # Whatever the filter: the sentence speaks of the whole dataset.
    assert summary(client, partial.model_copy(update={"data_row": ["1"]})).rows_without_predictions == 2
    assert rows_without_predictions(client, "other", "some") == 1


# --- counted --------------------------------------------------------------------------------------------------------

NAMES: Final = tuple(
    name
    for name in vars(Questions)
    if name in ANSWERS and name not in ("progress", "position", "ontology", "dataset_classes")
)
#: What has to be said with a question.
NEEDED: Final[dict[str, dict[str, Any]]] = {
    "distribution": {"metric": "iou"},
    "comparison": {"versus": "b"},
    "comparison_objects": {"versus": "b", "kind": "neither"},
    "intervals": {"versus": "b", "replicates": 50},
    "slices": {"slice": ["split=test", "roll_up=1"], "versus": "b", "replicates": 50},
    "metadata": {"key": "weather"},
    "history": {"metric": "recall"},
}
Answers = dict[tuple[str, int], dict[str, Any]]


def selections(number: int) -> list[dict[str, Any]]:
    """A part of everything: the next policy and filter for each question; and everything, for every fourth."""
    policies = list(POLICIES)
    first, second = policies[number % 3], policies[(number + 1) % 3]
    choices = [{"shared_with": "b"}, {"roll_up": 1}, *filter_choices(second)]
    return [{"policy": second} | choices[5 * number % len(choices)], {"policy": first}][: 1 + (number % 4 == 0)]


def asked(client: Client, question: str, said: dict[str, Any], dataset: str = "partly") -> dict[str, Any]:
    state = SimpleNamespace(clients=lambda: client, runs_seen={}, policies=list(POLICIES))
    of: Question[..., Any] = getattr(Questions, question)
    names = {"dataset": dataset} if question == "history" else {"dataset": dataset, "run": "a"}
    try:
        answer = ANSWERS[question](state, **names, query=of.put(said))
    except QuestionError as error:
        return {"refused": str(error)}
    return without_count(answer.model_dump())


def without_count(answer: Any) -> Any:
    """Leave out how many rows are missing: that is what differs."""
    if isinstance(answer, dict):
        return {name: without_count(one) for name, one in answer.items() if name != "rows_without_predictions"}
    if isinstance(answer, list):
        return [without_count(one) for one in answer if "no prediction of this run" not in str(one)]
    return answer


def as_found(things: list[Thing]) -> list[Thing]:
    return [thing._replace(id=f"found {i}", area=None) for i, thing in enumerate(things)]


@pytest.fixture(scope="module")
def answers(client: Client) -> tuple[Answers, Answers]:
    """Give what every question is answered with, what is missing counted, and with the runs closed."""
    rng = random.Random(16)
    truth = {f"{i}": random_truth(rng) for i in range(24)}
    events = [annotation_event("partly", name, *own) for name, own in truth.items()]
    for kind in ("every type", "odd names", "huge numbers", "shapes without extent", "all ignored"):
        for name, things in AWKWARD[kind].annotations.items():
            facts = AWKWARD[kind].rows.get(name, {})
            row = {"row": facts} if facts else {}
            said = {"dataset": "partly", "data_row": f"{kind} {name}"[:1000], "operation": "replace"} | row
            events.append(said | {"annotations": things})
    masks = [{"type": "mask", "feature": "m", "mask": {"size": [10, n], "counts": [10 * n]}} for n in (10, 11)]
    events.append({"dataset": "partly", "data_row": "fails", "operation": "replace", "annotations": masks})
    kinds = [OntologyClass(name=random_data.FEATURES[0], parent="vehicle"), OntologyClass(name="vehicle")]
    declare(client, "partly", Ontology(classes=kinds), 1)
    random_data.send(client, AnnotationEvent, events)
    for place, run in enumerate(("a", "b")):
        own = [
            prediction_event("partly", name, run, [*as_found(things[place:]), *random_things(rng, "prediction", 2)])
            for name, (_, _, things) in list(truth.items())[4 * place :: 3]
        ]
        own.append(prediction_event("partly", "not annotated", run, random_things(rng, "prediction", 2)))
        seen = {"dataset": "partly", "data_row": "every type 1", "run": run, "operation": "replace"}
        own.append(seen | {"predictions": AWKWARD["every type"].predictions["1"]})
        random_data.send(client, PredictionEvent, own)
        set_step(client, "partly", run, place, 1)
    reconcile(client, tuple(POLICIES), dataset="partly")

    def all_of(**more: Any) -> Answers:
        found: Answers = {}
        for number, name in enumerate(NAMES):
            for i, said in enumerate(selections(number)):
                found[name, i] = asked(client, name, NEEDED.get(name, {}) | said | more)
            if "refused" in found[name, 0]:  # it has no such filter
                found[name, 1] = asked(client, name, NEEDED.get(name, {}) | more)
        return found

    def headline() -> list[dict[str, Any]]:
        return [asked(client, name, NEEDED.get(name, {})) for name in ("summary", "classes", "comparison")]

    left_out = headline()
    counted = all_of(missing_rows="count")
    assert headline() == left_out  # to have asked changes nothing
    for run in ("a", "b"):
        close(client, "partly", run)
    reconcile(client, tuple(POLICIES), dataset="partly")
    assert headline() != left_out
    return counted, all_of()


@pytest.mark.parametrize("question", NAMES)
def test_what_is_counted_is_as_if_the_runs_were_closed(answers: tuple[Answers, ...], question: str) -> None:
    counted, closed = ({i: one for (name, i), one in own.items() if name == question} for own in answers)
    assert counted == closed
    assert "refused" not in counted[max(counted)]


def counted(client: Client, dataset: str) -> Summary:
    selection = Selection(dataset=dataset, run="r", missing_rows="count")
    match_missing_rows(client, selection, dataset, "r")
    return summary(client, selection)


def test_it_is_told_and_follows_what_happens(client: Client) -> None:
    feed(client, "followed", {"a": [BOX], "b": [BOX], "c": []}, {"r": {"a": [BOX]}, "other": {"b": []}})
    found = counted(client, "followed")
    assert (found.rows, found.tp, found.fn, found.rows_without_predictions) == (3, 1, 1, 2)
    assert "2 annotated data rows have no prediction of this run: what is selected of that is counted" in found.notes[0]
    used = classes_of_dataset(client, "followed", ClassesOfDatasetPage())
    assert [one.annotations for one in used.classes] == [2]  # of rows that some run has spoken of, as before
    assert catalog(client).datasets[0].runs
    # A row that is annotated anew after it was counted, by somebody who matches nothing.
    random_data.send(
        client,
        AnnotationEvent,
        [{"dataset": "followed", "data_row": "b", "operation": "upsert", "annotations": [BOX | {"id": "more"}]}],
    )
    assert counted(client, "followed").fn == 2
    declare(client, "followed", Ontology(), 1)
    reconcile(client, tuple(POLICIES), dataset="followed")
    assert counted(client, "followed").fn == 2
    delete(client, Scope("followed", data_row="b"), 2**62)
    found = counted(client, "followed")
    assert (found.rows, found.fn, found.rows_without_predictions) == (2, 0, 1)
    delete(client, Scope("followed", run="r"), 2**62)
    assert counted(client, "followed").rows == 2


def test_a_row_that_is_deleted_while_it_is_matched_stays_deleted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(client, "between", {"a": [BOX], "b": [BOX]}, {"r": {"a": [BOX]}})

    def delete_and_write(client: Client, found: pa.Table) -> None:
        delete(client, Scope("between", data_row="b"), 2**62)
        write_results(client, found)

    monkeypatch.setattr(stage, "write_results", delete_and_write)
    found = counted(client, "between")
    assert (found.rows, found.fn, found.rows_without_predictions) == (1, 0, 0)


def test_too_much_for_a_question(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(client, "too many", {"a": [BOX], "b": [BOX], "c": []}, {"r": {"a": [BOX]}})
    monkeypatch.setattr(missing_rows, "MOST_UNMATCHED", 1)
    with pytest.raises(QuestionError, match=r"2 annotated data rows .* close the run"):
        counted(client, "too many")
    monkeypatch.setattr(missing_rows, "MOST_UNMATCHED", 2)
    assert counted(client, "too many").rows == 3
