"""Pods ask the nodes themselves: each row of what can come in between, on the whole app and the world in memory."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local import seed
from local.memory import MemoryTable
from local.world import pools, rollout
from local.world.access import APP, OPERATOR
from local.world.faults import Answer, Drop, Fault
from local.world.kube import outside
from local.world.model import Node, Pool
from shared.domain.model import ComplianceState, ProofLevel
from shared.domain.probes import NAMESPACES, Method
from shared.probing import AT_ONCE
from tests.protocol.lab import CLUSTER, ruled
from tests.scenario.proving import IMAGE, SOON, WINDOWS_IMAGE, Nodes

COMPLIANT, UNKNOWN, INCONSISTENT = ComplianceState.COMPLIANT, ComplianceState.UNKNOWN, ComplianceState.INCONSISTENT
KERNEL = Method.KERNEL.namespace
WINDOWS: dict[str, Any] = {"osType": "Windows", "osSKU": "Windows2022", "enableFIPS": False}


@pytest.fixture
def lab() -> Nodes:
    return Nodes()


class TestKernel:
    """Every node's kernel says so, or the pool is not proven."""

    def test_nodes_that_all_say_1_prove_the_pool_and_nothing_is_left(self, lab: Nodes) -> None:
        pool = lab.pool_of()
        lab.prove()

        assert lab.verdict(pool="apps") == "compliant: NodesProven"
        assert "level kernel" in lab.finding().message
        (record,) = lab.proofs()
        assert (record["way"], record["pool"]) == ("Microsoft Entra token", "apps")
        assert record["method"] == Method.KERNEL
        assert [image.partition("@")[0] for image in record["images"]] == [IMAGE.partition(":")[0]]
        for node in lab.nodes(pool):
            answer = lab.answers()[node.name]
            assert (answer["value"], answer["exitCode"], answer["fips"]) == ("1", 0, True)
        assert {one["boot"] for one in record["nodes"]} == {node.boot_id for node in lab.nodes(pool)}
        lab.assert_nothing_left()

    @pytest.mark.parametrize("lie", [{"kernel_fips": 0}, {"fips_file": False}])
    def test_a_node_whose_kernel_says_no_though_its_label_says_yes_is_named_loudly(
        self, lab: Nodes, lie: dict[str, Any]
    ) -> None:
        liar = lab.nodes(lab.pool_of())[1]
        for name, value in lie.items():
            setattr(liar, name, value)
        lab.prove()

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"
        assert liar.name in lab.finding().message
        assert "1 of 3 nodes" in lab.finding().message
        assert lab.answers()[liar.name]["value"] == "0"
        assert [one.severity for one in lab.alerts.sent if one.reason == "NodesDisagree"] == ["critical"]
        lab.assert_nothing_left()

    def test_one_that_lies_later_is_told_as_loudly_as_the_first(self, lab: Nodes) -> None:
        pool = lab.pool_of()
        first, second, _ = lab.nodes(pool)
        first.kernel_fips = 0
        lab.prove()
        second.kernel_fips, second.boot_id = 0, lab.world.guid()
        lab.days(0.1)

        loud = [one for one in lab.alerts.sent if one.reason == "NodesDisagree"]
        assert [one.severity for one in loud] == ["critical", "critical"]
        assert loud[1].text.endswith(f"New among them: {second.name}.")

    def test_the_pods_have_no_rights_and_no_host(self, lab: Nodes) -> None:
        """The namespace is restricted, so that admission itself would refuse anything else."""
        lab.pool_of()
        lab.look()

        assert lab.kube.namespaces[KERNEL].labels["pod-security.kubernetes.io/enforce"] == "restricted"
        assert len(list(lab.kube.in_namespace(KERNEL))) == 3

    def test_an_image_that_cannot_be_pulled_is_named_and_nothing_is_left(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.kube.unpullable.add(IMAGE)
        lab.prove(timedelta(minutes=5))

        assert lab.verdict(pool="apps") == "unknown: NodesUnanswered"
        assert "ImagePullBackOff" in lab.finding().message
        assert IMAGE in lab.finding().message
        lab.assert_nothing_left()

        lab.kube.unpullable.clear()
        lab.prove(timedelta(hours=1))
        assert lab.finding().reason == "NodesProven", "it is tried again by itself"

    def test_pods_are_not_sent_again_and_again_where_they_settle_nothing(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.kube.unpullable.add(IMAGE)
        for _ in range(10):
            lab.prove(timedelta(minutes=1))

        assert lab.asked_by("POST", "/pods") == 3

    def test_a_policy_with_level_node_sends_no_pod(self, lab: Nodes) -> None:
        lab.ask_for("node")
        lab.pool_of()
        lab.prove()

        assert lab.verdict(pool="apps") == "compliant: NodesProven"
        assert lab.asked_by("POST", "") == 0
        assert not any("fipswarden" in one.path and "/pods" in one.path for one in lab.world.requests)

    def test_labels_that_disagree_are_reason_enough_without_a_pod(self, lab: Nodes) -> None:
        plain = lab.nodes(lab.pool_of())[0]
        plain.fips_label = False
        plain.image = plain.image.replace("fips", "")
        lab.prove()

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"
        assert lab.asked_by("POST", "/pods") == 0

    def test_a_proof_is_renewed_before_it_is_too_old(self, lab: Nodes) -> None:
        lab.ask_for("kernel", max_age="6h")
        lab.pool_of()
        lab.days(1)

        assert len(lab.proofs()) >= 4
        states = [
            pool["state"]
            for one in lab.evidence.chain(CLUSTER)
            if one.kind.value == "observation"
            for pool in one.payload["posture"]["pools"]
        ]
        assert states[-1] == "compliant"
        assert states.count("compliant") == 1, "and in between it was never unknown"

    def test_a_pool_without_nodes_is_not_asked(self, lab: Nodes) -> None:
        lab.pool_of(count=0)
        lab.prove()

        assert lab.verdict(pool="apps") == "unknown: NoNodes"
        lab.assert_nothing_left()


def one_goes(lab: Nodes) -> Pool:
    """A pool is proven; when its nodes are due to be listed again, one of them has gone."""
    pool = lab.pool_of()
    lab.clock.advance(timedelta(hours=1))
    lab.prove()
    lab.clock.advance(timedelta(minutes=61))
    lab.nodes(pool).pop()
    pool.properties["count"] = 2
    return pool


class TestNodesThatComeAndGo:
    """The nodes are those of the last look, and an answer counts for the boot that the node is on."""

    def begun(self, lab: Nodes, count: int = 3) -> list[Node]:
        """Pods are there, and none has been read."""
        pool = lab.pool_of(count=count)
        lab.look()
        assert len(list(lab.kube.in_namespace(KERNEL))) == count
        return lab.nodes(pool)

    def test_one_that_starts_anew_is_asked_again(self, lab: Nodes) -> None:
        """What it said before does not count, whatever it said."""
        nodes = self.begun(lab)
        lab.clock.advance(timedelta(seconds=20))
        nodes[0].boot_id, nodes[0].kernel_fips = "another-boot", 0
        lab.prove()

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"
        assert nodes[0].name in lab.finding().message
        assert lab.answers()[nodes[0].name]["value"] == "0"
        assert lab.asked_by("POST", "/pods") == 4

    def test_one_that_was_reimaged_is_asked_again(self, lab: Nodes) -> None:
        nodes = self.begun(lab)
        lab.clock.advance(timedelta(seconds=20))
        nodes[0].boot_id, nodes[0].uid = "another-boot", "00000000-0000-4000-8000-000000000000"
        lab.prove()

        assert lab.finding().reason == "NodesProven"
        assert lab.asked_by("POST", "/pods") == 4

    def test_one_that_goes_is_dropped(self, lab: Nodes) -> None:
        nodes = self.begun(lab)
        gone = nodes.pop()
        lab.cluster.pools["apps"].properties["count"] = 2
        lab.prove()

        assert lab.finding().reason == "NodesProven"
        assert "Both nodes" in lab.finding().message
        assert gone.name not in lab.answers()

    def test_one_that_joins_is_asked_too(self, lab: Nodes) -> None:
        nodes = self.begun(lab)
        pool = lab.cluster.pools["apps"]
        with lab.world.entered():
            nodes.append(rollout.make_node(lab.cluster, pool, "aks-apps-late-vmss000009", lab.clock.now()))
        pool.properties["count"] = 4
        lab.prove()

        assert lab.finding().reason == "NodesProven"
        assert "All 4 nodes" in lab.finding().message

    @pytest.mark.parametrize(("joined", "reason"), [("0s", "NodesUnanswered"), ("2h", "NodesProven")])
    def test_one_that_joins_and_does_not_answer_is_covered_if_the_policy_says_so(
        self, lab: Nodes, joined: str, reason: str
    ) -> None:
        lab.ask_for("kernel", joined_nodes=joined)
        nodes = self.begun(lab)
        pool = lab.cluster.pools["apps"]
        lab.clock.advance(timedelta(seconds=20))
        with lab.world.entered():
            lab.kube.unpullable.add(IMAGE)
            nodes.append(rollout.make_node(lab.cluster, pool, "aks-apps-late-vmss000009", lab.clock.now()))
        pool.properties["count"] = 4
        lab.prove(timedelta(minutes=6))

        assert lab.finding().reason == reason

    @pytest.mark.parametrize("restless", [True, False])
    def test_a_liar_that_takes_a_proven_nodes_place_is_found(self, lab: Nodes, *, restless: bool) -> None:
        """Their number stays as it was: within an hour where an autoscaler is at work, elsewhere at the next look."""
        pool = lab.pool_of(enableAutoScaling=restless, minCount=1, maxCount=9)
        lab.prove()
        liar = self.exchange(lab, pool)
        lab.days(0.1) if restless else lab.look(lasting=SOON)

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"
        assert liar.name in lab.finding().message
        lab.assert_nothing_left()

    def test_elsewhere_the_daily_look_finds_it(self, lab: Nodes) -> None:
        pool = lab.pool_of()
        lab.prove()
        self.exchange(lab, pool)
        lab.days(1.1)

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"

    def exchange(self, lab: Nodes, pool: Pool) -> Node:
        """An hour later a node without FIPS, whose label says that it has it, takes another's place."""
        lab.clock.advance(timedelta(minutes=61))
        with lab.world.entered():
            liar = rollout.make_node(lab.cluster, pool, "aks-apps-late-vmss000009", lab.clock.now())
        liar.kernel_fips = 0
        lab.nodes(pool)[0] = liar
        return liar

    def test_one_that_started_anew_since_the_proof_is_asked_again(self, lab: Nodes) -> None:
        nodes = lab.nodes(lab.pool_of())
        lab.prove()
        lab.clock.advance(timedelta(minutes=61))
        nodes[0].boot_id, nodes[0].kernel_fips = "another-boot", 0
        lab.look()
        assert lab.verdict(pool="apps") == "unknown: ProofMissing", "until it has answered"
        lab.prove()

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"

    def test_when_one_has_gone_what_the_others_said_holds_until_they_are_asked_again(self, lab: Nodes) -> None:
        one_goes(lab)
        lab.look()
        assert lab.finding().state is COMPLIANT
        lab.prove()

        assert "Both nodes" in lab.finding().message
        assert len(lab.proofs()) == 2

    def test_one_that_started_anew_is_not_taken_for_one_that_was_asked_when_another_has_gone(self, lab: Nodes) -> None:
        pool = one_goes(lab)
        lab.nodes(pool)[0].boot_id, lab.nodes(pool)[0].kernel_fips = "another-boot", 0
        lab.look()
        assert lab.verdict(pool="apps") == "unknown: ProofMissing", "until it has answered"
        lab.prove()

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"

    @pytest.mark.parametrize("restless", [True, False])
    @pytest.mark.parametrize("effect", [Drop(), Answer(503, "x", "busy"), Answer(429, "x", "busy", 3)])
    def test_a_list_that_was_not_had_for_a_passing_cause_is_asked_for_again_soon(
        self, lab: Nodes, effect: Any, *, restless: bool
    ) -> None:
        nodes = lab.nodes(lab.pool_of(enableAutoScaling=restless, minCount=1, maxCount=9))
        lab.prove()
        lab.clock.advance(timedelta(minutes=61))
        nodes[0].boot_id, nodes[0].kernel_fips = "another-boot", 0
        lab.world.faults.add(Fault(effect, kind="kubernetes", resource="/api/v1/nodes", times=1))
        lab.look()
        assert lab.verdict(pool="apps") == "compliant: NodesProven", "nobody knows yet"
        lab.passes(timedelta(minutes=5))

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"

    def test_while_an_api_server_is_away_a_list_is_asked_for_ever_more_seldom(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.prove()
        lab.clock.advance(timedelta(minutes=61))
        before = lab.asked_by("GET", "/nodes")
        lab.world.faults.add(Fault(Drop(), kind="kubernetes", times=None))
        lab.look()
        lab.passes(timedelta(hours=12))

        assert 12 <= lab.asked_by("GET", "/nodes") - before <= 20

    @pytest.mark.parametrize("level", ["node", "kernel"])
    def test_a_list_in_which_a_machine_stands_twice_proves_nothing(self, lab: Nodes, level: str) -> None:
        lab.ask_for(level)
        nodes = lab.nodes(lab.pool_of(count=2))
        nodes[1].kernel_fips = 0
        nodes[1].uid, nodes[1].boot_id = nodes[0].uid, nodes[0].boot_id
        lab.prove()

        assert lab.verdict(pool="apps") == "unknown: Unintelligible"
        assert "stands in it twice" in lab.finding().message

    def test_as_long_as_all_are_the_same_nobody_is_asked_again(self, lab: Nodes) -> None:
        lab.pool_of(enableAutoScaling=True, minCount=1, maxCount=9)
        lab.prove()
        lab.days(1)

        assert len(lab.proofs()) == 1
        assert lab.asked_by("GET", "/nodes") >= 20

    def test_one_that_is_not_ready_is_unproven_and_the_others_are_asked(self, lab: Nodes) -> None:
        nodes = lab.nodes(lab.pool_of())
        nodes[0].ready, nodes[1].kernel_fips = False, 0
        lab.prove()

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"
        assert lab.answers()[nodes[0].name] is None
        nodes[1].kernel_fips = 1
        lab.prove(timedelta(hours=1))
        assert lab.verdict(pool="apps") == "unknown: NodesMissing"

    @pytest.mark.parametrize("level", ["node", "kernel"])
    @pytest.mark.parametrize(
        ("shows", "verdict"),
        [
            ({"fips_label": False}, "inconsistent: NodesDisagree"),
            ({"image": "AKSUbuntu-2204gen2containerd-202601.01.0"}, "inconsistent: NodesDisagree"),
            ({"ready": False}, "unknown: NodesMissing"),
        ],
    )
    def test_what_a_list_shows_of_proven_nodes_counts_against_their_proof(
        self, lab: Nodes, level: str, shows: dict[str, Any], verdict: str
    ) -> None:
        """The same machines on the same boots, in the next look that lists the nodes anyway."""
        lab.ask_for(level)
        node = lab.nodes(lab.pool_of())[0]
        lab.prove()
        assert lab.verdict(pool="apps") == "compliant: NodesProven"
        before = {name: getattr(node, name) for name in shows}
        for name, value in shows.items():
            setattr(node, name, value)
        lab.clock.advance(timedelta(minutes=61))
        lab.prove(timedelta(minutes=2))

        assert lab.verdict(pool="apps") == verdict
        for name, value in before.items():
            setattr(node, name, value)
        lab.prove(timedelta(hours=2))
        assert lab.verdict(pool="apps") == "compliant: NodesProven"
        lab.assert_nothing_left()

    def test_one_that_stops_being_ready_is_waited_for_and_then_unproven(self, lab: Nodes) -> None:
        nodes = lab.nodes(lab.pool_of())
        nodes[0].ready = True
        lab.look()
        nodes[0].ready = False
        lab.prove()

        assert lab.finding().reason == "NodesMissing"
        nodes[0].ready = True
        lab.prove()
        lab.assert_nothing_left()

    def test_one_that_is_cordoned_or_tainted_is_asked(self, lab: Nodes) -> None:
        nodes = lab.nodes(lab.pool_of(nodeTaints=["sku=gpu:NoSchedule", "sku=gpu:NoExecute"]))
        nodes[0].unschedulable = True
        lab.prove()

        assert lab.finding().reason == "NodesProven"


class TestOutside:
    """Nodes in no pool of ARM's list are asked as well."""

    @pytest.mark.parametrize(
        ("kernel", "expected"),
        [(1, ("NodesOutsidePoolsProven", COMPLIANT)), (0, ("NodesDisagree", INCONSISTENT))],
    )
    def test_their_kernels_are_judged(self, lab: Nodes, kernel: int, expected: tuple[str, ComplianceState]) -> None:
        lab.pool_of()
        with lab.world.entered():
            node = outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        node.kernel_fips = kernel
        lab.prove()

        found = lab.cluster_finding()
        assert (found.reason, found.state) == expected
        assert node.name in found.message
        assert lab.strays().level is ProofLevel.KERNEL
        loud = [one.severity for one in lab.alerts.sent if one.reason == "NodesDisagree"]
        assert loud == ([] if kernel else ["critical"])
        lab.assert_nothing_left()

    def test_one_that_started_anew_when_another_has_gone_is_unproven_until_it_has_answered(self, lab: Nodes) -> None:
        lab.cluster.properties["nodeProvisioningProfile"] = {"mode": "Auto"}
        lab.pool_of()
        with lab.world.entered():
            nodes = [outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True) for _ in range(3)]
        lab.clock.advance(timedelta(hours=1))
        lab.prove()
        assert lab.cluster_finding().state is COMPLIANT
        lab.clock.advance(timedelta(minutes=61))
        lab.kube.outside.pop()
        nodes[0].boot_id, nodes[0].kernel_fips = "another-boot", 0
        lab.look()
        assert lab.cluster_finding().state is UNKNOWN
        lab.prove()

        assert (lab.cluster_finding().reason, lab.cluster_finding().state) == ("NodesDisagree", INCONSISTENT)

    @pytest.mark.parametrize("label", ["kubernetes.azure.com/os-sku", "kubernetes.azure.com/os-sku-effective"])
    def test_azure_container_linux_among_them_needs_its_marker_by_either_label(self, lab: Nodes, label: str) -> None:
        lab.ask_for("host")
        lab.cluster.properties["nodeProvisioningProfile"] = {"mode": "Auto"}
        lab.pool_of()
        with lab.world.entered():
            node = outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        for name in ("kubernetes.azure.com/os-sku", "kubernetes.azure.com/os-sku-effective"):
            node.labels[name] = "azurecontainerlinux" if name == label else None
        lab.prove()

        assert (lab.cluster_finding().reason, lab.cluster_finding().state) == ("NodesDisagree", INCONSISTENT)

    def test_each_further_liar_among_them_is_told_and_that_all_are_well_in_the_end(self, lab: Nodes) -> None:
        lab.cluster.properties["nodeProvisioningProfile"] = {"mode": "Auto"}
        lab.pool_of()
        with lab.world.entered():
            liars = [outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True) for _ in range(12)]
        for liar in liars[:11]:
            liar.kernel_fips = 0
        lab.prove()
        liars[11].kernel_fips, liars[11].boot_id = 0, lab.world.guid()
        lab.days(0.1)
        for liar in liars:
            liar.kernel_fips, liar.boot_id = 1, lab.world.guid()
        lab.days(0.1)

        said = [(one.severity, one.reason) for one in lab.alerts.sent if not one.pool]
        assert said == [*[("critical", "NodesDisagree")] * 2, ("good", "NodesOutsidePoolsProven")]
        assert liars[11].name in [one for one in lab.alerts.sent if not one.pool][1].text

    @pytest.mark.parametrize("level", ["node", "kernel"])
    def test_one_that_takes_another_ones_place_is_judged_within_two_hours(self, lab: Nodes, level: str) -> None:
        lab.ask_for(level)
        lab.cluster.properties["nodeProvisioningProfile"] = {"mode": "Auto"}
        lab.pool_of()
        with lab.world.entered():
            outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        lab.prove()
        assert lab.cluster_finding().state is COMPLIANT
        with lab.world.entered():
            lab.kube.outside.clear()
            liar = outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=level == "kernel")
        liar.kernel_fips = 0
        lab.days(0.1)

        assert liar.name in lab.cluster_finding().message
        assert lab.cluster_finding().state is not COMPLIANT

    @pytest.mark.parametrize("virtual", [True, False])
    def test_those_whose_rule_does_not_allow_the_way_are_unknown(self, lab: Nodes, *, virtual: bool) -> None:
        """Without Entra there is the certificate alone, and only the pool's rule allows it."""
        lab.cluster.properties["aadProfile"] = None
        lab.pool_of()
        with lab.world.entered():
            if virtual:
                outside.add_virtual_node(lab.cluster)
            else:
                outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=False)
        proof = f'{{ level: kernel, image: "{IMAGE}", client_certificates: true }}'
        lab.policies.rules = ruled(
            f"mode: alert\nrules:\n  - {{ name: r, match: {{ pools: [apps] }}, mode: alert, proof: {proof} }}\n"
        )
        lab.prove()

        assert lab.finding().reason == "NodesProven"
        assert (lab.cluster_finding().reason, lab.cluster_finding().state) == ("WayNotAllowed", UNKNOWN)
        posture = lab.stored().posture
        assert posture
        assert posture.state is UNKNOWN

        lab.ask_for("node", client_certificates=True)
        lab.prove(timedelta(hours=2))
        assert lab.cluster_finding().reason == ("VirtualNodes" if virtual else "NodesOutsidePools")

    @pytest.mark.parametrize("level", ["node", "kernel"])
    @pytest.mark.parametrize("ever", [True, False])
    def test_those_that_are_not_ready_are_unproven_until_they_are(self, lab: Nodes, level: str, *, ever: bool) -> None:
        """Also those that were ready when they were asked, by the next list of the nodes."""
        lab.ask_for(level)
        lab.cluster.properties["nodeProvisioningProfile"] = {"mode": "Auto"}
        lab.pool_of()
        with lab.world.entered():
            nodes = [outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True) for _ in range(2)]
        nodes[0].ready = ever
        lab.prove()
        nodes[0].ready = False
        lab.prove(timedelta(hours=2))
        assert (lab.cluster_finding().reason, lab.cluster_finding().state) == ("NodesUnanswered", UNKNOWN)

        nodes[0].ready = True
        lab.prove(timedelta(hours=2))
        assert lab.cluster_finding().reason == "NodesOutsidePoolsProven"
        lab.assert_nothing_left()

    def test_virtual_nodes_are_known_where_no_pool_has_to_be_asked(self, lab: Nodes) -> None:
        lab.ask_for("control-plane")
        lab.pool_of()
        with lab.world.entered():
            outside.add_virtual_node(lab.cluster)
        lab.prove()

        assert lab.cluster_finding().reason == "VirtualNodes"

    def test_one_that_does_not_answer_is_unknown(self, lab: Nodes) -> None:
        lab.kube.unpullable.add(IMAGE)
        with lab.world.entered():
            outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        lab.pool_of()
        lab.prove()

        assert (lab.cluster_finding().reason, lab.cluster_finding().state) == ("NodesUnanswered", UNKNOWN)

    def test_virtual_nodes_are_named_and_never_proven(self, lab: Nodes) -> None:
        lab.pool_of()
        with lab.world.entered():
            node = outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        node.labels["type"] = "virtual-kubelet"
        lab.prove()

        assert lab.verdict(pool="apps") == "compliant: NodesProven"
        assert (lab.cluster_finding().reason, lab.cluster_finding().state) == ("VirtualNodes", UNKNOWN)
        assert node.name in lab.cluster_finding().message
        assert lab.asked_by("POST", "/pods") == 3, "nobody asks what is no machine"

    @pytest.mark.parametrize("count", [1, 3])
    def test_one_that_did_not_answer_is_asked_again_soon_though_every_pool_is_well(
        self, lab: Nodes, count: int
    ) -> None:
        lab.pool_of()
        lab.prove()
        with lab.world.entered():
            for _ in range(count):
                outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        lab.kube.unpullable.add(IMAGE)
        lab.clock.advance(timedelta(hours=1))
        lab.event()
        lab.passes(timedelta(minutes=6))
        assert lab.cluster_finding().reason == "NodesUnanswered"

        lab.kube.unpullable.clear()
        lab.passes(timedelta(minutes=15))
        assert lab.cluster_finding().reason == "NodesOutsidePoolsProven"

    def test_one_that_never_answers_is_asked_ever_more_seldom(self, lab: Nodes) -> None:
        lab.pool_of()
        with lab.world.entered():
            mute = outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        mute.kernel_fips = 7
        lab.prove()
        assert lab.cluster_finding().reason == "NodesUnanswered"
        before = lab.asked_by("POST", "/pods")
        lab.passes(timedelta(hours=12))

        assert 8 <= lab.asked_by("POST", "/pods") - before <= 18, "every 45 minutes at most, in the end"


