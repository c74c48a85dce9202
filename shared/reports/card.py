"""An alert as a message of Microsoft Teams: an Adaptive Card for a Workflow's webhook.

Text from outside stands in text runs only, since these know no Markdown, and no mentions either; text blocks and
fact sets would read both. Characters that such formats begin with are made inert on top, for other renderers.
A card has no mention entities, so that nobody can be notified by a name that was chosen for it.

Sources: "Format cards in Microsoft Teams" (Markdown and mentions: TextBlock and Fact; a mention needs an entity;
no HTML; 28 KB), "Types of cards" (version 1.5, no positive or destructive style of actions), "Text features" of
Adaptive Cards (RichTextBlock has no Markdown), "Create an incoming webhook with Workflows" (the message's form).
"""

import json
from typing import Any

from shared.domain.alert import Alert
from shared.reports.facts import facts, paragraphs, portal_link, severity, title

CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
MAX_BYTES = 20_000
"""Well below the 28 KB of Teams: others have seen messages refused from 21 kB on (gem msteams_hermes)."""
_TEXT = 6_000
"""Characters of the text, to begin with."""
_INERT = (("<", "\u2039"), (">", "\u203a"), ("](", "] ("), ("{{", "{ {"), ("${", "$ {"))


def message(alert: Alert, portal: str) -> bytes:
    """Return the JSON to post, in UTF-8, of at most MAX_BYTES; `portal` may be empty (then there is no link)."""
    limit = _TEXT
    while len(found := _encode(_message(alert, portal, limit))) > MAX_BYTES:
        limit //= 2
    return found


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _message(alert: Alert, portal: str, limit: int) -> dict[str, Any]:
    attachment = {"contentType": CONTENT_TYPE, "contentUrl": None, "content": _card(alert, portal, limit)}
    return {"type": "message", "attachments": [attachment]}


def _card(alert: Alert, portal: str, limit: int) -> dict[str, Any]:
    link, shown = portal_link(alert, portal), severity(alert)
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": "An alert of fipswarden, which this version of Teams can't show.",
        "msteams": {"width": "Full"},
        "body": [
            _heading(alert),
            *(_fact(label, value) for label, value in facts(alert)),
            *(_rich([_run(line)], spacing="medium") for line in paragraphs(alert, limit)),
        ],
    }
    if shown.advice:
        card["body"].append(_rich([_run(shown.advice, isSubtle=True)], spacing="medium"))
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the cluster in the Azure portal", "url": link}]
    return card


def _heading(alert: Alert) -> dict[str, Any]:
    shown = severity(alert)
    label = _run(f"{shown.label}  ", size="medium", weight="bolder", color=shown.style)
    return {
        "type": "Container",
        "style": shown.style,
        "bleed": True,
        "items": [_rich([label, _run(title(alert), size="medium", weight="bolder")])],
    }


def _fact(label: str, value: str) -> dict[str, Any]:
    # Not a FactSet: its values are Markdown.
    columns = [
        {"type": "Column", "width": "110px", "items": [_rich([_run(label, isSubtle=True)])]},
        {"type": "Column", "width": "stretch", "items": [_rich([_run(value)])]},
    ]
    return {"type": "ColumnSet", "spacing": "small", "columns": columns}


def _rich(inlines: list[dict[str, Any]], **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": inlines, **style}


def _run(text: str, **style: str | bool) -> dict[str, Any]:
    for found, inert in _INERT:
        text = text.replace(found, inert)
    return {"type": "TextRun", "text": text, **style}
