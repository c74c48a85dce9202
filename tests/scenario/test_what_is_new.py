"""What leaves a record: whatever reports go by, once; and nothing at all while all stays as it is."""

from datetime import timedelta

import pytest

from shared.domain.bodies import Observation
from shared.domain.policy_reader import read_exemptions
from shared.domain.records import RecordKind
from shared.domain.rulebook import Rulebook
from tests.evidence import body_of
from tests.protocol.lab import CLUSTER, ruled
from tests.scenario.fleet import Fleet
from tests.scenario.test_reports import assessed

HOUR = timedelta(hours=1)
SETTLED = timedelta(hours=3)
NO_PODS = "proof: { level: control-plane }\n"
EXEMPTION = """\
version: 1
exemptions:
  - name: {name}
    match: {{ pools: [np1] }}
    category: waiver
    reason: driver
    owner: payments
    approver: board
    ticket: R-1
    created: 2026-11-20
    expires: {expires}
"""


def blackout(last: str) -> Rulebook:
    return rules(f"mode: enforce\n{NO_PODS}blackouts:\n  - {{ first: 2026-11-20, last: {last}, reason: freeze }}\n")


def window(day: str) -> Rulebook:
    opens = f'{{ days: [{day}], start: "01:00", length: 2h, zone: UTC }}'
    return rules(f"mode: enforce\n{NO_PODS}windows:\n  - {opens}\n")


def rules(policy: str, exempt: str = "", expires: str = "2027-01-20") -> Rulebook:
    """The texts, read."""
    found = ruled(policy)
    if not exempt:
        return found
    return Rulebook(found.policy, read_exemptions(EXEMPTION.format(name=exempt, expires=expires)))


def observations(lab: Fleet) -> list[Observation]:
    found = [body_of(record) for record in lab.records(RecordKind.OBSERVATION)]
    return [one for one in found if isinstance(one, Observation)]


WAITING = {
    "nothing is changed": rules(f"mode: alert\n{NO_PODS}"),
    "a window is to open": window("Sunday"),
    "a blackout lasts": blackout("2027-01-15"),
    "a person has to agree": rules(f"mode: approve\n{NO_PODS}"),
    "the owner was told": rules(f"mode: enforce\n{NO_PODS}notice: {{ before: 20d, owner: ana@example.com }}\n"),
    "the owner objects": rules(f"mode: enforce\n{NO_PODS}notice: {{ objection_tag: env }}\n"),
    "an exemption holds": rules(f"mode: enforce\n{NO_PODS}", "legacy"),
}


@pytest.mark.parametrize("waiting", WAITING)
def test_a_cluster_that_waits_for_days_leaves_no_record_of_it_whatever_its_etags_do(waiting: str) -> None:
    lab = Fleet()
    lab.policies.rules = WAITING[waiting]
    with lab.world.entered():
        lab.world.cluster_by_id(CLUSTER.arm_id).tags["env"] = "prod"
    lab.look(lasting=HOUR)
    lab.days(1)
    before, puts = len(observations(lab)), lab.puts()

    for _ in range(4):
        with lab.world.entered():
            lab.world.cluster_by_id(CLUSTER.arm_id).pools["np1"].etag = lab.world.guid()
        lab.event()
        lab.days(1)

    assert len(observations(lab)) == before
    assert lab.puts() == puts == []


def test_a_later_ring_that_waits_for_the_one_before_leaves_no_record_of_it() -> None:
    lab = Fleet()
    last = lab.add("aks-last", enableFIPS=False)
    lab.policies.rules = rules(
        f"mode: enforce\n{NO_PODS}rings:\n"
        "  - { name: first, match: { clusters: [aks-pay] }, soak: 20d }\n"
        "  - { name: last, match: { clusters: [aks-last] } }\n"
    )
    lab.look(CLUSTER, last, lasting=HOUR)
    lab.days(0.25)
    before = len(lab.records(RecordKind.OBSERVATION, last))
    assert lab.waits(last) == "RingSoaking"

    lab.days(4)

    assert lab.waits(last) == "RingSoaking"
    assert len(lab.records(RecordKind.OBSERVATION, last)) == before