class TestNodesDespiteCount:
    """ARM calls a pool empty or stopped, and the list of the nodes says otherwise."""

    @pytest.fixture(params=[{"count": 0}, {"powerState": {"code": "Stopped"}}], ids=["empty", "stopped"])
    def pool(self, lab: Nodes, request: pytest.FixtureRequest) -> Pool:
        """A pool whose nodes are there in spite of what ARM says; another one makes the app list them."""
        lab.pool_of("other")
        found = lab.pool_of(count=2)
        assert len(lab.nodes(found)) == 2
        found.properties.update(request.param)
        return found

    @pytest.mark.parametrize("ready", [True, False])
    def test_a_label_that_says_no_is_as_loud_as_in_any_pool(self, lab: Nodes, pool: Pool, *, ready: bool) -> None:
        lab.ask_for("node")
        for node in lab.nodes(pool):
            node.fips_label, node.ready = False, ready
        lab.prove()
        lab.days(1)

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"

    @pytest.mark.parametrize("level", ["node", "kernel"])
    def test_nodes_that_say_yes_leave_the_pool_unknown_until_one_of_both_is_right(
        self, lab: Nodes, pool: Pool, level: str
    ) -> None:
        lab.ask_for(level)
        lab.prove()
        assert lab.verdict(pool="apps") == "unknown: NodesDespiteCount"
        assert "2 nodes of it" in lab.finding().message
        asked = lab.asked_by("POST", "/pods"), len(lab.proofs(level))
        lab.passes(timedelta(hours=3))
        assert lab.verdict(pool="apps") == "unknown: NodesDespiteCount"
        assert asked == (lab.asked_by("POST", "/pods"), len(lab.proofs(level))), "they have said what they had to"
        assert lab.told("NodesDespiteCount") == 1, "it lasts"

        pool.properties.update({"count": 2, "powerState": {"code": "Running"}})
        lab.passes(timedelta(minutes=16))
        assert lab.verdict(pool="apps") == "compliant: NodesProven"

    def test_once_they_are_gone_arm_is_believed(self, lab: Nodes, pool: Pool) -> None:
        lab.ask_for("node")
        lab.prove()
        lab.nodes(pool).clear()
        lab.passes(timedelta(minutes=16))

        assert lab.finding().reason in ("NoNodes", "Stopped")
        assert lab.finding().state is COMPLIANT

    def test_a_list_that_fails_tells_nothing_new(self, lab: Nodes, pool: Pool) -> None:
        lab.ask_for("node")
        lab.nodes(pool)[0].fips_label = False
        lab.prove()
        fault = Fault(Answer(503, "X", "etcd"), method="GET", resource="/api/v1/nodes", times=None)
        lab.world.faults.add(fault)
        for _ in range(3):
            lab.days(1)
            assert lab.finding().state is not COMPLIANT

    def test_a_kernel_that_says_no_is_loud_too(self, lab: Nodes, pool: Pool) -> None:
        lab.nodes(pool)[0].kernel_fips = 0
        lab.prove()

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"
        assert lab.nodes(pool)[0].name in lab.finding().message

    def test_where_the_policy_believes_arm_it_is_believed(self, lab: Nodes, pool: Pool) -> None:
        lab.policies.rules = ruled(
            f'mode: alert\nproof: {{ level: kernel, image: "{IMAGE}" }}\n'
            "rules: [ { name: apps, mode: alert, match: { pools: [apps] }, proof: { level: control-plane } } ]\n"
        )
        lab.nodes(pool)[0].kernel_fips = 0
        lab.prove()

        assert lab.finding().reason in ("NoNodes", "Stopped")


