"""Every headline figure with its interval, of several slices of a run at once.

A slice is a part of what a question selects: of its data rows, or of its objects. Each is answered as
:mod:`evalstream.queries.intervals` answers it alone. What is read of a small run is remembered for each slice, so that
other thresholds cost arithmetic only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final
from urllib.parse import parse_qs

from pydantic import AfterValidator, Field

from evalstream.queries.intervals import Intervals, IntervalsQuery, intervals
from evalstream.selection import Filter, QuestionError, Selection, checked
from evalstream.stored.replicates import IntervalOptions
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Slices of one question: each has its own resamplings.
_MOST: Final = 50
#: What tells slices apart; thresholds and policy are the question's.
NARROWING: Final = ("split", "feature", "type", "metadata", "roll_up", "both_sides")


def narrowed(text: str) -> dict[str, Any]:
    """Read a slice as it stands in a URL: ``split=test&metadata=noise>=0.3``.

    Raises
    ------
    QuestionError
        If it is none.
    """
    try:
        said = parse_qs(text, strict_parsing=True, keep_blank_values=True) if text else {}
    except ValueError:
        raise QuestionError(f"{text!r} is not a slice: write field=value, and & between several") from None
    if unknown := sorted(said.keys() - set(NARROWING)):
        raise QuestionError(f"slice {text!r} has {unknown[0]!r}: what tells slices apart is {', '.join(NARROWING)}")
    default = Filter()
    found: dict[str, Any] = {}
    for name, values in said.items():
        if isinstance(getattr(default, name), list):
            found[name] = values
        elif len(values) == 1:
            found[name] = values[0]
        else:
            raise QuestionError(f"slice {text!r} has {name!r} twice, which has one value")
    own = checked(Filter, found, f"slice {text!r}")
    return {name: getattr(own, name) for name in found}


def _is_slice(text: str) -> str:
    narrowed(text)
    return text


class SlicesQuery(IntervalsQuery):
    """A filter, how intervals are made, and of which slices."""

    slice: list[Annotated[str, AfterValidator(_is_slice)]] = Field(
        min_length=1,
        max_length=_MOST,
        description="one slice each, as a query string of its own: `split=test`, or `metadata=noise>=0.3&feature=car`. "
        f"What it names ({', '.join(NARROWING)}) takes the place of what the question says of the same",
    )


class Slice(Intervals):
    """A slice, and every headline figure of it with its interval."""

    slice: str = Field(description="as it was asked for")


class Slices(Tabular):
    """Headline figures of several slices with their intervals, in the order in which slices were asked for."""

    table: ClassVar = "slices"

    slices: list[Slice]
    notes: list[str] = Field(default=[], description="what has to be known of all of them; each has its own besides")

    def _lines(self) -> list[dict[str, Any]]:
        return [{"slice": own.slice, **figure.model_dump()} for own in self.slices for figure in own.figures]


def slices(
    client: Client, selection: Selection, parts: Sequence[str], options: IntervalOptions | None = None
) -> Slices:
    """Give the headline figures of each slice as :func:`evalstream.queries.intervals.intervals` gives them.

    Raises
    ------
    QuestionError
        If a slice is none, or has too many rows or predictions for so many replicates.
    """
    found = []
    for part in parts:
        own = intervals(client, selection.model_copy(update=narrowed(part)), options)
        found.append(Slice(slice=part, **dict(own)))
    return Slices(slices=found)
