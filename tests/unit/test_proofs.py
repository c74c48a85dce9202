"""What the nodes' word is worth: at which level, for how long, and for nodes that came later or are in no pool."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import proofs, strays
from shared.domain.matching import Match
from shared.domain.memory import PoolMemory
from shared.domain.model import ComplianceState, ProofLevel
from shared.domain.policy import Rule
from shared.domain.posture import Finding
from shared.domain.proven import Proof, Strays
from shared.domain.settings import Fips, ProofSettings, Settings
from shared.domain.subject import Subject
from tests.builders import NOW, book, cluster, judged, memory, operation, profile, proof

COMPLIANT, UNKNOWN = ComplianceState.COMPLIANT, ComplianceState.UNKNOWN
INCONSISTENT, NON_COMPLIANT = ComplianceState.INCONSISTENT, ComplianceState.NON_COMPLIANT
CONTROL_PLANE, NODE, KERNEL, HOST = ProofLevel
STOPPED = {"powerState": {"code": "Stopped"}}
WINDOWS = {"osType": "Windows", "osSKU": "Windows2022", "enableFIPS": False, "nodeImageVersion": "AKSWindows-2022-1"}
WINDOWS_PROOF = {"node_image": "AKSWindows-2022-1"}
DAY = timedelta(days=1)


def subject(
    taken: Proof | PoolMemory | None = None, *, properties: dict[str, Any] | None = None, **proving: Any
) -> Subject:
    """A pool with what its nodes said; `proving` is what the policy asks of their proof."""
    read = cluster(profile(**(properties or {})))
    remembered = taken if isinstance(taken, PoolMemory) else PoolMemory(taken)
    operating, fips = operation() if proving.pop("operating", False) else None, proving.pop("fips", Fips.REQUIRED)
    rule = Rule("r", Match(), Settings(fips=fips, proof=ProofSettings(**proving)))
    return Subject(read.pools[0], read, remembered, rule, NOW, operating)


def said(made: Subject) -> tuple[str, ComplianceState | None]:
    """Reason and state of the finding."""
    found = proofs.proof(made)
    return (found.reason, found.state) if found else ("", None)


class TestLevels:
    """Each level asks for more than the one before, and less is never taken for more."""

    @pytest.mark.parametrize("wanted", ProofLevel)
    @pytest.mark.parametrize("taken", ProofLevel)
    def test_a_proof_counts_up_to_its_own_level(self, taken: ProofLevel, wanted: ProofLevel) -> None:
        found = said(subject(proof(level=taken), level=wanted))

        if wanted is CONTROL_PLANE:
            assert found == ("", None)
        elif list(ProofLevel).index(taken) >= list(ProofLevel).index(wanted):
            assert found == ("NodesProven", COMPLIANT)
        else:
            assert found == ("ProofLevelMissing", UNKNOWN)

    @pytest.mark.parametrize(
        ("level", "words"), [(NODE, "fips_enabled=true"), (KERNEL, "level kernel"), (HOST, "host")]
    )
    def test_what_was_seen_is_said_in_words(self, level: ProofLevel, words: str) -> None:
        found = proofs.proof(subject(proof(level=level)))

        assert found is not None
        assert words in found.message
        assert "2026-11-23 08:30 UTC" in found.message

    def test_at_control_plane_level_nobody_is_asked(self) -> None:
        made = subject(level=CONTROL_PLANE)

        assert not proofs.asks_nodes(made)
        assert not proofs.due(made)
        assert proofs.expiry(replace(made, memory=PoolMemory(proof()))) is None

    @pytest.mark.parametrize(("level", "due"), [(NODE, False), (KERNEL, True), (HOST, True)])
    def test_one_that_is_not_deep_enough_is_asked_for_again(self, level: ProofLevel, *, due: bool) -> None:
        assert proofs.due(subject(proof(), level=level)) is due


class TestStopped:
    """Without nodes to ask the control plane's word is all there is."""

    @pytest.mark.parametrize(
        ("properties", "reason"),
        [({"count": 0}, "NoNodes"), (STOPPED, "Stopped"), ({**STOPPED, "count": 0}, "NoNodes")],
    )
    @pytest.mark.parametrize(
        ("level", "state"), [(CONTROL_PLANE, COMPLIANT), (NODE, COMPLIANT), (KERNEL, UNKNOWN), (HOST, UNKNOWN)]
    )
    def test_it_is_worth_nothing_at_kernel_level(
        self, properties: dict[str, Any], reason: str, level: ProofLevel, state: ComplianceState
    ) -> None:
        made = subject(properties=properties, level=level)

        assert said(made) == (reason, state)
        assert not proofs.asks_nodes(made), "there is nobody to ask"

    def test_nodes_that_disagreed_before_they_were_stopped_still_do(self) -> None:
        """Stopping a pool must not make it compliant."""
        disagreeing = proof(disagreeing=("n1",), at=NOW - 9 * DAY, etag="before the stop")

        assert said(subject(disagreeing, properties=STOPPED)) == ("NodesDisagree", INCONSISTENT)

    def test_where_the_policy_asks_no_node_their_word_counts_no_more_than_while_they_run(self) -> None:
        disagreeing = proof(disagreeing=("n1",))

        assert proofs.proof(subject(disagreeing, level=CONTROL_PLANE)) is None
        assert said(subject(disagreeing, level=CONTROL_PLANE, properties=STOPPED)) == ("Stopped", COMPLIANT)

    def test_those_of_another_image_are_gone(self) -> None:
        other = proof(disagreeing=("n1",), node_image="AKSAzureLinux-V3gen2fips-1")

        assert said(subject(other, properties=STOPPED)) == ("Stopped", COMPLIANT)

    def test_nodes_that_were_deleted_disagree_no_more(self) -> None:
        assert said(subject(proof(disagreeing=("n1",)), properties={"count": 0})) == ("NoNodes", COMPLIANT)


