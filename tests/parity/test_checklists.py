"""Questions with any number of answers, from events to figures, against scikit-learn on multilabel indicators."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from evalstream.metrics.scores import ZeroDivision
from evalstream.queries.calibration import calibration
from evalstream.queries.checklists import checklists
from evalstream.queries.roc_curve import roc_curve
from evalstream.selection import QuestionError, Selection
from evalstream.stored.label_counts import Scoring
from sklearn import metrics as sk

from tests.feeding import feed
from tests.parity.conftest import Agree

SKLEARN = "scikit-learn 1.9"
DATA = "300 random checklists"
OPTIONS = ("night", "wet", "a=b", "größe", "never")
SCORES = (0.0, 0.25, 0.5, 0.5, 0.9, 1.0, 0.1 + 0.2)


class Case(NamedTuple):
    true: frozenset[str] | None  # None: not annotated
    chosen: frozenset[str] | None
    scores: dict[str, float]


@pytest.fixture(scope="module")
def cases(client: Client) -> list[Case]:
    """Every row is asked one question; nobody ever chooses the last option. Many choose nothing."""
    rng = random.Random(4)
    found = []
    for _ in range(300):
        true, chosen = (
            frozenset(rng.sample(OPTIONS[:-1], rng.choice((0, 0, 1, 2, 4)))) if rng.random() < 0.9 else None
            for _ in range(2)
        )
        scored = rng.random() < 0.7
        found.append(Case(true, chosen, {name: rng.choice(SCORES) for name in OPTIONS} if scored else {}))
    feed(
        client,
        "tags",
        {str(k): [asked(case.true)] if case.true is not None else [] for k, case in enumerate(found)},
        {
            "m": {
                str(k): [asked(case.chosen) | ({"scores": case.scores} if case.scores else {})]
                if case.chosen is not None
                else []
                for k, case in enumerate(found)
            }
        },
    )
    return found


def asked(options: frozenset[str] | None) -> dict[str, Any]:
    return {"type": "checklist", "feature": "tags", "answers": sorted(options or ())}


def above(case: Case, c: float) -> frozenset[str]:
    """What is chosen with at least so much confidence: an option's own score."""
    return frozenset(name for name in case.chosen or () if case.scores.get(name, 1.0) >= c)


def indicator(sets: Sequence[frozenset[str]]) -> np.ndarray[Any, Any]:
    return np.array([[name in own for name in sorted(OPTIONS)] for own in sets])


def quiet(function: Any, *given: Any, **named: Any) -> float | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = float(function(*given, **named))
    return None if math.isnan(found) else found


@pytest.mark.parametrize("c", [0.0, 0.5, 0.1 + 0.2])
def test_answered_lists_equal_scikit_learn(client: Client, cases: list[Case], agree: Agree, c: float) -> None:
    answered = [case for case in cases if case.true is not None and case.chosen is not None]
    true = indicator([case.true or frozenset() for case in answered])
    said = indicator([above(case, c) for case in answered])
    assert np.any(~true.any(1) & ~said.any(1)), "some rows where both sides choose nothing"
    modes: dict[ZeroDivision, float] = {"zero": 0.0, "one": 1.0}
    selection = Selection(dataset="tags", run="m", confidence=c)
    for mode, stand_in in modes.items():
        scoring = Scoring(zero_division=mode)
        (own,) = checklists(client, selection, scoring, unanswered="ignore").questions
        assert own.cases == own.answered == len(answered)
        jaccard = sk.jaccard_score(true, said, average="samples", zero_division=stand_in)
        agree(f"Jaccard, samples, zero_division={mode}", SKLEARN, DATA, own.jaccard, jaccard)
        agree("exact match (subset accuracy)", SKLEARN, DATA, own.exact_match, sk.accuracy_score(true, said))
        agree("Hamming loss", SKLEARN, DATA, own.hamming_loss, sk.hamming_loss(true, said))
        for average in ("micro", "macro", "weighted"):
            figures = getattr(own.averages, average)
            theirs = sk.precision_recall_fscore_support(true, said, average=average, zero_division=stand_in)
            for name, value in zip(("precision", "recall", "f1"), theirs, strict=False):
                agree(f"{name} of options, {average}", SKLEARN, DATA, getattr(figures, name), float(value))
        assert [score.option for score in own.options] == sorted(OPTIONS)
        for matrix, score in zip(sk.multilabel_confusion_matrix(true, said), own.options, strict=True):
            assert [[score.tn, score.fp], [score.fn, score.tp]] == matrix.tolist()
    (own,) = checklists(client, selection, unanswered="ignore").questions
    some = (true | said).any(1)
    jaccard = sk.jaccard_score(true[some], said[some], average="samples")
    agree("Jaccard, samples, where either side chooses", SKLEARN, DATA, own.jaccard, jaccard)
    never = own.options[sorted(OPTIONS).index("never")]
    assert (never.tp, never.fp, never.fn, never.precision, never.recall) == (0, 0, 0, None, None)
    assert {"precision", "recall"} <= own.undefined.keys()


