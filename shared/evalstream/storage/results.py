"""Table ``results``: write what the matcher made, and find the rows that it has yet to make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from evalstream.matching import POLICIES
from evalstream.policies import TRAITS
from evalstream.scenes import Float
from evalstream.storage.boxes import in_hundredths
from evalstream.storage.deletions import conditions
from evalstream.storage.events import INSERT_ROWS, without_predictions
from evalstream.storage.ontologies import revisions
from evalstream.storage.remembered import short_answer
from evalstream.storage.settings import INSERT_DISTINCT

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def _objects(side: str, *more: tuple[str, pa.DataType]) -> list[tuple[str, pa.DataType]]:
    columns = [
        ("id", pa.string()),
        ("type", pa.string()),
        ("feature", pa.string()),
        ("label", pa.string()),
        ("area", pa.float64()),  # of predictions one in the same area ranges: that is what counts of it
        *more,
        ("geometry", pa.list_(pa.float64())),
        ("parent", pa.int32()),  # a position on the same side, -1: none
        ("detail", pa.string()),
    ]
    return [(f"{side}_{name}", pa.list_(kind)) for name, kind in columns]


#: Policies whose match rectangles end just below the overlap; those of the others end at it, if nothing cuts them off.
_ENDS_BELOW: Final = frozenset(policy for policy, traits in TRAITS.items() if traits.strict)

#: Of each match rectangle, in columns of its policy: see :func:`of_policy`.
MATCHES: Final[dict[str, pa.DataType]] = {
    "prediction": pa.uint32(),
    "annotation": pa.uint32(),
    "type": pa.string(),
    "predicted_feature": pa.string(),
    "actual_feature": pa.string(),
    "predicted": pa.string(),
    "actual": pa.string(),
    "iou": pa.float64(),
    "confidence_low": pa.float64(),
    "confidence_high": pa.float64(),
    "iou_low": pa.float64(),
    "iou_high": pa.float64(),
    "area_range": pa.uint8(),
    "ignored": pa.uint8(),
}


def of_policy(policy: str, name: str) -> str:
    """Name the column that holds something of each match rectangle of a policy."""
    return f"{policy.replace('-', '_')}.{name}"


def stored_iou(policy: str, iou: Float, iou_high: Float) -> Float:
    """Give the overlaps of match rectangles as they are stored: -1 where the rectangle ends there, as most do.

    So what is almost or quite the same as in the column beside it takes no place; :func:`overlap` is the way back.
    """
    end = np.nextafter(iou, 0.0) if policy in _ENDS_BELOW else iou
    return np.where(iou_high == end, -1.0, iou)


def overlap(policy: str) -> str:
    """SQL for the overlaps of a policy's match rectangles, whether or not they were stored :func:`stored_iou`."""
    iou, high = (f"`{of_policy(policy, name)}`" for name in ("iou", "iou_high"))
    # Of floats above zero the next larger one has the next larger bits.
    end = "reinterpretAsFloat64(reinterpretAsUInt64(high) + 1)" if policy in _ENDS_BELOW else "high"
    return f"arrayMap((iou, high) -> if(iou < 0, {end}, iou), {iou}, {high})"


RESULTS: Final = pa.schema(
    [
        ("dataset", pa.string()),
        ("run", pa.string()),
        ("data_row", pa.string()),
        ("version", pa.uint64()),
        ("policies", pa.list_(pa.string())),
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
        ("measure_name", pa.list_(pa.string())),
        ("measure_actual", pa.list_(pa.string())),
        ("measure_predicted", pa.list_(pa.string())),
        ("measure_annotation", pa.list_(pa.int32())),
        ("measure_prediction", pa.list_(pa.int32())),
        ("measure_confidence", pa.list_(pa.float64())),
        ("measure_value", pa.list_(pa.list_(pa.float64()))),
        *((of_policy(policy, name), pa.list_(kind)) for policy in POLICIES for name, kind in MATCHES.items()),
    ]
)

