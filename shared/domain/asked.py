"""What a rule and a ring ask of a node pool, in words."""

from collections.abc import Iterator
from dataclasses import fields

from shared.domain.model import Cluster, Pool
from shared.domain.policy import Policy, Ring
from shared.domain.scalars import duration_text
from shared.domain.settings import Fips, Modules, NewPools, OsSku, Risk, Settings, Skip, Strategy, WorkloadSettings
from shared.domain.windows import Window


def asked(settings: Settings) -> tuple[str, ...]:
    """Return what is asked of a pool, one phrase for each thing; what is as if nobody had said it is left out."""
    if settings.fips is Fips.ANY:
        return ("nothing is asked (fips: any)",)
    return tuple(_phrases(settings))


def _phrases(settings: Settings) -> Iterator[str]:
    yield f"FIPS {settings.fips}"
    yield f"mode {settings.mode}"
    if settings.fips is Fips.REQUIRED:
        sampled = ", of large pools by a sample" if settings.proof.sampling else ""
        yield f"proof at level {settings.proof.level}, at most {duration_text(settings.proof.max_age)} old{sampled}"
        if settings.proof.joined_nodes:
            yield f"nodes that joined since are covered by it for {duration_text(settings.proof.joined_nodes)}"
        yield from _allowed(settings)
    if settings.modules is Modules.REQUIRED:
        yield "validated modules"
    if settings.os_sku is not OsSku.KEEP:
        yield f"the OS SKU may become {settings.os_sku}"
    if settings.strategy is Strategy.REPLACE:
        yield "replaced where it can't be switched in place"
    if settings.workloads != WorkloadSettings():
        deferring = [
            each.name for each in fields(WorkloadSettings) if getattr(settings.workloads, each.name) is Risk.DEFER
        ]
        yield f"a reimage waits for {' and '.join(deferring) or 'nothing'} on the nodes"
    if settings.notice.before:
        yield f"the owner is told {duration_text(settings.notice.before)} before"
    yield from _times(settings)
    yield from _of_new(settings.new_pools)
    if settings.alerts:
        yield f"told by {' and '.join(settings.alerts)} alone"


def _allowed(settings: Settings) -> Iterator[str]:
    """Say what a proof may use beyond what every proof may."""
    if settings.proof.registry_image:
        yield "Windows nodes asked by HostProcess pods"
    if settings.proof.client_certificates:
        yield "clusters without Entra entered by their client certificate"
    if settings.proof.run_command:
        yield "AKS run command where the API server can't be reached"


def _times(settings: Settings) -> Iterator[str]:
    if settings.windows:
        yield f"only {' or '.join(map(_window, settings.windows))}"
    for blackout in settings.blackouts:
        yield f"not from {blackout.first} to {blackout.last} ({blackout.reason}, {blackout.zone})"
    if settings.cluster_maintenance:
        yield "only in the cluster's own maintenance windows"


_SKIPPED = {Skip.WINDOW: "for windows", Skip.SOAK: "for the ring before"}


def _of_new(new: NewPools) -> Iterator[str]:
    """Say what is otherwise for a pool that was created a moment ago."""
    waits = [f"waits {duration_text(new.enforce_after)}"] if new.enforce_after else []
    if new.skip:
        waits.append(f"does not wait {' nor '.join(_SKIPPED[each] for each in sorted({*new.skip}, reverse=True))}")
    if waits:
        yield f"a new pool (for {duration_text(new.within)}) {' and '.join(waits)}"


def _window(window: Window) -> str:
    days = ", ".join(window.days) or "every day"
    return f"{days} {window.start:%H:%M} for {duration_text(window.length)} ({window.zone})"


def ring_asked(policy: Policy, cluster: Cluster, pool: Pool) -> tuple[str, ...]:
    """Return what has to be so before a pool's ring lets it begin, or why its ring can't be told; nothing: no ring."""
    ring, unread = policy.ring_of(cluster, pool)
    if ring and unread:
        return (f"ring `{ring.name}` asks for what can't be read of it ({', '.join(unread.values())})",)
    if ring is None:
        return ()
    skipping = policy.before(ring) and Skip.SOAK in policy.rule_for(cluster, pool).settings.new_pools.skip
    return (*_of_ring(policy, ring), "a new pool does not wait for that") if skipping else _of_ring(policy, ring)


def _of_ring(policy: Policy, ring: Ring) -> tuple[str, ...]:
    before = policy.before(ring)
    soak = f" and has been for {duration_text(before.soak)}" if before and before.soak else ""
    first = (f"opens when `{before.name}` is done{soak}",) if before else ("opens first",)
    return (*first, "its first pool is a canary") if ring.canary else first
