"""Pictures of an evaluation show what its answers say."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

import evalstream
import pytest

pyplot = pytest.importorskip("matplotlib.pyplot", reason="the extra `plot` is not installed")

TRUTH = {
    "a.jpg": {"boxes": [[0, 0, 40, 40], [60, 0, 110, 40]], "labels": ["car", "<b>$us$"]},
    "b.jpg": {"boxes": [[10, 10, 40, 40]], "labels": ["car"]},
}
FOUND = {
    "a.jpg": {"boxes": [[0, 0, 40, 36], [60, 0, 110, 40]], "labels": ["car", "car"], "scores": [0.9, 0.8]},
    "b.jpg": {"boxes": [[12, 10, 42, 40]], "labels": ["car"], "scores": [0.6]},
}


@pytest.fixture(scope="module")
def evaluation() -> Iterator[evalstream.Evaluation]:
    with evalstream.evaluate(TRUTH, FOUND, policy="iou-greedy") as evaluation:
        yield evaluation
    pyplot.close("all")


def test_a_confusion_matrix_holds_every_count(evaluation: evalstream.Evaluation) -> None:
    ax = evaluation.plot.confusion_matrix()
    assert [text.get_text() for text in ax.get_yticklabels()] == [r"<b>\$us\$", "car", "nothing"]
    cells = evaluation.confusion_matrix().cells
    assert sorted(int(text.get_text()) for text in ax.texts) == sorted(cell.count for cell in cells)
    few = evaluation.plot.confusion_matrix(most=1)
    assert "1 label, 1 object not drawn" in few.get_xlabel()


def test_a_curve_goes_through_its_points(evaluation: evalstream.Evaluation) -> None:
    (curve,) = evaluation.pr_curve().curves
    (line,) = evaluation.plot.pr_curve().lines
    assert list(line.get_xdata()) == curve.recall
    assert list(line.get_ydata()) == curve.precision


def test_a_label_without_a_curve_is_named(evaluation: evalstream.Evaluation) -> None:
    legend = evaluation.plot.pr_curve(per_class=True).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        r"<b>\$us\$ (nothing predicted)",
        "car (best F1 0.800 at 0.600)",
    ]


def test_bars_are_the_figures_of_classes(evaluation: evalstream.Evaluation) -> None:
    ax = evaluation.plot.classes("recall")
    drawn = {text.get_text(): bar.get_width() for text, bar in zip(ax.get_yticklabels(), ax.patches, strict=True)}
    classes = evaluation.classes().classes
    assert drawn == {one.label.replace("$", r"\$"): one.recall for one in classes if one.recall is not None}


def test_calibration_is_of_the_bins_that_hold_any(evaluation: evalstream.Evaluation) -> None:
    ax = evaluation.plot.calibration()
    bins = [one for one in evaluation.calibration().bins if one.count]
    assert list(ax.lines[1].get_ydata()) == [one.accuracy for one in bins]
    assert ax.get_title() == "calibration\niou-greedy, IoU 0.5, confidence from 0"


def test_pictures_go_where_they_are_told_to(evaluation: evalstream.Evaluation) -> None:
    _, ax = pyplot.subplots()
    assert evaluation.plot.pr_curve(ax=ax) is ax


def test_a_notebook_shows_headline_classes_and_notes(evaluation: evalstream.Evaluation) -> None:
    words: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            words.append(data)

    html = evaluation._repr_html_()
    Reader().feed(html)
    assert "<b>$us$" in words
    assert {"car", "precision", f"{evaluation.summary().precision:.3f}"} <= set(words)
    assert "http" not in html
