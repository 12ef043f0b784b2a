"""A request as the documentation writes it for curl."""

from __future__ import annotations

import shlex
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Call(NamedTuple):
    method: str
    path: str
    query: list[tuple[str, str]]
    body: bytes | None  # None, too, of what comes from standard input or a file


def call(line: str) -> Call:
    """Read a line that begins with ``curl``."""
    words = shlex.split(line.partition(" #")[0])
    url = urlsplit(next(word for word in words if ":8000" in word or ":8001" in word))
    query = parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
    said = [words[i + 1] for i, word in enumerate(words) if word in ("-d", "--data-urlencode")]
    if "-G" in words:
        query += [(name, value) for name, _, value in (text.partition("=") for text in said)]
        said = []
    sends = bool(said) or "--data-binary" in words
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if sends else "GET"
    return Call(method, "/" + url.path.partition("/")[2], query, said[0].encode() if said else None)