class TestHost:
    """One level deeper, with the host's files."""

    def test_an_active_provider_proves_the_pool(self, lab: Nodes) -> None:
        lab.ask_for("host")
        lab.pool_of()
        lab.prove()

        assert lab.verdict(pool="apps") == "compliant: NodesProven"
        assert all("symcryptprovider" in answer["seen"] for answer in lab.answers("host").values())
        lab.assert_nothing_left()

    def test_a_kernel_that_says_1_without_the_provider_is_a_no(self, lab: Nodes) -> None:
        lab.ask_for("host")
        odd = lab.nodes(lab.pool_of())[2]
        odd.fips_provider = False
        lab.prove()

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"
        assert odd.name in lab.finding().message
        assert "no active FIPS provider" in lab.answers("host")[odd.name]["why"]

    def test_openssl_1_knows_no_providers_and_the_evidence_says_so(self, lab: Nodes) -> None:
        lab.ask_for("host")
        lab.pool_of(osSKU="Ubuntu", orchestratorVersion="1.33.3")
        lab.prove()

        assert lab.finding().state is COMPLIANT
        assert all("knows no providers" in answer["why"] for answer in lab.answers("host").values())

    def test_its_pods_have_a_namespace_of_their_own(self, lab: Nodes) -> None:
        lab.ask_for("host")
        lab.pool_of()
        lab.look()

        assert Method.HOST.namespace in lab.kube.namespaces
        assert KERNEL not in lab.kube.namespaces


