"""The assessment as one page to read and to print: no scripts, nothing from outside, everything escaped."""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from shared import __version__
from shared.domain.assessed import Due, PoolAssessed, Source
from shared.domain.assessment import Assessment, OpenFinding
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.controls import controls
from shared.domain.exemptions import Exemption
from shared.domain.model import ComplianceState
from shared.domain.standing import Reason, standings
from shared.domain.verdicts import Aspect, ModulesSeen
from shared.domain.wording import called
from shared.reports import words
from shared.reports.facts import clean
from shared.reports.html_style import STYLE
from shared.reports.poam import Item, items

_LONG = 2000
_NAMED = re.compile("`([^`]+)`")
"""A name or a command, as our sentences have it."""
_MET = {
    Reason.MET: "yes, as far as node pools go",
    Reason.FAIL: "no: not all is as it should be",
    Reason.OTHER: "not known: too little was read or judged",
}
Cell = tuple[str, str]
"""The HTML of a cell, and its class."""


def html_report(found: Assessment) -> Iterator[str]:
    """Yield the page in pieces."""
    name = f"FIPS on AKS node pools{f' of {found.scope.cluster}' if found.scope.cluster else ''}"
    title = f"{name}, {words.minute(found.as_of)}"
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style></head>\n<body>\n"
    )
    yield f"<header><h1>{_text(name)}</h1>\n<p>As of {words.minute(found.as_of)}. "
    yield f"{_text(words.summary(found))} Changes and remediations {_text(words.period(found))}.</p></header>\n"
    yield _cards(found)
    yield from _unread(found)
    yield from _plan(found)
    yield from _pools(found)
    yield from _others(found)
    yield from _attempts(found)
    yield from _modules(found)
    yield from _controls(found)
    yield from _end(found)
    yield "</body></html>\n"


def _text(value: str, limit: int = _LONG) -> str:
    return _NAMED.sub(r"<code>\1</code>", escape(clean(value, limit)))


def _plain(value: str) -> Cell:
    return _text(value), ""


def _state(state: ComplianceState) -> Cell:
    return f'<span class="state {state}">{_text(called(state))}</span>', ""


def _where(cluster: ClusterAssessed, pool: str) -> str:
    """Return the place of a pool, or of a cluster: on lines of their own, since names are long."""
    return _text(str(cluster.cluster)) + (f"/<br><b>{_text(pool)}</b>" if pool else "")


def _table(title: str, about: str, header: Sequence[str], rows: Iterable[Sequence[Cell]], none: str) -> Iterator[str]:
    """Yield a section with a table, or with what is to be said if there is no row."""
    yield f"<section><h2>{_text(title)}</h2>\n"
    if about:
        yield f'<p class="about">{_text(about)}</p>\n'
    begun = False
    for row in rows:
        if not begun:
            head = "".join(f'<th scope="col">{_text(name)}</th>' for name in header)
            yield f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n'
            begun = True
        cells = "".join(f'<td class="{kind}">{html}</td>' if kind else f"<td>{html}</td>" for html, kind in row)
        yield f"<tr>{cells}</tr>\n"
    yield "</tbody></table></div></section>\n" if begun else f'<p class="none">{_text(none)}</p></section>\n'


def _cards(found: Assessment) -> str:
    states = found.states()
    cards = "".join(
        f'<li class="{state}"><b>{states[state]}</b> {_text(called(state))}</li>' for state in ComplianceState
    )
    return f'<ul class="cards">{cards}</ul>\n'


def _unread(found: Assessment) -> Iterator[str]:
    rows = ((_plain(what), _plain(why)) for what, why in found.unread())
    about = "What is here counts as unknown, and never as compliant."
    yield from _table("What could not be read", about, ("what", "why"), rows, "All that the records name was read.")


