"""Named entities in JSON lines to data rows: spaCy, Prodigy, doccano, and tokens with tags as Hugging Face has them.

The formats: https://doccano.github.io/doccano/, https://spacy.io/api/data-formats, and data sets with ``tokens`` and
``ner_tags`` (https://huggingface.co/datasets/eriktks/conll2003). Offsets are code points, ends are exclusive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from evalstream.importers import conll
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import json_lines
from evalstream.words import count_of

#: Fields that hold entities, the most telling first.
_ENTITIES: Final = ("entities", "ents", "spans", "label", "labels")
_STARTS: Final = ("start", "start_offset", "start_char")
_ENDS: Final = ("end", "end_offset", "end_char")
_NAMES: Final = ("label", "entity", "entity_group", "type")
#: Fields that hold tags of tokens.
TAGS: Final = ("ner_tags", "tags", "labels")


def read(path: Path, side: Side, names: Sequence[str] | None = None) -> Imported:
    """Read a file.

    Parameters
    ----------
    names : sequence of str, optional
        What the numbers of tags stand for: ``O``, ``B-PER``, … in their order.

    Raises
    ------
    ImporterError
        If no line of it can be read.
    """
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    tally: Counter[str] = Counter()
    for number, line in enumerate(json_lines(path), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            row = _row(from_json(line), place, str(path), names, side, tally, problems)
        except ValueError as error:
            field, colon, reason = str(error).partition(": ")
            problems.append(Problem(str(path), place, field if colon else "the line", reason if colon else field))
            continue
        if row.data_row in rows:
            problems.append(Problem(str(path), place, "id", f"{row.data_row!r} is that of a line before"))
        else:
            rows[row.data_row] = row
    if not rows and problems:
        raise ImporterError(str(problems[0]))
    said = {
        "numbered": ("line", "without an id; data rows are called by the number of their line"),
        "relations": ("relation", "left out"),
        "unscored": ("entity", "without a score; its confidence is 1"),
    }
    notes = [f"{count_of(tally[key], noun)}: {what}." for key, (noun, what) in said.items() if tally[key]]
    classes = sorted({item["feature"] for row in rows.values() for item in row.objects})
    return Imported(str(path), side, list(rows.values()), classes, notes, problems)


def _row(
    document: Any,
    place: str,
    source: str,
    names: Sequence[str] | None,
    side: Side,
    tally: Counter[str],
    problems: list[Problem],
) -> Row:
    if not isinstance(document, Mapping):
        raise ValueError("the line: must be an object")
    given = next((document[key] for key in ("id", "data_row", "guid") if document.get(key) is not None), None)
    tally["numbered"] += given is None
    name = place.removeprefix("line ") if given is None else str(given)
    if isinstance(document.get("tokens"), list) and all(isinstance(token, str) for token in document["tokens"]):
        tags = next((document[key] for key in TAGS if isinstance(document.get(key), list)), None)
        if tags is not None:
            joined, objects = of_tags(document["tokens"], tags, names)
            return Row(name, {"text": joined}, objects, [f"{place} entity {i}" for i in range(len(objects))])
    text = document.get("text")
    if not isinstance(text, str):
        raise ValueError("text: must be there, and be a text (or `tokens` with `ner_tags`)")
    field = next((key for key in _ENTITIES if isinstance(document.get(key), list)), None)
    if field is None:
        raise ValueError(f"entities: there is none of the lists {', '.join(_ENTITIES)}")
    tally["relations"] += len(document.get("relations") or ())
    objects, places = [], []
    for i, entity in enumerate(document[field]):
        at = f"{place} {field}[{i}]"
        try:
            said = _entity(entity)
        except ValueError as error:
            part, _, reason = str(error).partition(": ")
            problems.append(Problem(source, at, part, reason))
            continue
        score = entity.get("score") if isinstance(entity, Mapping) else None
        if side == "predictions":
            tally["unscored"] += score is None
            said |= {} if score is None else {"confidence": score}
        objects.append(said)
        places.append(at)
    return Row(name, {"text": text}, objects, places)


def _entity(given: Any) -> dict[str, Any]:
    """Read one entity: [start, end, name], or an object with these under their usual names."""
    if isinstance(given, list) and len(given) == 3:
        start, end, label = given
    elif isinstance(given, Mapping):
        start, end, label = (
            next((given[key] for key in keys if given.get(key) is not None), None) for keys in (_STARTS, _ENDS, _NAMES)
        )
    else:
        raise ValueError(f"the entity: must be [start, end, name], or an object that says so (got {given!r})")
    for field, value in (("start", start), ("end", end)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{field}: must be a whole number (got {value!r})")
    if not isinstance(label, str):
        raise ValueError(f"label: must be a text (got {label!r})")
    return {"type": "span", "feature": label, "span": [start, end]}


def of_tags(
    tokens: Sequence[str], tags: Sequence[Any], names: Sequence[str] | None
) -> tuple[str, list[dict[str, Any]]]:
    """Give the text of tokens, and the spans that their tags say.

    Raises
    ------
    ValueError
        If there are more or less tags than tokens, or a number has no name.
    """
    if len(tokens) != len(tags):
        raise ValueError(f"ner_tags: {len(tags)} tags of {len(tokens)} tokens")
    read: list[str] = []
    for tag in tags:
        if isinstance(tag, int):
            if names is None:
                raise ValueError("ner_tags: tags are numbers; --names gives their names in order (O, B-PER, …)")
            if not 0 <= tag < len(names):
                raise ValueError(f"ner_tags: there is no tag {tag}, but {len(names)} names")
            tag = names[tag]
        read.append(str(tag))
    start = list(accumulate((len(token) + 1 for token in tokens), initial=0))
    spans = conll.entities(read)
    return " ".join(tokens), [
        {"type": "span", "feature": kind, "span": [start[i], start[j] - 1]} for kind, i, j in spans
    ]
