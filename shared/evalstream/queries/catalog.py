"""What there is to ask about."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client
from pydantic import BaseModel

from evalstream.queries.counted import ask


class Dataset(BaseModel):
    """A dataset, its model runs, and what its data rows can be filtered by."""

    dataset: str
    data_rows: int
    runs: list[str]
    splits: list[str]
    metadata: list[str]


class Catalog(BaseModel):
    """Every dataset."""

    datasets: list[Dataset]


_DATASETS = """
SELECT dataset, uniqExact(data_row), arraySort(groupUniqArrayIf(run, run != '')),
       arraySort(groupUniqArrayIf(split, split != '')), arraySort(groupUniqArrayArray(mapKeys(metadata)))
FROM events GROUP BY dataset ORDER BY dataset
"""


def catalog(client: Client) -> Catalog:
    """List datasets, runs, splits and metadata keys."""
    return Catalog(
        datasets=[
            Dataset(dataset=name, data_rows=rows, runs=list(runs), splits=list(splits), metadata=list(keys))
            for name, rows, runs, splits, keys in ask(client, _DATASETS, {})
        ]
    )


def run_exists(client: Client, dataset: str, run: str) -> bool:
    """Whether the run has said anything of the dataset, matched already or not."""
    parameters = {"dataset": dataset, "run": run}
    where = "WHERE dataset = {dataset:String} AND run = {run:String} LIMIT 1"
    return any(ask(client, f"SELECT 1 FROM {table} {where}", parameters) for table in ("row_results", "events"))
