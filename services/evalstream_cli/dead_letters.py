"""``evalstream dead-letters``: records that could not be read; look at them, put them back, or drop them."""

from __future__ import annotations

import re
import sys
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any, Final
from urllib.parse import quote

import orjson
import typer
from evalstream.client import Client
from rich.table import Table

from evalstream_cli.client import DEFAULT_URL, ApiKey, Url, service
from evalstream_cli.console import err, fail, out, progress_bar

app = typer.Typer(
    name="dead-letters",
    help="Records that could not be read: look at them, put them back once the cause is mended, or drop them. In a "
    "cluster --url names the ingest service.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ROUTE: Final = "/v1/dead-letters"
#: How many one request names: few, so that the bar moves and an error finds little undone.
PART: Final = 50
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Source = Annotated[str, typer.Option(help="Only from this Kafka topic, or this route of an upload.")]
Reason = Annotated[str, typer.Option(help="Only where the reason contains this text.")]
Since = Annotated[
    str, typer.Option(help="Only what came since: 30m, 12h, 7d, or a time such as 2026-01-31T12:00 (UTC).")
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids, as `list` shows them; none: all that the filters leave.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_(
    source: Source = "",
    reason: Reason = "",
    since: Since = "",
    limit: Limit = 100,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """List records that could not be read, with the reason; the newest first.

    evalstream dead-letters list --reason schema_version --since 12h
    """
    with service(url, api_key) as client:
        letters = client.request("GET", ROUTE, {**_filters(source, reason, since), "limit": limit})["dead_letters"]
    if as_json:
        _print_json(letters)
        return
    if not letters:
        out.print("There are no such dead letters")
        return
    table = Table(title="Dead letters, the newest first", box=None)
    for name in ("id", "received", "bytes", "data row", "reason"):
        # An id that is broken over two lines cannot be copied.
        table.add_column(name, overflow="fold", no_wrap=name == "id", justify="right" if name == "bytes" else "left")
    for letter in letters:
        received = datetime.fromisoformat(letter["received_at"]).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(letter["id"], received, f"{letter['size']:,}", letter["data_row"], letter["reason"])
    out.print(table)
    if len(letters) == limit:
        err.print(f"Only the newest {limit:,} are shown; see more with --limit", highlight=False)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Write the record's bytes, and nothing else.")] = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = "",
) -> None:
    """Show one whole: where it came from, why it could not be read, and what was in it.

    evalstream dead-letters show evalstream.predictions/3/1042 --raw > record.json

    With --json, key, header values and payload are in the URL-safe alphabet of base64, for they need not be text.
    """
    with service(url, api_key) as client:
        letter = client.request("GET", f"{ROUTE}/{quote(name)}")
    if raw:
        sys.stdout.buffer.write(_bytes(letter["payload"]) or b"")
        return
    if as_json:
        _print_json(letter)
        return
    table = Table(show_header=False, box=None)
    for field in ("id", "source", "partition", "position", "received_at", "data_row", "reason", "size"):
        table.add_row(field, str(letter[field]))
    table.add_row("key", _readable(letter["key"]))
    for header in letter["headers"]:
        table.add_row(f"header {header['name']}", _readable(header["value"]))
    out.print(table)
    out.print(_readable(letter["payload"]), highlight=False, soft_wrap=True)


def _on_many(what: str, doing: str, done: str, work: Callable[[Client, list[str]], int]) -> Callable[..., None]:
    """Make a command that does something to the dead letters that are named, or that filters leave."""

    def command(
        ids: Ids = None,
        source: Source = "",
        reason: Reason = "",
        since: Since = "",
        limit: Limit = 100,
        yes: Yes = False,
        url: Url = DEFAULT_URL,
        api_key: ApiKey = "",
    ) -> None:
        filters = _filters(source, reason, since)
        with service(url, api_key) as client:
            chosen = _chosen(client, ids, filters, limit)
            _confirm(what, len(chosen), yes)
            count = _in_parts(doing, chosen, lambda part: work(client, part))
        out.print(f"{count:,} {done}", highlight=False)

    return command


def _filters(source: str, reason: str, since: str) -> dict[str, str]:
    filters = {"source": source, "reason": reason, "since": _moment(since)}
    return {name: value for name, value in filters.items() if value}


def _moment(since: str) -> str:
    """Turn ``12h`` or a time into a time with a zone."""
    if not since:
        return ""
    if ago := re.fullmatch(r"(\d+)([smhd])", since):
        return (datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        fail(f"--since {since!r}: write 30m, 12h, 7d, or a time such as 2026-01-31T12:00")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _chosen(client: Client, ids: Sequence[str] | None, filters: dict[str, str], limit: int) -> list[str]:
    """Name what is to be done, once: what becomes a dead letter while it is done is none of it."""
    if ids and filters:
        fail("name ids or filters, not both")
    if ids:
        return list(ids)
    letters = client.request("GET", ROUTE, {**filters, "limit": limit, "oldest_first": True})["dead_letters"]
    return [letter["id"] for letter in letters]


def _confirm(what: str, count: int, yes: bool) -> None:
    if not count:
        out.print("There are no such dead letters")
        raise typer.Exit
    if not yes:
        typer.confirm(f"{what} {count:,} dead letters?", abort=True, err=True)


def _in_parts(description: str, ids: Sequence[str], work: Callable[[list[str]], int]) -> int:
    done = 0
    remaining = iter(ids)
    with progress_bar() as bar:
        task = bar.add_task(description, total=len(ids))
        while part := list(islice(remaining, PART)):
            done += work(part)
            bar.advance(task, len(part))
    return done


def _post_replay(client: Client, ids: list[str]) -> int:
    return int(client.request("POST", f"{ROUTE}/replay", body={"ids": ids})["count"])


def _delete(client: Client, ids: list[str]) -> int:
    return int(client.request("DELETE", ROUTE, {"ids": ids})["count"])


def _bytes(encoded: str | None) -> bytes | None:
    return None if encoded is None else urlsafe_b64decode(encoded)


def _readable(encoded: str | None) -> str:
    """Show bytes as text where they are text, otherwise as Python writes them."""
    content = _bytes(encoded)
    if content is None:
        return "none"
    try:
        return content.decode()
    except UnicodeDecodeError:
        return repr(content)


def _print_json(value: Any) -> None:
    out.file.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


_REPLAY: Final = """Put records back where they came from, unchanged, in the order in which they came.

evalstream dead-letters replay --reason schema_version --limit 1000

Do so once the cause is mended, after an upgrade for instance: what still cannot be read becomes a dead letter again. In
a cluster too many of those in a row stop the ingest service (EVALSTREAM_DEAD_LETTER_CONSECUTIVE), so try a few first.
An event without a version of its own counts as sent when it is replayed. A record leaves the table once it is
acknowledged; the first error ends the command, and repeating it goes on from there.
"""
_DROP: Final = """Drop records for good, the oldest first.

evalstream dead-letters drop --source evalstream.predictions --reason 'not JSON' --limit 10000
"""
app.command("replay", help=_REPLAY)(_on_many("replay", "replaying", "put back where they came from", _post_replay))
app.command("drop", help=_DROP)(_on_many("drop", "dropping", "dropped", _delete))
