"""Who has to agree to a step first, and who has to be told of it."""

from collections.abc import Iterator
from datetime import timedelta

from shared.domain.addresses import is_address
from shared.domain.budget import Place
from shared.domain.handover import under_way
from shared.domain.model import Mode
from shared.domain.places import agreed
from shared.domain.planned import Notice
from shared.domain.policy_approval import unapproved
from shared.domain.proofs import CLOCKS
from shared.domain.situation import Situation
from shared.domain.steps import Step, approval_fingerprint, describe, step_fingerprint
from shared.domain.subject import Subject
from shared.domain.timing import opens
from shared.domain.wait import REREAD, Wait

_NOTICE_HOLDS = timedelta(days=30)
"""How long after the time that an owner was told a reimage may still begin; then he is told again."""
FOR_A_PERSON = " waits for a person: `fipswarden approve`."
"""How the message of a step ends that nobody has agreed to."""


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


def not_agreed(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield whom to ask first: for the policy's text, and for this very step."""
    yield from _policy_not_agreed(situation)
    budget, now = situation.budget, situation.now
    for needed in approvals_needed(situation, step):
        if not agreed(budget, needed, now):
            message = f"{describe(step)}{FOR_A_PERSON}"
            yield Wait("ApprovalMissing", message, REREAD, needed)


def _policy_not_agreed(situation: Situation) -> Iterator[Wait]:
    policy, budget = situation.rules.policy, situation.budget
    if unapproved(policy, budget, situation.now):
        message = (
            f"The policy's text (sha256 {policy.hash[:12]}...) is not approved, or not any more: "
            "see `fipswarden policy diff`, then `fipswarden policy approve`."
        )
        yield Wait("PolicyNotApproved", message, REREAD, policy.hash)


def unnoticed(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield that the owner has to be told first, or was told too short a time ago."""
    notice, memory = step.subject.settings.notice, step.subject.memory
    if not notice.before:
        return
    # Of another step than this one nobody was told.
    at = memory.noticed if memory.noticed_of == step_fingerprint(step) else None
    # One of a time that has not come was given by a clock that was wrong: nobody knows when.
    if at is None or not -CLOCKS <= situation.now - at <= notice.before + _NOTICE_HOLDS:
        until = opens(situation, step, situation.now + notice.before)
        tagged = (tag_of(step.subject, notice.owner_tag) or "").strip()
        owner = tagged if is_address(tagged) else notice.owner
        told = Notice(step.pool.name, owner, until, notice.objection_tag, step_fingerprint(step), step.kind)
        message = "The owner has to be told first: the next look does that, and then the pool waits."
        yield Wait("NoticeGiven", message, notice.before, notice=told)
        return
    left = at + notice.before - situation.now
    if left > timedelta():
        yield Wait("NoticeRunning", f"The owner was told at {at:%Y-%m-%d %H:%M} UTC, and the pool waits.", left)


def tag_of(subject: Subject, name: str) -> str | None:
    """Return the value of a tag of the pool, or else of its cluster; names compare without case, as in ARM."""
    for tags in (subject.pool.tags, subject.cluster.tags):
        for key, value in tags.items():
            if key.lower() == name.lower():
                return value
    return None
