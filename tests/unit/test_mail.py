"""A mail says the same to every reader, can be recognised when it comes twice, and takes no headers from names."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest

from shared.domain.alert import Alert
from shared.reports import mail

CLUSTER = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-pay"
    "/providers/Microsoft.ContainerService/managedClusters/aks-pay"
)
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "x\r\nBcc: everyone@example.com\r\n\r\nbody",
    "[x](javascript:alert(1))",
    "half \ud800 a pair",
    "=?utf-8?q?encoded?=",
    "\U0001f600 ünïcödé",
)


def alert(**changes: Any) -> Alert:
    made: dict[str, Any] = {
        "key": "k1",
        "cluster": CLUSTER,
        "pool": "npsys",
        "severity": "warning",
        "reason": "FipsDisabled",
        "title": "rg-pay/aks-pay/npsys: non-compliant",
        "text": "FIPS is off. It is switched on in the next maintenance window.",
        "at": datetime(2026, 11, 23, 9, 30, 4, tzinfo=UTC),
    }
    return Alert(**(made | changes))


def received(one: Alert, portal: str = "https://portal.azure.us") -> EmailMessage:
    sent = mail.message(one, portal, "fips@contoso.com", ("ops@contoso.com", "sec@contoso.com"))
    return email.message_from_bytes(sent.as_bytes(), EmailMessage, policy=email.policy.default)


def bodies(found: EmailMessage) -> tuple[str, str]:
    plain, html = found.get_body(("plain",)), found.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


class Tags(HTMLParser):
    """Collects what a browser would see as tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_mail_says_what_happened_where_and_what_is_done_about_it() -> None:
    found = received(alert())

    assert found["Subject"] == "[fipswarden] warning: rg-pay/aks-pay/npsys: non-compliant"
    assert found["To"] == "ops@contoso.com, sec@contoso.com"
    assert found["Auto-Submitted"] == "auto-generated"
    for body in bodies(found):
        for fact in (
            "WARNING",
            "rg-pay/aks-pay",
            "npsys",
            "11111111-2222-3333-4444-555555555555",
            "FipsDisabled",
            "2026-11-23 09:30:04 UTC",
            "FIPS is off. It is switched on in the next maintenance window.",
            f"https://portal.azure.us/#resource{CLUSTER}",
        ):
            assert fact in body


def test_the_same_alert_has_the_same_message_id_and_another_one_another() -> None:
    first, again, other = received(alert()), received(alert(text="changed")), received(alert(key="k2"))

    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["Message-ID"].endswith("@contoso.com>")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_can_add_a_header_or_a_tag(text: str) -> None:
    expected = set(received(alert()).keys())

    found = received(alert(title=text, text=text, pool=text, reason=text, severity=text, key=text, cluster=text))

    assert set(found.keys()) == expected
    assert len(found.keys()) == len(expected)
    assert "\n" not in found["Subject"]
    tags = Tags(bodies(found)[1]).tags
    assert {tag for tag, _ in tags} == {"html", "body", "h2", "span", "table", "tr", "td", "p"}
    assert all(set(attributes) <= {"style"} for _, attributes in tags)


def test_html_shows_a_hostile_name_as_text() -> None:
    assert "&lt;img src=x onerror=alert(1)&gt;" in bodies(received(alert(pool=HOSTILE[0])))[1]


def test_without_a_portal_there_is_no_link() -> None:
    assert all("http" not in body for body in bodies(received(alert(), portal="")))


def test_a_long_text_is_cut_with_a_note() -> None:
    plain, html = bodies(received(alert(text="x" * 100_000, title="y" * 100_000)))

    assert len(plain) < 25_000
    assert len(html) < 25_000
    assert "The text was cut: it has 100000 characters." in plain
