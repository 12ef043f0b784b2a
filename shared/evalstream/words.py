"""Words for people: counts with their nouns."""

from __future__ import annotations

import re


def count_of(count: int, noun: str) -> str:
    """Say how many there are.

    >>> count_of(1, "image"), count_of(2_000, "image"), count_of(0, "entity"), count_of(2, "key"), count_of(3, "box")
    ('1 image', '2,000 images', '0 entities', '2 keys', '3 boxes')
    >>> count_of(2, "answer on video frames"), count_of(2, "mask at an address, which is not fetched")
    ('2 answers on video frames', '2 masks at an address, which is not fetched')
    """
    if count == 1:
        return f"1 {noun}"
    if further := re.search(" (?:at|in|of|on) ", noun):
        return count_of(count, noun[: further.start()]) + noun[further.start() :]
    if re.search("[^aeiou]y$", noun):
        return f"{count:,} {noun[:-1]}ies"
    return f"{count:,} {noun}{'es' if noun.endswith(('ch', 's', 'sh', 'x')) else 's'}"
