"""Pitfalls of text: what an offset counts."""

from __future__ import annotations

import json
import unicodedata

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.matching import POLICIES
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.entities import entities
from evalstream.selection import Selection

TEXT = "Zoë 👩‍🔬 met 東京"


def test_pitfall_19_the_same_place_has_four_offsets(client: Client) -> None:
    """Where a model counts UTF-16 units or bytes, its spans fit when it says so, and are off or rejected when not."""
    start = TEXT.index("東京")
    before = TEXT[:start]
    offsets = {
        "code_points": start,
        "utf16": len(before.encode("utf-16-le")) // 2,
        "utf8": len(before.encode()),
    }
    assert offsets == {"code_points": 12, "utf16": 14, "utf8": 21}
    assert unicodedata.normalize("NFD", TEXT).index("東京") == 13
    length = {"code_points": 2, "utf16": 2, "utf8": 6}

    truth = {"operation": "replace", "row": {"text": TEXT}}
    truth["annotations"] = [{"type": "span", "feature": "LOC", "span": [12, 14]}]
    known = {"dataset": "pitfall-19", "data_row": "r"}
    accepted = ingest(client, [Record(json.dumps(truth).encode(), 0, 1)], Reader(AnnotationEvent, known), "test")
    assert not accepted.rejected
    for unit, at in offsets.items():
        said = {"type": "span", "feature": "LOC", "span": [at, at + length[unit]], "unit": unit}
        event = {"operation": "replace", "row": {"text": TEXT}, "predictions": [said]}
        reader = Reader(PredictionEvent, known | {"run": unit})
        assert not ingest(client, [Record(json.dumps(event).encode(), 0, 1)], reader, "test").rejected
        # Without the unit it ends beyond the text, and says so.
        del said["unit"]
        rejected = ingest(client, [Record(json.dumps(event).encode(), 0, 1)], reader, "test").rejected
        if unit != "code_points":
            assert "ends beyond the text, of 14 code points" in rejected[0].reason
    reconcile(client, tuple(POLICIES))
    for unit in offsets:
        found = entities(client, Selection(dataset="pitfall-19", run=unit)).overall.strict
        assert (found.correct, found.spurious) == (1, 0), unit


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_pitfall_19_text_is_never_normalised(client: Client, form: str) -> None:
    text = unicodedata.normalize(form, TEXT)  # type: ignore[arg-type]
    start = text.index("東京")
    event = {"dataset": form, "data_row": "r", "run": "m", "operation": "replace", "row": {"text": text}}
    event |= {"predictions": [{"type": "span", "feature": "LOC", "span": [start, start + 2]}]}
    assert not ingest(client, [Record(json.dumps(event).encode(), 0, 1)], Reader(PredictionEvent), "test").rejected
    reconcile(client, ["coco"])
    ((kept, geometry),) = client.query(
        "SELECT text, prediction_geometry[1] FROM results FINAL WHERE dataset = {name:String}",
        parameters={"name": form},
    ).result_rows
    assert (kept, [int(at) for at in geometry]) == (text, [start, start + 2])
