"""Exports over REST: the files that the client writes, byte for byte, whoever asks and however slowly they read."""

from __future__ import annotations

import io
import random
import re
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from evalstream.client import Client
from evalstream.exporters import pages
from evalstream.exporters.documents import WRITERS
from evalstream.exporters.export import Exported
from evalstream.exporters.mislabels import Mislabels
from evalstream.exporters.questions import FORMATS, MISLABELS_FORMATS
from evalstream.exporters.report import Report
from evalstream_service.load import EXPORTS_UNDER_WAY
from evalstream_service.streaming import CHUNK

AT: dict[str, Any] = {"policy": "coco", "confidence": 0.3, "iou": 0.5}
RUN = "/v1/datasets/street/runs/v7"
PATIENCE = 60
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 4)


def get(client: Client, what: str, **query: Any) -> httpx.Response:
    return client.http.get(f"{RUN}/{what}", params=query)


def unpacked(answer: httpx.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def assert_same(found: dict[str, bytes], own: dict[str, bytes], about: type[Exported | Mislabels]) -> None:
    """All files are equal, but for the time in what they say of themselves."""
    assert found.keys() == own.keys()
    for name, content in own.items():
        if name.endswith("about.json"):
            one, other = (
                about.model_validate_json(text).model_dump(exclude={"time"}) for text in (content, found[name])
            )
            assert one == other
        else:
            assert content == found[name], name


@pytest.mark.parametrize("form", FORMATS)
def test_labels_are_those_that_the_client_writes(client: Client, tmp_path: Path, form: Any) -> None:
    name = "street-v7" if form == "coco" else f"street-v7.{form}"
    client.export("street", "v7", tmp_path / name, form, **AT, where=["fp>=1"])
    answer = get(client, "export", format=form, **AT, where="fp>=1")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="street-v7.zip"'
    assert_same(unpacked(answer), files_in(tmp_path), Exported)


@pytest.mark.parametrize("form", MISLABELS_FORMATS)
def test_mislabels_are_those_that_the_client_writes(client: Client, tmp_path: Path, form: Any) -> None:
    found = unpacked(get(client, "mislabels", format=form, limit=3, iou=0.6))
    name = next(iter(found))
    assert name.startswith("street-v7-mislabels.")
    done = client.export_mislabels("street", "v7", tmp_path / name, form, limit=3, iou=0.6)
    assert_same(found, files_in(tmp_path), Mislabels)
    assert (done.question["iou"], done.question["confidence"], done.question["limit"]) == (0.6, 0.5, 3)


def test_a_report_is_the_one_that_the_client_writes(client: Client, files: Any) -> None:
    truth, results = files
    client.upload("street", predictions=results[::2], annotations=truth, run="v6")
    report = client.report("street", "v7", versus="v6", **AT)
    for form, ending in (("html", ".html"), ("markdown", ".md"), ("json", ".json")):
        answer = get(client, "report", format=form, versus="v6", **AT)
        assert answer.headers["Content-Disposition"] == f'attachment; filename="street-v7-report{ending}"'
        if form == "json":
            whole = Report.model_validate_json(answer.content)
            assert whole.model_dump(exclude={"time"}) == report.model_dump(exclude={"time"})
        else:
            assert TIME.sub("TIME", answer.text) == TIME.sub("TIME", WRITERS[ending](report))


@pytest.mark.parametrize(
    ("what", "query", "status", "detail"),
    [
        ("export", {"format": "pdf"}, 422, "format"),
        ("export", {"limit": 3}, 422, "limit"),
        ("export", {"where": "nonsense>=1"}, 422, "nonsense"),
        ("export", {"format": "coco", "policy": "coco", "area": "small"}, 422, "COCO files hold all areas"),
        ("mislabels", {}, 422, "format"),
        ("mislabels", {"format": "cvat", "feature": "car"}, 422, "objects cannot be filtered"),
        ("report", {"versus": "v99"}, 404, "no run 'v99'"),
        ("report", {"versus": "v6", "shared_with": "v7"}, 422, "no third one"),
    ],
)
def test_what_cannot_be_exported_has_a_status(
    client: Client, what: str, query: dict[str, Any], status: int, detail: str
) -> None:
    answer = get(client, what, **query)
    assert (answer.status_code, detail in answer.text) == (status, True), answer.text


@pytest.mark.parametrize("what", ["export", "mislabels?format=cvat", "report"])
def test_a_run_that_is_not_there_is_told(client: Client, what: str) -> None:
    answer = client.http.get(f"/v1/datasets/street/runs/v99/{what}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "dataset 'street' has no run 'v99'"})


def test_rows_of_too_many_objects_are_asked_for_fewer_at_a_time(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = unpacked(get(client, "export"))
    monkeypatch.setattr("evalstream.queries.rows.MOST_LISTED", 20)
    assert unpacked(get(client, "export"))["street-v7.ndjson"] == whole["street-v7.ndjson"]


def test_names_of_every_kind_are_names_of_files(client: Client) -> None:
    name = "b: straße"
    client.upload(name, {"1": {"boxes": [], "labels": []}}, predictions={"1": []}, run=name)
    path = "/v1/datasets/b%3A%20stra%C3%9Fe/runs/b%3A%20stra%C3%9Fe"
    answer = client.http.get(f"{path}/export")
    assert set(unpacked(answer)) == {"b_straße-b_straße.ndjson", "b_straße-b_straße.ndjson.about.json"}
    assert answer.headers["Content-Disposition"].endswith("filename*=utf-8''b_stra%C3%9Fe-b_stra%C3%9Fe.zip")


def test_an_export_that_breaks_off_cannot_be_taken_for_the_whole(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes are on their way already, so no status can say it: the answer has no end."""
    write = pages.rows_of

    def broken(*asked: Any) -> Any:
        for i, row in enumerate(write(*asked)):
            # Shrinks to no less than is sent together.
            yield row.model_copy(update={"text": random.randbytes(CHUNK).hex()})
            if i == 5:
                raise OSError("the engine has gone")

    monkeypatch.setattr("evalstream.exporters.export.rows_of", broken)
    with pytest.raises(RuntimeError, match="response already started"):
        get(client, "export")


def test_so_many_at_a_time_and_no_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    go, begun = threading.Event(), threading.Semaphore(0)
    ask = pages.rows_of

    def held(*asked: Any) -> Any:
        begun.release()
        assert go.wait(PATIENCE)
        yield from ask(*asked)

    monkeypatch.setattr("evalstream.exporters.export.rows_of", held)
    with ThreadPoolExecutor(EXPORTS_UNDER_WAY) as pool:
        exports = [pool.submit(get, client, "export") for _ in range(EXPORTS_UNDER_WAY)]
        for _ in exports:
            assert begun.acquire(timeout=PATIENCE)
        refused = get(client, "export")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
        assert client.summary("street", "v7").rows > 0  # questions go on
        go.set()
        first, *others = [unpacked(one.result(PATIENCE))["street-v7.ndjson"] for one in exports]
        assert others == [first] * (EXPORTS_UNDER_WAY - 1)
    assert get(client, "export").status_code == 200
