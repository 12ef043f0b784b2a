"""Table ``row_results``: write what the matcher made, and find the rows that it has yet to make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from evalstream.storage.deletions import conditions
from evalstream.storage.events import INSERT_ROWS
from evalstream.storage.ontologies import REVISIONS
from evalstream.storage.settings import INSERT
from evalstream.telemetry import INSERT_SECONDS

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def _objects(side: str, *more: tuple[str, pa.DataType]) -> list[tuple[str, pa.DataType]]:
    columns = [
        ("id", pa.string()),
        ("type", pa.string()),
        ("feature", pa.string()),
        ("label", pa.string()),
        ("area", pa.float64()),
        *more,
        ("geometry", pa.list_(pa.float64())),
        ("parent", pa.int32()),  # a position on the same side, -1: none
        ("detail", pa.string()),
    ]
    return [(f"{side}_{name}", pa.list_(kind)) for name, kind in columns]


RESULTS: Final = pa.schema(
    [
        ("dataset", pa.string()),
        ("run", pa.string()),
        ("policy", pa.string()),
        ("data_row", pa.string()),
        ("version", pa.uint64()),
        ("error", pa.string()),
        ("split", pa.string()),
        ("width", pa.uint32()),
        ("height", pa.uint32()),
        ("coordinates", pa.string()),
        ("media_url", pa.string()),
        ("text", pa.string()),
        ("metadata", pa.map_(pa.string(), pa.string())),
        *_objects("annotation", ("crowd", pa.uint8())),
        *_objects("prediction", ("confidence", pa.float64()), ("rank", pa.uint32())),
        ("prediction_own", pa.list_(pa.int32())),
        ("prediction_own_iou", pa.list_(pa.float64())),
        ("prediction_other", pa.list_(pa.int32())),
        ("prediction_other_iou", pa.list_(pa.float64())),
        ("prediction_score_label", pa.list_(pa.list_(pa.string()))),
        ("prediction_score", pa.list_(pa.list_(pa.float64()))),
        ("match_prediction", pa.list_(pa.uint32())),
        ("match_annotation", pa.list_(pa.uint32())),
        ("match_type", pa.list_(pa.string())),
        ("match_predicted_feature", pa.list_(pa.string())),
        ("match_actual_feature", pa.list_(pa.string())),
        ("match_predicted", pa.list_(pa.string())),
        ("match_actual", pa.list_(pa.string())),
        ("match_iou", pa.list_(pa.float64())),
        ("match_confidence_low", pa.list_(pa.float64())),
        ("match_confidence_high", pa.list_(pa.float64())),
        ("match_iou_low", pa.list_(pa.float64())),
        ("match_iou_high", pa.list_(pa.float64())),
        ("match_area_range", pa.list_(pa.uint8())),
        ("match_ignored", pa.list_(pa.uint8())),
        ("measure_name", pa.list_(pa.string())),
        ("measure_actual", pa.list_(pa.string())),
        ("measure_predicted", pa.list_(pa.string())),
        ("measure_annotation", pa.list_(pa.int32())),
        ("measure_prediction", pa.list_(pa.int32())),
        ("measure_confidence", pa.list_(pa.float64())),
        ("measure_value", pa.list_(pa.list_(pa.float64()))),
    ]
)

# A row is up to date under a policy when its result has folded in as many live events, and declarations of the dataset,
# as there are, and has seen every tombstone. A row of a run exists once the run has said something of it that lives.
# ``lives`` and ``least`` are the conditions that the deletions of the dataset make.
_WANTED = """
    SELECT own.data_row AS data_row, own.run AS run, own.least + own.events + shared.events + {revisions} AS version
    FROM (
        SELECT data_row, run, count() AS events, {least} AS least FROM events FINAL
        WHERE dataset = {{dataset:String}} AND run != '' AND ({{run:String}} = '' OR run = {{run:String}}) AND {lives}
        GROUP BY data_row, run
    ) AS own
    LEFT JOIN (
        SELECT data_row, count() AS events FROM events FINAL
        WHERE dataset = {{dataset:String}} AND run = '' AND {lives} GROUP BY data_row
    ) AS shared ON own.data_row = shared.data_row
"""
#
# A result from before an evalstream that stores more of each object (`prediction_own`) has yet to be made.
_DONE = """
    SELECT data_row, run, max(error) AS error,
           if(count() = {policies:UInt32} AND min(length(prediction_own) = length(prediction_id)), min(version), 0)
               AS version
    FROM row_results FINAL
    WHERE dataset = {dataset:String} AND ({run:String} = '' OR run = {run:String}) AND policy IN {names:Array(String)}
    GROUP BY data_row, run
"""
_STALE = """
SELECT DISTINCT wanted.data_row FROM {compared}
WHERE wanted.version > done.version OR ({{failed:Bool}} AND done.error != '')
ORDER BY wanted.data_row
"""
_PROGRESS = """
SELECT count() AS rows, countIf(wanted.version > done.version) AS pending,
       countIf(wanted.version <= done.version AND done.error != '') AS failed
FROM {compared}
"""


class Progress(NamedTuple):
    """How far a run has come: data rows that it spoke of, of these the ones out of date, and the ones that failed."""

    rows: int
    pending: int
    failed: int


def write_results(client: Client, results: pa.Table) -> None:
    """Write results (schema ``RESULTS``); of two for one key the one with the higher version stays."""
    for start in range(0, results.num_rows, INSERT_ROWS):
        with INSERT_SECONDS.labels("row_results").time():
            client.insert_arrow("row_results", results.slice(start, INSERT_ROWS), settings=INSERT)


def stale_rows(client: Client, dataset: str, policies: Sequence[str], *, failed: bool = False) -> list[str]:
    """Name the data rows with a result missing or out of date, and on demand those whose matching failed."""
    statement = _STALE.format(compared=_compared(client, dataset))
    parameters = _parameters(dataset, "", policies) | {"failed": failed}
    return [name for (name,) in client.query(statement, parameters=parameters).result_rows]


def progress(client: Client, dataset: str, run: str, policies: Sequence[str]) -> Progress:
    """Count, exactly, what is done of a run and what is not."""
    statement = _PROGRESS.format(compared=_compared(client, dataset))
    return Progress(*client.query(statement, parameters=_parameters(dataset, run, policies)).result_rows[0])


def _compared(client: Client, dataset: str) -> str:
    """SQL for what is wanted beside what is done."""
    lives, least = conditions(client, dataset)
    wanted = _WANTED.format(lives=lives, least=least, revisions=REVISIONS)
    return (
        f"({wanted}) AS wanted LEFT JOIN ({_DONE}) AS done ON wanted.data_row = done.data_row AND wanted.run = done.run"
    )


def _parameters(dataset: str, run: str, policies: Sequence[str]) -> dict[str, Any]:
    return {"dataset": dataset, "run": run, "names": list(policies), "policies": len(policies)}
