"""What can't be read is unknown, never compliant and never acted on, and what is said of it names the true cause."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain import proofs
from shared.domain.evaluate import cluster_settings, evaluate, strays_due, to_prove
from shared.domain.explain import explain
from shared.domain.matching import ClusterMatch, Match, VersionRange
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, ComplianceState, Mode, ProofLevel
from shared.domain.operation import UNDER_WAY
from shared.domain.plan import plan
from shared.domain.policy import EXCLUSION, UNTOLD, Ring, Rule
from shared.domain.proven import Strays
from shared.domain.settings import Fips, Modules, ProofSettings, Settings
from shared.domain.steps import due
from shared.domain.waits import wanted
from tests.builders import (
    IMAGE,
    NOW,
    PLAIN_IMAGE,
    book,
    cluster,
    disabled,
    exemption,
    judged,
    memory,
    pool,
    profile,
    proof,
    situation,
)

UNKNOWN, NOT_APPLICABLE = ComplianceState.UNKNOWN, ComplianceState.NOT_APPLICABLE
UNTAGGED: dict[str, Any] = {"tags": {"env": 7}}
"""Of a cluster: the value of a tag is no text."""
NOWHERE: tuple[dict[str, Any], ...] = ({"location": None}, {"location": ""}, {"location": "  "}, {"location": 7})
VERSIONLESS = {"orchestratorVersion": "?", "currentOrchestratorVersion": "?"}
LINUX = {"osType": "Linux", "osSKU": "Windows2022"}
WINDOWS = {"osType": "Windows", "osSKU": "AzureLinux"}
LAB = ClusterMatch(locations=("usgov*",), line=4)


class TestExclusions:
    """Where nobody knows whether a cluster is excluded, it is in scope, unknown and left alone."""

    @pytest.mark.parametrize(
        ("exclude", "changes", "says"),
        [
            *((LAB, changes, "the cluster's location") for changes in NOWHERE),
            (ClusterMatch(locations=("*",)), {"location": None}, "the cluster's location (missing)"),
            (ClusterMatch(tags={"env": "lab"}), UNTAGGED, "the cluster's tags {'env': 7}"),
            (ClusterMatch(tags={"env": "lab"}), {"tags": []}, "the cluster's tags []"),
            (ClusterMatch(clusters=("aks-*",), tags={"env": "lab"}), UNTAGGED, "the cluster's tags"),
        ],
    )
    @pytest.mark.parametrize("made", [disabled, profile])
    @pytest.mark.parametrize("fips", [Fips.REQUIRED, Fips.ANY])
    def test_one_that_asks_for_what_cannot_be_read_leaves_it_open(
        self, exclude: ClusterMatch, changes: dict[str, Any], says: str, made: Any, fips: Fips
    ) -> None:
        read, rules = cluster(made(), **changes), book(exclude=(exclude,), fips=fips)

        posture = judged(read, memory(apps=proof()), rules)

        (found,) = posture.pools
        assert (posture.in_scope, posture.state, found.state, found.mode) == (True, UNKNOWN, UNKNOWN, Mode.ALERT)
        assert (found.rule, found.line) == (EXCLUSION, exclude.line)
        (finding,) = found.findings
        assert finding.message.startswith(
            f"An exclusion of the policy's scope asks for what can't be read of it ({says}"
        )
        assert finding.message.endswith("whether it is in scope is not known.")
        assert plan(situation(read, rules=rules)).action is None

    @pytest.mark.parametrize(
        "exclude",
        [
            (ClusterMatch(clusters=("aks-x",), locations=("usgov*",)),),
            (ClusterMatch(subscriptions=("2*",), tags={"a": "b"}),),
        ],
    )
    def test_one_that_does_not_fit_anyway_is_decided(self, exclude: tuple[ClusterMatch, ...]) -> None:
        found = judged(cluster(disabled(), location=None, **UNTAGGED), rules=book(exclude=exclude)).pools[0]

        assert (found.rule, found.mode) == ("default", Mode.ENFORCE)

    def test_another_one_that_fits_by_the_name_alone_excludes_it(self) -> None:
        rules = book(exclude=(LAB, ClusterMatch(clusters=("aks-*",))))

        assert not judged(cluster(disabled(), location=None), rules=rules).in_scope

    def test_its_nodes_are_not_asked(self) -> None:
        rules = book(exclude=(LAB,), proof=ProofSettings(level=ProofLevel.KERNEL))
        lost = replace(cluster(location=None), unlisted="node auto-provisioning")

        assert to_prove(lost, Memory(), rules, NOW) == ()
        assert not strays_due(lost, Memory(), rules, NOW)
        assert to_prove(replace(lost, location="westeurope", illegible=()), Memory(), rules, NOW)

    def test_what_is_excluded_for_certain_is_told_with_its_line(self) -> None:
        rules = book(exclude=(ClusterMatch(locations=("west*",), line=7),))

        found = explain(situation(cluster(), rules=rules), cluster().pools[0])

        assert found.outside == "the policy excludes its cluster (line 7)"


class TestNodesOutsidePools:
    """Where nobody knows which rule holds for nodes outside every pool, the cluster is unknown."""

    RULES = (Rule("lab", Match(tags={"env": "lab"}), Settings(Fips.ANY, Mode.AUDIT), 3),)
    STRAYS = Strays(NOW, 1, 1, ("n",))

    @pytest.mark.parametrize("strays", [None, STRAYS])
    def test_that_is_a_finding_of_the_cluster(self, strays: Strays | None) -> None:
        read = replace(cluster(**UNTAGGED), unlisted="node auto-provisioning")
        remembered = replace(memory(apps=proof()), strays=strays)

        posture = judged(read, remembered, book(rules=self.RULES))

        (finding,) = posture.cluster_findings
        assert (finding.state, finding.reason) == (UNKNOWN, "FieldUnreadable")
        assert "Rule lab asks for what can't be read of it (the cluster's tags {'env': 7})" in finding.message

    def test_also_where_it_is_the_only_thing_that_is_not_known(self) -> None:
        first = Rule("all pools", Match(pools=("*",)), Settings(Fips.ANY, Mode.AUDIT))

        posture = judged(cluster(**UNTAGGED), rules=book(rules=(first, *self.RULES)))

        assert [pool.state for pool in posture.pools] == [NOT_APPLICABLE]
        assert posture.state is UNKNOWN

    def test_and_nothing_is_asked_of_them(self) -> None:
        read = replace(cluster(**UNTAGGED), unlisted="node auto-provisioning")
        demanding = Rule("deep", Match(tags={"env": "lab"}), Settings(Fips.REQUIRED, Mode.ENFORCE))
        rules = book(rules=(demanding,))

        assert cluster_settings(rules.policy, read).fips is Fips.ANY
        assert not strays_due(read, Memory(), rules, NOW)

    def test_an_earlier_rule_that_fits_decides(self) -> None:
        mine = Rule("mine", Match(clusters=("aks-*",)), Settings(Fips.ANY, Mode.AUDIT))

        assert judged(cluster(**UNTAGGED), rules=book(rules=(mine, *self.RULES))).cluster_findings == ()


FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "a type that nobody knows": ("its type 'Pods'", {"type": "Pods"}),
    "no type": ("its type (missing)", {"type": ...}),
    "a type that is no text": ("its type 7", {"type": 7}),
    "a runtime that nobody knows": ("its workloadRuntime 'Unikernel'", {"workloadRuntime": "Unikernel"}),
    "an empty runtime": ("its workloadRuntime ''", {"workloadRuntime": ""}),
    "a runtime that is no text": ("its workloadRuntime False", {"workloadRuntime": False}),
    "fewer nodes than none": ("its count -1", {"count": -1}),
    "half a node": ("its count 2.5", {"count": 2.5}),
    "as many nodes as true": ("its count True", {"count": True}),
    "nodes by size that are no list": (
        "its virtualMachineNodesStatus 'all'",
        {"type": "VirtualMachines", "virtualMachineNodesStatus": "all"},
    ),
    "fewer nodes of a size than none": (
        "its virtualMachineNodesStatus -1",
        {"type": "VirtualMachines", "virtualMachineNodesStatus": [{"size": "Standard_D4ds_v5", "count": -1}]},
    ),
    "a size that is no object": (
        "its virtualMachineNodesStatus 'D4'",
        {"type": "VirtualMachines", "virtualMachineNodesStatus": ["D4"]},
    ),
    "a tag whose value is no text": ("its tags {'tier': ['gold']}", {"tags": {"tier": ["gold"], "team": "pay"}}),
    "a tag whose value is an empty object": ("its tags {'tier': {}}", {"tags": {"tier": {}}}),
    "an empty image": ("its node image ''", {"nodeImageVersion": ""}),
    "no image": ("its node image (missing)", {"nodeImageVersion": ...}),
}


class TestFields:
    """Each field that a verdict or a step rests on: unreadable, it makes the pool unknown, and nothing is begun."""

    @pytest.mark.parametrize(("named", "changes"), FIELDS.values(), ids=FIELDS.keys())
    @pytest.mark.parametrize("fips", [Fips.REQUIRED, Fips.FORBIDDEN])
    def test_it_is_named_and_nothing_is_begun(self, named: str, changes: dict[str, Any], fips: Fips) -> None:
        made = disabled if fips is Fips.REQUIRED else profile
        read, rules = cluster(made(**changes)), book(fips=fips)

        planned = plan(situation(read, rules=rules))

        found = next(one for one in judged(read, rules=rules).pools[0].findings if one.check == "legible")
        assert (found.state, found.reason) == (UNKNOWN, "FieldUnreadable")
        assert named in found.message
        assert planned.action is None
        assert [(item.reason, named in item.message) for item in planned.deferrals] == [("FieldUnreadable", True)]

    @pytest.mark.parametrize(("named", "changes"), FIELDS.values(), ids=FIELDS.keys())
    @pytest.mark.parametrize("level", [ProofLevel.CONTROL_PLANE, ProofLevel.NODE])
    def test_what_is_well_otherwise_is_not_compliant(
        self, named: str, changes: dict[str, Any], level: ProofLevel
    ) -> None:
        taken = proof(node_image=IMAGE if "image" not in named else "")

        found = judged(cluster(profile(**changes)), memory(apps=taken), book(proof=ProofSettings(level=level))).pools[0]

        assert found.state is UNKNOWN

    @pytest.mark.parametrize("changes", NOWHERE)
    def test_so_it_is_where_the_region_of_the_cluster_is_missing(self, changes: dict[str, Any]) -> None:
        read = cluster(disabled(), **changes)

        (deferral,) = plan(situation(read)).deferrals

        assert (deferral.reason, "the cluster's location" in deferral.message) == ("FieldUnreadable", True)
        assert judged(cluster(**changes), memory(apps=proof())).state is UNKNOWN

    @pytest.mark.parametrize(
        "changes",
        [
            {"type": "AvailabilitySet"},
            {"type": "virtualmachinescalesets"},
            {"workloadRuntime": None},
            {"workloadRuntime": "OCIContainer"},
            {"workloadRuntime": "wasmwasi"},
            {"tags": None},
            {"tags": {"owner": None}},
            {"count": 3, "virtualMachineNodesStatus": None},
        ],
    )
    def test_what_azure_is_known_to_say_can_be_read(self, changes: dict[str, Any]) -> None:
        assert judged(cluster(profile(**changes)), memory(apps=proof())).state is ComplianceState.COMPLIANT

    @pytest.mark.parametrize("spelled", ["VirtualMachines", "virtualmachines"])
    def test_a_pool_of_single_machines_is_one_however_its_type_is_spelled(self, spelled: str) -> None:
        sizes = [{"size": "Standard_D4ds_v5", "count": 2}, {"size": "Standard_D8ds_v5", "count": 3}]

        found = pool(type=spelled, count=1, virtualMachineNodesStatus=sizes)

        assert (found.count, found.restless) == (5, True)

    def test_a_registry_that_says_yes_proves_nothing_of_an_image_that_nobody_knows(self) -> None:
        changes = {"osType": "Windows", "osSKU": "Windows2022", "nodeImageVersion": ""}
        taken = proof(node_image="", level=ProofLevel.KERNEL)

        assert judged(cluster(profile(**changes)), memory(apps=taken)).state is UNKNOWN

    def test_a_tag_that_cannot_be_read_may_be_any(self) -> None:
        rules = book(rules=(Rule("gold", Match(pool_tags={"tier": "gold"}), Settings(Fips.ANY, Mode.AUDIT)),))

        found = judged(cluster(disabled(tags={"tier": 7})), rules=rules).pools[0]

        assert (found.rule, found.state, found.findings[0].reason) == ("gold", UNKNOWN, "FieldUnreadable")


class TestContradictions:
    """Of a pool whose OS type and OS SKU contradict each other nothing is believed: it is unknown, whatever is said."""

    @pytest.mark.parametrize("properties", [LINUX, WINDOWS, {**LINUX, "nodeImageVersion": PLAIN_IMAGE}])
    @pytest.mark.parametrize("disagreeing", [(), ("n1",)])
    @pytest.mark.parametrize("level", [ProofLevel.CONTROL_PLANE, ProofLevel.NODE, ProofLevel.KERNEL])
    def test_neither_its_nodes_nor_its_image_say_anything(
        self, properties: dict[str, Any], disagreeing: tuple[str, ...], level: ProofLevel
    ) -> None:
        image = properties.get("nodeImageVersion", IMAGE)
        taken = proof(node_image=image, disagreeing=disagreeing, level=ProofLevel.HOST)
        settings = ProofSettings(level=level, windows_image="mcr.example.com/probe:1")
        rules = book(modules=Modules.REQUIRED, proof=settings)
        read = cluster(profile(**properties))

        found = judged(read, memory(apps=taken), rules).pools[0]

        assert (found.state, found.decisive.reason) == (UNKNOWN, "OsContradictory")
        assert {one.check for one in found.findings} <= {"flag", "settled", "retiring"}
        assert to_prove(read, Memory(), rules, NOW, wanted=("apps",)) == ()

    def test_a_pool_of_an_os_that_nobody_knows_is_still_proven_by_its_nodes(self) -> None:
        read = cluster(profile(osSKU="Haiku"))

        (subject,) = to_prove(read, Memory(), book(), NOW)

        assert proofs.asks_nodes(subject)


class TestWords:
    """What is said names what can't be read."""

    OLD = Ring("old", Match(kubernetes=VersionRange("<1.31")))
    GOLD = Ring("gold", Match(pool_tags={"tier": "gold"}))
    BAD_TAGS = disabled(tags={"tier": 7})

    def finding(self, match: Match, read: Cluster) -> tuple[str, str]:
        rules = book(rules=(Rule("asking", match, Settings(Fips.REQUIRED, Mode.ENFORCE)),))
        found = judged(read, rules=rules).pools[0].findings[0]
        return found.reason, found.message

    @pytest.mark.parametrize(
        ("match", "read", "reason", "says"),
        [
            (OLD.match, cluster(disabled(**VERSIONLESS)), "VersionUnreadable", "(its Kubernetes version '?')"),
            (Match(os_types=("Linux",)), cluster(disabled(osType=None)), "FieldUnreadable", "(its OS type (missing))"),
            (Match(os_skus=("U*",)), cluster(disabled(osSKU=7)), "FieldUnreadable", "(its OS SKU 7)"),
            (Match(pool_modes=("System",)), cluster(disabled(mode=7)), "FieldUnreadable", "(its mode 7)"),
            (
                Match(locations=("west*",)),
                cluster(disabled(), location=None),
                "FieldUnreadable",
                "(the cluster's location (missing))",
            ),
            (
                Match(kubernetes=VersionRange("<1.31"), pool_tags={"tier": "gold"}),
                cluster(disabled(tags={"tier": 7}, **VERSIONLESS)),
                "FieldUnreadable",
                "(its Kubernetes version '?', its tags {'tier': 7})",
            ),
            # What it asks for can be read; that something else can't be is no cause.
            (
                Match(pool_tags={"tier": "gold"}),
                cluster(disabled(tags={"tier": 7}, **VERSIONLESS)),
                "FieldUnreadable",
                "(its tags {'tier': 7})",
            ),
        ],
    )
    def test_a_rule_names_what_it_asks_for_and_nothing_else(
        self, match: Match, read: Cluster, reason: str, says: str
    ) -> None:
        assert self.finding(match, read) == (
            reason,
            f"Rule asking asks for what can't be read of it {says}: which rule holds is not known.",
        )

    @pytest.mark.parametrize(
        ("rules", "profile_", "reason", "says"),
        [
            (book(rings=(OLD,)), disabled(**VERSIONLESS), "VersionUnreadable", "its Kubernetes version '?'"),
            (book(rings=(GOLD,)), BAD_TAGS, "FieldUnreadable", "its tags {'tier': 7}"),
            (book(exemptions=(exemption(match=GOLD.match),)), BAD_TAGS, "FieldUnreadable", "its tags {'tier': 7}"),
        ],
    )
    def test_so_does_a_step_that_waits_for_a_ring_or_an_exemption(
        self, rules: Any, profile_: dict[str, Any], reason: str, says: str
    ) -> None:
        (deferral,) = plan(situation(cluster(profile_), rules=rules)).deferrals

        said = f"A ring or an exemption asks for what can't be read of it ({says})."
        assert (deferral.reason, deferral.message) == (reason, said)

    def test_a_ring_behind_the_one_that_fits_is_no_cause(self) -> None:
        rules = book(rings=(Ring("all", Match(pools=("*",))), self.OLD))

        (deferral,) = plan(situation(cluster(disabled(**VERSIONLESS)), rules=rules)).deferrals

        assert deferral.message == "What ARM says can't be read: its Kubernetes version '?'."

    def test_no_ring_is_named_for_a_pool_whose_ring_cannot_be_told(self) -> None:
        rules = book(rings=(self.OLD, Ring("rest")))
        made = situation(cluster(disabled(**VERSIONLESS)), rules=rules)
        lost = made.cluster.pools[0]

        found = explain(made, lost)

        assert found.verdict is not None
        assert found.verdict.ring == UNTOLD
        assert found.ring == ("ring `old` asks for what can't be read of it (its Kubernetes version '?')",)
        assert rules.policy.ring_for(made.cluster, lost) is None
        assert [wanted(made, step).ring for step in due(made)] == [None]
        assert "RingClosed" not in {wait.reason for wait in found.waits}

    def test_our_operation_is_not_lost_where_a_field_cannot_be_read(self) -> None:
        """A pool that is to be gone on with, and of which nobody knows the type any more, waits for that."""
        read = cluster(profile(provisioningState="Failed", type="Pods"))

        planned = plan(situation(read, memory=memory(apps=PoolMemory(resume="ana"))))

        assert [item.reason for item in planned.deferrals] == ["FieldUnreadable"]


