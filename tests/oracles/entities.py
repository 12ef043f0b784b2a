"""Named entities counted in each mode, one pair at a time, as the rule reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

Entity = tuple[int, int, str]  # start, end (exclusive), type


def overlap(one: Entity, other: Entity) -> bool:
    return bool(set(range(*one[:2])) & set(range(*other[:2])))


def outcomes(annotations: Sequence[Entity], predictions: Sequence[Entity], mode: str) -> Counter[str]:
    """How many are correct, incorrect, partial, missed and spurious."""

    def whole(said: Entity, true: Entity) -> bool:
        return said == true if mode in ("strict", "type") else said[:2] == true[:2]

    free = sorted(annotations, key=lambda one: one[:2])
    count: Counter[str] = Counter()
    vague = []
    for said in sorted(predictions, key=lambda one: one[:2]):
        true = next((one for one in free if whole(said, one)), None)
        if true is None:
            vague.append(said)
        else:
            count["correct"] += 1
            free.remove(true)
    for said in vague:
        touched = [true for true in free if overlap(said, true)]
        if mode == "type":
            # The nearest of the same type, then any other.
            touched.sort(key=lambda one: (one[2] != said[2], distance(one, said) if one[2] == said[2] else 0))
        if not touched:
            count["spurious"] += 1
            continue
        free.remove(touched[0])
        if mode == "partial":
            count["partial"] += 1
        else:
            count["correct" if mode == "type" and touched[0][2] == said[2] else "incorrect"] += 1
    count["missed"] = len(free)
    return count


def distance(one: Entity, other: Entity) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])
