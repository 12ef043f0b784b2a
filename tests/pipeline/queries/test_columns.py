"""What is counted of columns in memory is what is counted by hand, and what the engine answers of the stored run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from evalstream.matching import AREA_RANGES, POLICIES
from evalstream.pipeline.fold import fold
from evalstream.pipeline.matchable import matchable
from evalstream.queries.average_precision import ApOptions, average_precision_of, average_precisions
from evalstream.queries.confusion_matrix import (
    CellsPage,
    ClassesPage,
    classes,
    classes_of,
    confusion_matrix,
    matrix_of,
)
from evalstream.queries.overview import OverviewOptions, overview
from evalstream.queries.summary import summary, summary_of
from evalstream.scenes import row_order
from evalstream.scoring import tally as tally_module
from evalstream.scoring.columns import Columns, columns
from evalstream.scoring.counting import count
from evalstream.scoring.detections import detections
from evalstream.scoring.notes import notes
from evalstream.scoring.tally import tally_of
from evalstream.selection import Selection
from evalstream.storage.events import load_events
from evalstream.stored import columns as stored_columns
from evalstream.stored import tally as stored_tally
from evalstream.stored.notes import notes as known_notes
from evalstream.stored.row_sums import RowSums, counts_by_row

from tests.feeding import feed
from tests.oracles import queries as oracle
from tests.pipeline.assertions import assert_cells, assert_classes, assert_summary
from tests.pipeline.random_data import Data, filter_choices, threshold_pairs

#: One selection in so many is asked of the engine too.
SAMPLE = 10


class Runs:
    """The columns of each run under each policy."""

    def __init__(self, client: Client, data: Data) -> None:
        self._client, self._data = client, data
        self.of = cache(self._of)

    def _of(self, dataset: str, run: str, policy: str) -> Columns:
        names = [row.data_row for row in self._data.runs[dataset, run]]
        events = load_events(self._client, dataset, names)
        scenes = [scene for scene in fold(events) if scene.run == run]
        scenes.sort(key=lambda scene: row_order(scene.data_row))
        # In two batches, whose codes differ.
        half = len(scenes) // 2
        batches = [matchable(events, events, some) for some in (scenes[:half], scenes[half:]) if some]
        return columns(batches, [], policy)


@pytest.fixture(scope="module")
def runs(client: Client, data: Data) -> Runs:
    return Runs(client, data)


def selections(data: Data, dataset: str, run: str, policy: str, number: int) -> list[Selection]:
    """Thresholds, area ranges and filters in many combinations."""
    known = {"dataset": dataset, "run": run, "policy": policy}
    areas = list(AREA_RANGES) if policy == "coco" else ["all"]
    chosen: list[dict[str, Any]] = [
        {"confidence": c, "iou": t, "area": areas[i % len(areas)]}
        for i, (c, t) in enumerate(threshold_pairs(data.runs[dataset, run], 25))
    ]
    chosen += [{"confidence": 0.25 * (i % 3), "iou": 0.1, **one} for i, one in enumerate(filter_choices(policy))]
    chosen += [{"at_threshold": at, "iou": t} for at in ("match", "no-match") for t in (0.0, 0.5, 1.0)]
    return [Selection(**known, **one) for one in chosen[number % 3 :: 3]]


@contextmanager
def too_large(dataset: str, run: str) -> Iterator[None]:
    """Have questions answered as of a run that is too large to be read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(stored_columns._LARGE, (dataset, run), None)
        patch.setattr(stored_columns, "recalled", lambda _client, _key: None)
        # What was counted in memory is not taken for what the engine counts.
        patch.setattr(stored_tally, "remembered", lambda _client, _key, read, _size: read())
        yield


@pytest.mark.parametrize("policy", list(POLICIES))
def test_counts(client: Client, data: Data, runs: Runs, policy: str) -> None:
    for number, (dataset, run) in enumerate(data.runs):
        of = runs.of(dataset, run, policy)
        for i, selection in enumerate(selections(data, dataset, run, policy, number)):
            counting = count(of, selection)
            counted = tally_of(of, counting)
            said = notes(of, counting, selection)
            found = (
                summary_of(counted, said),
                matrix_of(counted, CellsPage(limit=100_000)),
                classes_of(counted, ClassesPage(limit=100_000)),
            )
            if selection.roll_up is None:
                scored = oracle.score(data.runs[dataset, run], selection)
                assert_summary(found[0], scored)
                assert_cells(found[1], scored)
                assert_classes(found[2], scored)
            if i % SAMPLE == number % SAMPLE:
                stored = overview(client, selection, OverviewOptions(cells=100_000, labels=100_000))
                with too_large(dataset, run):
                    there = overview(client, selection, OverviewOptions(cells=100_000, labels=100_000))
                assert there == stored, selection
                # Rows without predictions are in the table of events alone.
                known = known_notes(client, selection)
                assert stored.summary.notes == known.notes
                assert said == [note for note in known.notes if "no prediction of this run" not in note]
                of_events = {"notes": known.notes, "rows_without_predictions": known.rows_without_predictions}
                summed = found[0].model_copy(update=of_events)
                assert (summed, *found[1:]) == (stored.summary, stored.confusion_matrix, stored.classes), selection


