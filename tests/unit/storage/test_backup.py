"""What an older evalstream wrote to a backup is read, and what this one no longer stores is made anew."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import orjson
from evalstream.matching import POLICIES
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.summary import summary
from evalstream.selection import Selection
from evalstream.storage.backup import read_backup, write_backup
from evalstream.storage.results import Progress, progress

from tests.feeding import feed, new_engine

BOX = {"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}


def with_a_row_a_policy(source: Path, target: Path) -> None:
    """Copy a backup, with its results as those of an evalstream that named and laid out their table otherwise."""
    with ZipFile(source) as old, ZipFile(target, "x") as new:
        manifest = orjson.loads(old.read("manifest.json"))
        manifest["rows"] = {"row_results": 3 * manifest["rows"].pop("results"), **manifest["rows"]}
        manifest["migrations"] = [number for number in manifest["migrations"] if number <= 8]
        for name in old.namelist():
            if name not in ("manifest.json", "results.rows.zst"):
                new.writestr(name, old.read(name))
        new.writestr("row_results.rows.zst", b"of another layout")
        new.writestr("manifest.json", orjson.dumps(manifest))


def test_results_of_an_older_layout_are_made_anew(tmp_path: Path) -> None:
    selection = Selection(dataset="d", run="m")
    with new_engine(tmp_path / "first") as client:
        feed(client, "d", {"1": [BOX], "2": [BOX]}, {"m": {"1": [BOX | {"confidence": 0.9}], "2": []}})
        expected = summary(client, selection)
        write_backup(client, tmp_path / "new.zip")
    with_a_row_a_policy(tmp_path / "new.zip", tmp_path / "old.zip")
    with new_engine(tmp_path / "second") as client:
        read_backup(client, tmp_path / "old.zip", tmp_path)
        assert progress(client, "d", "m", list(POLICIES)) == Progress(2, 2, 0)
        assert reconcile(client, list(POLICIES)) == 2
        assert summary(client, selection) == expected
