"""The pictures of docs/policies.md show what the engine answers now."""

from __future__ import annotations

from evalstream.matching import POLICIES

from docs.policy_pictures import FOLDER, drawn


def test_pictures_are_drawn_from_what_the_engine_answers() -> None:
    found = dict(drawn())
    assert len(found) == 3 * len(POLICIES)
    assert found == {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
