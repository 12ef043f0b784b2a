"""Kernels: loops that NumPy has no words for, written in C and called through typed Python functions.

A kernel is declared where it is used, and defined in the C file of the same name beside that module::

    @compiled
    def box_iou(prediction: Float, annotation: Float, crowd: bool, one: float = 0.0) -> float:
        '''Compute …'''

The annotations say how it is called: an array is a pointer and a length, a named tuple a struct of its fields, ``int``
64 bits, ``float`` a double. What it gives back comes after the parameters, an array as memory that the kernel took and
NumPy gives back. ``tests/unit/native`` holds every declaration to its C prototype. Python's lock is free meanwhile.

``hatch_build.py`` builds the library when evalstream is installed, with the compiler of the package ``ziglang``.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from functools import cache, wraps
from inspect import get_annotations, signature
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints, overload

import numpy as np
from numpy.typing import NDArray

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
Array = NDArray[Any]

_SUFFIX: Final = {"win32": "dll", "darwin": "dylib"}.get(sys.platform, "so")
LIBRARY: Final = Path(__file__).with_name(f"kernels.{_SUFFIX}")

#: What has been declared, by its name in C.
DECLARED: Final[dict[str, Callable[..., Any]]] = {}


def _load() -> ctypes.CDLL:
    if not LIBRARY.exists():
        raise ImportError(
            f"evalstream's kernels are not built: there is no {LIBRARY}. Installing evalstream builds them, in a"
            " checkout too (pip install --editable .); where all else is installed, python hatch_build.py does."
        )
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise ImportError(
            f"evalstream's kernels were built for another kind of machine: {error}. Install evalstream here anew."
        ) from error


_library: Final = _load()
_free: Final = _library.native_free


class Column(ctypes.Structure):
    """An array in C: where it begins and how many entries it has, whatever its shape."""

    _fields_ = (("at", ctypes.c_void_p), ("n", ctypes.c_int64))


_SCALARS: Final[dict[Any, Any]] = {int: ctypes.c_int64, float: ctypes.c_double, bool: ctypes.c_bool}


@overload
def compiled(function: Kernel) -> Kernel: ...
@overload
def compiled(*, writes: Sequence[str]) -> Callable[[Kernel], Kernel]: ...
def compiled(function: Kernel | None = None, *, writes: Sequence[str] = ()) -> Any:
    """Let a function that is only declared call the kernel of its module and name.

    Parameters
    ----------
    writes : sequence of str
        Parameters that the kernel writes to. They must be contiguous arrays of exactly the type declared; of others a
        copy is made where that loses nothing.

    Raises
    ------
    TypeError
        When it is called with an array whose type would lose values.
    MemoryError
        When the kernel finds no memory.
    """
    if function is None:
        return lambda declared: _calling(declared, frozenset(writes))
    return _calling(function, frozenset())


def _calling(function: Kernel, writes: frozenset[str]) -> Kernel:
    name = f"{function.__module__.rpartition('.')[2]}_{function.__name__.lstrip('_')}"

    @cache
    def prepared() -> tuple[Any, list[tuple[str, Any]], Any, int]:
        hints = get_annotations(function, eval_str=True)
        result = hints.pop("return")
        return getattr(_library, name), list(hints.items()), result, len(hints)

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        native, parameters, result, count = prepared()
        if named or len(given) < count:
            bound = signature(function).bind(*given, **named)
            bound.apply_defaults()
            given = bound.args
        kept: list[Any] = []  # alive until the kernel is done
        arguments = []
        for value, (parameter, hint) in zip(given, parameters, strict=True):
            own = _argument(value, hint, kept, parameter in writes)
            arguments.append(ctypes.byref(own) if _is_named_tuple(hint) else own)
        places = [_place(hint) for hint in parts(result)]
        failed = native(*arguments, *map(ctypes.byref, places))
        values = [_taken(place, hint) for place, hint in zip(places, parts(result), strict=True)]
        if failed:
            raise MemoryError(f"the kernel {name} found no memory")
        if _is_named_tuple(result):
            return result(*values)
        return tuple(values) if len(values) > 1 else values[0] if values else None

    DECLARED[name] = function
    return call  # type: ignore[return-value]


def _argument(value: Any, hint: Any, kept: list[Any], exact: bool = False) -> Any:
    """Make of a Python value what C takes."""
    if hint in _SCALARS:
        return _SCALARS[hint](value)
    if _is_named_tuple(hint):
        return _structure(hint)(*(_argument(part, kind, kept) for part, kind in zip(value, fields(hint), strict=True)))
    wanted = dtype_of(hint)
    if type(value) is not np.ndarray or value.dtype != wanted or not value.flags.c_contiguous:
        own_type = np.asarray(value).dtype
        if exact or not np.can_cast(own_type, wanted, "safe"):
            raise TypeError(f"a kernel takes a contiguous array of {wanted} here, and this is of {own_type}")
        value = np.ascontiguousarray(value, wanted)
    kept.append(value)
    return Column(value.__array_interface__["data"][0], value.size)


@cache
def fields(kind: Any) -> list[Any]:
    """Return the types of a named tuple's fields."""
    hints = get_type_hints(kind)
    return [hints[name] for name in kind._fields]


@cache
def parts(result: Any) -> list[Any]:
    """Return the types of the values that a kernel gives back."""
    if result is None:
        return []
    if _is_named_tuple(result):
        return fields(result)
    return list(get_args(result)) if get_origin(result) is tuple else [result]


@cache
def dtype_of(hint: Any) -> np.dtype[Any]:
    """Return the type of an array's entries; of records, there are match rectangles alone."""
    scalar = get_args(get_args(hint)[1])[0]
    if scalar is np.void:
        from evalstream import scenes

        return scenes.RECTANGLE
    dtype: np.dtype[Any] = np.dtype(scalar)
    return dtype


def _is_named_tuple(hint: Any) -> bool:
    return hasattr(hint, "_fields")


@cache
def _structure(kind: Any) -> Any:
    def own(hint: Any) -> Any:
        return _SCALARS.get(hint) or (_structure(hint) if _is_named_tuple(hint) else Column)

    pairs = [(name, own(hint)) for name, hint in zip(kind._fields, fields(kind), strict=True)]
    return type(kind.__name__, (ctypes.Structure,), {"_fields_": pairs})


def _place(hint: Any) -> Any:
    return _SCALARS[hint]() if hint in _SCALARS else Column()


def _taken(place: Any, hint: Any) -> Any:
    """Read a value that a kernel gave back; an array is its memory, not a copy of it."""
    if hint in _SCALARS:
        return place.value
    wanted = dtype_of(hint)
    if not place.n:
        _free(ctypes.c_void_p(place.at))
        return np.empty(0, wanted)
    return np.asarray(_Memory(place.at, place.n * wanted.itemsize)).view(wanted)


class _Memory:
    """Memory that a kernel took, given back when no array needs it any more."""

    def __init__(self, address: int, size: int) -> None:
        self._address = address
        self.__array_interface__ = {"data": (address, False), "shape": (size,), "typestr": "|u1", "version": 3}

    def __del__(self) -> None:
        _free(ctypes.c_void_p(self._address))
