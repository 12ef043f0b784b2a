"""Table ``ontologies``: what was declared of datasets, revision by revision; and which declaration is in force."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa

from evalstream.deletions import Deletions
from evalstream.ontology import NOTHING_DECLARED, Ontology, lineages
from evalstream.storage.deletions import DECLARATION_LIVES, Conditions, conditions
from evalstream.storage.remembered import short_answer
from evalstream.storage.settings import INSERT

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_SCHEMA: Final = pa.schema(
    [
        ("dataset", pa.string()),
        ("version", pa.uint64()),
        ("id", pa.string()),
        ("document", pa.string()),
        ("class_name", pa.list_(pa.string())),
        ("class_lineage", pa.list_(pa.list_(pa.string()))),
    ]
)
_DECLARED: Final = "FROM ontologies WHERE dataset = {{dataset:String}} AND {lives}"
#: SQL for which revisions a dataset has.
DECLARED: Final = _DECLARED.format(lives=DECLARATION_LIVES)
# One statement, so that the count and the revision in force are of one moment.
_IN_FORCE: Final = f"SELECT uniqExact(version, id), max((version, id, received_at)) {_DECLARED}"
_DOCUMENT: Final = """
SELECT document FROM ontologies
WHERE dataset = {dataset:String} AND version = {version:UInt64} AND id = {id:String} LIMIT 1
"""
#: Documents once read, by their ids, which are hashes of them: large ones take longer to read than rows to match.
_READ: Final[dict[str, Ontology]] = {}
_READ_LIMIT: Final = 16


class Declared(NamedTuple):
    """The declaration in force, and how many revisions there are: none yet, where ``revisions`` is 0."""

    revisions: int
    version: int
    id: str
    received_at: datetime
    ontology: Ontology


def in_force(client: Client, dataset: str, deletions: Deletions | None = None) -> Declared:
    """Load what is declared of a dataset, with the number of revisions known at the same moment.

    ``deletions`` are those of the dataset, where they are known already.

    Whoever matches loads this *before* the events: the version of a result is the number of events and revisions that
    went into it, and it must never claim a revision that was not used.
    """
    if deletions is None:
        lives = conditions(client, dataset).declaration_lives
    else:
        lives = f"version >= {deletions.floor('', '')}"
    statement = _IN_FORCE.format(lives=lives)
    rows = short_answer(client, statement, {"dataset": dataset})
    revisions, (version, name, received_at) = rows[0]
    if not revisions:
        return Declared(0, 0, "", datetime.fromtimestamp(0, UTC), NOTHING_DECLARED)
    received_at = received_at.replace(tzinfo=UTC)
    return Declared(revisions, version, name, received_at, _ontology(client, dataset, version, name))


def revisions(living: Conditions) -> str:
    """SQL for how many revisions a dataset has: part of the version of every result (see :func:`in_force`)."""
    return f"(SELECT uniqExact(version, id) {_DECLARED.format(lives=living.declaration_lives)})"


def declare(client: Client, dataset: str, ontology: Ontology, version: int) -> str:
    """Append a revision; when this returns it is on disk. Declared twice with one version, it is one revision.

    Returns the id of the revision, a hash of its content.
    """
    name = content_id(ontology)
    paths = lineages(ontology)
    columns = [[dataset], [version], [name], [ontology.model_dump_json()], [list(paths)], [list(paths.values())]]
    client.insert_arrow("ontologies", pa.table(columns, schema=_SCHEMA), settings=INSERT)
    return name


def content_id(ontology: Ontology) -> str:
    """Name an ontology by what it says."""
    return blake2b(ontology.model_dump_json().encode(), digest_size=16).hexdigest()


def _ontology(client: Client, dataset: str, version: int, name: str) -> Ontology:
    ontology = _READ.get(name)
    if ontology is None:
        parameters = {"dataset": dataset, "version": version, "id": name}
        ((document,),) = client.query(_DOCUMENT, parameters=parameters).result_rows
        if len(_READ) >= _READ_LIMIT:
            _READ.clear()
        ontology = _READ[name] = Ontology.model_validate_json(document)
    return ontology
