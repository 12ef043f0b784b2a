"""How many examples hypothesis tries where each takes long or is rare, and how many seeds a test of its own tries."""

from __future__ import annotations

from hypothesis import settings

#: Of how many examples a share is meant: those that the default profile tries.
_ORDINARY = 25


def some_examples(share: float) -> settings:
    """Try a share of the examples that the profile tries elsewhere, and at least one; above 1 several times as many."""
    return settings(max_examples=max(1, round(share * settings().max_examples)))


def some_seeds(count: int) -> range:
    """Give so many seeds; as many times more as a profile tries more examples than the default one."""
    return range(max(count, count * settings().max_examples // _ORDINARY))
