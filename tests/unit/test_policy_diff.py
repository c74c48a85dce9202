"""`fipswarden policy diff`, `approve` and `revoke`: what a new policy would change, and a person's word for it."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from local import seed
from local.clock import ManualClock
from local.memory import MemoryAlerts, MemoryQueue, MemoryTable
from local.ports import WorldClusters, WorldFleet
from shared import bootstrap
from shared.adapters.policies import TextFile
from shared.budget import approve, read_budget
from shared.domain.budget import Approval
from shared.domain.codec import plain
from shared.domain.memory import PoolMemory
from shared.domain.model import Cluster, Unreadable
from shared.domain.people import DecisionKind
from shared.domain.places import agreed
from shared.domain.policy_reader import read_policy
from shared.domain.records import Head
from shared.errors import TransientError
from shared.ports import Put
from shared.postures import StoredPosture, commit
from shared.rollout import RolloutRow
from shared.rulebooks import Rulebooks
from tests.builders import ANA, NOW, arm_cluster, cluster, cluster_id, disabled, judged, memory, profile

AUDIT = "version: 1\nmode: audit\n"
ENFORCE = "version: 1\nmode: enforce\nrequire_approved_policy: true\n"
EXEMPTIONS = """version: 1
exemptions:
  - name: legacy
    match: { pools: [apps] }
    category: waiver
    reason: the vendor's driver
    owner: ana@example.com
    approver: bob@example.com
    ticket: RISK-17
    created: 2020-01-01
    expires: 2099-12-31
"""
LONG = "exemptions: { max_age: 36500d }\n"
MORE_OF_NOTHING = "By the pools, it disrupts no more than before."
FLEET = [arm_cluster(disabled("apps"), disabled("batch", count=9), profile("good"))]

Capture = pytest.CaptureFixture[str]
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file; returns its path."""

    def put(value: Any, name: str = "new.yaml") -> str:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return str(path)

    return put


@pytest.fixture
def saved(write: Write) -> list[str]:
    """The arguments for a saved fleet."""
    return ["--from", write(FLEET, "fleet.json")]


class App:
    """What the app's storage holds."""

    def __init__(self) -> None:
        clock = ManualClock(NOW)
        self.tables = {name: MemoryTable(clock) for name in ("posture", "rollout")}
        self.queue, self.told = MemoryQueue(clock), MemoryAlerts()

    def used(self, folder: Path, policy: str, exemptions: str = "") -> None:
        """The app has judged by these."""
        texts = []
        for name, text in (("used.yaml", policy), ("excused.yaml", exemptions)):
            (folder / name).write_text(text, encoding="utf-8")
            texts.append(TextFile(folder / name))
        loaded = Rulebooks(texts[0], texts[1] if exemptions else None, self.tables["rollout"]).load()
        assert not isinstance(loaded, Unreadable)

    def remembers(self, read: Cluster, name: str) -> None:
        """A look has found that AKS refuses a pool as it is configured."""
        on = next(pool for pool in read.pools if pool.name == name).configuration
        remembered = memory(**{name: PoolMemory(blocked="AKS refused.", blocked_on=on)})
        self.tables["rollout"].write(read.id.key, Put(read.id.key, None, {}, plain(RolloutRow(memory=remembered))))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Storage in memory where `bootstrap` would reach Azure's."""
    made = App()
    monkeypatch.setattr(bootstrap, "table", lambda name: made.tables[name])
    monkeypatch.setattr(bootstrap, "wake_ups", lambda: made.queue)
    monkeypatch.setattr(bootstrap, "alert_queue", lambda: made.told)
    monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: NOW)
    monkeypatch.delenv("FIPSWARDEN_SUBSCRIPTIONS", raising=False)
    monkeypatch.setattr(bootstrap, "caller", lambda: ANA)
    monkeypatch.setenv("USER", "ana")
    monkeypatch.setenv("LOGNAME", "ana")
    return made


