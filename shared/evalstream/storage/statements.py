"""Statements that change tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def change(client: Client, statement: str, parameters: Mapping[str, Any]) -> None:
    """Run a statement that changes a table; when this returns it is done.

    The client's ``command`` would put the parameters into the URL, however long they are, and servers refuse a URL with
    the names of some hundred data rows.
    """
    client.raw_query(statement, parameters=dict(parameters))
