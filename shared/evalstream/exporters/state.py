"""Which state of the data an export is of, and whether that changed while it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from evalstream.queries.position import Position
from evalstream.questions import RunProgress
from evalstream.words import count_of

if TYPE_CHECKING:
    from evalstream.questions import Asked


class State(NamedTuple):
    """State of the runs that an export asks for: where each stands, and how far the first one is matched."""

    positions: Mapping[str, Position]
    progress: RunProgress


def state(client: Asked, dataset: str, run: str, *others: str | None) -> State:
    """Ask for the state of a run, and for the positions of others that are compared with it, if there are any."""
    runs = dict.fromkeys(name for name in (run, *others) if name is not None)
    return State({name: client.position(dataset, name) for name in runs}, client.progress(dataset, run))


def told(before: State, after: State, *, left_out: bool) -> Iterator[str]:
    """Say what is not settled in an export.

    Parameters
    ----------
    before, after : State
        When it began, and when all of it was asked for.
    left_out : bool
        Whether data rows without predictions are left out.
    """
    if before.positions != after.positions:
        yield (
            "Events came while it was written, and it may hold some of them and not others: data rows that came or went"
            " may be missing. Export again when nothing more comes."
        )
    pending = max(before.progress.pending, after.progress.pending)
    if pending:
        yield f"{_are(pending, 'data row')} not matched yet, and may be missing or out of date."
    if after.progress.failed:
        yield f"{_are(after.progress.failed, 'data row')} left out, which could not be matched."
    missing = after.progress.without_predictions
    if missing and left_out:
        yield f"{_are(missing, 'annotated data row')} left out, of which the run has said nothing."
    elif missing:
        rows = count_of(missing, "annotated data row")
        yield f"The run has said nothing of {rows}: counted, as if nothing was found there."


def _are(count: int, noun: str) -> str:
    return f"{count_of(count, noun)} {'is' if count == 1 else 'are'}"
