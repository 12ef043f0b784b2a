"""Pictures of an evaluation's answers, with matplotlib: ``evaluation.plot.pr_curve()``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evalstream.queries.confusion_matrix import ClassFigure
from evalstream.words import count_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evalstream.evaluation import Evaluation

#: How a confusion matrix calls what is not there.
_MISSED, _NOTHING = "missed", "nothing"


class Plots:
    """Draws answers. Each picture takes what the question takes, and ``ax``, Axes to draw into; they are returned."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    def pr_curve(self, *, ax: Axes | None = None, **asked: Any) -> Axes:
        """Draw precision over recall; with ``per_class=True`` a curve a label.

        A label of which nothing is annotated, or predicted, is named in the legend and not drawn.
        """
        answer = self._evaluation.pr_curve(**asked)
        ax = _axes(ax, "recall", "precision", self._title("precision and recall", asked))
        for curve in answer.curves:
            label = "all labels" if curve.label is None else _plain(curve.label)
            points = [(r, p) for r, p in zip(curve.recall, curve.precision, strict=True) if r is not None]
            best = "nothing annotated" if curve.recall else "nothing predicted"
            if points:
                best = f"best F1 {curve.best_f1:.3f} at {curve.best_f1_confidence:.3f}"
            ax.step(*(list(zip(*points, strict=True)) or ([], [])), where="post", label=f"{label} ({best})")
        if len(answer.curves) < answer.total:
            ax.plot([], [], " ", label=f"{count_of(answer.total - len(answer.curves), 'more label')} not drawn")
        ax.set(xlim=(0, 1.02), ylim=(0, 1.02))
        ax.legend(loc="lower left", fontsize="small")
        return ax

    def confusion_matrix(self, *, most: int = 20, ax: Axes | None = None, **asked: Any) -> Axes:
        """Draw what was taken for what, coloured by its share of the annotations of the label.

        Parameters
        ----------
        most : int
            So many labels at most, those of the most objects; the others are counted below the picture.
        """
        answer = self._evaluation.confusion_matrix(**{"limit": 100_000, **asked})
        size: dict[str, int] = {}
        for cell in answer.cells:
            for name in {cell.actual, cell.predicted} - {None}:
                size[str(name)] = size.get(str(name), 0) + cell.count
        labels = sorted(sorted(size, key=lambda name: (-size[name], name))[:most])
        counts = np.zeros((len(labels) + 1, len(labels) + 1), np.int64)
        at = {name: i for i, name in enumerate(labels)}
        at_none = len(labels)
        left_out = 0
        for cell in answer.cells:
            row = at_none if cell.actual is None else at.get(cell.actual)
            column = at_none if cell.predicted is None else at.get(cell.predicted)
            if row is None or column is None:
                left_out += cell.count
            else:
                counts[row, column] = cell.count
        sums = counts.sum(axis=1, keepdims=True)
        ax = _axes(ax, "predicted", "actual", self._title("confusion matrix", asked))
        ax.imshow(counts / np.maximum(sums, 1), cmap="Blues", vmin=0, vmax=1)
        ax.set_xticks(range(len(labels) + 1), [*map(_plain, labels), _MISSED], rotation=45, ha="right")
        ax.set_yticks(range(len(labels) + 1), [*map(_plain, labels), _NOTHING])
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if count > 0.5 * sums[row, 0] else "black"
                ax.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize="small")
        if left_out:
            ax.set_xlabel(
                f"predicted\n{count_of(len(size) - len(labels), 'label')}, {count_of(left_out, 'object')} not drawn"
            )
        return ax

    def calibration(self, *, ax: Axes | None = None, **asked: Any) -> Axes:
        """Draw the share that is right of each bin of confidence, beside the line on which both are equal."""
        answer = self._evaluation.calibration(**asked)
        ax = _axes(ax, "mean confidence", "share that is right", self._title("calibration", asked))
        bins = [one for one in answer.bins if one.count]
        ax.plot([0, 1], [0, 1], "--", color="grey", linewidth=1, label="as confident as right")
        ece = (
            "nothing was predicted"
            if answer.ece is None
            else f"ECE {answer.ece:.3f}, {answer.predictions:,} predictions"
        )
        confidence, right = ([getattr(one, name) for one in bins] for name in ("mean_confidence", "accuracy"))
        ax.plot(confidence, right, "o-", label=ece)
        ax.set(xlim=(0, 1.02), ylim=(0, 1.02))
        ax.legend(loc="upper left", fontsize="small")
        return ax

    def classes(self, figure: ClassFigure = "f1", *, most: int = 30, ax: Axes | None = None, **asked: Any) -> Axes:
        """Draw a figure of each label, the worst on top.

        Parameters
        ----------
        figure : str
            One by which classes can be sorted.
        most : int
            So many labels at most; how many are not drawn stands in the picture.
        """
        answer = self._evaluation.classes(**{**asked, "sort": figure, "limit": most})
        ax = _axes(ax, figure, "", self._title(f"{figure} by class", asked))
        defined = [one for one in answer.classes if getattr(one, figure) is not None]
        bars = ax.barh([_plain(one.label) for one in defined], [getattr(one, figure) for one in defined])
        ax.bar_label(bars, fmt="{:,.3g}", padding=3, fontsize="small")
        ax.invert_yaxis()
        if len(defined) < answer.total:
            ax.set_xlabel(f"{figure}\n{count_of(answer.total - len(defined), 'label')} not drawn, or without {figure}")
        return ax

    def _title(self, what: str, asked: dict[str, Any]) -> str:
        policy = asked.get("policy", self._evaluation.policy)
        return f"{what}\n{policy}, IoU {asked.get('iou', 0.5):g}, confidence from {asked.get('confidence', 0.0):g}"


def _axes(ax: Axes | None, x: str, y: str, title: str) -> Axes:
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError("pictures need matplotlib: pip install 'evalstream[plot]'") from error
        _, ax = pyplot.subplots(layout="constrained")
    ax.set(xlabel=x, ylabel=y)
    ax.set_title(title, fontsize="medium")
    return ax


def _plain(name: str) -> str:
    """A name as it stands: matplotlib makes formulas of what is between two $."""
    return name.replace("$", r"\$")
