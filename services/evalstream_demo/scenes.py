"""Scenes of handwritten digits, and the truth about them.

Each scene is drawn from scikit-learn's 8x8 digits: scaled up, turned, laid out on paper or chalkboard, then lit,
blurred and made noisy. Everything follows from the one generator a scene is given.
"""

from __future__ import annotations

from math import cos, radians, sin
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from sklearn.datasets import load_digits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Split = Literal["train", "validation", "test"]

WIDTH, HEIGHT = 320, 240
CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

CLUTTER = ("none", "ruled", "strokes", "specks")
LIGHTING = ("even", "side", "vignette")
SURFACES = ("paper", "chalkboard")
NOISE_LEVELS = (0.02, 0.05, 0.09, 0.14)
BLUR_LEVELS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
#: The blur (sigma, in pixels) from which a scene is called blurred.
BLURRED_FROM = 1.5

SMALLEST, LARGEST = 22.0, 130.0
MOST_DIGITS = 9
PLACING_ATTEMPTS = 30


class DigitPool(NamedTuple):
    """The handwritten digits that one split may use: ``images`` is n x 8 x 8 in [0, 1], ``labels`` is 0 … 9."""

    images: Floats
    labels: Ints


class Scene(NamedTuple):
    """A picture (uint8, height x width) with its true boxes [x, y, width, height], classes, ink and circumstances."""

    image: NDArray[np.uint8]
    boxes: Floats
    labels: Ints
    strokes: list[NDArray[np.bool_]]  # of each digit, which pixels of its box are ink
    noise: float
    blur: float
    clutter: str
    lighting: str
    surface: str

    @property
    def sharpness(self) -> str:
        """The true answer to the question of sharpness."""
        return "blurred" if self.blur >= BLURRED_FROM else "sharp"


def digit_pools() -> dict[Split, DigitPool]:
    """Split scikit-learn's digits into three pools that share no image.

    The samples are apparently grouped by writer, so they are cut in their own order, unshuffled: shuffling would
    put every hand in every pool and flatter the models.
    """
    digits = load_digits()
    images, labels = digits.images / 16.0, digits.target.astype(np.int64)
    cuts = [round(0.6 * len(images)), round(0.75 * len(images))]
    parts = zip(get_args(Split), np.split(images, cuts), np.split(labels, cuts), strict=True)
    return {split: DigitPool(part, truth) for split, part, truth in parts}


def compose(pool: DigitPool, rng: np.random.Generator) -> Scene:
    """Draw one scene with digits of ``pool``."""
    noise = float(rng.choice(NOISE_LEVELS))
    blur = float(rng.choice(BLUR_LEVELS))
    clutter = str(rng.choice(CLUTTER, p=(0.4, 0.2, 0.2, 0.2)))
    lighting = str(rng.choice(LIGHTING, p=(0.5, 0.25, 0.25)))
    surface = str(rng.choice(SURFACES, p=(0.7, 0.3)))
    wanted = 0 if rng.random() < 0.04 else int(rng.integers(1, MOST_DIGITS + 1))

    ink, boxes, labels, strokes = _write_digits(pool, wanted, rng)
    ink = np.maximum(ink, _draw_clutter(clutter, rng))
    reflected = 0.12 + 0.7 * ink if surface == "chalkboard" else rng.uniform(0.8, 0.95) * (1 - 0.85 * ink)
    brightness = ndimage.gaussian_filter(reflected * _light(lighting, rng), blur)
    brightness += rng.normal(0, noise, ink.shape)
    image = np.round(255 * np.clip(brightness, 0, 1)).astype(np.uint8)
    return Scene(image, boxes, labels, strokes, noise, blur, clutter, lighting, surface)


def _write_digits(
    pool: DigitPool, wanted: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Ints, list[NDArray[np.bool_]]]:
    """Write up to ``wanted`` digits, as many as find a place: all ink, their boxes, their labels, the ink of each."""
    ink = np.zeros((HEIGHT, WIDTH))
    boxes: list[tuple[int, int, int, int]] = []
    labels: list[int] = []
    strokes: list[NDArray[np.bool_]] = []
    for _ in range(wanted):
        chosen = int(rng.integers(len(pool.images)))
        size = SMALLEST * (LARGEST / SMALLEST) ** rng.random()
        glyph = render_digit(pool.images[chosen], size, turn=rng.normal(0, 6), slant=rng.normal(0, 0.1))
        # Most digits keep their distance; a few may touch, as they do in any hand.
        gap = -3 if rng.random() < 0.12 else 5
        place = _free_place(glyph.shape, boxes, gap, rng)
        if place is None:
            continue
        x, y = place
        height, width = glyph.shape
        area = ink[y : y + height, x : x + width]
        np.maximum(area, rng.uniform(0.3, 1) * glyph, out=area)
        boxes.append((x, y, width, height))
        labels.append(int(pool.labels[chosen]))
        strokes.append(glyph >= 0.5)
    return ink, np.array(boxes, dtype=np.float64).reshape(-1, 4), np.array(labels, dtype=np.int64), strokes


