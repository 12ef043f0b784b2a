"""``evalstream spool`` against a real ``evalstream up``."""

from __future__ import annotations

from pathlib import Path

import orjson
from evalstream.client.spool import Header, Spool
from evalstream_cli.main import app
from typer.testing import CliRunner

from tests.faults.service import Service

EVENT = {"data_row": "a", "operation": "replace", "version": 1, "predictions": []}


def test_what_was_left_is_sent_once_and_what_is_rejected_named(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    options = ["spool", "--folder", str(folder), "--url", service.url, "--api-key", "key"]
    found = CliRunner().invoke(app, options)
    assert (found.exit_code, found.stdout) == (0, "nothing was left to send\n"), found.output
    for url, run, events in (
        (service.url, "good", [EVENT, {**EVENT, "data_row": "b"}]),
        (service.url, "bad", [EVENT, {**EVENT, "data_row": "b", "colour": "red"}]),
        ("http://other", "other", [EVENT]),
    ):
        spool = Spool(folder, Header(url=url, dataset="spooled", run=run))
        for event in events:
            spool.append(orjson.dumps(event))
        spool.close(keep=True)
    found = CliRunner().invoke(app, options)
    assert found.exit_code == 1
    assert found.stdout.splitlines() == [
        "spooled, run good: 2 images sent, 0 rejected",
        "spooled, run bad: 1 image sent, 1 rejected",
    ]
    assert found.stderr.splitlines() == [
        "  image b: colour: Extra inputs are not permitted (got 'red')",
        "more is kept for http://other: send it with --url",
    ]
    again = CliRunner().invoke(app, options)
    assert (again.exit_code, again.stdout) == (0, "nothing was left to send\n")
