"""The readable index of a pack: one page of HTML without scripts, that also prints.

It shows what is in the pack; whether that is sound is for a verification to say, and the page never does.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from shared.domain.pack import Pack

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b1b1b; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid #ccc; vertical-align: top; overflow-wrap: break-word; }
th { border-bottom-width: 2px; } code { font-size: .9em; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } tr { break-inside: avoid; } a { color: inherit; } }
"""


_VERIFY = (
    "<p>Verify it before you rely on it: <code>fipswarden evidence verify --offline</code> with this folder, or the "
    'algorithm in <a href="VERIFY.md">VERIFY.md</a>, which needs none of our code. Compare the key\'s thumbprint and '
    "the hash of the last manifest with what you were sent by another way.</p>"
)
_OTHERS = (
    '<p><a href="records.md">records.md</a> says what a record says, field by field, and whose word it is.</p>'
    '<p>Other files: <a href="index.json">index.json</a>, <a href="SHA256SUMS">SHA256SUMS</a>, '
    '<a href="certificates.json">certificates.json</a> (which modules are validated, as of its date).</p>'
)


def pack_page(pack: Pack) -> str:
    """Return the page; whatever stands in the evidence is escaped."""
    limits = f"<ul>{''.join(f'<li>{escape(limit)}</li>' for limit in pack.limits)}</ul>"
    written_by = _table(("what", "value"), pack.written_by.items())
    parts = (
        ("Chains", _chains(pack)),
        ("Keys that manifests name", _keys(pack)),
        ("Policies and exemptions in use", _texts(pack)),
        ("What it does not say", limits),
        ("Written by", written_by + _OTHERS),
    )
    body = "\n".join(f"<h2>{title}</h2>\n{part}" for title, part in parts)
    title = "Evidence of FIPS on AKS node pools"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"</head><body>\n<h1>{title}</h1>\n<p>{escape(_about(pack))}</p>\n{_VERIFY}\n{body}\n</body></html>\n"
    )


def _chains(pack: Pack) -> str:
    return _table(
        ("chain", "records", "first (UTC)", "last (UTC)", "kinds"),
        (
            (
                _Link(f"evidence/{chain.path}/", chain.path),
                str(chain.records),
                f"{chain.first}, {_time(chain.first_at)}",
                f"{chain.last}, {_time(chain.last_at)}",
                ", ".join(f"{kind} {count}" for kind, count in sorted(chain.kinds.items())),
            )
            for chain in pack.chains
        ),
    )


def _keys(pack: Pack) -> str:
    return _table(
        ("thumbprint (RFC 7638)", "manifests", "key"),
        ((_Link(key.file, key.thumbprint), f"{key.first} to {key.last}", key.kid) for key in pack.keys),
    )


def _texts(pack: Pack) -> str:
    return _table(
        ("SHA-256", "kind", "since (UTC)", "record"),
        (
            (_Link(text.file, text.hash), text.kind, _time(text.at), _Link(text.record, text.record))
            for text in pack.texts
        ),
    )


def _time(at: str) -> str:
    return at[:19].replace("T", " ")


def _about(pack: Pack) -> str:
    what = f"of the cluster {pack.scope.cluster}" if pack.scope.cluster else "of all clusters"
    begins = f", behind the heads in manifest {pack.scope.after}" if pack.scope.after else ", from the first record on"
    missing = "; its snapshots of the fleet are not in it" if pack.scope.cluster else ""
    kept = f" {len(pack.left_out)} names that no record has were left out." if pack.left_out else ""
    return f"Written {pack.at:%Y-%m-%d %H:%M:%S} UTC: the records {what}{begins}{missing}.{kept}"


class _Link(NamedTuple):
    target: str
    shown: str


def _table(header: Sequence[str], rows: Iterable[Sequence[str | _Link]]) -> str:
    lines = [f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows]
    if not lines:
        return "<p>None.</p>"
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in header)}</tr>\n" + "\n".join(lines) + "\n</table>"


def _cell(cell: str | _Link) -> str:
    if isinstance(cell, _Link):
        return f'<a href="{escape(quote(cell.target))}">{escape(cell.shown)}</a>'
    return escape(cell)
