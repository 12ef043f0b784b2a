"""Files of every format to both sides of an evaluation: ground truth, and predictions on its data rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec
import orjson
import pyarrow as pa

from evalstream.collector import uncollected
from evalstream.importers import coco, columns, fiftyone, hugging_face, rows
from evalstream.importers.coco_dataset import is_dataset
from evalstream.importers.coco_records import Source
from evalstream.importers.coco_type import type_of
from evalstream.importers.detect import Format, detect
from evalstream.importers.names import named_by_file, stem
from evalstream.importers.options import (
    ConllOptions,
    Frame,
    LabelboxOptions,
    Size,
    Split,
    TableOptions,
    VocOptions,
    YoloOptions,
)
from evalstream.importers.problems import ImporterError, Problem, refuse
from evalstream.importers.rows import Imported, Side
from evalstream.importers.text import STDIN, plain_bytes
from evalstream.ontology import Frequency

#: What is in memory and no COCO: data frames, and data sets of Hugging Face and FiftyOne.
Held = Frame | hugging_face.Dataset | fiftyone.Samples
#: A file, what a JSON reader makes of it, or something else in memory.
Input = Source | Held
#: Formats whose importers give data rows with objects; the others give columns, or lines.
ROW_FORMATS: Final = frozenset(
    {
        "conll",
        "yolo",
        "voc",
        "table",
        "labelbox",
        "labelboximport",
        "cvat",
        "labelstudio",
        "openimages",
        "ner",
        "masks",
        "panoptic",
        "fiftyone",
    }
)


#: What becomes of a record that cannot be read: it is left out and reported, or its file is refused.
OnError = Literal["report", "refuse"]


class Options(NamedTuple):
    """Options: what files do not say themselves."""

    format: Format | None = None  # None: by what a file holds
    type: columns.CocoType | None = None  # of COCO files; None: boxes, or by what predictions hold (`typed`)
    on_error: OnError = "report"
    row_key: columns.RowKey = "id"
    split: Split | None = None  # of all data rows
    metadata: tuple[tuple[str, str], ...] = ()  # of all data rows
    other_files: bool = False  # whether data rows that are there already may get other files
    skip_unknown_images: bool = False
    category_offset: int | None = None  # None: as it stands, or evident from the names of a ground truth in YOLO
    yolo: YoloOptions = YoloOptions()
    voc: VocOptions = VocOptions()
    table: TableOptions = TableOptions()
    labelbox: LabelboxOptions = LabelboxOptions()
    conll: ConllOptions = ConllOptions()

    @property
    def coco_type(self) -> columns.CocoType:
        """Return the type of object that is read from COCO files."""
        return self.type or "bbox"


class GroundTruth(NamedTuple):
    """Ground truth in COCO's columns or as data rows, and what predictions need to know of it."""

    source: str
    format: Format
    coco: columns.Truth | None
    imported: Imported | None
    data_rows: list[str]
    file_names: list[str]
    categories: list[str]
    notes: list[str]
    problems: list[Problem]

    @property
    def frequency(self) -> Mapping[str, Frequency]:
        """Return the frequency of each class, where the file gives it (LVIS)."""
        return self.coco.categories.frequency if self.coco is not None else {}

    def without_objects(self) -> GroundTruth:
        """Give what predictions need to know of it: images and categories, and not the objects in COCO's columns."""
        if self.coco is None:
            return self
        return self._replace(coco=self.coco._replace(objects=columns.no_objects(self.categories)))


class Predictions(NamedTuple):
    """Predictions in COCO's columns or as data rows; with a ground truth, on each of its data rows."""

    source: str
    format: Format
    coco: columns.Found | None
    imported: Imported | None
    notes: list[str]
    problems: list[Problem]
    on: columns.Truth | None  # the images of COCO's columns


def format_of(source: Input, options: Options) -> Format:
    """Tell the format of a file, which options may state; what is in memory already is a table, or COCO's."""
    if isinstance(source, str | Path):
        return options.format or detect(Path(source))
    return "table" if isinstance(source, Held) else "coco"


