"""Traits of policies beyond who matches whom: figures ask for these, and never for a policy's name.

The matching itself is in :mod:`evalstream.matching`, one module a policy.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

PolicyName = Literal["iou-greedy", "coco", "best-candidate"]


class Traits(NamedTuple):
    """Traits that a policy's figures depend on."""

    #: A pair must overlap by more than the IoU threshold; otherwise, by that much.
    strict: bool
    #: Crowd regions take the predictions upon them out of the count; otherwise these are false alarms.
    ignores: bool
    #: A difficult annotation is an object; otherwise it takes predictions out of the count.
    difficult_count: bool
    #: Groups can be asked to count as one object.
    groups_count: bool
    #: A less confident prediction may undo a match, so that a curve cannot be read off one matching.
    revokes: bool
    #: There are area ranges, and a most of predictions that count, by class and data row; IoU thresholds end below 1.
    limited: bool


TRAITS: Final[dict[PolicyName, Traits]] = {
    "iou-greedy": Traits(
        strict=True, ignores=False, difficult_count=True, groups_count=False, revokes=True, limited=False
    ),
    "coco": Traits(strict=False, ignores=True, difficult_count=True, groups_count=False, revokes=False, limited=True),
    "best-candidate": Traits(
        strict=False, ignores=True, difficult_count=False, groups_count=True, revokes=False, limited=False
    ),
}
