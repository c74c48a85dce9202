"""`fipswarden check`: the fleet judged live or as it was saved, what is printed, and what is returned."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from hypothesis import given
from hypothesis import strategies as st

from cli.check import BUILT_IN
from cli.fleet import read_patiently
from cli.main import main
from cli.report import print_report
from cli.verdicts import Judge, Verdicts
from local import seed
from local.ports import WorldClusters, WorldFleet
from shared import bootstrap
from shared.adapters.graph import GraphFleet
from shared.domain.ids import ClusterId
from shared.domain.model import ClusterRead, ComplianceState, Gone, Unreadable
from shared.domain.observe import read_cluster
from shared.domain.pages import Gap
from shared.domain.policy_reader import read_policy
from shared.domain.rulebook import Rulebook
from shared.domain.saved import read_saved
from shared.ports import Clusters, FleetHint
from tests.builders import (
    DATA,
    NOW,
    OTHER_SUBSCRIPTION,
    SUBSCRIPTION,
    arm_cluster,
    cluster_id,
    disabled,
    printed_by_az,
    profile,
)
from tests.unit.strategies import any_text, arm_clusters

ID = cluster_id().arm_id
OTHER_ID = cluster_id("aks-other").arm_id
GOOD = arm_cluster()
BAD = arm_cluster(profile(), disabled("batch"))
UNKNOWN = arm_cluster(profile(enableFIPS="true"))

Capture = pytest.CaptureFixture[str]
Save = Callable[..., str]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Save JSON as a file; returns its path."""

    def write(value: Any, name: str = "fleet.json") -> str:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return str(path)

    return write


def as_json(capsys: Capture, *arguments: str) -> dict[str, Any]:
    main(["check", *arguments, "--output", "json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def as_csv(capsys: Capture, *arguments: str) -> list[dict[str, str]]:
    main(["check", *arguments, "--output", "csv"])
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))


def verdicts(*bodies: dict[str, Any]) -> Verdicts:
    """The verdicts on some saved clusters by the built-in policy."""
    judge = Judge(Rulebook(read_policy(BUILT_IN)), NOW)
    judge.judge(read_saved(json.dumps({"value": bodies}).encode(), "fleet.json").entries())
    return judge.verdicts()


class TestExitCode:
    """What is returned: the worst decides."""

    @pytest.mark.parametrize(
        ("saved", "code"),
        [
            ([], 0),
            ([GOOD], 0),
            ([UNKNOWN], 2),
            ([BAD], 1),
            ([UNKNOWN, {**BAD, "id": OTHER_ID}], 1),
            ([GOOD, {"id": OTHER_ID, "agentPoolProfiles": None}], 2),
            ([GOOD, None], 2),
            ({"value": [GOOD], "nextLink": "https://next"}, 2),
            ({"value": [BAD], "nextLink": "https://next"}, 1),
        ],
    )
    @pytest.mark.parametrize("output", ["table", "json", "csv"])
    def test_it_is_the_same_in_every_output(self, saved: Any, code: int, output: str, save: Save) -> None:
        assert main(["check", "--from", save(saved), "--output", output]) == code

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--from", "nowhere.json"],
            ["--from", "."],
            ["--from", "-", "-"],
            ["--from", "pyproject.toml"],
            ["--from", str(DATA / "saved" / "az_2.91.0.aks_show.json"), "--fresh"],
            ["--from", str(DATA / "saved" / "az_2.91.0.aks_show.json"), "--policy", "nowhere.yaml"],
            ["--from", str(DATA / "saved" / "az_2.91.0.aks_show.json"), "--policy", "pyproject.toml"],
        ],
    )
    def test_bad_input_is_64_and_judges_nothing(self, arguments: list[str], capsys: Capture) -> None:
        assert main(["check", *arguments]) == 64

        printed = capsys.readouterr()
        assert printed.out == ""
        assert "Traceback" not in printed.err
        assert len(printed.err) > 20

    @pytest.mark.parametrize("arguments", [["--from"], ["--output", "xml"], ["--newest"], ["extra"]])
    def test_bad_usage_is_64(self, arguments: list[str], capsys: Capture) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["check", *arguments])

        assert caught.value.code == 64
        assert capsys.readouterr().err.startswith("usage: fipswarden")

    def test_one_bad_file_among_good_ones_is_64(self, save: Save) -> None:
        assert main(["check", "--from", save([BAD]), save("nonsense", "other.json")]) == 64

    def test_a_reader_that_goes_away_does_not_change_the_verdict(self) -> None:
        read, write = os.pipe()
        os.close(read)
        program = "import sys; from cli.main import main; sys.exit(main())"
        files = str(DATA / "saved" / "az_2.91.0.aks_list.json")

        done = subprocess.run(
            [sys.executable, "-c", program, "check", "--from", files],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )

        os.close(write)
        assert (done.returncode, done.stderr) == (1, b"")


