"""Which changes people are told about: one alert per change, none for a state that merely goes on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.alert import Alert
from shared.domain.announced import approvals_wanted, begun, noticed, opened, policy_waits
from shared.domain.evaluate import told
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory
from shared.domain.model import ComplianceState
from shared.domain.operation import Operation, OutcomeState
from shared.domain.planned import Deferral, Plan
from shared.domain.posture import Finding, PoolPosture, Posture
from shared.domain.rulebook import MENDED
from shared.domain.since import unreadable
from shared.domain.taken import OUTSIDE

_SEVERITY = {
    ComplianceState.INCONSISTENT: "critical",
    ComplianceState.NON_COMPLIANT: "warning",
    ComplianceState.UNKNOWN: "warning",
}
_TRANSIENT = frozenset(
    {"OperationInProgress", "ProofSettling", "ProofMissing", "ProofExpired", "ProofLevelMissing", "NodesMissing"}
    | {"NodesDespiteCount"}
)
"""Reasons that the next look usually clears: not worth a message of their own, unless they last."""
_NOBODY_ASKED = frozenset({"NoNodes", "Stopped"})
"""Reasons of a verdict that rests on the control plane's word alone: told, but not as good news."""
_NONE_OUTSIDE = Finding(
    "strays",
    ComplianceState.COMPLIANT,
    "NodesOutsidePoolsGone",
    "Nothing is wrong with nodes outside every node pool any more: there are none, or the policy asks nothing of them.",
)
LASTS = timedelta(hours=1)
"""How long a transient reason may last before people are told."""

SEVERITIES = ("critical", "warning", "info", "good")
"""What an alert's severity may be, from worst to best."""


