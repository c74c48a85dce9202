"""A client of one cluster's API server without any network."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from local import faces
from local.faces import Response, kubeconfig
from local.world import rollout
from local.world.access import OPERATOR, Principal
from local.world.model import Cluster, Node
from tests.unit.local_azure.asking import OPERATION, PROD, Azure

MOMENT = OPERATION / 240
PODS = "/api/v1/namespaces/default/pods"
MERGE = "application/strategic-merge-patch+json"


@dataclass(frozen=True)
class Kube:
    """Somebody who asks an API server things; its owner unless it says else."""

    azure: Azure
    cluster: Cluster
    who: Principal = OPERATOR

    def ask(self, method: str, path: str, body: Any = b"", accept: str = "application/json") -> Response:
        """Send a request with a good token."""
        token, _ = self.azure.world.access.token(self.who, kubeconfig.KUBERNETES_AUDIENCE)
        headers = {"Authorization": f"Bearer {token}", "Accept": accept, "Content-Type": MERGE}
        url = f"{kubeconfig.path(self.cluster)}{path}"
        return faces.handle(self.azure.world, faces.request(method, url, headers=headers, body=body))

    def get(self, path: str) -> Any:
        """Return what there is."""
        answered = self.ask("GET", path)
        assert answered.status == 200, answered.body
        return answered.json()

    def names(self, path: str) -> list[str]:
        """Return the names in a list."""
        return [item["metadata"]["name"] for item in self.get(path)["items"]]

    def table(self, path: str) -> list[list[Any]]:
        """Return the rows that kubectl prints."""
        answered = self.ask("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
        return [row["cells"] for row in answered.json()["rows"]]

    def create(self, name: str, namespace: str = "default", **spec: Any) -> Response:
        """Create a pod with one container; `command`, `image`, `context` are the container's."""
        container: dict[str, Any] = {"name": "main", "image": spec.pop("image", "busybox")}
        for member, given in (("command", "command"), ("securityContext", "context"), ("volumeMounts", "mounts")):
            if given in spec:
                container[member] = spec.pop(given)
        for member in ("terminationMessagePolicy", "terminationMessagePath", "env", "args"):
            if member in spec:
                container[member] = spec.pop(member)
        metadata = {"name": name, "labels": spec.pop("labels", {})}
        body = {"metadata": metadata, "spec": {"restartPolicy": "Never", "containers": [container], **spec}}
        return self.ask("POST", f"/api/v1/namespaces/{namespace}/pods", body)

    def pod(self, name: str, namespace: str = "default") -> Any:
        """Return a pod."""
        return self.get(f"/api/v1/namespaces/{namespace}/pods/{name}")

    def run(self, *command: str, **spec: Any) -> Any:
        """Create a pod on a node, let it run, and return how its container ended, with its log."""
        if "nodeName" not in spec:
            spec["nodeName"] = self.nodes("apps")[0].name
        made = self.create("probe", command=list(command), **spec)
        assert made.status == 201, made.body
        self.wait(5 * MOMENT)
        status = self.pod("probe")["status"]["containerStatuses"][0]
        ended = status["state"].get("terminated", {})
        log = self.ask("GET", f"{PODS}/probe/log").body.decode()
        self.ask("DELETE", f"{PODS}/probe?gracePeriodSeconds=0")
        return ended | {"log": log}

    def nodes(self, pool: str) -> list[Node]:
        """Return the nodes of a pool, to change them."""
        return rollout.nodes(self.cluster, self.cluster.pools[pool])

    def wait(self, by: timedelta = 10 * MOMENT) -> None:
        """Let time pass."""
        self.azure.pass_time(by)


def kube_of(azure: Azure, who: Principal = OPERATOR) -> Kube:
    """Return a client of aks-payments-prod."""
    return Kube(azure, azure.world.cluster_by_id(PROD), who)