class TestFiles:
    """What is judged with `--from`."""

    def test_several_files_are_one_fleet(self, save: Save, capsys: Capture) -> None:
        one, other = save([printed_by_az(BAD)]), save({"value": [{**GOOD, "id": OTHER_ID}]}, "other.json")

        apart = as_json(capsys, "--from", one, "--from", other)
        together = as_json(capsys, "--from", one, other)

        assert apart["pools"] == together["pools"]
        assert apart["summary"] | {"non_compliant": 1, "compliant": 2} == apart["summary"]

    def test_a_dash_is_standard_input(self, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps([BAD, None]).encode())))

        found = as_json(capsys, "--from", "-")

        assert found["summary"]["non_compliant"] == 1
        assert found["clusters"][0]["where"] == "standard input, entry 2"

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_cluster_that_comes_twice_counts_once_and_as_bad_as_it_can_be(
        self, order: int, save: Save, capsys: Capture
    ) -> None:
        files = [save([printed_by_az(arm_cluster(disabled("apps"), profile("system")))]), save([GOOD], "new.json")]

        found = as_json(capsys, "--from", *files[::order])

        assert [(pool["pool"], pool["state"]) for pool in found["pools"]] == [
            ("apps", "non_compliant"),
            ("system", "compliant"),
        ]
        (note,) = found["notes"]
        assert note == (
            "1 cluster came more than once (rg-pay/aks-pay): "
            "which is fresher can't be known, so the worse verdict counts"
        )
        assert found["coverage"] == []

    def test_of_many_that_come_twice_some_are_named(self, save: Save, capsys: Capture) -> None:
        bodies = [{**GOOD, "id": cluster_id(f"aks-{number}").arm_id} for number in range(5)]

        main(["check", "--from", save(bodies), save(bodies, "again.json")])

        err = capsys.readouterr().err
        assert "5 clusters came more than once (rg-pay/aks-0, rg-pay/aks-1, rg-pay/aks-2 ...)" in err

    def test_what_is_malformed_is_an_unknown_row(self, save: Save, capsys: Capture) -> None:
        found = as_json(capsys, "--from", save([GOOD, {**GOOD, "id": 7}, {"id": OTHER_ID, "properties": "x"}]))

        rows = {row["where"][-7:]: (row["id"], row["state"]) for row in found["clusters"]}
        assert rows == {"entry 2": (None, "unknown"), "entry 3": (OTHER_ID, "unknown")}
        assert found["summary"]["unknown"] == 2

    def test_a_pool_that_cannot_be_read_leaves_the_others_judged(self, save: Save, capsys: Capture) -> None:
        found = as_json(capsys, "--from", save([arm_cluster(disabled("batch"), {"name": 7})]))

        assert [pool["state"] for pool in found["pools"]] == ["non_compliant"]
        assert [(row["id"], row["state"]) for row in found["clusters"]] == [(ID, "unknown")]

    @pytest.mark.parametrize("odd", [{"name": "=cmd|calc"}, 7])
    @pytest.mark.parametrize("others", [[], [profile()]])
    def test_each_pool_that_cannot_be_read_is_a_row_and_no_pool_is_said_to_be_missing(
        self, odd: Any, others: list[Any], save: Save, capsys: Capture
    ) -> None:
        path = save([arm_cluster(odd, odd, *others)])

        found = as_json(capsys, "--from", path, path)

        reasons = [finding["reason"] for row in found["clusters"] for finding in row["findings"]]
        assert reasons == ["Unintelligible", "Unintelligible"]
        assert (found["summary"]["unknown"], len(found["pools"])) == (2, len(others))

    def test_a_list_that_is_not_whole_is_told(self, save: Save, capsys: Capture) -> None:
        path = save({"data": [GOOD], "total_records": 3})

        assert main(["check", "--from", path]) == 2
        assert f"fipswarden: not seen, so unknown: {path}: ListIncomplete: " in capsys.readouterr().err
        found = as_json(capsys, "--from", path)
        assert [(gap["source"], gap["reason"]) for gap in found["coverage"]] == [(path, "ListIncomplete")]

    def test_other_resources_are_told_and_left_out(self, save: Save, capsys: Capture) -> None:
        vm = {"id": f"/subscriptions/{SUBSCRIPTION}/x", "type": "Microsoft.Compute/virtualMachines"}

        assert main(["check", "--from", save({"data": [vm, GOOD]})]) == 0
        assert "1 resource of other types left out" in capsys.readouterr().err

    def test_what_is_nested_too_deeply_is_unknown(self, save: Save, capsys: Capture) -> None:
        deep: Any = {}
        for _ in range(600):
            deep = {"a": deep}

        found = as_json(capsys, "--from", save([arm_cluster(profile(somethingNew=deep))]))

        assert found["summary"]["compliant"] + found["summary"]["unknown"] == 1

    def test_neither_azure_nor_kubernetes_is_loaded(self) -> None:
        files = str(DATA / "saved" / "az_2.91.0.aks_list.json")
        code = (
            "import sys; from cli.main import main; main(sys.argv[1:]);"
            "print(*[name for name in sys.modules if name.split('.')[0] in "
            "('azure', 'msal', 'requests', 'kubernetes', 'aiohttp', 'rich')], file=sys.stderr)"
        )
        for arguments in (["--from", files], ["--from", files, "--output", "json"], ["--from", "nowhere.json"]):
            done = subprocess.run(
                [sys.executable, "-c", code, "check", *arguments], capture_output=True, text=True, check=True
            )
            assert done.stderr.splitlines()[-1].strip() == ""


