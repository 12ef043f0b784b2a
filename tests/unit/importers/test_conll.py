"""CoNLL columns to events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalstream
import pytest
from evalstream.importers.conll import (
    ConllError,
    TagForm,
    annotation_events,
    check_same_tokens,
    entities,
    prediction_events,
    read,
    read_sentences,
)
from evalstream.importers.options import ConllOptions
from evalstream.importers.problems import ImporterError

FILE = """-DOCSTART- -X- O O

Zoë NNP B-PER B-PER
met VBD O O
東京 NNP B-LOC I-LOC
Tower NNP I-LOC I-LOC

Yes UH O B-X
"""


def written(folder: Path, content: str, name: str = "a.conll") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


def events(path: Path, **options: Any) -> list[Any]:
    return [json.loads(line) for line in annotation_events(read_sentences(path), "d", 1, ConllOptions(**options))]


def test_a_sentence_is_a_data_row(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    first, second = events(path, column=-2)
    assert (first["data_row"], first["row"]) == ("1", {"text": "Zoë met 東京 Tower"})
    assert [(span["feature"], span["span"]) for span in first["annotations"]] == [("PER", [0, 3]), ("LOC", [8, 16])]
    assert (second["data_row"], second["annotations"]) == ("2", [])
    said = [json.loads(line) for line in prediction_events(read_sentences(path), "d", "m", 1)]
    assert [[span["feature"] for span in event["predictions"]] for event in said] == [["PER", "LOC"], ["X"]]
    said = [
        json.loads(line) for line in prediction_events(read_sentences(path), "d", "m", 1, ConllOptions(scheme="IOB2"))
    ]
    assert [[span["feature"] for span in event["predictions"]] for event in said] == [["PER"], ["X"]]


def test_how_columns_and_lines_part(tmp_path: Path) -> None:
    spaced = events(written(tmp_path, "New\u00a0York  B-LOC\r\n\r\n\r\n\u2028  O\r\n"))
    assert [event["row"]["text"] for event in spaced] == ["New\u00a0York", "\u2028"]
    tabbed = events(written(tmp_path, "\ufeffNew York\tB-LOC\nis\tO"))
    assert tabbed[0]["row"]["text"] == "New York is"
    assert tabbed[0]["annotations"][0]["span"] == [0, 8]
    assert read_sentences(written(tmp_path, "\n \n")) == []


@pytest.mark.parametrize(
    ("content", "scheme", "reason"),
    [
        ("a B-X\nb\n", None, "line 2: 1 columns where the sentence began with 2"),
        ("a\tO\n\tO\n", None, "line 2: 2 columns"),
        ("\na NP\n", None, "sentence at line 2: the tag 'NP' is neither O nor one of B, I, E, S"),
        (
            "a U-X\n",
            None,
            "sentence at line 1: the tag 'U-X' is neither O nor one of B, I, E, S, alone or before -TYPE; --scheme B",
        ),
        ("a Q-X\n", "IOB2", "sentence at line 1: a tag begins with 'Q', which IOB2 does not know"),
        ("a S-X\n", "IOB2", "sentence at line 1: not IOB2: Invalid token is found: S-X"),
        (f"a B-{'x' * 257}\n", None, "sentence at line 1: annotations.0.feature: "),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: str, scheme: Any, reason: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ConllError) as caught:
        events(path, scheme=scheme)
    assert str(caught.value).startswith(f"{path}: {reason}")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConllError, match="No such file"):
        read_sentences(tmp_path / "b.conll")
    path = tmp_path / "c.conll"
    path.write_bytes(b"Zo\xeb O\n")
    with pytest.raises(ConllError, match="not UTF-8"):
        read_sentences(path)
    with pytest.raises(ConllError, match="line 1: 2 columns, and no column 2"):
        events(written(tmp_path, "a O\n"), column=2)


def test_two_files_must_hold_the_same_tokens(tmp_path: Path) -> None:
    one = read_sentences(written(tmp_path, "a O\n\nb O\n"))
    other = read_sentences(written(tmp_path, "a O\n\nc O\n", "b.conll"))
    check_same_tokens(one, one)
    with pytest.raises(ConllError, match=r"sentence 2 has other tokens in .*a\.conll \(line 3\) than in .*b\.conll"):
        check_same_tokens(one, other)
    with pytest.raises(ConllError, match="2 sentences are annotated, and 1 predicted"):
        check_same_tokens(one, one[:1])


@pytest.mark.parametrize(
    ("scheme", "tags", "found"),
    [
        (None, "B-X I-X I-Y E-Y S-Z", [("X", 0, 2), ("Y", 2, 4), ("Z", 4, 5)]),
        (None, "B I O", [("_", 0, 2)]),
        ("IOB1", "I-X I-X B-X O", [("X", 0, 2), ("X", 2, 3)]),
        ("IOBES", "B-X E-X S-Y I-Y", [("X", 0, 2), ("Y", 2, 3)]),
        ("BILOU", "B-X L-X U-Y", [("X", 0, 2), ("Y", 2, 3)]),
    ],
)
def test_schemes(scheme: Any, tags: str, found: list[tuple[str, int, int]]) -> None:
    assert entities(tags.split(), scheme) == found


def test_comments_are_no_tokens(tmp_path: Path) -> None:
    text = "# id 1\n# text = EU met\nEU B-ORG\nmet O\n\n# B-X\nEU B-ORG\n"
    found = read_sentences(written(tmp_path, text))
    assert [(sentence.line, sentence.tokens) for sentence in found] == [(3, ["EU", "met"]), (6, ["#", "EU"])]


@pytest.mark.parametrize(
    ("form", "tags"),
    [
        ("B-TYPE", "B-ORG I-ORG O"),
        ("TYPE-B", "ORG-B ORG-I O"),
        ("B_TYPE", "B_ORG I_ORG O"),
        ("TYPE_B", "ORG_B ORG_I O"),
        ("b-type", "b-ORG i-ORG o"),
        ("type_b", "ORG_b ORG_i o"),
    ],
)
def test_forms_of_tags(tmp_path: Path, form: TagForm, tags: str) -> None:
    path = written(tmp_path, "\n".join(f"{token} {tag}" for token, tag in zip("abc", tags.split(), strict=True)))
    (row,) = read(path, "annotations", ConllOptions(form=form)).rows
    assert [(item["feature"], item["span"]) for item in row.objects] == [("ORG", [0, 3])]
    if form != "B-TYPE":
        other: TagForm = "b-type" if form != "b-type" else "TYPE_B"
        with pytest.raises(ImporterError, match=f"sentence at line 1: the tag '.*' is not written like {other}"):
            read(path, "annotations", ConllOptions(form=other))


def test_texts_hold_what_texts_hold(tmp_path: Path) -> None:
    path = written(tmp_path, "a\x85\x0c\x00\tB-X\n\u2028\tO\n")
    (event,) = events(path)
    assert event["row"]["text"] == "a\x85\x0c\x00 \u2028"
    assert event["annotations"][0]["span"] == [0, 4]


def test_real_chunks_evaluate_without_a_service(real_data: Path) -> None:
    path = real_data / "conll2000_chunks" / "ground_truth.txt"
    found = evalstream.evaluate(path, path, policy="iou-greedy").summary(iou=0.999)
    own = json.loads((path.parent / "expected.json").read_bytes())["default"]
    assert (found.precision, found.recall, found.f1) == pytest.approx((own["p"], own["r"], own["f1"]), abs=1e-12)
