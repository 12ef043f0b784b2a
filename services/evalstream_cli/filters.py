"""The options of commands that ask about a run: its policy, thresholds, rows and objects."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from evalstream.policies import PolicyName
from evalstream.selection import MissingRows

Policy = Annotated[PolicyName, typer.Option(help="Who matches whom.")]
Confidence = Annotated[float, typer.Option(min=0, max=1, help="Leave out predictions below it.")]
Iou = Annotated[float, typer.Option(min=0, max=1, help="Overlap that a matched pair needs.")]
Split = Annotated[list[str] | None, typer.Option(help="Only this split; may be repeated.")]
Feature = Annotated[list[str] | None, typer.Option(help="Only this class or question; may be repeated.")]
Type = Annotated[list[str] | None, typer.Option("--type", help="Only this annotation type.")]
Metadata = Annotated[list[str] | None, typer.Option(help="Only rows with, for instance, noise>=0.3.")]

Missing = Annotated[
    MissingRows,
    typer.Option(
        "--missing-rows", help="Count annotated rows that the run has said nothing of, as if nothing was found on them."
    ),
]


def given(**options: Any) -> dict[str, Any]:
    """Return the options that were given, as a question takes them."""
    return {name: value for name, value in options.items() if value is not None}
