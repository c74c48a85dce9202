"""The demo's replacement: a Windows pool that can't have FIPS, its twin, and the pods that move over."""

from collections.abc import Iterator

from local import seed
from local.demo_show import DemoError
from local.demo_sights import Sights
from local.world.access import APP
from shared.domain.ids import ClusterId
from shared.domain.records import Record, RecordKind

WINDOWS = ClusterId(seed.PLATFORM, "rg-platform", "aks-windows-prod")
OLD, TWIN = "win19", "win19f"


def is_replaced(sights: Sights) -> bool:
    """Say whether the twin alone is there, and proven."""
    with sights.stack.world.entered():
        gone = OLD not in sights.cluster(WINDOWS).pools
    return gone and sights.is_compliant(WINDOWS, TWIN)


def how_it_went() -> Iterator[str]:
    """Yield what the evidence says of it, in the order in which it happened."""
    for record in _records():
        if line := _told(record):
            yield f"{record.payload['at'][11:19]} UTC  {line}"


def _told(record: Record) -> str:
    said = record.payload
    if record.kind is RecordKind.OUTCOME and said["outcome"] == "succeeded":
        return f"AKS has {'made' if said['method'] == 'create' else 'deleted'} {said['target']}"
    if record.kind is RecordKind.REPLACEMENT and said.get("cordoned"):
        return f"cordoned {len(said['cordoned'])} nodes of {OLD}"
    if record.kind is RecordKind.REPLACEMENT and said.get("evicted"):
        return f"evicted {', '.join(said['evicted'])}"
    return ""


def _records() -> Iterator[Record]:
    from shared import bootstrap

    evidence, number = bootstrap.evidence(), 1
    while record := evidence.read(WINDOWS, number):
        yield record
        number += 1


def check_replaced(sights: Sights) -> None:
    """Judge the outcome: one creation and one deletion, the twin's nodes say yes, no pod was lost; else DemoError."""
    sent = [
        (one.method, one.path.rpartition("/")[2], one.status)
        for one in sights.stack.world.requests
        if one.method in ("PUT", "DELETE") and one.principal == APP.name and f"/{WINDOWS.name}/agentPools/" in one.path
    ]
    if sent != [("PUT", TWIN, 201), ("DELETE", OLD, 202)]:
        raise DemoError(f"{OLD} needed its twin made and itself deleted, and AKS got {sent}")
    seen = next(one for one in sights.pools(WINDOWS) if one.pool.endswith(f"/{TWIN}"))
    if not is_replaced(sights) or seen.nodes != "2 of 2":
        raise DemoError(f"{seen.nodes} nodes of {TWIN} have FIPS on, and it is {seen.verdict}")
    with sights.stack.world.entered():
        kube = sights.cluster(WINDOWS).kube
        if kube.lost or kube.killed_protected:
            raise DemoError(f"{kube.lost} pods were lost, and {kube.killed_protected} taken that a budget protects")