def typed(annotations: Any, predictions: Any, options: Options) -> tuple[Options, list[str]]:
    """State what is read from COCO files, by what predictions hold unless options say it; and what to say of that.

    Raises
    ------
    ImporterError
        If a file cannot be read, or the two sides hold nothing that can be compared.
    """
    if options.type is not None or not _holds_coco(predictions, options):
        return options, []
    kind, notes = type_of(predictions, annotations if _holds_coco(annotations, options) else None)
    return options._replace(type=kind), notes


def _holds_coco(source: Any, options: Options) -> bool:
    if isinstance(source, str | Path):
        there = source != STDIN and Path(source).is_file()
        return there and (format_of(source, options) == "coco" or _is_coco(source))
    return is_dataset(source) or is_results(source)


def is_results(source: Any) -> bool:
    """Whether it is COCO's results as a JSON reader gives them."""
    return isinstance(source, list) and bool(source) and isinstance(source[0], Mapping) and "image_id" in source[0]


def read_rows(
    path: Path | Held, form: Format, side: Side, options: Options, truth: GroundTruth | None = None
) -> Imported:
    """Read one side from a file of a format whose importer gives data rows, or from memory.

    Raises
    ------
    ImporterError
        If it cannot be read, or nothing of it can.
    """
    imported = rows.checked(_read(path, form, side, options, truth))
    _refuse_if_asked(imported.problems, options)
    if not any(row.objects for row in imported.rows):
        refuse(imported.problems)
    if options.row_key != "id" and truth is None:
        files = [row.facts.get("metadata", {}).get("file_name") for row in imported.rows]
        records = [f"data row {row.data_row!r}" for row in imported.rows]
        keys = named_by_file(imported.source, files, records, options.row_key)
        imported = imported._replace(
            rows=[row._replace(data_row=key) for row, key in zip(imported.rows, keys, strict=True)]
        )
    return imported._replace(rows=rows.in_order(imported.rows))


def _read(path: Path | Held, form: Format, side: Side, options: Options, truth: GroundTruth | None) -> Imported:
    """Read one side with its format's importer, which alone is loaded: all of them together take a while."""
    if isinstance(path, hugging_face.Dataset):
        imported = hugging_face.read(path, side, options.table)
    elif isinstance(path, fiftyone.Samples) or form == "fiftyone":
        if isinstance(path, Path) and (file := fiftyone.labels_file(path)) is not None:
            known = _sizes(truth) if truth else {}
            imported = fiftyone.read_labels(file, side, options.table.question, options.yolo, known)
        else:
            samples = fiftyone.exported(path) if isinstance(path, Path) else cast(fiftyone.Samples, path)
            field = options.table.truth if side == "annotations" else options.table.answer
            imported = fiftyone.read(samples, side, field, options.table.question)
    elif not isinstance(path, Path) or form == "table":
        from evalstream.importers import table

        imported = table.read(path, side, options.table)
    elif form == "yolo":
        from evalstream.importers import yolo

        imported = yolo.read(
            path, side, options.yolo, yolo.Known(_sizes(truth), _class_names(truth)) if truth else None
        )
        if truth is not None and truth.format != "yolo":
            _refuse_numbers(imported, truth)
    elif form == "voc":
        from evalstream.importers import voc

        imported = voc.read(path, side, options.voc)
    elif form == "labelbox":
        from evalstream.importers import labelbox

        imported = labelbox.read(path, side, options.labelbox)
    elif form == "labelboximport":
        from evalstream.importers import labelbox_import

        imported = labelbox_import.read(path, side)
    elif form == "conll":
        from evalstream.importers import conll

        imported = conll.read(path, side, options.conll)
    elif form == "cvat":
        from evalstream.importers import cvat

        imported = cvat.read(path, side)
    elif form == "labelstudio":
        from evalstream.importers import label_studio

        imported = label_studio.read(path, side)
    elif form == "openimages":
        from evalstream.importers import open_images

        imported = open_images.read(
            path,
            side,
            names=options.yolo.names,
            images=options.yolo.images,
            image_size=options.yolo.image_size,
            known=_sizes(truth) if truth else None,
        )
    elif form == "ner":
        from evalstream.importers import ner, yolo

        imported = ner.read(path, side, yolo.read_names(options.yolo.names) if options.yolo.names else None)
    elif form == "masks":
        from evalstream.importers import masks

        imported = masks.read(path, side, options.yolo.names)
    elif form == "panoptic":
        from evalstream.importers import masks

        imported = masks.read_panoptic(path, side, options.yolo.images)
    else:
        raise ImporterError(f"{path}: taken for {form}, which `evalstream upload` reads, and `evaluate` does not")
    return imported


