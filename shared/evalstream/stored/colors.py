"""A colour for every class, the same for every client."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

#: Paul Tol's "muted" scheme, told apart by people who see fewer colours too (personal.sron.nl/~pault).
PALETTE: Final = (
    "#332288",
    "#88ccee",
    "#44aa99",
    "#117733",
    "#999933",
    "#ddcc77",
    "#cc6677",
    "#882255",
    "#aa4499",
)


def default_color(name: str) -> str:
    """Choose the colour of a class for which none is declared: by its name alone, so that it never changes.

    >>> default_color("car") == default_color("car")
    True
    """
    digest = blake2b(name.encode(), digest_size=8).digest()
    return PALETTE[int.from_bytes(digest, "big") % len(PALETTE)]
