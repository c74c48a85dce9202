"""The kubeconfig that AKS hands out: Entra clusters get the `kubelogin` plugin, the others a static credential."""

import base64
import hashlib
import json

from local.tls import Authority
from local.world.model import Cluster, Json

KUBERNETES_AUDIENCE = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""The AKS Entra server application, the same in all clouds (facts, section 9)."""
KUBELOGIN_CLIENT = "80faf920-1908-4b52-b5ef-a8e7bedfc67a"


def path(cluster: Cluster) -> str:
    """Return where on the local Azure's host a cluster's API server is."""
    return f"/k8s/{cluster.subscription}/{cluster.group}/{cluster.name}"


def common_name(cluster: Cluster) -> str:
    """Return the name in the client certificate that a cluster accepts."""
    digest = hashlib.sha256(path(cluster).lower().encode()).hexdigest()
    return f"masterclient-{digest[:32]}"


def render(cluster: Cluster, *, server: str, tenant: str, authority: Authority, admin: bool) -> str:
    """Return a kubeconfig. It is JSON, which is YAML, so that no client sees a difference."""
    user = f"{'clusterAdmin' if admin else 'clusterUser'}_{cluster.group}_{cluster.name}"
    credential = _entra(tenant) if cluster.entra and not admin else _static(cluster, authority)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster.name,
        "clusters": [
            {
                "name": cluster.name,
                "cluster": {
                    "certificate-authority-data": base64.b64encode(authority.certificate_pem).decode(),
                    "server": server,
                },
            }
        ],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": user}}],
        "preferences": {},
        "users": [{"name": user, "user": credential}],
    }
    return json.dumps(config, indent=2)


def _entra(tenant: str) -> Json:
    arguments = ["get-token", "--environment", "AzurePublicCloud", "--server-id", KUBERNETES_AUDIENCE]
    arguments += ["--client-id", KUBELOGIN_CLIENT, "--tenant-id", tenant, "--login", "devicecode"]
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "kubelogin",
            "args": arguments,
            "env": None,
            "installHint": "kubelogin is not on the PATH: the local Azure's own is in local/bin.",
            "provideClusterInfo": False,
            "interactiveMode": "IfAvailable",
        }
    }


def _static(cluster: Cluster, authority: Authority) -> Json:
    certificate, key = authority.issue(common_name(cluster))
    return {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key-data": base64.b64encode(key).decode(),
        "token": cluster.token,
    }
