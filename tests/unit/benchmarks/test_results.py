"""The file of results: each benchmark writes its own part, and leaves those of others."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from benchmarks import results


def test_a_part_takes_the_place_of_its_last_one(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    results.write("Files", "From files.", ["## boxes\n\n| a |\n| --- |\n| 1 |"], file)
    results.write("Questions", "Asked.", ["| b |"], file)
    results.write("Files", "From files.", ["| 2 |"], file)
    text = file.read_text()
    assert text.count("# Files") == text.count("# Questions") == 1
    assert text.index("# Files") < text.index("| 2 |") < text.index("# Questions") < text.index("| b |")
    assert "| 1 |" not in text
    assert results.machine().split(";")[0] in text


def test_a_table_of_the_terminal_is_markdown() -> None:
    table = Table(title="costs")
    table.add_column("question")
    table.add_column("ms", justify="right")
    table.add_row("summary", "1.5")
    assert results.markdown(table) == "## costs\n\n| question | ms |\n| --- | ---: |\n| summary | 1.5 |"
