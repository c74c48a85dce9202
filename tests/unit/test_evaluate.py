"""What is compliant, and above all what is not: a wrong `compliant` is the worst bug that this product can have."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.capability import KNOWN_OS_SKUS
from shared.domain.evaluate import evaluate, listing_due, proof_due, to_prove, told
from shared.domain.matching import ClusterMatch
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, ComplianceState, Gone, Mode, ProofLevel, Unreadable, worst
from shared.domain.posture import Finding, PoolPosture, Posture
from shared.domain.proofs import SETTLE
from shared.domain.proven import Proof, Strays
from shared.domain.rulebook import Rulebook
from shared.domain.settings import ProofSettings
from tests.builders import (
    ENFORCING,
    IMAGE,
    NOW,
    PLAIN_IMAGE,
    book,
    cluster,
    disabled,
    judged,
    memory,
    profile,
    proof,
    rule,
)
from tests.unit.strategies import clusters, memories, rulebooks

COMPLIANT, NON_COMPLIANT = ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT
UNKNOWN, INCONSISTENT = ComplianceState.UNKNOWN, ComplianceState.INCONSISTENT
CONTROL_PLANE = book(Mode.AUDIT, proof=ProofSettings(level=ProofLevel.CONTROL_PLANE))
WINDOWS = {"osType": "Windows", "nodeImageVersion": "AKSWindows-2022-containerd-20348.1787.230614"}
FORBIDDEN = Unreadable("Forbidden", "Assign the app's role on this subscription.", None)


@dataclass(frozen=True)
class Row:
    """A pool that differs in one thing from a good one, and what is said of it."""

    state: ComplianceState
    reason: str
    check: str
    properties: dict[str, Any] = field(default_factory=dict)
    remembered: PoolMemory | Proof | None = field(default_factory=proof)
    rules: Rulebook = ENFORCING


ROWS = {
    "all is well": Row(COMPLIANT, "NodesProven", "proof"),
    "the control plane's word is enough": Row(COMPLIANT, "ImageFips", "image", remembered=None, rules=CONTROL_PLANE),
    "the flag is off": Row(
        NON_COMPLIANT, "FipsDisabled", "flag", {"enableFIPS": False, "nodeImageVersion": PLAIN_IMAGE}
    ),
    "the flag is off and the image has FIPS": Row(UNKNOWN, "ImageContradictsFlag", "flag", {"enableFIPS": False}),
    "the flag is missing": Row(UNKNOWN, "FlagUnreadable", "flag", {"enableFIPS": ...}),
    "the flag is null": Row(UNKNOWN, "FlagUnreadable", "flag", {"enableFIPS": None}),
    "the flag is a text": Row(UNKNOWN, "FlagUnreadable", "flag", {"enableFIPS": "true"}),
    "the flag is a number": Row(UNKNOWN, "FlagUnreadable", "flag", {"enableFIPS": 1}),
    "the OS type is missing": Row(UNKNOWN, "OsTypeUnknown", "flag", {"osType": ...}),
    "the OS type is another": Row(UNKNOWN, "OsTypeUnknown", "flag", {"osType": "Plan9"}),
    "the OS SKU is missing": Row(UNKNOWN, "OsSkuUnknown", "flag", {"osSKU": ...}),
    "the OS SKU is new": Row(UNKNOWN, "OsSkuUnknown", "flag", {"osSKU": "Ubuntu2804"}),
    "Windows with an OS SKU of Linux, flag off": Row(
        UNKNOWN, "OsContradictory", "flag", {**WINDOWS, "osSKU": "Ubuntu2204", "enableFIPS": False}
    ),
    "Windows 2022, flag off": Row(
        UNKNOWN, "WindowsProofMissing", "proof", {**WINDOWS, "osSKU": "Windows2022", "enableFIPS": False}
    ),
    "Windows 2022, flag on": Row(UNKNOWN, "WindowsProofMissing", "proof", {**WINDOWS, "osSKU": "Windows2022"}),
    "Windows 2025, no flag": Row(
        UNKNOWN, "WindowsProofMissing", "proof", {**WINDOWS, "osSKU": "Windows2025", "enableFIPS": ...}
    ),
    "Windows 2019, flag on": Row(UNKNOWN, "WindowsProofMissing", "proof", {**WINDOWS, "osSKU": "Windows2019"}),
    "Windows 2019, flag on, control plane": Row(
        UNKNOWN, "WindowsProofMissing", "proof", {**WINDOWS, "osSKU": "Windows2019"}, rules=CONTROL_PLANE
    ),
    "Windows 2019, flag off": Row(
        NON_COMPLIANT, "FipsDisabled", "flag", {**WINDOWS, "osSKU": "Windows2019", "enableFIPS": False}
    ),
    "its OS can't, and the flag is unreadable": Row(
        NON_COMPLIANT, "OsSkuIncapable", "capable", {"osSKU": "Ubuntu2404", "enableFIPS": None}
    ),
    "AKS is reimaging it": Row(UNKNOWN, "OperationInProgress", "settled", {"provisioningState": "Upgrading"}),
    "the provisioning state is missing": Row(UNKNOWN, "OperationInProgress", "settled", {"provisioningState": ...}),
    "the reimage failed": Row(UNKNOWN, "ProvisioningFailed", "settled", {"provisioningState": "Failed"}),
    "the reimage was canceled": Row(UNKNOWN, "ProvisioningCanceled", "settled", {"provisioningState": "Canceled"}),
    "the image is missing": Row(UNKNOWN, "FieldUnreadable", "legible", {"nodeImageVersion": ...}),
    "the image is no FIPS image": Row(
        NON_COMPLIANT, "ImageNotFips", "image", {"nodeImageVersion": PLAIN_IMAGE}, proof(node_image=PLAIN_IMAGE)
    ),
    "the image says FIPS in capitals": Row(
        COMPLIANT, "NodesProven", "proof", {"nodeImageVersion": IMAGE.upper()}, proof(node_image=IMAGE.upper())
    ),
    "the image is of a release that nobody knows": Row(
        UNKNOWN, "ImageUnknown", "image", {"nodeImageVersion": "X-FIPS-1"}, proof(node_image="X-FIPS-1")
    ),
    "there is no proof": Row(UNKNOWN, "ProofMissing", "proof", remembered=None),
    "the proof is of another image": Row(
        UNKNOWN, "ProofMissing", "proof", remembered=proof(node_image="AKSAzureLinux-V3gen2fips-202610.01.0")
    ),
    "the proof is too old": Row(
        UNKNOWN, "ProofExpired", "proof", remembered=proof(at=NOW - timedelta(days=3, seconds=1))
    ),
    "the proof is just young enough": Row(
        COMPLIANT, "NodesProven", "proof", remembered=proof(at=NOW - timedelta(days=3))
    ),
    "the nodes could not be read": Row(
        UNKNOWN, "KubernetesForbidden", "proof", remembered=proof(nodes=0, unreadable="KubernetesForbidden: no role")
    ),
    "a node disagrees": Row(INCONSISTENT, "NodesDisagree", "proof", remembered=proof(disagreeing=("n1",))),
    "a node disagrees right after the reimage": Row(
        UNKNOWN,
        "ProofSettling",
        "proof",
        remembered=PoolMemory(proof(at=NOW, disagreeing=("n1",)), NOW - SETTLE + timedelta(seconds=1)),
    ),
    "a node disagrees when the reimage has settled": Row(
        INCONSISTENT, "NodesDisagree", "proof", remembered=PoolMemory(proof(at=NOW, disagreeing=("n1",)), NOW - SETTLE)
    ),
    "a node is missing": Row(UNKNOWN, "NodesMissing", "proof", remembered=proof(nodes=2, missing=1)),
    "the pool has grown since the proof": Row(UNKNOWN, "NodesMissing", "proof", {"count": 4}),
    "a surge node was there too": Row(COMPLIANT, "NodesProven", "proof", remembered=proof(nodes=4)),
    "the count is missing": Row(UNKNOWN, "CountUnreadable", "proof", {"count": ...}),
    "the count is missing, and no node was seen": Row(
        UNKNOWN, "CountUnreadable", "proof", {"count": ...}, proof(nodes=0)
    ),
    "the count is missing, control plane": Row(
        UNKNOWN, "CountUnreadable", "proof", {"count": ...}, None, CONTROL_PLANE
    ),
    "the count is null, control plane": Row(UNKNOWN, "CountUnreadable", "proof", {"count": None}, None, CONTROL_PLANE),
    "Kubernetes is newer than the data, control plane": Row(
        UNKNOWN, "ReleaseUnknown", "kubernetes", {"currentOrchestratorVersion": "1.37.0"}, rules=CONTROL_PLANE
    ),
    "Kubernetes is the newest of the data, control plane": Row(
        COMPLIANT, "ImageFips", "image", {"currentOrchestratorVersion": "1.36.9"}, rules=CONTROL_PLANE
    ),
    "Kubernetes is newer than the data, and its nodes carry AKS's label": Row(
        UNKNOWN, "ReleaseUnknown", "kubernetes", {"currentOrchestratorVersion": "1.37.0"}
    ),
    "Kubernetes is newer than the data, and its nodes' kernels were asked": Row(
        COMPLIANT, "NodesProven", "proof", {"currentOrchestratorVersion": "1.37.0"}, proof(level=ProofLevel.KERNEL)
    ),
    "Kubernetes is newer than the data, and kernels under another image were asked": Row(
        UNKNOWN,
        "ProofMissing",
        "proof",
        {"currentOrchestratorVersion": "1.37.0"},
        proof(level=ProofLevel.KERNEL, node_image="AKSAzureLinux-V3gen2fips-202610.01.0"),
    ),
    "Kubernetes is newer than the data, the kernels were asked, control plane": Row(
        *(UNKNOWN, "ReleaseUnknown", "kubernetes", {"currentOrchestratorVersion": "1.37.0"}),
        proof(level=ProofLevel.KERNEL),
        CONTROL_PLANE,
    ),
    "Kubernetes is newer than the data, and FIPS is off": Row(
        NON_COMPLIANT,
        "FipsDisabled",
        "flag",
        {"currentOrchestratorVersion": "1.37.0", "enableFIPS": False, "nodeImageVersion": PLAIN_IMAGE},
    ),
    "Kubernetes is newer than the data, and there are no nodes": Row(
        UNKNOWN, "ReleaseUnknown", "kubernetes", {"currentOrchestratorVersion": "1.37.0", "count": 0}, None
    ),
    "the version that the pool has is no text": Row(
        UNKNOWN, "FieldUnreadable", "legible", {"currentOrchestratorVersion": 0}
    ),
    "the count is a text": Row(UNKNOWN, "FieldUnreadable", "legible", {"count": "3"}),
    "no node was seen": Row(UNKNOWN, "NodesMissing", "proof", remembered=proof(nodes=0)),
    "there are no nodes": Row(COMPLIANT, "NoNodes", "proof", {"count": 0}, None),
    "the pool is stopped": Row(COMPLIANT, "Stopped", "proof", {"powerState": {"code": "Stopped"}}, None),
    "our last try failed": Row(
        NON_COMPLIANT,
        "RemediationFailed",
        "remediation",
        {"enableFIPS": True, "provisioningState": "Failed"},
        PoolMemory(blocked="Switching FIPS on ended as Failed.", blocked_on="*"),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_each_check_says_what_it_found(row: Row) -> None:
    read = cluster(profile("apps", **row.properties))
    remembered = row.remembered
    if isinstance(remembered, PoolMemory) and remembered.blocked_on == "*":
        remembered = replace(remembered, blocked_on=read.pools[0].configuration)
    pools = {"apps": remembered} if remembered else {}

    posture = evaluate(read, memory(**pools), row.rules, None, NOW)

    verdict = posture.pools[0]
    decisive = verdict.decisive
    assert (verdict.state, decisive.reason, decisive.check) == (row.state, row.reason, row.check)
    assert decisive.message
    assert posture.state is row.state


@given(st.data())
@settings(max_examples=400)
def test_only_a_pool_that_is_known_to_be_good_is_compliant(data: st.DataObject) -> None:
    """The other way round is not asked: a good pool that is called unknown costs a look, nothing more."""
    read = data.draw(clusters)
    remembered = data.draw(memories(read))
    rules = data.draw(rulebooks)

    posture = evaluate(read, remembered, rules, None, NOW)

    for pool, verdict in zip(read.pools, posture.pools, strict=True):
        if verdict.state is not COMPLIANT:
            continue
        assert pool.body["enableFIPS"] is True
        assert pool.body["osType"] == "Linux"
        assert pool.body["osSKU"].lower() in KNOWN_OS_SKUS
        assert pool.body["provisioningState"] == "Succeeded"
        assert "fips" in pool.body["nodeImageVersion"].lower()
        if rules.policy.defaults.proof.level is ProofLevel.CONTROL_PLANE:
            continue
        if pool.count == 0 or pool.stopped or read.stopped:
            continue
        taken = remembered.pool(pool.name).proof
        assert taken is not None
        assert NOW - taken.at <= rules.policy.defaults.proof.max_age
        assert taken.node_image == pool.node_image
        assert (taken.disagreeing, taken.missing, taken.unreadable) == ((), 0, "")
        assert pool.count is not None
        assert taken.nodes >= max(pool.count, 1)


@given(st.data())
def test_the_worst_state_of_a_pool_wins_and_a_state_has_a_finding_that_made_it(data: st.DataObject) -> None:
    read = data.draw(clusters)
    posture = evaluate(read, data.draw(memories(read)), data.draw(rulebooks), None, NOW)

    assert posture.state is worst([verdict.state for verdict in posture.pools])
    for verdict in posture.pools:
        assert verdict.state is worst([finding.state for finding in verdict.findings])
        assert verdict.decisive in verdict.findings
        assert verdict.decisive.state is verdict.state


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([COMPLIANT, UNKNOWN, INCONSISTENT, NON_COMPLIANT], INCONSISTENT),
        ([COMPLIANT, UNKNOWN, NON_COMPLIANT], NON_COMPLIANT),
        ([COMPLIANT, UNKNOWN, ComplianceState.EXEMPT], UNKNOWN),
        ([COMPLIANT, ComplianceState.EXEMPT], ComplianceState.EXEMPT),
        ([COMPLIANT, ComplianceState.NOT_APPLICABLE], COMPLIANT),
        ([], ComplianceState.NOT_APPLICABLE),
    ],
)
def test_states_have_an_order_in_which_the_worst_wins(states: list[ComplianceState], expected: ComplianceState) -> None:
    assert worst(states) is expected


def test_one_bad_pool_among_good_ones_makes_the_cluster_bad() -> None:
    read = cluster(profile("apps"), disabled("batch"))

    posture = judged(read, memory(apps=proof()))

    assert [verdict.state for verdict in posture.pools] == [COMPLIANT, NON_COMPLIANT]
    assert posture.state is NON_COMPLIANT


def test_a_windows_2022_pool_without_the_flag_is_not_called_non_compliant() -> None:
    """Its image has FIPS on whatever the flag says; Cloud Custodian flags a hundred of a hundred."""
    posture = judged(cluster(profile("win", **WINDOWS, osSKU="Windows2022", enableFIPS=False)))

    assert posture.pools[0].state is UNKNOWN
    assert NON_COMPLIANT not in {finding.state for finding in posture.pools[0].findings}


def test_a_windows_pool_that_needs_replacing_says_so_beside_the_flag() -> None:
    posture = judged(cluster(profile("win", **WINDOWS, osSKU="Windows2019", enableFIPS=False)))

    bad = [finding.reason for finding in posture.pools[0].findings if finding.state is NON_COMPLIANT]
    assert bad == ["FipsDisabled", "WindowsNotUpdatable"]


@pytest.mark.parametrize("profiles", [None, [], {}, "none"])
def test_a_cluster_that_shows_no_node_pools_is_unknown(profiles: object) -> None:
    posture = judged(cluster(agentPoolProfiles=profiles))

    assert posture.state is UNKNOWN
    assert [finding.reason for finding in posture.cluster_findings] == ["NoNodePools"]


@pytest.mark.parametrize("profiles", [None, [], {}, {"apps": {}}, "none"])
@pytest.mark.parametrize(
    "unlisted",
    [
        {"nodeProvisioningProfile": {"mode": "Auto"}},
        {"addonProfiles": {"aciConnectorLinux": {"enabled": True}}},
        {"hostedSystemProfile": {"enabled": "true"}},
        {"hostedSystemProfile": True},
    ],
)
@pytest.mark.parametrize("asked", [None, Strays(NOW, 0, 0), Strays(NOW, 2, 0, ("n1", "n2"))])
def test_that_nodes_come_from_elsewhere_too_is_no_reason_for_an_empty_list(
    profiles: object, unlisted: dict[str, Any], asked: Strays | None
) -> None:
    read = cluster(agentPoolProfiles=profiles, **unlisted)

    posture = judged(read, replace(memory(), strays=asked))

    assert posture.state is UNKNOWN
    assert [finding.reason for finding in posture.cluster_findings] == ["NoNodePools"]


@pytest.mark.parametrize(("profiles", "state"), [([], COMPLIANT), (None, COMPLIANT), ({}, UNKNOWN), ("none", UNKNOWN)])
def test_that_aks_keeps_the_system_pools_to_itself_is_one(profiles: object, state: ComplianceState) -> None:
    read = cluster(agentPoolProfiles=profiles, hostedSystemProfile={"enabled": True})

    assert judged(read, replace(memory(), strays=Strays(NOW, 2, 0, ("n1", "n2")))).state is state
    assert read.listed == (profiles == [])


class TestSince:
    """`since` is when state and reason became what they are."""

    LATER = NOW + timedelta(hours=1)

    def test_it_is_now_when_a_pool_is_seen_first(self) -> None:
        assert judged(cluster(disabled())).pools[0].since == NOW

    def test_it_stays_while_the_verdict_stands(self) -> None:
        before = judged(cluster(disabled()))

        posture = evaluate(cluster(disabled()), Memory(), ENFORCING, before, self.LATER)

        assert posture.at == self.LATER
        assert posture.pools[0].since == NOW

    def test_another_reason_for_the_same_state_begins_anew(self) -> None:
        before = judged(cluster(disabled()))

        posture = evaluate(cluster(profile(nodeImageVersion=PLAIN_IMAGE)), Memory(), ENFORCING, before, self.LATER)

        assert posture.pools[0].state is NON_COMPLIANT
        assert posture.pools[0].since == self.LATER

    def test_a_pool_of_the_same_name_in_the_policy_only_changes_rule_and_mode(self) -> None:
        before = judged(cluster(disabled()))

        posture = evaluate(cluster(disabled()), Memory(), book(Mode.AUDIT), before, self.LATER)

        assert (posture.pools[0].mode, posture.pools[0].since) == (Mode.AUDIT, NOW)

    def test_becoming_unreadable_begins_anew_and_staying_so_does_not(self) -> None:
        before = judged(cluster(disabled()))

        first = evaluate(FORBIDDEN, Memory(), ENFORCING, before, self.LATER)
        second = evaluate(FORBIDDEN, Memory(), ENFORCING, first, self.LATER + timedelta(hours=1))

        assert [first.pools[0].since, second.pools[0].since] == [self.LATER, self.LATER]

    def test_being_readable_again_begins_anew(self) -> None:
        unread = evaluate(FORBIDDEN, Memory(), ENFORCING, judged(cluster(disabled())), NOW)

        posture = evaluate(cluster(disabled()), Memory(), ENFORCING, unread, self.LATER)

        assert posture.pools[0].since == self.LATER


class TestClusters:
    """What concerns a cluster as a whole."""

    def test_an_unreadable_cluster_keeps_its_pools_as_unknown(self) -> None:
        before = judged(cluster(profile("apps"), disabled("batch")), memory(apps=proof()))

        posture = evaluate(FORBIDDEN, Memory(), ENFORCING, before, NOW)

        assert posture.state is UNKNOWN
        assert [(pool.pool, pool.state, pool.decisive.reason) for pool in posture.pools] == [
            ("apps", UNKNOWN, "Forbidden"),
            ("batch", UNKNOWN, "Forbidden"),
        ]
        assert posture.cluster_findings == (Finding("readable", UNKNOWN, "Forbidden", FORBIDDEN.message),)

    def test_a_cluster_that_was_never_read_is_unknown_too(self) -> None:
        posture = evaluate(FORBIDDEN, Memory(), ENFORCING, None, NOW)

        assert (posture.state, posture.pools, posture.in_scope) == (UNKNOWN, (), True)

    def test_a_cluster_that_is_gone_has_nothing_to_judge(self) -> None:
        posture = evaluate(Gone(), Memory(), ENFORCING, judged(cluster(disabled())), NOW)

        assert (posture.state, posture.pools) == (ComplianceState.NOT_APPLICABLE, ())
        assert posture.cluster_findings[0].reason == "ClusterGone"

    def test_a_cluster_out_of_scope_has_no_state(self) -> None:
        policy = book(Mode.AUDIT, exclude=(ClusterMatch(tags={"ENV": "prod"}),))

        posture = judged(cluster(disabled()), rules=policy)

        assert not posture.in_scope
        assert (posture.state, posture.pools) == (ComplianceState.NOT_APPLICABLE, ())

    def test_the_nodes_of_a_stopped_cluster_prove_nothing_and_disprove_nothing(self) -> None:
        posture = judged(cluster(profile(), powerState={"code": "Stopped"}))

        assert posture.pools[0].decisive.reason == "Stopped"

    def test_each_pool_gets_the_rule_that_matches_it(self) -> None:
        policy = book(Mode.AUDIT, rules=(rule("batch only", Mode.ENFORCE, pools=("ba*",)),))

        posture = judged(cluster(profile("apps"), disabled("batch")), rules=policy)

        assert [(pool.rule, pool.mode) for pool in posture.pools] == [
            ("default", Mode.AUDIT),
            ("batch only", Mode.ENFORCE),
        ]

    @pytest.mark.parametrize(("mode", "expected"), [(Mode.AUDIT, False), (Mode.ALERT, True), (Mode.ENFORCE, True)])
    def test_people_are_told_in_every_mode_but_audit(self, mode: Mode, *, expected: bool) -> None:
        assert told(judged(cluster(), rules=book(mode)).pools[0]) is expected


class TestBlocks:
    """What the product won't try again by itself."""

    BLOCKED = PoolMemory(blocked="AKS refused: QuotaExceeded.", blocked_on="*")

    def verdict(self, read: Cluster, on: str) -> PoolPosture:
        return judged(read, memory(apps=replace(self.BLOCKED, blocked_on=on))).pools[0]

    def test_a_block_shows_while_the_configuration_is_the_one_that_was_refused(self) -> None:
        read = cluster(disabled())

        verdict = self.verdict(read, read.pools[0].configuration)

        bad = [finding for finding in verdict.findings if finding.state is NON_COMPLIANT]
        assert [finding.reason for finding in bad] == ["FipsDisabled", "RemediationFailed"]
        assert "QuotaExceeded" in bad[-1].message

    def test_another_configuration_lifts_it(self) -> None:
        read = cluster(disabled(vmSize="Standard_D2s_v5"))

        verdict = self.verdict(read, cluster(disabled()).pools[0].configuration)

        assert [one.reason for one in verdict.findings if one.state is NON_COMPLIANT] == ["FipsDisabled"]

    def test_it_means_nothing_once_the_pool_is_switched(self) -> None:
        read = cluster(profile())

        assert "RemediationFailed" not in {
            finding.reason for finding in self.verdict(read, read.pools[0].configuration).findings
        }

    @pytest.mark.parametrize(
        "volatile",
        [
            {"eTag": "another"},
            {"count": 9},
            {"provisioningState": "Failed"},
            {"nodeImageVersion": IMAGE},
            {"currentOrchestratorVersion": "1.34.3"},
            {"powerState": {"code": "Stopped"}},
        ],
    )
    def test_what_aks_changes_by_itself_is_no_other_configuration(self, volatile: dict[str, Any]) -> None:
        one, other = cluster(disabled()).pools[0], cluster(disabled(**volatile)).pools[0]

        assert one.configuration == other.configuration


