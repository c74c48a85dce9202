"""The channels as their other sides see them: a Teams workflow, a mail relay, an Event Grid topic."""

import json
import logging
import ssl
import traceback
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken

from local import tls
from local.clock import SystemClock
from local.memory import MemoryTable
from local.serving import Server, localhost_tls
from local.sinks import Failure, MailSink, TeamsSink
from local.topic import Topic
from shared.adapters.mail import MailChannel
from shared.adapters.teams import TeamsChannel
from shared.adapters.topic import TopicChannel
from shared.alerting import deliver
from shared.config import Mail
from shared.domain.alert import Alert
from shared.domain.alerts import alert_id
from shared.domain.clouds import CLOUDS, Cloud
from shared.domain.manifests import Anchor
from shared.errors import TerminalError, TransientError

NOW = datetime(2026, 11, 23, 9, 30, 4, tzinfo=UTC)
CLOUD = CLOUDS["AzureUSGovernment"]
CLUSTER = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-pay"
    "/providers/Microsoft.ContainerService/managedClusters/aks-pay"
)
SECRET = "sig=s3cr3t-signature"


def alert(**changes: Any) -> Alert:
    made: dict[str, Any] = {
        "key": "k1",
        "cluster": CLUSTER,
        "pool": "npsys",
        "severity": "warning",
        "reason": "FipsDisabled",
        "title": "rg-pay/aks-pay/npsys: non-compliant",
        "text": "FIPS is off. ünïcödé \U0001f600",
        "at": NOW,
    }
    return Alert(**(made | changes))


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=tls.authority().certificate_pem.decode())


def closed_port() -> int:
    with closing(create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
    return port


# Teams


@pytest.fixture
def teams() -> Iterator[TeamsSink]:
    with TeamsSink() as sink:
        yield sink


def channel(sink: TeamsSink) -> TeamsChannel:
    return TeamsChannel(f"{sink.webhook}&{SECRET}", CLOUD)


def test_teams_gets_the_card(teams: TeamsSink) -> None:
    channel(teams).send(alert())

    (card,) = teams.cards
    assert card["actions"][0]["url"] == f"https://portal.azure.us/#resource{CLUSTER}"
    assert "FIPS is off. ünïcödé \U0001f600" in json.dumps(card, ensure_ascii=False)


def test_teams_gets_a_card_for_whatever_words(teams: TeamsSink) -> None:
    text = "<at>everyone</at> [x](javascript:alert(1)) \ud800\x00\r\n" * 5_000

    channel(teams).send(alert(text=text, title=text, pool=text, cluster=text))

    assert len(teams.cards) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_busy_workflow_is_a_transient_error_with_its_time(teams: TeamsSink, status: int) -> None:
    teams.fail(failure=Failure(status, retry_after=17))

    with pytest.raises(TransientError, match=str(status)) as caught:
        channel(teams).send(alert())

    assert caught.value.retry_after == timedelta(seconds=17)


def test_a_busy_workflow_need_not_say_when(teams: TeamsSink) -> None:
    teams.fail()

    with pytest.raises(TransientError) as caught:
        channel(teams).send(alert())

    assert caught.value.retry_after is None


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 413])
def test_a_refusal_is_terminal_and_says_what_to_check(teams: TeamsSink, status: int) -> None:
    teams.fail(failure=Failure(status))

    with pytest.raises(TerminalError, match=f"{status}.*TEAMS_WEBHOOK_URL"):
        channel(teams).send(alert())


class Refusing(Server):
    """A Workflow that quotes its own URL when it refuses, and one that sends elsewhere."""

    def __init__(self) -> None:
        super().__init__("refusing", [web.post("/refuse", self._refuse), web.post("/elsewhere", self._elsewhere)])

    async def _refuse(self, request: web.Request) -> web.Response:
        error = {"code": "WorkflowTriggerIsNotEnabled", "message": f"{request.url} is off"}
        return web.json_response({"error": error}, status=404)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": request.query["to"]})


def test_the_reason_of_a_refusal_is_named() -> None:
    with Refusing() as server, pytest.raises(TerminalError, match="404 WorkflowTriggerIsNotEnabled"):
        TeamsChannel(f"{server.url}/refuse?{SECRET}", CLOUD).send(alert())


def test_a_card_follows_no_redirect(teams: TeamsSink) -> None:
    with Refusing() as server, pytest.raises(TerminalError, match="307"):
        TeamsChannel(f"{server.url}/elsewhere?to={teams.webhook}", CLOUD).send(alert())

    assert teams.cards == []


