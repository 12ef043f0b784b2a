"""Errors of geometry, in words for whoever sent the shapes."""

from __future__ import annotations

from evalstream.errors import EvalstreamError


class GeometryError(EvalstreamError, ValueError):
    """Shapes of one data row cannot be compared; the message names them and says why."""
