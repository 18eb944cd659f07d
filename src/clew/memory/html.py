"""A report as one page that needs nothing else: no network, no script, nothing beside it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

import clew
from clew.memory._answer import Answer, answer
from clew.memory._explained import EXPLAINED
from clew.memory._html_style import STYLE
from clew.memory._summary import Depth, depths
from clew.memory.coloured import Coloured
from clew.memory.finding import Finding, Table
from clew.memory.report_files import pictures

_LARGE = 600_000  # bytes of a picture of lines; of more, one of dots is put in

_SECURE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # loads nothing, ever
_OPEN = "as far as was looked: it may be more"
_DEPTHS = {
    "used": ("What it uses", "with less of the past its loss rises"),
    "felt": ("What its gradient feels", "beyond, it is below 1 % of its largest"),
    "peak": ("What its gradient feels", "gradient x input is greatest there"),
    "kept": ("What its state keeps", "what a line reads off it, and not off the current one alone"),
}


def page(
    title: str,
    note: str,
    asked: str,
    summary: Sequence[str],
    findings: Mapping[str, Finding],
    missing: Mapping[str, str],
    drawn: Mapping[str, Sequence[bytes]],
) -> str:
    """The whole page: the answer, a section a finding, then what could not be measured.

    asked: what the model was asked, in a sentence. summary: sentences. missing: why, by name.
    drawn: pictures that are there already, SVG and PNG, by name. Valid HTML 5; all that is not
    ours is escaped.
    """
    named = {name: finding.title for name, finding in findings.items()}
    if missing:
        named["missing"] = "What could not be measured"
    links = "".join(
        f'<li><a href="#{name}">{escape(what)}</a></li>' for name, what in named.items()
    )
    found = answer(findings)
    if found is not None and not found.more:  # says in other words what the horizon says first
        summary = [line for line in summary if line != findings["horizon"].words()[0]]
    sections = [
        _short(asked, summary, found, depths(findings)),
        *(_section(one, drawn.get(name)) for name, one in findings.items()),
    ]
    if missing:
        sections.append(_missing(missing))
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_SECURE}">',
            f"<title>How far back does it remember? {escape(title)}</title>",
            f"<style>{STYLE}</style>\n</head>\n<body>",
            '<a class="skip" href="#main">Skip to what was found</a>',
            "<header>\n<h1>How far back does it remember?</h1>",
            f"<p>{escape(title[:1].upper() + title[1:])}.</p>",
            f"<p>{escape(note)}</p>\n</header>" if note else "</header>",
            f'<nav aria-label="Sections">\n<ul>{links}</ul>\n</nav>',
            '<main id="main" tabindex="-1">',
            *sections,
            f'</main>\n<footer>\n<p class="soft">Made by Clew {clew.__version__}. This page is '
            "one file: it loads nothing.</p>\n</footer>\n</body>\n</html>\n",
        ]
    )


def _short(
    asked: str, summary: Sequence[str], found: Answer | None, seen: Mapping[str, Depth]
) -> str:
    """The answer in large letters, how far each instrument sees, and the sentences."""
    parts = ['<section class="short" aria-labelledby="in-short">\n<h2 id="in-short">In short</h2>']
    if found is not None:
        parts.append(
            f'<p class="big">{escape(found.short)} <small>{escape(found.sure)}</small></p>\n'
            f"<p>{escape(found.plain)}</p>"
        )
    if len(seen) > 1:
        parts.append(_depths(seen))
    parts.append(_list(summary))
    return "\n".join([*parts, f'<p class="soft">{escape(asked)}</p>\n</section>'])


def _depths(seen: Mapping[str, Depth]) -> str:
    """A bar for each instrument; the numbers stand beside them."""
    most = max(1, *(depth.steps for depth in seen.values()))
    told = {name: _DEPTHS["peak" if depth.peak else name] for name, depth in seen.items()}
    told |= {name: (told[name][0], _OPEN) for name, depth in seen.items() if depth.more}
    rows = "\n".join(
        f'<tr><th scope="row">{told[name][0]} <span class="soft">{told[name][1]}</span></th>'
        f'<td class="count">{depth}</td><td class="bar" aria-hidden="true">'
        f'<span style="width:{100 * depth.steps / most:.1f}%"></span></td></tr>'
        for name, depth in seen.items()
    )
    return (
        '<table class="depths">\n<caption>How many steps back each instrument sees something'
        f"</caption>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )


def _list(lines: Sequence[str]) -> str:
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>\n{items}\n</ul>" if lines else ""


def _section(finding: Finding, drawn: Sequence[bytes] | None) -> str:
    name, first, *more = finding.name, *finding.words()
    line, *rest = re.split(r"(?<=[.!?]) (?=[A-Z])", first, maxsplit=1)
    parts = [
        f'<section id="{name}" aria-labelledby="{name}-title">',
        f'<h2 id="{name}-title">{escape(finding.title)}</h2>',
        f'<p class="answer">{escape(line)}</p>',
        *(f"<p>{escape(text)}</p>" for text in rest),
        f"<p>{escape(EXPLAINED[name])}</p>" if name in EXPLAINED else "",
        _figure(finding, drawn),
        _list(more),
        _numbers(finding),
        f'<p class="soft"><strong>How it was measured.</strong> {escape(finding.method)}</p>',
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _figure(finding: Finding, drawn: Sequence[bytes] | None) -> str:
    """The picture as data in the page; a coloured text as text."""
    title = escape(finding.title, quote=True)
    if isinstance(finding, Coloured):
        return (
            f'<div class="scroll paper" role="group" tabindex="0" aria-label="{title}">'
            f"{finding.html()}</div>"
        )
    kind, (data, *dots) = "svg+xml", drawn or pictures(finding, "svg")
    if len(data) > _LARGE:
        kind, (data,) = "png", dots or pictures(finding, "png")
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    alt = escape(f"{finding.title}. {finding.words()[0]} The numbers stand in tables below.")
    return (
        f'<figure>\n<div class="scroll paper" role="group" tabindex="0" '
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
        f'<div class="scroll" role="group" tabindex="0" aria-label="Table: {title}">\n<table>\n'
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
