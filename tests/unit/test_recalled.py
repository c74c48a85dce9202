"""What a look that died has recorded of nodes is remembered by the next one, and never for better than it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.bodies import Body, NodeProof, Observation, StrayProof
from shared.domain.codec import plain
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import ProofLevel, Unreadable
from shared.domain.proven import Proof, Strays
from shared.domain.recalled import recalled
from shared.domain.records import Head, Record, RecordKind, make_record
from tests.builders import NOW, cluster, cluster_id, profile
from tests.recorded import PAY, observation, read_of

MINUTE = timedelta(minutes=1)
GOOD = Proof(NOW, "image", 3, record=2)
UNREAD = Unreadable("Unreachable", "ARM did not answer.", None)
LIE: dict[str, Any] = {"disagreeing": ("aks-1",)}


def record(seq: int, body: Body, kind: RecordKind = RecordKind.PROOF) -> Record:
    return make_record(cluster_id(), Head(seq - 1), str(seq), kind, NOW, plain(body))


def of_pool(seq: int, **said: Any) -> Record:
    proof = replace(Proof(NOW + MINUTE, "image", 3, level=ProofLevel.KERNEL, id="p1"), **said)
    how: dict[str, Any] = {"level": ProofLevel.KERNEL, "method": "m", "way": "w"}
    return record(seq, NodeProof("apps", "image", 3, proof, (), "default", 0, **how))


def outside(seq: int, at: timedelta = MINUTE, **said: Any) -> Record:
    how: dict[str, Any] = {"level": ProofLevel.NODE, "method": "m", "way": "w"}
    return record(seq, StrayProof(Strays(NOW + at, 3, **said), (), **how))


def proof(memory: Memory) -> Proof:
    found = memory.pool("apps").proof
    assert found
    return found


@pytest.mark.parametrize("known", [Memory(), Memory(pools={"apps": PoolMemory(proof=GOOD)})])
def test_the_last_record_of_a_pool_is_what_is_known_of_it(known: Memory) -> None:
    found = recalled(known, [of_pool(3), of_pool(4, **LIE)], UNREAD)

    assert (proof(found).record, proof(found).disagreeing) == (4, ("aks-1",))


def test_nodes_that_denied_fips_to_pods_stay_in_doubt() -> None:
    assert recalled(Memory(), [of_pool(3, **LIE)], UNREAD).pool("apps").doubted
    assert not recalled(Memory(), [of_pool(3)], UNREAD).pool("apps").doubted
    assert not recalled(Memory(), [of_pool(3, id="", **LIE)], UNREAD).pool("apps").doubted


def test_what_is_known_already_is_not_known_for_worse() -> None:
    known = Memory(pools={"apps": PoolMemory(proof=replace(GOOD, record=4))}, strays=Strays(NOW, 0, record=5))

    assert recalled(known, [of_pool(3, **LIE), outside(4, disabled=3)], UNREAD) == known


def test_a_word_that_is_older_than_the_one_known_counts_only_if_it_is_bad() -> None:
    pools = {"apps": PoolMemory(proof=replace(GOOD, at=NOW + 2 * MINUTE, disagreeing=("aks-2",)))}
    known = Memory(pools=pools, strays=Strays(NOW + 2 * MINUTE, 3, 3))

    assert recalled(known, [of_pool(3), outside(4)], UNREAD) == known
    found = recalled(known, [of_pool(3, **LIE), outside(4, unreadable="WayNotAllowed: no")], UNREAD)
    assert proof(found).disagreeing == ("aks-1",)
    assert found.strays
    assert found.strays.unreadable


def test_the_last_record_of_nodes_outside_every_pool_is_what_is_known_of_them() -> None:
    found = recalled(Memory(strays=Strays(NOW, 3, 3, record=2)), [outside(3, disabled=3), outside(4)], UNREAD).strays

    assert found
    assert (found.record, found.disabled) == (4, 0)


def test_other_records_and_what_cannot_be_read_say_nothing_of_nodes() -> None:
    seen: Observation = observation(read_of(PAY, "apps"), [])
    broken = replace(of_pool(3), payload={"kind": "proof", "pool": "apps"})

    assert recalled(Memory(), [record(2, seen, RecordKind.OBSERVATION), broken], UNREAD) == Memory()


def test_a_pool_that_is_gone_does_not_come_back() -> None:
    """It would be missed in ARM's next list, which is right."""
    others, missed = cluster(profile("jobs")), Memory(missed={"apps": NOW})

    assert recalled(Memory(), [of_pool(3, **LIE)], others) == Memory()
    assert "apps" in recalled(missed, [of_pool(3, **LIE)], others).pools
    assert "apps" in recalled(Memory(), [of_pool(3, **LIE)], cluster(profile("apps"))).pools
