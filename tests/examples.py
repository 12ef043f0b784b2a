"""How many examples hypothesis tries where each takes long."""

from __future__ import annotations

from hypothesis import settings


def some_examples(share: float) -> settings:
    """Try a share of the examples that the profile tries elsewhere, and at least one."""
    return settings(max_examples=max(1, round(share * settings().max_examples)))
