"""Features that tell a blurred picture from a sharp one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evalstream_demo.scenes import Floats


def sharpness_features(image: NDArray[np.uint8]) -> Floats:
    """Measure the edges of ``image``: the Laplacian's variance at three scales, and how steep the slopes are.

    The finest scale sees mostly noise, which is what makes the question hard; the coarser ones see the edges.
    """
    fine = ndimage.gaussian_filter(image.astype(np.float32) / 255, 0.7)
    middle = ndimage.gaussian_filter(fine, 1.3)
    coarse = ndimage.gaussian_filter(middle, 2.0)
    curvatures = [laplacian(smooth).var() for smooth in (fine, middle, coarse)]
    down, across = np.gradient(middle)
    slopes = np.sqrt(down**2 + across**2)[::2, ::2]
    measures = [*curvatures, *np.percentile(slopes, (50, 95, 99.5)), middle.std()]
    return np.log(1e-8 + np.array(measures, dtype=np.float64))


def laplacian(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum the second differences along both axes, the border left out."""
    inner = image[1:-1, 1:-1]
    return image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:] - 4 * inner