@pytest.mark.parametrize("case", ["refused", "closed", "tls", "not a url", "untrusted", "control character", "file"])
def test_no_error_and_no_log_shows_the_url_of_the_webhook(case: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), Refusing() as server, Topic(tls=localhost_tls()) as secure:
        port = server.url.rpartition(":")[2]
        url = {
            "refused": f"{server.url}/refuse",
            "closed": f"http://127.0.0.1:{closed_port()}/x",
            "tls": f"https://127.0.0.1:{port}/x",
            "not a url": "127.0.0.1/x",
            "untrusted": f"{secure.url}/x",
            "control character": f"{server.url}/a b",
            "file": "file:///etc/passwd",
        }[case]
        with pytest.raises((TransientError, TerminalError)) as caught:
            TeamsChannel(f"{url}?{SECRET}", CLOUD).send(alert())

    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + caplog.text
    assert "s3cr3t" not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_channel_does_not_show_its_url(teams: TeamsSink) -> None:
    assert "s3cr3t" not in repr(channel(teams))


def test_a_workflow_that_cannot_be_reached_is_a_transient_error() -> None:
    with pytest.raises(TransientError, match="Connection refused"):
        TeamsChannel(f"http://127.0.0.1:{closed_port()}/x", CLOUD).send(alert())


def test_a_workflow_without_a_certificate_to_trust_gets_nothing() -> None:
    with Topic(tls=localhost_tls()) as server, pytest.raises(TerminalError, match="certificate"):
        TeamsChannel(f"{server.url}/x", CLOUD).send(alert())


def test_teams_is_reached_over_tls() -> None:
    with Topic(tls=localhost_tls()) as server, pytest.raises(TerminalError, match="404"):
        TeamsChannel(f"{server.url}/x", CLOUD, trusting()).send(alert())


# Mail


@pytest.fixture
def relay() -> Iterator[MailSink]:
    with MailSink(tls=localhost_tls()) as sink:
        yield sink


def mail_channel(sink: MailSink, *, starttls: bool = True, recipients: tuple[str, ...] = ("a@x.org",)) -> MailChannel:
    return MailChannel(Mail("127.0.0.1", sink.port, starttls, "fips@x.org", recipients), CLOUD, trusting())


def test_the_relay_gets_one_mail_for_all_over_tls(relay: MailSink) -> None:
    mail_channel(relay, recipients=("a@x.org", "b@x.org")).send(alert())

    (mail,) = relay.messages
    assert mail["Subject"] == "[fipswarden] warning: rg-pay/aks-pay/npsys: non-compliant"
    assert mail["To"] == "a@x.org, b@x.org"
    assert mail["Message-ID"] == f"<{alert_id('k1')[:32]}@x.org>"
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "FIPS is off. ünïcödé \U0001f600" in plain.get_content()


def test_no_title_can_add_a_header_on_the_way(relay: MailSink) -> None:
    mail_channel(relay).send(alert(title="x\r\nBcc: everyone@x.org\r\n\r\nbody \ud800 " + "y" * 1_000))

    (mail,) = relay.messages
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("[fipswarden] warning: x Bcc: everyone@x.org body")


def test_a_relay_without_starttls_gets_nothing_in_the_clear() -> None:
    with MailSink() as plain:
        with pytest.raises(TerminalError, match="STARTTLS"):
            mail_channel(plain).send(alert())
        assert plain.messages == []

        mail_channel(plain, starttls=False).send(alert())
        assert len(plain.messages) == 1


def test_a_relay_without_a_certificate_to_trust_gets_nothing(relay: MailSink) -> None:
    with pytest.raises(TerminalError, match="certificate"):
        MailChannel(Mail("127.0.0.1", relay.port, True, "fips@x.org", ("a@x.org",)), CLOUD).send(alert())

    assert relay.messages == []


@pytest.mark.parametrize(("status", "kind"), [(451, TransientError), (421, TransientError), (554, TerminalError)])
def test_the_relays_answer_tells_whether_to_try_again(relay: MailSink, status: int, kind: type[Exception]) -> None:
    relay.fail(failure=Failure(status))

    with pytest.raises(kind, match=f"the relay said {status} refused for a test"):
        mail_channel(relay).send(alert())


class PickyRelay(MailSink):
    """Refuses recipients whose name begins with a reply code."""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if address[:3].isdecimal():
            return f"{address[:3]} not this one"
        envelope.rcpt_tos.append(address)
        return "250 OK"


