"""Whether the budget has a place for a step: every limit of the policy, in one order, each with a reason and an end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.breaker import tripped
from shared.domain.budget import Budget, Canary, Place, RingCount
from shared.domain.ids import ClusterId
from shared.domain.policy import UNTOLD, Policy, Ring
from shared.domain.proofs import CLOCKS
from shared.domain.rulebook import Rulebook
from shared.domain.wording import count


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
    dated: bool = False
    """That time stays the same, whatever the rest of the fleet does meanwhile."""


def refusal(budget: Budget, rules: Rulebook, wanted: Wanted, now: datetime) -> Refusal | None:
    """Say why a pool may not be remediated now, by the first reason, or None if it may."""
    return next(refusals(budget, rules, wanted, now), None)


def refusals(budget: Budget, rules: Rulebook, wanted: Wanted, now: datetime) -> Iterator[Refusal]:
    """Yield every reason why a pool may not be remediated now, in the order in which they are asked."""
    if budget.paused:
        yield Refusal("Paused", f"A person has paused every remediation, so {wanted.pool} waits.", timedelta(hours=1))
    if broken := tripped(budget, rules.policy.disruption.breaker, now):
        yield Refusal("BreakerOpen", breaker_open(broken), timedelta(hours=1))
    yield from _full(budget, rules.policy, wanted, now)
    if spaced := _spaced(budget, rules.policy.disruption.spacing, now):
        yield spaced
    if wanted.ring:
        yield from _ring_closed(budget, rules, wanted.ring, wanted, now)


def breaker_open(broken: str) -> str:
    """Return what people are told of a breaker that is open; `broken` is why."""
    return f"{broken} Find out why, then reset it with `fipswarden breaker reset`."


def _full(budget: Budget, policy: Policy, wanted: Wanted, now: datetime) -> Iterator[Refusal]:
    others = _others(budget, wanted)
    disruption = policy.disruption
    # A share of a number that nobody has counted lately, or that another policy's scope and rings gave, is one.
    counts = budget.counts
    if counts and (counts.policy != policy.hash or not counts.lately(now)):
        counts = None
    limits = [("the fleet", len(others), disruption.concurrent.of(counts.pools if counts else None))]
    if disruption.per_subscription:
        total = counts.subscriptions.get(wanted.subscription, 0) if counts else None
        mine = sum(place.subscription == wanted.subscription for place in others.values())
        limits.append(("its subscription", mine, disruption.per_subscription.of(total)))
    if wanted.ring and wanted.ring.concurrent:
        total = counts.rings.get(wanted.ring.name, RingCount()).pools if counts else None
        mine = len(_within(policy, wanted.ring, others))
        limits.append((f"ring {wanted.ring.name}", mine, wanted.ring.concurrent.of(total)))
    for where, used, limit in limits:
        if used >= limit:
            runs = f"{count(used, 'remediation')} {'runs' if used == 1 else 'run'}"
            yield Refusal("BudgetExhausted", f"{runs} in {where}; the policy allows {limit}.")
    if found := too_many_nodes(budget, policy, wanted):
        yield found


def too_many_nodes(budget: Budget, policy: Policy, wanted: Wanted) -> Refusal | None:
    """Say whether a pool has more nodes than the policy lets be under remediation, beside those of other clusters."""
    limit = policy.disruption.nodes
    if limit is None:
        return None
    if wanted.nodes is None:
        return Refusal("TooManyNodes", f"How many nodes {wanted.pool} has is not known, and the policy has a limit.")
    nodes = sum(place.nodes for key, place in budget.places.items() if key != wanted.cluster)
    if nodes + wanted.nodes > limit:
        message = (
            f"{wanted.pool} has {wanted.nodes} nodes and {nodes} are under remediation; "
            f"the policy allows {limit} at once."
        )
        return Refusal("TooManyNodes", message)
    return None


def _spaced(budget: Budget, spacing: timedelta, now: datetime) -> Refusal | None:
    # One of a time that has not come was begun by a clock that was wrong: nobody knows when.
    if budget.last_begun is None or now - budget.last_begun >= spacing or budget.last_begun > now + CLOCKS:
        return None
    left = budget.last_begun + spacing - now
    began = f"{budget.last_begun:%Y-%m-%d %H:%M} UTC"
    return Refusal("Spacing", f"The last remediation began at {began}: the next waits.", left)


def _ring_closed(budget: Budget, rules: Rulebook, ring: Ring, wanted: Wanted, now: datetime) -> Iterator[Refusal]:
    policy = rules.policy
    earlier = None if wanted.skip_soak else policy.before(ring)
    while earlier:
        if closed := _not_done(budget, rules, earlier, now):
            yield closed
        earlier = policy.before(earlier)
    if ring.canary and (untried := _untried(budget, policy, ring, wanted)):
        yield untried


def _untried(budget: Budget, policy: Policy, ring: Ring, wanted: Wanted) -> Refusal | None:
    """Say what has to be proven in a ring before another of its pools is begun."""
    canary = canary_of(budget, policy, ring)
    if canary is None:
        return _running_untried(budget, policy, ring, wanted)
    if canary.proven or (canary.cluster, canary.pool) == who_wants(wanted):
        return None
    first = f"{canary.pool} of {ClusterId.from_key(canary.cluster)}"
    if canary.stage == policy.stage(ring):
        message = f"{first} goes first in ring {ring.name}, and is not proven yet."
    else:
        message = (
            f"{first} went first in its ring and is not proven yet; since the rings were changed it may be in ring "
            f"{ring.name}: the next look that can read its cluster tells. `fipswarden posture` says whether it can; a "
            "cluster that can't be read for good is left out by `scope.exclude`."
        )
    return Refusal("CanaryUnproven", message)


def _running_untried(budget: Budget, policy: Policy, ring: Ring, wanted: Wanted) -> Refusal | None:
    """Say what runs in a ring without a canary: it came there under way, or tries nothing."""
    for running in _within(policy, ring, _others(budget, wanted)):
        message = f"{running.pool} is under remediation in ring {ring.name}, of which nothing is proven."
        return Refusal("CanaryUnproven", message)
    return None


def canary_of(budget: Budget, policy: Policy, ring: Ring) -> Canary | None:
    """Return the canary of a ring that wants one: the first that is not proven, else one that is; None if it has none.

    One that is not proven holds back every ring that it may be in, whatever is edited meanwhile, until a look sees
    where it is: those that its names can't keep it out of. A proof from when the ring was about other pools opens
    nothing.
    """
    if not ring.canary:
        return None
    stage = policy.stage(ring)
    found = [
        one
        for one in budget.canaries.values()
        if one.stage == stage or (not one.proven and _may_be_in(policy, ring, one.stage, one.cluster, one.pool))
    ]
    return min(found, key=lambda one: (one.proven, one.cluster, one.pool), default=None)


def _others(budget: Budget, wanted: Wanted) -> dict[str, Place]:
    """Return the places of other clusters, by their keys."""
    return {key: place for key, place in budget.places.items() if key != wanted.cluster}


def _within(policy: Policy, ring: Ring, places: Mapping[str, Place]) -> list[Place]:
    """Return the places of pools that are in a ring, or may be."""
    return [place for key, place in places.items() if _may_be_in(policy, ring, place.stage, key, place.pool)]


def _may_be_in(policy: Policy, ring: Ring, stage: str, cluster: str, pool: str) -> bool:
    """Say whether a pool that was told to be in a stage is in a ring, or may be."""
    if stage == policy.stage(ring):
        return True
    return stage not in policy.elsewhere(ring) and ring.match.may_fit(ClusterId.from_key(cluster), pool)


def _not_done(budget: Budget, rules: Rulebook, ring: Ring, now: datetime) -> Refusal | None:
    """Say what keeps the ring after this one closed."""
    if running := next(iter(_within(rules.policy, ring, budget.places)), None):
        told = "of it" if running.stage == rules.policy.stage(ring) else "which may be of it"
        return Refusal("RingClosed", f"Ring {ring.name} comes first, and {running.pool}, {told}, is under remediation.")
    counts = budget.counts
    if counts is None or not counts.lately(now):
        return Refusal("RingClosed", f"Ring {ring.name} comes first, and has not been counted lately.")
    if (counts.policy, counts.exemptions) != (rules.policy.hash, rules.exemptions.hash):
        texts = "this text of the policy" if counts.policy != rules.policy.hash else "these exemptions"
        message = f"Ring {ring.name} comes first, and the resync counts it once the app uses {texts}."
        return Refusal("RingClosed", message)
    counted = counts.rings.get(ring.name, RingCount())
    if counted.unproven or counted.clean_since is None or ring.name in budget.unsettled:
        return Refusal("RingClosed", _unproven(ring, counted))
    if UNTOLD in budget.unsettled:
        message = f"Ring {ring.name} comes first, and a pool whose ring can't be told turned out not to be proven."
        return Refusal("RingClosed", message)
    if counted.exempt_until and counted.exempt_until <= now:
        message = f"Ring {ring.name} comes first, and an exemption of one of its pools has ended since it was counted."
        return Refusal("RingClosed", message)
    left = counted.clean_since + ring.soak - now
    if left > timedelta():
        return Refusal(
            "RingSoaking", f"Ring {ring.name} soaks until {now + left:%Y-%m-%d %H:%M} UTC.", left, dated=True
        )
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


def who_wants(wanted: Wanted) -> tuple[str, str]:
    """Return the cluster and the pool that a place is wanted for."""
    return wanted.cluster, wanted.pool
