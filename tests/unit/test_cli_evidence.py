"""`fipswarden evidence show`: a chain that is not whole, or was changed, is never listed as if it were."""

import json
from datetime import timedelta

import pytest

from cli.main import main
from local.clock import ManualClock
from local.memory import MemoryEvidence, MemoryTable
from shared import bootstrap
from shared.chain import Chain
from shared.domain.codec import canonical
from shared.domain.memory import Memory
from shared.domain.records import Head, RecordKind
from shared.postures import StoredPosture, commit
from tests.builders import NOW, cluster, cluster_id, judged

ID = cluster_id().arm_id
KEY = cluster_id().path


class Storage:
    """The evidence of one cluster: twelve records of looks, and a posture row that remembers their head."""

    def __init__(self) -> None:
        self.evidence, self.postures = MemoryEvidence(), MemoryTable(ManualClock(NOW))
        self.chain = Chain(self.evidence, cluster_id(), Head())
        for number in range(1, 13):
            self.add({"outcome": f"n{number}"})
        commit(self.postures, cluster_id(), StoredPosture(self.chain.head, judged(cluster(), Memory())))

    def add(self, body: dict[str, object], kind: RecordKind = RecordKind.OUTCOME) -> None:
        self.chain.append(kind, NOW + timedelta(minutes=self.chain.head.seq), body)

    def change(self, seq: int, **fields: object) -> None:
        said = json.loads(self.evidence.blobs[KEY, seq])
        self.evidence.blobs[KEY, seq] = canonical({**said, **fields})


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    """Storage in memory where `bootstrap` would reach Azure's."""
    made = Storage()
    monkeypatch.setattr(bootstrap, "table", lambda _: made.postures)
    monkeypatch.setattr(bootstrap, "evidence", lambda: made.evidence)
    return made


def listed(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """The numbers of the table, and the lines on standard error."""
    said = capsys.readouterr()
    return [line.split()[0] for line in said.out.splitlines()[1:]], said.err.splitlines()


ALL = [str(number) for number in range(1, 13)]


def test_a_whole_chain_is_listed_without_a_word(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "show", ID]) == 0
    assert listed(capsys) == (ALL, [])


def test_a_missing_record_is_named_and_the_others_are_listed(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    del storage.evidence.blobs[KEY, 3]

    assert main(["evidence", "show", ID]) == 1
    assert listed(capsys) == ([one for one in ALL if one != "3"], ["record 3 is missing"])


def test_a_missing_end_is_known_from_the_posture_row(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    del storage.evidence.blobs[KEY, 11], storage.evidence.blobs[KEY, 12]

    assert main(["evidence", "show", ID]) == 1
    assert listed(capsys) == (ALL[:10], ["record 11 is missing", "record 12 is missing"])


def test_records_beyond_the_head_that_the_row_remembers_are_listed(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    storage.add({"outcome": "n13"})

    assert main(["evidence", "show", ID]) == 0
    assert listed(capsys) == ([*ALL, "13"], [])


@pytest.mark.parametrize("garbage", [b"garbage", b"\xff\xfe", b"[" * 100_000, b'{"schema": "fipswarden.evidence/1"}'])
def test_a_record_that_cannot_be_read_is_named(
    garbage: bytes, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    storage.evidence.blobs[KEY, 1] = garbage

    assert main(["evidence", "show", ID]) == 1
    numbers, said = listed(capsys)
    assert numbers == ALL[1:]
    assert len(said) == 1
    assert said[0].startswith("record 1 can't be read: ")


def test_a_changed_record_is_named(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    storage.change(5, outcome="better")

    assert main(["evidence", "show", ID]) == 1
    said = "record 5 or 6 was changed: 6 names another hash than 5 has"
    assert listed(capsys) == (ALL, [said])


def test_a_changed_last_record_is_named(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    storage.change(12, outcome="better")

    assert main(["evidence", "show", ID]) == 1
    said = "record 12 was changed: its hash is not the one that the posture row remembers"
    assert listed(capsys) == (ALL, [said])


def test_a_first_record_that_names_another_before_it_was_changed(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    storage.change(1, previous="1" * 64)

    assert main(["evidence", "show", ID]) == 1
    assert listed(capsys)[1][0] == "record 1 was changed: it is the first and names a record before it"


def test_a_record_in_the_place_of_another_is_named(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    storage.evidence.blobs[KEY, 2] = storage.evidence.blobs[KEY, 4]

    assert main(["evidence", "show", ID]) == 1
    assert listed(capsys)[1][0] == "record 2 was changed: it says that it is another record, or another cluster's"


def test_one_record_that_cannot_be_read_is_said_so(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    storage.evidence.blobs[KEY, 1] = b"garbage"

    assert main(["evidence", "show", ID, "1"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("record 1 can't be read: ")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"proof": {"nodes": 3, "disagreeing": [], "unreadable": ""}}, "3 nodes asked, 0 disagree"),
        ({"proof": {"nodes": 1, "disagreeing": ["a"], "unreadable": ""}}, "1 node asked, 1 disagree"),
        (
            {"proof": {"nodes": 0, "disagreeing": [], "unreadable": "Unreachable: no answer"}},
            "nodes not read: Unreachable",
        ),
        ({"strays": {"nodes": 2, "disabled": 1}}, "2 nodes in no node pool, 1 without FIPS"),
        ({"asks": "abort", "by": "ana", "stage": "asked"}, "abort, asked by ana: asked"),
        (
            {"asks": "abort", "by": "ana", "stage": "answered", "outcome": "accepted"},
            "abort, asked by ana: accepted",
        ),
        ({"action": "enable_fips", "method": "update", "target": "apps"}, "enable_fips"),
        ({"action": "replace", "method": "create", "target": "appsf"}, "replace: create appsf"),
        ({"action": "replace", "method": "delete", "target": "apps"}, "replace: delete apps"),
        ({"replacement": "0", "twin": "appsf", "stage": "drains", "evict": ["pay/web-0"]}, "drains, twin appsf"),
        (
            {"replacement": "0", "twin": "appsf", "stage": "drained", "cordoned": [], "evicted": ["pay/web-0"]},
            "cordoned 0 nodes, evicted 1 pod",
        ),
        ({"replacement": 7}, ""),
        ({"posture": "odd"}, ""),
    ],
)
def test_what_a_proof_saw_stands_in_the_list(
    body: dict[str, object], what: str, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    storage.add(body, RecordKind.PROOF)

    main(["evidence", "show", ID])
    header, *_, last = capsys.readouterr().out.splitlines()
    assert last[header.index("what") :] == what
