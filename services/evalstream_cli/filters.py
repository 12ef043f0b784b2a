"""The options of commands that ask about a run: its policy, thresholds, rows and objects, said once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Final

import typer
from evalstream.policies import PolicyName
from evalstream.selection import AreaRange, Filter, MissingRows

#: The fields of a filter as options, by their names.
_OPTIONS: Final[dict[str, Any]] = {
    "policy": Annotated[PolicyName, typer.Option(help="Who matches whom.")],
    "confidence": Annotated[float, typer.Option(min=0, max=1, help="Leave out predictions below it.")],
    "iou": Annotated[float, typer.Option(min=0, max=1, help="Overlap that a matched pair needs.")],
    "split": Annotated[list[str] | None, typer.Option(help="Only this split; may be repeated.")],
    "feature": Annotated[list[str] | None, typer.Option(help="Only this class or question; may be repeated.")],
    "type": Annotated[list[str] | None, typer.Option(help="Only this annotation type; may be repeated.")],
    "metadata": Annotated[list[str] | None, typer.Option(help="Only rows with, for instance, noise>=0.3.")],
    "roll_up": Annotated[int | None, typer.Option(min=1, help="Count classes below this level as their ancestors.")],
    "area": Annotated[AreaRange, typer.Option(help="COCO's area range; policy coco only.")],
    "at_threshold": Annotated[
        str | None, typer.Option(help="Whether an IoU exactly at the threshold is enough: match or no-match.")
    ],
    "both_sides": Annotated[
        bool, typer.Option("--both-sides", help="Only rows with an annotation and a prediction at least.")
    ],
    "shared_with": Annotated[str | None, typer.Option(help="Only rows that this other run has results of, too.")],
    "missing_rows": Annotated[
        MissingRows,
        typer.Option(help="Count annotated rows that the run has said nothing of, as if nothing was found on them."),
    ],
}
assert _OPTIONS.keys() == Filter.model_fields.keys()


def filtered(*, without: tuple[str, ...] = (), **defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a filter; those that were said come as its argument ``asked``.

    Parameters
    ----------
    without : tuple of str
        Fields that the command cannot ask for.
    **defaults
        Where it has another default than the filter.
    """
    usual = {name: field.get_default() for name, field in Filter.model_fields.items() if name not in without} | defaults

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        options = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None if value == [] else value, annotation=_OPTIONS[name]
            )
            for name, value in usual.items()
        ]

        @wraps(command)
        def asking(**given: Any) -> None:
            values = {name: given.pop(name) for name in usual}
            command(**given, asked={name: value for name, value in values.items() if value is not None})

        said = [options if one.name == "asked" else [one] for one in own.parameters.values()]
        asking.__signature__ = own.replace(  # type: ignore[attr-defined]
            parameters=[one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for part in said for one in part]
        )
        asking.__annotations__ = {}
        return asking

    return decorate
