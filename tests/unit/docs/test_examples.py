"""Every event that the documentation shows is one that evalstream takes, and every link leads somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import evalstream
import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode
from evalstream.types import TYPES

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
BLOCK = re.compile(r"^```json\n(.*?)^```", re.DOTALL | re.MULTILINE)
HERE_DOCUMENT = re.compile(r"<<'EOF'\n(.*?)^EOF", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#([^)]+))?\)")


def events_in(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) + HERE_DOCUMENT.findall(text) for line in block.splitlines()]
    return [line for line in lines if '"data_row"' in line]


EXAMPLES = [(page, line) for page in PAGES for line in events_in(page)]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 10


@pytest.mark.parametrize(("page", "line"), EXAMPLES, ids=[f"{page.name}-{i}" for i, (page, _) in enumerate(EXAMPLES)])
def test_an_event_shown_is_an_event(page: Path, line: str) -> None:
    event = json.loads(line)
    # An upload's route says which dataset and run a line is of; the example then does not.
    event = {"dataset": "d", **event}
    if "annotations" not in event and event["operation"] != "delete":
        event = {"run": "r", **event}
    reader = Reader(PredictionEvent if "run" in event else AnnotationEvent)
    received, rejected = decode([Record(json.dumps(event).encode(), 0, 1)], reader)
    assert len(received) == 1, rejected


def test_the_reference_has_every_name_and_every_type() -> None:
    reference = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    assert {name for name in evalstream.__all__ if not re.search(rf"heading: .*\b{name}\b", reference)} == set()
    types = set(re.findall(r"`(\w+)`", (ROOT / "docs/reference/events.md").read_text(encoding="utf-8")))
    assert set(TYPES) - types == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, _ in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists() or (ROOT / "schemas" / target).exists(), target