class TestPolicy:
    """By what is judged."""

    def test_without_one_fips_is_required_and_the_control_planes_word_is_enough(
        self, save: Save, capsys: Capture
    ) -> None:
        found = as_json(capsys, "--from", save([BAD]))

        assert [(pool["pool"], pool["state"], pool["mode"], pool["rule"]) for pool in found["pools"]] == [
            ("batch", "non_compliant", "audit", "default"),
            ("apps", "compliant", "audit", "default"),
        ]

    def test_proof_of_the_nodes_is_not_there(self, save: Save, capsys: Capture) -> None:
        policy = save("version: 1\nproof: { level: node }\n", "policy.yaml")

        found = as_json(capsys, "--from", save([GOOD]), "--policy", policy)

        assert found["pools"][0]["state"] == "unknown"
        assert "ProofMissing" in [finding["reason"] for finding in found["pools"][0]["findings"]]

    def test_also_where_there_is_no_etag_it_says_that_nodes_are_not_asked(self, save: Save, capsys: Capture) -> None:
        profiles = [{**GOOD["properties"]["agentPoolProfiles"][0], "eTag": None}]
        graph = {**GOOD, "properties": {**GOOD["properties"], "agentPoolProfiles": profiles}}
        policy = save("version: 1\nproof: { level: node }\n", "policy.yaml")

        found = as_json(capsys, "--from", save([graph]), "--policy", policy)

        told = {finding["reason"]: finding["message"] for finding in found["pools"][0]["findings"]}
        assert told["ProofMissing"] == "Nodes are not asked here: `fipswarden posture` shows what the app has proven."
        assert "ETagMissing" not in told

    def test_what_it_excludes_has_no_state_and_is_listed(self, save: Save, capsys: Capture) -> None:
        policy = save("version: 1\nscope: { exclude: [{ clusters: [aks-pay] }] }\n", "policy.yaml")
        arguments = ["--from", save([BAD, BAD]), "--policy", policy]

        assert main(["check", *arguments]) == 2
        printed = capsys.readouterr()
        assert printed.out.splitlines() == [
            "excluded by the policy: rg-pay/aks-pay",
            "0 node pools; 1 cluster excluded: nothing was judged",
        ]
        assert printed.err.count("nothing was judged: the policy's scope leaves out every cluster that was read") == 1
        found = as_json(capsys, *arguments)
        assert found["excluded"] == [{"id": ID, "cluster": "rg-pay/aks-pay"}]
        assert (found["pools"], set(found["summary"].values())) == ([], {0})
        (row,) = as_csv(capsys, *arguments)
        assert (row["id"], row["state"], row["reason"]) == (ID, "", "Excluded")

    def test_that_some_are_excluded_is_nothing_unknown(self, save: Save) -> None:
        policy = save(
            "version: 1\nproof: { level: control-plane }\nscope: { exclude: [{ clusters: [aks-pay] }] }\n",
            "policy.yaml",
        )

        assert main(["check", "--from", save([BAD, {**GOOD, "id": OTHER_ID}]), "--policy", policy]) == 0

    def test_what_is_probably_not_meant_is_told(self, save: Save, capsys: Capture) -> None:
        rules = "rules: [{ name: typo, mode: audit, match: { clusters: [aks-py], os_skus: [Ubunto] } }]\n"
        rings = "rings: [{ name: test, match: { pools: [gone] } }, { name: rest }]\n"
        policy = save(f"version: 1\n{rules}{rings}", "policy.yaml")

        found = as_json(capsys, "--from", save([GOOD]), "--policy", policy)
        in_part = as_json(capsys, "--from", save([GOOD, None]), "--policy", policy)

        said = ["Ubunto", "RING `test`", "Ubunto", "aks-py", "gone"]
        assert [word in note for word, note in zip(said, found["notes"], strict=True)] == [True] * 5
        assert [("Ubunto" in note) for note in in_part["notes"]] == [True]

    def test_a_cluster_that_is_excluded_in_one_file_alone_is_judged(self, save: Save, capsys: Capture) -> None:
        policy = save("version: 1\nscope: { exclude: [{ tags: { env: lab } }] }\n", "policy.yaml")
        one, other = save([{**BAD, "tags": {"env": "lab"}}]), save([BAD], "other.json")

        found = as_json(capsys, "--from", one, other, "--policy", policy)

        assert (found["excluded"], found["summary"]["non_compliant"]) == ([], 1)

    def test_its_faults_are_told_without_a_hint_to_settings(self, save: Save, capsys: Capture) -> None:
        policy = save("version: 1\nruls: []\n", "policy.yaml")

        assert main(["check", "--from", save([GOOD]), "--policy", policy]) == 64
        err = capsys.readouterr().err
        assert err.startswith(f"{policy}:\n  line 2, column 1: unknown key `ruls`")
        assert "azd" not in err


