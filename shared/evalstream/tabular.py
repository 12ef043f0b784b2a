"""Answers that are tables, for whoever works with pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import pandas as pd


class Tabular(BaseModel):
    """An answer with a list of things of one kind, or a mapping of labels to them."""

    #: Of some thirty kinds of answers a process asks for a few.
    model_config = ConfigDict(defer_build=True)
    #: The field that holds them.
    table: ClassVar[str]

    def to_pandas(self) -> pd.DataFrame:
        """Give them as a table, one a line; ``attrs`` of the table has everything else of the answer.

        Such as ``total``, where only a page was asked for, and ``notes``. Needs pandas: ``pip install pandas``.
        """
        import pandas as pd

        frame = pd.DataFrame(self._lines())
        frame.attrs = self.model_dump(exclude={self.table})
        return frame

    def _lines(self) -> list[dict[str, Any]]:
        held = getattr(self, self.table)
        if isinstance(held, Mapping):
            return [{"label": label, **own.model_dump()} for label, own in held.items()]
        return [own.model_dump() for own in held]
