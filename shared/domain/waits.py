"""Why a step that is due is not taken: every limit of the policy, in one order, each with a reason and an end."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.domain.addresses import is_address
from shared.domain.budget import Place
from shared.domain.budget_news import seen
from shared.domain.capability import incapable, release_if_switched
from shared.domain.checks import OF_CLUSTERS, mend_cluster
from shared.domain.exemptions import Exemption
from shared.domain.handover import (
    busy_replacing,
    changed,
    no_twin,
    not_its_own,
    stopped,
    tied,
    too_slow,
    under_way,
    undrained,
    unproven_twin,
)
from shared.domain.legible import illegible
from shared.domain.memory import WHATEVER
from shared.domain.model import Cluster, ComplianceState, Mode, Pool
from shared.domain.operation import AT_REST
from shared.domain.places import agreed
from shared.domain.planned import ActionKind, Notice
from shared.domain.refusals import Refusal, Wanted, refusal, too_many_nodes
from shared.domain.risks import risked
from shared.domain.rulebook import MENDED
from shared.domain.settings import OsSku, Skip
from shared.domain.situation import Situation
from shared.domain.steps import UNFINISHED, Step, approval_fingerprint, describe, step_fingerprint
from shared.domain.subject import Subject, unreadable_reason
from shared.domain.support import matrix, releases_with_fips
from shared.domain.throttle import paced
from shared.domain.timing import closed, opens, skips, too_new
from shared.domain.wait import Wait

_NOTICE_HOLDS = timedelta(days=30)
"""How long after the time that an owner was told a reimage may still begin; then he is told again."""
FOR_A_PERSON = " waits for a person: `fipswarden approve`."
"""How the message of a step ends that nobody has agreed to."""
_REREAD = timedelta(hours=1)
"""How soon to ask again for what a person may change at any time."""


def waits(situation: Situation, step: Step) -> Wait | None:
    """Say why a step has to wait: the first reason that holds."""
    return next(all_waits(situation, step), None)


def all_waits(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield every kind of reason that a step has to wait for, in the order in which they are asked.

    These are all the conditions of a disruptive step. A replacement that is under way is asked the second list before
    each of its parts, in the look that takes it: a cordon, an eviction, the deletion.
    """
    begins = (_forbidden, _impossible, _not_yet, harmful, _not_agreed, _no_place, _unnoticed, closed, too_slow)
    goes_on = (
        *(_forbidden, changed, _impossible, _not_yet, stopped, _no_place, _not_agreed),
        *(unproven_twin, closed, harmful, undrained),
    )
    for reason in goes_on if under_way(situation, step) else begins:
        if found := reason(situation, step):
            yield found


def barred(situation: Situation, step: Step) -> Wait | None:
    """Say why a step is not taken however long one waits: somebody has to change the rules or the pool first."""
    return _forbidden(situation, step) or _impossible(situation, step)


def _forbidden(situation: Situation, step: Step) -> Wait | None:
    """What the people who wrote the rules do not want."""
    if not step.verdict.mode.acts:
        return Wait("ModeDoesNotAct", f"Rule {step.verdict.rule} has mode {step.verdict.mode}: nothing is changed.")
    excused, sparing = exempted(situation, step)
    if excused or sparing:
        after = max((end for _, end in sparing), default=None)
        lasts = after - situation.now if after else None
        return Wait("Exempt", "An exemption covers the pool: nothing is changed while it lasts.", lasts)
    if situation.rules.trouble:
        return Wait("RulesUnreadable", situation.rules.trouble, _REREAD)
    if unread := situation.rules.undecided(situation.cluster, step.pool):
        message = f"A ring or an exemption asks for what can't be read of it ({', '.join(unread.values())})."
        return Wait(unreadable_reason(unread), message)
    tag = step.subject.settings.notice.objection_tag
    if tag and _tag(step.subject, tag) is not None:
        return Wait("OwnerObjects", f"The owner objects by tag `{tag}`: talk to them, the pool waits.", _REREAD)
    return None


def exempted(situation: Situation, step: Step) -> tuple[frozenset[str], tuple[tuple[Exemption, datetime], ...]]:
    """Return which reasons are excused, and the exemptions that keep the pool from being changed, with their ends."""
    excused = frozenset(one.reason for one in step.verdict.findings if one.state is ComplianceState.EXEMPT)
    # What is gone on with half-way shows no finding that an exemption excuses: it holds all the same.
    reasons = excused or (MENDED if step.subject.memory.resume else ())
    sparing = situation.rules.sparing(situation.cluster, step.pool, reasons, situation.now) if reasons else ()
    return excused, sparing