class TestTable:
    """For people."""

    def test_that_a_pool_cannot_be_switched_as_it_is_says_more_than_that_it_is_off(
        self, save: Save, capsys: Capture
    ) -> None:
        incapable = arm_cluster(disabled(osSKU="Ubuntu2404", nodeImageVersion="AKSUbuntu-2404containerd-202611.03.0"))

        assert main(["check", "--from", save([incapable])]) == 1

        assert re.split(" {2,}", capsys.readouterr().out.splitlines()[1])[2:4] == ["non_compliant", "OsSkuIncapable"]

    def test_it_is_aligned_with_the_worst_first_and_ends_with_counts(self, save: Save, capsys: Capture) -> None:
        main(["check", "--from", save([{**UNKNOWN, "id": OTHER_ID}, BAD])])

        lines = capsys.readouterr().out.splitlines()
        assert [re.split(" {2,}", line)[:4] for line in lines[:-1]] == [
            ["cluster", "node pool", "state", "reason"],
            ["rg-pay/aks-pay", "batch", "non_compliant", "FipsDisabled"],
            ["rg-pay/aks-other", "apps", "unknown", "FlagUnreadable"],
            ["rg-pay/aks-pay", "apps", "compliant", "ImageFips"],
        ]
        assert len({re.search(r"non_compliant|unknown|compliant|state", line).start() for line in lines[:-1]}) == 1  # type: ignore[union-attr]
        assert lines[-1] == "3 node pools: 1 non_compliant, 1 unknown, 1 compliant"

    def test_nothing_is_said_to_be_nothing(self, save: Save, capsys: Capture) -> None:
        assert main(["check", "--from", save([])]) == 0
        assert capsys.readouterr().out == "0 node pools: nothing was judged\n"

    def test_the_counts_name_what_is_no_pool(self, save: Save, capsys: Capture) -> None:
        main(["check", "--from", save({"value": [BAD, None], "nextLink": "x"})])

        _, *rows, counts = capsys.readouterr().out.splitlines()
        assert [re.findall("non_compliant|unknown|compliant", row)[0] for row in rows] == [
            "non_compliant",
            "unknown",
            "compliant",
        ], "pools and clusters in one order"
        assert counts == (
            "2 node pools; 1 cluster with findings of no pool; 1 part of the fleet not seen: "
            "1 non_compliant, 1 unknown, 1 compliant"
        )

    @pytest.mark.parametrize("columns", [20, 60, 80, 100, 400])
    def test_on_a_terminal_names_states_and_reasons_stay_whole_and_messages_fit(
        self, columns: int, save: Save, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

        main(["check", "--from", save([{**BAD, "id": cluster_id("aks-payments-prod", group="rg-payments").arm_id}])])

        *rows, counts = capsys.readouterr().out.splitlines()
        assert counts == "2 node pools: 1 non_compliant, 1 compliant"
        (row,) = [row for row in rows if row.startswith("rg-payments/aks-payments-prod  batch")]
        assert re.split(" {2,}", row)[1:4] == ["batch", "non_compliant", "FipsDisabled"]
        assert ("enableFIPS is false" in row) == (columns >= 100)
        assert len([row for row in rows if "enableFIPS is" in row or "    enableFIP" in row]) == 1
        assert all(len(row) <= max(columns, 69) for row in rows)

    def test_a_terminal_that_lacks_a_letter_gets_its_escape(self, save: Save) -> None:
        path = save([{**BAD, "id": cluster_id(group="rg-zürich").arm_id}])
        program = "import sys; from cli.main import main; sys.exit(main())"

        done = subprocess.run(
            [sys.executable, "-c", program, "check", "--from", path],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=False,
        )

        assert (done.returncode, done.stderr) == (1, b"")
        assert b"rg-z\\xfcrich/aks-pay" in done.stdout

    def test_what_would_steer_a_terminal_does_not_reach_it(self, save: Save, capsys: Capture) -> None:
        hostile = "AKS-fips\x7f\x1b[2J\u202e\x07\ud800\n"
        path = save([arm_cluster(profile(nodeImageVersion=hostile, osSKU="\x1b]0;x"), disabled(osSKU="\x9b7m"))])

        for output in ("table", "csv", "json"):
            main(["check", "--from", path, "--output", output])
            out = capsys.readouterr().out
            assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e\ud800]", out)


