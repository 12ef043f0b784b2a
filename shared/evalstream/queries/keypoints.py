"""Accuracy of keypoints of matched skeletons: PCK at any share of any scale, and the mean OKS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

import numpy as np
import pyarrow.compute as pc
from pydantic import BaseModel, Field

from evalstream.scenes import Float, Int
from evalstream.selection import Selection
from evalstream.stored.counted import ask_arrow, scored
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Scale = Literal["diagonal", "max_side", "sqrt_area", "unit"]
DEFAULT_ALPHAS: Final = (0.05, 0.1, 0.2)

_NO_PAIRS: Final = "no pair of skeletons is matched, and correct, at these thresholds"
_NOT_LABELLED: Final = "the keypoint is labelled in no such pair"


class KeypointScores(BaseModel):
    """One keypoint of a class, or all keypoints together."""

    labelled: int = Field(description="keypoints of matched skeletons that the annotation labels, hidden ones too")
    pck: list[float | None] = Field(description="the share of these within alpha times the scale, for each of `alphas`")
    mean_distance: float | None = Field(description="in pixels, or metres for longitudes and latitudes")


class SkeletonScores(KeypointScores):
    """The skeletons of a class, or all together."""

    pairs: int = Field(description="pairs of a prediction and an annotation that are matched, and correct")
    mean_oks: float | None


class ClassSkeletons(SkeletonScores):
    """The skeletons of one class, and each of their keypoints."""

    keypoints: list[KeypointScores] = Field(description="in the skeleton's order")
    undefined: dict[str, str] = Field(description="why a figure is null; of keypoint 3, `keypoints.3`")


class Keypoints(SkeletonScores, Tabular):
    """All skeletons together, and each class."""

    table: ClassVar = "per_class"

    scale: Scale
    alphas: list[float]
    per_class: dict[str, ClassSkeletons]
    undefined: dict[str, str] = Field(description="why a figure is null")


class _Skeletons(NamedTuple):
    """Matched pairs of one class with equally many keypoints: parallel arrays."""

    oks: Float  # (n,)
    scale: Float  # (n,)
    distance: Float  # (n, k), NaN where not labelled


def keypoints(
    client: Client, selection: Selection, *, alphas: Sequence[float] = DEFAULT_ALPHAS, scale: Scale = "diagonal"
) -> Keypoints:
    """Score the keypoints of the correct pairs, at the selected thresholds.

    Parameters
    ----------
    alphas : sequence of float
        A keypoint is right whose distance is at most alpha × scale (PCK; Yang and Ramanan 2013).
    scale : str
        Of each annotation: ``diagonal`` or ``max_side`` of its box, ``sqrt_area``, the root of its own area, or
        ``unit``, which makes alphas distances.
    """
    of_class = _load(client, selection, scale)
    per_class = {}
    for label, parts in of_class.items():
        each = [
            _keypoint_scores([_Skeletons(part.oks, part.scale, part.distance[:, k : k + 1]) for part in parts], alphas)
            for k in range(max(part.distance.shape[1] for part in parts))
        ]
        per_class[label] = ClassSkeletons(
            **_skeleton_scores(parts, alphas).model_dump(),
            keypoints=each,
            undefined={f"keypoints.{k}": _NOT_LABELLED for k, own in enumerate(each) if not own.labelled},
        )
    everything = _skeleton_scores([part for parts in of_class.values() for part in parts], alphas)
    return Keypoints(
        **everything.model_dump(),
        scale=scale,
        alphas=list(alphas),
        per_class=per_class,
        undefined={} if everything.pairs else dict.fromkeys(("pck", "mean_distance", "mean_oks"), _NO_PAIRS),
    )


def _skeleton_scores(parts: Sequence[_Skeletons], alphas: Sequence[float]) -> SkeletonScores:
    pairs = sum(len(part.oks) for part in parts)
    return SkeletonScores(
        **_keypoint_scores(parts, alphas).model_dump(),
        pairs=pairs,
        mean_oks=float(sum(np.sum(part.oks) for part in parts)) / pairs if pairs else None,
    )


def _keypoint_scores(parts: Sequence[_Skeletons], alphas: Sequence[float]) -> KeypointScores:
    labelled = sum(int(np.count_nonzero(~np.isnan(part.distance))) for part in parts)
    # NaN is within nothing.
    within = [
        sum(int(np.count_nonzero(part.distance <= alpha * part.scale[:, np.newaxis])) for part in parts)
        for alpha in alphas
    ]
    return KeypointScores(
        labelled=labelled,
        pck=[count / labelled if labelled else None for count in within],
        mean_distance=float(sum(np.nansum(part.distance) for part in parts)) / labelled if labelled else None,
    )


def _load(client: Client, selection: Selection, scale: Scale) -> dict[str, list[_Skeletons]]:
    """Load the correct pairs by class; what differs in its number of keypoints stands apart."""
    scores = scored(selection)
    right = (
        "arrayFilter((x, ok, k, a, p) -> ok AND k = 'keypoints' AND a = p,"
        " {}, counting, match_type, match_actual, match_predicted)"
    )
    taken = "arrayFilter((x, n) -> n = 'keypoint_distances', {}, measure_name)"
    table = ask_arrow(
        client,
        f"""
        SELECT {right.format("match_prediction")} AS prediction, {right.format("match_annotation")} AS annotation,
            {right.format("match_actual")} AS label, {right.format("match_iou")} AS oks,
            {taken.format("measure_prediction")} AS measured_prediction,
            {taken.format("measure_annotation")} AS measured_annotation,
            {taken.format("measure_value")} AS value
        FROM ({scores.sql}) WHERE has(measure_name, 'keypoint_distances') ORDER BY data_row
        """,
        scores.parameters,
    )
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    flat = {name: column.flatten() for name, column in columns.items()}

    def pairs(prediction: str, annotation: str) -> Int:
        """Row, prediction and annotation of each pair, by column."""
        count = pc.list_value_length(columns[prediction]).to_numpy()
        row = np.repeat(np.arange(len(count)), count)
        return np.stack((row, flat[prediction].to_numpy(), flat[annotation].to_numpy())).astype(np.int64)

    wanted, measured = pairs("prediction", "annotation"), pairs("measured_prediction", "measured_annotation")
    # Each pair is measured once, and matched at most once: sorted together, a match follows its measure.
    both = np.concatenate((measured, wanted), axis=1)
    order = np.lexsort(both[::-1])
    follows = np.flatnonzero(order >= measured.shape[1])
    at = np.empty(wanted.shape[1], np.int64)
    at[order[follows] - measured.shape[1]] = order[follows - 1]
    value = flat["value"]
    length = pc.list_value_length(value).to_numpy()[at] if len(at) else np.empty(0, np.int64)
    oks = flat["oks"].to_numpy()
    label = np.array(flat["label"].to_pylist(), object)
    of_class: dict[str, list[_Skeletons]] = {}
    for name in sorted(set(label)):
        for size in np.unique(length[label == name]):
            chosen = np.flatnonzero((label == name) & (length == size))
            numbers = value.take(at[chosen]).flatten().to_numpy().reshape(len(chosen), size)
            of_class.setdefault(name, []).append(_Skeletons(oks[chosen], _scale(numbers, scale), numbers[:, 3:]))
    return of_class


def _scale(numbers: Float, scale: Scale) -> Float:
    """The scale of each pair, of its measure's width, height and area."""
    width, height, area = numbers[:, :3].T
    scales = {
        "diagonal": np.hypot(width, height),
        "max_side": np.maximum(width, height),
        "sqrt_area": np.sqrt(area),
        "unit": np.ones_like(area),
    }
    return np.asarray(scales[scale], np.float64)
