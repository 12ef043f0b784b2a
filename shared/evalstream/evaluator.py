"""Evaluation within a validation loop: images as they come, several processes put together, figures in the end.

>>> import evalstream
>>> evaluator = evalstream.Evaluator(classes=["car", "bus"])
>>> evaluator.update(
...     "0001.jpg",
...     {"boxes": [[0, 0, 10, 9], [50, 50, 60, 60]], "labels": [0, 1], "scores": [0.9, 0.4]},
...     {"boxes": [[0, 0, 10, 10]], "labels": [0]},
... )
>>> round(evaluator.compute().average_precision().ap50, 6)
1.0
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from evalstream.evaluation import Evaluation
from evalstream.importers.arrays import (
    ArrayType,
    BoxFormat,
    Classes,
    Fields,
    Reader,
    Side,
    apart,
    columns,
    image_name,
    together,
)
from evalstream.importers.columns import annotation_events, prediction_events
from evalstream.importers.problems import ImporterError
from evalstream.policies import PolicyName
from evalstream.scenes import Code

_NAME: Final = "evaluated"
_SIDES: Final = ("_annotated", "_predicted")


class Evaluator:
    """Gathers images with their annotations and predictions; the order in which they come does not matter.

    Parameters
    ----------
    classes : sequence of str
        The names of classes. Labels are names, or positions among these. Where it is missing, classes are those that
        come up, and a number is a name.
    type : {"bbox", "segm"}
        What to compare: boxes, or masks.
    box_format : {"xyxy", "xywh", "cxcywh"}
        How the four numbers of a box are meant.
    policy : {"coco", "iou-greedy", "best-candidate"}
        Who matches whom, unless a figure is asked for under another policy.
    """

    def __init__(
        self,
        classes: Sequence[str] | None = None,
        type: ArrayType = "bbox",  # noqa: A002 -- the word of events, questions and the command line
        *,
        box_format: BoxFormat = "xyxy",
        policy: PolicyName = "coco",
    ) -> None:
        for what, given, known in (
            ("type", type, ("bbox", "segm")),
            ("box_format", box_format, ("xyxy", "xywh", "cxcywh")),
        ):
            if given not in known:
                raise ValueError(f"{what}: must be one of {', '.join(known)}, and is {given!r}")
        self.policy: PolicyName = policy
        self._reader = Reader(type, box_format, Classes(classes))
        self._annotated: dict[str, Side] = {}
        self._predicted: dict[str, Side] = {}
        self._repeated = 0

    def __len__(self) -> int:
        return len(self._annotated)

    def update(self, image: Any, predictions: Fields, annotations: Fields) -> None:
        """Add an image.

        Parameters
        ----------
        image : str or int
            The image's own name, the same in every process.
        predictions, annotations : mapping of arrays
            As in :mod:`evalstream.importers.arrays`: ``boxes`` or ``masks``, ``labels``, and ``scores`` of predictions;
            of annotations also ``crowd`` and ``area``. Tensors of other libraries are read too.

        Raises
        ------
        ImporterError
            If something of it cannot be read, or the image was added before; then nothing is added.
        """
        name = image_name(image)
        if name in self._annotated:
            raise ImporterError(f"image {name}: was added before")
        annotated, predicted = self._reader.annotated(name, annotations), self._reader.predicted(name, predictions)
        self._annotated[name], self._predicted[name] = annotated, predicted

    def merge(self, other: Evaluator) -> None:
        """Add the images of another evaluator, of another process for instance.

        An image that both have counts once, for samplers of distributed loops hand out some images twice; where the
        predictions differ, which ones count does not depend on the order of merging.

        Raises
        ------
        ImporterError
            If the two do not evaluate the same, or differ in the annotations of an image; then nothing is added.
        """
        own, its = self._reader, other._reader
        if own.type != its.type or own.classes.declared != its.classes.declared:
            raise ImporterError("the evaluators differ in their type, or in whether classes are declared")
        if own.classes.declared and own.classes.names != its.classes.names:
            raise ImporterError("the evaluators differ in their classes")
        both = self._annotated.keys() & other._annotated.keys()
        for name in sorted(both):
            if self._key(self._annotated[name]) != other._key(other._annotated[name]):
                raise ImporterError(f"image {name}: the evaluators differ in its annotations")
        place = own.classes.codes(its.classes.names)
        chosen = {
            name: self._predicted[name]
            for name in both
            if self._key(self._predicted[name]) <= other._key(other._predicted[name])
        }
        self._annotated |= {name: _recoded(one, place) for name, one in other._annotated.items()}
        self._predicted |= {name: _recoded(one, place) for name, one in other._predicted.items()} | chosen
        self._repeated += other._repeated + len(both)

    def compute(self) -> Evaluation:
        """Match everything that was added; images may be added afterwards, and this called again."""
        kind = self._reader.type
        truth, predicted = columns(self._annotated, self._predicted, self._reader.classes, kind)
        again = "1 image was" if self._repeated == 1 else f"{self._repeated:,} images were"
        return Evaluation(
            annotation_events(truth, _NAME, 1, kind),
            prediction_events(predicted, truth, _NAME, _NAME, 1, kind),
            policy=self.policy,
            categories=truth.categories.names,
            notes=predicted.notes + ([f"{again} there more than once; each counts once."] if self._repeated else []),
        )

    def _key(self, one: Side) -> tuple[list[str], list[bytes], list[str]]:
        """Say all that there is of one side of an image, so that it can be compared with another evaluator's."""
        names = self._reader.classes.names
        arrays = one.score, one.crowd, one.area, one.box
        return [names[code] for code in one.label.tolist()], [array.tobytes() for array in arrays], one.detail

    # Pickled as a dictionary of small arrays, there would be more around them than in them.

    def __getstate__(self) -> dict[str, Any]:
        sides = {side: together(list(self.__dict__[side].values())) for side in _SIDES}
        names = list(self._annotated)
        assert names == list(self._predicted)
        return self.__dict__ | sides | {"names": names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        names = state.pop("names")
        self.__dict__ |= state
        self.__dict__ |= {side: dict(zip(names, apart(*state[side]), strict=True)) for side in _SIDES}


def _recoded(one: Side, place: Code) -> Side:
    return one._replace(label=place[one.label])