class TestCsv:
    """For spreadsheets."""

    def test_each_pool_is_a_row_with_its_id(self, save: Save, capsys: Capture) -> None:
        first, second = as_csv(capsys, "--from", save([BAD]))

        assert first == {
            "id": f"{ID}/agentPools/batch",
            "cluster": "rg-pay/aks-pay",
            "node pool": "batch",
            "state": "non_compliant",
            "reason": "FipsDisabled",
            "message": first["message"],
            "mode": "audit",
            "rule": "default",
        }
        assert second["state"] == "compliant"

    def test_its_lines_end_as_rfc_4180_asks(self, save: Save, capsys: Capture) -> None:
        main(["check", "--from", save([BAD]), "--output", "csv"])

        out = capsys.readouterr().out
        assert out.count("\r\n") == out.count("\n") == 3

    @pytest.mark.parametrize(
        ("text", "cell"),
        [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "'?=1"),
            ("\r=1", "'?=1"),
            ("a=1", "a=1"),
            ('say "no", then', 'say "no", then'),
        ],
    )
    def test_no_cell_is_a_formula(self, text: str, cell: str) -> None:
        judge = Judge(Rulebook(read_policy(BUILT_IN)), NOW)
        judge.gaps.append(Gap(text, text, text))

        (row,) = csv.DictReader(io.StringIO(printed(judge.verdicts(), "csv"), newline=""))

        assert [row["cluster"], row["reason"], row["message"]] == [cell] * 3

    def test_what_nobody_saw_is_a_row(self, save: Save, capsys: Capture) -> None:
        rows = as_csv(capsys, "--from", save({"value": [GOOD, None], "nextLink": "x"}))

        assert [(row["state"], row["reason"]) for row in rows] == [
            ("unknown", "Unintelligible"),
            ("compliant", "ImageFips"),
            ("unknown", "ListIncomplete"),
        ]