def _plan(found: Assessment) -> Iterator[str]:
    header = ("id", "state", "what", "where", "age", "owner", "due", "controls")
    rows = (_item(item) for item in items(found))
    about = "Every open finding, the worst and oldest first (POA&M)."
    yield from _table("Open findings", about, header, rows, "No record names an open finding.")


def _item(item: Item) -> Sequence[Cell]:
    one = item.finding
    what = f"<b>{_text(one.judgement.reason)}</b><br>{_text(words.said(one))}{_behind(one)}"
    return (
        (_text(item.id), "id short"),
        _state(one.judgement.state),
        (what, "long"),
        (_where(one.cluster, one.pool.name if one.pool else ""), "where"),
        ("not known" if item.days is None else f"{item.days} d", "short"),
        _plain(item.owner or words.NOBODY),
        (_text(words.until(item.due)), "due"),
        (_text(item.controls).replace(", ", "<br>"), "short"),
    )


def _pools(found: Assessment) -> Iterator[str]:
    header = (
        *("node pool", "verdict", "since", "the control plane says", "the nodes say"),
        *("modules are validated", "mode, rule", "evidence"),
    )
    rows = (_pool(cluster, pool) for cluster, pool in found.pools())
    about = "The control plane's word is implementation, the nodes' is effectiveness; whether modules are validated "
    yield from _table(
        "Node pools", f"{about}is another question than either.", header, rows, "There is no node pool to judge."
    )


def _pool(cluster: ClusterAssessed, pool: PoolAssessed) -> Sequence[Cell]:
    said, proof, verdict = pool.implementation, pool.proof, pool.verdict
    image = (
        f"<br>{_text(said.os_sku)}, {_text(said.node_image)}<br>read {words.minute(pool.read.at)}"
        if said and pool.read
        else ""
    )
    asked = f"<br>{'tried' if proof.proof.unreadable else 'asked'} {words.minute(proof.proof.at)}" if proof else ""
    ends = f", ends {words.minute(proof.expires)}" if proof and proof.expires else ""
    rule = f"{verdict.rule}, line {verdict.line}" if verdict.line else verdict.rule
    return (
        (_where(cluster, pool.name), "where"),
        (f"{_state(pool.state)[0]}<br>{_text(pool.decisive.reason)}{_was(pool)}", ""),
        (words.day(pool.since), "short"),
        (f"{_aspect(pool, Aspect.IMPLEMENTATION)}FIPS {_text(words.switch(pool))}{image}", ""),
        (f"{_aspect(pool, Aspect.EFFECTIVENESS)}{_text(words.nodes_said(proof))}{asked}{ends}", ""),
        _plain(words.validated(pool)),
        _plain(f"{verdict.mode}, {rule}"),
        (_text(pool.source.name.rpartition("/")[2].removesuffix(".json").lstrip("0")) + _behind(pool), "id"),
    )


def _behind(one: PoolAssessed | OpenFinding | Source) -> str:
    """Return the mark of what rests on a record that no manifest vouches for yet."""
    return f'<br><span class="behind">{_text(words.BEHIND)}</span>' if one.behind else ""


def _was(pool: PoolAssessed) -> str:
    return f"<br>before: {_text(called(pool.known))}" if pool.known is not pool.state else ""


def _aspect(pool: PoolAssessed, aspect: Aspect) -> str:
    return f"{_state(pool.aspect_state(aspect))[0]}<br>"


def _others(found: Assessment) -> Iterator[str]:
    """Yield the exemptions, and the clusters that have no state."""
    header = ("exemption", "node pool", "why", "owner, approver", "ticket", "ends")
    excused = (
        (
            _plain(f"{one.name} ({one.category})"),
            (_where(cluster, pool), "where"),
            _plain(one.reason),
            _plain(f"{one.owner}, {one.approver}"),
            _plain(one.ticket),
            _plain(words.until(due)),
        )
        for cluster, pool, one, due in _excuses(found)
    )
    yield from _table("Exemptions in force", "", header, excused, "No exemption whose text is recorded is in force.")
    out = (
        (_plain(str(one.cluster)), (_text(words.stateless(one)) + (_behind(one.observed) if one.observed else ""), ""))
        for one in found.clusters
        if not one.judged
    )
    yield from _table("Clusters without a state", "", ("cluster", "why"), out, "There are none.")