class TestWindows:
    """Only the registry proves it, and only where an image was named for that."""

    def test_without_an_image_it_is_unknown_and_says_what_would_help(self, lab: Nodes) -> None:
        lab.pool_of("win", **WINDOWS)
        lab.prove()

        assert lab.verdict(pool="win") == "unknown: WindowsProofMissing"
        assert "proof.windows_image" in lab.finding("win").message
        assert lab.asked_by("POST", "/pods") == 0

    def test_at_control_plane_level_no_pods_are_sent_though_an_image_is_named(self, lab: Nodes) -> None:
        lab.ask_for("control-plane", windows_image=WINDOWS_IMAGE)
        lab.pool_of("win", **WINDOWS)
        lab.prove()

        assert lab.verdict(pool="win") == "unknown: WindowsProofMissing"
        assert lab.asked_by("POST", "/pods") == 0

    @pytest.mark.parametrize("level", ["node", "kernel", "host"])
    def test_a_registry_that_says_1_proves_it(self, lab: Nodes, level: str) -> None:
        lab.ask_for(level, windows_image=WINDOWS_IMAGE)
        lab.pool_of("win", **WINDOWS)
        for node in lab.nodes(lab.cluster.pools["win"]):
            node.kernel_fips = 1
        lab.prove()

        assert lab.verdict(pool="win") == "compliant: NodesProven"
        assert {answer["value"] for answer in lab.answers().values()} == {"0x1"}
        lab.assert_nothing_left()

    @pytest.mark.parametrize(("lie", "value"), [({"kernel_fips": 0}, "0x0"), ({"fips_file": False}, "absent")])
    def test_one_that_does_not_is_named(self, lab: Nodes, lie: dict[str, Any], value: str) -> None:
        lab.ask_for("node", windows_image=WINDOWS_IMAGE)
        nodes = lab.nodes(lab.pool_of("win", **WINDOWS))
        for node in nodes:
            node.kernel_fips = 1
        for name, to in lie.items():
            setattr(nodes[0], name, to)
        lab.prove()

        assert lab.verdict(pool="win") == "inconsistent: NodesDisagree"
        assert nodes[0].name in lab.finding("win").message
        assert lab.answers()[nodes[0].name]["value"] == value


