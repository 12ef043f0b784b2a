"""Callbacks of training libraries, called as these call them.

PyTorch, on which all of them stand, is too heavy to be installed for these tests: what calls the callbacks here stands
in for the libraries, and was written after their sources (Ultralytics 8.4, Lightning 2.6, Transformers 5.24). Where one
is installed, its own base class is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from evalstream.integrations.huggingface import evaluation_log
from evalstream.integrations.lightning import validation_log
from evalstream.integrations.ultralytics import log_validation

from tests.unit.client.recorder import Recorder


@pytest.fixture
def service() -> Recorder:
    return Recorder()


class Tensor(np.ndarray):  # type: ignore[type-arg]
    def clone(self) -> Tensor:
        return self.copy().view(Tensor)


def tensor(values: Any) -> Tensor:
    return np.asarray(values, float).view(Tensor)


class Validator:
    """What of Ultralytics' ``DetectionValidator`` takes part, and in the order of its ``__call__``."""

    def __init__(self, callbacks: dict[str, list[Callable[[Any], None]]]) -> None:
        self.names = {0: "car", 1: "bus"}
        self.callbacks = callbacks
        self.seen = 0

    def __call__(self, *, training: bool) -> None:
        self.training = training
        self._run("on_val_start")
        for name in ("a", "b"):
            found = {"bboxes": tensor([[0, 0, 10, 10]]), "conf": tensor([0.5]), "cls": tensor([1])}
            self.update_metrics([found], {"im_file": [f"/data/{name}.jpg"], "ratio_pad": [2.0]})
        self._run("on_val_end")

    def _run(self, event: str) -> None:
        for callback in self.callbacks.get(event, []):
            callback(self)

    def update_metrics(self, predictions: Any, _batch: Any) -> None:
        self.seen += len(predictions)

    def _prepare_batch(self, place: int, batch: Any) -> Any:
        return {"ratio_pad": batch["ratio_pad"][place]}

    def _prepare_pred(self, found: Any) -> Any:
        found["cls"] *= 0  # as it does where there is a single class
        return found

    def scale_preds(self, found: Any, batch: Any) -> Any:
        return {**found, "bboxes": found["bboxes"] * batch["ratio_pad"]}


class Yolo:
    """What of Ultralytics' model and trainer takes part."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[Callable[[Any], None]]] = {}
        self.validator = Validator(self.callbacks)

    def add_callback(self, event: str, callback: Callable[[Any], None]) -> None:
        self.callbacks.setdefault(event, []).append(callback)

    def train(self, epochs: int) -> None:
        for epoch in range(epochs):
            for callback in self.callbacks.get("on_train_epoch_end", []):
                callback(SimpleNamespace(epoch=epoch))
            self.validator(training=True)
        self.validator(training=False)  # of the best weights


def test_ultralytics(service: Recorder, tmp_path: Path) -> None:
    model = Yolo()
    log_validation(model, service.client, "street", "yolo-e{step}", spool=tmp_path)
    model.train(2)
    assert list(service.by_run) == ["yolo-e1", "yolo-e2", "yolo-eval"]
    assert service.steps == {"yolo-e1": 1, "yolo-e2": 2}
    for events in service.by_run.values():
        assert [event["data_row"] for event in events] == ["a", "b"]
        (found,) = events[0]["predictions"]
        assert (found["feature"], found["bbox"], found["confidence"]) == ("car", [0, 0, 20, 20], 0.5)
    assert model.validator.seen == 6  # what the validator itself does goes on as before
    assert "update_metrics" not in vars(model.validator)


def stand_in(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    """Have a library with a base class of callbacks, where there is none."""
    try:
        __import__(module)
    except ImportError:
        made = ModuleType(module)
        setattr(made, name, type(name, (), {}))
        monkeypatch.setitem(sys.modules, module, made)


def test_lightning(service: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "lightning.pytorch", "Callback")
    callback = validation_log(service.client, "street", "detr-e{step}", spool=tmp_path)
    logged: list[dict[str, float]] = []
    module = SimpleNamespace(log_dict=lambda figures, **_: logged.append(figures))
    found = {"boxes": [[0, 0, 10, 10]], "labels": ["car"], "scores": [0.5]}
    for epoch, sanity_checking in ((0, True), (0, False), (1, False)):
        trainer = SimpleNamespace(current_epoch=epoch, sanity_checking=sanity_checking, is_global_zero=True)
        callback.on_validation_epoch_start(trainer, module)
        for name in ("a", "b"):
            outputs = {"images": [name], "predictions": [found]}
            callback.on_validation_batch_end(trainer, module, outputs, None, 0)
        callback.on_validation_epoch_end(trainer, module)
    assert {run: len(events) for run, events in service.by_run.items()} == {"detr-e0": 2, "detr-e1": 2}
    assert service.steps == {"detr-e0": 0, "detr-e1": 1}
    assert logged == [service.figures("evalstream")] * 2


def test_hugging_face(service: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "transformers", "TrainerCallback")

    def read(predictions: Any) -> Any:
        return [(name, [{"label": label, "score": 0.5}]) for name, label in zip("ab", predictions, strict=True)]

    log = evaluation_log(service.client, "street", "bert-{step}", read=read, spool=tmp_path)
    for step in (500, 1000):
        log.on_prediction_step(None, SimpleNamespace(global_step=step), None, eval_dataloader=None)
        assert log.compute_metrics(["cat", "dog"]) == service.figures()
    assert service.steps == {"bert-500": 500, "bert-1000": 1000}
    assert [event["predictions"][0]["answer"] for event in service.by_run["bert-500"]] == ["cat", "dog"]
