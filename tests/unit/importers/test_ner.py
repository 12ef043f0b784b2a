"""Named entities in JSON lines to data rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalstream
import pytest
from evalstream.importers import conll, rows
from evalstream.importers.ner import read
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Side

TEXT = "Zoë met Ada"
SAID = [
    {"type": "span", "feature": "PER", "span": [0, 3]},
    {"type": "span", "feature": "PER", "span": [8, 11]},
]


def read_lines(folder: Path, *lines: Any, side: Side = "annotations", names: list[str] | None = None) -> Imported:
    path = folder / "a.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return rows.checked(read(path, side, names))


@pytest.mark.parametrize(
    "fields",
    [
        {"entities": [[0, 3, "PER"], [8, 11, "PER"]]},  # spaCy
        {"ents": [{"start": 0, "end": 3, "label": "PER"}, {"start": 8, "end": 11, "label": "PER"}]},  # spaCy's Doc
        {"spans": [{"start": 0, "end": 3, "label": "PER", "token_start": 0}, {"start": 8, "end": 11, "label": "PER"}]},
        {"label": [[0, 3, "PER"], [8, 11, "PER"]]},  # doccano
        {
            "entities": [
                {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3},
                {"id": 2, "label": "PER", "start_offset": 8, "end_offset": 11},
            ],
            "relations": [],
        },
    ],
)
def test_forms(tmp_path: Path, fields: dict[str, Any]) -> None:
    found = read_lines(tmp_path, {"id": 7, "text": TEXT} | fields)
    assert (found.problems, found.notes, found.categories) == ([], [], ["PER"])
    (row,) = found.rows
    assert (row.data_row, row.facts, row.objects) == ("7", {"text": TEXT}, SAID)


@pytest.mark.parametrize("tags", [["B-PER", "O", "B-PER"], [1, 0, 1]])
def test_tokens_with_tags(tmp_path: Path, tags: list[Any]) -> None:
    line = {"tokens": ["Zoë", "met", "Ada"], "ner_tags": tags}
    found = read_lines(tmp_path, line, names=["O", "B-PER"])
    assert found.rows[0].objects == SAID
    assert found.notes == ["1 line: without an id; data rows are called by the number of their line."]


def test_scores_are_confidences(tmp_path: Path) -> None:
    entities = [{"start": 0, "end": 3, "label": "PER", "score": 0.5}, {"start": 8, "end": 11, "entity_group": "PER"}]
    found = read_lines(tmp_path, {"id": 1, "text": TEXT, "entities": entities}, side="predictions")
    assert [item.get("confidence") for item in found.rows[0].objects] == [0.5, None]
    assert found.notes == ["1 entity: without a score; its confidence is 1."]


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("{", "the line", "EOF"),
        ({"text": 5}, "text", "must be there"),
        ({"text": "a"}, "entities", "none of the lists"),
        ({"text": "a", "label": ["x"]}, "the entity", "must be [start, end, name]"),
        ({"text": "a", "label": [[0, 1, None]]}, "label", "must be a text (got None)"),
        ({"text": "a", "label": [[0.5, 1, "x"]]}, "start", "must be a whole number (got 0.5)"),
        ({"text": "a", "label": [[0, 9, "x"]]}, "span", "ends beyond the text"),
        ({"tokens": ["a"], "ner_tags": []}, "ner_tags", "0 tags of 1 tokens"),
        ({"tokens": ["a"], "ner_tags": [0]}, "ner_tags", "--names gives their names in order"),
        ({"text": TEXT, "label": [], "id": 1}, "id", "'1' is that of a line before"),
    ],
)
def test_a_line_that_cannot_be_read_is_told(tmp_path: Path, line: Any, field: str, reason: str) -> None:
    found = read_lines(tmp_path, {"id": 1, "text": TEXT, "label": [[0, 3, "PER"]]}, line)
    (problem,) = found.problems
    assert problem.field == field
    assert reason in problem.reason
    assert found.rows[0].objects == SAID[:1]


def test_nothing_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match="line 1"):
        read_lines(tmp_path, {"text": 5})


def test_real_chunks_have_the_figures_of_the_same_ones_as_conll(real_data: Path, tmp_path: Path) -> None:
    sentences = conll.read_sentences(real_data / "conll2000_chunks" / "ground_truth.txt")
    for column, name in ((2, "gold"), (3, "found")):
        lines = []
        for number, sentence in enumerate(sentences, 1):
            tags = [columns[column] for columns in sentence.columns]
            lines.append(json.dumps({"id": number, "tokens": sentence.tokens, "ner_tags": tags}))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    found = evalstream.evaluate(tmp_path / "gold.jsonl", tmp_path / "found.jsonl", policy="iou-greedy")
    figures = found.summary(iou=0.999)
    expected = json.loads((real_data / "conll2000_chunks" / "expected.json").read_bytes())
    own = tuple(expected["default"][name] for name in ("p", "r", "f1"))
    assert (figures.precision, figures.recall, figures.f1) == pytest.approx(own, abs=1e-12)
