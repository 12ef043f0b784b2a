"""``evalstream keys``: make, list and revoke API keys, in the file that the services read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer
from evalstream_service.key_file import KeyFileError, change_keys, read_keys
from evalstream_service.keys import PER_MINUTE_LIMIT, ApiKey, new_key
from pydantic import ValidationError
from rich.table import Table

from evalstream_cli.console import err, fail, out

app = typer.Typer(
    name="keys",
    help="API keys: make, list and revoke them. They are kept, hashed, in the file that EVALSTREAM_KEYS_FILE names; "
    "services that are given the same file follow every change at once, without a restart.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

File = Annotated[Path, typer.Option("--file", envvar="EVALSTREAM_KEYS_FILE", help="The key file.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for: letters, digits, and . _ @ -")],
    file: File,
    scope: Annotated[
        list[str],
        typer.Option(help="read: ask questions; write: upload, see dead letters; admin: replay, drop, reconcile."),
    ] = ["read"],  # noqa: B006 -- never written to
    dataset: Annotated[
        list[str], typer.Option(help="Only for datasets of this name, or pattern with *, ? and [...].")
    ] = ["*"],  # noqa: B006 -- never written to
    per_minute: Annotated[
        int | None, typer.Option(min=1, max=PER_MINUTE_LIMIT, help="At most so many requests in any 60 seconds.")
    ] = None,
) -> None:
    """Make a key and print it, this once: what is kept of it does not give it back.

    evalstream keys create nightly --scope read --scope write --dataset 'street-*' --per-minute 600
    """

    def add(keys: Sequence[ApiKey]) -> Sequence[ApiKey]:
        if any(key.name == name for key in keys):
            fail(f"there is a key {name!r} already; revoke it first, or choose another name")
        return (*keys, kept)

    with _told():
        token, kept = new_key(name, scope, dataset, per_minute)
        change_keys(file, add)
    err.print(f"This is the key {name}. It is shown this once, so keep it now:", highlight=False)
    out.print(token, highlight=False, soft_wrap=True)


@app.command("list")
def list_(
    file: File, as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False
) -> None:
    """List the keys and what each may do; never the keys themselves."""
    with _told():
        keys = read_keys(file)
    if as_json:
        described = [key.model_dump(mode="json", exclude={"sha256"}) for key in keys]
        out.file.write(orjson.dumps(described, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    if not keys:
        out.print("There are no keys")
        return
    table = Table(box=None)
    for title in ("name", "scopes", "datasets", "per minute", "created"):
        table.add_column(title, overflow="fold", justify="right" if title == "per minute" else "left")
    for key in keys:
        rate = "any" if key.per_minute is None else f"{key.per_minute:,}"
        created = key.created_at.strftime("%Y-%m-%d %H:%M")
        table.add_row(key.name, " ".join(key.scopes), " ".join(key.datasets), rate, created)
    out.print(table)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="As `list` shows it.")], file: File) -> None:
    """Revoke a key for good: the next request with it is refused."""

    def remove(keys: Sequence[ApiKey]) -> Sequence[ApiKey]:
        left = tuple(key for key in keys if key.name != name)
        if len(left) == len(keys):
            fail(f"there is no key {name!r}; see `evalstream keys list`")
        return left

    with _told():
        change_keys(file, remove)
    out.print(f"{name} is revoked", highlight=False)


@contextmanager
def _told() -> Iterator[None]:
    """Say what is wrong in one line."""
    try:
        yield
    except KeyFileError as error:
        fail(str(error))
    except ValidationError as error:
        fail("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
