"""The real looks under a scheduler: every call of a port is a place where a worker can die, wait or be overtaken.

Ports in memory, the world behind them, a clock that only the test moves. A worker that has died makes no call any
more, as a process that was killed; what it had done before stays done.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from local.clock import ManualClock
from local.memory import MemoryAlerts, MemoryEvidence, MemoryQueue, MemoryTable, Message
from local.ports import WorldClusters, WorldKubernetes
from local.seed import EPOCH, PAYMENTS, empty_world
from local.world.model import Pool
from shared.budget import read_budget, stale_places
from shared.domain.codec import typed
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState, Unreadable
from shared.domain.operation import OutcomeState
from shared.domain.people import Request, RequestKind
from shared.domain.policy_reader import read_policy
from shared.domain.records import GENESIS, RecordKind
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.look import Ports
from shared.postures import read_posture
from shared.reconciler import reconcile
from shared.requested import ask, open_requests
from shared.rollout import RolloutRow, Timing

CLUSTER = ClusterId(PAYMENTS, "rg-payments", "aks-payments")
INVISIBLE = timedelta(minutes=10)
"""How long the Functions host keeps a message of a worker that died from others."""
PUNCTUAL = frozenset({"clusters.begin", "clusters.abort", "postures.write"})
"""Calls that come right after a fence: the design takes it that they take effect within the lease's margin."""
ENDS = {OutcomeState.SUCCEEDED, OutcomeState.FAILED, OutcomeState.CANCELED}


class WorkerDied(BaseException):
    """The process is gone: no `except Exception` and no clean-up sees it."""


@dataclass
class Tap:
    """What stands before and after every call of one worker; by default nothing happens."""

    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None


class Tapped:
    """A port whose calls go through a tap."""

    def __init__(self, name: str, port: Any, tap: Tap) -> None:
        self._name, self._port, self._tap = name, port, tap

    def __getattr__(self, method: str) -> Any:
        call, label = getattr(self._port, method), f"{self._name}.{method}"
        if not callable(call):
            return call

        def tapped(*given: Any, **named: Any) -> Any:
            self._tap.before(label)
            result = call(*given, **named)
            self._tap.after(label)
            return self._entered(result) if isinstance(result, AbstractContextManager) else result

        return tapped

    @contextmanager
    def _entered(self, opened: AbstractContextManager[Any]) -> Iterator[Any]:
        """Tap what was opened, too."""
        with opened as found:
            yield found if isinstance(found, Unreadable) else Tapped(f"{self._name}.api", found, self._tap)


def ruled(text: str = "mode: enforce\n") -> Rulebook:
    """Return the rulebook of a policy's text (without its version), as it would be loaded."""
    return Rulebook(read_policy(f"version: 1\n{text}"))


class FixedRules:
    """shared.ports.Policies with one rulebook, or why there is none."""

    def __init__(self, rules: Rulebook | Unreadable) -> None:
        self.rules = rules

    def load(self) -> Rulebook | Unreadable:
        """Return it."""
        return self.rules


