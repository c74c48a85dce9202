"""Typed settings: every app setting that the product reads, checked at once, with the setting's name in each fault.

Storage of the app is the Functions host's own `AzureWebJobsStorage`, as a connection string (local) or, with
identity, as `AzureWebJobsStorage__queueServiceUri` and its siblings; the evidence account's likewise.

A fault costs what it concerns and no more: that of a channel leaves the channel out, and what keeps and tells messages
that nobody could use asks for the app's storage and the channels alone.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.clouds import CLOUDS, Cloud
from shared.domain.events import not_subscriptions, watched
from shared.errors import ConfigError
from shared.rollout import Timing
from shared.storage_settings import Storage, is_https, read_storage

_APP_STORAGE = "AzureWebJobsStorage"
_SERVICES = ("blob", "queue", "table")
_MAIL = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")
"""One mail address, well enough for a relay to judge the rest."""


@dataclass(frozen=True, slots=True)
class Mail:
    """How alerts go out by mail."""

    host: str
    port: int
    starttls: bool
    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How people are told; a channel whose settings are at fault is as one that is not set up."""

    cloud: Cloud
    """For links and tokens; where FIPSWARDEN_CLOUD is at fault, the public cloud: wrong links beat silence."""
    teams_webhook: str
    """URL of a Teams Workflow; empty: no Teams. It is a secret: give it as a Key Vault reference."""
    mail: Mail | None
    topic_endpoint: str
    """Event Grid topic that alerts are published to as CloudEvents; empty: none."""
    faults: tuple[str, ...]
    """Why a channel was left out, one line per fault; those of other settings are not among them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, typed."""

    cloud: Cloud
    app_storage: Storage
    evidence_storage: Storage
    subscriptions: tuple[str, ...]
    """The subscriptions that the app looks after; empty: all that its identity can read."""
    policy: str
    """`file:<path in the package>` or `blob:<container>/<name>` in the app's storage."""
    exemptions: str
    """Where the exemptions lie, in the same way; empty: there are none."""
    manifest_key: str
    """URL of the Key Vault key that signs the daily manifest; empty: manifests are written unsigned."""
    timing: Timing
    channels: ChannelSettings

    @property
    def channel_faults(self) -> tuple[str, ...]:
        """Why channels were left out: to be shown, never a reason to stop."""
        return self.channels.faults


def read_settings(env: Mapping[str, str]) -> Settings:
    """Read the settings from the environment; raises ConfigError with one line per fault.

    Faults of channels alone raise nothing and are in `channel_faults`: who can't be told must not stop what is done.
    """
    faults: list[str] = []
    settings = Settings(
        cloud=_cloud(env, faults),
        app_storage=read_storage(env, _APP_STORAGE, _SERVICES, faults),
        evidence_storage=read_storage(env, "EVIDENCE_STORAGE", ("blob",), faults),
        subscriptions=_guids(env, faults),
        policy=_location(env, "FIPSWARDEN_POLICY", "file:policy.yaml", faults),
        exemptions=_location(env, "FIPSWARDEN_EXEMPTIONS", "", faults),
        manifest_key=_key(env, "FIPSWARDEN_MANIFEST_KEY", faults),
        timing=Timing(
            look_deadline=_seconds(env, "LOOK_DEADLINE_SECONDS", 240, (5, 480), faults),
            poll=_seconds(env, "OPERATION_POLL_SECONDS", 30, (1, 600), faults),
        ),
        channels=read_channels(env),
    )
    if faults:
        raise ConfigError("settings", (*faults, *settings.channel_faults))
    return settings


def read_channels(env: Mapping[str, str]) -> ChannelSettings:
    """Read how people are told, whatever the other settings are; each channel stands or falls by itself."""
    faults: list[str] = []
    return ChannelSettings(
        cloud=_cloud(env, []),
        teams_webhook=_url(env, "TEAMS_WEBHOOK_URL", faults),
        mail=_mail(env, faults),
        topic_endpoint=_url(env, "ALERT_TOPIC_ENDPOINT", faults),
        faults=tuple(faults),
    )


def read_app_storage(env: Mapping[str, str]) -> Storage:
    """Read where the app's storage is, whatever the other settings are; raises ConfigError with its faults alone."""
    faults: list[str] = []
    storage = read_storage(env, _APP_STORAGE, _SERVICES, faults)
    if faults:
        raise ConfigError("settings", tuple(faults))
    return storage


def read_reach(env: Mapping[str, str]) -> tuple[Cloud, tuple[str, ...]]:
    """Read which cloud and which subscriptions (none: all), whatever the other settings are; raises ConfigError."""
    faults: list[str] = []
    reach = _cloud(env, faults), _guids(env, faults)
    if faults:
        raise ConfigError("settings", tuple(faults))
    return reach


