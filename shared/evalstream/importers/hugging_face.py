"""Data sets of Hugging Face ``datasets`` in memory to data rows: answers, and tags of tokens.

They are known by what they have, so that the package need not be installed: ``features`` tell the names of classes
(https://huggingface.co/docs/datasets/about_dataset_features).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from evalstream.importers.options import TableOptions
from evalstream.importers.problems import Problem
from evalstream.importers.rows import Imported, Row, Side


@runtime_checkable
class Dataset(Protocol):
    """As much of ``datasets.Dataset`` as is used."""

    features: Mapping[str, Any]
    column_names: list[str]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the records."""


def read(source: Dataset, side: Side, options: TableOptions) -> Imported:
    """Read a data set: `tokens` with tags as spans, anything else as a table of answers.

    Raises
    ------
    ImporterError
        If it has no column of answers.
    """
    from evalstream.importers import ner, table  # which take a while, and files need them not

    field = next((name for name in ner.TAGS if name in source.features), None)
    if "tokens" in source.features and field is not None:
        return _of_tags(source, side, field)
    # What tensors and pictures hold is no answer: such columns are left where they are.
    names = {name: _names(feature) for name, feature in source.features.items()}
    plain = [name for name, feature in source.features.items() if names[name] or _is_plain(feature)]
    columns: dict[str, list[Any]] = {name: [] for name in plain}
    for record in source:
        for name in plain:
            columns[name].append(_named(record[name], names[name]))
    return table.read(pa.table(columns), side, options)


def _names(feature: Any) -> list[str] | None:
    """Give the names of a class label, or of a list of them."""
    own = getattr(getattr(feature, "feature", feature), "names", None)
    return list(own) if own else None


def _is_plain(feature: Any) -> bool:
    dtype = getattr(feature, "dtype", None)
    return isinstance(dtype, str) and dtype.startswith(("int", "uint", "float", "string", "large_string", "bool"))


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None  # -1: no label


def _of_tags(source: Dataset, side: Side, field: str) -> Imported:
    from evalstream.importers import ner

    names = _names(source.features[field])
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, record in enumerate(source, 1):
        place = f"record {number}"
        try:
            text, spans = ner.of_tags(record["tokens"], record[field], names)
        except ValueError as error:
            problems.append(Problem(side, place, field, str(error)))
            continue
        key = str(record["id"]) if record.get("id") is not None else str(number)
        rows.append(Row(key, {"text": text}, spans, [f"{place} entity {i}" for i in range(len(spans))]))
    classes = sorted({item["feature"] for row in rows for item in row.objects})
    return Imported(side, side, rows, classes, [], problems)
