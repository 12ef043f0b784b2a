"""Draw what becomes of the same objects under each policy, as the engine says: the pictures of ``policies.md``.

python docs/policy_pictures.py    draws them anew, into docs/policies
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import starmap
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args
from xml.sax.saxutils import escape

import evalstream
from evalstream.policies import PolicyName
from evalstream.queries.rows import Row, RowObject

FOLDER = Path(__file__).parent / "policies"
_RUN: Final = "run"
_WIDTH, _HEIGHT, _LINE = 240, 122, 16
#: Three in a line of the page.
_SHOWN: Final = 220
#: Of an outcome: the colour of a prediction's box, and what is written on it.
_LOOKS: Final = {
    "tp": ("#1b7f4b", "right"),
    "fp": ("#c2410c", "false alarm"),
    "ignored": ("#6b7280", "not counted"),
}


class Scene(NamedTuple):
    """Some annotations and predictions, and at which IoU they are compared."""

    annotations: list[dict[str, Any]]
    predictions: list[dict[str, Any]]


def _box(feature: str, x: float, y: float, width: float, height: float, **more: Any) -> dict[str, Any]:
    return {"type": "bbox", "feature": feature, "bbox": [x, y, width, height], **more}


SCENES: Final = {
    "another-class": Scene(
        [_box("car", 60, 40, 100, 60)],
        [_box("truck", 62, 40, 100, 60, confidence=0.9), _box("car", 68, 46, 100, 60, confidence=0.6)],
    ),
    "second-choice": Scene(
        [_box("car", 30, 40, 90, 60), _box("car", 62, 40, 90, 60)],
        [_box("car", 40, 40, 90, 60, confidence=0.9), _box("car", 44, 42, 90, 60, confidence=0.8)],
    ),
    "crowd": Scene(
        [_box("person", 20, 30, 180, 80, crowd=True)],
        [_box("person", 30, 40, 40, 60, confidence=0.9), _box("person", 110, 44, 40, 60, confidence=0.8)],
    ),
}


def drawn() -> Iterator[tuple[str, str]]:
    """Give the name of each picture, and the picture as SVG."""
    with tempfile.TemporaryDirectory() as folder, evalstream.connect(folder) as client:
        for name, scene in SCENES.items():
            client.upload(
                "scenes",
                [{"data_row": name, "operation": "replace", "annotations": scene.annotations}],
                predictions=[{"data_row": name, "operation": "replace", "predictions": scene.predictions}],
                run=_RUN,
            )
        for policy in get_args(PolicyName):
            found = client.rows("scenes", _RUN, policy=policy, iou=0.4)
            for row in found.rows:
                yield f"{row.data_row}-{policy}.svg", _svg(row, policy)


def _svg(row: Row, policy: str) -> str:
    shapes = [*map(_annotation, row.annotations), *starmap(_prediction, enumerate(row.predictions))]
    height = _HEIGHT + _LINE * len(row.predictions) + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_SHOWN}"'
        f' font-family="sans-serif" font-size="12" role="img"><title>{escape(f"{row.data_row}, {policy}")}</title>'
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n{"".join(shapes)}'
        f'<text x="6" y="15" fill="#1f2937" font-weight="bold">{escape(policy)}</text></svg>\n'
    )


def _annotation(one: RowObject) -> str:
    missed = ", missed" if one.outcome == "fn" else ""
    x, y, *_ = one.geometry
    return _rectangle(one, "#1f2937", ' stroke-dasharray="4 3"') + _text(x, y - 4, "#1f2937", f"{one.label}{missed}")


def _prediction(number: int, one: RowObject) -> str:
    assert one.outcome is not None
    colour, said = _LOOKS[one.outcome]
    words = f"{one.label}, confidence {one.confidence:g}: {said}"
    return _rectangle(one, colour, "") + _text(6, _HEIGHT + _LINE * (number + 1), colour, words)


def _rectangle(one: RowObject, colour: str, more: str) -> str:
    x, y, width, height = one.geometry
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="none" stroke="{colour}"'
        f' stroke-width="2"{more}/>'
    )


def _text(x: float, y: float, colour: str, words: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}">{escape(words)}</text>\n'


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    for name, svg in drawn():
        (FOLDER / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
