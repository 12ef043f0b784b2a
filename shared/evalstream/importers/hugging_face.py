"""Data sets of Hugging Face ``datasets`` in memory to data rows: objects of images, answers, and tags of tokens.

They are known by what they have, so that the package need not be installed: ``features`` tell the names of classes
(https://huggingface.co/docs/datasets/about_dataset_features).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import pyarrow as pa

from evalstream.importers.options import TableOptions
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.words import count_of

#: The column of an image's objects, as data sets on the Hub have it: a list of each of their fields, or a list of them.
OBJECTS: Final = "objects"
#: Names of columns, and of fields of objects; the first that is there counts.
_IDS: Final = ("image_id", "id", "file_name")
_CLASSES: Final = ("category", "category_id", "label", "categories", "labels")
_SCORES: Final = ("score", "confidence", "scores")
_CROWDS: Final = ("iscrowd", "is_crowd", "crowd")
_FACTS: Final = ("width", "height", "file_name")


@runtime_checkable
class Dataset(Protocol):
    """As much of ``datasets.Dataset`` as is used."""

    features: Mapping[str, Any]
    column_names: list[str]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the records."""


def read(source: Dataset, side: Side, options: TableOptions) -> Imported:
    """Read a data set: `objects` as boxes, `tokens` with tags as spans, anything else as a table of answers.

    Raises
    ------
    ImporterError
        If it has no column of answers, or does not say which columns it has.
    """
    if source.features is None:
        raise ImporterError(f"{side}: the data set names no features; give it some with `cast`")
    if OBJECTS in source.features:
        return _of_objects(source, side, options)
    from evalstream.importers import ner, table  # which take a while, and files need them not

    field = next((name for name in ner.TAGS if name in source.features), None)
    if "tokens" in source.features and field is not None:
        return _of_tags(source, side, field)
    # What tensors and pictures hold is no answer: such columns are left where they are.
    names = {name: _names(feature) for name, feature in source.features.items()}
    plain = [name for name, feature in source.features.items() if names[name] or _is_plain(feature)]
    columns: dict[str, list[Any]] = {name: [] for name in plain}
    for record in _records(source, plain):
        for name in plain:
            columns[name].append(_named(record[name], names[name]))
    return table.read(pa.table(columns), side, options)


def _names(feature: Any) -> list[str] | None:
    """Give the names of a class label, or of a list of them."""
    own = getattr(getattr(feature, "feature", feature), "names", None)
    return list(own) if own else None


def _is_plain(feature: Any) -> bool:
    dtype = getattr(feature, "dtype", None)
    return isinstance(dtype, str) and dtype.startswith(("int", "uint", "float", "string", "large_string", "bool"))


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None  # -1: no label


def _of_tags(source: Dataset, side: Side, field: str) -> Imported:
    from evalstream.importers import ner

    names = _names(source.features[field])
    rows: list[Row] = []
    problems: list[Problem] = []
    wanted = [name for name in ("id", "tokens", field) if name in source.features]
    for number, record in enumerate(_records(source, wanted), 1):
        place = f"record {number}"
        try:
            text, spans = ner.of_tags(record["tokens"], record[field], names)
        except ValueError as error:
            problems.append(Problem(side, place, field, str(error)))
            continue
        key = str(record["id"]) if record.get("id") is not None else str(number)
        rows.append(Row(key, {"text": text}, spans, [f"{place} entity {i}" for i in range(len(spans))]))
    classes = sorted({item["feature"] for row in rows for item in row.objects})
    return Imported(side, side, rows, classes, [], problems)


def refuse_splits(source: Any) -> None:
    """Refuse several splits at once (``DatasetDict``): which one is meant, nobody says.

    Raises
    ------
    ImporterError
        If these are splits.
    """
    if isinstance(source, Mapping) and source and all(isinstance(own, Dataset) for own in source.values()):
        names = ", ".join(map(repr, source))
        raise ImporterError(
            f"the data set has the splits {names}: give one of them, as in dataset[{next(iter(source))!r}]"
        )


