"""How often a key may ask: at most so many requests in any 60 seconds, whenever they come."""

from __future__ import annotations

from evalstream_service.rate import WINDOW_SECONDS, Rates
from hypothesis import given
from hypothesis import strategies as st


def test_the_wait_is_until_the_oldest_request_is_a_minute_ago() -> None:
    rates = Rates()
    assert [rates.take("k", 2, now) for now in (0, 10, 20)] == [0, 0, 40]
    assert rates.take("k", 2, 59.5) == 0.5
    assert rates.take("k", 2, 60) == 0
    assert rates.take("k", 2, 61) == 9


def test_each_key_has_a_rate_of_its_own() -> None:
    rates = Rates()
    assert rates.take("k", 1, 0) == 0
    assert rates.take("other", 1, 0) == 0
    assert rates.take("k", 1, 0) == WINDOW_SECONDS


def test_a_rate_that_is_lowered_counts_at_once() -> None:
    rates = Rates()
    for now in range(5):
        assert rates.take("k", 5, now) == 0
    assert rates.take("k", 2, 5) == 58  # until only the last one is left


@given(st.integers(1, 5), st.lists(st.integers(0, 30), max_size=60))
def test_never_more_than_allowed_in_any_minute_and_never_refused_in_vain(rate: int, pauses: list[int]) -> None:
    rates = Rates()
    now = 0
    let_through: list[int] = []
    for pause in pauses:
        now += pause
        recent = [at for at in let_through if at > now - WINDOW_SECONDS]
        wait = rates.take("k", rate, now)
        assert (wait == 0) == (len(recent) < rate)
        if wait:
            assert wait == recent[-rate] + WINDOW_SECONDS - now
        else:
            let_through.append(now)
