"""A forecast as a picture: one lane for each ring, a bar for each day, the times of open windows behind them.

Plain SVG without scripts, fonts or anything else from outside; its text is text, and whatever comes from outside is
escaped. It follows the reader's light or dark scheme.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from xml.sax.saxutils import escape

from shared.domain.forecast import Forecast, Progress, headline
from shared.domain.policy import UNTOLD
from shared.domain.wording import count

_WIDTH, _LEFT, _RIGHT = 960, 150, 230
_TOP, _LANE, _GAP, _FOOT = 70, 64, 14, 60
_PLOT = _WIDTH - _LEFT - _RIGHT
_NAME, _SUMMARY = 17, 34
"""Characters that fit left and right of a lane."""
_TICKS = 8
_LABEL = 76
"""How far apart the dates below stand at least."""
_THIN = 1.5
"""How wide a window is at least: one of two hours would not be seen in a forecast of a year."""
_DAY = timedelta(days=1)
_STYLE = """
.forecast { --ink: #1f2328; --soft: #656d76; --line: #d0d7de; --bar: #0969da; --open: #bfe9cb; --back: #ffffff;
  --done: #1a7f37; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
@media (prefers-color-scheme: dark) { .forecast { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --bar: #58a6ff;
  --open: #1c4f2e; --back: #0d1117; --done: #3fb950; } }
.forecast text { fill: var(--ink); } .forecast .soft { fill: var(--soft); } .forecast .back { fill: var(--back); }
.forecast .title { font-size: 16px; font-weight: 600; } .forecast .name { font-weight: 600; }
.forecast .open { fill: var(--open); } .forecast .bar { fill: var(--bar); } .forecast .line { stroke: var(--line); }
.forecast .done { stroke: var(--done); stroke-width: 2; }
"""


def timeline(found: Forecast) -> str:
    """Return the picture as an SVG document; the same forecast gives the same text."""
    height = _TOP + len(found.rings) * (_LANE + _GAP) + _FOOT
    title = f"FIPS on {headline(found)}"
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="forecast" {size} role="img" aria-label="{_safe(title)}">',
        f"<title>{_safe(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{_WIDTH}" height="{height}"/>',
        _text(16, 26, title, "title"),
        _text(16, 44, _subtitle(found), "soft"),
        *_axis(found, height - _FOOT),
    ]
    most = max((nodes for day in found.days for nodes in day.rings.values()), default=0)
    for number, ring in enumerate(found.rings):
        lines += _lane(found, ring, _TOP + number * (_LANE + _GAP), most)
    lines.append(_text(16, height - 12, _legend(most), "soft"))
    return "\n".join([*lines, "</svg>", ""])


def _subtitle(found: Forecast) -> str:
    fleet = found.fleet
    waiting = f"{fleet.person} {'waits' if fleet.person == 1 else 'wait'} for a person"
    parts = [f"{fleet.done} done", f"{fleet.later} later", waiting, f"{fleet.never} never"]
    return f"from {_moment(found.now)}: {', '.join(parts)}; {count(fleet.nodes, 'node')} reimaged"


def _legend(most: int) -> str:
    bar = f"bar: nodes whose reimage begins that day (UTC), the highest is {most}" if most else "no node is reimaged"
    return f"{bar}; shaded: reimages may begin; line: done"


def _axis(found: Forecast, bottom: int) -> Iterator[str]:
    days = max((found.until - found.now) / _DAY, 1.0)
    step = max(round(days / _TICKS), 1)
    yield _text(_LEFT, bottom + 16, f"{found.now:%d %b %Y}", "soft", "middle")
    last, year = float(_LEFT), found.now.year
    at = datetime.combine(found.now.date(), time(), UTC) + step * _DAY
    while at <= found.until:
        x = _x(found, at)
        yield f'<line class="line" x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{bottom}"/>'
        if x - last >= _LABEL:
            yield _text(x, bottom + 16, f"{at:%d %b}" if at.year == year else f"{at:%d %b %Y}", "soft", "middle")
            last, year = x, at.year
        at += step * _DAY


def _lane(found: Forecast, ring: Progress, top: int, most: int) -> Iterator[str]:
    bottom = top + _LANE
    for begin, end in ring.open:
        x = min(_x(found, begin), _LEFT + _PLOT - _THIN)
        yield _rect("open", x, top, max(_x(found, end) - x, _THIN), _LANE)
    for day in found.days:
        if nodes := day.rings.get(ring.ring, 0):
            begin = datetime.combine(day.day, time(), UTC)
            left, right = (_x(found, min(max(at, found.now), found.until)) for at in (begin, begin + _DAY))
            tall = max(round(nodes / most * (_LANE - 4), 1), 1)
            yield _rect(
                "bar", left, bottom - tall, max(right - left - 1, 1), tall, f"{day.day}: {count(nodes, 'node')}"
            )
    yield f'<line class="line" x1="{_LEFT}" y1="{bottom}" x2="{_LEFT + _PLOT}" y2="{bottom}"/>'
    if ring.finished:
        x = _x(found, ring.finished)
        yield f'<line class="done" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>'
    name = "ring not known" if ring.ring == UNTOLD else ring.ring or "in no ring"
    yield _text(16, top + 26, name, "name", room=_NAME)
    yield _text(16, top + 44, count(ring.pools, "pool"), "soft")
    for row, line in enumerate(_status(found, ring)):
        yield _text(_LEFT + _PLOT + 12, top + 26 + row * 18, line, "soft" if row else "", room=_SUMMARY)


def _status(found: Forecast, ring: Progress) -> Sequence[str]:
    if ring.finished == found.now:
        return ("done now",)
    if ring.finished:
        return f"done {_moment(ring.finished)}", count(ring.nodes, "node")
    left = [(ring.later, "later"), (ring.person, "for a person"), (ring.never, "never")]
    return f"{ring.done} of {ring.pools} done", ", ".join(f"{number} {what}" for number, what in left if number)


def _x(found: Forecast, at: datetime) -> float:
    """Return where a time lies; a forecast of no length has everything at its beginning."""
    whole = (found.until - found.now) or _DAY
    return round(_LEFT + (at - found.now) / whole * _PLOT, 1)


def _rect(kind: str, x: float, y: float, width: float, height: float, title: str = "") -> str:
    shape = f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f"{shape}><title>{_safe(title)}</title></rect>" if title else f"{shape}/>"


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start", room: int = 200) -> str:
    """Return a text, cut to so many characters; what is cut off is in its title."""
    cut = text if len(text) <= room else f"{text[: room - 1]}…"
    shown = f' class="{kind}"' if kind else ""
    whole = f"<title>{_safe(text)}</title>" if cut != text else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{shown}>{_safe(cut)}{whole}</text>'


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _safe(text: str) -> str:
    """Escape a text for SVG; what XML can't hold, or can't be seen, becomes a question mark."""
    return escape("".join(one if one.isprintable() else "?" for one in text), {'"': "&quot;"})