def _impossible(situation: Situation, step: Step) -> Wait | None:
    """What AKS would refuse, and what would harm."""
    pool, remembered = step.pool, step.subject.memory
    if step.kind is ActionKind.REPLACE and not under_way(situation, step) and (wait := no_twin(situation, step)):
        return wait
    if cannot := _unread(situation, step) or _unswitchable(situation, step):
        return cannot
    if not pool.etag:
        return Wait("NoETag", "ARM gave no eTag for the pool: a PUT could overwrite somebody's change.")
    if situation.cluster.stopped or pool.stopped:
        return Wait("Stopped", "A stopped cluster or pool can't be updated: start it, or delete it.")
    state = situation.cluster.provisioning_state
    if failed := OF_CLUSTERS.get(state):
        # "Until the cluster is out of failed state, upgrade or scale operations won't succeed" (SUP
        # create-upgrade-delete/upgrading-or-scaling-does-not-succeed.md); of other PUTs, and of Canceled, nothing is
        # said. So a failed pool is not resumed there either.
        message = f"The cluster's own provisioning state is {state}: AKS may refuse. {mend_cluster(situation.cluster)}"
        return Wait(failed, message)
    unblock = f"`fipswarden unblock {situation.cluster.id} {pool.name}`"
    if remembered.blocks(pool):
        or_else = "" if remembered.blocked_on == WHATEVER else ", or when the pool's configuration changes"
        return Wait("Blocked", f"{remembered.blocked} It is tried again after {unblock}{or_else}.")
    if pool.provisioning_state in UNFINISHED and not remembered.resume:
        state = pool.provisioning_state
        return Wait(f"Provisioning{state}", f"AKS left it in {state}: mend why; {unblock} lets one PUT resume it.")
    return None


def _unread(situation: Situation, step: Step) -> Wait | None:
    if unread := illegible(situation.cluster, step.pool):
        return Wait("FieldUnreadable", f"What ARM says can't be read: {', '.join(unread)}.")
    for found in step.verdict.findings:
        if found.check == "flag" and found.state is ComplianceState.UNKNOWN:
            return Wait("FieldUnreadable", found.message)
    return None


def _unknown_release(pool: Pool, os_sku: str) -> Wait | None:
    """Say that nobody knows what a pool would get: the data has this OS SKU, and not with this version."""
    if not releases_with_fips(os_sku) or release_if_switched(pool, os_sku):
        return None
    message = (
        f"Which release {os_sku} gives with FIPS on Kubernetes {pool.kubernetes_version} is not in this version's data "
        f"(of {matrix().as_of}): update the app, or switch it on by hand."
    )
    return Wait("ReleaseUnknown", message)


def _unswitchable(situation: Situation, step: Step) -> Wait | None:
    pool = step.pool
    if step.kind is ActionKind.ENABLE_FIPS:
        cannot = incapable(pool, step.changes.get("osSKU"), today=step.subject.now.date())
        if cannot is None:
            return _unknown_release(pool, step.changes.get("osSKU", pool.os_sku))
        # What people can do by hand, the policy can let the app do.
        ours = f" The policy can have it done: `os_sku: {cannot.cure}`." if cannot.cure in tuple(OsSku) else ""
        return Wait(cannot.reason, f"{cannot.message}{ours}")
    if step.kind is not ActionKind.DISABLE_FIPS:
        return None
    if pool.os_type == "Windows":
        # enable-fips-nodes documents updates of existing Linux pools alone.
        return Wait("WindowsNotUpdatable", f"{pool.os_sku} pools can't be switched: replace the pool.")
    if situation.cluster.fips:
        return Wait("ClusterFips", "The cluster has enableFIPS of its own, which asks it of every pool.")
    return None


def _not_yet(situation: Situation, step: Step) -> Wait | None:
    """What passes by itself."""
    remembered = step.subject.memory
    if wait := busy_replacing(situation, step):
        return wait
    if remembered.not_before and remembered.not_before > situation.now:
        code, _, message = remembered.waiting.partition(": ")
        return Wait(code, message, remembered.not_before - situation.now)
    if operation := situation.memory.operation:
        return Wait("OperationInProgress", f"Our operation on {operation.pool} has not ended.", situation.poll)
    if busy := _busy(situation.cluster):
        return Wait("ClusterBusy", f"AKS runs another operation: {busy}.", situation.slow_poll)
    if left := too_new(step):
        return Wait("NewPool", "The pool was created a moment ago: the policy waits.", left)
    return None


def _busy(cluster: Cluster) -> str:
    """Name what AKS is doing to the cluster, or nothing."""
    if cluster.provisioning_state not in AT_REST:
        return f"the cluster is {cluster.provisioning_state or 'in an unknown state'}"
    for pool in sorted(cluster.pools, key=lambda one: one.name):
        if pool.provisioning_state not in AT_REST:
            return f"{pool.name} is {pool.provisioning_state or 'in an unknown state'}"
    return ""


def harmful(situation: Situation, step: Step) -> Wait | None:
    """What runs on the pool and would not bear it, as it was read last: `shared.workloads` reads it before a step."""
    known = step.subject.memory.workloads
    left = known.until - situation.now if known else situation.poll
    evicting = under_way(situation, step)
    found = risked(step.subject, step.kind, assuming=situation.assuming, evicting=evicting)
    for reason, message in (*found, *tied(step)):
        return Wait(reason, message, max(left, situation.poll))
    return None