class TestSampling:
    """Some of a large pool's nodes may speak for all, and the record says so."""

    def test_a_tenth_is_asked_and_that_is_said(self, lab: Nodes) -> None:
        lab.ask_for("kernel", sampling=True)
        lab.pool_of(count=120)
        lab.prove()

        assert lab.asked_by("POST", "/pods") == 12
        assert "sampled 12 of 120" in lab.finding().message
        assert lab.proofs()[-1]["proof"]["sampled"] == 12
        assert sum(answer is not None for answer in lab.answers().values()) == 12

    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("word", [0, 7])
    def test_one_that_said_no_or_nothing_is_not_forgotten_by_the_next_sample(self, seed: int, word: int) -> None:
        """Not even where an API server that was away comes between, and a cluster that was touched."""
        lab = Nodes(seed=seed)
        lab.ask_for("kernel", sampling=True)
        liars = lab.nodes(lab.pool_of(count=30))[:25]
        for liar in liars:
            liar.kernel_fips = word
        lab.prove(timedelta(minutes=5))
        found = lab.finding()
        assert found.state is not COMPLIANT
        for liar in liars[1:]:
            liar.kernel_fips = 1
        lab.cluster.pools["apps"].etag = "another"
        fault = Fault(Answer(503, "ServiceUnavailable", "etcd"), method="GET", resource="/api/v1/nodes", times=1)
        lab.world.faults.add(fault)
        for _ in range(4):
            lab.prove(timedelta(minutes=15))
            assert lab.finding().state == found.state

        liars[0].kernel_fips = 1
        for _ in range(2):
            lab.prove(timedelta(hours=1))
        assert "All 30 nodes" in lab.finding().message
        lab.days(3)
        assert "sampled 10 of 30" in lab.finding().message

    def test_nor_by_an_operation_of_ours(self, lab: Nodes) -> None:
        """Its nodes are reimaged: that they say yes since then nobody has heard."""
        asks = f'proof: {{ level: kernel, image: "{IMAGE}", sampling: true }}'
        lab.policies.rules = ruled(f"mode: enforce\nworkloads: {{ smb: ignore, budgets: ignore }}\n{asks}\n")
        pool = lab.pool_of(count=30)
        for liar in lab.nodes(pool)[:25]:
            liar.kernel_fips = 0
        lab.prove()
        assert lab.finding().state is INCONSISTENT
        with lab.world.entered():
            off = {"properties": {**pool.properties, "enableFIPS": False}}
            pools.put(lab.world, lab.world.call(OPERATOR), lab.cluster, "apps", off)
        while not lab.puts():
            lab.clock.advance(timedelta(minutes=5))
            lab.look()
        lab.clock.advance(timedelta(hours=1))
        lab.look(lasting=timedelta(minutes=5))

        assert lab.finding().message.startswith("All 30 nodes said so"), "not ten of them"

    def test_where_the_policy_allows_it_no_more_all_are_asked(self, lab: Nodes) -> None:
        lab.ask_for("kernel", sampling=True)
        lab.pool_of(count=20)
        with lab.world.entered():
            for _ in range(12):
                outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        lab.prove()
        assert "sampled 10 of 20" in lab.finding().message
        assert "sampled 10 of 12" in lab.cluster_finding().message
        (record,) = [one for one in lab.proofs() if "strays" in one]
        assert record["strays"]["sampled"] == 10

        lab.ask_for("kernel")
        lab.look()
        assert (lab.finding().state, lab.cluster_finding().state) == (UNKNOWN, UNKNOWN)
        lab.prove()
        assert "All 20 nodes" in lab.finding().message
        assert lab.cluster_finding().message.startswith("12 nodes outside every node pool said so")

    def test_of_a_small_pool_all_are_asked(self, lab: Nodes) -> None:
        lab.ask_for("kernel", sampling=True)
        lab.pool_of(count=9)
        lab.prove()

        assert lab.asked_by("POST", "/pods") == 9
        assert "All 9 nodes" in lab.finding().message


