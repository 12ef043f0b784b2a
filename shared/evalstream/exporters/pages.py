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
PAGE: Final = 500


def rows_of(client: Asked, dataset: str, run: str, said: Mapping[str, Any], on_progress: OnProgress) -> Iterator[Row]:
    """Give each data row once, in the order of keys, whatever comes or goes meanwhile.

    Parameters
    ----------
    client : Asked
        Whom to ask question ``rows``.
    said : mapping
        The filter, and which rows; neither order nor page.
    on_progress : callable
        Called with what is being done, how many rows are done, and of how many.

    Raises
    ------
    RefusedError
        If the service refuses the question; one data row that is too large for an answer for instance.
    """
    limit, done = PAGE, 0
    after: str | None = None
    while True:
        try:
            page = client.rows(dataset, run, **said, after=after, limit=limit)
        except RefusedError as error:
            if error.status != 422 or limit == 1:
                raise
            limit = (limit + 1) // 2  # rows of very many objects: so many are no answer
            continue
        yield from page.rows
        done += len(page.rows)
        left = page.total - len(page.rows)
        on_progress("data rows", done, done + left)
        if not page.rows or not left:
            return
        after = page.rows[-1].data_row
