"""Which state of its data an answer about a run is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, Field

from evalstream.storage.deletions import conditions
from evalstream.stored.counted import ask

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_OF_RUN: Final = "dataset = {dataset:String} AND run IN ('', {run:String})"
_BURIED: Final = f"(SELECT uniqExact(run, data_row, version) FROM deletions WHERE {_OF_RUN})"


class Position(BaseModel):
    """Position of a run in the stream of events: two equal ones are of the same annotations and predictions.

    Every event of the run or of the dataset's annotations, declaration and deletion that comes changes it, whatever its
    version; one that comes twice does not, nor one that was deleted before it came.
    """

    version: int = Field(
        description="the highest version of an event or declaration: nanoseconds since 1970 where producers give none"
    )
    events: int = Field(description="events of the run and of annotations")
    declarations: int = Field(description="declarations of the dataset's ontology")
    deletions: int = Field(description="deletions of the dataset, of its data rows and of the run")


def position(client: Client, dataset: str, run: str) -> Position:
    """Tell how far the data of a run has come."""
    living = conditions(client, dataset)
    declared = f"ontologies WHERE dataset = {{dataset:String}} AND {living.declaration_lives}"
    statement = f"""
        SELECT greatest(said.newest, declared.newest), said.number, declared.number, {_BURIED}
        FROM (SELECT max(version) AS newest, count() AS number FROM events FINAL
              WHERE {_OF_RUN} AND {living.lives}) AS said,
            (SELECT max(version) AS newest, uniqExact(version, id) AS number FROM {declared}) AS declared
    """
    parameters = {"dataset": dataset, "run": run} | living.parameters
    ((version, events, declarations, deletions),) = ask(client, statement, parameters)
    return Position(version=version, events=events, declarations=declarations, deletions=deletions)
