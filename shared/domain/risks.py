"""What a reimage of a pool would harm: a note in the verdict, and by the policy a reason to wait.

Pure. Never part of the verdict itself: a pool is no less compliant for what runs on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.domain.model import ComplianceState as State
from shared.domain.planned import ActionKind
from shared.domain.posture import Finding
from shared.domain.settings import Risk
from shared.domain.subject import Subject
from shared.domain.workloads import Names


@dataclass(frozen=True, slots=True)
class Harm:
    """One kind of thing that a reimage harms."""

    key: str
    """The policy's key under `workloads`, and the field of what was read."""
    reason: str
    says: str
    """With the names in it."""

    def found(self, subject: Subject) -> Names:
        """Return what of it is on the pool, and not ignored."""
        known = subject.memory.workloads
        if known is None or self.treated(subject) is Risk.IGNORE:
            return Names()
        names: Names = getattr(known, self.key)
        return names

    def treated(self, subject: Subject) -> Risk:
        """Return what the policy makes of it."""
        treated: Risk = getattr(subject.settings.workloads, self.key)
        return treated

    def told(self, subject: Subject) -> str:
        """Say what is on the pool; empty if nothing is."""
        names = self.found(subject)
        return self.says.format(names) if names.count else ""


SMB = Harm(
    "smb",
    "SmbVolumes",
    "Workloads mount SMB volumes, which fails on FIPS nodes: {}. Move them to NFS or blob storage.",
)
BUDGETS = Harm("budgets", "PdbBlocked", "Pod disruption budgets allow no eviction now, so that AKS can't drain: {}.")
RISKS = (
    SMB,
    BUDGETS,
    Harm("unmanaged_pods", "UnmanagedPods", "Pods without a controller don't come back after a reimage: {}."),
    Harm("local_data", "LocalData", "Workloads keep data on the node's own disk, which a reimage deletes: {}."),
)
"""The gravest first."""


def smb_volumes(subject: Subject) -> Finding | None:
    """Report workloads that would fail on FIPS nodes: SMB volumes can't be mounted there (enable-fips-nodes)."""
    return _note(subject, SMB) if subject.required else None


def blocking_budgets(subject: Subject) -> Finding | None:
    """Report budgets that keep AKS from draining the pool's nodes."""
    return _note(subject, BUDGETS)


def unmanaged_pods(subject: Subject) -> Finding | None:
    """Report pods that nobody brings back."""
    return _note(subject, RISKS[2])


def local_data(subject: Subject) -> Finding | None:
    """Report workloads with data on the node."""
    return _note(subject, RISKS[3])


def workloads_read(subject: Subject) -> Finding | None:
    """Report that what runs on the pool could not be read."""
    known = subject.memory.workloads
    if known is None or not known.unreadable or not subject.settings.workloads.asked:
        return None
    return Finding("workloads", State.NOT_APPLICABLE, "WorkloadsUnreadable", _unread(known.unreadable))


def _note(subject: Subject, harm: Harm) -> Finding | None:
    told = harm.told(subject)
    return Finding(harm.key, State.NOT_APPLICABLE, harm.reason, told) if told else None


def _unread(why: str) -> str:
    return f"What runs on the pool could not be read: {why}"


def risked(
    subject: Subject, kind: ActionKind, *, assuming: bool = False, evicting: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield reason and message of everything for which the policy has a step wait, the gravest first.

    `assuming`: what nobody has read is taken for harmless. `evicting`: pods leave one by one, and each eviction asks
    their budgets itself.
    """
    known = subject.memory.workloads
    deferring = [harm for harm in RISKS if harm.treated(subject) is Risk.DEFER and (harm is not SMB or _gets(kind))]
    deferring = [harm for harm in deferring if not (evicting and harm is BUDGETS)]
    why = known.unreadable if known else ""
    if not assuming and (known is None or known.only_smb):
        why = why or "no look has come to it yet."
    # Of a pool that is to be deleted it has to be known, whatever the policy makes of it.
    if why and (deferring or kind is ActionKind.REPLACE):
        yield "WorkloadsUnreadable", _unread(why)
    for harm in deferring:
        if told := harm.told(subject):
            yield harm.reason, told


def _gets(kind: ActionKind) -> bool:
    """Say whether nodes get FIPS by a step that had none."""
    return kind in (ActionKind.ENABLE_FIPS, ActionKind.REPLACE)
