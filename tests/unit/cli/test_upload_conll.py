"""``evalstream upload`` of CoNLL columns, and the questions about language over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from evalstream_cli.main import app
from typer.testing import CliRunner, Result

from tests.faults.service import Service

BOTH = "Zoë B-PER B-PER\nmet O O\n東京 B-LOC I-LOC\n\nYes O O\n"
GOLD = "Zoë B-PER\nmet O\n東京 B-LOC\n\nYes O\n"


@pytest.fixture(autouse=True)
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give commands and clients a key of the service."""
    monkeypatch.setenv("EVALSTREAM_API_KEY", "key")


def upload(service: Service, *options: str) -> Result:
    return CliRunner().invoke(app, ["upload", *options, "--url", service.url])


def ask(service: Service, dataset: str, question: str, **query: Any) -> Any:
    url, headers = f"{service.url}/v1/datasets/{dataset}/runs/crf/{question}", {"Authorization": "Bearer key"}
    answer = httpx.get(url, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_one_file_has_both_columns(service: Service, tmp_path: Path) -> None:
    path = written(tmp_path, "both.conll", BOTH)
    files = ["--annotations", path, "--predictions", path, "--run", "crf"]
    for dataset, scheme, missed in (("lenient", [], 0), ("strict", ["--scheme", "IOB2"], 1)):
        result = upload(service, "--dataset", dataset, *files, *scheme)
        assert (result.exit_code, result.stdout) == (0, "4 events accepted, 0 rejected\n"), result.output
        found = ask(service, dataset, "entities")
        assert (found["rows"], found["overall"]["strict"]["missed"]) == (2, missed)
        assert found["overall"]["strict"]["correct"] == 2 - missed
    assert ask(service, "lenient", "texts")["overall"]["n"] == 0
    assert ask(service, "lenient", "regression")["questions"] == []
    assert ask(service, "lenient", "entities", feature="LOC")["annotations"] == 1


def test_two_files_have_their_tags_last(service: Service, tmp_path: Path) -> None:
    gold = written(tmp_path, "gold.txt", GOLD)
    said = written(tmp_path, "said.txt", BOTH)
    result = upload(service, "--dataset", "two", "--annotations", gold, "--predictions", said, "--run", "crf")
    assert result.exit_code == 0, result.output
    assert ask(service, "two", "entities")["overall"]["strict"]["correct"] == 2


def test_what_cannot_be_read_is_told(service: Service, tmp_path: Path) -> None:
    gold = written(tmp_path, "gold.conll", GOLD)
    other = written(tmp_path, "other.conll", GOLD.replace("met", "saw"))
    wrong = written(tmp_path, "wrong.conll", "a NP\n")
    result = upload(service, "--dataset", "bad", "--annotations", wrong)
    assert result.exit_code == 2
    assert "nothing was sent, because" in result.stderr
    assert "the tag 'NP' is neither O nor one of" in " ".join(result.stderr.split())
    result = upload(service, "--dataset", "bad", "--annotations", gold, "--predictions", other, "--run", "crf")
    assert result.exit_code == 2
    assert "the predictions were not sent, because sentence 1 has other tokens" in " ".join(result.stderr.split())
