"""`fipswarden verify` against an app that works: it asks, waits, and shows what each node says."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from cli import verify
from cli.main import main
from local.world.faults import Answer, Drop, Fault
from local.world.kube import outside
from shared import bootstrap
from shared.domain.people import Request, RequestKind
from shared.domain.records import RecordKind
from shared.requested import ask, open_requests
from shared.rollout import read_memory
from tests.builders import ANA
from tests.protocol.lab import CLUSTER, ruled
from tests.scenario.proving import IMAGE, Nodes


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """An app that works while the command waits."""
    made = Nodes()
    tables = {"rollout": made.rollout, "posture": made.postures}
    monkeypatch.setattr(bootstrap, "table", lambda name: tables[name])
    monkeypatch.setattr(bootstrap, "wake_ups", lambda: made.queue)
    monkeypatch.setattr(bootstrap, "evidence", lambda: made.evidence)
    monkeypatch.setattr(bootstrap.SystemClock, "now", lambda _: made.clock.now())
    monkeypatch.setattr(bootstrap, "caller", lambda: ANA)
    monkeypatch.setattr(verify, "pause", lambda seconds: made.passes(timedelta(seconds=seconds)))
    monkeypatch.delenv("FIPSWARDEN_SUBSCRIPTIONS", raising=False)
    return made


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command; between the columns of what it prints stands a tab."""
    code = main(["verify", *arguments])
    out, err = capsys.readouterr()
    return code, re.sub(" {2,}", "\t", out), err


def flat(out: str) -> str:
    """What was printed, with one space for each gap between columns."""
    return re.sub(r"[ \t]+", " ", out)