@dataclass
class Lab:
    """One cluster with one pool that is to be switched on, and everything that works on it."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(EPOCH))
    seed: int = 0
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        self.world = empty_world(self.clock, operation_time=timedelta(minutes=2), seed=self.seed, limits=())
        made = self.world.add_cluster(PAYMENTS, CLUSTER.resource_group, CLUSTER.name, entra=True, azure_rbac=True)
        self.pool: Pool = self.world.add_pool(
            made, "np1", mode="User", osSKU="AzureLinux", enableFIPS=False, vmSize="Standard_D4ds_v5", count=2
        )
        self.rollout, self.postures = MemoryTable(self.clock), MemoryTable(self.clock)
        self.evidence, self.queue, self.alerts = MemoryEvidence(), MemoryQueue(self.clock), MemoryAlerts()
        self.clusters, self.kubernetes = WorldClusters(self.world), WorldKubernetes(self.world)
        self.policies = FixedRules(ruled())
        self.errors: list[Exception] = []
        """What looks raised: five times for one message, and it is poison."""
        self.last_event = EPOCH
        self.watched = True

    def event(self, cluster: ClusterId = CLUSTER) -> None:
        """Something happened to the cluster."""
        self.last_event = self.queue.send(ReconcileRequest(cluster, "event")).at

    def ask(self, kind: RequestKind, pool: str = "np1", by: str = "ana") -> Request:
        """Somebody asks for something by the command."""
        request = Request(self.world.guid(), kind, by, self.clock.now(), pool)
        ask(self.rollout, CLUSTER, request)
        self.event()
        return request

    def ports(self, tap: Tap) -> Ports:
        """Return the ports of one worker."""
        tapped: dict[str, Any] = {
            name: Tapped(name, port, tap)
            for name, port in {
                "clusters": self.clusters,
                "kubernetes": self.kubernetes,
                "policies": self.policies,
                "rollout": self.rollout,
                "postures": self.postures,
                "evidence": self.evidence,
                "wake_ups": self.queue,
                "alerts": self.alerts,
            }.items()
        }
        return Ports(clock=self.clock, timing=self.timing, watches=lambda _: self.watched, **tapped)

    def work(self, message: Message, tap: Tap, *, back_at_once: bool = True) -> None:
        """Do what the Functions host does with one message."""
        try:
            reconcile(self.ports(tap), message.request, message.inserted)
        except WorkerDied:
            if back_at_once:
                message.visible = self.clock.now()
        except Exception as error:  # noqa: BLE001 (as the host: whatever it was, the message comes again)
            self.errors.append(error)
            message.visible = self.clock.now()
        else:
            if message in self.queue.messages:
                self.queue.delete(message)

    def until_quiet(
        self, tap: Callable[[], Tap] = Tap, *, back_at_once: bool = True, patience: timedelta | None = None
    ) -> None:
        """Work one message after the other, moving the clock by `patience` at most, until there is none."""
        end = self.clock.now() + patience if patience is not None else None
        for _ in range(100):
            visible = self.queue.next_visible()
            if visible is None or (end and visible > end):
                return
            self.clock.advance(max(visible - self.clock.now(), timedelta()))
            message = self.queue.take(INVISIBLE)
            assert message
            self.work(message, tap(), back_at_once=back_at_once)
        raise AssertionError(f"it is never quiet: {self.queue.messages}")

    def resync(self) -> None:
        """Queue a look where a late worker left a place in the budget, as the resync does, and wait for it."""
        for _ in stale_places(self.rollout, self.clock.now()):
            self.event()
        self.until_quiet()

    def somebody_changes_the_pool(self) -> None:
        """Somebody else changes something of the pool that is not ours to judge: it has another eTag."""
        with self.world.entered():
            self.pool.etag = self.world.guid()

    def assert_sound(self, *, accepted: int = 1) -> None:
        """Assert the whole world once all is quiet: nothing lost, nothing twice, nothing left."""
        assert not self.queue.messages
        assert len(self.world.operations) == accepted, "AKS accepts one PUT"
        assert self.pool.fips
        assert self.pool.provisioning_state == "Succeeded"
        stored = read_posture(self.postures, CLUSTER)
        assert stored.posture
        assert stored.posture.state is ComplianceState.COMPLIANT
        assert not stored.pending
        row = self.rollout.read(CLUSTER.key, CLUSTER.key)
        assert row
        state = typed(RolloutRow, row.doc)
        assert state.memory.operation is None
        assert state.answered
        assert state.answered >= self.last_event.replace(microsecond=0), "a wake-up was lost"
        budget = read_budget(self.rollout)
        assert not budget.places, "a place was not given back"
        assert [one.failed for one in budget.ended] == [False] * accepted, "the breaker counts every end once"
        self.assert_chain()
        self.assert_alerts()

    def assert_chain(self) -> None:
        """Assert that the chain has no gap and no fork, and that every intent has one outcome and at most one end."""
        chain, previous = self.evidence.chain(CLUSTER), GENESIS
        assert [record.seq for record in chain] == list(range(1, len(chain) + 1))
        for record in chain:
            assert record.payload["previous"] == previous
            previous = record.head.hash
        stored = read_posture(self.postures, CLUSTER)
        assert stored.head == chain[stored.head.seq - 1].head
        outcomes: dict[str, Counter[bool]] = {}
        accepted: set[str] = set()
        for record in chain:
            if record.kind is RecordKind.INTENT:
                outcomes[record.id] = Counter()
            elif record.kind is RecordKind.OUTCOME:
                state = OutcomeState(record.payload["outcome"])
                outcomes[record.payload["intent"]][state in ENDS] += 1
                if state is OutcomeState.ACCEPTED:
                    accepted.add(record.payload["intent"])
        for intent, count in outcomes.items():
            assert count[False] == 1, f"{count[False]} outcomes of one intent"
            assert count[True] == (intent in accepted), "an accepted operation has one end, another none"
        assert len(accepted) == len(self.world.operations), "the evidence knows of every PUT that AKS accepted"

    def assert_requests(self) -> None:
        """Assert that every request was recorded before it was acted on and answered once, and that none is left."""
        assert open_requests(self.rollout, CLUSTER) == ()
        stages: dict[str, list[str]] = {}
        for record in self.evidence.chain(CLUSTER):
            if record.kind is RecordKind.REQUEST:
                stages.setdefault(record.payload["request"], []).append(record.payload["stage"])
        assert all(found in (["answered"], ["asked", "answered"]) for found in stages.values()), stages

    def assert_alerts(self) -> None:
        """Assert that alerts which were sent twice are the same alert, and that every change was told."""
        by_key = {alert.key: alert for alert in self.alerts.sent}
        assert all(by_key[alert.key] == alert for alert in self.alerts.sent)
        told = Counter((alert.pool, alert.reason) for alert in by_key.values())
        assert all(number == 1 for number in told.values()), told


class Stepped:
    """One worker that stops before every call until it is let on."""

    def __init__(self, lab: Lab, message: Message) -> None:
        self.at, self.dead, self.done = "", False, False
        self.message = message
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(lab,), daemon=True)
        self._thread.start()
        self._stopped.acquire()

    def _run(self, lab: Lab) -> None:
        lab.work(self.message, Tap(self._wait))
        self.done = True
        self._stopped.release()

    def _wait(self, call: str) -> None:
        self.at = call
        if not self.dead:
            self._stopped.release()
            self._go.acquire()
        if self.dead:
            raise WorkerDied

    def step(self) -> None:
        """Let it make one call and run on to the next one."""
        self._go.release()
        self._stopped.acquire()
        if self.done:
            self._thread.join()

    def kill(self) -> None:
        """End it where it stands."""
        self.dead = True
        self.step()


@dataclass
class Schedule:
    """A random run of several workers, the same for the same seed."""

    lab: Lab
    rng: random.Random
    workers: int = 2
    events: int = 2
    deaths: int = 1
    pauses: int = 1
    """How often time may pass beyond every lease while workers stand still."""
    changes: int = 0
    """How often somebody else changes the pool."""

    def run(self) -> None:
        """Run until nothing is left to do."""
        busy: list[Stepped] = []
        for _ in range(20_000):
            choices = self._choices(busy)
            if not choices:
                break
            names, weights = zip(*choices.items(), strict=True)
            self._take(self.rng.choices(names, weights)[0], busy)
            busy = [worker for worker in busy if not worker.done]
        else:
            raise AssertionError("it never ends")

    def _choices(self, busy: list[Stepped]) -> dict[str, float]:
        now, visible = self.lab.clock.now(), self.lab.queue.next_visible()
        choices: dict[str, float] = {}
        if busy:
            choices["step"] = 100
            if self.deaths:
                choices["death"] = 2
            if all(worker.at not in PUNCTUAL for worker in busy):
                choices["time"] = 3
                if self.pauses:
                    choices["pause"] = 2
        if self.events:
            choices["event"] = 5
        if self.changes:
            choices["change"] = 2
        if visible and visible <= now and len(busy) < self.workers:
            choices["start"] = 30
        if visible and visible > now and not busy:
            choices["wait"] = 30
        return choices

    def _take(self, choice: str, busy: list[Stepped]) -> None:
        lab, rng = self.lab, self.rng
        match choice:
            case "step":
                rng.choice(busy).step()
            case "death":
                self.deaths -= 1
                rng.choice(busy).kill()
            case "time":
                lab.clock.advance(timedelta(seconds=rng.choice((0.3, 1, 3, 20))))
            case "pause":
                self.pauses -= 1
                lab.clock.advance(timedelta(minutes=6))
            case "change":
                self.changes -= 1
                lab.somebody_changes_the_pool()
            case "event":
                self.events -= 1
                lab.event()
            case "start":
                message = lab.queue.take(INVISIBLE)
                assert message
                busy.append(Stepped(lab, message))
            case _:
                visible = lab.queue.next_visible()
                assert visible
                lab.clock.advance(max(visible - lab.clock.now(), timedelta()))
