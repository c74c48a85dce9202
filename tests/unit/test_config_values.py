"""Settings that look right and are not: a fault says what is meant, and repeats nothing that may be secret."""

import pytest

from shared.config import read_channels, read_reach, read_settings
from shared.domain.clouds import CLOUDS, Cloud
from shared.errors import ConfigError
from tests.builders import SUBSCRIPTION

LOCAL = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "EVIDENCE_STORAGE": "UseDevelopmentStorage=true"}
MAIL = {"MAIL_FROM": "f@example.com", "MAIL_TO": "a@example.com"}


def fault(**env: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_settings({**LOCAL, **env})
    (found,) = caught.value.faults
    return found


@pytest.mark.parametrize("name", ["AzureWebJobsStorage", "EVIDENCE_STORAGE"])
@pytest.mark.parametrize("key", ["S3cr3t!", "S3cr3", "S3cr3t=YQ=="])
def test_an_account_key_that_is_not_base64_is_a_fault_of_its_setting(name: str, key: str) -> None:
    said = fault(**{name: f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={key};EndpointSuffix=x.net"})

    assert said == f"{name}: its AccountKey is not base64: it was cut off, or is something else than a key"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:S3cr3t@arm.local",
        "https://arm.local/path",
        "https://arm.local?S3cr3t",
        "https://arm.local#S3cr3t",
        "https://arm.local:port",
        "https://arm.local\\@evil.example",
    ],
)
def test_a_cloud_is_a_host_and_perhaps_a_port(url: str) -> None:
    said = fault(FIPSWARDEN_CLOUD=url)

    assert said.startswith("FIPSWARDEN_CLOUD: the URL of an ARM endpoint is https://<host> or https://<host>:<port>")
    assert "S3cr3t" not in said


def test_an_empty_cloud_is_the_public_one_and_an_endpoint_may_have_a_port() -> None:
    assert read_reach({"FIPSWARDEN_CLOUD": ""}) == (CLOUDS["AzureCloud"], ())
    assert read_reach({"FIPSWARDEN_CLOUD": "https://127.0.0.1:8443/"})[0] == Cloud(
        "custom", "https://127.0.0.1:8443", ""
    )


@pytest.mark.parametrize("value", [" , ", ",", " "])
def test_a_list_of_no_subscriptions_does_not_mean_all(value: str) -> None:
    said = fault(FIPSWARDEN_SUBSCRIPTIONS=value)

    assert said == "FIPSWARDEN_SUBSCRIPTIONS: it names no subscription; leave it empty for all that can be read"


def test_no_list_of_subscriptions_means_all() -> None:
    assert read_settings({**LOCAL, "FIPSWARDEN_SUBSCRIPTIONS": ""}).subscriptions == ()
    assert read_settings({**LOCAL, "FIPSWARDEN_SUBSCRIPTIONS": f"{SUBSCRIPTION},"}).subscriptions == (SUBSCRIPTION,)


@pytest.mark.parametrize("name", ["TEAMS_WEBHOOK_URL", "ALERT_TOPIC_ENDPOINT"])
def test_a_key_vault_reference_that_nobody_resolved_is_said_to_be_one(name: str) -> None:
    (said,) = read_channels({name: "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/teams)"}).faults

    assert said.startswith(f"{name}: the Key Vault reference was not resolved; check that the secret exists")


@pytest.mark.parametrize("host", ["smtp.example.com:25", "smtp://u:S3cr3t@x", "a b", "-x", "[::1]", "x" * 300])
def test_a_mail_server_is_a_host_alone(host: str) -> None:
    given = read_channels({**MAIL, "SMTP_HOST": host})

    assert given.faults == ("SMTP_HOST: this is not a host name or address alone; the port goes into SMTP_PORT",)
    assert given.mail is None


@pytest.mark.parametrize("host", ["smtp.example.com", "relay_1", "10.0.0.4", "::1", "mail.example.com."])
def test_a_mail_server_is_a_name_or_an_address(host: str) -> None:
    mail = read_channels({**MAIL, "SMTP_HOST": host}).mail

    assert mail is not None
    assert mail.host == host


def test_a_manifest_key_elsewhere_is_a_fault_that_does_not_repeat_it() -> None:
    said = fault(FIPSWARDEN_MANIFEST_KEY="https://s3cr3t.example/keys/manifests")

    assert said == (
        "FIPSWARDEN_MANIFEST_KEY: its host is not a vault of AzureCloud: those are called <name>.vault.azure.net"
    )


def test_without_a_manifest_key_manifests_are_not_signed() -> None:
    assert read_settings(LOCAL).manifest_key == ""
