"""Stop, and lose nothing, when so many records cannot be read that more than the records must be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from evalstream_cluster.consume import FatalError

#: How far back the ratio looks.
WINDOW = 1_000


class Limits(NamedTuple):
    """Limit of unreadable records of one partition."""

    ratio: float  # of the last WINDOW records
    consecutive: int


class Seen(NamedTuple):
    """Records of a partition so far."""

    consecutive: int = 0
    recent: tuple[bool, ...] = ()  # of the last WINDOW records: was it unreadable?


def after(seen: Seen, bad: Sequence[bool], limits: Limits, partition: str) -> Seen:
    """Say what a partition has brought once a batch is added: for each record in order, whether it was unreadable.

    Raises
    ------
    FatalError
        If a limit is exceeded. The batch must then not be committed.
    """
    advice = "look at `evalstream dead-letters list`, mend the producer, or raise"
    consecutive = seen.consecutive
    for was_bad in bad:
        consecutive = consecutive + 1 if was_bad else 0
        if consecutive > limits.consecutive:
            raise FatalError(
                f"{partition}: {consecutive} records in a row cannot be read; {advice}"
                " EVALSTREAM_DEAD_LETTER_CONSECUTIVE"
            )
    recent = (*seen.recent, *bad)[-WINDOW:]
    if len(recent) == WINDOW and sum(recent) > limits.ratio * WINDOW:
        raise FatalError(
            f"{partition}: {sum(recent)} of the last {WINDOW} records cannot be read; {advice}"
            " EVALSTREAM_DEAD_LETTER_RATIO"
        )
    return Seen(consecutive, recent)
