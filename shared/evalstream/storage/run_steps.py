"""Table ``run_steps``: where runs stand in a series of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evalstream.storage.deletions import conditions, touched
from evalstream.storage.settings import INSERTED
from evalstream.storage.statements import change

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_SET: Final = f"""
INSERT INTO run_steps (dataset, run, version, step) {INSERTED}
SELECT {{dataset:String}}, {{run:String}}, {{version:UInt64}}, {{step:Int64}}
"""
_STEPS: Final = "SELECT dataset, run, argMax(step, version) FROM run_steps WHERE {which} GROUP BY dataset, run"
# Nearly always all of them, as in the catalog.
_UNTOUCHED: Final = _STEPS.format(which="dataset NOT IN (SELECT dataset FROM deletions)")
_TOUCHED: Final = _STEPS.format(which="dataset = {{dataset:String}} AND {lives}")


def set_step(client: Client, dataset: str, run: str, step: int, version: int) -> None:
    """Say where a run stands; when this returns it is on disk."""
    parameters = {"dataset": dataset, "run": run, "step": step, "version": version}
    change(client, _SET, parameters)


def load_steps(client: Client) -> dict[str, dict[str, int]]:
    """Give the steps of runs, by dataset and run; of a run that is deleted there is none."""
    rows = list(client.query(_UNTOUCHED).result_rows)
    for name in touched(client):
        living = conditions(client, name)
        parameters = {"dataset": name} | living.parameters
        rows += client.query(_TOUCHED.format(lives=living.run_lives), parameters=parameters).result_rows
    steps: dict[str, dict[str, int]] = {}
    for dataset, run, step in rows:
        steps.setdefault(dataset, {})[run] = step
    return steps
