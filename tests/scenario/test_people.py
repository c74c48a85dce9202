"""What people decide reaches the deployed app: by its files, by tags, by the command; on the whole local stack."""

import getpass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.main import main
from local.world.access import APP
from local.world.model import Pool
from shared.domain.records import RecordKind
from tests.scenario.conftest import CLUSTER, Job, Start
from tests.waiting import eventually

PROVEN = "compliant: NodesProven"
DISABLED = "non_compliant: FipsDisabled"
EXEMPTIONS = """version: 1
exemptions:
  - name: old driver
    match: { pools: [batch] }
    category: waiver
    reason: the vendor's driver does not load
    owner: ana@example.com
    approver: bob@example.com
    ticket: RISK-17
    created: 2026-01-01
    expires: 2099-01-01
"""


def settings(folder: Path, policy: str, exemptions: str = "") -> dict[str, str]:
    """The app settings for a policy and exemptions in files of the test."""
    (folder / "policy.yaml").write_text(f"version: 1\n{policy}")
    found = {"FIPSWARDEN_POLICY": f"file:{folder / 'policy.yaml'}"}
    if exemptions:
        (folder / "exemptions.yaml").write_text(exemptions)
        found["FIPSWARDEN_EXEMPTIONS"] = f"file:{folder / 'exemptions.yaml'}"
    return found


def waits(job: Job, pool: str = "batch") -> str:
    """Why a pool is not remediated, as the last commit planned it."""
    from shared import bootstrap
    from shared.postures import read_posture

    deferrals = read_posture(bootstrap.table("posture"), CLUSTER).deferrals
    return next((one.reason for one in deferrals if one.pool == pool), "")


def switch_off(job: Job, pool: Pool) -> None:
    """Somebody switches FIPS off again."""
    with job.world.entered():
        pool.properties["enableFIPS"] = False
        pool.image = pool.target_image()
        pool.etag = job.world.guid()


