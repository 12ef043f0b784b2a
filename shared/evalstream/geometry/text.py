"""Measures of two texts: whether they are the same, and the statistics that BLEU is made of."""

from __future__ import annotations

import re
import string
import unicodedata
from typing import Final

import numpy as np
import pyarrow as pa

from evalstream.scenes import Batch, Code, Measure

#: Columns of measure ``text``: 1 or 0 for equal, and for equal once normalised; the n-grams that match and the n-grams
#: of the prediction, for n from 1 to 4; the tokens of the prediction and of the truth; BLEU of the one sentence. All
#: but the last are whole numbers, whose sums make BLEU of the corpus.
TEXT_COLUMNS: Final = 13

_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")


def text_measures(batch: Batch, prediction: Code, annotation: Code) -> list[Measure]:
    """Measure pairs of answers in free text.

    Measure ``text`` has ``TEXT_COLUMNS`` columns. ``exact_match``, ``normalised_match`` (0 or 1) and ``sentence_bleu``
    (0 to 100, sacrebleu's with effective order) have one, to sort by and to draw.
    """
    # Takes a while, and few datasets hold texts.
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    # Tokenizer 13a, as the command line and `sacrebleu.corpus_bleu`. The effective order concerns sentences only.
    scorer = BLEU(tokenize="13a", effective_order=True)
    predicted = batch.predictions.detail.take(pa.array(prediction)).to_pylist()
    actual = batch.annotations.detail.take(pa.array(annotation)).to_pylist()
    text = np.empty((len(predicted), TEXT_COLUMNS))
    for i, (said, true) in enumerate(zip(predicted, actual, strict=True)):
        bleu = scorer.sentence_score(said, [true])
        equal = said == true, normalised(said) == normalised(true)
        text[i] = (*equal, *bleu.counts, *bleu.totals, bleu.sys_len, bleu.ref_len, bleu.score)
    for tokenizer in (Tokenizer13a, TokenizerRegexp):  # each would keep 65,536 texts of any length
        tokenizer.__call__.cache_clear()
    scene = np.searchsorted(batch.scenes.prediction_end, prediction, side="right")
    values = {"text": text, "exact_match": text[:, :1], "normalised_match": text[:, 1:2], "sentence_bleu": text[:, -1:]}
    return [Measure(name, scene, annotation, prediction, value) for name, value in values.items()]


def normalised(text: str) -> str:
    """Normalise an answer as SQuAD's evaluation does, for any script.

    Unicode NFC, case folded, without punctuation (ASCII's, and Unicode's categories P), without the English articles
    a, an and the, one space between words. On ASCII text the same as SQuAD v1.1's ``normalize_answer``.

    >>> normalised("The  Cat,  sat.")
    'cat sat'
    """
    folded = unicodedata.normalize("NFC", text).casefold()
    letters = "".join(c for c in folded if c not in string.punctuation and not unicodedata.category(c).startswith("P"))
    return " ".join(_ARTICLES.sub(" ", letters).split())
