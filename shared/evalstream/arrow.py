"""Columns between NumPy and Arrow without a copy, and without pandas; Arrow's functions without ``pyarrow.compute``.

Arrow's own ``pa.array``, ``pa.scalar`` and ``to_numpy`` import pandas where it is installed, to know its types when it
sees them. Columns' own ``take``, ``cast``, ``flatten`` and the like import ``pyarrow.compute``, which writes a Python
function with its documentation for each of some 300. Both take longer than many an evaluation; the ways here do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_LARGEST: Final = 2**31 - 1  # bytes of a column of strings
#: Where columns are made of columns: of memory that NumPy and kernels gave back, too; Arrow's own pool keeps its own.
_POOL: Final = pa.system_memory_pool()


def column(values: NDArray[Any]) -> pa.Array:
    """Give numbers, one dimension of them and none of them bools, as a column that shares their memory."""
    own = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(own.dtype), len(own), [None, pa.py_buffer(own)])


def numbers(values: pa.Array) -> NDArray[Any]:
    """Give a column of numbers without nulls as an array, not to be written to, that shares its memory."""
    return np.from_dlpack(values)


def texts(values: Iterable[str]) -> pa.Array:
    """Give strings as a column.

    Raises
    ------
    pyarrow.ArrowCapacityError
        If they are longer than a column may be.
    """
    given = list(values)
    data = "".join(given).encode()
    if len(data) > _LARGEST:
        raise pa.ArrowCapacityError(f"a column of strings has at most {_LARGEST:,} bytes (got {len(data):,})")
    start = np.zeros(len(given) + 1, np.int32)
    lengths = map(len, given) if data.isascii() else (len(one.encode()) for one in given)
    np.cumsum(np.fromiter(lengths, np.int64, len(given)), out=start[1:])
    return pa.StringArray.from_buffers(len(given), pa.py_buffer(start), pa.py_buffer(data))


def whole(chunks: pa.ChunkedArray) -> pa.Array:
    """Give a column of a table in one piece, from its beginning; ``combine_chunks`` copies even one that is."""
    own = chunks.chunk(0) if chunks.num_chunks == 1 else None
    return chunks.combine_chunks() if own is None or own.offset else own


def called(function: str, *columns: Any, options: Any = None) -> Any:
    """Call one of Arrow's functions by its name in ``pyarrow.compute``."""
    from pyarrow._compute import call_function  # the same as pyarrow.compute's

    return call_function(function, list(columns), options, _POOL)


def take(values: pa.Array, places: NDArray[Any]) -> pa.Array:
    """Give the entries at these places, in their order."""
    return called("take", values, column(places))


def as_texts(values: NDArray[Any]) -> pa.Array:
    """Give integers as a column of strings."""
    from pyarrow._compute import CastOptions

    return called("cast", column(values), options=CastOptions.safe(pa.string()))


def repeated(text: str, count: int) -> pa.Array:
    """Give a column of one string, so many times."""
    return pa.repeat(texts([text])[0], count, _POOL)
