"""What an assessment says of each control: met or not as far as node pools go, and why.

Nothing here calls a control met for lack of knowledge: what is unknown, unread or not there at all is `not met`, with
a reason of its own.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.domain.assessed import PoolAssessed
from shared.domain.assessment import Assessment
from shared.domain.controls import Basis, Control, controls
from shared.domain.model import ComplianceState as State
from shared.domain.modules import Standing
from shared.domain.unjudged import STRAYS
from shared.domain.verdicts import Aspect, worst_of
from shared.domain.wording import called, count


class Reason(StrEnum):
    """Why a control is met or not."""

    MET = "pass"
    FAIL = "fail"
    """Something is seen not to be as it should."""
    OTHER = "other"
    """Too little is known, or there is nothing to judge."""


@dataclass(frozen=True, slots=True)
class ControlStanding:
    """One control."""

    control: Control
    reason: Reason
    summary: str
    """One sentence with numbers."""

    @property
    def satisfied(self) -> bool:
        """Say whether it is met as far as node pools go."""
        return self.reason is Reason.MET


def standings(found: Assessment) -> tuple[ControlStanding, ...]:
    """Say how each control stands of which the records can say anything."""
    told = f" {of_part}" if (of_part := partial(found)) else ""
    each = (_standing(control, found) for control in controls().assessed)
    return tuple(replace(one, summary=f"{one.summary}{told}") for one in each)


def partial(found: Assessment) -> str:
    """Say which part of the evidence an assessment is of; empty if it is of all."""
    said = []
    if cluster := found.scope.cluster:
        others = (
            f"; manifest {found.manifest.number} names {count(found.manifest.clusters, 'cluster')}"
            if found.manifest
            else ""
        )
        said.append(f"This is of the cluster {cluster} alone{others}.")
    if after := found.scope.after:
        said.append(f"What clusters' records up to manifest {after} say is not in it.")
    return " ".join(said)


def concerned(found: Assessment) -> Iterator[PoolAssessed]:
    """Yield the pools of which the policy asks something."""
    return (pool for _, pool in found.pools() if pool.state is not State.NOT_APPLICABLE)


def _standing(control: Control, found: Assessment) -> ControlStanding:
    match control.basis:
        case Basis.VALIDATED:
            return _validated(control, found)
        case Basis.MONITORING:
            return _monitored(control, found)
        case Basis.SETTINGS:
            states = Counter(_set(pool) for pool in concerned(found))
            beside = found.beside(lambda one: one.aspect is Aspect.IMPLEMENTATION)
        case _:
            states = Counter(pool.known for pool in concerned(found))
            beside = found.beside()
    excused, both = control.basis is Basis.DEVIATIONS, states + beside
    bad = both[State.NON_COMPLIANT] + both[State.INCONSISTENT] + (0 if excused else both[State.EXEMPT])
    was = found.was().total()
    before = (
        f" {was} of them can't be read now, and {'counts as it was' if was == 1 else 'count as they were'}."
        if was
        else ""
    )
    summary = f"{_counted(states)}{before}{_told_beside(beside)}"
    return ControlStanding(control, _reason(found, states, bad, both[State.UNKNOWN]), summary)


def _set(pool: PoolAssessed) -> State:
    """Return the state of what the control plane says; what can't be read now is as bad as it was, or unknown."""
    now = pool.verdict.implementation
    if pool.was:
        was = worst_of(pool.was.findings, Aspect.IMPLEMENTATION)
        return State.UNKNOWN if was in (State.COMPLIANT, State.NOT_APPLICABLE) else was
    return now.state if now else State.UNKNOWN


def _told_beside(beside: Counter[State]) -> str:
    said = ", ".join(f"{beside[state]} {called(state)}" for state in State if beside[state])
    return f" Clusters beside their pools: {said}." if said else ""


def _reason(found: Assessment, all_of_them: Counter[State] | Counter[Standing], bad: int, unknown: int) -> Reason:
    if bad:
        return Reason.FAIL
    unread = any(found.unread())
    return Reason.OTHER if unknown or unread or not all_of_them.total() else Reason.MET


def _counted(states: Counter[State]) -> str:
    said = ", ".join(f"{states[state]} {called(state)}" for state in State if states[state])
    return f"Of {count(states.total(), 'node pool')}: {said}." if said else "There is no node pool to judge."


def _validated(control: Control, found: Assessment) -> ControlStanding:
    pools = tuple(concerned(found))
    worth = Counter(worth for pool in pools if (worth := _worth(pool)))
    without = sum(pool.on is False for pool in pools)
    open_ = len(pools) - worth.total() - without
    on = ", ".join(f"{worth[standing]} {standing}" for standing in Standing if worth[standing])
    said = [on] if on else []
    said += [f"{without} without FIPS, where no validated module is known to be in use"] if without else []
    said += [f"{open_} where it is not known whether FIPS is in effect"] if open_ else []
    told = f"Of {count(len(pools), 'node pool')}, by the worst certificate of their modules: {'; '.join(said)}."
    beside = found.beside()
    unknown, bad = beside[State.UNKNOWN], beside.total() - beside[State.UNKNOWN]
    # An exemption does not make modules validated on nodes that show no FIPS.
    reason = _reason(
        found, worth, worth[Standing.HISTORICAL] + without + bad, worth[Standing.UNKNOWN] + open_ + unknown
    )
    return ControlStanding(
        control, reason, f"{told if pools else 'There is no node pool to judge.'}{_told_beside(beside)}"
    )


def _worth(pool: PoolAssessed) -> Standing | None:
    """Return what the certificates of a pool's modules are worth; None where FIPS is not known to be in effect."""
    standing = pool.modules.standing if pool.modules else Standing.UNKNOWN
    if pool.on:
        return standing
    # Of a pool that can't be read, what was bad is known still.
    return Standing.HISTORICAL if pool.was and pool.was.on and standing is Standing.HISTORICAL else None


def _monitored(control: Control, found: Assessment) -> ControlStanding:
    broken = len(found.faults) + sum(len(one.faults) for one in found.clusters)
    unread = sum(1 for _ in found.unread())
    unknown = sum(1 for one in found.open() if one.judgement.state is State.UNKNOWN)
    told = (
        f"{count(len(found.judged), 'cluster')} judged; {count(unread, 'thing')} could not be read, "
        f"{count(unknown, 'finding')} unknown, {count(broken, 'fault')} in the evidence."
    )
    if found.coverage is None:
        unknown += 1
        told += " Whether there are clusters that nobody has looked at is not known."
    states = Counter(pool.state for pool in concerned(found))
    outside = found.beside(lambda one: one.check == STRAYS and one.state in (State.INCONSISTENT, State.NON_COMPLIANT))
    if outside:
        told += f" {count(outside.total(), 'cluster')} with nodes outside every node pool that are not as asked."
    return ControlStanding(control, _reason(found, states, broken + outside.total(), unknown), told)
