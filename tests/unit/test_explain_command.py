"""`fipswarden explain`: what a person reads at a glance, by what the app used last, on the cluster as it is now."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cli.main import main
from local.clock import ManualClock
from local.memory import MemoryTable
from shared import bootstrap
from shared.budget import change, pause
from shared.domain.budget import Budget, Counts
from shared.domain.codec import plain
from shared.domain.evaluate import evaluate
from shared.domain.ids import ClusterId
from shared.domain.maintenance import MaintenanceConfiguration
from shared.domain.memory import Memory
from shared.domain.model import ClusterRead, Gone, Unreadable
from shared.domain.records import Head
from shared.ports import Put
from shared.postures import StoredPosture, commit
from shared.rollout import RolloutRow
from shared.rulebooks import Rulebooks
from tests.builders import (
    ENFORCING,
    NOW,
    OTHER_SUBSCRIPTION,
    SUBSCRIPTION,
    cluster,
    cluster_id,
    disabled,
    judged,
    memory,
    proof,
)
from tests.texts import MemoryText

ID = cluster_id().arm_id
NAME = "rg-pay/aks-pay"
ARM_ID = cluster_id().arm_id
POLICY = """version: 1
rules:
  - name: production
    mode: enforce
    match: { tags: { env: prod } }
rings:
  - name: early
"""
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
    expires: 2026-12-31
"""

Capture = pytest.CaptureFixture[str]


class App:
    """What the app's storage and ARM say."""

    def __init__(self) -> None:
        clock = ManualClock(NOW)
        self.tables = {name: MemoryTable(clock) for name in ("posture", "rollout")}
        self.answer: ClusterRead = cluster(disabled(), disabled("batch", count=9))
        self.configurations: tuple[MaintenanceConfiguration, ...] | Unreadable = ()
        self.asked = 0

    def read(self, cluster: ClusterId) -> ClusterRead:
        """What ARM says of the cluster."""
        assert cluster == cluster_id()
        return self.answer

    def maintenance(self, _: ClusterId) -> tuple[MaintenanceConfiguration, ...] | Unreadable:
        """What ARM says of its maintenance configurations."""
        self.asked += 1
        return self.configurations

    def used(self, policy: str = POLICY, exemptions: str = "") -> None:
        """The app has judged by these."""
        texts = Rulebooks(MemoryText(policy), MemoryText(exemptions) if exemptions else None, self.tables["rollout"])
        assert not isinstance(texts.load(), Unreadable)

    def remembers(self, remembered: Memory) -> None:
        """A look has left this."""
        key = cluster_id().key
        self.tables["rollout"].write(key, Put(key, None, {}, plain(RolloutRow(memory=remembered))))

    def judged(self) -> None:
        """A look has judged the cluster, two days ago."""
        posture = judged(cluster(disabled()))
        ago = NOW - timedelta(days=2)
        old = replace(posture, at=ago, pools=tuple(replace(pool, since=ago) for pool in posture.pools))
        commit(self.tables["posture"], cluster_id(), StoredPosture(Head(1), old, due=NOW))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Storage in memory and ARM by hand where `bootstrap` would reach Azure's."""
    made = App()
    monkeypatch.setattr(bootstrap, "table", lambda name: made.tables[name])
    monkeypatch.setattr(bootstrap, "standalone_fleet", lambda: (None, made))
    monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: NOW)
    monkeypatch.delenv("FIPSWARDEN_SUBSCRIPTIONS", raising=False)
    made.judged()
    return made


