"""The periodic look at the whole fleet: compares Resource Graph's hints with the stored posture and queues looks.

It changes nothing, and records nothing itself but what persons decided. A hint never becomes posture; absence only
queues a look; what is lost on the way (an event, a message, a crashed worker) is found here at the latest.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from shared.budget import change, stale_places
from shared.coverage import NOT_COVERED, uncovered, unreadable_subscriptions
from shared.domain.alert import Alert
from shared.domain.budget import Counts, RingCount
from shared.domain.budget_news import counted, counting
from shared.domain.census import is_blank
from shared.domain.codec import fingerprint
from shared.domain.fleet_warnings import FleetSeen
from shared.domain.ids import ClusterId
from shared.domain.model import Cluster, ClusterRead, ComplianceState, Unreadable
from shared.domain.policy import UNTOLD
from shared.domain.policy_approval import demand_as_used
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.domain.wording import count
from shared.fleet_chain import FleetChain
from shared.policy_warnings import tell_warnings
from shared.ports import Alerts, Clock, Fleet, FleetHint, Policies, Table, WakeUps
from shared.postures import PostureSummary, RingPart, control_digest, summaries
from shared.rollout import HORIZON

_NOTHING = RingPart(0, 0)
_STALE_RESERVATION = timedelta(hours=3)
_EXPLAINED = 10
"""Of how many subscriptions that can't be read an alert says why."""
_KEPT = 10
"""How many names of what nobody could judge the counts keep for people."""
_NAMED = 20
"""How many subscriptions an alert names that nobody looks at."""


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
        ports.alerts.send(_policy_alert(rules.reason, rules.message, now))
        return Resynced(0, 0, 0)
    if rules.trouble:
        ports.alerts.send(_policy_alert("PolicyInvalid", rules.trouble, now))
    covered = tuple(subscription for subscription in ports.fleet.subscriptions())
    change(ports.rollout, lambda budget: counting(budget, now))
    count, shown = _Count(rules), FleetSeen(rules.policy)
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
        ports.alerts.send(_coverage_alert(unreadable, now))
    missed = uncovered(rules.policy, covered)
    if missed:
        ports.alerts.send(_missed_alert(missed, now))
    closed = sorted({*unreadable, *missed})
    shown.whole = shown.whole and not closed
    tell_warnings(ports.rollout, ports.alerts, rules, shown, now)
    found = count.result(now, closed)
    ended = ports.clock.now()
    change(
        ports.rollout,
        lambda budget: counted(demand_as_used(rules.policy, budget, now), found, ended, ports.fleet.watches),
    )
    return Resynced(len(covered), count.clusters, queued, count.unaddressed, len(closed))


def _noted(hints: Iterable[FleetHint], seen: FleetSeen) -> Iterator[FleetHint]:
    for hint in hints:
        seen.note(hint.read)
        yield hint


