"""Single detections in their order, which average precision needs, from a run's columns."""

from __future__ import annotations

import numpy as np

from evalstream.events.base import Crowd
from evalstream.metrics.detections import Detections
from evalstream.scoring.columns import Columns
from evalstream.scoring.counting import among_most, asked, selected_rows
from evalstream.selection import Selection, object_codes
from evalstream.types import LOCALISED


def detections(of: Columns, selection: Selection, *, groups: bool = False) -> Detections:
    """Take what average precision is computed from; with ``groups``, groups of objects are annotations too."""
    localised = selection.model_copy(update={"type": selection.type or list(LOCALISED)})
    annotation_asked, prediction_asked = asked(of, localised, selected_rows(of, selection))
    chosen = prediction_asked & (of.confidence >= selection.confidence)
    if selection.traits.limited:
        chosen &= among_most(of)
    codes = (*object_codes(selection), *((Crowd.GROUP_OF,) if groups else ()))
    counted = annotation_asked & np.isin(of.crowd, codes)
    used = np.zeros(len(of.labels), np.bool_)
    used[of.prediction.label[chosen]] = True
    used[of.annotation.label[counted]] = True
    place = np.where(used, np.cumsum(used) - 1, -1).astype(np.int32)
    r = of.rectangle
    group = np.broadcast_to(np.int64(-1), len(r))
    if groups:
        in_group = r["ignored"] & (of.crowd[r["annotation"]] == Crowd.GROUP_OF)
        group = np.where(in_group, r["annotation"], np.int64(-1))

    return Detections(
        labels=[name for name, use in zip(of.labels, used, strict=True) if use],
        label=place[of.prediction.label],
        confidence=of.confidence,
        rank=of.rank,
        area=of.prediction.area,
        chosen=chosen,
        annotation_label=place[of.annotation.label[counted]].astype(np.int64),
        annotation_area=of.annotation.area[counted],
        rectangle=r,
        correct=of.annotation.label[r["annotation"]] == of.prediction.label[r["prediction"]],
        group=group,
        row=of.prediction.row,
        annotation_row=of.annotation.row[counted],
    )
