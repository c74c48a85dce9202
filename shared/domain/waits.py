"""Why a step that is due is not taken: every limit of the policy, in one order, each with a reason and an end."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.addresses import is_address
from shared.domain.budget import Refusal, Wanted, agreed, refusal
from shared.domain.capability import incapable
from shared.domain.legible import illegible
from shared.domain.maintenance import NoMaintenanceConfiguration, opening_by_cluster
from shared.domain.model import AT_REST, ActionKind, Cluster, ComplianceState, Mode, Notice
from shared.domain.policy_approval import unapproved
from shared.domain.risks import risked
from shared.domain.settings import OsSku, Skip
from shared.domain.situation import Situation
from shared.domain.steps import UNFINISHED, Step, approval_fingerprint, describe, step_fingerprint
from shared.domain.subject import Subject, unreadable_reason
from shared.domain.throttle import paced
from shared.domain.windows import Closed, Open, opening

_NOTICE_HOLDS = timedelta(days=30)
"""How long after the time that an owner was told a reimage may still begin; then he is told again."""
FOR_A_PERSON = " waits for a person: `fipswarden approve`."
"""How the message of a step ends that nobody has agreed to."""
_REREAD = timedelta(hours=1)
"""How soon to ask again for what a person may change at any time."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a step is not taken now."""

    reason: str
    message: str
    after: timedelta | None = None
    """When to look again for it; None: only somebody's change will help."""
    approval: str = ""
    notice: Notice | None = None


def waits(situation: Situation, step: Step) -> Wait | None:
    """Say why a step has to wait: the first reason that holds."""
    return next(all_waits(situation, step), None)


