"""`fipswarden forecast`: which fleet and which rules are played, what is printed, drawn and returned."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from cli.main import main
from local import seed
from local.clock import ManualClock
from local.memory import MemoryTable
from local.ports import WorldClusters, WorldFleet
from shared import bootstrap
from shared.budget import change
from shared.domain.budget import Budget, Counts, RingCount
from shared.domain.codec import plain
from shared.domain.memory import Memory, PoolMemory
from shared.domain.model import Cluster, Unreadable
from shared.domain.observe import read_cluster
from shared.domain.policy_reader import read_policy
from shared.domain.posture import Posture
from shared.domain.proven import Strays
from shared.errors import ConfigError, TransientError
from shared.ports import Put
from shared.postures import StoredPosture, commit
from shared.rollout import RolloutRow
from shared.rulebooks import Rulebooks, last_used
from tests.builders import NOW, arm_cluster, cluster_id, disabled, judged, memory, profile, proof
from tests.texts import MemoryText

ENFORCE = "version: 1\nmode: enforce\n"
OWN_WINDOWS = "version: 1\nmode: audit\nrules:\n  - { name: all, mode: enforce, cluster_maintenance: true }\n"
EXEMPTIONS = """version: 1
exemptions:
  - name: legacy
    match: { pools: [apps] }
    category: waiver
    reason: the vendor's driver
    owner: ana@example.com
    approver: bob@example.com
    ticket: RISK-17
    created: 2026-11-01
    expires: 2027-06-30
"""
LABELS = ENFORCE + "proof: { level: control-plane }\n"
UNTIL = ("--until", "2026-12-31")
FLEET = [arm_cluster(disabled("apps"), profile("good"))]

Capture = pytest.CaptureFixture[str]
Write = Callable[..., str]


class App:
    """What the app's storage holds."""

    def __init__(self) -> None:
        self.tables = {name: MemoryTable(ManualClock(NOW)) for name in ("posture", "rollout")}

    def used(self, policy: str) -> None:
        """The app has judged by this policy."""
        assert not isinstance(Rulebooks(MemoryText(policy), None, self.tables["rollout"]).load(), Unreadable)

    def remembers(self, read: Cluster, memory: Memory) -> None:
        """An earlier look has left this."""
        self.tables["rollout"].write(read.id.key, Put(read.id.key, None, {}, plain(RolloutRow(memory=memory))))

    def judged(self, read: Cluster, posture: Posture) -> None:
        """A look has stored this verdict, and the next one is due tomorrow."""
        commit(self.tables["posture"], read.id, StoredPosture(posture=posture, due=NOW + timedelta(days=1)))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file; returns its path."""

    def put(value: Any, name: str = "policy.yaml") -> str:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return str(path)

    return put


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: NOW)
    monkeypatch.delenv("FIPSWARDEN_SUBSCRIPTIONS", raising=False)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Storage in memory where `bootstrap` would reach Azure's."""
    made = App()
    monkeypatch.setattr(bootstrap, "table", lambda name: made.tables[name])
    return made


@pytest.fixture
def no_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting says where an app's storage is."""

    def missing(_: str) -> MemoryTable:
        raise ConfigError("settings", ("AzureWebJobsStorage: missing",))

    monkeypatch.setattr(bootstrap, "table", missing)


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local Azure's example fleet is what whoever is signed in sees."""
    world = seed.example_world()
    monkeypatch.setattr(bootstrap, "standalone_fleet", lambda: (WorldFleet(world), WorldClusters(world)))


