"""The fleet's chain: no decision of a person is lost or recorded twice, and no text is used that no record holds."""

from contextlib import suppress
from datetime import timedelta

import pytest

from local.clock import ManualClock
from local.memory import MemoryEvidence, MemoryTable
from shared.budget import approve, pause, read_budget, reset_breaker, resume, revoke
from shared.domain.bodies import ExemptionsText, PolicyText, Who
from shared.domain.budget import Approval
from shared.domain.model import Unreadable
from shared.domain.people import Decision
from shared.domain.records import FLEET, GENESIS, ChainId, Record, RecordKind
from shared.domain.rulebook import Rulebook
from shared.fleet_chain import FleetChain
from shared.heads import kept_head
from shared.rulebooks import Rulebooks
from tests.builders import NOW
from tests.evidence import assert_sound, body_of
from tests.protocol.lab import Tap, Tapped, WorkerDied, ruled
from tests.scenario.fleet import Fleet
from tests.texts import MemoryText

AUDIT, ENFORCE = "version: 1\nmode: audit\n", "version: 1\nmode: enforce\n"
NONE = "version: 1\nexemptions: []\n"


class Desk:
    """Tables, evidence, and a worker for each call of `worker`."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.table, self.evidence = MemoryTable(self.clock), MemoryEvidence()

    def worker(self, tap: Tap | None = None) -> FleetChain:
        """A worker whose every call goes through a tap."""
        tap = tap or Tap()
        table, evidence = Tapped("table", self.table, tap), Tapped("evidence", self.evidence, tap)
        return FleetChain(table, evidence, self.clock, Who("0.1.0", "client-1"))

    def records(self, kind: RecordKind | None = None) -> list[Record]:
        """The chain, which has no gap and no fork."""
        chain, previous = self.evidence.chain(FLEET), GENESIS
        for seq, record in enumerate(chain, 1):
            assert (record.seq, record.payload["previous"]) == (seq, previous)
            assert_sound(record)
            previous = record.head.hash
        return [record for record in chain if kind in (None, record.kind)]

    def decide(self, number: int = 1) -> list[str]:
        """So many pauses, each of which ends; the ids of what was decided."""
        for each in range(number):
            pause(self.table, "ana", f"incident {each}", self.clock.now())
            resume(self.table, "bob", self.clock.now())
        return [one.id for one in read_budget(self.table).decisions]


def dies_at(call: int, *, after: bool) -> Tap:
    """Let a worker die before or after its so-many-th call."""
    left = [call]

    def count(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise WorkerDied

    return Tap(after=count) if after else Tap(before=count)


def test_a_decision_is_recorded_with_who_made_it_and_then_waits_no_more() -> None:
    desk = Desk()
    approve(desk.table, "f1", Approval("ana", NOW, NOW + timedelta(days=7), "rg/aks: enable fips"))

    desk.worker().decisions("look")

    (record,) = desk.records()
    found = body_of(record)
    assert isinstance(found, Decision)
    assert (found.decision, found.by, found.fingerprint) == ("approve", "ana", "f1")
    assert (found.decided, found.until, found.what) == (NOW, NOW + timedelta(days=7), "rg/aks: enable fips")
    assert record.payload["who"] == {"app": "0.1.0", "principal": "client-1"}
    assert read_budget(desk.table).decisions == ()
    assert kept_head(desk.table, FLEET) == record.head


def test_everything_that_persons_decide_is_recorded_in_its_order() -> None:
    desk = Desk()
    desk.decide()
    reset_breaker(desk.table, "ana", "the quota was raised", NOW)
    approve(desk.table, "f1", Approval("ana", NOW, NOW + timedelta(days=7), "enable fips", "s|rg|aks|apps"))
    assert len(revoke(desk.table, "s|rg|aks|apps", "bob", NOW)) == 1

    desk.worker().decisions("resync")
    desk.worker().decisions("resync")

    made = [one.payload["decision"] for one in desk.records()]
    assert made == ["pause", "resume", "reset_breaker", "approve", "revoke"]
    taken = body_of(desk.records()[-1])
    assert isinstance(taken, Decision)
    assert (taken.by, taken.fingerprint, taken.what) == ("bob", "f1", "enable fips")


def test_who_finds_it_paused_or_running_already_has_decided_nothing() -> None:
    desk = Desk()
    resume(desk.table, "ana", NOW)
    pause(desk.table, "ana", "an incident", NOW)
    pause(desk.table, "bob", "another", NOW)

    assert [(one.decision, one.by) for one in read_budget(desk.table).decisions] == [("pause", "ana")]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whoever_dies_wherever_nothing_is_lost_and_nothing_twice(*, after: bool) -> None:
    deaths = 0
    for call in range(1, 60):
        desk = Desk()
        ids = desk.decide(2)
        tap = dies_at(call, after=after)
        try:
            desk.worker(tap).decisions("look")
        except WorkerDied:
            deaths += 1
        ids += [one for one in desk.decide() if one not in ids]
        desk.worker().decisions("look")

        assert sorted(record.id for record in desk.records()) == sorted(ids), call
        assert read_budget(desk.table).decisions == ()
        assert kept_head(desk.table, FLEET) == desk.records()[-1].head
    assert deaths > 5


def test_whoever_overtakes_whom_nothing_is_lost_and_nothing_twice() -> None:
    """A worker stops before each of its calls; another one begins and ends there, with a decision more."""
    overtaken = 0
    for call in range(1, 60):
        desk = Desk()
        ids = desk.decide(2)
        left = [call]

        def other(_: str, desk: Desk = desk, left: list[int] = left, ids: list[str] = ids) -> None:
            left[0] -= 1
            if left[0] == 0:
                ids.extend(one for one in desk.decide() if one not in ids)
                desk.worker().decisions("look")

        desk.worker(Tap(before=other)).decisions("look")
        overtaken += left[0] <= 0
        desk.worker().decisions("look")

        assert sorted(record.id for record in desk.records()) == sorted(ids), call
        assert read_budget(desk.table).decisions == ()
    assert overtaken > 5


def text_of(policy: str) -> tuple[PolicyText, ExemptionsText]:
    return PolicyText(policy * 64, f"the text {policy}", "policy.yaml"), ExemptionsText("", "", "")


def test_each_text_that_comes_into_use_is_recorded_with_the_one_before_also_when_it_comes_back() -> None:
    desk = Desk()
    for policy in "aabba":
        desk.worker().texts(*text_of(policy))

    found = [(one.payload["text"], one.payload["before"][:1]) for one in desk.records(RecordKind.POLICY)]
    assert found == [("the text a", ""), ("the text b", "a"), ("the text a", "b")]
    assert desk.records(RecordKind.EXEMPTION) == [], "there are none, and never were"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_text_is_recorded_once_wherever_a_worker_dies_and_decisions_beside_it_once(*, after: bool) -> None:
    for call in range(1, 40):
        desk = Desk()
        ids = desk.decide()
        desk.worker().texts(*text_of("a"))
        with suppress(WorkerDied):
            desk.worker(dies_at(call, after=after)).texts(*text_of("b"))
        with suppress(WorkerDied):
            desk.worker(dies_at(call, after=after)).decisions("look")
        desk.worker().texts(*text_of("b"))
        desk.worker().decisions("look")

        assert [one.payload["before"][:1] for one in desk.records(RecordKind.POLICY)] == ["", "a"], call
        assert sorted(one.id for one in desk.records(RecordKind.APPROVAL)) == sorted(ids), call


class Away(MemoryEvidence):
    """Evidence that can't be reached for now."""

    away = True

    def create(self, chain: ChainId, record: Record) -> bool:
        """Fail while it is away."""
        if self.away:
            raise OSError("the evidence account can't be reached")
        return super().create(chain, record)