def test_of_a_cluster_that_the_app_has_never_looked_at_nothing_is_said_to_begin(app: App, capsys: Capture) -> None:
    app.used()
    app.tables["posture"] = MemoryTable(ManualClock(NOW))

    assert main(["explain", ID, "apps"]) == 1

    assert capsys.readouterr().out.splitlines()[-1].startswith("the app has never looked at this cluster")
    main(["explain", ID, "apps", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["begins"], found["unseen"][:27]) == (False, "the app has never looked at")


def test_a_ring_of_a_text_that_was_never_used_is_said_not_to_be_counted_yet(
    app: App, tmp_path: Path, capsys: Capture
) -> None:
    app.used()
    change(app.tables["rollout"], lambda _: Budget(counts=Counts(NOW, 3, policy="the text in use")))
    new = tmp_path / "new.yaml"
    new.write_text(
        "version: 1\nmode: enforce\nrings:\n  - { name: dev, match: { tags: { env: dev } } }\n  - name: rest\n"
    )

    main(["explain", ID, "apps", "--policy", str(new)])

    out = capsys.readouterr().out
    assert "Ring dev comes first, and the resync counts it once the app uses this text of the policy." in out


def test_nor_of_one_that_the_app_could_not_read(app: App, capsys: Capture) -> None:
    app.used()
    app.tables["posture"] = MemoryTable(ManualClock(NOW))
    unread = evaluate(Unreadable("Forbidden", "no", None), Memory(), ENFORCING, None, NOW)
    commit(app.tables["posture"], cluster_id(), StoredPosture(Head(1), unread, due=NOW))

    main(["explain", ID, "apps"])

    assert capsys.readouterr().out.splitlines()[-1] == (
        "the app could not read this cluster when it last looked, and begins nothing so (Forbidden)"
    )


def test_a_ring_that_cannot_be_told_is_not_named_as_the_pools(app: App, capsys: Capture) -> None:
    app.used(POLICY + "    match: { pool_tags: { stage: early } }\n  - name: late\n")
    app.answer = cluster(disabled(tags={"stage": 7}))

    main(["explain", ID, "apps"])

    lines = capsys.readouterr().out.splitlines()
    assert "  ring      not known: ring `early` asks for what can't be read of it (its tags {'stage': 7})" in lines


def test_a_pool_that_is_due_is_explained_by_what_the_app_used_last(app: App, capsys: Capture) -> None:
    app.used()

    assert main(["explain", NAME, "apps"]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"{NAME}/apps: non_compliant (FipsDisabled) since 2026-11-21 09:30 UTC",
        "  rule      production, line 3: FIPS required; mode enforce; proof at level node, at most 3d old",
        "  ring      early: opens first; its first pool is a canary",
    ]
    assert lines[3].startswith("  policy    as the app used it last, sha256 ")
    assert lines[5] == "findings"
    assert lines[6] == "  non_compliant   FipsDisabled: enableFIPS is false: the pool runs a non-FIPS image."
    assert lines[-2:] == [
        "due: enable fips (enableFIPS = true), which reimages 3 nodes",
        "it is begun at the next look; `fipswarden look` asks for one",
    ]


@pytest.mark.parametrize("text", [f"{NAME}/apps", f"{ARM_ID}/agentPools/apps", f"{ARM_ID}/AGENTPOOLS/apps"])
def test_a_pool_is_named_as_every_command_prints_it(app: App, capsys: Capture, text: str) -> None:
    app.used()

    assert main(["explain", text]) == 1

    assert capsys.readouterr().out.startswith(f"{NAME}/apps: non_compliant (FipsDisabled) since")


@pytest.mark.parametrize("text", [NAME, ARM_ID])
def test_of_a_cluster_alone_the_pools_are_named(app: App, capsys: Capture, text: str) -> None:
    app.used()

    assert main(["explain", text]) == 64

    said = capsys.readouterr().err
    assert f"{text!r} names no node pool" in said
    assert said.endswith("it has: apps, batch\n")


@pytest.mark.parametrize("text", ["apps", f"{NAME}/apps/more", ""])
def test_what_names_no_pool_is_refused(app: App, capsys: Capture, text: str) -> None:
    app.used()

    assert main(["explain", text]) == 64

    assert "names no node pool" in capsys.readouterr().err


def test_what_it_waits_for_is_told_with_what_ends_it(app: App, capsys: Capture) -> None:
    app.used()
    pause(app.tables["rollout"], "ana", "incident 7", NOW)

    assert main(["explain", ID, "APPS"]) == 1

    assert capsys.readouterr().out.splitlines()[-4:] == [
        "it waits for 1 thing",
        "  Paused, looked at again at 2026-11-23 10:30 UTC",
        "    A person has paused every remediation, so apps waits.",
        "    ends with: `fipswarden resume`",
    ]


def test_files_that_the_app_cannot_use_any_more_hold_the_step(app: App, capsys: Capture) -> None:
    app.used()
    change(app.tables["rollout"], lambda _: Budget(counts=Counts(NOW, 3, trouble="policy.yaml has 1 fault.")))

    assert main(["explain", NAME, "apps"]) == 1

    shown = capsys.readouterr().out
    assert "  RulesUnreadable" in shown
    assert "At the resync of 2026-11-23 09:30 UTC: policy.yaml has 1 fault." in shown


def test_what_was_wrong_before_the_app_came_to_use_other_files_holds_nothing(app: App, capsys: Capture) -> None:
    app.used()
    before = Counts(NOW - timedelta(hours=1), 3, trouble="policy.yaml has 1 fault.")
    change(app.tables["rollout"], lambda _: Budget(counts=before))

    assert main(["explain", NAME, "apps"]) == 1

    assert "RulesUnreadable" not in capsys.readouterr().out


def test_the_exemptions_that_the_app_used_count(app: App, capsys: Capture) -> None:
    app.used(exemptions=EXEMPTIONS)

    assert main(["explain", ID, "apps"]) == 0

    out = capsys.readouterr().out
    assert f"{NAME}/apps: exempt (FipsDisabled)" in out
    assert "ends with: exemption `legacy` (line 3) ends at 2027-01-01 00:00 UTC" in out


def test_what_the_app_remembers_counts(app: App, capsys: Capture) -> None:
    app.used()
    app.answer = cluster()
    assert main(["explain", ID, "apps"]) == 2
    capsys.readouterr()
    app.remembers(memory(apps=proof()))

    assert main(["explain", ID, "apps"]) == 0
    out = capsys.readouterr().out
    assert "compliant (NodesProven)" in out
    assert out.endswith("\nnothing is due: there is nothing wrong with it that the product can change\n")


def test_for_programs_it_is_one_object(app: App, capsys: Capture) -> None:
    app.used(exemptions=EXEMPTIONS)

    assert main(["explain", ID, "apps", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["cluster"], found["pool"], found["begins"]) == (ID, "apps", False)
    assert found["step"] == {"kind": "enable_fips", "changes": {"enableFIPS": True}, "nodes": 3}
    assert [wait["reason"] for wait in found["waits"]] == ["Exempt"]
    assert found["verdict"]["rule"] == "production"
    assert len(found["policy"]["hash"]) == len(found["policy"]["exemptions"]) == 64


class TestPolicy:
    """By which policy it is explained."""

    def write(self, folder: Path, name: str, text: str) -> str:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def test_a_file_may_be_given_instead(self, app: App, tmp_path: Path, capsys: Capture) -> None:
        app.used()
        path = self.write(tmp_path, "policy.yaml", "version: 1\nmode: audit\n")
        exemptions = self.write(tmp_path, "exemptions.yaml", EXEMPTIONS)

        assert main(["explain", ID, "apps", "--policy", path, "--exemptions", exemptions]) == 0
        out = capsys.readouterr().out
        assert "  rule      default, the top of the policy: FIPS required; mode audit" in out
        assert f"  policy    {path}, sha256 " in out
        assert "  ring      none" in out
        assert "  ModeDoesNotAct\n" in out
        assert main(["explain", ID, "apps", "--policy", path]) == 1

    def test_exemptions_alone_are_refused(self, app: App, capsys: Capture) -> None:
        app.used()

        assert main(["explain", ID, "apps", "--exemptions", "x.yaml"]) == 64
        assert "give --policy as well" in capsys.readouterr().err

    @pytest.mark.usefixtures("app")
    def test_where_the_app_has_used_none_that_is_said(self, capsys: Capture) -> None:
        assert main(["explain", ID, "apps"]) == 64
        assert capsys.readouterr().err == (
            "fipswarden: the app has used no policy yet: wait for its first look, or name a policy's file\n"
        )

    def test_one_that_this_version_cannot_read_is_told_with_its_faults(self, app: App, capsys: Capture) -> None:
        texts = {"policy": "version: 2\n", "exemptions": ""}
        app.tables["rollout"].write("rulebook", Put("rulebook", None, {}, texts))

        assert main(["explain", ID, "apps"]) == 64
        assert capsys.readouterr().err.startswith("the policy that the app used last:\n  line 1, column ")

    def test_a_cluster_that_it_excludes_has_no_state(self, app: App, capsys: Capture) -> None:
        app.used("version: 1\nscope:\n  exclude:\n    - clusters: [aks-pay]\n")

        assert main(["explain", ID, "apps"]) == 0
        first, second = capsys.readouterr().out.splitlines()
        assert first == f"{NAME}/apps: out of scope, so it has no state: the policy excludes its cluster (line 4)"
        assert second.startswith("  policy    as the app used it last, sha256 ")

    def test_the_clusters_own_windows_are_read_only_where_they_count(self, app: App, capsys: Capture) -> None:
        app.used()
        main(["explain", ID, "apps"])
        assert app.asked == 0
        app.configurations = Unreadable("Forbidden", "403", None)
        path = app.tables["rollout"]
        own = POLICY.replace("mode: enforce", "mode: audit\n    cluster_maintenance: true")
        Rulebooks(MemoryText(own), None, path).load()
        capsys.readouterr()

        assert main(["explain", ID, "apps"]) == 1

        out = capsys.readouterr().out
        assert app.asked == 1, "also where the mode does not act: it is part of the answer"
        assert "it waits for 2 things" in out
        assert "  MaintenanceUnreadable, looked at again at 2026-11-23 10:30 UTC\n" in out


class TestReads:
    """What ARM says of the cluster."""

    def test_a_cluster_that_cannot_be_read_is_unknown(self, app: App, capsys: Capture) -> None:
        app.used()
        app.answer = Unreadable("Forbidden", "403 \x1b[2J", None)

        assert main(["explain", ID, "apps"]) == 2
        out = capsys.readouterr().out
        assert out == f"{NAME} can't be read, so apps is unknown: Forbidden: 403 ?[2J\n"

    def test_one_that_the_policy_excludes_by_its_name_is_out_of_scope_all_the_same(
        self, app: App, capsys: Capture
    ) -> None:
        app.used("version: 1\nscope:\n  exclude:\n    - { clusters: [aks-pay] }\n")
        app.answer = Unreadable("Forbidden", "403", None)

        assert main(["explain", ID, "apps"]) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert first == f"{NAME}/apps: out of scope, so it has no state: the policy excludes its cluster (line 4)"

    def test_one_of_a_subscription_that_is_not_in_scope_is_too(self, app: App, capsys: Capture) -> None:
        app.used(f"version: 1\nscope: {{ subscriptions: [{OTHER_SUBSCRIPTION}] }}\n")
        app.answer = Unreadable("Forbidden", "403", None)

        assert main(["explain", ID, "apps"]) == 0
        assert "its subscription is not in the policy's `scope`" in capsys.readouterr().out

    def test_without_a_network_it_cannot_run(self, app: App, capsys: Capture) -> None:
        app.used()
        app.answer = Unreadable("Unreachable", "no such host", None)

        assert main(["explain", ID, "apps"]) == 69
        assert capsys.readouterr().err == "fipswarden: no such host\n"

    @pytest.mark.parametrize(
        ("answer", "pool", "said"),
        [
            (Gone(), "apps", f"ARM says that {NAME} does not exist"),
            (cluster(), "batch", f"{NAME} has no node pool batch; it has: apps"),
            (cluster(), "no/pool", "no/pool"),
        ],
    )
    def test_what_is_not_there_is_one_clear_line(
        self, app: App, answer: ClusterRead, pool: str, said: str, capsys: Capture
    ) -> None:
        app.used()
        app.answer = answer

        assert main(["explain", ID, pool]) == 64
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1

    def test_a_cluster_that_the_app_does_not_look_after_is_refused(
        self, app: App, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        app.used()
        monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", OTHER_SUBSCRIPTION)

        assert main(["explain", ID, "apps"]) == 64
        assert f"FIPSWARDEN_SUBSCRIPTIONS leaves out {SUBSCRIPTION}" in capsys.readouterr().err

    def test_what_would_steer_a_terminal_does_not_reach_it(self, app: App, capsys: Capture) -> None:
        app.used(POLICY.replace("production", '"pro\\u202eduction"'))
        app.answer = cluster(disabled(osSKU="\x1b]0;x"))

        main(["explain", ID, "apps"])

        out = capsys.readouterr().out
        assert "pro?duction" in out
        assert not {"\x1b", "\u202e"} & set(out)
