"""Who uses a policy that names management groups: the app, its health, the resync, and `fipswarden check`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from cli.main import main
from functions.health import health
from local import seed
from local.clock import ManualClock
from local.memory import MemoryAlerts, MemoryQueue, MemoryTable
from local.ports import WorldClusters, WorldFleet, WorldManagementGroups
from local.world import World
from local.world.access import APP
from local.world.management import group_id
from shared import bootstrap
from shared.budget import read_budget
from shared.domain.fleet_warnings import FleetSeen
from shared.domain.matching import ClusterMatch
from shared.domain.model import Unreadable
from shared.domain.policy import Policy
from shared.domain.policy_reader import read_policy
from shared.domain.rulebook import Rulebook
from shared.domain.scope import empty_groups, resolved
from shared.policy_warnings import tell_warnings
from shared.resync import Resynced, ResyncPorts, resync
from shared.rulebooks import Rulebooks
from tests.builders import NOW, SUBSCRIPTION, arm_cluster, cluster
from tests.texts import MemoryText
from tests.unit.trees import CLOSED, NO_GROUP, SLOW, THIRD, Tree, resolve, scoped

OF_CORP = "version: 1\nscope: { management_groups: [corp] }\n"
OF_OTHER = "version: 1\nscope: { management_groups: [other] }\n"


class TestRulebooks:
    """A scope that can't be resolved leads to the last good pair or to nothing, and never to everything."""

    def books(self, file: MemoryText, tree: Tree, table: MemoryTable | None = None) -> Rulebooks:
        return Rulebooks(
            file,
            None,
            table or MemoryTable(ManualClock(NOW)),
            lambda policy: resolved(policy, tree),
            lambda policy: empty_groups(policy, tree),
        )

    def test_the_policy_is_resolved_anew_at_every_load(self) -> None:
        tree = Tree({"corp": (SUBSCRIPTION,)})
        books = self.books(MemoryText(OF_CORP), tree)
        first = books.load()
        tree.groups["corp"] = (THIRD,)
        second = books.load()

        assert isinstance(first, Rulebook)
        assert isinstance(second, Rulebook)
        assert (first.policy.scope.subscriptions, second.policy.scope.subscriptions) == ((SUBSCRIPTION,), (THIRD,))
        assert first.hash == second.hash, "the text is the same: an approval of it still counts"

    @pytest.mark.parametrize("why", [CLOSED, SLOW])
    def test_a_group_that_cannot_be_read_any_more_leaves_no_rulebook(self, why: Unreadable) -> None:
        tree = Tree({"corp": (SUBSCRIPTION,)})
        books = self.books(MemoryText(OF_CORP), tree)
        assert isinstance(books.load(), Rulebook)
        tree.groups["corp"] = why
        assert books.load() == why

    def test_a_new_policy_of_a_group_that_cannot_be_read_leaves_the_last_good_one_resolved_anew(self) -> None:
        tree, file = Tree({"corp": (SUBSCRIPTION,)}), MemoryText(OF_CORP)
        books = self.books(file, tree)
        books.load()
        file.text, tree.groups["corp"] = OF_OTHER, (THIRD,)

        found = books.load()

        assert isinstance(found, Rulebook)
        assert found.policy.scope.subscriptions == (THIRD,)
        assert "Management group other" in found.trouble

    def test_where_neither_can_be_resolved_todays_reason_is_told(self) -> None:
        tree, file = Tree({"corp": (SUBSCRIPTION,)}), MemoryText(OF_CORP)
        books = self.books(file, tree)
        books.load()
        file.text, tree.groups["corp"] = OF_OTHER, CLOSED
        assert books.load() == NO_GROUP

    def test_a_rulebook_that_can_ask_nobody_has_no_policy_with_groups(self) -> None:
        found = Rulebooks(MemoryText(OF_CORP), None, MemoryTable(ManualClock(NOW))).load()
        assert isinstance(found, Unreadable)
        assert found.reason == "ManagementGroupUnreadable"

    def test_an_empty_group_is_a_warning_and_no_trouble_also_in_the_last_good_pair(self) -> None:
        file = MemoryText(OF_CORP)
        books = self.books(file, Tree({"corp": ()}))
        good = books.load()
        file.text = "version: 2\n"
        last = books.load()

        for found in (good, last):
            assert isinstance(found, Rulebook)
            assert ["`corp` has no subscription" in one for one in found.warnings] == [True]
            assert not found.policy.covers(cluster())
        assert isinstance(last, Rulebook)
        assert last.trouble


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What `health` answers for a policy of an empty group."""
    for name in ("AzureWebJobsStorage", "EVIDENCE_STORAGE"):
        monkeypatch.setenv(name, "UseDevelopmentStorage=true")
    monkeypatch.delenv("RESYNC_SCHEDULE", raising=False)
    bootstrap.settings.cache_clear()
    odd = read_policy("version: 1\nrules:\n- {name: odd, mode: audit, match: {pools: [gone]}}\n")
    books = Rulebook(odd, warnings=("scope: `corp` has no subscription",))

    class Policies:
        def load(self) -> Rulebook:
            return books

    rollout = MemoryTable(ManualClock(NOW))
    tell_warnings(rollout, MemoryAlerts(), books, FleetSeen(odd), NOW)
    monkeypatch.setattr(bootstrap, "table", {"rollout": rollout}.__getitem__)
    monkeypatch.setattr(bootstrap, "policies", Policies)
    answer = health(func.HttpRequest("GET", "/api/health", body=b""))
    yield {"status_code": answer.status_code, **json.loads(answer.get_body())}
    bootstrap.settings.cache_clear()


def test_health_shows_a_warning_and_stays_healthy(told: dict[str, Any]) -> None:
    assert (told["status_code"], told["status"], told["faults"]) == (200, "healthy", [])
    assert told["warnings"] == [
        "line 3: `gone` in `pools` of rule `odd` matches nothing in the fleet",
        "scope: `corp` has no subscription",
    ]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Payments and, below it in `corp`, a subscription that whoever is signed in does not see."""
    made = seed.empty_world(ManualClock(NOW))
    with made.entered():
        seed.payments_prod(made)
        made.add_subscription(seed.PLATFORM, "Platform")
        for group in ("corp", "empty"):
            made.management.add(group)
        for one in (seed.PAYMENTS, seed.PLATFORM):
            made.management.place(one, "corp")
    for group in ("corp", "empty"):
        made.access.assign(APP, "fipswarden scope reader", group_id(group))
    monkeypatch.setattr(bootstrap, "standalone_fleet", lambda: (Visible(made), WorldClusters(made)))
    monkeypatch.setattr(bootstrap, "standalone_management_groups", lambda: WorldManagementGroups(made))
    return made


