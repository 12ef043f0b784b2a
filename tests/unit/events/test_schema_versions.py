"""Events of every schema version that was ever released still read, and mean what they meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "events"
READERS = {"annotations": Reader(AnnotationEvent), "predictions": Reader(PredictionEvent)}


def records(name: str) -> list[Record]:
    return [Record(line, i, 99) for i, line in enumerate((FIXTURES / name).read_bytes().splitlines())]


@pytest.mark.parametrize("kind", list(READERS))
def test_version_1_reads(kind: str) -> None:
    received, rejected = decode(records(f"v1-{kind}.ndjson"), READERS[kind])
    assert rejected == []
    table = events_table(received).to_pydict()
    assert table["operation"] == ["replace", "upsert", "delete", "replace"]
    assert table["version"] == [1, 2, 3, 99]
    assert table["deleted_id"] == [[], [], ["4"], []]


def test_version_1_annotations_mean_what_they_meant() -> None:
    row = events_table(decode(records("v1-annotations.ndjson"), READERS["annotations"]).received).to_pylist()[0]
    assert row["run"] == ""
    assert row["object_label"] == ["car", "person", "road=wet"]
    assert row["object_area"] == [900.5, 60000.0, 0.0]
    assert row["object_crowd"] == [0, 1, 0]
    assert row["object_geometry"] == [[20, 10, 40.5, 30], [0, 0, 300, 200], []]
    assert dict(row["metadata"]) == {"weather": "rain", "noise": "0.25", "night": "true", "lane": "2"}
    assert (row["split"], row["width"], row["height"]) == ("test", 640, 480)


def test_version_1_predictions_mean_what_they_meant() -> None:
    row = events_table(decode(records("v1-predictions.ndjson"), READERS["predictions"]).received).to_pylist()[0]
    assert row["run"] == "v7"
    assert row["object_id"] == ["1", "#1", "3", "4"]
    assert row["object_label"] == ["car", "car", "road=dry", "car"]
    assert row["object_confidence"] == [0.87, 1.0, 0.6, -1.0]


@pytest.mark.parametrize("kind", list(READERS))
def test_a_newer_version_is_rejected_and_says_so(kind: str) -> None:
    newer = [
        Record(record.payload.replace(b'"schema_version":1', b'"schema_version":2'), record.position, 99)
        for record in records(f"v1-{kind}.ndjson")[:3]
    ]
    received, rejected = decode(newer, READERS[kind])
    assert received == []
    assert all("schema_version: 2 is newer" in item.reason for item in rejected)
    assert [item.payload for item in rejected] == [record.payload for record in newer]
