"""Close a run: of each annotated data row that it has said nothing of, say that it found nothing.

It is said as a producer would say it, by an empty ``replace``, so that everything downstream is as for any other event.
But it is the first of all events that the data row and run can have: its version is the lowest that lives, and no event
of that version has an id before it. Folding begins at the last ``replace``, so nothing that a producer says, had said
unnoticed, or has still on its way is changed by it. Said again, it is the same event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import orjson

from evalstream.events.versions import next_version
from evalstream.storage.deletions import load_deletions
from evalstream.storage.events import LOOKUP_ROWS, rows_to_close

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: No id is before it: ids have a character at least, and no control characters.
EVENT_ID: Final = " "


def closing_events(client: Client, dataset: str, run: str, after: str = "") -> dict[str, bytes]:
    """Make the events that close a run, by data row: of some thousand rows after a given one; none are left in the end.

    Raises
    ------
    OutOfVersionsError
        If a deletion reaches up to the highest version that there is.
    """
    data_rows = rows_to_close(client, dataset, run, after=after, at_most=LOOKUP_ROWS)
    return dict(zip(data_rows, _events(client, dataset, run, data_rows), strict=True))


def _events(client: Client, dataset: str, run: str, data_rows: Sequence[str]) -> list[bytes]:
    deletions = load_deletions(client, dataset, data_rows)
    said = {"operation": "replace", "predictions": [], "event_id": EVENT_ID}
    return [
        orjson.dumps({"data_row": name, "version": next_version(deletions.floor(run, name) - 1, 0)} | said)
        for name in data_rows
    ]