def _cloud(env: Mapping[str, str], faults: list[str]) -> Cloud:
    name = env.get("FIPSWARDEN_CLOUD") or "AzureCloud"
    if name in CLOUDS:
        return CLOUDS[name]
    if _is_endpoint(name):
        # A cloud of its own (the local Azure, Azure Stack): ARM's endpoint stands in the setting.
        return Cloud("custom", name.rstrip("/"), "")
    if is_https(name):
        # It may hold a password: it is not repeated.
        faults.append(
            "FIPSWARDEN_CLOUD: the URL of an ARM endpoint is https://<host> or https://<host>:<port>, no more"
        )
        return CLOUDS["AzureCloud"]
    faults.append(f"FIPSWARDEN_CLOUD: {name!r} is not one of {', '.join(CLOUDS)}, nor the https URL of an ARM endpoint")
    return CLOUDS["AzureCloud"]


def _is_endpoint(value: str) -> bool:
    """Say whether a URL names a host and perhaps a port: tokens are sent there."""
    return is_https(value) and re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", value) is not None


def _guids(env: Mapping[str, str], faults: list[str]) -> tuple[str, ...]:
    given = env.get("FIPSWARDEN_SUBSCRIPTIONS", "")
    found = tuple(sorted(watched(given)))
    if given and not found:
        # Not the same as an empty one: somebody meant to name some, and all is what he did not mean.
        faults.append("FIPSWARDEN_SUBSCRIPTIONS: it names no subscription; leave it empty for all that can be read")
    faults.extend(
        f"FIPSWARDEN_SUBSCRIPTIONS: {value!r} is not a subscription id (GUIDs, separated by commas)"
        for value in not_subscriptions(found)
    )
    return found


def _location(env: Mapping[str, str], name: str, default: str, faults: list[str]) -> str:
    value = env.get(name, default)
    if value != default and not re.fullmatch(r"file:.+|blob:[a-z0-9-]{3,63}/.+", value):
        # It may be a blob's URL with its signature: it is not repeated.
        faults.append(f"{name}: this is neither file:<path> nor blob:<container>/<name>")
    return value


def _key(env: Mapping[str, str], name: str, faults: list[str]) -> str:
    value = env.get(name, "")
    faults.extend(f"{name}: {fault}" for fault in filter(None, [value and _cloud(env, []).key_fault(value)]))
    return value


def _seconds(env: Mapping[str, str], name: str, default: int, allowed: tuple[int, int], faults: list[str]) -> timedelta:
    text = env.get(name) or str(default)
    low, high = allowed
    if not text.isdecimal() or len(text) > 9 or not low <= int(text) <= high:
        faults.append(f"{name}: {text!r} is not a whole number of seconds from {low} to {high}")
        return timedelta(seconds=default)
    return timedelta(seconds=int(text))


def _url(env: Mapping[str, str], name: str, faults: list[str]) -> str:
    value = env.get(name, "")
    if value.startswith("@Microsoft.KeyVault("):
        # What the app gets where the platform could not resolve it (App Service documentation, "Key Vault references").
        faults.append(
            f"{name}: the Key Vault reference was not resolved; check that the secret exists, that the app's identity "
            "may read it, and that the vault's network lets the app in"
        )
        return ""
    loopback = re.match(r"http://(localhost|127\.0\.0\.1)(:\d+)?(/|$)", value)
    if value and not loopback and not is_https(value):
        # The value itself may be a secret (a Workflow's URL is): it is not repeated.
        faults.append(f"{name}: this is not an https URL")
        return ""
    return value


def _mail(env: Mapping[str, str], faults: list[str]) -> Mail | None:
    host, sender, recipients = env.get("SMTP_HOST", ""), env.get("MAIL_FROM", ""), _list(env, "MAIL_TO")
    before = len(faults)
    if not host:
        faults.extend(f"{name}: given, but SMTP_HOST is not" for name in ("MAIL_FROM", "MAIL_TO") if env.get(name))
        return None
    if not _is_host(host):
        # It may be a URL with a password: it is not repeated.
        faults.append("SMTP_HOST: this is not a host name or address alone; the port goes into SMTP_PORT")
    port = env.get("SMTP_PORT") or "587"
    if not port.isdecimal() or len(port) > 5 or not 0 < int(port) < 65536:
        faults.append(f"SMTP_PORT: {port!r} is not a port")
    for name, values in (("MAIL_FROM", (sender,)), ("MAIL_TO", recipients or ("",))):
        faults.extend(f"{name}: {value!r} is not a mail address" for value in values if not _MAIL.fullmatch(value))
    starttls = env.get("SMTP_STARTTLS", "true").lower()
    if starttls not in ("true", "false"):
        faults.append(f"SMTP_STARTTLS: {starttls!r} is neither true nor false")
    return Mail(host, int(port), starttls != "false", sender, recipients) if len(faults) == before else None


def _is_host(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})", value) is not None
    return True


def _list(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in env.get(name, "").split(",") if part.strip())
