"""A report as sections of text, tables and plots, which Markdown and HTML both write out."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from evalstream.exporters import svg
from evalstream.exporters.report import Report
from evalstream.queries.average_precision import FrequencyFigures
from evalstream.queries.intervals import Interval
from evalstream.queries.position import Position
from evalstream.queries.pr_curve import Curve, PrCurve
from evalstream.selection import Filter
from evalstream.words import count_of

COUNTS: Final = ("tp", "fp", "fn")
_MATRIX: Final = 12
_CLASSES: Final = 50
_SHOWN: Final = ("precision", "recall", "f1", "mean_iou", "ap", "ap50", "ap75", "p_value", "dap")


_ALWAYS: Final = ("policy", "confidence", "iou")
_USUAL: Final = Filter().model_dump(mode="json")


class Cell(NamedTuple):
    """Text of a table cell, and how strongly it is coloured: in [0, 1]."""

    text: str
    share: float = 0.0
    error: bool = False


class Section(NamedTuple):
    """A part of a report."""

    title: str
    text: Sequence[str] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    plot: str = ""
    look: Literal["table", "tiles", "text"] = "table"  # of its table, in HTML


def sections(report: Report) -> list[Section]:
    """Give the parts of a report, in order; of what a service did not answer, the reason."""
    parts = [_headline(report), _intervals(report), _comparison(report), _classes(report), _matrix(report)]
    parts += [_curve(report), _causes(report), _about(report)]
    return [one for one in parts if one is not None]


def number(value: float | None, digits: int = 4) -> str:
    """Write a figure; of what is not defined a dash."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def _cells(*given: Any) -> list[Cell]:
    return [Cell(one if isinstance(one, str) else number(one)) for one in given]


def _refused(report: Report, name: str, title: str) -> Section | None:
    return Section(title, [f"Not answered: {report.refused[name]}"]) if name in report.refused else None


def _undefined(given: dict[str, str]) -> list[str]:
    """Say why figures that are shown are not defined."""
    return [f"Not defined: {name}, for {why}" for name, why in given.items() if name in _SHOWN]


def _headline(report: Report) -> Section:
    summary, ap = report.overview.summary, report.average_precision
    figures: dict[str, float | None] = {
        "data rows": summary.rows,
        "annotations": summary.annotations,
        "predictions": summary.predictions,
        "true positives": summary.tp,
        "false positives": summary.fp,
        "false negatives": summary.fn,
        "precision": summary.precision,
        "recall": summary.recall,
        "F1": summary.f1,
        "mean IoU": summary.mean_iou,
    }
    given = summary.undefined
    if ap is not None:
        figures |= {"AP": ap.ap, "AP50": ap.ap50, "AP75": ap.ap75}
        figures |= {
            f"AP of {name[3:]} classes": own
            for name in FrequencyFigures.model_fields
            if (own := getattr(ap, name)) is not None
        }
        given = summary.undefined | ap.undefined
    undefined = _undefined(given)
    rows = [_cells(*one) for one in figures.items()]
    confidence = report.question["confidence"]
    cut = [f"AP is of the predictions from confidence {confidence:g} up, and not of all."]
    return Section(
        "Headline",
        [*(cut if ap is not None and confidence else []), *summary.notes, *undefined],
        ("figure", "value"),
        rows,
        look="tiles",
    )


def _intervals(report: Report) -> Section | None:
    intervals = report.intervals
    if intervals is None:
        return _refused(report, "intervals", "Intervals")
    known = [one for one in intervals.figures if one.value is not None]
    text = [
        f"{intervals.level:.0%} intervals from {intervals.replicates:,} bootstrap samples of {intervals.rows:,} data"
        f" rows, seed {intervals.seed}."
    ]
    ranges = [own for one in known if (own := _range(one)) is not None]
    digits = {one.figure: 1 if one.figure in COUNTS else 4 for one in known}
    rows = [
        _cells(_name(one), *(number(own, digits[one.figure]) for own in (one.value, one.low, one.high)))
        for one in known
    ]
    plot = svg.ranges("Figures with their intervals", ranges) if ranges else ""
    return Section("Intervals", [*text, *intervals.notes], ("figure", "value", "low", "high"), rows, plot)


