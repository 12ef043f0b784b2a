"""Policy ``coco``: the matching of pycocotools, ``COCOeval.evaluateImg``.

Within a scene and class, and for one area range: predictions go by decreasing confidence (ties by position), at most
100 of them, or 20 skeletons. At IoU t each takes, of the annotations still free with IoU at least t, a regular one
before an ignored one (a crowd region, a skeleton without labelled keypoints, or one outside the area range), then the
one of highest IoU, then the last. A crowd region may be taken any number of times. A prediction that took an ignored
annotation is ignored, as is an unmatched one outside the range.

The regular part needs one number an annotation. Suppose that each regular annotation g is taken exactly at the
thresholds t <= T(g). The next prediction tries its annotations by decreasing IoU; what it has not been given when it
comes to g lies below some R (above R lie thresholds that it either has, or can get nowhere, since all later IoUs are
smaller). It gets g at T(g) < t <= min(R, IoU): one interval, which lies just above what was taken of g, so T(g) moves
up to it, and what is left to the prediction lies below the old T(g). Hence every pair has at most one rectangle, and
the whole threshold axis costs what one matching costs. Ignored annotations see what regular ones left over, which has
gaps, so for them intervals are kept as lists; there are few.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from evalstream.matching.area import AREA_HIGH, AREA_LOW
from evalstream.native import compiled
from evalstream.scenes import Float, Pairs, Rectangles, Scenes
from evalstream.types import CODES

#: COCO counts this many predictions of one class in one image, the most confident ones.
MAX_DETECTIONS = 100
#: And this many skeletons (pycocotools, ``Params.setKpParams``).
MAX_SKELETONS = 20
#: pycocotools' guard for t = 1: a threshold is never above this.
MAX_IOU_THRESHOLD = 1 - 1e-10


class _Rules(NamedTuple):
    """Arguments of COCO's kernel."""

    area_low: Float  # of each area range
    area_high: Float
    most: int  # how many predictions of one class count in one scene
    most_skeletons: int
    skeleton: int  # the code of that type
    types: int  # how many types there are


_RULES: Final = _Rules(AREA_LOW, AREA_HIGH, MAX_DETECTIONS, MAX_SKELETONS, CODES["keypoints"], len(CODES))


def match_coco(scenes: Scenes, pairs: Pairs) -> Rectangles:
    """Match a batch of scenes at every threshold, for each area range, at once."""
    return _match_coco(scenes, pairs, _RULES)


@compiled
def _match_coco(scenes: Scenes, pairs: Pairs, rules: _Rules) -> Rectangles: ...
