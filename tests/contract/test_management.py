"""What management groups hold, on both faces of the local Azure: the adapter over HTTPS, and the world's port."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from local import seed
from local.clock import ManualClock
from local.memory import MemoryEvidence, MemoryTable
from local.ports import WorldManagementGroups
from local.server import LocalAzure
from local.world import World
from local.world.access import APP
from local.world.faults import Answer, Drop, Fault
from local.world.management import group_id
from shared import bootstrap
from shared.adapters.arm import Arm
from shared.adapters.management import ManagementGroups
from shared.domain.clouds import Cloud
from shared.domain.model import Unreadable
from shared.domain.rulebook import Rulebook
from shared.domain.scope import SubscriptionsOf

ROLE = "fipswarden scope reader"


@dataclass(frozen=True)
class Face:
    """One way to the world."""

    world: World
    below: SubscriptionsOf


def tree() -> World:
    """The root has Research; `corp` has Payments, and below it `platform` has Platform; `empty` has nothing."""
    world = seed.empty_world(ManualClock(seed.EPOCH))
    with world.entered():
        world.add_subscription(seed.PLATFORM, "Platform")
        world.add_subscription(seed.RESEARCH, "Research")
        for group, parent in (("corp", ""), ("platform", "corp"), ("empty", "corp")):
            world.management.add(group, parent)
        world.management.place(seed.PAYMENTS, "corp")
        world.management.place(seed.PLATFORM, "platform")
        world.access.assign(APP, ROLE, group_id("corp"))
    return world


@pytest.fixture(params=["https", "ports"])
def face(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Face]:
    world = tree()
    if request.param == "ports":
        yield Face(world, WorldManagementGroups(world))
        return
    from azure.identity import ManagedIdentityCredential

    with LocalAzure(world) as azure:
        for name, value in azure.environment().items():
            monkeypatch.setitem(os.environ, name, value)
        with ManagedIdentityCredential() as credential:
            arm = Arm(Cloud("custom", azure.arm_endpoint, ""), credential)
            yield Face(world, ManagementGroups(arm))
            arm.close()


def known(face: Face, group: str) -> tuple[str, ...]:
    found = face.below(group)
    assert not isinstance(found, Unreadable)
    return found


def test_a_group_holds_its_subscriptions_at_any_depth_and_no_others(face: Face) -> None:
    assert set(known(face, "corp")) == {seed.PAYMENTS, seed.PLATFORM}
    assert face.below("platform") == (seed.PLATFORM,)
    assert face.below("EMPTY") == ()


def test_every_page_is_read(face: Face) -> None:
    face.world.page_size = 1
    assert set(known(face, "corp")) == {seed.PAYMENTS, seed.PLATFORM}
    assert len([one for one in face.world.requests if one.kind == "managementGroups"]) == 4


@pytest.mark.parametrize("group", [seed.PAYMENTS, "nobody"])
def test_a_group_that_does_not_exist_or_may_not_be_read_is_unreadable_for_good(face: Face, group: str) -> None:
    found = face.below(group)
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("ManagementGroupUnreadable", None)
    assert f"Management group {group} can't be read: Forbidden (AuthorizationFailed)." in found.message
    assert "Check its id" in found.message
    assert f"`{ROLE}`" in found.message


def test_a_group_that_whoever_asks_could_read_and_that_does_not_exist_is_not_found(face: Face) -> None:
    face.world.access.assign(APP, ROLE, "/")
    found = face.below("nobody")
    assert isinstance(found, Unreadable)
    assert found.retry_after is None
    assert "NotFound" in found.message


@pytest.mark.parametrize(
    ("effect", "seconds"),
    [
        (Answer(429, "SubscriptionRequestsThrottled", "slow down", retry_after=17, gateway=True), 17),
        (Answer(503, "ServiceUnavailable", "later", gateway=True), 30),
        (Drop(), 30),
    ],
)
def test_half_of_a_group_is_none_and_says_when_to_come_back(face: Face, effect: Answer | Drop, seconds: int) -> None:
    face.world.page_size = 1
    face.world.faults.add(Fault(effect, kind="managementGroups", after=1, times=1))
    found = face.below("corp")
    assert isinstance(found, Unreadable)
    assert (found.reason, found.retry_after) == ("ManagementGroupUnreadable", timedelta(seconds=seconds))
    assert "It is asked again." in found.message
    assert not isinstance(face.below("corp"), Unreadable)


def test_a_failure_reads_the_same_each_time_so_that_it_is_told_once(face: Face) -> None:
    assert face.below("nobody") == face.below("nobody")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The app's own wiring, with a policy of two groups, one of them empty; only its table is in memory."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nscope: { management_groups: [platform, empty] }\n")
    storage = "UseDevelopmentStorage=true"
    world, table = tree(), MemoryTable(ManualClock(seed.EPOCH))
    with LocalAzure(world) as azure:
        given = {**azure.environment(), "FIPSWARDEN_CLOUD": azure.arm_endpoint, "FIPSWARDEN_POLICY": f"file:{policy}"}
        for name, value in {**given, "AzureWebJobsStorage": storage, "EVIDENCE_STORAGE": storage}.items():
            monkeypatch.setenv(name, value)
        for name in ("AZURE_CLIENT_ID", "FIPSWARDEN_SUBSCRIPTIONS", "FIPSWARDEN_EXEMPTIONS"):
            monkeypatch.delenv(name, raising=False)
        made_once = [made for made in vars(bootstrap).values() if hasattr(made, "cache_clear")]
        monkeypatch.setattr(bootstrap, "table", lambda _: table)
        monkeypatch.setattr(bootstrap, "evidence", MemoryEvidence)
        for made in made_once:
            made.cache_clear()
        yield world
        for made in made_once:
            made.cache_clear()


def asked(world: World) -> int:
    return len([one for one in world.requests if one.kind == "managementGroups"])


def test_the_app_resolves_its_policy_and_asks_once_for_many_looks(app: World) -> None:
    for _ in range(3):
        found = bootstrap.policies().load()
        assert isinstance(found, Rulebook)
        assert found.policy.scope.subscriptions == (seed.PLATFORM,)
        assert ["`empty` has no subscription" in one for one in found.warnings] == [True]
    assert asked(app) == 2, "once for each group"


def test_the_app_judges_nothing_where_the_role_is_missing(app: World) -> None:
    app.access.revoke(APP, group_id("corp"))
    found = bootstrap.policies().load()
    assert isinstance(found, Unreadable)
    assert "Management group platform can't be read: Forbidden" in found.message


def test_a_command_asks_as_whoever_is_signed_in_and_needs_no_app(app: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AzureWebJobsStorage", "EVIDENCE_STORAGE"):
        monkeypatch.delenv(name)
    assert bootstrap.standalone_management_groups()("platform") == (seed.PLATFORM,)
    assert asked(app) == 1