def test_a_cluster_of_1000_nodes_is_proven_with_a_bounded_number_of_pods_and_a_small_row(lab: Nodes) -> None:
    lab.pool_of(count=1000)
    lab.look()
    begun = len(list(lab.kube.in_namespace(KERNEL)))
    lab.prove()

    assert begun == AT_ONCE
    assert lab.finding().reason == "NodesProven"
    assert "All 1000 nodes" in lab.finding().message
    assert len(lab.answers()) == 1000
    row = lab.rollout.read(CLUSTER.key, CLUSTER.key)
    assert row
    assert len(json.dumps(row.doc)) < 8_000, "of each node four bytes"
    lab.assert_nothing_left()


class TestByCommands:
    """Through AKS run command a look can do only so much, and what it can't it does not begin."""

    @pytest.fixture(autouse=True)
    def private(self, lab: Nodes) -> None:
        lab.cluster.properties["apiServerAccessProfile"] = {"enablePrivateCluster": True}
        lab.ask_for("kernel", run_command=True, joined_nodes="0s")

    @pytest.mark.parametrize("count", [25, 120])
    def test_as_many_nodes_as_one_look_can_list_are_proven(self, lab: Nodes, count: int) -> None:
        lab.pool_of(count=count)
        lab.prove()

        assert lab.verdict(pool="apps") == "compliant: NodesProven"
        assert lab.proofs()[-1]["way"] == "AKS run command"
        assert lab.asked_by("POST", "/pods") == count
        lab.assert_nothing_left()

    def test_of_more_no_pod_is_ever_made_and_the_reason_is_told(self, lab: Nodes) -> None:
        lab.pool_of(count=130)
        with lab.world.entered():
            outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        lab.prove(timedelta(hours=1))

        assert lab.verdict(pool="apps") == "unknown: Unreachable"
        assert "131 nodes" in lab.finding().message
        assert "131 nodes" in lab.cluster_finding().message
        assert lab.asked_by("POST", "/pods") == lab.asked_by("POST", "/namespaces") == 0
        assert len(lab.proofs()) == 1, "the same reason is recorded once"
        lab.assert_nothing_left()

    def test_one_that_outgrows_it_in_the_middle_of_a_proof_is_cleaned(self, lab: Nodes) -> None:
        lab.pool_of(count=100)
        lab.look()
        lab.pool_of("more", count=50)
        lab.prove()

        assert lab.verdict(pool="apps") == "unknown: Unreachable"
        lab.assert_nothing_left()