class Visible(WorldFleet):
    """A fleet of Payments alone, as by FIPSWARDEN_SUBSCRIPTIONS."""

    def subscriptions(self) -> tuple[str, ...]:
        """The one subscription that is to be looked at."""
        return (seed.PAYMENTS,)


class TestResync:
    """What is in scope by a group and nobody looks at is told, and keeps rings closed."""

    def run(self, world: World, policy: Policy) -> tuple[Resynced, MemoryAlerts, MemoryTable]:
        class Policies:
            def load(self) -> Rulebook:
                return Rulebook(resolve(policy, Tree({"corp": (seed.PAYMENTS, seed.PLATFORM)})))

        clock, alerts = ManualClock(NOW), MemoryAlerts()
        rollout = MemoryTable(clock)
        ports = ResyncPorts(clock, Visible(world), Policies(), MemoryTable(clock), rollout, MemoryQueue(clock), alerts)
        return resync(ports), alerts, rollout

    def test_a_subscription_of_a_group_that_nobody_looks_at_counts_as_unknown_and_is_told(self, world: World) -> None:
        found, alerts, rollout = self.run(world, scoped("corp"))

        assert (found.subscriptions, found.unreadable) == (1, 1)
        (alert,) = alerts.sent
        assert (alert.reason, alert.severity) == ("CoverageUnknown", "warning")
        assert alert.title == "1 subscription in the policy's scope is not looked at"
        for said in (seed.PLATFORM, "count as unknown", "FIPSWARDEN_SUBSCRIPTIONS"):
            assert said in alert.text
        counts = read_budget(rollout).counts
        assert counts is not None
        assert counts.blind == 2, "the one nobody looks at, and a cluster that was not looked at yet"

    def test_one_that_is_excluded_is_no_gap(self, world: World) -> None:
        policy = scoped("corp", exclude=(ClusterMatch(subscriptions=(seed.PLATFORM,)),))
        found, alerts, _ = self.run(world, policy)
        assert (found.unreadable, alerts.sent) == (0, [])


def policy_of(path: Path, *groups: str) -> str:
    file = path / "policy.yaml"
    names = ", ".join(groups)
    file.write_text(f"version: 1\nproof: {{ level: control-plane }}\nscope: {{ management_groups: [{names}] }}\n")
    return str(file)


class TestCheck:
    """`fipswarden check` with a policy that names groups."""

    @pytest.mark.usefixtures("world")
    def test_live_the_groups_are_resolved_and_what_was_not_seen_is_unknown(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["check", "--policy", policy_of(tmp_path, "corp", "empty"), "--output", "json"]) == 2

        printed = capsys.readouterr()
        found = json.loads(printed.out)
        assert {pool["cluster"].rpartition("/")[2] for pool in found["pools"]} == {"aks-payments-prod"}
        assert [(gap["source"], gap["reason"]) for gap in found["coverage"]] == [
            (f"subscription {seed.PLATFORM}", "NotCovered")
        ]
        assert "management group `empty` has no subscription" in printed.err

    @pytest.mark.usefixtures("world")
    def test_a_policy_of_an_empty_group_judges_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["check", "--policy", policy_of(tmp_path, "empty"), "--output", "json"]) == 2
        printed = capsys.readouterr()
        assert json.loads(printed.out)["pools"] == []
        assert "nothing was judged: the policy's scope leaves out every cluster" in printed.err

    @pytest.mark.usefixtures("world")
    def test_a_group_that_may_not_be_read_is_bad_input_and_judges_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["check", "--policy", policy_of(tmp_path, "shut")]) == 64
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "Management group shut can't be read" in printed.err

    def test_a_group_that_cannot_be_read_for_now_is_69(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(bootstrap, "standalone_management_groups", lambda: Tree({"corp": SLOW}))
        assert main(["check", "--policy", policy_of(tmp_path, "corp")]) == 69
        assert "Management group corp" in capsys.readouterr().err

    def test_from_a_file_nobody_can_be_asked_and_that_is_said(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        saved = tmp_path / "fleet.json"
        saved.write_text(json.dumps([arm_cluster()]))

        assert main(["check", "--from", str(saved), "--policy", policy_of(tmp_path, "corp")]) == 64

        printed = capsys.readouterr()
        assert printed.out == ""
        for said in ("management groups (corp)", "sign in", "scope.subscriptions"):
            assert said in printed.err
