"""`fipswarden verify` against an app that works: it asks, waits, and shows what each node says."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from cli import verify
from cli.main import main
from shared import bootstrap
from shared.requested import open_requests
from tests.protocol.lab import CLUSTER
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
    monkeypatch.setattr(verify, "pause", lambda seconds: made.passes(timedelta(seconds=seconds)))
    monkeypatch.delenv("FIPSWARDEN_SUBSCRIPTIONS", raising=False)
    return made


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["verify", *arguments])
    return code, *capsys.readouterr()


def flat(out: str) -> str:
    """What was printed, with one space for each gap between columns."""
    return re.sub(" +", " ", out)


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
    assert len(lab.proofs("node")) == before + 1


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
