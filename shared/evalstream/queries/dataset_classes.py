"""Classes of a dataset: those that are declared, and those that are used."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, Field

from evalstream.events.base import Name
from evalstream.ontology import Ontology, OntologyClass, lineages
from evalstream.storage.ontologies import in_force
from evalstream.stored.colors import default_color
from evalstream.stored.counted import ask
from evalstream.tabular import Tabular

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Every run has the same annotations, so of each data row one will do.
# An answer stands under its label and under its question, which is named as the label of a class would be.
_USED = r"""
SELECT arrayJoin(arrayFlatten(arrayMap((label, feature, type) ->
           if(type = 'question', [], arrayDistinct(arrayFilter(name -> name != '',
               [label, replaceAll(replaceAll(feature, '\\', '\\\\'), '=', '\\=')]))),
           {side}_label, {side}_feature, {side}_type))) AS name, count() AS objects
FROM (
    SELECT {side}_label, {side}_feature, {side}_type FROM results FINAL
    WHERE dataset = {{dataset:String}} AND run != '' AND ({{run:String}} = '' OR run = {{run:String}})
    {once}
) GROUP BY name
"""


class OntologyInForce(BaseModel):
    """The declaration of a dataset, or that of nothing, under which everything has its default."""

    version: int | None = Field(description="null: nothing is declared")
    id: str | None = Field(description="a hash of the content")
    received_at: datetime | None
    revisions: int = Field(description="declarations so far")
    ontology: Ontology


class ClassesOfDatasetPage(BaseModel):
    """Page of classes: which, in which order, and how many."""

    run: Name | None = Field(default=None, description="count the predictions of this run, and the rows it speaks of")
    search: str = Field(default="", max_length=256, description="only names that contain this, in any case")
    name: list[str] = Field(default=[], max_length=1000, description="only these; all if none")
    under: str | None = Field(default=None, description="only the kinds, near and far, of this class")
    sort: Literal["name", "annotations", "predictions"] = "name"
    descending: bool = False
    offset: int = Field(default=0, ge=0, lt=2**53)
    limit: int = Field(default=1_000, ge=1, le=100_000)


class ClassOfDataset(BaseModel):
    """A class, question or answer, as declared and as used."""

    name: str
    color: str = Field(description="#rrggbb: as declared, or else by the name, safe for colour-blind people")
    declared: bool
    parent: str | None
    level: int = Field(description="1 is the top of the hierarchy; what `roll_up` counts")
    annotations: int = Field(description="how often it is used, crowd regions included, whatever its confidence")
    predictions: int
    annotations_with_kinds: int = Field(description="its own and those of every kind of it")
    predictions_with_kinds: int
    skeleton: list[tuple[int, int]]
    attributes: dict[str, str]


class ClassesOfDataset(Tabular):
    """Some classes of a dataset."""

    table: ClassVar = "classes"

    classes: list[ClassOfDataset]
    total: int = Field(description="classes that fit, given or not")


def ontology_in_force(client: Client, dataset: str) -> OntologyInForce:
    """Give what is declared of a dataset."""
    declared = in_force(client, dataset)
    return OntologyInForce(
        version=declared.version if declared.revisions else None,
        id=declared.id or None,
        received_at=declared.received_at if declared.revisions else None,
        revisions=declared.revisions,
        ontology=declared.ontology,
    )


def classes_of_dataset(client: Client, dataset: str, page: ClassesOfDatasetPage) -> ClassesOfDataset:
    """List the classes that are declared or used, with how often they are.

    Annotations are counted on data rows that some run, or the one named, has spoken of.
    """
    ontology = in_force(client, dataset).ontology
    declared = {item.name: item for item in ontology.classes}
    lineage = lineages(ontology)
    parameters = {"dataset": dataset, "run": page.run or ""}
    once = "ORDER BY data_row, version DESC LIMIT 1 BY data_row"
    annotations = dict(ask(client, _USED.format(side="annotation", once=once), parameters))
    predictions = dict(ask(client, _USED.format(side="prediction", once=""), parameters))
    above = {ancestor for path in lineage.values() for ancestor in path}
    names = sorted(declared.keys() | above | annotations.keys() | predictions.keys())
    with_kinds = [Counter[str](), Counter[str]()]
    for totals, used in zip(with_kinds, (annotations, predictions), strict=True):
        for name, count in used.items():
            for ancestor in lineage.get(name, [name]):
                totals[ancestor] += count
    chosen = set(page.name)
    searched = page.search.casefold()
    fitting = [
        name
        for name in names
        if (not chosen or name in chosen)
        and searched in name.casefold()
        and (page.under is None or page.under in lineage.get(name, [name])[:-1])
    ]
    if page.sort != "name":
        used = annotations if page.sort == "annotations" else predictions
        fitting.sort(key=lambda name: used.get(name, 0), reverse=page.descending)
    elif page.descending:
        fitting.reverse()
    shown = fitting[page.offset : page.offset + page.limit]
    return ClassesOfDataset(
        total=len(fitting),
        classes=[
            ClassOfDataset(
                name=name,
                color=own.color or default_color(name),
                declared=name in declared,
                parent=own.parent,
                level=len(lineage.get(name, [name])),
                annotations=annotations.get(name, 0),
                predictions=predictions.get(name, 0),
                annotations_with_kinds=with_kinds[0][name],
                predictions_with_kinds=with_kinds[1][name],
                skeleton=own.skeleton,
                attributes=own.attributes,
            )
            for name in shown
            for own in [declared.get(name) or OntologyClass.model_construct(name=name)]
        ],
    )
