"""YOLO label files (Ultralytics) to data rows: one an image, named by the file without its ending.

The formats: https://docs.ultralytics.com/datasets/. A line is an object: its class, then numbers as fractions of the
image's width and height; in predictions (``save_txt``), its confidence last. Pixels need the size of the image, which
is read from the image's header, given, or known from a ground truth.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import shapely
import yaml

from evalstream.importers.images import images_in, size_of
from evalstream.importers.options import Size, Split, YoloOptions, YoloTask
from evalstream.importers.problems import ImporterError, Problem
from evalstream.importers.rows import Imported, Row, Side
from evalstream.importers.text import plain_bytes
from evalstream.words import count_of

#: Files of text beside label files, which hold no labels.
NAMES_FILES: Final = ("classes.txt", "obj.names", "classes.names", "names.txt", "labels.txt")
_NO_LABELS: Final = frozenset(
    {*NAMES_FILES, "labelmap.txt", "train.txt", "val.txt", "test.txt", "readme.txt", "requirements.txt"}
)
#: What events call them.
SPLITS: Final = {"train": "train", "val": "validation", "test": "test"}
#: Ultralytics takes labels that reach so far beyond the image.
_TOLERANCE: Final = 0.01
_BOX: Final = 5  # columns


class _Labels(NamedTuple):
    """Paths of label files and images, and facts about them."""

    files: list[tuple[Path, str, Path | None]]  # with the name and the image of each
    background: list[tuple[Path, str]]  # images without a label file, with the name of each
    names: list[str] | None
    keypoints: tuple[int, int] | None
    split: str
    notes: list[str]


def is_label_line(line: str) -> bool:
    """Whether a line may be one of labels: a class and at least four numbers.

    >>> is_label_line("0 0.5 0.5 0.1 0.1"), is_label_line("Zoë B-PER"), is_label_line("0.5 0.5 0.5 0.1 0.1")
    (True, False, False)
    """
    try:
        values = [float(value) for value in line.split()]
    except ValueError:
        return False
    return len(values) >= _BOX and values[0].is_integer()


def has_confidences(path: Path, options: YoloOptions) -> bool:
    """Whether a folder holds predictions: then its first label has one column more than labels have."""
    keypoints = options.keypoints or _labels(path, options).keypoints
    for file in label_files(path):
        for line in plain_bytes(file).decode(errors="replace").splitlines():
            if is_label_line(line):
                columns = len(line.split())
                return columns == _BOX + math.prod(keypoints) + 1 if keypoints else columns % 2 == 0
    return False


class Known(NamedTuple):
    """Facts from a ground truth: sizes of images, by the names of label files, and classes in order."""

    sizes: Mapping[str, Size]
    names: list[str] | None


def read(path: Path, side: Side, options: YoloOptions, known: Known | None = None) -> Imported:
    """Read a folder of label files, one label file, or a data set by its ``data.yaml``.

    Raises
    ------
    ImporterError
        If there are no label files, no names of classes can be read, or of no image the size is known.
    """
    labels = _labels(path, options)
    names = labels.names if options.names or not (known and known.names) else known.names
    sizes = known.sizes if known else {}
    if not labels.files and not labels.background:
        raise ImporterError(f"{path}: no label files (.txt) there")
    notes, problems = list(labels.notes), list[Problem]()
    tally: Counter[str] = Counter()
    rows: list[Row] = []
    without_size: list[tuple[Path, str]] = []
    reader = _Reader(side, names, options.task, options.keypoints or labels.keypoints, tally)
    for file, name, image in labels.files:
        size = _size(image, options, sizes.get(name) or sizes.get(file.stem), problems)
        if size is None:
            without_size.append((file, name))
            continue
        rows.append(_row(file, name, image, size, labels.split, reader, problems))
    if without_size and not rows:
        raise ImporterError(
            f"{path}: labels are fractions of an image, and the size of none is known: name the folder of images with"
            " --images, or their common size with --image-size WIDTHxHEIGHT"
        )
    for file, _ in without_size:
        problems.append(Problem(str(path), file.name, "image", "there is none, so that its size is not known"))
    background = labels.background if side == "annotations" else []
    for picture, name in background:
        size = _size(picture, options, None, problems)
        rows.append(Row(name, _facts(picture, size, labels.split) if size else {}, [], []))
    if background:
        notes.append(f"{count_of(len(background), 'image')} without a label file, taken for empty.")
    notes += _told(tally)
    if names is None:
        numbers = [int(item["feature"]) for row in rows for item in row.objects]
        names = [str(number) for number in range(max(numbers, default=-1) + 1)]
        notes.append("No names of classes were found (classes.txt, data.yaml, --names): they are called by number.")
    return Imported(str(path), side, rows, names, notes, problems, numbered=True)


# --- where things are -----------------------------------------------------------------------------------------------


def _labels(path: Path, options: YoloOptions) -> _Labels:
    config_path = path if path.suffix in (".yaml", ".yml") else _config_of(path)
    config = _config(config_path) if config_path else {}
    notes: list[str] = []
    split = ""
    listed: list[tuple[Path, Path]] = []
    if config_path == path or (path.is_dir() and config_path and config_path.parent == path):
        assert config_path is not None
        folders, listed = _split_places(config_path, config, options.split)
        image_folders = [options.images] if options.images else folders
        label_folders = [_beside(folder, "images", "labels") for folder in folders]
        split = SPLITS[options.split]
        notes.append(f"Of the splits of {config_path.name}, {options.split!r} is read; --split names another.")
    elif path.is_dir():
        label_folders = [path]
        image_folders = [options.images or _images_of(path)]
    else:
        label_folders = []
        image_folders = [options.images or _images_of(path.parent)]
    files = [(folder, file) for folder in label_folders for file in label_files(folder)]
    if path.is_file() and path.suffix == ".txt":
        files = [(path.parent, path)]
    pictures = [(folder, image) for folder in image_folders if folder.is_dir() for image in images_in(folder)]
    for folder, image in listed:
        label = _label_of(image)
        files += [(folder, label)] if label.is_file() else []
        pictures += [(folder, image)] if image.is_file() or not label.is_file() else []
    paired, background = _paired(files, [] if path.suffix == ".txt" else pictures, pictures)
    names_path = options.names or _names_beside(path)
    names = read_names(names_path) if names_path else _names_in(config, config_path)
    shape = config.get("kpt_shape")
    keypoints = (int(shape[0]), int(shape[1])) if isinstance(shape, list) and len(shape) == 2 else None
    return _Labels(paired, background, names, keypoints, split, notes)


def _paired(
    files: Sequence[tuple[Path, Path]], background: Sequence[tuple[Path, Path]], pictures: Sequence[tuple[Path, Path]]
) -> tuple[list[tuple[Path, str, Path | None]], list[tuple[Path, str]]]:
    """Name label files, and find the image of each; and name the images of which none is there.

    An image stands in the same place below its folder as its label file; or it is the only one of that name.
    """
    by_place = {_place(folder, image): image for folder, image in pictures}
    by_stem: dict[str, list[Path]] = {}
    for _, image in pictures:
        by_stem.setdefault(image.stem, []).append(image)
    paired: list[tuple[Path, str, Path | None]] = []
    named = Counter(file.stem for _, file in files)
    for folder, file in files:
        place = _place(folder, file)
        alike = by_stem.get(file.stem, [])
        own = by_place.get(place) or (alike[0] if len(alike) == 1 else None)
        paired.append((file, file.stem if named[file.stem] == 1 else place, own))
    taken = {own for _, _, own in paired}
    rest = [(folder, image) for folder, image in background if image not in taken]
    named = Counter([*named.elements(), *(image.stem for _, image in rest)])
    return paired, [(image, image.stem if named[image.stem] == 1 else _place(folder, image)) for folder, image in rest]


def _place(folder: Path, file: Path) -> str:
    """Name a file by its path below its folder, without ending and without folders `labels` and `images`."""
    parts = file.relative_to(folder).with_suffix("").parts
    return "/".join(part for part in parts if part not in ("labels", "images"))


def label_files(folder: Path) -> list[Path]:
    """Find label files; where folders are called ``labels``, only in those."""
    files = [file for file in sorted(folder.rglob("*.txt")) if file.name.lower() not in _NO_LABELS]
    in_labels = [file for file in files if "labels" in file.relative_to(folder).parts[:-1]]
    return in_labels or files


def _beside(folder: Path, old: str, new: str) -> Path:
    """Name the folder of labels that goes with one of images, or the other way round: the last such part changes."""
    parts = list(folder.parts)
    for i in range(len(parts) - 1, -1, -1):
        if parts[i] == old:
            return Path(*parts[:i], new, *parts[i + 1 :])
    return folder


def _images_of(labels: Path) -> Path:
    beside = _beside(labels.resolve(), "labels", "images")
    return beside if beside.is_dir() else labels


def _config_of(path: Path) -> Path | None:
    folder = path if path.is_dir() else path.parent
    for place in (folder, folder.parent, folder.parent.parent):
        for name in ("data.yaml", "dataset.yaml", "data.yml"):
            if (place / name).is_file():
                return place / name
    return None


def _names_beside(path: Path) -> Path | None:
    folder = path if path.is_dir() else path.parent
    for place in (folder, folder.parent):
        for name in NAMES_FILES:
            if (place / name).is_file():
                return place / name
    return None


def _config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(plain_bytes(path))
    except yaml.YAMLError as error:
        raise ImporterError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(config, dict):
        raise ImporterError(f"{path}: must be a mapping, with names")
    return config


def read_names(path: Path) -> list[str]:
    """Read the names of classes: a line each, or those of a ``data.yaml``.

    Raises
    ------
    ImporterError
        If they cannot be read, or one is empty.
    """
    if path.suffix in (".yaml", ".yml"):
        names = _names_in(_config(path), path)
        if names is None:
            raise ImporterError(f"{path}: names: must be there")
        return names
    try:
        lines = plain_bytes(path).decode().splitlines()
    except UnicodeDecodeError as error:
        raise ImporterError(f"{path}: not UTF-8: {error}") from None
    while lines and not lines[-1].strip():
        lines.pop()
    return _distinct([line.strip() for line in lines], path)


def _names_in(config: Mapping[str, Any], path: Path | None) -> list[str] | None:
    given = config.get("names")
    if given is None:
        return None
    if isinstance(given, dict) and all(isinstance(key, int) for key in given):
        return _distinct([str(given.get(i, i)) for i in range(max(given, default=-1) + 1)], path)
    if isinstance(given, list):
        return _distinct([str(name) for name in given], path)
    raise ImporterError(f"{path}: names: must be a list, or a mapping from numbers")


def _distinct(names: list[str], path: Path | None) -> list[str]:
    """Tell classes of one name apart by their numbers, for they are different classes."""
    if not all(names):
        raise ImporterError(f"{path}: the name of class {names.index('')} is empty")
    count = Counter(names)
    return [name if count[name] == 1 else f"{name} ({i})" for i, name in enumerate(names)]


def _split_places(path: Path, config: Mapping[str, Any], split: Split) -> tuple[list[Path], list[tuple[Path, Path]]]:
    """Find the folders of a split, and the images that it lists one by one, each with the folder of the data set.

    It may name folders, images, and files that list images, a line each, as Ultralytics' own ``coco.yaml`` does.
    """
    given = config.get(split)
    if given is None:
        there = [name for name in SPLITS if config.get(name)]
        raise ImporterError(f"{path}: {split}: there is no such split, but {', '.join(there) or 'none'}; see --split")
    base = Path(str(config.get("path") or ""))
    places = [path.parent / base, path.parent] if not base.is_absolute() else [base, path.parent]
    folders: list[Path] = []
    listed: list[tuple[Path, Path]] = []
    for one in given if isinstance(given, list) else [given]:
        text = str(one)
        candidates = [place / text for place in places] + [path.parent / text.removeprefix("../")]
        file = next((candidate for candidate in candidates if candidate.is_file()), None)
        if file is not None:
            listed += _listed(file, places) if file.suffix == ".txt" else [(path.parent, file)]
            continue
        folder = next((candidate for candidate in candidates if candidate.is_dir()), None)
        if folder is None:
            labels = next((place for place in candidates if _beside(place, "images", "labels").is_dir()), None)
            if labels is None:
                raise ImporterError(f"{path}: {split}: there is no folder, list or image {text}")
            folder = labels
        folders.append(folder)
    return folders, listed


def _listed(file: Path, places: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Read a list of images: paths from the list, from the data set, or from where it stood on another machine."""
    try:
        lines = [line.strip() for line in plain_bytes(file).decode().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ImporterError(f"{file}: not UTF-8: {error}") from None
    folders = (file.parent, *places)
    found: list[tuple[Path, Path]] = []
    for line in lines:
        parts = Path(line).parts
        own = (folder / Path(*parts[i:]) for i in range(len(parts)) for folder in folders)
        image = next((one for one in own if one.is_file() or _label_of(one).is_file()), file.parent / line)
        found.append((next((folder for folder in folders if image.is_relative_to(folder)), image.parent), image))
    return found


def _label_of(image: Path) -> Path:
    return _beside(image.parent, "images", "labels") / f"{image.stem}.txt"


def _size(image: Path | None, options: YoloOptions, known: Size | None, problems: list[Problem]) -> Size | None:
    if options.image_size is not None or known is not None:
        return options.image_size or known
    if image is None:
        return None
    try:
        return size_of(image)
    except ImporterError as error:
        problems.append(Problem(str(image), image.name, "image", str(error)))
        return None


def _facts(image: Path | None, size: Size, split: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"width": size.width, "height": size.height}
    return facts | ({"split": split} if split else {}) | ({"metadata": {"file_name": image.name}} if image else {})


# --- lines to objects -----------------------------------------------------------------------------------------------


class _Reader(NamedTuple):
    side: Side
    names: list[str] | None
    task: YoloTask | None
    keypoints: tuple[int, int] | None
    tally: Counter[str]


def _row(
    file: Path, name: str, image: Path | None, size: Size, split: str, reader: _Reader, problems: list[Problem]
) -> Row:
    objects: list[dict[str, Any]] = []
    places: list[str] = []
    seen: set[str] = set()
    try:
        text = plain_bytes(file).decode()
    except UnicodeDecodeError as error:
        problems.append(Problem(str(file), "the file", "encoding", str(error)))
        text = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = f"{file.name} line {number}"
        try:
            objects.append(_object(line, size, reader))
            places.append(place)
        except _LineError as error:
            problems.append(Problem(str(file.parent), place, error.field, error.reason))
            continue
        reader.tally["twice"] += line in seen
        seen.add(line)
    return Row(name, _facts(image, size, split), objects, places)


class _LineError(ValueError):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


def _object(line: str, size: Size, reader: _Reader) -> dict[str, Any]:
    try:
        values = [float(value) for value in line.split()]
    except ValueError as error:
        raise _LineError("numbers", str(error)) from None
    if not all(map(math.isfinite, values)):
        raise _LineError("numbers", "must be finite")
    feature = _feature(values[0], reader.names)
    shape, confidence = _split_line(values[1:], reader)
    said: dict[str, Any] = {"feature": feature} | _shape(shape, size, reader)
    if reader.side == "annotations":
        return said
    if confidence is None:
        reader.tally["unsure"] += 1
        return said
    if not 0 <= confidence <= 1:
        raise _LineError("confidence", f"must be in [0, 1] (got {confidence:g})")
    return said | {"confidence": confidence}


def _feature(value: float, names: list[str] | None) -> str:
    if not value.is_integer() or value < 0:
        raise _LineError("class", f"must be a whole number from 0 (got {value:g})")
    if names is None:
        return str(int(value))
    if value >= len(names):
        raise _LineError("class", f"there is no class {int(value)}, but {len(names)} names")
    return names[int(value)]


def _split_line(values: list[float], reader: _Reader) -> tuple[list[float], float | None]:
    """Part the shape from the confidence, which only predictions have."""
    count = len(values)
    if reader.keypoints and (reader.task or "pose") == "pose":
        expected = 4 + reader.keypoints[0] * reader.keypoints[1]
        box_or_skeleton: tuple[int, ...] = (expected,)
    elif reader.task == "pose":
        raise _LineError("keypoints", "how many there are is not known: kpt_shape in data.yaml, or --keypoints COUNTx3")
    elif reader.task == "obb":
        box_or_skeleton = (8,)
    else:
        corners = count - count % 2
        box_or_skeleton = (4,) if count < 6 else (corners,)
    for wanted in box_or_skeleton:
        if count == wanted:
            return values, None
        if count == wanted + 1 and reader.side == "predictions":
            return values[:-1], values[-1]
        if count == wanted + 1:
            raise _LineError(
                "columns", f"{count + 1}, one more than labels have: the last is a confidence, as predictions have"
            )
    raise _LineError(
        "columns", f"{count + 1}, where {' or '.join(str(1 + wanted) for wanted in box_or_skeleton)} belong"
    )


def _shape(shape: list[float], size: Size, reader: _Reader) -> dict[str, Any]:
    if reader.keypoints and (reader.task or "pose") == "pose":
        return _skeleton(shape, size, reader)
    if len(shape) == 4:
        return {"type": "bbox", "bbox": _box(shape, size)}
    _check_corners(shape, reader.side)
    points = [(x * size.width, y * size.height) for x, y in zip(shape[::2], shape[1::2], strict=True)]
    if reader.task == "detect":
        reader.tally["boxed"] += 1
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return {"type": "bbox", "bbox": [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]}
    if reader.task == "obb":
        return {"type": "rotated_box", "rotated_box": _rotated(points)}
    if len(points) == 4 and reader.task is None:
        reader.tally["four corners"] += 1
    return {"type": "polygon", "polygon": [points]}


def _box(shape: Sequence[float], size: Size) -> list[float]:
    x, y, width, height = shape
    low, high = min(shape), max(shape)
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        shown = low if low < -_TOLERANCE else high
        raise _LineError("box", f"must be fractions of the image, from 0 to 1 (got {shown:g})")
    if width < 0 or height < 0:
        raise _LineError("box", "has a negative side")
    return [
        (x - width / 2) * size.width,
        (y - height / 2) * size.height,
        width * size.width,
        height * size.height,
    ]


def _check_corners(shape: Sequence[float], side: Side) -> None:
    # Predicted corners may well lie outside of the image; no model puts them a whole image away.
    beyond = _TOLERANCE if side == "annotations" else 1
    wrong = next((value for value in shape if not -beyond <= value <= 1 + beyond), None)
    if wrong is not None:
        raise _LineError("corners", f"must be fractions of the image, from 0 to 1 (got {wrong:g})")


def _rotated(points: Sequence[tuple[float, float]]) -> list[float]:
    """Give the smallest rectangle around four corners, as Ultralytics takes them."""
    around = shapely.minimum_rotated_rectangle(shapely.MultiPoint(points))
    if not isinstance(around, shapely.Polygon):
        raise _LineError("corners", "lie on one line")
    (ax, ay), (bx, by), (cx, cy), *_ = around.exterior.coords
    angle = math.degrees(math.atan2(by - ay, bx - ax))
    return [(ax + cx) / 2, (ay + cy) / 2, math.hypot(bx - ax, by - ay), math.hypot(cx - bx, cy - by), angle]


def _skeleton(shape: Sequence[float], size: Size, reader: _Reader) -> dict[str, Any]:
    assert reader.keypoints is not None
    box, dimensions = _box(shape[:4], size), reader.keypoints[1]
    points = [shape[i : i + dimensions] for i in range(4, len(shape), dimensions)]
    placed: list[list[float]] = []
    for x, y, *rest in points:
        seen: float
        if reader.side == "annotations":
            # Without visibilities, Ultralytics takes a point for labelled unless it is negative.
            seen = min(2, max(0, math.ceil(rest[0]))) if rest else 2 * (x >= 0 and y >= 0)
        else:
            seen = rest[0] if rest else 1.0
        placed.append([x * size.width, y * size.height, seen])
    reader.tally["poses"] += reader.side == "annotations"
    said: dict[str, Any] = {"type": "keypoints", "keypoints": placed}
    return said | ({"bbox": box} if reader.side == "annotations" else {})


def _told(tally: Counter[str]) -> list[str]:
    said = {
        "twice": "a line stands twice in its file; each counts (Ultralytics drops the second)",
        "unsure": "no confidence, which is taken for 1 (Ultralytics writes it with save_conf=True)",
        "poses": "keypoints, whose OKS takes the whole box for the area of the object (Ultralytics takes 0.53 of it)",
        "boxed": "corners, of which the box around them is taken",
        "four corners": "four corners, taken for a polygon; --yolo-task obb reads rotated boxes",
    }
    notes = []
    for key, what in said.items():
        if count := tally[key]:
            notes.append(f"{count_of(count, 'label')}: {what}.")
    return notes