class TestAskingTheNodes:
    """Which pools are asked, and when again."""

    OLD = proof(at=NOW - timedelta(days=30))

    @pytest.mark.parametrize(
        "remembered",
        [
            None,
            proof(node_image="another"),
            OLD,
            proof(disagreeing=("n1",)),
            proof(nodes=2, missing=1),
            proof(nodes=0, unreadable="NodesUnreadable: 503"),
            proof(nodes=2),
        ],
    )
    def test_a_pool_without_a_good_proof_is_asked(self, remembered: Proof | None) -> None:
        pools = {"apps": remembered} if remembered else {}

        due = to_prove(cluster(), memory(**pools), ENFORCING, NOW)

        assert [one.pool.name for one in due] == ["apps"]

    def test_a_good_proof_is_not_asked_for_again(self) -> None:
        assert to_prove(cluster(), memory(apps=proof()), ENFORCING, NOW) == ()

    @pytest.mark.parametrize(
        "properties",
        [
            {"enableFIPS": False},
            {"enableFIPS": None},
            {"osType": "Windows", "osSKU": "Windows2019"},
            {"provisioningState": "Upgrading"},
            {"nodeImageVersion": PLAIN_IMAGE},
            {"nodeImageVersion": ...},
            {"count": 0},
            {"powerState": {"code": "Stopped"}},
        ],
    )
    def test_nodes_that_could_settle_nothing_are_not_asked_and_make_nothing_due(
        self, properties: dict[str, Any]
    ) -> None:
        """An old proof of such a pool must not bring the cluster back at once, for ever."""
        read, remembered = cluster(profile(**properties)), memory(apps=self.OLD)

        assert to_prove(read, remembered, ENFORCING, NOW) == ()
        assert proof_due(read, remembered, ENFORCING.policy, NOW) is None

    @pytest.mark.parametrize(
        ("read", "rules"),
        [
            (cluster(powerState={"code": "Stopped"}), ENFORCING),
            (cluster(), CONTROL_PLANE),
        ],
    )
    def test_nor_are_those_of_a_stopped_cluster_or_where_the_policy_asks_for_none(
        self, read: Cluster, rules: Rulebook
    ) -> None:
        assert to_prove(read, Memory(), rules, NOW) == ()
        assert proof_due(read, memory(apps=self.OLD), rules.policy, NOW) is None

    def test_nor_are_those_of_an_excluded_cluster(self) -> None:
        policy = book(Mode.AUDIT, exclude=(ClusterMatch(clusters=("aks-*",)),))

        assert to_prove(cluster(), Memory(), policy, NOW) == ()

    def test_a_proof_falls_due_when_the_oldest_will_be_too_old(self) -> None:
        older = proof(at=NOW - timedelta(days=1))

        due = proof_due(
            cluster(profile("apps"), profile("batch")), memory(apps=proof(), batch=older), ENFORCING.policy, NOW
        )

        assert due == NOW + timedelta(days=2)

    @pytest.mark.parametrize(
        ("listed", "due"), [(NOW, timedelta(hours=1)), (None, timedelta()), (NOW + timedelta(days=9), timedelta())]
    )
    def test_nodes_are_listed_when_the_last_list_is_an_hour_old_or_of_a_time_that_has_not_come(
        self, listed: datetime | None, due: timedelta
    ) -> None:
        remembered = replace(memory(apps=proof()), listed=listed)

        assert listing_due(cluster(), remembered, ENFORCING.policy, NOW) == NOW + due

    def test_a_proof_that_is_too_old_says_how_old_it_may_be_and_who_asks_again(self) -> None:
        (found,) = judged(cluster(), memory(apps=proof(at=NOW - timedelta(days=4)))).pools

        said = found.decisive.message
        assert said.endswith("older than `proof.max_age` (3d): the next look asks them again.")

    def test_no_proof_makes_nothing_due(self) -> None:
        assert proof_due(cluster(), Memory(), ENFORCING.policy, NOW) is None


