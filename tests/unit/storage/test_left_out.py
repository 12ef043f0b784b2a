"""What tables leave out because it follows from the rest, and how it is there again when they are read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.events import EVENTS
from evalstream.matching import AREA_RANGES, POLICIES
from evalstream.matching.area import by_range
from evalstream.policies import PolicyName
from evalstream.queries.rows import Page, rows
from evalstream.selection import Selection
from evalstream.storage.boxes import in_hundredths, in_units, with_areas, without_areas
from evalstream.storage.events import append_events, load_events
from evalstream.storage.results import of_policy, overlap, stored_iou
from hypothesis import given
from hypothesis import strategies as st

from tests.feeding import feed, new_engine

SIZE = st.floats(0, 1e6, allow_subnormal=False)
BOX = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), SIZE, SIZE).map(list)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with new_engine(tmp_path_factory.mktemp("engine")) as client:
        yield client


def events(*rows: tuple[str, list[tuple[str, list[float], float]]]) -> pa.Table:
    """Give events of (run, objects), each of these a type, a geometry and an area."""
    count = len(rows)
    columns: dict[str, object] = {field.name: [[]] * count for field in EVENTS}
    columns |= {field.name: [""] * count for field in EVENTS if pa.types.is_string(field.type)}
    columns |= {name: [0] * count for name in ("version", "width", "height")}
    columns |= {"dataset": ["d"] * count, "data_row": [str(i) for i in range(count)], "run": [run for run, _ in rows]}
    columns |= {"event_id": ["e"] * count, "operation": ["replace"] * count}
    for place, name in enumerate(("object_type", "object_geometry", "object_area")):
        columns[name] = [[one[place] for one in objects] for _, objects in rows]
    columns |= {"object_id": [[str(i) for i in range(len(objects))] for _, objects in rows]}
    for name, value in {"feature": "a", "label": "a", "confidence": 1.0, "crowd": 0, "parent": 0, "detail": ""}.items():
        columns[f"object_{name}"] = [[value] * len(objects) for _, objects in rows]
    columns |= {f"object_{name}": [[[]] * len(objects) for _, objects in rows] for name in ("score_label", "score")}
    return pa.table(columns, EVENTS)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "r"]),
            st.lists(
                st.one_of(
                    st.tuples(st.just("bbox"), BOX, st.none()),
                    st.tuples(st.just("bbox"), BOX, st.floats(0, 1e9)),
                    st.tuples(st.just("polyline"), BOX, st.just(0.0)),
                    st.tuples(st.just("mask"), st.just(list[float]()), st.just(7.0)),
                ),
                max_size=4,
            ),
        ),
        max_size=4,
    ),
    st.integers(0, 3),
)
def test_areas_that_are_left_out_are_there_again(
    given: list[tuple[str, list[tuple[str, list[float], float | None]]]], start: int
) -> None:
    rows = [(run, [(t, g, g[2] * g[3] if a is None else a) for t, g, a in objects]) for run, objects in given]
    whole = events(*rows).slice(start)
    stored = without_areas(whole)
    assert with_areas(stored) == whole
    for (run, objects), own in zip(rows[start:], stored["object_area"].to_pylist(), strict=True):
        for (kind, box, area), left in zip(objects, own, strict=True):
            assert np.isnan(left) == (run != "" and kind == "bbox" and area == box[2] * box[3])


COORDINATE = st.one_of(
    st.floats(allow_nan=False),
    st.decimals(-30_000_000, 30_000_000, places=2, allow_nan=False).map(float),
    st.sampled_from([0.0, -0.0, 0.1 + 0.2, 2147483647 / 100, 2147483648 / 100, -2147483648 / 100]),
)
SHAPE = st.one_of(
    st.tuples(st.just("bbox"), st.lists(COORDINATE, min_size=4, max_size=4)),
    st.tuples(st.sampled_from(["polyline", "span", "bbox"]), st.lists(COORDINATE, max_size=5)),
)


@given(st.lists(st.lists(SHAPE, max_size=4), max_size=4), st.integers(0, 3))
def test_boxes_of_two_decimals_are_hundredths_and_the_same_again(
    given: list[list[tuple[str, list[float]]]], start: int
) -> None:
    whole = events(*(("r", [(kind, shape, 0.0) for kind, shape in objects]) for objects in given)).slice(start)
    stored = in_hundredths(whole, "object")
    again = in_units(stored, "object") if given[start:] else whole
    assert repr(again["object_geometry"].to_pylist()) == repr(
        whole["object_geometry"].to_pylist()
    )  # tells -0.0 from 0.0
    assert again == whole
    if not given[start:]:
        return
    for objects, left, moved in zip(
        given[start:], stored["object_geometry"].to_pylist(), stored["object_hundredths"].to_pylist(), strict=True
    ):
        for (kind, shape), own, hundredths in zip(objects, left, moved, strict=True):
            fits = len(shape) == 4 and all(abs(x) < 2**31 / 100 and repr(round(x, 2)) == repr(x) for x in shape)
            fits &= "-0.0" not in map(repr, shape)
            assert bool(hundredths) == (kind == "bbox" and fits), (kind, shape)
            assert own == ([] if hundredths else shape)


def test_the_table_has_no_areas_of_predicted_boxes(client: Client) -> None:
    boxes = [("bbox", [1.0, 2.0, 0.1, 0.7], 0.1 * 0.7)]
    whole = events(("", boxes), ("r", boxes))
    append_events(client, whole)
    asked = "SELECT object_area FROM events WHERE dataset = 'd' ORDER BY run"
    (annotated,), (predicted,) = (row[0] for row in client.query(asked).result_rows)
    assert annotated == 0.1 * 0.7
    assert np.isnan(predicted)
    assert load_events(client, "d", ["0", "1"]) == whole


def test_tables_have_hundredths_and_answers_coordinates(client: Client) -> None:
    given = [[0.1, 20.25, 3, 4.07], [0.123, 1, 2, 3]]
    boxes = [{"type": "bbox", "feature": "a", "bbox": one} for one in given]
    feed(client, "boxes", {"r": boxes}, {"m": {"r": [one | {"confidence": 0.5} for one in boxes]}})
    for table, side in (("events", "object"), ("results", "annotation"), ("results", "prediction")):
        asked = f"SELECT {side}_geometry, {side}_hundredths FROM {table} WHERE dataset = 'boxes'"
        for found in client.query(asked).result_rows:
            assert found == ([[], given[1]], [[10, 2025, 300, 407], []])
    (row,) = rows(client, Selection(dataset="boxes", run="m"), Page()).rows
    assert [one.geometry for one in (*row.annotations, *row.predictions)] == given * 2


@given(st.lists(st.floats(0, 1e12) | st.sampled_from([b for own in AREA_RANGES.values() for b in own])))
def test_an_area_is_stored_as_one_in_the_same_ranges(areas: list[float]) -> None:
    given = np.array([*areas, *(step for b in (1024.0, 9216.0, 1e10) for step in (np.nextafter(b, 0), b, b + 1e-5))])
    stored = by_range(given)
    for low, high in AREA_RANGES.values():
        assert ((low <= stored) & (stored <= high)).tolist() == ((low <= given) & (given <= high)).tolist()
    assert len(np.unique(stored)) <= 9


def test_an_area_that_is_not_known_stays_so() -> None:
    assert np.isnan(by_range(np.array([np.nan, 5.0]))).tolist() == [True, False]


@pytest.mark.parametrize("policy", list(POLICIES))
def test_overlaps_are_read_as_they_were(client: Client, policy: PolicyName) -> None:
    iou = np.array([0.1, 0.5, 1.0, 1.5, np.inf, np.inf, 0.7, 5e-324, 1e-9])
    high = np.nextafter(iou, 0.0) if policy == "iou-greedy" else iou.copy()
    high[5:7] = 0.25, 0.3
    stored = stored_iou(policy, iou, high)
    assert stored.tolist() == [-1, -1, -1, -1, -1, np.inf, 0.7, -1, -1]
    lists = {of_policy(policy, "iou"): stored, of_policy(policy, "iou_high"): high}
    table = pa.table({name: [values] for name, values in lists.items()})
    names = ", ".join(f"`{name}` Array(Float64)" for name in lists)
    client.command(f"CREATE TABLE lists ({names}) ENGINE = Memory")
    client.insert_arrow("lists", table)
    (found,) = client.query(f"SELECT {overlap(policy)} FROM lists").result_rows[0]
    assert found == iou.tolist()
    # What was stored before overlaps were left out is read as it is.
    client.command("TRUNCATE TABLE lists")
    client.insert_arrow("lists", table.set_column(0, table.column_names[0], [[iou]]))
    assert client.query(f"SELECT {overlap(policy)} FROM lists").result_rows[0][0] == iou.tolist()
    client.command("DROP TABLE lists")


def test_tables_are_compressed_well_from_the_first_part_on(client: Client) -> None:
    box = {"type": "bbox", "feature": "a", "bbox": [0, 0, 2, 2]}
    feed(client, "small", {"r": [box]}, {"m": {"r": [box | {"confidence": 0.5}]}})
    asked = "SELECT DISTINCT table, default_compression_codec FROM system.parts WHERE table IN ('events', 'results')"
    assert sorted(client.query(asked).result_rows) == [("events", "ZSTD(3)"), ("results", "ZSTD(3)")]


@pytest.mark.parametrize("table", ["events", "results"])
def test_parts_are_removed_soon_only_because_what_they_were_merged_into_is_synced(client: Client, table: str) -> None:
    (said,) = client.query(f"SELECT engine_full FROM system.tables WHERE name = '{table}'").result_rows[0]
    assert "old_parts_lifetime = 30" in said
    assert "min_rows_to_fsync_after_merge = 1" in said
