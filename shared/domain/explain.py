"""Why one node pool is judged and treated as it is: the rule, the findings, the step that is due, and what holds it.

Pure, and made by the same functions as the plan: it never says anything that a look would not do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.asked import asked, ring_asked
from shared.domain.barriers import exempted
from shared.domain.exemptions import Exemption
from shared.domain.ids import ClusterId
from shared.domain.model import Cluster, Pool
from shared.domain.plan import plan
from shared.domain.planned import ActionKind
from shared.domain.policy import Policy
from shared.domain.posture import PoolPosture
from shared.domain.situation import Situation
from shared.domain.steps import Step, due
from shared.domain.waits import all_waits

REMEDIES: Mapping[str, str] = {
    "ModeDoesNotAct": "the rule gets mode `approve` or `enforce`",
    "RulesUnreadable": "both files are without a fault: `fipswarden policy validate`",
    "OwnerObjects": "the owner removes the tag",
    "ClusterFips": "the cluster's own setting is switched off, or the policy no longer forbids FIPS",
    "SmbVolumes": "they mount other volumes or leave for a pool without FIPS, or `workloads.smb` only notes them",
    "PdbBlocked": "the budgets allow an eviction, or `workloads.budgets` only notes them",
    "UnmanagedPods": "the pods get a controller or end, or `workloads.unmanaged_pods` only notes them",
    "LocalData": "the data moves to a volume, or `workloads.local_data` only notes it",
    "WorkloadsUnreadable": "the app can read them (docs/security.md), or `workloads` in the policy defers for none",
    "ReplacedBefore": "whoever makes it again no longer does, or the tag is taken off the twin",
    "ReplacementInProgress": "that replacement ends; `fipswarden abort` gives it up",
    "TwinNotProven": "the twin is proven, like any other pool",
    "TiedToPool": "the workloads run elsewhere",
    "OperationInProgress": "the operation ends",
    "OneOperationPerCluster": "the other operation ends",
    "ClusterBusy": "AKS ends its operation",
    "Contested": "whoever switches it back no longer does, and time",
    "OutsideWindow": "a window opens, or the policy has other `windows`",
    "Blackout": "the blackout ends, or is taken out of the policy",
    "Paused": "`fipswarden resume`",
    "BudgetExhausted": "a remediation ends, or `disruption` allows more at once",
    "TooManyNodes": "a remediation ends, or `disruption` allows more nodes at once",
    "RingClosed": "its pools are compliant or exempt, and the resync has counted them",
    "CanaryUnproven": "that pool is proven: `fipswarden explain` says what keeps it",
    "PolicyNotApproved": "`fipswarden policy approve` with this very text",
    "Blocked": "`fipswarden unblock` on this cluster and pool, or another configuration of the pool",
    "ApprovalMissing": "`fipswarden approve` on this cluster and pool",
}
"""What would end a wait, by its reason, where its own message doesn't say so already."""
_TIME = "time, or a change of what is named there"
_CHANGE = "a change of what is named there: this doesn't pass by itself"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that the step has to wait for."""

    reason: str
    message: str
    until: datetime | None
    """When it is looked at again; None if only somebody's change will help."""
    ends: str
    """What would end it."""


@dataclass(frozen=True, slots=True)
class StepDue:
    """The remediation step that is due."""

    kind: ActionKind
    changes: Mapping[str, Any] = field(hash=False)
    """By ARM's names; empty where it is no update in place."""
    nodes: int | None
    """How many nodes it reimages; None if ARM gave no count."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is to be said of one node pool at one time."""

    cluster: ClusterId
    pool: str
    at: datetime
    outside: str
    """Why it is out of scope; empty if it is in scope."""
    verdict: PoolPosture | None = None
    """With its findings, its rule and line, and its ring; None out of scope."""
    asks: tuple[str, ...] = ()
    """What the rule asks, in phrases."""
    ring: tuple[str, ...] = ()
    """What has to be so before its ring opens, in phrases, or why its ring can't be told; empty if it is in none."""
    step: StepDue | None = None
    """None if nothing is wrong that the product can change."""
    waits: tuple[Waiting, ...] = ()
    """What the step has to wait for, in the order in which it is asked."""
    before: datetime | None = None
    """When the window closes before which it must begin; None if it waits, or none closes."""

    @property
    def begins(self) -> bool:
        """Say whether the next look would begin the step."""
        return self.step is not None and not self.waits


def explain(situation: Situation, pool: Pool) -> Explanation:
    """Explain one pool of the situation's cluster."""
    cluster = situation.cluster
    verdict = next((one for one in situation.posture.pools if one.pool == pool.name), None)
    if verdict is None:
        return Explanation(cluster.id, pool.name, situation.now, outside(situation.rules.policy, cluster))
    policy = situation.rules.policy
    step = next((one for one in due(situation) if one.pool.name == pool.name), None)
    action = plan(situation).action
    return Explanation(
        cluster.id,
        pool.name,
        situation.now,
        "",
        verdict,
        asked(policy.rule_for(cluster, pool).settings),
        ring_asked(policy, cluster, pool),
        StepDue(step.kind, step.changes, pool.count) if step else None,
        tuple(_waiting(situation, step)) if step else (),
        action.before if action and action.pool == pool.name else None,
    )


def outside(policy: Policy, cluster: Cluster | ClusterId) -> str:
    """Say why a policy leaves out a cluster, of which no more than the id may be known."""
    by_id = (one for one in policy.scope.exclude if isinstance(cluster, ClusterId) and one.fits_id(cluster))
    excluded = policy.excluding(cluster) if isinstance(cluster, Cluster) else next(by_id, None)
    if excluded:
        return f"the policy excludes its cluster (line {excluded.line})"
    return "its subscription is not in the policy's `scope`"


def _waiting(situation: Situation, step: Step) -> Iterator[Waiting]:
    found = False
    for wait in all_waits(situation, step):
        found = True
        yield _told(situation, step, wait.reason, wait.message, wait.after)
    if found:
        return
    # Nothing holds the step itself; another one of the cluster may come first.
    for deferral in plan(situation).deferrals:
        if deferral.pool == step.pool.name:
            after = deferral.until - situation.now if deferral.until else None
            yield _told(situation, step, deferral.reason, deferral.message, after)


def _told(situation: Situation, step: Step, reason: str, message: str, after: timedelta | None) -> Waiting:
    until = situation.now + after if after is not None else None
    ends = _exemption_ends(situation, step) if reason == "Exempt" else REMEDIES.get(reason)
    return Waiting(reason, message, until, ends or (_CHANGE if after is None else _TIME))


def _exemption_ends(situation: Situation, step: Step) -> str:
    _, sparing = exempted(situation, step)
    return "; ".join(_end(one, end) for one, end in sparing)


def _end(exemption: Exemption, end: datetime) -> str:
    return f"exemption `{exemption.name}` (line {exemption.line}) ends at {end:%Y-%m-%d %H:%M} UTC, or is taken out"
