"""AP and AR, per class and averaged: COCO's twelve figures, and other definitions of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import numpy as np
from pydantic import BaseModel, Field

from evalstream.class_labels import class_label
from evalstream.matching import AREA_RANGES, MAX_DETECTIONS, MAX_SKELETONS
from evalstream.metrics.average_precision import (
    IOU_THRESHOLDS,
    RULES,
    Averages,
    Interpolation,
    float32_linspace,
)
from evalstream.metrics.detections import MANY, Detections, Limited, averages_by_confidence, averages_by_detection
from evalstream.ontology import FREQUENCIES, NOTHING_DECLARED, Frequency, Ontology
from evalstream.room import given_back
from evalstream.scenes import Float, Int
from evalstream.scoring.counting import count
from evalstream.scoring.detections import detections
from evalstream.scoring.notes import unusual
from evalstream.selection import QuestionError, Selection
from evalstream.stored.labels import ALL_CLASSES, PerClassPage
from evalstream.tabular import Tabular
from evalstream.threads import at_once
from evalstream.types import LOCALISED
from evalstream.words import count_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Where recall is taken for the area under recall over IoU.
_AREA_THRESHOLDS: Final = np.arange(5, 11) / 10


class ApOptions(BaseModel):
    """Options of average precision: which of its many definitions."""

    interpolation: Interpolation = Field(
        default="101-point",
        description="`101-point`: COCO. `11-point`: Pascal VOC until 2009. `all-point`: the area under interpolated "
        "precision, Pascal VOC from 2010 and Open Images. `none`: the area under the curve as it is, scikit-learn. "
        "`encord`: 11 points, recall rounded to hundredths",
    )
    empty_classes: Literal["exclude", "zero"] = Field(
        default="exclude",
        description="whether classes that are predicted but never annotated are left out of the means, or are 0 there",
    )
    group_of: Literal["ignore", "count"] = Field(
        default="ignore",
        description="policy `best-candidate` only. `count`: a group is one more annotation, found by the most "
        "confident prediction in it, as in the Open Images Challenge",
    )
    thresholds: Literal["float64", "float32"] = Field(
        default="float64",
        description="`float32`: the thresholds .50, .55 … and the 101 recalls rounded to single precision, as "
        "TorchMetrics does unless told otherwise",
    )


_AS_COCO: Final = ApOptions()


class ApFigures(BaseModel):
    """COCO's figures. Null: not defined, because no annotation counts there or the policy knows no such thing."""

    ap: float | None = Field(description="mean over the IoU thresholds .50, .55 … .95")
    ap50: float | None
    ap75: float | None
    ap_small: float | None = Field(
        description="annotations up to 32² px; policy `coco` only, as all by area or maximum"
    )
    ap_medium: float | None
    ap_large: float | None
    ar_1: float | None = Field(description="final recall, mean over the IoU thresholds, given 1 prediction a row")
    ar_10: float | None
    ar_100: float | None = Field(description="given as many as policy `coco` counts: `max_detections`")
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None


class ClassFigures(ApFigures):
    """The same, and figures at one threshold, or over all of them."""

    at_iou: float | None = Field(description="AP at the `iou` of the selection")
    recall_at_iou: float | None = Field(description="final recall at the `iou` of the selection; Encord's older mAR")
    ar_area: float | None = Field(
        description="twice the area under final recall over IoU .5, .6 … 1 (Hosang et al. 2016); Encord's newer mAR"
    )


class FrequencyFigures(BaseModel):
    """LVIS's APr, APc and APf. Null: no class of the group is declared so, or none of them is annotated."""

    ap_rare: float | None = Field(
        description="mean of `ap` over the annotated classes whose declared `frequency` is `r`, as LVIS has it"
    )
    ap_common: float | None = Field(description="over those of `c`")
    ap_frequent: float | None = Field(description="over those of `f`")


#: The figures that experiment trackers are given.
HEADLINE: Final = {*ApFigures.model_fields, *FrequencyFigures.model_fields}


class AveragePrecision(ClassFigures, FrequencyFigures, Tabular):
    """The means over classes with annotations, and each class."""

    table: ClassVar = "per_class"

    ar50: float | None = Field(description="final recall at IoU .50; with `ar75` among COCO's ten figures of keypoints")
    ar75: float | None
    max_detections: dict[str, int] | None = Field(
        description="how many predictions of one class count in one row, the most confident ones, by type; policy "
        "`coco` only, elsewhere all do"
    )
    per_class: dict[str, ClassFigures]
    total: int = Field(description="classes that fit, given or not; the means are over all classes, fit or not")
    undefined: dict[str, str] = Field(
        description="why a figure is null, by its name; `per_class.…`: why all of a class are"
    )
    notes: list[str] = Field(description="what has to be known of this answer")


