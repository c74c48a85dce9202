"""What clients do to agent pools: create, update, roll back, upgrade the image, abort, delete."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from local.world import operations, quotas, rollout, rules
from local.world.errors import ArmError, busy, nothing_to_abort, pool_not_found
from local.world.faults import FailOperation
from local.world.kube import pods
from local.world.model import Call, Cluster, Json, Operation, Pool

if TYPE_CHECKING:
    from local.world.world import World


@dataclass(frozen=True)
class Preconditions:
    """The conditional headers of a write."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, etag: str | None) -> None:
        """Raise ArmError if they don't hold for a resource with this eTag (None: there is none).

        Codes: facts, section 2 (use-etags.md); the texts of the messages are not captured.
        """
        if self.if_match and self.if_none_match:
            raise ArmError(400, "BadRequest", "If-Match and If-None-Match can't be given together.")
        if self.if_none_match not in {None, "*"}:
            raise ArmError(400, "BadRequest", "If-None-Match can only be *.")
        if self.if_none_match and etag is not None:
            raise ArmError(412, "PreConditionFailed", "The resource exists: the If-None-Match condition is not met.")
        if (self.if_match and self.if_match.strip('"') not in {"*", etag}) or (self.if_match and etag is None):
            raise ArmError(412, "PreConditionFailed", "The eTag does not match: the If-Match condition is not met.")


NO_PRECONDITIONS = Preconditions()


def find(cluster: Cluster, name: str) -> Pool:
    """Return a pool by name; raise ArmError (404)."""
    pool = cluster.pools.get(name.lower())
    if pool is None:
        raise pool_not_found(name)
    return pool


def ensure_free(cluster: Cluster, *, asks_for_pool: bool = True) -> None:
    """Raise ArmError (409) while the cluster is busy or stopped."""
    op = cluster.operation
    if op and not op.done:
        raise busy(op.kind, op.pool, asks_for_pool=asks_for_pool)
    ensure_running(cluster)


def ensure_running(cluster: Cluster) -> None:
    """Raise ArmError (409) while the cluster is stopped."""
    if cluster.power_state == "Stopped":  # code as documented; the text is not captured
        raise ArmError(
            409, "OperationNotAllowed", "Operation is not allowed: the managed cluster is stopped, start it first."
        )


def put(
    world: World, call: Call, cluster: Cluster, name: str, body: Json, conditions: Preconditions = NO_PRECONDITIONS
) -> tuple[Operation, Pool, bool]:
    """Create or replace a pool; return the operation, the pool and whether it is new. Raises ArmError."""
    current = cluster.pools.get(name.lower())
    conditions.check(current.etag if current else None)
    wanted = body.get("properties") or {}
    asked = rules.normalise(wanted, cluster.version, current)
    rules.check(name, asked, current, wanted, call.api_version)
    ensure_free(cluster)
    if current is None:
        call = _within_limits(call, quotas.check(world, cluster, None, asked, rolls=False))
        return *_create(world, call, cluster, name, asked), True
    if current.properties["mode"] == "System" and asked["mode"] != "System":
        _keep_a_system_pool(cluster, current)
    image = rules.rollback_target(current, wanted, call.api_version)
    rolls = renews(current, asked, image) or rollout.differs(cluster, current)
    call = _within_limits(call, quotas.check(world, cluster, current, asked, rolls=rolls))
    return _update(world, call, cluster, current, asked, image), current, False


def _within_limits(call: Call, shortage: FailOperation | None) -> Call:
    """Return the call with the end that its operation takes for want of room, unless a fault has one already."""
    return replace(call, ending=call.ending or shortage)


def _create(world: World, call: Call, cluster: Cluster, name: str, asked: Json) -> tuple[Operation, Pool]:
    world.changing(cluster)
    # Shown by pools that are made now, asked for or not (answers to `az aks show` of 2026), and not by older ones.
    asked.setdefault("upgradeStrategy", "Rolling")
    pool = Pool(
        name=name,
        properties=asked,
        image="",
        version=str(asked["orchestratorVersion"]),
        provisioning_state="Creating",
        etag=world.guid(),
    )
    pool.image = pool.target_image()
    cluster.pools[name.lower()] = pool
    steps = rollout.creation(cluster, pool)
    op = operations.begin(world, call, cluster, pool, kind="Creating", action=operations.WRITE_POOL, steps=steps)
    return op, pool