class TestJoined:
    """Nodes that came since the proof are as unproven as missing ones, unless the policy covers them for a while."""

    @pytest.mark.parametrize(
        ("joined", "age", "expected"),
        [
            (timedelta(), timedelta(), ("NodesMissing", UNKNOWN)),
            (timedelta(), timedelta(hours=1), ("NodesMissing", UNKNOWN)),
            (timedelta(hours=2), timedelta(hours=1), ("NodesProven", COMPLIANT)),
            (timedelta(hours=1), timedelta(hours=1), ("NodesProven", COMPLIANT)),
            (timedelta(hours=1), timedelta(hours=1, seconds=1), ("NodesMissing", UNKNOWN)),
        ],
    )
    def test_a_pool_that_has_grown_is_covered_as_long_as_the_policy_says(
        self, joined: timedelta, age: timedelta, expected: tuple[str, ComplianceState]
    ) -> None:
        if age == timedelta() == joined:
            age = timedelta(seconds=1)
        made = subject(proof(at=NOW - age), properties={"count": 5}, joined_nodes=joined)

        assert said(made) == expected

    def test_nodes_that_were_missing_when_the_others_were_asked_are_never_covered(self) -> None:
        made = subject(proof(nodes=2, missing=1), joined_nodes=DAY)

        assert said(made) == ("NodesMissing", UNKNOWN)

    def test_a_pool_that_has_shrunk_is_as_proven_as_before(self) -> None:
        assert said(subject(proof(), properties={"count": 1})) == ("NodesProven", COMPLIANT)

    def test_how_many_of_how_many_is_said(self) -> None:
        found = proofs.proof(subject(proof(nodes=2, missing=1), properties={"count": 5}))

        assert found is not None
        assert found.message.startswith("3 of 5 nodes")