def _refuse_if_asked(problems: Sequence[Problem], options: Options) -> None:
    if options.on_error == "refuse":
        refuse(problems)


@uncollected
def read_annotations(source: Input, options: Options) -> GroundTruth:
    """Read ground truth.

    Raises
    ------
    ImporterError
        If it cannot be read, or nothing of it can.
    """
    form = format_of(source, options)
    if form == "coco":
        truth = coco.read_truth(cast(Source, source), options.coco_type, options.row_key)
        _refuse_if_asked(truth.problems, options)
        images = truth.images
        own = truth.categories.names
        return GroundTruth(
            truth.source, form, truth, None, images.data_row, images.file_name, own, truth.notes, truth.problems
        )
    imported = read_rows(_opened(source), form, "annotations", options)
    if options.split is not None or options.metadata:
        imported = imported._replace(rows=[row._replace(facts=_facts(row.facts, options)) for row in imported.rows])
    file_names = [str(row.facts.get("metadata", {}).get("file_name", "")) if row.facts else "" for row in imported.rows]
    names = [row.data_row for row in imported.rows]
    return GroundTruth(
        imported.source, form, None, imported, names, file_names, imported.categories, imported.notes, imported.problems
    )


@uncollected
def read_predictions(source: Input, truth: GroundTruth | None, options: Options) -> Predictions:
    """Read predictions, on the data rows of a ground truth where one is given.

    Raises
    ------
    ImporterError
        If they cannot be read, nothing of them can, or they do not belong to the ground truth.
    """
    form = format_of(source, options)
    if form in ROW_FORMATS and _is_coco(source):
        form = "coco"  # Ultralytics writes predictions.json on a ground truth of label files
    if form == "coco":
        results = cast(Source, source)
        if truth is None:
            raise ImporterError(
                f"{source}: COCO results name images and categories of a ground truth, which is needed too"
            )
        _refuse_fractions(truth, _name(results), False)
        on, offset, notes = _columns(truth, results, options)
        detections = coco.read_results(
            results, on, options.coco_type, skip_unknown_images=options.skip_unknown_images, category_offset=offset
        )
        _refuse_if_asked(detections.problems, options)
        _refuse_other_types(truth, detections.source, {columns.OBJECT_TYPES[options.coco_type]}, options)
        return Predictions(
            detections.source, form, detections, None, [*notes, *detections.notes], detections.problems, on
        )
    given = read_rows(_opened(source), form, "predictions", options, truth)
    if truth is not None:
        types = {item["type"] for row in given.rows for item in row.objects}
        _refuse_other_types(truth, given.source, types, options)
        if types:
            _refuse_fractions(truth, given.source, _are_fractions(form, given))
        given = rows.joined(given, truth.data_rows, truth.file_names, skip_unknown=options.skip_unknown_images)
    return Predictions(given.source, form, None, given, given.notes, given.problems, None)


def _refuse_other_types(truth: GroundTruth, source: str, types: set[str], options: Options) -> None:
    """Refuse predictions of other types than all annotations have: nothing would match."""
    own = {columns.OBJECT_TYPES[options.coco_type]} if truth.coco is not None else set[str]()
    if truth.imported is not None:
        own = {item["type"] for row in truth.imported.rows for item in row.objects}
    if own and types and not own & types:
        raise ImporterError(
            f"{source}: holds {', '.join(sorted(types))}, and {truth.source} {', '.join(sorted(own))}: nothing would"
            " match; --type, --yolo-task and --task say what is read"
        )