class TestJson:
    """For programs."""

    def test_it_is_one_object_with_every_finding(self, save: Save, capsys: Capture) -> None:
        found = as_json(capsys, "--from", save([BAD]))

        assert set(found) == {"at", "pools", "clusters", "excluded", "coverage", "notes", "summary"}
        first = found["pools"][0]
        assert set(first) == {"id", "cluster", "pool", "state", "mode", "rule", "findings"}
        assert (first["id"], first["cluster"]) == (f"{ID}/agentPools/batch", ID)
        assert all(set(finding) == {"reason", "state", "message"} for finding in first["findings"])
        assert found["summary"] == {
            **{state.value: 0 for state in ComplianceState},
            "non_compliant": 1,
            "compliant": 1,
        }

    @given(st.lists(st.tuples(arm_clusters(), st.integers(0, 3)), max_size=4), any_text)
    def test_of_any_fleet_it_is_sound(self, fleet: list[tuple[dict[str, Any], int]], text: str) -> None:
        bodies = [{**body, "id": cluster_id(f"aks-{number}").arm_id, "name": text} for body, number in fleet]
        found = verdicts(*bodies)

        again = verdicts(*reversed(bodies))
        parsed = json.loads(printed(found, "json"))
        ids = [pool["id"] for pool in parsed["pools"]]
        assert len(ids) == len(set(ids))
        states = Counter(row["state"] for row in (*parsed["pools"], *parsed["clusters"]))
        assert {state: number for state, number in parsed["summary"].items() if number} == states
        bad = bool({"non_compliant", "inconsistent"} & set(states))
        assert found.exit_code == (1 if bad else 2 if "unknown" in states else 0)
        assert (again.summary, again.exit_code) == (found.summary, found.exit_code), "the order of files is nothing"
        assert len(printed(found, "csv").splitlines()) == len(found.states) + 1


def printed(found: Verdicts, output: str) -> str:
    """What a report prints."""
    stream, before = io.StringIO(), sys.stdout
    sys.stdout = stream
    try:
        print_report(found, output)
    finally:
        sys.stdout = before
    return stream.getvalue()


