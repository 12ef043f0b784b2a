"""Whatever encoding and shape a file has, the same documents are in it."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import sys
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from evalstream.importers.problems import ImporterError
from evalstream.importers.text import STDIN, head, json_lines, plain_bytes

DOCUMENTS = [{"data_row": "Zoë", "n": 1.5, "nested": {"list": [1, 2]}}, {"data_row": "東京"}]
LINES = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in DOCUMENTS)
FORMS = {
    "lines": LINES.encode(),
    "lines that end as on Windows": LINES.replace("\n", "\r\n").encode(),
    "byte order mark": LINES.encode("utf-8-sig"),
    "UTF-16": LINES.encode("utf-16"),
    "UTF-16 without a mark": LINES.encode("utf-16-le"),
    "UTF-32": LINES.encode("utf-32"),
    "gzip": gzip.compress(LINES.encode()),
    "zstd": pa.compress(LINES.encode(), codec="zstd", asbytes=True),
    "gzip of UTF-16": gzip.compress(LINES.encode("utf-16")),
    "an array": json.dumps(DOCUMENTS).encode(),
    "an array over lines": json.dumps(DOCUMENTS, indent=1).encode(),
    "one after another over lines": "\n".join(json.dumps(one, indent=1) for one in DOCUMENTS).encode(),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_every_form_holds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert [json.loads(line) for line in json_lines(path)] == DOCUMENTS
    assert head(path).lstrip("[ \n").startswith("{")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert [json.loads(line) for line in json_lines(STDIN)] == DOCUMENTS


def test_a_file_is_read_in_one_piece(tmp_path: Path) -> None:
    """Two would be joined by a copy, and a file of results may be as large as all the rest."""
    path = tmp_path / "file"
    path.write_bytes(content := b" " * 2_000_000)
    tracemalloc.start()
    try:
        found = plain_bytes(path)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * len(content)
    finally:
        tracemalloc.stop()
    assert found == content


def test_lines_that_are_no_json_are_given_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for bad in (b'{"a": 1}\nnot JSON\n{"b": 2}\n', b'{"a": \n{"b": 2}\n', b'[1,\n{"b": 2}\n'):
        path.write_bytes(bad)
        assert b"".join(json_lines(path)) == bad


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"PK\x03\x04rest", "a ZIP archive"), (bz2.compress(b"{}"), "bzip2"), (b"7z\xbc\xaf", "7-Zip")],
)
def test_what_is_packed_otherwise_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    for read in (plain_bytes, head, lambda one: list(json_lines(one))):
        with pytest.raises(ImporterError, match=f"file: {what}, which is not read: unpack it"):
            read(path)


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_what_is_cut_off_is_told(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(pa.compress(LINES.encode() * 1_000, codec=codec, asbytes=True)[:-20])
    with pytest.raises(ImporterError, match="file: "):
        plain_bytes(path)


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert list(json_lines(path)) == []
    assert (plain_bytes(path), head(path)) == (b"", "")


def test_one_document_without_an_end_of_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'{"a": 1}')
    assert list(json_lines(path)) == [b'{"a": 1}']


def test_a_character_that_the_head_cuts_in_two(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("xé".encode())
    assert head(path, 2) == "x"


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"x" * 1000)[:-12], b"\x1f\x8bnothing", b"\xff\xfe{\x00\x00"],
    ids=["cut off", "no gzip", "half a character"],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ImporterError, match=str(path)):
        plain_bytes(path)
    with pytest.raises(ImporterError, match=str(path)):
        list(json_lines(path))
    with pytest.raises(ImporterError, match="No such file"):
        plain_bytes(tmp_path / "missing")