def _no_place(situation: Situation, step: Step) -> Wait | None:
    """Whether the budget has a place; a replacement that is under way has one, unless that was taken from it.

    A pool that grew meanwhile has to fit anew: no more nodes are disrupted than the policy allows.
    """
    place = wanted(situation, step)
    if under_way(situation, step) and (mine := situation.budget.places.get(situation.cluster.id.key)):
        grown = place.nodes is None or place.nodes > mine.nodes
        found = too_many_nodes(situation.budget, situation.rules.policy, place) if grown else None
        return not_its_own(situation, mine) or (_refused(found, situation) if found else None)
    # A later ring must not open while the very posture that is planned from has a pool of an earlier one not done.
    budget = seen(situation.budget, situation.rules.policy, situation.cluster.id.key, situation.posture)
    found = refusal(budget, situation.rules, place, situation.now)
    found = found or paced(situation.budget, place.subscription, situation.now)
    return _refused(found, situation) if found else None


def _refused(found: Refusal, situation: Situation) -> Wait:
    return Wait(found.reason, found.message, found.after or situation.idle_poll)


def wanted(situation: Situation, step: Step) -> Wanted:
    """Return the place in the budget that a step needs."""
    ring = situation.rules.policy.ring_for(situation.cluster, step.pool)
    cluster = situation.cluster.id
    skip = skips(step.subject, Skip.SOAK)
    return Wanted(cluster.key, step.pool.name, cluster.subscription, ring, step.pool.count, skip)


def approvals_needed(situation: Situation, step: Step) -> tuple[str, ...]:
    """Return the fingerprints of the approvals that a step uses up; that of a policy is no such: it goes on to hold.

    A replacement goes on with those that its place was taken with: its pool is still the same, or it would not. Only
    where it has far more nodes by now people are asked again.
    """
    if step.verdict.mode is not Mode.APPROVE:
        return ()
    needed = approval_fingerprint(situation.cluster, step)
    place = situation.budget.places.get(situation.cluster.id.key)
    if under_way(situation, step) and place and place.approvals:
        return () if needed in place.approvals or not _outgrown(step, place) else (needed,)
    return (needed,)


def _outgrown(step: Step, place: Place) -> bool:
    """Say whether a pool has more nodes than the band of the approval that its place was taken with."""
    return step.pool.count is None or step.pool.count.bit_length() > place.nodes.bit_length()


def _not_agreed(situation: Situation, step: Step) -> Wait | None:
    """Whether everybody who is to be asked or told has been."""
    if wait := _policy_not_agreed(situation, step):
        return wait
    budget, now = situation.budget, situation.now
    for needed in approvals_needed(situation, step):
        if not agreed(budget, needed, now):
            message = f"{describe(step)}{FOR_A_PERSON}"
            return Wait("ApprovalMissing", message, _REREAD, needed)
    return None


def _policy_not_agreed(situation: Situation, _: Step) -> Wait | None:
    policy, budget = situation.rules.policy, situation.budget
    if (policy.require_approved_policy or budget.guarded) and not agreed(budget, policy.hash, situation.now):
        message = (
            f"The policy's text (sha256 {policy.hash[:12]}...) is not approved, or not any more: "
            "see `fipswarden policy diff`, then `fipswarden policy approve`."
        )
        return Wait("PolicyNotApproved", message, _REREAD, policy.hash)
    return None


def _unnoticed(situation: Situation, step: Step) -> Wait | None:
    notice, memory = step.subject.settings.notice, step.subject.memory
    if not notice.before:
        return None
    # Of another step than this one nobody was told.
    at = memory.noticed if memory.noticed_of == step_fingerprint(step) else None
    if at is None or situation.now - at > notice.before + _NOTICE_HOLDS:
        until = opens(situation, step, situation.now + notice.before)
        tagged = (_tag(step.subject, notice.owner_tag) or "").strip()
        owner = tagged if is_address(tagged) else notice.owner
        told = Notice(step.pool.name, owner, until, notice.objection_tag, step_fingerprint(step), step.kind)
        message = "The owner has to be told first: the next look does that, and then the pool waits."
        return Wait("NoticeGiven", message, notice.before, notice=told)
    left = at + notice.before - situation.now
    if left > timedelta():
        return Wait("NoticeRunning", f"The owner was told at {at:%Y-%m-%d %H:%M} UTC, and the pool waits.", left)
    return None


def _tag(subject: Subject, name: str) -> str | None:
    """Return the value of a tag of the pool, or else of its cluster; names compare without case, as in ARM."""
    for tags in (subject.pool.tags, subject.cluster.tags):
        for key, value in tags.items():
            if key.lower() == name.lower():
                return value
    return None
