"""A picture of the first data rows of a file, as it was understood: SVG that opens in any browser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import islice
from typing import Any, Final

import numpy as np
import orjson

ROWS: Final = 3
_SIDE, _LINE, _LEGEND = 400, 18, 12
#: Told apart by those who do not see all colours, too (Okabe and Ito).
_COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def picture(events: Iterable[bytes], rows: int = ROWS) -> str:
    """Draw the first data rows that have objects, beside each other; what has no place is written below.

    Parameters
    ----------
    events : iterable of bytes
        Events as JSON, a ``replace`` each. No more of them are read than are drawn.
    """
    shown = islice((event for line in events if (event := orjson.loads(line)) and _objects(event)), rows)
    panels = [_panel(event, i * (_SIDE + 20) + 10) for i, event in enumerate(shown)]
    width, height = max(1, len(panels)) * (_SIDE + 20), max((high for _, high in panels), default=0) + 10
    style = "text{font:13px sans-serif}.s{fill:none;stroke-width:1.5;vector-effect:non-scaling-stroke}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>'
        + "".join(drawn for drawn, _ in panels)
        + "</svg>\n"
    )


def _objects(event: dict[str, Any]) -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = event.get("annotations") or event.get("predictions") or []
    return objects


def _panel(event: dict[str, Any], left: int) -> tuple[str, int]:
    """Draw a data row; give its height too."""
    objects, facts = _objects(event), event.get("row") or {}
    colors: dict[str, str] = {}
    for item in objects:
        colors.setdefault(str(item["feature"]), _COLORS[len(colors) % len(_COLORS)])
    outlines = [(item, lines) for item in objects if (lines := _outlines(item))]
    others = [item for item in objects if not _outlines(item)]
    parts = [f'<text x="{left}" y="22" font-weight="bold">{escape(_short(str(event["data_row"]), 50))}</text>']
    bottom = 32
    if outlines:
        points = np.concatenate([np.array(line, float) for _, lines in outlines for line in lines])
        low = np.minimum(points.min(axis=0), 0)
        high = np.maximum(points.max(axis=0), (facts.get("width") or 0, facts.get("height") or 0))
        scale = _SIDE / max(float((high - low).max()), 1e-9)
        wide, tall = (high - low) * scale
        parts.append(f'<rect x="{left}" y="{bottom}" width="{wide:.1f}" height="{tall:.1f}" fill="#f2f2f2"/>')
        for item, lines in outlines:
            parts += [
                f'<path class="s" stroke="{colors[str(item["feature"])]}" d="{path}"/>'
                for path in (_path(line, left, bottom, low, scale) for line in lines)
            ]
        bottom += int(tall) + 6
    used = dict.fromkeys(str(item["feature"]) for item, _ in outlines)
    legend = [(colors[name], name) for name in used] + [("#000", _said(item)) for item in others]
    for color, text in legend[:_LEGEND]:
        bottom += _LINE
        parts.append(f'<text x="{left}" y="{bottom}" fill="{color}">{escape(_short(text, 60))}</text>')
    if len(legend) > _LEGEND:
        bottom += _LINE
        parts.append(f'<text x="{left}" y="{bottom}">… and {len(legend) - _LEGEND:,} more</text>')
    return "".join(parts), bottom


def _outlines(item: dict[str, Any]) -> list[list[Any]]:
    """Give the lines to draw of an object, none if it has no place on an image; of a mask, the box around it."""
    kind = item["type"]
    if kind == "bbox":
        return [_box(*item["bbox"])]
    if kind == "polygon":
        pieces = item.get("multipolygon") or [item["polygon"]]
        return [[*ring, ring[0]] for rings in pieces for ring in rings]
    if kind == "polyline":
        return [item["polyline"]]
    if kind == "rotated_box":
        x, y, w, h, degrees = item["rotated_box"]
        turn = np.deg2rad(degrees)
        around = np.array(_box(-w / 2, -h / 2, w, h)) @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
        return [(around + np.array([x, y])).tolist()]
    if kind == "point":
        return list(_crosses([item["point"]]))
    if kind == "keypoints":
        return list(_crosses(point[:2] for point in item["keypoints"] if point[2] > 0))
    if kind == "mask" and isinstance(item["mask"].get("counts"), str):
        from pycocotools import mask as coco_mask  # of masks only

        return [_box(*coco_mask.toBbox({**item["mask"], "counts": item["mask"]["counts"].encode()}).tolist())]
    return []


def _box(x: float, y: float, w: float, h: float) -> list[list[float]]:
    return [[x, y], [x + w, y], [x + w, y + h], [x, y + h], [x, y]]


def _crosses(points: Iterable[Any]) -> Iterator[list[list[float]]]:
    for x, y in points:
        yield [[x - 3, y - 3], [x + 3, y + 3]]
        yield [[x - 3, y + 3], [x + 3, y - 3]]


def _path(line: list[Any], left: int, top: int, low: Any, scale: float) -> str:
    at = (np.array(line, float) - low) * scale + np.array([left, top])
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at.tolist())


def _said(item: dict[str, Any]) -> str:
    value = item.get("answer", item.get("answers", item.get("span", "")))
    sure = f" ({item['confidence']:.2f})" if "confidence" in item else ""
    return f"{item['type']} {item['feature']}: {value}{sure}"


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
