"""`fipswarden evidence show`: a chain that is not whole, or was changed, is never listed as if it were."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cli.main import main
from local.clock import ManualClock
from local.memory import MemoryTable
from shared import bootstrap
from shared.domain.codec import canonical, plain
from shared.domain.memory import Memory
from shared.domain.people import Decision, DecisionKind
from shared.domain.records import FLEET, MANIFESTS, RecordKind, in_words
from shared.domain.verification import record_name
from shared.heads import KEYS, PARTITION
from shared.ports import Put
from shared.postures import StoredPosture, commit
from tests.builders import NOW, cluster, judged
from tests.stored import ASKED, PAY, Stored, said, stored

ID = PAY.arm_id
ALL = [str(number) for number in range(1, 11)]


class Storage:
    """Evidence of some days, and rows that remember the heads."""

    def __init__(self) -> None:
        self.archive: Stored = stored()
        self.tables = {name: MemoryTable(ManualClock(NOW)) for name in ("posture", "rollout")}
        commit(self.tables["posture"], PAY, StoredPosture(self.archive.heads[PAY.path], judged(cluster(), Memory())))
        for chain, key in KEYS.items():
            self.tables["rollout"].write(PARTITION, Put(key, None, {}, {"head": plain(self.archive.heads[chain])}))

    def name(self, seq: int) -> str:
        """The name of one of the cluster's records."""
        return record_name(PAY.path, seq)

    def change(self, seq: int, **fields: object) -> None:
        """Change one of the cluster's records."""
        name = self.name(seq)
        self.archive.files[name] = canonical(said(self.archive.files[name]) | fields)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    """Storage in memory where `bootstrap` would reach Azure's."""
    made = Storage()
    monkeypatch.setattr(bootstrap, "table", made.tables.__getitem__)
    monkeypatch.setattr(bootstrap, "archive", lambda: made.archive)
    monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: made.archive.at)
    return made


def listed(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """The numbers of the table, and the lines on standard error."""
    told = capsys.readouterr()
    return [line.split()[0] for line in told.out.splitlines()[1:]], told.err.splitlines()


def test_a_whole_chain_is_listed_without_a_word(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "show", ID]) == 0
    assert listed(capsys) == (ALL, [])


def test_a_missing_record_is_named_and_the_others_are_listed(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    del storage.archive.files[storage.name(4)]

    assert main(["evidence", "show", ID]) == 1
    assert listed(capsys) == ([one for one in ALL if one != "4"], [f"{storage.name(4)} is missing"])


def test_a_missing_end_is_known_from_the_posture_row(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    del storage.archive.files[storage.name(9)], storage.archive.files[storage.name(10)]

    assert main(["evidence", "show", ID]) == 1
    missing = "is missing, and so is every record up to 10; the app's row knows of record 10"
    assert listed(capsys) == (ALL[:8], [f"{storage.name(9)} {missing}"])


def test_records_beyond_the_head_that_the_row_remembers_are_listed(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    storage.archive.add(PAY, RecordKind.REQUEST, plain(ASKED))

    assert main(["evidence", "show", ID]) == 0
    assert listed(capsys) == ([*ALL, "11"], [])


def test_of_a_cluster_without_records_it_is_said_that_there_are_none(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", "show", ID.replace("aks-pay", "aks-none")]) == 2
    assert "there is no evidence of" in capsys.readouterr().out


@pytest.mark.parametrize("garbage", [b"garbage", b"\xff\xfe", b"[" * 100_000, b'{"schema": "fipswarden.evidence/1"}'])
def test_a_record_that_cannot_be_read_is_named(
    garbage: bytes, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    storage.archive.files[storage.name(1)] = garbage

    assert main(["evidence", "show", ID]) == 1
    numbers, told = listed(capsys)
    assert numbers == ALL[1:]
    assert told[0].startswith(f"{storage.name(1)} is not ")


def test_a_changed_record_is_listed_and_named(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    storage.change(5, pool="better")

    assert main(["evidence", "show", ID]) == 1
    told = f"{storage.name(5)} or the record after it was changed: 6 names another hash than 5 has"
    assert listed(capsys) == (ALL, [told])


def test_a_changed_last_record_is_named(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    storage.change(10, pool="better")

    assert main(["evidence", "show", ID]) == 1
    told = f"{storage.name(10)} was changed: its hash is not the one that the app's row holds"
    assert listed(capsys) == (ALL, [told])


def test_what_no_record_may_say_is_named_as_verify_does(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    storage.change(10, asks="whatever")

    assert main(["evidence", "show", ID]) == 1
    assert listed(capsys)[1][0].startswith(f"{storage.name(10)} is no request, by the schema: ")


def test_one_record_is_shown_whole(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "show", ID, "2"]) == 0
    assert json.loads(capsys.readouterr().out) == said(storage.archive.files[storage.name(2)])


@pytest.mark.parametrize("seq", ["0", "-1", "x", "", "1" * 11])
def test_a_number_that_no_record_has_is_bad_usage(seq: str, storage: Storage) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evidence", "show", ID, seq])
    assert ended.value.code == 64


def test_a_number_that_is_not_there_yet_is_bad_input(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "show", ID, "11"]) == 64
    assert "there is no record 11" in capsys.readouterr().err


def test_one_record_in_the_place_of_another_is_shown_and_named(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    storage.archive.files[storage.name(2)] = storage.archive.files[storage.name(4)]

    assert main(["evidence", "show", ID, "2"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["seq"] == 4
    assert told.err == f"{storage.name(2)} says that it is another record, or another chain's\n"


def test_one_record_that_cannot_be_read_is_said_so(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    storage.archive.files[storage.name(1)] = b"garbage"

    assert main(["evidence", "show", ID, "1"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"{storage.name(1)} is not JSON: it was changed or cut short\n"


@pytest.mark.parametrize("chain", ["fleet", "_fleet"])
def test_the_fleets_chain_has_texts_and_decisions(
    chain: str, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = Decision("d1", DecisionKind.PAUSE, "ana", NOW, "an incident")
    storage.archive.add(FLEET, RecordKind.APPROVAL, plain(decision))

    assert main(["evidence", "show", chain]) == 0
    _, text, decided = capsys.readouterr().out.splitlines()
    assert text.endswith("from file:policy.yaml")
    assert decided.endswith("pause, by ana: an incident")


@pytest.mark.parametrize("chain", ["manifests", "_manifests"])
def test_the_manifests_are_a_chain_like_any_other(
    chain: str, storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", "show", chain]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("of 2026-11-23, over 3 chains, signed")
    del storage.archive.files[record_name(MANIFESTS, 3)]

    assert main(["evidence", "show", chain]) == 1
    told = capsys.readouterr().err
    assert told == f"{record_name(MANIFESTS, 3)} is missing; the app's row knows of record 3\n"


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
        ({"hash": "", "source": ""}, "none, from nowhere"),
        ({"replacement": 7}, ""),
        ({"posture": "odd"}, ""),
    ],
)
def test_what_a_record_holds_is_said_in_a_few_words(body: Mapping[str, Any], what: str) -> None:
    assert in_words(body) == what
