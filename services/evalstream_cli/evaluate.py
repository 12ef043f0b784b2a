"""``evalstream evaluate``: files in, figures out, no service needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import evalstream
import orjson
import typer
from evalstream.collector import uncollected
from evalstream.geometry.sigmas import PUBLISHED, SigmasName
from evalstream.importers.columns import CocoType
from evalstream.importers.files import Options
from evalstream.importers.problems import SHOWN
from evalstream.policies import TRAITS, PolicyName
from evalstream.queries.average_precision import ApFigures, ClassFigures, FrequencyFigures

from evalstream_cli.import_options import with_import_options


@with_import_options
@uncollected
def evaluate(
    annotations: Annotated[
        Path,
        typer.Option(help="File or folder of any format in docs/importing.md: COCO, YOLO, Pascal VOC, CVAT, …"),
    ],
    predictions: Annotated[Path, typer.Option(help="COCO results, or the same formats.")],
    options: Options,
    policy: Annotated[PolicyName, typer.Option(help="Who matches whom.")] = "coco",
    confidence: Annotated[float, typer.Option(min=0, max=1, help="Leave out predictions below it.")] = 0.0,
    iou: Annotated[float, typer.Option(min=0, max=1, help="Overlap that a matched pair needs.")] = 0.5,
    type_: Annotated[
        CocoType | None,
        typer.Option("--type", help="What to compare (pycocotools' iouType); without, boxes or what predictions hold."),
    ] = None,
    sigmas: Annotated[
        str | None,
        typer.Option(help="Of keypoints: coco, crowdpose, wholebody or hand, as published; or numbers: 0.03,0.05,…"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Evaluate files, with no service.

    Records that cannot be read are left out, each with its reason; what pycocotools counts is counted as it does.

    With policy `coco` the figures are those of pycocotools, to the last digits: ap, ap50 … ar_large, and per class.
    With any policy: tp, fp, fn, precision, recall, f1 and the confusion matrix at --confidence and --iou.

    evalstream evaluate --annotations gt.json --predictions dt.json --policy coco --json

    evalstream evaluate --annotations gt.json --predictions dt.json --policy iou-greedy --confidence 0.4 --iou 0.5

    evalstream evaluate --annotations gt.json --predictions masks.json --type segm

    evalstream evaluate --annotations data/labels/val --predictions runs/predict/labels
    """
    try:
        with _progress() as on_progress:
            evaluation = evalstream.evaluate(
                annotations,
                predictions,
                type=type_,
                policy=policy,
                sigmas=_sigmas(sigmas),
                options=options,
                on_progress=on_progress,
            )
    except evalstream.ImporterError as error:
        _fail(str(error))
    figures = _figures(evaluation, confidence, iou)
    if as_json:
        sys.stdout.write(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _show(figures, policy, confidence, iou)


# What draws takes longer to import than many an evaluation, and files and pipes need none of it.
@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on a console; give who moves it."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from evalstream_cli.console import progress_bar

    with progress_bar() as bar:
        task = bar.add_task("reading", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _fail(message: str) -> NoReturn:
    from evalstream_cli.console import fail

    fail(message)


def _sigmas(given: str | None) -> SigmasName | list[float] | None:
    if given is None or given in PUBLISHED:
        return given
    try:
        return [float(sigma) for sigma in given.split(",")]
    except ValueError:
        _fail(f"--sigmas: must be one of {', '.join(PUBLISHED)}, or numbers with commas between (got {given!r})")


def _figures(evaluation: evalstream.Evaluation, confidence: float, iou: float) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if TRAITS[evaluation.policy].limited:
        averages = evaluation.average_precision(confidence=confidence, iou=iou).model_dump(exclude={"at_iou"})
        undefined = dict.fromkeys(ClassFigures.model_fields)
        names = sorted({*evaluation.categories, *averages["per_class"]})
        averages["per_class"] = {name: averages["per_class"].get(name, undefined) for name in names}
        figures |= averages
    counts = evaluation.summary(confidence=confidence, iou=iou)
    figures |= counts.model_dump(include={"tp", "fp", "fn", "precision", "recall", "f1"})
    figures["confusion"] = evaluation.confusion_matrix(confidence=confidence, iou=iou).model_dump()["cells"]
    figures["notes"] = list(dict.fromkeys([*figures.get("notes", []), *counts.notes]))
    figures["left_out"] = [str(problem) for problem in evaluation.problems]
    return figures


def _show(figures: dict[str, Any], policy: str, confidence: float, iou: float) -> None:
    from rich.table import Table
    from rich.text import Text

    from evalstream_cli.console import err, out

    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else f"{value:,}"

    if "ap" in figures:
        table = Table(title="COCO figures (pycocotools' definitions)")
        table.add_column("figure")
        table.add_column("value", justify="right")
        groups = [name for name in FrequencyFigures.model_fields if figures[name] is not None]
        for name in (*ApFigures.model_fields, *groups):
            table.add_row(name, number(figures[name]))
        out.print(table)
        by_class = Table(title="Per class, worst first")
        for name in ("class", "ap", "ap50", "ap75", "ar_100"):
            by_class.add_column(name, justify="left" if name == "class" else "right")
        defined = {name: own for name, own in figures["per_class"].items() if own["ap"] is not None}
        for name, own in sorted(defined.items(), key=lambda item: item[1]["ap"]):
            by_class.add_row(name, *(number(own[key]) for key in ("ap", "ap50", "ap75", "ar_100")))
        out.print(by_class)
    table = Table(title=f"At confidence {confidence:g} and IoU {iou:g}, policy {policy}")
    counts = {"annotations": figures["tp"] + figures["fn"], "predictions": figures["tp"] + figures["fp"]}
    for name in ("annotations", "predictions", "tp", "fp", "fn", "precision", "recall", "f1"):
        table.add_column(name, justify="right")
    table.add_row(*(number((counts | figures)[column.header]) for column in table.columns))  # type: ignore[index]
    out.print(table)
    wrong = [cell for cell in figures["confusion"] if cell["actual"] != cell["predicted"]][:15]
    if wrong:
        table = Table(title="What goes wrong most")
        table.add_column("actual")
        table.add_column("predicted")
        table.add_column("count", justify="right")
        for cell in wrong:
            table.add_row(
                cell["actual"] or Text("nothing", "dim"),
                cell["predicted"] or Text("missed", "dim"),
                number(cell["count"]),
            )
        out.print(table)
    for note in figures["notes"]:
        out.print(note, style="dim")
    left_out = figures["left_out"]
    for reason in left_out[:SHOWN]:
        err.print(f"  {reason}", highlight=False, soft_wrap=True)
    if len(left_out) > SHOWN:
        err.print(f"  … and {len(left_out) - SHOWN:,} more; --json names them all")
    err.print("--json prints everything, the whole confusion matrix included", style="dim")
