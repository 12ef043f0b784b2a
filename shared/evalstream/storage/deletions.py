"""Table ``deletions``: what was deleted, and taking it out of the other tables.

A deletion has two steps, and each may be repeated. :func:`bury` writes a tombstone: from then on, what has its version
or a lower one is dead, and nobody reads it, whenever it arrives. :func:`erase` takes away what is dead: the results
first, then the events, so that while anything is left to do :func:`left_over` finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from evalstream.deletions import COUNT_BITS, NO_TOMBSTONES, Deletions, Tombstones
from evalstream.storage.remembered import short_answer
from evalstream.storage.settings import INSERT, INSERTED
from evalstream.storage.statements import change

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def _of_each(key: str, value: str) -> str:
    """SQL for what the tombstones of a row's own ``key`` say, 0 where there are none.

    Scalar subqueries of arrays: to the engine they are constants, so that this costs next to nothing a row.
    """
    each = (
        f"SELECT {key} AS k, {value} AS v FROM deletions WHERE dataset = {{dataset:String}} AND {key} != ''"
        " GROUP BY k ORDER BY k"
    )
    keys, values = (f"(SELECT groupArray({column}) FROM ({each}))" for column in ("k", "v"))
    return f"transform({key}, {keys}, {values}, toUInt64(0))"


def _of_dataset(value: str) -> str:
    return f"(SELECT {value} FROM deletions WHERE dataset = {{dataset:String}} AND run = '' AND data_row = '')"


_COUNT: Final = "uniqExact(version)"
_FLOOR: Final = "max(floor)"  # 0 where nothing was deleted

#: SQL for whether a declaration is above every tombstone of its dataset; ``{dataset:String}`` is bound to that. For
#: where there is no client at hand; :func:`conditions` gives a shorter one.
DECLARATION_LIVES: Final = f"version >= {_of_dataset(_FLOOR)}"
#: Rows of the table that a condition is given as values; of a dataset with more it looks them up. To the engine values
#: are cheap: over a small dataset the analysis of five subqueries takes longer than everything else.
MOST_VALUES: Final = 500
_FEW: Final = (
    "SELECT toString(run), data_row, version, floor, toUnixTimestamp64Milli(older_than) > 0 FROM deletions"
    " WHERE dataset = {dataset:String}"
    f" LIMIT {MOST_VALUES + 1}"
)

_OF_RUNS: Final = "dataset = {dataset:String} AND ({run:String} = '' OR run = {run:String})"
_SCOPE: Final = f"{_OF_RUNS} AND ({{data_row:String}} = '' OR data_row = {{data_row:String}})"
# A record says in one of four places of which dataset it is: the route it was sent to, a header of the gateway's, its
# Kafka key, or itself.
_LETTERS_OF_DATASET: Final = """
    (startsWith(source, {route:String}) OR headers['evalstream-dataset'] = {dataset:String}
        OR startsWith(ifNull(key, ''), concat({dataset:String}, '/'))
        OR JSONExtractString(ifNull(payload, ''), 'dataset') = {dataset:String})
"""
_LETTERS: Final = f"{_LETTERS_OF_DATASET} AND ({{data_row:String}} = '' OR data_row = {{data_row:String}})"
_RECEIVED_BEFORE: Final = "toUnixTimestamp64Milli(received_at) <= {milliseconds:Int64}"
_LOAD: Final = f"""
SELECT run, data_row, {_COUNT}, {_FLOOR} FROM deletions
WHERE dataset = {{dataset:String}} AND (data_row = '' OR {{all:Bool}} OR data_row IN {{data_rows:Array(String)}})
GROUP BY run, data_row
"""
_BURY: Final = f"""
INSERT INTO deletions (dataset, run, data_row, version) {INSERTED}
SELECT {{dataset:String}}, {{run:String}}, {{data_row:String}}, {{version:UInt64}}
"""
_LAST: Final = """
SELECT run, data_row, max((version, deleted_at)) AS last FROM deletions
WHERE dataset = {dataset:String} AND run = {run:String} AND data_row = {data_row:String} GROUP BY run, data_row
"""


# A deleted result is replaced by one that says so, of a higher version: whoever is still at work with the events that
# were there before writes one that loses against it. Only keys of these events can be written; they are all named here.
def _retract(scope: str, dead: str, least: str) -> str:
    return f"""