def test_mode_approve_waits_and_the_command_lets_exactly_that_through_once(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ana")
    job = start(**settings(tmp_path, "mode: approve\nproof: { max_age: 30d }\n"))
    pool = job.add_pool()
    job.becomes(DISABLED)
    job.stack.host.idle(30)
    assert (job.puts(), waits(job)) == ([], "ApprovalMissing")

    assert main(["approve", CLUSTER.arm_id, "batch"]) == 0
    assert "for exactly this: enable fips on batch" in capsys.readouterr().out
    job.becomes(PROVEN)
    assert job.puts() == [200]
    (intent,) = [one for one in job.chain() if one.kind is RecordKind.INTENT]
    (approval,) = intent.payload["approvals"].values()
    assert approval["by"] == APP.object_id
    assert "batch" in approval["what"]
    eventually(lambda: "Approved by ana" in str(job.stack.teams.cards), "people are told who agreed")
    assert job.budget().approvals == {}

    switch_off(job, pool)
    job.request("changed")
    job.becomes(DISABLED)
    job.stack.host.idle(30)
    assert (job.puts(), waits(job)) == ([200], "ApprovalMissing"), "the word held for once"


def test_a_pool_with_an_exemption_is_never_acted_on_and_its_posture_is_exempt(start: Start, tmp_path: Path) -> None:
    job = start(**settings(tmp_path, "mode: enforce\ndisruption: { concurrent: 5 }\n", EXEMPTIONS))
    job.add_pool("batch")
    job.becomes("exempt: FipsDisabled")
    job.add_pool("other")
    job.becomes(PROVEN, "other")
    job.stack.host.idle(30)
    assert (job.puts("batch"), job.puts("other"), waits(job)) == ([], [200], "Exempt")
    observed = [one.payload for one in job.chain() if one.kind is RecordKind.OBSERVATION]
    assert "old driver" in str(observed[-1]["posture"])
    assert observed[-1]["exemptions"], "the evidence names the file that excused it"

    (tmp_path / "exemptions.yaml").write_text("version: 1\n")
    job.request("the exemption was taken back")
    job.becomes(PROVEN)
    assert job.puts("batch") == [200]


@pytest.mark.parametrize(
    ("file", "text"), [("policy.yaml", "mode: enforcing\n"), ("exemptions.yaml", "exemptions: [{name: x}]\n")]
)
def test_a_broken_file_is_judged_by_the_last_good_one_and_acts_on_nothing(
    start: Start, tmp_path: Path, file: str, text: str
) -> None:
    job = start(**settings(tmp_path, "mode: enforce\n", EXEMPTIONS))
    job.request("first look")
    job.becomes(PROVEN, "apps")
    good = (tmp_path / file).read_text()
    (tmp_path / file).write_text(f"version: 1\n{text}")
    # The good ones are in the table, for the processes that come after it was broken.
    job.stack.replace_host()
    job.add_pool("late")
    job.becomes(DISABLED, "late")
    job.stack.host.invoke("resync")
    eventually(lambda: file in str(job.stack.teams.cards), "people are told which file it is")
    job.stack.host.idle(30)
    assert (job.puts("late"), waits(job, "late")) == ([], "RulesUnreadable")
    assert file in health(job, 503)
    (tmp_path / file).write_text(good)
    job.request("mended")
    job.becomes(PROVEN, "late")
    assert "healthy" in health(job, 200)


def health(job: Job, status: int) -> str:
    """What `GET /api/health` says, which must be with a status."""
    url = f"{job.stack.host.url}/api/health?code={job.stack.host.host_key}"
    answer = requests.get(url, timeout=60)
    assert answer.status_code == status, answer.text
    return answer.text


def test_the_owner_named_by_a_tag_has_a_mail_before_anything_happens(start: Start, tmp_path: Path) -> None:
    job = start(**settings(tmp_path, "mode: enforce\nnotice: { before: 6s, owner_tag: owner }\n"))
    job.add_pool(tags={"owner": "team@example.com"})
    eventually(lambda: bool(announced(job)), "the owner is told")
    told_at = len(job.world.requests)
    assert "team@example.com" in announced(job)[0]["To"]
    job.becomes(PROVEN)
    put = next(index for index, one in enumerate(job.world.requests) if one.method == "PUT")
    assert put >= told_at, "the mail came first"
    assert len(announced(job)) == 1


def announced(job: Job) -> list[Any]:
    """The mails that announce a remediation."""
    return [one for one in job.stack.mail.messages if "remediation announced" in str(one["Subject"])]


def test_an_objection_by_tag_holds_while_it_is_there(start: Start, tmp_path: Path) -> None:
    job = start(**settings(tmp_path, "mode: enforce\n"))
    pool = job.add_pool(tags={"fips-objection": "not before the release"})
    job.becomes(DISABLED)
    job.stack.host.idle(30)
    assert (job.puts(), waits(job)) == ([], "OwnerObjects")
    with job.world.entered():
        pool.properties["tags"] = {}
    job.request("the objection was withdrawn")
    job.becomes(PROVEN)


def test_the_command_aborts_our_operation_and_lets_it_go_on_later(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ana")
    job = start(**settings(tmp_path, "mode: enforce\n"))
    job.world.operation_time = timedelta(hours=1)
    job.add_pool()
    eventually(lambda: job.outcomes() == ["accepted"] and bool(job.state()), "it is begun")
    job.world.operation_time = timedelta(seconds=1)
    assert main(["abort", CLUSTER.arm_id, "batch"]) == 0
    job.becomes("non_compliant: Aborted")
    job.stack.host.idle(30)
    assert (job.puts(), waits(job), job.budget().ended) == ([200], "Blocked", ())
    assert main(["evidence", "show", CLUSTER.arm_id]) == 0
    assert "request" in capsys.readouterr().out
    assert main(["unblock", CLUSTER.arm_id, "batch"]) == 0
    job.becomes(PROVEN)
    assert job.puts() == [200, 200]
    asked = [one.payload for one in job.chain() if one.kind is RecordKind.REQUEST]
    assert [(one["by"], one["asks"], one["stage"]) for one in asked] == [
        (APP.object_id, "abort", "asked"),
        (APP.object_id, "abort", "answered"),
        (APP.object_id, "unblock", "answered"),
    ]


def test_the_breaker_stops_everything_until_the_command_resets_it(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from local.world.faults import DRAIN_FAILURE, FailOperation, Fault

    job = start(**settings(tmp_path, "mode: enforce\ndisruption: { breaker: { least: 1 } }\n"))
    failure = Fault(FailOperation("PodDrainFailure", DRAIN_FAILURE), method="PUT", kind="agentPools", times=1)
    job.world.faults.add(failure)
    job.add_pool()
    eventually(lambda: bool(job.budget().broken), "the breaker opens")
    job.add_pool("other")
    job.becomes(DISABLED, "other")
    job.stack.host.idle(30)
    assert (job.puts("other"), waits(job, "other")) == ([], "BreakerOpen")
    assert main(["breaker", "reset", "--reason", "the budget of the pods was mended"]) == 0
    assert "reset; 1 cluster will be looked at" in capsys.readouterr().out
    job.becomes(PROVEN, "other")
