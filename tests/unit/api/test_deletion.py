"""Deleting over HTTP: afterwards every question has the answer that it had before the deleted was there."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from evalstream_service.backend import backend_in
from fastapi.testclient import TestClient

from tests.feeding import send as send_at_version_1
from tests.pipeline.awkward import AWKWARD, ODD_KEY, ODD_NAME
from tests.pipeline.test_every_question import OF_RUNS, QUESTIONS, needed
from tests.unit.api.embedded import base, box, client, replace, send, wait_until_matched

__all__ = ["client"]

DATASET, RUN = "every type", "first"
EVERY_TYPE = AWKWARD[DATASET]
#: What is put beside it and deleted again: its data row, and its run.
MORE_ROW, MORE_RUN = ODD_KEY, ODD_NAME


@pytest.fixture
def service(client: TestClient) -> TestClient:
    """The service with a dataset of every type and two runs, matched."""
    put(client, DATASET, list(EVERY_TYPE.annotations), (RUN, "second"))
    return client


def put(client: TestClient, dataset: str, rows: list[str], runs: tuple[str, ...], *, annotated: bool = True) -> None:
    """Put each run's guesses on data rows of every type, as events of version 1, and have them matched."""
    truth, said = EVERY_TYPE.annotations, EVERY_TYPE.predictions
    truths = {row: truth.get(row, truth["1"]) for row in rows if annotated}
    guesses = {row: said.get(row, said["1"]) for row in rows}
    send_at_version_1(backend_in(client.app).clients(), dataset, truths, dict.fromkeys(runs, guesses))
    client.post("/v1/reconcile", json={"dataset": dataset}).raise_for_status()


def answers(client: TestClient) -> Iterator[tuple[str, Any]]:
    """The answer to every question there is, of the first run; but where the data stands, for it counts deletions."""
    for path in QUESTIONS:
        if path.endswith("/position"):
            continue
        url = path.format(dataset=quote(DATASET), run=RUN)
        answer = client.get(url, params=needed(path))
        assert answer.status_code in (200, 422), answer.text
        yield path, answer.json()


