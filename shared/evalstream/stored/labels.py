"""Paging of labels, where there may be very many."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from pydantic import BaseModel, Field


class Labels(BaseModel):
    """Query of labels: which, and which page of them."""

    search: str = Field(default="", max_length=256, description="only labels that contain this, in any case")
    label: list[str] = Field(default=[], max_length=1000, description="only these labels; all if none")
    offset: int = Field(default=0, ge=0, lt=2**53)

    def has(self, label: str) -> bool:
        """Whether a label fits."""
        return self.contains(label) and (not self.label or label in self.named)

    @cached_property
    def named(self) -> frozenset[str]:
        """The labels asked for by name: there may be a thousand, to look for among tens of thousands."""
        return frozenset(self.label)

    def contains(self, label: str) -> bool:
        """Whether a label contains what is searched for."""
        return self.search.casefold() in label.casefold()


class PerClassPage(Labels):
    """Page of classes with figures of their own; all other figures are over all classes."""

    limit: int = Field(default=1_000, ge=1, le=100_000)


ALL_CLASSES: Final = PerClassPage(limit=100_000)
