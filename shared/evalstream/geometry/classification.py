"""Overlap of answers: none to measure; an answer pairs with every answer to the same question."""

from __future__ import annotations

import numpy as np
from numba import njit

from evalstream.scenes import Batch, Code, Float, Found, Scenes


def answer_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene that answer the same question.

    Their IoU is infinite: above every threshold, because a classification has no place to be wrong about.
    """
    return Found(*_answer_pairs(batch.scenes, code))


@njit(cache=True, nogil=True)
def _answer_pairs(scenes: Scenes, code: int) -> tuple[Code, Code, Float]:
    prediction = [np.int32(0) for _ in range(0)]
    annotation = [np.int32(0) for _ in range(0)]
    for scene in range(len(scenes.prediction_start)):
        for p in range(scenes.prediction_start[scene], scenes.prediction_end[scene]):
            if scenes.prediction_type[p] != code:
                continue
            for a in range(scenes.annotation_start[scene], scenes.annotation_end[scene]):
                if scenes.annotation_type[a] == code and scenes.annotation_feature[a] == scenes.prediction_feature[p]:
                    prediction.append(np.int32(p))
                    annotation.append(np.int32(a))
    return np.array(prediction, np.int32), np.array(annotation, np.int32), np.full(len(prediction), np.inf)
