"""Catalogue of datasets and their runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, Field

from evalstream.storage.deletions import conditions, touched
from evalstream.storage.run_steps import load_steps
from evalstream.stored.counted import ask
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class Dataset(BaseModel):
    """A dataset, its model runs, and what its data rows can be filtered by."""

    dataset: str
    data_rows: int
    runs: list[str]
    steps: dict[str, int] = Field(description="of each run that has one: where it stands in a series, such as an epoch")
    newest_run: str | None = Field(description="the one whose first event came last; null: there is no run")
    splits: list[str]
    metadata: list[str]


class Catalog(Tabular):
    """Every dataset."""

    table: ClassVar = "datasets"

    datasets: list[Dataset]


class Datasets(Catalog):
    """The datasets that the key is for."""

    may_delete: bool = Field(description="whether this service deletes datasets and runs, and the key allows it")


_DATASETS = """
SELECT dataset, uniqExact(data_row), arraySort(groupUniqArrayIf(run, run != '')),
       arraySort(groupUniqArrayIf(split, split != '')), arraySort(groupUniqArrayArray(mapKeys(metadata))),
       minMapIf([toString(run)], [toUnixTimestamp64Milli(received_at)], run != '') AS begun
FROM events WHERE {which} GROUP BY dataset
"""
# Nearly always all of them; the others are asked for one by one, for only some of their events live.
_UNTOUCHED = _DATASETS.format(which="dataset NOT IN (SELECT dataset FROM deletions)")
_TOUCHED = _DATASETS.format(which="dataset = {{dataset:String}} AND {lives}")


def catalog(client: Client) -> Catalog:
    """List datasets, runs, splits and metadata keys."""
    datasets = ask(client, _UNTOUCHED, {})
    for name in touched(client):
        living = conditions(client, name)
        datasets += ask(client, _TOUCHED.format(lives=living.lives), {"dataset": name} | living.parameters)
    steps = load_steps(client)
    return Catalog(
        datasets=[
            Dataset(
                dataset=name,
                data_rows=rows,
                runs=list(runs),
                steps={run: step for run, step in sorted(steps.get(name, {}).items()) if run in runs},
                newest_run=_last(*begun),
                splits=list(splits),
                metadata=list(keys),
            )
            for name, rows, runs, splits, keys, begun in sorted(datasets, key=lambda dataset: str(dataset[0]).encode())
        ]
    )


def _last(runs: Sequence[str], begun: Sequence[int]) -> str | None:
    """The run that began last; of several the last by name."""
    return max(zip(begun, runs, strict=True), default=(0, None))[1]


def run_exists(client: Client, dataset: str, run: str) -> bool:
    """Whether the run has said anything of the dataset, matched already or not, that is not deleted."""
    lives, *_, bound = conditions(client, dataset)
    statement = f"SELECT 1 FROM events WHERE dataset = {{dataset:String}} AND run = {{run:String}} AND {lives} LIMIT 1"
    return bool(ask(client, statement, {"dataset": dataset, "run": run} | bound))
