"""Rows that are annotated and not predicted: in no figure, and so to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalstream.queries.counted import ask
from evalstream.storage.deletions import conditions

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def rows_without_predictions(client: Client, dataset: str, run: str) -> int:
    """Count the annotated data rows of which the run has said nothing, not even that it found nothing."""
    lives, _ = conditions(client, dataset)
    statement = f"""
        SELECT countIf(annotated AND NOT predicted) FROM (
            SELECT max(run = '') AS annotated, max(run = {{run:String}}) AS predicted FROM events
            WHERE dataset = {{dataset:String}} AND run IN ('', {{run:String}}) AND {lives} GROUP BY data_row
        )
    """
    ((count,),) = ask(client, statement, {"dataset": dataset, "run": run})
    return int(count)
