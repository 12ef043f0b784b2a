"""Policy ``iou-greedy``: pairs of any class, the best overlap first (Labelbox's rule).

At confidence c and IoU t: drop predictions below c; go through the pairs by decreasing IoU; match a pair if its IoU is
above t (strictly) and neither side is matched yet. Pairs of equal IoU go by decreasing confidence, then by the
prediction's and the annotation's position. Crowd regions are no objects here.

Greedy by one common ranking of the pairs is the unique stable matching of predictions and annotations that both
prefer pairs higher in that ranking. So all thresholds come out of one sweep: predictions enter by decreasing
confidence; each proposes to its annotations in order of preference; an annotation leaves its partner for a better one,
and the partner proposes onward. Annotations only ever improve, so every pair is proposed at most once. A pair lives
from the entry that made it to the entry that broke it: an interval of c. The IoU threshold only cuts the list of pairs
short, so t is a pure filter.
"""

from __future__ import annotations

from evalstream.native import compiled
from evalstream.scenes import Pairs, Rectangles, Scenes


@compiled
def match_iou_greedy(scenes: Scenes, pairs: Pairs) -> Rectangles:
    """Match a batch of scenes at every threshold at once."""
