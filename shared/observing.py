"""The first part of a look: reads the cluster and its nodes anew.

One passing error, one 404, and one list that lacks pools are not believed.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from shared.budget import read_budget
from shared.domain.memory import Memory, PoolMemory
from shared.domain.missing import missing, no_pools
from shared.domain.model import Cluster, ClusterRead, Gone, Pool, Unreadable
from shared.domain.operation import OutcomeState, Progress, goes_on
from shared.domain.planned import Deferral
from shared.domain.recalled import recalled
from shared.domain.rulebook import Rulebook
from shared.domain.since import unreadable
from shared.domain.steps import UNFINISHED
from shared.look import Look
from shared.proving import Proving
from shared.remediation import Remediation
from shared.restoring import restore

UNREADABLE_GRACE = timedelta(minutes=15)
"""How long transient errors may keep a cluster from being read before it counts as unknown."""
LEFT_OVER = timedelta(minutes=10)
"""How soon a look tries again to delete the namespace of a proof that is over."""
GONE_SURE = timedelta(minutes=2)
"""How long ARM must go on saying that a cluster does not exist, or not listing a pool that was there, before that is
believed and operations, places and all that is remembered are given up."""
GONE_DESPITE = timedelta(hours=2)
"""How long ARM must go on not listing a pool on which it says that our operation goes on, and at least until that has
taken too long: one of both is wrong."""
SELDOM = timedelta(minutes=10)
"""How often at least to ask again for pools that are not listed."""


def observe(look: Look, remediation: Remediation) -> ClusterRead:
    """Read the cluster, and bring what is remembered of our operation in line with it."""
    # First of all: what a look that died has recorded is what this one goes on from.
    look.chain.catch_up()
    operation, progress = look.memory.operation, None
    if operation and operation.outcome is OutcomeState.ACCEPTED and operation.url:
        # The operation is asked first: a cluster read after its end shows the end.
        progress = look.ports.clusters.operation(look.cluster, operation.url)
    read = look.ports.clusters.read(look.cluster)
    if look.memory.gone_since and not isinstance(read, Gone):
        look.hold.save(replace(look.memory, gone_since=None))
    if isinstance(read, Cluster):
        read = _as_listed(look, read, progress)
    restore(look, read)
    if not isinstance(read, Gone) or _gone_is_sure(look):
        remediation.follow(read, progress)
    return read


def _as_listed(look: Look, read: Cluster, progress: Progress) -> Cluster | Unreadable:
    """Return the cluster, or why its list of pools is no reason to believe that those which it lacks are gone.

    It is then read again, for GONE_SURE and as long as AKS says that our operation on such a pool goes on; what lasts
    longer than the grace is judged unknown. Where pools go one after the other it is judged in between: of those that
    may yet be there all stays as it was.
    """
    now, memory = look.ports.clock.now(), look.memory
    # At first our operation is looked after as often as ever: somebody may want to abort it.
    again = min(look.ports.timing.poll, GONE_SURE) if memory.operation else GONE_SURE
    names = missing(read, memory, look.stored.posture, progress)
    if names and (nothing := no_pools(read, again, had=True)):
        return nothing
    missed: Mapping[str, datetime] = {name: memory.missed.get(name, now) for name in names}
    unsure = _unsure(memory, missed, progress, now)
    judged = not unsure or (len(unsure) < len(missed) and not _under_way(look))
    if judged:
        missed = unsure
    if missed != memory.missed:
        look.hold.save(replace(memory, missed=missed))
    return read if judged else _missing(memory, unsure, progress, now, again)


def _unsure(
    memory: Memory, missed: Mapping[str, datetime], progress: Progress, now: datetime
) -> Mapping[str, datetime]:
    """Return those of the pools that are not listed of which that is not believed yet, and since when they are not."""
    found = {name: since for name, since in missed.items() if now - since < GONE_SURE}
    operation = memory.operation
    since = missed.get(operation.on) if operation and goes_on(progress) else None
    if operation and since and now < max(operation.stuck or since, since + GONE_DESPITE):
        found[operation.on] = since
    return found


def _missing(
    memory: Memory, unsure: Mapping[str, datetime], progress: Progress, now: datetime, again: timedelta
) -> Unreadable:
    """Say which pools are not listed; asked again less often, the longer that lasts."""
    works_on = memory.operation.on if memory.operation and goes_on(progress) else ""
    working = f", and says that its operation on {works_on} goes on" if works_on in unsure else ""
    lasts = f" {works_on} counts as gone when that has lasted for hours." if working else ""
    names = ", ".join(sorted(unsure))
    message = f"ARM does not list {names} any more{working}: asked again before that is believed.{lasts}"
    return Unreadable("PoolsMissing", message, max(again, min(now - min(unsure.values()), SELDOM)))


def _under_way(look: Look) -> bool:
    """Say whether something of ours goes on in the cluster, which might hang on a pool that is not listed."""
    ours = look.memory.operation or look.memory.replacement
    return ours is not None or look.cluster.key in read_budget(look.ports.rollout).places


def missing_wait(look: Look, read: ClusterRead) -> timedelta | None:
    """Return how soon to ask again for pools that are not listed where the others were judged; None if all are."""
    return GONE_SURE if look.memory.missed and isinstance(read, Cluster) else None


def not_believed(look: Look, read: ClusterRead) -> tuple[Deferral, timedelta] | None:
    """Say why a reading is no reason to judge anything yet, and when to read again; None if it can be judged."""
    if isinstance(read, Unreadable) and read.retry_after and not _grace_is_over(look):
        return Deferral("", read.reason, read.message), read.retry_after
    if isinstance(read, Gone) and not _gone_is_sure(look):
        said = "ARM says that it does not exist: asked again before that is believed."
        return Deferral("", "GoneUnconfirmed", said), GONE_SURE
    return None


def _grace_is_over(look: Look) -> bool:
    """Remember since when the cluster can't be read, and say whether that is too long."""
    now, since = look.ports.clock.now(), look.memory.unreadable_since
    if since is None:
        look.hold.save(replace(look.memory, unreadable_since=now))
    return since is not None and now - since > UNREADABLE_GRACE


