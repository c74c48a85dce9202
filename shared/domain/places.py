"""Places in the budget: how one is taken, with the approvals that it needs, and given back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.domain.budget import TOLD_AGAIN, Approval, Budget, Canary, Place
from shared.domain.refusals import Wanted, canary_of, refusal, too_many_nodes
from shared.domain.rulebook import Rulebook


def taken(
    budget: Budget, rules: Rulebook, wanted: Wanted, place: Place, needs: Sequence[str], now: datetime
) -> Budget | None:
    """Return the budget in which a place is taken and its approvals are used up; None if it may not be, any more.

    `needs` are the fingerprints of those approvals. The same intent may take its place twice: it counts once, what it
    needs beyond what it has used up is used up as well, and a pool that has grown since counts with all of its nodes.
    """
    mine = budget.places.get(wanted.cluster)
    if mine and mine.intent != place.intent:
        return None
    needs = [each for each in needs if mine is None or each not in mine.approvals]
    if not all(agreed(budget, each, now) for each in needs):
        return None
    used = {key: budget.approvals[key] for key in needs}
    if mine and place.nodes > mine.nodes:
        if too_many_nodes(budget, rules.policy, wanted):
            return None
        return _with_place(budget, wanted.cluster, replace(mine, nodes=place.nodes), used)
    if mine:
        return _with_place(budget, wanted.cluster, mine, used)
    if refusal(budget, rules, wanted, now):
        return None
    canaries, ring, policy = dict(budget.canaries), wanted.ring, rules.policy
    # A pool without nodes can prove nothing, and a new one, on which nothing runs yet, tries nothing.
    if ring and ring.canary and wanted.nodes != 0 and not wanted.skip_soak and canary_of(budget, policy, ring) is None:
        chosen = Canary(wanted.cluster, wanted.pool, stage=policy.stage(ring))
        canaries[chosen.key] = chosen
        place = replace(place, first=True)
    found, names = _with_place(budget, wanted.cluster, place, used), {ring.name} if ring else set[str]()
    return replace(unsettled(found, names, names, now), last_begun=place.at, canaries=canaries)


def unsettled(budget: Budget, rings: Collection[str], failing: Collection[str], now: datetime) -> Budget:
    """Return the budget in which rings are closed until the next count: a pool of each is not done.

    The `failing` ones among them soak anew, from when a resync counts them clean; the others soak on. UNTOLD, for a
    pool whose ring can't be told, closes every ring. What was told a moment ago is not told again.
    """
    counts = budget.counts
    anew = {name for name, ring in counts.rings.items() if ring.clean_since and name in failing} if counts else set()
    if counts and anew:
        found = {**counts.rings, **{name: replace(counts.rings[name], clean_since=None) for name in anew}}
        budget = replace(budget, counts=replace(counts, rings=found))
    late = {name: now for name in rings if name and (name in anew or not _told(budget, name, now))}
    return replace(budget, unsettled={**budget.unsettled, **late}) if late else budget


def _told(budget: Budget, ring: str, now: datetime) -> bool:
    """Say whether the budget knows that a ring is not done, so that the next count will know it as well."""
    at = budget.unsettled.get(ring)
    return at is not None and at >= (budget.counting or at) and now - at < TOLD_AGAIN


def _with_place(budget: Budget, cluster: str, place: Place, used: Mapping[str, Approval]) -> Budget:
    """Return the budget in which a cluster has a place, and open approvals are used up for it."""
    left = {key: value for key, value in budget.approvals.items() if key not in used}
    place = replace(place, approvals={**place.approvals, **used})
    return replace(budget, places={**budget.places, cluster: place}, approvals=left)


def agreed(budget: Budget, fingerprint: str, now: datetime) -> bool:
    """Say whether a person has agreed to something, and the word still holds."""
    return fingerprint in budget.approvals and budget.approvals[fingerprint].until > now


def released(budget: Budget, cluster: str, *, begun: bool, unsent: bool = False) -> Budget:
    """Return the budget without a cluster's place; if nothing was begun, what it used up is given back.

    If it is known that nothing was sent, or that it was refused (`unsent`), a pool that became its ring's canary by it
    is none: it might never be begun, and would hold the ring for ever. Where an answer was lost, what looks as if
    nothing was begun may come yet.
    """
    place = budget.places.get(cluster)
    if place is None:
        return budget
    places = {key: one for key, one in budget.places.items() if key != cluster}
    if begun:
        return replace(budget, places=places)
    none = Canary(cluster, place.pool).key if place.first and unsent else ""
    canaries = {key: one for key, one in budget.canaries.items() if key != none or one.proven}
    return replace(budget, places=places, approvals={**budget.approvals, **place.approvals}, canaries=canaries)
