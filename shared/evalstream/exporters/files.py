"""Where the files of an export go: into a folder, whole or not at all, or into a ZIP archive that is sent meanwhile."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final, cast

#: Opens a file of an export by its name, one at a time.
Open = Callable[[str], AbstractContextManager[IO[bytes]]]
#: Bytes that are compressed together.
_CHUNK: Final = 64 * 1024


@contextmanager
def placed(*targets: Path) -> Iterator[Open]:
    """Have files, or folders of them, written beside their places, and put there once all are whole.

    Raises
    ------
    FileExistsError
        If one is there already.
    """
    for own in targets:
        if own.exists():
            raise FileExistsError(f"{own} is there already; name another one")
    part = Path(tempfile.mkdtemp(prefix=f"{targets[0].name}.part-", dir=targets[0].parent))

    def open_file(name: str) -> IO[bytes]:
        (part / name).parent.mkdir(exist_ok=True)
        return (part / name).open("wb")

    try:
        yield open_file
        for own in targets:
            (part / own.name).rename(own)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def archived(file: IO[bytes]) -> Iterator[Open]:
    """Have files written into a ZIP archive, in order, without going back; ``file`` need not be seekable.

    The list at the end of an archive is written once all of them are whole: after an error it is missing, and whatever
    reads ZIP says so.
    """
    archive = zipfile.ZipFile(file, "w")

    def open_file(name: str) -> AbstractContextManager[IO[bytes]]:
        entry = zipfile.ZipInfo(name, datetime.now().timetuple()[:6])
        entry.external_attr = 0o644 << 16
        # Parquet is compressed already.
        entry.compress_type = zipfile.ZIP_STORED if name.endswith(".parquet") else zipfile.ZIP_DEFLATED
        raw = archive.open(entry, "w", force_zip64=True)
        return cast("AbstractContextManager[IO[bytes]]", io.BufferedWriter(cast("io.RawIOBase", raw), _CHUNK))

    try:
        yield open_file
    except BaseException:
        archive.fp = None  # else it would write the list when it is forgotten
        raise
    archive.close()
