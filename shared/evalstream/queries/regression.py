"""Regression figures of predicted numbers, question by question."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import BaseModel, Field

from evalstream.metrics.regression import regression_scores, why_undefined
from evalstream.scenes import Float
from evalstream.selection import Selection
from evalstream.stored.answers import answered, tally_answers
from evalstream.stored.counted import ask_arrow
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


class QuestionRegression(BaseModel):
    """The scores of one question. With error = prediction − truth."""

    feature: str = Field(description="the question; nested ones by their path, such as `car/weight`")
    n: int = Field(description="pairs of a true and a predicted number: all scores are of these")
    annotations: int
    predictions: int
    missing: int = Field(description="annotations without a prediction")
    unasked: int = Field(description="predictions without an annotation")
    mae: float | None = Field(description="mean absolute error")
    mse: float | None = Field(description="mean squared error")
    rmse: float | None = Field(description="its root")
    median_absolute_error: float | None
    max_error: float | None = Field(description="the largest absolute error")
    bias: float | None = Field(description="mean error; above 0, predictions are too high")
    r2: float | None = Field(description="coefficient of determination, 1 - SSres / SStot; may be below 0")
    pearson_r: float | None = Field(description="Pearson's correlation, whose square is not `r2`")
    undefined: dict[str, str] = Field(description="why a figure is null")


class Regression(Tabular):
    """Each question on its own, for numbers of different questions have no common unit."""

    table: ClassVar = "questions"

    questions: list[QuestionRegression] = Field(description="by name")


def regression(client: Client, selection: Selection) -> Regression:
    """Score numbers, of the pairs that hold at the selected thresholds."""
    answers = answered(selection, "number")
    counts = tally_answers(client, answers)
    pairs = _pairs(client, answers.sql, answers.parameters)
    questions = []
    for feature, (asked, given) in counts.items():
        actual, predicted = pairs.get(feature, (np.empty(0), np.empty(0)))
        n = len(actual)
        scores = regression_scores(actual, predicted)
        questions.append(
            QuestionRegression(
                feature=feature,
                n=n,
                annotations=asked,
                predictions=given,
                missing=asked - n,
                unasked=given - n,
                **scores._asdict(),
                undefined=why_undefined(scores, n),
            )
        )
    return Regression(questions=questions)


def _pairs(client: Client, sql: str, parameters: dict[str, object]) -> dict[str, tuple[Float, Float]]:
    """The true and the predicted numbers that go together, by question."""
    table = ask_arrow(
        client,
        f"""
        SELECT pair.1 AS feature, groupArray(pair.2) AS actual, groupArray(pair.3) AS predicted FROM (
            SELECT arrayJoin(arrayMap(
                m -> (match_actual[m], annotation_geometry[match_annotation[m] + 1][1],
                      prediction_geometry[match_prediction[m] + 1][1]),
                paired)) AS pair
            FROM ({sql})
        ) GROUP BY feature
        """,
        parameters,
    )
    return {
        feature: (np.asarray(actual.values), np.asarray(predicted.values))
        for feature, actual, predicted in zip(
            table["feature"].to_pylist(),
            table["actual"].combine_chunks(),
            table["predicted"].combine_chunks(),
            strict=True,
        )
    }
