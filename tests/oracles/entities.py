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

    free = sorted(annotations)
    count: Counter[str] = Counter()
    vague = []
    for said in sorted(predictions):
        true = next((one for one in free if whole(said, one)), None)
        if true is None:
            vague.append(said)
        else:
            count["correct"] += 1
            free.remove(true)
    while vague:
        # Of those with the same boundaries, first one that has a free annotation of its own type.
        tied = [said for said in vague if said[:2] == vague[0][:2]]
        own = [said for said in tied if any(overlap(said, true) and said[2] == true[2] for true in free)]
        said = own[0] if mode == "type" and own else vague[0]
        vague.remove(said)
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