class TestWindows:
    """Only the registry of Windows nodes proves FIPS: nothing less than kernel level is taken."""

    @pytest.mark.parametrize(
        ("taken", "expected"),
        [
            (None, ("WindowsProofMissing", UNKNOWN)),
            (proof(**WINDOWS_PROOF), ("WindowsProofMissing", UNKNOWN)),
            (proof(**WINDOWS_PROOF, level=KERNEL), ("NodesProven", COMPLIANT)),
            (proof(**WINDOWS_PROOF, level=KERNEL, at=NOW - 9 * DAY), ("WindowsProofMissing", UNKNOWN)),
            (proof(**WINDOWS_PROOF, level=KERNEL, etag="another"), ("WindowsProofMissing", UNKNOWN)),
            (proof(**WINDOWS_PROOF, level=KERNEL, disagreeing=("w1",)), ("NodesDisagree", INCONSISTENT)),
        ],
    )
    @pytest.mark.parametrize("level", [CONTROL_PLANE, NODE, KERNEL])
    def test_whatever_level_the_policy_asks_for(
        self, taken: Proof | None, expected: tuple[str, ComplianceState], level: ProofLevel
    ) -> None:
        assert said(subject(taken, properties=WINDOWS, level=level)) == expected

    @pytest.mark.parametrize(
        ("changes", "reason"), [({"at": NOW - 9 * DAY}, "ProofExpired"), ({"etag": "another"}, "ProofMissing")]
    )
    def test_where_it_may_be_asked_again_it_says_that_its_word_does_not_count_any_more(
        self, changes: dict[str, Any], reason: str
    ) -> None:
        taken = proof(**WINDOWS_PROOF, level=KERNEL, **changes)

        assert said(subject(taken, properties=WINDOWS, windows_image="image")) == (reason, UNKNOWN)

    def test_an_old_word_names_what_would_let_it_be_asked_again(self) -> None:
        taken = proof(**WINDOWS_PROOF, level=KERNEL, at=NOW - 9 * DAY)

        found = proofs.proof(subject(taken, properties=WINDOWS))

        assert found
        assert "has not been read lately: `proof.windows_image` names an image" in found.message

    def test_the_labels_of_its_nodes_are_not_asked(self) -> None:
        assert not proofs.asks_nodes(subject(properties=WINDOWS))

    def test_where_fips_is_forbidden_nothing_is_to_be_proven(self) -> None:
        assert said(subject(properties=WINDOWS, fips=Fips.FORBIDDEN)) == ("", None)


@pytest.mark.parametrize(
    "made",
    [
        subject(proof(), operating=True),
        subject(proof(), fips=Fips.FORBIDDEN),
        subject(proof(), properties={"provisioningState": "Upgrading"}),
        subject(proof(), properties={"enableFIPS": False}),
        subject(proof(), properties={"nodeImageVersion": "AKSAzureLinux-V3gen2-1"}),
    ],
)
def test_where_the_control_plane_claims_nothing_the_nodes_prove_nothing(made: Subject) -> None:
    assert said(made) == ("", None)
    assert (proofs.due(made), proofs.expiry(made)) == (False, None)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        (proof(), NOW + 2 * DAY - timedelta(hours=1)),
        (proof(disagreeing=("n1",)), NOW + 2 * DAY - timedelta(hours=1)),
        (proof(unreadable="NodesUnreadable: 503"), None),
        (None, None),
    ],
)
def test_a_proof_ends_when_the_policy_says(taken: Proof | None, expected: object) -> None:
    assert proofs.expiry(subject(taken, max_age=2 * DAY)) == expected


def test_of_many_nodes_that_disagree_ten_are_named() -> None:
    found = proofs.proof(subject(proof(nodes=30, disagreeing=tuple(f"n{number:02}" for number in range(30)))))

    assert found is not None
    assert ("n09" in found.message, "n10" in found.message, "..." in found.message) == (True, False, True)
    assert found.message.startswith("ARM says that FIPS is on; 30 of 30 nodes")


@dataclass(frozen=True)
class Row:
    """Nodes outside every pool, and what is said of them."""

    reason: str
    state: ComplianceState | None
    found: Strays | None = None
    unlisted: str = ""
    settings: Settings = field(default_factory=Settings)


