"""Kernels are called as they are defined, are built of what stands here, and are spared wrong arrays."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from inspect import get_annotations
from pathlib import Path
from typing import Any

import evalstream
import numpy as np
import pytest
from evalstream import native
from evalstream.geometry.bbox import box_iou
from evalstream.native import DECLARED, dtype_of, fields, parts

ROOT = Path(__file__).resolve().parents[3]
#: The types of single values, and of the entries of columns, as C names them.
SCALARS = {int: "int64_t", float: "double", bool: "bool"}
COLUMNS = {
    "float64": "Floats", "int64": "Ints", "int32": "Codes", "int8": "Smalls", "bool": "Flags", "uint8": "Bytes",
    "uint32": "Bits", "uint64": "Keys",
}  # fmt: skip
PARAMETER = re.compile(r"(?:const )?(\w+) ?\*?(\w+)")


def sources() -> str:
    """Return all C files as one text, without comments."""
    folder = ROOT / "shared" / "evalstream"
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.[ch]")))
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def declared() -> dict[str, Any]:
    """Return every kernel that some module of the library declares."""
    shared = ROOT / "shared"
    for folder in {path.parent for path in shared.rglob("*.c")} - {Path(native.__file__).parent}:
        for module in pkgutil.iter_modules([str(folder)]):
            importlib.import_module(".".join([*folder.relative_to(shared).parts, module.name]))
    return DECLARED


def c_type(hint: Any) -> str:
    if hint in SCALARS:
        return SCALARS[hint]
    if hasattr(hint, "_fields"):
        return str(hint.__name__).lstrip("_")
    kind = dtype_of(hint)
    return "Rectangles" if kind.names else COLUMNS[kind.name]


def prototypes() -> dict[str, list[str]]:
    """Return the types of every kernel's parameters, those it gives back last."""
    found = re.findall(r"^KERNEL (\w+)\(([^)]*)\)\s*{", sources(), re.MULTILINE)
    return {name: [PARAMETER.match(one.strip())[1] for one in text.split(",")] for name, text in found}  # type: ignore[index]


def structs() -> Iterator[tuple[str, list[str]]]:
    """Return every struct that C defines: its name and the types of its fields."""
    for body, name in re.findall(r"typedef struct {([^}]*)} (\w+);", sources()):
        kinds = []
        for line in filter(None, map(str.strip, body.split(";"))):
            kind, names = line.split(maxsplit=1)
            kinds += [kind] * len(names.split(","))
        yield name, kinds


def named_tuples(hints: list[Any]) -> Iterator[Any]:
    for hint in hints:
        if hasattr(hint, "_fields"):
            yield hint
            yield from named_tuples(fields(hint))


def test_every_kernel_is_called_as_it_is_defined() -> None:
    expected = {}
    for name, function in declared().items():
        hints = get_annotations(function, eval_str=True)
        result = hints.pop("return")
        expected[name] = [*map(c_type, hints.values()), *map(c_type, parts(result))]
    defined = {name: kinds for name, kinds in prototypes().items() if not name.startswith("native_")}
    assert expected == defined


def test_every_named_tuple_is_its_struct() -> None:
    defined: dict[str, list[list[str]]] = {}
    for name, kinds in structs():
        defined.setdefault(name, []).append(kinds)
    for function in declared().values():
        hints = get_annotations(function, eval_str=True)
        hints.pop("return")
        for kind in named_tuples(list(hints.values())):
            for own in defined[c_type(kind)]:
                assert own == [c_type(hint) for hint in fields(kind)], kind


def test_the_library_is_built_of_these_sources() -> None:
    """If not: ``python hatch_build.py``."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    built_of = ctypes.create_string_buffer(128)
    ctypes.CDLL(str(native.LIBRARY)).native_sources(built_of)
    assert built_of.value.decode() == build.digest(ROOT)
    assert build.library(ROOT) == native.LIBRARY


def test_an_array_is_taken_whatever_its_layout() -> None:
    box = np.array([[0.0, 9], [0, 9], [2, 9], [2, 9]])[:, 0]
    assert not box.flags.c_contiguous
    assert box_iou(box, np.array([1, 0, 2, 2], np.int32), False) == 2 / 6  # type: ignore[arg-type]
    assert box_iou(box, annotation=np.array([1.0, 0, 2, 2]), crowd=True) == 0.5


def test_an_array_that_would_lose_values_is_refused() -> None:
    with pytest.raises(TypeError, match="takes a contiguous array of float64 here, and this is of complex128"):
        box_iou(np.zeros(4, np.complex128), np.zeros(4), False)  # type: ignore[arg-type]


def test_without_the_library_it_is_said_what_to_do(tmp_path: Path) -> None:
    shutil.copytree(
        Path(evalstream.__file__).parent, tmp_path / "evalstream", ignore=shutil.ignore_patterns("kernels.*")
    )
    command = "import evalstream.geometry.bbox"
    done = subprocess.run(
        [sys.executable, "-c", command], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "kernels are not built" in done.stderr
    assert "pip install --editable ." in done.stderr
