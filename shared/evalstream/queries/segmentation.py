"""Semantic segmentation: agreement of masks, the union of each class's on each side, pixel by pixel."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from evalstream.geometry.semantic import PIXELS
from evalstream.metrics.scores import ratio
from evalstream.selection import QuestionError, Selection
from evalstream.stored.counted import Fragment, ask, selected
from evalstream.stored.roll_up import FEATURES, rolled_up
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

#: Which classes a mean is over: those with a pixel on either side, or only those with an annotated pixel.
ClassesMeant = Literal["present", "annotated"]

_NO_PIXEL = "no pixel is annotated or predicted"
_NOT_ANNOTATED = "no pixel is annotated"
_NOT_PREDICTED = "no pixel is predicted"


class PixelClass(BaseModel):
    """The pixels of one class, over all data rows, and its scores."""

    label: str
    annotated: int = Field(description="pixels")
    predicted: int
    intersection: int
    iou: float | None = Field(description="intersection over union")
    dice: float | None = Field(description="2 intersection / (annotated + predicted), which is the F1 of pixels")
    precision: float | None = Field(description="intersection / predicted")
    recall: float | None = Field(description="intersection / annotated: the class's pixel accuracy")
    rows: int = Field(description="data rows where the class is present: those that the next two figures are over")
    mean_row_iou: float | None = Field(description="mean of the data rows' IoU")
    mean_row_dice: float | None
    undefined: dict[str, str] = Field(description="why a figure is null")


class PixelCell(BaseModel):
    """Count of pixels of one class that were predicted as another; null stands for no class at all."""

    actual: str | None
    predicted: str | None
    pixels: int


class Segmentation(Tabular):
    """Scores of pixels: of each class, averaged in each of the usual ways, and what was taken for what.

    Pixels of crowd regions count nowhere. The cells of one ``actual`` class sum to its annotated pixels, those of one
    ``predicted`` class to its predicted ones; with a ``feature`` filter this holds for the features chosen.
    """

    table: ClassVar = "classes"

    rows: int = Field(description="data rows with a mask of a selected class on either side, at this confidence")
    mean_iou: float | None = Field(description="mean over classes of ΣI / ΣU, summed over data rows (Cityscapes, VOC)")
    mean_row_iou: float | None = Field(
        description="mean over data rows of the row's mean IoU over the classes present (TorchMetrics)"
    )
    frequency_weighted_iou: float | None = Field(description="mean of the IoU, weighted by annotated pixels")
    mean_dice: float | None = Field(description="mean over classes of the dataset's Dice")
    mean_row_dice: float | None
    micro_dice: float | None = Field(description="2 ΣI / Σ(annotated + predicted), over all classes")
    pixel_accuracy: float | None = Field(
        description="right pixels / annotated pixels; pixels that no annotation gives a class are left out"
    )
    mean_accuracy: float | None = Field(description="mean recall of the classes with an annotated pixel")
    undefined: dict[str, str] = Field(description="why a figure is null")
    classes: list[PixelClass] = Field(description="by name")
    cells: list[PixelCell] = Field(description="the cells of the pixel confusion matrix that are not zero")


def segmentation(client: Client, selection: Selection, *, over: ClassesMeant = "present") -> Segmentation:
    """Score masks as a semantic segmentation, at the selected confidence.

    Raises
    ------
    QuestionError
        If an area range is selected: pixels have none.
    """
    if selection.area != "all":
        raise QuestionError("pixels are in no area range: leave out `area`")
    entries = _entries(selection)
    present = "annotated > 0" if over == "annotated" else "annotated + predicted > 0"
    cells = Counter({(a, p): int(pixels) for a, p, pixels in _cells(client, entries)})
    own_rows = _rows_of_classes(client, entries, present)
    ((rows, rows_with_class, row_iou, row_dice),) = _rows(client, entries, present)
    labels = sorted({a or p for a, p in cells if not (a and p)})
    classes = [_of_class(label, cells, own_rows.get(label, (0, 0.0, 0.0)), over) for label in labels]
    meant = [one for one in classes if (one.annotated if over == "annotated" else one.annotated + one.predicted)]
    annotated = sum(one.annotated for one in classes)
    intersection = sum(one.intersection for one in classes)
    reason = _NOT_ANNOTATED if over == "annotated" else _NO_PIXEL
    figures = {
        "mean_iou": (_mean([one.iou for one in meant]), reason),
        "mean_row_iou": (ratio(row_iou, rows_with_class), reason),
        "frequency_weighted_iou": (
            ratio(sum(one.annotated * one.iou for one in classes if one.iou is not None), annotated),
            _NOT_ANNOTATED,
        ),
        "mean_dice": (_mean([one.dice for one in meant]), reason),
        "mean_row_dice": (ratio(row_dice, rows_with_class), reason),
        "micro_dice": (ratio(2 * intersection, annotated + sum(one.predicted for one in classes)), _NO_PIXEL),
        "pixel_accuracy": (ratio(intersection, annotated), _NOT_ANNOTATED),
        "mean_accuracy": (_mean([one.recall for one in classes]), _NOT_ANNOTATED),
    }
    return Segmentation(
        rows=rows,
        **_values(figures),
        undefined=_reasons(figures),
        classes=classes,
        cells=_confusion(cells, labels),
    )


#: A figure, and why it may be null.
_Figures = dict[str, tuple[float | None, str]]


def _values(figures: _Figures) -> dict[str, Any]:
    return {name: value for name, (value, _) in figures.items()}


def _reasons(figures: _Figures) -> dict[str, str]:
    return {name: reason for name, (value, reason) in figures.items() if value is None}


def _mean(values: list[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return ratio(sum(defined), len(defined))


def _of_class(
    label: str, cells: Counter[tuple[str, str]], rows: tuple[int, float, float], over: ClassesMeant
) -> PixelClass:
    annotated, predicted, intersection = cells[label, ""], cells["", label], cells[label, label]
    count, iou, dice = rows
    in_no_row = f"in no data row: {_NOT_ANNOTATED if over == 'annotated' else _NO_PIXEL}"
    figures = {
        "iou": (ratio(intersection, annotated + predicted - intersection), _NO_PIXEL),
        "dice": (ratio(2 * intersection, annotated + predicted), _NO_PIXEL),
        "precision": (ratio(intersection, predicted), _NOT_PREDICTED),
        "recall": (ratio(intersection, annotated), _NOT_ANNOTATED),
        "mean_row_iou": (ratio(iou, count), in_no_row),
        "mean_row_dice": (ratio(dice, count), in_no_row),
    }
    return PixelClass(
        label=label,
        annotated=annotated,
        predicted=predicted,
        intersection=intersection,
        rows=count,
        **_values(figures),
        undefined=_reasons(figures),
    )


def _confusion(cells: Counter[tuple[str, str]], labels: list[str]) -> list[PixelCell]:
    pairs = {(a, p): pixels for (a, p), pixels in cells.items() if a and p}
    missed = Counter({label: cells[label, ""] for label in labels})
    alarms = Counter({label: cells["", label] for label in labels})
    for (a, p), pixels in pairs.items():
        missed[a] -= pixels
        alarms[p] -= pixels
    pixel_cells = [PixelCell(actual=a, predicted=p, pixels=pixels) for (a, p), pixels in pairs.items() if pixels]
    # The partner of a class that is selected may be none itself; its own remainder is then below zero.
    pixel_cells += [PixelCell(actual=a, predicted=None, pixels=pixels) for a, pixels in missed.items() if pixels > 0]
    pixel_cells += [PixelCell(actual=None, predicted=p, pixels=pixels) for p, pixels in alarms.items() if pixels > 0]
    return sorted(pixel_cells, key=lambda cell: (-cell.pixels, cell.actual or "", cell.predicted or ""))


def _entries(selection: Selection) -> Fragment:
    """SQL for what was measured of the pixels of each selected row: ``data_row``, ``a``, ``p`` and ``pixels``."""
    rows, parameters = selected(selection)
    parameters |= {"measure": PIXELS, "confidence": selection.confidence}
    where = "m.1 = {measure:String} AND m.4 >= {confidence:Float64}"
    if selection.feature:
        where += f" AND (m.2 IN {FEATURES} OR m.3 IN {FEATURES})"
        parameters["feature"] = list(selection.feature)
    if selection.type and "mask" not in selection.type:
        where += " AND 0"
    columns = "measure_name, measure_actual, measure_predicted, measure_confidence, measure_value"
    label = {name: rolled_up(name) if selection.roll_up else name for name in ("m.2", "m.3")}
    return Fragment(
        f"""
        SELECT data_row, {label["m.2"]} AS a, {label["m.3"]} AS p, m.5[1] AS pixels
        FROM (SELECT data_row, arrayJoin(arrayZip({columns})) AS m FROM ({rows})) WHERE {where}
        """,
        parameters,
    )


def _cells(client: Client, entries: Fragment) -> list[tuple[Any, ...]]:
    return ask(client, f"SELECT a, p, sum(pixels) FROM ({entries.sql}) GROUP BY a, p", entries.parameters)


def _of_rows(entries: Fragment, present: str) -> str:
    """SQL for each class that is present in each row: its IoU and Dice, as decimals, whose sums have no order."""
    return f"""
        SELECT data_row, label, {present} AS counts,
            toDecimal128(if(counts, right / (annotated + predicted - right), 0), 18) AS iou,
            toDecimal128(if(counts, 2 * right / (annotated + predicted), 0), 18) AS dice
        FROM (
            SELECT data_row, if(a = '', p, a) AS label,
                sumIf(pixels, a = p) AS right, sumIf(pixels, p = '') AS annotated, sumIf(pixels, a = '') AS predicted
            FROM ({entries.sql}) WHERE a = p OR a = '' OR p = '' GROUP BY data_row, label
        )
    """


def _rows_of_classes(client: Client, entries: Fragment, present: str) -> dict[str, tuple[int, float, float]]:
    """Of each class, the rows where it is present, and the sums of its IoU and Dice over them."""
    sql = (
        f"SELECT label, count(), toFloat64(sum(iou)), toFloat64(sum(dice)) FROM ({_of_rows(entries, present)})"
        " WHERE counts GROUP BY label"
    )
    return {label: (rows, iou, dice) for label, rows, iou, dice in ask(client, sql, entries.parameters)}


def _rows(client: Client, entries: Fragment, present: str) -> list[tuple[Any, ...]]:
    """Counts of rows, and of rows in which a class is present, with the sums of those rows' means."""
    sql = f"""
        SELECT count(), countIf(classes > 0), toFloat64(sum(iou)), toFloat64(sum(dice))
        FROM (
            SELECT data_row, countIf(counts) AS classes,
                toDecimal128(sum(iou), 18) / greatest(classes, 1) AS iou,
                toDecimal128(sum(dice), 18) / greatest(classes, 1) AS dice
            FROM ({_of_rows(entries, present)}) GROUP BY data_row
        )
    """
    return ask(client, sql, entries.parameters)