def test_a_recipient_that_is_refused_is_reported_while_the_others_have_their_mail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with PickyRelay() as relay:
        mail_channel(relay, starttls=False, recipients=("550@x.org", "b@x.org")).send(alert())

    assert len(relay.messages) == 1
    assert "550@x.org: 550 not this one" in caplog.text


@pytest.mark.parametrize(
    ("who", "kind"), [(("550@x.org",), TerminalError), (("550@x.org", "450@x.org"), TransientError)]
)
def test_when_every_recipient_is_refused_the_mail_is_not_sent(who: tuple[str, ...], kind: type[Exception]) -> None:
    with PickyRelay() as relay, pytest.raises(kind, match=r"550@x\.org: 550 not this one"):
        mail_channel(relay, starttls=False, recipients=who).send(alert())


def test_a_relay_that_cannot_be_reached_is_a_transient_error() -> None:
    settings = Mail("127.0.0.1", closed_port(), True, "fips@x.org", ("a@x.org",))

    with pytest.raises(TransientError, match="can't be reached"):
        MailChannel(settings, CLOUD).send(alert())


def test_the_owner_of_a_pool_has_the_mail_beside_the_usual_recipients() -> None:
    with PickyRelay() as relay:
        mail_channel(relay, starttls=False).send(alert(owner="team@x.org"))

    (mail,) = relay.messages
    assert mail["To"] == "a@x.org, team@x.org"


def test_what_a_rule_sends_elsewhere_reaches_the_owner_by_mail_and_nobody_else() -> None:
    with PickyRelay() as relay:
        mail_channel(relay, starttls=False).send(alert(owner="team@x.org", channels=("teams",)))

    (mail,) = relay.messages
    assert mail["To"] == "team@x.org"


def test_an_owner_who_is_a_usual_recipient_is_no_second_one(relay: MailSink) -> None:
    mail_channel(relay).send(alert(owner="a@x.org"))

    (mail,) = relay.messages
    assert mail["To"] == "a@x.org"


@pytest.mark.parametrize(
    "owner",
    [
        *("", "Team Payments", "a@x.org, everyone@x.org", "a@x.org\r\nBcc: everyone@x.org", "<a@x.org>"),
        *("te\u00e4m@x.org", "team@\u00e4.org", "a\x00@x.org", "\ud800@x.org", '"@x.org', "team@[x"),
        *("a;b@x.org", "a:b@x.org", "@x.org", "a@x.org:25"),
        *("team@x.org,", "@", "a@b@c", "a..b@x.org", ".@x..org", "a@-", "x" * 300 + "@x.org", "a@x.org>"),
    ],
)
def test_whatever_stands_in_an_owner_tag_the_usual_recipients_have_their_mail(relay: MailSink, owner: str) -> None:
    mail_channel(relay).send(alert(owner=owner))

    (mail,) = relay.messages
    assert "a@x.org" in mail["To"]
    assert "everyone" not in str(mail["To"])
    assert mail["Bcc"] is None


def test_an_owner_whom_the_relay_refuses_costs_nobody_else_the_mail(caplog: pytest.LogCaptureFixture) -> None:
    with PickyRelay() as relay:
        mail_channel(relay, starttls=False).send(alert(owner="550@x.org"))

    assert len(relay.messages) == 1
    assert "550@x.org: 550 not this one" in caplog.text


def test_a_rule_that_names_its_channels_tells_nobody_else(teams: TeamsSink, relay: MailSink) -> None:
    memory, channels = MemoryTable(SystemClock()), (channel(teams), mail_channel(relay))

    deliver(alert(channels=("mail",)), channels, memory, NOW, message="m1")
    assert (len(teams.cards), len(relay.messages)) == (0, 1)

    deliver(alert(key="k2", channels=("pager",)), channels, memory, NOW, message="m2")
    assert (len(teams.cards), len(relay.messages)) == (1, 2), "a channel that nobody set up leaves nobody untold"


# Event Grid topic


class Credential:
    """A credential of the kind that azure-identity provides; keeps the scopes that it was asked for."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        self.scopes.extend(scopes)
        return AccessToken("token", int(datetime.now(UTC).timestamp()) + 3600)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the SDK trust the certificate, as the local Azure does."""
    path = tmp_path / "ca.pem"
    path.write_bytes(tls.authority().certificate_pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))


