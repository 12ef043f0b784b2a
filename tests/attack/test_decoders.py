"""Bytes of any kind into everything that reads what others have written: an answer, or an error that is meant."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode
from evalstream.events.decoding import PAYLOAD_LIMIT
from evalstream.importers import coco, columns, conll
from evalstream.ontology import Ontology
from evalstream.selection import parse_condition
from evalstream_api.ndjson import lines
from evalstream_api.uploads import reader_of
from evalstream_cluster.topics import ChangedRows
from evalstream_service.browsers import name_of
from evalstream_service.key_file import read_keys
from evalstream_service.keys import parse_keys
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attack.conftest import Attack, Tell
from tests.attack.helpers import FULL, p99, peak_mb
from tests.pipeline.test_any_event import ANYTHING, SAMPLES

EXAMPLES: Final = 2_000 if FULL else 40


def _events(model: type[AnnotationEvent | PredictionEvent]) -> Callable[[bytes], None]:
    def read(payload: bytes) -> None:
        received, rejected = decode([Record(payload, 0, 0)], Reader(model, {"dataset": "d"}))
        assert len(received) + len(rejected) == 1
        assert all(one.reason and one.payload == payload for one in rejected)

    return read


def _lines(payload: bytes) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(payload), 7):
            yield payload[at : at + 7]

    async def split() -> list[bytes]:
        return [line.content async for line in lines(chunks(), PAYLOAD_LIMIT)]

    assert asyncio.run(split()) == [line for line in payload.split(b"\n") if line.strip()]


def _conll(path: Path) -> Callable[[bytes], None]:
    def read(payload: bytes) -> None:
        path.write_bytes(payload)
        for _ in conll.annotation_events(conll.read_sentences(path), "d", 1):
            pass

    return read


def _coco(path: Path) -> Callable[[bytes], None]:
    def read(payload: bytes) -> None:
        path.write_bytes(payload)
        columns.annotation_events(coco.read_truth(path), "d", 1)

    return read


def _keys(path: Path) -> Callable[[bytes], None]:
    def read(payload: bytes) -> None:
        path.write_bytes(payload)
        path.chmod(0o600)
        read_keys(path)

    return read


def _text(read: Callable[[str], Any]) -> Callable[[bytes], None]:
    return lambda payload: read(payload.decode("latin-1"))


#: What is nearly right, for the rest is refused at once: events, a COCO file, CoNLL lines, keys, routes, conditions.
SEEDS: Final = [
    *(json.dumps(sample).encode() for _, sample in SAMPLES),
    b'{"images": [{"id": 1, "width": 9, "height": 9}], "categories": [{"id": 1, "name": "c"}], "annotations":'
    b' [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1, "iscrowd": 0}]}',
    b"EU B-ORG\nrejects O\n\nGerman I-MISC\n",
    b"key=read,other=read+write",
    b"/v1/datasets/d/runs/r/predictions",
    b"noise>=0.5",
    b'{"classes": [{"name": "a", "parent": "b"}], "tolerance": 3}',
    b'{"dataset": "d", "data_rows": ["r"], "accepted_ms": [1]}',
]


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Bytes, any JSON, or what is nearly right with a piece cut out, doubled or replaced."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return json.dumps(draw(ANYTHING)).encode()
    seed = draw(st.sampled_from(SEEDS))
    begin = draw(st.integers(0, len(seed)))
    end = draw(st.integers(begin, min(len(seed), begin + 12)))
    new = draw(
        st.sampled_from([b"", b"null", b"-1", b"1e999", b"[]", b"{}", b'"', b"\x00", b"\xff", b"9" * 400, b"\n"])
        | st.just(seed[begin:end] * 3)
        | st.binary(max_size=4)
    )
    return seed[:begin] + new + seed[end:]


DECODERS: Final = (
    *("annotation events", "prediction events", "lines", "COCO files", "CoNLL files", "ontologies", "changed rows"),
    *("API keys", "key files", "routes of dead letters", "conditions", "names of hosts"),
)


def _decoder(name: str, folder: Path) -> Callable[[bytes], Any]:
    found: dict[str, Callable[[bytes], Any]] = {
        "annotation events": _events(AnnotationEvent),
        "prediction events": _events(PredictionEvent),
        "lines": _lines,
        "COCO files": _coco(folder / "coco.json"),
        "CoNLL files": _conll(folder / "tags.txt"),
        "ontologies": Ontology.model_validate_json,
        "changed rows": ChangedRows.model_validate_json,
        "API keys": _text(parse_keys),
        "key files": _keys(folder / "keys.json"),
        "routes of dead letters": _text(reader_of),
        "conditions": _text(parse_condition),
        "names of hosts": _text(name_of),
    }
    assert set(found) == set(DECODERS)
    return found[name]


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_answers_or_refuses(tmp_path: Path, tell: Tell, name: str) -> None:
    read = _decoder(name, tmp_path)
    times: list[float] = []
    crashed: list[BaseException] = []

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(payloads())
    def attack(payload: bytes) -> None:
        begin = time.perf_counter()
        try:
            read(payload)
        except ValueError:  # what every decoder says of what it cannot read
            pass
        except BaseException as error:
            crashed.append(error)
            raise
        finally:
            times.append(1000 * (time.perf_counter() - begin))

    try:
        attack()
    finally:
        tell(Attack(name, len(times), len(crashed), None, p99(times), peak_mb()))
