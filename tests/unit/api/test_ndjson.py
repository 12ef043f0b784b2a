"""Lines out of chunks: whatever the borders of the chunks, the lines are the same."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import pairwise, repeat

import pytest
from evalstream_api.ndjson import Line, lines
from hypothesis import given
from hypothesis import strategies as st

LIMIT = 8


async def _stream(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def split_stream(chunks: Iterable[bytes], limit: int = LIMIT) -> list[Line]:
    async def collect() -> list[Line]:
        return [line async for line in lines(_stream(chunks), limit)]

    return asyncio.run(collect())


def split(*chunks: bytes, limit: int = 1000) -> list[Line]:
    return split_stream(chunks, limit)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"\n", []),
        (b"a", [(1, b"a")]),
        (b"a\n", [(1, b"a")]),
        (b"a\nb", [(1, b"a"), (2, b"b")]),
        (b"a\n\n  \n\t\r\nb\n\n", [(1, b"a"), (5, b"b")]),
        (b"\n\na", [(3, b"a")]),
        (b"a\r\nb\r\n", [(1, b"a\r"), (2, b"b\r")]),  # white space to JSON; what is kept is what was sent
        (b"a\rb\n", [(1, b"a\rb")]),
        ("é\u2028\x85\n雨".encode(), [(1, "é\u2028\x85".encode()), (2, "雨".encode())]),
    ],
)
def test_lines(body: bytes, expected: list[tuple[int, bytes]]) -> None:
    assert split(body) == expected


@given(
    body=st.lists(st.sampled_from([b"\n", b"\r\n", b" ", b"a", b"bc", "é".encode(), b"x" * (LIMIT + 2)])).map(b"".join),
    borders=st.lists(st.integers(0, 60)),
)
def test_borders_of_chunks_do_not_matter(body: bytes, borders: list[int]) -> None:
    cuts = [0, *sorted(min(border, len(body)) for border in borders), len(body)]
    chunks = [body[begin:end] for begin, end in pairwise(cuts)]
    expected = [
        (number, line[: LIMIT + 1]) for number, line in enumerate(body.split(b"\n"), 1) if line[: LIMIT + 1].strip()
    ]
    assert split(*chunks, limit=LIMIT) == expected


def test_an_over_long_line_is_cut_off_and_the_next_is_whole() -> None:
    exact, over = b"x" * LIMIT, b"y" * (LIMIT + 1)
    assert split(exact + b"\n" + over + b"\n" + over + b"zzz\nnext\n" + over + b"z", limit=LIMIT) == [
        (1, exact),
        (2, over),
        (3, over),
        (4, b"next"),
        (5, over),
    ]


def test_an_endless_line_takes_no_memory() -> None:
    chunk = b"x" * 2**16
    count = 1000

    def chunks() -> Iterator[bytes]:
        yield from repeat(chunk, count)
        yield b"\nnext"

    tracemalloc.start()
    try:
        found = split_stream(chunks())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == [(1, b"x" * (LIMIT + 1)), (2, b"next")]
    assert peak < count * len(chunk) / 10
