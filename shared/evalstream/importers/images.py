"""Images beside label files: which there are, and how large each is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from evalstream.importers.names import IMAGE_ENDINGS
from evalstream.importers.options import Size
from evalstream.importers.problems import ImporterError

_ENDINGS: Final = IMAGE_ENDINGS - {"txt", "xml"}
_ORIENTATION: Final = 274  # EXIF
_TURNED: Final = frozenset({5, 6, 7, 8})  # by a quarter


def images_in(folder: Path) -> list[Path]:
    """Find the images in a folder and below."""
    return [path for path in sorted(folder.rglob("*")) if path.suffix[1:].lower() in _ENDINGS and path.is_file()]


def size_of(path: Path) -> Size:
    """Read the size of an image as it is shown, from its header alone.

    Raises
    ------
    ImporterError
        If it is no image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.format == "JPEG" and image.getexif().get(_ORIENTATION) in _TURNED
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ImporterError(f"{path}: no image: {error}") from None
    return Size(height, width) if turned else Size(width, height)
