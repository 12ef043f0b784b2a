"""``evalstream ontology`` against a real embedded service."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.test_dead_letters import Service, serving

__all__ = ["serving"]


def declared(folder: Path, content: str) -> str:
    file = folder / "ontology.json"
    file.write_text(content, encoding="utf-8")
    return str(file)


def test_declare_show_and_declare_again(serving: Service, tmp_path: Path) -> None:
    assert "nothing is declared" in serving.say("ontology", "street")
    file = declared(tmp_path, '{"classes": [{"name": "car [red]", "parent": "vehicle", "color": "#aa0000"}]}')
    first = serving.say("ontology", "street", "--file", file)
    assert "in force" in first
    assert "NOT" not in first
    assert serving.say("ontology", "street", "--file", file) == first
    shown = serving.say("ontology", "street")
    assert "car [red]" in shown
    assert "vehicle" in shown
    assert "tolerance 10.0" in shown
    answer = json.loads(serving.say("ontology", "street", "--json"))
    assert [own["name"] for own in answer["ontology"]["classes"]] == ["car [red]"]
    assert answer["used"]["total"] == 2
    assert "NOT in force" in serving.say("ontology", "street", "--file", declared(tmp_path, "{}"), "--version", "1")


def test_what_is_wrong_is_named(serving: Service, tmp_path: Path) -> None:
    file = declared(tmp_path, '{"classes": [{"name": "a", "colour": "#aa0000"}]}')
    for words, said in (
        (["--file", file], "classes.0.colour: Extra inputs are not permitted"),
        (["--file", declared(tmp_path / "..", "no JSON")], "Invalid JSON"),
        (["--file", str(tmp_path / "none.json")], "there is no such file"),
    ):
        result = serving.invoke("ontology", "wrong", *words)
        assert result.exit_code == 2
        assert said in result.output.replace("\n", " "), result.output