@pytest.mark.parametrize("state", [None, "", "Foo", "succeeded", True, ["Succeeded"]])
def test_in_a_cluster_whose_state_is_no_known_word_no_pool_is_compliant(state: object) -> None:
    found = judged(cluster(profile(), profile("batch"), provisioningState=state), memory(apps=proof(), batch=proof()))

    assert [pool.state for pool in found.pools] == [UNKNOWN, UNKNOWN]
    message = found.pools[0].decisive.message
    assert "the cluster's provisioning state" in message
    assert "`az aks show`" in message


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_an_operation_on_the_cluster_leaves_what_its_pools_say(state: str) -> None:
    found = judged(cluster(profile(), provisioningState=state), memory(apps=proof()))

    assert found.state is ComplianceState.COMPLIANT


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_while_aks_works_on_the_cluster_its_flags_alone_are_not_believed(state: str) -> None:
    read, by_flag = cluster(profile(), provisioningState=state), book(proof=ProofSettings(ProofLevel.CONTROL_PLANE))

    (pool,) = evaluate(read, Memory(), by_flag, None, NOW).pools

    assert (pool.state, pool.decisive.reason) == (UNKNOWN, "OperationInProgress")
    assert f"AKS works on the cluster itself ({state})" in pool.decisive.message


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
@pytest.mark.parametrize(
    ("level", "changes", "verdict"),
    [
        (ProofLevel.CONTROL_PLANE, {}, UNKNOWN),
        (ProofLevel.NODE, {}, ComplianceState.COMPLIANT),
        # That it is off is certain enough.
        (
            ProofLevel.CONTROL_PLANE,
            {"enableFIPS": False, "nodeImageVersion": PLAIN_IMAGE},
            ComplianceState.NON_COMPLIANT,
        ),
    ],
)
def test_a_failed_cluster_is_told_and_its_flags_alone_are_not_believed(
    state: str, level: ProofLevel, changes: dict[str, Any], verdict: ComplianceState
) -> None:
    read = cluster(profile(**changes), provisioningState=state)
    remembered = memory(apps=proof())

    (pool,) = evaluate(read, remembered, book(proof=ProofSettings(level)), None, NOW).pools

    assert pool.state is verdict
    told = next(one.message for one in pool.findings if one.reason == f"Cluster{state}")
    assert f"provisioning state is {state}" in told
    assert "`az aks update -g rg-pay -n aks-pay`" in told