@given(st.data())
def test_what_is_asked_is_what_is_not_proven(data: st.DataObject) -> None:
    """A fresh good proof of every pool that is asked leaves no `ProofMissing` behind: looks come to an end."""
    read = data.draw(clusters)
    remembered = data.draw(memories(read))
    for subject in to_prove(read, remembered, ENFORCING, NOW):
        pool = subject.pool
        fresh = Proof(NOW, pool.node_image, max(pool.count or 1, 1), etag=pool.etag or "")
        remembered = remembered.with_pool(pool.name, PoolMemory(fresh))

    posture = evaluate(read, remembered, ENFORCING, None, NOW)

    asked = [
        verdict for pool, verdict in zip(read.pools, posture.pools, strict=True) if not (read.stopped or pool.stopped)
    ]
    reasons = {finding.reason for verdict in asked for finding in verdict.findings}
    assert not reasons & {"ProofMissing", "ProofExpired", "NodesMissing", "NodesDisagree"}
    due = proof_due(read, remembered, ENFORCING.policy, NOW)
    assert due is None or due >= NOW


@given(st.data())
def test_judging_the_same_again_says_the_same(data: st.DataObject) -> None:
    read = data.draw(clusters)
    remembered = data.draw(memories(read))

    once = evaluate(read, remembered, ENFORCING, None, NOW)

    assert evaluate(read, remembered, ENFORCING, once, NOW) == once


