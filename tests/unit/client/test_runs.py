"""The log of a training loop: everything arrives, whatever ends the loop, and the loop waits for nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import evalstream
import httpx
import numpy as np
import pytest
from evalstream.client import Client, NoServiceError, RejectedError
from evalstream.client.logged import events
from evalstream.client.runs import Run, UnsentWarning, send_leftovers
from evalstream.client.spool import Header, Spool, leftovers, lines
from evalstream.importers.problems import ImporterError
from evalstream.selection import QuestionError

from tests.faults.service import Service, environment
from tests.unit.client.recorder import Recorder

PREDICTION = {"boxes": np.array([[0.0, 0, 10, 10]]), "labels": np.array(["car"]), "scores": np.array([0.9])}
TRUTH = [
    {
        "data_row": str(i),
        "operation": "replace",
        "annotations": [{"type": "bbox", "feature": "car", "bbox": [0, 0, 10, 10]}],
    }
    for i in range(30)
]


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[Client]:
    with evalstream.connect(service.url, api_key="key") as client:
        client.upload("training", TRUTH)
        yield client


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)


def log(service: Recorder, folder: Path, *images: Any, error: BaseException | None = None, **how: Any) -> None:
    """Log the images in a run, which ends with an error if there is one."""
    with service.client.run("d", "r", spool=folder, **how) as run:
        for image in images:
            run.log(image, **PREDICTION)
        if error is not None:
            raise error


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


def test_what_is_logged_is_what_is_asked_for_at_once(client: Client, tmp_path: Path) -> None:
    with client.run("training", "yolo-e12", step=12, spool=tmp_path) as run:
        for i in range(30):
            run.log(i, **PREDICTION)
        run.log(29, {"boxes": [], "labels": [], "scores": []})  # logged again: this is what counts
    found = client.summary("training", "yolo-e12")
    assert (found.rows, found.tp, found.fn) == (30, 29, 1)
    assert run.figures("val")["val/recall"] == 29 / 30
    assert files(tmp_path) == []


def test_steps_are_listed_with_runs_and_history_goes_along_them(client: Client, tmp_path: Path) -> None:
    for epoch in (2, 0, 1):
        with client.run("training", f"unet-e{epoch}", step=epoch, spool=tmp_path) as run:
            for i in range(10 * (epoch + 1)):
                run.log(i, PREDICTION)
    client.upload("training", predictions={"0": PREDICTION}, run="unet-extra")
    steps = next(own.steps for own in client.datasets().datasets if own.dataset == "training")
    assert {run: step for run, step in steps.items() if run.startswith("unet")} == {f"unet-e{i}": i for i in range(3)}
    found = client.history("training", metric="tp", prefix="unet-")
    assert [(point.step, point.run, point.value) for point in found.points] == [
        (0, "unet-e0", 10),
        (1, "unet-e1", 20),
        (2, "unet-e2", 30),
    ]
    assert (found.total, found.without_step) == (3, 1)
    for metric in ("f1", "mean_iou", "ap50", "tn"):
        for point in client.history("training", metric=metric, prefix="unet-", policy="coco", iou=0.75).points:
            ask = client.average_precision if metric == "ap50" else client.summary
            assert point.value == getattr(ask("training", point.run, policy="coco", iou=0.75), metric)
            assert (point.undefined is None) == (point.value is not None)
    assert [point.step for point in client.history("training", prefix="unet-", last=2).points] == [1, 2]
    custom = client.history("training", metric="custom.blur", prefix="unet-e2").points
    assert [(point.value, point.undefined) for point in custom] == [(None, "no metric 'blur' was sent of this run")]
    with pytest.raises(evalstream.RefusedError, match="there is no figure 'f9' along steps"):
        client.history("training", metric="f9")
    client.set_step("training", "unet-e2", -7)
    assert [point.run for point in client.history("training", prefix="unet-").points] == [
        "unet-e2",
        "unet-e0",
        "unet-e1",
    ]
    client.delete_run("training", "unet-e0")
    assert client.history("training", prefix="unet-").total == 2
    client.upload("training", predictions={"0": PREDICTION}, run="unet-e0")
    assert client.history("training", prefix="unet-").total == 2  # created anew, it has no step


def test_rejected_images_are_named_at_the_end(tmp_path: Path) -> None:
    service = Recorder()
    with pytest.raises(RejectedError, match="image wrong: it is wrong") as error:
        log(service, tmp_path, "a", "wrong", "b")
    assert error.value.count == 1
    assert {event["data_row"] for event in service.events} == {"a", "b"}
    with pytest.warns(UserWarning, match="image wrong"):
        log(service, tmp_path, "wrong", on_rejected="warn")
    assert files(tmp_path) == []


def test_what_cannot_be_read_is_told_at_once_and_not_logged(tmp_path: Path) -> None:
    service = Recorder()
    with service.client.run("d", "r", spool=tmp_path) as run:
        with pytest.raises(ImporterError, match=r"image a: boxes: must have the shape \(n, 4\)"):
            run.log("a", boxes=[[1, 2, 3]], labels=["car"], scores=[0.5])
        with pytest.raises(ValueError, match="nothing was found"):
            run.log("a")
        run.log("b", boxes=[], labels=[], scores=[])
    assert [event["data_row"] for event in service.events] == ["b"]
    with pytest.raises(RuntimeError, match="has ended"):
        run.log("c", **PREDICTION)


def test_nothing_is_lost_while_the_service_is_down_and_the_next_run_sends_it(tmp_path: Path) -> None:
    service = Recorder(up=False)
    with pytest.warns(UnsentWarning, match="`evalstream spool`"):
        log(service, tmp_path, *range(5), step=1)
    (kept,) = files(tmp_path)
    service.up = True
    log(service, tmp_path, "new")
    assert [event["data_row"] for event in service.events] == [*map(str, range(5)), "new"]
    assert service.steps == {"r": 1}
    assert files(tmp_path) == []
    assert not kept.exists()


def test_an_error_of_the_loop_stays_the_error_and_what_was_logged_is_sent(tmp_path: Path) -> None:
    service = Recorder()
    with pytest.raises(ZeroDivisionError) as error:
        log(service, tmp_path, "wrong", "a", error=ZeroDivisionError())
    assert "image wrong" in error.value.__notes__[0]
    assert [event["data_row"] for event in service.events] == ["a"]


def test_who_interrupts_does_not_wait(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        log(Recorder(up=False), tmp_path, "a", error=KeyboardInterrupt())
    for sender in set(threading.enumerate()) - before:
        sender.join(60)
        assert not sender.is_alive(), "it tries to send for ever"
    (left,) = leftovers(tmp_path)
    (event,) = events(list(lines(left.path, left.begin, left.end)))
    assert json.loads(event)["data_row"] == "a"


KILLED = """
import os, signal, sys
import evalstream
client = evalstream.connect(sys.argv[1])
run = client.run("training", "killed", step=3, spool=sys.argv[2])
for i in range(20):
    run.log(i, boxes=[[0, 0, 10, 10]], labels=["car"], scores=[0.9])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_loop_logged_is_sent_by_whoever_comes_next(client: Client, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, client.url, tmp_path], env=environment(EVALSTREAM_API_KEY="key")
    )
    assert done.returncode == -signal.SIGKILL
    (path,) = files(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"data_row": "half')  # as a machine that loses power may leave it
    (sent,) = send_leftovers(client, tmp_path)
    assert (sent.accepted, sent.rejected, sent.header.run) == (20, 0, "killed")
    client.wait("training", "killed")
    assert client.summary("training", "killed").tp == 20
    assert files(tmp_path) == []


def test_a_file_in_use_or_of_another_service_is_left_alone(tmp_path: Path) -> None:
    service = Recorder()
    own = Spool(tmp_path, Header(url="http://service", dataset="d", run="r"))
    other = Spool(tmp_path, Header(url="http://other", dataset="d", run="r"))
    other.close(keep=True)
    assert send_leftovers(service.client, tmp_path) == []
    assert files(tmp_path) == sorted([own.path, other.path])
    own.close(keep=False)
    assert files(tmp_path) == [other.path]


def test_a_line_that_cannot_be_written_whole_is_not_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Header(url="u", dataset="d", run="r"))

    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file

        def write(self, content: bytes) -> int:
            return int(self._file.write(content[:3]))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    whole, spool._file = spool._file, Full(spool._file)  # type: ignore[assignment]
    with pytest.raises(OSError, match="only 3 of 4 bytes"):
        spool.append(b"{1}")
    spool._file = whole
    spool.append(b"{2}")
    assert list(lines(spool.path, spool.begin, spool.size)) == [b"{2}"]
    spool.close(keep=False)


