"""The example fleet: three subscriptions, thirteen clusters, all kinds of trouble with FIPS; and fleets for load."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from local import seed_workloads
from local.clock import Clock
from local.world import World, images, pools, rollout
from local.world.access import APP, OPERATOR
from local.world.ids import group_id
from local.world.model import Cluster
from local.world.throttles import DEFAULT_LIMITS, Limit
from local.world.world import DEFAULT_OPERATION_TIME

PAYMENTS = "10000000-0000-4000-8000-000000000001"
PLATFORM = "20000000-0000-4000-8000-000000000002"
RESEARCH = "30000000-0000-4000-8000-000000000003"
READER, REMEDIATOR, NODE_READER = "fipswarden reader", "fipswarden remediator", "fipswarden node reader"
WORKLOAD_READER = "fipswarden workload reader"
POOL_DELETER, NODE_DRAINER = "fipswarden pool deleter", "fipswarden node drainer"
NODE_PROVER, RUN_COMMAND = "fipswarden node prover", "fipswarden run command"
MANIFEST_SIGNER = "fipswarden manifest signer"
EPOCH = datetime(2026, 11, 23, 8, tzinfo=UTC)

_SYSTEM: dict[str, Any] = {
    "mode": "System",
    "osSKU": "AzureLinux",
    "enableFIPS": True,
    "vmSize": "Standard_D4ds_v5",
}
_USER: dict[str, Any] = {"mode": "User", "osSKU": "AzureLinux", "enableFIPS": True, "vmSize": "Standard_D8ds_v5"}


def empty_world(
    clock: Clock | None = None,
    *,
    operation_time: timedelta = DEFAULT_OPERATION_TIME,
    seed: int = 0,
    graph_lag: timedelta = timedelta(0),
    limits: Iterable[Limit] = DEFAULT_LIMITS,
    retry_after: int | None = None,
) -> World:
    """Return a world with a subscription in which the app has its roles, and a resource group `rg-payments`."""
    world = World(
        clock,
        operation_time=operation_time,
        seed=seed,
        graph_lag=graph_lag,
        limits=limits,
        retry_after=retry_after,
    )
    world.add_subscription(PAYMENTS, "Payments")
    grant(world, f"/subscriptions/{PAYMENTS}")
    world.access.assign(APP, MANIFEST_SIGNER, world.vault.key_scope)
    world.add_group(PAYMENTS, "rg-payments", tags={"env": "prod"})
    return world


def grant(world: World, scope: str) -> None:
    """Give the app its roles at a scope, as infra/ does."""
    reading = (READER, NODE_READER, WORKLOAD_READER)
    for role in (*reading, REMEDIATOR, NODE_PROVER, RUN_COMMAND, POOL_DELETER, NODE_DRAINER):
        world.access.assign(APP, role, scope)


def payments_prod(world: World) -> Cluster:
    """Add the cluster that the demo begins with: healthy, Entra, FIPS everywhere."""
    cluster = world.add_cluster(
        PAYMENTS, "rg-payments", "aks-payments-prod", tags={"env": "prod"}, entra=True, azure_rbac=True
    )
    world.add_pool(cluster, "system", count=3, **_SYSTEM)
    world.add_pool(cluster, "apps", count=3, availabilityZones=["1", "2", "3"], **_USER)
    return cluster


def example_world(
    clock: Clock | None = None,
    *,
    operation_time: timedelta = DEFAULT_OPERATION_TIME,
    graph_lag: timedelta = timedelta(0),
    retry_after: int | None = 1,
) -> World:
    """Return the example fleet, the same every time, down to GUIDs. Clients are asked to look every second."""
    world = empty_world(clock, operation_time=operation_time, seed=2026, graph_lag=graph_lag, retry_after=retry_after)
    with world.entered():
        world.add_subscription(PLATFORM, "Platform")
        world.add_subscription(RESEARCH, "Research")
        grant(world, f"/subscriptions/{PLATFORM}")
        _payments(world)
        _platform(world)
        _research(world)
        seed_workloads.fill(world)
    return world


def _payments(world: World) -> None:
    payments_prod(world)
    tags = {"env": "prod"}
    ledger = world.add_cluster(
        PAYMENTS, "rg-payments", "aks-ledger-prod", tags=tags, entra=True, azure_rbac=True, version="1.33.8"
    )
    world.add_pool(ledger, "system", count=3, **_SYSTEM)
    # FIPS off, with what a full replace must not lose
    world.add_pool(
        ledger,
        "postings",
        count=4,
        **_USER
        | {
            "enableFIPS": False,
            "nodeLabels": {"team": "ledger", "tier": "critical"},
            "nodeTaints": ["dedicated=postings:NoSchedule"],
            "tags": {"cost-centre": "4711"},
            "enableAutoScaling": True,
            "minCount": 3,
            "maxCount": 9,
            "upgradeSettings": {"maxSurge": "33%", "drainTimeoutInMinutes": 45},
        },
    )
    # on, but Ubuntu 20.04: the modules' certificates are historical
    world.add_pool(ledger, "legacy", count=2, **_USER | {"osSKU": "Ubuntu"})
    # says FIPS, runs an image without
    stale = world.add_pool(ledger, "reports", count=2, **_USER)
    stale.image = images.node_image("AzureLinux", "1.33.8", "Standard_D8ds_v5", fips=False, release="202609.14.0")

    world.add_group(PAYMENTS, "rg-cards", tags=tags)
    cards = world.add_cluster(PAYMENTS, "rg-cards", "aks-cards-prod", tags=tags, entra=True, azure_rbac=True)
    world.add_pool(cards, "system", count=3, **_SYSTEM)
    world.add_pool(cards, "apps", count=5, **_USER)
    # one node disagrees: no label, and the kernel says 0
    odd = rollout.nodes(cards, cards.pools["apps"])[3]
    odd.fips_label, odd.kernel_fips = False, 0


def _platform(world: World) -> None:
    world.add_group(PLATFORM, "rg-platform", "northeurope", {"env": "prod"})
    world.add_group(PLATFORM, "rg-dev", "northeurope", {"env": "dev"})
    _platform_prod(world, {"location": "northeurope", "entra": True, "azure_rbac": True, "tags": {"env": "prod"}})
    _platform_dev(world, {"location": "northeurope", "entra": True, "azure_rbac": True, "tags": {"env": "dev"}})


def _platform_prod(world: World, place: dict[str, Any]) -> None:
    windows = world.add_cluster(PLATFORM, "rg-platform", "aks-windows-prod", **place)
    world.add_pool(windows, "system", count=3, **_SYSTEM)
    for name, sku, fips in (
        ("win19", "Windows2019", False),
        ("win22", "Windows2022", False),
        ("win25", "Windows2025", True),
    ):
        world.add_pool(windows, name, count=2, osType="Windows", osSKU=sku, enableFIPS=fips)

    edge = world.add_cluster(PLATFORM, "rg-platform", "aks-edge-prod", **place, version="1.35.1")
    world.add_pool(edge, "system", count=3, **_SYSTEM)
    arm: dict[str, Any] = {"vmSize": "Standard_D4ps_v5", "enableFIPS": False}
    world.add_pool(edge, "armlinux", count=2, **_USER | arm)
    world.add_pool(edge, "armubuntu", count=2, **_USER | arm | {"osSKU": "Ubuntu"})
    world.add_pool(edge, "noble", count=2, **_USER | {"osSKU": "Ubuntu2404", "enableFIPS": False})
    trusted = {"securityProfile": {"enableVTPM": True, "enableSecureBoot": True}}
    world.add_pool(edge, "trusted", count=2, **_USER | {"osSKU": "Ubuntu2204"} | trusted)
    world.add_pool(edge, "trustedaz", count=2, **_USER | {"enableFIPS": False} | trusted)

    # nobody reaches its API server from here
    hidden = world.add_cluster(PLATFORM, "rg-platform", "aks-hidden-prod", private=True, **place)
    world.add_pool(hidden, "system", count=3, **_SYSTEM)

    failed = world.add_cluster(PLATFORM, "rg-platform", "aks-search-prod", **place)
    world.add_pool(failed, "system", count=3, **_SYSTEM)
    index = world.add_pool(failed, "index", count=3, state="Failed", **_USER)
    index.error = {
        "code": "PodDrainFailure",
        "message": "Drain node failed: a PodDisruptionBudget allows no eviction.",
    }
    half = rollout.nodes(failed, index)[0]
    half.image = images.node_image("AzureLinux", failed.version, "Standard_D8ds_v5", fips=False, release="202609.14.0")
    half.fips_label, half.kernel_fips, half.unschedulable = False, 0, True

    moving = world.add_cluster(PLATFORM, "rg-platform", "aks-media-prod", **place)
    world.add_pool(moving, "system", count=3, **_SYSTEM)
    world.add_pool(moving, "encode", count=6, **_USER | {"enableFIPS": False})
    # somebody is switching this one on right now
    encode = dict(moving.pools["encode"].properties, enableFIPS=True)
    pools.put(world, world.call(OPERATOR), moving, "encode", {"properties": encode})


def _platform_dev(world: World, place: dict[str, Any]) -> None:
    build = world.add_cluster(PLATFORM, "rg-dev", "aks-build-dev", **place)
    world.add_pool(build, "system", count=1, **_SYSTEM)
    world.add_pool(
        build,
        "spot",
        count=3,
        **_USER | {"enableFIPS": False, "osSKU": "Ubuntu2204"},
        scaleSetPriority="Spot",
        scaleSetEvictionPolicy="Delete",
        spotMaxPrice=-1,
        nodeTaints=["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"],
    )
    world.add_pool(build, "empty", count=0, **_USER | {"enableFIPS": False})
    world.add_pool(build, "flatcar", count=1, **_USER | {"enableFIPS": False, "osSKU": "Flatcar"})

    sleepy = world.add_cluster(PLATFORM, "rg-dev", "aks-nights-dev", **place)
    stopped = {"count": 2, "powerState": {"code": "Stopped"}}
    world.add_pool(sleepy, "system", **_SYSTEM | {"enableFIPS": False} | stopped).nodes = []
    sleepy.power_state = "Stopped"


def _research(world: World) -> None:
    lab, vault = "rg-lab", "rg-vault"
    for group in (lab, vault):
        world.add_group(RESEARCH, group, "westeurope", {"env": "dev"})
    grant(world, group_id(RESEARCH, lab))  # and not in rg-vault

    local_accounts = world.add_cluster(RESEARCH, lab, "aks-lab-dev", tags={"env": "dev"})
    world.add_pool(local_accounts, "system", count=1, **_SYSTEM)
    world.add_pool(local_accounts, "gpu", count=1, **_USER | {"enableFIPS": False, "vmSize": "Standard_NC8as_T4_v3"})

    bindings = world.add_cluster(RESEARCH, lab, "aks-models-dev", tags={"env": "dev"}, entra=True)
    bindings.readers = frozenset({APP.object_id})
    world.add_pool(bindings, "system", count=1, **_SYSTEM)
    confidential = {"enableFIPS": False, "osSKU": "Ubuntu2204", "vmSize": "Standard_DC4as_v5"}
    world.add_pool(bindings, "secret", count=1, **_USER | confidential)

    unreadable = world.add_cluster(RESEARCH, vault, "aks-vault-prod", tags={"env": "prod"}, entra=True)
    world.add_pool(unreadable, "system", count=3, **_SYSTEM | {"enableFIPS": False})


def synthetic_fleet(
    world: World, *, clusters: int, pools: int = 5, nodes: int = 3, per_subscription: int = 100
) -> None:
    """Add a fleet for load: every tenth pool has FIPS off. Nodes exist once somebody looks at them."""
    with world.entered():
        for number in range(clusters):
            of = number // per_subscription
            subscription = str(uuid.UUID(int=0xF000_0000_0000_4000_8000_0000_0000_0000 + of))
            if number % per_subscription == 0:
                world.add_subscription(subscription, f"Load {of:03d}")
                world.add_group(subscription, "rg-load")
                grant(world, f"/subscriptions/{subscription}")
            cluster = world.add_cluster(subscription, "rg-load", f"aks-load-{number:05d}", entra=True, azure_rbac=True)
            for index in range(pools):
                fips = (number * pools + index) % 10 != 0
                shape = _SYSTEM if index == 0 else _USER
                world.add_pool(cluster, f"pool{index}", count=nodes, **shape | {"enableFIPS": fips})
