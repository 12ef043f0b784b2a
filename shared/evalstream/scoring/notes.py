"""Notes on an answer: what it leaves out, in sentences, and only what applies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalstream.matching import MAX_DETECTIONS, MAX_SKELETONS
from evalstream.scoring.columns import Columns
from evalstream.scoring.counting import Counting, among_most, row_filter
from evalstream.selection import Selection, object_codes
from evalstream.words import count_of


class Unusual(NamedTuple):
    """Counts of unusual objects of a selection."""

    beyond: int = 0  # predictions beyond the most that count in one row
    negative: int = 0  # predictions with a confidence below 0
    ignored: int = 0  # predictions matched to annotations that do not count
    regions: int = 0  # annotations that are no objects
    repaired: int = 0  # polygons that crossed themselves


def notes(of: Columns, counting: Counting, selection: Selection) -> list[str]:
    """Say what has to be known of any answer about the selection at its thresholds."""
    passes = row_filter(selection)
    failed = sum(passes(one.scene.data_row, one.scene.facts) for one in of.failed)
    return sentences(failed, 0, unusual(of, counting, selection), selection)


def unusual(of: Columns, counting: Counting, selection: Selection) -> Unusual:
    """Count what is not as most objects are."""
    # What is nested shares its parent's fate, and is not counted beside it.
    root = counting.prediction_asked & (of.prediction.parent < 0)
    there = root & (of.confidence >= selection.confidence)
    limited = selection.traits.limited  # else ranks are not known, and nothing is beyond
    beyond = there & ~among_most(of) if limited else np.empty(0, np.bool_)
    negative = root & (of.confidence < 0)
    regions = counting.annotation_asked & ~np.isin(of.crowd, object_codes(selection))
    flags = beyond, negative, there & counting.ignored, regions, counting.rows[of.repaired]
    return Unusual(*(int(np.count_nonzero(flag)) for flag in flags))


def sentences(rows_failed: int, rows_missing: int, unusual: Unusual, selection: Selection) -> list[str]:
    """Say what there is, and only that."""
    beyond, negative, ignored, regions, repaired = unusual
    texts = []
    if rows_failed:
        texts.append(f"{count_of(rows_failed, 'data row')} could not be matched and {_is(rows_failed)} left out.")
    if rows_missing:
        missing = f"{count_of(rows_missing, 'annotated data row')} {_has(rows_missing)} no prediction of this run"
        texts.append(
            f"Of the whole dataset, {missing} and {_is(rows_missing)} not counted. Where nothing was found, send an"
            " empty `replace`, close the run, or ask with `missing_rows=count`."
            if selection.missing_rows == "leave_out"
            else f"Of the whole dataset, {missing}: what is selected of that is counted, as if nothing was found there."
        )
    if beyond and selection.traits.limited:
        texts.append(
            f"{count_of(beyond, 'prediction')} beyond the {MAX_DETECTIONS} most confident of a class and data row "
            f"({MAX_SKELETONS} of keypoints) {_is(beyond)} not counted."
        )
    if negative:
        texts.append(f"{count_of(negative, 'prediction')} with a confidence below 0 {_is(negative)} ignored.")
    if regions:
        difficult = "" if selection.traits.difficult_count else ", difficult ones"
        kinds = f"regions of many objects{difficult}, or without anything to match"
        upon = (
            f"nor {_is(ignored)} the {count_of(ignored, 'prediction')} matched to them"
            if selection.traits.ignores
            else "predictions upon them count as false alarms"
        )
        texts.append(f"{count_of(regions, 'annotation')} {_is(regions)} not counted ({kinds}); {upon}.")
    if repaired:
        texts.append(
            f"{count_of(repaired, 'polygon')} crossed {_itself(repaired)} and {_is(repaired)} counted as repaired."
        )
    return texts


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _itself(count: int) -> str:
    return "itself" if count == 1 else "themselves"
