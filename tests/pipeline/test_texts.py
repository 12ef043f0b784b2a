"""Question ``texts``: every subset's BLEU is sacrebleu's of that subset."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sacrebleu
from clickhouse_connect.driver.client import Client
from evalstream.geometry.text import normalised
from evalstream.matching import POLICIES
from evalstream.queries.texts import Texts, texts
from evalstream.selection import QuestionError, Selection

from tests.feeding import feed

RANDOM = random.Random(17)
WORDS = [
    "the",
    "The",
    "a",
    "cat,",
    "cats",
    "sat",
    "on",
    "mat",
    ".",
    "!",
    "東京",
    "état",
    "3.14",
    "don't",
    "&amp;",
    "—",
    "(",
]
QUESTIONS = ("caption", "translation")
POLICIES_IN_ORDER = list(POLICIES)


def words() -> str:
    return " ".join(RANDOM.choice(WORDS) for _ in range(RANDOM.randrange(12)))


def said(true: str) -> str:
    """Something like it: the same, a bit of it, or another text."""
    parts = true.split(" ")
    cut = RANDOM.randrange(len(parts) + 1)
    return RANDOM.choice([true, true.upper(), " ".join(parts[:cut]), " ".join([*parts[cut:], words()]), words()])


class Answer:
    """One annotation and the prediction for it, if there is one."""

    def __init__(self, row: str, feature: str) -> None:
        self.row, self.feature, self.true = row, feature, words()
        self.said = said(self.true) if RANDOM.random() < 0.9 else None
        self.confidence = RANDOM.choice([0.2, 0.5, 0.9])


ROWS = [f"r{i}" for i in range(40)]
SPLITS = {row: RANDOM.choice(["train", "test"]) for row in ROWS}
ANSWERS = [Answer(row, feature) for row in ROWS for feature in QUESTIONS if RANDOM.random() < 0.8]


@pytest.fixture(scope="module")
def fed(client: Client) -> Client:
    truth: dict[str, list[dict[str, Any]]] = {row: [] for row in ROWS}
    found: dict[str, list[dict[str, Any]]] = {row: [] for row in ROWS}
    for one in ANSWERS:
        truth[one.row].append({"type": "text", "feature": one.feature, "answer": one.true})
        if one.said is not None:
            answer = {"type": "text", "feature": one.feature, "answer": one.said, "confidence": one.confidence}
            found[one.row].append(answer)
    found["r0"].append({"type": "text", "feature": "unasked", "answer": "hm"})
    feed(client, "d", truth, {"m": found}, rows={row: {"split": split} for row, split in SPLITS.items()})
    return client


def asked(client: Client, dataset: str = "d", **filters: Any) -> Texts:
    return texts(client, Selection(dataset=dataset, run="m", **filters))


def check(scores: Any, answers: list[Answer], confidence: float = 0.0) -> None:
    pairs = [(one.said, one.true) for one in answers if one.said is not None and one.confidence >= confidence]
    hypotheses, references = [one for one, _ in pairs], [one for _, one in pairs]
    bleu = sacrebleu.corpus_bleu(hypotheses, [references])
    assert scores.n == len(pairs)
    assert (scores.annotations, scores.missing) == (len(answers), len(answers) - len(pairs))
    assert scores.bleu == pytest.approx(bleu.score, abs=1e-9)
    assert scores.brevity_penalty == pytest.approx(bleu.bp, abs=1e-9)
    sentences = [sacrebleu.sentence_bleu(one, [other]).score for one, other in pairs]
    assert scores.mean_sentence_bleu == pytest.approx(sum(sentences) / len(pairs), abs=1e-9)
    assert scores.exact_match == sum(one == other for one, other in pairs) / len(pairs)
    assert scores.normalised_match == sum(normalised(one) == normalised(other) for one, other in pairs) / len(pairs)
    assert scores.undefined == {}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("split", [[], ["train"]])
def test_every_subset_is_a_corpus(fed: Client, policy: str, confidence: float, split: list[str]) -> None:
    found = asked(fed, policy=policy, confidence=confidence, split=split)
    chosen = [one for one in ANSWERS if SPLITS[one.row] in split or not split]
    check(found.overall, chosen, confidence)
    own = {scores.feature: scores for scores in found.questions}
    in_turn = QUESTIONS[(POLICIES_IN_ORDER.index(policy) + int(10 * confidence)) % len(QUESTIONS)]
    for question in QUESTIONS:
        check(own[question], [one for one in chosen if one.feature == question], confidence)
        if question != in_turn:
            continue
        (alone,) = asked(fed, policy=policy, confidence=confidence, split=split, feature=[question]).questions
        assert alone == own[question]


def test_corpus_bleu_is_not_the_mean_of_its_sentences(fed: Client) -> None:
    found = asked(fed).overall
    assert found.bleu != pytest.approx(found.mean_sentence_bleu, abs=1)


def test_what_nobody_asked(fed: Client) -> None:
    (found,) = asked(fed, feature=["unasked"]).questions
    assert (found.n, found.annotations, found.missing, found.unasked) == (0, 0, 0, 1)
    assert found.bleu is None
    assert set(found.undefined.values()) == {"no prediction goes together with an annotation"}


def test_other_types(fed: Client) -> None:
    nothing = asked(fed, type=["span", "number"])
    assert (nothing.questions, nothing.overall.n, nothing.overall.bleu) == ([], 0, None)
    assert asked(fed, type=["text"]) == asked(fed)
    with pytest.raises(QuestionError, match="leave out `area`"):
        asked(fed, policy="coco", area="small")


def test_texts_without_a_token(client: Client) -> None:
    answer = {"type": "text", "feature": "q", "answer": ""}
    feed(client, "empty", {"r": [answer]}, {"m": {"r": [answer]}})
    found = asked(client, "empty").overall
    assert (found.n, found.exact_match, found.bleu, found.mean_sentence_bleu) == (1, 1.0, None, 0.0)
    assert set(found.undefined) == {"bleu", "brevity_penalty"}


def test_nested_texts_count_within_a_match(client: Client) -> None:
    def sign(x: float, text: str, **more: Any) -> dict[str, Any]:
        lettering = {"type": "text", "feature": "lettering", "answer": text}
        return {"type": "bbox", "feature": "sign", "bbox": [x, 0, 10, 10], "classifications": [lettering], **more}

    truth = [sign(0, "STOP"), sign(50, "one way")]
    found = [sign(2, "STOP", confidence=0.6), sign(90, "one way")]
    feed(client, "nested", {"r": truth}, {"m": {"r": found}})
    for policy in POLICIES:
        (own,) = asked(client, "nested", policy=policy).questions
        assert (own.feature, own.n, own.missing, own.unasked, own.exact_match) == ("sign/lettering", 1, 1, 1, 1.0)
        assert asked(client, "nested", policy=policy, iou=0.7).overall.n == 0
        assert asked(client, "nested", policy=policy, confidence=0.7).overall.n == 0
