"""What another rulebook would change in a fleet, pool by pool: before it is used, never instead of judging.

Pure. It compares what may happen and not when: a window, a ring, a notice or an approval delays a step and never takes
it away, so they count for nothing here, nor does a budget unless it could never hold the step; modes, exemptions,
objections and what AKS would refuse do. That a cluster sleeps, or has to be mended, only delays, too: whoever starts it
in the morning does not ask what the policy would then do.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.domain.afterwards import with_etags
from shared.domain.barriers import barred
from shared.domain.budget import Budget
from shared.domain.changed_limits import changed_limits, paced_otherwise
from shared.domain.evaluate import evaluate
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ComplianceState, Mode, Pool
from shared.domain.planned import ActionKind
from shared.domain.policy import Policy
from shared.domain.posture import PoolPosture
from shared.domain.refusals import Refusal, refusal
from shared.domain.rulebook import Rulebook
from shared.domain.settings import Settings
from shared.domain.situation import Situation
from shared.domain.steps import Step, due
from shared.domain.waits import harmful, wanted

_DELAYS = frozenset({"Stopped", "ProvisioningFailed", "ProvisioningCanceled"})
"""Why AKS would refuse a step now, and would not any more once somebody has started or mended what he needs anyway."""


_DELAYING = frozenset({"windows", "blackouts", "cluster_maintenance", "notice", "new_pools"})
"""Settings that say when a step is taken, and not whether."""


class Change(StrEnum):
    """What is different for a node pool; it may be several things at once."""

    REIMAGED = "reimaged"
    """A step would be taken that was not, or another one, or without the person who was asked."""
    SPARED = "spared"
    """A step would not be taken any more."""
    ENTERED = "in_scope"
    """It would be judged, and was not."""
    LEFT = "out_of_scope"
    """It would have no state any more."""
    EXEMPTED = "exempt"
    """An exemption would cover findings of it, and none did."""
    UNEXEMPTED = "not_exempt"
    """No exemption would cover findings of it any more."""
    ASKED_OTHERWISE = "asked_otherwise"
    """Another rule or ring, or other settings."""


@dataclass(frozen=True, slots=True)
class DueStep:
    """A remediation step as a rulebook has it."""

    kind: ActionKind
    changes: Mapping[str, Any] = field(hash=False)
    """By ARM's names; empty where it is no update in place."""
    barred: str = ""
    """Reason for which it is not taken however long one waits; empty if it may be."""
    approved: bool = False
    """A person has to agree to it each time (mode `approve`)."""
    delayed: str = ""
    """Reason for which it is taken only once the pool or its cluster is started or mended; empty if it need not be."""

    def disrupts_more_than(self, other: "DueStep | None") -> bool:
        """Say whether it would be taken where the other one is not, or changes something else, or asks nobody first."""
        if other is None or (self.kind, self.changes) != (other.kind, other.changes):
            return True
        return other.approved and not self.approved


@dataclass(frozen=True, slots=True)
class Side:
    """What one rulebook makes of a pool in its scope."""

    rule: str
    ring: str
    """Empty if it is in none."""
    settings: Settings
    state: ComplianceState
    exempt: bool
    """An exemption covers a finding, whatever the state."""
    step: DueStep | None

    @property
    def acting(self) -> DueStep | None:
        """The step if it may be taken."""
        return self.step if self.step and not self.step.barred else None


