"""What the checks look at: one node pool with its rule, and whether it is known at all which rule that is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.memory import PoolMemory, Replacement
from shared.domain.model import Cluster, Pool
from shared.domain.model import ComplianceState as State
from shared.domain.operation import Operation
from shared.domain.policy import EXCLUSION, Rule
from shared.domain.posture import Finding
from shared.domain.settings import Fips, Settings
from shared.domain.support import os_sku_named


@dataclass(frozen=True, slots=True)
class Subject:
    """All that a check may look at."""

    pool: Pool
    cluster: Cluster
    memory: PoolMemory
    rule: Rule
    now: datetime
    operation: Operation | None = None
    """Our own operation on the pool, which has not ended, whatever the pool's provisioning state says."""
    agent: str = ""
    """Version of the cluster's monitoring agent; empty if it is not known."""
    replacement: Replacement | None = None
    """The replacement that the pool is part of, as the old pool or as its twin."""

    @property
    def settings(self) -> Settings:
        """What the policy asks of the pool."""
        return self.rule.settings

    @property
    def required(self) -> bool:
        """Say whether FIPS has to be on."""
        return self.settings.fips is Fips.REQUIRED

    @property
    def empty(self) -> bool:
        """No node exists that could prove anything."""
        return self.cluster.stopped or self.pool.stopped or self.pool.count == 0


Check = Callable[[Subject], Finding | None]
RULE = "rule"
"""Name of the check that says whether it is known which rule holds."""


def decided(subject: Subject) -> Finding | None:
    """Say whether it is known which rule holds."""
    return undecided(subject.rule, subject.rule.match.undecided(subject.cluster, subject.pool))


def undecided(rule: Rule, unread: Mapping[str, str]) -> Finding | None:
    """Say that nobody knows whether a rule holds, by what can't be read and it asks for; None if nothing is unread."""
    if not unread:
        return None
    who, what = f"Rule {rule.name}", "which rule holds"
    if rule.name == EXCLUSION:
        who, what = "An exclusion of the policy's scope", "whether it is in scope"
    message = f"{who} asks for what can't be read of it ({', '.join(unread.values())}): {what} is not known."
    return Finding(RULE, State.UNKNOWN, unreadable_reason(unread), message)


def unreadable_reason(unread: Mapping[str, str]) -> str:
    """Return the reason for what can't be read, by the part of a match that asks for it."""
    return "VersionUnreadable" if set(unread) == {"kubernetes"} else "FieldUnreadable"


def contradictory(pool: Pool) -> bool:
    """Say whether a pool's OS type and OS SKU contradict each other: nobody knows then what its nodes run."""
    known = os_sku_named(pool.os_sku)
    return known is not None and pool.os_type in ("Linux", "Windows") and known.os_type != pool.os_type
