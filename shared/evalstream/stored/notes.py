"""Notes on an answer about a stored run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evalstream.events.base import Crowd
from evalstream.matching import MAX_DETECTIONS, MAX_SKELETONS
from evalstream.scoring.notes import Unusual, sentences
from evalstream.selection import Selection
from evalstream.storage.retentions import removed
from evalstream.stored.counted import MOST_COUNTED, ask, is_object, scored, selected
from evalstream.stored.missing_rows import rows_without_predictions
from evalstream.words import count_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# One sum each, over rows of ``scored``. What is nested shares its parent's fate, and is not counted beside it.
_BEYOND = (
    "arrayCount((ok, c, k, n, up) -> ok AND up < 0 AND c >= {confidence:Float64} AND n >= " + MOST_COUNTED + ","
    " prediction_asked, prediction_confidence, prediction_type, prediction_rank, prediction_parent)"
)
_NEGATIVE = (
    "arrayCount((ok, c, up) -> ok AND up < 0 AND c < 0, prediction_asked, prediction_confidence, prediction_parent)"
)
_IGNORED = (
    "arrayCount(p -> prediction_asked[p + 1] AND prediction_parent[p + 1] < 0"
    " AND prediction_confidence[p + 1] >= {confidence:Float64}, arrayDistinct(ignored_prediction))"
)
_REGIONS = "arrayCount((ok, c) -> ok AND NOT {is_object}, annotation_asked, annotation_crowd)"
_REPAIRED = "arrayCount(name -> name = 'repaired', measure_name)"
# Whether there can be anything of a kind at all: mostly there is not, and this is soon asked. Rows that could not be
# matched have no objects.
_ANY = f"""
SELECT maxArray(prediction_rank) >= {min(MAX_DETECTIONS, MAX_SKELETONS)}, minArray(prediction_confidence) < 0,
    maxArray(annotation_crowd) > {Crowd.OBJECT}, max(has(measure_name, 'repaired')), countIf(error != '')
FROM ({{rows}})
"""


class Known(NamedTuple):
    """Return the notes on an answer, in sentences; and how many annotated rows have no prediction of the run."""

    notes: list[str]
    rows_without_predictions: int


def notes(client: Client, selection: Selection) -> Known:
    """Say what has to be known of any answer about the selection at its thresholds."""
    rows, parameters = selected(selection, with_failed=True)
    ((ranks, negatives, regions, repaired, rows_failed),) = ask(client, _ANY.format(rows=rows), parameters)
    kinds = {
        "beyond": _BEYOND if ranks and selection.traits.limited else None,
        "negative": _NEGATIVE if negatives else None,
        "ignored": _IGNORED if regions else None,
        "regions": _REGIONS.format(is_object=is_object(selection)) if regions else None,
        "repaired": _REPAIRED if repaired else None,
    }
    there = {kind: one for kind, one in kinds.items() if one is not None}
    return notes_on(client, selection, rows_failed, _unusual(client, selection, there) if there else Unusual())


def notes_on(client: Client, selection: Selection, rows_failed: int, unusual: Unusual) -> Known:
    """Say what has to be known, where it is known what failed and what is unusual."""
    missing = rows_without_predictions(client, selection.dataset, selection.run)
    said = sentences(rows_failed, missing, unusual, selection)
    gone = removed(client, selection.dataset)
    if gone.rows:
        said.append(
            f"{count_of(gone.rows, 'data row')} of the dataset removed by retention, older than"
            f" {gone.older_than:%Y-%m-%d %H:%M:%S} UTC."
        )
    return Known(said, missing)


def _unusual(client: Client, selection: Selection, kinds: dict[str, str]) -> Unusual:
    sql, parameters = scored(selection)
    ((*counts,),) = ask(client, f"SELECT {', '.join(f'sum({one})' for one in kinds.values())} FROM ({sql})", parameters)
    return Unusual(**dict(zip(kinds, counts, strict=True)))
