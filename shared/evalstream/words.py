"""Words for people: counts with their nouns."""

from __future__ import annotations

import re


def count_of(count: int, noun: str) -> str:
    """Say how many there are.

    >>> count_of(1, "image"), count_of(2_000, "image"), count_of(0, "entity"), count_of(2, "key"), count_of(3, "box")
    ('1 image', '2,000 images', '0 entities', '2 keys', '3 boxes')
    """
    if count == 1:
        return f"1 {noun}"
    if re.search("[^aeiou]y$", noun):
        return f"{count:,} {noun[:-1]}ies"
    return f"{count:,} {noun}{'es' if noun.endswith(('ch', 's', 'sh', 'x')) else 's'}"
