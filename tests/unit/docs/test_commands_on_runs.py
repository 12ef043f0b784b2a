"""Commands on runs that are there, page by page as they stand, of data with every kind of shape and answer."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from evalstream_cli.main import app
from typer.testing import CliRunner

from tests.browser import zoo
from tests.faults.service import Service
from tests.unit.docs.test_addresses import KEY, METRICS
from tests.unit.docs.test_commands import COMMANDS

#: What other tests run: what reads files (test_importing_commands), starts a service, or opens a folder by itself.
ELSEWHERE = {"up", "demo", "evaluate", "import", "upload", "restore", "reconcile"}
ON_RUNS = [(page, words) for page, words in COMMANDS if words and words[0] not in ELSEWHERE]
PAGES = {page: [words for _, words in own] for page, own in groupby(ON_RUNS, key=lambda one: one[0])}
#: The pages speak of many runs. One with everything stands for all, and another to be compared with.
RUNS = {"yolo-s": "v3", "v7": "v3", "v6": "v2"}
#: Options whose values may be called as data sets are.
VALUES = ("--policy", "--format")


def fed(service: Service) -> str:
    """Make what stands for every data set."""
    dataset = f"commands-{uuid4().hex[:8]}"
    with httpx.Client(base_url=service.url, headers=KEY, timeout=60) as http:
        for run in ("v2", "v3"):
            zoo.feed(http, dataset, run, METRICS)
    return dataset


@pytest.fixture(scope="module")
def shared(service: Service) -> str:
    return fed(service)


@pytest.fixture
def dataset(
    service: Service, page: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> str:
    """What stands for every data set of a page: made anew for those that delete, and for all others once."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("URL", service.url), ("API_KEY", "key"), ("KEYS_FILE", str(tmp_path / "keys.json"))):
        monkeypatch.setenv(f"EVALSTREAM_{name}", value)
    deletes = any(words[0] == "delete" for words in PAGES[page])
    return fed(service) if deletes else str(request.getfixturevalue("shared"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: "-".join(page.parts[-2:]))
def test_they_end_well(dataset: str, page: Path) -> None:
    for words in PAGES[page]:
        before = ["", *words]
        own = [
            RUNS.get(word, dataset if word in ("digits", "coco", "street") and said not in VALUES else word)
            for said, word in zip(before, words, strict=False)
        ]
        answer = CliRunner().invoke(app, own, input="y\n")
        assert answer.exit_code == 0, (own, answer.output)
