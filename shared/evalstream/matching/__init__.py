"""Matching policies: one module a policy, each giving match rectangles that are exact at every threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evalstream.matching.area import AREA_RANGES
from evalstream.matching.best_candidate import match_best_candidate
from evalstream.matching.coco import MAX_DETECTIONS, MAX_IOU_THRESHOLD, MAX_SKELETONS, match_coco
from evalstream.matching.iou_greedy import match_iou_greedy
from evalstream.scenes import Pairs, Rectangles, Scenes

Policy = Callable[[Scenes, Pairs], Rectangles]

#: The policies by their public names.
POLICIES: Final[dict[str, Policy]] = {
    "iou-greedy": match_iou_greedy,
    "coco": match_coco,
    "best-candidate": match_best_candidate,
}

__all__ = [
    "AREA_RANGES",
    "MAX_DETECTIONS",
    "MAX_IOU_THRESHOLD",
    "MAX_SKELETONS",
    "POLICIES",
    "Policy",
    "match_best_candidate",
    "match_coco",
    "match_iou_greedy",
]
