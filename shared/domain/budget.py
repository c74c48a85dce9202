"""The disruption budget: who may be remediated now, by counts, rings, spacing, breaker, pause and approvals.

One document for the whole fleet. The planner asks it, and the reservation asks the same question again of the
document as it then is, before it writes: no path has another rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.people import Decision
from shared.domain.proofs import CLOCKS

COUNTS_LAST = timedelta(hours=3)
"""How old the counts of the fleet may be: a ring that nobody has counted since is closed."""

TOLD_AGAIN = timedelta(minutes=5)
"""How soon looks tell again that a ring is not done: a count that begins meanwhile may read a row just before."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word for exactly one thing."""

    by: str
    """Object id in Entra, as his own token has it."""
    at: datetime
    until: datetime
    what: str
    """In words: the action and the pool, or the policy."""
    of: str = ""
    """What it can be taken back by: `subscription|group|cluster|pool`, lower case; empty for a policy: its hash."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place in the budget: a remediation that was reserved, and may be running."""

    intent: str
    pool: str
    subscription: str
    nodes: int
    at: datetime
    approvals: Mapping[str, Approval] = field(default_factory=dict, hash=False)
    """The approvals that it uses up, by fingerprint; given back if nothing was begun."""
    stage: str = ""
    """Which ring its pool is in (Policy.stage), as the last look at it told; empty: it may be any."""
    first: bool = False
    """By it the pool became the canary of its ring: it is none, if nothing was begun."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One remediation that has ended."""

    intent: str
    """A repeated look counts it once."""
    at: datetime
    failed: bool
    began: datetime | None = None
    """When its place was taken; None if that is not known any more."""
    nodes: int = 0
    """How many nodes it reimaged."""


@dataclass(frozen=True, slots=True)
class Canary:
    """The first pool of a ring: it must be proven before the second is begun."""

    cluster: str
    """Key of its cluster."""
    pool: str
    proven: bool = False
    stage: str = ""
    """Its ring (Policy.stage), as the last look at it told; that for which it is proven, once it is."""

    @property
    def key(self) -> str:
        """What the budget keeps it by."""
        return f"{self.cluster}|{self.pool}"


@dataclass(frozen=True, slots=True)
class RingCount:
    """What the resync counted in one ring."""

    pools: int = 0
    unproven: int = 0
    """Pools that are not compliant, exempt or not applicable, and those that nobody has looked at."""
    clean_since: datetime | None = None
    """Since when none of them was judged to be so; it begins when all were judged."""
    unjudged: int = 0
    """Those of `unproven` that close the ring for now, and it soaks on.

    Today's rules have not judged them, they can't be read, or they wait for what passes by itself.
    """
    unseen: int = 0
    """Those of `unproven` that nobody knows to be in it: clusters and subscriptions that may hold some of the ring, and
    the `untold`."""
    stage: str = ""
    """Which pools the ring is about (Policy.stage): with another one its soak begins anew."""
    untold: int = 0
    """Those of `unseen` that are pools whose ring can't be told."""
    exempt_until: datetime | None = None
    """When the first exemption ends that excuses one of its pools: from then on it has to be counted anew."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the resync counted in the whole fleet; shares and rings hang on it."""

    at: datetime
    pools: int
    subscriptions: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Node pools by subscription, lower case."""
    rings: Mapping[str, RingCount] = field(default_factory=dict, hash=False)
    """By name of the ring."""
    policy: str = ""
    """Hash of the policy whose rings were counted."""
    blind: int = 0
    """Clusters that nobody has looked at yet, rows that name none, and subscriptions that can't be read."""
    trouble: str = ""
    """Why the app could not use today's policy or exemptions then, and nothing is begun; empty if it could."""
    gaps: tuple[str, ...] = ()
    """Some of what is counted as `blind`, by ARM id or name: so many as people can be shown."""
    exemptions: str = ""
    """Hash of the exemptions that excused some of them."""

    def lately(self, now: datetime) -> bool:
        """Say whether it was counted lately; it was not at a time that has not come, by a clock that was wrong."""
        return -CLOCKS <= now - self.at <= COUNTS_LAST


@dataclass(frozen=True, slots=True)
class Budget:
    """The document of the budget's row."""

    places: Mapping[str, Place] = field(default_factory=dict, hash=False)
    """By key of the cluster: AKS runs one operation per cluster."""
    paused: bool = False
    paused_by: str = ""
    """Who paused, and why."""
    last_begun: datetime | None = None
    not_before: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    """By subscription: nothing is sent there before that time."""
    ended: tuple[Ended, ...] = ()
    """The last ones, oldest first."""
    broken: str = ""
    """Why the breaker is open; empty if it is closed."""
    counts: Counts | None = None
    canaries: Mapping[str, Canary] = field(default_factory=dict, hash=False)
    """By key of the cluster and name of the pool: `subscription|group|cluster|pool`."""
    approvals: Mapping[str, Approval] = field(default_factory=dict, hash=False)
    """By fingerprint; a policy's by its hash."""
    guarded: bool = False
    """The last policy that a person approved demanded it: a text that no longer does so has to be approved as well."""
    guarded_at: datetime | None = None
    """When the last text was approved that demanded it."""
    decisions: tuple[Decision, ...] = ()
    """What persons decided and no record says yet: each stands here from the write that carried it out."""
    counting: datetime | None = None
    """When the last resync began to count."""
    unsettled: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    """When a ring was last known to have a pool that is not done, by its name or UNTOLD.

    It is closed until a count that began later.
    """


def named(counts: Counts) -> str:
    """Return the names of what nobody could judge, in brackets; empty if none is known."""
    more = ", ..." if counts.gaps and counts.blind > len(counts.gaps) else ""
    return f" ({', '.join(counts.gaps)}{more})" if counts.gaps else ""