def delete(client: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = client.delete(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


MORE = {
    "run": (DATASET, list(EVERY_TYPE.annotations), (MORE_RUN,), base(DATASET, MORE_RUN)),
    "row": (DATASET, [MORE_ROW], (RUN, "second"), f"{base(DATASET)}/rows/{quote(MORE_ROW, safe='')}"),
    "dataset": (ODD_NAME, [MORE_ROW], (RUN, MORE_RUN), base(ODD_NAME)),
}


def test_every_answer_is_what_it_was_before(service: TestClient) -> None:
    before = dict(answers(service))
    counts = {}
    for kind, (dataset, rows, runs, path) in MORE.items():
        put(service, dataset, rows, runs, annotated=kind != "run")
        counts[kind] = counted = delete(service, path, dry_run=True)
        assert counted["events"] == len(rows) * (len(runs) + (kind != "run"))
        assert counted["results"] == len(rows) * len(runs)
        assert delete(service, path, dry_run=True) == counted  # for nothing is taken away
    assert any(answer != before[path] for path, answer in answers(service))

    for kind, (*_, path) in MORE.items():
        done = delete(service, path)
        assert done == counts[kind] | {name: done[name] for name in ("version", "deleted_at")}
    assert dict(answers(service)) == before

    for kind, (dataset, rows, runs, _) in MORE.items():  # the same events once more, as of a replay
        put(service, dataset, rows, runs, annotated=kind != "run")
    assert dict(answers(service)) == before
    for dataset in (DATASET, ODD_NAME):
        for question in OF_RUNS:
            url = question.format(dataset=quote(dataset, safe=""), run=quote(MORE_RUN, safe=""))
            assert service.get(url, params=needed(question)).status_code == 404


def test_a_run_asked_for_before_is_gone_and_comes_back_anew(client: TestClient) -> None:
    for run in ("v1", "v2"):
        send(client, "back", run, replace("r", box("car"), box("bus", 50), predicted=True))
    send(client, "back", "", replace("r", box("car")))
    assert wait_until_matched(client, "back", "v1")["done"] == 1
    assert client.get(f"{base('back', 'v1')}/summary").json()["predictions"] == 2
    done = delete(client, base("back", "v1"))
    assert (done["dataset"], done["run"], done["data_row"], done["data_rows"]) == ("back", "v1", None, 1)
    assert client.get(f"{base('back', 'v1')}/summary").status_code == 404
    assert client.get(f"{base('back', 'v2')}/comparison", params={"versus": "v1"}).status_code == 404
    assert delete(client, base("back", "v1"))["events"] == 0  # repeated, it finds nothing any more
    send(client, "back", "v1", replace("r", box("car"), predicted=True, version=done["version"]))
    assert client.get(f"{base('back', 'v1')}/summary").status_code == 404
    send(client, "back", "v1", replace("r", box("car"), predicted=True))  # newer, for it has no version of its own
    wait_until_matched(client, "back", "v1")
    found = client.get(f"{base('back', 'v1')}/summary").json()
    assert (found["annotations"], found["predictions"], found["tp"]) == (1, 1, 1)


def test_what_is_newer_than_the_version_given_is_matched_anew(client: TestClient) -> None:
    for row, version in (("old", 1), ("new", 2)):
        send(client, "part", "v1", replace(row, box("car"), predicted=True, version=version))
    wait_until_matched(client, "part", "v1")
    assert delete(client, base("part", "v1"), version=1)["events"] == 1
    assert wait_until_matched(client, "part", "v1")["rows"] == 1
    assert client.get(f"{base('part', 'v1')}/summary").json()["predictions"] == 1


@pytest.fixture(scope="module")
def there(client: TestClient) -> TestClient:
    """The service with a run of a data row, which nobody manages to delete."""
    send(client, "there", "v1", replace("r", predicted=True))
    wait_until_matched(client, "there", "v1")
    return client


@pytest.mark.parametrize(
    ("path", "query", "status", "said"),
    [
        (f"{base('there')}/runs/v2", {}, 404, "run 'v2' of dataset 'there' is not there"),
        (f"{base('there')}/rows/s", {}, 404, "data row 's' of dataset 'there' is not there"),
        (base("nowhere"), {}, 404, "dataset 'nowhere' is not there"),
        (f"{base('there')}/rows/", {}, 422, "at least 1 character"),
        (f"{base('there')}/rows/%00", {}, 422, "pattern"),
        (base("there"), {"version": 2**63 - 1}, 422, "ahead of all that is there"),
        (base("there"), {"version": -1}, 422, "greater than or equal to 0"),
        # What clients make of the data row `..`.
        (f"{base('there')}/", {}, 404, "leave out the slash"),
    ],
)
def test_nothing_is_deleted_by_mistake(
    there: TestClient, path: str, query: dict[str, Any], status: int, said: str
) -> None:
    answer = there.delete(path, params=query)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert there.get(f"{base('there', 'v1')}/summary").json()["rows"] == 1


def test_data_rows_of_any_name(client: TestClient) -> None:
    names = (".", "..", "a/../..", "/r", "r/", "ä ?#")
    send(client, "names", "v1", *(replace(row, predicted=True) for row in (*names, "other")))
    wait_until_matched(client, "names", "v1")
    for more, data_row in enumerate(reversed(names), 1):
        path = f"{base('names')}/rows/{quote(data_row, safe='').replace('.', '%2E')}"
        done = delete(client, path)
        assert (done["data_row"], done["events"]) == (data_row, 1)
        left = client.get(f"{base('names', 'v1')}/rows").json()["rows"]
        assert {row["data_row"] for row in left} == {*names[: len(names) - more], "other"}


def test_each_deletion_leaves_a_line_for_auditors(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    send(client, "audited", 'a "run"', replace("r", predicted=True))
    path = base("audited", 'a "run"')
    with caplog.at_level(logging.INFO, "evalstream.audit"):
        delete(client, path, dry_run=True)
        assert not caplog.records
        done = delete(client, path)
    (line,) = (record.getMessage() for record in caplog.records if record.name == "evalstream.audit")
    said = json.loads(line)
    assert (said["action"], said["key"], said["run"]) == ("delete", None, 'a "run"')
    assert done == {name: said[name] for name in done if name != "deleted_at"} | {"deleted_at": done["deleted_at"]}
