"""Published sigmas of skeletons: how much annotators differ on each keypoint, which OKS is measured by."""

from __future__ import annotations

from typing import Final, Literal

SigmasName = Literal["coco", "crowdpose", "wholebody", "hand"]

_BODY: Final = (
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072),
    *(0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
_FEET: Final = (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
_FACE: Final = (
    *(0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020, 0.023, 0.029, 0.032, 0.037, 0.038, 0.043, 0.041),
    *(0.045, 0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015, 0.009, 0.007, 0.007, 0.007, 0.012),
    *(0.009, 0.008, 0.016, 0.010, 0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.010, 0.034),
    *(0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007, 0.007, 0.008, 0.011, 0.008),
    *(0.008, 0.008, 0.01, 0.008),
)
_HAND: Final = (
    *(0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024),
    *(0.022, 0.026, 0.017, 0.021, 0.021, 0.032, 0.02, 0.019, 0.022, 0.031),
)
#: COCO's 17 keypoints (``COCOeval``); CrowdPose's 14 (https://github.com/Jeff-sjtu/CrowdPose, ``crowdposetools``);
#: COCO-WholeBody's 133, and the 21 of one of its hands (https://github.com/jin-s13/COCO-WholeBody, ``evaluation``).
PUBLISHED: Final[dict[SigmasName, tuple[float, ...]]] = {
    "coco": _BODY,
    "crowdpose": (0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089, 0.079, 0.079),
    "wholebody": (*_BODY, *_FEET, *_FACE, *_HAND, *_HAND),
    "hand": _HAND,
}