def as_json(capsys: Capture, *arguments: str) -> dict[str, Any]:
    main(["forecast", *UNTIL, *arguments, "--output", "json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.usefixtures("no_app")
class TestSaved:
    """A saved fleet and a policy: neither Azure nor the app is asked."""

    def test_the_table_says_when_it_is_done_and_what_it_rests_on(self, write: Write, capsys: Capture) -> None:
        files = ["--policy", write(ENFORCE), "--from", write(FLEET, "fleet.json")]

        assert main(["forecast", *UNTIL, *files, "--minutes-per-node", "10"]) == 0

        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "2 node pools: done 2026-11-23 10:00 UTC"
        assert read_policy(ENFORCE).hash in lines[1]
        assert lines[lines.index("rings") + 2].startswith(
            "  (no ring)  2      1         2        0      0       0      3  "
        )
        assert lines[lines.index("reimaged by day (UTC)") + 2].split() == ["2026-11-23", "1", "3", "1", "3"]
        assumed = lines[lines.index("assumed") + 1 :]
        assert assumed[0] == "  no app was asked: an empty budget, and nothing is remembered of any pool"
        assert assumed[1] == "  A remediation takes 10.0 minutes for each node, as given; none fails."

    def test_what_is_not_done_is_told_with_its_reason_and_ends_with_1(self, write: Write, capsys: Capture) -> None:
        fleet = [arm_cluster(disabled("conf", vmSize="Standard_DC8ads_v5"), disabled("apps"))]
        policy = ENFORCE + "rules:\n  - { name: ask, mode: approve, match: { pools: [apps] } }\n"

        assert main(["forecast", *UNTIL, "--policy", write(policy), "--from", write(fleet, "fleet.json")]) == 1

        out = capsys.readouterr().out
        assert out.startswith("2 node pools: 2 not done by the end of 2026-12-31\n")
        never = out.split("does not come until somebody changes something\n")[1].splitlines()[1]
        assert never.split()[:3] == ["1", "3", "ConfidentialVmIncapable"]
        assert never.endswith("rg-pay/aks-pay/conf")
        assert "ApprovalMissing" in out.split("waits for a person's word\n")[1].splitlines()[1]

    def test_what_comes_after_the_day_is_later_and_many_days_are_shown_by_week(
        self, write: Write, capsys: Capture
    ) -> None:
        fleet = [{**FLEET[0], "id": cluster_id(f"aks-{number}").arm_id} for number in range(60)]
        policy = ENFORCE + "disruption: { concurrent: 1, spacing: 1d }\n"

        assert main(["forecast", *UNTIL, "--policy", write(policy), "--from", write(fleet, "fleet.json")]) == 1

        out = capsys.readouterr().out
        assert "comes by itself, later" in out
        weeks = out.split("reimaged by week (UTC)\n")[1].split("\n\n")[0].splitlines()[1:]
        assert [week.split()[:2] for week in weeks][:2] == [["2026-11-23", "7"], ["2026-11-30", "7"]]

    def test_what_is_probably_not_meant_is_told(self, write: Write, capsys: Capture) -> None:
        policy = "version: 1\nrules:\n- { name: typo, mode: audit, match: { os_skus: [Ubunto] } }\n"
        arguments = ["forecast", *UNTIL, "--policy", write(policy, "p.yaml"), "--from", write(FLEET, "f.json")]

        main(arguments)
        assert "\nwarnings\n  line 3: `Ubunto` in `os_skus` of rule `typo` is no OS SKU" in capsys.readouterr().out
        main([*arguments, "--output", "json"])
        found = json.loads(capsys.readouterr().out)["warnings"]
        assert ["nothing in the fleet" in told for told in found] == [False, True]

    def test_json_has_everything(self, write: Write, capsys: Capture) -> None:
        found = as_json(capsys, "--policy", write(ENFORCE), "--from", write(FLEET, "fleet.json"))

        assert found["fleet"]["finished"] == found["pools"][0]["done"] == found["remediations"][0]["ends"]
        assert [pool["fate"] for pool in found["pools"]] == ["done", "done"]
        assert found["policy"]["hash"] == read_policy(ENFORCE).hash
        assert (found["until"], found["unread"], found["coverage"]) == ("2027-01-01T00:00:00.000000Z", 0, [])

    def test_exemptions_go_with_the_policy(self, write: Write, capsys: Capture) -> None:
        excused = ["--exemptions", write(EXEMPTIONS, "excused.yaml")]

        found = as_json(capsys, "--policy", write(ENFORCE), *excused, "--from", write(FLEET, "fleet.json"))

        assert found["remediations"] == []
        assert found["fleet"]["doneNow"] == 2

    def test_a_picture_is_drawn_where_it_is_wanted(self, write: Write, tmp_path: Path) -> None:
        picture = tmp_path / "forecast.svg"

        main(
            [
                "forecast",
                *UNTIL,
                "--policy",
                write(ENFORCE),
                "--from",
                write(FLEET, "fleet.json"),
                "--svg",
                str(picture),
            ]
        )

        assert ET.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 (our own)

    def test_a_list_without_etags_is_played_as_if_it_had_some(self, write: Write, capsys: Capture) -> None:
        fleet = [arm_cluster(disabled("apps", eTag=...))]

        found = as_json(capsys, "--policy", write(ENFORCE), "--from", write(fleet, "fleet.json"))

        assert found["fleet"]["done"] == 1

    def test_what_nobody_could_read_is_told_and_ends_with_2(self, write: Write, capsys: Capture) -> None:
        fleet = [arm_cluster(), {"id": cluster_id("aks-other").arm_id}, 7, {**arm_cluster(), "id": 5}]

        code = main(["forecast", *UNTIL, "--policy", write(ENFORCE), "--from", write(fleet, "fleet.json")])

        out = capsys.readouterr().out
        assert code == 2
        assert out.startswith("1 node pool: done, as far as can be seen")
        assert "1 cluster can't be read" in out
        assert "3 parts of the fleet can't be read:" in out

    def test_a_pool_that_can_not_be_read_may_be_in_any_ring(self, write: Write, capsys: Capture) -> None:
        fleet = [arm_cluster(profile(), "nonsense")]  # type: ignore[arg-type]

        main(["forecast", *UNTIL, "--policy", write(ENFORCE), "--from", write(fleet, "fleet.json")])

        assert "1 part of the fleet can't be read:" in capsys.readouterr().out

    def test_a_list_that_is_not_whole_is_a_gap(self, write: Write, capsys: Capture) -> None:
        saved = write({"value": FLEET, "nextLink": "https://next"}, "fleet.json")

        assert main(["forecast", *UNTIL, "--policy", write(ENFORCE), "--from", saved]) == 2
        assert "ListIncomplete" in capsys.readouterr().err

    def test_a_cluster_that_comes_twice_counts_once(self, write: Write, capsys: Capture) -> None:
        twice = write([*FLEET, *FLEET], "fleet.json")

        assert main(["forecast", *UNTIL, "--policy", write(ENFORCE), "--from", twice]) == 0

        printed = capsys.readouterr()
        assert printed.out.startswith("2 node pools:")
        assert "1 cluster came more than once" in printed.err

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize(
        ("worse", "better", "code"),
        [
            (arm_cluster(disabled(osSKU="Flatcar")), arm_cluster(profile()), 1),
            ({"id": cluster_id().arm_id, "agentPoolProfiles": None}, arm_cluster(profile()), 2),
            (arm_cluster(disabled(osSKU="Flatcar")), {"id": cluster_id().arm_id, "agentPoolProfiles": None}, 1),
            (arm_cluster(disabled(osSKU="Flatcar")), arm_cluster(disabled()), 1),
        ],
    )
    def test_of_one_that_comes_twice_the_worse_counts_in_whatever_order(
        self, worse: Any, better: Any, code: int, order: int, write: Write
    ) -> None:
        policy = write("version: 1\nmode: enforce\nproof: { level: control-plane }\n")
        files = [write([body], f"{number}.json") for number, body in enumerate([worse, better][::order])]

        assert main(["forecast", *UNTIL, "--policy", policy, "--from", *files]) == code
        assert main(["check", "--policy", policy, "--from", *files]) == code

    @pytest.mark.parametrize("order", [1, -1])
    def test_of_one_that_comes_twice_every_pool_counts_as_it_stands_worse(
        self, order: int, write: Write, capsys: Capture
    ) -> None:
        never = {"osSKU": "Flatcar"}
        one, other = (
            arm_cluster(disabled("apps", **never), profile("both"), profile("good")),
            arm_cluster(disabled("both", **never), disabled("jobs", **never), profile("good")),
        )
        files = [write([body], f"{number}.json") for number, body in enumerate([one, other][::order])]

        fates = {
            pool["pool"]: pool["fate"] for pool in as_json(capsys, "--policy", write(LABELS), "--from", *files)["pools"]
        }

        assert fates == {"apps": "never", "both": "never", "good": "done", "jobs": "never"}

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_pool_that_only_one_of_two_entries_has_keeps_later_rings_closed(
        self, order: int, write: Write, capsys: Capture
    ) -> None:
        policy = LABELS + "rings:\n  - { name: test, match: { pools: [first] } }\n  - { name: prod }\n"
        bodies = [arm_cluster(disabled("first", osSKU="Flatcar")), arm_cluster(disabled("later"))]
        files = [write([body], f"{number}.json") for number, body in enumerate(bodies[::order])]

        (_, later) = as_json(capsys, "--policy", write(policy), "--from", *files)["pools"]

        assert (later["pool"], later["fate"], later["reason"]) == ("later", "never", "RingClosed")

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize("body", [{"agentPoolProfiles": None}, {"agentPoolProfiles": []}])
    def test_of_one_that_comes_twice_an_entry_that_shows_no_pool_is_unread(
        self, body: Any, order: int, write: Write, capsys: Capture
    ) -> None:
        odd = {"id": cluster_id().arm_id, "location": "westeurope", "provisioningState": "Succeeded", **body}
        both = [odd, arm_cluster(profile())][::order]

        found = as_json(capsys, "--policy", write(LABELS), "--from", write(both, "fleet.json"))

        assert ([pool["fate"] for pool in found["pools"]], found["unread"]) == (["done"], 1)
        assert found["fleet"]["finished"] is None

    def test_a_cluster_that_can_not_be_read_keeps_later_rings_closed(self, write: Write, capsys: Capture) -> None:
        policy = ENFORCE + "rings:\n  - { name: test, match: { pools: [first] } }\n  - { name: prod }\n"
        fleet = [arm_cluster(disabled("later")), {"id": cluster_id("aks-other").arm_id, "agentPoolProfiles": None}]

        (later,) = as_json(capsys, "--policy", write(policy), "--from", write(fleet, "fleet.json"))["pools"]

        assert (later["fate"], later["reason"]) == ("never", "RingClosed")

    @pytest.mark.parametrize("profiles", [None, [7], [profile("ok"), 7]])
    def test_what_can_not_be_read_of_a_cluster_that_the_policy_excludes_is_no_matter(
        self, profiles: Any, write: Write, capsys: Capture
    ) -> None:
        policy = ENFORCE + "rings: [{ name: test, match: { pools: [first] } }, { name: prod }]\n"
        policy = write(policy + "scope: { exclude: [{ clusters: [lab] }] }\n")
        lab = {"id": cluster_id("lab").arm_id, "agentPoolProfiles": profiles}
        fleet = write([arm_cluster(disabled("later")), lab], "fleet.json")

        assert main(["forecast", *UNTIL, "--policy", policy, "--from", fleet]) == 0
        assert main(["forecast", *UNTIL, "--policy", policy, "--from", write([lab], "lab.json")]) == 2
        assert "the policy's scope leaves out every cluster" in capsys.readouterr().err

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_cluster_with_a_pool_that_stands_there_twice_is_unread(
        self, order: int, write: Write, capsys: Capture
    ) -> None:
        fleet = write([arm_cluster(*[profile("apps"), disabled("apps")][::order])], "fleet.json")

        assert main(["forecast", *UNTIL, "--policy", write(ENFORCE), "--from", fleet]) == 2
        assert "1 cluster can't be read" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({**arm_cluster(), "properties": {**arm_cluster()["properties"], "agentPoolProfiles": []}}, 2),
            (arm_cluster(profile(), nodeProvisioningProfile={"mode": "Auto"}), 2),
        ],
    )
    def test_a_fleet_that_check_calls_unknown_is_not_called_done(
        self, body: Any, code: int, write: Write, capsys: Capture
    ) -> None:
        policy, fleet = write("version: 1\nproof: { level: control-plane }\n"), write([body], "fleet.json")

        assert main(["check", "--policy", policy, "--from", fleet]) == code
        assert main(["forecast", *UNTIL, "--policy", policy, "--from", fleet]) == code
        assert "does not come until somebody changes something" in capsys.readouterr().out

    def test_what_is_nested_too_deeply_is_unread(self, write: Write, capsys: Capture) -> None:
        deep: Any = {}
        for _ in range(200):
            deep = {"x": deep}

        fleet = write([arm_cluster(disabled(deep=deep))], "fleet.json")

        code = main(["forecast", *UNTIL, "--policy", write(ENFORCE), "--from", fleet])

        assert code == 2
        assert "1 cluster can't be read" in capsys.readouterr().out

    def test_windows_of_clusters_are_not_in_a_saved_fleet(self, write: Write, capsys: Capture) -> None:
        found = as_json(capsys, "--policy", write(OWN_WINDOWS), "--from", write(FLEET, "fleet.json"))

        (blocker,) = found["blockers"]
        assert blocker["reason"] == "MaintenanceUnreadable"
        assert "leave --from out" in blocker["message"]

    def test_a_scope_that_shuts_everything_out_is_no_good_news(self, write: Write, capsys: Capture) -> None:
        policy = write(ENFORCE + "scope: { subscriptions: [20000000-0000-4000-8000-000000000002] }\n")

        assert main(["forecast", *UNTIL, "--policy", policy, "--from", write(FLEET, "fleet.json")]) == 2
        assert "nothing was judged: the policy's scope leaves out every cluster" in capsys.readouterr().err

    def test_of_nothing_at_all_nothing_is_called_done(self, write: Write, capsys: Capture) -> None:
        assert main(["forecast", *UNTIL, "--policy", write(ENFORCE), "--from", write([], "fleet.json")]) == 0
        assert capsys.readouterr().out.startswith("0 node pools: none that is in scope was read")

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--until", "2026-11-22"], "is over"),
            (["--until", "2036-01-01"], "is too far"),
            (["--until", "soon"], "is no day"),
            (["--until", "2026-02-30"], "is no day"),
            ([*UNTIL, "--minutes-per-node", "0"], "is no such number"),
            ([*UNTIL, "--minutes-per-node", "nan"], "is no such number"),
            ([*UNTIL, "--minutes-per-node", "many"], "is no such number"),
            ([*UNTIL, "--exemptions", "excused.yaml"], "--exemptions go with a policy"),
            ([*UNTIL], "name the policy: --policy FILE"),
            ([*UNTIL, "--policy", "nowhere.yaml"], "nowhere.yaml can't be read"),
        ],
    )
    def test_bad_input_is_64_and_says_what_is_wrong(self, arguments: list[str], says: str, capsys: Capture) -> None:
        assert main(["forecast", *arguments]) == 64

        printed = capsys.readouterr()
        assert says in printed.err
        assert printed.out == ""

    def test_a_picture_that_can_not_be_written_is_bad_input(self, write: Write, capsys: Capture) -> None:
        files = ["--policy", write(ENFORCE), "--from", write(FLEET, "fleet.json")]

        assert main(["forecast", *UNTIL, *files, "--svg", "/nowhere/forecast.svg"]) == 64
        assert "--svg /nowhere/forecast.svg can't be written" in capsys.readouterr().err

    def test_the_last_day_may_be_today(self, write: Write) -> None:
        files = ["--policy", write(ENFORCE), "--from", write(FLEET, "fleet.json")]

        assert main(["forecast", "--until", "2026-11-23", *files]) == 0


