"""How a report looks: light and dark, wide and narrow, on a screen and on paper."""

from __future__ import annotations

STYLE = """
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
nav a { display: inline-block; padding: .15rem 0; }
.short { padding: .1rem 1.25rem .5rem; margin-top: 1rem; border: 2px solid var(--line);
  border-radius: .5rem; }
.short h2 { margin-top: .75rem; border: 0; padding: 0; }
.big { margin: .25rem 0; font-size: 2.25rem; line-height: 1.2; font-weight: 700; }
.big small { font-size: 1rem; font-weight: 400; color: var(--soft); white-space: nowrap; }
.depths { width: 100%; margin: 1rem 0; font-size: 1rem; }
.depths th, .depths td { padding: .3rem .6rem .3rem 0; white-space: normal; }
.depths th { text-align: left; font-weight: 600; width: 45%; }
.depths th span { display: block; }
.depths .count { width: 1%; font-weight: 600; white-space: nowrap; }
.depths .bar span { display: block; min-width: 2px; border-top: .8rem solid var(--ink); }
p, li { max-width: 46rem; overflow-wrap: anywhere; }
li { margin: .15rem 0; }
.answer { font-weight: 600; }
.soft { color: var(--soft); font-size: .925rem; font-weight: 400; }
figure { margin: 1rem 0; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .25rem; }
.paper { background: #fff; padding: .5rem; print-color-adjust: exact; }
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
@media (max-width: 36rem) { .big small { display: block; white-space: normal; }
  ul { padding-left: 1.25rem; } }
@media print { nav, .skip { display: none; } :root { font-size: 10pt; }
  figure, table, .short, .answer { break-inside: avoid; } h2, .answer { break-after: avoid; }
  .scroll { overflow: visible; } .paper img { min-width: 0; max-height: 22cm; width: auto;
  max-width: 100%; } }
"""