# A row is up to date when its result has folded in as many live events, and declarations of the dataset, as there are,
# has seen every tombstone, and holds every policy. A row of a run exists once the run has said something of it that
# lives.
# ``lives`` and ``least`` are conditions that the deletions of the dataset make.
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
_DONE = """
    SELECT data_row, run, error, if(hasAll(policies, {policies:Array(String)}), version, 0) AS version
    FROM results FINAL WHERE dataset = {dataset:String} AND ({run:String} = '' OR run = {run:String})
"""
_STALE = """
SELECT DISTINCT wanted.data_row FROM {compared}
WHERE wanted.version > done.version OR ({{failed:Bool}} AND done.error != '')
ORDER BY wanted.data_row
"""
# Of the data rows that a run has said nothing of, those whose result of annotations alone is missing or out of date.
_UNMATCHED_ALONE = """
SELECT wanted.data_row FROM (
    SELECT data_row, {least} + count() + {revisions} AS known FROM events FINAL
    WHERE dataset = {{dataset:String}} AND run = '' AND {lives} AND data_row IN ({missing})
    GROUP BY data_row, run
) AS wanted LEFT JOIN (
    SELECT data_row, if(hasAll(policies, {{policies:Array(String)}}), version, 0) AS version
    FROM results FINAL WHERE dataset = {{dataset:String}} AND run = ''
) AS done ON wanted.data_row = done.data_row
WHERE wanted.known > done.version ORDER BY wanted.data_row
"""
# The same of one run, by one reading of the events; and of how many annotated data rows the run has said nothing.
_PROGRESS = """
SELECT countIf(known.own > 0) AS rows, countIf(known.own > 0 AND known.wanted > done.version) AS pending,
       countIf(known.own > 0 AND known.wanted <= done.version AND done.error != '') AS failed,
       countIf(known.own = 0) AS missing
FROM (
    SELECT data_row, countIf(run != '') AS own, maxIf({least}, run != '') + count() + {revisions} AS wanted
    FROM events FINAL WHERE dataset = {{dataset:String}} AND run IN ('', {{run:String}}) AND {lives} GROUP BY data_row
) AS known LEFT JOIN (
    SELECT data_row, error, if(hasAll(policies, {{policies:Array(String)}}), version, 0) AS version
    FROM results FINAL WHERE dataset = {{dataset:String}} AND run = {{run:String}}
) AS done ON known.data_row = done.data_row
"""


class Progress(NamedTuple):
    """Progress of a run: data rows that it spoke of, of these the ones out of date, and the ones that failed."""

    rows: int
    pending: int
    failed: int


def write_results(client: Client, results: pa.Table) -> None:
    """Write results (schema ``RESULTS``), one a key; of two for one key the one with the higher version stays."""
    from evalstream.telemetry import INSERT_SECONDS  # of services only, and takes a while

    for start in range(0, results.num_rows, INSERT_ROWS):
        with INSERT_SECONDS.labels("results").time():
            part = in_hundredths(results.slice(start, INSERT_ROWS), "annotation", "prediction")
            client.insert_arrow("results", part, settings=INSERT_DISTINCT)


def stale_rows(client: Client, dataset: str, policies: Sequence[str], *, failed: bool = False) -> list[str]:
    """Name the data rows with a result missing or out of date, and on demand those whose matching failed."""
    compared, bound = _compared(client, dataset)
    parameters = _parameters(dataset, "", policies) | bound | {"failed": failed}
    rows = client.query(_STALE.format(compared=compared), parameters=parameters).result_rows
    return [name for (name,) in rows]


def progress(client: Client, dataset: str, run: str, policies: Sequence[str]) -> Progress:
    """Count, exactly, what is done of a run and what is not."""
    return progress_and_missing(client, dataset, run, policies)[0]


def progress_and_missing(client: Client, dataset: str, run: str, policies: Sequence[str]) -> tuple[Progress, int]:
    """Count the same, and the annotated data rows that the run has said nothing of, not even that it found nothing."""
    living = conditions(client, dataset)
    statement = _PROGRESS.format(lives=living.lives, least=living.least, revisions=revisions(living))
    parameters = _parameters(dataset, run, policies) | living.parameters
    *counts, missing = short_answer(client, statement, parameters)[0]
    return Progress(*counts), missing


def unmatched_alone(client: Client, dataset: str, run: str) -> list[str]:
    """Name the annotated data rows that a run has said nothing of, and that have no result of annotations alone yet."""
    living = conditions(client, dataset)
    missing = without_predictions(living.lives)
    statement = _UNMATCHED_ALONE.format(
        lives=living.lives, least=living.least, revisions=revisions(living), missing=missing
    )
    parameters = _parameters(dataset, run, tuple(POLICIES)) | living.parameters
    return [name for (name,) in client.query(statement, parameters=parameters).result_rows]


def _compared(client: Client, dataset: str) -> tuple[str, dict[str, Any]]:
    """SQL for what is wanted beside what is done, and what the deletions in it are bound to."""
    living = conditions(client, dataset)
    wanted = _WANTED.format(lives=living.lives, least=living.least, revisions=revisions(living))
    same = "wanted.data_row = done.data_row AND wanted.run = done.run"
    return f"({wanted}) AS wanted LEFT JOIN ({_DONE}) AS done ON {same}", living.parameters


def _parameters(dataset: str, run: str, policies: Sequence[str]) -> dict[str, Any]:
    return {"dataset": dataset, "run": run, "policies": list(policies)}
