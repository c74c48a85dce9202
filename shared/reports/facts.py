"""What every form of an alert says: its facts in words, safe to show, and a link to the cluster.

Names, tags and error texts come from outside. Here they lose what no reader can see (control characters, marks
that turn the direction of writing, code points that are no characters); each form then escapes what its own
format reads.
"""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from shared.domain.alert import Alert
from shared.domain.ids import ClusterId

_TITLE = 200
_VALUE = 300
_LINES = 40


@dataclass(frozen=True, slots=True)
class Severity:
    """How a severity is shown."""

    label: str
    advice: str
    """What the reader is expected to do; empty where the alert's text says it."""
    style: str
    """Style of an Adaptive Card's container, and colour of its text."""
    colour: str
    """CSS."""


_SEVERITY = {
    "critical": Severity("CRITICAL", "", "attention", "#a4262c"),
    "warning": Severity("WARNING", "", "warning", "#8a6100"),
    "info": Severity("INFO", "For your information.", "accent", "#0b5394"),
    "good": Severity("GOOD", "Nothing needs to be done.", "good", "#0b6a0b"),
}


def severity(alert: Alert) -> Severity:
    """Return how the alert's severity is shown; an unknown one is shown as a warning, never left out."""
    return _SEVERITY.get(alert.severity, _SEVERITY["warning"])


def clean(text: str, limit: int = _VALUE) -> str:
    """Return one visible line of at most about `limit` characters; a cut is marked."""
    return cut(" ".join("".join(map(_visible, text[: limit * 8])).split()), limit)


def cut(text: str, limit: int) -> str:
    """Return the text, or its beginning with a mark where it was cut."""
    return text if len(text) <= limit else f"{text[:limit].rstrip()}…"


def _visible(char: str) -> str:
    match unicodedata.category(char):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf":
            return ""
        case "Cs" | "Cn" | "Co":
            return "\ufffd"
        case _:
            return char


def title(alert: Alert) -> str:
    """Return the alert's title as one line."""
    return clean(alert.title, _TITLE)


def paragraphs(alert: Alert, limit: int) -> tuple[str, ...]:
    """Return the alert's text as visible lines of at most `limit` characters together; a cut is said at the end."""
    found: list[str] = []
    left = limit
    for line in alert.text[: limit * 2].splitlines()[: _LINES * 4]:
        shown = clean(line, max(left, 1))
        if shown and left > 0 and len(found) < _LINES:
            found.append(shown)
            left -= len(shown)
    if len(alert.text) > limit or len(alert.text.splitlines()) > _LINES:
        found.append(f"(The text was cut: it has {len(alert.text)} characters.)")
    return tuple(found)


def facts(alert: Alert) -> tuple[tuple[str, str], ...]:
    """Return label and value of what happened where and when, in the order of reading."""
    cluster = _cluster(alert)
    rows = (
        ("Cluster", str(cluster) if cluster else alert.cluster or "the whole fleet"),
        ("Node pool", alert.pool),
        ("Subscription", cluster.subscription if cluster else ""),
        ("Reason", alert.reason),
        ("When", when(alert.at)),
    )
    return tuple((label, clean(value)) for label, value in rows if value)


def when(at: datetime) -> str:
    """Return a time for people, to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def portal_link(alert: Alert, portal: str) -> str:
    """Return the URL of the cluster in Azure's portal; empty for an alert without a cluster or a cloud without portal.

    The form is that of `portalLink` in Azure Monitor's autoscale notifications: the portal's host, `/#resource`
    and the ARM id. The id is rebuilt from its validated parts, so that nothing else can get into the link.
    """
    cluster = _cluster(alert)
    return f"{portal}/#resource{quote(cluster.arm_id, safe='/()')}" if cluster and portal else ""


def _cluster(alert: Alert) -> ClusterId | None:
    try:
        return ClusterId.parse(alert.cluster)
    except ValueError:
        return None
