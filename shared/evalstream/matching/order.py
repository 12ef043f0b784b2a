"""Orders that more than one policy works through."""

from __future__ import annotations

from evalstream.native import compiled
from evalstream.scenes import Int, Scenes
from evalstream.types import CODES


def by_feature_and_confidence(scenes: Scenes) -> tuple[Int, Int]:
    """Order predictions by scene, feature and decreasing confidence, ties by position; and rank them.

    This is COCO's order. The rank is 0 for the most confident prediction of its scene, feature and type: "at most 100
    detections" keeps ranks below 100.

    Returns
    -------
    order, rank : int64 arrays, one entry a prediction
    """
    return _by_feature_and_confidence(scenes, len(CODES))


@compiled
def _by_feature_and_confidence(scenes: Scenes, types: int) -> tuple[Int, Int]: ...
