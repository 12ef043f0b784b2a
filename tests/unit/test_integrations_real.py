"""Callbacks and readers with the real packages, where they are installed: tiny models, two steps, an engine here.

None of the packages is needed to develop evalstream. To run these, install them in an environment of their own, beside
what ``pyproject.toml`` names: ``pip install torch torchvision ultralytics lightning transformers accelerate supervision
wandb mlflow-skinny``.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import evalstream
import numpy as np
import pytest
from evalstream.client import Client
from PIL import Image

pytestmark = pytest.mark.filterwarnings("ignore")  # those of other people's packages
BOX = {"boxes": [[16, 12, 48, 36]], "labels": ["car"]}


def needs(*packages: str) -> pytest.MarkDecorator:
    missing = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with evalstream.connect(tmp_path_factory.mktemp("integrations")) as client:
        yield client


@needs("ultralytics", "torch")
def test_ultralytics(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlflow").as_uri())
    monkeypatch.setenv("WANDB_MODE", "disabled")
    from evalstream.integrations.ultralytics import log_validation
    from ultralytics import YOLO

    random = np.random.default_rng(0)
    for part in ("train", "val"):
        for folder in ("images", "labels"):
            (tmp_path / folder / part).mkdir(parents=True)
        for i in range(4):
            pixels = random.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / part / f"{i}.png")
            (tmp_path / "labels" / part / f"{i}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    data = tmp_path / "data.yaml"
    data.write_text(f"path: {tmp_path}\ntrain: images/train\nval: images/val\nnames: {{0: car}}\n")
    client.upload("street", {str(i): BOX for i in range(4)})
    model = YOLO("yolo11n.yaml")
    log_validation(model, client, "street", "yolo-e{step}", spool=tmp_path / "spool")
    said = {"imgsz": 64, "batch": 2, "device": "cpu", "workers": 0, "plots": False, "amp": False, "verbose": False}
    model.train(data=str(data), epochs=2, project=str(tmp_path / "runs"), **said)
    assert client.runs("street") == ["yolo-e1", "yolo-e2", "yolo-eval"]
    assert [one.step for one in client.history("street", prefix="yolo-e", metric="f1").points] == [1, 2]
    assert [client.progress("street", run).done for run in client.runs("street")] == [4, 4, 4]

    (found,) = model.predict(str(tmp_path / "images" / "val" / "0.png"), imgsz=64, conf=0.0001, verbose=False)
    with client.run("street", "predicted", spool=tmp_path / "spool") as run:
        run.log("0", found)
    assert client.summary("street", "predicted").predictions == len(found.boxes) > 0


@needs("lightning", "torch")
def test_lightning(client: Client, tmp_path: Path) -> None:
    import lightning
    import torch
    from evalstream.integrations.lightning import validation_log

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch: Any, _number: int) -> Any:
            return self.layer(batch).sum()

        def validation_step(self, batch: Any, number: int) -> Any:
            box = torch.tensor([[16.0, 12, 48, 36]])
            found = {"boxes": box, "labels": torch.tensor([0]), "scores": torch.tensor([0.5])}
            return {"images": [f"{number}-{i}" for i in range(len(batch))], "predictions": [found for _ in batch]}

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.01)

    client.upload("light", {f"{number}-{i}": BOX for number in range(2) for i in range(2)})
    log = validation_log(client, "light", "e{step}", spool=tmp_path / "spool", classes=["car"])
    logger = lightning.pytorch.loggers.CSVLogger(str(tmp_path))
    quiet = {"enable_progress_bar": False, "enable_checkpointing": False, "log_every_n_steps": 1}
    trainer = lightning.Trainer(max_epochs=2, callbacks=[log], logger=logger, accelerator="cpu", **quiet)
    batches = torch.utils.data.DataLoader(torch.rand(4, 2), batch_size=2)
    trainer.fit(Module(), batches, batches)
    assert client.runs("light") == ["e0", "e1"]
    assert log.figures == client.figures("light", "e1", "evalstream")
    assert float(trainer.callback_metrics["evalstream/tp"]) == client.summary("light", "e1").tp == 4


@needs("transformers", "torch", "accelerate")
def test_hugging_face(client: Client, tmp_path: Path) -> None:
    import torch
    from evalstream.integrations.huggingface import evaluation_log
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    names = ("cat", "dog")
    size = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = BertForSequenceClassification(BertConfig(**size, intermediate_size=8, num_labels=2))
    texts = [{"input_ids": torch.tensor([1, 2, 3]), "labels": torch.tensor(i % 2)} for i in range(4)]
    answers = [{"type": "radio", "feature": "animal", "answer": names[i % 2]} for i in range(4)]
    client.upload("texts", {str(i): [one] for i, one in enumerate(answers)})

    def read(predicted: Any) -> Iterator[tuple[str, Any]]:
        for i, scores in enumerate(torch.softmax(torch.tensor(predicted.predictions), -1)):
            best = int(scores.argmax())
            yield (
                str(i),
                [{"type": "radio", "feature": "animal", "answer": names[best], "confidence": float(scores[best])}],
            )

    log = evaluation_log(client, "texts", "bert-{step}", read=read, spool=tmp_path / "spool")
    often = {"max_steps": 2, "eval_strategy": "steps", "eval_steps": 1, "save_strategy": "no", "logging_steps": 1}
    quiet = {"report_to": [], "use_cpu": True, "disable_tqdm": True}
    trainer = Trainer(
        model=model,
        args=TrainingArguments(output_dir=str(tmp_path), **often, **quiet),
        train_dataset=texts,
        eval_dataset=texts,
        callbacks=[log],
        compute_metrics=log.compute_metrics,
    )
    trainer.train()
    assert client.runs("texts") == ["bert-1", "bert-2"]
    logged = [one for one in trainer.state.log_history if "eval_tp" in one]
    assert [one["eval_tp"] for one in logged] == [client.summary("texts", run).tp for run in ("bert-1", "bert-2")]


@needs("supervision")
def test_supervision(client: Client, tmp_path: Path) -> None:
    import supervision

    client.upload("detections", {"a": BOX})
    found = supervision.Detections(
        xyxy=np.array(BOX["boxes"], float),
        confidence=np.array([0.9]),
        class_id=np.array([0]),
        data={"class_name": np.array(["car"])},
    )
    with client.run("detections", "v1", spool=tmp_path / "spool") as run:
        run.log("a", found)
    assert client.summary("detections", "v1").tp == 1


@pytest.fixture
def figures(client: Client) -> dict[str, float]:
    client.upload("tracked", {"a": BOX}, predictions={"a": {**BOX, "scores": [0.9]}}, run="v1")
    return client.figures("tracked", "v1", "val")


@needs("wandb")
def test_wandb(figures: dict[str, float], tmp_path: Path) -> None:
    import wandb

    with wandb.init(project="evalstream", mode="offline", dir=str(tmp_path)) as run:
        run.log(figures)
        assert {name: run.summary[name] for name in figures} == figures


@needs("mlflow")
def test_mlflow(figures: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow

    mlflow.set_tracking_uri((tmp_path / "mlflow").as_uri())
    with mlflow.start_run() as run:
        mlflow.log_metrics(figures, step=1)
    assert mlflow.get_run(run.info.run_id).data.metrics == figures
