"""Why a step is not taken however long one waits: the rules do not want it, or AKS would refuse it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.domain.capability import incapable, release_if_switched
from shared.domain.checks import OF_CLUSTERS, mend_cluster
from shared.domain.consent import tag_of
from shared.domain.exemptions import Exemption
from shared.domain.handover import no_twin, under_way
from shared.domain.legible import illegible
from shared.domain.memory import WHATEVER
from shared.domain.model import ComplianceState, Pool
from shared.domain.planned import ActionKind
from shared.domain.rulebook import MENDED
from shared.domain.settings import OsSku
from shared.domain.situation import Situation
from shared.domain.steps import UNFINISHED, Step
from shared.domain.subject import unreadable_reason
from shared.domain.support import matrix, releases_with_fips
from shared.domain.wait import REREAD, Wait


def barred(situation: Situation, step: Step) -> Wait | None:
    """Say why a step is not taken however long one waits: somebody has to change the rules or the pool first."""
    return next(forbidden(situation, step), None) or next(impossible(situation, step), None)


def forbidden(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield what the people who wrote the rules do not want."""
    if not step.verdict.mode.acts:
        yield Wait("ModeDoesNotAct", f"Rule {step.verdict.rule} has mode {step.verdict.mode}: nothing is changed.")
    excused, sparing = exempted(situation, step)
    if excused or sparing:
        after = max((end for _, end in sparing), default=None)
        lasts = after - situation.now if after else None
        yield Wait("Exempt", _spared(sparing), lasts)
    if situation.rules.trouble:
        yield Wait("RulesUnreadable", situation.rules.trouble, REREAD)
    if unread := situation.rules.undecided(situation.cluster, step.pool):
        message = f"A ring or an exemption asks for what can't be read of it ({', '.join(unread.values())})."
        yield Wait(unreadable_reason(unread), message)
    tag = step.subject.settings.notice.objection_tag
    if tag and tag_of(step.subject, tag) is not None:
        yield Wait("OwnerObjects", f"The owner objects by tag `{tag}`: talk to them, the pool waits.", REREAD)


def _spared(sparing: Sequence[tuple[Exemption, datetime]]) -> str:
    """Say by what a pool is spared, whichever of its findings that excuses."""
    named = " and ".join(f"`{one.name}` until {end:%Y-%m-%d %H:%M} UTC" for one, end in sparing)
    by = f"The exemptions file excuses the pool by {named}" if named else "An exemption covers the pool"
    return f"{by}: nothing is changed while that lasts."


def exempted(situation: Situation, step: Step) -> tuple[frozenset[str], tuple[tuple[Exemption, datetime], ...]]:
    """Return which reasons are excused, and the exemptions that keep the pool from being changed, with their ends."""
    excused = frozenset(one.reason for one in step.verdict.findings if one.state is ComplianceState.EXEMPT)
    # What is gone on with half-way shows no finding that an exemption excuses: it holds all the same.
    reasons = excused or (MENDED if step.subject.memory.resume else ())
    sparing = situation.rules.sparing(situation.cluster, step.pool, reasons, situation.now) if reasons else ()
    return excused, sparing


def impossible(situation: Situation, step: Step) -> Iterator[Wait]:
    """Yield what AKS would refuse, and what would harm."""
    pool, remembered = step.pool, step.subject.memory
    if step.kind is ActionKind.REPLACE and not under_way(situation, step):
        yield from no_twin(situation, step)
    # What can't be read says nothing of whether it can be switched.
    if cannot := _unread(situation, step) or _unswitchable(situation, step):
        yield cannot
    if not pool.etag:
        yield Wait("NoETag", "ARM gave no eTag for the pool: a PUT could overwrite somebody's change.")
    if situation.cluster.stopped or pool.stopped:
        yield Wait("Stopped", "A stopped cluster or pool can't be updated: start it, or delete it.")
    state = situation.cluster.provisioning_state
    if failed := OF_CLUSTERS.get(state):
        # "Until the cluster is out of failed state, upgrade or scale operations won't succeed" (SUP
        # create-upgrade-delete/upgrading-or-scaling-does-not-succeed.md); of other PUTs, and of Canceled, nothing is
        # said. So a failed pool is not resumed there either.
        message = f"The cluster's own provisioning state is {state}: AKS may refuse. {mend_cluster(situation.cluster)}"
        yield Wait(failed, message)
    unblock = f"`fipswarden unblock {situation.cluster.id} {pool.name}`"
    if remembered.blocks(pool):
        or_else = "" if remembered.blocked_on == WHATEVER else ", or when the pool's configuration changes"
        yield Wait("Blocked", f"{remembered.blocked} It is tried again after {unblock}{or_else}.")
    if pool.provisioning_state in UNFINISHED and not remembered.resume:
        state = pool.provisioning_state
        yield Wait(f"Provisioning{state}", f"AKS left it in {state}: mend why; {unblock} lets one PUT resume it.")


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
