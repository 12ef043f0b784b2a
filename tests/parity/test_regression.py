"""Numbers against scikit-learn and SciPy, from events to answers."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.matching import POLICIES
from evalstream.queries.regression import QuestionRegression, regression
from evalstream.selection import Selection
from numpy.typing import NDArray
from scipy.stats import pearsonr
from sklearn import metrics

from tests.feeding import feed
from tests.parity.conftest import Agree

Numbers = NDArray[np.float64]


def fed(client: Client, dataset: str, actual: Numbers, predicted: Numbers) -> QuestionRegression:
    """Send one number a data row; every policy says the same."""

    def answers(values: Numbers) -> dict[str, list[dict[str, object]]]:
        return {
            str(i): [{"type": "number", "feature": "y", "answer": value}] for i, value in enumerate(values.tolist())
        }

    feed(client, dataset, answers(actual), {"m": answers(predicted)})
    found = [regression(client, Selection(dataset=dataset, run="m", policy=policy)) for policy in POLICIES]
    assert found[0] == found[1] == found[2]
    return found[0].questions[0]


def reference(actual: Numbers, predicted: Numbers) -> dict[str, float]:
    return {
        "mae": metrics.mean_absolute_error(actual, predicted),
        "mse": metrics.mean_squared_error(actual, predicted),
        "rmse": metrics.root_mean_squared_error(actual, predicted),
        "median_absolute_error": metrics.median_absolute_error(actual, predicted),
        "max_error": metrics.max_error(actual, predicted),
        "r2": metrics.r2_score(actual, predicted),
    }


def check(agree: Agree, data: str, ours: QuestionRegression, actual: Numbers, predicted: Numbers) -> None:
    theirs = reference(actual, predicted)
    assert ours.n == len(actual)
    agree(
        "MAE, MSE, RMSE, median and largest error, R²",
        "scikit-learn 1.9",
        data,
        {name: getattr(ours, name) for name in theirs},
        theirs,
    )
    agree("Pearson's r", "SciPy 1.17 pearsonr", data, ours.pearson_r, float(pearsonr(actual, predicted).statistic))
    assert ours.bias == pytest.approx(np.mean(predicted - actual), abs=1e-9)


@pytest.mark.parametrize("model", ["diabetes_ols", "diabetes_ridge1"])
def test_diabetes(client: Client, real_data: Path, agree: Agree, model: str) -> None:
    folder = real_data / "classifier_probabilities"
    with (folder / f"{model}.csv").open() as file:
        table = [(float(row["y_true"]), float(row["y_pred"])) for row in csv.DictReader(file)]
    actual, predicted = np.array(table).T
    ours = fed(client, model, actual, predicted)
    check(agree, model, ours, actual, predicted)
    expected = json.loads((folder / "expected.json").read_text())[model]
    names = {
        "mae": "mae",
        "mse": "mse",
        "rmse": "rmse",
        "r2": "r2",
        "pearson_r": "pearson_r",
        "medae": "median_absolute_error",
    }
    assert {key: getattr(ours, name) for key, name in names.items()} == pytest.approx(
        {key: expected[key] for key in names}, abs=1e-9
    )
    # R² is neither r nor its square.
    assert ours.r2 != pytest.approx(expected["pearson_r2"], abs=0.01)


def test_numbers_that_are_large_beside_their_spread(client: Client, agree: Agree) -> None:
    rng = np.random.default_rng(53)
    actual = 1e6 + rng.normal(size=3_000)
    predicted = actual + rng.normal(size=3_000)
    check(
        agree,
        "3,000 random numbers around 1e6 with spread 1",
        fed(client, "large", actual, predicted),
        actual,
        predicted,
    )


def test_random_numbers_with_ties(client: Client, agree: Agree) -> None:
    rng = np.random.default_rng(59)
    for case in range(5):
        actual = rng.choice([-1.0, 0.0, 0.1, 0.5, 7.0], 40) + 0.0
        predicted = np.where(rng.random(40) < 0.5, actual, rng.choice([-1.0, 0.0, 0.3], 40))
        ours = fed(client, f"ties-{case}", actual, predicted)
        check(agree, "5 x 40 random numbers with ties", ours, actual, predicted)


def test_what_scikit_learn_makes_up(client: Client) -> None:
    """Constant truth: 1 or 0 there, None and the reason here. A single pair: NaN and a warning there."""
    same = np.full(4, 2.5)
    for dataset, predicted, said in (("exact", same, 1.0), ("inexact", same + np.arange(4), 0.0)):
        ours = fed(client, dataset, same, predicted)
        assert metrics.r2_score(same, predicted) == said
        assert (ours.r2, ours.pearson_r) == (None, None)
        assert ours.undefined["r2"].startswith("all true numbers are the same (scikit-learn says 1")
        assert ours.mae is not None
    ours = fed(client, "single", same[:1], same[:1])
    with pytest.warns(metrics.UndefinedMetricWarning if hasattr(metrics, "UndefinedMetricWarning") else UserWarning):
        assert math.isnan(metrics.r2_score(same[:1], same[:1]))
    assert (ours.r2, ours.undefined["r2"]) == (None, "it takes two pairs or more")
