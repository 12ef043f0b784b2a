"""What schemathesis is told of our media types."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """Uploads take any bytes: what lines should be is attacked in test_decoders."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
