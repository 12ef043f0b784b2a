"""Get the kernels ready."""

from __future__ import annotations

from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record, decode, events_table
from evalstream.matching import POLICIES
from evalstream.pipeline.match import match


def warm_up() -> None:
    """Compile the kernels, or load them compiled, so that the first real batch does not wait for it."""
    bbox = '{"dataset":"d","data_row":"r","operation":"replace","%s":[{"type":"bbox","feature":"f","bbox":[0,0,1,1]},'
    rest = '{"type":"radio","feature":"q","answer":"a"}]%s}'
    truth = Record((bbox % "annotations" + rest % "").encode(), 0, 1)
    found = Record((bbox % "predictions" + rest % ',"run":"m"').encode(), 0, 1)
    received = [*decode([truth], Reader(AnnotationEvent)).received, *decode([found], Reader(PredictionEvent)).received]
    match("d", events_table(received), list(POLICIES))