def all_waits(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield every kind of reason that a step has to wait for, in the order in which they are asked."""
    for reason in (_forbidden, _impossible, _not_yet, harmful, _not_agreed, _no_place, _unnoticed, _closed):
        if found := reason(situation, step):
            yield found


def barred(situation: Situation, step: Step) -> Wait | None:
    """Say why a step is not taken however long one waits: somebody has to change the rules or the pool first."""
    return _forbidden(situation, step) or _impossible(situation, step)


def _forbidden(situation: Situation, step: Step) -> Wait | None:
    """What the people who wrote the rules do not want."""
    if not step.verdict.mode.acts:
        return Wait("ModeDoesNotAct", f"Rule {step.verdict.rule} has mode {step.verdict.mode}: nothing is changed.")
    if any(found.state is ComplianceState.EXEMPT for found in step.verdict.findings):
        until = situation.rules.exempt_until(situation.cluster, step.pool, situation.now)
        after = until - situation.now if until else None
        return Wait("Exempt", "An exemption covers the pool: nothing is changed while it lasts.", after)
    if situation.rules.trouble:
        return Wait("RulesUnreadable", situation.rules.trouble, _REREAD)
    if step.kind is ActionKind.REPLACE:
        return Wait("ReplaceNotSupported", "This version can't replace pools: create a FIPS pool and move to it.")
    if unread := situation.rules.undecided(situation.cluster, step.pool):
        message = f"A ring or an exemption asks for what can't be read of it ({', '.join(unread.values())})."
        return Wait(unreadable_reason(unread), message)
    tag = step.subject.settings.notice.objection_tag
    if tag and _tag(step.subject, tag) is not None:
        return Wait("OwnerObjects", f"The owner objects by tag `{tag}`: talk to them, the pool waits.", _REREAD)
    return None


def _impossible(situation: Situation, step: Step) -> Wait | None:
    """What AKS would refuse, and what would harm."""
    pool, remembered = step.pool, step.subject.memory
    if unread := illegible(situation.cluster, pool):
        return Wait("FieldUnreadable", f"What ARM says can't be read: {', '.join(unread)}.")
    for found in step.verdict.findings:
        if found.check == "flag" and found.state is ComplianceState.UNKNOWN:
            return Wait("FieldUnreadable", found.message)
    if cannot := _unswitchable(situation, step):
        return cannot
    if not pool.etag:
        return Wait("NoETag", "ARM gave no eTag for the pool: a PUT could overwrite somebody's change.")
    if situation.cluster.stopped or pool.stopped:
        return Wait("Stopped", "A stopped cluster or pool can't be updated: start it, or delete it.")
    unblock = f"`fipswarden unblock {situation.cluster.id} {pool.name}`"
    if remembered.blocked and remembered.blocked_on == pool.configuration:
        message = f"{remembered.blocked} It is tried again after {unblock}, or when the pool's configuration changes."
        return Wait("Blocked", message)
    if pool.provisioning_state in UNFINISHED and not remembered.resume:
        state = pool.provisioning_state
        return Wait(f"Provisioning{state}", f"AKS left it in {state}: mend why; {unblock} lets one PUT resume it.")
    return None


def _unswitchable(situation: Situation, step: Step) -> Wait | None:
    pool = step.pool
    if step.kind is ActionKind.ENABLE_FIPS:
        cannot = incapable(pool, step.changes.get("osSKU"), today=step.subject.now.date())
        if cannot is None:
            return None
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
    if remembered.not_before and remembered.not_before > situation.now:
        code, _, message = remembered.waiting.partition(": ")
        return Wait(code, message, remembered.not_before - situation.now)
    if operation := situation.memory.operation:
        return Wait("OperationInProgress", f"Our operation on {operation.pool} has not ended.", situation.poll)
    if busy := _busy(situation.cluster):
        return Wait("ClusterBusy", f"AKS runs another operation: {busy}.", situation.slow_poll)
    if left := _too_new(step):
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
    for reason, message in risked(step.subject, step.kind, assuming=situation.assuming):
        return Wait(reason, message, max(left, situation.poll))
    return None


def _age(subject: Subject) -> timedelta | None:
    """Return how long ago a pool was created, as far as that is known."""
    known = [at for at in (subject.memory.first_seen, subject.cluster.created) if at]
    return subject.now - max(known) if known else None


def is_new(subject: Subject) -> bool:
    """Say whether a pool is new for certain: by when its cluster was made, or a look last saw that it was not there."""
    known = [at for at in (subject.memory.absent, subject.cluster.created) if at]
    return bool(known) and subject.now - max(known) < subject.settings.new_pools.within


def _too_new(step: Step) -> timedelta | None:
    age = _age(step.subject)
    if age is None:
        return None
    left = step.subject.settings.new_pools.enforce_after - age
    return left if left > timedelta() else None


def _skips(subject: Subject, what: Skip) -> bool:
    return is_new(subject) and what in subject.settings.new_pools.skip


def _closed(situation: Situation, step: Step) -> Wait | None:
    """Whether a reimage may begin at this time."""
    for opening_ in _openings(situation, step):
        if isinstance(opening_, Closed):
            after = opening_.until - situation.now if opening_.until else _REREAD
            return Wait(opening_.reason, opening_.message, after)
    return None


def closes(situation: Situation, step: Step) -> datetime | None:
    """Return when the first of the windows that are open closes; None if none does."""
    ends = [one.until for one in _openings(situation, step) if isinstance(one, Open) and one.until]
    return min(ends, default=None)


def _opens(situation: Situation, step: Step, at: datetime) -> datetime:
    """Return when, from a time on, all windows are open for the first time, as far as that is known."""
    closed = [one for one in _openings(replace(situation, now=at), step) if isinstance(one, Closed)]
    return max((one.until for one in closed if one.until), default=at)


def _openings(situation: Situation, step: Step) -> Iterator[Open | Closed]:
    settings, skips = step.subject.settings, _skips(step.subject, Skip.WINDOW)
    # A blackout holds for a new pool, too: nothing runs on it yet, but nobody is there to see to it either.
    yield opening(() if skips else settings.windows, settings.blackouts, situation.now)
    if settings.cluster_maintenance and not skips:
        own = opening_by_cluster(situation.maintenance, situation.now)
        if not isinstance(own, NoMaintenanceConfiguration):
            yield own
        elif not settings.windows:
            message = "The policy asks for the cluster's own maintenance window, and none is configured for its nodes."
            yield Closed(None, "NoMaintenanceConfiguration", message)


def _no_place(situation: Situation, step: Step) -> Wait | None:
    """Whether the budget has a place."""
    place = wanted(situation, step)
    found = refusal(situation.budget, situation.rules.policy, place, situation.now)
    found = found or paced(situation.budget, place.subscription, situation.now)
    return _refused(found, situation) if found else None


def _refused(found: Refusal, situation: Situation) -> Wait:
    return Wait(found.reason, found.message, found.after or situation.idle_poll)


def wanted(situation: Situation, step: Step) -> Wanted:
    """Return the place in the budget that a step needs."""
    ring = situation.rules.policy.ring_for(situation.cluster, step.pool)
    cluster = situation.cluster.id
    skip = _skips(step.subject, Skip.SOAK)
    return Wanted(cluster.key, step.pool.name, cluster.subscription, ring, step.pool.count, skip)


def approvals_needed(situation: Situation, step: Step) -> tuple[str, ...]:
    """Return the fingerprints of the approvals that a step uses up; that of a policy is no such: it goes on to hold."""
    return (approval_fingerprint(situation.cluster, step),) if step.verdict.mode is Mode.APPROVE else ()


def _not_agreed(situation: Situation, step: Step) -> Wait | None:
    """Whether everybody who is to be asked or told has been."""
    policy, budget, now = situation.rules.policy, situation.budget, situation.now
    if unapproved(policy, budget, now):
        message = "The policy has changed and is not approved: see `fipswarden policy diff`."
        return Wait("PolicyNotApproved", message, _REREAD, policy.hash)
    for needed in approvals_needed(situation, step):
        if not agreed(budget, needed, now):
            message = f"{describe(step)}{FOR_A_PERSON}"
            return Wait("ApprovalMissing", message, _REREAD, needed)
    return None


def _unnoticed(situation: Situation, step: Step) -> Wait | None:
    notice, memory = step.subject.settings.notice, step.subject.memory
    if not notice.before:
        return None
    # Of another step than this one nobody was told.
    at = memory.noticed if memory.noticed_of == step_fingerprint(step) else None
    if at is None or situation.now - at > notice.before + _NOTICE_HOLDS:
        until = _opens(situation, step, situation.now + notice.before)
        tagged = (_tag(step.subject, notice.owner_tag) or "").strip()
        owner = tagged if is_address(tagged) else notice.owner
        told = Notice(step.pool.name, owner, until, notice.objection_tag, step_fingerprint(step))
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
