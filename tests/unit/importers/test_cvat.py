"""CVAT XML to data rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import evalstream
import numpy as np
import pytest
from evalstream.events.objects.mask import encoded
from evalstream.importers import rows
from evalstream.importers.cvat import read
from evalstream.importers.detect import detect
from evalstream.importers.problems import ImporterError
from evalstream.importers.rows import Imported, Side
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

HEAD = """<meta><task><labels>
<label><name>car</name><type>any</type><attributes>
<attribute><name>colour</name><input_type>select</input_type></attribute>
<attribute><name>plate</name><input_type>text</input_type></attribute>
<attribute><name>doors</name><input_type>number</input_type></attribute></attributes></label>
<label><name>person</name><type>skeleton</type></label>
<label><name>nose</name><type>points</type><parent>person</parent></label>
<label><name>tail</name><type>points</type><parent>person</parent></label>
</labels></task></meta>"""
BOX = '<box label="car" xtl="1" ytl="2" xbr="4" ybr="6"/>'


def written(folder: Path, *elements: str, head: str = HEAD) -> Path:
    image = f'<image id="0" name="x/a.jpg" subset="val" width="20" height="10">{"".join(elements)}</image>'
    path = folder / "annotations.xml"
    path.write_text(f'<?xml version="1.0"?>\n<annotations><version>1.1</version>{head}{image}</annotations>')
    return path


def read_xml(folder: Path, *elements: str, side: Side = "annotations") -> Imported:
    path = written(folder, *elements)
    assert (detect(path), detect(folder)) == ("cvat", "cvat")
    return rows.checked(read(path, side))


@pytest.mark.parametrize(
    ("element", "said"),
    [
        (BOX, {"type": "bbox", "bbox": [1, 2, 3, 4]}),
        (BOX.replace("/>", ' rotation="90"/>'), {"type": "rotated_box", "rotated_box": [2.5, 4, 3, 4, 90]}),
        ('<polygon label="car" points="1,2;3,4;5,0.5"/>', {"type": "polygon", "polygon": [[[1, 2], [3, 4], [5, 0.5]]]}),
        ('<polyline label="car" points="1,2;3,4"/>', {"type": "polyline", "polyline": [[1, 2], [3, 4]]}),
        ('<points label="car" points="1,2"/>', {"type": "point", "point": [1, 2]}),
        ('<points label="car" points="1,2;3,4"/>', {"type": "keypoints", "keypoints": [[1, 2, 2], [3, 4, 2]]}),
    ],
)
def test_shapes(tmp_path: Path, element: str, said: dict[str, Any]) -> None:
    found = read_xml(tmp_path, element)
    assert (found.problems, found.notes) == ([], [])
    (row,) = found.rows
    assert row.objects == [{"feature": "car"} | said]
    assert row.data_row == "a"
    assert row.facts == {"width": 20, "height": 10, "split": "validation", "metadata": {"file_name": "x/a.jpg"}}


def test_skeletons_are_in_the_order_of_their_label(tmp_path: Path) -> None:
    tail = '<points label="tail" points="3,4" outside="0" occluded="1"/>'
    nose = '<points label="nose" points="1,2" outside="1" occluded="0"/>'
    (both,) = read_xml(tmp_path, f'<skeleton label="person">{tail}{nose}</skeleton>').rows[0].objects
    assert both["keypoints"] == [[1, 2, 0], [3, 4, 1]]
    found = read_xml(tmp_path, f'<skeleton label="person">{tail.replace("tail", "wing")}</skeleton>', BOX)
    assert [problem.reason for problem in found.problems] == ["the skeleton has no point 'wing'"]
    path = written(tmp_path, f'<skeleton label="person">{tail}{nose}</skeleton>', head="")
    assert read(path, "annotations").rows[0].objects[0]["keypoints"] == [[3, 4, 1], [1, 2, 0]], "as first seen"


def test_attributes_tags_and_confidences(tmp_path: Path) -> None:
    own = "".join(
        f'<attribute name="{name}">{value}</attribute>'
        for name, value in (("colour", "red"), ("plate", "AB 1"), ("doors", "4"), ("none", ""), ("confidence", "0.25"))
    )
    box = BOX.replace("/>", f' occluded="1">{own}</box>')
    tags = '<tag label="rain"><attribute name="heavy">true</attribute></tag><tag label="night"/>'
    found = read_xml(tmp_path, box, tags)
    answers = [
        {"type": "radio", "feature": "colour", "answer": "red"},
        {"type": "text", "feature": "plate", "answer": "AB 1"},
        {"type": "number", "feature": "doors", "answer": 4.0},
    ]
    scored = {"type": "radio", "feature": "confidence", "answer": "0.25"}
    assert found.rows[0].objects[0]["classifications"] == [*answers, scored]
    assert found.rows[0].objects[1:] == [
        {"type": "radio", "feature": "rain/heavy", "answer": "true"},
        {"type": "checklist", "feature": "tag", "answers": ["rain", "night"]},
    ]
    assert found.notes == ["1 shape: occluded, which changes no figure and is left out."]
    predicted = read_xml(tmp_path, box, BOX, side="predictions").rows[0].objects
    assert (predicted[0]["confidence"], predicted[0]["classifications"]) == (0.25, answers)
    assert "confidence" not in predicted[1]


@given(st.data(), st.integers(1, 5), st.integers(1, 5), st.integers(0, 4), st.integers(0, 4))
def test_masks_are_unfolded(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, width: int, height: int, left: int, top: int
) -> None:
    pixels = np.array(data.draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height)))
    runs, inside, count = [], False, 0
    for pixel in pixels.tolist():  # CVAT's own way: run by run, the first of them outside
        if pixel != inside:
            runs.append(count)
            inside, count = pixel, 0
        count += 1
    runs.append(count)
    place = f'left="{left}" top="{top}" width="{width}" height="{height}"'
    mask = f'<mask label="car" rle="{", ".join(map(str, runs))}" {place}/>'
    (said,) = read_xml(tmp_path_factory.mktemp("cvat"), mask).rows[0].objects
    whole = np.zeros((10, 20), np.bool_)
    whole[top : top + height, left : left + width] = pixels.reshape(height, width)
    rle = {"size": list(said["mask"]["size"]), "counts": said["mask"]["counts"]}
    np.testing.assert_array_equal(coco_mask.decode(rle).astype(np.bool_), whole)


@pytest.mark.parametrize(
    ("element", "field", "reason"),
    [
        (BOX.replace('xtl="1"', ""), "xtl", "missing"),
        (BOX.replace('xtl="1"', 'xtl="x"'), "xtl", "must be a number (got 'x')"),
        (BOX.replace('xtl="1"', 'xtl="9"'), "box", "ends before it begins"),
        ('<polygon label="car" points="1,2;3"/>', "points", "must be x,y;x,y;… (got '3')"),
        ('<polygon label="car" points="1,2"/>', "polygon.0", "at least 3 items"),
        ('<mask label="car" rle="1,2" left="0" top="0" width="2" height="2"/>', "rle", "must sum to the 2 x 2 pixels"),
        ('<mask label="car" rle="0,4" left="19" top="0" width="2" height="2"/>', "mask", "reaches beyond the image"),
    ],
)
def test_an_element_that_cannot_be_read_is_told(tmp_path: Path, element: str, field: str, reason: str) -> None:
    found = read_xml(tmp_path, element, BOX)
    (problem,) = found.problems
    assert (problem.record.startswith("image 'x/a.jpg': element 1"), problem.field) == (True, field)
    assert reason in problem.reason
    assert len(found.rows[0].objects) == 1


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    found = read_xml(tmp_path, '<ellipse label="car" cx="1" cy="1" rx="1" ry="1"/>', '<cuboid label="car"/>')
    assert found.notes == [f"Left out: 1 {kind}, of which events have no such shape." for kind in ("cuboid", "ellipse")]
    turned = BOX.replace("/>", ' rotation="5"/>')
    assert [item["type"] for item in read_xml(tmp_path, BOX, turned).rows[0].objects] == ["rotated_box"] * 2
    path = tmp_path / "annotations.xml"
    path.write_text("<annotations><track/></annotations>")
    with pytest.raises(ImporterError, match="tracks of a video are not read"):
        read(path, "annotations")
    path.write_text("<annotations><")
    with pytest.raises(ImporterError, match="XML: "):
        read(path, "annotations")


def test_a_folder_whose_file_has_another_name(tmp_path: Path) -> None:
    written(tmp_path, BOX).rename(tmp_path / "train.xml")
    assert detect(tmp_path) == "cvat"
    assert len(read(tmp_path, "annotations").rows) == 1
    written(tmp_path, BOX).rename(tmp_path / "val.xml")
    with pytest.raises(ImporterError, match=r"no annotations\.xml there, and 2 others \(train\.xml, val\.xml\)"):
        read(tmp_path, "annotations")


def test_real_boxes_have_the_figures_of_the_same_ones_as_coco(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "voc2007_100"
    truth = json.loads((folder / "data/database/gts/coco_format_v1/instances_default.json").read_bytes())
    names = {one["id"]: one["name"] for one in truth["categories"]}
    images = []
    for image in truth["images"]:
        own = [one for one in truth["annotations"] if one["image_id"] == image["id"]]
        boxes = "".join(
            f'<box label={quoteattr(names[one["category_id"]])} xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}"/>'
            for one in own
            for x, y, w, h in (one["bbox"],)
        )
        size = f'width="{image["width"]}" height="{image["height"]}"'
        images.append(f'<image id="{image["id"]}" name="{image["file_name"]}" {size}>{boxes}</image>')
    (tmp_path / "a.xml").write_text(f"<annotations>{''.join(images)}</annotations>")
    detections = folder / "data/database/dets/coco_format/coco_dets.json"
    found = evalstream.evaluate(tmp_path / "a.xml", detections).average_precision()
    expected = json.loads((folder / "expected.json").read_bytes())["bbox"]["pycocotools"]["stats"]
    assert (found.ap, found.ap50, found.ar_100) == pytest.approx(
        tuple(expected[name] for name in ("AP", "AP50", "AR100")), abs=1e-12
    )


@given(st.data())
def test_a_part_of_an_image_is_encoded_as_pycocotools_encodes_the_whole(data: st.DataObject) -> None:
    """Runs of whole columns go on in the next one, empty parts have none, the first pixel may be the object's."""
    height, width = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    shape = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    pixels = np.array(data.draw(st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])))
    whole = np.zeros((height, width), np.bool_)
    whole[top : top + shape[0], left : left + shape[1]] = pixels.reshape(shape)
    expected = coco_mask.encode(np.asfortranarray(whole, np.uint8))["counts"].decode()
    assert encoded(pixels.reshape(shape), (height, width), left, top).counts == expected
    assert encoded(whole).counts == expected
