"""The disruption budget's row: one document for the whole fleet, changed by compare-and-swap.

A place is taken before anything is begun and given back only by a look that holds the cluster's lease and sees that
no operation of ours is on the pool. There is one per cluster, since AKS runs one operation per cluster.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from shared.domain.budget import Approval, Budget, Place
from shared.domain.codec import plain, typed
from shared.domain.ids import ClusterId
from shared.domain.people import Decision, DecisionKind
from shared.domain.places import released
from shared.errors import InputError
from shared.ports import Put, Row, Table

_KEY = "budget"
_RACES = 8
_MOST = 1000
"""So many decisions may wait to be recorded: more would say that no look comes."""


def read_budget(table: Table) -> Budget:
    """Return the budget as it is now."""
    return _budget(table.read(_KEY, _KEY))


def change(table: Table, decide: Callable[[Budget], Budget | None]) -> Budget | None:
    """Change the budget: `decide` returns what it becomes, or None if it stays; it is asked anew after a lost race.

    Returns what was written (or was so already), None if `decide` said so; raises OSError if others keep writing.
    """
    for _ in range(_RACES):
        row = table.read(_KEY, _KEY)
        budget = _budget(row)
        wanted = decide(budget)
        if wanted is None or wanted == budget:
            return wanted
        columns = {"active": len(wanted.places), "paused": wanted.paused, "broken": bool(wanted.broken)}
        if table.write(_KEY, Put(_KEY, row.etag if row else None, columns, plain(wanted))):
            return wanted
    raise OSError("the disruption budget's row kept changing: try again")


def release(
    table: Table, cluster: ClusterId, may: Callable[[Place], bool], *, begun: bool, unsent: bool = False
) -> None:
    """Give the cluster's place back, if it has one.

    `may` says whether this place may be given back; it is asked after the row was read, so that a caller who checks
    his lease there can't give back that of somebody who took over.
    """

    def decide(budget: Budget) -> Budget | None:
        place = budget.places.get(cluster.key)
        return released(budget, cluster.key, begun=begun, unsent=unsent) if place and may(place) else None

    change(table, decide)


def pause(table: Table, by: str, reason: str, at: datetime) -> Budget:
    """Stop every remediation; who was first stays named. Returns the budget as it was written."""
    decision = Decision(_new_id(), DecisionKind.PAUSE, by, at, reason)

    def decide(budget: Budget) -> Budget:
        if budget.paused:
            return budget
        return _decided(replace(budget, paused=True, paused_by=f"{by}: {reason}"), decision)

    return change(table, decide) or read_budget(table)


def resume(table: Table, by: str, at: datetime) -> None:
    """Let remediations go on."""
    decision = Decision(_new_id(), DecisionKind.RESUME, by, at, "remediations go on")

    def decide(budget: Budget) -> Budget:
        return _decided(replace(budget, paused=False, paused_by=""), decision) if budget.paused else budget

    change(table, decide)


def reset_breaker(table: Table, by: str, reason: str, at: datetime) -> None:
    """Close the breaker: what failed until now counts no more."""
    decision = Decision(_new_id(), DecisionKind.RESET_BREAKER, by, at, reason)
    change(table, lambda budget: _decided(replace(budget, broken="", ended=()), decision))


def _new_id() -> str:
    return secrets.token_hex(16)


def _decided(budget: Budget, decision: Decision) -> Budget:
    """Return the budget with a decision that is to be recorded, in the same write as what it changes."""
    if len(budget.decisions) >= _MOST:
        raise InputError(f"{_MOST} decisions wait to be recorded: find out why no look or resync of the app comes")
    return replace(budget, decisions=(*budget.decisions, decision))


def approve(
    table: Table,
    fingerprint: str,
    approval: Approval,
    *,
    guarded: bool = False,
    kind: DecisionKind = DecisionKind.APPROVE,
) -> None:
    """Keep a person's word, of which `kind` says what it is about; approvals that have ended are forgotten.

    `guarded` says that it is of a policy that demands that policies are approved; the demand ends when the app uses a
    text that was approved without it (policy_approval.demand_as_used).
    """
    decision = Decision(_new_id(), kind, approval.by, approval.at, approval.what, fingerprint, approval.until)

    def decide(budget: Budget) -> Budget:
        live = {key: one for key, one in budget.approvals.items() if one.until > approval.at}
        words = {**live, fingerprint: approval}
        at = approval.at if guarded else budget.guarded_at
        found = replace(budget, approvals=words, guarded=budget.guarded or guarded, guarded_at=at)
        return _decided(found, decision)

    change(table, decide)


def revoke(table: Table, of: str, by: str, at: datetime) -> tuple[Approval, ...]:
    """Take back the approvals that are not used of a pool (Approval.of), or of a policy by its hash; returns them."""
    found = dict[str, Approval]()

    def decide(budget: Budget) -> Budget | None:
        found.clear()
        found.update({key: one for key, one in budget.approvals.items() if (one.of or key) == of and one.until > at})
        left = {key: one for key, one in budget.approvals.items() if key not in found}
        after = replace(budget, approvals=left)
        for key, one in found.items():
            after = _decided(after, Decision(_new_id(), DecisionKind.REVOKE, by, at, one.what, key))
        return after if found else None

    change(table, decide)
    return tuple(found.values())


def stale_places(table: Table, before: datetime) -> Iterator[ClusterId]:
    """Yield the clusters whose place is older than a time: a look will see whether the world backs it."""
    for key, place in read_budget(table).places.items():
        if place.at < before:
            yield ClusterId.from_key(key)


def _budget(row: Row | None) -> Budget:
    return typed(Budget, row.doc) if row else Budget()
