"""What the app does about AKS that refuses and people who disagree: it waits, ever longer, and says so."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from local.world.faults import Answer, Fault
from local.world.model import Pool
from shared.budget import change, pause, read_budget
from shared.domain.exemptions import Exemptions
from shared.domain.ids import ClusterId
from shared.domain.model import Unreadable
from shared.domain.records import RecordKind
from shared.domain.requests import ReconcileRequest
from shared.domain.rulebook import Rulebook
from shared.postures import read_posture
from tests.builders import exemption
from tests.protocol.lab import CLUSTER, INVISIBLE, Lab, Tap, ruled


def puts(lab: Lab) -> list[int]:
    return [one.status for one in lab.world.requests if one.method == "PUT"]


def verdict(lab: Lab) -> str:
    posture = read_posture(lab.postures, CLUSTER).posture
    assert posture is not None
    return f"{posture.pools[0].state}: {posture.pools[0].decisive.reason}"


def run(lab: Lab, patience: timedelta) -> None:
    lab.event()
    lab.until_quiet(patience=patience)


def flip_back(pool: Pool, lab: Lab) -> None:
    """Somebody switches FIPS off again, as Terraform does."""
    with lab.world.entered():
        pool.properties["enableFIPS"] = False
        pool.image = pool.target_image()
        pool.etag = lab.world.guid()


def test_retry_after_is_honoured_and_the_place_in_the_budget_is_given_to_others() -> None:
    lab = Lab()
    lab.world.faults.add(Fault(Answer(429, "Throttled", "slow down", retry_after=600), method="PUT", times=1))
    run(lab, timedelta(minutes=9))
    assert puts(lab) == [429]
    assert not read_budget(lab.rollout).places, "a pool that waits holds nobody up"
    lab.until_quiet()
    assert puts(lab) == [429, 200]
    assert verdict(lab) == "compliant: NodesProven"


def test_the_more_often_aks_refuses_the_longer_it_is_left_alone() -> None:
    lab = Lab()
    lab.world.faults.add(Fault(Answer(412, "PreConditionFailed", "changed"), method="PUT", times=20))
    run(lab, timedelta(hours=1))
    assert 3 <= len(puts(lab)) <= 9
    assert set(puts(lab)) == {412}


def test_a_right_that_is_missing_is_told_and_tried_again_when_it_may_be_there() -> None:
    lab = Lab()
    effect = Answer(403, "AuthorizationFailed", "does not have authorization", gateway=True)
    lab.world.faults.add(Fault(effect, method="PUT", times=1))
    run(lab, timedelta(minutes=50))
    assert puts(lab) == [403]
    assert any("does not have authorization" in alert.text for alert in lab.alerts.sent)
    lab.until_quiet()
    assert puts(lab) == [403, 200]
    assert verdict(lab) == "compliant: NodesProven"


def test_what_the_pools_configuration_forbids_is_not_tried_again_until_it_changes() -> None:
    lab = Lab()
    effect = Answer(400, "PropertyChangeNotAllowed", "Changing property 'x' is not allowed.")
    lab.world.faults.add(Fault(effect, method="PUT", times=1))
    run(lab, timedelta(days=2))
    run(lab, timedelta(days=2))
    assert puts(lab) == [400]
    with lab.world.entered():
        lab.pool.properties["nodeLabels"] = {"mended": "yes"}
    run(lab, timedelta(hours=1))
    assert puts(lab) == [400, 200]


def test_a_pool_that_somebody_keeps_switching_back_is_contested_and_fought_ever_more_slowly() -> None:
    lab = Lab()
    run(lab, timedelta(hours=1))
    for _ in range(30):
        flip_back(lab.pool, lab)
        run(lab, timedelta(minutes=30))
    hours = 15
    assert puts(lab).count(200) <= 6, f"in {hours} hours"
    flip_back(lab.pool, lab)
    lab.event()
    lab.until_quiet(patience=timedelta(minutes=1))
    chain = lab.evidence.chain(CLUSTER)
    reasons = [
        one["reason"]
        for record in chain
        if record.kind is RecordKind.OBSERVATION
        for one in record.payload["plan"]["deferrals"]
    ]
    assert "Contested" in reasons


def test_a_cluster_that_never_existed_leaves_neither_posture_nor_evidence() -> None:
    lab = Lab()
    nobody = ClusterId(CLUSTER.subscription, CLUSTER.resource_group, "nobody")
    lab.queue.send(ReconcileRequest(nobody, "event"))
    lab.until_quiet()
    assert read_posture(lab.postures, nobody).posture is None
    assert lab.evidence.chain(nobody) == ()


def test_a_cluster_made_anew_under_the_same_name_is_asked_anew() -> None:
    lab = Lab()
    run(lab, timedelta(hours=1))
    assert verdict(lab) == "compliant: NodesProven"
    with lab.world.entered():
        cluster = lab.world.cluster_by_id(CLUSTER.arm_id)
        group = lab.world.group(CLUSTER.subscription, CLUSTER.resource_group)
        lab.world.remove_cluster(cluster)
    run(lab, timedelta(hours=1))
    with lab.world.entered():
        group.clusters[CLUSTER.name] = cluster
    proofs = sum(record.kind is RecordKind.PROOF for record in lab.evidence.chain(CLUSTER))
    run(lab, timedelta(hours=1))
    assert verdict(lab) == "compliant: NodesProven"
    assert sum(record.kind is RecordKind.PROOF for record in lab.evidence.chain(CLUSTER)) == proofs + 1


def breaks(lab: Lab) -> None:
    change(lab.rollout, lambda budget: replace(budget, broken="3 of the last 3 remediations failed."))


def exempts(lab: Lab) -> None:
    lab.policies.rules = replace(ruled(WINDOWED), exemptions=Exemptions((exemption(),), hash="e1"))


def rules(found: Rulebook | Unreadable) -> Callable[[Lab], None]:
    def interfere(lab: Lab) -> None:
        lab.policies.rules = found

    return interfere


WINDOWED = 'mode: enforce\nwindows: [{start: "07:02", length: 1h}]\n'
INTERFERING: dict[str, Callable[[Lab], object]] = {
    "a pause": lambda lab: pause(lab.rollout, "test", "an incident", lab.clock.now()),
    "the breaker": breaks,
    "another policy": rules(ruled("mode: audit\n")),
    "an exemption": exempts,
    "a policy that breaks": rules(replace(ruled(WINDOWED), trouble="policy.yaml: line 1, column 1: no")),
    "a policy that can't be read": rules(Unreadable("PolicyUnreadable", "the storage is down", timedelta(minutes=2))),
    "the end of the window": lambda lab: lab.clock.advance(timedelta(minutes=3)),
}
STAGES: dict[str, tuple[Callable[[Lab], bool], list[str]]] = {
    "the place is taken": (lambda lab: bool(read_budget(lab.rollout).places), []),
    "the intent is written": (lambda lab: RecordKind.INTENT in kinds(lab), ["not_begun"]),
}
"""How far a look has come, and the outcomes in the evidence when it is stopped there."""


def kinds(lab: Lab) -> list[RecordKind]:
    return [record.kind for record in lab.evidence.chain(CLUSTER)]


@pytest.mark.parametrize(("reached", "outcomes"), STAGES.values(), ids=STAGES)
@pytest.mark.parametrize("interfere", INTERFERING.values(), ids=INTERFERING)
def test_whatever_forbids_a_remediation_between_decision_and_put_stops_the_put(
    interfere: Callable[[Lab], object], reached: Callable[[Lab], bool], outcomes: list[str]
) -> None:
    lab, interfered = Lab(), [False]
    lab.policies.rules = ruled(WINDOWED)

    def after(_: str) -> None:
        if not interfered[0] and reached(lab):
            interfered[0] = True
            interfere(lab)

    lab.event()
    message = lab.queue.take(INVISIBLE)
    assert message is not None
    lab.work(message, Tap(after=after))
    assert interfered[0], "the look came so far"
    assert puts(lab) == []
    chain = lab.evidence.chain(CLUSTER)
    assert [record.payload["outcome"] for record in chain if record.kind is RecordKind.OUTCOME] == outcomes
    assert not read_budget(lab.rollout).places


def test_a_pause_after_the_put_lets_the_operation_come_to_its_end() -> None:
    lab = Lab()
    run(lab, timedelta(seconds=10))
    assert puts(lab) == [200]
    pause(lab.rollout, "test", "an incident", lab.clock.now())
    run(lab, timedelta(hours=1))
    lab.assert_sound()
