"""evalstream: continuous evaluation of machine-learning models.

>>> import evalstream
>>> evaluation = evalstream.evaluate("gt.json", "dt.json")  # doctest: +SKIP
>>> evaluation.average_precision().ap  # doctest: +SKIP
0.5046

Names are imported when they are first used, so that ``import evalstream`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalstream.client import (
        AsyncClient,
        Client,
        ClientError,
        NoServiceError,
        RefusedError,
        RejectedError,
        connect,
        connect_async,
    )
    from evalstream.errors import EvalstreamError
    from evalstream.evaluation import Evaluation
    from evalstream.evaluator import Evaluator
    from evalstream.importers.problems import ImporterError, Problem
    from evalstream.library import evaluate
    from evalstream.selection import QuestionError

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "EvalstreamError",
    "Evaluation",
    "Evaluator",
    "ImporterError",
    "NoServiceError",
    "Problem",
    "QuestionError",
    "RefusedError",
    "RejectedError",
    "connect",
    "connect_async",
    "evaluate",
]

_HOME = {
    "AsyncClient": "evalstream.client",
    "Client": "evalstream.client",
    "ClientError": "evalstream.client",
    "Evaluation": "evalstream.evaluation",
    "EvalstreamError": "evalstream.errors",
    "Evaluator": "evalstream.evaluator",
    "ImporterError": "evalstream.importers.problems",
    "NoServiceError": "evalstream.client",
    "Problem": "evalstream.importers.problems",
    "QuestionError": "evalstream.selection",
    "RefusedError": "evalstream.client",
    "RejectedError": "evalstream.client",
    "connect": "evalstream.client",
    "connect_async": "evalstream.client",
    "evaluate": "evalstream.library",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'evalstream' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