def _update(world: World, call: Call, cluster: Cluster, pool: Pool, asked: Json, rollback_to: str | None) -> Operation:
    world.changing(cluster)
    kind, steps = change(cluster, pool, asked, rollback_to)
    finish = partial(settle, world, cluster, pool)
    return operations.begin(
        world, call, cluster, pool, kind=kind, action=operations.WRITE_POOL, steps=steps, finish=finish
    )


def change(cluster: Cluster, pool: Pool, asked: Json, rollback_to: str | None = None) -> tuple[str, list[rollout.Step]]:
    """Make a pool what was asked for at once, as AKS answers; its nodes follow in the returned steps."""
    before = pool.properties
    unfinished, renewed = rollout.differs(cluster, pool), renews(pool, asked, rollback_to)
    pool.properties = asked
    if renewed:
        use_image(pool, rollback_to or pool.target_image())
        pool.version = str(asked["orchestratorVersion"])
        return "Upgrading", rollout.reimage(cluster, pool)
    if unfinished:  # the pool's last operation stopped half-way: any PUT resumes it (facts, section 1)
        return "Upgrading", rollout.reimage(cluster, pool)
    return ("Scaling" if before["count"] != asked["count"] else "Updating"), []


def renews(pool: Pool, asked: Json, rollback_to: str | None) -> bool:
    """Tell that a pool is asked to have another image or version."""
    names = ("enableFIPS", "osSKU", "orchestratorVersion", "securityProfile")
    return bool(rollback_to) or any(pool.properties.get(name) != asked.get(name) for name in names)


def use_image(pool: Pool, image: str) -> None:
    """Put a pool on an image, remembering the one it had."""
    if image != pool.image:
        pool.recent_images = [pool.image, *(old for old in pool.recent_images if old != image)][:3]
        pool.image = image


def settle(world: World, cluster: Cluster, pool: Pool) -> None:
    """Bring the nodes of a pool in line with its count when an operation ends."""
    rollout.resize(cluster, pool, world.now)


def upgrade_image(world: World, call: Call, cluster: Cluster, name: str) -> tuple[Operation, Pool]:
    """Move a pool to the newest image of its kind. Raises ArmError."""
    pool = find(cluster, name)
    ensure_free(cluster)
    call = _within_limits(call, quotas.check(world, cluster, pool, pool.properties, rolls=True))
    world.changing(cluster)
    rollout.nodes(cluster, pool)
    use_image(pool, pool.target_image())
    op = operations.begin(
        world,
        call,
        cluster,
        pool,
        kind="UpgradingNodeImageVersion",
        action="Microsoft.ContainerService/managedClusters/agentPools/upgradeNodeImageVersion/action",
        steps=rollout.reimage(cluster, pool),
        finish=partial(settle, world, cluster, pool),
    )
    return op, pool


def delete(
    world: World, call: Call, cluster: Cluster, name: str, conditions: Preconditions = NO_PRECONDITIONS
) -> Operation | None:
    """Begin to delete a pool, without cordon and drain, as AKS does; return None if there is none."""
    pool = cluster.pools.get(name.lower())
    if pool is None:
        return None
    conditions.check(pool.etag)
    ensure_free(cluster)
    if pool.properties["mode"] == "System":
        _keep_a_system_pool(cluster, pool)

    def gone() -> None:
        world.changing(cluster)
        del cluster.pools[name.lower()]
        pods.settle(cluster)

    return operations.begin(world, call, cluster, pool, kind="Deleting", action=operations.DELETE_POOL, finish=gone)


def _keep_a_system_pool(cluster: Cluster, pool: Pool) -> None:
    """Raise ArmError (400) if a cluster has no other system pool.

    Text: Azure/aks-engine#542; the code is the one seen for the last pool of all: pulumi/pulumi-azure-native#1575.
    """
    if not any(other.properties["mode"] == "System" for other in cluster.pools.values() if other is not pool):
        raise ArmError(400, "OperationNotAllowed", "There has to be at least one system agent pool.")


def abort(world: World, call: Call, cluster: Cluster, name: str) -> Operation:
    """Stop what runs on a pool: it ends as Canceled, with the nodes as they are then. Raises ArmError."""
    pool = find(cluster, name)
    running = cluster.operation
    if running is None or running.done or (running.pool or "").lower() != name.lower() or running.kind == "Canceling":
        raise nothing_to_abort(f"agent pool {name}")
    return operations.halt(world, call, cluster, pool, running, operations.ABORT_POOL)
