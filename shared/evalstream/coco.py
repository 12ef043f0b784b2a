"""pycocotools' calls, with evaluation in compiled kernels: the same figures to the last bit.

    from evalstream.coco import COCO, COCOeval

    truth = COCO("gt.json")
    run = COCOeval(truth, truth.loadRes("dt.json"), "bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()

The classes are pycocotools' own, but for how ``COCOeval`` evaluates and accumulates: all parameters have their meaning,
and ``precision``, ``recall``, ``scores`` and ``stats`` are equal to those of pycocotools, with its peculiarities (a
match of an annotation whose id is 0 is none). ``evalImgs`` and ``ious`` are made when somebody asks for them. Of
subclasses that say themselves how one image is evaluated, evaluation is left to pycocotools.
"""

from __future__ import annotations

import copy
import datetime
import sys
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pycocotools
from pycocotools import coco as _coco
from pycocotools import cocoeval as _cocoeval
from pydantic_core import from_json

from evalstream.geometry.dense import Extents, box_overlaps, extents, mask_overlaps, skeleton_overlaps
from evalstream.matching.at_thresholds import Groups, Outcomes, match_at, match_group, outside
from evalstream.metrics.curves import curves
from evalstream.scenes import Flag, Float, Int

__all__ = ["COCO", "COCOeval", "Params", "init_as_pycocotools"]

Record = dict[str, Any]
Params = _cocoeval.Params

#: What subclasses may override, so that our kernels would no longer do what they are to.
_PER_IMAGE: Final = ("_prepare", "computeIoU", "computeOks", "evaluateImg")


def init_as_pycocotools() -> None:
    """Let ``pycocotools.coco`` and ``pycocotools.cocoeval`` be this module, for all that is imported from then on."""
    this = sys.modules[__name__]
    for name in ("coco", "cocoeval"):
        sys.modules[f"pycocotools.{name}"] = this
        setattr(pycocotools, name, this)


