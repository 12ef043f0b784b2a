"""Every question that the documentation asks with curl is answered, of data with every kind of shape and answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.browser import zoo
from tests.faults.service import Service
from tests.unit.docs.curl import call
from tests.unit.docs.test_commands import ADDRESSES, named

#: What asks or sets something. Events, which come from elsewhere, are sent by tests of the routes that take them.
ASKED = [(page, line) for page, line in ADDRESSES if "--data-binary" not in line]
DATASET, RUN, OTHER, DELETED = "asked", "v3", "v2", "v1"
METRICS = ("blur", "depth error", "occupancy")
KEY = {"authorization": "Bearer key"}


@pytest.fixture(scope="module")
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, headers=KEY, timeout=60) as http:
        for run in (RUN, OTHER, DELETED):
            zoo.feed(http, DATASET, run, METRICS)
        yield http


@pytest.mark.parametrize("line", **named(ASKED))
def test_what_is_asked_is_answered(http: httpx.Client, line: str) -> None:
    method, path, query, body = call(line)
    # The pages speak of many datasets and runs. One with everything stands for all.
    run = DELETED if method == "DELETE" else RUN
    path = re.sub(r"(?<=/datasets/)[^/]+", DATASET, re.sub(r"(?<=/runs/)[^/]+", run, path))
    params = [(name, OTHER if name == "versus" else value) for name, value in query]
    told = {} if body is None else {"content-type": "application/json"}
    answer = http.request(method, path, params=params, content=body, headers=told)
    assert answer.is_success, answer.text