class TestWhatIsInTheWay:
    """Whatever keeps the nodes from being asked is a reason, and never a yes."""

    def test_a_namespace_of_somebody_else_is_neither_used_nor_deleted(self, lab: Nodes) -> None:
        lab.make_namespace(KERNEL)
        lab.pool_of()
        lab.prove(timedelta(minutes=6))

        assert lab.finding().reason == "NodesUnanswered"
        assert "NamespaceTaken" in lab.finding().message
        assert KERNEL in lab.kube.namespaces
        assert lab.asked_by("POST", "/pods") == 0

    def test_what_an_earlier_proof_left_is_swept_and_never_counts(self, lab: Nodes) -> None:
        """Its rollout row was lost with all that it said of the proof."""
        lab.nodes(lab.pool_of())
        lab.look()
        with lab.world.entered():
            left = {pod.name for pod in lab.kube.in_namespace(KERNEL)}
        lab.rollout = MemoryTable(lab.clock)
        lab.prove()

        assert lab.finding().reason == "NodesProven"
        assert left
        assert lab.asked_by("POST", "/pods") == 6
        lab.assert_nothing_left()

    def test_what_a_lost_row_left_is_deleted_even_if_the_policy_asks_for_less_by_then(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.look()
        lab.rollout = MemoryTable(lab.clock)
        lab.ask_for("node")
        lab.world.faults.add(Fault(Answer(500, "InternalError", "etcd"), method="DELETE", kind="kubernetes", times=4))
        lab.prove(timedelta(minutes=5))
        assert [*lab.left()]
        assert lab.waits(pool="") == "NamespaceNotDeleted"
        lab.prove(timedelta(minutes=30))

        lab.assert_nothing_left()

    def test_a_cluster_is_searched_once_for_each_row(self, lab: Nodes) -> None:
        lab.ask_for("node", max_age="6h")
        lab.pool_of()
        lab.days(2)

        searches = sum(KERNEL in one.path and one.method == "GET" for one in lab.world.requests)
        assert searches == len(NAMESPACES)
        assert len(lab.proofs("node")) > 5

    def test_a_namespace_that_is_still_being_deleted_is_waited_for(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.prove(timedelta(seconds=31))
        lab.cluster.pools["apps"].etag = "another"
        lab.prove()

        assert lab.finding().reason == "NodesProven"
        assert len(lab.proofs()) == 2
        lab.assert_nothing_left()

    @pytest.mark.parametrize("status", [403, 422])
    def test_pods_that_are_refused_say_why(self, lab: Nodes, status: int) -> None:
        fault = Fault(Answer(status, "Forbidden", "exceeded quota: pods"), method="POST", resource="/pods", times=None)
        lab.world.faults.add(fault)
        lab.pool_of()
        lab.prove(timedelta(minutes=2))

        assert lab.finding().reason == "NodesUnanswered"
        assert "exceeded quota: pods" in lab.finding().message
        lab.assert_nothing_left()

    def test_without_the_role_it_is_unknown_and_says_which_right_is_missing(self, lab: Nodes) -> None:
        lab.pool_of()
        scope = f"/subscriptions/{seed.PAYMENTS}"
        lab.world.access.revoke(APP, scope)
        for role in (seed.READER, seed.NODE_READER):
            lab.world.access.assign(APP, role, scope)
        lab.prove()

        assert lab.finding().reason == "NodesUnanswered"
        assert "namespaces" in lab.finding().message
        assert "docs/security.md" in lab.finding().message

    @pytest.mark.parametrize("effect", [Drop, lambda: Answer(503, "ServiceUnavailable", "etcd")])
    def test_an_api_server_that_is_away_for_a_while_is_waited_for(self, lab: Nodes, effect: Callable[[], Any]) -> None:
        lab.pool_of()
        lab.look()
        lab.world.faults.add(Fault(effect(), kind="kubernetes", times=4))
        lab.prove()

        assert lab.finding().reason == "NodesProven"
        lab.assert_nothing_left()

    def test_a_cluster_that_is_stopped_meanwhile_is_cleaned_once_it_runs(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.look()
        lab.cluster.power_state = "Stopped"
        lab.prove()
        assert not lab.queue.messages, "nobody polls a cluster that is stopped"

        lab.cluster.power_state = "Running"
        lab.prove()
        lab.assert_nothing_left()
        assert lab.finding().reason == "NodesProven"

    def test_a_subscription_that_is_taken_out_meanwhile_is_cleaned(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.look()
        assert [*lab.left()]
        lab.watched = False
        lab.prove()

        lab.assert_nothing_left()

    def test_a_policy_that_asks_for_less_meanwhile_ends_the_proof(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.look()
        lab.ask_for("node")
        lab.prove()

        lab.assert_nothing_left()
        assert lab.finding().reason == "NodesProven"
        assert lab.proofs() == []

    def test_a_namespace_that_can_not_be_deleted_is_tried_again_later(self, lab: Nodes) -> None:
        lab.pool_of()
        fault = Fault(Answer(500, "InternalError", "etcd"), method="DELETE", kind="kubernetes", times=2)
        lab.world.faults.add(fault)
        lab.prove(timedelta(minutes=5))

        assert lab.finding().reason == "NodesProven", "the verdict does not wait for it"
        assert [*lab.left()] == [KERNEL, *(pod.name for pod in lab.kube.in_namespace(KERNEL))]
        lab.prove(timedelta(minutes=30))
        lab.assert_nothing_left()

    def test_one_that_can_never_be_deleted_is_told_and_keeps_no_proof_from_being_renewed(self, lab: Nodes) -> None:
        lab.ask_for("kernel", max_age="6h")
        lab.pool_of()
        no = Answer(403, "Forbidden", "cannot delete resource namespaces")
        lab.world.faults.add(Fault(no, method="DELETE", kind="kubernetes", times=None))
        lab.look(lasting=timedelta(hours=8))

        assert lab.verdict(pool="apps") == "compliant: NodesProven"
        assert len({one["proofId"] for one in lab.proofs()}) == 2
        tries = sum(one.method == "DELETE" for one in lab.world.requests)
        assert tries < 8 * 6 + 10, "it is tried again every ten minutes"
        reads = sum(one.method == "GET" and one.kind == "managedClusters" for one in lab.world.requests)
        assert reads < 8 * 6 + 20, "and nothing else makes the app look"
        told = lab.deferral(pool="")
        assert told.reason == "NamespaceNotDeleted"
        assert "cannot delete resource namespaces" in told.message

        lab.world.faults.clear()
        lab.prove()
        assert lab.waits(pool="") == ""
        lab.assert_nothing_left()

    def test_a_proof_whose_nodes_can_not_be_listed_any_more_is_given_up_and_cleaned(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.look()
        fault = Fault(Answer(403, "Forbidden", "no"), method="GET", resource="/api/v1/nodes", times=None)
        lab.world.faults.add(fault)
        lab.prove()

        assert lab.finding().reason == "KubernetesForbidden"
        lab.assert_nothing_left()

    def test_an_api_server_that_stays_away_ends_the_proof_and_is_cleaned_later(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.look()
        lab.world.faults.add(Fault(Drop(), kind="kubernetes", times=None))
        lab.prove()
        assert lab.finding().reason == "NodesUnreadable"
        lab.world.faults.clear()
        lab.prove(timedelta(minutes=30))

        assert lab.finding().reason == "NodesProven"
        lab.assert_nothing_left()

    def test_a_way_is_allowed_pool_by_pool(self, lab: Nodes) -> None:
        """Without Entra there is the certificate alone, and only one pool's rule allows it."""
        lab.cluster.properties["aadProfile"] = None
        lab.pool_of()
        lab.pool_of("batch")
        lab.ask_for("kernel")
        lab.prove()
        assert {lab.finding(name).reason for name in ("apps", "batch")} == {"NoEntra"}

        proof = f'{{ level: kernel, image: "{IMAGE}", client_certificates: true }}'
        lab.policies.rules = ruled(
            f"mode: alert\nrules:\n  - {{ name: r, match: {{ pools: [apps] }}, mode: alert, proof: {proof} }}\n"
        )
        lab.prove()
        assert lab.finding("apps").reason == "NodesProven"
        assert lab.finding("batch").reason == "WayNotAllowed"
        assert lab.proofs()[-1]["way"] == "client certificate of the cluster's kubeconfig"
        lab.assert_nothing_left()

    @pytest.mark.parametrize("pause", [timedelta(seconds=31), timedelta(minutes=20)])
    def test_a_namespace_that_hangs_is_waited_for_and_then_a_reason(self, lab: Nodes, pause: timedelta) -> None:
        lab.make_namespace(KERNEL, **{"app.kubernetes.io/managed-by": "fipswarden"})
        lab.kube.namespaces[KERNEL].deleting = lab.clock.now()
        lab.pool_of()
        lab.prove(pause)

        reason = lab.finding().reason
        assert reason == ("ProofMissing" if pause < timedelta(minutes=1) else "NodesUnanswered")
        assert "still being deleted" in lab.finding().message or reason == "ProofMissing"

    def test_the_names_of_the_namespaces_are_those_that_the_documents_give(self) -> None:
        assert NAMESPACES == ("fipswarden-proof", "fipswarden-proof-host", "fipswarden-proof-windows")
        assert timedelta(minutes=3) < SOON
