"""Long-running operations: how they begin, advance, end, and whom they tell."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from local import events
from local.world import ids
from local.world.faults import CancelOperation, FailOperation, HangOperation
from local.world.kube.drain import DrainFailed
from local.world.model import Call, Cluster, Json, Operation, Pool

if TYPE_CHECKING:
    from local.world.world import World

Step = Callable[[datetime], None]
Finish = Callable[[], None]

ROLLING = ("Upgrading", "UpgradingNodeImageVersion")
WRITE_POOL = f"{ids.POOLS}/write"
DELETE_POOL = f"{ids.POOLS}/delete"
ABORT_POOL = f"{ids.POOLS}/abort/action"
ABORT_CLUSTER = f"{ids.CLUSTERS}/abort/action"
WRITE_CLUSTER = f"{ids.CLUSTERS}/write"
DELETE_CLUSTER = f"{ids.CLUSTERS}/delete"


def begin(
    world: World,
    call: Call,
    cluster: Cluster,
    pool: Pool | None,
    *,
    kind: str,
    action: str,
    steps: Sequence[Step] = (),
    finish: Finish = lambda: None,
) -> Operation:
    """Begin an operation: its steps are spread over the world's operation time, then it succeeds.

    Without steps it takes a quarter of that time. A fault in `call` lets it stop after a part of its steps.
    """
    op = Operation(
        id=world.guid(),
        kind=kind,
        cluster=ids.key(cluster.id),
        pool=pool.name if pool else None,
        subscription=cluster.subscription,
        location=cluster.location,
        principal=call.principal,
        correlation_id=call.correlation_id,
        started=world.now,
        signature="",
        action=action,
        ending=call.ending,
    )
    op.signature = _signature(op)
    world.operations[op.id] = op
    cluster.operation = op
    change_state(world, cluster, pool, kind)
    if kind in ROLLING and steps:
        _tell_rolling(world, op, cluster, events.ROLLING_STARTED)
    _schedule(world, op, cluster, pool, list(steps), finish)
    return op


def _schedule(
    world: World, op: Operation, cluster: Cluster, pool: Pool | None, steps: list[Step], finish: Finish
) -> None:
    duration = world.operation_time if steps else world.operation_time / 4
    pause = duration / (len(steps) + 1)
    total = len(steps)
    done = math.ceil(total * op.ending.after) if op.ending else total
    for number, step in enumerate(steps[:done], start=1):
        world.at(op.started + pause * number, _advance(world, op, cluster, step, f"{number}/{total}"))
    if isinstance(op.ending, HangOperation):
        op.rest = partial(_resume, world, op, cluster, pool, steps[done:], finish)
        return
    end = op.started + (pause * (done + 1) if op.ending else duration)
    world.at(end, lambda: _end(world, op, cluster, pool, finish))


def _resume(
    world: World, op: Operation, cluster: Cluster, pool: Pool | None, steps: list[Step], finish: Finish
) -> None:
    for step in steps:
        _advance(world, op, cluster, step, "")()
    _end(world, op, cluster, pool, finish)


def release(op: Operation) -> None:
    """Let an operation that hangs do the rest at once, and succeed; one that was aborted since stays as it is."""
    rest, op.ending, op.rest = op.rest, None, None
    if rest:
        rest()


def halt(world: World, call: Call, cluster: Cluster, pool: Pool | None, running: Operation, action: str) -> Operation:
    """Begin to cancel an operation that runs; it stops at the step that it is at, and ends as Canceled."""

    def stop() -> None:
        # code and text of a canceled operation are not captured
        error = {"code": "OperationCanceled", "message": "The operation was aborted."}
        close(world, running, cluster, pool, "Canceled", error=error)

    running.status = "Canceling"  # documented: manage-abort-operations.md
    op = begin(world, call, cluster, pool, kind="Canceling", action=action, finish=stop)
    op.leaves = "Canceled"
    return op


def _advance(world: World, op: Operation, cluster: Cluster, step: Step, progress: str) -> Callable[[], None]:
    def advance() -> None:
        if not op.done and cluster.operation is op:
            world.changing(cluster)
            try:
                step(world.now)
            except DrainFailed as failure:
                error = {"code": failure.code, "message": failure.message}
                close(world, op, cluster, cluster.pools.get((op.pool or "").lower()), "Failed", error=error)
                return
            if op.kind == "Creating":  # AKS puts such words where clients expect only InProgress (captured)
                op.status = f"CreatingAgentPools: {progress} nodes completed"

    return advance


def _end(world: World, op: Operation, cluster: Cluster, pool: Pool | None, finish: Finish) -> None:
    if op.done or cluster.operation is not op:
        return
    match op.ending:
        case FailOperation(code, message):
            close(world, op, cluster, pool, "Failed", error={"code": code, "message": message})
        case CancelOperation(code, message):
            close(world, op, cluster, pool, "Canceled", error={"code": code, "message": message})
        case _:
            finish()
            close(world, op, cluster, pool, "Succeeded")


def close(
    world: World,
    op: Operation,
    cluster: Cluster,
    pool: Pool | None,
    state: str,
    *,
    error: Json | None = None,
) -> None:
    """End an operation, leaving its resource in that state (or in what it `leaves`), and tell of it."""
    op.status, op.ended, op.error = state, world.now, error
    if pool:
        pool.error = error
    if op.action not in {DELETE_POOL, DELETE_CLUSTER} or state != "Succeeded":
        change_state(world, cluster, pool, op.leaves or state)
    _tell(world, op, cluster, state)


def change_state(world: World, cluster: Cluster, pool: Pool | None, state: str) -> None:
    """Give the resource a new provisioning state and eTag; a change of the cluster renews its pools' eTags too."""
    world.changing(cluster)
    if pool:
        pool.provisioning_state, pool.etag = state, world.guid()
        return
    previous, cluster.provisioning_state, cluster.etag = cluster.provisioning_state, state, world.guid()
    for each in cluster.pools.values():
        each.etag = world.guid()
        if each.provisioning_state == previous:
            each.provisioning_state = state


