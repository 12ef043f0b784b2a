"""Settings of the embedded mode, from the environment (``EVALSTREAM_…``) or a ``.env`` file."""

from __future__ import annotations

from pathlib import Path

from evalstream_service.settings import HttpSettings
from pydantic import Field


class LocalSettings(HttpSettings):
    """Every field can be set as ``EVALSTREAM_<NAME>``; the command line goes before the environment."""

    data: Path = Field(default=Path(".evalstream/data"), description="where everything is kept")