def test_threads_may_log_together(tmp_path: Path) -> None:
    service = Recorder()
    with service.client.run("d", "r", spool=tmp_path) as run:

        def log_some(name: str) -> None:
            for i in range(200):
                run.log(f"{name}-{i}", **PREDICTION)

        threads = [threading.Thread(target=log_some, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({event["data_row"] for event in service.events}) == len(service.events) == 800
    versions = [event["version"] for event in service.events]
    assert versions == sorted(set(versions))
    assert run.logged == 800


def test_memory_does_not_grow_with_what_waits(tmp_path: Path) -> None:
    service = Recorder(up=False)
    run = Run(service.client, "d", "r", folder=tmp_path, wait=False)
    for i in range(50):
        run.log(i, **PREDICTION)
    held = sum(sys.getsizeof(value) for value in vars(run).values())
    for i in range(500):
        run.log(i, **PREDICTION)
    assert sum(sys.getsizeof(value) for value in vars(run).values()) <= held + 100
    service.up = True
    run.finish()
    assert len(service.events) == 550
    assert service.posts <= 3


def test_a_forked_process_is_told_to_begin_a_run_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder().client.run("d", "r", spool=tmp_path) as run:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(RuntimeError, match="begin one of the same name"):
            run.log("a", **PREDICTION)
        monkeypatch.undo()


def test_the_end_tells_what_stopped_the_sender_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    service = Recorder()
    with monkeypatch.context() as broken:
        broken.setattr("evalstream.client.runs.logged.events", full)
        with pytest.raises(OSError, match="No space left") as caught:
            log(service, tmp_path, "a", "b")
        assert any("2 images of run r are not all sent" in note for note in caught.value.__notes__)
        with pytest.raises(ValueError, match="out of the loop") as own:
            log(service, tmp_path, "c", error=ValueError("out of the loop"))
        assert any("No space left" in note for note in own.value.__notes__)
    assert service.by_run == {}
    log(service, tmp_path, "d")
    assert {event["data_row"] for event in service.events} == {"a", "b", "c", "d"}
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a/b", "must not contain '/'"),
        (" a", "begin or end with a space"),
        ("a\nb", "control characters"),
        ("", "1 char"),
    ],
)
def test_what_is_no_name_is_refused_before_anything_is_sent(tmp_path: Path, name: str, reason: str) -> None:
    service = Recorder()
    for ask in (
        lambda: service.client.run("d", name, spool=tmp_path),
        lambda: service.client.upload(name, {"1": []}),
        lambda: service.client.upload("d", predictions={"1": []}, run=name),
        lambda: service.client.summary("d", name),
        lambda: service.client.delete_dataset(name),
    ):
        with pytest.raises(QuestionError, match=reason):
            ask()
    assert (service.posts, files(tmp_path)) == (0, [])


