"""The annotation types, as the codes that stand in columns of scenes."""

from __future__ import annotations

from typing import Final, Literal, get_args

#: The types of whole objects, as events and questions name them.
AnnotationType = Literal[
    "bbox",
    "radio",
    "rotated_box",
    "polygon",
    "mask",
    "polyline",
    "point",
    "keypoints",
    "span",
    "checklist",
    "text",
    "number",
]
TYPES: Final[tuple[AnnotationType, ...]] = get_args(AnnotationType)
#: Codes of all types of parts, in the order in which they were added. The options of a checklist have the type
#: ``checklist``; ``question`` is the list itself, which is matched so that its options can be, and counted nowhere.
CODES: Final = {name: code for code, name in enumerate((*TYPES, "question"))}
#: What is nested in something else is matched within its parent's match, and not on its own.
NESTED: Final = -1
#: The type of a part that is a custom metric.
METRIC: Final = "metric"
#: Begins the names of measures that are custom metrics.
CUSTOM: Final = "custom."
#: How values of a custom metric come to one.
Aggregation = Literal["arithmetic_mean", "geometric_mean", "harmonic_mean", "sum", "confusion_matrix"]
#: In this order they are codes in columns.
AGGREGATIONS: Final[tuple[Aggregation, ...]] = get_args(Aggregation)
#: Degrees by which arithmetic may miss the pole.
POLE_SLACK: Final = 1e-9
#: Types whose overlap is an IoU or the like, from 0 to 1; average precision is asked of these unless others are named.
LOCALISED: Final = ("bbox", "rotated_box", "polygon", "mask", "polyline", "keypoints", "span")
#: Types that answer a question, rightly or wrongly.
ANSWERS: Final = ("radio", "checklist")
#: Types that are neither right nor wrong, but near or far: they have metrics of their own, and no place in counts.
UNCOUNTED: Final = ("text", "number", "question")
