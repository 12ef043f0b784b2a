"""``evalstream ontology``: declare what is known of a dataset, or see what is declared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table
from rich.text import Text

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import fail, out

CLASSES_SHOWN = 50


def ontology(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset.")],
    file: Annotated[Path | None, typer.Option(help="A declaration (JSON); none: show what is declared.")] = None,
    version: Annotated[int | None, typer.Option(min=0, help="The highest is in force; none: the present time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Declare classes, their hierarchy and how shapes are compared; or show what is declared, and used.

    evalstream ontology street --file ontology.json

    A declaration takes the place of the one before, and every data row is matched anew; `evalstream report` says how
    many are still pending. Safe to repeat: what is in force already changes nothing.
    """
    if file is not None and not file.is_file():
        fail(f"{file}: there is no such file")
    with service(url, api_key) as client:
        if file is not None:
            said = client.declare(dataset, file.read_bytes(), version=version).model_dump(mode="json")
        else:
            said = client.ontology(dataset).model_dump(mode="json")
            used = client.dataset_classes(dataset, limit=CLASSES_SHOWN, sort="annotations", descending=True)
            said["used"] = used.model_dump(mode="json")
    if as_json:
        out.file.write(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode() + "\n")
    elif file is not None:
        in_force = "in force" if said["in_force"] else "NOT in force: there is one of a higher version"
        out.print(f"version {said['version']}, {in_force}; declarations so far: {said['revisions']}", highlight=False)
    else:
        _show(dataset, said)


def _show(dataset: str, said: dict[str, Any]) -> None:
    declared = said["ontology"]
    if said["version"] is None:
        out.print(f"nothing is declared of {dataset}; these are the defaults", highlight=False)
    else:
        out.print(f"version {said['version']}, of {said['received_at']}", highlight=False)
    how = ("tolerance", "boxes", "across_types")
    out.print(", ".join(f"{name} {declared[name]}" for name in how), highlight=False)
    table = Table(title=f"the most used of {said['used']['total']:,} classes")
    for name in ("class", "parent", "annotations", "predictions"):
        table.add_column(name, justify="right" if name.endswith("ions") else "left")
    for own in said["used"]["classes"]:
        named = Text.assemble(("■ ", own["color"]), own["name"])
        table.add_row(named, own["parent"] or "", f"{own['annotations']:,}", f"{own['predictions']:,}")
    out.print(table)