def test_each_node_is_shown_with_its_value_boot_and_verdict(lab: Nodes, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = lab.nodes(lab.pool_of())
    lab.prove()
    first = lab.proofs()[-1]["proofId"]

    code, out, err = ran(capsys, CLUSTER.arm_id)

    assert code == 0
    for node in nodes:
        assert f"apps {node.name} 1 {node.boot_id[:8]} pod without rights yes" in flat(out)
    assert "compliant, NodesProven" in out
    assert err.splitlines()[0] == "waiting for a look"
    assert "asking the nodes: 0 of 3 nodes have answered" in err.splitlines()
    assert lab.proofs()[-1]["proofId"] != first, "however good the last proof was"
    assert open_requests(lab.rollout, CLUSTER) == ()
    lab.assert_nothing_left()


def test_a_node_with_another_image_than_the_pool_stands_out_where_labels_are_the_proof(
    lab: Nodes, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.ask_for("node")
    pool = lab.pool_of()
    nodes = lab.nodes(pool)
    lab.prove()
    nodes[1].image = "AKSAzureLinux-V3gen2fips-202601.01.0"

    code, out, _ = ran(capsys, CLUSTER.arm_id)

    assert code == 1
    assert re.search(rf"{nodes[0].name} true \S+ labels yes", flat(out))
    assert re.search(rf"{nodes[1].name} true \S+ labels NO: it has the image '{nodes[1].image}', the pool '", flat(out))


def test_a_node_that_says_no_stands_out_and_decides_the_exit_code(
    lab: Nodes, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = lab.nodes(lab.pool_of())
    lab.prove()
    nodes[2].kernel_fips = 0

    code, out, _ = ran(capsys, CLUSTER.arm_id, "APPS")

    assert code == 1
    assert f"{nodes[2].name} 0 {nodes[2].boot_id[:8]} pod without rights NO" in flat(out)
    assert "inconsistent, NodesDisagree" in out


def test_nodes_that_do_not_answer_are_unknown_and_say_why(lab: Nodes, capsys: pytest.CaptureFixture[str]) -> None:
    lab.pool_of()
    lab.prove()
    lab.kube.unpullable.add(IMAGE)

    code, out, _ = ran(capsys, CLUSTER.arm_id)

    assert code == 2
    assert "no answer: ImagePullBackOff" in out


def test_labels_are_shown_where_the_policy_asks_for_no_more(lab: Nodes, capsys: pytest.CaptureFixture[str]) -> None:
    lab.ask_for("node")
    lab.pool_of()
    lab.prove()
    before = len(lab.proofs("node"))

    code, out, _ = ran(capsys, CLUSTER.arm_id)

    assert code == 0
    assert flat(out).count(" true ") == 3
    assert flat(out).count(" labels yes") == 3
    of_none, of_pool = lab.proofs("node")[before:]
    assert (of_pool["pool"], of_none["strays"]["nodes"]) == ("apps", 0)


def test_for_programs_it_is_json(lab: Nodes, capsys: pytest.CaptureFixture[str]) -> None:
    lab.pool_of()
    lab.pool_of("batch")
    lab.prove()

    code, out, _ = ran(capsys, CLUSTER.arm_id, "batch", "--json")

    said: dict[str, Any] = json.loads(out)
    assert code == 0
    assert [one["pool"] for one in said["proofs"]] == [one["pool"] for one in said["pools"]] == ["batch"]
    assert {node["answer"]["value"] for node in said["proofs"][0]["nodes"]} == {"1"}


def test_where_there_is_nobody_to_ask_that_is_said(lab: Nodes, capsys: pytest.CaptureFixture[str]) -> None:
    lab.pool_of(count=0)
    lab.prove()

    code, out, _ = ran(capsys, CLUSTER.arm_id)

    assert code == 2
    assert "no node to ask" in out


def test_a_pool_that_goes_after_its_nodes_have_answered_is_no_pass(
    lab: Nodes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.pool_of()
    lab.pool_of("batch")
    lab.prove()
    before = len(lab.proofs())

    def delete_once_proven(seconds: float) -> None:
        lab.passes(timedelta(seconds=seconds))
        if len(lab.proofs()) > before and "batch" in lab.cluster.pools:
            with lab.world.entered():
                del lab.cluster.pools["batch"]

    monkeypatch.setattr(verify, "pause", delete_once_proven)

    code, out, _ = ran(capsys, CLUSTER.arm_id, "batch")

    assert "no node to ask" in out
    assert flat(out).count("pod without rights yes") == 3
    assert code == 2


def test_an_app_that_does_not_answer_ends_the_wait(
    lab: Nodes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.pool_of()
    lab.prove()
    monkeypatch.setattr(verify, "pause", lambda _: lab.clock.advance(timedelta(minutes=1)))

    code, _, err = ran(capsys, CLUSTER.arm_id, "--minutes", "5")

    assert code == 69
    assert "no look has answered" in err
    assert len(open_requests(lab.rollout, CLUSTER)) == 1, "a look will serve it all the same"


@pytest.mark.parametrize("arguments", [["x"], [CLUSTER.arm_id, "no pool"]])
def test_what_names_nothing_is_refused(lab: Nodes, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert ran(capsys, *arguments)[0] == 64
    assert not lab.queue.messages


@pytest.mark.parametrize("minutes", ["-3", "0", "x", "1.5", "1441", "99999999999999"])
def test_minutes_that_are_none_leave_no_request_behind(
    lab: Nodes, capsys: pytest.CaptureFixture[str], minutes: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", CLUSTER.arm_id, f"--minutes={minutes}"])

    assert ended.value.code == 64
    assert minutes in capsys.readouterr().err
    assert open_requests(lab.rollout, CLUSTER) == ()
    assert not lab.queue.messages


def test_on_a_terminal_progress_is_a_bar(
    lab: Nodes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.pool_of()
    lab.prove()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    code, out, err = ran(capsys, CLUSTER.arm_id)

    assert code == 0
    assert out.count("yes") == 3
    assert "waiting for a look\n" not in err


def test_a_node_that_is_not_ready_is_shown_as_that(lab: Nodes, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = lab.nodes(lab.pool_of())
    lab.prove()
    nodes[0].ready = False

    code, out, _ = ran(capsys, CLUSTER.arm_id)

    assert code == 2
    assert "not ready" in out


def pods_made(lab: Nodes) -> int:
    return lab.asked_by("POST", "/pods")


def answered(lab: Nodes) -> list[tuple[str, str]]:
    """What became of the requests: outcome and message."""
    found = [one.payload for one in lab.records(RecordKind.REQUEST) if one.payload["stage"] == "answered"]
    return [(str(one["outcome"]), str(one["message"])) for one in found]


FRESH = ("succeeded", "A fresh proof was taken of apps.")


class TestWhatIsFresh:
    """A proof that was begun after a look first saw the request, by the clock of the looks."""

    @pytest.mark.parametrize("off", [timedelta(minutes=-6), timedelta(), timedelta(minutes=30)])
    def test_one_proof_is_taken_whatever_the_clock_of_whoever_asks(self, lab: Nodes, off: timedelta) -> None:
        lab.pool_of()
        lab.prove(timedelta(minutes=5))
        before, first = pods_made(lab), len(lab.proofs())

        ask(lab.rollout, CLUSTER, Request("r1", RequestKind.VERIFY, "ana", lab.clock.now() + off, "apps"))
        lab.look(lasting=timedelta(minutes=20))

        assert pods_made(lab) - before == 3
        assert len(lab.proofs()) == first + 1
        assert answered(lab) == [FRESH]
        assert open_requests(lab.rollout, CLUSTER) == ()

    def test_a_proof_that_was_begun_before_is_none(self, lab: Nodes) -> None:
        pool = lab.pool_of()
        lab.look()
        lab.clock.advance(timedelta(seconds=25))
        # The pods have answered, and no look has read it yet.
        lab.nodes(pool)[1].kernel_fips = 0
        lab.ask(RequestKind.VERIFY, "apps")
        lab.passes(timedelta(minutes=5))

        assert lab.verdict(pool="apps") == "inconsistent: NodesDisagree"
        assert answered(lab) == [FRESH]
        assert len({one["proofId"] for one in lab.proofs()}) == 2

    def test_what_two_people_ask_is_each_answered_and_forgotten(self, lab: Nodes) -> None:
        lab.pool_of()
        lab.prove()
        lab.ask(RequestKind.VERIFY, "apps")
        lab.look()
        lab.ask(RequestKind.VERIFY, "")
        lab.passes(timedelta(minutes=10))
        lab.prove()

        assert answered(lab) == [FRESH, FRESH]
        assert read_memory(lab.rollout, CLUSTER).verifying == {}


class TestWhereNoneCanBeTaken:
    """It is not called taken."""

    def test_a_reason_that_lasts_is_the_answer(self, lab: Nodes, capsys: pytest.CaptureFixture[str]) -> None:
        lab.pool_of()
        lab.prove()
        no = Answer(403, "Forbidden", "no")
        lab.world.faults.add(Fault(no, method="GET", resource="/api/v1/nodes", times=None))

        code, out, _ = ran(capsys, CLUSTER.arm_id)

        assert code == 2
        ((outcome, message),) = answered(lab)
        assert outcome == "failed"
        assert "None could be taken of apps: KubernetesForbidden" in message
        assert "fresh" not in message
        assert message in out

    @pytest.mark.parametrize(("away", "outcome"), [(timedelta(minutes=4), "succeeded"), (timedelta(hours=1), "failed")])
    def test_one_that_may_pass_is_waited_for_a_while(self, lab: Nodes, away: timedelta, outcome: str) -> None:
        lab.pool_of()
        lab.prove()
        lab.world.faults.add(Fault(Drop(), kind="kubernetes", times=None))
        lab.ask(RequestKind.VERIFY, "apps")
        recorded = len(lab.records(RecordKind.PROOF))
        lab.passes(away)
        assert len(lab.records(RecordKind.PROOF)) == recorded, "the proof that there is still holds"
        assert lab.finding().reason == "NodesProven"
        lab.world.faults.clear()
        lab.passes(timedelta(minutes=10))

        assert [one for one, _ in answered(lab)] == [outcome]

    def test_a_pool_that_can_be_asked_does_not_hide_one_that_can_not(self, lab: Nodes) -> None:
        lab.policies.rules = ruled(
            "mode: alert\n"
            f'proof: {{ level: kernel, image: "{IMAGE}", client_certificates: true }}\n'
            "rules: [ { name: strict, mode: alert, match: { pools: [strict] }, "
            "proof: { client_certificates: false } } ]\n"
        )
        lab.cluster.properties["aadProfile"] = None
        lab.pool_of()
        lab.pool_of("strict")
        lab.prove()
        lab.ask(RequestKind.VERIFY, "")
        lab.passes(timedelta(minutes=10))

        ((outcome, message),) = answered(lab)
        assert outcome == "failed"
        assert message.startswith("A fresh proof was taken of apps. None could be taken of strict: WayNotAllowed")


class TestOutside:
    """Without a pool, the nodes outside every pool are asked as well."""

    def test_they_are_asked_where_there_are_no_others(self, lab: Nodes) -> None:
        lab.pool_of(count=0)
        with lab.world.entered():
            stray = outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        lab.cluster.properties["nodeProvisioningProfile"] = {"mode": "Auto"}
        lab.prove()
        before = pods_made(lab)
        stray.kernel_fips = 0
        lab.ask(RequestKind.VERIFY, "")
        lab.passes(timedelta(minutes=10))

        assert pods_made(lab) == before + 1
        assert stray.name in lab.cluster_finding().message
        assert answered(lab) == [("succeeded", "A fresh proof was taken of the nodes outside every pool.")]

    def test_they_have_a_freshness_of_their_own(self, lab: Nodes) -> None:
        lab.pool_of()
        with lab.world.entered():
            outside.add_provisioned_node(lab.cluster, osSKU="AzureLinux", enableFIPS=True)
        lab.prove()
        lab.ask(RequestKind.VERIFY, "")
        lab.passes(timedelta(minutes=10))

        asked = [one for one in lab.proofs() if "strays" in one]
        assert len(asked) == 2
        assert answered(lab) == [("succeeded", "A fresh proof was taken of apps, the nodes outside every pool.")]

    def test_where_they_can_not_be_listed_that_is_the_answer(self, lab: Nodes) -> None:
        lab.pool_of(count=0)
        lab.prove()
        no = Answer(403, "Forbidden", "no")
        lab.world.faults.add(Fault(no, method="GET", resource="/api/v1/nodes", times=None))
        lab.ask(RequestKind.VERIFY, "")
        lab.passes(timedelta(minutes=20))

        ((outcome, message),) = answered(lab)
        assert (outcome, "could not be listed" in message) == ("failed", True)
