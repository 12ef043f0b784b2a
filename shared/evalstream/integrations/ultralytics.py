"""Each validation of an Ultralytics YOLO as a run.

>>> import evalstream, ultralytics  # doctest: +SKIP
>>> from evalstream.integrations.ultralytics import log_validation
>>> model = ultralytics.YOLO("yolo11n.pt")  # doctest: +SKIP
>>> with evalstream.connect() as client:  # doctest: +SKIP
...     log_validation(model, client, "street", "yolo-e{step}")
...     model.train(data="street.yaml", epochs=100)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from evalstream.client import Client
from evalstream.client.runs import Run
from evalstream.importers.arrays import as_array

#: What stands for the step in the name of a validation that is of no epoch: ``model.val()``, or of the best weights.
OUTSIDE_TRAINING = "val"


def log_validation(
    model: Any,
    client: Client,
    dataset: str,
    run: str,
    *,
    image: Callable[[str], str] = lambda path: Path(path).stem,
    **options: Any,
) -> None:
    """Have a model log the boxes of each validation: of each epoch of a training, and of ``val``.

    Parameters
    ----------
    model : ultralytics.YOLO
        A model that detects; callbacks are added to it.
    run : str
        The name of runs, with ``{step}`` for the epoch, from 1.
    image : callable
        Names the data row of an image by its path; by default as label files do, without folder and ending.
    **options
        As of :meth:`evalstream.Client.run`.
    """
    epoch: list[int] = []
    open_runs: dict[int, Run] = {}

    def on_train_epoch_end(trainer: Any) -> None:
        epoch[:] = [int(trainer.epoch) + 1]

    def on_val_start(validator: Any) -> None:
        # In a training the last validation is of the best weights, and of no epoch.
        step = epoch[0] if validator.training and epoch else None
        name = run.format(step=OUTSIDE_TRAINING if step is None else step)
        log = open_runs[id(validator)] = client.run(dataset, name, step=step, **options)
        own = type(validator).update_metrics

        def update_metrics(predictions: Any, batch: Any) -> Any:
            for place, predicted in enumerate(predictions):
                log.log(image(str(batch["im_file"][place])), _scaled(validator, predicted, place, batch))
            return own(validator, predictions, batch)

        validator.update_metrics = update_metrics

    def on_val_end(validator: Any) -> None:
        del validator.update_metrics
        open_runs.pop(id(validator)).finish()

    for callback in (on_train_epoch_end, on_val_start, on_val_end):
        model.add_callback(callback.__name__, callback)


def _scaled(validator: Any, predicted: Any, place: int, batch: Any) -> dict[str, Any]:
    """Give one image's boxes in its own pixels, as the validator counts them."""
    own = validator._prepare_batch(place, batch)
    # Copied, for some validators write into what they prepare.
    boxes = validator.scale_preds(validator._prepare_pred({**predicted, "cls": predicted["cls"].clone()}), own)
    names = [validator.names[int(code)] for code in as_array(boxes["cls"])]
    return {"boxes": boxes["bboxes"], "labels": np.array(names, np.str_), "scores": boxes["conf"]}
