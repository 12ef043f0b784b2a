"""The options of every command that reads files: which format, and what files do not say themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import typer
from evalstream.importers import columns
from evalstream.importers.detect import Format
from evalstream.importers.files import OnError, Options
from evalstream.importers.options import (
    ConllOptions,
    LabelboxOptions,
    Pixels,
    Scheme,
    Size,
    Split,
    TableOptions,
    TableTask,
    TagForm,
    VocOptions,
    YoloOptions,
    YoloTask,
)

_PANEL: Final = "What files do not say themselves"


def _option(name: str, text: str, **more: Any) -> Any:
    return typer.Option(name, help=text, rich_help_panel=_PANEL, **more)


def _pair(text: str, what: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None or not int(match[1]) or not int(match[2]):
        raise typer.BadParameter(f"must be {what} (got {text!r})")
    return int(match[1]), int(match[2])


def _key_and_value(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise typer.BadParameter(f"--metadata must be KEY=VALUE (got {text!r})")
    return key, value


def _options(
    format_: Annotated[Format | None, _option("--format", "Format of the files; without, by what they hold.")] = None,
    on_error: Annotated[
        OnError, _option("--on-error", "Leave out records that cannot be read, and report them; or refuse their file.")
    ] = "report",
    names: Annotated[
        Path | None,
        _option("--names", "Names of classes or tags in order, a line each or in a data.yaml; found beside otherwise."),
    ] = None,
    images: Annotated[
        Path | None, _option("--images", "YOLO, Open Images, panoptic: folder of images; found beside otherwise.")
    ] = None,
    image_size: Annotated[
        str | None, _option("--image-size", "YOLO, Open Images: size of every image.", metavar="WxH")
    ] = None,
    yolo_task: Annotated[YoloTask | None, _option("--yolo-task", "YOLO: what lines hold.")] = None,
    kpt_shape: Annotated[
        str | None, _option("--kpt-shape", "YOLO: keypoints of a skeleton, and numbers of each.", metavar="17x3")
    ] = None,
    split: Annotated[
        Split | None,
        _option("--split", "Which split the data rows are of; of a data.yaml, which one is read (val unless named)."),
    ] = None,
    metadata: Annotated[
        list[str] | None, _option("--metadata", "Metadata of every data row; may be repeated.", metavar="KEY=VALUE")
    ] = None,
    row_key: Annotated[
        columns.RowKey, _option("--row-key", "What data rows are called by: ids of images, or their files.")
    ] = "id",
    other_files: Annotated[
        bool, _option("--other-files", "Data rows that are there already may get files of other names.")
    ] = False,
    voc_pixels: Annotated[Pixels, _option("--voc-pixels", "Pascal VOC: whether xmax is in the box.")] = "exclusive",
    id_column: Annotated[str | None, _option("--id-column", "Tables: names the data row.")] = None,
    truth_column: Annotated[str | None, _option("--truth-column", "Tables: the true answer.")] = None,
    answer_column: Annotated[str | None, _option("--answer-column", "Tables: the predicted answer.")] = None,
    class_columns: Annotated[
        str | None,
        _option("--class-columns", "Tables: probabilities, a column a class: 'cat,dog', or 'p_*' for p_cat, p_dog."),
    ] = None,
    logits: Annotated[bool, _option("--logits", "Tables: class columns are logits; their softmax is taken.")] = False,
    question: Annotated[str, _option("--question", "Tables: what is answered.")] = "class",
    task: Annotated[TableTask, _option("--task", "Tables: whether answers are classes or numbers.")] = "classification",
    scheme: Annotated[
        Scheme | None,
        _option("--scheme", "CoNLL: read tags strictly by this scheme; without, leniently, as conlleval does."),
    ] = None,
    tag_form: Annotated[TagForm, _option("--tag-form", "CoNLL: how tags are written.")] = "B-TYPE",
    project: Annotated[str | None, _option("--project", "Labelbox: whose labels, by id or name.")] = None,
    skip_unknown_images: Annotated[
        bool, _option("--skip-unknown-images", "Leave out predictions on images that the annotations do not have.")
    ] = False,
    category_offset: Annotated[
        int | None, _option("--category-offset", "COCO results: added to category ids that are counted otherwise.")
    ] = None,
) -> Options:
    return Options(
        format=format_,
        on_error=on_error,
        row_key=row_key,
        split=split,
        metadata=tuple(map(_key_and_value, metadata or ())),
        other_files=other_files,
        skip_unknown_images=skip_unknown_images,
        category_offset=category_offset,
        yolo=YoloOptions(
            names,
            images,
            Size(*_pair(image_size, "WIDTHxHEIGHT")) if image_size else None,
            yolo_task,
            _pair(kpt_shape, "COUNTxDIMENSIONS") if kpt_shape else None,
            split or "val",
        ),
        voc=VocOptions(voc_pixels),
        table=TableOptions(
            id_column,
            truth_column,
            answer_column,
            tuple(class_columns.split(",")) if class_columns else (),
            question,
            task,
            logits,
        ),
        labelbox=LabelboxOptions(project),
        conll=ConllOptions(-1, scheme, tag_form),
    )


def with_import_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of this module, which it takes together, as parameter ``options``."""
    own = inspect.signature(command)
    ours = inspect.signature(_options)
    hints = get_type_hints(command, include_extras=True) | get_type_hints(_options, include_extras=True)
    parameters = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in {**own.parameters, **ours.parameters}.items()
        if name != "options"
    ]

    @wraps(command)
    def whole(**given: Any) -> None:
        command(options=_options(**{name: given.pop(name) for name in ours.parameters}), **given)

    whole.__signature__ = own.replace(parameters=parameters, return_annotation=None)  # type: ignore[attr-defined]
    whole.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return whole