def _are_fractions(form: Format, imported: Imported | None) -> bool:
    """Whether boxes are fractions of images whose sizes are not known."""
    if form != "openimages" or imported is None:
        return False
    boxes = any(item["type"] == "bbox" for row in imported.rows for item in row.objects)
    return boxes and not any("width" in row.facts for row in imported.rows)


def _refuse_fractions(truth: GroundTruth, source: str, fractions: bool) -> None:
    """Refuse boxes in pixels on ground truth in fractions of images, and the other way round: nothing would match."""
    of_truth = _are_fractions(truth.format, truth.imported)
    if of_truth != fractions:
        ours, theirs = (truth.source, source) if of_truth else (source, truth.source)
        raise ImporterError(
            f"{ours}: boxes are fractions of images whose sizes are not known, and those of {theirs} are in pixels:"
            " --images or --image-size gives sizes"
        )


def _opened(source: Input) -> Path | Held:
    """Give a file, or what is in memory and no COCO."""
    return Path(source) if isinstance(source, str | Path) else cast(Held, source)


def _is_coco(source: Input) -> bool:
    return isinstance(source, str | Path) and Path(source).suffix == ".json" and detect(Path(source)) == "coco"


@uncollected
def annotations_table(truth: GroundTruth, dataset: str, options: Options) -> pa.Table:
    """Turn ground truth into columns (schema ``EVENTS``)."""
    if truth.coco is not None:
        return with_facts(columns.annotation_events(truth.coco, dataset, 1, options.coco_type), options)
    assert truth.imported is not None
    return rows.table(truth.imported.rows, "annotations")


