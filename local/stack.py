"""Everything at once: storage, the local Azure, the receivers, Event Grid, and the app on its trigger host."""

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from urllib.parse import urlsplit

from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite, AzuriteError
from local.event_schema import Filters, Schema
from local.eventgrid import EventGrid, SubscriptionError
from local.events import DELETE_SUCCESS, WRITE_SUCCESS
from local.host import HostError, TriggerHost
from local.host.keys import Keys
from local.host.queue_trigger import INVISIBILITY
from local.part import Part
from local.server import LocalAzure
from local.serving import localhost_tls
from local.sinks import MailSink, TeamsSink
from local.topic import Topic
from local.world import World
from local.world.access import InvalidToken

ROOT = Path(__file__).parents[1]
TICK_SECONDS = 0.2
EVENT_GRID_AUDIENCE = "https://eventgrid.azure.net"
SUBSCRIBED = Filters(
    event_types=(WRITE_SUCCESS, DELETE_SUCCESS),
    operation_names=tuple(
        f"Microsoft.ContainerService/managedClusters{kind}/{verb}"
        for kind in ("", "/agentPools")
        for verb in ("write", "delete")
    ),
)

P = TypeVar("P")


class StackError(RuntimeError):
    """A part of the stack could not start; the message names it and says why."""


@dataclass(frozen=True)
class Ports:
    """Ports of 127.0.0.1; 0 takes a free one."""

    azure: int = 0
    """The local Azure (HTTPS)."""
    identity: int = 0
    """Its managed-identity endpoint."""
    blob: int = 0
    """Azurite's."""
    queue: int = 0
    """Azurite's."""
    table: int = 0
    """Azurite's."""
    topic: int = 0
    """The custom Event Grid topic (HTTPS)."""
    teams: int = 0
    """The Teams workflow."""
    mail: int = 0
    """SMTP."""
    host: int = 0
    """The app's trigger host."""


@dataclass(frozen=True)
class Options:
    """How the stack behaves; the defaults are for tests."""

    app_dir: Path = ROOT
    """Folder of function_app.py."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """App settings besides those that point at the stack, or instead of them."""
    schema: Schema = Schema.EVENT_GRID
    """Of the event subscriptions."""
    timers: bool = True
    """Whether the app's schedules run."""
    retry_scale: float = 0.01
    """How much shorter than Azure's Event Grid's waits are."""
    invisibility: timedelta = INVISIBILITY
    """How long a message is hidden while its handler runs."""


class LocalStack(Part):
    """Starts all parts in order and stops them in reverse; nothing is left running afterwards.

    `world` is the state of the local Azure; `folder` takes its certificate and the profiles of the command
    line tools (a temporary one without it); `storage` runs already and holds nothing, and goes on running.
    StackError when a part can't start.
    """

    def __init__(
        self,
        world: World,
        options: Options | None = None,
        ports: Ports | None = None,
        folder: Path | None = None,
        storage: Azurite | None = None,
    ) -> None:
        self.world, self.options, self.ports = world, options or Options(), ports or Ports()
        self._folder, self._storage = folder, storage
        self._parts = ExitStack()

    def start(self) -> None:
        """Starts all parts in order; StackError when one can't."""
        ports = self.ports
        self.folder = self._folder or Path(self._parts.enter_context(TemporaryDirectory(prefix="local-stack-")))
        self.azurite = self._storage or self._begin("Azurite", Azurite(ports.blob, ports.queue, ports.table))
        with BlobServiceClient.from_connection_string(self.azurite.connection_string) as blobs:
            for name in ("evidence", "snapshots"):
                blobs.create_container(name)  # as infra/ does
        self.azure = self._begin(
            "the local Azure",
            LocalAzure(self.world, port=ports.azure, identity_port=ports.identity, folder=self.folder),
        )
        self.topic = self._begin("the topic", Topic(ports.topic, localhost_tls(), self._may_publish))
        self.teams = self._begin("the Teams receiver", TeamsSink(ports.teams))
        self.mail = self._begin("the mail server", MailSink(ports.mail))
        self.host = self._begin("the trigger host", self._new_host(ports.host, Keys()))
        self.event_grid = self._begin("Event Grid", EventGrid(self.world.clock, self.options.retry_scale))
        self._subscribe()
        self._begin("the ticker", _Ticker(self.world))

    def stop(self) -> None:
        """Stops all parts in reverse."""
        self._parts.close()

    def replace_host(self) -> None:
        """Kills the trigger host and starts another with its address and its keys, as the platform does."""
        self.host.kill()
        port = urlsplit(self.host.url).port or 0
        self.host = self._begin("the trigger host", self._new_host(port, self.host.keys))

    def env(self) -> dict[str, str]:
        """What an operator's shell needs, so that the Azure CLI, kubectl and `fipswarden` talk to this stack."""
        return {
            **self._cloud_settings(),
            **self.azure.environment(operator=True),
            "AZURE_STORAGE_CONNECTION_STRING": self.azurite.connection_string,
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "AZURE_CONFIG_DIR": str(self.folder / "azure"),
        }

    def app_settings(self) -> dict[str, str]:
        """The settings of the app: the deployed ones, pointing at this stack."""
        return {
            **self._cloud_settings(),
            **self.azure.environment(),
            "TEAMS_WEBHOOK_URL": self.teams.webhook,
            "SMTP_HOST": self.mail.host,
            "SMTP_PORT": str(self.mail.port),
            "SMTP_STARTTLS": "false",
            "MAIL_FROM": "fipswarden@example.com",
            "MAIL_TO": "security@example.com",
            "ALERT_TOPIC_ENDPOINT": self.topic.endpoint,
            "RESYNC_SCHEDULE": "0 * * * * *",
            "DAILY_SCHEDULE": "0 0 6 * * *",
            "OPERATION_POLL_SECONDS": "2",
            **self.options.settings,
        }

    def _cloud_settings(self) -> dict[str, str]:
        return {
            "FIPSWARDEN_CLOUD": self.azure.arm_endpoint,
            "FIPSWARDEN_SUBSCRIPTIONS": ",".join(each.id for each in self.world.subscriptions.values()),
            "AzureWebJobsStorage": self.azurite.connection_string,
            "EVIDENCE_STORAGE": self.azurite.connection_string,
            "FIPSWARDEN_MANIFEST_KEY": f"{self.azure.arm_endpoint}/keys/{self.world.vault.name}",
        }

    def _new_host(self, port: int, keys: Keys) -> TriggerHost:
        options = self.options
        return TriggerHost(
            options.app_dir,
            self.app_settings(),
            port,
            timers=options.timers,
            invisibility=options.invisibility,
            keys=keys,
        )

    def _begin(self, name: str, part: AbstractContextManager[P]) -> P:
        try:
            return self._parts.enter_context(part)
        except (OSError, AzuriteError, HostError) as error:
            raise StackError(f"{name} did not start: {error}") from error

    def _subscribe(self) -> None:
        try:
            for function in self.host.event_grid_functions:
                self.event_grid.subscribe(self.host.event_grid_url(function), self.options.schema, SUBSCRIBED)
        except SubscriptionError as error:
            raise StackError(f"the event subscription was not made: {error}") from error
        self.world.subscribe(self.event_grid.publish)

    def _may_publish(self, authorization: str) -> bool:
        try:
            self.world.access.authenticate(authorization, (EVENT_GRID_AUDIENCE,))
        except InvalidToken:
            return False
        return True


class _Ticker(Part):
    """Lets the world's due steps happen, so that events come in time even when nobody looks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Starts ticking."""
        self._thread.start()

    def stop(self) -> None:
        """Stops ticking."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            self._world.tick()
