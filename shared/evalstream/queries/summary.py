"""How good is this run, in one line."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client
from pydantic import BaseModel, Field

from evalstream.metrics.scores import scores
from evalstream.queries.selection import Selection, ask, scored


class Summary(BaseModel):
    """The counts and scores of a selection, over all its objects (micro-averaged)."""

    rows: int = Field(description="data rows that the run has spoken of, and that are selected")
    annotations: int = Field(description="annotations that count")
    predictions: int = Field(description="predictions that count")
    tp: int
    fp: int = Field(description="predictions less true positives: a wrong class is one")
    fn: int = Field(description="annotations less true positives: a wrong class is one")
    precision: float | None
    recall: float | None
    f1: float | None
    mean_iou: float | None = Field(description="mean IoU of the true positives, classifications left out")


def summary(client: Client, selection: Selection) -> Summary:
    """Count and score everything that is selected."""
    sql, parameters = scored(selection)
    # As decimals, whose sum does not depend on the order in which the engine comes upon the rows: the same events give
    # the same answer to the last digit, in one process and in a cluster.
    located = "arrayMap(i -> toDecimal128(i, 18), arrayFilter((i, ok) -> ok AND isFinite(i), matched_iou, correct))"
    ((rows, annotations, predictions, tp, ious, located_count),) = ask(
        client,
        f"SELECT count(), sum(length(actual)), sum(length(predicted)), sum(arrayCount(ok -> ok, correct)),"
        f" toFloat64(sum(arraySum({located}))), sum(length({located})) FROM ({sql})",
        parameters,
    )
    fp, fn = predictions - tp, annotations - tp
    return Summary(
        rows=rows,
        annotations=annotations,
        predictions=predictions,
        tp=tp,
        fp=fp,
        fn=fn,
        **scores(tp, fp, fn)._asdict(),
        mean_iou=ious / located_count if located_count else None,
    )