def as_json(capsys: Capture, *arguments: str) -> dict[str, Any]:
    main(["policy", "diff", *arguments, "--output", "json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


class TestDiffOfFiles:
    """Without the app: two files and a saved fleet."""

    def test_what_would_now_be_reimaged_comes_first_with_its_nodes(
        self, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        new = write("version: 1\nrules:\n  - name: all\n    mode: enforce\n")

        assert main(["policy", "diff", new, "--old", write(AUDIT, "old.yaml"), *saved]) == 1

        lines = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"old: .*/old.yaml, sha256 [0-9a-f]{64}", lines[0])
        assert re.fullmatch(r"new: .*/new.yaml, sha256 [0-9a-f]{64}", lines[1])
        assert lines[3] == "would now be reimaged: 2 node pools, 12 nodes"
        assert [re.split(" {2,}", line.strip()) for line in lines[5:7]] == [
            [
                "rg-pay/aks-pay",
                name,
                nodes,
                "non_compliant",
                "audit → enforce",
                "default → all",
                "enableFIPS = true, held until now by ModeDoesNotAct",
            ]
            for name, nodes in (("apps", "3"), ("batch", "9"))
        ]
        assert lines[9] == "  3 node pools: rule default → all; mode audit → enforce; ring none; other mode"
        assert lines[-1] == (
            "3 node pools compared: 2 would now be reimaged; 3 would be under another rule, ring or settings. "
            "By the pools, it disrupts more."
        )

    def test_the_other_way_round_it_disrupts_no_more(self, write: Write, saved: list[str], capsys: Capture) -> None:
        assert main(["policy", "diff", write(AUDIT), "--old", write(ENFORCE, "old.yaml"), *saved]) == 0

        out = capsys.readouterr().out
        assert "would no longer be reimaged: 2 node pools, 12 nodes" in out
        assert "enableFIPS = true, held by ModeDoesNotAct" in out
        assert "  require_approved_policy: true, then false\n" in out
        assert out.endswith("By the pools, it disrupts no more than before.\n")

    def test_what_comes_into_scope_or_leaves_it_is_listed_with_its_state(
        self, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        out = write(AUDIT + "scope: { exclude: [{ clusters: [aks-pay] }] }\n", "out.yaml")

        assert main(["policy", "diff", write(AUDIT), "--old", out, *saved]) == 0
        entered = capsys.readouterr().out.splitlines()
        assert main(["policy", "diff", out, "--old", write(AUDIT), *saved]) == 2
        printed = capsys.readouterr()
        left = printed.out.splitlines()

        assert entered[3] == "would come into scope: 3 node pools, 15 nodes"
        assert re.split(" {2,}", entered[7].strip())[1:] == [
            "good",
            "3",
            "none → unknown",
            "none → audit",
            "none → default",
            "none",
        ]
        assert left[3] == "would go out of scope: 3 node pools, 15 nodes"
        assert "non_compliant → none" in left[5]
        assert printed.err.count("nothing was judged: the policy's scope leaves out every cluster that was read") == 1

    def test_a_pool_of_unknown_size_is_told_apart(self, write: Write, capsys: Capture) -> None:
        fleet = ["--from", write([arm_cluster(disabled("apps", count=None), disabled("batch"))], "fleet.json")]

        main(["policy", "diff", write(ENFORCE), "--old", write(AUDIT, "old.yaml"), *fleet])

        out = capsys.readouterr().out
        assert "would now be reimaged: 2 node pools, 3 nodes, and 1 node pool of unknown size" in out

    def test_where_nothing_is_different_that_is_said(self, write: Write, saved: list[str], capsys: Capture) -> None:
        same = write(AUDIT)

        assert main(["policy", "diff", same, "--old", same, *saved]) == 0
        assert capsys.readouterr().out.splitlines()[2:] == [
            "",
            f"3 node pools compared: nothing would be different for any of them. {MORE_OF_NOTHING}",
        ]

    def test_json_has_every_pool_that_is_different(self, write: Write, saved: list[str], capsys: Capture) -> None:
        found = as_json(capsys, write(ENFORCE), "--old", write(AUDIT, "old.yaml"), *saved)

        assert (found["disruptsMore"], found["compared"], found["nodesReimaged"]) == (True, 3, 12)
        assert found["counts"] == {
            "reimaged": 2,
            "spared": 0,
            "in_scope": 0,
            "out_of_scope": 0,
            "exempt": 0,
            "not_exempt": 0,
            "asked_otherwise": 3,
        }
        first = found["pools"][0]
        assert first["id"] == f"{cluster_id().arm_id}/agentPools/apps"
        assert (first["changes"], first["settings"]) == (["reimaged", "asked_otherwise"], ["mode"])
        assert first["before"]["step"]["barred"] == "ModeDoesNotAct"
        assert first["after"]["step"] == {
            "kind": "enable_fips",
            "changes": {"enableFIPS": True},
            "barred": "",
            "approved": False,
            "delayed": "",
        }
        assert found["limits"] == ["require_approved_policy: false, then true"]

    def test_a_change_of_the_exemptions_alone_is_compared_by_the_same_policy_twice(
        self, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        policy, none = write("version: 1\nmode: enforce\n" + LONG), write("version: 1\nexemptions: []\n", "none.yaml")
        excused = write(EXEMPTIONS, "excused.yaml")
        both = ["policy", "diff", policy, "--exemptions", none, "--old", policy]

        assert main([*both, *saved]) == 0
        same = capsys.readouterr()
        assert main([*both, "--old-exemptions", excused, *saved]) == 1
        lifted = capsys.readouterr()

        assert "The same exemptions hold for both policies" in same.err
        assert "apps" in lifted.out
        assert "The same exemptions" not in lifted.err

    def test_exemptions_of_an_old_policy_need_that_policy(
        self, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        excused = write(EXEMPTIONS, "excused.yaml")

        assert main(["policy", "diff", write(AUDIT), "--old-exemptions", excused, *saved]) == 64
        assert "--old-exemptions go with a policy: give --old as well" in capsys.readouterr().err

    def test_exemptions_hold_for_both_where_only_policies_are_compared(
        self, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        excused = ["--exemptions", write(EXEMPTIONS, "exemptions.yaml")]

        found = as_json(capsys, write(ENFORCE + LONG), "--old", write(AUDIT + LONG, "old.yaml"), *saved, *excused)

        assert (found["counts"]["reimaged"], found["counts"]["exempt"]) == (1, 0)
        assert found["old"]["exemptions"] == found["new"]["exemptions"] != ""

    def test_globs_that_match_nothing_are_warned_of(self, write: Write, saved: list[str], capsys: Capture) -> None:
        new = write("version: 1\nrules:\n  - name: typo\n    match: { clusters: [aks-py] }\n    mode: audit\n")
        arguments = [new, "--old", write(AUDIT, "old.yaml"), *saved]

        assert main(["policy", "diff", *arguments]) == 0
        assert "`aks-py` in `clusters` of rule `typo` matches nothing in the fleet" in capsys.readouterr().out
        assert len(as_json(capsys, *arguments)["warnings"]) == 1

    def test_so_is_what_is_probably_not_meant_in_any_fleet(
        self, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        new = write("version: 1\nblackouts: [{ first: 2020-01-01, last: 2099-01-01, reason: x }]\n")

        found = as_json(capsys, new, "--old", write(AUDIT, "old.yaml"), *saved)

        assert ["lasts more than a year" in told for told in found["warnings"]] == [True]

    def test_what_was_not_seen_is_2_and_says_nothing_of_globs(self, write: Write, capsys: Capture) -> None:
        bodies = [*FLEET, arm_cluster(profile(), {"name": 7}, id=cluster_id("aks-x").arm_id), None]
        new = write("version: 1\nrules:\n  - name: typo\n    match: { clusters: [aks-py] }\n    mode: audit\n")
        arguments = [new, "--old", write(AUDIT, "old.yaml"), "--from", write(bodies, "fleet.json")]

        assert main(["policy", "diff", *arguments]) == 2
        err = capsys.readouterr().err
        assert "not seen, so unknown: rg-pay/aks-x: Unintelligible: " in err
        assert ", entry 3: Unintelligible: " in err
        found = as_json(capsys, *arguments)
        assert (len(found["coverage"]), found["warnings"], found["compared"]) == (2, [], 4)

    @pytest.mark.parametrize("profiles", [None, [7], [profile("ok"), 7], [profile("ok"), profile("ok")]])
    def test_what_was_not_seen_of_a_cluster_that_both_policies_exclude_is_no_gap(
        self, profiles: Any, write: Write, capsys: Capture
    ) -> None:
        lab = {"id": cluster_id("lab").arm_id, "agentPoolProfiles": profiles}
        fleet = ["--from", write([*FLEET, lab], "fleet.json")]
        narrow = AUDIT + "scope: { exclude: [{ clusters: [lab] }] }\n"
        new, old, wide = write(narrow), write(narrow, "old.yaml"), write(AUDIT, "wide.yaml")

        assert main(["policy", "diff", new, "--old", old, *fleet]) == 0
        assert "not seen" not in capsys.readouterr().err
        assert main(["policy", "diff", new, "--old", wide, *fleet]) == 2
        assert main(["policy", "diff", wide, "--old", old, *fleet]) == 2
        assert main(["policy", "diff", new, "--old", old, "--from", write([lab], "lab.json")]) == 2
        assert "the policy's scope leaves out every cluster" in capsys.readouterr().err

    def test_that_it_disrupts_more_counts_before_what_was_not_seen(self, write: Write) -> None:
        fleet = ["--from", write({"value": FLEET, "nextLink": "https://next"}, "fleet.json")]

        assert main(["policy", "diff", write(ENFORCE), "--old", write(AUDIT, "old.yaml"), *fleet]) == 1
        assert main(["policy", "diff", write(AUDIT), "--old", write(AUDIT, "old.yaml"), *fleet]) == 2

    def test_a_cluster_that_comes_twice_is_told(self, write: Write, capsys: Capture) -> None:
        fleet = ["--from", write([*FLEET, arm_cluster(id=cluster_id("aks-x").arm_id), *FLEET], "fleet.json")]

        assert main(["policy", "diff", write(ENFORCE), "--old", write(AUDIT, "old.yaml"), *fleet]) == 1
        printed = capsys.readouterr()
        assert "rg-pay/aks-pay came more than once" in printed.err
        assert "aks-x came" not in printed.err
        assert "4 node pools compared: 2 would now be reimaged" in printed.out

    def test_a_cluster_that_sleeps_would_be_reimaged_once_it_is_started(self, write: Write, capsys: Capture) -> None:
        asleep = write([arm_cluster(disabled(), powerState={"code": "Stopped"})], "fleet.json")

        assert main(["policy", "diff", write(ENFORCE), "--old", write(AUDIT, "old.yaml"), "--from", asleep]) == 1
        assert "enableFIPS = true, once it is started (Stopped)" in capsys.readouterr().out

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_cluster_with_a_pool_that_stands_there_twice_is_not_compared(
        self, order: int, write: Write, capsys: Capture
    ) -> None:
        fleet = write([arm_cluster(*[profile("apps"), disabled("apps")][::order])], "fleet.json")
        files = [write(ENFORCE), "--old", write(AUDIT, "old.yaml"), "--from", fleet]

        assert main(["policy", "diff", *files]) == 2
        assert capsys.readouterr().err.count("Node pool apps stands there 2 times: which is right can't be known") == 1

    def test_a_cluster_that_is_nested_too_deeply_is_told_and_the_others_are_compared(
        self, write: Write, capsys: Capture
    ) -> None:
        deep: object = {}
        for _ in range(200):
            deep = {"a": deep}
        fleet = write([{**arm_cluster(disabled(new=deep)), "id": cluster_id("b").arm_id}, *FLEET], "fleet.json")

        assert main(["policy", "diff", write(ENFORCE), "--old", write(AUDIT, "old.yaml"), "--from", fleet]) == 1
        assert "rg-pay/b: Unintelligible: Its properties are nested too deeply" in capsys.readouterr().err

    def test_management_groups_need_a_sign_in(self, write: Write, saved: list[str], capsys: Capture) -> None:
        new = write("version: 1\nscope: { management_groups: [mg-prod] }\n")

        assert main(["policy", "diff", new, "--old", write(AUDIT, "old.yaml"), *saved]) == 64
        assert "mg-prod" in capsys.readouterr().err

    def test_faults_are_told_with_their_file(self, write: Write, saved: list[str], capsys: Capture) -> None:
        new = write("version: 1\nruls: []\n")

        assert main(["policy", "diff", new, "--old", write(AUDIT, "old.yaml"), *saved]) == 64
        assert capsys.readouterr().err.startswith(f"{new}:\n  line 2")

    def test_without_the_app_and_an_old_policy_it_says_what_to_do(
        self, write: Write, saved: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        monkeypatch.delenv("AzureWebJobsStorage", raising=False)
        bootstrap.table.cache_clear()

        assert main(["policy", "diff", write(ENFORCE), *saved]) == 64
        assert "--old FILE" in capsys.readouterr().err

    def test_what_would_steer_a_terminal_does_not_reach_it(
        self, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        new = write('version: 1\nrules:\n  - name: "a\\u202eb"\n    mode: enforce\n')

        main(["policy", "diff", new, "--old", write(AUDIT, "old.yaml"), *saved])

        out = capsys.readouterr().out
        assert "default → a?b" in out
        assert "\u202e" not in out


class TestDiffWithTheApp:
    """Against what the app used last."""

    @pytest.fixture(autouse=True)
    def _world(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = seed.example_world()
        monkeypatch.setattr(bootstrap, "standalone_fleet", lambda: (WorldFleet(world), WorldClusters(world)))

    def test_the_live_fleet_is_compared(self, app: App, tmp_path: Path, write: Write, capsys: Capture) -> None:
        app.used(tmp_path, AUDIT)

        found = as_json(capsys, write(ENFORCE))

        assert found["old"]["source"] == "the last used"
        assert found["old"]["hash"] == read_policy(AUDIT).hash
        assert found["counts"]["reimaged"] > 2
        assert [gap["reason"] for gap in found["coverage"]] == ["Forbidden"], "one subscription is closed to the app"

    def test_what_the_app_remembers_counts(self, app: App, tmp_path: Path, write: Write, capsys: Capture) -> None:
        app.used(tmp_path, AUDIT)
        fleet, _ = bootstrap.standalone_fleet()
        clusters = [hint.read for hint in fleet.clusters(fleet.subscriptions()) if isinstance(hint.read, Cluster)]
        before = as_json(capsys, write(ENFORCE))
        row = next(row for row in before["pools"] if "reimaged" in row["changes"])
        (read,) = (one for one in clusters if one.id.arm_id == row["cluster"])
        app.remembers(read, row["pool"])

        after = as_json(capsys, write(ENFORCE))

        assert after["counts"]["reimaged"] == before["counts"]["reimaged"] - 1

    def test_fresh_reads_say_the_same(self, app: App, tmp_path: Path, write: Write, capsys: Capture) -> None:
        app.used(tmp_path, AUDIT)

        hints, fresh = as_json(capsys, write(ENFORCE)), as_json(capsys, write(ENFORCE), "--fresh")

        assert (fresh["pools"], fresh["counts"]) == (hints["pools"], hints["counts"])

    def test_it_is_read_afresh_or_from_files(self, write: Write, saved: list[str], capsys: Capture) -> None:
        assert main(["policy", "diff", write(ENFORCE), *saved, "--fresh"]) == 64
        assert "give one of the two" in capsys.readouterr().err

    def test_the_exemptions_are_those_of_the_app_unless_others_are_given(
        self, app: App, tmp_path: Path, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        app.used(tmp_path, AUDIT + LONG, EXEMPTIONS)

        same = as_json(capsys, write(ENFORCE + LONG), *saved)
        other = write(EXEMPTIONS.replace("[apps]", "[batch]"), "exemptions.yaml")
        moved = as_json(capsys, write(ENFORCE + LONG), "--exemptions", other, *saved)

        assert [same["counts"][name] for name in ("reimaged", "exempt", "not_exempt")] == [1, 0, 0]
        assert [moved["counts"][name] for name in ("reimaged", "exempt", "not_exempt")] == [1, 1, 1]

    @pytest.mark.usefixtures("app")
    def test_where_the_app_has_used_none_that_is_said(self, write: Write, saved: list[str], capsys: Capture) -> None:
        assert main(["policy", "diff", write(ENFORCE), *saved]) == 64
        assert "the app has used no policy yet" in capsys.readouterr().err

    def test_without_a_network_it_cannot_run(
        self, app: App, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away() -> None:
            raise TransientError("no such host")

        app.used(tmp_path, AUDIT)
        monkeypatch.setattr(bootstrap, "standalone_fleet", away)

        assert main(["policy", "diff", write(ENFORCE)]) == 69


class TestDiffWhileATextWaits:
    """A text that nobody approved does nothing: it is no measure of what may come."""

    EARLIER = (
        "version: 1\nrequire_approved_policy: true\nrules: [{ name: b, match: { pools: [batch] }, mode: enforce }]\n"
    )

    def test_one_that_waits_is_compared_with_the_one_approved_last(
        self, app: App, tmp_path: Path, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        main(["policy", "approve", write(self.EARLIER)])
        app.used(tmp_path, ENFORCE)
        capsys.readouterr()

        assert main(["policy", "diff", write(ENFORCE), *saved]) == 1
        out, err = capsys.readouterr()
        assert out.startswith(f"old: the last approved, sha256 {read_policy(self.EARLIER).hash}\n")
        assert "the text that the app uses now is not approved, or not any more" in err
        found = as_json(capsys, write(self.EARLIER), *saved)
        assert (found["disruptsMore"], found["counts"]["reimaged"]) == (False, 0)

    def test_where_none_was_approved_before_nothing_is_done_yet(
        self, app: App, tmp_path: Path, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        app.used(tmp_path, ENFORCE)

        assert main(["policy", "diff", write(ENFORCE), *saved]) == 1
        assert capsys.readouterr().out.startswith(
            f"old: the last used, not approved, sha256 {read_policy(ENFORCE).hash}"
        )
        found = as_json(capsys, write(ENFORCE), *saved)
        assert (found["counts"]["reimaged"], len(found["notes"])) == (2, 2)
        new = f"The new text (sha256 {read_policy(ENFORCE).hash[:12]}...) is not approved"
        assert found["notes"][1] == f"{new}: nothing is begun by it until `fipswarden policy approve`."

    def test_so_it_is_where_the_text_before_demanded_it(
        self, app: App, tmp_path: Path, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        main(["policy", "approve", write(AUDIT + "require_approved_policy: true\n")])
        app.used(tmp_path, "version: 1\nmode: enforce\n")
        capsys.readouterr()

        assert as_json(capsys, write("version: 1\nmode: enforce\n"), *saved)["counts"]["reimaged"] == 2

    def test_one_that_was_approved_is_compared_with_itself(
        self, app: App, tmp_path: Path, write: Write, saved: list[str], capsys: Capture
    ) -> None:
        main(["policy", "approve", write(ENFORCE)])
        app.used(tmp_path, ENFORCE)
        capsys.readouterr()

        assert main(["policy", "diff", write(ENFORCE), *saved]) == 0
        assert capsys.readouterr().out.startswith("old: the last used, sha256 ")


class TestApprove:
    """`fipswarden policy approve FILE`."""

    def test_exactly_the_text_that_the_app_reads_is_agreed_to(self, app: App, write: Write, capsys: Capture) -> None:
        path = write(ENFORCE)

        assert main(["policy", "approve", path]) == 0

        budget = read_budget(app.tables["rollout"])
        assert agreed(budget, read_policy(ENFORCE).hash, NOW + timedelta(days=89))
        assert not agreed(budget, read_policy(ENFORCE).hash, NOW + timedelta(days=91))
        assert not agreed(budget, read_policy(ENFORCE + " ").hash, NOW)
        out = capsys.readouterr().out
        assert f"approved until 2027-02-21 09:30 UTC, exactly this text: sha256 {read_policy(ENFORCE).hash}\n" in out
        assert "it allows: changes by every pool that no rule matches (enforce)\n" in out

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_whatever_its_lines_end_with_the_hash_is_that_of_the_app(
        self, end: str, app: App, tmp_path: Path, capsys: Capture
    ) -> None:
        path = tmp_path / "policy.yaml"
        path.write_bytes(ENFORCE.replace("\n", end).encode())
        text = TextFile(path).read()
        assert isinstance(text, str)

        assert main(["policy", "approve", str(path)]) == 0

        assert agreed(read_budget(app.tables["rollout"]), read_policy(text).hash, NOW)
        capsys.readouterr()
        main(["policy", "validate", str(path)])
        assert f"sha256 {read_policy(text).hash}\n" in capsys.readouterr().out

    def test_who_and_what_are_kept_and_told(self, app: App, write: Write) -> None:
        text = ENFORCE.replace("enforce", "audit") + "rules:\n  - { name: prod, mode: approve }\n"

        main(["policy", "approve", write(text), "--days", "3"])

        ((_, approval),) = read_budget(app.tables["rollout"]).approvals.items()
        assert (approval.by, approval.at, approval.until) == (ANA, NOW, NOW + timedelta(days=3))
        assert approval.what.endswith(": changes by rule `prod` (approve)")
        (alert,) = app.told.sent
        assert (alert.reason, alert.severity) == ("PolicyApproved", "info")
        assert f"Approved by ana ({ANA}) until 2026-11-26" in alert.text

    def test_while_the_app_uses_another_text_it_says_that_nothing_is_begun_by_that_one(
        self, app: App, write: Write, tmp_path: Path, capsys: Capture
    ) -> None:
        app.used(tmp_path, AUDIT)

        main(["policy", "approve", write(ENFORCE)])

        said = "the app uses another text now, and begins nothing by it unless that is approved, too: sha256 "
        assert said + read_policy(AUDIT).hash in capsys.readouterr().out

    def test_what_waited_is_looked_at(self, app: App, write: Write, capsys: Capture) -> None:
        commit(app.tables["posture"], cluster_id(), StoredPosture(Head(1), judged(cluster(disabled())), due=NOW))

        main(["policy", "approve", write(ENFORCE)])

        assert [message.request.cluster for message in app.queue.messages] == [cluster_id()]
        assert "1 cluster will be looked at now" in capsys.readouterr().out

    def test_one_that_needs_no_approval_or_allows_nothing_says_so(
        self, app: App, write: Write, capsys: Capture
    ) -> None:
        assert main(["policy", "approve", write(AUDIT)]) == 0

        out = capsys.readouterr().out
        assert "it allows: no change: no rule acts\n" in out
        assert "it doesn't say `require_approved_policy: true`" in out
        assert read_budget(app.tables["rollout"]).approvals

    def test_one_that_ends_a_demand_says_so(self, app: App, write: Write, capsys: Capture) -> None:
        main(["policy", "approve", write(ENFORCE)])
        capsys.readouterr()

        main(["policy", "approve", write(AUDIT)])

        out = capsys.readouterr().out
        assert "the text approved before demanded an approval; that demand ends once the app uses this one\n" in out
        assert "holds without an approval" not in out
        assert read_budget(app.tables["rollout"]).guarded, "until then it sets no other text free"

    @pytest.mark.parametrize("days", ["0", "91", "-1"])
    def test_it_holds_one_to_ninety_days(self, days: str, app: App, write: Write, capsys: Capture) -> None:
        assert main(["policy", "approve", write(ENFORCE), f"--days={days}"]) == 64

        assert "1 to 90 days" in capsys.readouterr().err
        assert read_budget(app.tables["rollout"]).approvals == {}

    def test_a_faulty_policy_is_approved_by_nobody(self, app: App, write: Write) -> None:
        assert main(["policy", "approve", write("version: 1\nruls: []\n")]) == 64
        assert read_budget(app.tables["rollout"]).approvals == {}


class TestRevoke:
    """`fipswarden policy revoke OLD`."""

    @pytest.mark.parametrize("named", ["file", "hash"])
    def test_a_text_that_was_approved_is_approved_no_more_and_all_are_told_who_took_it_back(
        self, named: str, app: App, write: Write, tmp_path: Path, capsys: Capture
    ) -> None:
        app.used(tmp_path, ENFORCE)
        path, of = write(ENFORCE), read_policy(ENFORCE).hash
        main(["policy", "approve", path])
        main(["policy", "approve", write(AUDIT, "other.yaml")])
        capsys.readouterr()

        assert main(["policy", "revoke", path if named == "file" else of.upper()]) == 0

        budget = read_budget(app.tables["rollout"])
        assert list(budget.approvals) == [read_policy(AUDIT).hash]
        decision = budget.decisions[-1]
        assert (decision.decision, decision.by, decision.fingerprint) == (DecisionKind.REVOKE, ANA, of)
        assert app.told.sent[-1].reason == "PolicyRevoked"
        assert f"ana ({ANA}) took back what {ANA} had approved: the policy with sha256 {of}" in app.told.sent[-1].text
        assert capsys.readouterr().out.splitlines() == [
            f"taken back: the policy with sha256 {of}: changes by every pool that no rule matches (enforce)",
            "the app uses this text: nothing is begun until it, or another one that comes into use, is approved",
        ]

    def test_one_that_demands_no_approval_goes_on_and_the_command_says_so(
        self, app: App, write: Write, tmp_path: Path, capsys: Capture
    ) -> None:
        app.used(tmp_path, AUDIT)
        main(["policy", "approve", write(AUDIT)])

        assert main(["policy", "revoke", write(AUDIT)]) == 0

        assert "demands no approval, and goes on by it: `fipswarden pause` stops it\n" in capsys.readouterr().out

    @pytest.mark.parametrize("demanded", [True, False])
    @pytest.mark.parametrize("used", [None, "version: 1\nmode: alert\n", "version: 2\n"])
    def test_of_one_that_is_not_known_to_be_in_use_it_says_what_a_return_to_it_would_do(
        self, used: str | None, demanded: bool, app: App, write: Write, tmp_path: Path, capsys: Capture
    ) -> None:
        if used:
            app.used(tmp_path, AUDIT)
            row = app.tables["rollout"].read("rulebook", "rulebook")
            assert row
            app.tables["rollout"].write("rulebook", Put("rulebook", row.etag, {}, {"policy": used, "exemptions": ""}))
        main(["policy", "approve", write(ENFORCE if demanded else AUDIT)])
        main(["policy", "revoke", write(ENFORCE if demanded else AUDIT)])

        last = capsys.readouterr().out.splitlines()[-1]
        now = "the app uses another text now" if used and "alert" in used else "which text the app uses is not known"
        assert last.startswith(f"{now}: by this one, whenever it is used, nothing is begun until it is")
        assert last.endswith("anew" if demanded else "but if it has no `require_approved_policy: true`")

    def test_what_nobody_approved_cannot_be_taken_back_nor_by_a_policy_what_is_a_pools(
        self, app: App, write: Write, capsys: Capture
    ) -> None:
        path, of = write(ENFORCE), read_policy(ENFORCE).hash
        approve(app.tables["rollout"], of, Approval("ana", NOW, NOW + timedelta(days=1), "a pool", "s|rg|aks|apps"))

        assert main(["policy", "revoke", path]) == 64

        assert f"no approval of this text holds: sha256 {of}; a changed space" in capsys.readouterr().err
        assert list(read_budget(app.tables["rollout"]).approvals) == [of]
