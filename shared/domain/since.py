"""Since when verdicts have stood, and what is kept of them while their cluster can't be read."""

from dataclasses import replace
from datetime import datetime

from shared.domain.model import OPEN
from shared.domain.model import ComplianceState as State
from shared.domain.posture import Earlier, Finding, PoolPosture, Posture


def unreadable(posture: Posture) -> Finding | None:
    """Return why a cluster's pools are not judged at all, if so: those shown are then the ones of an earlier look."""
    unknown = State.UNKNOWN
    return next((one for one in posture.cluster_findings if one.check == "readable" and one.state is unknown), None)


def unread(finding: Finding, previous: Posture | None, now: datetime) -> Posture:
    """Return the posture of a cluster that can't be read: all is unknown, and what was open is kept beside it."""
    if previous is None:
        return Posture(now, State.UNKNOWN, (), (replace(finding, since=now),))
    before = unreadable(previous)
    # Since when it can't be read, whatever the reason was that time.
    finding = replace(finding, since=(before.since or previous.at) if before else now)
    found = tuple(one for one in previous.cluster_findings if one.state in OPEN and one is not before)
    return Posture(
        now,
        State.UNKNOWN,
        tuple(_unread_pool(pool, finding, now) for pool in previous.pools),
        (finding,),
        earlier=found or previous.earlier,
        last_read=previous.last_read if before else previous.at,
    )


def _unread_pool(pool: PoolPosture, finding: Finding, now: datetime) -> PoolPosture:
    found = tuple(one for one in pool.findings if one.state in OPEN)
    earlier = Earlier(pool.state, found, pool.since, pool.state_since or pool.since) if found else None
    return dated(
        replace(
            pool,
            state=finding.state,
            findings=(finding,),
            since=now,
            earlier=pool.earlier if _unread_cluster(pool) else earlier,
        ),
        pool,
    )


def as_read(pool: PoolPosture) -> PoolPosture:
    """Return a verdict as it was when its cluster was read last, if anything was open then: that goes on.

    What was well goes on from the next reading: nobody knows how it was meanwhile.
    """
    was = pool.earlier
    if was is None:
        return pool
    return replace(
        pool, state=was.state, findings=was.findings, since=was.since, state_since=was.state_since, earlier=None
    )


def dated(pool: PoolPosture, old: PoolPosture | None) -> PoolPosture:
    """Return a verdict with the times since when it and its findings have stood."""
    same = old is not None and (old.state, old.decisive.reason) == (pool.state, pool.decisive.reason)
    findings = since_when(pool.findings, old.findings if old else (), pool.since)
    stands = old is not None and old.state == pool.state and _unread_cluster(old) == _unread_cluster(pool)
    state_since = (old.state_since or old.since) if old and stands else pool.since
    since = old.since if old and same else pool.since
    return replace(pool, findings=findings, since=since, state_since=state_since)


def _unread_cluster(pool: PoolPosture) -> bool:
    """Say whether a pool is unknown with its whole cluster: that is told of the cluster, and is no state of its own."""
    return pool.findings[0].check == "readable"


def since_when(found: tuple[Finding, ...], old: tuple[Finding, ...], now: datetime) -> tuple[Finding, ...]:
    """Return findings with the times since when they have had their reasons; `old` are those of the look before."""
    before = {(one.check, one.reason): one.since for one in old}
    return tuple(replace(one, since=before.get((one.check, one.reason)) or now) for one in found)
