"""COCO's records as columns, read by a kernel where they stand in the plain form.

The plain form: ids are whole numbers, a box is four numbers, a segmentation any JSON
(:mod:`evalstream.importers.segmentations` reads it), keypoints a list of any numbers
(:mod:`evalstream.importers.skeletons`), nothing is missing, repeated or escaped. At anything else the
kernel gives up, and the file is read record by record, which explains what is wrong. Both ways give the same, and
doubles are the nearest to what is written, as everywhere in Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from evalstream.errors import EvalstreamError
from evalstream.importers.coco_records import ANNOTATIONS, DETECTIONS
from evalstream.importers.columns import CocoType
from evalstream.importers.text import pieces
from evalstream.native import compiled
from evalstream.scenes import Flag, Float, Int

#: The kinds of records, as the kernel counts them.
KINDS: Final[tuple[CocoType, ...]] = ("bbox", "segm", "keypoints")


class _Read(NamedTuple):
    fault: int  # the byte at which it gave up, or −1
    begin: int  # where the list stands in the text
    end: int  # of detections: where the last whole one ends
    image_id: Int
    category_id: Int
    id: Int  # the last of annotations alone, as the next ones but `score`
    bbox: Float  # four a record, NaN where there is none; of boxes, and annotations of skeletons
    mask_begin: Int  # where its segmentation stands in the text; of masks alone
    mask_end: Int
    keypoint_start: Int  # where its numbers begin; of skeletons alone, as the next one
    keypoint: Float
    unlabelled: Flag  # whether it counts no keypoints; of annotations of skeletons
    score: Float  # of detections alone
    area: Float  # NaN where there is none
    crowd: Flag


@compiled
def records(text: NDArray[np.uint8], annotated: bool, kind: int) -> _Read:  # type: ignore[empty-body]
    """Read a list of detections, or the annotations of a data set; of which kind is said by its place in `KINDS`.

    Time and memory are linear in the text; nothing is read beyond its end, whatever it holds.
    """


#: Bytes that are read at a time where a file need not be held whole: what comes of them stays in the processor's cache.
_PIECE: Final = 1024 * 1024
#: What is read of detections so; masks are where they stand in the whole text.
_IN_PIECES: Final[dict[CocoType, tuple[str, ...]]] = {
    "bbox": ("image_id", "category_id", "score", "bbox"),
    "keypoints": ("image_id", "category_id", "score", "keypoint_start", "keypoint"),
}


class Written(NamedTuple):
    """Segmentations as JSON: where each stands in a text."""

    text: NDArray[np.uint8]
    begin: Int
    end: Int


class Numbers(NamedTuple):
    """The numbers of keypoints: those of record i are ``value[start[i] : start[i + 1]]``."""

    start: Int
    value: Float


class Plain(Sequence[Any]):
    """Records of the plain form: columns, and as a sequence the records themselves, each made when it is asked for."""

    def __init__(self, text: NDArray[np.uint8], read: _Read, iou_type: CocoType, *, annotated: bool) -> None:
        self._annotated, self._type = annotated, iou_type
        self.image_id, self.category_id, self.id = read.image_id, read.category_id, read.id
        self.bbox = read.bbox.reshape(-1, 4)
        if iou_type == "segm":  # of others the text, which is as large as all that comes of it, is not kept
            self.segmentation = Written(text, read.mask_begin, read.mask_end)
        self.keypoints = Numbers(np.append(read.keypoint_start, len(read.keypoint)), read.keypoint)
        self.unlabelled = read.unlabelled
        self.score, self.area, self.crowd = read.score, read.area, read.crowd

    def __len__(self) -> int:
        return len(self.image_id)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, i: int) -> Any: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Any]: ...
    def __getitem__(self, i: int | slice) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        own: dict[str, Any] = {"image_id": int(self.image_id[i]), "category_id": int(self.category_id[i])}
        if self._type == "bbox":
            own["bbox"] = tuple(self.bbox[i].tolist())
        elif self._type == "keypoints":
            start, value = self.keypoints
            own["keypoints"] = value[start[i] : start[i + 1]].tolist()
            if self._annotated:
                box = tuple(self.bbox[i].tolist())
                own |= {"bbox": None if np.isnan(box[0]) else box, "num_keypoints": 0 if self.unlabelled[i] else None}
        else:
            text, begin, end = self.segmentation
            own["segmentation"] = msgspec.json.decode(text[begin[i] : end[i]].tobytes())
        if not self._annotated:
            return DETECTIONS[self._type](**own, score=float(self.score[i]))
        area = float(self.area[i])
        return ANNOTATIONS[self._type](
            **own, id=int(self.id[i]), area=None if np.isnan(area) else area, iscrowd=int(self.crowd[i])
        )


def field(records: Sequence[Any], name: str) -> NDArray[Any] | list[Any]:
    """Give a field of all records, as an array where they are of the plain form."""
    return getattr(records, name) if isinstance(records, Plain) else list(map(attrgetter(name), records))


def plain_detections(document: bytes, iou_type: CocoType = "bbox") -> Plain | None:
    """Read a list of detections; none where it is not in the plain form, or empty."""
    read = _records(document, iou_type, annotated=False)
    return None if read is None else Plain(*read, iou_type, annotated=False)


def in_pieces(iou_type: CocoType) -> bool:
    """Whether detections are read by :func:`plain_pieces`."""
    return iou_type in _IN_PIECES


class NotPlainError(EvalstreamError):
    """A file is not in the plain form, and has to be read in another way."""


def read_pieces(path: Path, iou_type: CocoType = "bbox") -> Iterator[tuple[_Read, float]]:
    """Read a file of detections piece by piece; say of each how many of its size there may be.

    Raises
    ------
    NotPlainError
        If the file is not in the plain form, which shows at its end at the latest.
    """
    rest, begun, ended = b"", False, False
    for piece in pieces(path, _PIECE):
        text = bytearray((rest + piece).lstrip())
        if not text:
            continue
        if ended or (begun and not text.startswith((b",", b"]"))):
            raise NotPlainError
        if begun and text.startswith(b"]"):
            rest, ended = bytes(text[1:].lstrip()), True
            if rest:
                raise NotPlainError
            continue
        if begun:
            text[:1] = b"["  # a list of its own
        read = records(np.frombuffer(text, np.uint8), False, KINDS.index(iou_type))
        if not read.end:
            raise NotPlainError
        yield read, path.stat().st_size / len(text)
        rest, begun, ended = bytes(text[read.end :]), True, read.fault < 0
    if not ended or not begun:
        raise NotPlainError


def plain_pieces(path: Path, iou_type: CocoType = "bbox") -> Plain | None:
    """Read a file of detections as :func:`plain_detections` does, without holding all of its text."""
    columns: dict[str, NDArray[Any]] = {name: np.empty(0) for name in _IN_PIECES[iou_type]}
    used = dict.fromkeys(columns, 0)
    last: _Read | None = None
    try:
        for read, more in read_pieces(path, iou_type):
            for name, column in columns.items():
                own, count = getattr(read, name), used[name]
                if name == "keypoint_start":
                    own = own + used["keypoint"]
                used[name] += len(own)
                if used[name] > len(column):
                    columns[name] = _with_room(column[:count], own, more)
                columns[name][count : used[name]] = own
            last = read
    except NotPlainError:
        return None
    assert last is not None
    whole: dict[str, Any] = {name: column[: used[name]] for name, column in columns.items()}
    return Plain(np.empty(0, np.uint8), last._replace(**whole), iou_type, annotated=False)


def _with_room(column: NDArray[Any], own: NDArray[Any], more: float) -> NDArray[Any]:
    """Make room for as many as these several times over. What is not written to takes no memory."""
    roomier = np.empty(len(column) + len(own) + int(1.05 * len(own) * max(more, 1)), own.dtype)
    roomier[: len(column)] = column
    return roomier


def plain_annotations(document: bytes, iou_type: CocoType = "bbox") -> tuple[Plain, bytes] | None:
    """Read the annotations of a data set, and give what else is in it, with no annotations in it.

    None where they are not in the plain form, or there are none.
    """
    read = _records(document, iou_type, annotated=True)
    if read is None:
        return None
    own = read[1]
    return Plain(*read, iou_type, annotated=True), b"%b[]%b" % (document[: own.begin], document[own.end :])


def _records(document: bytes, iou_type: CocoType, *, annotated: bool) -> tuple[NDArray[np.uint8], _Read] | None:
    text = np.frombuffer(document, np.uint8)
    read = records(text, annotated, KINDS.index(iou_type))
    return (text, read) if read.fault < 0 and len(read.image_id) else None
