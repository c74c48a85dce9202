"""A plan of action and milestones (POA&M): every open finding with its age, its owner and its due date.

The names of the columns are those of FedRAMP's POA&M template where it has one that fits (POA&M Template Completion
Guide, 2021-11-23: POA&M ID, Controls, Weakness Name, Weakness Description, Weakness Detector Source, Asset Identifier,
Point of Contact, Original Detection Date, Scheduled Completion Date, Status Date, Operational Requirement, Comments).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from shared.domain.assessed import Due, Source
from shared.domain.assessment import Assessment, OpenFinding
from shared.domain.cluster_assessed import ClusterAssessed
from shared.domain.controls import Basis, controls
from shared.domain.ids import ClusterId
from shared.domain.model import WORST_FIRST, ComplianceState
from shared.domain.verdicts import Aspect
from shared.reports import words
from shared.reports.cells import csv_lines

COLUMNS = (
    *("POA&M ID", "Controls", "Weakness Name", "Weakness Description", "Weakness Detector Source"),
    *("Asset Identifier", "Point of Contact", "Original Detection Date", "Age (days)"),
    *("Scheduled Completion Date", "Basis of the Date", "Status Date", "State", "Operational Requirement"),
    *("Evidence Record", "SHA-256", "Comments"),
)


Done = dict[tuple[ClusterId, str], list[str]]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the plan."""

    id: str
    """The same in every plan, as long as the finding is open."""
    finding: OpenFinding
    controls: str
    """Names of the controls that it is about."""
    asset: str
    """ARM id of the node pool or cluster."""
    owner: str
    due: Due
    days: int | None
    """How long it has been open; None: not known."""


def items(found: Assessment) -> list[Item]:
    """Return the lines of the plan: the worst first, then the oldest."""
    return sorted((_item(one, found.as_of) for one in found.open()), key=_order)


def _order(item: Item) -> tuple[int, int, str, str]:
    state = WORST_FIRST.index(item.finding.judgement.state)
    return state, -(item.days or 0), item.asset, item.finding.judgement.check


def _item(one: OpenFinding, now: datetime) -> Item:
    judgement, pool, cluster = one.judgement, one.pool, one.cluster.cluster
    since = judgement.since.isoformat() if judgement.since else ""
    return Item(
        f"FW-{uuid5(NAMESPACE_URL, f'urn:fipswarden:{one.key}:{since}').hex[:12]}",
        one,
        ", ".join(_controls(one)),
        f"{cluster.arm_id}/agentPools/{pool.name}" if pool else cluster.arm_id,
        one.owner,
        one.due,
        words.age(judgement.since, now),
    )


def _controls(one: OpenFinding) -> list[str]:
    """Name the controls that a finding is about: modules are another matter than FIPS."""
    judgement = one.judgement
    bases = {Basis.VALIDATED} if judgement.check == "modules" else {Basis.ENABLED}
    if judgement.aspect is Aspect.IMPLEMENTATION and judgement.check != "modules":
        bases.add(Basis.SETTINGS)
    if judgement.state is ComplianceState.UNKNOWN:
        bases.add(Basis.MONITORING)
    if judgement.state is ComplianceState.EXEMPT:
        bases.add(Basis.DEVIATIONS)
    return sorted({control.name for control in controls().assessed if control.basis in bases})


def poam_report(found: Assessment) -> Iterator[str]:
    """Yield the plan as lines of CSV; what could not be read, and the limits, stand below."""
    yield from csv_lines(_rows(found))


def _rows(found: Assessment) -> Iterator[tuple[str, ...]]:
    yield COLUMNS
    done = _done(found)
    for item in items(found):
        yield _row(item, found, done)
    open_pools = {(one.cluster.cluster, one.pool.name) for one in found.open() if one.pool}
    for (cluster, pool), told in done.items():
        if (cluster, pool) not in open_pools:
            yield _note(f"done on {cluster.arm_id}/agentPools/{pool}: {' '.join(told)}")
    for one in found.clusters:
        if one.observed and not one.judged:
            yield _note(_stateless(one, one.observed))
    for what, why in found.unread():
        yield _note(f"not read: {what}: {why}")
    for said in words.limits(found):
        yield _note(said)
    for path, seq, digest in words.origins(found):
        yield _note(f"made from {path}, record {seq}, SHA-256 {digest}")


def _stateless(cluster: ClusterAssessed, source: Source) -> str:
    """Say of a cluster without a state why it has no line: what was open of it has left the plan."""
    told = f"no state: {cluster.cluster.arm_id} {words.stateless(cluster)}. Record {source.name}."
    return f"{told} {words.BEHIND}" if source.behind else told


def _note(text: str) -> tuple[str, ...]:
    return (*("",) * (len(COLUMNS) - 1), text)


def _done(found: Assessment) -> Done:
    """Return what the app did, by cluster and pool."""
    told: Done = {}
    for cluster in found.clusters:
        for one in cluster.attempts:
            said = f"{words.minute(one.source.at)} {one.what}. {' '.join(words.became(one))} Record {one.source.name}."
            told.setdefault((cluster.cluster, one.pool), []).append(said)
    return told


def _row(item: Item, found: Assessment, done: Done) -> tuple[str, ...]:
    judgement, one = item.finding.judgement, item.finding
    source, excused = one.source, one.exemption
    behind = [words.BEHIND] if one.behind else []
    return (
        item.id,
        item.controls,
        judgement.reason,
        words.said(one),
        f"fipswarden, check {judgement.check} ({judgement.aspect})",
        item.asset,
        item.owner or words.NOBODY,
        words.day(judgement.since),
        "" if item.days is None else str(item.days),
        words.day(item.due.at),
        item.due.basis,
        words.day(found.as_of),
        judgement.state,
        f"{excused.category}: {excused.name}, {excused.ticket}: {excused.reason}" if excused else "",
        source.name if source else "",
        source.hash if source else "",
        " ".join((*behind, *done.get((one.cluster.cluster, one.pool.name if one.pool else ""), ()))),
    )
