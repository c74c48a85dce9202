"""What looks remember of a cluster from one to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.model import Pool
from shared.domain.operation import Operation
from shared.domain.planned import Notice
from shared.domain.proven import Probing, Proof, Strays
from shared.domain.running import Tried
from shared.domain.workloads import Workloads

WHATEVER = "whatever it is"
"""In place of a configuration: any is meant."""


class Stage(StrEnum):
    """How far a replacement is; always told from the cluster, never from what was remembered."""

    CREATING = "creating the twin"
    PROVING = "proving the twin"
    DRAINING = "emptying the old pool"
    DELETING = "deleting the old pool"
    ENDING = "giving up"


@dataclass(frozen=True, slots=True)
class Replacement:
    """A pool that is being replaced: what can't be told from the cluster."""

    id: str
    """The intent by which the twin was made; the twin's tag and the label of nodes that we cordoned carry it."""
    pool: str
    """The old pool."""
    twin: str
    began: datetime
    moved: datetime
    """When it last went on, put off by the time in which it waited for what is in order, such as a window."""
    stage: Stage = Stage.CREATING
    """As of the last look."""
    furthest: Stage = Stage.CREATING
    """The furthest that it has been: a twin that is proven again after a while is no news."""
    waiting: str = ""
    """What it waits for, as `Reason: message`; empty if it goes on."""
    not_before: datetime | None = None
    """When evictions that were refused are tried again."""
    least: int = -1
    """The fewest pods that were to be evicted when some were, and those that came since with nodes that joined: as many
    or more bring nothing; -1: none were yet."""
    most: int = -1
    """The most pods that were on the old pool, on its twin or on their way; -1: they were not counted yet."""
    turn: str = ""
    """The node that evictions begin with; empty: the first one."""
    evicted: tuple[str, ...] = ()
    """The workloads of which the last evictions took pods, by their marks (shared.domain.running); while they rest,
    those of all that brought nothing."""
    rests: datetime | None = None
    """Until when they rest; None if evictions bring something."""
    recorded: str = ""
    """Fingerprint of the last record of a drain: the same attempt is not recorded again."""
    ends: str = ""
    """Why it is given up, as `Reason: message`; empty if it goes on."""
    ran: Mapping[str, int] | None = field(default=None, hash=False)
    """Of each workload that ran on the old pool before its first node was cordoned, how many of its pods did not, by
    its mark (shared.domain.running); None before that, and where it was lost with the row."""
    configuration: str = ""
    """The old pool's configuration, as it was judged when this began: another one is another pool."""
    excused: datetime | None = None
    """Since when it waits for what is in order; None if it does not."""
    occupied: datetime | None = None
    """When a pod was seen on the old pool last that had to leave, or was asked to; None if none was.

    Where the row was lost, when that was seen: pods may have just left.
    """

    def idle(self, now: datetime) -> timedelta:
        """Return for how long it has not gone on, though it might have."""
        return (self.excused or now) - self.moved

    def goes_on(self, now: datetime) -> "Replacement":
        """Return it as it is when it goes on."""
        return replace(self, moved=now, excused=None)

    def waits(self, now: datetime, *, in_order: bool) -> "Replacement":
        """Return it as it is while it waits: the time in which that is in order does not count, and no other is lost.

        Else windows that are shorter than people's patience would keep them from ever being told.
        """
        if in_order:
            return replace(self, excused=self.excused or now)
        if self.excused is None:
            return self
        return replace(self, moved=min(now, self.moved + (now - self.excused)), excused=None)


