"""A client of the faces without any network: what a test asks, and what it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local import faces, seed
from local.clock import ManualClock
from local.faces import Response
from local.world import World
from local.world.access import APP, OPERATOR, Principal, Role

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
OPERATION = timedelta(minutes=12)
ARM = "https://management.azure.com"
GROUP = f"/subscriptions/{seed.PAYMENTS}/resourceGroups/rg-payments"
CLUSTERS = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters"
PROD = f"{CLUSTERS}/aks-payments-prod"
READS_MORE = Role(
    "what tests ask for and the product's roles leave out",
    tuple(
        f"Microsoft.ContainerService/{action}"
        for action in (
            "managedClusters/agentPools/read",
            "managedClusters/agentPools/abort/action",
            "locations/operationresults/read",
        )
    ),
)


@dataclass(frozen=True)
class Azure:
    """A world under a clock that stands still, and somebody who asks it things."""

    world: World
    clock: ManualClock
    who: Principal = APP

    def ask(self, method: str, path: str, body: Any = b"", headers: Mapping[str, str] | None = None) -> Response:
        """Send a request with a good token and the newest api-version; a query in the path is kept."""
        token, _ = self.world.access.token(self.who, ARM)
        url = path if "api-version" in path else f"{path}{'&' if '?' in path else '?'}api-version=2026-08-01"
        sent = {"Authorization": f"Bearer {token}", **(headers or {})}
        return faces.handle(self.world, faces.request(method, url, headers=sent, body=body))

    def get(self, path: str) -> Response:
        """Ask for something."""
        return self.ask("GET", path)

    def pool(self, name: str, cluster: str = PROD) -> dict[str, Any]:
        """Return a pool's properties."""
        found: dict[str, Any] = self.get(f"{cluster}/agentPools/{name}").json()["properties"]
        return found

    def put_pool(
        self, name: str, headers: Mapping[str, str] | None = None, cluster: str = PROD, **properties: Any
    ) -> Response:
        """Replace a pool by what it is with these changes; None leaves a property out."""
        current = self.get(f"{cluster}/agentPools/{name}")
        now = current.json()["properties"] if current.status == 200 else {}
        now.pop("nodeImageVersion", None)
        wanted = {key: value for key, value in (now | properties).items() if value is not None}
        return self.ask("PUT", f"{cluster}/agentPools/{name}", {"properties": wanted}, headers)

    def operation(self, answered: Response) -> dict[str, Any]:
        """Return how the operation stands that an answer points to."""
        found: dict[str, Any] = self.get(
            answered.header("Azure-AsyncOperation").removeprefix("https://localhost")
        ).json()
        return found

    def by(self, principal: Principal) -> "Azure":
        """Return the same world, asked by somebody else."""
        return Azure(self.world, self.clock, principal)

    def pass_time(self, by: timedelta = OPERATION) -> None:
        """Let time pass, and what falls due happen."""
        self.clock.advance(by)
        self.world.tick()


def empty_azure(**options: Any) -> Azure:
    """Return a world with one healthy cluster, aks-payments-prod."""
    clock = ManualClock(START)
    world = seed.empty_world(clock, operation_time=OPERATION, **options)
    seed.payments_prod(world)
    world.access.assign(APP, READS_MORE, f"/subscriptions/{seed.PAYMENTS}")
    return Azure(world, clock)


def operator(azure: Azure) -> Azure:
    """Return the same world, asked by its owner."""
    return azure.by(OPERATOR)
