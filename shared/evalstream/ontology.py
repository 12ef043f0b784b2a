"""Declaration of a dataset: its classes, and how its shapes are to be compared.

Nothing needs declaring: a class exists by being used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from evalstream.events.base import Feature, Strict, Text

CLASSES_LIMIT: Final = 100_000
#: Levels of the hierarchy; every class is stored with all of its ancestors.
DEPTH_LIMIT: Final = 32
#: How far apart points, and lines, may lie and still be one: in pixels, or metres for longitudes and latitudes.
DEFAULT_TOLERANCE: Final = 10.0

Tolerance = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
#: In how many images a class is: LVIS's rare, common and frequent ones.
Frequency = Literal["r", "c", "f"]
FREQUENCIES: Final[dict[str, Frequency]] = {"rare": "r", "common": "c", "frequent": "f"}


class OntologyClass(Strict):
    """A declared class, or question."""

    name: Feature
    parent: Feature | None = Field(default=None, description="the class that this one is a kind of")
    color: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")] | None = Field(default=None, description="#rrggbb")
    tolerance: Tolerance | None = Field(
        default=None, description="of points and polylines, in pixels, or metres for longitudes and latitudes"
    )
    sigmas: Annotated[list[Annotated[float, Field(gt=0, le=10)]], Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="of keypoints, one each, as COCO's; missing: COCO's for 17 keypoints, or else 1/n",
    )
    skeleton: Annotated[list[tuple[int, int]], Field(max_length=10_000)] = Field(
        default_factory=list, description="pairs of keypoints to draw a line between, from 0"
    )
    frequency: Frequency | None = Field(
        default=None, description="LVIS's groups of classes, rare, common, frequent: average precision is told of each"
    )
    attributes: dict[Annotated[Text, Field(min_length=1, max_length=128)], Annotated[str, Field(max_length=1024)]] = (
        Field(default_factory=dict, max_length=64, description="anything worth knowing of the class")
    )


class Ontology(Strict):
    """The declaration of a dataset, whole: a later one takes its place."""

    classes: Annotated[list[OntologyClass], Field(max_length=CLASSES_LIMIT)] = Field(default_factory=list)
    tolerance: Tolerance = Field(default=DEFAULT_TOLERANCE, description="where a class gives none")
    boxes: Literal["continuous", "pixels"] = Field(
        default="continuous",
        description="`pixels`: a box runs from its first pixel to its last, so that one from pixel 3 to pixel 5 has "
        "width 2 and covers 3 (Pascal VOC's + 1)",
    )
    across_types: bool = Field(
        default=False, description="whether boxes, rotated boxes, polygons and masks may match each other"
    )

    @model_validator(mode="after")
    def _is_a_forest(self) -> Self:
        names = Counter(item.name for item in self.classes)
        (name, count), *_ = names.most_common(1) or [("", 0)]
        if count > 1:
            raise ValueError(f"classes: {count} of them have the name {name!r}")
        lineages(self)
        return self


def lineages(ontology: Ontology) -> dict[str, list[str]]:
    """Give each declared class its ancestors, from the top of the hierarchy down to the class itself.

    A parent need not be declared: it then stands at the top.

    Raises
    ------
    ValueError
        If a class is a kind of itself, or lies deeper than ``DEPTH_LIMIT``.
    """
    parent = {item.name: item.parent for item in ontology.classes}
    paths: dict[str, list[str]] = {}
    for name in parent:
        path = [name]
        while (above := parent.get(path[-1])) is not None:
            path.append(above)
            if above == name:
                raise ValueError(f"classes: the parent of {name!r} is, in the end, {name!r} itself")
            if len(path) > DEPTH_LIMIT:
                raise ValueError(
                    f"classes: {name!r} lies more than {DEPTH_LIMIT} levels deep, or among parents in a ring"
                )
        paths[name] = path[::-1]
    return paths


def with_frequencies(ontology: Ontology, frequency: Mapping[str, Frequency]) -> Ontology:
    """Declare how frequent classes are, beside what is declared already."""
    known = {item.name for item in ontology.classes}
    classes = [
        item.model_copy(update={"frequency": frequency.get(item.name, item.frequency)}) for item in ontology.classes
    ]
    classes += [OntologyClass(name=name, frequency=own) for name, own in frequency.items() if name not in known]
    return ontology.model_copy(update={"classes": classes})


#: Not validated: that would build the validator wherever this module is imported. Nor does pydantic make the list, for
#: it would read the signature of `list` first, in longer than all else here takes.
NOTHING_DECLARED: Final = Ontology.model_construct(classes=[])
