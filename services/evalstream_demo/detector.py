"""Find where something is written: thresholding and connected components, as a scanner would.

It has the failures of its kind, and they are the point: digits that touch become one, a faint digit stays below the
threshold, a speck or a stroke of the pen is taken for a digit.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evalstream_demo.scenes import Floats

#: Crops are brought to this many pixels a side before they are classified.
CROP_SIDE = 16
SMALLEST_AREA = 24
SMALLEST_HEIGHT = 9
#: Nothing that spans this share of the picture's width or height is a digit.
LARGEST_SHARE = 0.8


class Located(NamedTuple):
    """Objects found in one picture: boxes [x, y, width, height] (n x 4), what to classify them by (n x m), the ink."""

    boxes: Floats
    features: Floats
    strokes: list[NDArray[np.bool_]]  # of each box, which of its pixels are ink


def locate(image: NDArray[np.uint8], *, flatten: bool) -> Located:
    """Find what is written in ``image``.

    Parameters
    ----------
    image
        Grayscale, dark on light or light on dark.
    flatten
        Estimate the lighting and take it away first; otherwise one brightness is taken for the whole background.
    """
    ink = ink_of(image, flatten=flatten)
    components, _ = ndimage.label(ink > _threshold(ink), structure=np.ones((3, 3)))
    boxes, features, strokes = [], [], []
    for number, window in enumerate(ndimage.find_objects(components), start=1):
        mask = components[window] == number
        height, width = mask.shape
        spans_all = height > LARGEST_SHARE * image.shape[0] or width > LARGEST_SHARE * image.shape[1]
        if spans_all or height < SMALLEST_HEIGHT or mask.sum() < SMALLEST_AREA:
            continue
        boxes.append((window[1].start, window[0].start, width, height))
        features.append(_describe(ink[window], mask))
        strokes.append(mask)
    return Located(
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.array(features, dtype=np.float64).reshape(-1, CROP_SIDE**2 + 2),
        strokes,
    )


def ink_of(image: NDArray[np.uint8], *, flatten: bool) -> Floats:
    """Compute how far each pixel, lightly smoothed, stands out from the background, in the direction of the ink."""
    smooth = ndimage.gaussian_filter(image / 255, 1.0)
    residual: Floats = smooth - (_fit_background(smooth) if flatten else np.median(smooth[::2, ::2]))
    # Ink is the lesser part of a page: the longer tail of the brightness is its side.
    low, high = np.percentile(residual[::2, ::2], (1, 99))
    return -residual if -low > high else residual


def _fit_background(smooth: Floats) -> Floats:
    """Fit a quadratic surface to the brightness, twice: the second time without what stood out from the first."""
    terms = _quadratic_terms(smooth.shape)
    # A slow surface needs no more than every sixth pixel.
    sample, values = terms[::6, ::6].reshape(-1, 6), smooth[::6, ::6].ravel()
    first = np.linalg.lstsq(sample, values)[0]
    off = np.abs(values - sample @ first)
    plain = off <= np.percentile(off, 75)
    surface: Floats = terms @ np.linalg.lstsq(sample[plain], values[plain])[0]
    return surface


@cache
def _quadratic_terms(shape: tuple[int, ...]) -> Floats:
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _threshold(ink: Floats) -> float:
    """Otsu's threshold, but never so low that the grain of an empty page would pass for ink."""
    sample = ink[::2, ::2]
    grain = 1.4826 * float(np.median(np.abs(sample - np.median(sample))))
    return max(otsu(sample), 4 * grain)


def otsu(values: Floats, bins: int = 128) -> float:
    """Choose the threshold that leaves the two sides as far apart, between classes, as can be."""
    counts, edges = np.histogram(values, bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts)[:-1], np.cumsum(counts[::-1])[::-1][1:]
    mean_below = np.cumsum(counts * centres)[:-1] / below
    mean_above = np.cumsum((counts * centres)[::-1])[::-1][1:] / above
    return float(edges[1 + np.argmax(below * above * (mean_below - mean_above) ** 2)])


def _describe(ink: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Bring one component to a fixed size, contrast and place, and keep the shape and size that this loses."""
    height, width = mask.shape
    own = np.where(mask, ink, 0.0)
    side = max(height, width)
    square = np.pad(own, [((side - height) // 2,) * 2, ((side - width) // 2,) * 2])
    # Average away what the small crop cannot show before sampling it.
    square = ndimage.gaussian_filter(square, side / CROP_SIDE / 3)
    grid = (np.arange(CROP_SIDE) + 0.5) * side / CROP_SIDE - 0.5
    crop = ndimage.map_coordinates(square, np.meshgrid(grid, grid, indexing="ij"), order=1, mode="constant")
    crop /= np.percentile(own[mask], 90)
    return np.append(crop.ravel(), (np.log(width / height), np.log(height / 50)))