INSERT INTO results (dataset, run, data_row, version, is_deleted) {INSERTED}
SELECT {{dataset:String}}, run, data_row, {least}, 1
FROM (
    SELECT toString(run) AS run, data_row FROM results FINAL
    WHERE {scope} AND version < {least}
    UNION DISTINCT
    SELECT toString(run) AS run, data_row FROM events
    WHERE {scope} AND {dead}
)
"""


_DEAD: Final = "version <= {version:UInt64}"
# The same of some data rows together, each up to a version of its own.
_SOME_ROWS: Final = "dataset = {dataset:String} AND data_row IN {data_rows:Array(String)}"


def _own(values: str) -> str:
    return f"transform(data_row, {{data_rows:Array(String)}}, {{{values}:Array(UInt64)}}, toUInt64(0))"


_DEAD_ROWS: Final = f"version <= {_own('versions')}"
# Tombstones of the dataset, of a run or of a data row that have anything left: an event that is dead, or a result that
# has not seen them.
_LEFT_OVER: Final = """
SELECT run, data_row, max((version, deleted_at)) AS last FROM deletions WHERE dataset = {{dataset:String}}
    AND (toString(run), data_row) IN (
        SELECT DISTINCT arrayJoin([('', ''), (run, ''), ('', data_row)]) FROM (
            SELECT toString(run) AS run, data_row FROM events WHERE dataset = {{dataset:String}} AND NOT ({lives})
            UNION DISTINCT
            SELECT toString(run) AS run, data_row FROM results FINAL
            WHERE dataset = {{dataset:String}} AND version < {least}))