def _range(one: Interval) -> svg.Range | None:
    """Give what a plot over [0, 1] shows of a figure; counts and errors lie elsewhere."""
    if one.figure in COUNTS or one.value is None or one.low is None or one.high is None:
        return None
    if not 0 <= one.low <= one.value <= one.high <= 1:
        return None
    said = f"{number(one.value)} [{number(one.low)}, {number(one.high)}]"
    return svg.Range(_name(one), one.value, one.low, one.high, said)


def _name(one: Interval) -> str:
    return " ".join(filter(None, (one.figure, one.feature)))


def _comparison(report: Report) -> Section | None:
    comparison = report.comparison
    if comparison is None:
        return _refused(report, "comparison", "Comparison")
    chance = {} if report.intervals is None else {one.figure: one.difference for one in report.intervals.figures}
    rows = []
    for name in ("tp", "fp", "fn", "precision", "recall", "f1"):
        a, b = getattr(comparison.a, name), getattr(comparison.b, name)
        apart = chance.get(name)
        said = ["-", "-"]
        if apart is not None and apart.low is not None and apart.high is not None:
            said = [f"[{apart.low:+.4f}, {apart.high:+.4f}]", "no" if apart.significant else "yes"]
        rows.append(_cells(name, a, b, None if a is None or b is None else a - b, *said))
    right = comparison.right
    text = [
        f"{report.run} and {report.versus} over the {comparison.rows:,} data rows that both have; left out are"
        f" {comparison.rows_only_a:,} of {report.run} alone and {comparison.rows_only_b:,} of {report.versus} alone.",
        f"Annotations right in both: {right.both:,}; in {report.run} alone: {right.only_a:,}; in {report.versus} alone:"
        f" {right.only_b:,}; in neither: {right.neither:,}. McNemar's exact test: p = {number(comparison.p_value)}.",
    ]
    header = ("figure", report.run, report.versus or "", "difference", "interval", "may be chance")
    return Section(f"Compared with {report.versus}", [*text, *_undefined(comparison.undefined)], header, rows)


def _classes(report: Report) -> Section:
    classes = report.overview.classes
    worst = sorted(classes.classes, key=lambda one: (one.f1 is None, one.f1))
    text = [f"The {_CLASSES} with the lowest F1 of {classes.total:,}."] if classes.total > _CLASSES else []
    if classes.total > len(classes.classes):
        text = [f"{len(classes.classes):,} of {classes.total:,} classes were asked for; the {_CLASSES} worst of these."]
    rows = []
    for one in worst[:_CLASSES]:
        counts = _cells(one.label, one.annotations, one.predictions, one.tp, one.fp, one.fn, one.precision, one.recall)
        rows.append([*counts, Cell(number(one.f1), one.f1 or 0.0)])
    header = ("class", "annotations", "predictions", "tp", "fp", "fn", "precision", "recall", "F1")
    return Section("Classes", [*text, *_undefined(classes.undefined)], header, rows)


def _matrix(report: Report) -> Section:
    matrix = report.overview.confusion_matrix
    sums = {label: matrix.actual_sums.get(label, 0) + matrix.predicted_sums.get(label, 0) for label in matrix.labels}
    shown = sorted(sorted(sums, key=lambda label: -sums[label])[:_MATRIX])
    count = {(cell.actual, cell.predicted): cell.count for cell in matrix.cells}
    sides: list[str | None] = [*shown, None]
    rows = []
    for actual in sides:
        whole = matrix.false_alarms if actual is None else matrix.actual_sums.get(actual, 0)
        counts = [count.get((actual, predicted), 0) for predicted in sides]
        own = [
            Cell(f"{value:,}", value / whole if whole else 0.0, actual != predicted)
            for predicted, value in zip(sides, counts, strict=True)
        ]
        if actual is None:
            own[-1] = Cell("")  # nothing there, and nothing said, is nowhere
        rows.append([Cell("nothing there" if actual is None else actual), *own])
    text = ["A row is what is there, a column what was said of it; colours are shares of a row."]
    if len(shown) < len(matrix.labels):
        text.append(f"The {len(shown)} most frequent of {len(matrix.labels):,} classes; cells of others are not shown.")
    if len(matrix.cells) < matrix.total:
        text.append(f"Of {matrix.total:,} cells that are not zero, the {len(matrix.cells):,} largest were asked for.")
    return Section("Confusion matrix", text, ("actual \\ predicted", *shown, "missed"), rows)


