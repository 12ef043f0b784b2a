"""Answers nested in objects: match the objects by the rule, then compare answers within each matched pair, by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tests.oracles import matching
from tests.oracles.matching import Box

Pair = tuple[int, int]  # positions of a prediction and an annotation, among all parts of their side

QUESTIONS = {"colour": ("red", "blue"), "state": ("old", "new", "it's=odd")}
OPTIONS = ("dent", "rust", "a=b")
CONFIDENCES = (-0.5, 0.0, 0.25, 0.5, 0.5, 0.9, 1.0)


class Node(NamedTuple):
    """An object or an answer, with what is nested in it. A checklist has its options for children."""

    type: str
    feature: str
    answer: Any = ""
    confidence: float = 1.0
    children: tuple[Node, ...] = ()
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    crowd: bool = False


class Part(NamedTuple):
    """A node where it stands: below what, called by its path, no more certain than what it is nested in."""

    node: Node
    root: int
    children: tuple[int, ...]
    label: str
    confidence: float

    @property
    def counted(self) -> bool:
        return self.node.type in ("bbox", "radio", "option")


def parts(roots: Sequence[Node]) -> list[Part]:
    """All nodes of one side, each before its children."""
    found: list[Part] = []

    def add(node: Node, root: int | None, path: str, confidence: float) -> int:
        at = len(found)
        own = root if root is not None else at
        confidence = min(confidence, node.confidence)
        feature = path if node.type == "option" else path + node.feature
        named = feature.replace("\\", r"\\").replace("=", r"\=")
        label = {"bbox": named, "question": ""}.get(node.type, f"{named}={node.answer}")
        found.append(Part(node, own, (), label, confidence))
        below = feature if node.type == "question" else feature + "/"
        children = tuple(add(child, own, below, confidence) for child in node.children)
        found[at] = found[at]._replace(children=children)
        return at

    for root in roots:
        add(root, None, "", 1.0)
    return found


def matches(
    policy: str, predictions: Sequence[Node], annotations: Sequence[Node], c: float, t: float
) -> tuple[set[Pair], set[int]]:
    """The pairs that count, nested ones too, and the predictions that are ignored."""
    rule = matching.RULES[policy]
    found, true = parts(predictions), parts(annotations)
    counted: set[Pair] = set()
    ignored: set[int] = set()
    kinds = {(part.node.type, part.node.feature) for part in found if part.node.type != "bbox"}
    for kind, feature in [("bbox", ""), *sorted(kinds)]:
        own = [i for i, part in enumerate(found) if part.root == i and is_of(part.node, kind, feature)]
        other = [j for j, part in enumerate(true) if part.root == j and is_of(part.node, kind, feature)]
        boxes = [as_box(found[i].node) for i in own], [as_box(true[j].node) for j in other]
        threshold = t if kind == "bbox" else 0.0
        pairs, absorbed = rule.pairs(*boxes, c, rule.threshold(threshold))
        for i, j in pairs:
            counted |= set(within(found, true, own[i], other[j], c))
        for i, _ in absorbed:
            ignored |= {k for k, part in enumerate(found) if part.root == own[i]}
    return counted, ignored


def is_of(node: Node, kind: str, feature: str) -> bool:
    return node.type == kind and feature in ("", node.feature)


def as_box(node: Node) -> Box:
    return Box(node.feature, node.box, node.confidence, node.crowd)


def within(found: Sequence[Part], true: Sequence[Part], i: int, j: int, c: float) -> Iterator[Pair]:
    """A matched pair, and the pairs nested in it: of one question, where what they are nested in is the same."""
    yield i, j
    if found[i].label != true[j].label:
        return
    for p in found[i].children:
        for a in true[j].children:
            one, other = found[p].node, true[a].node
            if found[p].confidence < max(c, 0) or (one.type, one.feature) != (other.type, other.feature):
                continue
            if one.type != "option" or one.answer == other.answer:
                yield from within(found, true, p, a, c)


def counts(
    policy: str, predictions: Sequence[Node], annotations: Sequence[Node], c: float, t: float
) -> tuple[Counter[str], Counter[str], Counter[Pair]]:
    """Annotations and predictions by label, and matched pairs by both labels (actual, predicted)."""
    found, true = parts(predictions), parts(annotations)
    pairs, ignored = matches(policy, predictions, annotations, c, t)
    actual = Counter(part.label for part in true if part.counted and not true[part.root].node.crowd)
    predicted = Counter(
        part.label for i, part in enumerate(found) if part.counted and part.confidence >= max(c, 0) and i not in ignored
    )
    cells = Counter((true[j].label, found[i].label) for i, j in pairs if found[i].counted)
    return actual, predicted, cells  # type: ignore[return-value]


# --- random scenes, and their events --------------------------------------------------------------------------------


def random_side(rng: random.Random, side: str, most: int = 5) -> list[Node]:
    found = []
    for _ in range(rng.randrange(most + 1)):
        crowd = side == "annotations" and rng.random() < 0.15
        box = (rng.choice((0.0, 2.0, 4.0)), rng.choice((0.0, 2.0)), rng.choice((0.0, 8.0, 10.0)), 8.0)
        children = random_answers(rng, side, 2)
        found.append(Node("bbox", rng.choice("ab"), "", confidence(rng, side), children, box, crowd))
    return found + list(random_answers(rng, side, 2))


def random_answers(rng: random.Random, side: str, depth: int) -> tuple[Node, ...]:
    found = []
    for feature, answers in QUESTIONS.items():
        if rng.random() < 0.5:
            children = random_answers(rng, side, depth - 1) if depth > 1 else ()
            found.append(Node("radio", feature, rng.choice(answers), confidence(rng, side), children))
    if rng.random() < 0.5:
        own = confidence(rng, side)
        chosen = rng.sample(OPTIONS, rng.randrange(len(OPTIONS) + 1))
        scores = [abs(confidence(rng, side)) if rng.random() < 0.7 else 1.0 for _ in chosen]
        options = (Node("option", "damage", name, score) for name, score in zip(chosen, scores, strict=True))
        found.append(Node("question", "damage", "", own, tuple(options)))
    for kind, value in (("number", 3.5), ("text", "scratch")):
        if rng.random() < 0.3:
            found.append(Node(kind, f"a {kind}", value, confidence(rng, side)))
    return tuple(found)


def confidence(rng: random.Random, side: str) -> float:
    return rng.choice(CONFIDENCES) if side == "predictions" else 1.0


def as_object(node: Node, side: str) -> dict[str, Any]:
    """The node as events say it."""
    own: dict[str, Any] = {"type": node.type, "feature": node.feature}
    if side == "predictions":
        own["confidence"] = node.confidence
    if node.type == "question":
        own |= {"type": "checklist", "answers": [option.answer for option in node.children]}
        scores = {option.answer: option.confidence for option in node.children if option.confidence < 1}
        return own | ({"scores": scores} if scores and side == "predictions" else {})
    if node.type == "bbox":
        own |= {"bbox": node.box} | ({"crowd": True} if node.crowd else {})
    else:
        own["answer"] = node.answer
    if node.children:
        own["classifications"] = [as_object(child, side) for child in node.children]
    return own
