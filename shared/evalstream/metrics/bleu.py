"""BLEU of a corpus from the sums of its sentences' statistics, by sacrebleu's own arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class CorpusBleu(NamedTuple):
    """BLEU from 0 to 100, and the brevity penalty in it; None where there is not a single token on either side."""

    bleu: float | None
    brevity_penalty: float | None


def corpus_bleu(matches: Sequence[int], totals: Sequence[int], predicted: int, actual: int) -> CorpusBleu:
    """Compute BLEU from sums over sentences (Papineni et al. 2002), as ``sacrebleu.corpus_bleu`` does.

    Parameters
    ----------
    matches, totals : 4 int
        The n-grams of the predictions that match, and all of them, for n from 1 to 4.
    predicted, actual : int
        Tokens of the predictions and of the truth.
    """
    from sacrebleu.metrics.bleu import BLEU  # takes a while, and few datasets hold texts

    if not predicted and not actual:
        return CorpusBleu(None, None)
    bleu = BLEU.compute_bleu(list(matches), list(totals), predicted, actual, smooth_method="exp")
    return CorpusBleu(float(bleu.score), float(bleu.bp))
