"""Aggregated custom metrics: sent as events, asked as questions, against NumPy's and SciPy's means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.stats
from clickhouse_connect.driver.client import Client
from evalstream.queries.custom_metrics import custom_metrics
from evalstream.selection import Selection
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from tests.feeding import feed
from tests.parity.conftest import Agree

MEANS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "arithmetic_mean": ("numpy.mean", np.mean),
    "geometric_mean": ("scipy.stats.gmean", scipy.stats.gmean),
    "harmonic_mean": ("scipy.stats.hmean", scipy.stats.hmean),
    "sum": ("numpy.sum", np.sum),
}
ROWS = 200


def test_aggregations(client: Client, agree: Agree) -> None:
    rng = np.random.default_rng(0)
    values = rng.lognormal(0, 3, (ROWS, 3))  # on three objects of each row
    metrics = [{"name": name, "aggregation": name} for name in MEANS]
    boxes = {
        str(i): [
            {"type": "bbox", "feature": "car", "bbox": [j, 0, 1, 1],
             "metrics": [metric | {"value": float(values[i, j])} for metric in metrics]}
            for j in range(3)
        ]
        for i in range(ROWS)
    }  # fmt: skip
    feed(client, "means", {}, {"m": boxes}, policies=["coco"])
    found = {
        m.name: m.value for m in custom_metrics(client, Selection(dataset="means", run="m", policy="coco")).metrics
    }
    for name, (reference, mean) in MEANS.items():
        theirs = float(mean([mean(row) for row in values]))
        ours = found[name]
        assert ours is not None
        # The sum has thirteen digits before the point: its difference is told as a share of it.
        scale = theirs if name == "sum" else 1.0
        agree(
            f"custom metrics: {name.replace('_', ' ')}", reference, f"{ROWS} random rows", ours / scale, theirs / scale
        )


def test_confusion_matrices(client: Client, agree: Agree) -> None:
    rng = np.random.default_rng(1)
    true, said = rng.random((2, ROWS, 20)) < 0.4
    counts = np.stack([np.sum(a & b, axis=1) for a, b in ((true, said), (~true, said), (~true, ~said), (true, ~said))])
    metrics = {
        str(i): [{"name": "c", "value": counts[:, i].tolist(), "aggregation": "confusion_matrix"}] for i in range(ROWS)
    }
    feed(client, "matrices", {}, {"m": {str(i): [] for i in range(ROWS)}}, metrics=metrics, policies=["coco"])
    (found,) = custom_metrics(client, Selection(dataset="matrices", run="m", policy="coco")).metrics
    assert found.confusion is not None
    names = {"precision": precision_score, "recall": recall_score, "f1": f1_score, "accuracy": accuracy_score}
    ours = {name: getattr(found.confusion, name) for name in names}
    theirs = {name: float(score(true.ravel(), said.ravel())) for name, score in names.items()}
    agree("custom metrics: confusion matrix", "scikit-learn", f"{ROWS} random rows", ours, theirs)