def _gone_is_sure(look: Look) -> bool:
    """Remember since when ARM says that the cluster is gone; of one that nobody ever saw, once is enough."""
    now, since = look.ports.clock.now(), look.memory.gone_since
    if since is None and (look.stored.etag or look.memory != Memory()):
        look.hold.save(replace(look.memory, gone_since=now))
        return False
    return since is None or now - since >= GONE_SURE


def prove(look: Look, read: ClusterRead, rules: Rulebook, wanted: Collection[str] = ()) -> Memory:
    """Ask the nodes where their word is due, or wanted, and return what is remembered then."""
    memory = look.memory
    if isinstance(read, Gone) and memory != Memory():
        # Another cluster may come by this name: nothing that is known of this one holds for it.
        look.hold.save(Memory())
    if isinstance(read, Unreadable):
        look.recall(read)
    if not isinstance(read, Cluster):
        return look.memory
    now = look.ports.clock.now()
    memory = replace(memory, pools=_pools_remembered(look, read, now), unreadable_since=None)
    memory = recalled(memory, look.chain.met, read)
    proven = Proving(look.ports.kubernetes, look.chain, now, look.hold).prove(read, memory, rules, wanted)
    if proven != look.memory:
        look.hold.save(proven)
    return proven


def probing_wait(look: Look, read: ClusterRead) -> timedelta | None:
    """Return how soon to come back for pods that ask nodes, or what is left of them, or for a list that was not had."""
    probing, relist, now = look.memory.probing, look.memory.relist, look.ports.clock.now()
    if not isinstance(read, Cluster) or read.stopped:
        # Of a stopped cluster nothing runs; that it starts again is a reason of its own to look.
        return None
    if probing is None:
        return relist - now if relist and relist > now else None
    return LEFT_OVER if probing.over and probing.kept else look.ports.timing.poll


def _pools_remembered(look: Look, read: Cluster, now: datetime) -> dict[str, PoolMemory]:
    """What is remembered of the pools that exist; one that an earlier look did not see is new."""
    before, memory = look.stored.posture, look.memory
    known = {pool.pool for pool in before.pools} if before and before.pools else None
    # A look that could not read the cluster kept the pools of one before: it saw of none that it was not there.
    absent = before.at if before and not unreadable(before) else None
    names = [pool.name for pool in read.pools]
    kept = {pool.name: _still(memory.pools[pool.name], pool) for pool in read.pools if pool.name in memory.pools}
    kept |= {name: memory.pools[name] for name in memory.missed if name in memory.pools}
    new = [name for name in names if name not in kept and known is not None and name not in known]
    return kept | {name: PoolMemory(first_seen=now, absent=absent) for name in new}


def _still(remembered: PoolMemory, pool: Pool) -> PoolMemory:
    """Return what still holds of a pool: one that is half-way no more needs no leave to go on."""
    return remembered if pool.provisioning_state in UNFINISHED else replace(remembered, resume="")
