"""An alert as a mail: plain text, and the same as simple HTML.

Nothing from outside reaches a header but the title, and that as one cleaned line: `email` would refuse a line
break there, so that a hostile name could otherwise keep an alert from being sent.
"""

from collections.abc import Sequence
from datetime import UTC
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from shared.domain.alert import Alert
from shared.domain.alerts import alert_id
from shared.reports.facts import clean, facts, paragraphs, portal_link, severity, title

_TEXT = 20_000
"""Characters of the text."""


def message(alert: Alert, portal: str, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """Return the mail; the same alert gives the same Message-ID, by which a repeat can be recognised.

    `portal` may be empty (then there is no link). `Auto-Submitted` keeps absence notes away (RFC 3834).
    """
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = f"[fipswarden] {clean(alert.severity, 20)}: {title(alert)}"
    mail["Date"] = format_datetime(alert.at.astimezone(UTC))
    mail["Message-ID"] = f"<{alert_id(alert.key)[:32]}@{domain if domain.isascii() else 'fipswarden.invalid'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_plain(alert, portal))
    mail.add_alternative(_html(alert, portal), subtype="html")
    return mail


def _plain(alert: Alert, portal: str) -> str:
    shown, link = severity(alert), portal_link(alert, portal)
    parts = [
        f"{shown.label}: {title(alert)}",
        "\n".join(f"{label + ':':14}{value}" for label, value in facts(alert)),
        *paragraphs(alert, _TEXT),
    ]
    if shown.advice:
        parts.append(shown.advice)
    if link:
        parts.append(f"Open the cluster in the Azure portal:\n{link}")
    return "\n\n".join(parts) + "\n"


def _html(alert: Alert, portal: str) -> str:
    shown, link = severity(alert), portal_link(alert, portal)
    rows = "".join(
        f'<tr><td style="padding:0 1em 0 0;color:#555">{label}</td><td>{escape(value)}</td></tr>\n'
        for label, value in facts(alert)
    )
    lines = "".join(f"<p>{escape(line)}</p>\n" for line in (*paragraphs(alert, _TEXT), shown.advice) if line)
    action = f'<p><a href="{escape(link)}">Open the cluster in the Azure portal</a></p>\n' if link else ""
    return (
        '<html><body style="font-family:sans-serif">\n'
        f'<h2 style="font-size:1.1em;border-left:6px solid {shown.colour};padding-left:.6em">'
        f'<span style="color:{shown.colour}">{shown.label}</span> {escape(title(alert))}</h2>\n'
        f"<table>\n{rows}</table>\n{lines}{action}</body></html>\n"
    )
