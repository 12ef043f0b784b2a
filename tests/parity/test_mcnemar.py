"""McNemar's exact test against SciPy's binomial test."""

from __future__ import annotations

import random

from evalstream.metrics.mcnemar import mcnemar
from scipy.stats import binomtest

from tests.parity.conftest import Agree


def test_the_p_value_of_two_runs(agree: Agree) -> None:
    rng = random.Random(4)
    pairs = [(rng.randrange(10**k), 1 + rng.randrange(10**k)) for k in range(1, 6) for _ in range(12)]
    ours = {str(pair): mcnemar(*pair) for pair in pairs}
    theirs = {str((a, b)): float(binomtest(a, a + b).pvalue) for a, b in pairs}
    agree("McNemar's exact test, p-value", "scipy 1.17 binomtest", "60 random pairs of counts", ours, theirs, 1e-12)
