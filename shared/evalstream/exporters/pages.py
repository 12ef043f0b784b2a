"""All data rows that a question names, a page at a time: no more than one page is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from evalstream.client.errors import RefusedError
from evalstream.queries.rows import Row

if TYPE_CHECKING:
    from evalstream.questions import Asked

OnProgress = Callable[[str, int, int | None], None]
#: Data rows of the first page; of rows with very many objects, pages become smaller.
PAGE: Final = 200


def rows_of(
    client: Asked, dataset: str, run: str, said: Mapping[str, Any], notes: list[str], on_progress: OnProgress
) -> Iterator[Row]:
    """Give each data row once, in the order of keys.

    Parameters
    ----------
    client : Asked
        Whom to ask question ``rows``.
    said : mapping
        The filter, and which rows; neither order nor page.
    notes : list of str
        Where to say, in the end, that rows came or went meanwhile.
    on_progress : callable
        Called with what is being done, how many rows are done, and of how many.

    Raises
    ------
    RefusedError
        If the service refuses the question; one data row that is too large for an answer for instance.
    """
    limit, offset, totals = PAGE, 0, set[int]()
    last: tuple[int, str] | None = None
    while True:
        try:
            page = client.rows(dataset, run, **said, offset=offset, limit=limit)
        except RefusedError as error:
            if error.status != 422 or limit == 1:
                raise
            limit = (limit + 1) // 2  # rows of very many objects: so many are no answer
            continue
        totals.add(page.total)
        for row in page.rows:
            key = (len(row.data_row.encode()), row.data_row)
            if last is None or key > last:  # else a row before it came meanwhile, and this one is given already
                last = key
                yield row
        offset += len(page.rows)
        on_progress("data rows", min(offset, page.total), page.total)
        if not page.rows or offset >= page.total:
            break
    if len(totals) > 1:
        notes.append(
            f"Data rows came or went while they were read ({min(totals):,} to {max(totals):,}): rows may be missing. "
            "Export again when the run is complete."
        )
