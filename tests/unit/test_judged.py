"""An observation keeps apart what the control plane says, what the nodes say, and what is validated."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.bodies import Observation
from shared.domain.codec import plain, typed
from shared.domain.evaluate import evaluate
from shared.domain.judged import modules_seen, observation
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import ClusterRead, ComplianceState, Gone, ProofLevel, Unreadable
from shared.domain.modules import Standing, Status, edition
from shared.domain.planned import Deferral, Notice, Plan
from shared.domain.verdicts import Aspect
from tests.builders import ENFORCING, NOW, cluster, cluster_id, disabled, judged, memory, pool, profile, proof

WELL = memory(apps=proof(record=7))
NOTHING = Plan(None, (), None)


def seen(read: ClusterRead, remembered: Memory = WELL, planned: Plan = NOTHING) -> Observation:
    return observation(
        read, evaluate(read, remembered, ENFORCING, None, NOW, cluster=cluster_id()), planned, remembered
    )


def test_the_nodes_word_and_the_control_planes_are_apart() -> None:
    lying = memory(apps=proof(disagreeing=("n1", "n2"), record=9, at=NOW - timedelta(days=1)))

    (found,) = seen(cluster(), lying).posture.pools

    assert found.implementation
    assert (found.implementation.state, found.implementation.enabled) == (ComplianceState.COMPLIANT, True)
    assert found.effectiveness.state is ComplianceState.INCONSISTENT
    assert (found.effectiveness.nodes, found.effectiveness.disagreeing, found.effectiveness.record) == (3, 2, 9)
    assert found.state is ComplianceState.INCONSISTENT
    assert {one.check for one in found.findings if one.aspect is Aspect.EFFECTIVENESS} == {"proof"}


def test_a_switch_that_is_off_says_nothing_of_the_nodes() -> None:
    (found,) = seen(cluster(disabled()), Memory()).posture.pools

    assert found.implementation
    assert (found.implementation.state, found.implementation.enabled) == (ComplianceState.NON_COMPLIANT, False)
    assert found.effectiveness.state is ComplianceState.NOT_APPLICABLE
    assert (found.effectiveness.at, found.effectiveness.record) == (None, 0)


def test_a_proof_is_named_with_its_level_its_time_and_its_record() -> None:
    deep = proof(level=ProofLevel.KERNEL, id="ab12cd34", record=4, sampled=2)

    (found,) = seen(cluster(), memory(apps=deep)).posture.pools

    effect = found.effectiveness
    assert (effect.level, effect.at, effect.proof, effect.record, effect.sampled) == (
        ProofLevel.KERNEL,
        deep.at,
        "ab12cd34",
        4,
        2,
    )


def test_enabled_and_validated_are_told_apart() -> None:
    old = profile(osSKU="Ubuntu", nodeImageVersion="AKSUbuntu-2004gen2fipscontainerd-202611.03.0")

    (found,) = seen(cluster(old), Memory()).posture.pools

    assert found.implementation
    assert found.implementation.enabled is True
    assert found.modules
    assert (found.modules.release, found.modules.standing) == ("Ubuntu 20.04", Standing.HISTORICAL)
    assert "enabled" not in plain(found.modules)
    assert "standing" not in plain(found.implementation)


def test_each_certificate_says_what_the_edition_says_and_what_it_is_worth_on_the_day() -> None:
    jammy = pool(osSKU="Ubuntu", nodeImageVersion="AKSUbuntu-2204gen2fipscontainerd-202611.03.0")
    today, later = (modules_seen(jammy, day) for day in (date(2026, 1, 1), date(2099, 1, 1)))

    listed = {one.number: one for one in edition().certificates}
    assert today.edition == edition().as_of
    assert today.certificates
    for one in today.certificates:
        known = listed[one.number]
        assert (one.module, one.standard, one.status, one.sunset) == (
            known.module,
            known.standard,
            known.status,
            known.sunset,
        )
    assert [one.status for one in later.certificates] == [one.status for one in today.certificates]
    assert {one.status for one in later.certificates} == {Status.ACTIVE}, "as the edition lists them"
    assert {one.standing for one in today.certificates} == {Standing.ACTIVE}
    assert {one.standing for one in later.certificates} == {Standing.UNKNOWN}, "the vendor announced a renewal"


def test_an_image_of_no_known_name_has_modules_of_which_nothing_is_known() -> None:
    found = modules_seen(pool(nodeImageVersion="MyImage-1"), NOW.date())

    assert (found.release, found.standing, found.certificates) == ("", Standing.UNKNOWN, ())


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (cluster(), (True, None, False)),
        (Gone(), (False, None, True)),
        (Unreadable("Forbidden", "No role.", None), (False, "Forbidden", False)),
    ],
)
def test_it_says_which_of_the_three_arm_answered(read: ClusterRead, said: tuple[bool, str | None, bool]) -> None:
    found = seen(read).observed

    why = found.unreadable.reason if found.unreadable else None
    assert (found.cluster is not None, why, found.gone) == said


def test_what_a_look_could_not_read_it_does_not_claim_to_have_seen() -> None:
    before = judged(cluster(), WELL)
    read = Unreadable("Forbidden", "No role.", None)
    now = evaluate(read, WELL, ENFORCING, before, NOW, cluster=cluster_id())

    (found,) = observation(read, now, NOTHING, WELL).posture.pools

    assert (found.implementation, found.modules) == (None, None)
    assert found.effectiveness.record == 7, "the proof is there all the same"


def test_the_plan_is_whole_but_for_the_owners_address() -> None:
    waits = Deferral("apps", "NoticeRunning", "It waits.", NOW, "f1")
    notice = Notice("apps", "ana@contoso.com", NOW + timedelta(days=2), "fips-objection", "s1")

    found = seen(cluster(), planned=Plan(None, (waits,), timedelta(minutes=10), (notice,))).plan

    assert (found.deferrals, found.requeue_after) == ((waits,), timedelta(minutes=10))
    assert [(one.pool, one.until) for one in found.notices] == [("apps", notice.until)]
    assert "ana" not in str(plain(found))


def test_it_reads_back_as_it_was() -> None:
    made = seen(cluster(profile(), disabled("batch")), replace(WELL, pools={"apps": PoolMemory(proof())}))

    assert typed(Observation, plain(made)) == made
