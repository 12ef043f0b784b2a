"""The client that is awaited exports the same, and its event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from evalstream.client import AsyncClient, Client


def test_the_async_client_exports_the_same(client: Client, tmp_path: Path) -> None:
    transport: Any = client.http._transport

    async def write(folder: Path) -> tuple[Any, ...]:
        other = AsyncClient(client.url, transport=transport)  # not closed: the engine is the other client's
        steps = 0

        async def beside() -> None:
            nonlocal steps
            while True:
                steps += 1
                await asyncio.sleep(0.001)  # and not without end: what it burns, the export would wait for

        running = asyncio.create_task(beside())
        done = (
            await other.export("street", "v7", folder / "labels.csv", "csv", confidence=0.5),
            await other.export_mislabels("street", "v7", folder / "check.json", "label-studio", limit=5),
            await other.report("street", "v7", folder / "report.md", confidence=0.5),
        )
        running.cancel()
        assert steps > 3
        with pytest.raises(FileExistsError, match=r"labels.csv is there already"):
            await other.export("street", "v7", folder / "labels.csv", "csv")
        return done

    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    others = asyncio.run(write(tmp_path / "other"))
    own = (
        client.export("street", "v7", tmp_path / "own" / "labels.csv", "csv", confidence=0.5),
        client.export_mislabels("street", "v7", tmp_path / "own" / "check.json", "label-studio", limit=5),
        client.report("street", "v7", tmp_path / "own" / "report.md", confidence=0.5),
    )
    for one, another in zip(own, others, strict=True):
        assert one.model_dump(exclude={"time"}) == another.model_dump(exclude={"time"})
    for file in ("labels.csv", "check.json"):
        assert (tmp_path / "own" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()
    assert (tmp_path / "own" / "report.md").read_text(encoding="utf-8").startswith("# ")


def test_a_report_is_written_as_its_ending_says_or_not_at_all(client: Client, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"report.pdf: must end in .html, .md, .json"):
        client.report("street", "v7", tmp_path / "report.pdf")
    (tmp_path / "report.json").touch()
    with pytest.raises(FileExistsError, match=r"report.json is there already"):
        client.report("street", "v7", tmp_path / "report.json")
    assert client.report("street", "v7").overview == client.overview("street", "v7")