@dataclass(frozen=True, slots=True)
class PoolMemory:
    """What earlier looks left about one pool."""

    proof: Proof | None = None
    ended: datetime | None = None
    """When our last operation on the pool ended."""
    blocked: str = ""
    """Why the product does not try again by itself; empty if it may."""
    blocked_on: str = ""
    """The pool's configuration when it was blocked: another one clears the block; `WHATEVER`: none does."""
    blocked_reason: str = ""
    """CamelCase code of what it failed for; empty in rows of versions that did not say so."""
    resume: str = ""
    """Who let one PUT of ours be sent though AKS left the pool in Failed or Canceled; empty once it was."""
    apart: str = ""
    """The pool's configuration on which AKS refused to change OS SKU and FIPS together: first one, then the other."""
    refused: str = ""
    """What keeps AKS from taking our PUT until a person acts, such as a lock; empty once it was taken."""
    refusals: int = 0
    """How often AKS refused in a row."""
    not_before: datetime | None = None
    """No further try before this time."""
    waiting: str = ""
    """Why not, as `Reason: message`."""
    remediated: int = 0
    """How often we switched FIPS on in the last days: more than once means that somebody switches it off."""
    first_seen: datetime | None = None
    """When a look first saw it on a cluster that was known without it; None if it may be older."""
    absent: datetime | None = None
    """When the last look before that saw that it was not there: it is no older."""
    noticed: datetime | None = None
    """When its owner was told last that a reimage comes; None if that has not happened."""
    noticed_of: str = ""
    """Fingerprint of what the notice said: the step, who was told and how to object; empty once that holds no more."""
    noticed_until: datetime | None = None
    """From when on it said that the reimage comes; None in rows of versions that did not keep that."""
    workloads: Workloads | None = None
    """What a reimage would harm, as long as one is due and wanted, or else its SMB volumes; None if not read."""
    doubted: bool = False
    """A node has said no to pods, or nothing, and not all have said yes since, whatever was done to the pool: the next
    proof by pods is no sample."""
    doubts: tuple[str, ...] = ()
    """Names of those nodes; empty if there are more than 160 of them."""
    shown: int = 0
    """How many nodes of it the last list of the nodes showed, though ARM calls it empty or stopped."""
    returned: str = ""
    """Of a pool that is there though its replacement had ended: the id of that, once none of its nodes was found that
    we had cordoned, or they are being uncordoned."""
    tried: Tried | None = None
    """What is remembered of its last replacement that was given up, of how its workloads ran before that."""
    replaced: str = ""
    """Of a twin whose work is done: the id of the replacement that it was made by."""

    def told(self, notice: Notice, at: datetime) -> "PoolMemory":
        """Return the memory of a pool whose owner was told of a reimage."""
        return replace(self, noticed=at, noticed_of=notice.said, noticed_until=notice.until)

    def untold(self) -> "PoolMemory":
        """Return the memory of a pool of which nothing is announced any more; when somebody was told last stays."""
        return replace(self, noticed_of="", noticed_until=None)

    def blocks(self, pool: Pool) -> bool:
        """Say whether a pool, as it is, is left alone until a person lets it go on."""
        return bool(self.blocked) and self.blocked_on in (WHATEVER, pool.configuration)


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier looks left in the rollout row; a lost row is rebuilt by the next look."""

    operation: Operation | None = None
    pools: Mapping[str, PoolMemory] = field(default_factory=dict, hash=False)
    unreadable_since: datetime | None = None
    """Since when transient errors keep the cluster from being read."""
    gone_since: datetime | None = None
    """Since when ARM says that the cluster does not exist: one passing 404 is no deletion."""
    missed: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    """Since when ARM does not list pools that should be there: a list that lacks them once is no deletion."""
    strays: Strays | None = None
    """Nodes outside every pool; None if the nodes were never asked."""
    agent: str = ""
    """Version of the monitoring agent's image; empty if it is not known."""
    agent_at: datetime | None = None
    """When that was read; None in rows of versions that did not say so."""
    probing: Probing | None = None
    """The proof that pods are taking; None if there is none, and nothing of one is left."""
    replacement: Replacement | None = None
    """The pool that is being replaced; one at a time."""
    searched: bool = False
    """A look has searched the cluster for what a proof left of which a lost row knew."""
    verifying: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    """When a look first saw each request for a fresh proof, by the request's id: what was begun before is not fresh."""
    listed: datetime | None = None
    """When a look last listed the nodes, or tried to; None if none did."""
    relist: datetime | None = None
    """When a look is to try that again, where it came to nothing for a cause that may pass; None if it did not."""

    def with_pool(self, name: str, pool: "PoolMemory") -> "Memory":
        """Return a memory in which one pool is remembered differently."""
        return replace(self, pools={**self.pools, name: pool})

    def pool(self, name: str) -> PoolMemory:
        """Return what is remembered of a pool; of a new one, nothing."""
        return self.pools.get(name, PoolMemory())
