"""The policy: what must be true of which node pools, and how far the product may go to make it true.

The types are the language (shared/domain/settings.py says how); the default mode is `audit`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from functools import lru_cache

from shared.domain.codec import fingerprint, plain
from shared.domain.ids import ClusterId
from shared.domain.limits import Limit
from shared.domain.matching import ClusterMatch, Match
from shared.domain.model import Cluster, Mode, Pool
from shared.domain.settings import Settings

_MODE_MISSING = {"mode": ": say audit, alert, approve or enforce, so that no rule acts by surprise"}
_MANAGEMENT_GROUPS = {
    "pattern": r"[A-Za-z0-9_.()-]{1,90}",
    "says": "is not the id of a management group: those are 1 to 90 letters, digits and `-_.()`",
    "empty": "and nothing would be in scope: leave it out for all",
}
_EXCLUSIONS = {
    "item": "an exclusion",
    "nameless": "an exclusion that names nothing would exclude the whole fleet: name clusters",
}
_SUBSCRIPTIONS = {
    "pattern": r"\*|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "says": "is not a subscription id: write its GUID, or `*` for all",
    "empty": "and nothing would be in scope: leave it out for all",
}


ENDS_KEPT = 200
"""How many ends of remediations the budget keeps, for the breaker and the forecast."""


UNTOLD = "?"
"""Instead of a ring's name: which ring a pool is in can't be told."""
EXCLUSION = "scope.exclude"
"""Instead of a rule's name: whether the cluster is in scope at all can't be told."""
_RING_NAME = {
    "pattern": r"(?!\?$)[\s\S]+",
    "says": "is no name for a ring: it stands for pools whose ring can't be told",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for the pools that it matches; the first rule that matches wins."""

    name: str = field(metadata={"longest": 100})
    """Stands in findings and evidence."""
    match: Match = field(default=Match())
    settings: Settings = field(default=Settings(), metadata={"flat": True, "missing": _MODE_MISSING})
    line: int = field(default=0, compare=False, metadata={"place": True})
    """Where it stands in the file; 0 for what is at the top."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is judged at all."""

    management_groups: tuple[str, ...] = field(default=(), metadata=_MANAGEMENT_GROUPS)
    """Ids of management groups: their subscriptions, at any depth."""
    subscriptions: tuple[str, ...] = field(default=(), metadata=_SUBSCRIPTIONS)
    """Subscription ids; with neither these nor management groups, all that the app can read."""
    exclude: tuple[ClusterMatch, ...] = field(default=(), metadata=_EXCLUSIONS)
    """Clusters that are out of scope: they have no state."""


@dataclass(frozen=True, slots=True)
class Ring:
    """One stage of the roll-out."""

    name: str = field(metadata={"longest": 100, **_RING_NAME})
    """Unique; stands in deferrals and in the budget."""
    match: Match = field(default=Match())
    """Which pools; the first ring that matches wins, and a pool in no ring waits for none."""
    after: str = ""
    """The ring that has to be done before this one opens; empty: the one above, if there is one."""
    soak: timedelta = timedelta()
    """How long this ring must have been without an unproven or failing pool before the next one opens."""
    canary: bool = True
    """Whether the first pool must be proven before the second is begun."""
    concurrent: Limit | None = None
    """How many of its pools may be remediated at once."""
    line: int = field(default=0, compare=False, kw_only=True, metadata={"place": True})
    """Where it stands in the file."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Stops everything when remediations keep failing, until a person resets it."""

    failures: int = field(default=50, metadata={"least": 1, "most": 100, "percent": True})
    """Share of failures, in percent, from which on it is open."""
    within: timedelta = field(default=timedelta(days=1), metadata={"least": timedelta(minutes=1)})
    """How far back remediations count."""
    least: int = field(default=3, metadata={"least": 1, "most": ENDS_KEPT})
    """How many remediations must have ended in that time for a share to mean anything; no more than the last 200 are
    kept."""


@dataclass(frozen=True, slots=True)
class Disruption:
    """How much may be disrupted at once."""

    concurrent: Limit = field(default=Limit(count=1))
    """Node pools of the whole fleet under remediation at once."""
    per_subscription: Limit | None = None
    """Node pools of one subscription under remediation at once."""
    nodes: int | None = field(default=None, metadata={"least": 0})
    """Nodes of all pools under remediation together."""
    spacing: timedelta = timedelta()
    """Shortest time between the beginnings of two remediations."""
    breaker: Breaker = Breaker()


