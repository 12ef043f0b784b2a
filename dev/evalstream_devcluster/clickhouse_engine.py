"""One request to the embedded ClickHouse engine (chDB), for the development stand-in server.

Every request opens a handle of its own to the one engine of the process. A handle costs less than 0.1 ms,
carries the request's settings, parameters and database, and takes them with it when it closes; calls on
one shared handle would run one after the other.
"""

from __future__ import annotations

import re
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import chdb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SYNTAX_ERROR, NOT_IMPLEMENTED, UNKNOWN_FORMAT, UNKNOWN_SETTING, READONLY = 62, 48, 73, 115, 164
STD_EXCEPTION = 1001

# Results are held in memory and queries cannot be cancelled by hanging up, so both are bounded by default.
# Nor does it compile expressions, which takes longer than what tests and trials ask.
DEFAULT_SETTINGS = {
    "max_result_bytes": str(512 * 1024 * 1024),
    "max_execution_time": "600",
    **{f"compile_{kind}": "0" for kind in ("expressions", "aggregate_expressions", "sort_description")},
}
APPEND_BYTES = 8 * 1024 * 1024

# Among the statements that the engine counts as control (SYSTEM, KILL and others belong there too), those that
# would be accepted and forgotten with the handle, which is worse than a refusal, and queries INTO OUTFILE.
REFUSED_CONTROL = frozenset(b"SET USE BEGIN START COMMIT ROLLBACK SELECT WITH EXPLAIN (".split())

# Functions and table engines that read or write what is no table of this engine: files, the network, other programs.
OUTSIDE = frozenset(
    b"file filecluster url urlcluster s3 s3cluster gcs hdfs hdfscluster azureblobstorage "
    b"azureblobstoragecluster remote remotesecure cluster clusterallreplicas mysql postgresql mongodb redis "
    b"sqlite odbc jdbc executable executablepool python arrowflight deltalake deltalakecluster hudi iceberg "
    b"icebergcluster paimon ytsaurus kafka rabbitmq nats fuzzjson loop".split()
)

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
ERROR_CODE = re.compile(r"Code: (\d+)\. ")
FORMAT_CLAUSE = re.compile(rb"\bFORMAT\s+(\w+)(?:\s+SETTINGS\b[^;]*)?[\s;]*$", re.IGNORECASE)
INSERT_FORMAT = re.compile(rb"\s+(\w+)[ \t\f]*\r?\n?")
TOKEN = re.compile(
    rb"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<word>\w+)|(?P<mark>[().])|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`",
    re.DOTALL,
)


class Refused(Exception):  # noqa: N818 - an answer to the client, whether the engine's or the server's own
    """A request answered with an error, as ClickHouse reports it."""

    def __init__(self, code: int, message: str, status: int | None = None) -> None:
        super().__init__(message if message.startswith("Code: ") else f"Code: {code}. DB::Exception: {message}")
        self.code = code
        self.status = status


class Engine(NamedTuple):
    """The open engine. `root` keeps it open between requests."""

    folder: str
    root: Any
    version: str
    timezone: str
    formats: frozenset[str]


class Call(NamedTuple):
    """One statement with everything it needs. Names of `parameters` come without `param_`."""

    sql: bytes
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    database: str
    format: str
    read_only: bool


class Answer(NamedTuple):
    """Result of the engine. `format` is None for a statement without a result."""

    body: bytes
    summary: dict[str, str]
    format: str | None


class Insert(NamedTuple):
    """An INSERT with its data cut off."""

    statement: bytes
    format: str
    data: bytes


def open_engine(folder: Path) -> Engine:
    """Open the engine on `folder`. No other process may have it open, and this one must not fork any more."""
    path = str(folder.resolve())
    root = _connect(path)
    version, timezone = root.query("SELECT version(), timezone()", "TabSeparated").bytes().decode().split()
    formats = root.query("SELECT name FROM system.formats", "TabSeparated").bytes().decode().split()
    return Engine(path, root, version, timezone, frozenset(formats))


