"""The list of commands: complete, true, and made without importing any of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import evalstream
import pytest
from evalstream_cli.main import COMMANDS, app, command
from typer.testing import CliRunner


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_begins_the_help_of_the_command(name: str) -> None:
    help_text = " ".join((command(name).help or "").split())
    assert help_text.startswith(COMMANDS[name].line)
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"Usage: evalstream {name}" in " ".join(shown.output.replace("root", "evalstream").split())


def test_help_lists_every_command_and_imports_none() -> None:
    script = (
        "import sys; from evalstream_cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('numpy', 'fastapi', 'pyarrow', 'httpx', 'rich', 'pydantic') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"
    assert all(f" {name} " in printed for name in COMMANDS)


def test_it_tells_its_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"evalstream {evalstream.__version__}\n"


def test_an_unknown_command_is_told() -> None:
    result = CliRunner().invoke(app, ["uplod"])
    assert result.exit_code == 2
    assert "uplod" in result.output


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_evaluating_coco_files_loads_nothing_that_they_do_not_need(kind: str, tmp_path: Path) -> None:
    box = {"bbox": [0, 0, 4, 4], "segmentation": [[0, 0, 4, 0, 4, 4]], "keypoints": [1, 1, 2]}
    own = {"image_id": 1, "category_id": 1, **box}
    images, categories = [{"id": 1, "width": 9, "height": 9}], [{"id": 1, "name": "a"}]
    truth = {"images": images, "categories": categories, "annotations": [{"id": 1, "area": 16, "iscrowd": 0, **own}]}
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps([own | {"score": 0.5}]))
    heavy = (
        "pandas",
        "pyarrow.compute",
        "pyarrow.parquet",
        "shapely",
        "rich",
        "evalstream.storage",
        "numpy.ma",
        "prometheus_client",
        "clickhouse_connect",
        "yaml",
        "evalstream.events.models",
    )
    script = (
        "import sys; from evalstream_cli.main import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    files = "--annotations", str(tmp_path / "gt.json"), "--predictions", str(tmp_path / "dt.json")
    command = [sys.executable, "-c", script, "evaluate", "--json", "--type", kind, *files]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert '"tp": 1' in printed
    assert printed.splitlines()[-1] == "[]"


def test_the_library_imports_nothing_that_it_does_not_need() -> None:
    script = "import sys, evalstream; print('numpy' in sys.modules, 'pydantic' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "False"]


def test_a_client_that_asks_imports_neither_what_reads_files_nor_what_matches() -> None:
    heavy = (
        "evalstream.importers.files", "evalstream.client.runs", "evalstream.pipeline.match", "shapely", "PIL",
        "clickhouse_connect", "fastapi", "pandas",
    )  # fmt: skip
    script = (
        "import sys, evalstream\n"
        "evalstream.connect('http://127.0.0.1:1').close()\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_validators_of_events_are_built_when_an_event_is_read() -> None:
    script = (
        "from evalstream.events import AnnotationEvent\n"
        "from evalstream.ontology import Ontology\n"
        "import evalstream.events.columns\n"
        "print([model.__name__ for model in (AnnotationEvent, Ontology) if model.__pydantic_complete__])"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