def alert_id(key: str) -> str:
    """Return what identifies an alert outside: hexadecimal, the same for the same key, allowed in any header or key."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def running(memory: Memory) -> Operation | None:
    """Return our operation if AKS has accepted it."""
    operation = memory.operation
    return operation if operation and operation.outcome is OutcomeState.ACCEPTED else None


@dataclass(frozen=True, slots=True)
class Before:
    """What the last commit said."""

    posture: Posture | None = None
    begun: str = ""
    """Intent of the last operation whose beginning was told."""
    deferrals: tuple[Deferral, ...] = ()
    owed: tuple[str, ...] = ()
    """Pools whose remediation had ended, and of which nobody could say yet how they are."""


def owed(before: Before, new: Posture, memory: Memory) -> tuple[str, ...]:
    """Return the pools whose remediation has ended, and of which nobody can say yet how they are: news is owed.

    A proof may take several looks, each of which commits. So it is of nodes outside every pool (`OUTSIDE`), of which
    people know that they were not well.
    """
    ended = _remediated(before, memory)
    waiting = [one.pool for one in new.pools if one.pool in ended and one.state in _SEVERITY and _only_transient(one)]
    found = _strays(new)
    known = OUTSIDE in ended or _known(_strays(before.posture), before.posture)
    if found and known and found.state in _SEVERITY and found.reason in _TRANSIENT:
        waiting.append(OUTSIDE)
    return tuple(sorted(waiting))


def _remediated(before: Before, memory: Memory) -> frozenset[str]:
    """Return the pools whose remediation has ended since people were last told how they are."""
    old, ended = before.posture, {name: pool.ended for name, pool in memory.pools.items() if pool.ended}
    pools = frozenset(name for name, at in ended.items() if old is None or at > old.at or name in before.owed)
    return pools | ({OUTSIDE} & {*before.owed})


def news(
    cluster: ClusterId, before: Before, new: Posture, plan: Plan, memory: Memory, seq: int, broken: str = ""
) -> tuple[Alert, ...]:
    """Return what a look has to tell; `seq` is the number of its last record, `broken` why the breaker is open."""
    old, deferred = before.posture, before.deferrals
    remediated = _remediated(before, memory)
    channels = {pool.pool: pool.channels for pool in new.pools}
    told_now = [
        noticed(cluster, one, memory.pool(one.pool).noticed, new.at, channels.get(one.pool, ())) for one in plan.notices
    ]
    operation = running(memory)
    if operation and operation.intent != before.begun:
        # From what is remembered, not from what this look did: whoever began it may have died before he told it.
        told_now.append(begun(cluster, operation, new.at, channels.get(operation.pool, ())))
    # That a pool is non-compliant and that it is being remediated is one thing to tell, not two.
    pools = {alert.pool for alert in told_now}
    same = {pool.pool for pool in new.pools if pool.pool in pools and _only_due(pool)}
    changed = changes(cluster, old, new, seq, remediated)
    wanted = approvals_wanted(cluster, plan, deferred, new.at, channels)
    broken = broken if remediated - {OUTSIDE} else ""
    fleet = (*opened(plan, deferred, new, broken), *policy_waits(plan, deferred, new))
    return (*(alert for alert in changed if alert.pool not in same), *told_now, *wanted, *fleet)


def _only_due(pool: PoolPosture) -> bool:
    """Say whether all that is wrong with a pool is what a step mends: who is told of the step knows it."""
    return pool.state is ComplianceState.NON_COMPLIANT and _reasons(pool) <= MENDED


def changes(
    cluster: ClusterId, old: Posture | None, new: Posture, seq: int, remediated: frozenset[str] = frozenset()
) -> tuple[Alert, ...]:
    """Return what to tell about a commit; `seq` is the number of its last evidence record.

    `remediated` names the pools whose remediation ended since `old`: that they are compliant now is news, even if
    a worker died before it could commit that they were not.
    """
    if unread := unreadable(new):
        cares = any(told(pool) for pool in new.pools) or not new.pools
        if cares and (old is None or unreadable(old) is None):
            return (_cluster_alert(cluster, unread, seq, new.at, "warning"),)
        return ()
    found: list[Alert] = []
    was_unreadable = old is not None and unreadable(old) is not None
    if was_unreadable and new.in_scope:
        text = "Its pools are judged again."
        readable = Finding("readable", ComplianceState.COMPLIANT, "ClusterReadable", text)
        found.append(_cluster_alert(cluster, readable, seq, new.at, "good"))
    found.extend(_cluster_news(cluster, old, new, seq, owed=OUTSIDE in remediated))
    found.extend(_gone(cluster, old, new, seq))
    # What was found while nobody was to be told is news when a policy says to tell.
    before = {pool.pool: pool for pool in old.pools if told(pool)} if old and not was_unreadable else {}
    for pool in new.pools:
        if told(pool):
            found.extend(_pool_news(cluster, before.get(pool.pool), pool, seq, new.at, pool.pool in remediated, old))
    return tuple(found)


def _gone(cluster: ClusterId, old: Posture | None, new: Posture, seq: int) -> Iterator[Alert]:
    """What people know to be bad, or being remediated, and is there no more: nothing is left to be done."""
    there = {pool.pool for pool in new.pools}
    # A cluster that has left the scope shows no pools either.
    for pool in old.pools if old and new.in_scope else ():
        if pool.pool not in there and told(pool) and pool.state in _SEVERITY and _was_told(pool, old):
            key, title = f"{cluster.key}:{seq}:{pool.pool}:PoolGone", f"{cluster}/{pool.pool}: gone"
            text = "The node pool does not exist any more, or its cluster doesn't. Nothing needs to be done."
            yield Alert(key, cluster.arm_id, pool.pool, "info", "PoolGone", title, text, new.at, channels=pool.channels)


def _cluster_news(cluster: ClusterId, old: Posture | None, new: Posture, seq: int, *, owed: bool) -> Iterator[Alert]:
    """What is new of the cluster as a whole, such as nodes outside every pool; nobody is told what nobody asks for."""
    if not any(told(pool) for pool in new.pools) and new.pools:
        return
    # What was excused was told to nobody: the end of an exemption is news.
    before = {one.check: one for one in old.cluster_findings if one.state in _SEVERITY} if old else {}
    for finding in new.cluster_findings:
        known = before.get(finding.check)
        further = _further((known,) if known else (), (finding,))
        if finding.reason in _TRANSIENT:
            since = finding.since or new.at
            fresh = new.at - since >= LASTS and (old is None or old.at - since < LASTS)
        else:
            fresh = known is None or known.reason != finding.reason or bool(further)
        if finding.state in _SEVERITY and fresh:
            yield _cluster_alert(cluster, finding, seq, new.at, _SEVERITY[finding.state], further)
    found = _strays(new)
    if new.in_scope and (owed or _known(_strays(old), old)) and (found is None or found.state not in _SEVERITY):
        yield _cluster_alert(cluster, found or _NONE_OUTSIDE, seq, new.at, _ended_as(found, new))


def _strays(posture: Posture | None) -> Finding | None:
    """Return what was found of nodes outside every pool."""
    found = posture.cluster_findings if posture and unreadable(posture) is None else ()
    return next((one for one in found if one.check == "strays"), None)


def _known(found: Finding | None, posture: Posture | None) -> bool:
    """Say whether people know that the nodes outside every pool are not well."""
    if found is None or posture is None or found.state not in _SEVERITY:
        return False
    if posture.pools and not any(told(pool) for pool in posture.pools):
        return False
    return found.reason not in _TRANSIENT or posture.at - (found.since or posture.at) >= LASTS


def _ended_as(found: Finding | None, new: Posture) -> str:
    gone = any(one.reason == "ClusterGone" for one in new.cluster_findings)
    well = found.state is ComplianceState.COMPLIANT if found else not gone
    return "good" if well else "info"


def _further(old: tuple[Finding, ...], new: tuple[Finding, ...]) -> tuple[str, ...]:
    """Return the nodes that say no and did not when people were last told."""
    known = {name for finding in old for name in finding.nodes}
    return tuple(sorted({name for finding in new for name in finding.nodes} - known)) if known else ()


def _named(text: str, further: tuple[str, ...]) -> str:
    """Return the text of an alert that names who has come to those that are known."""
    more = f" and {len(further) - 10} more" if len(further) > 10 else ""
    return f"{text} New among them: {', '.join(further[:10])}{more}." if further else text


def _cluster_alert(
    cluster: ClusterId, finding: Finding, seq: int, at: datetime, severity: str, further: tuple[str, ...] = ()
) -> Alert:
    if finding.check == "readable":
        good = severity == "good"
        title = f"{cluster}: {'can be read again' if good else 'cannot be read'}"
        text = finding.message if good else f"{finding.message} Its pools count as unknown."
    else:
        title, text = f"{cluster}: {finding.state.value.replace('_', '-')}", _named(finding.message, further)
    key = f"{cluster.key}:{seq}::{finding.reason}"
    return Alert(key, cluster.arm_id, "", severity, finding.reason, title, text, at)


def _pool_news(
    cluster: ClusterId,
    old: PoolPosture | None,
    new: PoolPosture,
    seq: int,
    at: datetime,
    remediated: bool,
    previous: Posture | None,
) -> Iterator[Alert]:
    if new.state in _SEVERITY:
        lasted = old is not None and previous is not None and previous.at - _stood_since(new) >= LASTS
        lasts = not lasted and at - _stood_since(new) >= LASTS
        if _is_news(old, new) or (lasts and _only_transient(new)):
            text = " ".join(finding.message for finding in new.findings if finding.state == new.state)
            text = _named(text, _further(_bad(old), _bad(new)))
            yield _pool_alert(cluster, new, seq, at, _SEVERITY[new.state], text)
    elif remediated or (old and old.state in _SEVERITY and _was_told(old, previous)):
        well = new.state is ComplianceState.COMPLIANT and new.decisive.reason not in _NOBODY_ASKED
        severity = "good" if well else "info"
        yield _pool_alert(cluster, new, seq, at, severity, new.decisive.message)


def _is_news(old: PoolPosture | None, new: PoolPosture) -> bool:
    known = frozenset(finding.reason for finding in _bad(old))
    return not _reasons(new) <= _TRANSIENT | known or bool(_further(_bad(old), _bad(new)))


def _bad(pool: PoolPosture | None) -> tuple[Finding, ...]:
    """Return what is wrong with a pool. What is excused is told to nobody: the end of an exemption is news."""
    if pool is None or pool.state not in _SEVERITY:
        return ()
    return tuple(finding for finding in pool.findings if finding.state == pool.state)


def _only_transient(pool: PoolPosture) -> bool:
    return _reasons(pool) <= _TRANSIENT


def _was_told(old: PoolPosture, previous: Posture | None) -> bool:
    """Say whether people know that the pool was not well: who was told nothing bad needs nothing good."""
    return not _only_transient(old) or (previous is not None and previous.at - _stood_since(old) >= LASTS)


def _stood_since(pool: PoolPosture) -> datetime:
    """Return when the state began: what passes may change its reason again and again and last all the same."""
    return pool.state_since or pool.since


def _pool_alert(cluster: ClusterId, pool: PoolPosture, seq: int, at: datetime, severity: str, text: str) -> Alert:
    reason, state = pool.decisive.reason, pool.state.value.replace("_", "-")
    key = f"{cluster.key}:{seq}:{pool.pool}:{reason}"
    title = f"{cluster}/{pool.pool}: {state}"
    return Alert(key, cluster.arm_id, pool.pool, severity, reason, title, text, at, channels=pool.channels)


def _reasons(pool: PoolPosture) -> frozenset[str]:
    return frozenset(finding.reason for finding in pool.findings if finding.state == pool.state)