def execute(engine: Engine, call: Call) -> Answer:
    """Run one statement; an INSERT returns when its rows are in the table.

    Raises
    ------
    Refused
        With the code and message of the engine, or those of a limit of this server.
    """
    try:
        with closing(_connect(engine.folder)) as handle:
            return _execute(handle, engine, call)
    except Refused:
        raise
    except Exception as error:  # chDB raises RuntimeError and two unrelated classes named ChdbError
        raise _refused(str(error)) from error


def _connect(folder: str) -> Any:
    return chdb.connect(folder)  # type: ignore[no-untyped-call]


def _execute(handle: Any, engine: Engine, call: Call) -> Answer:
    _require_format(engine, call.format)
    _apply(handle, DEFAULT_SETTINGS)
    if call.database:
        handle.query(f"USE {_quoted(call.database, '`')}", "Null")
    # Once it is read-only a handle takes no further setting, so that one comes last.
    _apply(handle, dict(sorted(call.settings.items(), key=lambda setting: setting[0] == "readonly")))
    insert = split_insert(call.sql)
    _require_inside(insert.statement if insert else call.sql)
    kind = _statement_kind(handle, _checkable(call.sql, insert))
    if call.read_only and kind != "READ_ONLY":
        raise Refused(READONLY, "GET requests cannot change anything, use POST. (READONLY)", 500)
    if insert is None:
        return _query(handle, call, kind)
    _require_format(engine, insert.format)
    return _insert(handle, insert, call.parameters)


def _query(handle: Any, call: Call, kind: str) -> Answer:
    result = handle.query(call.sql, call.format, params=dict(call.parameters))
    body = bytes(result.bytes())
    summary = _summary(
        result.elapsed(),
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        result_bytes=len(body),
    )
    clause = FORMAT_CLAUSE.search(call.sql)
    shown = clause[1].decode() if clause else call.format
    return Answer(body, summary, shown if body or kind == "READ_ONLY" else None)


def _insert(handle: Any, insert: Insert, parameters: Mapping[str, str]) -> Answer:
    _apply(handle, {f"param_{name}": value for name, value in parameters.items()})
    with handle.send_insert(insert.statement, insert.format) as stream:
        for start in range(0, len(insert.data), APPEND_BYTES):
            stream.append(insert.data[start : start + APPEND_BYTES])
        written = stream.finish()
    rows, size = written.rows_written, written.bytes_written
    return Answer(b"", _summary(written.elapsed, rows, size, rows, size, rows, size), None)


def _checkable(sql: bytes, insert: Insert | None) -> bytes:
    """The statement for the engine's parser, which must not be given data."""
    if insert is None or (insert.format == "Values" and b";" in insert.data):
        return sql  # values are SQL too, and the engine would drop what follows their end without a word
    return b"%b FORMAT %b" % (insert.statement, insert.format.encode())


def split_insert(sql: bytes) -> Insert | None:
    r"""Cut the data off an INSERT; None for any other statement and for INSERT … SELECT.

    The engine must never see the data as part of a statement: given the whole text, chDB ends the data of
    most formats at the first newline and runs what follows as further statements.
    """
    depth = 0
    previous = b""
    for token in _tokens(sql):
        word = token[0].upper()
        depth += (word == b"(") - (word == b")")
        names_a_table = previous in {b"INTO", b"TABLE", b"."}
        if not previous and word != b"INSERT":
            return None
        if word in {b"SELECT", b"WITH"} and not names_a_table:
            return None
        if depth == 0 and not names_a_table:
            if word == b"INFILE":
                raise Refused(NOT_IMPLEMENTED, "INFILE belongs to clickhouse-client. (NOT_IMPLEMENTED)", 501)
            if word == b"VALUES":
                return Insert(sql[: token.start()], "Values", sql[token.end() :])
            if word == b"FORMAT" and (name := INSERT_FORMAT.match(sql, token.end())):
                return Insert(sql[: token.start()], name[1].decode(), sql[name.end() :])
        previous = word
    if previous:
        raise Refused(SYNTAX_ERROR, "Syntax error: INSERT without FORMAT, VALUES or SELECT. (SYNTAX_ERROR)", 400)
    return None


