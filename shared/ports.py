"""What the core needs from the world, as Protocols; adapters provide it on Azure, `local/` on a manual clock.

Facts come in as frozen records. What is expected (busy, refused, a lost race) is a value; only the
unexpected raises, and then goes back to the Functions host, which brings the message again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, Protocol

from shared.domain.alert import Alert
from shared.domain.api_server import Answered, Way
from shared.domain.ids import ClusterId
from shared.domain.maintenance import MaintenanceConfiguration
from shared.domain.model import Cluster, ClusterRead, Unreadable
from shared.domain.operation import BeginResult, OperationRead
from shared.domain.planned import Action
from shared.domain.records import ChainId, Record
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.domain.signatures import PublicKey

Scalar = str | int | bool | datetime


class Clock(Protocol):
    """Time, so that a test can drive it."""

    def now(self) -> datetime:
        """Return the time, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    partition: str
    key: str
    columns: Mapping[str, Scalar]
    """Small values that queries may select."""
    doc: Mapping[str, Any]
    """JSON of up to about 900 kB packed; empty where a query selected columns alone."""
    etag: str
    at: datetime
    """The table server's time of the last write."""


@dataclass(frozen=True, slots=True)
class Written:
    """A table write that took effect."""

    etag: str
    at: datetime
    """The table server's time, to the second."""


@dataclass(frozen=True, slots=True)
class Put:
    """What a row becomes, and from which state."""

    key: str
    etag: str | None
    """The eTag that the row must have; None: the row must not exist."""
    columns: Mapping[str, Scalar]
    doc: Mapping[str, Any]


class Table(Protocol):
    """A table with compare-and-swap: every write names the state that it replaces."""

    def read(self, partition: str, key: str) -> Row | None:
        """Return a row, or None if there is none."""
        ...

    def write(self, partition: str, put: Put) -> Written | None:
        """Write one row; None if somebody else was first. A write that the SDK repeated counts as ours."""
        ...

    def rows(self, columns: Sequence[str], partition: str | None = None) -> Iterator[Row]:
        """Yield the rows of a partition, or all, with the named columns and without their documents."""
        ...


class Clusters(Protocol):
    """AKS through ARM."""

    def read(self, cluster: ClusterId) -> ClusterRead:
        """Read a cluster with all its pools, in one GET."""
        ...

    def begin(self, cluster: ClusterId, action: Action, intent: str) -> BeginResult:
        """Send the action's PUT or DELETE, once: condition and body are its own.

        `x-ms-client-request-id` is the intent.
        """
        ...

    def abort(self, cluster: ClusterId, pool: str, request: str) -> BeginResult:
        """Send the POST that aborts what runs on a pool, once; `x-ms-client-request-id` is the request's id."""
        ...

    def operation(self, cluster: ClusterId, url: str) -> OperationRead | Unreadable:
        """Ask how far an operation is; `url` is opaque and was given by AKS."""
        ...

    def maintenance(self, cluster: ClusterId) -> tuple[MaintenanceConfiguration, ...] | Unreadable:
        """List all of the cluster's maintenance configurations; one that can't be understood is one with a fault."""
        ...


class KubernetesApi(Protocol):
    """The API server of one cluster."""

    @property
    def way(self) -> Way:
        """How it is reached: evidence names it."""
        ...

    def get(self, path: str) -> Answered | Unreadable:
        """GET a path, such as `/api/v1/nodes?limit=500`; Unreadable if no answer came."""
        ...

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        """Send a body to each of some paths, a few at a time, and return the answers in their order.

        `method` is POST, PATCH (a JSON merge patch) or DELETE (the body is a DeleteOptions).
        """
        ...


class Kubernetes(Protocol):
    """The Kubernetes APIs of clusters."""

    def open(self, cluster: Cluster, ways: frozenset[Way]) -> AbstractContextManager[KubernetesApi | Unreadable]:
        """Enter a cluster's API by one of the ways that are allowed; Unreadable if none of them leads in."""
        ...


class Evidence(Protocol):
    """The evidence account: records are created and read, never overwritten or deleted."""

    def create(self, chain: ChainId, record: Record) -> bool:
        """Create a record under its number and read it back; False if that number is taken.

        Raises EvidenceError if it reads back as something else.
        """
        ...

    def read(self, chain: ChainId, seq: int) -> Record | None:
        """Return the record of a number, or None if there is none (yet); raises ValueError for what is no record."""
        ...


class Snapshots(Protocol):
    """The container `snapshots` of the evidence account: files are created and read, never overwritten or deleted."""

    def create(self, name: str, data: IO[bytes]) -> bool:
        """Create a file; False if there is one of that name."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a file, or None if there is none."""
        ...


class Signer(Protocol):
    """A key that signs and never leaves where it is."""

    def key(self) -> PublicKey:
        """Return its public half, of the version that is in use now."""
        ...

    def sign(self, key: PublicKey, data: bytes) -> bytes:
        """Return the RS256 signature over some bytes by that version of it."""
        ...


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that the queue has taken."""

    at: datetime
    """The queue server's insertion time."""


class WakeUps(Protocol):
    """The queue `reconcile`."""

    def send(self, request: ReconcileRequest, delay: timedelta = timedelta()) -> Queued:
        """Queue a request; it becomes visible after `delay` (at most 7 days)."""
        ...


class Alerts(Protocol):
    """The queue `alerts`."""

    def send(self, alert: Alert, delay: timedelta = timedelta(), failing: datetime | None = None) -> None:
        """Queue an alert, to be told after `delay` (at most 7 days).

        `failing` is since when it could not be delivered, for one that was tried; None for a new one.
        """
        ...


class Channel(Protocol):
    """One way to reach people."""

    name: str
    """What the alert memory calls it."""

    def send(self, alert: Alert) -> None:
        """Deliver one alert; raises if it could not be delivered."""
        ...


class Text(Protocol):
    """Where a file that people write lies: the policy, the exemptions."""

    @property
    def name(self) -> str:
        """What faults call it."""
        ...

    def read(self) -> str | Unreadable:
        """Return the text as it is now."""
        ...


class Policies(Protocol):
    """What people decide: the policy and the exemptions."""

    def load(self) -> Rulebook | Unreadable:
        """Return what holds now, or why it can't be had; then nothing may be judged or disrupted."""
        ...


@dataclass(frozen=True, slots=True)
class FleetHint:
    """What Resource Graph says of one cluster: a hint, never posture or evidence."""

    read: ClusterRead
    cluster: ClusterId | None
    """None for a row that names no cluster that can be looked at: it is counted, never dropped."""


class Fleet(Protocol):
    """The whole fleet, cheaply."""

    def subscriptions(self) -> tuple[str, ...]:
        """Return the subscriptions to be covered, from a source other than Resource Graph; lower case."""
        ...

    def watches(self, subscription: str) -> bool:
        """Say whether a subscription is the app's to look after; what is not is neither looked at nor changed."""
        ...

    def unreadable(self, subscription: str) -> Unreadable | None:
        """Ask ARM whether the clusters of a subscription may be listed: None if so, else why not.

        Resource Graph can't be asked: what the app may not read is missing from its answer without a word.
        """
        ...

    def clusters(self, subscriptions: Sequence[str]) -> Iterator[FleetHint]:
        """Yield the clusters that Resource Graph knows, grouped by subscription."""
        ...