def test_lists_that_one_side_lacks_are_wrong(client: Client, cases: list[Case]) -> None:
    (own,) = checklists(client, Selection(dataset="tags", run="m")).questions
    spoken = [case for case in cases if case.true is not None or case.chosen is not None]
    assert own.cases == len(spoken)
    assert own.missing == sum(case.chosen is None for case in spoken)
    assert own.unasked == sum(case.true is None for case in spoken)
    assert own.asked == own.answered + own.missing
    # An empty list is an answer; no list is none: it agrees with nothing, not with an empty one either.
    assert own.exact_match == sum(case.true == case.chosen for case in spoken) / len(spoken)
    shares = [
        len(case.true & case.chosen) / len(case.true | case.chosen) if case.true and case.chosen else 0.0
        for case in spoken
        if not (case.true == case.chosen == frozenset())
    ]
    assert own.jaccard == pytest.approx(math.fsum(shares) / len(shares), abs=1e-12)
    differ = sum(len((case.true or frozenset()) ^ (case.chosen or frozenset())) for case in spoken)
    assert own.hamming_loss == pytest.approx(differ / len(spoken) / len(OPTIONS), abs=1e-12)


def test_ranking_of_options(client: Client, cases: list[Case], agree: Agree) -> None:
    scored = [case for case in cases if case.true is not None and case.chosen is not None and case.scores]
    true = indicator([case.true or frozenset() for case in scored])
    scores = np.array([[case.scores[name] for name in sorted(OPTIONS)] for case in scored])
    (own,) = roc_curve(client, Selection(dataset="tags", run="m"), zero_division="zero").questions
    unscored = sum(case.true is not None and case.chosen is not None and not case.scores for case in cases)
    assert (own.type, own.cases, own.unscored, own.filled) == ("checklist", len(scored), unscored, 0)
    for k, option in enumerate(own.options):
        theirs = quiet(sk.roc_auc_score, true[:, k], scores[:, k])
        agree("ROC AUC, of an option of a checklist", SKLEARN, DATA, option.auc, theirs)
    for average in ("micro", "macro", "weighted", "samples"):
        theirs = quiet(sk.average_precision_score, true, scores, average=average)
        ours = getattr(own, f"average_precision_{average}")
        agree(f"average precision (scikit-learn) of checklists, {average}", SKLEARN, DATA, ours, theirs)
    there = true.any(0)
    for average in ("macro", "weighted"):
        theirs = quiet(sk.roc_auc_score, true[:, there], scores[:, there], average=average)
        agree(f"ROC AUC of checklists, {average}", SKLEARN, DATA, getattr(own, f"auc_{average}"), theirs)
    agree("ROC AUC of checklists, micro", SKLEARN, DATA, own.auc_micro, sk.roc_auc_score(true, scores, average="micro"))
    mixed = true.any(1) & ~true.all(1)
    theirs = quiet(sk.roc_auc_score, true[mixed], scores[mixed], average="samples")
    agree("ROC AUC of checklists, samples", SKLEARN, DATA, own.auc_samples, theirs)
    assert own.auc_ovo_macro is None
    assert "auc_ovo_macro" in own.undefined
    (brier,) = calibration(client, Selection(dataset="tags", run="m")).questions
    theirs = sum(sk.brier_score_loss(true[:, k], scores[:, k]) for k in range(len(OPTIONS)))
    agree("Brier score, summed over options", SKLEARN, DATA, brier.brier, theirs)


def test_filters(client: Client, cases: list[Case]) -> None:
    base = Selection(dataset="tags", run="m")
    assert checklists(client, base.model_copy(update={"type": ["checklist"], "feature": ["tags"]})).questions
    for filters in ({"type": ["radio"]}, {"feature": ["other"]}, {"split": ["train"]}, {"metadata": ["x=1"]}):
        assert checklists(client, base.model_copy(update=filters)).questions == []
        assert roc_curve(client, base.model_copy(update=filters)).undefined
    with pytest.raises(QuestionError, match="roll_up"):
        checklists(client, base.model_copy(update={"roll_up": 1}))
