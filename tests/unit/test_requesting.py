"""`fipswarden abort` and `unblock`: they only ask, and a row of the cluster's own keeps what was asked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cli.main import main
from local.clock import ManualClock
from local.memory import MemoryTable
from shared.domain.codec import plain
from shared.domain.memory import Memory, Replacement
from shared.domain.operation import Operation, OutcomeState
from shared.domain.people import Request, RequestKind
from shared.domain.planned import Method
from shared.errors import InputError
from shared.ports import Put
from shared.requested import ask, clear, drop_unreadable, open_requests
from shared.rollout import RolloutRow
from tests.builders import ANA, NOW, OTHER_SUBSCRIPTION, cluster, cluster_id, disabled, judged, memory, operation
from tests.unit.test_cli import App, Printed, app

__all__ = ["app"]

ID = cluster_id()
ABORT, UNBLOCK, _ = RequestKind


def asked(app: App) -> list[tuple[str, str, str]]:
    return [(one.kind, one.pool, one.by) for one in open_requests(app.tables["rollout"], ID)]


def looked(app: App, remembered: Memory | None = None) -> None:
    """A look has judged the pool `apps`, and left this."""
    app.looked(judged(cluster(disabled())))
    row = RolloutRow(memory=remembered or Memory())
    app.tables["rollout"].write(ID.key, Put(ID.key, None, {}, plain(row)))


def test_an_abort_is_kept_with_who_asked_a_look_is_queued_and_everybody_is_told(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(app, memory(operation()))
    before = app.tables["rollout"].read(ID.key, ID.key)

    assert main(["abort", "rg-pay/aks-pay", "APPS"]) == 0

    assert asked(app) == [("abort", "apps", ANA)]
    assert app.tables["rollout"].read(ID.key, ID.key) == before, "the lease of a look that runs is left alone"
    assert [one.request.cause for one in app.queue.messages] == [f"cli: {ANA} asked for abort"]
    (alert,) = app.alerts.sent
    assert (alert.reason, alert.title) == ("AbortRequested", "rg-pay/aks-pay/apps: abort requested")
    out = Printed(capsys).out
    assert f"fipswarden evidence show {ID}`" in out
    assert "fipswarden unblock" in out


@pytest.mark.parametrize("running", [None, operation("old", target="apps")])
@pytest.mark.parametrize(("old", "twin"), [("apps", "appsf"), ("old", "apps")])
def test_a_replacement_is_given_up_by_the_name_of_its_pool_or_its_twin(
    running: Operation | None, old: str, twin: str, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(app, Memory(running, replacement=Replacement("0" * 32, old, twin, NOW, NOW)))

    assert main(["abort", ID.arm_id, "apps"]) == 0

    assert asked(app) == [("abort", old, ANA)], "one that is not made is no pool that could be left alone"
    (alert,) = app.alerts.sent
    assert f"the replacement of {old} by {twin}" in alert.text
    assert "both pools stay" in Printed(capsys).out


def test_one_that_aks_has_not_taken_yet_may_still_be_held_back(app: App) -> None:
    looked(
        app, Memory(operation("apps", method=Method.DELETE), replacement=Replacement("0" * 32, "apps", "x", NOW, NOW))
    )

    assert main(["abort", ID.arm_id, "apps"]) == 0
    assert asked(app) == [("abort", "apps", ANA)]


@pytest.mark.parametrize("pool", ["apps", "appsf"])
def test_a_deletion_that_runs_is_not_stopped_and_nothing_is_promised(
    pool: str, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    deleting = operation("apps", method=Method.DELETE, outcome=OutcomeState.ACCEPTED)
    app.looked(judged(cluster(disabled(), disabled("appsf"))))
    row = RolloutRow(memory=Memory(deleting, replacement=Replacement("0" * 32, "apps", "appsf", NOW, NOW)))
    app.tables["rollout"].write(ID.key, Put(ID.key, None, {}, plain(row)))

    assert main(["abort", ID.arm_id, pool]) == 64

    assert "apps is empty and is being deleted: that is not stopped half-way" in Printed(capsys).err
    assert (asked(app), app.queue.messages, app.alerts.sent) == ([], [], [])


@pytest.mark.parametrize(
    ("remembered", "said"),
    [(None, "no operation of ours runs on rg-pay/aks-pay/apps: what others"), (memory(operation("batch")), "on batch")],
)
def test_what_is_not_ours_is_not_even_asked_for(
    remembered: Memory | None, said: str, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(app, remembered)

    assert main(["abort", ID.arm_id, "apps"]) == 64

    assert said in Printed(capsys).err
    assert (asked(app), app.queue.messages, app.alerts.sent) == ([], [], [])


def test_what_the_app_has_forgotten_is_asked_for_where_somebody_says_so(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(app)

    assert main(["abort", ID.arm_id, "apps", "--forgotten"]) == 0

    assert asked(app) == [("abort", "apps", ANA)]
    (alert,) = app.alerts.sent
    assert f"ana ({ANA}) asked to abort a replacement that the app does not remember." in alert.text
    assert "if there is a twin" in Printed(capsys).out


def test_an_unblock_is_kept_and_promises_nothing_beyond_the_policy(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(app)

    assert main(["unblock", ID.arm_id, "apps"]) == 0

    assert asked(app) == [("unblock", "apps", ANA)]
    assert [alert.reason for alert in app.alerts.sent] == ["UnblockRequested"]
    assert "holds as before" in Printed(capsys).out


@pytest.mark.parametrize("command", ["abort", "unblock"])
@pytest.mark.parametrize(
    ("pool", "said"), [("no pool", "is not the name of a node pool"), ("other", "no look has seen a node pool other")]
)
def test_a_pool_that_no_look_has_seen_is_refused(
    command: str, pool: str, said: str, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(app)

    assert main([command, ID.arm_id, pool]) == 64
    assert said in Printed(capsys).err
    assert asked(app) == []


def test_a_cluster_that_nobody_looks_after_is_refused(
    app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(app)
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", OTHER_SUBSCRIPTION)

    assert main(["unblock", ID.arm_id, "apps"]) == 64
    assert "is not looked at" in Printed(capsys).err


class TestTheRow:
    """shared.requested: a compare-and-swap for everything."""

    FIRST = Request("1", UNBLOCK, "ana", NOW, "apps")

    @pytest.fixture
    def table(self) -> MemoryTable:
        return MemoryTable(ManualClock(NOW))

    def test_the_oldest_comes_first_and_what_is_cleared_is_gone(self, table: MemoryTable) -> None:
        later = Request("2", ABORT, "bob", NOW + timedelta(minutes=1), "apps")
        for one in (later, self.FIRST):
            ask(table, ID, one)
        assert open_requests(table, ID) == (self.FIRST, later)
        clear(table, ID, self.FIRST)
        clear(table, ID, self.FIRST)
        assert open_requests(table, ID) == (later,)

    def test_the_same_wish_is_kept_once_as_it_was_said_last(self, table: MemoryTable) -> None:
        again = replace(self.FIRST, id="2", by="bob")
        for one in (self.FIRST, again, replace(again, id="3", pool="other")):
            ask(table, ID, one)
        assert [(one.id, one.by) for one in open_requests(table, ID)] == [("2", "bob"), ("3", "bob")]

    def test_what_only_a_later_version_knows_is_left_to_it(self, table: MemoryTable) -> None:
        entries = [{**plain(self.FIRST), "id": "2", "kind": "dance"}, "no request", plain(self.FIRST)]
        table.write(ID.key, Put("requests", None, {}, {"requests": entries}))
        assert open_requests(table, ID) == (self.FIRST,)
        clear(table, ID, self.FIRST)
        row = table.read(ID.key, "requests")
        assert row
        assert row.doc["requests"] == entries[:2]

    def test_there_is_an_end_to_what_may_be_asked(self, table: MemoryTable) -> None:
        for number in range(50):
            ask(table, ID, replace(self.FIRST, id=str(number), pool=f"p{number}"))
        with pytest.raises(InputError, match="50 requests"):
            ask(table, ID, self.FIRST)
        again = replace(self.FIRST, id="again", pool="p7")
        ask(table, ID, again)
        assert again in open_requests(table, ID), "one's own may always be said anew"

    def test_what_can_not_be_read_keeps_nobody_from_asking(self, table: MemoryTable) -> None:
        table.write(ID.key, Put("requests", None, {}, {"requests": ["no request"] * 60}))

        ask(table, ID, self.FIRST)

        assert open_requests(table, ID) == (self.FIRST,)

    @pytest.mark.parametrize(
        ("entry", "kept"),
        [
            ("no request", False),
            (7, False),
            ({"id": "2"}, False),
            ({"id": "2", "at": "yesterday"}, False),
            ({"id": "2", "at": "2026-11-23T09:00:00"}, False),
            ({**plain(FIRST), "id": "2", "kind": "dance"}, True),
            ({**plain(replace(FIRST, at=NOW - timedelta(days=2))), "kind": "dance"}, False),
            ({**plain(replace(FIRST, at=NOW + timedelta(days=2))), "kind": "dance"}, False),
            (plain(replace(FIRST, at=NOW - timedelta(days=2))), True),
        ],
    )
    def test_what_no_version_will_read_is_dropped(self, table: MemoryTable, entry: object, *, kept: bool) -> None:
        table.write(ID.key, Put("requests", None, {}, {"requests": [entry]}))

        assert drop_unreadable(table, ID, NOW) == (0 if kept else 1)

        row = table.read(ID.key, "requests")
        assert row
        assert row.doc["requests"] == ([entry] if kept else [])

    def test_a_lost_race_loses_no_request(self, table: MemoryTable) -> None:
        other = replace(self.FIRST, id="2", pool="other")
        write = table.write

        def overtaken(partition: str, put: Put) -> object:
            table.write = write  # type: ignore[method-assign]  # once only
            ask(table, ID, other)
            return write(partition, put)

        table.write = overtaken  # type: ignore[method-assign, assignment]  # somebody is faster
        ask(table, ID, self.FIRST)
        assert {one.id for one in open_requests(table, ID)} == {"1", "2"}

    def test_a_row_that_keeps_changing_is_an_error(self, table: MemoryTable) -> None:
        table.write = lambda *_: None  # type: ignore[method-assign]  # always too late
        with pytest.raises(OSError, match="kept changing"):
            ask(table, ID, self.FIRST)