def test_a_pool_that_is_too_new_leaves_no_record_of_it() -> None:
    lab = Fleet()
    lab.policies.rules = rules(f"mode: enforce\n{NO_PODS}new_pools: {{ enforce_after: 20d }}\n")
    lab.look(lasting=SETTLED)
    lab.add_pool(CLUSTER, "np2")
    lab.look(lasting=SETTLED)
    assert lab.waits(pool="np2") == "NewPool"
    before = len(observations(lab))

    lab.days(4)

    assert lab.waits(pool="np2") == "NewPool"
    assert len(observations(lab)) == before


def test_a_cluster_at_rest_leaves_no_record_of_its_looks() -> None:
    lab = Fleet()
    lab.policies.rules = rules(f"mode: enforce\n{NO_PODS}")
    lab.look(lasting=SETTLED)
    assert lab.verdict().startswith("compliant")
    before = len(lab.evidence.chain(CLUSTER))

    lab.days(4)

    assert len(lab.evidence.chain(CLUSTER)) == before


ALERT = f"mode: alert\n{NO_PODS}"
NEWS = {
    "how old a proof may be": (rules(ALERT), rules("mode: alert\nproof: { level: control-plane, max_age: 7d }\n")),
    "when an exemption ends": (rules(ALERT, "legacy"), rules(ALERT, "legacy", "2027-02-18")),
    "which exemption excuses": (rules(ALERT, "legacy"), rules(ALERT, "other")),
    "when a blackout ends": (blackout("2026-12-01"), blackout("2027-02-01")),
    "which window opens": (window("Saturday"), window("Sunday")),
}


@pytest.mark.parametrize("news", NEWS)
def test_what_reports_go_by_is_recorded_once_when_it_changes(news: str) -> None:
    lab = Fleet()
    lab.policies.rules, after = NEWS[news]
    lab.look(lasting=SETTLED)
    before = observations(lab)

    lab.policies.rules = after
    lab.days(1)

    assert len(observations(lab)) == len(before) + 1
    posture = lab.stored().posture
    assert posture
    (verdict,) = observations(lab)[-1].posture.pools
    assert [(one.exemption, one.exempt_until) for one in verdict.findings] == [
        (one.exemption, one.exempt_until) for one in posture.pools[0].findings
    ]
    assert verdict.effectiveness.max_age == timedelta(seconds=posture.pools[0].proof_age or 0)
    assert [one.until for one in observations(lab)[-1].plan.deferrals] == [one.until for one in lab.stored().deferrals]


def test_another_node_image_is_recorded_once() -> None:
    lab = Fleet()
    lab.policies.rules = rules(ALERT)
    lab.look(lasting=SETTLED)
    before = len(observations(lab))

    with lab.world.entered():
        pool = lab.world.cluster_by_id(CLUSTER.arm_id).pools["np1"]
        pool.image = "AKSAzureLinux-V3gen2-202612.09.0"
        pool.etag = lab.world.guid()
    lab.look(lasting=SETTLED)
    lab.days(1)

    assert len(observations(lab)) == before + 1
    (verdict,) = observations(lab)[-1].posture.pools
    assert verdict.implementation
    assert verdict.implementation.node_image == "AKSAzureLinux-V3gen2-202612.09.0"


def test_another_owner_is_recorded_once_and_named_in_reports() -> None:
    lab = Fleet()
    lab.policies.rules = rules(ALERT)
    lab.look(lasting=SETTLED)
    before = len(observations(lab))

    for tags in ({"owner": "carol"}, {"owner": "carol", "env": "prod"}):
        with lab.world.entered():
            lab.world.cluster_by_id(CLUSTER.arm_id).pools["np1"].properties["tags"] = tags
        lab.event()
        lab.days(1)

    assert len(observations(lab)) == before + 1
    (found,) = assessed(lab).clusters
    assert [pool.owner for pool in found.pools] == ["carol"]
