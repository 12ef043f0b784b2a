"""Pascal VOC XML to data rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalstream
import pytest
from evalstream.importers import rows
from evalstream.importers.files import Options
from evalstream.importers.options import Pixels, VocOptions, YoloOptions
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported
from evalstream.importers.voc import read

BOX = "<bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30</xmax><ymax>60</ymax></bndbox>"

FAR = BOX.replace("30", "190").replace("11", "171")


def annotated(*objects: str) -> str:
    inside = "".join(f"<object>{one}</object>" for one in objects)
    size = "<size><width>200</width><height>100</height><depth>3</depth></size>"
    return f"<annotation><filename>a.jpg</filename>{size}{inside}</annotation>"


def read_xml(folder: Path, *objects: str, pixels: Pixels = "exclusive") -> Imported:
    (folder / "a.xml").write_text(annotated(*objects), encoding="utf-8")
    return rows.checked(read(folder, "annotations", VocOptions(pixels)))


def test_a_box_and_what_is_known_of_the_image(tmp_path: Path) -> None:
    found = read_xml(tmp_path, f"<name>cat</name>{BOX}")
    (row,) = found.rows
    assert row.objects == [{"feature": "cat", "type": "bbox", "bbox": [11, 21, 19, 39]}]
    assert (row.data_row, row.facts) == ("a", {"width": 200, "height": 100, "metadata": {"file_name": "a.jpg"}})
    assert "--voc-pixels inclusive" in found.notes[0]


def test_pixels_counted_from_1_with_xmax_inside(tmp_path: Path) -> None:
    found = read_xml(tmp_path, f"<name>cat</name>{BOX}", pixels="inclusive")
    assert found.rows[0].objects[0]["bbox"] == [10, 20, 20, 40]


def test_flags_and_parts(tmp_path: Path) -> None:
    hard = f"<name>cat</name><truncated>1</truncated><difficult>1</difficult>{BOX}"
    whole = f"<name>cat</name><difficult>0</difficult><pose>Unspecified</pose>{FAR}<part><name>head</name>{BOX}</part>"
    found = read_xml(tmp_path, hard, whole)
    assert [item.get("difficult") for item in found.rows[0].objects] == [True, None]
    assert [note.partition(" ")[0] for note in found.notes[1:]] == ["1", "1", "1"]
    evaluated = evalstream.evaluate(tmp_path, tmp_path, policy="best-candidate")
    assert (evaluated.summary().tp, evaluated.summary().fn) == (1, 0), "what is difficult is ignored"


def test_rotated_boxes_of_labelers(tmp_path: Path) -> None:
    box = "<robndbox><cx>50</cx><cy>40</cy><w>20</w><h>10</h><angle>3.141592653589793</angle></robndbox>"
    (said,) = read_xml(tmp_path, f"<name>ship</name>{box}").rows[0].objects
    assert said["rotated_box"] == pytest.approx([50, 40, 20, 10, 180])


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        ("<name>cat</name>", "bndbox", "missing"),
        (f"<name>cat</name>{BOX.replace('11', 'x')}", "bndbox.xmin", "must be a number (got 'x')"),
        (f"<name>cat</name>{BOX.replace('<xmin>11</xmin>', '')}", "bndbox.xmin", "missing"),
        (f"<name>cat</name>{BOX.replace('11', '31')}", "bndbox", "ends before it begins"),
        (f"<name></name>{BOX}", "feature", "at least 1 character"),
    ],
)
def test_an_object_that_cannot_be_read_is_told(tmp_path: Path, wrong: str, field: str, reason: str) -> None:
    found = read_xml(tmp_path, wrong, f"<name>dog</name>{BOX}")
    (problem,) = found.problems
    assert problem.record.endswith("object 1")
    assert problem.field == field
    assert reason in problem.reason
    assert [item["feature"] for item in found.rows[0].objects] == ["dog"]


def test_a_file_that_is_no_xml_is_told(tmp_path: Path) -> None:
    (tmp_path / "b.xml").write_text("<annotation>")
    (tmp_path / "c.xml").write_text("<html/>")
    found = read_xml(tmp_path, f"<name>cat</name>{BOX}")
    assert [problem.field for problem in found.problems] == ["XML", "html"]
    (tmp_path / "a.xml").unlink()
    with pytest.raises(ImporterError, match=r"b\.xml: the file: XML: no element found"):
        read(tmp_path, "annotations", VocOptions())


def test_real_annotations_have_the_figures_of_the_same_ones_as_coco(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "voc2007_100"
    truth = json.loads((folder / "data/database/gts/coco_format_v1/instances_default.json").read_bytes())
    results: list[dict[str, Any]] = json.loads((folder / "dets_mapped_coco_results.json").read_bytes())
    file_names = {image["id"]: image["file_name"] for image in truth["images"]}
    by_name = [one | {"image_id": Path(file_names[one["image_id"]]).stem} for one in results]
    (tmp_path / "results.json").write_text(json.dumps(by_name))
    names = [category["name"] for category in sorted(truth["categories"], key=lambda one: int(one["id"]))]
    (tmp_path / "names.txt").write_text("\n".join(names))
    with pytest.raises(ImporterError, match="voc numbers no classes; --names"):
        evalstream.evaluate(real_data / "voc_xml", tmp_path / "results.json")
    options = Options(yolo=YoloOptions(names=tmp_path / "names.txt"))
    found = evalstream.evaluate(real_data / "voc_xml", tmp_path / "results.json", options=options).average_precision()
    expected = json.loads((folder / "expected.json").read_bytes())["bbox"]["pycocotools"]["stats"]
    assert (found.ap, found.ap50, found.ap_small, found.ar_100) == pytest.approx(
        tuple(expected[name] for name in ("AP", "AP50", "APs", "AR100")), abs=1e-12
    )
