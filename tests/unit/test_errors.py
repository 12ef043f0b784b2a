"""Every error that evalstream raises itself has one root."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import evalstream
import pytest
from evalstream.errors import EvalstreamError

SERVICES = (
    "evalstream_devcluster",
    "evalstream_service",
    "evalstream_api",
    "evalstream_cluster",
    "evalstream_embedded",
)


def modules() -> Iterator[ModuleType]:
    for package in ("evalstream", *SERVICES):
        found = import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if module.name != "evalstream.native.kernels":  # a library, and no module of Python
                yield import_module(module.name)


def test_errors_have_one_root() -> None:
    errors = {
        own
        for module in modules()
        for name, own in vars(module).items()
        if isinstance(own, type)
        and issubclass(own, Exception)
        and not issubclass(own, Warning)
        and own.__module__ == module.__name__
        and name.endswith("Error")
        and not name.startswith("_")
    }
    assert len(errors) > 10
    assert {own for own in errors if not issubclass(own, EvalstreamError)} == set()


def test_the_root_is_public() -> None:
    with pytest.raises(evalstream.EvalstreamError, match=r"nowhere\.json"):
        evalstream.evaluate("nowhere.json", "nowhere.json")