class TestWithTheApp:
    """The app's policy, budget and memory are what counts by default."""

    def test_its_policy_is_played_and_its_pause_holds(self, app: App, write: Write, capsys: Capture) -> None:
        app.used(ENFORCE)
        change(app.tables["rollout"], lambda _: Budget(paused=True, paused_by="ana"))

        found = as_json(capsys, "--from", write(FLEET, "fleet.json"))

        assert found["policy"]["source"] == "as the app used it last"
        assert [blocker["reason"] for blocker in found["blockers"]] == ["Paused"]
        assert not any("no app was asked" in line for line in found["assumptions"])

    def test_with_approved_it_is_played_as_if_all_were_agreed_to(self, app: App, write: Write, capsys: Capture) -> None:
        app.used(ENFORCE)
        new = write("version: 1\nmode: approve\nrequire_approved_policy: true\n", "new.yaml")
        fleet = ("--from", write(FLEET, "fleet.json"), "--policy", new)

        asked, agreed = (as_json(capsys, *fleet, *more) for more in ((), ("--approved",)))

        assert [blocker["reason"] for blocker in asked["blockers"]] == ["PolicyNotApproved"]
        assert agreed["blockers"] == []
        assert any("has it at once" in line for line in agreed["assumptions"])

    def test_files_that_it_cannot_use_hold_everything(self, app: App, write: Write, capsys: Capture) -> None:
        app.used(ENFORCE)
        change(app.tables["rollout"], lambda _: Budget(counts=Counts(NOW, 3, trouble="policy.yaml has 1 fault.")))

        found = as_json(capsys, "--from", write(FLEET, "fleet.json"))

        assert [blocker["reason"] for blocker in found["blockers"]] == ["RulesUnreadable"]
        assert "policy.yaml has 1 fault." in found["blockers"][0]["message"]

    def test_what_was_wrong_before_it_came_to_use_others_holds_nothing(
        self, app: App, write: Write, capsys: Capture
    ) -> None:
        app.used(ENFORCE)
        before = Counts(NOW - timedelta(hours=1), 3, trouble="policy.yaml has 1 fault.")
        change(app.tables["rollout"], lambda _: Budget(counts=before))

        found = as_json(capsys, "--from", write(FLEET, "fleet.json"))

        assert "RulesUnreadable" not in [blocker["reason"] for blocker in found["blockers"]]

    def test_what_it_remembers_of_a_cluster_counts(self, app: App, write: Write, capsys: Capture) -> None:
        app.used(ENFORCE)
        read = read_cluster(FLEET[0])
        app.remembers(read, memory(apps=PoolMemory(refused="A lock."), good=proof(disagreeing=("n1",))))

        found = as_json(capsys, "--from", write(FLEET, "fleet.json"))

        assert {pool["pool"]: pool["reason"] for pool in found["pools"]} == {
            "apps": "AzureRefuses",
            "good": "NodesDisagree",
        }

    def test_what_it_could_not_judge_keeps_later_rings_closed(self, app: App, write: Write, capsys: Capture) -> None:
        app.used(ENFORCE + "rings: [{ name: dev, match: { tags: { env: dev } } }, { name: rest }]\n")
        counts = Counts(NOW, 3, blind=1, gaps=("subscription s1",))
        change(app.tables["rollout"], lambda _: Budget(counts=counts))

        assert main(["forecast", *UNTIL, "--from", write([arm_cluster(profile())], "good.json")]) == 2
        assert "the app could not judge 1 cluster or subscription (subscription s1) at its resync of" in (
            capsys.readouterr().out
        )
        found = as_json(capsys, "--from", write(FLEET, "fleet.json"))
        assert [blocker["reason"] for blocker in found["blockers"]] == ["RingClosed"]

    def test_what_keeps_its_rings_closed_keeps_them_closed_whoever_else_can_read_it(
        self, app: App, write: Write, capsys: Capture
    ) -> None:
        app.used(ENFORCE + "rings: [{ name: dev, match: { tags: { env: dev } } }, { name: rest }]\n")
        self.counted(app, unseen=1)

        found = as_json(capsys, "--from", write(FLEET, "fleet.json"))

        assert [blocker["reason"] for blocker in found["blockers"]] == ["RingClosed"]

    def counted(self, app: App, unseen: int, untold: int = 0, text: str = "") -> None:
        """The resync has counted the first ring by the text that the app used last, or another one."""
        used = text or last_used(app.tables["rollout"]).policy.hash
        counts = Counts(NOW, 3, rings={"dev": RingCount(1, unseen, unseen=unseen, untold=untold)}, policy=used)
        change(app.tables["rollout"], lambda _: Budget(counts=counts))

    def test_of_rings_of_another_policy_that_says_nothing(self, app: App, write: Write, capsys: Capture) -> None:
        app.used(ENFORCE + "rings: [{ name: dev, match: { tags: { env: dev } } }, { name: rest }]\n")
        self.counted(app, unseen=1, text="another text")

        found = as_json(capsys, "--from", write(FLEET, "fleet.json"))

        assert found["fleet"]["finished"]

    def test_a_pool_whose_ring_it_could_not_tell_is_judged_here_and_counted_once(
        self, app: App, write: Write, capsys: Capture
    ) -> None:
        app.used(ENFORCE + "rings: [{ name: dev, match: { pool_tags: { env: dev } } }, { name: rest }]\n")
        self.counted(app, unseen=1, untold=1)
        lost = [arm_cluster(disabled("apps"), profile("lost", tags={"env": 7}))]

        mended = as_json(capsys, "--from", write(FLEET, "fleet.json"))
        found = as_json(capsys, "--from", write(lost, "lost.json"))

        assert mended["fleet"]["finished"]
        assert not any("the app could not judge" in line for line in found["assumptions"])
        (closed,) = [each for each in found["blockers"] if each["reason"] == "RingClosed"]
        assert "1 pool whose ring can't be told is not proven either" in closed["message"]

    def test_the_table_has_a_row_for_pools_whose_ring_is_not_known(
        self, app: App, write: Write, capsys: Capture
    ) -> None:
        app.used(ENFORCE + "rings: [{ name: dev, match: { pool_tags: { env: dev } } }, { name: rest }]\n")
        lost = [arm_cluster(profile("lost", tags={"env": 7}))]

        main(["forecast", *UNTIL, "--from", write(lost, "lost.json")])

        assert re.search(r"(?m)^  \(ring not known\) +1 ", capsys.readouterr().out)

    def test_a_cluster_that_it_has_not_looked_at_yet_and_that_can_be_read_does_not(
        self, app: App, write: Write, capsys: Capture
    ) -> None:
        app.used(ENFORCE)
        counts = Counts(NOW, 3, blind=1, gaps=(cluster_id().arm_id,))
        change(app.tables["rollout"], lambda _: Budget(counts=counts))

        assert as_json(capsys, "--from", write(FLEET, "fleet.json"))["fleet"]["finished"]

    def test_nodes_outside_every_pool_without_fips_end_with_1(self, app: App, write: Write, capsys: Capture) -> None:
        app.used(ENFORCE)
        app.remembers(read_cluster(arm_cluster()), replace(memory(apps=proof()), strays=Strays(NOW, 2, 1, ("n1",))))

        assert main(["forecast", *UNTIL, "--from", write([arm_cluster()], "fleet.json")]) == 1
        assert "NodesOutsidePools" in capsys.readouterr().out

    def test_what_it_has_proven_is_no_assumption(self, app: App, write: Write, capsys: Capture) -> None:
        app.used(ENFORCE)
        good = read_cluster(arm_cluster(profile()))
        app.judged(good, judged(good, memory(apps=proof())))

        found = as_json(capsys, "--from", write([arm_cluster(profile())], "fleet.json"))

        assert not any("FIPS-enabled pool" in line for line in found["assumptions"])

    @pytest.mark.usefixtures("app")
    def test_an_app_that_has_used_no_policy_yet_is_told_of(self, write: Write, capsys: Capture) -> None:
        assert main(["forecast", *UNTIL, "--from", write(FLEET, "fleet.json")]) == 64
        assert "the app has used no policy yet" in capsys.readouterr().err