def _tokens(sql: bytes) -> Iterator[re.Match[bytes]]:
    return (token for token in TOKEN.finditer(sql) if not token["comment"])


def _require_inside(sql: bytes) -> None:
    """Refuse what would reach beyond the engine's own tables."""
    name, is_engine = b"", False
    for token in _tokens(sql):
        word = token[0].strip(b'`"').lower()
        if word in OUTSIDE and is_engine:
            raise _outside(word)
        if token[0] == b"(" and name in OUTSIDE:
            raise _outside(name)
        is_engine, name = word == b"engine", word


def _outside(name: bytes) -> Refused:
    return Refused(READONLY, f"{name.decode()} reaches beyond this engine's own tables. (READONLY)", 403)


def _statement_kind(handle: Any, sql: bytes) -> str:
    """Name the engine's class of the one statement in `sql`, refusing what a session would be needed for."""
    report = handle._conn.classify_query(sql)  # the engine's own parser; chDB has no public name for it
    if report["statement_count"] == 0:
        # Running it would run whatever comes before the error.
        handle.query("SELECT formatQuery({sql:String})", "Null", params={"sql": _escaped(sql)})
    if report["statement_count"] != 1:
        raise Refused(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed). (SYNTAX_ERROR)", 400)
    kind = str(report["query_class"].name)
    words = [token[0].upper() for token in islice(_tokens(sql), 4)]
    if kind == "CONTROL" and (words[0] in REFUSED_CONTROL or b"TEMPORARY" in words):
        raise Refused(
            NOT_IMPLEMENTED,
            "The development stand-in keeps no sessions (SET, USE, temporary tables, transactions) and writes no "
            "files: send settings and the database with each request. (NOT_IMPLEMENTED)",
            501,
        )
    return kind


def _apply(handle: Any, settings: Mapping[str, str]) -> None:
    for name in settings:
        if not NAME.fullmatch(name):
            raise Refused(UNKNOWN_SETTING, f"Unknown setting '{name}'. (UNKNOWN_SETTING)", 404)
    if settings:
        pairs = (f"{name} = {_quoted(value)}" for name, value in settings.items())
        handle.query(f"SET {', '.join(pairs)}", "Null")


def _require_format(engine: Engine, name: str) -> None:
    # Beyond the engine's formats chDB's Python layer knows others, which give objects instead of bytes.
    if name not in engine.formats:
        raise Refused(UNKNOWN_FORMAT, f"Unknown format {name}. (UNKNOWN_FORMAT)", 400)


def _quoted(value: str, quote: str = "'") -> str:
    escaped = value.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return f"{quote}{escaped}{quote}"


def _escaped(sql: bytes) -> str:
    """The text as the value of a String parameter, which the engine reads like a tab-separated field."""
    text = sql.decode(errors="replace").replace("\\", "\\\\")
    return text.replace("\n", "\\n").replace("\t", "\\t")


def _summary(
    elapsed: float,
    read_rows: int,
    read_bytes: int,
    written_rows: int,
    written_bytes: int,
    result_rows: int,
    result_bytes: int,
) -> dict[str, str]:
    return {
        "read_rows": str(read_rows),
        "read_bytes": str(read_bytes),
        "written_rows": str(written_rows),
        "written_bytes": str(written_bytes),
        "total_rows_to_read": "0",
        "result_rows": str(result_rows),
        "result_bytes": str(result_bytes),
        "elapsed_ns": str(int(elapsed * 1e9)),
    }


def _refused(message: str) -> Refused:
    match = ERROR_CODE.search(message)
    if match is None:
        return Refused(STD_EXCEPTION, f"{message} (STD_EXCEPTION)")
    return Refused(int(match[1]), message[match.start() :].strip())