def test_who_is_refused_is_told_so_in_the_end_and_loses_nothing(tmp_path: Path) -> None:
    refusing = httpx.MockTransport(lambda _: httpx.Response(401, json={"detail": "no key"}))
    service = Recorder()
    service.client = Client("http://service", transport=refusing)
    with pytest.raises(evalstream.RefusedError, match="no key") as error:
        log(service, tmp_path, "a")
    assert "`evalstream spool`" in error.value.__notes__[0]
    assert len(files(tmp_path)) == 1
    with pytest.raises(NoServiceError):
        send_leftovers(Recorder(up=False).client, tmp_path)


def test_a_run_is_closed_at_its_end_where_all_of_it_has_arrived(tmp_path: Path) -> None:
    service = Recorder()
    with service.client.run("d", "r", spool=tmp_path, complete=True) as run:
        run.log("a", **PREDICTION)
    assert (service.closed, run.closed, run.matched) == (["r"], 2, True)
    with service.client.run("d", "silent", spool=tmp_path, complete=True):
        pass  # it found nothing anywhere
    assert service.closed == ["r", "silent"]
    log(service, tmp_path, "a")
    assert service.closed == ["r", "silent"]


def test_a_run_is_not_closed_where_something_of_it_is_missing(tmp_path: Path) -> None:
    service = Recorder()
    with pytest.raises(RejectedError), pytest.warns(UserWarning, match="Run r was not closed"):
        log(service, tmp_path, "a", "wrong", complete=True)
    with pytest.raises(ZeroDivisionError):
        log(service, tmp_path, "a", complete=True, error=ZeroDivisionError())
    service.up = False
    with pytest.warns(UnsentWarning):
        log(service, tmp_path, "wrong", complete=True)
    service.up = True
    # It sends what an earlier process had logged, of which some is wrong.
    with pytest.warns(UserWarning, match="by an earlier process"), pytest.warns(UserWarning, match="r was not closed"):
        log(service, tmp_path, "a", complete=True)
    assert service.closed == []
