"""The key of every record: dataset and data row."""

from __future__ import annotations


def row_key(dataset: str, data_row: str) -> bytes:
    """Key a record; datasets have no slash, so the first one ends the dataset."""
    return f"{dataset}/{data_row}".encode()
