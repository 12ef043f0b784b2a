"""Spans against seqeval, nervaluate and pycocotools; texts against sacrebleu. From events to answers."""

from __future__ import annotations

import contextlib
import io
import json
import random
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from clickhouse_connect.driver.client import Client
from evalstream.events import AnnotationEvent, PredictionEvent, Reader, Record
from evalstream.importers.conll import (
    ConllOptions,
    Scheme,
    Sentence,
    annotation_events,
    prediction_events,
    read_sentences,
)
from evalstream.matching import POLICIES
from evalstream.pipeline.ingest import ingest
from evalstream.pipeline.reconcile import reconcile
from evalstream.queries.average_precision import average_precisions
from evalstream.queries.entities import Entities, entities
from evalstream.queries.texts import texts
from evalstream.selection import Selection
from nervaluate import Evaluator
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from seqeval import scheme as schemes
from seqeval.metrics import classification_report

from tests.feeding import feed
from tests.parity.conftest import Agree

SCORES = ("precision", "recall", "f1")
COUNTS = ("correct", "incorrect", "partial", "missed", "spurious")
NERVALUATE = {"strict": "strict", "exact": "exact", "partial": "partial", "type": "ent_type"}


def fed_tags(client: Client, dataset: str, sentences: Sequence[Sentence], scheme: Scheme | None) -> Entities:
    """Import gold (last but one column) and predicted tags, match, and ask."""
    truth = annotation_events(sentences, dataset, 1, ConllOptions(column=-2, scheme=scheme))
    found = prediction_events(sentences, dataset, "m", 1, ConllOptions(scheme=scheme))
    for events, reader in ((truth, Reader(AnnotationEvent)), (found, Reader(PredictionEvent))):
        assert not ingest(client, [Record(line, i, 1) for i, line in enumerate(events)], reader, "test").rejected
    reconcile(client, tuple(POLICIES))
    return entities(client, Selection(dataset=dataset, run="m"))


def strict_figures(found: Entities) -> dict[str, float]:
    """As seqeval's report has it: where a score is not defined, 0."""
    sides = {
        "micro avg": found.overall.strict,
        "macro avg": found.macro.strict,
        "weighted avg": found.weighted.strict,
    } | {one.label: one.strict for one in found.classes}
    figures = {f"{name}.{score}": getattr(own, score) or 0.0 for name, own in sides.items() for score in SCORES}
    support = {one.label: one.strict.correct + one.strict.incorrect + one.strict.missed for one in found.classes}
    return figures | {f"{label}.support": float(count) for label, count in support.items()}


