"""Entities counted in four modes, against the rule itself and against nervaluate."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from evalstream.metrics.entities import MODES, Counted, Spans, average, count_entities
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.entities import Entity, outcomes

TYPES = "xyz"
entities = st.lists(
    st.builds(
        lambda start, length, kind: (start, start + length, kind),
        st.integers(0, 12),
        st.integers(1, 6),
        st.sampled_from(TYPES),
    ),
    max_size=8,
)
documents = st.lists(st.tuples(entities, entities), min_size=1, max_size=4)


def spans(documents: Sequence[Sequence[Entity]]) -> Spans:
    flat = [(i, start, end, TYPES.index(kind)) for i, document in enumerate(documents) for start, end, kind in document]
    return Spans(*np.array(flat, np.int64).reshape(-1, 4).T)


def counted(pairs: Sequence[tuple[Sequence[Entity], Sequence[Entity]]]) -> list[list[Counted]]:
    counts = count_entities(spans([a for a, _ in pairs]), spans([p for _, p in pairs]), len(TYPES))
    return [[Counted(*outcome) for outcome in mode] for mode in counts.tolist()]


@given(documents)
def test_every_mode_is_its_rule(pairs: list[tuple[list[Entity], list[Entity]]]) -> None:
    found = counted(pairs)
    for kind, own in zip(["", *TYPES], found, strict=True):
        for mode, count in zip(MODES, own, strict=True):
            expected = Counted(0, 0, 0, 0, 0)
            for a, p in pairs:
                of_kind = [[one for one in side if one[2] == kind or not kind] for side in (a, p)]
                right = outcomes(*of_kind, mode)
                expected = Counted(*(n + right[name] for name, n in expected._asdict().items()))
            assert count == expected, (kind, mode)
            sides = [[one for pair in pairs for one in pair[side] if one[2] == kind or not kind] for side in (0, 1)]
            assert (count.annotations, count.predictions) == (len(sides[0]), len(sides[1]))


@given(documents)
def test_strict_hits_are_the_spans_that_both_sides_have(pairs: list[tuple[list[Entity], list[Entity]]]) -> None:
    once = [(sorted(set(a)), sorted(set(p))) for a, p in pairs]
    assert counted(once)[0][0].correct == sum(len(set(a) & set(p)) for a, p in once)


@given(documents, st.randoms(use_true_random=False))
def test_the_order_of_spans_means_nothing(
    pairs: list[tuple[list[Entity], list[Entity]]], random: random.Random
) -> None:
    shuffled = [(random.sample(a, len(a)), random.sample(p, len(p))) for a, p in pairs]
    assert counted(shuffled) == counted(pairs)


@pytest.mark.parametrize("kinds", ["xy", "yx", "xz", "zx"])
def test_of_two_types_on_one_span_the_one_that_is_there_is_right(kinds: str) -> None:
    """Whichever of them comes first, in the list or by name."""
    for true in kinds:
        own = dict(zip(MODES, counted([([(0, 1, true)], [(0, 2, kind) for kind in kinds])])[0], strict=True))["type"]
        assert (own.correct, own.incorrect, own.spurious) == (1, 0, 1)


def test_a_span_that_fits_wholly_does_not_keep_others_on_it_from_going_in_order() -> None:
    true, said = [(0, 2, "x"), (0, 1, "z")], [(0, 2, "x"), (0, 2, "y"), (0, 2, "z")]
    own = dict(zip(MODES, counted([(true, said)])[0], strict=True))["type"]
    assert (own.correct, own.incorrect, own.spurious) == (2, 0, 1)


def test_a_vague_prediction_does_not_take_what_another_one_fits() -> None:
    # Nervaluate, which goes through predictions once, gives the annotation to the first: 0 correct, 1 spurious.
    assert counted([([(2, 6, "x")], [(0, 3, "x"), (2, 6, "x")])])[0][0] == Counted(1, 0, 0, 0, 1)


def test_scores() -> None:
    assert Counted(0, 0, 0, 0, 0).scores() == (None, None, None)
    assert Counted(0, 0, 0, 2, 0).scores() == (None, 0.0, 0.0)
    assert Counted(0, 0, 0, 0, 2).scores() == (0.0, None, 0.0)
    assert Counted(1, 0, 1, 0, 2).scores() == (1.5 / 4, 1.5 / 2, pytest.approx(0.5))
    assert average([], weighted=False) == (None, None, None)
    assert average([Counted(0, 0, 0, 0, 1)], weighted=True) == (None, None, None)
    assert average([Counted(1, 0, 0, 0, 0), Counted(0, 0, 0, 3, 0)], weighted=True) == (0.25, 0.25, 0.25)


def test_a_long_text_takes_no_square_time() -> None:
    rng = np.random.default_rng(5)
    count = 50_000
    start = np.sort(rng.integers(0, 10 * count, count))
    whole = Spans(np.zeros(count, np.int64), start, start + rng.integers(1, 8, count), rng.integers(0, 3, count))
    # With pairs of all, this would end by its timeout, or for want of memory.
    found = count_entities(whole._replace(start=start + 1, end=whole.end + 1), whole, 3)
    assert found[0].sum(axis=1).min() >= count
