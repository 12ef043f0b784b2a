"""Which labels a question is asked about, where there may be very many."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Labels(BaseModel):
    """Which labels, and which part of what is found of them."""

    search: str = Field(default="", max_length=256, description="only labels that contain this, in any case")
    label: list[str] = Field(default=[], max_length=1000, description="only these labels; all if none")
    offset: int = Field(default=0, ge=0, lt=2**53)

    def has(self, label: str) -> bool:
        """Whether a label fits."""
        return self.search.casefold() in label.casefold() and (not self.label or label in self.label)