@given_back()
def average_precisions(
    client: Client, selection: Selection, options: ApOptions = _AS_COCO, page: PerClassPage = ALL_CLASSES
) -> AveragePrecision:
    """Compute AP and AR from single detections, exactly as pycocotools does unless the options say otherwise.

    Detections go by decreasing confidence; of equal ones those of the earlier data row first. Rows whose keys
    are integers, COCO's image ids, go in their numeric order; then the others, by length and then by key. Under
    ``iou-greedy``, where a prediction may push another one from its place, the curve has a point for each confidence
    at which something changes. The selection's ``confidence`` leaves out what lies below it; its ``iou`` adds
    ``at_iou``.

    Raises
    ------
    QuestionError
        If groups are to be counted under a policy that knows none.
    """
    # Of stored runs alone, and take a while: figures of files need none of them.
    from evalstream.storage.ontologies import in_force
    from evalstream.stored.columns import read_all
    from evalstream.stored.notes import notes_on

    _require_groups(selection, options)
    localised = selection.model_copy(update={"type": selection.type or list(LOCALISED)})
    columns, left, failed, *_ = read_all(client, localised, ordered=True)
    detected, found = at_once(
        lambda: detections(columns, left, groups=options.group_of == "count"),
        lambda: unusual(columns, count(columns, left), left),
        worth_it=len(columns.confidence) > MANY,
    )
    said = notes_on(client, localised, failed, found).notes
    declared = in_force(client, selection.dataset).ontology
    return average_precision_of(detected, said, selection, options, page, ontology=declared)


def average_precision_of(
    detected: Detections,
    said: list[str],
    selection: Selection,
    options: ApOptions = _AS_COCO,
    page: PerClassPage = ALL_CLASSES,
    order: Sequence[str] = (),
    ontology: Ontology = NOTHING_DECLARED,
) -> AveragePrecision:
    """Compute AP and AR from detections.

    Parameters
    ----------
    detected : Detections
        What they are computed from.
    said : list of str
        What has to be known of it.
    order : sequence of str
        Labels in the order in which means are summed, the others after them by name. It shows in the last bit alone;
        pycocotools sums by category id.
    ontology : Ontology
        What is declared: how frequent classes are.
    """
    _require_groups(selection, options)
    rule = RULES[options.interpolation]
    ious = IOU_THRESHOLDS
    if options.thresholds == "float32":
        ious = float32_linspace(0.5, 0.95, len(ious))
        rule = rule._replace(
            recalls=float32_linspace(0.0, 1.0, len(rule.recalls)) if len(rule.recalls) else rule.recalls
        )
    thresholds = np.array([selection.threshold(t) for t in (*ious, selection.iou, *_AREA_THRESHOLDS)])
    averages: Limited
    if selection.traits.revokes:
        own, recall = averages_by_confidence(detected, thresholds, rule, selection.confidence)
        averages = {("all", MAX_DETECTIONS): own}
    else:
        averages, recall = averages_by_detection(detected, thresholds, rule, coco=selection.traits.limited)
    areas = np.asarray(2 * np.trapezoid(recall, _AREA_THRESHOLDS, axis=0))
    fitting = [k for k, label in enumerate(detected.labels) if page.has(label)]
    shown = fitting[page.offset : page.offset + page.limit]
    per_class = dict(zip([detected.labels[k] for k in shown], _figures_of_each(averages, areas, shown), strict=True))
    absent = np.isnan(averages["all", MAX_DETECTIONS].recall[0])
    if options.empty_classes == "zero":
        averages = {
            limits: Averages(*(np.where(absent & np.isnan(values), 0.0, values) for values in own))
            for limits, own in averages.items()
        }
        areas = np.where(absent, 0.0, areas)
    place = {label: i for i, label in enumerate(order)}
    summed = sorted(range(len(detected.labels)), key=lambda k: place.get(detected.labels[k], len(place)))
    figures = _figures(averages, areas, np.array(summed, np.int64))
    frequency = {class_label(own.name): own.frequency for own in ontology.classes if own.frequency is not None}
    groups = _of_groups(averages, [(k, frequency.get(detected.labels[k])) for k in summed])
    empty = [label for label, missing in zip(detected.labels, absent, strict=True) if missing]
    return AveragePrecision(
        **figures.model_dump(),
        **groups.model_dump(),
        ar50=_mean(averages["all", MAX_DETECTIONS].recall[0, summed]),
        ar75=_mean(averages["all", MAX_DETECTIONS].recall[5, summed]),
        max_detections=_max_detections(selection) if selection.traits.limited else None,
        per_class=per_class,
        total=len(fitting),
        undefined=_undefined(figures, [label for label in empty if label in per_class], selection)
        | _undefined_groups(groups, set(frequency.values())),
        notes=[*said, *_of_empty_classes(empty, options), *_without_frequency(detected.labels, empty, frequency)],
    )


def _require_groups(selection: Selection, options: ApOptions) -> None:
    if options.group_of == "count" and not selection.traits.groups_count:
        raise QuestionError("groups are counted under policy `best-candidate` only")