@dataclass(frozen=True, slots=True)
class PoolDifference:
    """One node pool under both rulebooks."""

    cluster: ClusterId
    pool: str
    nodes: int | None
    """None if ARM gave no count."""
    before: Side | None
    """None where it is out of scope."""
    after: Side | None
    """None where it is out of scope."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is different; nothing if the tuple is empty."""
        return tuple(_changes(self.before, self.after))

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings that would be others, where both rulebooks judge the pool."""
        if self.before is None or self.after is None:
            return ()
        one, other = self.before.settings, self.after.settings
        return tuple(each.name for each in fields(Settings) if getattr(one, each.name) != getattr(other, each.name))


@dataclass(frozen=True, slots=True)
class Difference:
    """A whole fleet under both rulebooks."""

    at: datetime
    pools: int
    """How many node pools were compared, in any scope or none."""
    rows: tuple[PoolDifference, ...]
    """Those for which anything is different, by cluster and name."""
    limits: tuple[str, ...]
    """What is different in the disruption budget, the rings and the approval of policies, in words."""
    paced_otherwise: bool = False
    """By those, what the new policy does may begin sooner, or more of it at once."""

    def of(self, change: Change) -> tuple[PoolDifference, ...]:
        """Return the pools for which one thing is different."""
        return tuple(row for row in self.rows if change in row.changes)

    @property
    def perhaps_sooner(self) -> bool:
        """Say whether what is done all the same may begin sooner, or more of it at once: what delays it is another."""
        return self.paced_otherwise or any(
            row.after and row.after.settings.mode.acts and not _DELAYING.isdisjoint(row.settings) for row in self.rows
        )

    @property
    def disrupts_more(self) -> bool:
        """Say whether a step would be taken that was not."""
        return any(Change.REIMAGED in row.changes for row in self.rows)


def difference(clusters: Iterable[tuple[Cluster, Memory]], old: Rulebook, new: Rulebook, now: datetime) -> Difference:
    """Compare two rulebooks on a fleet, each cluster fit for it (`unfit`) and with what is remembered of it.

    Of a cluster that comes twice (which is fresher can't be known) each pool counts as it would be disrupted most, in
    whatever order the two come.
    """
    found: dict[tuple[str, str], PoolDifference] = {}
    for cluster, memory in clusters:
        for row in _compared(with_etags(cluster, memory), memory, old, new, now):
            key = (cluster.id.key, row.pool)
            found[key] = max(found.get(key, row), row, key=_disruption)
    rows = tuple(row for _, row in sorted(found.items(), key=lambda item: item[0]) if row.changes)
    limits = changed_limits(old.policy, new.policy)
    return Difference(now, len(found), rows, limits, paced_otherwise(old.policy, new.policy))


def _disruption(row: PoolDifference) -> tuple[bool, int, str]:
    return Change.REIMAGED in row.changes, row.nodes or 0, repr(row)


def _compared(cluster: Cluster, memory: Memory, old: Rulebook, new: Rulebook, now: datetime) -> list[PoolDifference]:
    before, after = (_sides(cluster, memory, rules, now) for rules in (old, new))
    return [
        PoolDifference(cluster.id, pool.name, pool.count, before.get(pool.name), after.get(pool.name))
        for pool in cluster.pools
    ]


def _sides(cluster: Cluster, memory: Memory, rules: Rulebook, now: datetime) -> dict[str, Side]:
    posture = evaluate(cluster, memory, rules, None, now)
    situation = Situation(cluster, posture, memory, rules, Budget(), (), now, timedelta(), assuming=True)
    steps = {step.pool.name: _due_step(situation, step) for step in due(situation)}
    verdicts = {verdict.pool: verdict for verdict in posture.pools}
    return {
        pool.name: _side(cluster, pool, verdicts[pool.name], rules.policy, steps.get(pool.name))
        for pool in cluster.pools
        if pool.name in verdicts
    }


def _due_step(situation: Situation, step: Step) -> DueStep:
    wait = barred(situation, step)
    delayed = wait.reason if wait and wait.reason in _DELAYS else ""
    never = wait if wait and not delayed else next(harmful(situation, step), None) or _never_fits(situation, step)
    return DueStep(step.kind, step.changes, never.reason if never else "", step.verdict.mode is Mode.APPROVE, delayed)


def _never_fits(situation: Situation, step: Step) -> Refusal | None:
    """Say why a step has no place even while nothing else is going on, such as under a limit of 0."""
    found = refusal(Budget(), situation.rules, wanted(situation, step), situation.now)
    return found if found and found.reason in ("BudgetExhausted", "TooManyNodes") else None


def _side(cluster: Cluster, pool: Pool, verdict: PoolPosture, policy: Policy, step: DueStep | None) -> Side:
    exempt = any(finding.state is ComplianceState.EXEMPT for finding in verdict.findings)
    settings = policy.rule_for(cluster, pool).settings
    return Side(verdict.rule, verdict.ring, settings, verdict.state, exempt, step)


def _changes(before: Side | None, after: Side | None) -> Iterator[Change]:
    was, is_ = (side.acting if side else None for side in (before, after))
    if is_ and is_.disrupts_more_than(was):
        yield Change.REIMAGED
    if was and not is_:
        yield Change.SPARED
    if after and not before:
        yield Change.ENTERED
    if before and not after:
        yield Change.LEFT
    if after and after.exempt and not (before and before.exempt):
        yield Change.EXEMPTED
    if before and before.exempt and after and not after.exempt:
        yield Change.UNEXEMPTED
    if before and after and (before.rule, before.ring, before.settings) != (after.rule, after.ring, after.settings):
        yield Change.ASKED_OTHERWISE
