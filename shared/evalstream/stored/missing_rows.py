"""Rows that are annotated and not predicted: left out and told, or counted as rows on which nothing was found.

A run that is closed has a result of each of them. Of one that is not, what is missing has results of its annotations
alone, under run '' and for all runs the same: they are made when they are first asked for, and asked for in the place
of the run's own (:func:`evalstream.stored.counted.selected`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from evalstream.selection import Filter, QuestionError
from evalstream.storage.deletions import conditions
from evalstream.storage.events import without_predictions
from evalstream.storage.results import unmatched_alone
from evalstream.stored.counted import ask

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: The most rows that a question makes results of: it keeps whoever asks waiting for them.
MOST_UNMATCHED: Final = 100_000
#: Questions of one process come together, and want the same rows: they are matched once.
_MATCHING: Final = threading.Lock()


def rows_without_predictions(client: Client, dataset: str, run: str) -> int:
    """Count the annotated data rows of which the run has said nothing, not even that it found nothing."""
    lives, *_, bound = conditions(client, dataset)
    statement = f"SELECT count() FROM ({without_predictions(lives)})"
    ((count,),) = ask(client, statement, {"dataset": dataset, "run": run} | bound)
    return int(count)


def match_missing_rows(client: Client, asked: Filter, dataset: str, *runs: str) -> None:
    """Match what is missing of some runs, if it is to count and is not matched yet.

    Raises
    ------
    QuestionError
        If it is too much for a question.
    """
    if asked.missing_rows == "leave_out":
        return
    from evalstream.pipeline.reconcile import match_alone  # of services only, and takes a while

    with _MATCHING:
        for run in runs:
            data_rows = unmatched_alone(client, dataset, run)
            if len(data_rows) > MOST_UNMATCHED:
                raise QuestionError(
                    f"{len(data_rows):,} annotated data rows have no prediction of run {run!r}, and a question takes in"
                    f" at most {MOST_UNMATCHED:,} that are not matched yet: close the run"
                )
            match_alone(client, dataset, data_rows)