def _of_groups(averages: Limited, summed: list[tuple[int, Frequency | None]]) -> FrequencyFigures:
    """Average over the classes of each group: ``summed`` has the place and the group of each class, in order."""
    precision = averages["all", MAX_DETECTIONS].precision[:10]
    return FrequencyFigures(
        **{
            f"ap_{name}": _mean(precision[:, :, [k for k, own in summed if own == group]])
            for name, group in FREQUENCIES.items()
        }
    )


def _undefined_groups(groups: FrequencyFigures, declared: set[Frequency]) -> dict[str, str]:
    return {
        f"ap_{name}": f"no class of the frequency `{group}` "
        + ("has an annotation that counts" if group in declared else "is declared")
        for name, group in FREQUENCIES.items()
        if getattr(groups, f"ap_{name}") is None
    }


def _without_frequency(labels: Sequence[str], empty: list[str], frequency: Mapping[str, Frequency]) -> list[str]:
    """Say of how many classes in the mean no frequency is declared, where it is of others."""
    others = len({*labels} - {*empty} - frequency.keys())
    if not frequency or not others:
        return []
    return [f"Of {count_of(others, 'annotated class')} no frequency is declared: in no group."]


def _undefined(figures: ClassFigures, empty: list[str], selection: Selection) -> dict[str, str]:
    reasons = {}
    for name in ClassFigures.model_fields:
        if getattr(figures, name) is not None:
            continue
        size = name.split("_")[-1]
        if not selection.traits.limited and size in {*AREA_RANGES, "1", "10"}:
            reasons[name] = "only policy `coco` knows area ranges and limits on the number of predictions"
        else:
            reasons[name] = f"no annotation that counts is {size}" if size in AREA_RANGES else "no annotation counts"
    return reasons | {f"per_class.{label}": "no annotation of this class counts" for label in empty}


def _of_empty_classes(empty: list[str], options: ApOptions) -> list[str]:
    if not empty:
        return []
    named = ", ".join(empty[:5]) + (f" and {len(empty) - 5} more" if len(empty) > 5 else "")
    done = "left out of the means" if options.empty_classes == "exclude" else "0 in the means"
    return [f"Classes that are predicted but never annotated are {done}: {named}."]


def _max_detections(selection: Selection) -> dict[str, int]:
    return {name: MAX_SKELETONS if name == "keypoints" else MAX_DETECTIONS for name in selection.type or LOCALISED}


def _figures(averages: Limited, areas: Float, classes: Int) -> ClassFigures:
    """Average over thresholds and the given classes."""
    values = _values(averages, areas)
    return ClassFigures(**{name: _mean(own[..., classes]) for name, own in values.items()})


def _figures_of_each(averages: Limited, areas: Float, classes: list[int]) -> list[ClassFigures]:
    """Average over thresholds alone."""
    values = _values(averages, areas)
    means = {name: _means(own[..., classes]) for name, own in values.items()}
    return [ClassFigures(**dict(zip(means, own, strict=True))) for own in zip(*means.values(), strict=True)]


def _values(averages: Limited, areas: Float) -> dict[str, Float]:
    """Give what each figure is the mean of: arrays whose last axis is classes; NaN where there is no such figure."""
    whole, classes = averages["all", MAX_DETECTIONS], len(areas)
    nothing = Averages(np.full((11, 1, classes), np.nan), np.full((11, classes), np.nan))
    small, medium, large = (averages.get((area, MAX_DETECTIONS), nothing) for area in ("small", "medium", "large"))
    return {
        "ap": whole.precision[:10],
        "ap50": whole.precision[:1],
        "ap75": whole.precision[5:6],
        "ap_small": small.precision[:10],
        "ap_medium": medium.precision[:10],
        "ap_large": large.precision[:10],
        "ar_1": averages.get(("all", 1), nothing).recall[:10],
        "ar_10": averages.get(("all", 10), nothing).recall[:10],
        "ar_100": whole.recall[:10],
        "ar_small": small.recall[:10],
        "ar_medium": medium.recall[:10],
        "ar_large": large.recall[:10],
        "at_iou": whole.precision[10:],
        "recall_at_iou": whole.recall[10:],
        "ar_area": areas,
    }


def _mean(values: Float) -> float | None:
    defined = values[~np.isnan(values)]
    # As np.mean sums and divides, without what it looks at first.
    return float(np.add.reduce(defined) / defined.size) if defined.size else None


def _means(values: Float) -> list[float | None]:
    """Average over all axes but the last, each in the order of :func:`_mean`: of a class all is defined, or nothing."""
    of_each = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    of_each = of_each.reshape(len(of_each), of_each[:1].size)
    means: list[float] = (np.add.reduce(of_each, axis=1) / max(of_each.shape[1], 1)).tolist()
    return [None if mean != mean else mean for mean in means]  # NaN is no number, itself included
