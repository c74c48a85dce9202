"""What a policy and its exemptions name that is nowhere in the fleet, and what of the fleet no ring holds back.

Warnings are values: they hold nothing back themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import translate
from re import compile as pattern

from shared.domain.legible import OF_CLUSTER, OF_POOL
from shared.domain.match_warnings import ADD_RING, CLUSTER_PARTS, POOL_PARTS, lines, takes_all
from shared.domain.matching import ClusterMatch
from shared.domain.model import Cluster, ClusterRead
from shared.domain.policy import UNTOLD, Policy
from shared.domain.rulebook import Rulebook
from shared.domain.wording import count

_PARTS = (*CLUSTER_PARTS, *POOL_PARTS)
_SHOWN = 3
"""So many node pools are named."""


class FleetSeen:
    """The names that occur in a fleet, the rings that have a node pool and the pools in none: it grows with these."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.whole = True
        """Whether all was seen: of a fleet that was seen in part nobody can say what isn't there."""
        self.parts: dict[str, set[str]] = {name: set() for name in _PARTS}
        # One that the scope brings in may be excluded since nobody looks at it.
        self.parts["subscriptions"].update(each.lower() for each in policy.scope.subscriptions)
        """Every value, lower case, by the part of a match that is about it."""
        self.tags: dict[str, set[str]] = {}
        """Values of tags of clusters, by name."""
        self.pool_tags: dict[str, set[str]] = {}
        """Values of tags of node pools, by name."""
        self.unread: set[str] = set()
        """Parts of a match whose value can't be read somewhere: there it may be any."""
        self.rings: set[str] = set()
        """Names of the rings that have a node pool in scope."""
        self.ringless: set[str] = set()
        """Node pools in scope that may be changed and are in no ring, though there are rings."""
        self._all_in_rings = not policy.rings or any(takes_all(ring.match) for ring in policy.rings)

    def note(self, read: ClusterRead) -> None:
        """Note a cluster, in scope or not; what can't be read may have anything."""
        if not isinstance(read, Cluster):
            self.whole = False
            return
        self._names(CLUSTER_PARTS, (read.id.subscription, read.id.resource_group, read.id.name, read.location))
        _add(self.tags, read.tags)
        self.unread |= {part for part, unread in OF_CLUSTER.items() if unread(read)}
        for pool in read.pools:
            self.unread |= {part for part, unread in OF_POOL.items() if unread(pool)}
            self._names(POOL_PARTS, (pool.name, pool.os_type, pool.os_sku, pool.mode))
            _add(self.pool_tags, pool.tags)
        untold = not self._all_in_rings or len(self.rings) < len(self._policy.rings)
        if untold and self._policy.covers(read):
            self._places(read)

    def _places(self, read: Cluster) -> None:
        for pool in read.pools:
            ring = self._policy.ring_name(read, pool)
            if ring == UNTOLD:
                self.whole = False
            elif ring:
                self.rings.add(ring)
            elif not self._all_in_rings and self._policy.rule_for(read, pool).settings.mode.acts:
                self.ringless.add(f"{read.id}/{pool.name}")

    def _names(self, parts: Sequence[str], values: Sequence[str]) -> None:
        for part, value in zip(parts, values, strict=True):
            self.parts[part].add(value.lower())


def _add(tags: dict[str, set[str]], found: Mapping[str, str]) -> None:
    for name, value in found.items():
        tags.setdefault(name.lower(), set()).add(value.lower())


def fleet_warnings(rules: Rulebook, seen: FleetSeen) -> tuple[str, ...]:
    """Return what no ring keeps back, the rings that keep nothing back, and the globs that match nothing.

    The last two only where the fleet was seen whole. Those of the policy come as `line L: what`, those of exemptions
    with lines of their own file.
    """
    ringless = list(_ringless(rules.policy, seen))
    if not seen.whole:
        return lines(ringless)
    found = [warning for what, match, line in _matches(rules.policy) for warning in _vain(what, match, line, seen)]
    excused = [
        warning
        for each in rules.exemptions.entries
        for warning in _vain(f"exemption `{each.name}`", each.match, each.line, seen)
    ]
    return (*lines([*ringless, *_empty_rings(rules.policy, seen)]), *lines(found), *lines(excused))


def _ringless(policy: Policy, seen: FleetSeen) -> Iterator[tuple[int, str]]:
    if pools := sorted(seen.ringless):
        these, more = ("is", "waits") if len(pools) == 1 else ("are", "wait")
        what = f"{count(len(pools), 'node pool')} that may be changed {these} in no ring and {more} for none"
        some = ", ".join(pools[:_SHOWN]) + (", ..." if len(pools) > _SHOWN else "")
        yield policy.rings[-1].line, f"{what} ({some}): {ADD_RING}"


def _empty_rings(policy: Policy, seen: FleetSeen) -> Iterator[tuple[int, str]]:
    for ring in policy.rings:
        later = next((each.name for each in policy.rings if policy.before(each) == ring), None)
        if later and ring.name not in seen.rings:
            what = f"RING `{ring.name}` HAS NO NODE POOL in scope: nothing is tried there before ring `{later}` opens"
            yield ring.line, f"{what}; correct its `match`, or what is matched by the rings before it"


def _matches(policy: Policy) -> Iterator[tuple[str, ClusterMatch, int]]:
    for rule in policy.rules:
        yield f"rule `{rule.name}`", rule.match, rule.line
    for ring in policy.rings:
        yield f"ring `{ring.name}`", ring.match, ring.line
    for excluded in policy.scope.exclude:
        yield "an exclusion", excluded, excluded.line


def _vain(what: str, match: ClusterMatch, line: int, seen: FleetSeen) -> Iterator[tuple[int, str]]:
    for part, values in seen.parts.items():
        for glob in getattr(match, part, ()) if part not in seen.unread else ():
            if not _fits_any(glob, values):
                yield match.line or line, f"`{glob}` in `{part}` of {what} matches nothing in the fleet"
    for part, tags in (("tags", seen.tags), ("pool_tags", seen.pool_tags)):
        for name, glob in getattr(match, part, {}).items() if part not in seen.unread else ():
            if not _fits_any(glob, tags.get(name.lower(), set())):
                yield match.line or line, f"`{name}: {glob}` in `{part}` of {what} matches nothing in the fleet"


def _fits_any(glob: str, values: set[str]) -> bool:
    if glob.lower() in values:
        return True
    fits = pattern(translate(glob.lower())).match
    return any(fits(value) for value in values)
