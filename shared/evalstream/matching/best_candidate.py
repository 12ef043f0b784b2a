"""Policy ``best-candidate``: a prediction stands for its best annotation or for none (Pascal VOC, Open Images, Encord).

Each prediction points to the annotation of its own class that it overlaps most (of equal ones the first), whatever the
thresholds. At IoU t, of those that point to one annotation with IoU at least t, the most confident is the match (of
equal ones the first). The others do not move on to their second choice. So a prediction is the match exactly where t is
above the best IoU of its more confident rivals and at most its own, and the confidence threshold is a pure filter.

A difficult annotation (Pascal VOC) is pointed to like any other, and what points to it with IoU at least t is ignored,
however many they are. A region (COCO's crowd, Open Images' group) is pointed to only by what is left: a prediction that
is neither a match nor ignored at t is ignored if at least the share t of its own area lies within the region of its
class in which it lies most. Over a region the overlap of a pair is that share.

Reference: Pascal VOC devkit, ``VOCevaldet.m``; Open Images, ``per_image_evaluation.py`` of the TensorFlow models.
"""

from __future__ import annotations

from evalstream.native import compiled
from evalstream.scenes import Pairs, Rectangles, Scenes


@compiled
def match_best_candidate(scenes: Scenes, pairs: Pairs) -> Rectangles:
    """Match a batch of scenes at every threshold at once."""
