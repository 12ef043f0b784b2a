"""Each evaluation of a Hugging Face ``Trainer`` as a run.

>>> import evalstream, transformers  # doctest: +SKIP
>>> from evalstream.integrations.huggingface import evaluation_log
>>> log = evaluation_log(evalstream.connect(), "street", "detr-{step}", read=boxes)  # doctest: +SKIP
>>> trainer = transformers.Trainer(…, callbacks=[log], compute_metrics=log.compute_metrics)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from evalstream.client import Client


def evaluation_log(
    client: Client, dataset: str, run: str, *, read: Callable[[Any], Iterable[tuple[Any, Any]]], **options: Any
) -> Any:
    """Make a callback that logs each evaluation; to be given with its ``compute_metrics``.

    A trainer shows predictions to ``compute_metrics`` alone, and the step to callbacks alone: so this is both.

    Parameters
    ----------
    run : str
        The name of runs, with ``{step}`` for the trainer's ``global_step``.
    read : callable
        Given the ``EvalPrediction``, names each image or text with what was found on it, as
        :meth:`evalstream.client.runs.Run.log` takes it; what ``post_process_object_detection`` gives, for instance.
    **options
        As of :meth:`evalstream.Client.run`.

    Returns
    -------
    transformers.TrainerCallback
        Its ``compute_metrics`` gives the headline figures, which the trainer logs as ``eval_ap`` ….
    """
    base: Any = import_module("transformers").TrainerCallback

    class EvaluationLog(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self._step = 0

        def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 -- as called
            self._step = int(state.global_step)

        def compute_metrics(self, predictions: Any) -> dict[str, float]:
            with client.run(dataset, run.format(step=self._step), step=self._step, **options) as own:
                for image, predicted in read(predictions):
                    own.log(image, predicted)
            return own.figures() if own.matched else {}

    return EvaluationLog()
