"""The `fipswarden` command: what it prints, what it returns, and one clear line for whatever a stranger types."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import ServiceRequestError

from cli.main import main
from local.clock import ManualClock
from local.memory import MemoryAlerts, MemoryEvidence, MemoryQueue, MemoryTable
from shared import __version__, bootstrap
from shared.budget import change, read_budget
from shared.domain.budget import Counts
from shared.domain.codec import typed
from shared.domain.evaluate import evaluate
from shared.domain.memory import Memory
from shared.domain.model import Unreadable
from shared.domain.posture import Posture
from shared.domain.records import Head
from shared.errors import InputError, TransientError
from tests.builders import (
    ANA,
    ENFORCING,
    NOW,
    OTHER_SUBSCRIPTION,
    OUT_OF_SCOPE,
    SUBSCRIPTION,
    cluster,
    cluster_id,
    disabled,
    judged,
    memory,
    profile,
    proof,
)
from tests.postures import GONE, GOOD, looked

BAD = judged(cluster(profile("apps"), disabled("batch")), memory(apps=proof()))
ID = cluster_id().arm_id


class App:
    """What the app's storage holds."""

    def __init__(self) -> None:
        clock = ManualClock(NOW)
        self.tables = {name: MemoryTable(clock) for name in ("posture", "rollout")}
        self.queue, self.evidence, self.alerts = MemoryQueue(clock), MemoryEvidence(), MemoryAlerts()

        self.resynced(Counts(NOW, 0))

    def resynced(self, counts: Counts | None) -> None:
        """A resync has counted the fleet; None: there was none yet."""
        change(self.tables["rollout"], lambda budget: replace(budget, counts=counts))

    def looked(
        self,
        posture: Posture,
        name: str = "aks-pay",
        subscription: str = SUBSCRIPTION,
        due: timedelta = timedelta(hours=1),
    ) -> None:
        """A look has committed a posture."""
        looked(self.tables["posture"], posture, name, subscription, head=Head(3), due=NOW + due)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Storage in memory where `bootstrap` would reach Azure's."""
    made = App()
    monkeypatch.setattr(bootstrap, "table", lambda name: made.tables[name])
    monkeypatch.setattr(bootstrap, "wake_ups", lambda: made.queue)
    monkeypatch.setattr(bootstrap, "alert_queue", lambda: made.alerts)
    monkeypatch.setattr(bootstrap, "evidence", lambda: made.evidence)
    monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: NOW)
    monkeypatch.delenv("FIPSWARDEN_SUBSCRIPTIONS", raising=False)
    monkeypatch.setattr(bootstrap, "caller", lambda: ANA)
    monkeypatch.setenv("USER", "ana")
    monkeypatch.setenv("LOGNAME", "ana")
    return made


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings at all."""
    for name in ("AzureWebJobsStorage", "EVIDENCE_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    bootstrap.settings.cache_clear()
    bootstrap.table.cache_clear()


class Printed:
    """What a command printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.out, self.err = capsys.readouterr()


