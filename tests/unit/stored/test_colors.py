"""Default colours: the same for ever, spread over the palette, and told apart by people who see fewer colours."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from evalstream.stored.colors import PALETTE, default_color

#: What is left of linear RGB where one kind of cone is missing: Machado, Oliveira and Fernandes (2009), severity 1.
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
#: A difference of CIE 1976 of about 2.3 is just noticed side by side.
LEAST_DIFFERENCE = 10


def lab(color: str, sight: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of a colour as it is seen."""
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(sight @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    ratio = xyz / np.array([0.95047, 1.0, 1.08883])
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", list(SIGHT))
def test_any_two_colours_are_told_apart(sight: str) -> None:
    for one, other in combinations(PALETTE, 2):
        difference = float(np.linalg.norm(lab(one, SIGHT[sight]) - lab(other, SIGHT[sight])))
        assert difference > LEAST_DIFFERENCE, (one, other, difference)


def test_colours_never_change() -> None:
    known = {"car": "#999933", "person": "#88ccee", "größe 大": "#117733"}
    assert {name: default_color(name) for name in known} == known


def test_classes_are_spread_over_the_palette() -> None:
    counts = Counter(default_color(f"class {i:05d}") for i in range(9_000))
    assert counts.keys() == set(PALETTE)
    assert max(counts.values()) < 1.15 * min(counts.values())
