"""Plots as SVG that stands in a page by itself: no script, no font, no address; colours are the page's.

Classes of a page's style: ``grid``, ``a`` and ``b`` (a run each), ``mark``; text has the page's colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

_LEFT, _TOP, _SIDE = 52, 12, 340
_ROW: Final = 26


class Line(NamedTuple):
    """A curve: what it is called, its points with both coordinates in [0, 1], and those of them that are marked."""

    name: str
    points: Sequence[tuple[float, float]]
    marks: Sequence[tuple[float, float, str]] = ()


class Bar(NamedTuple):
    """A bar with its number."""

    name: str
    value: float
    said: str


class Range(NamedTuple):
    """A figure in [0, 1] with its interval."""

    name: str
    value: float
    low: float
    high: float
    said: str


def curves(title: str, x: str, y: str, lines: Sequence[Line]) -> str:
    """Draw curves over the unit square."""

    def at(point: tuple[float, float]) -> tuple[str, str]:
        return f"{_LEFT + point[0] * _SIDE:.1f}", f"{_TOP + (1 - point[1]) * _SIDE:.1f}"

    parts = []
    for i in range(6):
        right, high = at((i / 5, 0))[0], at((0, i / 5))[1]
        parts += [
            f'<path class="grid" d="M{right} {_TOP}V{_TOP + _SIDE}M{_LEFT} {high}H{_LEFT + _SIDE}"/>',
            f'<text x="{right}" y="{_TOP + _SIDE + 18}" text-anchor="middle">{i / 5:g}</text>',
            f'<text x="{_LEFT - 8}" y="{float(high) + 4:.1f}" text-anchor="end">{i / 5:g}</text>',
        ]
    for style, line in zip("ab", lines, strict=False):
        path = "L".join(" ".join(at(point)) for point in line.points)
        if path:
            parts.append(f'<path class="line {style}" d="M{path}"/>')
        for mark_x, mark_y, said in line.marks:
            cx, cy = at((mark_x, mark_y))
            parts.append(
                f'<circle class="mark {style}" cx="{cx}" cy="{cy}" r="5"><title>{escape(said)}</title></circle>'
            )
    middle, end = _LEFT + _SIDE // 2, _TOP + _SIDE
    parts.append(f'<text x="{middle}" y="{end + 38}" text-anchor="middle">{escape(x)}</text>')
    parts.append(
        f'<text x="14" y="{_TOP + _SIDE // 2}" text-anchor="middle" transform="rotate(-90 14 {_TOP + _SIDE // 2})">'
        f"{escape(y)}</text>"
    )
    for i, (style, line) in enumerate(zip("ab", lines, strict=False)):
        height = end + 62 + 20 * i
        parts.append(f'<path class="line {style}" d="M{_LEFT} {height - 4}h24"/>')
        parts.append(f'<text x="{_LEFT + 32}" y="{height}">{escape(line.name)}</text>')
    return _whole(title, _LEFT + _SIDE + 20, end + 62 + 20 * len(lines), parts)


def bars(title: str, given: Sequence[Bar]) -> str:
    """Draw bars from 0 on, each with its name and number."""
    most = max((one.value for one in given), default=0) or 1
    parts = []
    for i, one in enumerate(given):
        y = 6 + _ROW * i
        parts += [
            f'<text x="112" y="{y + 14}" text-anchor="end">{escape(one.name)}</text>',
            f'<rect class="bar" x="120" y="{y}" width="{300 * one.value / most:.1f}" height="18"/>',
            f'<text x="{126 + 300 * one.value / most:.1f}" y="{y + 14}">{escape(one.said)}</text>',
        ]
    return _whole(title, 560, 12 + _ROW * len(given), parts)


def ranges(title: str, given: Sequence[Range]) -> str:
    """Draw figures with their intervals over [0, 1]."""
    end = 6 + _ROW * len(given)
    parts = []
    for i in range(6):
        x = 120 + 300 * i / 5
        parts.append(f'<path class="grid" d="M{x:g} 2V{end}"/>')
        parts.append(f'<text x="{x:g}" y="{end + 16}" text-anchor="middle">{i / 5:g}</text>')
    for i, one in enumerate(given):
        y = 16 + _ROW * i
        low, high, value = (120 + 300 * at for at in (one.low, one.high, one.value))
        parts += [
            f'<text x="112" y="{y + 4}" text-anchor="end">{escape(one.name)}</text>',
            f'<path class="line a" d="M{low:.1f} {y}H{high:.1f}M{low:.1f} {y - 5}v10M{high:.1f} {y - 5}v10"/>',
            f'<circle class="mark a" cx="{value:.1f}" cy="{y}" r="4"/>',
            f'<text x="432" y="{y + 4}">{escape(one.said)}</text>',
        ]
    return _whole(title, 600, end + 24, parts)


def _whole(title: str, width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}">' + "".join(parts) + "</svg>"
    )