def report_figures(report: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    renamed = {"precision": "precision", "recall": "recall", "f1-score": "f1", "support": "support"}
    return {
        f"{name}.{renamed[score]}": float(value)
        for name, own in report.items()
        for score, value in own.items()
        if score != "support" or not name.endswith(" avg")
    }


def seqeval_report(sentences: Sequence[Sentence], scheme: Scheme | None) -> dict[str, float]:
    tags = [[[line[at] for line in one.columns] for one in sentences] for at in (-2, -1)]
    how = {"mode": "strict", "scheme": getattr(schemes, scheme)} if scheme else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return report_figures(classification_report(*tags, output_dict=True, **how))


@pytest.mark.parametrize(("mode", "scheme"), [("default", None), ("strict", "IOB2")])
def test_seqeval_on_conll2000(client: Client, real_data: Path, agree: Agree, mode: str, scheme: Any) -> None:
    folder = real_data / "conll2000_chunks"
    sentences = read_sentences(folder / "ground_truth.txt")
    ours = strict_figures(fed_tags(client, f"conll-{mode}", sentences, scheme))
    name = "seqeval 1.2.2, default mode" if mode == "default" else "seqeval 1.2.2, strict mode, IOB2"
    agree("precision, recall, F1 of spans", name, "conll2000_chunks", ours, seqeval_report(sentences, scheme))
    expected = json.loads((folder / "expected.json").read_text())[mode]
    assert ours == pytest.approx(report_figures(expected["report"]), abs=1e-9)
    assert [ours[f"micro avg.{score}"] for score in SCORES] == pytest.approx(
        [expected[key] for key in ("p", "r", "f1")]
    )


@pytest.mark.parametrize("scheme", [None, "IOB1", "IOB2", "IOE2", "IOBES", "BILOU"])
def test_seqeval_on_random_tags(client: Client, agree: Agree, scheme: Any) -> None:
    """Tags that mostly break the scheme: what is a span then is seqeval's to say, and what is right is the same."""
    rng = random.Random(str(scheme))
    prefixes = {None: "BIES", "IOB1": "IB", "IOE2": "IE", "IOBES": "BIES", "BILOU": "BILU"}.get(scheme, "BI")
    sentences = []
    for i in range(80):
        lines = []
        for _ in range(rng.randrange(1, 15)):
            gold = rng.choice(["O", *(f"{p}-{kind}" for p in prefixes for kind in ("X", "Y-Z"))])
            lines.append([rng.choice(["a", "東京", "👩‍🔬"]), gold, gold if rng.random() < 0.7 else "O"])
        sentences.append(Sentence(Path("random"), i, lines))
    ours = strict_figures(fed_tags(client, f"random-{scheme}", sentences, scheme))
    how = f"strict mode, {scheme}" if scheme else "default mode"
    agree(
        "precision, recall, F1 of spans",
        f"seqeval 1.2.2, {how}",
        "80 random sentences",
        ours,
        seqeval_report(sentences, scheme),
    )


def apart(rng: random.Random, kinds: str) -> list[dict[str, Any]]:
    """Spans of one side that do not overlap each other."""
    found, at = [], 0
    while rng.random() < 0.85:
        start = at + rng.randrange(4)
        at = start + rng.randrange(1, 8)
        found.append({"type": "span", "feature": rng.choice(kinds), "span": [start, at]})
    return found


def nervaluate_figures(
    sides: Sequence[Sequence[Sequence[Mapping[str, Any]]]], labels: Sequence[str]
) -> dict[str, float]:
    """Nervaluate takes ends to be part of the span."""
    documents = [
        [
            [{"label": one["feature"], "start": one["span"][0], "end": one["span"][1] - 1} for one in spans]
            for spans in side
        ]
        for side in sides
    ]
    found = Evaluator(*documents, tags=list(labels), loader="dict").evaluate()
    return {
        f"{label}.{mode}.{name}": float(getattr(own[theirs], name))
        for label, own in {"": found["overall"], **found["entities"]}.items()
        for mode, theirs in NERVALUATE.items()
        for name in (*COUNTS, *SCORES)
    }


def mode_figures(found: Entities) -> dict[str, float]:
    return {
        f"{label}.{mode}.{name}": float(getattr(getattr(own, mode), name) or 0)
        for label, own in {"": found.overall, **{one.label: one for one in found.classes}}.items()
        for mode in NERVALUATE
        for name in (*COUNTS, *SCORES)
    }


@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_nervaluate_on_conll2000(client: Client, real_data: Path, agree: Agree, scheme: Any) -> None:
    sentences = read_sentences(real_data / "conll2000_chunks" / "ground_truth.txt")
    found = fed_tags(client, f"nervaluate-{scheme}", sentences, scheme)
    of_truth, of_run = (ConllOptions(column=column, scheme=scheme) for column in (-2, -1))
    truth = [json.loads(line)["annotations"] for line in annotation_events(sentences, "d", 1, of_truth)]
    said = [json.loads(line)["predictions"] for line in prediction_events(sentences, "d", "m", 1, of_run)]
    theirs = nervaluate_figures((truth, said), [one.label for one in found.classes])
    agree(
        "strict, exact, partial and type counts and scores",
        "nervaluate 1.2",
        "conll2000_chunks",
        mode_figures(found),
        theirs,
    )


def test_nervaluate_on_random_spans(client: Client, agree: Agree) -> None:
    rng = random.Random(31)
    for case in range(5):
        sides = [[apart(rng, "xyz") for _ in range(60)] for _ in range(2)]
        rows = [{str(i): spans for i, spans in enumerate(side)} for side in sides]
        feed(client, f"apart-{case}", rows[0], {"m": rows[1]}, policies=["coco"])
        found = entities(client, Selection(dataset=f"apart-{case}", run="m", policy="coco"))
        theirs = nervaluate_figures(sides, "xyz")
        agree(
            "strict, exact, partial and type counts and scores",
            "nervaluate 1.2",
            "300 random texts, no spans of one side overlapping",
            mode_figures(found),
            theirs,
        )


def test_average_precision_of_spans(client: Client, agree: Agree, tmp_path: Path) -> None:
    """A span is a box of height 1: pycocotools says the rest, ties and all."""
    rng = random.Random(37)
    truth, said, boxes, results = {}, {}, [], []
    for row in range(60):
        truth[str(row)] = [
            {"type": "span", "feature": rng.choice("xyz"), "span": [start, start + rng.randint(1, 12)]}
            for start in (rng.randrange(40) for _ in range(rng.randrange(7)))
        ]
        said[str(row)] = []
        for one in [*truth[str(row)], *truth[str(row)][:2]]:
            start, end = (at + rng.randint(-1, 1) for at in one["span"])
            if 0 <= start < end:
                kind = one["feature"] if rng.random() < 0.8 else rng.choice("xyz")
                known = {"type": "span", "feature": kind, "span": [start, end]}
                said[str(row)].append(known | {"confidence": rng.choice([0.1, 0.5, 0.5, 0.9])})
        for one in truth[str(row)]:
            area = one["span"][1] - one["span"][0]
            box = [one["span"][0], 0, area, 1]
            known = {"image_id": row, "category_id": ord(one["feature"]), "bbox": box, "area": area, "iscrowd": 0}
            boxes.append({"id": len(boxes) + 1, **known})
        for one in said[str(row)]:
            box = [one["span"][0], 0, one["span"][1] - one["span"][0], 1]
            known = {"image_id": row, "category_id": ord(one["feature"]), "bbox": box}
            results.append({"score": one["confidence"], **known})
    feed(client, "ap", truth, {"m": said})
    ours = average_precisions(client, Selection(dataset="ap", run="m", policy="coco"))
    ground = {
        "images": [{"id": row} for row in range(60)],
        "categories": [{"id": ord(kind), "name": kind} for kind in "xyz"],
        "annotations": boxes,
    }
    (tmp_path / "gt.json").write_text(json.dumps(ground))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "gt.json"))
        judge = COCOeval(coco, coco.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100")
    theirs = {name: None if value == -1 else float(value) for name, value in zip(names, judge.stats, strict=False)}
    agree(
        "AP and AR of spans",
        "pycocotools 2.0 COCOeval, spans as boxes of height 1",
        "60 random texts",
        {name: getattr(ours, name) for name in names},
        theirs,
    )
    assert ours.ap is not None
    assert 0.1 < ours.ap < 0.9


def check_bleu(client: Client, agree: Agree, data: str, dataset: str, pairs: Mapping[str, tuple[str, str]]) -> None:
    """Compare BLEU of every split and confidence with sacrebleu's of the same sentences."""
    rng = random.Random(41)
    splits = {row: rng.choice(["train", "validation", "test"]) for row in pairs}
    confidences = {row: rng.choice([0.2, 0.5, 0.5, 0.8]) for row in pairs}
    feed(
        client,
        dataset,
        {row: [{"type": "text", "feature": "q", "answer": true}] for row, (_, true) in pairs.items()},
        {
            "m": {
                row: [{"type": "text", "feature": "q", "answer": said, "confidence": confidences[row]}]
                for row, (said, _) in pairs.items()
            }
        },
        rows={row: {"split": split} for row, split in splits.items()},
    )
    subsets: list[dict[str, Any]] = [{"split": split} for split in ([], ["train"], ["validation", "test"])]
    for subset in [chosen | {"confidence": c} for chosen in subsets for c in (0.0, 0.5, 0.8)]:
        rows = [
            row
            for row in pairs
            if splits[row] in (subset["split"] or [splits[row]]) and confidences[row] >= subset["confidence"]
        ]
        said, true = ([pairs[row][side] for row in rows] for side in (0, 1))
        theirs = sacrebleu.corpus_bleu(said, [true])
        sentences = [sacrebleu.sentence_bleu(one, [other]).score for one, other in zip(said, true, strict=True)]
        for policy in POLICIES:
            ours = texts(client, Selection(dataset=dataset, run="m", policy=policy, **subset)).overall
            assert ours.n == len(rows)
            agree(
                "corpus BLEU and brevity penalty of any subset",
                "sacrebleu 2.6 corpus_bleu",
                data,
                [ours.bleu, ours.brevity_penalty],
                [theirs.score, theirs.bp],
            )
            mean = sum(sentences) / len(sentences)
            agree("mean sentence BLEU", "sacrebleu 2.6 sentence_bleu", data, ours.mean_sentence_bleu, mean)


def test_bleu_of_real_sentences(client: Client, real_data: Path, agree: Agree) -> None:
    rng = random.Random(43)
    pairs = {}
    for i, sentence in enumerate(read_sentences(real_data / "conll2000_chunks" / "ground_truth.txt")):
        kept = [token for token in sentence.tokens if rng.random() < 0.8]
        pairs[str(i)] = (" ".join(kept), " ".join(sentence.tokens))
    check_bleu(client, agree, "conll2000_chunks, words left out", "bleu-real", pairs)


def test_bleu_of_random_texts(client: Client, agree: Agree) -> None:
    rng = random.Random(47)
    words = [
        "a",
        "the",
        "cat",
        "cat.",
        "1,000",
        "3-4",
        "«état»",
        "東京",
        "&quot;",
        "",
        "\n",
        "don't",
        "<skipped>",
        "[x]",
    ]
    pairs = {}
    for i in range(150):
        true = [rng.choice(words) for _ in range(rng.randrange(10))]
        said = [word for word in true if rng.random() < 0.7] + [rng.choice(words) for _ in range(rng.randrange(3))]
        pairs[str(i)] = (" ".join(said), " ".join(true))
    check_bleu(client, agree, "150 random texts, empty ones among them", "bleu-random", pairs)
