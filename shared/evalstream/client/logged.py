"""Lines of the spool: what a training loop writes in it, and the events that are sent of it.

Predictions are written as an event, but boxes in arrays as columns: an image, a version, labels, boxes and scores. The
loop so makes no objects, and a kernel that sends copies their numbers into an event as they are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from evalstream.client.objects import Boxes
from evalstream.native import compiled


@compiled
def _events(text: NDArray[np.uint8]) -> NDArray[np.uint8]:  # type: ignore[empty-body]
    """Make the events of some lines; what is no columns stays as it is."""


def line(image: str, version: int, predictions: Boxes | list[dict[str, Any]]) -> bytes:
    """Write what was found on an image as a line of the spool."""
    if isinstance(predictions, Boxes):
        return orjson.dumps([image, version, *predictions], option=orjson.OPT_SERIALIZE_NUMPY)
    event = {"data_row": image, "operation": "replace", "version": version, "predictions": predictions}
    return orjson.dumps(event, option=orjson.OPT_SERIALIZE_NUMPY)


def events(lines: Sequence[bytes]) -> list[bytes]:
    """Make the event of each line."""
    return _events(np.frombuffer(b"\n".join(lines), np.uint8)).tobytes().split(b"\n")
