"""Find the browser that tests, pictures and benchmarks of the page drive."""

from __future__ import annotations

import shutil
from typing import Final

#: The one without windows first: it draws the same, and a page takes it a quarter less CPU time.
_PROGRAMS: Final = ("chromium-headless-shell", "chromium", "google-chrome")
#: What to say where there is none.
NO_CHROMIUM: Final = "no Chromium on this machine (Debian: apt install chromium-headless-shell)"


def find_chromium() -> str | None:
    """Give the path of the first program that there is."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)
