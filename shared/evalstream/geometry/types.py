"""The annotation types, as the codes that stand in columns of scenes."""

from __future__ import annotations

from typing import Final

#: One entry an annotation type, in the order in which it was added; a code is a position here.
TYPES: Final = ("bbox", "radio")
CODES: Final = {name: code for code, name in enumerate(TYPES)}
