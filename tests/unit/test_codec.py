"""Records to JSON and back: what is stored reads back equal, and what is not as it should be is refused by name."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alert import Alert
from shared.domain.budget import Approval, Budget, Canary, Counts, Ended, Place, RingCount
from shared.domain.codec import canonical, fingerprint, plain, typed
from shared.domain.ids import ClusterId
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Mode
from shared.domain.operation import Operation
from shared.domain.planned import Deferral
from shared.domain.posture import Finding, PoolPosture, Posture
from shared.domain.proven import Proof
from shared.domain.records import Head
from shared.domain.verdicts import Planned
from shared.postures import StoredPosture
from shared.rollout import Lease, RolloutRow
from tests.builders import NOW, cluster_id, proof
from tests.unit.strategies import any_text, aware, json_values

st.register_type_strategy(datetime, aware)
st.register_type_strategy(str, any_text)
st.register_type_strategy(ClusterId, st.just(cluster_id()))


def named(kind: type, **parts: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Some records of a type by name."""
    return st.dictionaries(any_text, st.builds(kind, **parts), max_size=2)


operations = st.builds(Operation, changes=st.dictionaries(any_text, json_values, max_size=2))
memories = st.builds(
    Memory,
    operation=st.none() | operations,
    pools=named(PoolMemory, workloads=..., first_seen=...),
    strays=...,
    agent=...,
)
budgets = st.builds(
    Budget,
    places=named(Place, approvals=named(Approval)),
    last_begun=...,
    ended=st.lists(st.builds(Ended, began=...), max_size=2).map(tuple),
    counts=st.none() | st.builds(Counts, subscriptions=..., rings=named(RingCount, clean_since=...)),
    canaries=named(Canary, proven=...),
    approvals=named(Approval),
)


@pytest.mark.parametrize(
    "strategy",
    [
        st.builds(StoredPosture, etag=st.none()),
        st.builds(RolloutRow, memory=memories),
        budgets,
        operations,
        *map(
            st.builds,
            (Alert, Deferral, Finding, Head, Lease, PoolMemory, PoolPosture, Posture, Proof),
        ),
    ],
    ids=str,
)
@given(data=st.data())
def test_what_is_stored_reads_back_equal(strategy: st.SearchStrategy[Any], data: st.DataObject) -> None:
    record = data.draw(strategy)

    stored = canonical(plain(record))

    assert typed(type(record), json.loads(stored)) == record


@given(st.dictionaries(any_text, json_values))
def test_the_same_content_has_the_same_bytes_in_any_order(value: dict[str, Any]) -> None:
    turned = dict(reversed(list(value.items())))

    assert canonical(value) == canonical(turned)
    assert canonical(json.loads(canonical(value))) == canonical(value)


def test_canonical_bytes_have_sorted_keys_no_spaces_and_utf_8() -> None:
    assert canonical({"b": [1, None], "a": "ä"}) == b'{"a":"\xc3\xa4","b":[1,null]}'


def test_half_of_a_surrogate_pair_is_escaped() -> None:
    """JSON from outside can hold it: a cluster that does must still be recorded."""
    assert canonical({"a": "x\ud800"}) == b'{"a":"x\\ud800"}'
    assert json.loads(canonical({"a": "x\ud800"})) == {"a": "x\ud800"}


def test_what_json_has_no_number_for_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})


def test_names_become_camel_case_and_times_end_in_z() -> None:
    assert plain(proof()) == {
        "at": "2026-11-23T08:30:04.000000Z",
        "nodeImage": "AKSAzureLinux-V3gen2fips-202611.03.0",
        "nodes": 3,
        "disagreeing": [],
        "missing": 0,
        "unreadable": "",
        "etag": "etag-apps",
        "asked": "",
        "changed": False,
        "record": 0,
        "tries": 0,
        "imageless": 0,
        "level": "node",
        "id": "",
        "sampled": 0,
        "began": None,
        "silent": "",
    }


def test_durations_enums_and_ids_have_a_plain_form() -> None:
    assert plain([timedelta(minutes=1), Mode.AUDIT, cluster_id()]) == [60.0, "audit", cluster_id().arm_id]


def test_equal_things_have_one_fingerprint_and_others_another() -> None:
    assert fingerprint(proof()) == fingerprint(proof())
    assert fingerprint(proof()) != fingerprint(proof(missing=1))
    assert len(fingerprint(proof())) == 16


GOOD = plain(proof())


def test_an_unknown_field_is_ignored() -> None:
    """A row that a newer version wrote can be read by an older one during a deployment."""
    assert typed(Proof, {**GOOD, "depth": 3}) == proof()


def test_a_missing_field_takes_its_default() -> None:
    del (given := dict(GOOD))["missing"]

    assert typed(Proof, given) == proof()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"nodes": "3"}, r"Proof\.nodes: expected int, found str"),
        ({"nodes": True}, r"Proof\.nodes: expected int, found bool"),
        ({"nodes": 3.0}, r"Proof\.nodes: expected int, found float"),
        ({"nodes": None}, r"Proof\.nodes: expected int, found NoneType"),
        ({"at": 5}, r"Proof\.at: expected str, found int"),
        ({"at": "yesterday"}, r"Proof\.at: Invalid isoformat"),
        ({"at": "2026-11-23T08:30:04"}, r"Proof\.at: .* has no time zone"),
        ({"at": "2026-11-23"}, r"Proof\.at: .* has no time zone"),
        ({"at": "0001-01-01T00:00:00+23:59"}, r"Proof\.at: .* is a time that UTC can't hold"),
        ({"at": "9999-12-31T23:59:59-23:59"}, r"Proof\.at: .* is a time that UTC can't hold"),
        ({"disagreeing": "n1"}, r"Proof\.disagreeing: expected list, found str"),
        ({"disagreeing": [1]}, r"Proof\.disagreeing\[0\]: expected str, found int"),
    ],
)
def test_a_value_of_another_type_is_refused_by_the_name_of_its_field(change: dict[str, Any], where: str) -> None:
    with pytest.raises(ValueError, match=where):
        typed(Proof, {**GOOD, **change})


@pytest.mark.parametrize("seconds", [1e300, -1e300, 10**400])
def test_a_duration_that_cannot_be_is_refused_by_the_name_of_its_field(seconds: float) -> None:
    planned: dict[str, Any] = {"action": None, "deferrals": [], "requeueAfter": seconds}
    with pytest.raises(ValueError, match=r"^Planned\.requeue_after: "):
        typed(Planned, planned)


def test_a_missing_field_without_a_default_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^Proof: lacks `nodeImage`, `nodes`$"):
        typed(Proof, {"at": GOOD["at"]})


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_what_is_no_object_is_no_record(value: object) -> None:
    with pytest.raises(ValueError, match="Proof: expected dict"):
        typed(Proof, value)


def test_an_unknown_word_of_a_closed_set_is_refused_by_the_name_of_its_field() -> None:
    with pytest.raises(ValueError, match=r"Finding\.state: 'fine'"):
        typed(Finding, {"check": "flag", "state": "fine", "reason": "R", "message": "M"})


def test_a_nested_fault_says_where_it_is() -> None:
    with pytest.raises(ValueError, match=r"Memory\.pools\.apps\.proof\.at"):
        typed(Memory, {"pools": {"apps": {"proof": {**GOOD, "at": "x"}}}})


def test_a_time_of_another_zone_stays_the_same_moment() -> None:
    @dataclass(frozen=True)
    class Moment:
        at: datetime

    moment = Moment(NOW.astimezone(timezone(timedelta(hours=5))))

    assert typed(Moment, plain(moment)).at.astimezone(UTC) == NOW
