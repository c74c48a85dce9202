"""What one look works with: the ports, the lease, what earlier looks left, and the evidence chain."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.chain import Chain
from shared.domain.bodies import Origin, Who
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory
from shared.domain.model import ClusterRead
from shared.domain.recalled import recalled
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.fleet_chain import FleetChain
from shared.ports import Alerts, Clock, Clusters, Evidence, Kubernetes, Policies, Table, WakeUps
from shared.postures import StoredPosture, read_posture
from shared.rollout import Hold, Timing
from shared.within import Within


@dataclass(frozen=True, slots=True)
class Ports:
    """All that the reconciler needs from the world."""

    clock: Clock
    clusters: Clusters
    kubernetes: Kubernetes
    policies: Policies
    rollout: Table
    """Leases, memory and the disruption budget."""
    postures: Table
    evidence: Evidence
    wake_ups: WakeUps
    alerts: Alerts
    timing: Timing
    watches: Callable[[str], bool] = lambda _: True
    """Whether a subscription is the app's to look after; elsewhere nothing new is begun, only ended what was."""
    principal: str = ""
    """Client id of the identity that the app runs as, for the records; empty where it has none of its own."""


@dataclass(slots=True)
class Look:
    """One look at one cluster, under its lease."""

    ports: Ports
    request: ReconcileRequest
    hold: Hold
    stored: StoredPosture
    """The posture row, as it was last read or written."""
    chain: Chain

    @property
    def cluster(self) -> ClusterId:
        """What is looked at."""
        return self.request.cluster

    @property
    def memory(self) -> Memory:
        """What earlier looks left, and what this one saved."""
        return self.hold.memory

    def recall(self, read: ClusterRead) -> None:
        """Remember what other looks recorded of nodes and did not live to remember, before the head moves past it."""
        memory = recalled(self.memory, self.chain.met, read)
        if memory != self.memory:
            self.hold.save(memory)

    def record_decisions(self) -> None:
        """Record what persons decided for the fleet, before anything is done because of it."""
        ports = self.ports
        FleetChain(ports.rollout, ports.evidence, ports.clock, self.chain.origin.who).decisions("look")

    def judges_by(self, rules: Rulebook) -> None:
        """Let every record from now on name the texts that the look goes by."""
        self.chain.origin = replace(self.chain.origin, policy=rules.policy.hash, exemptions=rules.exemptions.hash)


def begin_look(ports: Ports, request: ReconcileRequest, hold: Hold) -> Look:
    """Read where the last look ended, and go on from there."""
    stored = read_posture(ports.postures, request.cluster)
    ports = replace(ports, kubernetes=Within(ports.kubernetes, ports.clock.monotonic, hold.begin_by))
    origin = Origin(secrets.token_hex(8), request.cause, Who(principal=ports.principal))
    return Look(ports, request, hold, stored, Chain(ports.evidence, request.cluster, stored.head, origin))
