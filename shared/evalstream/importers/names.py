"""Find the image of a ground truth that is meant: by its id, its number, or the name of its file, whole or in part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from evalstream.importers.problems import ImporterError
from evalstream.words import count_of

FORMS: Final = ("number", "file name", "file name without its folder", "file name without folder and ending")


class Match(NamedTuple):
    """The image that is meant, −1 if none is; and what it was known by, "" for its id. Several candidates are none."""

    place: int
    form: str
    candidates: int = 1


class ImageNames:
    """The names under which images are known."""

    def __init__(self, ids: Sequence[str], file_names: Sequence[str]) -> None:
        self._ids = {name: i for i, name in enumerate(ids)}
        self._has_file_names = any(file_names)
        self._names = ids, file_names

    @cached_property
    def _by_form(self) -> list[dict[str, list[int]]]:
        """The images by each other form of a name. Mostly all are known by their ids, and this takes a while."""
        by_form: list[dict[str, list[int]]] = [{} for _ in FORMS]
        for i, (name, file_name) in enumerate(zip(*self._names, strict=True)):
            for own, key in zip(by_form, _keys(name, file_name or name), strict=True):
                if key:
                    own.setdefault(key, []).append(i)
        return by_form

    def has_file_names(self, other: bool) -> bool:
        """Whether these images and the other side are both known by the names of files."""
        return self._has_file_names and other

    def find(self, given: Any) -> Match:
        """Find the image that a record names."""
        text = str(int(given)) if isinstance(given, float) and given.is_integer() else str(given)
        if text in self._ids:
            return Match(self._ids[text], "")
        for form, own, key in zip(FORMS, self._by_form, _keys(text, text), strict=True):
            places = own.get(key, []) if key else []
            if len(places) == 1:
                return Match(places[0], form)
            if places:
                return Match(-1, form, len(places))
        return Match(-1, "", 0)


def _keys(name: str, file_name: str) -> tuple[str, str, str, str]:
    path = PurePosixPath(file_name.replace("\\", "/"))
    number = str(int(name)) if name.isascii() and name.isdigit() else ""
    return number, str(path), path.name, stem(file_name)


def stem(file_name: str) -> str:
    """Name a file without its folder and ending; a number without its leading zeros, as Ultralytics writes it.

    >>> stem("val/000000000139.jpg"), stem("street.v1.jpg"), stem("street.v1")
    ('139', 'street.v1', 'street.v1')
    """
    name = PurePosixPath(file_name.replace("\\", "/")).name
    before, dot, ending = name.rpartition(".")
    plain = before if dot and before and ending.lower() in IMAGE_ENDINGS else name
    return str(int(plain)) if plain.isascii() and plain.isdigit() else plain


def stems(file_names: Sequence[str]) -> list[str]:
    """Name data rows after their files, without folder and ending; with its folder where several are called so.

    >>> stems(["a/1.jpg", "b/1.jpg", "b/2.png"])
    ['a/1', 'b/1', '2']
    """
    plain = [PurePosixPath(name.replace("\\", "/")) for name in file_names]
    count = Counter(path.stem for path in plain)
    return [path.stem if count[path.stem] == 1 else path.with_suffix("").as_posix() for path in plain]


def named_by_file(source: str, file_names: Sequence[Any], records: Sequence[str], key: str) -> list[str]:
    """Name data rows after their files, as they are (key `file_name`) or without folder and ending (`stem`).

    Raises
    ------
    ImporterError
        If one has no file name, or two have the same name.
    """
    seen: dict[str, str] = {}
    for file_name, record in zip(file_names, records, strict=True):
        if not isinstance(file_name, str) or not file_name:
            raise ImporterError(f"{source}: {record}: file_name: missing, and data rows are to be called by it")
        name = file_name if key == "file_name" else PurePosixPath(file_name.replace("\\", "/")).stem
        if name in seen:
            raise ImporterError(f"{source}: {record}: file_name: {name!r} is the {key} of {seen[name]}, too")
        seen[name] = record
    return list(seen)


#: Endings of images, and of label files that are named after them.
IMAGE_ENDINGS: Final = frozenset(
    {
        "avif",
        "bmp",
        "gif",
        "heic",
        "jp2",
        "jpeg",
        "jpg",
        "mpo",
        "pgm",
        "png",
        "ppm",
        "tif",
        "tiff",
        "webp",
        "txt",
        "xml",
    }
)


def told(forms: Counter[str], noun: str) -> Iterator[str]:
    """Say how many images were known by something else than their id."""
    for form in FORMS:
        if forms[form]:
            yield f"{count_of(forms[form], noun)}: the image is known by its {form}."


def refuse_ambiguous(source: str, record: str, match: Match) -> None:
    """Raise an error if a name is that of several images.

    Raises
    ------
    ImporterError
        If it is.
    """
    if match.candidates > 1:
        raise ImporterError(
            f"{source}: {record}: {match.candidates:,} images of the ground truth share this {match.form}"
        )
