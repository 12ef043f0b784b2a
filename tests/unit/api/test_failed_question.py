"""After a question has failed half-way, every answer is its own: of the same question, of others, and of health."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from evalstream.stored import counted
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from fastapi.testclient import TestClient

from tests.asking import asking
from tests.unit.api.embedded import base, box, replace, send, wait_until_matched

#: A statement that fails when a good part of its answer has been written, because of a bound that questions have.
TOO_MUCH = "SELECT number FROM numbers(5000000) SETTINGS max_result_rows = 4000000, result_overflow_mode = 'throw'"
QUESTIONS = ("summary", "errors", "rows", "average-precision", "comparison?versus=m")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = LocalSettings(_env_file=None, data=tmp_path_factory.mktemp("data"))
    with asking(make_app(settings), raise_server_exceptions=False) as client:
        send(client, "d", "", replace("r", box("car"), box("bus", 40)))
        send(client, "d", "m", replace("r", box("car"), box("car", 40), predicted=True))
        wait_until_matched(client, "d", "m")
        yield client


def ask(client: TestClient, question: str) -> tuple[int, bytes]:
    answer = client.get(question if question == "/health" else f"{base('d', 'm')}/{question}")
    return answer.status_code, answer.content


def test_a_failure_is_told_and_leaves_nothing_behind(client: TestClient) -> None:
    everything = ["/health", *QUESTIONS] * 4
    expected = {question: ask(client, question) for question in set(everything)}
    assert {status for status, _ in expected.values()} == {200}
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(counted, "_bounded", lambda _sql, _settings: TOO_MUCH)
                failed = list(pool.map(lambda question: ask(client, question), QUESTIONS * 2))
            assert {status for status, _ in failed} == {422}
            assert all(b"larger than it may be" in body for _, body in failed)
            found = list(pool.map(lambda question: ask(client, question), everything))
            assert found == [expected[question] for question in everything]
