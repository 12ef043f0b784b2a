"""Each validation epoch of a ``LightningModule`` as a run.

>>> import evalstream, lightning  # doctest: +SKIP
>>> from evalstream.integrations.lightning import validation_log
>>> client = evalstream.connect()  # doctest: +SKIP
>>> trainer = lightning.Trainer(callbacks=[validation_log(client, "street", "detr-e{step}")])  # doctest: +SKIP

``validation_step`` returns what is to be logged: ``{"images": ["0001.jpg", …], "predictions": [{"boxes": …}, …]}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from evalstream.client import Client
from evalstream.client.runs import Run

Read = Callable[[Any, Any], Iterable[tuple[Any, Any]]]


def as_returned(outputs: Any, _batch: Any) -> Iterable[tuple[Any, Any]]:
    """Take the images and predictions that ``validation_step`` returned."""
    return zip(outputs["images"], outputs["predictions"], strict=True)


def validation_log(client: Client, dataset: str, run: str, *, read: Read = as_returned, **options: Any) -> Any:
    """Make a callback that logs each validation epoch.

    Parameters
    ----------
    run : str
        The name of runs, with ``{step}`` for the epoch, from 0 as Lightning counts.
    read : callable
        Given what ``validation_step`` returned and the batch, names each image with what was found on it, as
        :meth:`evalstream.client.runs.Run.log` takes it.
    **options
        As of :meth:`evalstream.Client.run`.

    Returns
    -------
    lightning.pytorch.Callback
        Its ``figures`` are those of the last epoch, flat, and logged by the module's loggers as ``evalstream/ap`` ….
    """
    base: Any = _base()

    class ValidationLog(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self._run: Run | None = None
            self.figures: dict[str, float] = {}

        def on_validation_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 -- as it is called
            if not trainer.sanity_checking:
                epoch = int(trainer.current_epoch)
                self._run = client.run(dataset, run.format(step=epoch), step=epoch, **options)

        def on_validation_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
        ) -> None:  # as it is called
            del trainer, pl_module, batch_idx, dataloader_idx
            if self._run is not None:
                for image, predicted in read(outputs, batch):
                    self._run.log(image, predicted)

        def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if self._run is None:
                return
            own, self._run = self._run, None
            own.finish()
            if own.matched and trainer.is_global_zero:
                self.figures = own.figures("evalstream")
                pl_module.log_dict(self.figures, rank_zero_only=True)

    return ValidationLog()


def _base() -> Any:
    try:
        return import_module("lightning.pytorch").Callback
    except ModuleNotFoundError:
        return import_module("pytorch_lightning").Callback
