"""SQL for the declared hierarchy of classes: to count classes as their ancestors, and to select whole branches.

Everything is read from the declaration in force at the moment of the question. Where nothing is declared, every class
stands for itself.
"""

from __future__ import annotations

from typing import Final

from evalstream.ontology import DEPTH_LIMIT
from evalstream.storage.ontologies import DECLARED

#: The level of a question that rolls nothing up: every class stays itself.
NO_ROLL_UP: Final = DEPTH_LIMIT

_IN_FORCE: Final = f"SELECT class_name, class_lineage {DECLARED} ORDER BY version DESC, id DESC LIMIT 1"
_ANCESTOR: Final = "arrayMap(l -> l[least({roll_up:UInt32}, length(l))], class_lineage)"

# Scalar subqueries of arrays: to the engine they are constants. Flattening groups of at most one makes them empty, and
# not null, where nothing is declared.
_NAMES: Final = f"(SELECT arrayFlatten(groupArray(class_name)) FROM ({_IN_FORCE}))"
_ANCESTORS: Final = f"(SELECT arrayFlatten(groupArray({_ANCESTOR})) FROM ({_IN_FORCE}))"


def rolled_up(label: str) -> str:
    """SQL for the ancestor of a label at level ``roll_up`` (1: the top); what is above it, or not declared, stays."""
    return f"transform({label}, {_NAMES}, {_ANCESTORS}, {label})"


#: A subquery of the features that a filter selects: the ones named, and every kind of them. Under a roll-up first
#: what is named is rolled up too, for with one part of a class a pair would count on one side only.
FEATURES: Final = f"""(
    SELECT arrayJoin(arrayConcat({{feature:Array(String)}}, (
        SELECT arrayFlatten(groupArray(arrayFilter(
            (name, lineage) -> hasAny(lineage, arrayConcat({{feature:Array(String)}}, arrayFilter(
                (ancestor, own) -> has({{feature:Array(String)}}, own), {_ANCESTOR}, class_name))),
            class_name, class_lineage))) FROM ({_IN_FORCE})
    )))
)"""