def _curve(report: Report) -> Section | None:
    if report.pr_curve is None:
        return _refused(report, "pr_curve", "Precision and recall")
    confidence = report.question["confidence"]
    lines = [_line(report.run, report.pr_curve)]
    if report.versus is not None and report.pr_curve_versus is not None:
        lines.append(_line(report.versus, report.pr_curve_versus))
    text = [f"All classes together, for confidence thresholds from {confidence:g} up; the circle is the best F1."]
    if report.versus is not None:
        text.append(f"Over the data rows that {report.run} and {report.versus} both have.")
    rows = [
        _cells(name, curve.best_f1, curve.best_f1_confidence)
        for name, given in ((report.run, report.pr_curve), (report.versus, report.pr_curve_versus))
        for curve in (given.curves if name and given else ())
    ]
    plot = svg.curves("Precision against recall", "recall", "precision", lines)
    return Section("Precision and recall", text, ("run", "best F1", "at confidence"), rows, plot)


def _line(name: str, given: PrCurve) -> svg.Line:
    points: list[tuple[float, float]] = []
    marks: list[tuple[float, float, str]] = []
    for curve in given.curves:
        for confidence, recall, precision in _points(curve):
            points.append((recall, precision))
            if confidence == curve.best_f1_confidence:
                marks.append((recall, precision, f"{name}: F1 {number(curve.best_f1)} at confidence {confidence:g}"))
    return svg.Line(name, points, marks)


def _points(curve: Curve) -> Iterator[tuple[float, float, float]]:
    for confidence, recall, precision in zip(curve.confidence, curve.recall, curve.precision, strict=True):
        if recall is not None:
            yield confidence, recall, precision


def _causes(report: Report) -> Section | None:
    errors = report.errors
    if errors is None:
        return _refused(report, "errors", "Causes of errors")
    rows = [_cells(name, one.count, one.dap) for name, one in errors.causes.items()]
    plot = svg.bars(
        "Errors by cause", [svg.Bar(name, one.count, f"{one.count:,}") for name, one in errors.causes.items()]
    )
    text = ["TIDE's causes; dAP is how much higher average precision would be if all of them were put right."]
    header = ("cause", "errors", "dAP")
    return Section("Causes of errors", [*text, *errors.notes, *_undefined(errors.undefined)], header, rows, plot)


def _about(report: Report) -> Section:
    progress = report.progress
    rows = [
        _cells("dataset", report.dataset),
        _cells("run", report.run),
        *([_cells("compared with", report.versus)] if report.versus else []),
        *(_cells(name, str(value)) for name, value in report.question.items() if value not in ([], None, False)),
        _cells("data rows done, pending, failed", f"{progress.done:,}, {progress.pending:,}, {progress.failed:,}"),
        _cells("annotated data rows without predictions", progress.without_predictions),
        *(_cells(f"position of {name}", _position(one)) for name, one in report.positions.items()),
        _cells("asked at", report.time.isoformat(timespec="seconds")),
        _cells("evalstream", report.evalstream),
        _cells("to make it again", command(report)),
    ]
    return Section("About this report", report.notes, ("what", "value"), rows, look="text")


def _position(one: Position) -> str:
    counts = (
        count_of(one.events, "event"),
        count_of(one.declarations, "declaration"),
        count_of(one.deletions, "deletion"),
    )
    return f"version {one.version}: {', '.join(counts)}"


def command(report: Report) -> str:
    """Give the command that makes the report again."""
    words = ["evalstream", "export-report", report.dataset, report.run]
    words += ["--versus", report.versus] if report.versus else []
    for name, value in chosen(report.question, *_ALWAYS).items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        else:
            for one in value if isinstance(value, list) else [value]:
                words += [option, f"{one!r}" if isinstance(one, float) else str(one)]
    return shlex.join([*words, "--output", "report.html"])


def chosen(question: Mapping[str, Any], *always: str) -> dict[str, Any]:
    """Give of a filter what is not as usual, and what is always to be said."""
    return {name: value for name, value in question.items() if name in always or value != _USUAL[name]}
