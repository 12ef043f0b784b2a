"""The declaration itself: what it refuses, how the hierarchy is read, and that large ones do not take long."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from evalstream.ontology import CLASSES_LIMIT, DEPTH_LIMIT, Ontology, OntologyClass, lineages
from pydantic import ValidationError

DOCS = Path(__file__).parents[2] / "docs" / "ontology.md"


def ontology(parents: dict[str, str | None]) -> Ontology:
    return Ontology(classes=[OntologyClass(name=name, parent=parent) for name, parent in parents.items()])


def test_lineages_go_from_the_top_down() -> None:
    assert lineages(ontology({"car": "vehicle", "van": "car", "vehicle": None, "cat": "animal"})) == {
        "car": ["vehicle", "car"],
        "van": ["vehicle", "car", "van"],
        "vehicle": ["vehicle"],
        "cat": ["animal", "cat"],
    }


@pytest.mark.parametrize(
    ("parents", "said"),
    [
        ({"a": "a"}, "the parent of 'a' is, in the end, 'a' itself"),
        ({"a": "b", "b": "c", "c": "a"}, "'a' itself"),
        ({"x": "a", "a": "b", "b": "a"}, "in a ring"),
        ({str(i): str(i + 1) for i in range(DEPTH_LIMIT)}, f"'0' lies more than {DEPTH_LIMIT} levels deep"),
    ],
)
def test_a_hierarchy_that_cannot_be_is_refused(parents: dict[str, str | None], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ontology(parents)


def test_the_deepest_hierarchy_is_taken() -> None:
    found = lineages(ontology({str(i): str(i + 1) for i in range(DEPTH_LIMIT - 1)}))
    assert len(found["0"]) == DEPTH_LIMIT


def test_the_largest_one_is_read_soon() -> None:
    """A chain of all classes, too: what is refused must not take long to be, or the time limit of all tests ends it."""
    groups = ",".join(f'{{"name":"class {i}","parent":"group {i % 100}"}}' for i in range(CLASSES_LIMIT))
    links = ",".join(f'{{"name":"{i}","parent":"{i + 1}"}}' for i in range(CLASSES_LIMIT))
    wide, chain = (f'{{"classes":[{classes}]}}' for classes in (groups, links))
    assert len(Ontology.model_validate_json(wide).classes) == CLASSES_LIMIT
    with pytest.raises(ValidationError):
        Ontology.model_validate_json(chain)


def test_the_example_of_the_docs_is_valid() -> None:
    text = DOCS.read_text(encoding="utf-8")
    (example,) = re.findall(r"^    \{\n.*?^    \}\n", text, re.DOTALL | re.MULTILINE)
    found = Ontology.model_validate_json(example)
    assert {item.name: item.parent for item in found.classes}["car"] == "vehicle"
