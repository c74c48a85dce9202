"""How the report looks, on a screen and on paper."""

STYLE = """
:root { --ink: #1f2328; --soft: #57606a; --line: #d0d7de; --band: #f6f8fa; }
* { box-sizing: border-box; }
body { font: 14px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); background: #fff;
  margin: 0 auto; max-width: 90rem; padding: 2rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
p { margin: .3rem 0; } .about, .none, footer { color: var(--soft); }
.cards { display: flex; flex-wrap: wrap; gap: .6rem; list-style: none; margin: 1.2rem 0; padding: 0; }
.cards li { border: 1px solid var(--line); border-left: 5px solid var(--soft); border-radius: 4px;
  padding: .5rem .9rem; min-width: 8rem; }
.cards b { font-size: 1.5rem; display: block; line-height: 1.1; }
.cards .inconsistent, .cards .non_compliant { border-left-color: #a4262c; }
.cards .unknown { border-left-color: #8a6100; } .cards .exempt { border-left-color: #0b5394; }
.cards .compliant { border-left-color: #0b6a0b; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; min-width: 5.5rem; }
th { background: var(--band); border-bottom: 2px solid var(--line); white-space: nowrap; }
.long { min-width: 18rem; } .id { font-family: ui-monospace, Consolas, monospace; font-size: .92em; min-width: 4rem; }
.where, .due { min-width: 9rem; } code { font-size: .95em; }
.short { white-space: nowrap; }
.behind { color: var(--soft); font-family: system-ui, sans-serif; }
.state { font-weight: 600; white-space: nowrap; }
.state.inconsistent, .state.non_compliant { color: #a4262c; } .state.unknown { color: #7a5600; }
.state.exempt { color: #0b5394; } .state.compliant { color: #0b6a0b; } .state.not_applicable { color: var(--soft); }
footer { margin-top: 2rem; border-top: 1px solid var(--line); padding-top: .5rem; }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 9pt; } table { font-size: 7.5pt; } .wide { overflow: visible; }
  th, td { min-width: 0; padding: 2pt 4pt; } .long { min-width: 8rem; } .id, .where, .due { min-width: 0; }
  thead { display: table-header-group; } tr, .cards li { break-inside: avoid; } h2, .about { break-after: avoid; }
  th, .cards li, .state { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