def preempt(world: World, cluster: Cluster) -> None:
    """Cancel what runs on a cluster that is about to be deleted (code: AKSOperationPreemptedByDelete)."""
    op = cluster.operation
    if op and not op.done:
        op.status, op.ended = "Canceled", world.now
        op.error = {
            "code": "AKSOperationPreemptedByDelete",
            "message": "The operation was preempted by a delete operation.",
        }


_EVENTS = {
    WRITE_POOL: {
        "Succeeded": events.WRITE_SUCCESS,
        "Failed": events.WRITE_FAILURE,
        "Canceled": events.WRITE_CANCEL,
    },
    DELETE_POOL: {"Succeeded": events.DELETE_SUCCESS},
}
_EVENTS |= {WRITE_CLUSTER: _EVENTS[WRITE_POOL], DELETE_CLUSTER: _EVENTS[DELETE_POOL]}


def _tell(world: World, op: Operation, cluster: Cluster, state: str) -> None:
    if op.kind in ROLLING:
        rolling = events.ROLLING_SUCCEEDED if state == "Succeeded" else events.ROLLING_FAILED
        _tell_rolling(world, op, cluster, rolling)
    event_type = _EVENTS.get(op.action, {"Succeeded": events.ACTION_SUCCESS}).get(state)
    if event_type is None:
        return
    subject = ids.answered_id(cluster.id) + (f"/agentPools/{op.pool}" if op.pool else "")
    data = {
        "authorization": {"scope": subject, "action": op.action, "evidence": {"role": "Subscription Admin"}},
        "claims": {
            "aud": "https://management.azure.com/",
            "appid": op.principal.client_id,
            "http://schemas.microsoft.com/identity/claims/objectidentifier": op.principal.object_id,
        },
        "correlationId": op.correlation_id,
        "resourceProvider": ids.PROVIDER,
        "resourceUri": subject,
        "operationName": op.action,
        "status": state,
        "subscriptionId": op.subscription,
        "tenantId": world.access.tenant,
    }
    _emit(world, op, event_type, f"/subscriptions/{op.subscription}", subject, data)


def _tell_rolling(world: World, op: Operation, cluster: Cluster, event_type: str) -> None:
    _emit(world, op, event_type, cluster.id, cluster.name, {"nodePoolName": op.pool})


def _emit(world: World, op: Operation, event_type: str, topic: str, subject: str, data: Json) -> None:
    world.tell(
        events.ResourceEvent(
            id=world.guid(),
            event_type=event_type,
            topic=topic,
            subject=subject,
            operation_name=op.action,
            time=world.now,
            subscription_id=op.subscription,
            tenant_id=world.access.tenant,
            principal_id=op.principal.object_id,
            correlation_id=op.correlation_id,
            data=data,
        )
    )


def _signature(op: Operation) -> str:
    """Make the opaque query of an operation's URL as long as the real one (captured: about 3.5 kB)."""

    def part(name: str, size: int) -> str:
        seed = hashlib.shake_256(f"{op.id}/{name}".encode()).digest(size)
        return base64.urlsafe_b64encode(seed).decode().rstrip("=")

    ticks = int((op.started - datetime(1, 1, 1, tzinfo=op.started.tzinfo)) / timedelta(microseconds=1)) * 10
    return f"t={ticks}&c={part('c', 2000)}&s={part('s', 256)}&h={part('h', 32)}"
