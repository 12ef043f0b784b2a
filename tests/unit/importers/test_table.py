"""Tables of answers to data rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalstream
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from evalstream.importers import rows
from evalstream.importers.detect import detect
from evalstream.importers.files import Options
from evalstream.importers.options import TableOptions
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Side
from evalstream.importers.table import read


def read_csv(folder: Path, text: str, side: Side = "predictions", **options: Any) -> Imported:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return rows.checked(read(folder / "t.csv", side, TableOptions(**options)))


def answers(found: Imported) -> dict[str, Any]:
    assert found.problems == []
    return {row.data_row: row.objects[0]["answer"] for row in found.rows}


def test_answers_by_id(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "image_name,label\na.jpg,cat\nb.jpg,dog\n", "annotations")
    assert found.rows[0].objects == [{"feature": "class", "type": "radio", "answer": "cat"}]
    assert answers(found) == {"a.jpg": "cat", "b.jpg": "dog"}


@pytest.mark.parametrize(
    "text", ["who;said\na;x\n", "who\tsaid\na\tx\n", '"who","said"\r\n"a","x"\r\n', "\ufeffwho,said\na,x\n"]
)
def test_columns_are_named_by_option(tmp_path: Path, text: str) -> None:
    found = read_csv(tmp_path, text, id="who", answer="said", question="weather")
    assert answers(found) == {"a": "x"}
    assert found.rows[0].objects[0]["feature"] == "weather"


def test_probabilities(tmp_path: Path) -> None:
    text = "id,p_cat,p_dog\na,0.25,0.75\nb,0.5,0.5\n"
    found = read_csv(tmp_path, text, scores=("p_*",))
    assert found.rows[0].objects == [
        {"feature": "class", "type": "radio", "answer": "dog", "scores": {"cat": 0.25, "dog": 0.75}, "confidence": 0.75}
    ]
    assert answers(found) == {"a": "dog", "b": "cat"}
    assert "1 line: several highest columns, of which the first is taken." in found.notes
    named = read_csv(tmp_path, "id,pred,p_cat,p_dog\na,cat,0.25,0.75\n", scores=("p_*",))
    assert named.rows[0].objects[0]["confidence"] == 0.25


def test_numbers(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "id,y_pred\na,1.5\nb,-2e3\n", task="regression", question="price")
    assert found.rows[1].objects == [{"feature": "price", "type": "number", "answer": -2000.0}]
    assert any("`regression`" in note for note in found.notes)


def test_whole_numbers_are_the_same_class_however_they_are_written(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "id,label\na,1.0\nb,1\nc,01\n")
    assert answers(found) == {"a": "1", "b": "1", "c": "01"}
    assert any(note.startswith("1 line: a whole number with a decimal point") for note in found.notes)


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("b,", "label", "empty"),
        ("b,1.5", "label", "not a class but a fraction; --task regression"),
        ("b", "columns", "1, where the header has 2"),
        ("b,x,y", "columns", "3, where the header has 2"),
        ("a,dog", "id", "'a' has another answer in line 2"),
        (",dog", "data_row", "at least 1 character"),
    ],
)
def test_a_line_that_cannot_be_read_is_told(tmp_path: Path, line: str, field: str, reason: str) -> None:
    found = read_csv(tmp_path, f"id,label\na,cat\n{line}\nc,dog\n")
    (problem,) = found.problems
    assert problem.field == field
    assert reason in problem.reason
    assert [row.data_row for row in found.rows] == ["a", "c"]


def test_a_line_that_stands_twice_is_left_out_and_counted(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "id,label\na,cat\na,cat\n")
    assert answers(found) == {"a": "cat"}
    assert "1 line: the id and the answer of a line before, left out." in found.notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--answer-column or --class-columns names one of"),
        ({"answer": "z"}, "no column is called 'z' \\(answer\\); the columns are \\['x', 'w'\\]"),
        ({"scores": ("p*",)}, "no column is called 'p\\*'"),
        ({"id": "z", "answer": "x"}, "no column is called 'z' \\(id\\)"),
    ],
)
def test_columns_that_are_not_there(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ImporterError, match=message):
        read_csv(tmp_path, "x,w\n1,2\n", **options)


def test_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [3, 4], "label": ["cat", None]}), tmp_path / "t")
    found = read(tmp_path / "t", "annotations", TableOptions())
    assert [(row.data_row, row.objects[0]["answer"]) for row in found.rows] == [("3", "cat")]
    assert [str(problem).partition("t: ")[2] for problem in found.problems] == ["row 1: label: empty"]


@pytest.mark.parametrize("given", [{"cat": 2.0, "dog": 0.0}, {"cat": -1e4, "dog": 1e4}])
def test_logits_become_probabilities(tmp_path: Path, given: dict[str, float]) -> None:
    text = f"id,z_cat,z_dog\na,{given['cat']},{given['dog']}\n"
    (said,) = read_csv(tmp_path, text, scores=("z_*",), logits=True).rows[0].objects
    expected = 1 / (1 + np.exp(np.clip(given["dog"] - given["cat"], -700, 700)))
    assert said["scores"]["cat"] == pytest.approx(expected, rel=1e-12, abs=1e-300)
    assert sum(said["scores"].values()) == pytest.approx(1)


def test_arrow_files(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "label": pa.array(["cat", "dog"]).dictionary_encode()})
    with pa.ipc.new_file(tmp_path / "t.arrow", table.schema) as file:
        file.write_table(table)
    assert detect(tmp_path / "t.arrow") == "table"
    assert answers(read(tmp_path / "t.arrow", "annotations", TableOptions())) == {"a": "cat", "b": "dog"}
    (tmp_path / "t.arrow").write_bytes(b"ARROW1 and nothing")
    with pytest.raises(ImporterError, match="no Parquet or Arrow: "):
        read(tmp_path / "t.arrow", "annotations", TableOptions())


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_have_the_figures_of_files(real_data: Path, library: str) -> None:
    module = pytest.importorskip(library, reason=f"{library} is none of our dependencies, and not installed")
    path = real_data / "classifier_probabilities" / "iris_logreg.csv"
    frame = pa.csv.read_csv(path) if library == "pyarrow" else module.read_csv(path)
    options = Options(table=TableOptions(scores=("p*",)))
    found = evalstream.evaluate(frame, frame, options=options)
    of_file = evalstream.evaluate(path, path, options=options)
    assert found.confusion_matrix().cells == of_file.confusion_matrix().cells
    expected = json.loads((path.parent / "expected.json").read_bytes())["iris_logreg"]
    assert found.summary().tp == round(expected["accuracy"] * expected["n"])


def test_an_index_of_a_frame_names_the_data_rows() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"label": ["cat", "dog", None]}, index=["a", "b", "c"])
    found = read(frame, "annotations", TableOptions())
    assert {row.data_row: row.objects[0]["answer"] for row in found.rows} == {"a": "cat", "b": "dog"}
    assert [str(problem) for problem in found.problems] == ["annotations: row 2: label: empty"]


@pytest.mark.parametrize("name", ["8n", "11m", "11x"])
def test_real_classifiers(real_data: Path, name: str) -> None:
    """One of them repeats every line and misses 1,730 images: those it has have the figures of scikit-learn."""
    folder = real_data / "phone_use_classifiers"
    found = evalstream.evaluate(folder / "label.csv", folder / f"{name}.csv")
    expected = json.loads((folder / "expected.json").read_bytes())[name]
    cells = {(cell.actual, cell.predicted): cell.count for cell in found.confusion_matrix().cells}
    names = ("class=0", "class=1")
    assert [[cells[actual, predicted] for predicted in names] for actual in names] == expected["confusion"]
    missed = sum(count for (_, predicted), count in cells.items() if predicted is None)
    assert missed == expected["missing"]
    repeated = [note for note in found.summary().notes if "the id and the answer of a line before" in note]
    assert [int(note.split()[0].replace(",", "")) for note in repeated] == (
        [expected["dup"]] if expected["dup"] else []
    )


@pytest.mark.parametrize("name", ["iris_logreg", "digits_gnb", "wine_knn5"])
def test_real_probabilities(real_data: Path, name: str) -> None:
    path = real_data / "classifier_probabilities" / f"{name}.csv"
    found = evalstream.evaluate(path, path, options=Options(table=TableOptions(scores=("p*",))))
    expected = json.loads((path.parent / "expected.json").read_bytes())[name]
    assert found.summary().tp == round(expected["accuracy"] * expected["n"])
    cells = {(cell.actual, cell.predicted): cell.count for cell in found.confusion_matrix().cells}
    for i, line in enumerate(expected["confusion"]):
        assert [cells.get((f"class={i}", f"class={j}"), 0) for j in range(len(line))] == line


@pytest.mark.parametrize("head", ["image,xmin,ymin,xmax,ymax,label", "file_name,label,x,y,w,h", "id,class,BBox"])
def test_a_table_of_boxes_is_refused(tmp_path: Path, head: str) -> None:
    """Its classes would be taken for answers about the image, and further boxes of it for repeated lines."""
    (tmp_path / "boxes.csv").write_text(f"{head}\n" + ",".join("1" for _ in head.split(",")))
    with pytest.raises(ImporterError, match="are of boxes, and tables are of answers"):
        read(tmp_path / "boxes.csv", "annotations", TableOptions())
    own = TableOptions(truth="label" if "label" in head else "class")
    assert len(read(tmp_path / "boxes.csv", "annotations", own).rows) == 1


def test_columns_that_are_not_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,label,y_pred,p_a,camera\n1,a,a,1,front\n")
    found = read(tmp_path / "a.csv", "annotations", TableOptions(scores=("p_*",)))
    assert "Left out: 1 column, 'camera'." in found.notes
