"""The periodic look at the whole fleet: compares Resource Graph's hints with the stored posture and queues looks.

It changes nothing, and records nothing itself but what persons decided. A hint never becomes posture; absence only
queues a look; what is lost on the way (an event, a message, a crashed worker) is found here at the latest.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from shared.budget import change, stale_places
from shared.coverage import uncovered, unreadable_subscriptions
from shared.domain.breaker import judged
from shared.domain.budget import Budget
from shared.domain.budget_news import counted, counting
from shared.domain.fleet_warnings import FleetSeen
from shared.domain.ids import ClusterId
from shared.domain.model import Cluster, ComplianceState, Unreadable
from shared.domain.policy_approval import demand_as_used
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.fleet_chain import FleetChain
from shared.fleet_count import FleetCount
from shared.policy_warnings import tell_warnings
from shared.ports import Alerts, Clock, Fleet, FleetHint, Policies, Table, WakeUps
from shared.postures import PostureSummary, control_digest, summaries
from shared.resync_alerts import coverage_alert, missed_alert, policy_alert
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
    fleet_chain: FleetChain | None = None
    """Where persons' decisions are recorded; None where looks alone record them."""


@dataclass(frozen=True, slots=True)
class Resynced:
    """What a resync saw, for the log."""

    subscriptions: int
    """Covered, by the list that does not come from Resource Graph."""
    clusters: int
    """Seen in Resource Graph."""
    queued: int
    """Looks queued."""
    unaddressed: int = 0
    """Rows of Resource Graph that name no cluster that can be looked at."""
    unreadable: int = 0
    """Subscriptions that ARM would not list or nobody looks at: nobody knows what is in them."""


def resync(ports: ResyncPorts) -> Resynced:
    """Queue a look for every cluster that needs one; raises what the fleet's source raises."""
    now = ports.clock.now()
    if ports.fleet_chain:
        ports.fleet_chain.decisions("resync")
    rules = ports.policies.load()
    if isinstance(rules, Unreadable):
        ports.alerts.send(policy_alert(rules.reason, rules.message, now))
        return Resynced(0, 0, 0)
    if rules.trouble:
        ports.alerts.send(policy_alert("PolicyInvalid", rules.trouble, now))
    covered = tuple(subscription for subscription in ports.fleet.subscriptions())
    change(ports.rollout, lambda budget: counting(budget, now))
    count, shown = FleetCount(rules), FleetSeen(rules.policy)
    seen: set[str] = set()
    queued = 0
    for subscription, hints in groupby(
        count.addressed(_noted(ports.fleet.clusters(covered), shown)), lambda it: it[0].subscription
    ):
        seen.add(subscription)
        group = {cluster.key: (cluster, hint) for cluster, hint in hints}
        queued += _queue(ports, _due(subscription, group, ports.postures, rules, now, count))
    known = {each for each in _known(ports.postures) if ports.fleet.watches(each)}
    for subscription in sorted({*covered, *known} - seen):
        queued += _queue(ports, _due(subscription, {}, ports.postures, rules, now, count))
    # A place is given back wherever it is: a subscription that is not looked after any more must not keep it.
    stale = stale_places(ports.rollout, now - _STALE_RESERVATION)
    queued += _queue(ports, ((cluster, "resync: an old reservation", timedelta()) for cluster in stale))
    unreadable = unreadable_subscriptions(ports.fleet, covered)
    if unreadable:
        ports.alerts.send(coverage_alert(unreadable, now))
    missed = uncovered(rules.policy, covered)
    if missed:
        ports.alerts.send(missed_alert(missed, now))
    closed = sorted({*unreadable, *missed})
    shown.whole = shown.whole and not closed
    tell_warnings(ports.rollout, ports.alerts, rules, shown, now)
    found = count.result(now, closed)
    ended = ports.clock.now()

    def learnt(budget: Budget) -> Budget:
        told = judged(demand_as_used(rules.policy, budget, now), rules.policy.disruption.breaker, ended)
        return counted(told, found, ended, ports.fleet.watches)

    change(ports.rollout, learnt)
    return Resynced(len(covered), count.clusters, queued, count.unaddressed, len(closed))


def _noted(hints: Iterable[FleetHint], seen: FleetSeen) -> Iterator[FleetHint]:
    for hint in hints:
        seen.note(hint.read)
        yield hint


_Due = tuple[ClusterId, str, timedelta]
"""A cluster, the cause for the record, and how long its look can wait."""


def _due(
    subscription: str,
    hints: dict[str, tuple[ClusterId, FleetHint]],
    postures: Table,
    rules: Rulebook,
    now: datetime,
    count: FleetCount,
) -> Iterator[_Due]:
    known = {summary.cluster.key: summary for summary in summaries(postures, subscription)}
    count.clusters += len(hints)
    for summary in known.values():
        shown = hints.get(summary.cluster.key)
        count.posture(summary, shown[1].read if shown else None, now)
    for key, (cluster, hint) in hints.items():
        reason = _reason(hint, known.get(key), rules, now)
        if reason:
            yield cluster, f"resync: {reason[0]}", reason[1]
        if reason and key not in known:
            count.unseen(cluster, hint.read)
    for key, summary in known.items():
        if key not in hints and not summary.gone:
            yield summary.cluster, "resync: not in Resource Graph", timedelta()


def _reason(
    hint: FleetHint, known: PostureSummary | None, rules: Rulebook, now: datetime
) -> tuple[str, timedelta] | None:
    read = hint.read
    if known is None:
        covered = not isinstance(read, Cluster) or rules.policy.covers(read)
        return ("never looked at", timedelta()) if covered else None
    if known.control != control_digest(read, rules, now):
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