@dataclass
class FakeFleet:
    """A fleet of two subscriptions, of which some can't be read."""

    bodies: list[dict[str, Any]] = field(default_factory=lambda: [BAD])
    closed: dict[str, Unreadable] = field(default_factory=dict)
    names: tuple[str, ...] = (SUBSCRIPTION, OTHER_SUBSCRIPTION)
    asked: tuple[str, ...] = ()

    def subscriptions(self) -> tuple[str, ...]:
        return self.names

    def watches(self, subscription: str) -> bool:
        return subscription in self.names

    def unreadable(self, subscription: str) -> Unreadable | None:
        return self.closed.get(subscription)

    def clusters(self, subscriptions: Sequence[str]) -> Iterator[FleetHint]:
        self.asked = tuple(subscriptions)
        for body in self.bodies:
            yield FleetHint(read_cluster(body), ClusterId.parse(body["id"]))


@dataclass
class FakeClusters:
    """Clusters whose reads are given in order; only reads are asked for."""

    reads: list[ClusterRead]

    def read(self, _: ClusterId) -> ClusterRead:
        return self.reads.pop(0)


FORBIDDEN = Unreadable("Forbidden", "AuthorizationFailed: no. Assign the app's role on this subscription.", None)
AWAY = Unreadable("Unreachable", "ARM could not be reached: no such host", timedelta(seconds=30))


