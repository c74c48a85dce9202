"""How the open findings of a cluster came and went, from one observation to the next.

A cluster that can't be read closes nothing: what was wrong there is not known to be mended. The pools that such a
look calls unknown are told once, by the cluster's own finding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from shared.domain.assessed import READABLE, Source
from shared.domain.bodies import Observation, ReplacementPart
from shared.domain.model import OPEN, WORST_FIRST, ComplianceState
from shared.domain.unjudged import UNJUDGED
from shared.domain.verdicts import Judgement
from shared.domain.wording import called

Key = tuple[str, str]
"""Name of the pool (empty for the cluster) and of the check."""


class Activity(StrEnum):
    """What became of an open finding between two observations."""

    CREATE = "create"
    UPDATE = "update"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Change:
    """A finding that was opened, became another one, or was closed."""

    activity: Activity
    pool: str
    """Empty for what concerns the whole cluster."""
    judgement: Judgement
    """As it is now; of a closed one, as it was last."""
    opened: Source
    """The record that opened it."""
    source: Source
    """The record that says so."""
    why: str = ""
    """Why it was closed."""
    mended: bool = False
    """It was closed because the check is content, not because there is nothing to check any more."""
    remediating: bool = False
    """An operation of the app's own was under way on the pool."""
    over: bool = False
    """It was closed before: what is told is what the app did on the pool since."""


@dataclass(slots=True)
class OpenFindings:
    """What is open at one observation; told the next one, it says what changed."""

    _open: dict[Key, Change] = field(default_factory=dict)
    acting: set[str] = field(default_factory=set)
    """Pools with an operation of the app's own, or that are being replaced."""
    replaced: dict[str, str] = field(default_factory=dict)
    """Pools that the app was about to delete, and the twins that take their place."""

    _closed: dict[str, tuple[Change, ...]] = field(default_factory=dict)
    """By pool: the findings that were closed last."""

    def next(
        self, seen: Observation, source: Source, besides: Mapping[Key, Judgement] = MappingProxyType({})
    ) -> tuple[Change, ...]:
        """Take in an observation, and return what it changed; what is open besides, and it does not know, stays so."""
        found = {**_open_in(seen), **besides}
        changes = [self._met(key, judgement, source) for key, judgement in found.items()]
        told = [change for change in changes if change]
        for key in [key for key in self._open if key not in found and not _unsettled(key, seen)]:
            told += self.close(key, source, *_why(key, seen, self.replaced))
        return tuple(told)

    def dated(self, pool: str, findings: tuple[Judgement, ...]) -> tuple[Judgement, ...]:
        """Return findings of a pool, or of the cluster, with the times since when they are open."""
        return tuple(self._since(pool, one) for one in findings)

    def _since(self, pool: str, found: Judgement) -> Judgement:
        known = self._open.get((pool, found.check))
        same = known and (known.judgement.state, known.judgement.reason) == (found.state, found.reason)
        return replace(found, since=known.judgement.since) if known and same else found

    def close(self, key: Key, source: Source, why: str, mended: bool) -> tuple[Change, ...]:
        """Close a finding, if it is open."""
        last = self._open.pop(key, None)
        if last is None:
            return ()
        closed = replace(last, activity=Activity.CLOSE, source=source, why=why, mended=mended, remediating=False)
        before = self._closed.get(key[0], ())
        self._closed[key[0]] = (*(one for one in before if one.source == source), closed)
        return (closed,)

    def acted(self, pool: str, what: str, source: Source) -> tuple[Change, ...]:
        """Tell what the app did on a pool, of its open findings, or else of those that were closed last."""
        found = [one for (whose, _), one in self._open.items() if whose == pool]
        over, remediating = not found, pool in self.acting
        return tuple(
            replace(one, activity=Activity.UPDATE, source=source, why=what, remediating=remediating, over=over)
            for one in found or self._closed.get(pool, ())
        )

    def met(self, key: Key, judgement: Judgement, source: Source) -> tuple[Change, ...]:
        """Take in one open finding, and return what is new of it."""
        change = self._met(key, judgement, source)
        return (change,) if change else ()

    def _met(self, key: Key, judgement: Judgement, source: Source) -> Change | None:
        last, pool = self._open.get(key), key[0]
        judgement = _dated(judgement, last.judgement if last else None, source)
        if last and _told(last.judgement) == _told(judgement):
            self._open[key] = replace(last, judgement=judgement)
            return None
        activity = Activity.UPDATE if last else Activity.CREATE
        opened = last.opened if last else source
        self._open[key] = Change(activity, pool, judgement, opened, source, remediating=pool in self.acting)
        return self._open[key]


def _dated(found: Judgement, last: Judgement | None, source: Source) -> Judgement:
    """Return a finding with the time since when it is open, in which it was the same or waited to be judged."""
    since = found.since or source.at
    goes_on = last and last.since and last.reason in (found.reason, UNJUDGED)
    return replace(found, since=min(last.since, since) if last and last.since and goes_on else since)


def _told(found: Judgement) -> tuple[object, ...]:
    """Return what makes a finding another one than it was: its excuse, too, and when that ends."""
    return found.state, found.reason, found.exemption, found.exempt_until


def _open_in(seen: Observation) -> Mapping[Key, Judgement]:
    """Return the open findings; of several that one check has on one pool, the worst."""
    found: dict[Key, Judgement] = {}
    for pool, judgement in _all(seen):
        key = (pool, judgement.check)
        if judgement.state in OPEN and (key not in found or _worse(judgement, found[key])):
            found[key] = judgement
    return found


def _all(seen: Observation) -> Iterator[tuple[str, Judgement]]:
    if not seen.posture.in_scope or seen.observed.gone:
        return
    for judgement in seen.posture.cluster_findings:
        yield "", judgement
    for pool in seen.posture.pools:
        for judgement in pool.findings:
            if judgement.check != READABLE:
                yield pool.pool, judgement


def _worse(one: Judgement, other: Judgement) -> bool:
    return WORST_FIRST.index(one.state) < WORST_FIRST.index(other.state)


def _unsettled(key: Key, seen: Observation) -> bool:
    """Say whether nothing is known of a finding, since the cluster could not be read."""
    return seen.observed.unreadable is not None and seen.posture.in_scope and key != ("", READABLE)


def parted(said: ReplacementPart) -> str:
    """Say what a part of a replacement is about: nodes and pods by name, as the record has them."""
    named = {
        "to be cordoned": said.cordon,
        "to be evicted": said.evict,
        "cordoned": said.cordoned,
        "evicted": said.evicted,
    }
    told = [f"{what}: {', '.join(names)}" for what, names in named.items() if names]
    return "; ".join(filter(None, (f"twin: {said.twin}", *told, said.waits, said.message)))


def _why(key: Key, seen: Observation, replaced: Mapping[str, str]) -> tuple[str, bool]:
    """Say why a finding is closed, and whether that is because all is well."""
    if seen.observed.gone:
        return "The cluster does not exist any more.", False
    if not seen.posture.in_scope:
        return "The policy excludes the cluster.", False
    pool, check = key
    now = next((one for one in seen.posture.pools if one.pool == pool), None)
    if pool and now is None:
        if pool in replaced:
            return f"The app has replaced the node pool by {replaced[pool] or 'its twin'}.", False
        return "The node pool does not exist any more.", False
    findings = now.findings if now else seen.posture.cluster_findings
    found = next((one for one in findings if one.check == check), None)
    if found is None:
        return "The check has nothing to object to any more.", True
    return f"Now {called(found.state)}, {found.reason}: {found.message}", found.state is ComplianceState.COMPLIANT