def _records(source: Dataset, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give the records with these columns, as Python has them: images are not decoded, nor are tensors made."""
    narrow: Any = source
    if hasattr(narrow, "select_columns"):
        narrow = narrow.select_columns(list(names)).with_format(None)
    yield from narrow


def _of_objects(source: Dataset, side: Side, options: TableOptions) -> Imported:
    inner = source.features[OBJECTS]
    fields = getattr(inner, "feature", inner)
    if not isinstance(fields, Mapping) or "bbox" not in fields:
        raise ImporterError(f"{side}: {OBJECTS}: must have a field bbox")
    of_class = _first(_CLASSES, fields)
    if of_class is None:
        raise ImporterError(f"{side}: {OBJECTS}: has no field of classes ({', '.join(_CLASSES)})")
    of_id = options.id or _first(_IDS, source.features)
    if options.id is not None and options.id not in source.features:
        raise ImporterError(f"{side}: there is no column {options.id!r}; these are: {', '.join(source.features)}")
    wanted = dict.fromkeys((OBJECTS, *([of_id] if of_id else []), *_FACTS))
    names = _names(fields[of_class])
    rows: list[Row] = []
    problems: list[Problem] = []
    tally: Counter[str] = Counter()
    for number, record in enumerate(_records(source, [name for name in wanted if name in source.features]), 1):
        place = f"record {number}"
        facts: dict[str, Any] = {name: record[name] for name in ("width", "height") if record.get(name)}
        if isinstance(record.get("file_name"), str):
            facts["metadata"] = {"file_name": record["file_name"]}
        objects: list[dict[str, Any]] = []
        places: list[str] = []
        for i, one in enumerate(_one_by_one(record[OBJECTS])):
            try:
                objects.append(_object(one, of_class, names, side, facts, tally))
                places.append(f"{place} {OBJECTS}[{i}]")
            except ValueError as error:
                field, _, reason = str(error).partition(": ")
                problems.append(Problem(side, f"{place} {OBJECTS}[{i}]", field, reason))
        rows.append(Row(str(record[of_id]) if of_id else str(number), facts, objects, places))
    notes = ["Boxes are read as [x, y, width, height] in pixels."]
    if tally["beyond"]:
        notes.append(
            f"{count_of(tally['beyond'], 'box')} read so would end beyond the image: are they corners,"
            " or of another size of it?"
        )
    if tally["unscored"]:
        notes.append(f"{count_of(tally['unscored'], 'object')} without a score; its confidence is 1.")
    classes = names or sorted({item["feature"] for row in rows for item in row.objects})
    return Imported(side, side, rows, classes, notes, problems, numbered=bool(names))


def _first(wanted: Sequence[str], there: Mapping[str, Any]) -> str | None:
    return next((name for name in wanted if name in there), None)


def _one_by_one(given: Any) -> list[dict[str, Any]]:
    """Give objects one by one, from a list of each of their fields, or from a list of them."""
    if not isinstance(given, Mapping):
        return list(given or ())
    return [dict(zip(given, values, strict=True)) for values in zip(*given.values(), strict=True)]


def _object(
    one: Mapping[str, Any],
    of_class: str,
    names: Sequence[str] | None,
    side: Side,
    facts: Mapping[str, Any],
    tally: Counter[str],
) -> dict[str, Any]:
    own = one[of_class]
    if names is not None and isinstance(own, int):
        if not 0 <= own < len(names):
            raise ValueError(f"{of_class}: there is no class {own} of {len(names)}")
        own = names[own]
    box = list(one["bbox"] or ())
    said: dict[str, Any] = {"type": "bbox", "feature": str(own), "bbox": box}
    if len(box) == 4 and "width" in facts and "height" in facts:
        # Half a pixel, and a hundredth, for those who round.
        tally["beyond"] += any(
            box[i] + box[i + 2] > facts[size] * 1.01 + 0.5 for i, size in enumerate(("width", "height"))
        )
    if side == "predictions":
        score = _first(_SCORES, one)
        if score is None or one[score] is None:
            tally["unscored"] += 1
        else:
            said["confidence"] = float(one[score])
        return said
    crowd = _first(_CROWDS, one)
    if crowd is not None and one[crowd]:
        said["crowd"] = True
    if one.get("area") is not None:
        said["area"] = float(one["area"])
    return said
