"""Settings: every fault at once with the setting's name, and never a value that may be a secret."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import Mail, Settings, read_app_storage, read_channels, read_settings
from shared.domain.clouds import CLOUDS, Cloud
from shared.errors import ConfigError
from shared.storage_settings import Storage
from tests.builders import OTHER_SUBSCRIPTION, SUBSCRIPTION

LOCAL = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "EVIDENCE_STORAGE": "UseDevelopmentStorage=true"}
SECRET = "sig=S3cr3t/AccountKey=abc=="


def read(**env: str) -> Settings:
    return read_settings({**LOCAL, **env})


def faults(**env: str) -> tuple[str, ...]:
    """The faults that stop the app."""
    with pytest.raises(ConfigError) as caught:
        read(**env)
    assert caught.value.subject == "settings"
    return caught.value.faults


def test_storage_alone_is_enough() -> None:
    settings = read()

    assert settings.cloud is CLOUDS["AzureCloud"]
    assert settings.app_storage == Storage("UseDevelopmentStorage=true", {})
    assert (settings.subscriptions, settings.policy, settings.exemptions) == ((), "file:policy.yaml", "")
    assert settings.timing.look_deadline == timedelta(minutes=4)
    assert settings.timing.poll == timedelta(seconds=30)
    channels = settings.channels
    assert (channels.teams_webhook, channels.mail, channels.topic_endpoint, channels.faults) == ("", None, "", ())


def test_with_identity_storage_is_reached_by_its_uris() -> None:
    uris = {service: f"https://app.{service}.core.windows.net" for service in ("blob", "queue", "table")}
    env = {f"AzureWebJobsStorage__{service}ServiceUri": uri for service, uri in uris.items()}

    settings = read_settings({**env, "EVIDENCE_STORAGE__blobServiceUri": "https://ev.blob.core.windows.net"})

    assert settings.app_storage == Storage("", uris)
    assert settings.evidence_storage == Storage("", {"blob": "https://ev.blob.core.windows.net"})


def test_all_that_can_be_set_is_read() -> None:
    settings = read(
        FIPSWARDEN_CLOUD="AzureUSGovernment",
        FIPSWARDEN_SUBSCRIPTIONS=f" {OTHER_SUBSCRIPTION.upper()}, {SUBSCRIPTION},",
        FIPSWARDEN_POLICY="blob:policy/fleet.yaml",
        FIPSWARDEN_EXEMPTIONS="blob:risk/exemptions.yaml",
        LOOK_DEADLINE_SECONDS="120",
        OPERATION_POLL_SECONDS="5",
        TEAMS_WEBHOOK_URL="https://prod.logic.azure.com/workflows/1",
        ALERT_TOPIC_ENDPOINT="http://localhost:8080/topic",
        SMTP_HOST="smtp.example.com",
        SMTP_PORT="25",
        SMTP_STARTTLS="False",
        MAIL_FROM="fipswarden@example.com",
        MAIL_TO="a@example.com, b@example.com",
    )

    assert settings.cloud.arm_endpoint == "https://management.usgovcloudapi.net"
    assert settings.subscriptions == (SUBSCRIPTION, OTHER_SUBSCRIPTION)
    assert (settings.policy, settings.exemptions) == ("blob:policy/fleet.yaml", "blob:risk/exemptions.yaml")
    assert settings.timing.look_deadline == timedelta(minutes=2)
    assert settings.timing.poll == timedelta(seconds=5)
    assert settings.channels.topic_endpoint == "http://localhost:8080/topic"
    assert settings.channels.mail == Mail(
        "smtp.example.com", 25, False, "fipswarden@example.com", ("a@example.com", "b@example.com")
    )


def test_a_cloud_of_its_own_is_an_endpoint_and_falls_back_to_no_public_scope() -> None:
    assert read(FIPSWARDEN_CLOUD="https://arm.local:8443/").cloud == Cloud("custom", "https://arm.local:8443", "")


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("FIPSWARDEN_CLOUD", "Public", "FIPSWARDEN_CLOUD: 'Public' is not one of AzureCloud, AzureUSGovernment"),
        ("FIPSWARDEN_CLOUD", "http://arm.local", "FIPSWARDEN_CLOUD: 'http://arm.local' is not one of"),
        ("FIPSWARDEN_CLOUD", "https://[", "FIPSWARDEN_CLOUD: 'https://[' is not one of"),
        ("FIPSWARDEN_CLOUD", "https://", "FIPSWARDEN_CLOUD: 'https://' is not one of"),
        ("FIPSWARDEN_SUBSCRIPTIONS", "Payments", "FIPSWARDEN_SUBSCRIPTIONS: 'payments' is not a subscription id"),
        ("FIPSWARDEN_SUBSCRIPTIONS", f"{SUBSCRIPTION};x", "is not a subscription id (GUIDs, separated by commas)"),
        ("FIPSWARDEN_POLICY", "policy.yaml", "FIPSWARDEN_POLICY: this is neither file:<path> nor blob:"),
        ("FIPSWARDEN_POLICY", "blob:policy", "FIPSWARDEN_POLICY: this is neither"),
        ("FIPSWARDEN_POLICY", "", "FIPSWARDEN_POLICY: this is neither"),
        ("FIPSWARDEN_EXEMPTIONS", "exemptions.yaml", "FIPSWARDEN_EXEMPTIONS: this is neither file:<path> nor blob:"),
        ("LOOK_DEADLINE_SECONDS", "4", "LOOK_DEADLINE_SECONDS: '4' is not a whole number of seconds from 5 to 480"),
        ("LOOK_DEADLINE_SECONDS", "481", "from 5 to 480"),
        ("LOOK_DEADLINE_SECONDS", "-5", "LOOK_DEADLINE_SECONDS: '-5' is not a whole number"),
        ("LOOK_DEADLINE_SECONDS", "1e2", "LOOK_DEADLINE_SECONDS: '1e2'"),
        ("LOOK_DEADLINE_SECONDS", "9" * 5_000, "LOOK_DEADLINE_SECONDS: "),
        ("OPERATION_POLL_SECONDS", "0", "OPERATION_POLL_SECONDS: '0' is not a whole number of seconds from 1 to 600"),
        (
            "AzureWebJobsStorage",
            "https://app.blob.core.windows.net",
            "AzureWebJobsStorage: this is not a connection string",
        ),
        (
            "EVIDENCE_STORAGE",
            "AccountName=a",
            "EVIDENCE_STORAGE: this is not a connection string; it must hold AccountName",
        ),
    ],
    ids=lambda value: value[:40] if value else "empty",
)
def test_each_fault_names_its_setting(name: str, value: str, fault: str) -> None:
    (found,) = faults(**{name: value})

    assert fault in found
    assert found.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("TEAMS_WEBHOOK_URL", "http://teams.example.com", "TEAMS_WEBHOOK_URL: this is not an https URL"),
        ("TEAMS_WEBHOOK_URL", "http://localhost.evil.example", "TEAMS_WEBHOOK_URL: this is not an https URL"),
        ("TEAMS_WEBHOOK_URL", "https://[", "TEAMS_WEBHOOK_URL: this is not an https URL"),
        ("ALERT_TOPIC_ENDPOINT", "topic", "ALERT_TOPIC_ENDPOINT: this is not an https URL"),
        ("MAIL_TO", "a@example.com", "MAIL_TO: given, but SMTP_HOST is not"),
        ("MAIL_FROM", "a@example.com", "MAIL_FROM: given, but SMTP_HOST is not"),
    ],
    ids=lambda value: value[:40] if value else "empty",
)
def test_each_fault_of_a_channel_names_its_setting_and_stops_nothing(name: str, value: str, fault: str) -> None:
    (found,) = read(**{name: value}).channel_faults

    assert fault in found
    assert found.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("SMTP_PORT", "smtp", "SMTP_PORT: 'smtp' is not a port"),
        ("SMTP_PORT", "0", "SMTP_PORT: '0' is not a port"),
        ("SMTP_PORT", "65536", "SMTP_PORT: '65536' is not a port"),
        ("SMTP_PORT", "9" * 5_000, "SMTP_PORT: "),
        ("SMTP_STARTTLS", "yes", "SMTP_STARTTLS: 'yes' is neither true nor false"),
        ("MAIL_FROM", "", "MAIL_FROM: '' is not a mail address"),
        ("MAIL_FROM", "Ana <a@example.com>", "MAIL_FROM: 'Ana <a@example.com>' is not a mail address"),
        ("MAIL_TO", "", "MAIL_TO: '' is not a mail address"),
        ("MAIL_TO", "a@example.com,b", "MAIL_TO: 'b' is not a mail address"),
    ],
    ids=range(9),
)
def test_each_fault_of_the_mail_names_its_setting(name: str, value: str, fault: str) -> None:
    good = {"SMTP_HOST": "smtp.example.com", "MAIL_FROM": "f@example.com", "MAIL_TO": "a@example.com"}

    settings = read(**{**good, "TEAMS_WEBHOOK_URL": "https://teams.example", name: value})

    (found,) = settings.channel_faults
    assert found.startswith(fault)
    assert settings.channels.mail is None, "it is left out"
    assert settings.channels.teams_webhook == "https://teams.example", "the others stay"


def test_a_channel_at_fault_is_left_out() -> None:
    settings = read(TEAMS_WEBHOOK_URL="http://x.example", ALERT_TOPIC_ENDPOINT="x", SMTP_HOST="")

    assert (settings.channels.teams_webhook, settings.channels.topic_endpoint) == ("", "")
    assert len(settings.channel_faults) == 2


def test_the_apps_storage_and_the_channels_are_read_whatever_else_is_wrong() -> None:
    env = {**LOCAL, "EVIDENCE_STORAGE": "", "FIPSWARDEN_CLOUD": "x", "FIPSWARDEN_SUBSCRIPTIONS": "x"}

    assert read_app_storage(env) == Storage("UseDevelopmentStorage=true", {})
    assert read_channels({**env, "TEAMS_WEBHOOK_URL": "https://t.example"}).teams_webhook == "https://t.example"
    assert read_channels(env).faults == ()


def test_a_fault_of_the_apps_storage_is_told_alone() -> None:
    with pytest.raises(ConfigError) as caught:
        read_app_storage({"AzureWebJobsStorage": "x", "FIPSWARDEN_CLOUD": "x"})

    assert [fault.split(":")[0] for fault in caught.value.faults] == ["AzureWebJobsStorage"]


ENDPOINTS = ";".join(f"{service}Endpoint=http://127.0.0.1:1/a" for service in ("Blob", "Queue", "Table"))


@pytest.mark.parametrize(
    "value",
    [
        "UseDevelopmentStorage=true",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=YQ==;EndpointSuffix=core.windows.net;",
        f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;{ENDPOINTS}",
        f"{ENDPOINTS};SharedAccessSignature=sv=1&sig=x",
    ],
)
def test_a_connection_string_that_is_taken_is_one_for_the_sdks_too(value: str) -> None:
    from azure.data.tables import TableClient
    from azure.storage.blob import ContainerClient
    from azure.storage.queue import QueueClient

    assert read(AzureWebJobsStorage=value).app_storage == Storage(value, {})
    for client in (QueueClient, ContainerClient, TableClient):
        client.from_connection_string(value, "things").close()


@pytest.mark.parametrize("name", ["AzureWebJobsStorage", "EVIDENCE_STORAGE"])
@pytest.mark.parametrize(
    "value",
    [
        "S3cr3t",
        ";",
        "=S3cr3t",
        "UseDevelopmentStorage=false",
        "AccountKey=S3cr3t==",
        "AccountName=;AccountKey=S3cr3t==",
        "AccountName=a;AccountName=b;AccountKey=S3cr3t==",
        "AccountName=a;AccountKey=S3cr3t==;S3cr3t",
        "TableEndpoint=http://x/y;SharedAccessSignature=sig=S3cr3t",
    ],
)
def test_what_is_no_connection_string_is_a_fault_that_repeats_nothing_of_it(name: str, value: str) -> None:
    (found,) = faults(**{name: value})

    assert found.startswith(f"{name}: this is not a connection string; it must hold")
    assert "S3cr3t" not in found


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({"FIPSWARDEN_CLOUD": "x", "LOOK_DEADLINE_SECONDS": "x", "MAIL_TO": "x"})

    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "FIPSWARDEN_CLOUD",
        "AzureWebJobsStorage__blobServiceUri",
        "AzureWebJobsStorage__queueServiceUri",
        "AzureWebJobsStorage__tableServiceUri",
        "EVIDENCE_STORAGE__blobServiceUri",
        "LOOK_DEADLINE_SECONDS",
        "MAIL_TO",
    ]


def test_missing_storage_says_what_to_give() -> None:
    (found,) = faults(EVIDENCE_STORAGE="")

    assert found == (
        "EVIDENCE_STORAGE__blobServiceUri: missing; give the blob URI (or a connection string in EVIDENCE_STORAGE)"
    )


@pytest.mark.parametrize(
    "name",
    [
        "TEAMS_WEBHOOK_URL",
        "ALERT_TOPIC_ENDPOINT",
        "FIPSWARDEN_POLICY",
        "EVIDENCE_STORAGE__blobServiceUri",
    ],
)
@pytest.mark.parametrize("value", [f"http://x.example/y?{SECRET}", f"DefaultEndpointsProtocol=https;{SECRET}"])
def test_a_value_that_may_hold_a_secret_is_never_repeated(name: str, value: str) -> None:
    """The health page shows the faults."""
    env = {**LOCAL, "EVIDENCE_STORAGE": "", "EVIDENCE_STORAGE__blobServiceUri": "https://e.example", name: value}
    try:
        (found,) = read_settings(env).channel_faults
    except ConfigError as error:
        (found,) = error.faults

    assert found.startswith(name)
    assert "S3cr3t" not in found


NAMES = [
    *("AzureWebJobsStorage__blobServiceUri", "EVIDENCE_STORAGE", "FIPSWARDEN_CLOUD", "FIPSWARDEN_SUBSCRIPTIONS"),
    *("FIPSWARDEN_POLICY", "LOOK_DEADLINE_SECONDS", "OPERATION_POLL_SECONDS", "TEAMS_WEBHOOK_URL", "SMTP_HOST"),
    *("SMTP_PORT", "SMTP_STARTTLS", "MAIL_FROM", "MAIL_TO", "ALERT_TOPIC_ENDPOINT", "AZURE_CLIENT_ID"),
]


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20) | st.sampled_from(["https://[", "²", "1", "a@b"])))
def test_no_environment_raises_anything_but_faults(env: dict[str, str]) -> None:
    try:
        settings = read_settings({**LOCAL, **env})
    except ConfigError as error:
        found = error.faults
    else:
        found = ()
        assert isinstance(settings, Settings)

    assert all(fault.split(":")[0] in (*NAMES, "EVIDENCE_STORAGE__blobServiceUri") for fault in found)
