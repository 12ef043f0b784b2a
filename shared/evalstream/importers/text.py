"""Files as people have them, compressed or in another encoding, to plain UTF-8."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from evalstream.importers.problems import ImporterError

#: The path that names standard input.
STDIN: Final = Path("-")
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
#: Packed in ways that are not read.
_PACKED: Final = {b"PK\x03\x04": "a ZIP archive", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"7z\xbc\xaf": "7-Zip"}
_SPACE: Final = re.compile(r"\s*")


def plain_bytes(path: Path) -> bytes:
    """Read a file whole: uncompressed, in UTF-8, without a byte order mark.

    Raises
    ------
    ImporterError
        If it cannot be read, uncompressed or decoded.
    """
    with _told(path):
        with _uncompressed(sys.stdin.buffer) if path == STDIN else _opened(path) as file:
            content = _whole(file)
        encoding = json.detect_encoding(content)
        return content if encoding == "utf-8" else content.decode(encoding).removeprefix("\ufeff").encode()


def pieces(path: Path, size: int) -> Iterator[bytes]:
    """Read a file that is not standard input piece by piece: uncompressed, in UTF-8, without a byte order mark.

    Raises
    ------
    ImporterError
        If it cannot be read, uncompressed or decoded.
    """
    with _told(path), _opened(path) as file:
        piece = file.read(size)
        encoding = json.detect_encoding(piece)
        if encoding == "utf-8":
            while piece:
                yield piece
                piece = file.read(size)
            return
        decoder = codecs.getincrementaldecoder(encoding)()
        while piece:
            yield decoder.decode(piece).removeprefix("\ufeff").encode()
            piece = file.read(size)
        yield decoder.decode(b"", final=True).encode()


def head(path: Path, size: int = 65_536) -> str:
    """Read the beginning of a file as text, whatever its encoding; bytes that are no text are replaced.

    Raises
    ------
    ImporterError
        If it cannot be read or uncompressed.
    """
    with _told(path), _opened(path) as file:
        content = file.read(size)
    # The last character may be cut in two.
    decoder = codecs.getincrementaldecoder(json.detect_encoding(content))("replace")
    return decoder.decode(content).removeprefix("\ufeff")


def json_lines(path: Path) -> Iterator[bytes]:
    """Give the JSON documents of a file one by one.

    They may stand on a line each, in one array, or one after another over several lines. A line that is no JSON is
    given as it is, for its reader to say what is wrong with it.

    Raises
    ------
    ImporterError
        If the file cannot be read, uncompressed or decoded.
    """
    if path == STDIN:
        yield from _documents(plain_bytes(path))
        return
    with _told(path), _opened(path) as file:
        start = file.read(4)
    if json.detect_encoding(start) in ("utf-8", "utf-8-sig") and _is_lines(head(path)):
        with _told(path), _opened(path) as file:
            for number, line in enumerate(file):
                yield line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
        return
    yield from _documents(plain_bytes(path))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, uncompressed."""
    with path.open("rb", buffering=0) as file, _uncompressed(file) as uncompressed:
        yield uncompressed


@contextmanager
def _uncompressed(file: Any) -> Iterator[IO[bytes]]:
    """Uncompress a file, if it is compressed; it stays open."""
    buffered = io.BufferedReader(file)
    try:
        start = buffered.peek(len(_ZSTD))
        packed = next((what for magic, what in _PACKED.items() if start.startswith(magic)), None)
        if packed is not None:
            raise ValueError(f"{packed}, which is not read: unpack it; gzip and zstd are read as they are")
        if start.startswith(_GZIP):
            with gzip.open(buffered) as uncompressed:
                yield cast(IO[bytes], uncompressed)
        elif start.startswith(_ZSTD):
            import pyarrow as pa  # of such files only, and takes a while

            yield io.BufferedReader(pa.CompressedInputStream(pa.PythonFile(buffered, "r"), "zstd"))
        else:
            yield buffered
    finally:
        if not buffered.closed:
            buffered.detach()


def _whole(file: IO[bytes]) -> bytes:
    """Read what is left of a file; past the buffer, which would be joined with it by a copy, where it is on disk."""
    raw = getattr(file, "raw", None)
    if isinstance(raw, io.FileIO) and raw.seekable():
        raw.seek(file.tell())
        return raw.readall()
    return file.read()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which file it was that could not be read."""
    try:
        yield
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ImporterError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _is_lines(text: str) -> bool:
    """Whether a text holds a document a line: its first line is no array, and no part of a longer document."""
    first, end, _ = text.lstrip().partition("\n")
    if first.startswith("["):
        return False
    return not first.startswith("{") or not end or _is_json(first)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _documents(content: bytes) -> Iterator[bytes]:
    """Cut a text into its documents; into lines, if it is not JSON throughout."""
    lines = content.splitlines(keepends=True)
    if not lines or _is_lines(b"".join(lines[:2]).decode(errors="replace")):
        yield from lines
        return
    try:
        documents = list(_decoded(content.decode()))
    except (ValueError, RecursionError):
        yield from lines
        return
    for document in documents:
        yield json.dumps(document).encode()


def _decoded(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    at = _after_space(text, 0)
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        if isinstance(document, list):
            yield from document
        else:
            yield document
        at = _after_space(text, at)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()
