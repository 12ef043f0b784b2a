"""Every question that the documentation asks with curl is answered, of data with every kind of shape and answer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import httpx
import pytest

from tests.browser import zoo
from tests.faults.service import Service
from tests.unit.docs.test_commands import ADDRESSES, named

#: What asks or sets something. Events, which come from elsewhere, are sent by tests of the routes that take them.
ASKED = [(page, line) for page, line in ADDRESSES if "--data-binary" not in line]
DATASET, RUN, OTHER = "asked", "v3", "v2"
METRICS = ("blur", "depth error", "occupancy")
KEY = {"authorization": "Bearer key"}


@pytest.fixture(scope="module")
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, headers=KEY, timeout=60) as http:
        for run in (RUN, OTHER):
            zoo.feed(http, DATASET, run, METRICS)
        yield http


# Deleting comes last, for others ask for what is deleted.
@pytest.mark.parametrize("line", **named(sorted(ASKED, key=lambda one: "-X DELETE" in one[1])))
def test_what_is_asked_is_answered(http: httpx.Client, line: str) -> None:
    words = shlex.split(line.partition(" #")[0])
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    body = words[words.index("-d") + 1].encode() if "-d" in words else None
    address = re.sub(r"^.*?:800\d", "", next(word for word in words if ":800" in word))
    # The pages speak of many datasets and runs. One with everything stands for all.
    address = re.sub(r"(?<=/datasets/)[^/?]+", DATASET, address)
    address = re.sub(r"(?<=/runs/)[^/?]+", RUN, re.sub(r"(?<=versus=)[^&]+", OTHER, address))
    answer = http.request(method, address, content=body, headers={"content-type": "application/json"} if body else {})
    assert answer.is_success, answer.text
