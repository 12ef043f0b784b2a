"""Tell what COCO files hold, where nobody says which of it to compare: boxes, masks or skeletons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from evalstream.importers.coco_records import FIELDS, Source
from evalstream.importers.columns import CocoType
from evalstream.importers.problems import ImporterError
from evalstream.importers.text import head, plain_bytes

#: In pycocotools' order of preference (``loadRes``); a field that is null or empty is none.
_HELD: Final[dict[CocoType, re.Pattern[bytes]]] = {
    name: re.compile(rf'"{field}"\s*:\s*[\[{{]\s*[^\]}}\s]'.encode()) for field, name in FIELDS.items()
}
_NOUNS: Final[dict[CocoType, str]] = {"bbox": "boxes", "segm": "segmentations", "keypoints": "keypoints"}
#: Records in memory that are looked at: writers give all of them the same fields.
_LOOKED_AT: Final = 100


def type_of(predictions: Source, annotations: Source | None) -> tuple[CocoType, list[str]]:
    """Tell what COCO results hold, and what to say of that: nothing of boxes, which are what is read unless said.

    Parameters
    ----------
    predictions, annotations : path, or what a JSON reader makes of it
        ``annotations`` if they are COCO's, too.

    Raises
    ------
    ImporterError
        If predictions hold no boxes, and annotations nothing of what they hold.
    """
    if isinstance(predictions, str | Path) and _HELD["bbox"].search(head(Path(predictions)).encode()):
        return "bbox", []  # without reading all of it twice
    held = _held(predictions)
    if not held or held[0] == "bbox":
        return "bbox", []
    kind = held[0]
    own = _held(annotations) if annotations is not None else [kind]
    if own and kind not in own:
        raise ImporterError(
            f"{_name(predictions, 'predictions')}: holds {_NOUNS[kind]} and no boxes, and"
            f" {_name(annotations, 'annotations')} {' and '.join(_NOUNS[one] for one in own)}: nothing would match"
        )
    return kind, [f"{_name(predictions, 'predictions')}: no boxes, so {_NOUNS[kind]} are read, as with --type {kind}."]


def _held(source: Source | None) -> list[CocoType]:
    if isinstance(source, str | Path):
        whole = plain_bytes(Path(source))
        return [name for name, pattern in _HELD.items() if pattern.search(whole)]
    records: Any = source.get("annotations", ()) if isinstance(source, Mapping) else source or ()
    some = [one for one in islice(records, _LOOKED_AT) if isinstance(one, Mapping)]
    return [name for field, name in FIELDS.items() if any(_is_there(one.get(field)) for one in some)]


def _is_there(value: Any) -> bool:
    return value is not None and (not hasattr(value, "__len__") or len(value) > 0)


def _name(source: Source | None, what: str) -> str:
    return str(source) if isinstance(source, str | Path) else what
