"""Masks as COCO's run lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from evalstream_demo.scenes import HEIGHT, WIDTH

#: ``{"size": [height, width], "counts": "…"}``, as an event takes it.
Rle = dict[str, Any]


def run_lengths(part: NDArray[np.bool_], x: int, y: int) -> Rle:
    """Encode a mask of the whole picture that holds ``part`` with its corner at (x, y), and nothing else."""
    whole = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    whole[y : y + part.shape[0], x : x + part.shape[1]] = part
    encoded = coco_mask.encode(whole)
    return {"size": [HEIGHT, WIDTH], "counts": encoded["counts"].decode()}
