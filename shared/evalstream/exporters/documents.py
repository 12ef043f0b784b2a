"""A report as a document: JSON, Markdown, or one page of HTML that opens anywhere and asks nobody for anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evalstream.exporters.report import Report, gather
from evalstream.exporters.sections import Cell, Section, chosen, sections

if TYPE_CHECKING:
    from evalstream.questions import Asked

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0; --paper: #fff; --a: #0b62a8;
  --b: #b3541e; --bad: 196, 60, 40; --good: 11, 98, 168; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #3a434d; --paper: #15191e;
  --a: #62b0f2; --b: #f0965a; --bad: 230, 110, 90; --good: 70, 150, 220; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 66rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2.2rem 0
  .5rem; }
p { margin: .3rem 0; color: var(--soft); overflow-wrap: anywhere; }
.scroll { overflow-x: auto; max-width: 100%; } .parts { display: flex; max-width: 100%; flex-wrap: wrap; gap:
  1rem 2.5rem; align-items: flex-start; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: 600; color: var(--soft); } th:first-child, td:first-child { text-align: left; }
td { white-space: nowrap; } td:first-child { white-space: normal; min-width: 5rem; max-width: 20rem; }
.text td { white-space: normal; text-align: left; overflow-wrap: anywhere; } .text thead, .tiles thead {
  display: none; }
.tiles tbody { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: .2rem 1.4rem; }
.tiles, .parts > .scroll:has(> .tiles) { width: 100%; } .tiles tr { display: flex; flex-direction: column; }
.tiles td { border: 0; padding: 0; text-align: left; } .tiles td:first-child { color: var(--soft); }
.tiles td + td { font-size: 1.35rem; border-bottom: 1px solid var(--line); }
svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; margin: .6rem 0; }
svg text { fill: var(--ink); unicode-bidi: isolate; } .grid { stroke: var(--line); fill: none; }
.line { fill: none; stroke-width: 2; } .line.a { stroke: var(--a); }
.line.b { stroke: var(--b); stroke-dasharray: 6 3; }
.mark { stroke: var(--paper); stroke-width: 1.5; } .mark.a, .bar { fill: var(--a); } .mark.b { fill: var(--b); }
@media print { body { margin: 0; } h2 { break-after: avoid; } svg, tr { break-inside: avoid; } }
"""


def json(report: Report) -> str:
    """Give every answer whole."""
    return report.model_dump_json(indent=2) + "\n"


def markdown(report: Report) -> str:
    """Give headings, sentences and tables; plots are left to HTML, and their figures stand in the tables."""
    parts = [f"# {_plain(report.run)} on {_plain(report.dataset)}\n\n", f"{_plain(_at(report))}\n"]
    for section in sections(report):
        parts.append(f"\n## {_plain(section.title)}\n")
        parts += [f"\n{_plain(text)}\n" for text in section.text]
        if section.header:
            aligned = ["---", *["---:"] * (len(section.header) - 1)]
            lines = [list(map(_plain, section.header)), aligned]
            lines += [[_plain(cell.text) for cell in row] for row in section.rows]
            parts.append("\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines))
    return "".join(parts)


def _plain(text: str) -> str:
    """Write text so that Markdown shows it as it is, in a cell of a table too."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", " ".join(text.split()))


def html(report: Report) -> str:
    """Give one page with everything in it: its style and its plots; it holds no script, and no address is asked."""
    title = escape(f"{report.run} on {report.dataset}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n<p>{escape(_at(report))}</p>\n"
        + "".join(part for section in sections(report) for part in _section(section))
        + "</main>\n</body>\n</html>\n"
    )


def _section(section: Section) -> Iterator[str]:
    yield f"<section>\n<h2>{escape(section.title)}</h2>\n"
    yield from (f"<p>{escape(text)}</p>\n" for text in section.text)
    yield '<div class="parts">\n'
    if section.plot:
        yield f"{section.plot}\n"
    if section.header:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in section.header)
        yield f'<div class="scroll" tabindex="0"><table class="{section.look}">\n'
        yield f"<thead><tr>{head}</tr></thead>\n<tbody>\n"
        yield from (f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in section.rows)
        yield "</tbody>\n</table></div>\n"
    yield "</div>\n</section>\n"


def _cell(cell: Cell) -> str:
    # At most so dark that what stands there is read easily.
    color = f"rgba(var(--{'bad' if cell.error else 'good'}), {0.5 * cell.share:.3f})"
    style = f' style="background: {color}"' if cell.share else ""
    return f"<td{style}>{escape(cell.text)}</td>"


def _at(report: Report) -> str:
    asked = report.question
    said = chosen({name: value for name, value in asked.items() if name not in ("policy", "confidence", "iou")})
    counting = said.pop("missing_rows", "leave_out") == "count"
    parts = (f"{name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in said.items())
    filters = "; ".join(parts) or "all data rows and objects"
    if counting:
        filters += "; rows without predictions counted"
    return (
        f"Policy {asked['policy']}, confidence {asked['confidence']:g}, IoU {asked['iou']:g}; {filters};"
        f" {report.time.isoformat(timespec='minutes')}"
    )


#: How a document is written, by the ending of its file.
WRITERS: Final[dict[str, Callable[[Report], str]]] = {".html": html, ".md": markdown, ".json": json}


def write_report(client: Asked, dataset: str, run: str, path: str | Path | None = None, **said: Any) -> Report:
    """Gather a run's report, and write it to a file.

    Parameters
    ----------
    path : path, optional
        A file to write, ending in ``.html``, ``.md`` or ``.json``, which says what to write; there must be none yet.
        None: nothing is written.
    **said
        ``versus``, policy, thresholds and filters, as of :func:`evalstream.exporters.report.gather`.

    Raises
    ------
    ValueError
        If the file has another ending; nothing is asked then.
    FileExistsError
        If there is such a file already.
    """
    file = None if path is None else Path(path)
    if file is not None and file.suffix not in WRITERS:
        raise ValueError(f"{file}: must end in {', '.join(WRITERS)}, for that says what to write")
    if file is not None and file.exists():
        raise FileExistsError(f"{file} is there already; name another one")
    report = gather(client, dataset, run, **said)
    if file is not None:
        file.write_text(WRITERS[file.suffix](report), encoding="utf-8")
    return report
