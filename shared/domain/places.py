"""Places in the budget: how one is taken, with the approvals that it needs, and given back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.domain.budget import Approval, Budget, Canary, Place, closed_since
from shared.domain.refusals import Wanted, refusal, too_many_nodes
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
    canaries = dict(budget.canaries)
    # A pool without nodes can prove nothing: it is no canary.
    if wanted.ring and wanted.ring.canary and wanted.nodes != 0 and wanted.ring.name not in canaries:
        canaries[wanted.ring.name] = Canary(wanted.cluster, wanted.pool)
    found = _with_place(budget, wanted.cluster, place, used)
    return replace(unsettled(found, {place.ring}, now), last_begun=place.at, canaries=canaries)


def unsettled(budget: Budget, rings: Collection[str], now: datetime) -> Budget:
    """Return the budget in which rings are not clean any more: they soak anew from when a resync counts them so.

    UNTOLD, for a pool whose ring can't be told, closes every ring until the next count, and none soaks anew for it.
    What is known already since the last count began is not told again.
    """
    counts = budget.counts
    if counts and any(ring.clean_since for name, ring in counts.rings.items() if name in rings):
        found = {
            name: replace(ring, clean_since=None) if name in rings else ring for name, ring in counts.rings.items()
        }
        budget = replace(budget, counts=replace(counts, rings=found))
    since = budget.counting
    late = {name: now for name in rings if name and since and not closed_since(budget, name, since)}
    return replace(budget, unsettled={**budget.unsettled, **late}) if late else budget


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
