"""McNemar's exact test: whether two runs that saw the same objects differ by more than chance.

Reference: McNemar, Note on the sampling error of the difference between correlated proportions or percentages (1947),
in its exact form: under the null hypothesis each object that one run alone gets right is as likely to be the one run's
as the other's. ``scipy.stats.binomtest`` with a probability of one half gives the same.
"""

from __future__ import annotations

import math

import numpy as np


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the two-sided p-value: how likely so uneven a split, or a more uneven one, is by chance.

    Parameters
    ----------
    only_a, only_b : int
        How many objects the one run alone gets right, and how many the other alone. What both get right, or both wrong,
        does not matter. If there are none the p-value is 1.

    >>> mcnemar(8, 1)
    0.0390625
    """
    n = only_a + only_b
    half = n // 2
    # C(n, half - j) in units of C(n, half), from the ratios of neighbours: no factorial is ever formed, and little is
    # lost to rounding. So far from the middle the units are below what a float can hold.
    j = np.arange(min(half, math.ceil(20 * math.sqrt(n))))
    weight = np.append(1.0, np.cumprod((half - j) / (n - half + j + 1)))
    lower = float(weight[::-1].sum())
    whole = 2 * lower - (n % 2 == 0)  # of an even number the middle stands in both halves
    return min(1.0, 2 * float(weight[half - min(only_a, only_b) :][::-1].sum()) / whole)
