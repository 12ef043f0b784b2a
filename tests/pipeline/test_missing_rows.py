"""Rows that are annotated and not predicted are in no figure; every answer says how many there are."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.errors import errors
from evalstream.queries.missing_rows import rows_without_predictions
from evalstream.queries.overview import overview
from evalstream.queries.summary import summary
from evalstream.selection import Selection

from tests.feeding import feed

BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}
SENTENCE = "2 annotated data rows have no prediction of this run and are not counted."


def test_rows_without_predictions(client: Client) -> None:
    truth = {name: [BOX] for name in ("1", "2", "3", "empty")} | {"empty": []}
    feed(client, "street", truth, {"all": {name: [BOX] for name in truth}, "some": {"1": [BOX], "3": []}})
    feed(client, "other", {"9": [BOX]}, {"some": {}})
    complete, partial = (Selection(dataset="street", run=run) for run in ("all", "some"))
    assert summary(client, complete).rows_without_predictions == 0
    assert not any("no prediction" in note for note in summary(client, complete).notes)
    for found in (summary(client, partial), overview(client, partial).summary):
        assert (found.rows, found.rows_without_predictions) == (2, 2)
        assert found.recall == 0.5  # of the two rows that the run has spoken of
        assert SENTENCE in found.notes[0]
    assert SENTENCE in average_precisions(client, partial).notes[0]
    assert SENTENCE in errors(client, partial).notes[0]
    # Whatever the filter: the sentence speaks of the whole dataset.
    assert summary(client, partial.model_copy(update={"data_row": ["1"]})).rows_without_predictions == 2
    assert rows_without_predictions(client, "other", "some") == 1