WELL, BAD = Strays(NOW, 2, 0, ("a", "b")), Strays(NOW, 12, 11, tuple("abcdefghij"))
DEEP = Settings(proof=ProofSettings(level=KERNEL))
STRAYS = {
    "there are none": Row("", None, Strays(NOW, 0)),
    "nobody asked, and nothing makes any": Row("", None),
    "nobody asked, and something makes them": Row(
        "NodesOutsidePoolsUnread", UNKNOWN, unlisted="node auto-provisioning"
    ),
    "asked long ago": Row(
        "NodesOutsidePoolsUnread", UNKNOWN, replace(WELL, at=NOW - 4 * DAY), "node auto-provisioning"
    ),
    "bad ones were seen long ago, and nothing makes any": Row(
        "NodesOutsidePoolsUnread", UNKNOWN, replace(BAD, at=NOW - 4 * DAY)
    ),
    "none were seen long ago, and nothing makes any": Row("", None, Strays(NOW - 4 * DAY, 0)),
    "asked just in time": Row("NodesOutsidePoolsProven", COMPLIANT, replace(WELL, at=NOW - 3 * DAY)),
    "all are well": Row("NodesOutsidePoolsProven", COMPLIANT, WELL),
    "some are not": Row("NodesOutsidePools", NON_COMPLIANT, BAD),
    "labels are not enough": Row("ProofLevelMissing", UNKNOWN, WELL, settings=DEEP),
    "labels are enough to be bad": Row("NodesOutsidePools", NON_COMPLIANT, BAD, settings=DEEP),
    "FIPS is forbidden": Row("", None, BAD, settings=Settings(fips=Fips.FORBIDDEN)),
    "nothing is asked": Row("", None, BAD, "node auto-provisioning", Settings(fips=Fips.ANY)),
}


@pytest.mark.parametrize("row", STRAYS.values(), ids=STRAYS.keys())
def test_nodes_outside_every_pool_are_judged_by_what_they_show(row: Row) -> None:
    read = replace(cluster(), unlisted=row.unlisted)

    found = strays.strays(read, row.found, row.settings, NOW)

    assert (found.reason if found else "", found.state if found else None) == (row.reason, row.state)
    if found and row.unlisted:
        assert row.unlisted in found.message


def test_those_without_the_label_are_counted_and_some_named() -> None:
    found = strays.strays(cluster(), BAD, Settings(), NOW)

    assert found is not None
    assert found.message.startswith("11 of 12 nodes outside every node pool")
    assert "a, b, c" in found.message
    assert "..." in found.message
    assert "fipsMode" in found.message


proofs_taken = st.builds(
    proof,
    at=st.sampled_from([NOW, NOW - DAY, NOW - 4 * DAY]),
    nodes=st.integers(0, 5),
    missing=st.integers(0, 2),
    disagreeing=st.sampled_from([(), (), ("n1",)]),
    unreadable=st.sampled_from(["", "", "NodesUnreadable: 503"]),
    level=st.sampled_from(ProofLevel),
    etag=st.sampled_from(["etag-apps", "etag-apps", "another"]),
)


@given(proofs_taken, st.sampled_from([NODE, KERNEL, HOST]), st.integers(1, 6), st.sampled_from([timedelta(), 2 * DAY]))
def test_only_a_whole_fresh_deep_and_unanimous_proof_is_compliant(
    taken: Proof, level: ProofLevel, count: int, joined: timedelta
) -> None:
    made = subject(taken, properties={"count": count}, level=level, joined_nodes=joined)

    if said(made)[1] is COMPLIANT:
        assert NOW - taken.at <= timedelta(days=3)
        assert (taken.missing, taken.disagreeing, taken.unreadable, taken.etag) == (0, (), "", "etag-apps")
        assert taken.level.reaches(level)
        assert taken.nodes >= count or NOW - taken.at <= joined
        assert not proofs.due(made)
    else:
        assert proofs.due(made)


def test_a_cluster_is_as_bad_as_its_nodes_outside_every_pool() -> None:
    posture = judged(cluster(), replace(memory(apps=proof()), strays=BAD), book())

    assert [pool.state for pool in posture.pools] == [COMPLIANT]
    assert posture.state is NON_COMPLIANT
    assert [(one.check, one.reason) for one in posture.cluster_findings] == [("strays", "NodesOutsidePools")]
    assert isinstance(posture.cluster_findings[0], Finding)