def _facts(own: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """Add to what is said of a data row what options say of all: their split, and metadata."""
    said = dict(own)
    if options.split is not None:
        from evalstream.importers import yolo

        said["split"] = yolo.SPLITS[options.split]
    if options.metadata:
        said["metadata"] = (own.get("metadata") or {}) | dict(options.metadata)
    return said


def lines_with_facts(lines: Iterable[bytes], options: Options) -> Iterator[bytes]:
    """Say the same of every data row in events as lines; a line that is no event stays as it is."""
    if options.split is None and not options.metadata:
        yield from lines
        return
    for line in lines:
        try:
            event = orjson.loads(line)
            row = _facts(event.get("row") or {}, options)
        except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
            yield line  # the reader of events says what is wrong with it
        else:
            yield orjson.dumps(event | {"row": row})


def with_facts(events: pa.Table, options: Options) -> pa.Table:
    """Say the same of every data row in columns of events."""
    if options.split is not None:
        from evalstream.importers import yolo

        place = events.schema.get_field_index("split")
        said = pa.repeat(pa.scalar(yolo.SPLITS[options.split], events.schema.field(place).type), events.num_rows)
        events = events.set_column(place, events.schema.field(place), said)
    if options.metadata:
        place = events.schema.get_field_index("metadata")
        own = [list((dict(one or ()) | dict(options.metadata)).items()) for one in events.column(place).to_pylist()]
        events = events.set_column(place, events.schema.field(place), pa.array(own, events.schema.field(place).type))
    return events


@uncollected
def predictions_table(predictions: Predictions, dataset: str, options: Options) -> pa.Table:
    """Turn predictions into columns (schema ``EVENTS``)."""
    if predictions.coco is not None:
        assert predictions.on is not None
        return columns.prediction_events(predictions.coco, predictions.on, dataset, dataset, 1, options.coco_type)
    assert predictions.imported is not None
    return rows.table(predictions.imported.rows, "predictions")


def _sizes(truth: GroundTruth) -> dict[str, Size]:
    """Name the sizes of a ground truth's images by id, and by file name without folder and ending."""
    if truth.coco is not None:
        images = truth.coco.images
        known: Iterable[tuple[int, int]] = zip(images.width, images.height, strict=True)
    else:
        assert truth.imported is not None
        known = [(row.facts.get("width", 0), row.facts.get("height", 0)) for row in truth.imported.rows]
    sizes: dict[str, Size] = {}
    for name, file_name, (width, height) in zip(truth.data_rows, truth.file_names, known, strict=True):
        if width and height:
            for key in (Path(file_name).stem, stem(file_name), name):
                sizes[key] = Size(width, height)
    return sizes


def _class_names(truth: GroundTruth) -> list[str] | None:
    """Give the names of a ground truth's classes in order, if it has names and an order."""
    numbers = [str(i) for i in range(len(truth.categories))]
    return truth.categories if truth.format == "yolo" and truth.categories != numbers else None


def _refuse_numbers(imported: Imported, truth: GroundTruth) -> None:
    """Refuse classes called by number where the ground truth has names: nothing would match."""
    names = {item["feature"] for row in imported.rows for item in row.objects}
    if names and not names & set(truth.categories):
        raise ImporterError(
            f"{imported.source}: classes are {', '.join(sorted(names)[:5])}, and the ground truth knows none of them;"
            " --names gives the names of YOLO's classes in order"
        )


# --- COCO results on a ground truth of another format -----------------------------------------------------------------


class _Category(msgspec.Struct, gc=False):
    category_id: Any = None


def _columns(truth: GroundTruth, results: Source, options: Options) -> tuple[columns.Truth, int, list[str]]:
    """Give a ground truth as COCO's columns, what to add to category ids, and what to say of that."""
    if truth.coco is not None:
        return truth.coco, options.category_offset or 0, []
    from evalstream.importers import yolo

    assert truth.imported is not None
    given = yolo.read_names(options.yolo.names) if options.yolo.names is not None else truth.categories
    numbered = truth.imported.numbered or options.yolo.names is not None
    known = [row.facts for row in truth.imported.rows]
    place: dict[Any, int] = {name: i for i, name in enumerate(given)}
    offset, notes = options.category_offset or 0, list[str]()
    if numbered:
        place |= {i: i for i in range(len(given))}
        if options.category_offset is None:
            offset = _offset(results, len(given))
        if offset == -1:
            by = ", as Ultralytics writes them" if truth.format == "yolo" else ""
            notes.append(f"Category ids are counted from 1{by}; the first is the class 0.")
    elif any(isinstance(key, int) for key in _category_ids(results)):
        raise ImporterError(
            f"{_name(results)}: category_id: {truth.format} numbers no classes; --names gives them in order"
            " (from Python, `Options(yolo=YoloOptions(names=Path(…)))`)"
        )
    images = columns.Images(
        truth.data_rows,
        [facts.get("width", 0) for facts in known],
        [facts.get("height", 0) for facts in known],
        truth.file_names,
        [""] * len(known),
        {name: i for i, name in enumerate(truth.data_rows)},
    )
    return (
        columns.Truth(truth.source, images, columns.Categories(given, place), columns.no_objects(given), [], []),
        offset,
        notes,
    )


def _offset(results: Source, classes: int) -> int:
    """Tell whether category ids are counted from 0 or from 1.

    Raises
    ------
    ImporterError
        If both may be, or neither is.
    """
    ids = [key for key in _category_ids(results) if isinstance(key, int)]
    if not ids or (min(ids) == 0 and max(ids) < classes):
        return 0
    if min(ids) >= 1 and max(ids) == classes:
        return -1
    what = f"{_name(results)}: category_id: from {min(ids)} to {max(ids)}, of {classes} classes"
    if min(ids) < 0 or max(ids) > classes or min(ids) == 0:
        raise ImporterError(f"{what}: they belong to other names; --category-offset reads them nonetheless")
    raise ImporterError(f"{what}: counted from 0 (--category-offset=0) or from 1 (--category-offset=-1)?")


def _category_ids(results: Source) -> Sequence[Any]:
    try:
        if isinstance(results, str | Path):
            records = msgspec.json.decode(plain_bytes(Path(results)), type=list[_Category])
        else:
            records = msgspec.convert(results, list[_Category])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []  # the reader says what is wrong
    return list({one.category_id for one in records if isinstance(one.category_id, int | str)})


def _name(source: Source) -> str:
    return str(source) if isinstance(source, str | Path) else "predictions"
