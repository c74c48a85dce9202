"""A card says what happened, where and when, and nothing in a name can make it say or do more."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.alert import Alert
from shared.domain.clouds import CLOUDS, Cloud
from shared.reports import card

CLUSTER = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-pay_prod"
    "/providers/Microsoft.ContainerService/managedClusters/aks_pay"
)
PORTAL = "https://portal.azure.com"
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "<at>everyone</at>",
    "**bold** _italic_ {{DATE(2017-02-14T06:00:00Z)}} ${title}",
    "one\r\ntwo\x00\x1b[31m\u202ethree\u2028four",
    "half \ud800 a pair",
    'quote " and \\ backslash',
)


def alert(**changes: Any) -> Alert:
    made: dict[str, Any] = {
        "key": "k1",
        "cluster": CLUSTER,
        "pool": "npsys",
        "severity": "critical",
        "reason": "NodesDisagree",
        "title": "rg-pay_prod/aks_pay/npsys: inconsistent",
        "text": "2 of 5 nodes say that FIPS is off.",
        "at": datetime(2026, 11, 23, 9, 30, 4, 999, tzinfo=UTC),
    }
    return Alert(**(made | changes))


def content(one: Alert, portal: str = PORTAL) -> dict[str, Any]:
    message = json.loads(card.message(one, portal))
    assert message["type"] == "message"
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["contentUrl"] is None
    found: dict[str, Any] = attachment["content"]
    return found


def elements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "type" in value:
            yield value
        for inner in value.values():
            yield from elements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from elements(inner)


def runs(found: dict[str, Any]) -> list[str]:
    return [element["text"] for element in elements(found) if element["type"] == "TextRun"]


def test_a_card_says_what_happened_where_and_when() -> None:
    found = content(alert())

    assert (found["type"], found["version"]) == ("AdaptiveCard", "1.4")
    assert runs(found) == [
        "CRITICAL  ",
        "rg-pay_prod/aks_pay/npsys: inconsistent",
        *("Cluster", "rg-pay_prod/aks_pay"),
        *("Node pool", "npsys"),
        *("Subscription", "11111111-2222-3333-4444-555555555555"),
        *("Reason", "NodesDisagree"),
        *("When", "2026-11-23 09:30:04 UTC"),
        "2 of 5 nodes say that FIPS is off.",
    ]


@pytest.mark.parametrize(
    ("severity", "style"),
    [("critical", "attention"), ("warning", "warning"), ("info", "accent"), ("good", "good"), ("odd", "warning")],
)
def test_each_severity_has_its_own_look(severity: str, style: str) -> None:
    assert content(alert(severity=severity))["body"][0]["style"] == style


def test_good_news_say_that_nothing_needs_to_be_done() -> None:
    assert runs(content(alert(severity="good")))[-1] == "Nothing needs to be done."


def test_an_alert_of_the_fleet_says_so_and_has_no_link() -> None:
    found = content(alert(cluster="", pool=""))

    assert "the whole fleet" in runs(found)
    assert "Node pool" not in runs(found)
    assert "actions" not in found


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        ("AzureCloud", "https://portal.azure.com"),
        ("AzureUSGovernment", "https://portal.azure.us"),
        ("AzureChinaCloud", "https://portal.azure.cn"),
    ],
)
def test_the_link_leads_to_the_portal_of_the_cloud(cloud: str, host: str) -> None:
    (action,) = content(alert(), CLOUDS[cloud].portal)["actions"]

    assert action["type"] == "Action.OpenUrl"
    assert action["url"] == f"{host}/#resource{CLUSTER}"


def test_a_custom_cloud_has_no_link() -> None:
    cloud = Cloud("custom", "https://localhost:8443", "https://localhost:8443/.default")

    assert "actions" not in content(alert(), cloud.portal)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_outside_is_read_as_markup(text: str) -> None:
    found = content(alert(pool=text, reason=text, title=text, text=text, cluster=text))

    kinds = {element["type"] for element in elements(found)}
    assert kinds == {"AdaptiveCard", "Container", "RichTextBlock", "TextRun", "ColumnSet", "Column"}
    assert set(found["msteams"]) == {"width"}, "no mention entities"
    assert "actions" not in found, "what is no ARM id is no link"
    for run in runs(found):
        assert not any(mark in run for mark in ("<", ">", "](", "{{", "${"))
        assert run.isprintable()


def test_a_name_is_still_readable_when_it_is_made_inert() -> None:
    assert "\u2039at\u203aeveryone\u2039/at\u203a" in runs(content(alert(pool="<at>everyone</at>")))


def test_an_ordinary_underscore_stays_as_it_is() -> None:
    assert "rg-pay_prod/aks_pay" in runs(content(alert()))


@pytest.mark.parametrize("char", ["x", "ü", "\U0001f600", '"', "<", "\x00", "\n"])
def test_a_long_text_is_cut_with_a_note_and_the_message_stays_small(char: str) -> None:
    huge = char * 100_000

    message = card.message(alert(text=huge, title=huge, pool=huge, reason=huge, cluster=huge), PORTAL)

    assert len(message) <= card.MAX_BYTES
    assert "The text was cut: it has 100000 characters." in message.decode()


def test_a_text_of_several_lines_keeps_them() -> None:
    assert runs(content(alert(text="first\n\nsecond\r\nthird")))[-3:] == ["first", "second", "third"]


@settings(deadline=None, max_examples=200)
@given(text=st.text(max_size=3_000), title=st.text(max_size=500), pool=st.text(max_size=50))
def test_whatever_the_words_the_message_is_small_sound_json(text: str, title: str, pool: str) -> None:
    message = card.message(alert(text=text, title=title, pool=pool), PORTAL)

    assert len(message) <= card.MAX_BYTES
    assert all(run.isprintable() for run in runs(json.loads(message)["attachments"][0]["content"]))
