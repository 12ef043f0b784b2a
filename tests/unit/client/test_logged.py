"""Columns in the spool become the events that objects would have been, and what is no columns stays as it is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
from evalstream.client import logged
from evalstream.client.objects import Boxes
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text('a"\\],[{}\né€', min_size=1, max_size=6)
NUMBERS = st.floats(-1e15, 1e15) | st.sampled_from([0.0, -0.0, 1e-7, 5e-324, 1e15])


@st.composite
def columns(draw: st.DrawFn) -> tuple[str, Boxes]:
    labels = draw(st.lists(NAMES, max_size=4))
    values = np.array(draw(st.lists(NUMBERS, min_size=5 * len(labels), max_size=5 * len(labels))))
    return draw(NAMES), Boxes(labels, values[: 4 * len(labels)].reshape(-1, 4), values[4 * len(labels) :])


@given(st.lists(columns(), min_size=1, max_size=4))
def test_columns_become_the_events_that_they_mean(images: list[tuple[str, Boxes]]) -> None:
    lines = [logged.line(image, version, found) for version, (image, found) in enumerate(images)]
    assert [json.loads(event) for event in logged.events(lines)] == [
        {
            "data_row": image,
            "operation": "replace",
            "version": version,
            "predictions": [
                {"type": "bbox", "feature": label, "bbox": box, "confidence": score}
                for label, box, score in zip(found.labels, found.boxes.tolist(), found.scores.tolist(), strict=True)
            ],
        }
        for version, (image, found) in enumerate(images)
    ]


@given(columns(), st.data())
def test_what_is_no_columns_stays_as_it_is(image: tuple[str, Boxes], data: st.DataObject) -> None:
    whole = logged.line(image[0], 1, image[1])
    cut = data.draw(st.integers(0, len(whole) - 1))
    event = logged.line("a", 2, [{"type": "point", "feature": "car", "point": [1, 2]}])
    others: list[Any] = [whole[:cut], event, data.draw(st.binary().filter(lambda one: b"\n" not in one)), whole + b"]"]
    assert logged.events(others) == others
    assert orjson.loads(logged.events([whole, *others])[0])["data_row"] == image[0]


def test_lists_of_different_lengths_are_no_columns() -> None:
    lines = [orjson.dumps(["a", 1, *own]) for own in ([["b"], [], []], [[], [[1, 2, 3, 4]], []], [[], [], [1]])]
    assert logged.events(lines) == lines