GROUP BY run, data_row ORDER BY run, data_row
"""


class Scope(NamedTuple):
    """Scope of a deletion: a dataset, one of its runs, or one of its data rows."""

    dataset: str
    run: str = ""
    data_row: str = ""

    @property
    def is_dataset(self) -> bool:
        """Whether it is all of the dataset, with what was declared of it."""
        return not self.run and not self.data_row


class Deletion(NamedTuple):
    """A tombstone: everything in its scope of at most its version is dead."""

    scope: Scope
    version: int
    deleted_at: datetime


class Counts(NamedTuple):
    """Counts of a scope: data rows that events speak of, these events, results, and so on."""

    data_rows: int
    events: int
    results: int
    declarations: int
    dead_letters: int


def load_deletions(client: Client, dataset: str, data_rows: Sequence[str] | None = None) -> Deletions:
    """Load the tombstones of a dataset: all, or at least those that cover some data rows, some thousand at the most."""
    if (few := _few(client, dataset)) is not None:
        return Deletions(few)
    parameters = {"dataset": dataset, "all": data_rows is None, "data_rows": list(data_rows or [])}
    rows = client.query(_LOAD, parameters=parameters).result_rows
    return Deletions({(run, data_row): Tombstones(count, floor) for run, data_row, count, floor in rows})


def count_deletions(client: Client, dataset: str) -> int:
    """Count the tombstones of a dataset: as long as there are no more of them, what was there is there."""
    if (few := _few_rows(client, dataset)) is not None:
        return len({(run, data_row, version) for run, data_row, version, *_ in few})
    statement = "SELECT uniqExact(run, data_row, version) FROM deletions WHERE dataset = {dataset:String}"
    return int(short_answer(client, statement, {"dataset": dataset})[0][0])


def any_by_retention(client: Client, dataset: str) -> bool:
    """Whether retention has removed anything of a dataset."""
    if (few := _few_rows(client, dataset)) is not None:
        return any(by_retention for *_, by_retention in few)
    statement = "SELECT max(toUnixTimestamp64Milli(older_than) > 0) FROM deletions WHERE dataset = {dataset:String}"
    return bool(short_answer(client, statement, {"dataset": dataset})[0][0])


class Conditions(NamedTuple):
    """SQL conditions that hold for what a dataset's tombstones leave of its tables, and the values bound to them.

    ``{dataset:String}`` is bound besides, to the dataset.
    """

    #: Whether an event is above every tombstone that covers it.
    lives: str
    #: Whether what is said of a run as a whole is.
    run_lives: str
    #: Whether a declaration is above every tombstone of the dataset.
    declaration_lives: str
    #: The lowest version of a result that has seen every tombstone which covers its data row and run.
    least: str
    parameters: dict[str, Any]


def conditions(client: Client, dataset: str) -> Conditions:
    """Give the conditions that the tombstones of a dataset make now."""
    few = _few(client, dataset)
    if few is None:
        floors, counts = ([_of_dataset(value), *(_of_each(key, value) for key in _KEYS)] for value in (_FLOOR, _COUNT))
        return _conditions(floors, counts, {})
    if not few:  # nearly always
        return Conditions("true", "true", "true", "toUInt64(0)", {})
    whole = few.get(("", ""), NO_TOMBSTONES)
    floors, counts = [f"toUInt64({whole.floor})"], [str(whole.number)]
    parameters: dict[str, Any] = {}
    for i, key in enumerate(_KEYS):
        own = {scope[i]: tombstones for scope, tombstones in few.items() if scope[i]}
        if own:
            parameters[f"dead_{key}"] = list(own)
            parameters[f"dead_{key}_floor"] = [tombstones.floor for tombstones in own.values()]
            parameters[f"dead_{key}_count"] = [tombstones.number for tombstones in own.values()]
        for terms, value in ((floors, "floor"), (counts, "count")):
            named = f"{{dead_{key}:Array(String)}}, {{dead_{key}_{value}:Array(UInt64)}}"
            terms.append(f"transform({key}, {named}, toUInt64(0))" if own else "0")
    return _conditions(floors, counts, parameters)


_KEYS: Final = ("run", "data_row")


def _few(client: Client, dataset: str) -> dict[tuple[str, str], Tombstones] | None:
    """Load the tombstones of a dataset by run and data row; None where there are many."""
    tombstones = _few_rows(client, dataset)
    if tombstones is None:
        return None
    floors: dict[tuple[str, str], dict[int, int]] = {}
    for run, data_row, version, floor, _ in tombstones:
        floors.setdefault((run, data_row), {})[version] = floor
    return {scope: Tombstones(len(own), max(own.values())) for scope, own in floors.items()}


def _few_rows(client: Client, dataset: str) -> list[tuple[Any, ...]] | None:
    """Read the rows of a dataset; None where there are many. All who ask about them at one state share the answer."""
    rows = short_answer(client, _FEW, {"dataset": dataset})
    return rows if len(rows) <= MOST_VALUES else None


def _conditions(floors: Sequence[str], counts: Sequence[str], parameters: dict[str, Any]) -> Conditions:
    """Put together what the tombstones of a dataset, of its runs and of its data rows say."""
    return Conditions(
        f"version >= greatest({', '.join(floors)})",
        f"version >= greatest({', '.join(floors[:2])})",
        f"version >= {floors[0]}",
        f"bitShiftLeft(toUInt64({' + '.join(counts)}), {COUNT_BITS})",
        parameters,
    )


def count_scope(client: Client, scope: Scope, version: int) -> Counts:
    """Count what a deletion up to a version would take away."""
    living = conditions(client, scope.dataset)
    parameters = _parameters(scope) | living.parameters | {"version": version}

    def ask(statement: str) -> tuple[Any, ...]:
        return tuple(client.query(statement, parameters=parameters).result_rows[0])

    data_rows, events = ask(
        f"SELECT uniqExact(data_row), count() FROM events FINAL WHERE {_SCOPE} AND {_DEAD} AND {living.lives}"
    )
    (results,) = ask(f"SELECT count() FROM results FINAL WHERE {_SCOPE} AND run != '' AND version >= {living.least}")
    declarations = letters = 0
    if scope.is_dataset:
        (declarations,) = ask(
            "SELECT uniqExact(version, id) FROM ontologies"
            f" WHERE dataset = {{dataset:String}} AND {_DEAD} AND {living.declaration_lives}"
        )
    if not scope.run:
        (letters,) = ask(f"SELECT count() FROM dead_letters FINAL WHERE {_LETTERS}")
    return Counts(data_rows, events, results, declarations, letters)


def newest_in(client: Client, scope: Scope) -> int:
    """Give the highest version of anything in a scope; 0 where there is nothing."""
    versions = f"SELECT max(version) AS v FROM events WHERE {_SCOPE}"
    if scope.is_dataset:
        for table in ("ontologies", "retentions"):
            versions += f" UNION ALL SELECT max(version) AS v FROM {table} WHERE dataset = {{dataset:String}}"
    return int(client.query(f"SELECT max(v) FROM ({versions})", parameters=_parameters(scope)).result_rows[0][0])


def survivors(client: Client, scope: Scope) -> bool:
    """Whether a run has said anything in a scope that lives: its results have to be made anew after a deletion."""
    return _any_lives(client, _SCOPE, _parameters(scope))


def rows_survive(client: Client, dataset: str, data_rows: Sequence[str]) -> bool:
    """Whether a run has said anything of some data rows that lives."""
    return _any_lives(client, _SOME_ROWS, {"dataset": dataset, "data_rows": list(data_rows)})


def _any_lives(client: Client, where: str, parameters: dict[str, Any]) -> bool:
    lives, *_, bound = conditions(client, parameters["dataset"])
    statement = f"SELECT 1 FROM events WHERE {where} AND run != '' AND {lives} LIMIT 1"
    return bool(client.query(statement, parameters=parameters | bound).result_rows)


def last_deletion(client: Client, scope: Scope) -> Deletion | None:
    """Give the newest tombstone of exactly this scope, if there is one."""
    deletions = _deletions(client, _LAST, scope)
    return deletions[0] if deletions else None


def bury(client: Client, scope: Scope, version: int) -> Deletion:
    """Write a tombstone; when this returns it is on disk, and what it covers is dead for good."""
    change(client, _BURY, _parameters(scope) | {"version": version})
    written = last_deletion(client, scope)
    assert written is not None
    return written


def erase(client: Client, deletion: Deletion) -> None:
    """Take away what a tombstone covers; when this returns no question finds any of it. Newer things stay."""
    scope = deletion.scope
    if scope.data_row:
        erase_rows(client, [deletion])
        return
    parameters = _parameters(scope) | {
        "version": deletion.version,
        "milliseconds": round(deletion.deleted_at.timestamp() * 1000),
        "least": _least_version(client, scope),
    }

    *_, least, bound = conditions(client, scope.dataset)
    change(client, _retract(_SCOPE, _DEAD, least), parameters | bound)
    _delete(client, "results", f"{_SCOPE} AND version < {{least:UInt64}} AND NOT is_deleted", parameters)
    if not scope.run:
        _delete(client, "dead_letters", f"{_LETTERS} AND {_RECEIVED_BEFORE}", parameters)
    if scope.is_dataset:
        for table in ("ontologies", "retentions"):
            _delete(client, table, "dataset = {dataset:String} AND version <= {version:UInt64}", parameters)
    _delete(client, "run_steps", f"{_OF_RUNS} AND version <= {{version:UInt64}}", parameters)
    _delete(client, "events", f"{_SCOPE} AND version <= {{version:UInt64}}", parameters)


def bury_many(client: Client, scopes: Sequence[tuple[Scope, int]], older_than: datetime) -> list[Deletion]:
    """Write tombstones of retention, each of a scope up to a version; nothing of it had come since ``older_than``."""
    now = datetime.now(UTC)
    rows = [[*scope, version, older_than, now] for scope, version in scopes]
    names = ["dataset", "run", "data_row", "version", "older_than", "deleted_at"]
    client.insert("deletions", rows, column_names=names, settings=INSERT)
    return [Deletion(scope, version, now) for scope, version in scopes]


def erase_rows(client: Client, deletions: Sequence[Deletion]) -> None:
    """Do as :func:`erase` does, for tombstones of data rows of one dataset, all at once: some thousand at the most."""
    dataset = deletions[0].scope.dataset
    versions = {one.scope.data_row: one.version for one in deletions}
    tombstones = load_deletions(client, dataset, list(versions)).tombstones
    whole = tombstones.get(("", ""), NO_TOMBSTONES).number
    parameters = _parameters(Scope(dataset)) | {
        "data_rows": list(versions),
        "versions": list(versions.values()),
        "least": [whole + tombstones["", row].number << COUNT_BITS for row in versions],
        "milliseconds": round(max(one.deleted_at for one in deletions).timestamp() * 1000),
    }
    *_, least, bound = conditions(client, dataset)
    change(client, _retract(_SOME_ROWS, _DEAD_ROWS, least), parameters | bound)
    letters = f"{_LETTERS_OF_DATASET} AND data_row IN {{data_rows:Array(String)}}"
    _delete(client, "results", f"{_SOME_ROWS} AND version < {_own('least')} AND NOT is_deleted", parameters)
    _delete(client, "dead_letters", f"{letters} AND {_RECEIVED_BEFORE}", parameters)
    _delete(client, "events", f"{_SOME_ROWS} AND version <= {_own('versions')}", parameters)


def _delete(client: Client, table: str, condition: str, parameters: dict[str, Any]) -> None:
    # Not even where there is nothing to delete: that would rewrite every part all the same.
    if client.query(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1", parameters=parameters).result_rows:
        change(client, f"DELETE FROM {table} WHERE {condition}", parameters)


def left_over(client: Client, dataset: str) -> list[Deletion]:
    """Name the tombstones that have anything left to erase: a deletion was cut off, or something came late."""
    if not count_deletions(client, dataset):  # nearly always, and soon answered
        return []
    lives, *_, least, bound = conditions(client, dataset)
    return _deletions(client, _LEFT_OVER.format(lives=lives, least=least), Scope(dataset), **bound)


def touched(client: Client) -> list[str]:
    """Name the datasets of which anything was ever deleted."""
    return [name for (name,) in client.query("SELECT DISTINCT dataset FROM deletions ORDER BY dataset").result_rows]


def _least_version(client: Client, scope: Scope) -> int:
    """Give a version that no live result in the scope is below.

    Where other tombstones cover single keys of it there are dead results above it, which the retraction replaces too.
    """
    tombstones = load_deletions(client, scope.dataset).tombstones
    own = {("", ""), (scope.run, scope.data_row)}
    return sum(tombstones[key].number for key in own if key in tombstones) << COUNT_BITS


def _deletions(client: Client, statement: str, scope: Scope, **parameters: Any) -> list[Deletion]:
    rows = client.query(statement, parameters=_parameters(scope) | parameters).result_rows
    return [
        Deletion(Scope(scope.dataset, run, data_row), version, deleted_at.replace(tzinfo=UTC))
        for run, data_row, (version, deleted_at) in rows
    ]


def _parameters(scope: Scope) -> dict[str, Any]:
    return scope._asdict() | {"route": f"/v1/datasets/{quote(scope.dataset, safe='')}/"}
