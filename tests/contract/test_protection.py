"""`fipswarden evidence protection` against the local Azure's ARM: what protects evidence, and what does not."""

import os
from collections.abc import Callable, Iterator

import pytest

from cli.main import main
from local import seed
from local.server import LocalAzure
from local.world import World
from local.world.faults import Answer, Fault
from shared import bootstrap

GROUP = f"/subscriptions/{seed.PAYMENTS}/resourceGroups/rg-payments"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stevlocal"
Run = Callable[..., tuple[int, dict[str, list[str]]]]


@pytest.fixture
def world() -> World:
    return seed.empty_world()


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command as the operator; returns the exit code and the rows by container."""
    bootstrap.credential.cache_clear()
    with LocalAzure(world) as azure:
        for name, value in azure.environment(operator=True).items():
            monkeypatch.setitem(os.environ, name, value)
        monkeypatch.setenv("FIPSWARDEN_CLOUD", azure.arm_endpoint)
        monkeypatch.delenv("AZURE_CLIENT_ID", raising=False)

        def command(*arguments: str) -> tuple[int, dict[str, list[str]]]:
            code = main(["evidence", "protection", *(arguments or ("--account", ACCOUNT))])
            rows = [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()[1:]]
            return code, {row[0]: row[1:] for row in rows}

        yield command
    bootstrap.credential.cache_clear()


def test_locked_policies_of_18_months_are_what_is_wanted(world: World, run: Run) -> None:
    world.immutability.update({"stevlocal/evidence": (550, "Locked"), "stevlocal/snapshots": (3650, "Locked")})

    code, rows = run()

    assert code == 0
    assert rows["evidence"] == ["550", "locked", "nobody can change or delete a blob before its time"]
    assert rows["snapshots"][:2] == ["3650", "locked"]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ((550, "Unlocked"), "the policy is not locked: whoever manages the account may lift it"),
        ((549, "Locked"), "549 days are less than 18 months (550 days)"),
    ],
)
def test_one_that_is_unlocked_or_too_short_is_not(world: World, run: Run, policy: tuple[int, str], said: str) -> None:
    world.immutability.update({"stevlocal/evidence": policy, "stevlocal/snapshots": (550, "Locked")})

    code, rows = run()

    assert code == 1
    assert rows["evidence"][2] == said


@pytest.mark.parametrize("none", [{}, {"stevlocal/evidence": (0, "Unlocked"), "stevlocal/snapshots": (0, "Unlocked")}])
def test_no_policy_is_said_however_arm_says_it(world: World, run: Run, none: dict[str, tuple[int, str]]) -> None:
    world.immutability.update(none)

    code, rows = run()

    assert code == 1
    assert "there is no immutability policy" in " ".join(rows["snapshots"])


def test_what_arm_does_not_say_is_unknown(world: World, run: Run) -> None:
    world.immutability["stevlocal/snapshots"] = (550, "Locked")
    world.faults.add(Fault(Answer(403, "AuthorizationFailed", "no"), kind="storageAccounts"))

    code, rows = run()

    assert code == 2
    assert rows["evidence"][:2] == ["?", "unknown"]


def test_a_policy_that_is_missing_counts_more_than_what_is_not_known(world: World, run: Run) -> None:
    world.faults.add(Fault(Answer(404, "ResourceNotFound", "no account"), kind="storageAccounts"))

    assert run()[0] == 1


def test_the_account_is_found_by_what_azd_knows(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.immutability.update({"stevlocal/evidence": (550, "Locked"), "stevlocal/snapshots": (550, "Locked")})
    for name, value in (
        ("AZURE_SUBSCRIPTION_ID", seed.PAYMENTS),
        ("AZURE_RESOURCE_GROUP", "rg-payments"),
        ("FIPSWARDEN_EVIDENCE_ACCOUNT", "stevlocal"),
    ):
        monkeypatch.setenv(name, value)

    assert main(["evidence", "protection"]) == 0

    monkeypatch.delenv("AZURE_RESOURCE_GROUP")
    assert main(["evidence", "protection"]) == 64
    assert "which account?" in capsys.readouterr().err


def test_what_is_no_account_is_refused(run: Run) -> None:
    assert run("--account", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/x/../y")[0] == 64