def _excuses(found: Assessment) -> Iterator[tuple[ClusterAssessed, str, Exemption, Due]]:
    """Yield the exemptions in force, of clusters beside their pools as well, and of what can't be read now."""
    for cluster in found.judged:
        for item in found.open_of(cluster):
            if item.pool is None and item.exemption:
                yield cluster, "", item.exemption, item.due
        for pool in (each.was or each for each in cluster.pools):
            if pool.state is ComplianceState.EXEMPT and pool.exemption:
                yield cluster, pool.name, pool.exemption, pool.due


def _attempts(found: Assessment) -> Iterator[str]:
    header = ("at", "node pool", "action", "mode, rule", "what became of it", "ARM correlation id")
    rows = (
        (
            (words.minute(one.source.at), "short"),
            (_where(cluster, one.pool), "where"),
            _plain(one.what),
            _plain(f"{one.mode}, {one.rule}"),
            ("<br>".join(map(_text, words.became(one))), "long"),
            ("<br>".join(map(_text, words.correlations(one))), "id"),
        )
        for cluster in found.clusters
        for one in cluster.attempts
    )
    yield from _table("Remediations", f"In the period {words.period(found)}.", header, rows, "There were none.")


def _modules(found: Assessment) -> Iterator[str]:
    header = (
        "release",
        "certificate",
        "module",
        "standard",
        "as listed",
        "sunset",
        "on the day of the report",
        "edition",
    )
    seen: dict[tuple[str, str, str], tuple[ModulesSeen, int]] = {}
    for _, pool in found.pools():
        for number, one in enumerate(pool.modules.certificates if pool.modules else ()):
            if pool.modules:
                seen.setdefault((pool.modules.release, one.number, one.standing), (pool.modules, number))
    rows = (
        (
            _plain(modules.release),
            _plain(one.number),
            _plain(one.module),
            _plain(f"FIPS {one.standard}"),
            _plain(one.status),
            _plain(one.sunset.isoformat() if one.sunset else "not known"),
            _plain(one.standing),
            _plain(modules.edition.isoformat()),
        )
        for modules, number in seen.values()
        for one in (modules.certificates[number],)
    )
    about = "NIST's certificates, by a dated list, of the modules in the node images: nothing of whether FIPS is on."
    yield from _table("Certificates of modules", about, header, rows, "No certificate is known.")


def _controls(found: Assessment) -> Iterator[str]:
    header = ("control", "met?", "what it means here", "what was found")
    met = [
        (
            _plain(f"{one.control.name} {one.control.title}: {one.control.basis}"),
            _plain(_MET[one.reason]),
            (_text(one.control.here), "long"),
            _plain(one.summary),
        )
        for one in standings(found)
    ]
    helped = [
        (_plain(f"{one.name} {one.title}"), _plain("not assessed"), (_text(one.here), "long"), _plain(""))
        for one in controls().controls
        if one not in controls().assessed
    ]
    about = f"{controls().standard}: our reading, as of {controls().as_of}; an assessor decides."
    yield from _table("Controls", about, header, [*met, *helped], "There is none.")


def _end(found: Assessment) -> Iterator[str]:
    yield "<section><h2>What this report does not say</h2>\n<ul>"
    yield "".join(f"<li>{_text(limit)}</li>" for limit in words.limits(found))
    yield "</ul></section>\n"
    rows = ((_plain(path), _plain(str(seq)), (_text(digest), "id")) for path, seq, digest in words.origins(found))
    header = ("chain", "last record", "its SHA-256")
    yield from _table("What it is made from", "", header, rows, "There is no record.")
    yield f"<footer>fipswarden {_text(__version__)}</footer>\n"