class TestPolicyValidate:
    """`fipswarden policy validate FILE`."""

    def write(self, folder: Path, text: str) -> str:
        path = folder / "policy.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def test_a_valid_policy_is_said_to_be_valid(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = self.write(tmp_path, "version: 1\nrules: [{name: a, mode: enforce}]\n")

        assert main(["policy", "validate", path]) == 0
        valid, sha256 = Printed(capsys).out.splitlines()
        assert valid == f"{path}: valid; 1 rule, mode audit for everything else"
        assert sha256.startswith("  sha256 ")

    def test_every_fault_is_printed_on_a_line_of_its_own(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = self.write(tmp_path, "version: 1\nmode: enforc\nruls: []\n")

        assert main(["policy", "validate", path]) == 64
        title, *faults = Printed(capsys).out.splitlines()
        assert title == f"{path}: 2 faults"
        assert faults == [
            "  line 2, column 7: `mode`: `enforc` is not one of audit, alert, approve, enforce: did you mean `enforce`?",  # noqa: E501 (one line of the output)
            "  line 3, column 1: unknown key `ruls` in the policy: did you mean `rules`?",
        ]

    def test_one_fault_is_one_fault(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["policy", "validate", self.write(tmp_path, "")]) == 64
        assert ": 1 fault\n" in Printed(capsys).out

    def test_the_exemptions_are_judged_with_their_policy(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        policy = self.write(tmp_path, "version: 1\n")
        exemptions = tmp_path / "exemptions.yaml"
        exemptions.write_text("version: 1\nexemptions: []\n", encoding="utf-8")
        arguments = ["policy", "validate", policy, "--exemptions", str(exemptions)]

        assert main(arguments) == 0
        assert f"{exemptions}: valid; 0 exemptions" in Printed(capsys).out.splitlines()
        exemptions.write_text("version: 1\nexemptions: [{ name: x }]\n", encoding="utf-8")
        assert main(arguments) == 64
        assert Printed(capsys).out.startswith(f"{exemptions}: ")

    def test_the_exemptions_can_be_judged_alone(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        exemptions = self.write(tmp_path, "version: 1\nexemptions: []\n")

        assert main(["policy", "validate", "--exemptions", exemptions]) == 0
        valid, alone = Printed(capsys).out.splitlines()
        assert valid == f"{exemptions}: valid; 0 exemptions"
        assert alone == "  by itself, each for 365d at most: a policy can say otherwise"
        self.write(tmp_path, "version: 1\nexemptions: [{ name: x }]\n")
        assert main(["policy", "validate", "--exemptions", exemptions]) == 64
        assert "line 2, column 14: exemption `x` has no `match`" in Printed(capsys).out

    def test_an_exemption_that_has_ended_is_a_warning_where_it_is_judged_alone(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        one = "name: x, match: { pools: [a] }, category: waiver, reason: r, owner: a, approver: b, ticket: t"
        text = f"version: 1\nexemptions: [{{ {one}, created: 2020-01-01, expires: 2020-02-01 }}]\n"

        assert main(["policy", "validate", "--exemptions", self.write(tmp_path, text)]) == 0
        assert "warning: line 2: exemption `x` ended on 2020-02-01" in Printed(capsys).out

    @pytest.mark.parametrize(
        ("option", "text", "said"),
        [
            (
                [],
                "exemptions: [{ name: x }]",
                "this is an exemptions file, not a policy: commands take it with `--exemptions`",
            ),
            (["--exemptions"], "mode: enforce", "this is a policy, not an exemptions file"),
        ],
    )
    def test_a_file_in_the_place_of_the_other_is_told_alone(
        self, option: list[str], text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["policy", "validate", *option, self.write(tmp_path, f"version: 1\n{text}\n")]) == 64
        title, fault = Printed(capsys).out.splitlines()
        assert title.endswith(": 1 fault")
        assert f"line 1, column 1: {said}" in fault

    def test_without_any_file_it_says_which_it_needs(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["policy", "validate"]) == 64
        assert "give the policy, or --exemptions and a file, or both" in Printed(capsys).err

    def test_the_faults_of_both_files_are_told_at_once(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        policy = self.write(tmp_path, "version: 1\nmode: enforc\n")
        exemptions = tmp_path / "exemptions.yaml"
        exemptions.write_text("version: 1\nexemptions: 3\n", encoding="utf-8")

        assert main(["policy", "validate", policy, "--exemptions", str(exemptions)]) == 64
        title, first, second = Printed(capsys).out.splitlines()
        assert title == f"{policy} and {exemptions}: 2 faults"
        assert first.startswith(f"  {policy}: line 2, column 7: `mode`")
        assert second.startswith(f"  {exemptions}: line 2, column 13: `exemptions` must be a list")

    def test_what_is_probably_not_meant_is_a_warning_and_no_fault(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = self.write(tmp_path, "version: 1\nnew_pools: { within: 1h, enforce_after: 2h }\n")

        assert main(["policy", "validate", path]) == 0
        (warning,) = [line for line in Printed(capsys).out.splitlines() if "warning" in line]
        assert "`enforce_after` is longer than `within`" in warning

    def test_the_policy_of_the_repository_is_valid(self, capsys: pytest.CaptureFixture[str]) -> None:
        path = Path(__file__).parents[2] / "policy.yaml"

        assert main(["policy", "validate", str(path)]) == 0
        assert "mode audit" in Printed(capsys).out

    def test_a_file_that_is_not_there_is_one_clear_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["policy", "validate", "nowhere.yaml"]) == 64
        assert Printed(capsys).err == "fipswarden: nowhere.yaml can't be read: No such file or directory\n"

    def test_a_folder_is_one_clear_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["policy", "validate", str(tmp_path)]) == 64
        assert Printed(capsys).err == f"fipswarden: {tmp_path} can't be read: Is a directory\n"

    def test_a_file_of_another_encoding_is_one_clear_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "policy.yaml"
        path.write_bytes("version: 1 # ä".encode("latin-1"))

        assert main(["policy", "validate", str(path)]) == 64
        printed = Printed(capsys)
        assert printed.err.startswith(f"fipswarden: {path} is not UTF-8")
        assert printed.err.count("\n") == 1

    def test_a_text_that_the_app_would_not_use_for_its_length_is_not_valid(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "long.yaml"
        path.write_text("version: 1\n" + "# so it is\n" * 100_000, encoding="utf-8")

        assert main(["policy", "validate", str(path)]) == 64
        assert capsys.readouterr().err.startswith(f"fipswarden: {path}: more than 1024 kB; it must be smaller")


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    "arguments",
    [
        ["posture", "aks-pay"],
        ["posture", ""],
        ["evidence", "show", "aks-pay"],
        ["look", "aks-pay"],
        ["look", "../../x"],
    ],
)
def test_what_is_no_cluster_is_one_clear_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64

    printed = Printed(capsys)
    assert printed.out == ""
    said = "is neither group/name, as `posture` prints it, nor a cluster's ARM id"
    assert printed.err == f"fipswarden: {arguments[-1]!r} {said}\n"


@pytest.mark.usefixtures("app")
def test_an_arm_id_of_something_else_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["look", "/subscriptions/x"]) == 64
    assert Printed(capsys).err == "fipswarden: '/subscriptions/x' is not the ARM id of an AKS cluster\n"


class TestGroupAndName:
    """A cluster may be named as `posture` prints it."""

    def test_it_is_the_cluster_of_the_posture_table(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        app.looked(BAD)

        assert main(["look", "RG-Pay/aks-pay"]) == 0
        assert app.queue.messages[0].request.cluster == cluster_id()
        assert main(["posture", "rg-pay/aks-pay"]) == 1
        assert "batch      non_compliant" in Printed(capsys).out

    def test_one_that_nobody_knows_is_one_clear_line(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["look", "rg-pay/aks-typo"]) == 64
        assert app.queue.messages == []
        assert Printed(capsys).err == (
            "fipswarden: 'rg-pay/aks-typo' has not been looked at: give its ARM id, or see `fipswarden posture`\n"
        )

    def test_one_that_is_two_is_one_clear_line_with_both_ids(
        self, app: App, capsys: pytest.CaptureFixture[str]
    ) -> None:
        app.looked(BAD)
        app.looked(BAD, subscription=OTHER_SUBSCRIPTION)

        assert main(["look", "rg-pay/aks-pay"]) == 64
        err = Printed(capsys).err
        assert err.count("\n") == 1
        assert "is not one cluster but 2" in err
        assert ID in err
        assert OTHER_SUBSCRIPTION in err


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize("arguments", [["posture", "x"], ["look", "x"], ["evidence", "show", "x"]])
def test_what_is_no_cluster_is_said_before_what_is_missing(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments)

    assert Printed(capsys).err.startswith("fipswarden: 'x' is neither group/name")


@pytest.mark.usefixtures("unset")
def test_missing_settings_are_told_all_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["posture"]) == 64

    lines = Printed(capsys).err.splitlines()
    assert lines[0] == "settings:"
    assert len(lines) == 5
    assert all("AzureWebJobsStorage" in line and "ServiceUri: missing" in line for line in lines[1:4])
    assert "azd env get-values" in lines[4], "what to do comes last"


@pytest.mark.parametrize(
    "error",
    [
        ServiceRequestError("no\n such host"),
        PermissionError(13, "no such host"),
        TransientError("\x1b]0;no such host"),
    ],
)
def test_storage_that_cannot_be_reached_is_one_clear_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def table(_: str) -> None:
        raise error

    monkeypatch.setattr(bootstrap, "table", table)

    assert main(["posture"]) == 69
    err = Printed(capsys).err
    assert err.startswith("fipswarden: ")
    assert "no such host" in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


class TestEnds:
    """How a command ends that was broken off, from inside or from outside."""

    def failing(self, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
        def table(_: str) -> None:
            raise error

        monkeypatch.setattr(bootstrap, "table", table)
        monkeypatch.delenv("FIPSWARDEN_DEBUG", raising=False)

    @pytest.mark.parametrize("error", [KeyError("pools"), ValueError("a bug\nof ours"), AssertionError()])
    def test_a_crash_is_one_line_that_says_how_to_see_more(
        self, error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.failing(monkeypatch, error)

        assert main(["posture"]) == 70

        err = Printed(capsys).err
        assert err.startswith(f"fipswarden: crashed, {type(error).__name__}: ")
        assert "FIPSWARDEN_DEBUG=1" in err
        assert err.count("\n") == 1

    def test_a_crash_shows_its_traceback_to_who_asks(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.failing(monkeypatch, KeyError("pools"))
        monkeypatch.setenv("FIPSWARDEN_DEBUG", "1")

        assert main(["posture"]) == 70

        assert "Traceback (most recent call last)" in Printed(capsys).err

    def test_ctrl_c_is_130_and_says_nothing(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.failing(monkeypatch, KeyboardInterrupt())

        assert main(["posture"]) == 130
        assert Printed(capsys).err == ""

    def test_a_reader_that_goes_away_is_no_error(self, tmp_path: Path) -> None:
        program = "import sys; from cli.main import main; sys.exit(main())"
        read, write = os.pipe()
        os.close(read)
        path = tmp_path / "policy.yaml"
        path.write_text("version: 1", encoding="utf-8")

        done = subprocess.run(
            [sys.executable, "-c", program, "policy", "validate", str(path)],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )

        os.close(write)
        assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    "arguments",
    [[], ["polcy"], ["policy"], ["pause"], ["evidence"], ["evidence", "show"], ["evidence", "show", ID, "one"]],
)
def test_wrong_arguments_say_what_is_possible(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 64
    err = Printed(capsys).err
    assert err.startswith("usage: fipswarden")
    assert "Traceback" not in err


def test_the_version_is_the_apps(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])

    assert caught.value.code == 0
    assert Printed(capsys).out == f"fipswarden {__version__}\n"


class TestPosture:
    """`fipswarden posture [CLUSTER]`."""

    def test_of_all_clusters_it_is_a_table(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        app.looked(BAD)
        app.looked(GONE, "aks-gone")
        app.looked(judged(cluster(), rules=OUT_OF_SCOPE), "aks-out")

        assert main(["posture"]) == 1
        assert Printed(capsys).out.splitlines() == [
            "cluster         state          node pools  evidence  as of (UTC)",
            "rg-pay/aks-pay  non_compliant  2           3         2026-11-23 09:30",
        ]

    def test_what_the_last_resync_could_not_see_stands_at_the_end_and_is_unknown(
        self, app: App, capsys: pytest.CaptureFixture[str]
    ) -> None:
        app.looked(GOOD)
        app.resynced(Counts(NOW, 1, blind=3, gaps=("subscription s1", "/subscriptions/s2/x")))

        assert main(["posture"]) == 2
        said = (
            "3 clusters or subscriptions could not be judged at all (subscription s1, /subscriptions/s2/x, ...): "
            "they count as unknown."
        )
        last = Printed(capsys).out.splitlines()[-1]
        assert last.startswith(f"the resync of 2026-11-23 09:30 UTC: {said} The next resync counts anew; ")
        assert main(["posture", "--json"]) == 2
        found = json.loads(Printed(capsys).out)
        gaps = ["subscription s1", "/subscriptions/s2/x"]
        resync = {"at": "2026-11-23T09:30:04.000000Z", "blind": 3, "gaps": gaps}
        assert (found["resync"], found["unseen"]) == (resync, said)

    @pytest.mark.parametrize("counts", [None, Counts(NOW - timedelta(hours=4), 1)], ids=["never", "long ago"])
    def test_without_a_late_resync_nobody_knows_what_is_missing(
        self, app: App, counts: Counts | None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        app.looked(GOOD)
        app.resynced(counts)

        assert main(["posture"]) == 2
        assert "whether there are more clusters is not known" in Printed(capsys).out.splitlines()[-1]

    def test_what_is_bad_comes_before_what_nobody_saw(self, app: App) -> None:
        app.looked(BAD)
        app.resynced(Counts(NOW, 1, blind=3))

        assert main(["posture"]) == 1

    def test_what_nobody_renews_is_unknown(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        app.looked(GOOD, due=timedelta(days=-1))

        assert main(["posture"]) == 2
        assert "rg-pay/aks-pay  unknown (overdue)  " in Printed(capsys).out
        assert main(["posture", "--json"]) == 2
        (found,) = json.loads(Printed(capsys).out)["clusters"]
        assert (found["state"], found["overdue"]) == ("unknown", True)
        assert main(["posture", ID]) == 2
        out = Printed(capsys).out
        assert "apps       unknown (overdue)  NodesProven" in out
        assert "the looks that were due have not come" in out

    def test_a_pause_stands_at_the_top(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        app.looked(BAD)
        main(["pause", "--reason", "incident 7"])
        Printed(capsys)

        main(["posture"])

        first = Printed(capsys).out.splitlines()[0]
        assert first == f"paused by {ANA}: incident 7; nothing new is begun until `fipswarden resume`"

    def test_of_all_clusters_it_is_json_for_programs(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        app.looked(BAD)

        assert main(["posture", "--json"]) == 1
        (found,) = json.loads(Printed(capsys).out)["clusters"]
        assert (found["cluster"], found["state"], found["seq"]) == (ID, "non_compliant", 3)
        assert found["overdue"] is False

    def test_of_one_cluster_it_says_why(self, app: App, capsys: pytest.CaptureFixture[str]) -> None:
        app.looked(BAD)

        assert main(["posture", ID]) == 1
        lines = Printed(capsys).out.splitlines()
        assert lines[:6] == [
            "as of 2026-11-23 09:30 UTC",
            "node pool  state          reason        mode     rule",
            "apps       compliant      NodesProven   enforce  default",
            "batch      non_compliant  FipsDisabled  enforce  default",
            "",
            "findings",
        ]
        assert "  batch: enableFIPS is false: the pool runs a non-FIPS image." in lines[6:]

    def test_of_one_cluster_it_is_the_whole_posture_for_programs(
        self, app: App, capsys: pytest.CaptureFixture[str]
    ) -> None:
        app.looked(BAD)

        assert main(["posture", ID, "--json"]) == 1
        assert typed(Posture, json.loads(Printed(capsys).out)) == BAD

    def test_nodes_that_disagree_are_bad(self, app: App) -> None:
        app.looked(judged(cluster(), memory(apps=proof(disagreeing=("n1",)))))

        assert main(["posture"]) == 1

    def test_what_is_out_of_scope_is_never_overdue(self, app: App) -> None:
        app.looked(judged(cluster(), rules=OUT_OF_SCOPE), due=timedelta(days=-1))

        assert main(["posture", ID]) == 0

    def test_what_is_well_is_zero_and_so_is_nothing(self, app: App) -> None:
        assert main(["posture"]) == 0
        app.looked(GOOD)

        assert main(["posture"]) == 0
        assert main(["posture", ID]) == 0

    @pytest.mark.parametrize(
        ("posture", "said", "code"),
        [
            (
                evaluate(Unreadable("Forbidden", "Assign\x1b[2J the role.", None), Memory(), ENFORCING, None, NOW),
                "  the cluster: Assign?[2J the role.",
                2,
            ),
            (
                judged(cluster(), rules=OUT_OF_SCOPE),
                "the policy excludes this cluster: it has no state",
                0,
            ),
        ],
    )
    def test_of_a_cluster_without_verdicts_it_says_why(
        self, app: App, posture: Posture, said: str, code: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        app.looked(posture)

        assert main(["posture", ID]) == code

        assert said in Printed(capsys).out.splitlines()

    @pytest.mark.usefixtures("app")
    def test_of_a_cluster_that_nobody_looked_at_it_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["posture", ID]) == 2
        assert Printed(capsys).out == (
            "nothing is known of rg-pay/aks-pay: it does not exist, the policy leaves it out, or no look has come yet; "
            "`fipswarden check --fresh` reads the fleet from ARM\n"
        )

    @pytest.mark.usefixtures("app")
    def test_of_a_cluster_that_nobody_looked_at_programs_get_unknown(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["posture", ID, "--json"]) == 2
        found = json.loads(Printed(capsys).out)
        assert (found["cluster"], found["state"]) == (ID, "unknown")

    @pytest.mark.usefixtures("app")
    def test_of_a_cluster_elsewhere_it_says_that_nobody_looks_there(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", OTHER_SUBSCRIPTION)

        assert main(["posture", ID]) == 2
        said = f"rg-pay/aks-pay is not looked at: FIPSWARDEN_SUBSCRIPTIONS leaves out {SUBSCRIPTION}\n"
        assert Printed(capsys).out == said


def test_a_look_is_queued_with_the_name_of_who_asked(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["look", ID]) == 0

    (message,) = app.queue.messages
    assert (message.request.cluster, message.request.cause) == (cluster_id(), f"cli: {ANA}")
    out = Printed(capsys).out
    assert "queued: rg-pay/aks-pay will be looked at" in out
    assert "if it does not exist, there will be no verdict" in out


def test_a_look_names_the_cluster_as_it_was_named(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.looked(GOOD)

    main(["look", "rg-pay/aks-pay"])

    assert "`fipswarden posture rg-pay/aks-pay` shows the verdicts" in Printed(capsys).out


def test_a_look_at_a_known_cluster_says_when_nodes_are_asked_again(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    app.looked(GOOD)

    assert main(["look", ID]) == 0

    out = Printed(capsys).out
    assert "nodes are asked again" in out
    assert "no verdict" not in out


def test_a_look_while_the_setting_has_a_fault_is_refused_with_it(
    app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", f"{SUBSCRIPTION},typo")

    assert main(["look", ID]) == 64

    assert app.queue.messages == []
    assert "FIPSWARDEN_SUBSCRIPTIONS: 'typo' is not a subscription id" in Printed(capsys).err


def test_a_look_outside_the_setting_is_refused(
    app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", OTHER_SUBSCRIPTION)

    assert main(["look", ID]) == 64

    assert app.queue.messages == []
    assert Printed(capsys).err == (
        f"fipswarden: rg-pay/aks-pay is not looked at: FIPSWARDEN_SUBSCRIPTIONS leaves out {SUBSCRIPTION}\n"
    )


def test_who_has_no_name_may_ask_too(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)

    assert main(["pause", "--reason", "incident 7"]) == 0

    (alert,) = app.alerts.sent
    assert alert.text.startswith(f"Paused by {ANA}: incident 7.")


@pytest.mark.parametrize(
    "command", [["look", ID], ["pause", "--reason", "why"], ["policy", "approve", "local/policy.yaml"]], ids=" ".join
)
def test_who_has_no_object_id_asks_nothing(
    command: list[str], app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody() -> str:
        raise InputError("the token has no object id")

    monkeypatch.setattr(bootstrap, "caller", nobody)
    before = read_budget(app.tables["rollout"])

    assert main(command) == 64
    assert Printed(capsys).err == "fipswarden: the token has no object id\n"
    assert (read_budget(app.tables["rollout"]), app.queue.messages, app.alerts.sent) == (before, [], [])


def test_a_pause_keeps_who_and_why_until_somebody_resumes(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause", "--reason", "incident 7"]) == 0

    budget = read_budget(app.tables["rollout"])
    assert (budget.paused, budget.paused_by) == (True, f"{ANA}: incident 7")
    assert main(["resume"]) == 0
    assert not read_budget(app.tables["rollout"]).paused
    assert (
        Printed(capsys).out.splitlines()[-1]
        == f"resumed (it was paused by {ANA}: incident 7); 0 clusters will be looked at now"
    )


def test_resume_queues_a_look_at_what_may_have_waited(
    app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", SUBSCRIPTION)
    main(["pause", "--reason", "incident 7"])
    Printed(capsys)
    app.looked(BAD)
    app.looked(GOOD, "aks-good")
    app.looked(GONE, "aks-gone")
    app.looked(BAD, subscription=OTHER_SUBSCRIPTION)

    assert main(["resume"]) == 0

    assert [(one.request.cluster, one.request.cause) for one in app.queue.messages] == [
        (cluster_id(), f"cli: {ANA} let remediations go on")
    ]
    assert Printed(capsys).out == (f"resumed (it was paused by {ANA}: incident 7); 1 cluster will be looked at now\n")


@pytest.mark.parametrize(("reason", "said"), [("", "say why"), (" \n", "say why"), ("x" * 501, "too many")])
def test_a_pause_without_a_usable_reason_is_refused(
    reason: str, said: str, app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["pause", "--reason", reason])

    assert caught.value.code == 64
    assert said in Printed(capsys).err
    assert not read_budget(app.tables["rollout"]).paused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "--policy", "a.yaml", "--policy", "b.yaml"], "check: argument --policy: is given more than once"),
        (["check", "--exemptions", "a", "--exemptions=b"], "check: argument --exemptions: is given more than once"),
        (["forecast", "--until", "2027-01-01", "--until", "2027-02-01"], "argument --until: is given more than once"),
        (["check", "ok.json"], "fipswarden check: too many, or not known here: ok.json; a saved fleet is given with"),
        (["policy", "validate", "a", "b"], "fipswarden policy validate: too many, or not known here: b"),
        (["check", "--polcy", "a"], "fipswarden check: too many, or not known here: --polcy a"),
    ],
)
def test_an_argument_that_would_be_passed_over_is_refused_by_its_name(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "a.yaml", "b.yaml"):
        (tmp_path / name).write_text("version: 1\n", encoding="utf-8")

    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 64
    printed = Printed(capsys).err
    assert said in printed
    assert printed.startswith(f"usage: fipswarden {arguments[0]}"), "of the command, not of the whole program"


def test_an_option_that_adds_up_may_be_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "fleet.json"
    saved.write_text("[]", encoding="utf-8")

    assert main(["check", "--from", str(saved), "--from", str(saved)]) == 0
    assert "more than once" not in Printed(capsys).err