def test_no_text_is_used_before_it_is_recorded() -> None:
    desk = Desk()
    desk.evidence = Away()
    books = Rulebooks(MemoryText(AUDIT), MemoryText(NONE, "exemptions.yaml"), desk.table, record=desk.worker().texts)

    with pytest.raises(OSError, match="can't be reached"):
        books.load()
    with pytest.raises(OSError, match="can't be reached"):
        books.load()
    desk.evidence.away = False
    found = books.load()

    assert isinstance(found, Rulebook)
    hashes = [(one.kind, one.payload["hash"]) for one in desk.records()]
    assert hashes == [(RecordKind.POLICY, found.policy.hash), (RecordKind.EXEMPTION, found.exemptions.hash)]
    assert [one.payload["text"] for one in desk.records()] == [AUDIT, NONE], "as it was written"


def test_while_the_evidence_is_away_no_look_judges_by_a_new_text_and_then_it_does() -> None:
    lab = Fleet()
    policy = MemoryText(AUDIT)
    evidence = Away()
    evidence.away = False
    lab.evidence = evidence
    chain = FleetChain(lab.rollout, evidence, lab.clock, Who())
    lab.policies = Rulebooks(policy, None, lab.rollout, record=chain.texts)  # type: ignore[assignment]
    lab.look(lasting=timedelta(minutes=5))
    policy.text, evidence.away = ENFORCE, True
    lab.event()
    message = lab.queue.take(timedelta(minutes=10))
    assert message
    lab.work(message, Tap())

    assert lab.puts() == []
    assert len(lab.errors) == 1
    evidence.away = False
    lab.passes(timedelta(hours=1))

    assert lab.puts() == [200]
    (intent,) = lab.records(RecordKind.INTENT)
    texts = {record.payload["hash"]: record.payload["text"] for record in evidence.chain(FLEET)}
    assert texts[intent.payload["policy"]] == ENFORCE


def test_what_persons_decided_is_recorded_by_the_next_look_before_anything_is_done_because_of_it() -> None:
    lab = Fleet()
    lab.policies.rules = ruled("mode: approve\n")
    lab.look(lasting=timedelta(minutes=5))
    now = lab.clock.now()
    waiting = lab.deferral()
    approve(lab.rollout, waiting.approval, Approval("ana", now, now + timedelta(days=1), "enable fips on np1"))
    lab.look(lasting=timedelta(hours=1))

    (decision,) = lab.evidence.chain(FLEET)
    (intent,) = lab.records(RecordKind.INTENT)
    assert decision.payload["fingerprint"] in intent.payload["approvals"]
    assert lab.puts() == [200]


def test_a_policy_that_cannot_be_used_is_not_recorded() -> None:
    desk = Desk()
    books = Rulebooks(MemoryText("version: 1\nmode: enforc\n"), None, desk.table, record=desk.worker().texts)

    assert isinstance(books.load(), Unreadable)
    assert desk.records() == []
