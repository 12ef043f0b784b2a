"""``evalstream report``: what a running service knows of a run."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer
from evalstream.client import Client
from rich.table import Table

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import fail, out
from evalstream_cli.filters import filtered

#: Figures of the table that compares runs, and the answers they come from.
_FIGURES = {
    "rows": "summary",
    "annotations": "summary",
    "predictions": "summary",
    "tp": "summary",
    "fp": "summary",
    "fn": "summary",
    "precision": "summary",
    "recall": "summary",
    "f1": "summary",
    "mean_iou": "summary",
    "ap": "average-precision",
    "ap50": "average-precision",
    "ar_100": "average-precision",
}


@filtered()
def report(
    dataset: Annotated[str | None, typer.Argument(help="Name of the dataset; none: list what there is.")] = None,
    runs: Annotated[list[str] | None, typer.Argument(help="Model runs; none: all of the dataset.")] = None,
    *,
    asked: dict[str, Any],
    intervals: Annotated[
        bool,
        typer.Option(help="Show 95 % confidence intervals, and by how much each run differs from the first one."),
    ] = True,
    at_least: Annotated[
        str | None,
        typer.Option(help="Wait, 30 seconds at most, until figures reflect this position, which `upload` tells."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Print the figures of model runs, side by side, as the service knows them now.

    evalstream report digits --confidence 0.5 --split test
    """
    with service(url, api_key) as client:
        datasets = {own.dataset: own.model_dump(mode="json") for own in client.datasets().datasets}
        if dataset is None:
            _show_catalog(datasets, as_json)
            return
        if dataset not in datasets:
            fail(f"there is no dataset {dataset!r}; there are: {', '.join(datasets) or 'none yet'}")
        if at_least is not None:
            client = client.at_least(at_least, seconds=30)
        runs = runs or datasets[dataset]["runs"]
        figures = {run: run_figures(client, dataset, run, asked) for run in runs}
        if intervals:
            for run, own in figures.items():
                versus = {"versus": runs[0]} if run != runs[0] else {}
                own["intervals"] = client.intervals(dataset, run, **asked, **versus).model_dump(mode="json")
    if as_json:
        out.file.write(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        where = "confidence {confidence:g}, IoU {iou:g}, policy {policy}".format(**asked)
        out.print(runs_table(figures, f"{dataset} at {where}"))
        for run, own in figures.items():
            out.print(_classes_table(run, own["classes"]["classes"]))


def run_figures(client: Client, dataset: str, run: str, query: dict[str, Any]) -> dict[str, Any]:
    """Ask for everything that the report shows of one run."""
    answers = {
        "progress": client.progress(dataset, run),
        "summary": client.summary(dataset, run, **query),
        "average-precision": client.average_precision(dataset, run, **query),
        "classes": client.classes(dataset, run, **query, sort="f1"),  # of many, the worst
        "confusion-matrix": client.confusion_matrix(dataset, run, **query),
    }
    return {name: own.model_dump(mode="json") for name, own in answers.items()}


def runs_table(figures: dict[str, dict[str, Any]], title: str) -> Table:
    """Put runs side by side; where there are intervals, with them, and with the difference from the first run."""
    caption = None
    if all("intervals" in own for own in figures.values()):
        caption = "In brackets: 95 % intervals, by bootstrap over data rows."
        if len(figures) > 1:
            first = next(iter(figures))
            caption += f" After Δ: less {first}, over the data rows of both; * where chance does not explain it."
    table = Table(title=title, caption=caption)
    table.add_column("")
    for run in figures:
        table.add_column(run, justify="right")
    estimated = [_estimated(own) for own in figures.values()]
    for name, answer in _FIGURES.items():
        cells = zip(figures.values(), estimated, strict=True)
        table.add_row(name, *(_number(own[answer][name]) + _interval(known.get(name)) for own, known in cells))
    more = dict.fromkeys(name for known in estimated for name, own in known.items() if own["value"] is not None)
    for name in more:
        if name not in _FIGURES:
            estimates = (known.get(name) for known in estimated)
            table.add_row(name, *(_number(own["value"]) + _interval(own) if own else "-" for own in estimates))
    table.add_section()
    table.add_row("pending", *(_number(own["progress"]["pending"]) for own in figures.values()))
    table.add_row("failed", *(_number(own["progress"]["failed"]) for own in figures.values()))
    return table


def _estimated(own: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The figures that have an interval, by the name that they have in the table."""
    intervals = own["intervals"]["figures"] if "intervals" in own else []
    return {" ".join(filter(None, (one["figure"], one["feature"]))): one for one in intervals}


def _interval(own: dict[str, Any] | None) -> str:
    if own is None or own["low"] is None:
        return ""
    digits = ",.1f" if own["figure"] in ("tp", "fp", "fn") else ",.4f"
    text = f" [{own['low']:{digits}}, {own['high']:{digits}}]"
    apart = own["difference"]
    if apart and apart["low"] is not None:
        star = " *" if apart["significant"] else ""
        text += f"\nΔ {apart['value']:+{digits}} [{apart['low']:+{digits}}, {apart['high']:+{digits}}]{star}"
    return text


def _classes_table(run: str, classes: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{run}, worst classes first")
    names = ("label", "annotations", "predictions", "tp", "fp", "fn", "precision", "recall", "f1")
    for name in names:
        table.add_column(name, justify="left" if name == "label" else "right")
    for own in sorted(classes, key=lambda own: (own["f1"] is None, own["f1"]))[:20]:
        table.add_row(*(own[name] if name == "label" else _number(own[name]) for name in names))
    return table


def _show_catalog(datasets: dict[str, Any], as_json: bool) -> None:
    if as_json:
        out.file.write(orjson.dumps(list(datasets.values()), option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    table = Table(title="What there is to report on")
    for name in ("dataset", "data rows", "runs", "splits", "metadata"):
        table.add_column(name)
    for name, entry in datasets.items():
        lists = (", ".join(entry[key]) for key in ("runs", "splits", "metadata"))
        table.add_row(name, f"{entry['data_rows']:,}", *lists)
    out.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else f"{value:,}"
