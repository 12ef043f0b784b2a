"""The routes that change something: the embedded mode and the ingest service of a cluster have the same."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from evalstream_api import (
    dead_letters,
    deletions,
    file_names,
    ontology,
    reconcile,
    retention,
    runs,
    uploads,
)

ROUTERS: Final[tuple[APIRouter, ...]] = tuple(
    module.router for module in (uploads, dead_letters, ontology, file_names, runs, deletions, retention, reconcile)
)
