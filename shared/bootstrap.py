"""The one place where adapters are chosen: settings in, ports out, made once per process and where first needed.

Each port asks for the settings that it needs: what keeps and tells a message that nobody could use must not fail by
the very setting that made it so.
"""

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.adapters.blobs import BlobEvidence
from shared.adapters.queues import AlertQueue, WakeUpQueue
from shared.adapters.tables import AzureTable
from shared.alerting import Alerting
from shared.config import Settings, read_app_storage, read_channels, read_reach, read_settings
from shared.domain.bodies import Who
from shared.domain.model import Unreadable
from shared.fleet_chain import FleetChain
from shared.logs import logger
from shared.look import Ports
from shared.ports import Channel, Clusters, Fleet, Policies, Text
from shared.resync import ResyncPorts
from shared.storage_settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from shared.adapters.archive import BlobArchive
    from shared.adapters.arm import Arm
    from shared.anchor import AnchorPorts
    from shared.domain.protection import Protection
    from shared.domain.scope import SubscriptionsOf
    from shared.ports import Snapshots

log = logger("bootstrap")


_TOKEN_LIMITS: Mapping[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 10}
"""Seconds, for the platform's token endpoint: azure-core's own are 300 and three retries, in the middle of a look."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()


@cache
def settings() -> Settings:
    """Return the app's settings; raises ConfigError with every fault."""
    return read_settings(os.environ)


@cache
def credential() -> "TokenCredential":
    """Return who we are: the app's managed identity, or, where there is none, the person logged in to the Azure CLI.

    Which of the two is decided by the platform (App Service sets IDENTITY_ENDPOINT), never by trying.
    """
    from azure.identity import AzureCliCredential, ManagedIdentityCredential

    if "IDENTITY_ENDPOINT" not in os.environ:
        return AzureCliCredential()
    return ManagedIdentityCredential(client_id=_principal() or None, **_TOKEN_LIMITS)


@cache
def caller() -> str:
    """Return the object id of whoever runs this; raises InputError if his token names none."""
    from shared.adapters.caller import object_id

    return object_id(credential())


def _storage_credential(storage: Storage) -> "TokenCredential | None":
    return None if storage.connection_string else credential()


@cache
def table(name: str) -> AzureTable:
    """Return a table of the app's storage account."""
    storage = read_app_storage(os.environ)
    return AzureTable(storage, _storage_credential(storage), name)


@cache
def evidence() -> BlobEvidence:
    """Return the evidence account's container."""
    storage = settings().evidence_storage
    return BlobEvidence(storage, _storage_credential(storage))


def archive() -> "BlobArchive":
    """Return all that lies in the evidence account, to be read as a whole."""
    from shared.adapters.archive import BlobArchive

    storage = settings().evidence_storage
    return BlobArchive(storage, _storage_credential(storage))


@cache
def snapshots() -> "Snapshots":
    """Return the evidence account's container of snapshots."""
    from shared.adapters.snapshots import BlobSnapshots

    storage = settings().evidence_storage
    return BlobSnapshots(storage, _storage_credential(storage))


@cache
def anchor_ports() -> "AnchorPorts":
    """Return what the daily manifest needs."""
    from shared.adapters.vault import VaultSigner
    from shared.anchor import AnchorPorts

    key = settings().manifest_key
    signer = VaultSigner(key, settings().cloud, credential()) if key else None
    return AnchorPorts(table("posture"), table("rollout"), evidence(), snapshots(), signer, watches)


@cache
def wake_ups() -> WakeUpQueue:
    """Return the queue `reconcile`."""
    storage = read_app_storage(os.environ)
    return WakeUpQueue(storage, _storage_credential(storage))


@cache
def alert_queue() -> AlertQueue:
    """Return the queue `alerts`."""
    storage = read_app_storage(os.environ)
    return AlertQueue(storage, _storage_credential(storage))


@cache
def policies() -> Policies:
    """Return what people decide: the policy and the exemptions, or the last good ones."""
    from shared.domain.scope import empty_groups, resolved
    from shared.rulebooks import Rulebooks

    def below(group: str) -> tuple[str, ...] | Unreadable:
        return _management_groups()(group)

    exemptions = settings().exemptions
    return Rulebooks(
        text(settings().policy),
        text(exemptions) if exemptions else None,
        table("rollout"),
        lambda policy: resolved(policy, below),
        lambda policy: empty_groups(policy, below),
        _fleet_chain().texts,
    )


