"""Problems of a file: records that could not be read, and records read otherwise than they stand there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from evalstream.errors import EvalstreamError

SHOWN: Final = 20


class Problem(NamedTuple):
    """A record that is left out: where it stands, which field is wrong, and why."""

    source: str
    record: str
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.record}: {self.field}: {self.reason}"


class ImporterError(EvalstreamError, ValueError):
    """A file that cannot be read; the message names the file, the record and the field."""


def refuse(problems: Sequence[Problem]) -> None:
    """Raise an error that names the first problems, if there are any.

    Raises
    ------
    ImporterError
        If there are problems.
    """
    if problems:
        more = len(problems) - SHOWN
        lines = [str(problem) for problem in problems[:SHOWN]]
        raise ImporterError("\n".join([*lines, *([f"… and {more:,} more records"] if more > 0 else [])]))
