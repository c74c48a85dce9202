"""What the nodes say: every node must show FIPS and the pool's image, and what was seen is recorded."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.memory import MemoryEvidence
from shared.chain import Chain
from shared.domain.api_server import Answered, Way
from shared.domain.memory import Memory
from shared.domain.model import Cluster, ProofLevel, Unreadable
from shared.domain.proven import Node, NodesRead, Proof, Strays
from shared.domain.records import Head, RecordKind
from shared.domain.taken import mark, take_proof, take_strays
from shared.ports import KubernetesApi
from shared.proving import Proving
from tests.builders import (
    ENFORCING,
    IMAGE,
    NOW,
    cluster,
    cluster_id,
    disabled,
    memory,
    node,
    node_json,
    nodes,
    pool,
    profile,
    proof,
)

MAX_AGE = ENFORCING.policy.defaults.proof.max_age


class Asked:
    """A Kubernetes API that lists the same nodes each time and counts."""

    way = Way.ENTRA

    def __init__(self, answer: NodesRead) -> None:
        self.answer, self.times = answer, 0

    @contextmanager
    def open(self, cluster: Cluster, ways: frozenset[Way]) -> Iterator[KubernetesApi | Unreadable]:  # noqa: ARG002 (the port's)
        """Enter the API."""
        self.times += 1
        yield self.answer if isinstance(self.answer, Unreadable) else self

    def get(self, path: str) -> Answered | Unreadable:  # noqa: ARG002 (the port's)
        """List the nodes."""
        assert not isinstance(self.answer, Unreadable)
        return Answered(200, {"items": [node_json(one) for one in self.answer], "metadata": {}})

    def send(self, method: str, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Answered | Unreadable, ...]:
        """Refuse: nobody sends anything."""
        raise AssertionError((method, requests))


class Kept:
    """A lease that nobody takes away, of which no look needs anything here."""

    def check(self) -> None:
        """Go on."""

    def save(self, memory: Memory) -> None:
        """Fail: what labels say is remembered at the end of a look."""
        raise AssertionError(memory)


def prove(
    answer: NodesRead, read: Cluster | None = None, remembered: Memory | None = None
) -> tuple[Memory, MemoryEvidence, Asked]:
    asked, evidence = Asked(answer), MemoryEvidence()
    proving = Proving(asked, Chain(evidence, cluster_id(), Head()), NOW, Kept())
    return proving.prove(read or cluster(), remembered or Memory(), ENFORCING), evidence, asked


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (nodes(3), Proof(NOW, IMAGE, 3, etag="etag-apps")),
        (nodes(3, image_label=""), Proof(NOW, IMAGE, 3, etag="etag-apps", imageless=3)),
        (nodes(3, image_label=IMAGE.lower()), Proof(NOW, IMAGE, 3, etag="etag-apps")),
        (nodes(4), Proof(NOW, IMAGE, 4, etag="etag-apps")),
        (nodes(2), Proof(NOW, IMAGE, 2, missing=1, etag="etag-apps")),
        ((), Proof(NOW, IMAGE, 0, missing=3, etag="etag-apps")),
        ((*nodes(2), node("late", ready=False)), Proof(NOW, IMAGE, 2, missing=1, etag="etag-apps")),
        ((*nodes(3), node("surge", ready=False)), Proof(NOW, IMAGE, 3, missing=1, etag="etag-apps")),
        (
            (*nodes(2), node("late", ready=False, fips_label=None)),
            Proof(NOW, IMAGE, 2, disagreeing=("late",), missing=1, etag="etag-apps"),
        ),
        ((*nodes(3), node("other", pool="batch", fips_label=None)), Proof(NOW, IMAGE, 3, etag="etag-apps")),
        ((*nodes(3), node("nobodys", pool="", fips_label=None)), Proof(NOW, IMAGE, 3, etag="etag-apps")),
    ],
)
def test_nodes_that_agree_are_counted(answer: NodesRead, expected: Proof) -> None:
    assert replace(take_proof(pool(), answer, NOW), asked="") == expected


@pytest.mark.parametrize(
    "change",
    [
        {"fips_label": None},
        {"fips_label": "false"},
        {"fips_label": "True"},
        {"fips_label": ""},
        {"image_label": "AKSAzureLinux-V3gen2fips-202610.01.0"},
    ],
)
def test_a_node_that_does_not_show_it_disagrees_by_name(change: dict[str, Any]) -> None:
    found = take_proof(pool(), (*nodes(2), node("odd", **change)), NOW)

    assert replace(found, asked="") == Proof(NOW, IMAGE, 3, disagreeing=("odd",), etag="etag-apps")


def test_nodes_that_could_not_be_read_say_whether_that_may_pass() -> None:
    lasting = Unreadable("KubernetesForbidden", "no role", None)

    assert take_proof(pool(), lasting, NOW).unreadable == "KubernetesForbidden: no role"
    passing = Unreadable("Unreachable", "503", timedelta(seconds=30))
    assert take_proof(pool(), passing, NOW).unreadable == "NodesUnreadable: 503"


labels = st.builds(
    Node,
    name=st.sampled_from("abcdef"),
    uid=st.text(),
    pool=st.sampled_from(["apps", "batch", ""]),
    fips_label=st.sampled_from(["true", "true", "true", "false", "", None]),
    image_label=st.sampled_from([IMAGE, IMAGE, "", "AKSUbuntu-1"]),
    ready=st.sampled_from([True, True, True, False]),
)


@given(st.lists(labels, max_size=5).map(tuple), st.sampled_from([0, 1, 3, None]))
def test_a_proof_without_a_flaw_needs_every_node(answer: tuple[Node, ...], count: int | None) -> None:
    found = take_proof(pool(count=count), answer, NOW)

    mine = [one for one in answer if one.pool == "apps"]
    assert found.nodes == sum(one.ready for one in mine)
    if not (found.disagreeing or found.missing):
        assert all(one.ready and one.fips_label == "true" for one in mine)
        assert all(one.image_label in ("", IMAGE) for one in mine)
        assert len(mine) >= (count or 0)


def test_a_proof_is_remembered_and_recorded_with_the_nodes_that_were_seen() -> None:
    remembered, evidence, _ = prove(nodes(3))

    assert remembered.pool("apps").proof == Proof(NOW, IMAGE, 3, etag="etag-apps", asked=mark(nodes(3)))
    assert remembered.listed == NOW
    (record,) = evidence.chain(cluster_id())
    assert record.kind is RecordKind.PROOF
    assert record.payload["pool"] == "apps"
    assert record.payload["level"] == "node"
    assert (record.payload["expectedNodes"], record.payload["nodeImageVersion"]) == (3, IMAGE)
    assert [one["uid"] for one in record.payload["nodes"]] == [one.uid for one in nodes(3)]


def test_the_nodes_are_listed_once_for_all_pools() -> None:
    answer = (*nodes(3), *(node(f"b{number}", pool="batch") for number in range(3)))

    remembered, evidence, asked = prove(answer, cluster(profile("apps"), profile("batch")))

    assert asked.times == 1
    assert {name: found.proof for name, found in remembered.pools.items()} == {
        "apps": Proof(NOW, IMAGE, 3, etag="etag-apps", asked=mark(nodes(3))),
        "batch": Proof(NOW, IMAGE, 3, etag="etag-batch", asked=mark(answer[3:])),
    }
    assert len(evidence.chain(cluster_id())) == 2


@pytest.mark.parametrize(
    ("read", "remembered"),
    [
        (cluster(), replace(memory(apps=proof()), listed=NOW - timedelta(minutes=59))),
        (cluster(profile(), powerState={"code": "Stopped"}), memory(apps=proof(level=ProofLevel.KERNEL))),
        (cluster(disabled()), Memory()),
        (cluster(profile(count=0)), Memory()),
    ],
)
def test_nobody_is_asked_where_nothing_is_to_be_proven(read: Cluster, remembered: Memory) -> None:
    after, evidence, asked = prove(nodes(3), read, remembered)

    assert (after, asked.times, evidence.blobs) == (remembered, 0, {})


def test_the_same_flaw_is_recorded_once_and_every_good_proof_anew() -> None:
    flaw, worse = nodes(3, fips_label=None), nodes(2, fips_label=None)
    remembered, evidence, _ = prove(flaw)
    assert len(evidence.chain(cluster_id())) == 1

    assert prove(flaw, remembered=remembered)[1].blobs == {}
    assert len(prove(worse, remembered=remembered)[1].blobs) == 1
    assert len(prove(nodes(3), remembered=memory(apps=proof(at=NOW - MAX_AGE * 2)))[1].blobs) == 1


def test_nodes_that_cannot_be_read_are_recorded_without_nodes() -> None:
    remembered, evidence, _ = prove(Unreadable("KubernetesForbidden", "no role", None))

    (record,) = evidence.chain(cluster_id())
    assert record.payload["nodes"] == []
    assert record.payload["proof"]["unreadable"] == "KubernetesForbidden: no role"
    assert remembered.pool("apps").proof == Proof(
        NOW, IMAGE, 0, unreadable="KubernetesForbidden: no role", etag="etag-apps"
    )


class TestNodesThatAreOthersByNow:
    """An hour after the last list the next look lists them, and those that nobody asked are asked."""

    KNOWN = replace(
        memory(apps=proof(asked=mark(nodes(3)))), strays=Strays(NOW, 0), listed=NOW - timedelta(hours=1, seconds=1)
    )

    def test_the_same_ones_are_listed_and_that_is_all(self) -> None:
        after, evidence, asked = prove(nodes(3), remembered=self.KNOWN)

        assert (asked.times, evidence.blobs, after.listed) == (1, {}, NOW)
        assert after.pools == self.KNOWN.pools

    @pytest.mark.parametrize(
        "now",
        [
            (*nodes(2), node("new")),
            (*nodes(2), replace(nodes(3)[2], uid="reimaged")),
            (*nodes(2), replace(nodes(3)[2], boot="started anew")),
            nodes(2),
        ],
    )
    @pytest.mark.parametrize("label", ["true", "false"])
    def test_others_are_judged_by_their_labels_at_once(self, now: tuple[Node, ...], label: str) -> None:
        now = (*now[:-1], replace(now[-1], fips_label=label))
        after, evidence, _ = prove(now, cluster(profile(count=len(now))), remembered=self.KNOWN)

        found = after.pool("apps").proof
        assert found is not None
        assert (found.at, found.asked) == (NOW, mark(now))
        assert bool(found.disagreeing) is (label == "false")
        assert len(evidence.chain(cluster_id())) == 1

    def test_a_list_that_is_refused_changes_nothing_and_is_not_asked_for_again_at_once(self) -> None:
        after, _, _ = prove(Unreadable("KubernetesForbidden", "no role", None), remembered=self.KNOWN)

        assert after == replace(self.KNOWN, listed=NOW)


class TestNodesOutsideEveryPool:
    """Nodes that no pool of ARM's list accounts for are judged by what they show, once they are asked."""

    STRAY = node("aks-nap-1", pool="")
    PLAIN = node("aks-nap-2", pool="other", fips_label=None)

    @pytest.mark.parametrize(
        ("outside", "expected"),
        [
            ((), Strays(NOW, 0)),
            ((STRAY,), Strays(NOW, 1, 0, ("aks-nap-1",))),
            ((STRAY, PLAIN), Strays(NOW, 2, 1, ("aks-nap-2",))),
            ((node("a", pool="", fips_label="True"),), Strays(NOW, 1, 1, ("a",))),
        ],
    )
    def test_those_without_the_label_are_counted_and_named(self, outside: tuple[Node, ...], expected: Strays) -> None:
        assert replace(take_strays(outside, NOW), asked="") == expected

    def test_of_many_all_are_kept_in_order(self) -> None:
        many = [node(f"n{number:02}", pool="", fips_label=None) for number in range(30)]

        found = take_strays(many[::-1], NOW)

        assert (found.nodes, found.disabled, found.names) == (30, 30, tuple(f"n{number:02}" for number in range(30)))

    def test_they_are_remembered_and_recorded_with_what_they_show(self) -> None:
        remembered, evidence, _ = prove((*nodes(3), self.PLAIN))

        assert remembered.strays == Strays(NOW, 1, 1, ("aks-nap-2",), asked=mark([self.PLAIN]))
        outside, _ = evidence.chain(cluster_id())
        assert outside.kind is RecordKind.PROOF
        assert "pool" not in outside.payload
        assert [one["name"] for one in outside.payload["nodes"]] == ["aks-nap-2"]
        assert outside.payload["strays"]["disabled"] == 1

    def test_the_same_are_recorded_once(self) -> None:
        first, _, _ = prove((*nodes(3), self.PLAIN))
        again = replace(first, strays=replace(first.strays, at=NOW - MAX_AGE)) if first.strays else first

        after, evidence, _ = prove((*nodes(3), self.PLAIN), remembered=again)

        assert after.strays == first.strays
        assert evidence.blobs == {}

    def test_that_there_are_none_is_remembered_and_no_record(self) -> None:
        remembered, evidence, _ = prove(nodes(3))

        assert remembered.strays == Strays(NOW, 0, asked=mark(()))
        assert len(evidence.chain(cluster_id())) == 1

    @pytest.mark.parametrize(
        ("strays", "times"),
        [(None, 1), (Strays(NOW - MAX_AGE * 2, 1, 0, ("n",)), 1), (Strays(NOW, 1, 1, ("n",)), 1), (Strays(NOW, 0), 0)],
    )
    def test_they_alone_are_reason_enough_to_ask(self, strays: Strays | None, times: int) -> None:
        """Where a cluster makes nodes of its own, or some of them are not as they should be."""
        read = cluster(nodeProvisioningProfile={"mode": "Auto"})
        remembered = replace(memory(apps=proof()), strays=strays, listed=NOW)

        after, _, asked = prove(nodes(3), read, remembered)

        assert asked.times == times
        assert after.strays == (Strays(NOW, 0, asked=mark(())) if times else strays)

    def test_what_was_known_stays_while_nobody_can_be_asked(self) -> None:
        known = replace(memory(), strays=Strays(NOW, 1, 1, ("n",)))

        after, _, _ = prove(Unreadable("KubernetesForbidden", "no role", None), remembered=known)

        assert after.strays == known.strays