class _Count:
    """Adds up the fleet's pools, by subscription and by ring, from what the postures say."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules
        self.clusters = 0
        self.unaddressed = 0
        self._unseen = 0
        self._names: list[str] = []
        self._anywhere = 0
        self._subscriptions: dict[str, int] = {}
        self._rings: dict[str, RingPart] = {}

    def addressed(self, hints: Iterable[FleetHint]) -> Iterator[tuple[ClusterId, FleetHint]]:
        """Yield the hints that name a cluster, with it, and count the others."""
        for hint in hints:
            if hint.cluster is None:
                self.unaddressed += 1
            else:
                yield hint.cluster, hint

    def posture(self, summary: PostureSummary, read: ClusterRead | None, now: datetime) -> None:
        """Count a cluster by its posture; `read` is what Resource Graph shows of it, None if nothing."""
        if summary.gone and read is None:
            return
        blank = is_blank(summary.state, summary.pools)
        by_others = summary.gone or summary.rules != self._rules.hash
        # Nor was one that could not be read: its rings are those of the policy that judged it last.
        if by_others or ((blank or summary.unread) and summary.in_scope):
            self._unjudged(read, summary.cluster)
            return
        if summary.in_scope:
            self._in(summary.cluster, summary.pools)
        for ring, part in summary.rings.items():
            late = part.pools - part.unproven if summary.overdue(now) else 0
            self._add(ring, replace(part, unproven=part.unproven + late, passing=part.passing + late))

    def unseen(self, cluster: ClusterId, read: ClusterRead) -> None:
        """Count a cluster that nobody has looked at."""
        self._unseen += 1
        if len(self._names) < _KEPT:
            self._names.append(cluster.arm_id)
        self._unjudged(read, cluster)

    def _unjudged(self, read: ClusterRead | None, cluster: ClusterId) -> None:
        """Count the pools of a cluster that today's rules have not judged: unproven, each in its ring of today."""
        policy = self._rules.policy
        if not isinstance(read, Cluster):
            self._anywhere += policy.may_cover(cluster)
        elif policy.covers(read):
            self._in(cluster, len(read.pools))
            # One that shows no pool may have any.
            self._anywhere += not read.pools
            for pool in read.pools:
                self._add(policy.ring_name(read, pool), RingPart(1, 1, 1))

    def _in(self, cluster: ClusterId, pools: int) -> None:
        self._subscriptions[cluster.subscription] = self._subscriptions.get(cluster.subscription, 0) + pools

    def _add(self, ring: str, part: RingPart) -> None:
        before = self._rings.get(ring, _NOTHING)
        self._rings[ring] = RingPart(
            before.pools + part.pools,
            before.unproven + part.unproven,
            before.passing + part.passing,
            min((end for end in (before.exempt_until, part.exempt_until) if end), default=None),
        )

    def result(self, now: datetime, closed: Collection[str]) -> Counts:
        """Return the counts; what could not be read at all may be in any ring, and keeps every one closed.

        `closed` are the subscriptions that nobody can read.
        """
        blind = len(closed) + self.unaddressed
        policy = self._rules.policy
        # A pool whose ring can't be told may be in any; one for which nothing is left to do keeps none closed.
        untold = self._rings.get(UNTOLD, _NOTHING).unproven
        anywhere, rings = blind + self._anywhere + untold, {}
        for ring in policy.rings:
            part, stage = self._rings.get(ring.name, _NOTHING), policy.stage(ring)
            unproven, unjudged = part.unproven + anywhere, part.passing + anywhere
            rings[ring.name] = RingCount(
                part.pools, unproven, None, unjudged, anywhere, stage, untold, part.exempt_until
            )
        total = sum(self._subscriptions.values())
        names = (*(f"subscription {each}" for each in closed), *self._names)[:_KEPT]
        everything = self._unseen + blind
        return Counts(
            now,
            total,
            self._subscriptions,
            rings,
            policy.hash,
            everything,
            self._rules.trouble,
            names,
            self._rules.exemptions.hash,
        )


_Due = tuple[ClusterId, str, timedelta]
"""A cluster, the cause for the record, and how long its look can wait."""


def _due(
    subscription: str,
    hints: dict[str, tuple[ClusterId, FleetHint]],
    postures: Table,
    rules: Rulebook,
    now: datetime,
    count: _Count,
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


def _coverage_alert(unreadable: Mapping[str, Unreadable], now: datetime) -> Alert:
    """Tell of all of them at once: there may be hundreds. One that passes by itself makes no new alert of the day."""
    lasting = sorted(name for name, why in unreadable.items() if not why.retry_after)
    named = (lasting + sorted({*unreadable} - {*lasting}))[:_EXPLAINED]
    more = f" And {len(unreadable) - len(named)} more." if len(unreadable) > len(named) else ""
    remedy = (
        "Assign the role `fipswarden reader` to the app's identity there, or take them out of the setting "
        "FIPSWARDEN_SUBSCRIPTIONS."
        if lasting
        else "The next resync tries again."
    )
    reasons = " ".join(f"{name}: {unreadable[name].message}" for name in named)
    text = f"{reasons}{more} Whatever clusters are there count as unknown. {remedy}"
    title = f"{count(len(unreadable), 'subscription')} can't be read: what is there is not known"
    key = f"coverage:{fingerprint(lasting)}:{now:%Y-%m-%d}"
    return Alert(key, "", "", "warning", "CoverageUnknown", title, text, now)


def _missed_alert(missed: Collection[str], now: datetime) -> Alert:
    names = f"{', '.join(sorted(missed)[:_NAMED])}{' and more' if len(missed) > _NAMED else ''}"
    text = f"{names}. Whatever clusters they have count as unknown. Of each: {NOT_COVERED.message}"
    are = "is" if len(missed) == 1 else "are"
    title = f"{count(len(missed), 'subscription')} in the policy's scope {are} not looked at"
    key = f"coverage:{fingerprint(sorted(missed))}:{now:%Y-%m-%d}"
    return Alert(key, "", "", "warning", "CoverageUnknown", title, text, now)


def _policy_alert(reason: str, message: str, now: datetime) -> Alert:
    text = f"{message} Until it is mended, nothing is remediated."
    key = f"policy:{fingerprint(message)}:{now:%Y-%m-%d}"
    return Alert(key, "", "", "critical", reason, "The policy can't be used", text, now)
