"""Rows that are annotated and not predicted: in no figure until the run is closed, and so to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalstream.queries.counted import ask
from evalstream.storage.deletions import conditions
from evalstream.storage.events import without_predictions

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def rows_without_predictions(client: Client, dataset: str, run: str) -> int:
    """Count the annotated data rows of which the run has said nothing, not even that it found nothing."""
    lives, _ = conditions(client, dataset)
    statement = f"SELECT count() FROM ({without_predictions(lives)})"
    ((count,),) = ask(client, statement, {"dataset": dataset, "run": run})
    return int(count)