def render_digit(cell: Floats, size: float, turn: float = 0.0, slant: float = 0.0) -> Floats:
    """Enlarge an 8x8 ``cell`` to about ``size`` pixels, turned by degrees and slanted, cut tightly to its ink."""
    side = int(1.5 * size)
    angle = radians(turn)
    rotation = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    matrix = rotation @ np.array([[1.0, 0.0], [slant, 1.0]]) * (8 / size)
    # Cell and picture are laid centre on centre.
    offset = np.full(2, 3.5) - matrix @ np.full(2, (side - 1) / 2)
    smooth: Floats = ndimage.affine_transform(
        cell, matrix, offset, output_shape=(side, side), order=3, mode="grid-constant"
    )
    # The cubic surface is soft as fog: a steep step turns it into a stroke with an antialiased edge.
    stroke: Floats = np.clip((smooth - 0.45) * size / 16 + 0.5, 0, 1)
    rows, columns = np.nonzero(stroke >= 0.5)
    return stroke[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _free_place(
    shape: tuple[int, ...], taken: list[tuple[int, int, int, int]], gap: int, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Find x and y where a glyph of this shape stays ``gap`` pixels clear of every box, if there is such a place."""
    height, width = shape
    for _ in range(PLACING_ATTEMPTS):
        x = int(rng.integers(2, WIDTH - width - 1))
        y = int(rng.integers(2, HEIGHT - height - 1))
        if all(
            x + width + gap <= left or left + w + gap <= x or y + height + gap <= top or top + h + gap <= y
            for left, top, w, h in taken
        ):
            return x, y
    return None


def _draw_clutter(kind: str, rng: np.random.Generator) -> Floats:
    """Draw what is no digit: the ruling of the paper, stray strokes of a pen, specks of ink."""
    scale = 2  # Pillow draws without antialiasing: draw at twice the size and average.
    canvas = Image.new("L", (WIDTH * scale, HEIGHT * scale))
    draw = ImageDraw.Draw(canvas)
    if kind == "ruled":
        level = int(rng.uniform(40, 75))
        pitch = int(rng.integers(22, 34)) * scale
        for y in range(int(rng.integers(pitch)), canvas.height, pitch):
            draw.line([(0, y), (canvas.width, y)], fill=level, width=scale)
    elif kind == "strokes":
        for _ in range(int(rng.integers(2, 6))):
            ends = rng.uniform((0, 0), canvas.size, size=(2, 2))
            bend = ends.mean(axis=0) + rng.normal(0, 60, 2)
            t = np.linspace(0, 1, 40)[:, None]
            curve = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * bend + t**2 * ends[1]
            level, width = int(rng.uniform(60, 200)), int(rng.integers(2, 6))
            draw.line([(float(x), float(y)) for x, y in curve], fill=level, width=width, joint="curve")
    elif kind == "specks":
        for _ in range(int(rng.integers(4, 14))):
            x, y = rng.uniform((0, 0), canvas.size)
            wide, high = rng.uniform(3, 16, 2)
            draw.ellipse((x - wide, y - high, x + wide, y + high), fill=int(rng.uniform(80, 255)))
    small = canvas.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64) / 255


def _light(kind: str, rng: np.random.Generator) -> Floats:
    """Light the scene evenly, from one side, or from the middle: a factor per pixel."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    depth = rng.uniform(0.15, 0.4)
    angle = rng.uniform(0, 2 * np.pi)
    if kind == "side":
        shade: Floats = (x * np.cos(angle) + y * np.sin(angle)) / 2.8 + 0.5
    elif kind == "vignette":
        shade = (x**2 + y**2) / 2
    else:
        shade = np.zeros_like(x)
    return 1 - depth * shade
