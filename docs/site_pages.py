"""Pages of the documentation's site that are made of the code: the command line, routes, and the files in schemas/."""

from __future__ import annotations

import atexit
import gc
import json
import re
from pathlib import Path

from evalstream_cli.main import app
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.cli import get_docs_for_click
from typer.main import get_command

_SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"


#: A paragraph of a command's help that shows how to call it.
_EXAMPLE = re.compile(r"^(evalstream [a-z].*)$", re.MULTILINE)
# How docstrings mark names, for other tools than this one.
_ROLES = re.compile(r":(?:class|data|func|meth|mod):(?=<code>)")


def on_startup(command: str, dirty: bool) -> None:  # noqa: ARG001
    """Look for no garbage while the site is built, of which a quarter of the time would go into that."""
    if command == "build":
        gc.disable()
        atexit.register(gc.freeze)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the schemas, which the reference links to."""
    for schema in sorted(_SCHEMAS.glob("*.json")):
        files.append(File.generated(config, f"reference/{schema.name}", abs_src_path=str(schema)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Put in what every command says of itself, and lead links to files beside ``docs/`` to their pages."""
    if page.file.src_uri == "reference/cli.md":
        command = get_command(app)
        with command.make_context("evalstream", [], resilient_parsing=True) as context:
            said = get_docs_for_click(obj=command, ctx=context, name="evalstream", title="")
        markdown = markdown.replace("<!-- commands -->", _EXAMPLE.sub(r"```sh\n\1\n```", said))
    if page.file.src_uri == "reference/rest.md":
        markdown = markdown.replace("<!-- routes -->", _routes())
    return markdown.replace("](../README.md)", "](index.md)").replace("](../schemas/", "](reference/")


def _routes() -> str:
    """List the routes, each with the first sentence of its description."""
    lines = ["| | route | |", "| --- | --- | --- |"]
    for path, operations in json.loads((_SCHEMAS / "openapi.json").read_text(encoding="utf-8"))["paths"].items():
        for method, operation in operations.items():
            said = " ".join(operation.get("description", operation["summary"]).split("\n\n")[0].split())
            # A long route goes on in the next line before a part of it, not within one.
            route = f'<code style="word-break: normal">{path.replace("/", "<wbr>/")}</code>'
            lines.append(f"| {method.upper()} | {route} | {said} |")
    return "\n".join(lines)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Take the roles of names out of docstrings."""
    return _ROLES.sub("", html)
