"""The remediation steps that are due, the safest first, with what each would change."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.capability import incapable
from shared.domain.codec import fingerprint
from shared.domain.evaluate import subjects
from shared.domain.images import target_os_sku
from shared.domain.legible import vm_sizes
from shared.domain.model import READ_ONLY, Cluster, ComplianceState, Pool
from shared.domain.planned import ActionKind
from shared.domain.posture import PoolPosture
from shared.domain.settings import Fips, Strategy
from shared.domain.situation import Situation
from shared.domain.subject import Subject
from shared.domain.twins import twin_changes
from shared.domain.wording import count

UNFINISHED = ("Failed", "Canceled")
"""Provisioning states in which AKS leaves a pool half-way: any later PUT goes on from there (AKS, rolling upgrades)."""


@dataclass(frozen=True, slots=True)
class Step:
    """A remediation step that is due."""

    subject: Subject
    verdict: PoolPosture
    kind: ActionKind
    changes: Mapping[str, Any]
    """What it changes, by ARM's names, or in what the twin differs; empty if no twin is possible."""

    @property
    def pool(self) -> Pool:
        """The pool that it is about."""
        return self.subject.pool

    @property
    def asks_maintenance(self) -> bool:
        """Say whether the cluster's own maintenance configuration has a say in when it is taken."""
        return self.verdict.mode.acts and self.subject.settings.cluster_maintenance


def put_body(pool: Pool, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body of a PUT that changes only what is named: the pool as read, without what is read-only.

    PUT of an agent pool is a full replace: what is left out would be reset. `type` stays: in a cluster's
    `agentPoolProfiles` it is the property (VirtualMachineScaleSets), not the resource's type.
    """
    kept = {key: value for key, value in pool.body.items() if key not in (*READ_ONLY, "name")}
    return {"properties": kept | dict(changes)}


def due(situation: Situation) -> list[Step]:
    """Return the steps that are due, the safest first: by ring, then fewest nodes, user pools before system pools."""
    verdicts = {verdict.pool: verdict for verdict in situation.posture.pools}
    policy = situation.rules.policy
    found = [
        step
        for subject in subjects(situation.cluster, situation.memory, policy, situation.now)
        if (verdict := verdicts.get(subject.pool.name)) and (step := _step(subject, verdict))
    ]
    rings = {ring.name: place for place, ring in enumerate(policy.rings)}
    return sorted(found, key=lambda step: _safety(step, rings))


def _safety(step: Step, rings: Mapping[str, int]) -> tuple[int, bool, int, str]:
    unknown_size = step.pool.count is None
    return (
        rings.get(step.verdict.ring, len(rings)),
        unknown_size,
        # A pool of the same size without system pods is the safer one.
        (step.pool.count or 0) * 2 + (step.pool.mode != "User"),
        step.pool.name,
    )


def _step(subject: Subject, verdict: PoolPosture) -> Step | None:
    """Return what would mend a pool; None if nothing is wrong with it that the product can change."""
    reasons = {
        found.reason
        for found in verdict.findings
        if found.state in (ComplianceState.NON_COMPLIANT, ComplianceState.EXEMPT)
    }
    if subject.settings.fips is Fips.FORBIDDEN:
        changes = {"enableFIPS": False}
        wrong = "FipsForbidden" in reasons or _left_half_way(subject)
        return Step(subject, verdict, ActionKind.DISABLE_FIPS, changes) if wrong else None
    target = target_os_sku(subject)
    moved = {"osSKU": target} if target else {}
    if "FipsDisabled" in reasons:
        stuck = not target and incapable(subject.pool, today=subject.now.date())
        if subject.settings.strategy is Strategy.REPLACE and stuck:
            return Step(subject, verdict, ActionKind.REPLACE, twin_changes(subject))
        if target and subject.memory.apart == subject.pool.configuration:
            # AKS refused both in one PUT: the OS SKU goes first, since it is what makes the pool FIPS-capable.
            return Step(subject, verdict, ActionKind.CHANGE_OS_SKU, moved)
        return Step(subject, verdict, ActionKind.ENABLE_FIPS, {"enableFIPS": True, **moved})
    if "ModulesHistorical" in reasons and target:
        return Step(subject, verdict, ActionKind.CHANGE_OS_SKU, moved)
    if subject.required and _left_half_way(subject):
        return Step(subject, verdict, ActionKind.ENABLE_FIPS, {"enableFIPS": True})
    return None


def _left_half_way(subject: Subject) -> bool:
    """Say whether our operation has to be gone on with once a person allows it; the flag shows its end already."""
    pool, ours = subject.pool, subject.memory.resume or subject.memory.blocked
    return bool(ours) and pool.provisioning_state in UNFINISHED and pool.os_type == "Linux"


def describe(step: Step) -> str:
    """Return a step in words."""
    changes = ", ".join(f"{key} = {json.dumps(value)}" for key, value in sorted(step.changes.items()))
    nodes = "how many nodes is not known" if step.pool.count is None else count(step.pool.count, "node")
    what = f"{step.kind.value.replace('_', ' ')} on {step.pool.name} ({changes}; {nodes})"
    if step.kind is not ActionKind.REPLACE:
        return what
    return f"{what}: a new pool with all its other settings, then its pods are evicted, and it is deleted;"


def approval_fingerprint(cluster: Cluster, step: Step) -> str:
    """Return what a person approves: exactly this action on exactly such a pool; the eTag may change."""
    pool = step.pool
    band = -1 if pool.count is None else pool.count.bit_length()
    what = [cluster.id.key, pool.name, step.kind, dict(step.changes), pool.os_sku, pool.kubernetes_version]
    # All that is carried over to a twin is part of what is agreed to.
    more = (pool.configuration,) if step.kind is ActionKind.REPLACE else ()
    return fingerprint([*what, pool.enable_fips, pool.node_image, vm_sizes(pool), pool.mode, band, *more])
