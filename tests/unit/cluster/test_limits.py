"""The limits beyond which dead letters stop a consumer."""

from __future__ import annotations

import pytest
from evalstream_cluster.consume import FatalError
from evalstream_cluster.limits import WINDOW, Limits, Seen, after
from evalstream_cluster.stream import version_of

LIMITS = Limits(ratio=0.5, consecutive=10)


def test_a_run_of_bad_records_stops_the_consumer() -> None:
    seen = after(Seen(), [True] * 10, LIMITS, "t/0")
    assert seen.consecutive == 10
    with pytest.raises(FatalError, match="t/0: 11 records in a row"):
        after(seen, [True], LIMITS, "t/0")


def test_a_good_record_ends_the_run() -> None:
    seen = after(Seen(), [True] * 10 + [False] + [True] * 10, LIMITS, "t/0")
    assert seen.consecutive == 10


def test_too_large_a_share_stops_the_consumer_once_the_window_is_full() -> None:
    mostly_bad = [True, True, False] * 1000
    seen = after(Seen(), mostly_bad[: WINDOW - 1], LIMITS, "t/0")
    with pytest.raises(FatalError, match="of the last 1000 records"):
        after(seen, mostly_bad[:3], LIMITS, "t/0")


def test_a_failed_batch_leaves_no_trace() -> None:
    seen = after(Seen(), [True] * 8, LIMITS, "t/0")
    for _ in range(3):
        with pytest.raises(FatalError):
            after(seen, [True] * 8, LIMITS, "t/0")
    assert after(seen, [True] * 2, LIMITS, "t/0").consecutive == 10


def test_a_version_made_of_time_and_offset_keeps_the_order_of_a_partition() -> None:
    times = [(1000, 999_999), (1001, 1_000_000), (1001, 1_000_001), (1002, 5)]
    versions = [version_of(ms, offset) for ms, offset in times]
    assert versions == sorted(set(versions))
    assert version_of(1000, 7) == version_of(1000, 7)
