"""Every command and every address that the documentation shows is one that there is, with options that it takes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from evalstream.questions import Question, Questions
from evalstream_cli.main import app

from tests.unit.docs.blocks import PAGES, ROOT
from tests.unit.docs.curl import call

#: No code of Python, which other tests run, no output, and no events.
BLOCK = re.compile(r"^( *)```(?:sh)?\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
VARIABLE = re.compile(r"^(\w+)=(\S+)$", re.MULTILINE)
PATHS: dict[str, dict[str, Any]] = json.loads((ROOT / "schemas" / "openapi.json").read_bytes())["paths"]
QUESTIONS = {f"/v1/datasets{own.path}": own for own in vars(Questions).values() if isinstance(own, Question)}


def lines_of(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    code = "".join(block for _, block in BLOCK.findall(text)).replace("\\\n", " ")
    code = re.sub(r"<<'EOF'\n.*?^EOF$", "", code, flags=re.DOTALL | re.MULTILINE)
    for name, value in VARIABLE.findall(code):
        code = code.replace(f"${name}", value)
    return [line.strip() for line in code.splitlines()]


def commands_in(line: str) -> list[list[str]]:
    """Give the words of each command of evalstream, without what is piped or written somewhere."""
    if "evalstream " not in line:
        return []
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found, own = list[list[str]](), None
    for word in lexer:
        if word in ("evalstream", ".venv/bin/evalstream"):
            own = []
            found.append(own)
        elif set(word) <= set("();<>|&"):
            own = None
        elif own is not None:
            own.append(word)
    return found


LINES = [(page, line) for page in PAGES if page.name != "CHANGELOG.md" for line in lines_of(page)]
COMMANDS = [(page, own) for page, line in LINES for own in commands_in(line)]
ADDRESSES = [(page, line) for page, line in LINES if line.startswith("curl ")]


def named(found: list[tuple[Path, Any]]) -> dict[str, Any]:
    return {"argvalues": [line for _, line in found], "ids": [f"{page.stem}-{i}" for i, (page, _) in enumerate(found)]}


def test_there_are_commands_and_addresses() -> None:
    assert len(COMMANDS) > 40
    assert len(ADDRESSES) > 20


@pytest.mark.parametrize("words", **named(COMMANDS))
def test_a_command_is_there_with_its_options(words: list[str]) -> None:
    words = list(words)
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") or hasattr(command, "list_commands"):
        context = command.make_context(command.name, [], resilient_parsing=True)
        if not words or words[0].startswith("-"):
            break
        word = words.pop(0)
        command = command.get_command(context, word)
        assert command is not None, word
    options = {name for own in command.params for name in (*own.opts, *own.secondary_opts)} | {"--help"}
    used = {word.partition("=")[0] for word in words if re.fullmatch(r"--?[a-z].*", word)}
    assert used <= options


@pytest.mark.parametrize("line", **named(ADDRESSES))
def test_an_address_is_there_with_its_query(line: str) -> None:
    method, path, query, _ = call(line)
    said: dict[str, list[str]] = {}
    for name, value in query:
        said.setdefault(name, []).append(value)
    template, route = next(
        (template, route)
        for template, own in sorted(PATHS.items(), key=lambda one: one[0].count("{"))
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and (route := own.get(method.lower()))
    )
    known = {one["name"] for one in route.get("parameters", []) if one["in"] == "query"}
    assert set(said) <= known
    if question := QUESTIONS.get(template):
        lists = {name for name, field in question.query.model_fields.items() if "list" in str(field.annotation)}
        question.put({name: own if name in lists else own[-1] for name, own in said.items()})
