"""The disruption budget: who may be remediated now, by counts, rings, spacing, breaker, pause and approvals.

One document for the whole fleet. The planner asks it, and the reservation asks the same question again of the
document as it then is, before it writes: no path has another rule.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.people import Decision
from shared.domain.policy import Policy, Ring
from shared.domain.wording import count

COUNTS_LAST = timedelta(hours=3)
"""How old the counts of the fleet may be: a ring that nobody has counted since is closed."""


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
    """What it can be taken back by: `subscription|group|cluster|pool`, lower case; empty for a policy."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place in the budget: a remediation that was reserved, and may be running."""

    intent: str
    pool: str
    subscription: str
    ring: str
    """Empty if the pool is in none."""
    nodes: int
    at: datetime
    approvals: Mapping[str, Approval] = field(default_factory=dict, hash=False)
    """The approvals that it uses up, by fingerprint; given back if nothing was begun."""


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


@dataclass(frozen=True, slots=True)
class RingCount:
    """What the resync counted in one ring."""

    pools: int = 0
    unproven: int = 0
    """Pools that are not compliant, exempt or not applicable, and those that nobody has looked at."""
    clean_since: datetime | None = None
    """Since when none of them was judged to be so; it begins when all were judged."""
    unjudged: int = 0
    """Those of `unproven` that today's rules have not judged, or that can't be read: they close the ring for now."""
    unseen: int = 0
    """Those of `unproven` that nobody knows to be in it: clusters and subscriptions that may hold some of the ring, and
    the `untold`."""
    stage: str = ""
    """Fingerprint of which pools the ring is about: with another one its soak begins anew."""
    untold: int = 0
    """Those of `unseen` that are pools whose ring can't be told."""


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
    """By name of the ring."""
    approvals: Mapping[str, Approval] = field(default_factory=dict, hash=False)
    """By fingerprint; a policy's by its hash."""
    guarded: bool = False
    """The last policy that a person approved demanded it: a text that no longer does so has to be approved as well."""
    guarded_at: datetime | None = None
    """When the last text was approved that demanded it."""
    decisions: tuple[Decision, ...] = ()
    """What persons decided and no record says yet: each stands here from the write that carried it out."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A place that somebody wants."""

    cluster: str
    """Key of the cluster."""
    pool: str
    subscription: str
    ring: Ring | None
    nodes: int | None
    """None if ARM gave no count."""
    skip_soak: bool = False
    """The pool is new, and the policy lets new pools into a closed ring."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no place now."""

    reason: str
    message: str
    after: timedelta | None = None
    """When to ask again; None: soon, places come free at any time."""


def named(counts: Counts) -> str:
    """Return the names of what nobody could judge, in brackets; empty if none is known."""
    more = ", ..." if counts.gaps and counts.blind > len(counts.gaps) else ""
    return f" ({', '.join(counts.gaps)}{more})" if counts.gaps else ""


def refusal(budget: Budget, policy: Policy, wanted: Wanted, now: datetime) -> Refusal | None:
    """Say why a pool may not be remediated now, or None if it may."""
    if budget.paused:
        return Refusal("Paused", f"A person has paused every remediation, so {wanted.pool} waits.", timedelta(hours=1))
    if budget.broken:
        return Refusal("BreakerOpen", breaker_open(budget.broken), timedelta(hours=1))
    return (
        _full(budget, policy, wanted, now)
        or _spaced(budget, policy.disruption.spacing, now)
        or (_ring_closed(budget, policy, wanted.ring, wanted, now) if wanted.ring else None)
    )


def breaker_open(broken: str) -> str:
    """Return what people are told of a breaker that is open; `broken` is why."""
    return f"{broken} Find out why, then reset it with `fipswarden breaker reset`."


def _full(budget: Budget, policy: Policy, wanted: Wanted, now: datetime) -> Refusal | None:
    others = [place for key, place in budget.places.items() if key != wanted.cluster]
    disruption = policy.disruption
    # A share of a number that nobody has counted lately, or that another policy's scope and rings gave, is one.
    counts = budget.counts
    if counts and (counts.policy != policy.hash or now - counts.at > COUNTS_LAST):
        counts = None
    limits = [("the fleet", len(others), disruption.concurrent.of(counts.pools if counts else None))]
    if disruption.per_subscription:
        total = counts.subscriptions.get(wanted.subscription, 0) if counts else None
        mine = sum(place.subscription == wanted.subscription for place in others)
        limits.append(("its subscription", mine, disruption.per_subscription.of(total)))
    if wanted.ring and wanted.ring.concurrent:
        total = counts.rings.get(wanted.ring.name, RingCount()).pools if counts else None
        mine = sum(place.ring == wanted.ring.name for place in others)
        limits.append((f"ring {wanted.ring.name}", mine, wanted.ring.concurrent.of(total)))
    for where, used, limit in limits:
        if used >= limit:
            runs = f"{count(used, 'remediation')} {'runs' if used == 1 else 'run'}"
            return Refusal("BudgetExhausted", f"{runs} in {where}; the policy allows {limit}.")
    nodes = sum(place.nodes for place in others)
    if disruption.nodes is not None and wanted.nodes is None:
        return Refusal("TooManyNodes", f"How many nodes {wanted.pool} has is not known, and the policy has a limit.")
    if disruption.nodes is not None and nodes + (wanted.nodes or 0) > disruption.nodes:
        message = (
            f"{wanted.pool} has {wanted.nodes} nodes and {nodes} are under remediation; "
            f"the policy allows {disruption.nodes} at once."
        )
        return Refusal("TooManyNodes", message)
    return None


