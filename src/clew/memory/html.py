"""A report as one page that needs nothing else: no network, no script, nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from clew.memory._explained import EXPLAINED
from clew.memory.coloured import Coloured
from clew.memory.finding import Finding, Table
from clew.memory.report_files import picture

_LARGE = 600_000  # bytes of a picture of lines; of more, one of dots is put in

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --ground: #fff; --soft: #555; --line: #bbb;
  --band: #f3f3f3; --link: #0b4f9e; }
@media (prefers-color-scheme: dark) { :root { --ink: #eaeaea; --ground: #161616; --soft: #b5b5b5;
  --line: #555; --band: #222; --link: #9cc8ff; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--ground);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, nav, main, footer { max-width: 62rem; margin: 0 auto; padding: 0 1rem; }
h1 { margin: 1.5rem 0 0; line-height: 1.2; }
h2 { margin: 2.5rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line);
  line-height: 1.25; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; padding: .5rem; background: var(--ground); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 1rem 0; padding: 0;
  list-style: none; }
main > section:first-child { padding: .1rem 1rem .5rem; margin-top: 1rem;
  border: 2px solid var(--line); border-radius: .5rem; }
main > section:first-child h2 { margin-top: .75rem; border: 0; padding: 0; }
p, li { max-width: 46rem; overflow-wrap: anywhere; }
.answer { font-weight: 600; }
.soft { color: var(--soft); font-size: .925rem; }
figure { margin: 1rem 0; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .25rem; }
.paper { background: #fff; padding: .5rem; }
.paper img { display: block; width: 100%; min-width: 34rem; height: auto; }
summary { cursor: pointer; padding: .4rem 0; }
table { border-collapse: collapse; margin: .75rem; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
thead th { background: var(--band); }
th.text, td.text { text-align: left; font-weight: normal; white-space: pre; }
thead th.text { font-weight: bold; }
@media print { nav, .skip { display: none; } body { font-size: 10pt; }
  figure, table, h2 { break-inside: avoid; } h2 { break-after: avoid; }
  .scroll { overflow: visible; } .paper img { min-width: 0; } }
"""


def page(
    title: str,
    note: str,
    summary: Sequence[str],
    findings: Mapping[str, Finding],
    missing: Mapping[str, str],
    drawn: Mapping[str, bytes],
) -> str:
    """The whole page: the summary, then a section a finding, then what could not be measured.

    summary: sentences. missing: why, by name. drawn: pictures that are there already, SVG by name.
    Valid HTML 5; all that is not ours is escaped.
    """
    named = {name: finding.title for name, finding in findings.items()}
    if missing:
        named["missing"] = "What could not be measured"
    links = "".join(
        f'<li><a href="#{name}">{escape(what)}</a></li>' for name, what in named.items()
    )
    sections = [
        _summary(summary),
        *(_section(one, drawn.get(name)) for name, one in findings.items()),
    ]
    if missing:
        sections.append(_missing(missing))
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>What it remembers: {escape(title)}</title>",
            f"<style>{_STYLE}</style>\n</head>\n<body>",
            '<a class="skip" href="#main">Skip to what was found</a>',
            f"<header>\n<h1>What it remembers</h1>\n<p>{escape(title)}</p>",
            f"<p>{escape(note)}</p>\n</header>" if note else "</header>",
            f'<nav aria-label="Sections">\n<ul>{links}</ul>\n</nav>',
            '<main id="main" tabindex="-1">',
            *sections,
            "</main>",
            '<footer>\n<p class="soft">Made by Clew. This page is one file: it loads nothing.</p>'
            "\n</footer>\n</body>\n</html>\n",
        ]
    )


def _summary(lines: Sequence[str]) -> str:
    return (
        '<section aria-labelledby="in-short">\n<h2 id="in-short">In short</h2>\n'
        f"{_list(lines)}\n</section>"
    )


def _list(lines: Sequence[str]) -> str:
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>\n{items}\n</ul>" if lines else ""


def _section(finding: Finding, drawn: bytes | None) -> str:
    name, answer, *more = finding.name, *finding.words()
    parts = [
        f'<section id="{name}" aria-labelledby="{name}-title">',
        f'<h2 id="{name}-title">{escape(finding.title)}</h2>',
        f'<p class="answer">{escape(answer)}</p>',
        f"<p>{escape(EXPLAINED[name])}</p>" if name in EXPLAINED else "",
        _figure(finding, drawn),
        _list(more),
        _numbers(finding),
        f'<p class="soft"><strong>How it was measured.</strong> {escape(finding.method)}</p>',
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _figure(finding: Finding, drawn: bytes | None) -> str:
    """The picture as data in the page; a coloured text as text."""
    title = escape(finding.title, quote=True)
    if isinstance(finding, Coloured):
        return (
            f'<div class="scroll paper" role="region" tabindex="0" aria-label="{title}">'
            f"{finding.html()}</div>"
        )
    kind, data = "svg+xml", drawn or picture(finding, "svg")
    if len(data) > _LARGE:
        kind, data = "png", picture(finding, "png")
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    alt = escape(f"{finding.title}. {finding.words()[0]} The numbers stand in tables below.")
    return (
        f'<figure>\n<div class="scroll paper" role="region" tabindex="0" '
        f'aria-label="Picture: {title}">\n<img src="{source}" alt="{alt}">\n</div>\n</figure>'
    )


def _numbers(finding: Finding) -> str:
    tables = finding.tables()
    if not tables:
        return ""
    count = sum(len(table.rows) for table in tables)
    rows = f"{count} row{'s' * (count != 1)}"
    body = "\n".join(_table(table) for table in tables)
    return f"<details>\n<summary>The numbers of this picture ({rows})</summary>\n{body}\n</details>"


def _table(table: Table) -> str:
    texts = [any(isinstance(row[k], str) for row in table.rows) for k in range(len(table.columns))]
    kinds = [' class="text"' if text else "" for text in texts]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>' if name else f"<td{kind}></td>"
        for name, kind in zip(table.columns, kinds, strict=True)
    )
    title = escape(table.title, quote=True)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="Table: {title}">\n<table>\n'
        f"<caption>{escape(table.title)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(_rows(table, kinds))
        + "\n</tbody>\n</table>\n</div>"
    )


def _rows(table: Table, kinds: Sequence[str]) -> Iterator[str]:
    for row in table.rows:
        cells = [escape(_cell(value)) for value in row]
        first = f'<th scope="row"{kinds[0]}>{cells[0]}</th>'
        rest = "".join(
            f"<td{kind}>{cell}</td>" for cell, kind in zip(cells[1:], kinds[1:], strict=True)
        )
        yield f"<tr>{first}{rest}</tr>"


def _cell(value: str | int | float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _missing(missing: Mapping[str, str]) -> str:
    return (
        '<section id="missing" aria-labelledby="missing-title">\n'
        '<h2 id="missing-title">What could not be measured</h2>\n'
        f"{_list([f'{name}: {why}' for name, why in missing.items()])}\n</section>"
    )
