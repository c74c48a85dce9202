"""The periodic look at the whole fleet: compares Resource Graph's hints with the stored posture and queues looks.

It changes nothing and records nothing itself. A hint never becomes posture; absence only queues a look; what is
lost on the way (an event, a message, a crashed worker) is found here at the latest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from shared.budget import stale_reservations
from shared.coverage import unreadable_subscriptions
from shared.domain.codec import fingerprint
from shared.domain.ids import ClusterId
from shared.domain.model import Alert, Cluster, ComplianceState, Unreadable
from shared.domain.policy import Policy
from shared.domain.requests import ReconcileRequest
from shared.ports import Alerts, Clock, Fleet, FleetHint, Policies, Table, WakeUps
from shared.postures import PostureSummary, control_digest, summaries
from shared.rollout import HORIZON

_STALE_RESERVATION = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class ResyncPorts:
    """All that the resync needs from the world."""

    clock: Clock
    fleet: Fleet
    policies: Policies
    postures: Table
    rollout: Table
    wake_ups: WakeUps
    alerts: Alerts


@dataclass(frozen=True, slots=True)
class Resynced:
    """What a resync saw, for the log."""

    subscriptions: int
    """Covered, by the list that does not come from Resource Graph."""
    clusters: int
    """Seen in Resource Graph."""
    queued: int
    """Looks queued."""
    unreadable: int = 0
    """Subscriptions whose clusters ARM would not list: nobody knows what is in them."""


def resync(ports: ResyncPorts) -> Resynced:
    """Queue a look for every cluster that needs one; raises what the fleet's source raises."""
    now = ports.clock.now()
    policy = ports.policies.load()
    if isinstance(policy, Unreadable):
        ports.alerts.send(_policy_alert(policy, now))
        return Resynced(0, 0, 0)
    covered = tuple(subscription for subscription in ports.fleet.subscriptions())
    seen: set[str] = set()
    clusters = queued = 0
    for subscription, hints in groupby(ports.fleet.clusters(covered), lambda hint: hint.cluster.subscription):
        seen.add(subscription)
        group = {hint.cluster.key: hint for hint in hints}
        clusters += len(group)
        queued += _queue(ports, _due(subscription, group, ports.postures, policy, now))
    known = {each for each in _known(ports.postures) if ports.fleet.watches(each)}
    for subscription in sorted({*covered, *known} - seen):
        queued += _queue(ports, _due(subscription, {}, ports.postures, policy, now))
    stale = stale_reservations(ports.rollout, now - _STALE_RESERVATION)
    old = (cluster for cluster in stale if ports.fleet.watches(cluster.subscription))
    queued += _queue(ports, ((cluster, "resync: an old reservation", timedelta()) for cluster in old))
    unreadable = unreadable_subscriptions(ports.fleet, covered)
    for subscription, why in unreadable.items():
        ports.alerts.send(_coverage_alert(subscription, why, now))
    return Resynced(len(covered), clusters, queued, len(unreadable))


_Due = tuple[ClusterId, str, timedelta]
"""A cluster, the cause for the record, and how long its look can wait."""


def _due(
    subscription: str, hints: dict[str, FleetHint], postures: Table, policy: Policy, now: datetime
) -> Iterator[_Due]:
    known = {summary.cluster.key: summary for summary in summaries(postures, subscription)}
    for key, hint in hints.items():
        reason = _reason(hint, known.get(key), policy, now)
        if reason:
            yield hint.cluster, f"resync: {reason[0]}", reason[1]
    for key, summary in known.items():
        if key not in hints and not summary.gone:
            yield summary.cluster, "resync: not in Resource Graph", timedelta()


def _reason(
    hint: FleetHint, known: PostureSummary | None, policy: Policy, now: datetime
) -> tuple[str, timedelta] | None:
    read = hint.read
    if known is None:
        covered = not isinstance(read, Cluster) or policy.covers(read.id, dict(read.tags))
        return ("never looked at", timedelta()) if covered else None
    if known.control != control_digest(read, policy, now):
        return "drift", timedelta()
    if known.state in (ComplianceState.UNKNOWN, ComplianceState.INCONSISTENT):
        # Only the nodes can tell whether it is so any more.
        return str(known.state), timedelta()
    if known.due and known.due <= now + HORIZON:
        return "due", max(known.due - now, timedelta())
    return None


def _queue(ports: ResyncPorts, due: Iterator[_Due]) -> int:
    count = 0
    for cluster, cause, delay in due:
        ports.wake_ups.send(ReconcileRequest(cluster, cause), delay)
        count += 1
    return count


def _known(postures: Table) -> set[str]:
    return {row.partition for row in postures.rows(("armId",))}


def _coverage_alert(subscription: str, why: Unreadable, now: datetime) -> Alert:
    remedy = (
        "Try again later: the next resync does."
        if why.retry_after
        else "Assign the role `fipswarden reader` to the app's identity on it, or take it out of the setting "
        "FIPSWARDEN_SUBSCRIPTIONS."
    )
    text = f"{why.message} Whatever clusters it has count as unknown. {remedy}"
    title = f"Subscription {subscription}: its clusters can't be read"
    key = f"coverage:{subscription}:{now:%Y-%m-%d}"
    return Alert(key, "", "", "warning", "CoverageUnknown", title, text, now)


def _policy_alert(policy: Unreadable, now: datetime) -> Alert:
    text = f"{policy.message} Until it can be read, nothing is judged and nothing is remediated."
    key = f"policy:{fingerprint(policy.message)}:{now:%Y-%m-%d}"
    return Alert(key, "", "", "critical", policy.reason, "The policy can't be used", text, now)