@pytest.mark.usefixtures("live")
class TestLive:
    """The fleet as whoever is signed in sees it."""

    def test_the_live_fleet_is_played_by_what_the_app_used_last(self, app: App, capsys: Capture) -> None:
        app.used(ENFORCE)

        found = as_json(capsys)

        assert found["fleet"]["pools"] > 5
        assert len(found["remediations"]) > 2
        assert [gap["reason"] for gap in found["coverage"]] == ["Forbidden"], "one subscription is closed to the app"

    def test_a_policy_that_may_come_is_played_with_the_apps_budget(
        self, app: App, write: Write, capsys: Capture
    ) -> None:
        change(app.tables["rollout"], lambda _: Budget(paused=True, paused_by="ana"))

        found = as_json(capsys, "--policy", write(ENFORCE))

        assert "Paused" in {blocker["reason"] for blocker in found["blockers"]}

    @pytest.mark.usefixtures("no_app")
    def test_without_an_app_it_says_so(self, write: Write, capsys: Capture) -> None:
        found = as_json(capsys, "--policy", write(ENFORCE))

        assert found["assumptions"][0].startswith("no app was asked")
        assert found["remediations"]

    @pytest.mark.usefixtures("app")
    def test_windows_of_clusters_are_asked_for_where_the_policy_wants_them(self, write: Write, capsys: Capture) -> None:
        found = as_json(capsys, "--policy", write(OWN_WINDOWS))

        assert "NoMaintenanceConfiguration" in {blocker["reason"] for blocker in found["blockers"]}

    @pytest.mark.usefixtures("app")
    def test_an_azure_that_is_away_is_69(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        def away() -> None:
            raise TransientError("no such host")

        monkeypatch.setattr(bootstrap, "standalone_fleet", away)

        assert main(["forecast", *UNTIL, "--policy", write(ENFORCE)]) == 69
