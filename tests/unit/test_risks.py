"""What a reimage would harm: noted, deferred for or ignored, as the policy says."""

import pytest

from shared.domain.asked import asked
from shared.domain.evaluate import CHECKS
from shared.domain.memory import PoolMemory
from shared.domain.model import ComplianceState
from shared.domain.planned import ActionKind
from shared.domain.policy import Rule
from shared.domain.risks import RISKS, risked
from shared.domain.settings import Fips, Risk, Settings, WorkloadSettings
from shared.domain.subject import Subject
from shared.domain.workloads import Workloads, unread
from tests.builders import NOW, cluster, disabled, judged, memory, workloads

ALL = workloads(
    smb=("pay/Deployment/ledger",),
    budgets=("pay/PodDisruptionBudget/ledger",),
    unmanaged_pods=("pay/Pod/debug",),
    local_data=("pay/StatefulSet/db",),
)
UNREAD = unread(NOW, "KubernetesForbidden: no.", passing=False)
EVERYWHERE = {risk: WorkloadSettings(risk, risk, risk, risk) for risk in Risk}
REASONS = ["SmbVolumes", "PdbBlocked", "UnmanagedPods", "LocalData"]


def subject(found: Workloads | None, treated: WorkloadSettings | None = None, fips: Fips = Fips.REQUIRED) -> Subject:
    """A pool without FIPS, of whose nodes something was read."""
    read, settings = cluster(disabled()), Settings(fips=fips, workloads=treated or WorkloadSettings())
    return Subject(read.pools[0], read, PoolMemory(workloads=found), Rule("r", settings=settings), NOW)


def noted(found: Workloads | None, treated: WorkloadSettings | None = None, fips: Fips = Fips.REQUIRED) -> list[str]:
    """The reasons that the verdict names of what runs on the pool."""
    made = subject(found, treated, fips)
    findings = [finding for check in CHECKS if (finding := check(made))]
    told = [one for one in findings if one.reason in (*REASONS, "WorkloadsUnreadable")]
    assert {one.state for one in told} <= {ComplianceState.NOT_APPLICABLE}
    return [one.reason for one in told]


def deferred(
    found: Workloads | None, treated: WorkloadSettings | None = None, kind: ActionKind = ActionKind.ENABLE_FIPS
) -> list[str]:
    """The reasons for which a step waits."""
    return [reason for reason, _ in risked(subject(found, treated), kind)]


def test_by_default_what_breaks_is_waited_for_and_what_is_lost_is_noted() -> None:
    assert noted(ALL) == REASONS
    assert deferred(ALL) == ["SmbVolumes", "PdbBlocked"]


@pytest.mark.parametrize(
    ("risk", "named", "waited"), [(Risk.DEFER, REASONS, REASONS), (Risk.NOTE, REASONS, []), (Risk.IGNORE, [], [])]
)
def test_the_policy_has_the_word_on_each(risk: Risk, named: list[str], waited: list[str]) -> None:
    assert noted(ALL, EVERYWHERE[risk]) == named
    assert deferred(ALL, EVERYWHERE[risk]) == waited


def test_nothing_found_is_nothing_told() -> None:
    assert noted(workloads()) == deferred(workloads()) == []


def test_what_nobody_has_read_is_waited_for_and_not_told() -> None:
    assert noted(None) == []
    assert deferred(None) == ["WorkloadsUnreadable"]
    assert deferred(None, EVERYWHERE[Risk.NOTE]) == []


@pytest.mark.parametrize(
    ("kind", "waited"),
    [
        (ActionKind.ENABLE_FIPS, True),
        (ActionKind.REPLACE, True),
        (ActionKind.DISABLE_FIPS, False),
        (ActionKind.CHANGE_OS_SKU, False),
    ],
)
def test_smb_volumes_matter_only_where_nodes_get_fips(kind: ActionKind, *, waited: bool) -> None:
    assert ("SmbVolumes" in deferred(ALL, kind=kind)) is waited
    assert "PdbBlocked" in deferred(ALL, kind=kind)
    assert "SmbVolumes" not in noted(ALL, fips=Fips.FORBIDDEN)


@pytest.mark.parametrize(
    ("treated", "named", "waited"),
    [
        (WorkloadSettings(), True, True),
        (WorkloadSettings(Risk.IGNORE, Risk.IGNORE, Risk.IGNORE, Risk.DEFER), True, True),
        (EVERYWHERE[Risk.NOTE], True, False),
        (EVERYWHERE[Risk.IGNORE], False, False),
    ],
)
def test_what_can_not_be_read_is_never_taken_for_nothing_found(
    treated: WorkloadSettings, *, named: bool, waited: bool
) -> None:
    assert noted(UNREAD, treated) == (["WorkloadsUnreadable"] if named else [])
    assert deferred(UNREAD, treated) == (["WorkloadsUnreadable"] if waited else [])


def test_where_only_smb_is_waited_for_a_step_that_gives_no_fips_waits_for_nothing() -> None:
    only = WorkloadSettings(Risk.DEFER, Risk.NOTE, Risk.NOTE, Risk.NOTE)

    assert deferred(UNREAD, only, ActionKind.DISABLE_FIPS) == []


def test_the_verdict_is_no_worse_for_it() -> None:
    read = cluster(disabled())

    assert judged(read, memory(apps=PoolMemory(workloads=ALL))).state is judged(read).state


def test_a_message_names_the_workloads() -> None:
    assert [one.told(subject(ALL)).count("pay/") for one in RISKS] == [1] * 4


@pytest.mark.parametrize(
    ("treated", "phrase"),
    [
        (WorkloadSettings(smb=Risk.NOTE), "a reimage waits for budgets on the nodes"),
        (EVERYWHERE[Risk.NOTE], "a reimage waits for nothing on the nodes"),
        (WorkloadSettings(local_data=Risk.DEFER), "a reimage waits for smb and budgets and local_data on the nodes"),
    ],
)
def test_what_is_asked_is_told_where_it_is_not_the_usual(treated: WorkloadSettings, phrase: str) -> None:
    assert phrase in asked(Settings(workloads=treated))
    assert not [each for each in asked(Settings()) if "on the nodes" in each]
