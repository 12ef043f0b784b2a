"""An evaluation as notebooks show it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from evalstream.policies import TRAITS

if TYPE_CHECKING:
    from evalstream.evaluation import Evaluation

#: Classes that are shown; how many there are is said.
_MOST: Final = 20
_CELL: Final = "padding:2px 10px;text-align:right"
_NAME: Final = "padding:2px 10px;text-align:left"


def page(evaluation: Evaluation) -> str:
    """Write HTML: headline figures, the worst classes, and the notes. Nothing in it is loaded from elsewhere."""
    summary = evaluation.summary()
    limited = TRAITS[evaluation.policy].limited
    averages = evaluation.average_precision() if limited and _has_objects(summary.types) else None
    headline: list[tuple[str, float | None]] = (
        []
        if averages is None
        else [("AP", averages.ap), ("AP50", averages.ap50), ("AP75", averages.ap75), ("AR", averages.ar_100)]
    )
    headline += [(name, getattr(summary, name)) for name in ("precision", "recall", "f1", "tp", "fp", "fn")]
    classes = evaluation.classes(sort="f1", limit=_MOST)
    rows = [
        (
            one.label,
            *([averages.per_class[one.label].ap if one.label in averages.per_class else None] if averages else []),
            one.precision,
            one.recall,
            one.f1,
            one.annotations,
            one.predictions,
        )
        for one in classes.classes
    ]
    names = ["class", *(["AP"] if averages else []), "precision", "recall", "F1", "annotations", "predictions"]
    notes = list(dict.fromkeys([*summary.notes, *(averages.notes if averages else [])]))
    rest = (
        f"<p>The {len(rows):,} classes of {classes.total:,} with the lowest F1.</p>"
        if len(rows) < classes.total
        else ""
    )
    return "".join(
        [
            '<div style="font-family:sans-serif">',
            f"<p><b>Evaluation</b> of {summary.rows:,} data rows, {summary.annotations:,} annotations and",
            f" {summary.predictions:,} predictions; policy <code>{escape(evaluation.policy)}</code>, IoU 0.5</p>",
            _table([name for name, _ in headline], [tuple(value for _, value in headline)], _CELL),
            _table(names, rows, _NAME) if rows else "",
            rest,
            "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>" if notes else "",
            "</div>",
        ]
    )


def _has_objects(types: dict[str, int]) -> bool:
    from evalstream.types import LOCALISED

    return any(name in LOCALISED for name in types)


def _table(names: list[str], rows: list[tuple[str | float | None, ...]], first: str) -> str:
    def line(tag: str, cells: list[str]) -> str:
        styles = [first, *[_CELL] * (len(cells) - 1)]
        return (
            "<tr>"
            + "".join(f'<{tag} style="{style}">{cell}</{tag}>' for style, cell in zip(styles, cells, strict=True))
            + "</tr>"
        )

    head, body = line("th", names), "".join(line("td", [_shown(cell) for cell in row]) for row in rows)
    return f'<table style="border-collapse:collapse;margin:8px 0"><thead>{head}</thead><tbody>{body}</tbody></table>'


def _shown(value: str | float | None) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, str):
        return escape(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
