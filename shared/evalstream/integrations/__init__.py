"""Callbacks for training libraries, each in a module of its own, which imports that library and no other.

- :mod:`evalstream.integrations.ultralytics`: each validation of a YOLO is a run;
- :mod:`evalstream.integrations.lightning`: so is each validation epoch of a ``LightningModule``;
- :mod:`evalstream.integrations.huggingface`: and each evaluation of a ``Trainer``.

And the way back: :mod:`evalstream.integrations.fiftyone` writes what became of each object into a FiftyOne data set.

Runs are named by a pattern: ``yolo-e{step}`` makes ``yolo-e1``, ``yolo-e2`` …, each with its step, so that
``client.history("street", prefix="yolo-e")`` gives a figure along the training.

Experiment trackers need no callback: ``client.figures(dataset, run, prefix)`` and ``run.figures(prefix)`` are flat
dictionaries, for ``wandb.log(…)`` and ``mlflow.log_metrics(…)`` as they are.
"""