@cache
def _fleet_chain() -> FleetChain:
    return FleetChain(table("rollout"), evidence(), SystemClock(), Who(principal=_principal()))


def _principal() -> str:
    """Return the client id of the identity that the app runs as; empty for the system-assigned one, and locally."""
    return os.environ.get("AZURE_CLIENT_ID", "")


@cache
def _management_groups() -> "SubscriptionsOf":
    """Made by the first policy that names one: a policy without needs no ARM."""
    from shared.adapters.management import ManagementGroups, Remembered

    return Remembered(ManagementGroups(_arm()))


def text(where: str) -> Text:
    """Return the file at a place such as `file:policy.yaml` or `blob:policy/exemptions.yaml`."""
    from shared.adapters.policies import TextBlob, TextFile

    kind, _, location = where.partition(":")
    if kind == "file":
        return TextFile(Path(__file__).resolve().parent.parent / location)
    storage = settings().app_storage
    return TextBlob(storage, _storage_credential(storage), location)


@cache
def _arm() -> "Arm":
    from shared.adapters.arm import Arm

    return Arm(settings().cloud, credential())


@cache
def reconciler_ports() -> Ports:
    """Return what a look needs."""
    from shared.adapters.aks import AksClusters
    from shared.adapters.kubernetes import AksKubernetes

    return Ports(
        SystemClock(),
        AksClusters(_arm()),
        AksKubernetes(_arm(), credential()),
        policies(),
        table("rollout"),
        table("posture"),
        evidence(),
        wake_ups(),
        alert_queue(),
        settings().timing,
        watches,
        _principal(),
    )


def watches(subscription: str) -> bool:
    """Say whether a subscription is the app's to look after; without a setting, all are."""
    return not settings().subscriptions or subscription.lower() in settings().subscriptions


@cache
def resync_ports() -> ResyncPorts:
    """Return what the resync needs."""
    from shared.adapters.graph import GraphFleet

    fleet = GraphFleet(_arm(), credential(), settings().subscriptions)
    return ResyncPorts(
        SystemClock(),
        fleet,
        policies(),
        table("posture"),
        table("rollout"),
        wake_ups(),
        alert_queue(),
        _fleet_chain(),
    )


def standalone_fleet() -> tuple[Fleet, Clusters]:
    """Return the fleet as whoever is signed in sees it, and its clusters; no storage, so no deployed app is needed."""
    from shared.adapters.aks import AksClusters
    from shared.adapters.arm import Arm
    from shared.adapters.graph import GraphFleet

    cloud, subscriptions = read_reach(os.environ)
    arm = Arm(cloud, credential())
    return GraphFleet(arm, credential(), subscriptions), AksClusters(arm)


def standalone_protection(account: str) -> "Callable[[str], Protection | Unreadable]":
    """Return what asks ARM for the policy of a container of a storage account, as whoever is signed in."""
    from shared.adapters.arm import Arm
    from shared.adapters.immutability import container_protection

    cloud, _ = read_reach(os.environ)
    return partial(container_protection, Arm(cloud, credential()), account)


def standalone_management_groups() -> "SubscriptionsOf":
    """Return what management groups hold, as whoever is signed in sees it; no deployed app is needed."""
    from shared.adapters.arm import Arm
    from shared.adapters.management import ManagementGroups, Remembered

    cloud, _ = read_reach(os.environ)
    return Remembered(ManagementGroups(Arm(cloud, credential())))


@cache
def channels() -> tuple[Channel, ...]:
    """Return the channels that are set up soundly, each of which works without the others and the other settings."""
    from shared.adapters.mail import MailChannel
    from shared.adapters.teams import TeamsChannel
    from shared.adapters.topic import TopicChannel

    given, found = read_channels(os.environ), list[Channel]()
    for fault in given.faults:
        log.error("channel left out", extra={"fault": fault})
    if given.teams_webhook:
        found.append(TeamsChannel(given.teams_webhook, given.cloud))
    if given.mail:
        found.append(MailChannel(given.mail, given.cloud))
    if given.topic_endpoint:
        found.append(TopicChannel(given.topic_endpoint, given.cloud, credential()))
    return tuple(found)


@cache
def alerting() -> Alerting:
    """Return what the functions need to tell people; raises ConfigError only if the app's storage is not told."""
    faults = read_channels(os.environ).faults
    return Alerting(channels(), table("alerts"), table("poison"), SystemClock(), faults)
