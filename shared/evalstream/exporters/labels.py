"""Labels with their scores: an annotation or a prediction a line, beside the metrics of its data row.

A data row without objects has one line too, with no ``side``, so that no row is left out.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, Final

import orjson

from evalstream.queries.rows import Row, RowObject
from evalstream.stored.counted import ROW_METRICS

#: Lines that are turned into columns together.
_BATCH: Final = 20_000
_NUMBERS: Final = ("confidence", "iou", "area")
#: The columns, but for the metrics of data rows, which are called ``row.NAME``.
COLUMNS: Final = (
    *("data_row", "split", "width", "height", "side", "id", "type", "feature", "label"),
    *("outcome", "cause", "matched", "iou", "confidence", "geometry", "area", "crowd", "detail", "parent", "repaired"),
    "metrics",
)


def lines(row: Row) -> Iterator[dict[str, Any]]:
    """Give the lines of one data row: its annotations, its predictions, or one line without an object."""
    whole: dict[str, Any] = dict.fromkeys(COLUMNS)
    whole |= row.model_dump(include={"data_row", "split", "width", "height"})
    metrics = {f"row.{name}": value for name, value in row.metrics.items()}
    for side, objects in (("annotation", row.annotations), ("prediction", row.predictions)):
        for one in objects:
            yield whole | {"side": side} | _own(one) | metrics
    if not row.annotations and not row.predictions:
        yield whole | metrics


def _own(one: RowObject) -> dict[str, Any]:
    return {name: getattr(one, name) for name in COLUMNS if name in RowObject.model_fields}


def _columns(first: Row | None) -> list[str]:
    """Name the columns: every row has the same metrics."""
    return [*COLUMNS, *(f"row.{name}" for name in (ROW_METRICS if first is None else first.metrics))]


def _begun(rows: Iterable[Row]) -> tuple[Row | None, Iterator[Row]]:
    """Look at the first row."""
    left = iter(rows)
    first = next(left, None)
    return first, iter(()) if first is None else _with_first(first, left)


def _with_first(first: Row, left: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from left


def write_ndjson(rows: Iterable[Row], file: IO[bytes]) -> None:
    """Write a data row a line, as question ``rows`` answers it, with its objects within it."""
    for row in rows:
        file.write(row.model_dump_json().encode() + b"\n")


def write_csv(rows: Iterable[Row], file: IO[bytes]) -> None:
    """Write a label a line; an empty cell is null, ``geometry`` and ``metrics`` are JSON."""
    first, rows = _begun(rows)
    writer = csv.DictWriter(codecs.getwriter("utf-8")(file), _columns(first))
    writer.writeheader()
    for row in rows:
        writer.writerows(own | {name: _json(own[name]) for name in ("geometry", "metrics")} for own in lines(row))


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def write_parquet(rows: Iterable[Row], file: IO[bytes]) -> None:
    """Write a label a line, in columns: ``geometry`` is a list of numbers, ``metrics`` is JSON."""
    import pyarrow as pa
    from pyarrow import parquet

    first, rows = _begun(rows)
    schema = pa.schema([(name, _type(name)) for name in _columns(first)])
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch += (own | {"metrics": _json(own["metrics"])} for own in lines(row))
            if len(batch) >= _BATCH:
                writer.write_table(_table(batch, schema))
                batch = []
        writer.write_table(_table(batch, schema))


def _type(name: str) -> Any:
    import pyarrow as pa

    if name == "geometry":
        return pa.list_(pa.float64())
    if name in ("width", "height"):
        return pa.int64()
    if name in ("crowd", "repaired"):
        return pa.bool_()
    return pa.float64() if name in _NUMBERS or name.startswith("row.") else pa.string()


def _table(batch: Sequence[dict[str, Any]], schema: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist(list(batch), schema=schema)
