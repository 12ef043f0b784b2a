"""Which format a file is in, by what it holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, get_args

from evalstream.importers import yolo
from evalstream.importers.problems import ImporterError
from evalstream.importers.table import PARQUET
from evalstream.importers.text import STDIN, head

Format = Literal["events", "coco", "yolo", "voc", "table", "labelbox", "conll"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_LABELBOX: Final = re.compile(r'"data_row"\s*:\s*\{')
_EVENT: Final = re.compile(r'"data_row"\s*:')
#: Formats that are known and not read, and what to export instead.
_OTHERS: Final = (
    (re.compile(r'"dataRow"\s*:\s*\{'), "Labelbox's import lines are not read; its exports (NDJSON, version 2) are"),
    (re.compile(r'"completed_by"\s*:|"from_name"\s*:'), "Label Studio's JSON is not read; export it as COCO or YOLO"),
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
    if text.startswith(PARQUET.decode()):
        return "table"
    start = text.lstrip()
    if start.startswith("<"):
        return "voc"
    if start.startswith(("{", "[")) and path.suffix not in (".conll", ".iob", ".bio"):
        return _of_json(path, start)
    if path.suffix == ".csv":
        return "table"
    first = start.partition("\n")[0]
    return "yolo" if yolo.is_label_line(first) else _of_text(path)


def _of_folder(path: Path) -> Format:
    if next(path.rglob("*.xml"), None) is not None:
        return "voc"
    if next(path.rglob("*.txt"), None) is not None or next(path.glob("*.y*ml"), None) is not None:
        return "yolo"
    raise ImporterError(f"{path}: a folder without label files of YOLO (.txt) or Pascal VOC (.xml)")


def _of_json(path: Path, text: str) -> Format:
    if _LABELBOX.search(text):
        return "labelbox"
    if _EVENT.search(text):
        return "events"
    for pattern, reason in _OTHERS:
        if pattern.search(text):
            raise ImporterError(f"{path}: {reason}")
    # Of a file that is neither, the reader that its ending stands for says best what is wrong.
    return "events" if path.suffix in (".ndjson", ".jsonl") else "coco"


def _of_text(path: Path) -> Format:
    if path.suffix in (".ndjson", ".jsonl"):
        return "events"
    return "coco" if path.suffix == ".json" else "conll"
