"""Verification of stored evidence: sound evidence has no fault, and each kind of damage is named."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.bodies import ExemptionsText, Outcome, PolicyText
from shared.domain.codec import canonical, plain
from shared.domain.operation import OutcomeState
from shared.domain.pack import Scope
from shared.domain.planned import ActionKind
from shared.domain.records import FLEET, GENESIS, MANIFESTS, Head, RecordKind
from shared.domain.verification import record_name
from shared.verifying import Asked, Verification
from tests.builders import NOW
from tests.stored import ASKED, INTENT, MEDIA, PAY, Stored, key_name, rotated, said, signed, signing_key, stored

LATER = NOW + timedelta(days=30)


def faults(archive: Stored, **asked: object) -> list[str]:
    """What is wrong, as a person reads it."""
    wanted = replace(Asked(LATER, heads=archive.heads), **asked)  # type: ignore[arg-type]
    return [str(fault) for fault in Verification(archive, wanted).faults()]


def pay(seq: int) -> str:
    return record_name(PAY.path, seq)


def relink(archive: Stored, path: str, seq: int, **changes: object) -> None:
    """Change a record and everything behind it, so that the chain holds together again."""
    previous = None
    while (name := record_name(path, seq)) in archive.files:
        payload = said(archive.files[name]) | changes
        changes = {}
        if previous:
            payload["previous"] = previous
        archive.put(path, seq, payload)
        previous = archive.heads[path].hash
        seq += 1


def test_sound_evidence_has_no_fault_and_is_counted() -> None:
    archive = stored()
    verification = Verification(archive, Asked(LATER, heads=archive.heads, trusted=frozenset({key_name()})))

    assert list(verification.faults()) == []
    seen = verification.seen
    assert (seen.records, seen.chains, seen.manifests, seen.unanchored, seen.unsigned) == (23, 3, 3, 1, 0)
    assert seen.keys == {key_name(): (1, 3)}
    assert seen.last == archive.heads[MANIFESTS]
    assert seen.last_date == date(2026, 11, 25)


def test_nothing_stored_is_no_fault_and_no_record() -> None:
    verification = Verification(Stored(), Asked(LATER))
    assert list(verification.faults()) == []
    assert verification.seen.records == 0


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        (b"", "is not JSON: it was changed or cut short"),
        (b"\xff\xfe", "is not JSON: it was changed or cut short"),
        (b"[" * 100_000, "is not JSON: it was changed or cut short"),
        (b'{"a":NaN}', "is not in canonical form: it was changed"),
        (b'{"a": 1}', "is not in canonical form: it was changed"),
        (b'{"a":1,"a":1}', "is not in canonical form: it was changed"),
        (b"[]", "is no JSON object"),
        (b'{"schema":"fipswarden.evidence/9"}', "is not of schema fipswarden.evidence/1"),
    ],
)
def test_what_is_no_record_is_named(garbage: bytes, why: str) -> None:
    archive = stored()
    archive.files[pay(2)] = garbage

    assert f"{pay(2)} {why}" in faults(archive)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seq": 3}, "says that it is another record, or another chain's"),
        ({"seq": True}, "says that it is another record, or another chain's"),
        ({"cluster": MEDIA.arm_id}, "says that it is another record, or another chain's"),
        ({"cluster": "x"}, "says that it is another record, or another chain's"),
        ({"id": ""}, "has no id"),
        ({"id": 7}, "has no id"),
        ({"kind": "rumour"}, "is of a kind that does not belong here"),
        ({"kind": ["intent"]}, "is of a kind that does not belong here"),
        ({"kind": "manifest"}, "is of a kind that does not belong here"),
        ({"at": "yesterday"}, "has no time"),
        ({"at": "2026-11-23T09:30:04"}, "has no time"),
        ({"at": "0001-01-01T00:00:00+23:59"}, "has no time"),
        ({"at": "9999-12-31T23:59:59-23:59"}, "has no time"),
        ({"previous": None}, "names no record before it"),
        ({"previous": "x"}, "names no record before it"),
    ],
)
def test_a_field_that_every_record_has_is_checked(changes: dict[str, object], why: str) -> None:
    archive = stored()
    archive.files[pay(2)] = canonical(said(archive.files[pay(2)]) | changes)

    assert f"{pay(2)} {why}" in faults(archive)


def test_what_a_record_holds_is_checked_by_the_published_types() -> None:
    archive = stored()
    archive.files[pay(2)] = canonical(said(archive.files[pay(2)]) | {"mode": "whatever"})

    assert faults(archive)[0].startswith(f"{pay(2)} is no intent, by the schema: Intent.mode: ")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"pool": "apps"}, "NodeProof.proof: lacks `at`, `nodeImage`, `nodes`"),
        ({"strays": {}}, "StrayProof.strays: lacks `at`, `nodes`"),
    ],
)
def test_a_proof_is_held_to_the_type_that_it_is_of(body: dict[str, object], why: str) -> None:
    archive = stored()
    name = archive.add(PAY, RecordKind.PROOF, {"proof": {}, **body})

    assert f"{name} is no proof, by the schema: {why}" in faults(archive)


def test_a_text_that_is_called_by_another_ones_hash_is_named() -> None:
    archive = stored()
    name = archive.add(FLEET, RecordKind.POLICY, plain(PolicyText("1" * 64, "mode: audit\n", "file:policy.yaml")))
    archive.add(FLEET, RecordKind.EXEMPTION, plain(ExemptionsText("", "", "")))

    assert faults(archive) == [f"{name} holds a text that has not the hash by which it is called"]


def test_a_changed_record_is_named_by_the_one_after_it() -> None:
    archive = stored()
    archive.files[pay(5)] = canonical(said(archive.files[pay(5)]) | {"pool": "other"})

    assert faults(archive) == [f"{pay(5)} or the record after it was changed: 6 names another hash than 5 has"]


def test_a_changed_last_record_is_named_by_what_the_app_remembers() -> None:
    archive = stored()
    heads = dict(archive.heads)
    archive.files[pay(10)] = canonical(said(archive.files[pay(10)]) | {"pool": "other"})

    assert faults(archive, heads=heads) == [f"{pay(10)} was changed: its hash is not the one that the app's row holds"]


def test_a_chain_that_was_written_anew_contradicts_the_manifests() -> None:
    archive = stored()
    relink(archive, PAY.path, 2, pool="other")

    assert faults(archive) == [
        f"{pay(seq)} was changed: its hash is not the one that manifest {day} holds"
        for seq, day in ((3, 1), (6, 2), (9, 3))
    ]


def test_what_no_manifest_covers_yet_is_said_to_be_so() -> None:
    archive = stored(days=1)
    for _ in range(4):
        archive.add(MEDIA, RecordKind.REQUEST, plain(ASKED))
    verification = Verification(archive, Asked(LATER))

    assert list(verification.faults()) == []
    assert verification.seen.unanchored == 5


def test_a_gap_is_named_with_its_length() -> None:
    archive = stored()
    for seq in (4, 5):
        del archive.files[pay(seq)]

    assert faults(archive) == [f"{pay(4)} is missing, and so is every record up to 5"]


def test_a_missing_beginning_is_named() -> None:
    archive = stored()
    for seq in (1, 2, 3):
        del archive.files[pay(seq)]

    assert faults(archive) == [f"{pay(1)} is missing, and so is every record up to 3; manifest 1 knows of record 3"]


def test_a_missing_end_is_known_from_the_manifests() -> None:
    archive = stored()
    for seq in (8, 9, 10):
        del archive.files[pay(seq)]

    assert faults(archive, heads={}) == [
        f"{pay(8)} is missing, and so is every record up to 9; manifest 3 knows of record 9",
    ]


def test_a_missing_end_behind_the_manifests_is_known_from_the_posture_row() -> None:
    archive = stored()
    del archive.files[pay(10)]

    assert faults(archive) == [f"{pay(10)} is missing; the app's row knows of record 10"]


def test_a_chain_that_is_gone_altogether_is_named() -> None:
    archive = stored()
    archive.files = {name: data for name, data in archive.files.items() if PAY.path not in name}

    assert faults(archive, heads={}) == [
        f"{pay(1)} is missing, and so is every record up to 9; manifest 3 knows of record 9"
    ]


def test_a_first_record_that_follows_another_is_named() -> None:
    archive = stored()
    archive.files[pay(1)] = canonical(said(archive.files[pay(1)]) | {"previous": "1" * 64})

    assert faults(archive)[0] == f"{pay(1)} names a record before it, and is the first: it was changed"


@pytest.mark.parametrize(
    "name",
    [
        f"evidence/{PAY.path}/1.json",
        f"evidence/{PAY.path}/0000000000.json",
        f"evidence/{PAY.path}/0000000002.json.bak",
        f"evidence/{PAY.path.upper()}/0000000002.json",
        f"evidence/{PAY.path}/more/0000000002.json",
        "evidence/_other/0000000001.json",
        "evidence/_manifests/latest.json",
    ],
)
def test_a_name_that_no_record_has_is_named(name: str) -> None:
    archive = stored()
    archive.files[name] = archive.files[pay(2)]

    assert faults(archive) == [f"{name} has a name that no record has: it was added"]


def test_an_intent_without_an_outcome_is_a_fault_once_no_look_can_be_at_work() -> None:
    archive = stored(days=1)
    name = archive.add(PAY, RecordKind.INTENT, plain(INTENT), "lost")

    assert faults(archive, now=archive.at + timedelta(hours=1)) == []
    said = "is an intent without an outcome, and older than a look may last"
    assert faults(archive, now=archive.at + timedelta(hours=1, minutes=9)) == [f"{name} {said}"]


def outcome(intent: str, state: OutcomeState) -> dict[str, object]:
    return dict(plain(Outcome("apps", ActionKind.ENABLE_FIPS, intent, None, state, "")))


def test_an_operation_that_was_accepted_and_never_ended_is_a_fault_once_none_lasts_so_long() -> None:
    archive = stored(days=1)
    archive.add(PAY, RecordKind.INTENT, plain(INTENT), "long")
    name = archive.add(PAY, RecordKind.OUTCOME, outcome("long", OutcomeState.ACCEPTED))
    late = archive.at + timedelta(days=7, seconds=1)

    assert faults(archive, now=archive.at + timedelta(days=7)) == []
    assert faults(archive, now=late) == [f"{name} is the last word of an operation, and older than one may last"]
    archive.add(PAY, RecordKind.OUTCOME, outcome("long", OutcomeState.SUCCEEDED))
    assert faults(archive, now=late) == []


def test_two_intents_of_one_id_are_named() -> None:
    archive = stored(days=1)
    name = archive.add(PAY, RecordKind.INTENT, plain(INTENT), f"i0-{PAY.name}")
    archive.add(PAY, RecordKind.OUTCOME, outcome(f"i0-{PAY.name}", OutcomeState.REFUSED))

    assert faults(archive) == [f"{name} has the id of another intent"]


def test_an_outcome_of_no_intent_is_named_where_the_chain_was_read_from_its_beginning() -> None:
    archive = stored()
    name = archive.add(PAY, RecordKind.OUTCOME, outcome(f"i0-{MEDIA.name}", OutcomeState.REFUSED))

    assert faults(archive) == [f"{name} is an outcome of no intent before it"]
    assert faults(archive, since=date(2026, 11, 24)) == []


def test_a_record_of_a_time_that_has_not_come_is_named_whatever_comes_of_it() -> None:
    archive = stored(days=1)
    before = archive.at
    archive.at += timedelta(days=9)
    name = archive.add(PAY, RecordKind.INTENT, plain(INTENT), "tomorrow")
    at = "says that it was made at 2026-12-02T09:39:04.000000Z, and it is not so late yet"

    assert faults(archive, now=before) == [f"{name} {at}"]
    assert faults(archive, now=archive.at - timedelta(hours=1)) == []


def test_a_clock_that_jumped_back_is_no_fault() -> None:
    archive = stored(days=1)
    archive.at -= timedelta(days=9)
    archive.add(PAY, RecordKind.REQUEST, plain(ASKED))

    assert faults(archive) == []


def test_a_manifest_that_was_changed_has_another_signature() -> None:
    archive = stored()
    name = record_name(MANIFESTS, 3)
    archive.put(MANIFESTS, 3, said(archive.files[name]) | {"date": "2026-12-01"})

    assert faults(archive) == [
        f"{name} has a signature that is not its own: it was changed, or signed by another key",
        f"{name} is the manifest of 2026-12-01, and was made on another day",
    ]


@pytest.mark.parametrize("signature", ["", "no base64!", "AAAA"])
def test_a_signature_that_is_none_is_named(signature: str) -> None:
    archive = stored()
    name = record_name(MANIFESTS, 3)
    archive.put(MANIFESTS, 3, said(archive.files[name]) | {"signature": signature})

    assert [one.split()[0] for one in faults(archive)] == [name]


def test_a_manifest_without_its_signature_is_named_where_one_before_it_has_one() -> None:
    archive = stored()
    name = record_name(MANIFESTS, 3)
    bare = {key: value for key, value in said(archive.files[name]).items() if key not in ("signature", "key")}
    archive.put(MANIFESTS, 3, bare)

    assert faults(archive) == [f"{name} is not signed, though one before it is"]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_manifest_of_a_time_that_utc_cannot_hold_is_named_and_hides_no_other_fault(at: str) -> None:
    archive = stored()
    relink(archive, MANIFESTS, 3, at=at)
    archive.files[pay(2)] = b"garbage"
    found = faults(archive)

    assert f"{record_name(MANIFESTS, 3)} has no time" in found
    assert f"{pay(2)} is not JSON: it was changed or cut short" in found


def test_manifests_that_were_never_signed_are_counted_and_no_fault_unless_a_key_was_given() -> None:
    archive = stored(sign=False)
    verification = Verification(archive, Asked(LATER))

    assert list(verification.faults()) == []
    assert verification.seen.unsigned == 3
    why = "is the last manifest, and neither it nor any before it is signed by a key that was given"
    assert faults(archive, trusted=frozenset({key_name()})) == [f"{record_name(MANIFESTS, 3)} {why}"]


def test_a_manifest_signed_by_somebody_else_is_known_by_the_key_that_was_given() -> None:
    archive = stored()
    name = record_name(MANIFESTS, 3)
    archive.put(MANIFESTS, 3, signed(said(archive.files[name]), signing_key("a forger's")))

    assert faults(archive) == []
    found = faults(archive, trusted=frozenset({key_name()}))
    other = key_name("a forger's")
    assert found == [
        f"{name} is signed by a key that was not given: {other}; if a newer mail of yours names it, give --key for both"
    ]


@pytest.mark.parametrize(
    ("keys", "given"),
    [
        (("old", "old", "new"), {"new"}),
        (("old", "old", "new"), {"old", "new"}),
        (("older", "old", "new", "new"), {"new"}),
        (("", "", "new"), {"new"}),
        (("", "old", "new"), {"new"}),
        (("", "old", "new"), {"new", "of another deployment"}),
        (("old", "new", "old"), {"old", "new"}),
    ],
)
def test_the_key_of_today_vouches_for_what_another_one_or_none_has_signed_before(
    keys: tuple[str, ...], given: set[str]
) -> None:
    archive = rotated(*keys)
    trusted = frozenset(map(key_name, given))
    verification = Verification(archive, Asked(LATER, heads=archive.heads, trusted=trusted))

    assert list(verification.faults()) == []
    assert verification.seen.trusted_from == next(at for at, key in enumerate(keys, 1) if key in given)


@pytest.mark.parametrize(
    ("keys", "named"),
    [(("old", "new", "new"), [2, 3]), (("old", "new", "old"), [2]), (("", "old", ""), [3]), (("new", ""), [2])],
)
def test_what_comes_behind_the_first_manifest_of_a_key_that_was_given_is_signed_by_one_that_was_given(
    keys: tuple[str, ...], named: list[int]
) -> None:
    archive = rotated(*keys)
    found = faults(archive, trusted=frozenset({key_name("old"), key_name("of another deployment")}))

    last = [] if "old" in keys else [record_name(MANIFESTS, len(keys))]
    assert [one.split()[0] for one in found] == [*(record_name(MANIFESTS, seq) for seq in named), *last]


def test_whoever_signs_the_manifests_before_that_of_a_key_that_was_given_breaks_the_chain() -> None:
    archive = rotated("old", "old", "new")
    name = record_name(MANIFESTS, 2)
    archive.files[name] = canonical(signed(said(archive.files[name]), signing_key("a forger's")))

    assert faults(archive, trusted=frozenset({key_name("new")})) == [
        f"{name} or the record after it was changed: 3 names another hash than 2 has"
    ]


def test_whoever_signs_all_manifests_anew_has_none_that_a_key_that_was_given_has_signed() -> None:
    archive = rotated("a forger's", "a forger's")
    assert [one.split(" is ")[0] for one in faults(archive, trusted=frozenset({key_name("new")}))] == [
        record_name(MANIFESTS, 2)
    ]


def test_a_signature_that_does_not_hold_vouches_for_nothing() -> None:
    archive = rotated("old", "new")
    name = record_name(MANIFESTS, 2)
    archive.put(MANIFESTS, 2, said(archive.files[name]) | {"signature": "AAAA"})

    assert faults(archive, trusted=frozenset({key_name("new")})) == [
        f"{name} has a signature that is not its own: it was changed, or signed by another key",
        f"{name} is the last manifest, and neither it nor any before it is signed by a key that was given",
    ]


@pytest.mark.parametrize(
    "chains",
    [
        None,
        {PAY.path: {"seq": "x", "hash": GENESIS}},
        {PAY.path: {"seq": 10**30, "hash": GENESIS}},
        {PAY.path: {"seq": 1, "hash": "x"}},
        {"../..": {"seq": 1, "hash": GENESIS}},
    ],
)
def test_a_manifest_that_says_what_none_can_is_named(chains: object) -> None:
    archive = stored()
    name = record_name(MANIFESTS, 3)
    archive.put(MANIFESTS, 3, signed(said(archive.files[name]) | {"chains": chains}, signing_key()))

    assert [one.split(":")[0] for one in faults(archive)] in (
        [f"{name} is no manifest, by the schema"],
        [f"{name} names a head that can't be"],
    )


@pytest.mark.parametrize("name", ["", "daily/\0", "daily/\n", "daily/ä"])
def test_a_manifest_that_names_a_file_that_cannot_be_is_named(name: str) -> None:
    archive = stored()
    manifest = record_name(MANIFESTS, 3)
    told = said(archive.files[manifest]) | {"series": {"name": name, "sha256": GENESIS}}
    archive.put(MANIFESTS, 3, signed(told, signing_key()))

    assert faults(archive) == [f"{manifest} names a file that can't be"]


def test_a_key_that_was_given_and_no_manifest_is_a_fault() -> None:
    archive = stored()
    for name in list(archive.names(f"evidence/{MANIFESTS}/")):
        del archive.files[name]
    del archive.heads[MANIFESTS]

    assert faults(archive) == []
    assert faults(archive, trusted=frozenset({key_name()})) == [
        "evidence/_manifests/ holds no manifest, and a key that signs them was given"
    ]
    assert faults(Stored(), trusted=frozenset({key_name()}), heads={}) == []


@pytest.mark.parametrize("after", [4, 999])
def test_whoever_begins_behind_a_manifest_that_is_not_there_switches_no_heads_off(after: int) -> None:
    archive = stored()
    relink(archive, PAY.path, 1, cause="forged")
    found = faults(archive, scope=Scope(after=after))

    assert found[0] == f"index.json begins behind manifest {after}, which is not there or can't be read: it was changed"
    assert f"{pay(3)} was changed: its hash is not the one that manifest 1 holds" in found


def test_an_intent_is_as_old_as_the_latest_manifest_whatever_time_a_pack_says() -> None:
    archive = stored(days=1)
    name = archive.add(PAY, RecordKind.INTENT, plain(INTENT), "lost")
    assert faults(archive, now=NOW) == []
    archive.at += timedelta(hours=2)
    archive.anchor(archive.at)

    assert faults(archive, now=NOW) == [
        f"{record_name(MANIFESTS, 2)} says that it was made at 2026-11-23T11:40:04.000000Z, and it is not so late yet",
        f"{name} is an intent without an outcome, and older than a look may last",
    ]


def test_two_manifests_of_one_id_are_named() -> None:
    archive = stored()
    name = record_name(MANIFESTS, 3)
    first = said(archive.files[record_name(MANIFESTS, 1)])["id"]
    archive.put(MANIFESTS, 3, signed(said(archive.files[name]) | {"id": first}, signing_key()))

    assert faults(archive) == [f"{name} has the id of another manifest"]


def test_a_missing_manifest_is_named() -> None:
    archive = stored()
    del archive.files[record_name(MANIFESTS, 2)]

    assert faults(archive) == [f"{record_name(MANIFESTS, 2)} is missing"]


@pytest.mark.parametrize("name", ["snapshots/fleet/2026/11/24/093304Z.jsonl.gz", "snapshots/daily/2026-11-24.json"])
def test_what_a_manifest_vouches_for_is_checked(name: str) -> None:
    archive = stored()
    (found,) = [one for one in archive.files if one.startswith(name[:26])]
    by = record_name(MANIFESTS, 2)
    archive.files[found] += b" "

    assert faults(archive) == [f"{found} was changed: its hash is not the one that {by} holds"]
    del archive.files[found]
    assert faults(archive) == [f"{found} is missing: {by} names it"]


def test_since_a_day_only_what_came_after_its_manifest_is_read() -> None:
    archive = stored()
    archive.files[pay(2)] = b"garbage"
    del archive.files[pay(4)]
    archive.files["snapshots/daily/2026-11-23.json"] = b"{}"
    verification = Verification(archive, Asked(LATER, since=date(2026, 11, 24), heads=archive.heads))

    assert list(verification.faults()) == []
    assert verification.seen.after == 2
    assert verification.seen.records == 3 + 3 + 1 + 1 + 3  # both clusters' last day, one more, the fleet's, manifests


def test_since_a_day_the_first_record_must_follow_the_manifests_head() -> None:
    archive = stored()
    archive.files[pay(7)] = canonical(said(archive.files[pay(7)]) | {"previous": "1" * 64})

    assert faults(archive, since=date(2026, 11, 24))[0] == f"{pay(7)} names another one before it: it was changed"


def test_since_a_day_before_every_manifest_all_is_read() -> None:
    archive = stored()
    archive.files[pay(2)] = b"garbage"

    assert faults(archive, since=date(2026, 11, 1))


def test_of_one_cluster_nothing_else_but_the_fleets_chain_is_read() -> None:
    archive = stored()
    archive.files[record_name(MEDIA.path, 2)] = b"garbage"
    archive.files["snapshots/daily/2026-11-23.json"] = b"{}"

    assert faults(archive, scope=Scope(PAY.path)) == []
    archive.files[record_name(FLEET, 1)] = b"garbage"
    assert next(one.split()[0] for one in faults(archive, scope=Scope(PAY.path))) == record_name(FLEET, 1)


def test_a_posture_row_without_records_is_no_fault() -> None:
    archive = stored()

    assert faults(archive, heads={**archive.heads, "x/y/z": Head()}) == []


def test_the_hash_of_the_last_manifest_is_that_of_its_bytes() -> None:
    archive = stored()
    verification = Verification(archive, Asked(LATER))
    list(verification.faults())

    digest = hashlib.sha256(archive.files[record_name(MANIFESTS, 3)]).hexdigest()
    assert verification.seen.last == Head(3, digest)