class COCO(_coco.COCO):  # type: ignore[misc]  # pycocotools has no types
    """pycocotools' ``COCO``: annotations, or results, and an index of them.

    Parameters
    ----------
    annotation_file : path or mapping
        COCO ground truth, as a file or as a JSON reader gives it; the latter is not copied.
    """

    def __init__(self, annotation_file: Path | str | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if annotation_file is not None:
            given = _read(annotation_file) if isinstance(annotation_file, Path | str) else annotation_file
            if not isinstance(given, dict):
                raise TypeError(f"a COCO ground-truth file is an object, and this is a {type(given).__name__}")
            self.dataset: dict[str, Any] = given
            self.createIndex()

    def loadRes(self, resFile: Any) -> COCO:  # noqa: N802, N803 -- pycocotools' names
        """Index results on the images of this ground truth: a file, a list of detections, or an array ``(n, 7)``."""
        given = _read(resFile) if isinstance(resFile, Path | str) else resFile
        if isinstance(given, list) and not given:  # of which pycocotools makes an IndexError
            kept = {key: value for key, value in self.dataset.items() if key in ("info", "images", "categories")}
            return COCO(kept | {"annotations": []})
        results = COCO()
        results.__dict__.update(vars(_coco.COCO.loadRes(self, given)))
        return results


def _read(path: Path | str) -> Any:
    return from_json(Path(path).read_bytes(), allow_inf_nan=True)


class _Evaluated(NamedTuple):
    """Result of ``evaluate``: matching itself is done for each area range when it is asked for."""

    annotations: list[Record]  # by group: an image and class
    predictions: list[Record]
    rank: Int  # of each prediction, within its group
    score: Float
    groups: Groups


class COCOeval(_cocoeval.COCOeval):  # type: ignore[misc]  # pycocotools has no types
    """pycocotools' ``COCOeval``. ``cocoDt`` may be set, and ``evaluate`` called, any number of times."""

    _evaluated: _Evaluated | None = None
    _ious: dict[tuple[Any, Any], Any] | None = None
    _images: Any = None  # as dictionaries, if there are any

    def evaluate(self) -> None:
        """Match detections with annotations, image by image and class by class."""
        p = self.params
        if p.useSegm is not None:
            p.iouType = "segm" if p.useSegm == 1 else "bbox"
        if not self._is_ours():
            super().evaluate()
            return
        p.imgIds = list(np.unique(p.imgIds))
        if p.useCats:
            p.catIds = list(np.unique(p.catIds))
        p.maxDets = sorted(p.maxDets)
        self.eval: dict[str, Any] = {}
        self.evalImgs = self.ious = None
        of_classes = {"catIds": set(p.catIds)} if p.useCats else {}
        annotations, predictions = (
            coco.loadAnns(coco.getAnnIds(imgIds=p.imgIds, **of_classes)) for coco in (self.cocoGt, self.cocoDt)
        )
        if p.iouType == "segm":  # in place, as pycocotools does: the next evaluation is spared it
            for coco, records in ((self.cocoGt, annotations), (self.cocoDt, predictions)):
                for record in records:
                    record["segmentation"] = coco.annToRLE(record)
        self._evaluated = _evaluated(annotations, predictions, p)
        self._paramsEval = copy.deepcopy(p)

    def accumulate(self, p: Any = None) -> None:
        """Follow the curves of precision over recall; leaves ``eval``."""
        if self._evaluated is None and not self._images:
            raise RuntimeError("nothing is evaluated: call evaluate() first")
        p = self.params if p is None else p
        p.catIds = p.catIds if p.useCats == 1 else [-1]
        past = self._paramsEval
        classes, ranges = set(past.catIds if past.useCats else [-1]), set(map(tuple, past.areaRng))
        images, numbers = set(past.imgIds), set(past.maxDets)
        class_at = [n for n, key in enumerate(p.catIds) if key in classes]
        range_at = [n for n, ends in enumerate(map(tuple, p.areaRng)) if ends in ranges]
        image_at = [n for n, key in enumerate(p.imgIds) if key in images]
        most = np.array([number for number in p.maxDets if number in numbers], np.int64)
        counts = [len(p.iouThrs), len(p.recThrs), len(p.catIds) if p.useCats else 1, len(p.areaRng), len(p.maxDets)]
        thresholds, recalls, *rest = counts
        precision, scores = -np.ones((thresholds, recalls, *rest)), -np.ones((thresholds, recalls, *rest))
        recall = -np.ones((thresholds, *rest))
        for a, at in enumerate(range_at):
            if self._images is None and self._evaluated is not None:
                own = _of_groups(self._evaluated, class_at, at, image_at, past)
            else:
                own = _of_images(self._images, class_at, at, image_at, past)
            order = np.lexsort((-own.score, own.label))
            start = np.searchsorted(own.label[order], np.arange(len(class_at) + 1))
            sorted_own = np.ascontiguousarray(own.outcomes[:, order]), own.rank[order], own.score[order]
            accumulated = curves(start, *sorted_own, own.annotations, np.asarray(p.recThrs, np.float64), most)
            into = slice(len(own.outcomes)), slice(len(class_at)), a, slice(len(most))
            recall[into] = accumulated.recall
            for whole, part in ((precision, accumulated.precision), (scores, accumulated.score)):
                whole[into[0], :, into[1], a, into[3]] = part
        self.eval = {
            "params": p,
            "counts": counts,
            "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
            "precision": precision,
            "recall": recall,
            "scores": scores,
        }

    @property
    def evalImgs(self) -> Any:  # noqa: N802 -- pycocotools' name
        """Outcomes of each image, by class, area range and image; None where nothing is of a class.

        Made when it is first asked for, as dictionaries, which takes far longer than to evaluate. From then on, and
        where somebody sets it to join the parts of several processes, it is what ``accumulate`` works on.
        """
        if self._images is None and self._evaluated is not None:
            self._images = _all_images(self._evaluated, self._paramsEval)
        return self._images

    @evalImgs.setter
    def evalImgs(self, given: Any) -> None:  # noqa: N802
        self._images, self._evaluated = given, None

    @property
    def ious(self) -> Any:
        """The overlaps of each image and class: an array, a row a detection; a list without entries if there are none.

        Made when it is first asked for.
        """
        if self._ious is None and self._evaluated is not None:
            self._ious = _overlaps(self._evaluated, self._paramsEval)
        return self._ious

    @ious.setter
    def ious(self, given: Any) -> None:
        self._ious = given

    def _is_ours(self) -> bool:
        """Whether our kernels evaluate as this class and its parameters say; if not, pycocotools itself does."""
        p = self.params
        overridden = any(getattr(type(self), name) is not getattr(_cocoeval.COCOeval, name) for name in _PER_IMAGE)
        # pycocotools compares no skeletons without their classes, and counts the objects of a class named twice twice.
        odd = not p.useCats and (p.iouType == "keypoints" or len(set(p.catIds)) < len(p.catIds))
        return not overridden and not odd


# --- records to groups ----------------------------------------------------------------------------------------------


def _evaluated(annotations: list[Record], predictions: list[Record], p: Any) -> _Evaluated:
    """Group records by class and image, predictions by decreasing score, and compute how far they overlap."""
    annotations, their_group = _grouped(annotations, p)
    predictions, group = _grouped(predictions, p)
    score = _column(predictions, "score")
    order = np.lexsort((-score, group))
    group, score = group[order], score[order]
    groups = len(p.imgIds) * (len(p.catIds) if p.useCats else 1)
    rank = np.arange(len(group)) - np.searchsorted(group, np.arange(groups))[group]
    kept = rank < p.maxDets[-1]
    predictions = [predictions[i] for i in order[kept].tolist()]
    sizes = (np.bincount(own, minlength=groups) for own in (their_group, group[kept]))
    of = extents(*sizes)
    crowd = np.array([bool(one.get("iscrowd")) for one in annotations], np.bool_)
    ignored = crowd.copy()
    if p.iouType == "keypoints":
        ignored |= np.array([one["num_keypoints"] == 0 for one in annotations], np.bool_)
    built = Groups(
        of,
        _iou(of, predictions, annotations, crowd, p),
        ignored,
        crowd,
        _column(annotations, "area"),
        np.array([one["id"] != 0 for one in annotations], np.bool_),
        _column(predictions, "area"),
        np.array([one["id"] > 0 for one in predictions], np.bool_),
    )
    return _Evaluated(annotations, predictions, rank[kept], score[kept], built)


def _grouped(records: list[Record], p: Any) -> tuple[list[Record], Int]:
    """Put the records that are asked for in the order of their groups: by class, if classes count, and image."""
    images, classes = ({key: i for i, key in enumerate(keys)} for keys in (p.imgIds, p.catIds))
    image = np.array([images.get(one["image_id"], -1) for one in records], np.int64)
    of_class = np.array([classes.get(one["category_id"], -1) for one in records], np.int64)
    order = np.lexsort((image, of_class) if p.useCats else (of_class, image))
    order = order[(image[order] >= 0) & (of_class[order] >= 0)]
    group = (of_class * len(p.imgIds) + image if p.useCats else image)[order]
    return [records[i] for i in order.tolist()], group


def _column(records: list[Record], field: str) -> Float:
    return np.fromiter(map(itemgetter(field), records), np.float64, len(records))


def _iou(of: Extents, predictions: list[Record], annotations: list[Record], crowd: Flag, p: Any) -> Float:
    if p.iouType == "segm":
        masks, others = ([one["segmentation"] for one in records] for records in (predictions, annotations))
        return mask_overlaps(of, masks, others, crowd)
    if p.iouType == "bbox":
        return box_overlaps(of, _rows(predictions, "bbox", 4), _rows(annotations, "bbox", 4), crowd)
    sigmas = np.asarray(p.kpt_oks_sigmas, np.float64)
    predicted, true = (
        _rows(one, "keypoints", 3 * len(sigmas)).reshape(-1, len(sigmas), 3) for one in (predictions, annotations)
    )
    return skeleton_overlaps(of, predicted, true, _rows(annotations, "bbox", 4), _column(annotations, "area"), sigmas)


def _rows(records: list[Record], field: str, width: int) -> Float:
    """Read a list of numbers of each record."""
    for one in records:
        if len(one[field]) != width:
            raise ValueError(f"{field}: must have {width} numbers each; record {one['id']} has {len(one[field])}")
    return np.array([one[field] for one in records], np.float64).reshape(-1, width)


# --- groups to outcomes ---------------------------------------------------------------------------------------------


class _Outcomes(NamedTuple):
    """Outcomes of all detections in one area range, in pycocotools' order of images and detections."""

    outcomes: Outcomes
    label: Int  # a position among the classes that are asked for
    rank: Int
    score: Float
    annotations: Int  # of each class: how many count


def _of_groups(of: _Evaluated, class_at: list[int], range_at: int, image_at: list[int], p: Any) -> _Outcomes:
    low, high = p.areaRng[range_at]
    outcomes, annotations = match_at(of.groups, float(low), float(high), np.asarray(p.iouThrs, np.float64))
    images = len(p.imgIds)
    label_of = np.full(len(p.catIds) if p.useCats else 1, -1, np.int64)
    label_of[class_at] = np.arange(len(class_at))
    is_asked = np.zeros(images, np.bool_)
    is_asked[image_at] = True
    label = np.where(np.tile(is_asked, len(label_of)), np.repeat(label_of, images), -1)
    asked = label >= 0
    counts = np.bincount(label[asked], annotations[asked], len(class_at)).astype(np.int64)
    per_prediction = np.repeat(label, np.diff(of.groups.extents.prediction))
    kept = per_prediction >= 0
    return _Outcomes(outcomes[:, kept], per_prediction[kept], of.rank[kept], of.score[kept], counts)


def _of_images(images: Sequence[Any], class_at: list[int], range_at: int, image_at: list[int], p: Any) -> _Outcomes:
    """Read what somebody put together of parts of ``evalImgs``."""
    ranges, size = len(p.areaRng), len(p.imgIds)
    none = np.empty((len(p.iouThrs), 0))
    matches, ignored, scores, ranks, labels = [none], [none], [np.empty(0)], [np.empty(0, np.int64)], []
    counts = np.zeros(len(class_at), np.int64)
    for label, k in enumerate(class_at):
        for one in (images[(k * ranges + range_at) * size + i] for i in image_at):
            if one is None:
                continue
            matches.append(one["dtMatches"])
            ignored.append(one["dtIgnore"])
            scores.append(np.asarray(one["dtScores"], np.float64))
            ranks.append(np.arange(len(one["dtScores"])))
            labels += [label] * len(one["dtScores"])
            counts[label] += np.count_nonzero(np.asarray(one["gtIgnore"]) == 0)
    is_ignored, is_matched = (np.concatenate(parts, axis=1) != 0 for parts in (ignored, matches))
    outcomes = np.where(is_ignored, 2, is_matched).astype(np.uint8)
    return _Outcomes(outcomes, np.array(labels, np.int64), np.concatenate(ranks), np.concatenate(scores), counts)


# --- groups to dictionaries -----------------------------------------------------------------------------------------


def _all_images(of: _Evaluated, p: Any) -> list[Record | None]:
    thresholds = np.asarray(p.iouThrs, np.float64)
    classes = p.catIds if p.useCats else [-1]
    return [
        _image(of, k * len(p.imgIds) + i, thresholds, ends, p.maxDets[-1], image, key)
        for k, key in enumerate(classes)
        for ends in p.areaRng
        for i, image in enumerate(p.imgIds)
    ]


def _image(of: _Evaluated, g: int, thresholds: Float, ends: Any, most: int, image: Any, key: Any) -> Record | None:
    groups = of.groups
    own, other = (slice(start[g], start[g + 1]) for start in (groups.extents.prediction, groups.extents.annotation))
    predictions, annotations = of.predictions[own], of.annotations[other]
    if not predictions and not annotations:
        return None
    low, high = map(float, ends)
    ignored = groups.ignored[other] | outside(groups.annotation_area[other], low, high)
    match = match_group(groups, g, low, high, thresholds)
    # One entry more, for those that are matched to none.
    names = np.array([*(one["id"] for one in annotations), 0], np.float64)
    matches = names[match]
    matched = np.zeros((len(thresholds), len(annotations) + 1))
    for p, prediction in enumerate(predictions):
        matched[np.arange(len(thresholds)), match[:, p]] = prediction["id"]
    beyond = outside(groups.prediction_area[own], low, high)
    order = np.argsort(ignored, kind="stable")
    return {
        "image_id": image,
        "category_id": key,
        "aRng": ends,
        "maxDet": most,
        "dtIds": [one["id"] for one in predictions],
        "gtIds": [annotations[a]["id"] for a in order.tolist()],
        "dtMatches": matches,
        "gtMatches": matched[:, order],
        "dtScores": [one["score"] for one in predictions],
        "gtIgnore": ignored[order].astype(np.int64),
        "dtIgnore": np.append(ignored, np.bool_(False))[match] | ((matches == 0) & beyond),
    }


def _overlaps(of: _Evaluated, p: Any) -> dict[tuple[Any, Any], Any]:
    overlaps: dict[tuple[Any, Any], Any] = {}
    extent = of.groups.extents
    keys = [(image, key) for key in (p.catIds if p.useCats else [-1]) for image in p.imgIds]
    for g, key in enumerate(keys):
        own = of.groups.iou[extent.iou[g] : extent.iou[g + 1]]
        overlaps[key] = own.reshape(-1, extent.annotation[g + 1] - extent.annotation[g]) if len(own) else []
    return overlaps
