"""Tell the format of a file by what it holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, get_args

from evalstream.importers import fiftyone
from evalstream.importers.problems import ImporterError
from evalstream.importers.table import ARROW, PARQUET
from evalstream.importers.text import STDIN, head, pieces

Format = Literal[
    "events",
    "coco",
    "yolo",
    "voc",
    "table",
    "labelbox",
    "labelboximport",
    "conll",
    "cvat",
    "labelstudio",
    "openimages",
    "ner",
    "masks",
    "panoptic",
    "fiftyone",
]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_LABELBOX: Final = re.compile(r'"data_row"\s*:\s*\{')
_LABELBOX_IMPORT: Final = re.compile(r'"dataRow"\s*:\s*\{')
_EVENT: Final = re.compile(r'"data_row"\s*:')
_LABEL_STUDIO: Final = re.compile(r'"completed_by"\s*:|"from_name"\s*:')
_TOKENS: Final = re.compile(r'"tokens"\s*:\s*\[')
_TAGS: Final = re.compile(r'"(ner_)?tags"\s*:\s*\[')
_TEXT: Final = re.compile(r'"text"\s*:\s*"')
_ENTITIES: Final = re.compile(r'"(entities|ents|spans|labels?)"\s*:\s*\[')
_SEGMENTS: Final = b'"segments_info"'
_SHAPES: Final = (_SEGMENTS, b'"bbox"', b'"segmentation"', b'"keypoints"')
#: Bytes of a file that are looked through at a time.
_PIECE: Final = 1024 * 1024
_CVAT: Final = re.compile(r"<annotations[\s>]")
#: Formats that are known and not read, and what to export instead.
_OTHERS: Final = (
    (re.compile(r'"lead_time"\s*:'), "Label Studio's JSON-MIN is not read; export it as JSON"),
    (
        re.compile(r'^\{\s*"(image_id|category_id|bbox|segmentation|keypoints|score)"\s*:'),
        "COCO results as single objects, one a line; results are one array: jq -s . LINES > RESULTS.json makes it",
    ),
)


def detect(path: Path) -> Format:
    """Tell the format of a file or folder.

    Raises
    ------
    ImporterError
        If it cannot be read, or is in no format that is.
    """
    if path == STDIN:
        return "events"
    if path.is_dir():
        return _of_folder(path)
    if path.suffix in (".yaml", ".yml"):
        return "yolo"
    text = head(path)
    if text.startswith((PARQUET.decode(), ARROW.decode())):
        return "table"
    start = text.lstrip()
    if not start and path.suffix not in (".ndjson", ".jsonl"):
        raise ImporterError(f"{path}: the file is empty")
    if start.startswith("<"):
        return "cvat" if _CVAT.search(start) else "voc"
    if start.startswith(("{", "[")) and path.suffix not in (".conll", ".iob", ".bio"):
        return _of_json(path, start)
    from evalstream.importers import open_images, yolo  # which take a while, and COCO needs them not

    first = start.partition("\n")[0]
    if path.suffix == ".csv" or open_images.is_header(first):
        return "openimages" if open_images.is_header(first) else "table"
    if path.name in yolo.NAMES_FILES:
        raise ImporterError(f"{path}: holds names of classes, and no labels: name the folder of the label files")
    return "yolo" if yolo.is_label_line(first) else _of_text(path)


def _of_folder(path: Path) -> Format:
    from evalstream.importers import masks, yolo

    if (path / fiftyone.SAMPLES).is_file() and (path / fiftyone.METADATA).is_file():
        return "fiftyone"
    if (path / fiftyone.LABELS).is_file() and fiftyone.is_labels(head(path / fiftyone.LABELS)):
        return "fiftyone"
    if (path / masks.CLASSES).is_dir():
        return "masks"
    xml = next(path.rglob("*.xml"), None)
    if xml is not None:
        return "cvat" if _CVAT.search(head(xml)) else "voc"
    if yolo.label_files(path) or next(path.glob("*.y*ml"), None) is not None:
        return "yolo"
    documents = sorted(path.glob("*.json"))
    if documents:  # beside which PNG files are the images
        found = documents[0].name if len(documents) == 1 else f"{len(documents)} JSON files, {documents[0].name} first"
        raise ImporterError(f"{path}: a folder with {found}: name the file, not its folder")
    if next(path.rglob("*.png"), None) is not None:
        return "masks"
    if next(path.rglob("*.txt"), None) is not None:
        return "yolo"
    raise ImporterError(f"{path}: a folder without label files of YOLO (.txt), Pascal VOC (.xml) or masks (.png)")


def _of_json(path: Path, text: str) -> Format:
    if fiftyone.is_labels(text):
        return "fiftyone"
    if _LABELBOX.search(text):
        return "labelbox"
    if _LABELBOX_IMPORT.search(text):
        return "labelboximport"
    if _EVENT.search(text):
        return "events"
    if _LABEL_STUDIO.search(text):
        return "labelstudio"
    for pattern, reason in _OTHERS:
        if pattern.search(text):
            raise ImporterError(f"{path}: {reason}")
    if (_TOKENS.search(text) and _TAGS.search(text)) or (_TEXT.search(text) and _ENTITIES.search(text)):
        return "ner"
    # Of a file that is neither, the reader that its ending stands for says best what is wrong.
    return "events" if path.suffix in (".ndjson", ".jsonl") else _of_coco(path, text)


def _of_coco(path: Path, text: str) -> Format:
    """Tell apart what COCO has several tasks for; what annotations hold may stand far behind the images."""
    if '"segments_info"' in text:  # which have boxes, too
        return "panoptic"
    if '"bbox"' in text or not text.startswith("{"):
        return "coco"
    end, has_captions = b"", False
    for piece in pieces(path, _PIECE):
        part = end + piece  # in which no word is cut in two
        first = min(((place, word) for word in _SHAPES if (place := part.find(word)) >= 0), default=None)
        if first is not None:  # segments have their boxes inside
            return "panoptic" if first[1] == _SEGMENTS else "coco"
        has_captions |= b'"caption"' in part
        end = part[-len(_SEGMENTS) :]
    if has_captions:
        raise ImporterError(
            f"{path}: captions are not read: an image has several, and evalstream compares one text with another;"
            " send them as events of type `text`"
        )
    return "coco"


def _of_text(path: Path) -> Format:
    if path.suffix in (".ndjson", ".jsonl"):
        return "events"
    return "coco" if path.suffix == ".json" else "conll"