@pytest.mark.usefixtures("trusted")
def test_the_topic_gets_a_cloud_event_that_consumers_can_tell_from_a_repeat(caplog: pytest.LogCaptureFixture) -> None:
    with Topic(tls=localhost_tls()) as topic:
        channel = TopicChannel(topic.endpoint, CLOUD, Credential())
        channel.send(alert())
        channel.send(alert())

    first, again = topic.received
    assert (first["id"], first["source"]) == (again["id"], again["source"]) == (alert_id("k1"), CLUSTER)
    assert (first["type"], first["subject"]) == ("Fipswarden.Alert", "npsys")
    assert first["time"].startswith("2026-11-23T09:30:04")
    assert first["data"] == {
        "v": 1,
        "key": "k1",
        "cluster": CLUSTER,
        "pool": "npsys",
        "severity": "warning",
        "reason": "FipsDisabled",
        "title": "rg-pay/aks-pay/npsys: non-compliant",
        "text": "FIPS is off. ünïcödé \U0001f600",
        "at": "2026-11-23T09:30:04.000000Z",
        "owner": "",
        "channels": [],
    }
    assert caplog.text == "", "the SDK has nothing to complain about"


@pytest.mark.usefixtures("trusted")
def test_a_manifest_leaves_the_app_as_an_event_of_its_own() -> None:
    anchor = Anchor(NOW.date(), 12, "ab" * 32, 13, "thumb")
    with Topic(tls=localhost_tls()) as topic:
        channel = TopicChannel(topic.endpoint, CLOUD, Credential())
        channel.send(alert(cluster="", pool="", anchor=anchor))
        channel.send(alert(key="k2", cluster="", pool="", anchor=anchor))

    told, manifest, _, again = topic.received
    assert (told["type"], "anchor" in told["data"]) == ("Fipswarden.Alert", False)
    assert (manifest["type"], manifest["source"]) == ("Fipswarden.Manifest", "/fipswarden")
    assert manifest["subject"] == "_manifests/0000000012.json"
    assert manifest["data"] == {
        "v": 1,
        "record": "_manifests/0000000012.json",
        "verify": f"--manifest 12:{'ab' * 32} --key=thumb",
        "date": "2026-11-23",
        "seq": 12,
        "sha256": "ab" * 32,
        "chains": 13,
        "thumbprint": "thumb",
    }
    assert again["id"] == manifest["id"], "consumers can drop a repeat, whichever alert carries it"


@pytest.mark.usefixtures("trusted")
def test_an_alert_of_the_fleet_has_a_source_too() -> None:
    with Topic(tls=localhost_tls()) as topic:
        TopicChannel(topic.endpoint, CLOUD, Credential()).send(alert(cluster="", pool=""))

    (event,) = topic.received
    assert event["source"] == "/fipswarden"
    assert "subject" not in event


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("cloud", "scope"),
    [
        (CLOUDS["AzureCloud"], "https://eventgrid.azure.net/.default"),
        (CLOUDS["AzureUSGovernment"], "https://eventgrid.azure.us/.default"),
        (CLOUDS["AzureChinaCloud"], "https://eventgrid.azure.cn/.default"),
    ],
)
def test_the_token_is_one_of_the_topics_own_cloud(cloud: Cloud, scope: str) -> None:
    credential = Credential()
    with Topic(tls=localhost_tls()) as topic:
        TopicChannel(topic.endpoint, cloud, credential).send(alert())

    assert credential.scopes == [scope]


@pytest.mark.usefixtures("trusted")
def test_a_topic_that_the_app_may_not_send_to_is_a_terminal_error_that_names_the_role() -> None:
    with (
        Topic(tls=localhost_tls(), authorise=lambda _header: False) as topic,
        pytest.raises(TerminalError, match=r"HTTP 401.*EventGrid Data Sender"),
    ):
        TopicChannel(topic.endpoint, CLOUD, Credential()).send(alert())


class BusyTopic(Server):
    """A topic that has no time, once for each request that it counts."""

    def __init__(self) -> None:
        super().__init__("busy-topic", [web.post("/api/events", self._busy)], tls=localhost_tls())
        self.requests = 0

    async def _busy(self, _request: web.Request) -> web.Response:
        self.requests += 1
        return web.Response(status=429, headers={"Retry-After": "600"})


@pytest.mark.usefixtures("trusted")
def test_a_busy_topic_is_a_transient_error_and_the_function_does_not_wait_for_it() -> None:
    with BusyTopic() as topic:
        with pytest.raises(TransientError) as caught:
            TopicChannel(f"{topic.url}/api/events", CLOUD, Credential()).send(alert())

        assert topic.requests == 1
    assert caught.value.retry_after == timedelta(minutes=10)


def test_a_topic_that_cannot_be_reached_is_a_transient_error() -> None:
    with pytest.raises(TransientError, match="Connection refused"):
        TopicChannel(f"https://127.0.0.1:{closed_port()}/api/events", CLOUD, Credential()).send(alert())
