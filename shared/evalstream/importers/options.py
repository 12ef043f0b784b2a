"""Options of the formats: what files do not say themselves.

Apart from the importers, so that a command which offers all of these loads the importer of the format in hand alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, Protocol, runtime_checkable

#: YOLO: what label files hold, and which of a data set's parts they are.
YoloTask = Literal["detect", "segment", "pose", "obb"]
Split = Literal["train", "val", "test"]
#: Pascal VOC: what `xmax` is: the first pixel outside the box, or the last one inside it, counted from 1 (as in VOC).
Pixels = Literal["exclusive", "inclusive"]
#: Tables: what answers are.
TableTask = Literal["classification", "regression"]
#: CoNLL: how markers of spans are meant.
Scheme = Literal["IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"]
#: CoNLL: how a tag is written, by an example: where the marker stands, what parts it from the type, and its case.
TagForm = Literal["B-TYPE", "TYPE-B", "B_TYPE", "TYPE_B", "b-type", "type-b", "b_type", "type_b"]


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


class YoloOptions(NamedTuple):
    """Options of YOLO: what label files do not say themselves."""

    names: Path | None = None  # classes.txt or data.yaml; found beside the labels otherwise
    images: Path | None = None  # a folder; found beside the labels otherwise
    image_size: Size | None = None  # of every image
    task: YoloTask | None = None
    keypoints: tuple[int, int] | None = None  # of a skeleton: how many, and numbers of each (data.yaml's kpt_shape)
    split: Split = "val"  # of a data.yaml that has several


class VocOptions(NamedTuple):
    """Options of Pascal VOC: what the files do not say themselves."""

    pixels: Pixels = "exclusive"


class TableOptions(NamedTuple):
    """Options of tables: which columns hold what."""

    id: str | None = None
    truth: str | None = None
    answer: str | None = None
    scores: tuple[str, ...] = ()  # a column a class; with one `*`, which stands for the name of the class
    question: str = "class"
    task: TableTask = "classification"
    logits: bool = False  # scores are logits, of which the softmax is taken


class LabelboxOptions(NamedTuple):
    """Options of Labelbox: which labels to read."""

    project: str | None = None  # id or name; needed where data rows have labels of several


class ConllOptions(NamedTuple):
    """Options of CoNLL: how tags are read."""

    column: int = -1  # from 0, or from −1 backwards
    scheme: Scheme | None = None  # strictly by it; otherwise leniently
    form: TagForm = "B-TYPE"


@runtime_checkable
class Frame(Protocol):
    """A table in memory."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the columns as a capsule of Arrow's C interface."""
