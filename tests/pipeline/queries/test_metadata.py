"""Values of metadata over random data, against the same answered by hand."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.client import Client
from evalstream.queries.metadata import MetadataPage, metadata
from evalstream.selection import Selection

from tests.oracles import queries as oracle
from tests.pipeline.random_data import Data, some_selections


@pytest.mark.parametrize("key", ["noise", "weather", "absent"])
def test_values_of_metadata(client: Client, data: Data, key: str) -> None:
    """Under every filter: which values, of how many rows, in which order; how many are numbers, and their range."""
    for selection in some_selections(data, 2, filtered=True):
        own = data.runs[selection.dataset, selection.run]
        expected = oracle.metadata_values(own, selection, key)
        found = metadata(client, selection, MetadataPage(key=key))
        assert [(one.value, one.rows) for one in found.values] == expected
        assert found.total == len(expected)
        assert found.rows == sum(oracle.fits(row, selection) for row in own)
        assert found.known == sum(rows for _, rows in expected)
        numbers = {value: rows for value, rows in expected if oracle.as_number(value) is not None}
        assert found.numbers == sum(numbers.values())
        assert found.minimum == min(map(float, numbers), default=None)
        assert found.maximum == max(map(float, numbers), default=None)


def test_values_of_metadata_are_searched_and_paged(client: Client, data: Data) -> None:
    selection = Selection(dataset="images", run="v1")
    whole = metadata(client, selection, MetadataPage(key="noise"))
    assert whole.total == len(whole.values) > 4
    for search in ("0.", "LOUD", "no such value", "%", "_"):
        found = metadata(client, selection, MetadataPage(key="noise", search=search))
        assert found.values == [one for one in whole.values if search.lower() in one.value]
        assert (found.total, found.numbers) == (len(found.values), whole.numbers)
    for offset in range(0, whole.total + 4, 3):
        page = metadata(client, selection, MetadataPage(key="noise", offset=offset, limit=3))
        assert (page.values, page.total) == (whole.values[offset : offset + 3], whole.total)