@pytest.mark.parametrize("policy", list(POLICIES))
def test_average_precision(client: Client, data: Data, runs: Runs, policy: str) -> None:
    group_of = ("ignore", "count") if policy == "best-candidate" else ("ignore",)
    for number, (dataset, run) in enumerate(data.runs):
        of = runs.of(dataset, run, policy)
        for i, selection in enumerate(selections(data, dataset, run, policy, number)[:: 2 * SAMPLE]):
            options = ApOptions(group_of=group_of[i % len(group_of)])
            detected = detections(of, selection, groups=options.group_of == "count")
            found = average_precision_of(detected, [], selection, options)
            stored = average_precisions(client, selection, options)
            assert found.model_copy(update={"notes": stored.notes}) == stored, selection


@pytest.mark.parametrize("policy", list(POLICIES))
def test_counts_by_row(client: Client, data: Data, policy: str) -> None:
    for number, (dataset, run) in enumerate(data.runs):
        for selection in selections(data, dataset, run, policy, number)[:: 2 * SAMPLE]:
            here = by_name(counts_by_row(client, selection, stored_columns.read_columns(client, selection)))
            assert by_name(counts_by_row(client, selection, None)) == here, selection


def by_name(sums: RowSums) -> dict[str, tuple[int, list[float]]]:
    """The key and the counts of each row; the engine has rows in no order."""
    columns = (sums.data_row.to_pylist(), sums.key.tolist(), sums.values.tolist())
    return {name: (key, [pytest.approx(one) for one in values]) for name, key, values in zip(*columns, strict=True)}


def test_a_run_that_is_too_large_to_be_read_is_counted_where_it_is(
    client: Client, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, run = next(iter(data.runs))
    selection = Selection(dataset=dataset, run=run)
    expected = overview(client, selection)
    assert stored_columns.read_columns(client, selection) is not None
    monkeypatch.setattr(stored_columns, "_LARGE", {("other", "run"): None})
    monkeypatch.setattr(stored_columns, "_LARGE_LIMIT", 1)
    client.command("SELECT 1")  # which counts as a write, so that nothing is remembered
    monkeypatch.setattr(stored_columns, "_SETTINGS", stored_columns._SETTINGS | {"max_result_bytes": 1_000})
    assert stored_columns.read_columns(client, selection) is None
    assert {(dataset, run): None} == stored_columns._LARGE  # and is not read again
    assert overview(client, selection) == expected
    # What is made of single detections is, whatever the size.
    found = average_precisions(client, selection)
    # And what was read for that is there for others, until something is written.
    assert stored_columns.read_columns(client, selection) is not None
    assert overview(client, selection) == expected
    client.command("SELECT 1")
    assert stored_columns.read_columns(client, selection) is None
    monkeypatch.undo()
    assert average_precisions(client, selection) == found


def test_questions_of_one_step_share_one_tally_until_something_is_written(
    client: Client, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, run = next(iter(data.runs))
    selection = Selection(dataset=dataset, run=run, confidence=0.4321)
    counted = []

    def tally_of(*given: Any) -> Any:
        counted.append(given)
        return tally_module.tally_of(*given)

    monkeypatch.setattr(stored_tally, "tally_of", tally_of)
    whole = overview(client, selection, OverviewOptions(cells=100_000, labels=100_000))
    assert confusion_matrix(client, selection, CellsPage(limit=100_000)) == whole.confusion_matrix
    assert classes(client, selection, ClassesPage(limit=100_000)) == whole.classes
    assert summary(client, selection) == whole.summary
    assert len(counted) == 1
    overview(client, selection.model_copy(update={"confidence": 0.5321}))
    assert len(counted) == 2
    client.command("SELECT 1")  # which counts as a write
    assert overview(client, selection, OverviewOptions(cells=100_000, labels=100_000)) == whole
    assert len(counted) == 3


def test_what_is_wrong_with_the_engine_is_not_taken_for_a_large_run(
    client: Client, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, run = next(iter(data.runs))
    client.command("SELECT 1")  # which counts as a write, so that nothing is remembered
    monkeypatch.setattr(stored_columns, "_SETTINGS", stored_columns._SETTINGS | {"max_memory_usage": 1})
    with pytest.raises(ClickHouseError):
        stored_columns.read_columns(client, Selection(dataset=dataset, run=run))
    assert (dataset, run) not in stored_columns._LARGE


def test_rows_whose_results_came_one_after_another_have_labels_of_their_own(client: Client) -> None:
    # Each insert has a dictionary of its own until the engine merges them, and the answer then has several.
    box = {"type": "bbox", "bbox": [0, 0, 10, 10]}
    for label in ("car", "bus", "bike"):
        objects = {f"with {label}": [box | {"feature": label}]}
        feed(client, "one by one", objects, {"r": objects})
    stored = stored_columns.read_columns(client, Selection(dataset="one by one", run="r"))
    assert stored is not None
    assert set(stored.columns.labels) >= {"car", "bus", "bike"}
    found = overview(client, Selection(dataset="one by one", run="r"))
    assert (found.summary.tp, found.summary.fp, found.summary.fn) == (3, 0, 0)


@pytest.mark.parametrize(
    "names", [["10", "9", "1000000000000000000"], ["10", "9", "7"], ["01", "1", "b", "ab", "-2", "+1"], []]
)
def test_rows_come_in_the_order_of_average_precision(names: list[str]) -> None:
    order = stored_columns._row_order(pa.chunked_array([pa.array(names, pa.string()).dictionary_encode()]))
    assert [names[i] for i in order] == sorted(names, key=row_order)
