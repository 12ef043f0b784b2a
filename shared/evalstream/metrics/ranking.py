"""Figures of the scores of all options: ROC, AUC, scikit-learn's average precision, top-k accuracy, log loss.

Reference: scikit-learn, ``roc_curve``, ``roc_auc_score``, ``average_precision_score``, ``top_k_accuracy_score``,
``log_loss``, ``brier_score_loss``. Scores are taken as they are: they need not sum to 1.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from evalstream.metrics.scores import ZeroDivision, average
from evalstream.native import compiled
from evalstream.scenes import Flag, Float, Int

#: Probabilities are kept so far from 0 and 1 in the log loss, as in scikit-learn.
_EPSILON: Final = float(np.finfo(np.float64).eps)


class Ranking(NamedTuple):
    """Scored options of cases, as parallel columns in decreasing order of score: see ``by_score``.

    An option of a case that is not listed has score 0 and is not true. Every true one is listed.
    """

    cases: int
    options: int
    case: Int
    option: Int
    score: Float  # in [0, 1]
    true: Flag


def by_score(cases: int, options: int, case: Int, option: Int, score: Float, true: Flag) -> Ranking:
    """Bring scored options into order, once for all that is asked of them."""
    order = np.argsort(-score)
    return Ranking(cases, options, case[order], option[order], score[order], true[order])


class Areas(NamedTuple):
    """Areas under curves, of each option or averaged; NaN, or None, where not defined."""

    macro: float | None
    weighted: float | None  # by how often the option is true
    micro: float | None  # every option of every case as one yes-or-no case
    samples: float | None  # the mean over cases of the area over their options
    each: Float  # (options,): one against the rest


class Points(NamedTuple):
    """One curve: after each distinct score, from the highest down, how many options at or above it are true and not."""

    score: Float
    tp: Int
    fp: Int


def areas(
    ranking: Ranking, zero_division: ZeroDivision = "exclude", *, within_cases: bool = True
) -> tuple[Areas, Areas]:
    """Compute the areas under ROC and under precision-recall curve.

    AUC is the share of (true, untrue) pairs in which the true one has the higher score, ties counting half: not
    defined without both. Average precision is ``sum (R_n − R_(n−1)) P_n`` over distinct scores, without interpolation:
    not defined where nothing is true, for which scikit-learn gives 0 (``zero_division`` "zero" does too, in means).
    Without ``within_cases`` the areas over the options of each case, and their mean ``samples``, are not computed.
    """
    score, true = ranking.score, ranking.true
    listed = len(score)
    per_option = _by_group(ranking.option, ranking.options, score, true, ranking.cases)
    per_case = (np.empty(0), np.empty(0))
    if within_cases:
        per_case = _by_group(ranking.case, ranking.cases, score, true, ranking.options)
    unlisted = np.array([ranking.cases * ranking.options - listed])
    whole = areas_of_groups(np.array([0, listed]), score, true, unlisted)
    support = np.bincount(ranking.option, ranking.true, ranking.options).astype(np.int64)
    both = []
    for k, undefined in enumerate((_NO_AUC, zero_division)):
        both.append(
            Areas(
                macro=average(per_option[k], None, undefined),
                # Options that are never true weigh nothing, and have no area.
                weighted=average(per_option[k][support > 0], support[support > 0]),
                micro=average(whole[k]),
                samples=average(per_case[k], None, undefined),
                each=per_option[k],
            )
        )
    return both[0], both[1]


#: For an AUC that is not defined scikit-learn gives NaN, whatever is asked for: nothing stands in for it.
_NO_AUC: Final[ZeroDivision] = "exclude"


def _by_group(code: Int, groups: int, score: Float, true: Flag, size: int) -> tuple[Float, Float]:
    """Areas of every group of options, given in decreasing order of scores; each group has ``size``, listed or not."""
    start, order = grouped(code, groups)
    return areas_of_groups(start, score[order], true[order], size - np.diff(start))


@compiled
def grouped(code: Int, groups: int) -> tuple[Int, Int]:
    """Bring equal codes together, in the order in which they are: group k is ``order[start[k] : start[k + 1]]``."""


@compiled
def areas_of_groups(start: Int, score: Float, true: Flag, unlisted: Int) -> tuple[Float, Float]:
    """Compute AUC and average precision of every group; NaN where not defined.

    Parameters
    ----------
    start : (groups + 1,) int64
        The options of group k are ``start[k] : start[k + 1]``, in decreasing order of score.
    score, true : (options,) float64, bool
        What they are.
    unlisted : (groups,) int64
        How many more options of the group there are, untrue and with score 0.
    """


class OneVsOne(NamedTuple):
    """AUC of Hand and Till (2001): the mean, over pairs of options, of the two AUCs among the cases of the pair."""

    macro: float | None
    weighted: float | None  # by how many cases the pair has


def one_vs_one(ranking: Ranking) -> OneVsOne:
    """Compute the AUC of one option against one other, where each case has one true option.

    For option a against b only cases count of which one is the truth, by the score of a. Not defined with fewer than
    two options that are true anywhere. All pairs with one option a come out of one pass over its scores, so that the
    number of options is no square in the cost.
    """
    truth = np.empty(ranking.cases, np.int64)
    truth[ranking.case[ranking.true]] = ranking.option[ranking.true]
    support = np.bincount(truth, minlength=ranking.options)
    present = np.count_nonzero(support)
    if present < 2:
        return OneVsOne(None, None)
    start, order = grouped(ranking.option, ranking.options)
    plain, weighted = _one_vs_one(
        start, ranking.score[order], ranking.true[order], truth[ranking.case[order]], support, ranking.cases
    )
    return OneVsOne(plain / (present * (present - 1)), weighted / (2 * (present - 1) * ranking.cases))


@compiled
def _one_vs_one(start: Int, score: Float, true: Flag, truth: Int, support: Int, cases: int) -> tuple[float, float]:
    """Sum the directed AUCs of all pairs, plainly and times the cases of the pair."""


def points(score: Float, true: Flag, unlisted: int) -> Points:
    """Give the curve of some options in decreasing order of score, with so many more, untrue and with score 0."""
    tp, last = np.cumsum(true, dtype=np.int64), np.flatnonzero(np.diff(score, append=-1.0))
    score, tp = score[last], tp[last]
    fp = last + 1 - tp
    if unlisted:
        if len(score) and score[-1] == 0:
            fp[-1] += unlisted
        else:
            seen_tp, seen_fp = (int(column[-1]) if len(column) else 0 for column in (tp, fp))
            score, tp, fp = np.append(score, 0.0), np.append(tp, seen_tp), np.append(fp, seen_fp + unlisted)
    return Points(score, tp, fp)


def hits_at(ranking: Ranking, k: int) -> int:
    """Count the cases whose true option is among the k with the highest scores, for cases with one true option.

    Of equal scores the option that comes later goes first, as in scikit-learn.
    """
    score, truth = _of_truth(ranking)
    own, chosen = score[ranking.case], truth[ranking.case]
    later = ranking.option > chosen
    ahead = (ranking.score > own) | ((ranking.score == own) & later)
    before = np.bincount(ranking.case[ahead], minlength=ranking.cases)
    listed_later = np.bincount(ranking.case[later], minlength=ranking.cases)
    before += np.where(score == 0, ranking.options - 1 - truth - listed_later, 0)
    return int(np.count_nonzero(before < k))


def log_loss(ranking: Ranking) -> float | None:
    """Give the mean of ``−ln`` of the true option's score, kept away from 0 and 1 by 2.2e-16."""
    if not ranking.cases:
        return None
    score, _ = _of_truth(ranking)
    return -math.fsum(np.log(np.clip(score, _EPSILON, 1 - _EPSILON))) / ranking.cases


def brier(ranking: Ranking) -> float | None:
    """Give the mean over cases of the squared distance of scores from truth, summed over options: from 0 to 2.

    Brier's own definition (1950). For two options with scores that sum to 1 it is twice the binary form.
    """
    if not ranking.cases:
        return None
    return math.fsum((ranking.score - ranking.true) ** 2) / ranking.cases


def _of_truth(ranking: Ranking) -> tuple[Float, Int]:
    """The score of each case's one true option, and which that is."""
    score, truth = np.zeros(ranking.cases), np.zeros(ranking.cases, np.int64)
    score[ranking.case[ranking.true]] = ranking.score[ranking.true]
    truth[ranking.case[ranking.true]] = ranking.option[ranking.true]
    return score, truth