def _spaced(budget: Budget, spacing: timedelta, now: datetime) -> Refusal | None:
    if budget.last_begun is None or now - budget.last_begun >= spacing:
        return None
    left = budget.last_begun + spacing - now
    return Refusal("Spacing", f"The last remediation began at {budget.last_begun:%H:%M} UTC: the next waits.", left)


def _ring_closed(budget: Budget, policy: Policy, ring: Ring, wanted: Wanted, now: datetime) -> Refusal | None:
    earlier = None if wanted.skip_soak else policy.before(ring)
    while earlier:
        if closed := _not_done(budget, policy, earlier, now):
            return closed
        earlier = policy.before(earlier)
    canary = budget.canaries.get(ring.name)
    if not ring.canary or canary is None or canary.proven or (canary.cluster, canary.pool) == _who(wanted):
        return None
    message = f"{canary.pool} of {canary.cluster} goes first in ring {ring.name}, and is not proven yet."
    return Refusal("CanaryUnproven", message)


def _not_done(budget: Budget, policy: Policy, ring: Ring, now: datetime) -> Refusal | None:
    """Say what keeps the ring after this one closed."""
    running = next((place for place in budget.places.values() if place.ring == ring.name), None)
    if running:
        return Refusal("RingClosed", f"Ring {ring.name} comes first, and {running.pool} of it is under remediation.")
    counts = budget.counts
    if counts is None or now - counts.at > COUNTS_LAST:
        return Refusal("RingClosed", f"Ring {ring.name} comes first, and has not been counted lately.")
    if counts.policy != policy.hash:
        message = f"Ring {ring.name} comes first, and the resync counts it once the app uses this text of the policy."
        return Refusal("RingClosed", message)
    counted = counts.rings.get(ring.name, RingCount())
    if counted.unproven or counted.clean_since is None:
        return Refusal("RingClosed", _unproven(ring, counted))
    left = counted.clean_since + ring.soak - now
    if left > timedelta():
        return Refusal("RingSoaking", f"Ring {ring.name} soaks until {now + left:%Y-%m-%d %H:%M} UTC.", left)
    return None


def _unproven(ring: Ring, counted: RingCount) -> str:
    if not counted.unproven:
        return f"Ring {ring.name} comes first, and no resync has counted it since one of its pools was not proven."
    pools = counted.unproven - counted.unseen
    said = [f"Ring {ring.name} comes first, and {pools} of its {counted.pools} pools {_are(pools)} not proven."]
    if counted.untold:
        who = f"{count(counted.untold, 'pool')} whose ring can't be told {_are(counted.untold)} not proven either"
        said.append(f"{who}: `fipswarden explain` says why of each.")
    if parts := counted.unseen - counted.untold:
        them = count(parts, "cluster or subscription", "clusters or subscriptions")
        said.append(f"{them} that nobody could judge may hold more of them: see `fipswarden posture`.")
    return " ".join(said)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _who(wanted: Wanted) -> tuple[str, str]:
    return wanted.cluster, wanted.pool


def taken(
    budget: Budget, policy: Policy, wanted: Wanted, place: Place, needs: Sequence[str], now: datetime
) -> Budget | None:
    """Return the budget in which a place is taken and its approvals are used up; None if it may not be, any more.

    `needs` are the fingerprints of those approvals. The same intent may take its place twice: it counts once, and what
    it needs beyond what it has used up is used up as well.
    """
    mine = budget.places.get(wanted.cluster)
    if mine and mine.intent != place.intent:
        return None
    needs = [each for each in needs if mine is None or each not in mine.approvals]
    if not all(agreed(budget, each, now) for each in needs):
        return None
    used = {key: budget.approvals[key] for key in needs}
    if mine:
        return _with_place(budget, wanted.cluster, mine, used)
    if refusal(budget, policy, wanted, now):
        return None
    canaries = dict(budget.canaries)
    # A pool without nodes can prove nothing: it is no canary.
    if wanted.ring and wanted.ring.canary and wanted.nodes != 0 and wanted.ring.name not in canaries:
        canaries[wanted.ring.name] = Canary(wanted.cluster, wanted.pool)
    found = _with_place(budget, wanted.cluster, place, used)
    return replace(unsettled(found, {place.ring}), last_begun=place.at, canaries=canaries)


def unsettled(budget: Budget, rings: Collection[str]) -> Budget:
    """Return the budget in which rings are not clean any more: they soak anew from when a resync counts them so."""
    counts = budget.counts
    if counts is None or not any(ring.clean_since for name, ring in counts.rings.items() if name in rings):
        return budget
    found = {name: replace(ring, clean_since=None) if name in rings else ring for name, ring in counts.rings.items()}
    return replace(budget, counts=replace(counts, rings=found))


def _with_place(budget: Budget, cluster: str, place: Place, used: Mapping[str, Approval]) -> Budget:
    """Return the budget in which a cluster has a place, and open approvals are used up for it."""
    left = {key: value for key, value in budget.approvals.items() if key not in used}
    place = replace(place, approvals={**place.approvals, **used})
    return replace(budget, places={**budget.places, cluster: place}, approvals=left)


def agreed(budget: Budget, fingerprint: str, now: datetime) -> bool:
    """Say whether a person has agreed to something, and the word still holds."""
    return fingerprint in budget.approvals and budget.approvals[fingerprint].until > now


def released(budget: Budget, cluster: str, *, begun: bool) -> Budget:
    """Return the budget without a cluster's place; what it used up is given back if nothing was begun."""
    place = budget.places.get(cluster)
    if place is None:
        return budget
    places = {key: one for key, one in budget.places.items() if key != cluster}
    approvals = budget.approvals if begun else {**budget.approvals, **place.approvals}
    return replace(budget, places=places, approvals=approvals)
