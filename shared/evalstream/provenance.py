"""Which reference each headline figure equals: what tests hold it to. docs/agreement.md says on which data, and how."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from evalstream.types import ANSWERS, LOCALISED

#: Figures in the order of pycocotools' ``COCOeval.stats``.
STATS: Final = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large"),
)
STATS_OF_KEYPOINTS: Final = (
    *("ap", "ap50", "ap75", "ap_medium", "ap_large"),
    *("ar_100", "ar50", "ar75", "ar_medium", "ar_large"),
)
_LVIS: Final = {"ap_rare": "APr", "ap_common": "APc", "ap_frequent": "APf"}
_SCIKIT_LEARN: Final = {"precision": "precision_score", "recall": "recall_score", "f1": "f1_score"}
#: What no package gives: tests count it object by object, as the definition says (``tests/oracles/queries.py``).
WRITTEN_OUT: Final = "the definition, written out"


def references(figures: Iterable[str], policy: str, types: Collection[str]) -> dict[str, str]:
    """Name the reference of each figure.

    Parameters
    ----------
    figures : iterable of str
        Names of headline figures.
    policy : str
        Under which policy they are.
    types : collection of str
        The annotation types of what they are over.
    """
    return {name: _reference(name, policy, set(types)) for name in figures}


def _reference(figure: str, policy: str, types: set[str]) -> str:
    if figure in _SCIKIT_LEARN and types and types <= {*ANSWERS}:
        return f"scikit-learn 1.9 {_SCIKIT_LEARN[figure]}(average='micro')"
    if policy != "coco":
        return WRITTEN_OUT
    if figure in _LVIS:
        return f"lvis LVISEval.results['{_LVIS[figure]}']"
    located = types & {*LOCALISED}
    stats = STATS_OF_KEYPOINTS if located == {"keypoints"} else STATS
    if figure not in stats or ("keypoints" in located and len(located) > 1):
        return WRITTEN_OUT
    overlap = "" if located <= {"bbox", "mask", "keypoints"} else ", over the overlap of each type"
    return f"pycocotools 2.0 COCOeval.stats[{stats.index(figure)}]{overlap}"