class TestLive:
    """Without `--from`: Resource Graph and ARM, as whoever is signed in."""

    @pytest.fixture
    def fleet(self, monkeypatch: pytest.MonkeyPatch) -> FakeFleet:
        made = FakeFleet()
        monkeypatch.setattr(bootstrap, "standalone_fleet", lambda: (made, FakeClusters([Gone()])))
        return made

    def test_the_local_fleet_is_judged_by_hints_and_by_fresh_reads_alike(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        world = seed.example_world()
        monkeypatch.setattr(bootstrap, "standalone_fleet", lambda: (WorldFleet(world), WorldClusters(world)))

        hints, fresh = as_json(capsys), as_json(capsys, "--fresh")

        assert hints["pools"] == fresh["pools"]
        assert hints["summary"]["non_compliant"] > 5
        assert [gap["reason"] for gap in hints["coverage"]] == ["Forbidden"], "one subscription is closed to the app"

    @pytest.mark.usefixtures("fleet")
    def test_a_hint_alone_is_judged(self, capsys: Capture) -> None:
        assert main(["check"]) == 1
        assert "rg-pay/aks-pay  batch      non_compliant" in capsys.readouterr().out

    def test_a_subscription_that_cannot_be_read_is_a_gap(self, fleet: FakeFleet, capsys: Capture) -> None:
        fleet.bodies, fleet.closed = [GOOD], {OTHER_SUBSCRIPTION: FORBIDDEN}

        assert main(["check"]) == 2

        assert fleet.asked == (SUBSCRIPTION,)
        assert f"not seen, so unknown: subscription {OTHER_SUBSCRIPTION}: Forbidden: " in capsys.readouterr().err
        (gap,) = as_json(capsys)["coverage"]
        assert gap == {
            "source": f"subscription {OTHER_SUBSCRIPTION}",
            "reason": "Forbidden",
            "message": FORBIDDEN.message,
        }

    def test_where_none_can_be_read_resource_graph_is_not_asked(self, fleet: FakeFleet) -> None:
        fleet.closed = dict.fromkeys(fleet.names, FORBIDDEN)

        assert main(["check"]) == 2
        assert fleet.asked == ()

    def test_to_see_no_subscription_is_not_to_see_all(self, fleet: FakeFleet, capsys: Capture) -> None:
        fleet.names = ()

        assert main(["check"]) == 2
        assert "NoSubscriptions" in capsys.readouterr().err

    def test_without_a_network_it_cannot_run(self, fleet: FakeFleet, capsys: Capture) -> None:
        fleet.closed = dict.fromkeys(fleet.names, AWAY)

        assert main(["check"]) == 69
        printed = capsys.readouterr()
        assert printed.err == "fipswarden: ARM could not be reached: no such host\n"
        assert printed.out == ""

    def test_with_half_a_network_the_other_half_is_a_gap(self, fleet: FakeFleet) -> None:
        fleet.closed = {SUBSCRIPTION: AWAY, OTHER_SUBSCRIPTION: FORBIDDEN}

        assert main(["check"]) == 2

    def test_without_a_sign_in_it_cannot_run(self, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
        def nobody() -> None:
            raise ClientAuthenticationError("Please run 'az login' to set up an account")

        monkeypatch.setattr(bootstrap, "standalone_fleet", nobody)

        assert main(["check"]) == 69
        assert capsys.readouterr().err.startswith("fipswarden: Please run 'az login' to set up an account; sign in")

    def test_the_real_fleet_is_that_of_the_cloud_and_the_subscriptions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AzureWebJobsStorage", "EVIDENCE_STORAGE", "FIPSWARDEN_WATCHED", "IDENTITY_ENDPOINT"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("FIPSWARDEN_CLOUD", "AzureUSGovernment")
        monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", SUBSCRIPTION)
        bootstrap.credential.cache_clear()

        fleet, _ = bootstrap.standalone_fleet()

        assert isinstance(fleet, GraphFleet)
        assert fleet.subscriptions() == (SUBSCRIPTION,)
        assert fleet._arm.cloud.arm_endpoint == "https://management.usgovcloudapi.net"
        bootstrap.credential.cache_clear()

    def test_it_needs_no_storage_but_a_cloud_that_exists(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        monkeypatch.setenv("FIPSWARDEN_CLOUD", "AzureMoon")
        monkeypatch.setenv("FIPSWARDEN_SUBSCRIPTIONS", "prod")

        assert main(["check"]) == 64
        err = capsys.readouterr().err
        assert "FIPSWARDEN_CLOUD: 'AzureMoon'" in err
        assert "FIPSWARDEN_SUBSCRIPTIONS: 'prod'" in err
        assert "AzureWebJobsStorage" not in err

    @pytest.mark.usefixtures("fleet")
    def test_a_cluster_that_is_gone_meanwhile_is_said_to_be(self, capsys: Capture) -> None:
        found = as_json(capsys, "--fresh")

        assert [(row["id"], row["state"]) for row in found["clusters"]] == [(ID, "not_applicable")]

    @pytest.mark.usefixtures("fleet")
    def test_on_a_terminal_it_says_how_far_it_is(self, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

        main(["check", "--fresh"])

        err = capsys.readouterr().err
        assert "reading cluster 1 of 1" in err
        assert err.endswith(f"\r{'':<60}\r"), "and wipes it away"


class TestPatience:
    """One cluster, read while ARM throttles."""

    THROTTLED = Unreadable("Throttled", "429", timedelta(seconds=7))

    def read(self, *reads: ClusterRead) -> tuple[ClusterRead, list[float]]:
        waits: list[float] = []
        clusters: Any = FakeClusters(list(reads))
        port: Clusters = clusters
        return read_patiently(port, cluster_id(), waits.append), waits

    def test_it_waits_as_long_as_arm_says(self) -> None:
        found = read_cluster(GOOD)

        assert self.read(self.THROTTLED, self.THROTTLED, found) == (found, [7.0, 7.0])

    def test_it_gives_up_in_the_end(self) -> None:
        read, waits = self.read(*[self.THROTTLED] * 9)

        assert (read, len(waits)) == (self.THROTTLED, 5)

    @pytest.mark.parametrize(
        "read", [FORBIDDEN, AWAY, Unreadable("Throttled", "429", timedelta(hours=1)), Unreadable("Throttled", "", None)]
    )
    def test_for_nothing_else_it_waits(self, read: Unreadable) -> None:
        assert self.read(read) == (read, [])