@dataclass(frozen=True, slots=True)
class ExemptionRules:
    """What holds for every exemption, whoever owns their file."""

    max_age: timedelta = field(default=timedelta(days=365), metadata={"least": timedelta(days=1)})
    """How long after its creation an exemption counts at most, whatever its expiry says."""
    expiring: timedelta = timedelta(days=30)
    """How long before its end an exemption is reported as expiring."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy, typed and checked."""

    defaults: Settings = field(default=Settings(), metadata={"flat": True})
    """For pools that no rule matches, and for what a rule leaves out."""
    scope: Scope = Scope()
    rules: tuple[Rule, ...] = ()
    """In the order of the file."""
    rings: tuple[Ring, ...] = ()
    """In the order of the file."""
    disruption: Disruption = Disruption()
    exemptions: ExemptionRules = ExemptionRules()
    require_approved_policy: bool = False
    """Whether this text must have been approved, by its hash, before `enforce` and `approve` apply."""
    hash: str = field(default="", compare=False, metadata={"unread": True})
    """SHA-256 of the file's text: evidence names the policy by it."""

    def covers(self, cluster: Cluster) -> bool:
        """Say whether a cluster is, or may be, in scope; management groups must have been resolved into subscriptions.

        Without subscriptions everything is in scope, but nothing if management groups are named: they hold none. It may
        be where an exclusion asks for what can't be read of it: then it is judged unknown, and nothing is done to it.
        """
        return self._named(cluster.id) and self.excluding(cluster) is None

    def excluding(self, cluster: Cluster) -> ClusterMatch | None:
        """Return the exclusion that leaves a cluster out; None if none does for certain."""
        fitting = (one for one in self.scope.exclude if one.fits_cluster(cluster))
        return next((one for one in fitting if not one.undecided_cluster(cluster)), None)

    def may_cover(self, cluster: ClusterId) -> bool:
        """Say whether a cluster of which only the id is known may be in scope."""
        return self._named(cluster) and not any(excluded.fits_id(cluster) for excluded in self.scope.exclude)

    def _named(self, cluster: ClusterId) -> bool:
        wanted = {each.lower() for each in self.scope.subscriptions}
        limited = bool(wanted or self.scope.management_groups) and "*" not in wanted
        return not limited or cluster.subscription.lower() in wanted

    def rule_called(self, name: str, line: int) -> Rule | None:
        """Return the rule that a verdict names, by name and line; None if the policy has no such."""
        named = next((rule for rule in self.rules if (rule.name, rule.line) == (name, line)), None)
        return named or (Rule("default", settings=self.defaults) if (name, line) == ("default", 0) else None)

    def rule_for(self, cluster: Cluster, pool: Pool) -> Rule:
        """Return the first rule that matches a pool, or the default one.

        Where a rule asks for what can't be read of the pool or its cluster, nobody knows which rule holds: the pool is
        then judged by that rule's place, and nothing is done to it. So it is where an exclusion asks for such.
        """
        if excluding := self._may_exclude(cluster):
            return excluding
        for rule in self.rules:
            if rule.match.undecided(cluster, pool):
                return replace(rule, settings=_held(rule.settings))
            if rule.match.fits(cluster, pool):
                return rule
        return Rule("default", settings=self.defaults)

    def rule_outside(self, cluster: Cluster) -> Rule:
        """Return what holds for nodes in no node pool: the first rule that asks nothing of pools, or the default one.

        Where what can't be read would decide, it is as for a pool.
        """
        if excluding := self._may_exclude(cluster):
            return excluding
        for rule in (one for one in self.rules if one.match.only_cluster):
            if rule.match.undecided_cluster(cluster):
                return replace(rule, settings=_held(rule.settings))
            if rule.match.fits_cluster(cluster):
                return rule
        return Rule("default", settings=self.defaults)

    def _may_exclude(self, cluster: Cluster) -> Rule | None:
        """Return what stands in place of a rule while nobody knows whether a cluster is excluded; None: it is known."""
        for each in self.scope.exclude:
            if each.undecided_cluster(cluster):
                match = Match(**{part.name: getattr(each, part.name) for part in fields(ClusterMatch)})
                return Rule(EXCLUSION, match, _held(self.defaults), each.line)
        return None

    def ring_of(self, cluster: Cluster, pool: Pool) -> tuple[Ring | None, Mapping[str, str]]:
        """Return the first ring that matches a pool, or may, with what can't be read that would decide; None: no ring.

        What can't be read is in words, by the part of the ring's match that asks for it; where it is empty, the ring is
        the pool's.
        """
        for ring in self.rings:
            unread = ring.match.undecided(cluster, pool)
            if unread or ring.match.fits(cluster, pool):
                return ring, unread
        return None, {}

    def ring_for(self, cluster: Cluster, pool: Pool) -> Ring | None:
        """Return the first ring that matches a pool; None if it is in none, or that can't be told."""
        ring, unread = self.ring_of(cluster, pool)
        return None if unread else ring

    def ring_name(self, cluster: Cluster, pool: Pool) -> str:
        """Return the name of a pool's ring: empty if it is in none, UNTOLD if what would decide can't be read."""
        ring, unread = self.ring_of(cluster, pool)
        return UNTOLD if unread else ring.name if ring else ""

    def held(self) -> "Policy":
        """Return the policy as it is while nothing may be done by it: it judges, and tells."""
        rules = tuple(replace(rule, settings=_held(rule.settings)) for rule in self.rules)
        return replace(self, defaults=_held(self.defaults), rules=rules)

    def agreed(self) -> "Policy":
        """Return the policy as it is once somebody has agreed to its text, and to every step that it asks about."""
        rules = tuple(replace(rule, settings=_agreed(rule.settings)) for rule in self.rules)
        return replace(self, defaults=_agreed(self.defaults), rules=rules, require_approved_policy=False)

    def stage(self, ring: Ring | None) -> str:
        """Return a fingerprint of which pools are in a ring, or in none: what it matches, and what those above it take.

        No name is in it: a ring that is called otherwise is about the same pools.
        """
        return _stages(self.rings)[ring.name if ring else ""]

    def stage_called(self, name: str) -> str:
        """Return the stage of a ring by its name, of none by none; empty, which is no stage, if there is no such."""
        return _stages(self.rings).get(name, "")

    def elsewhere(self, ring: Ring) -> frozenset[str]:
        """Return the stages whose pools are certainly not in a ring: those of the other rings, and of none.

        What was told to be in another stage than these may be in the ring: it is the ring's own, or one from before the
        rings were changed, and only the next look knows what became of its pools.
        """
        return frozenset(_stages(self.rings).values()) - {self.stage(ring)}

    def before(self, ring: Ring) -> Ring | None:
        """Return the ring that has to be done before this one opens."""
        if ring.after:
            return next((each for each in self.rings if each.name == ring.after), None)
        place = [each.name for each in self.rings].index(ring.name)
        return self.rings[place - 1] if place else None


def stricter(rule: Rule, asked: Settings) -> Rule:
    """Return a rule that asks for no lesser proof than other settings do: a twin is proven as its pool would be."""
    mine, others = rule.settings.proof, asked.proof
    proof = replace(
        mine if mine.level.reaches(others.level) else others,
        max_age=min(mine.max_age, others.max_age),
        joined_nodes=min(mine.joined_nodes, others.joined_nodes),
        sampling=mine.sampling and others.sampling,
    )
    return replace(rule, settings=replace(rule.settings, proof=proof))


# A forecast asks a hundred thousand times.
@lru_cache(maxsize=8)
def _stages(rings: tuple[Ring, ...]) -> Mapping[str, str]:
    """Return the stage of each ring by its name, and of none by the empty one."""
    matches = [plain(replace(each.match, line=0)) for each in rings]
    stages = {ring.name: fingerprint(matches[: place + 1]) for place, ring in enumerate(rings)}
    return {**stages, "": fingerprint([*matches, None])}


def _agreed(settings: Settings) -> Settings:
    return replace(settings, mode=Mode.ENFORCE) if settings.mode is Mode.APPROVE else settings


def _held(settings: Settings) -> Settings:
    return replace(settings, mode=Mode.ALERT) if settings.mode.acts else settings
