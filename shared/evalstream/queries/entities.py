"""Scores of named entities in the four modes of SemEval 2013 and nervaluate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from evalstream.metrics.entities import MODES, Counted, EntityScores, Spans, average, count_entities
from evalstream.selection import Selection
from evalstream.stored.counted import ask_arrow, scored
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_UNDEFINED = {
    "precision": "nothing was predicted",
    "recall": "nothing is annotated",
    "f1": "there are no entities, neither annotated nor predicted (seqeval says 0)",
}
_NO_CLASSES = "there are no entities to average over"
_NO_WEIGHT = "nothing is annotated, and so no class weighs anything"

# The spans of one side that count, by data row.
_COLUMNS = """
    arrayMap(g -> g[1], arrayFilter((g, k, ok) -> ok AND k = 'span', {0}_geometry, {0}_type, {0}_counts)) AS {0}_from,
    arrayMap(g -> g[2], arrayFilter((g, k, ok) -> ok AND k = 'span', {0}_geometry, {0}_type, {0}_counts)) AS {0}_to,
    arrayFilter((l, k, ok) -> ok AND k = 'span', {0}_label, {0}_type, {0}_counts) AS {0}_class
"""


class EntityCounts(BaseModel):
    """Counts and scores in one mode."""

    correct: int
    incorrect: int = Field(description="a prediction and an annotation that go together, and differ")
    partial: int = Field(description="mode `partial` only: overlap without the same boundaries, half a hit")
    missed: int = Field(description="annotations that go together with no prediction")
    spurious: int = Field(description="predictions that go together with no annotation")
    precision: float | None = Field(description="(correct + partial / 2) / predictions")
    recall: float | None = Field(description="(correct + partial / 2) / annotations")
    f1: float | None
    undefined: dict[str, str] = Field(description="why a figure is null")


class EntityModes(BaseModel):
    """The same in each mode: what has to be right for a hit."""

    strict: EntityCounts = Field(description="boundaries and type: the span F1 of CoNLL and seqeval")
    exact: EntityCounts = Field(description="boundaries")
    partial: EntityCounts = Field(description="boundaries; any overlap is half a hit")
    type: EntityCounts = Field(description="type, with any overlap")


class EntityAverage(BaseModel):
    """Scores averaged over classes; one that a class leaves undefined counts as 0, as in seqeval."""

    precision: float | None
    recall: float | None
    f1: float | None
    undefined: dict[str, str] = Field(description="why a figure is null")


class EntityAverages(BaseModel):
    """The averages of each mode."""

    strict: EntityAverage
    exact: EntityAverage
    partial: EntityAverage
    type: EntityAverage


class EntityClass(EntityModes):
    """One class, its spans compared with each other alone."""

    label: str


class Entities(Tabular):
    """Spans that were to be found and spans that were, at any overlap: the IoU threshold plays no part."""

    table: ClassVar = "classes"

    rows: int = Field(description="data rows that are selected, those without spans too")
    annotations: int
    predictions: int
    overall: EntityModes = Field(description="over all spans (micro)")
    macro: EntityAverages = Field(description="the mean of all classes that are annotated or predicted")
    weighted: EntityAverages = Field(description="the same, each class weighing as much as it has annotations")
    classes: list[EntityClass] = Field(description="by name")


def entities(client: Client, selection: Selection) -> Entities:
    """Count and score spans of text, exactly at the selected confidence.

    Who goes together is decided here by the modes, not by the policy, whose part is what counts at all. A ``feature``
    filter leaves out other classes on both sides before that, as nervaluate's ``tags`` do.
    """
    sql, parameters = scored(selection)
    columns = _COLUMNS.format("annotation") + ", " + _COLUMNS.format("prediction")
    table = ask_arrow(client, f"SELECT {columns} FROM ({sql})", parameters)
    sides = [_flat(table, "annotation"), _flat(table, "prediction")]
    labels = sorted(pc.unique(pa.concat_arrays([side["class"] for side in sides])).to_pylist())
    true, said = (_spans(side, labels) for side in sides)
    counts = [[Counted(*outcome) for outcome in mode] for mode in count_entities(true, said, len(labels)).tolist()]
    return Entities(
        rows=table.num_rows,
        annotations=len(true.start),
        predictions=len(said.start),
        overall=EntityModes(**_modes(counts[0])),
        macro=_averages(counts[1:], weighted=False),
        weighted=_averages(counts[1:], weighted=True),
        classes=[EntityClass(label=label, **_modes(own)) for label, own in zip(labels, counts[1:], strict=True)],
    )


def _flat(table: pa.Table, side: str) -> dict[str, Any]:
    lists = {name: table[f"{side}_{name}"].combine_chunks() for name in ("from", "to", "class")}
    row = np.repeat(np.arange(table.num_rows), np.asarray(pc.list_value_length(lists["from"]), np.int64))
    return {"row": row} | {name: column.flatten() for name, column in lists.items()}


def _spans(side: dict[str, Any], labels: list[str]) -> Spans:
    label = pc.index_in(side["class"], value_set=pa.array(labels, pa.string()))
    columns = (side["row"], side["from"], side["to"], label)
    return Spans(*(np.asarray(column).astype(np.int64) for column in columns))


def _modes(counted: Sequence[Counted]) -> dict[str, EntityCounts]:
    return {
        mode: EntityCounts(**own._asdict(), **(scores := own.scores())._asdict(), undefined=_why(scores))
        for mode, own in zip(MODES, counted, strict=True)
    }


def _averages(classes: Sequence[Sequence[Counted]], *, weighted: bool) -> EntityAverages:
    by_mode = {}
    for i, mode in enumerate(MODES):
        scores = average([own[i] for own in classes], weighted=weighted)
        reason = _NO_WEIGHT if classes else _NO_CLASSES
        why = {name: reason for name, value in scores._asdict().items() if value is None}
        by_mode[mode] = EntityAverage(**scores._asdict(), undefined=why)
    return EntityAverages(**by_mode)


def _why(scores: EntityScores) -> dict[str, str]:
    return {name: _UNDEFINED[name] for name, value in scores._asdict().items() if value is None}