def test_the_posture_says_when_it_was_taken() -> None:
    assert judged(cluster()) == Posture(NOW, UNKNOWN, judged(cluster()).pools)


def test_a_pool_without_an_etag_is_never_proven_and_its_nodes_are_not_asked_in_vain() -> None:
    read, remembered = cluster(profile("apps", eTag=...)), memory(apps=replace(proof(at=NOW), etag=""))

    posture = evaluate(read, remembered, ENFORCING, None, NOW)

    assert (posture.state, posture.pools[0].decisive.reason) == (UNKNOWN, "ETagMissing")
    assert to_prove(read, remembered, ENFORCING, NOW) == ()


def test_a_proof_of_the_future_proves_nothing() -> None:
    posture = evaluate(cluster(), memory(apps=proof(at=NOW + timedelta(days=400))), ENFORCING, None, NOW)

    assert (posture.state, posture.pools[0].decisive.reason) == (UNKNOWN, "ProofMissing")


@pytest.mark.parametrize("changes", [{"eTag": "another"}, {"nodeImageVersion": IMAGE + ".1"}])
def test_a_proof_ends_with_any_operation_on_its_pool(changes: dict[str, object]) -> None:
    """Scaled away and back, stopped and started, switched off and on, deleted and made anew: other nodes."""
    read = cluster(profile("apps", **changes))

    posture = evaluate(read, memory(apps=proof(at=NOW)), ENFORCING, None, NOW)

    assert [finding.reason for finding in posture.pools[0].findings if finding.check == "proof"] == ["ProofMissing"]
    assert posture.state is ComplianceState.UNKNOWN
    assert [one.pool.name for one in to_prove(read, memory(apps=proof(at=NOW)), ENFORCING, NOW)] == ["apps"]


@pytest.mark.parametrize(
    ("properties", "rules", "offered"),
    [({}, ENFORCING, True), ({}, CONTROL_PLANE, True), ({"count": 0}, ENFORCING, False)],
)
def test_of_kubernetes_newer_than_the_data_kernels_are_asked_where_there_are_any(
    properties: dict[str, Any], rules: Rulebook, *, offered: bool
) -> None:
    read = cluster(profile(currentOrchestratorVersion="1.37.0", **properties))

    (found,) = (one for one in judged(read, rules=rules).pools[0].findings if one.check == "kubernetes")

    assert ("level kernel" in found.message) is offered
    assert "Update the app" in found.message
