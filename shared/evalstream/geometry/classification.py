"""Overlap of answers: none to measure; an answer pairs with every answer to the same question."""

from __future__ import annotations

from evalstream.native import compiled
from evalstream.scenes import Batch, Code, Float, Found, Scenes


def answer_pairs(batch: Batch, code: int) -> Found:
    """Find every prediction and annotation of type ``code`` in one scene that answer the same question.

    Their IoU is infinite: above every threshold, because a classification has no place to be wrong about.
    """
    return Found(*_answer_pairs(batch.scenes, code))


@compiled
def _answer_pairs(scenes: Scenes, code: int) -> tuple[Code, Code, Float]: ...
